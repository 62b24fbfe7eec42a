"""Zip archives, nested ones included, read member by member and bounded in size. Nothing is ever unpacked to a path
that a member's name suggests.
"""

from __future__ import annotations

import errno
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO

from kmgb.errors import nearest
from kmgb.sources.delivered import Limits, RefusedError

_DEPTH = 3
_CHUNK = 2**20
# Below this size no ratio is suspicious: a small file of blanks packs a thousandfold and harms nobody.
HARMLESS = 4 * 2**20
_DAMAGED = (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError, struct.error, UnicodeError)


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Turns what zipfile raises on an archive that stops halfway, or lies about itself, into a refusal."""
    refusal = RefusedError(path, "zip", "het zipbestand is beschadigd of afgebroken.", "Vraag een nieuwe aanlevering.")
    try:
        yield
    except _DAMAGED as error:
        raise refusal from error
    except OSError as error:
        # An offset before the start of the file; any other failure of the disk is not the archive's fault.
        if error.errno != errno.EINVAL:
            raise
        raise refusal from error


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive, open for reading. Raises on read: RefusedError when the archive is damaged there."""

    name: str
    path: Path
    stream: IO[bytes]

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes. zipfile never gives more than the size that was judged, and checks the CRC there."""
        with _guarded(self.path):
            return self.stream.read(size)


def is_zip(path: Path) -> bool:
    """True when the file starts as a zip archive, whole or not."""
    with path.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


@contextmanager
def open_zip(path: Path, limits: Limits, *, label: Path | None = None) -> Iterator[zipfile.ZipFile]:
    """The archive, once its directory has been judged; errors while reading a member are refusals too.

    Raises: RefusedError when it is damaged, encrypted or larger unpacked than `limits` allows.
    """
    named = label or path
    with _guarded(named), zipfile.ZipFile(path) as archive:
        _judge(named, archive, limits)
        yield archive


def members(path: Path, pattern: str, suffix: str, limits: Limits, scratch: Path) -> Iterator[Member]:
    """Every member whose name, or whose enclosing zip's name, matches `pattern` (default: all with `suffix`), by name.

    Raises: RefusedError; also when nothing matches.
    """
    names: list[str] = []
    found = False
    for member in _Walk(path, limits, scratch).walk(path, ()):
        names.append(PurePosixPath(member.name).name)
        if matches(member.name, pattern or f"*{suffix}"):
            found = True
            yield member
    if not found:
        hint = nearest(pattern, names) or "Controleer 'binnen'."
        raise RefusedError(path, "binnen", f"geen bestand in het zipbestand past bij {pattern or suffix!r}.", hint)


def names_in(path: Path, limits: Limits, scratch: Path) -> list[str]:
    """The name of every file in the archive and the archives in it ("buitenste.zip//naam"). Raises: RefusedError."""
    return [member.name for member in _Walk(path, limits, scratch).walk(path, ())]


def member_named(path: Path, name: str, limits: Limits, scratch: Path) -> Generator[Member, None, None]:
    """The file that `names_in` called `name`, open while the iteration stands still. Raises: RefusedError."""
    for member in _Walk(path, limits, scratch).walk(path, ()):
        if member.name == name:
            yield member
            return


def matches(name: str, pattern: str) -> bool:
    """True when a file, or an archive around it, is called as the `pattern` says."""
    parts = name.split("//")
    return any(fnmatch(part, pattern) or fnmatch(PurePosixPath(part).name, pattern) for part in parts)


@dataclass(slots=True)
class _Walk:
    """A walk through an archive and the archives in it, which together may not grow beyond the limit."""

    path: Path
    limits: Limits
    scratch: Path
    unpacked: int = 0

    def walk(self, archive_path: Path, outer: tuple[str, ...]) -> Iterator[Member]:
        if len(outer) > _DEPTH:
            raise RefusedError(self.path, "zipbom", f"zipbestanden zitten meer dan {_DEPTH} lagen in elkaar.")
        with open_zip(archive_path, self.limits, label=self.path) as archive:
            self.unpacked += sum(info.file_size for info in archive.infolist())
            if self.unpacked > self.limits.max_unpacked:
                raise RefusedError(self.path, "zipbom", f"uitgepakt is het meer dan {self.limits.max_unpacked} bytes.")
            for info in sorted(archive.infolist(), key=lambda member: member.filename):
                if not info.is_dir():
                    yield from self._member(archive, info, outer)

    def _member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, outer: tuple[str, ...]) -> Iterator[Member]:
        with archive.open(info) as stream:
            member = Member("//".join((*outer, info.filename)), self.path, stream)
            if not info.filename.lower().endswith(".zip"):
                yield member
                return
            inner = self.scratch / f"binnenste-{len(outer)}.zip"
            with inner.open("wb") as sink:
                while chunk := member.read(_CHUNK):
                    sink.write(chunk)
        yield from self.walk(inner, (*outer, info.filename))
        inner.unlink()


def _judge(path: Path, archive: zipfile.ZipFile, limits: Limits) -> None:
    infos = archive.infolist()
    if any(info.flag_bits & 1 for info in infos):
        what, hint = "het zipbestand is met een wachtwoord beveiligd.", "Lever het zonder wachtwoord aan."
        raise RefusedError(path, "versleuteld", what, hint)
    unpacked, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    # Overlapping members make the sum of packed sizes larger than the file: the file itself is the honest measure.
    real = min(packed, path.stat().st_size if path.exists() else packed)
    if unpacked > limits.max_unpacked or (unpacked > HARMLESS and unpacked > limits.max_ratio * max(real, 1)):
        what = f"uitgepakt is het zipbestand {unpacked} bytes, {unpacked // max(real, 1)} keer zo groot als ingepakt."
        hint = "Dat lijkt een zipbom; verhoog max_unpacked of max_ratio in de instellingen als het klopt."
        raise RefusedError(path, "zipbom", what, hint)
