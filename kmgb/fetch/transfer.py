"""From a place with files to whole files of ours: which are taken, how one comes over, what becomes of it there.

A file grows under a hidden name that follows from what it was at the source; a broken transfer goes on from there the
next time, and starts again when the file at the source has changed. Only a whole and checked file gets its own name.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

import polars as pl

from kmgb.errors import DISK_FULL, SourceError
from kmgb.fetch.complete import (
    LARGEST_COMPANION,
    Promise,
    Remote,
    check_content,
    check_meaning,
    companion_names,
    companions,
    is_candidate,
    read_promise,
    why_not_whole,
)
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.pgp import decrypted, is_encrypted, plain_name
from kmgb.mapping.bronnen.overdracht import Overdracht
from kmgb.mapping.model import EntiteitMapping
from kmgb.sources.delivered import Limits
from kmgb.sources.dumps import moment_in_name

ZONE = "Europe/Amsterdam"
PART = ".deel-"
_T = TypeVar("_T")
GOES_ON = "Haal opnieuw op: wat er al is, wordt niet nog eens overgehaald."


class InterruptedTransferError(SourceError):
    """The source did not answer, or no longer: trying again may help, and goes on where it broke off.

    `wait`: so many seconds the source itself asks for before that.
    """

    transient = True

    def __init__(self, message: str, wait: float = 0.0) -> None:
        self.wait = wait
        super().__init__(message)


class NothingNewError(SourceError):
    """There is no whole file at the source. `transient`: one is on its way."""


class NotYetError(SourceError):
    """The file became another one while it was fetched: later it may be whole."""

    transient = True


class Site(Protocol):
    """An open connection to one folder. Everything it raises is a SourceError without a secret in it."""

    @property
    def place(self) -> str:
        """The folder as sentences name it: `sftp://server:22/uit`."""

    @property
    def server(self) -> tuple[str, str]:
        """Who answers, as the server says itself, and how the connection is protected."""

    def files(self, wanted: Callable[[str], bool]) -> list[Remote]:
        """The ordinary files in the folder whose name is wanted."""

    def read(self, name: str, offset: int) -> Generator[bytes]:
        """The bytes of a file from `offset` on. A reading that is broken off makes the connection useless."""

    def folder(self, path: PurePosixPath) -> set[str]:
        """The names in another folder, which is made when it is not there."""

    def rename(self, name: str, target: PurePosixPath) -> None:
        """Give a file another path."""

    def remove(self, name: str) -> None:
        """Take a file away."""


class Patient(Protocol):
    """A source that says how often a connection is tried."""

    @property
    def pogingen(self) -> int:
        """How often."""


Opener = Callable[[], AbstractContextManager[Site]]
Progress = Callable[[str, int, int], None]


def no_progress(name: str, done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What fetching needs besides the source and the entity. `secrets`: the file with secrets.

    `progress` gets a name, the bytes so far and all bytes; `pause` waits that many seconds. `seen` gets what
    a column of a database holds as it comes: its name, distinct texts, and how often each came.
    """

    secrets: Path | None = None
    limits: Limits = field(default_factory=Limits)
    zone: str = ZONE
    progress: Progress = no_progress
    pause: Callable[[float], None] = time.sleep
    seen: Callable[[str, pl.Series, pl.Series], None] | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What stands in the folder: the files that may be taken in the order of landing, and why others may not yet."""

    place: str
    server: tuple[str, str]
    ready: tuple[Remote, ...]
    waiting: Mapping[str, str]
    listing: Mapping[str, Remote]


def fetch_from(opener: Opener, bron: Overdracht, plan: EntiteitMapping, into: Path, terms: Terms) -> list[Fetched]:
    """Every whole file that is due, oldest first; the newest only when files stay where they are (`laten`).

    `into` is a folder that stays from one attempt to the next, so that a transfer can go on. A file that is not as
    promised is passed over with a remark, unless there is no other. Raises: SourceError.
    """
    own_folder(into)
    view = retried(bron, terms, lambda: look(opener, bron, plan, terms))
    if not view.ready:
        raise _nothing_whole(view, bron, plan)
    fetched: list[Fetched] = []
    refused: list[SourceError] = []
    for file in view.ready[-1:] if bron.na_afloop == "laten" else view.ready:
        try:
            fetched.append(_fetch(opener, bron, plan, into, view, file, terms))
        except SourceError as error:
            refused.append(error)
    if not fetched:
        raise refused[0]
    left = [f"Nog niet opgehaald: {name} {why}." for name, why in view.waiting.items()]
    remarks = (*left, *(f"Overgeslagen: {error}" for error in refused))
    return [replace(one, remarks=remarks) for one in fetched]


def look(opener: Opener, bron: Overdracht, plan: EntiteitMapping, terms: Terms) -> View:
    """What stands in the folder now. For `stabiel` it is looked at twice, `rust` seconds apart."""
    pattern = pattern_of(bron, plan)

    def wanted(name: str) -> bool:
        return fnmatchcase(name, pattern) or _beside(name, pattern)

    with opener() as site:
        before = {file.name: file for file in site.files(wanted)}
        listing = before
        if bron.heel == "stabiel" and before:
            terms.pause(bron.rust)
            listing = {file.name: file for file in site.files(wanted)}
        place, server = site.place, site.server
    found = [file for name, file in listing.items() if is_candidate(name) and fnmatchcase(name, pattern)]
    why = {file.name: why_not_whole(file, listing, before, bron.heel) for file in found}
    ready = sorted((file for file in found if not why[file.name]), key=lambda file: _age(file, plan))
    return View(place, server, tuple(ready), {name: reason for name, reason in why.items() if reason}, listing)


def pattern_of(bron: Overdracht, plan: EntiteitMapping) -> str:
    """The pattern of the names. Raises: SourceError when neither the source nor the entity has one."""
    pattern = bron.bestand or PurePosixPath(plan.bestand.replace("\\", "/")).name
    if not pattern:
        raise SourceError("Onbekend welk bestand opgehaald wordt. Zet 'bestand' in de bron of bij de entiteit.")
    return pattern


def own_folder(into: Path) -> None:
    """The folder is there afterwards, and only we may look into it. Raises: SourceError."""
    try:
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise on_our_side(error, into.name, into.parent) from None


def retried(bron: Patient, terms: Terms, action: Callable[[], _T]) -> _T:
    """What `action` gives, tried again with growing pauses as long as trying again may help."""
    for attempt in range(1, bron.pogingen):
        try:
            return action()
        except InterruptedTransferError as error:
            terms.pause(max(error.wait, 2.0 ** (attempt - 1)))
    return action()


def download(site: Site, file: Remote, into: Path, progress: Progress) -> tuple[Path, bool]:
    """The file under its hidden name, with every byte of it, and whether an earlier transfer was gone on with."""
    part = _part(site.place, file, into)
    had = part.stat().st_size if part.exists() else 0
    try:
        if shutil.disk_usage(into).free < file.size - had:
            raise OSError(errno.ENOSPC, "")
        done = _append(site, file, part, had, progress)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise on_our_side(error, file.name, into) from None
    if done > file.size:
        part.unlink()
        raise _changed(site, file)
    if done < file.size:
        what = f"de verbinding brak af na {done} van {file.size} bytes."
        raise InterruptedTransferError(f"{site.place}/{file.name}: {what} {GOES_ON}")
    return part, had > 0


def _append(site: Site, file: Remote, part: Path, had: int, progress: Progress) -> int:
    """The number of bytes that the part has, one chunk over the size at most. Only we may read it."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as sink, closing(site.read(file.name, had)) as chunks:
        done = sink.seek(had)
        for chunk in chunks:
            done += sink.write(chunk)
            progress(file.name, done, file.size)
            if done > file.size:
                break
        sink.flush()
        os.fsync(descriptor)
    return done


