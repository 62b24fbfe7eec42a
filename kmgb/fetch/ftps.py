"""FTPS: TLS on both channels, the certificate checked, and the session of the control channel used again for data."""

from __future__ import annotations

import ftplib
import re
import socket
import ssl
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from ftplib import FTP_TLS
from pathlib import Path, PurePosixPath

from pydantic import SecretStr

from kmgb.errors import SourceError
from kmgb.fetch.complete import Remote
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.secrets import secret
from kmgb.fetch.tls import certificate_fault, tls_context
from kmgb.fetch.transfer import GOES_ON, InterruptedTransferError, Terms, fetch_from
from kmgb.mapping.bronnen.overdracht import FtpsBron
from kmgb.mapping.model import EntiteitMapping

_CHUNK = 2**20
_GOODBYE = 2.0  # seconds
_LONGEST_LISTING = 2**26
_STANDARD = Terms()
_UNKNOWN_COMMAND = ("500", "501", "502", "504")


class _Client(FTP_TLS):
    """`FTP_TLS` that uses the TLS session again (many servers demand it) and can start with TLS (implicit FTPS)."""

    implicit = False

    def connect(self, host: str = "", port: int = 0, timeout: float = -999, source_address: object = None) -> str:
        if not self.implicit:
            return super().connect(host, port, timeout)
        self.host, self.port, self.timeout = host, port, timeout
        plain = socket.create_connection((host, port), timeout)
        self.af = plain.family
        self.sock = self.context.wrap_socket(plain, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        return self.context.wrap_socket(connection, server_hostname=self.host, session=session), size

    def retrlines(self, cmd: str, callback: Callable[[str], object] | None = None) -> str:
        """As `FTP.retrlines`, for names; that of the library fails when a server hangs up without a TLS goodbye."""
        self.sendcmd("TYPE A")
        received = bytearray()
        with self.transfercmd(cmd) as data:
            while chunk := data.recv(_CHUNK):
                received += chunk
                if len(received) > _LONGEST_LISTING:
                    raise ftplib.error_proto("listing too long")
            _say_goodbye(data)
        for line in received.decode(self.encoding).splitlines():
            if callback is not None:
                callback(line)
        return self.voidresp()


class FtpsSite:
    """A folder on an FTPS server as a `Site`."""

    def __init__(self, bron: FtpsBron, client: FTP_TLS) -> None:
        self._bron, self._client = bron, client
        self._folder = PurePosixPath(bron.map)

    @property
    def place(self) -> str:
        return _place(self._bron)

    @property
    def server(self) -> tuple[str, str]:
        control = self._client.sock
        secured = f"{control.version()}, certificaat gecontroleerd" if isinstance(control, ssl.SSLSocket) else ""
        return (self._client.welcome or "")[4:].strip(), secured

    def files(self, wanted: Callable[[str], bool]) -> list[Remote]:
        with _said(self._bron):
            try:
                found = list(self._client.mlsd(str(self._folder), ["type", "size", "modify"]))
            except ftplib.error_perm as error:
                if str(error)[:3] not in _UNKNOWN_COMMAND:
                    raise
                return self._one_by_one(wanted)
            facts = [(name, fact) for name, fact in found if fact.get("type", "file") == "file" and wanted(name)]
            return [Remote(name, int(fact.get("size", 0)), _moment(fact.get("modify", ""))) for name, fact in facts]

    def read(self, name: str, offset: int) -> Generator[bytes]:
        with _said(self._bron):
            self._client.voidcmd("TYPE I")
            data = self._client.transfercmd(f"RETR {self._folder / name}", offset or None)
            with data:
                while chunk := data.recv(_CHUNK):
                    yield chunk
                _say_goodbye(data)
            self._client.voidresp()

    def folder(self, path: PurePosixPath) -> set[str]:
        with _said(self._bron):
            for step in [*reversed(path.parents), path]:
                with suppress(ftplib.error_perm):
                    self._client.mkd(str(step))
            return self._names(path)

    def rename(self, name: str, target: PurePosixPath) -> None:
        with _said(self._bron):
            self._client.rename(str(self._folder / name), str(target))

    def remove(self, name: str) -> None:
        with _said(self._bron):
            self._client.delete(str(self._folder / name))

    def _one_by_one(self, wanted: Callable[[str], bool]) -> list[Remote]:
        """For a server without MLSD: size and moment of every wanted name; what has no size is not a file."""
        self._client.voidcmd("TYPE I")
        found = []
        for name in sorted(filter(wanted, self._names(self._folder))):
            with suppress(ftplib.error_perm):
                size = self._client.size(str(self._folder / name)) or 0
                found.append(Remote(name, size, self._changed(name)))
        return found

    def _changed(self, name: str) -> float:
        try:
            return _moment(self._client.voidcmd(f"MDTM {self._folder / name}")[4:])
        except ftplib.error_perm:
            return 0.0

    def _names(self, folder: PurePosixPath) -> set[str]:
        """The names in a folder; that it is empty is an error to some servers."""
        home = self._client.pwd()
        self._client.cwd(str(folder))
        try:
            names = self._client.nlst()
        except ftplib.error_perm as error:
            if str(error)[:3] != "550":
                raise
            names = []
        finally:
            self._client.cwd(home)
        return {name.rpartition("/")[2] for name in names}


def _say_goodbye(data: socket.socket) -> None:
    """Some servers wait for the end of TLS before they call a transfer well; that it is whole we see ourselves."""
    data.settimeout(_GOODBYE)
    if isinstance(data, ssl.SSLSocket):
        with suppress(OSError):
            data.unwrap()


@contextmanager
def open_ftps(bron: FtpsBron, secrets: Path | None = None) -> Iterator[FtpsSite]:
    """A connection to the folder. Raises: SourceError; SettingsError when the secret is missing."""
    password = secret(bron.wachtwoord, secrets)
    client = _Client(context=tls_context(bron.certificaten), encoding="utf-8")
    client.implicit = bron.impliciet
    try:
        _log_in(client, bron, password)
        yield FtpsSite(bron, client)
    finally:
        with suppress(OSError, EOFError, ftplib.Error):
            if client.sock is not None:
                client.sock.settimeout(_GOODBYE)
                client.quit()
        client.close()


def fetch_ftps(bron: FtpsBron, plan: EntiteitMapping, into: Path, *, terms: Terms = _STANDARD) -> list[Fetched]:
    """The whole files that are due on the server, in `into`. Raises: SourceError; SettingsError for a secret."""
    return fetch_from(lambda: open_ftps(bron, terms.secrets), bron, plan, into, terms)


def _log_in(client: _Client, bron: FtpsBron, password: SecretStr) -> None:
    with _said(bron):
        _secure(client, bron)
        try:
            client.login(bron.gebruiker, password.get_secret_value(), secure=False)
        except ftplib.error_perm:
            hint = f"Controleer het geheim {bron.wachtwoord!r} en of het account niet geblokkeerd is."
            raise SourceError(f"{_place(bron)}: de server weigert gebruiker {bron.gebruiker!r}. {hint}") from None
        client.prot_p()


def _secure(client: _Client, bron: FtpsBron) -> None:
    """Before anything else is said. Later a TLS error is a connection that broke; here it is one that cannot be."""
    try:
        client.connect(bron.server, bron.poort, timeout=bron.time_out)
        if not bron.impliciet:
            client.auth()
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError:
        hint = "Vraag de beheerder om TLS 1.2 of 1.3, en controleer 'poort' en 'impliciet'."
        raise SourceError(f"{_place(bron)}: een beveiligde verbinding komt niet tot stand. {hint}") from None
    except ftplib.error_perm:
        hint = "Vraag de beheerder FTPS aan te zetten, of probeer 'impliciet = true' met poort 990."
        raise SourceError(f"{_place(bron)}: de server biedt geen TLS aan. {hint}") from None


def _place(bron: FtpsBron) -> str:
    return f"ftps://{bron.server}:{bron.poort}/{bron.map.lstrip('/')}"


def _moment(text: str) -> float:
    """The seconds of `20261124130210.123` (UTC); 0 when the server does not tell, which is the same every time."""
    found = re.match(r"\d{14}", text.strip())
    return datetime.strptime(found[0], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp() if found else 0.0


@contextmanager
def _said(bron: FtpsBron) -> Iterator[None]:
    """What goes wrong in Dutch. Of the server's own text only the number is told: it may repeat what we sent."""
    place = _place(bron)
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise SourceError(f"{place}: {certificate_fault(error, 'server')}") from None
    except TimeoutError:
        raise InterruptedTransferError(f"{place}: geen antwoord binnen {bron.time_out:g} seconden. {GOES_ON}") from None
    except ftplib.error_temp as error:
        raise InterruptedTransferError(
            f"{place}: de server kan nu niet (FTP-code {str(error)[:3]}). {GOES_ON}"
        ) from None
    except ftplib.error_perm as error:
        hint = "Controleer 'map' in de bron en vraag de beheerder om rechten op deze map."
        raise SourceError(f"{place}: de server weigert dit (FTP-code {str(error)[:3]}). {hint}") from None
    except (ftplib.error_proto, ftplib.error_reply, UnicodeError, ValueError):
        raise SourceError(f"{place}: de server antwoordt niet volgens FTP. Controleer 'server' en 'poort'.") from None
    except (ConnectionRefusedError, socket.gaierror):
        hint = "Controleer 'server' en 'poort', en of de firewall de verbinding toestaat."
        raise InterruptedTransferError(f"{place}: de server is niet bereikbaar. {hint}") from None
    except (OSError, EOFError):
        raise InterruptedTransferError(f"{place}: de verbinding is verbroken. {GOES_ON}") from None
