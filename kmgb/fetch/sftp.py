"""SFTP: a server that must prove its host key, our key or password, nothing from the user's own ssh settings."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kmgb.errors import SourceError
from kmgb.fetch.complete import Remote
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.secrets import check_private, secret
from kmgb.fetch.transfer import GOES_ON, InterruptedTransferError, Terms, fetch_from
from kmgb.mapping.bronnen.overdracht import SftpBron
from kmgb.mapping.model import EntiteitMapping

if TYPE_CHECKING:
    import asyncssh

_CHUNK = 2**22
_STANDARD = Terms()
_T = TypeVar("_T")


class SftpSite:
    """A folder on an SFTP server as a `Site`: every step is awaited here, and none waits longer than `time_out`."""

    def __init__(self, bron: SftpBron, runner: asyncio.Runner) -> None:
        self._bron, self._runner = bron, runner
        self._folder = PurePosixPath(bron.map)
        self._version = ""
        self._client: asyncssh.SFTPClient

    def connect(self, connecting: Coroutine[Any, Any, asyncssh.SSHClientConnection]) -> asyncssh.SSHClientConnection:
        """Start talking SFTP over a connection that is being made."""
        connection = self._await(connecting)
        self._version = str(connection.get_extra_info("server_version") or "")
        self._client = self._await(connection.start_sftp_client())
        return connection

    @property
    def place(self) -> str:
        return f"sftp://{self._bron.server}:{self._bron.poort}{'' if self._folder.is_absolute() else '/'}{self._folder}"

    @property
    def server(self) -> tuple[str, str]:
        return self._version, f"SSH, sleutel van de server staat in {self._bron.bekende_servers}"

    def files(self, wanted: Callable[[str], bool]) -> list[Remote]:
        found = self._await(self._client.readdir(str(self._folder)))
        named = [(str(entry.filename), entry.attrs) for entry in found]
        return [
            Remote(name, attrs.size or 0, float(attrs.mtime or 0))
            for name, attrs in named
            if wanted(name) and (attrs.permissions is None or stat.S_ISREG(attrs.permissions))
        ]

    def read(self, name: str, offset: int) -> Generator[bytes]:
        handle = self._await(self._client.open(str(self._folder / name), "rb"))
        try:
            while chunk := cast("bytes", self._await(handle.read(_CHUNK, offset))):
                offset += len(chunk)
                yield chunk
        finally:
            with suppress(SourceError):
                self._await(handle.close())

    def folder(self, path: PurePosixPath) -> set[str]:
        if not self._await(self._client.isdir(str(path))):
            self._await(self._client.makedirs(str(path), exist_ok=True))
        return {str(name) for name in self._await(self._client.listdir(str(path)))}

    def rename(self, name: str, target: PurePosixPath) -> None:
        self._await(self._client.rename(str(self._folder / name), str(target)))

    def remove(self, name: str) -> None:
        self._await(self._client.remove(str(self._folder / name)))

    def _await(self, step: Awaitable[_T]) -> _T:
        # The result stays out of the task: the runner of Python 3.11 writes its task as text when it restores SIGINT,
        # megabytes of a dump with it, which took longer than the transfer itself.
        result: list[_T] = []

        async def in_time() -> None:
            result.append(await asyncio.wait_for(step, self._bron.time_out))

        with _said(self._bron, self.place):
            self._runner.run(in_time())
        return result[0]


@contextmanager
def open_sftp(bron: SftpBron, secrets: Path | None = None) -> Iterator[SftpSite]:
    """A connection to the folder. Raises: SourceError; SettingsError when a secret is missing."""
    if find_spec("asyncssh") is None:
        raise SourceError("SFTP vraagt het pakket asyncssh. Doe: pip install 'kmgb[sftp]'")
    options, refused = _options(bron, secrets)
    with asyncio.Runner() as runner:
        site = SftpSite(bron, runner)
        try:
            connection = site.connect(_connecting(bron, options))
        except _HostKeyError:
            raise _unknown_server(bron, refused) from None
        try:
            yield site
        finally:
            connection.abort()
            runner.run(connection.wait_closed())


def fetch_sftp(bron: SftpBron, plan: EntiteitMapping, into: Path, *, terms: Terms = _STANDARD) -> list[Fetched]:
    """The whole files that are due on the server, in `into`. Raises: SourceError; SettingsError for a secret."""
    return fetch_from(lambda: open_sftp(bron, terms.secrets), bron, plan, into, terms)


class _HostKeyError(SourceError):
    """The server does not show a key that we know."""


async def _connecting(bron: SftpBron, options: dict[str, Any]) -> asyncssh.SSHClientConnection:
    import asyncssh  # noqa: PLC0415 (an extra, and slow to import)

    return await asyncssh.connect(bron.server, bron.poort, **options)


def _options(bron: SftpBron, secrets: Path | None) -> tuple[dict[str, Any], list[asyncssh.SSHKey]]:
    """What is said to asyncssh, and the list in which the key of a server that we do not know will appear.

    `config`, `agent_path` and `client_keys` are set, or asyncssh takes what the user who runs us happens to have.
    """
    import asyncssh  # noqa: PLC0415

    refused: list[asyncssh.SSHKey] = []

    class Client(asyncssh.SSHClient):
        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            refused.append(key)
            return False

    keys = [_private_key(bron, secrets)] if bron.sleutel is not None else []
    password = secret(bron.wachtwoord, secrets).get_secret_value() if bron.wachtwoord else None
    options = {
        "config": [],
        "client_factory": Client,
        "known_hosts": _known_hosts(bron),
        "username": bron.gebruiker,
        "client_keys": keys or None,
        "password": password,
        "agent_path": None,
        "gss_host": None,
        "preferred_auth": "publickey" if keys else "password,keyboard-interactive",
        "connect_timeout": bron.time_out,
        "login_timeout": bron.time_out,
    }
    return options, refused


def _private_key(bron: SftpBron, secrets: Path | None) -> asyncssh.SSHKey:
    import asyncssh  # noqa: PLC0415

    path = bron.sleutel or Path()
    phrase = secret(bron.sleutelwachtwoord, secrets).get_secret_value() if bron.sleutelwachtwoord else None
    try:
        check_private(path)
        return asyncssh.read_private_key(path, phrase)
    except OSError:
        raise SourceError(f"{path}: de privésleutel is er niet of is niet te lezen. Controleer 'sleutel'.") from None
    except asyncssh.KeyEncryptionError:
        raise SourceError(f"{path}: 'sleutelwachtwoord' opent deze privésleutel niet. Controleer het geheim.") from None
    except (asyncssh.KeyImportError, ValueError):
        hint = (
            "Geef met 'sleutelwachtwoord' het geheim dat hem opent." if phrase is None else "Maak een nieuwe sleutel."
        )
        raise SourceError(f"{path}: dit is geen bruikbare privésleutel. {hint}") from None


def _known_hosts(bron: SftpBron) -> bytes:
    """The text of the file with known servers: none yet is as good as an empty one, for then nobody is trusted."""
    try:
        return bron.bekende_servers.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError:
        raise SourceError(
            f"{bron.bekende_servers}: niet te lezen. Controleer 'bekende_servers' en de rechten."
        ) from None


def _unknown_server(bron: SftpBron, refused: list[asyncssh.SSHKey]) -> SourceError:
    """The server is not trusted: what its key is, and the line that trusts it once somebody has compared the key."""
    where = f"{bron.server}:{bron.poort}"
    if not refused:
        return SourceError(f"{where}: de sleutel van de server is ingetrokken of ongeldig. Vraag de beheerder ernaar.")
    key = refused[-1]
    host = bron.server if bron.poort == 22 else f"[{bron.server}]:{bron.poort}"
    line = f"{host} {key.export_public_key('openssh').decode().strip()}"
    compare = f"Vergelijk de vingerafdruk {key.get_fingerprint()} met die van de beheerder van de server"
    if _is_listed(bron, host):
        what = (
            f"de server toont een andere sleutel dan in {bron.bekende_servers} staat: het kan een andere server zijn."
        )
        return SourceError(f"{where}: {what} {compare}; vervang alleen als hij klopt de regel door:\n{line}")
    what = f"onbekende server: zijn sleutel staat niet in {bron.bekende_servers}."
    return SourceError(f"{where}: {what} {compare}; voeg alleen als hij klopt deze regel toe:\n{line}")


def _is_listed(bron: SftpBron, host: str) -> bool:
    import asyncssh  # noqa: PLC0415

    known = asyncssh.import_known_hosts(_known_hosts(bron).decode("utf-8", "replace"))
    return any(known.match(bron.server, "", bron.poort)[:3])


@contextmanager
def _said(bron: SftpBron, place: str) -> Iterator[None]:
    """What goes wrong in Dutch. The text of the server itself stays out: it may repeat what we sent."""
    import asyncssh  # noqa: PLC0415

    try:
        yield
    except asyncssh.HostKeyNotVerifiable:
        raise _HostKeyError(place) from None
    except asyncssh.PermissionDenied:
        means = f"de sleutel {bron.sleutel}" if bron.sleutel else f"het geheim {bron.wachtwoord!r}"
        hint = f"Controleer {means}, of vraag de beheerder de publieke sleutel of het account na te zien."
        raise SourceError(f"{place}: de server weigert gebruiker {bron.gebruiker!r}. {hint}") from None
    except asyncssh.KeyExchangeFailed:
        raise SourceError(
            f"{place}: geen gezamenlijke versleuteling. Vraag de beheerder de server bij te werken."
        ) from None
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory):
        raise SourceError(f"{place}: map of bestand bestaat niet (meer). Controleer 'map' in de bron.") from None
    except asyncssh.SFTPPermissionDenied:
        hint = "Vraag de beheerder om rechten op deze map, of kies een andere 'na_afloop'."
        raise SourceError(f"{place}: gebruiker {bron.gebruiker!r} mag dit niet. {hint}") from None
    except TimeoutError:
        raise InterruptedTransferError(f"{place}: geen antwoord binnen {bron.time_out:g} seconden. {GOES_ON}") from None
    except (
        asyncssh.SFTPConnectionLost,
        asyncssh.SFTPNoConnection,
        asyncssh.DisconnectError,
        asyncssh.ChannelOpenError,
    ):
        raise InterruptedTransferError(f"{place}: de verbinding is verbroken. {GOES_ON}") from None
    except asyncssh.SFTPError as error:
        hint = "Vraag de beheerder van de server wat er is."
        raise SourceError(f"{place}: de server kan dit niet uitvoeren (SFTP-code {error.code}). {hint}") from None
    except OSError:
        hint = "Controleer 'server' en 'poort', en of de firewall de verbinding toestaat."
        raise InterruptedTransferError(f"{place}: de server is niet bereikbaar. {hint}") from None