def _fetch(
    opener: Opener, bron: Overdracht, plan: EntiteitMapping, into: Path, view: View, file: Remote, terms: Terms
) -> Fetched:
    path, promise = retried(bron, terms, lambda: _transfer(opener, into, view, file, terms))
    name = plain_name(file.name)
    try:
        if is_encrypted(file.name):
            path = decrypted(path, file.name, bron, terms.secrets)
        with scratch_for(into, name) as scratch:
            check_meaning(path, name, promise, plan, terms.limits, scratch, terms.zone)
        if file.changed > 0:  # where nothing else tells the peildatum, it is the date of the file at the source
            os.utime(path, (file.changed, file.changed))
        path.replace(into / name)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise on_our_side(error, file.name, into) from None
    except SourceError:
        path.unlink(missing_ok=True)
        raise
    return Fetched(into / name, promise.peildatum, done=_afterwards(opener, bron, view, file))


@contextmanager
def scratch_for(into: Path, name: str) -> Iterator[Path]:
    """A folder for copies of one file. What a killed attempt left there is taken away by the next."""
    folder = into / f".lees-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _transfer(opener: Opener, into: Path, view: View, file: Remote, terms: Terms) -> tuple[Path, Promise]:
    """The whole file under its hidden name, and as promised. A part that went on and does not fit starts once again."""
    with opener() as site:
        beside = companions(file.name, view.listing)
        promise = read_promise(file.name, {k: _small(site, remote) for k, remote in beside.items()}, terms.zone)
        part, continued = download(site, file, into, terms.progress)
        if site.files(lambda name: name == file.name) != [file]:
            part.unlink()
            raise _changed(site, file)
    try:
        check_content(part, file.name, promise)
    except SourceError:
        part.unlink()
        if not continued:
            raise
        return _transfer(opener, into, view, file, terms)
    return part, promise


