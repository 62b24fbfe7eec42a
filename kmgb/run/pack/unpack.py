"""A pack that may be hostile -> its files in a folder of ours, each proven to be what the manifest says; and faults.

Nothing is unpacked under a name that was not judged first, and no more of it than the manifest says there is.
"""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kmgb.errors import ReportError
from kmgb.report.pack.forms import form_names
from kmgb.report.pack.manifest import (
    AUDIT,
    MANIFEST,
    README,
    SUMS,
    File,
    PackManifest,
    read_manifest,
    sha256_of,
    sums_of,
)
from kmgb.report.pack.tables import TABLES
from kmgb.sources.archive import open_zip
from kmgb.sources.delivered import Limits, RefusedError

# Text that repeats itself packs well, and a pack is all such text; what packs better still is no text.
_LIMITS: Final = Limits(max_ratio=500)
_LARGEST_MANIFEST: Final = 256 * 2**20
_NAME: Final = re.compile(r"(?:[a-z]{1,40}/)?[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\.[a-z0-9]{1,20})?")
_CHUNK: Final = 2**20
_END: Final = struct.Struct("<4s4H2LH")  # of a zip: its mark first, the length of the comment last


class _DamagedError(Exception):
    """An entry cannot be read."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The manifest (None when there is none to read), its sum, the files that are right, and Dutch faults."""

    manifest: PackManifest | None
    manifest_sha256: str
    right: frozenset[str]
    faults: tuple[str, ...]


def unpack(path: Path, folder: Path) -> Unpacked:
    """Put the files of the pack that are what they should be below `folder`.

    Raises: ReportError when there is no room for them.
    """
    if not path.is_file():
        return Unpacked(None, "", frozenset(), ("het bestand bestaat niet.",))
    try:
        with open_zip(path, _LIMITS) as archive:
            if not _alone(archive):
                return Unpacked(None, "", frozenset(), ("er staat iets voor of achter het pakket in het bestand.",))
            return _unpack(archive, folder)
    except RefusedError as error:
        what = str(error).removeprefix(f"{path.name}: ").partition(". ")[0].removesuffix(".")
        return Unpacked(None, "", frozenset(), (f"geweigerd: {what}.",))


def _unpack(archive: zipfile.ZipFile, folder: Path) -> Unpacked:
    entries = {info.filename: info for info in archive.infolist()}
    faults = list(_unsafe(archive.infolist()))
    if faults or MANIFEST not in entries:
        return Unpacked(None, "", frozenset(), (*faults, *([] if faults else [f"{MANIFEST} ontbreekt."])))
    if entries[MANIFEST].file_size > _LARGEST_MANIFEST:
        return Unpacked(None, "", frozenset(), (f"{MANIFEST} is te groot om een manifest te zijn.",))
    content = archive.read(MANIFEST)
    manifest = read_manifest(content)
    if manifest is None:
        return Unpacked(None, sha256_of(content), frozenset(), (f"{MANIFEST} is geen manifest van een bewijspakket.",))
    listed = {file.naam: file for file in manifest.bestanden}
    faults += _listing(manifest, set(entries) - {MANIFEST}, listed)
    right = set()
    for name in sorted(listed.keys() & entries.keys()):
        fault = _extract(archive, entries[name], listed[name], folder)
        right |= set() if fault else {name}
        faults += [fault] if fault else []
    if SUMS in right and (folder / SUMS).read_bytes() != sums_of(manifest.bestanden):
        faults.append(f"{SUMS} noemt andere sommen dan {MANIFEST}.")
    return Unpacked(manifest, sha256_of(content), frozenset(right), tuple(faults))


def _alone(archive: zipfile.ZipFile) -> bool:
    """True when the file begins with the first entry and ends with the zip's own end, without a comment."""
    assert archive.fp is not None
    archive.fp.seek(-_END.size, 2)
    found = _END.unpack(archive.fp.read(_END.size))
    begins = min((entry.header_offset for entry in archive.infolist()), default=0)
    return (found[0], found[-1], begins) == (b"PK\5\6", 0, 0)


def _unsafe(entries: list[zipfile.ZipInfo]) -> Iterator[str]:
    """What is wrong with the names and kinds of the entries, before any of them is touched."""
    counts = Counter(entry.filename for entry in entries)
    for name, count in sorted(counts.items()):
        if count > 1:
            yield f"{shown(name)} staat er {count} keer in."
        if not _NAME.fullmatch(name):
            yield f"{shown(name)} is geen naam die in een bewijspakket voorkomt."
    folders = {name.partition("/")[0] for name in counts if "/" in name}
    yield from (f"{shown(name)} is een bestand en een map tegelijk." for name in sorted(folders & counts.keys()))
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            yield f"{shown(entry.filename)} is geen gewoon bestand maar een verwijzing, map of apparaat."


def _listing(manifest: PackManifest, there: set[str], listed: dict[str, File]) -> Iterator[str]:
    if len(listed) != len(manifest.bestanden):
        yield f"{MANIFEST} noemt een bestand meer dan eens."
    wanted = {README, SUMS, AUDIT, *(name for table in TABLES.values() for name in form_names(table).values())}
    yield from (f"{name} ontbreekt in {MANIFEST}." for name in sorted(wanted - listed.keys()))
    yield from (f"{shown(name)} ontbreekt." for name in sorted(listed.keys() - there))
    yield from (f"{name} hoort er niet bij: {MANIFEST} noemt het niet." for name in sorted(there - listed.keys()))


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: File, folder: Path) -> str:
    """Write one file below `folder`; the fault when it is not what the manifest says, and then it is not there."""
    if entry.file_size != file.bytes:
        return f"{file.naam} telt {entry.file_size} bytes; het manifest zegt {file.bytes}."
    target, digest = folder / file.naam, hashlib.sha256()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as sink:
            for chunk in _chunks(archive, entry):
                digest.update(chunk)
                sink.write(chunk)
    except _DamagedError:
        target.unlink(missing_ok=True)
        return f"{file.naam} is beschadigd."
    except OSError as error:
        what = "het pakket is hier niet uit te pakken om het na te gaan: geen plaats of geen recht."
        raise ReportError(f"{what} Maak ruimte, of zet TMPDIR op een map met genoeg plaats.") from error
    if digest.hexdigest() != file.sha256:
        target.unlink()
        return f"{file.naam} is veranderd: de sha256 is niet die van het manifest."
    return ""


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The content of an entry. Raises: _DamagedError, whatever makes it unreadable."""
    try:
        with archive.open(entry) as source:
            while chunk := source.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise _DamagedError from error


def shown(name: str) -> str:
    """A name out of the archive as it can be said: short, and without what would act on a terminal."""
    return repr(name[:80])
