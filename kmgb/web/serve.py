"""Starting and stopping the web door. Importing this asks for no web framework; starting does."""

from __future__ import annotations

import errno
import importlib
import ipaddress
import logging
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from kmgb.errors import SettingsError
from kmgb.run.municipality import Municipality

log = logging.getLogger(__name__)

FINISH = 30  # seconds in which running requests may finish after a stop; then they are dropped whole
_CONNECTIONS = 1000
_BUSY = "Kies een andere met --poort, of stop wat er luistert."


@dataclass(frozen=True, slots=True)
class Door:
    """Where the server listens and how it is protected.

    `trusted`: who issued the client certificates. `behind_gateway`: another server does the TLS.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    certificate: Path | None = None
    key: Path | None = None
    trusted: Path | None = None
    behind_gateway: bool = False


def serve(municipality: Municipality, door: Door, ready: Callable[[str], None]) -> None:
    """Answer requests until SIGTERM or ctrl-C. `ready` gets the address once it can be reached.

    Raises: SettingsError on what cannot be so: no TLS on a network, a port in use, a certificate that is none.
    """
    context = tls_context(door)
    app = library("kmgb.web.app").create_app(municipality)
    _warn_of_certificates(municipality, door)
    listening = bound(door)
    shown = f"[{door.host}]" if ":" in door.host else door.host
    ready(f"{'https' if context else 'http'}://{shown}:{listening.getsockname()[1]}")
    server = library("kmgb.web.server").server(app, context, finish=FINISH, connections=_CONNECTIONS)
    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run(sockets=[listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listening.close()


def library(name: str) -> ModuleType:
    """A module that needs the extra `web`. Raises: SettingsError when that is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "kmgb":
            raise
        what = f"Voor kmgb serve is {error.name} nodig."
        raise SettingsError(f"{what} Installeer kmgb met: pip install 'kmgb[web]'") from None


def tls_context(door: Door) -> ssl.SSLContext | None:
    """TLS 1.2 or newer; None without a certificate. Raises: SettingsError."""
    if door.certificate is None or door.key is None:
        _refuse_half(door)
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with _Said("--certificaat en --sleutel", "Het certificaat hoort bij de sleutel, in PEM, zonder wachtwoord."):
        context.load_cert_chain(door.certificate, door.key, password=_no_password)
    if door.trusted is not None:
        with _Said("--vertrouwd", "Geef een bestand (PEM) met de uitgevers van de clientcertificaten."):
            context.load_verify_locations(door.trusted)
        context.verify_mode = ssl.CERT_OPTIONAL  # who has a token needs none
    return context


def bound(door: Door) -> socket.socket:
    """A socket on which the server will listen. Raises: SettingsError when that cannot be."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            door.host, door.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise SettingsError(f"{door.host!r} is geen adres van deze machine. Controleer --host.") from None
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        raise SettingsError(_unbound(door, error)) from None
    return listening


def _warn_of_certificates(municipality: Municipality, door: Door) -> None:
    """Say so when a mapping counts on certificates that nobody looks at here."""
    doors = {name: mapping.afnemer.aanleveren for name, mapping in municipality.mappings.items()}
    names = [name for name, own in doors.items() if own is not None and own.certificaat]
    if names and door.trusted is None and not municipality.settings.proxy_header:
        what = f"Het certificaat van {', '.join(names)} telt nu niet: niemand controleert het."
        log.warning("%s Geef --vertrouwd, of stel proxy_header en proxies in.", what)


def _refuse_half(door: Door) -> None:
    if door.certificate or door.key or door.trusted:
        raise SettingsError("TLS vraagt --certificaat en --sleutel, allebei; --vertrouwd komt daarbij.")
    if not door.behind_gateway and not _is_loopback(door.host):
        what = f"Zonder TLS luistert kmgb niet op {door.host}: tokens en gegevens van personen zouden leesbaar over het"
        hint = "Geef --certificaat en --sleutel, of --achter-gateway als een gateway ervoor de TLS doet."
        raise SettingsError(f"{what} netwerk gaan. {hint}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _unbound(door: Door, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Poort {door.port} op {door.host} is al in gebruik. {_BUSY}"
        case errno.EACCES:
            return f"Op poort {door.port} mag kmgb niet luisteren. Kies een poort boven 1023 met --poort."
        case errno.EADDRNOTAVAIL:
            return f"{door.host} is geen adres van deze machine. Controleer --host."
        case _:
            return f"Op {door.host}, poort {door.port}, kan kmgb niet luisteren. Controleer --host en --poort."


def _no_password() -> str:
    raise SettingsError(
        "De sleutel van --sleutel heeft een wachtwoord. Geef een sleutel zonder, alleen leesbaar voor kmgb."
    )


class _Said:
    """Turns what OpenSSL says of a file into a sentence about the option that named it."""

    def __init__(self, option: str, hint: str) -> None:
        self._option, self._hint = option, hint

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):  # ssl.SSLError is one
            raise SettingsError(f"{self._option}: niet te lezen of niet bij elkaar passend. {self._hint}") from None
