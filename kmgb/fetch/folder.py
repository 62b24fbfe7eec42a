"""A drop folder: files that someone puts on this machine, or on a share that is mounted here."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeVar

from kmgb.errors import SourceError
from kmgb.fetch.complete import Remote
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.transfer import InterruptedTransferError, Terms, fetch_from, look
from kmgb.mapping.bronnen.overdracht import MapBron
from kmgb.mapping.model import EntiteitMapping

_T = TypeVar("_T")
_CHUNK = 2**20
_STANDARD = Terms()


class FolderSite:
    """A folder of this machine as a `Site`. Links are not followed: a dump lies in the folder itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def place(self) -> str:
        return str(self._folder)

    @property
    def server(self) -> tuple[str, str]:
        return "map op deze machine", "geen netwerk"

    def files(self, wanted: Callable[[str], bool]) -> list[Remote]:
        with _said(self._folder):
            found = [entry for entry in os.scandir(self._folder) if wanted(entry.name)]
            plain = [entry for entry in found if entry.is_file(follow_symlinks=False)]
            return [Remote(entry.name, entry.stat().st_size, entry.stat().st_mtime) for entry in plain]

    def read(self, name: str, offset: int) -> Generator[bytes]:
        with _said(self._folder / name), (self._folder / name).open("rb") as stream:
            stream.seek(offset)
            while chunk := stream.read(_CHUNK):
                yield chunk

    def folder(self, path: PurePosixPath) -> set[str]:
        with _said(Path(path)):
            Path(path).mkdir(parents=True, exist_ok=True)
            return {entry.name for entry in os.scandir(path)}

    def rename(self, name: str, target: PurePosixPath) -> None:
        with _said(self._folder / name):
            shutil.move(self._folder / name, target)  # also to another disk

    def remove(self, name: str) -> None:
        with _said(self._folder / name):
            (self._folder / name).unlink()


@contextmanager
def open_folder(bron: MapBron) -> Iterator[FolderSite]:
    """The drop folder."""
    yield FolderSite(Path(bron.map))


def fetch_folder(bron: MapBron, plan: EntiteitMapping, into: Path, *, terms: Terms = _STANDARD) -> list[Fetched]:
    """The whole files that are due in the drop folder, copied into `into`. Raises: SourceError."""
    return fetch_from(lambda: open_folder(bron), bron, plan, into, terms)


def watch_folder(
    bron: MapBron,
    plan: EntiteitMapping,
    stop: threading.Event,
    take: Callable[[], Iterable[_T]],
    *,
    terms: Terms = _STANDARD,
) -> Iterator[_T | SourceError]:
    """What `take` gives, every time that a file has become whole, until `stop` is set.

    Why one is not taken is given once, and watching goes on. The folder is looked at every `rust` seconds, at least
    once a second: a share does not tell of a change by itself. A file that stays where it is comes once.
    """
    seen: tuple[Remote, ...] = ()
    said = ""
    while not stop.is_set():
        try:
            ready = look(lambda: open_folder(bron), bron, plan, terms).ready
            if set(ready) - set(seen):
                seen = ready
                yield from take()
            said = ""
        except SourceError as error:
            if str(error) != said:
                said = str(error)
                yield error
        stop.wait(max(bron.rust, 1.0))


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise SourceError(
            f"{path}: bestaat niet (meer). Controleer 'map' in de bron en of de schijf is gekoppeld."
        ) from None
    except PermissionError:
        raise SourceError(f"{path}: kmgb mag hier niet bij. Geef de gebruiker van kmgb rechten op deze map.") from None
    except OSError as error:
        what = os.strerror(error.errno or 0)
        raise InterruptedTransferError(
            f"{path}: niet te lezen of te schrijven ({what}). Haal later opnieuw op."
        ) from None