def _small(site: Site, remote: Remote) -> bytes:
    if remote.size > LARGEST_COMPANION:
        raise SourceError(
            f"{site.place}/{remote.name}: meer dan {LARGEST_COMPANION} bytes is geen begeleidend bestand."
        )
    with closing(site.read(remote.name, 0)) as chunks:
        return b"".join(chunks)


def _afterwards(opener: Opener, bron: Overdracht, view: View, file: Remote) -> Callable[[], None]:
    """What the source still has to do. A file that has become another one since is left for the next time.

    The companions go first: one that stays behind alone would call the next file of that name whole too early.
    """

    def done() -> None:
        if bron.na_afloop == "laten":
            return
        names = [*(beside.name for beside in companions(file.name, view.listing).values()), file.name]
        with opener() as site:
            there = {remote.name: remote for remote in site.files(lambda name: name in names)}
            if there.get(file.name) != file:
                return
            for name in (name for name in names if name in there):
                if bron.na_afloop == "verwijderen":
                    site.remove(name)
                else:
                    folder = PurePosixPath(bron.map) / bron.verplaatsen_naar
                    site.rename(name, folder / _free(name, site.folder(folder)))

    return done


def _free(name: str, taken: set[str]) -> str:
    """The name, or with a number before it: what was moved earlier is never overwritten."""
    number, free = 1, name
    while free in taken:
        number, free = number + 1, f"{number + 1}-{name}"
    return free


def _part(place: str, file: Remote, into: Path) -> Path:
    """The hidden name of this file as it is at the source; parts of what it was earlier are taken away."""
    where = hashlib.sha256(f"{place}\0{file.name}".encode()).hexdigest()[:16]
    state = hashlib.sha256(f"{file.size}\0{file.changed}".encode()).hexdigest()[:8]
    part = into / f"{PART}{where}-{state}"
    for other in into.glob(f"{PART}{where}-*"):
        if other != part or other.stat().st_size > file.size:
            other.unlink()
    return part


def _age(file: Remote, plan: EntiteitMapping) -> tuple[bool, datetime, float, str]:
    """The order of landing: as `find_dump` chooses the newest."""
    moment = moment_in_name(file.name, plan.peildatum_uit_naam)
    return moment is not None, moment or datetime.min, file.changed, file.name  # noqa: DTZ901 (only an order)


def _beside(name: str, pattern: str) -> bool:
    """True for what may be the companion of a file that fits the pattern."""
    return any(fnmatchcase(name.lower(), companion.lower()) for companion in companion_names(pattern))


def _changed(site: Site, file: Remote) -> SourceError:
    return NotYetError(
        f"{site.place}/{file.name}: is tijdens het ophalen gewijzigd of verdwenen. Haal later opnieuw op."
    )


def _nothing_whole(view: View, bron: Overdracht, plan: EntiteitMapping) -> SourceError:
    if not view.waiting:
        hint = "Controleer 'map' en 'bestand' in de bron, of vraag de leverancier waar de aanlevering blijft."
        return NothingNewError(f"{view.place}: niets past bij {pattern_of(bron, plan)!r}. {hint}")
    waiting = "; ".join(f"{name} {why}" for name, why in view.waiting.items())
    error = NothingNewError(f"{view.place}: nog geen heel bestand ({waiting}). Haal later opnieuw op.")
    error.transient = True
    return error


def on_our_side(error: OSError, name: str, into: Path) -> SourceError:
    """What a disk of ours that is full or closed means, for whoever fetched the file `name`."""
    if error.errno in DISK_FULL:
        return SourceError(f"{name}: de schijf met {into} is vol. Maak ruimte en haal opnieuw op.")
    return SourceError(
        f"{name}: schrijven in {into} lukt niet ({os.strerror(error.errno or 0)}). Controleer de rechten."
    )
