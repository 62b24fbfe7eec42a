"""By what a request proves who sends it: a bearer token, a client certificate, or what a trusted proxy says of one."""

from __future__ import annotations

import hashlib
import ssl
from ipaddress import ip_address
from urllib.parse import unquote

from starlette.requests import HTTPConnection

from kmgb.settings import Settings

_HEX = frozenset("0123456789abcdef")


def bearer(request: HTTPConnection) -> str:
    """The token of the request; empty when it has none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def fingerprints(request: HTTPConnection, settings: Settings) -> frozenset[str]:
    """The sha256 fingerprints (hexadecimal) of the certificates that the sender showed to us, or to a proxy of ours."""
    tls = request.scope.get("extensions", {}).get("tls", {})
    shown = [_of_certificate(pem) for pem in list(tls.get("client_cert_chain", ()))[:1]]
    return frozenset(filter(None, [*shown, _through_proxy(request, settings)]))


def _through_proxy(request: HTTPConnection, settings: Settings) -> str:
    """What the proxy says, believed only from its own address; twice the same header is somebody else's work."""
    if not settings.proxy_header or request.client is None:
        return ""
    address = ip_address(request.client.host)
    address = getattr(address, "ipv4_mapped", None) or address  # an IPv4 sender of a server that listens on ::
    said = request.headers.getlist(settings.proxy_header)
    if len(said) != 1 or not any(address in proxy for proxy in settings.proxies):
        return ""
    return _of_certificate(said[0]) if "CERTIFICATE" in said[0] else _of_text(said[0])


def _of_text(text: str) -> str:
    """A fingerprint, with or without `sha256:` and colons."""
    bare = text.strip().lower().removeprefix("sha256:").replace(":", "")
    return bare if len(bare) == 64 and set(bare) <= _HEX else ""


def _of_certificate(pem: str) -> str:
    """The fingerprint of a certificate in PEM, also with its line ends percent-encoded as nginx passes it."""
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(unquote(pem).strip())).hexdigest()
    except ValueError:
        return ""
