"""A packed file -> the one file in it: a working copy with the name of the pack, so that messages name the delivery."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from kmgb.errors import nearest
from kmgb.mapping.model import Aanlevering
from kmgb.sources.archive import HARMLESS, is_zip, matches, member_named, names_in
from kmgb.sources.delivered import Limits, RefusedError, size_of

_CHUNK = 2**20
_TEXT = (".csv", ".txt", ".tsv", ".dat")
# How the file in a zip is called, per format. JSON and XML readers take every file of a zip, Excel is itself a zip.
_SUFFIXES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"csv": _TEXT, "vast": _TEXT, "lo3": _TEXT, "jsonl": (".jsonl", ".ndjson", ".json")}
)
_OFFICE = "[Content_Types].xml"
_GZIPPED = (*_SUFFIXES, "json", "xml")


def unpacked(path: Path, reader: Aanlevering, limits: Limits, scratch: Path) -> Path:
    """The file to read: a copy in `scratch` of what a zip or gz holds, or `path` itself when it is not packed.

    Raises: RefusedError when the pack is damaged, too large unpacked, or does not hold exactly one file of the format.
    """
    size = size_of(path)
    if reader.formaat in _GZIPPED and _is_gzip(path):
        return _copied(path, scratch, lambda sink: _gunzip(path, sink, size, limits))
    if reader.formaat in _SUFFIXES and is_zip(path):
        name = _the_one(path, names_in(path, limits, scratch), reader)
        return _copied(path, scratch, lambda sink: _extract(path, name, sink, limits, scratch))
    return path


def _copied(path: Path, scratch: Path, write: Callable[[Path], None]) -> Path:
    folder = scratch / "uitgepakt"
    folder.mkdir()
    target = folder / path.name
    write(target)
    size_of(target)
    return target


def _the_one(path: Path, names: list[str], reader: Aanlevering) -> str:
    """The only file that fits `binnen`, else the only one with a suffix of the format, else the only one there is."""
    if _OFFICE in names:
        hint = "Corrigeer 'formaat' in de veldtoewijzing of lever het bestand anders aan."
        raise RefusedError(path, "formaat", f"dit is een Office-bestand, geen {reader.formaat}-bestand.", hint)
    patterns = (reader.binnen,) if reader.binnen else tuple(f"*{suffix}" for suffix in _SUFFIXES[reader.formaat])
    fitting = [name for name in names if any(matches(name.lower(), pattern.lower()) for pattern in patterns)]
    if not fitting and not reader.binnen and len(names) == 1:
        return names[0]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        what = f"{len(fitting)} bestanden in het zipbestand kunnen het zijn."
        raise RefusedError(path, "binnen", what, "Noem er met 'binnen' één.")
    what = f"geen bestand in het zipbestand past bij {' of '.join(map(repr, patterns))}."
    raise RefusedError(path, "binnen", what, nearest(reader.binnen, names) or "Controleer 'binnen'.")


def _extract(path: Path, name: str, target: Path, limits: Limits, scratch: Path) -> None:
    with closing(member_named(path, name, limits, scratch)) as found, target.open("wb") as sink:
        for member in found:
            while chunk := member.read(_CHUNK):
                sink.write(chunk)


def _gunzip(path: Path, target: Path, packed: int, limits: Limits) -> None:
    """A gz does not say beforehand how large it is: the limit is kept while it is unpacked."""
    largest = min(limits.max_unpacked, max(HARMLESS, limits.max_ratio * packed))
    try:
        with gzip.open(path) as stream, target.open("wb") as sink:
            while chunk := stream.read(_CHUNK):
                if sink.tell() + len(chunk) > largest:
                    hint = "Dat lijkt een zipbom; verhoog max_unpacked of max_ratio in de instellingen als het klopt."
                    raise RefusedError(path, "zipbom", f"uitgepakt is het gz-bestand meer dan {largest} bytes.", hint)
                sink.write(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        what = "het gz-bestand is beschadigd of afgebroken."
        raise RefusedError(path, "zip", what, "Vraag een nieuwe aanlevering.") from error


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"
