"""TLS as we speak it everywhere: 1.2 at least, certificates always checked, and what is wrong with one in Dutch."""

from __future__ import annotations

import ssl
from pathlib import Path

from kmgb.errors import SourceError

# Numbers of OpenSSL (X509_V_ERR_...) and what they mean to whoever must act; `{key}` names the server in `{where}`.
_CERTIFICATE = {
    9: "het certificaat van de server geldt nog niet. Controleer de klok van deze machine en die van de server.",
    10: "het certificaat van de server is verlopen. Vraag de beheerder om een geldig certificaat.",
    62: "het certificaat van de server staat op een andere naam. Controleer {key!r} in {where}.",
    64: "het certificaat van de server staat op een ander adres. Controleer {key!r} in {where}.",
}
_UNTRUSTED = (
    "het certificaat van de server wordt niet vertrouwd. Zet het certificaat van de uitgever in 'certificaten'."
)


def tls_context(certificaten: Path | None, key: str = "certificaten") -> ssl.SSLContext:
    """A context that trusts the issuers in `certificaten`, or those of the machine. Raises: SourceError."""
    try:
        context = ssl.create_default_context(cafile=certificaten)
    except (OSError, ssl.SSLError):
        raise SourceError(f"{certificaten}: geen leesbare certificaten (PEM). Controleer {key!r}.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def certificate_fault(error: ssl.SSLCertVerificationError, key: str, where: str = "de bron") -> str:
    """What is wrong with the certificate, in Dutch, and what to do; `key` of the source names the server."""
    return _CERTIFICATE.get(error.verify_code, _UNTRUSTED).format(key=key, where=where)
