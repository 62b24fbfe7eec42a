"""When a file is whole, and what its supplier promised about it: `.klaar`, checksum and manifest beside the file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kmgb.errors import SourceError, nearest
from kmgb.mapping.model import EntiteitMapping
from kmgb.sources.delivered import Limits, RefusedError
from kmgb.sources.dumps import as_utc, moment_in_name
from kmgb.sources.lookup import own_columns
from kmgb.sources.read import read, reading

LARGEST_COMPANION = 2**16
Kind = Literal["klaar", "sha256", "sha512", "manifest"]
_SUFFIXES: Mapping[str, Kind] = MappingProxyType(
    {".klaar": "klaar", ".sha256": "sha256", ".sha512": "sha512", ".manifest.json": "manifest"}
)
_AROUND = (".gz", ".zip", ".pgp", ".gpg")
# How clients and servers call a file that is still being written.
_UNFINISHED = (".part", ".filepart", ".tmp", ".partial", ".crdownload", ".deel")
_ASKED: Mapping[str, tuple[Kind, ...]] = MappingProxyType(
    {"stabiel": (), "klaar": ("klaar",), "controlesom": ("sha256", "sha512"), "manifest": ("manifest",)}
)
_AGAIN = "Vraag de leverancier om een nieuwe aanlevering."
_AHEAD = timedelta(days=1)
_CLOCK_GRAIN = 2.0  # seconds: servers round the moment of a change, each in its own way


@dataclass(frozen=True, slots=True)
class Remote:
    """A file at the source: size in bytes, moment of the last change in seconds by the clock of the source."""

    name: str
    size: int
    changed: float


@dataclass(frozen=True, slots=True)
class Promise:
    """What the supplier says of a file. Checksums are lower case hexadecimal; what is not promised is empty.

    `by` is where it is said and `again` what to do when it is not so, as sentences name them.
    """

    sums: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    peildatum: datetime | None = None
    by: str = "het manifest"
    again: str = _AGAIN


def _moment(value: object) -> object:
    """A date or moment in ISO 8601. Pydantic itself would take 20261124 for seconds since 1970."""
    return datetime.fromisoformat(value) if isinstance(value, str) else ("geen tekst" if value is not None else None)


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    peildatum: Annotated[datetime | None, BeforeValidator(_moment)] = None
    rijen: Annotated[int | None, Field(ge=0, strict=True)] = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] = ""
    sha512: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{128}$")] = ""
    bestand: str = ""
    opmerking: str = ""


def is_candidate(name: str) -> bool:
    """True for a plain name of a delivery: no path, not hidden, no companion, nobody writing it."""
    lowered = name.lower()
    if not name or name.startswith(".") or "/" in name or "\\" in name or not name.isprintable():
        return False
    return not lowered.endswith((*_SUFFIXES, *_UNFINISHED))


def companion_names(name: str) -> dict[str, Kind]:
    """Every name that a companion of this file may have: behind the whole name, or instead of its suffix."""
    stems = [name, name.rpartition(".")[0]]
    if name.lower().endswith(_AROUND):
        stems.append(stems[1].rpartition(".")[0])
    return {stem + suffix: kind for stem in stems if stem for suffix, kind in _SUFFIXES.items()}


def companions(name: str, listing: Mapping[str, Remote]) -> dict[Kind, Remote]:
    """The companions that are there. Behind the whole name goes before instead of the suffix."""
    found: dict[Kind, Remote] = {}
    # Of a companion's own part, capitals do not count: SHA256 is a promise as well.
    known = {_lowered(one): remote for one, remote in listing.items()}
    for candidate, kind in companion_names(name).items():
        if candidate in known:
            found.setdefault(kind, known[candidate])
    return found


def _lowered(name: str) -> str:
    """The name with the suffix of a companion in small letters; of any other file, as it is."""
    suffix = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)] + suffix


def why_not_whole(file: Remote, listing: Mapping[str, Remote], before: Mapping[str, Remote], heel: str) -> str:
    """Why the file is left alone for now, in Dutch; empty when it is whole.

    `before` is an earlier listing, from which a stable file does not differ. Of other kinds it may be the same listing.
    """
    if before.get(file.name) != file:
        return "wordt nog geschreven"
    there, asked = companions(file.name, listing), _ASKED[heel]
    if asked and not any(kind in there for kind in asked):
        return f"wacht op {file.name}.{'manifest.json' if heel == 'manifest' else asked[0]}"
    ready = there.get("klaar")
    if heel == "klaar" and ready is not None and file.changed > ready.changed + _CLOCK_GRAIN:
        return f"is gewijzigd nadat {ready.name} is geplaatst"
    return ""


def read_promise(name: str, contents: Mapping[Kind, bytes], zone: str) -> Promise:
    """What the companions of the file `name` say together. Raises: SourceError when one cannot be understood."""
    sums: dict[str, str] = {
        kind: _sum(name, kind, content) for kind, content in contents.items() if kind in ("sha256", "sha512")
    }
    if "manifest" not in contents:
        return Promise(sums)
    manifest = _manifest(name, contents["manifest"])
    for kind, promised in (("sha256", manifest.sha256.lower()), ("sha512", manifest.sha512.lower())):
        if promised and sums.setdefault(kind, promised) != promised:
            raise SourceError(f"{name}: het manifest en het bestand .{kind} noemen een andere controlesom. {_AGAIN}")
    if manifest.bestand not in ("", name):
        raise SourceError(f"{name}: het manifest hoort volgens 'bestand' bij een ander bestand. {_AGAIN}")
    moment = None if manifest.peildatum is None else as_utc(manifest.peildatum, zone)
    if moment is not None and moment > datetime.now(UTC) + _AHEAD:
        raise SourceError(f"{name}: de peildatum in het manifest ligt in de toekomst. {_AGAIN}")
    return Promise(sums, manifest.rijen, moment)


def check_content(path: Path, name: str, promise: Promise) -> None:
    """Raises: SourceError when the content of `path` is not what was promised of the file `name`."""
    for kind, promised in promise.sums.items():
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, kind).hexdigest() != promised:
                raise SourceError(f"{name}: de {kind} is niet die van de leverancier. {promise.again}")


def check_meaning(
    path: Path, name: str, promise: Promise, plan: EntiteitMapping, limits: Limits, scratch: Path, zone: str
) -> None:
    """Raises: SourceError when the rows or the peildatum of the file are not what its manifest says."""
    named = moment_in_name(name, plan.peildatum_uit_naam)
    if promise.peildatum is not None and named is not None:
        said = as_utc(named, zone)
        if said != promise.peildatum and not _same_day(named, promise.peildatum, zone):
            what = f"{promise.by} noemt een andere peildatum dan de bestandsnaam."
            raise SourceError(f"{name}: {what} {promise.again}")
    if promise.rows is None:
        return
    rows = _rows(path, plan, limits, scratch)
    if rows is not None and rows != promise.rows:
        what = f"{promise.by} noemt {promise.rows} rijen, het bestand heeft er {rows}."
        raise SourceError(f"{name}: {what} {promise.again}")


def _same_day(named: datetime, promised: datetime, zone: str) -> bool:
    """A name often holds a date only, and a manifest the time with it."""
    return named.time() == datetime.min.time() and promised.astimezone(ZoneInfo(zone)).date() == named.date()


def _rows(path: Path, plan: EntiteitMapping, limits: Limits, scratch: Path) -> int | None:
    """How many records the file has; None when it cannot be read: then the landing tells why, and keeps it."""
    try:
        frame = read(path, plan.aanlevering, own_columns(plan), limits, scratch).frame
        with reading(path):
            return int(frame.select(pl.len()).collect(engine="streaming").item())
    except RefusedError:
        return None


def _sum(name: str, kind: str, content: bytes) -> str:
    """The checksum as `sha256sum` writes it, bare, or as BSD does; of several lines, the one that names the file."""
    length = hashlib.new(kind).digest_size * 2
    lines = content.decode("utf-8", "replace").splitlines()
    found = [(match[0].lower(), line) for line in lines if (match := re.search(rf"\b[0-9a-fA-F]{{{length}}}\b", line))]
    fitting = [digest for digest, line in found if len(found) == 1 or name in re.split(r"[\s*()/]+", line)]
    if len(fitting) != 1:
        raise SourceError(f"{name}: het bestand .{kind} ernaast noemt niet precies één {kind}. {_AGAIN}")
    return fitting[0]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key stands twice. Raises: ValueError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _manifest(name: str, content: bytes) -> _Manifest:
    try:
        document: Any = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise SourceError(f"{name}: het manifest is geen JSON in UTF-8. {_AGAIN}") from None
    if not isinstance(document, dict):
        raise SourceError(f"{name}: het manifest is geen JSON-object. {_AGAIN}")
    if {"rijen", "rows"} <= document.keys():
        raise SourceError(f"{name}: het manifest noemt het aantal rijen twee keer (rijen en rows). {_AGAIN}")
    document = {("rijen" if key == "rows" else key): value for key, value in document.items()}
    try:
        return _Manifest.model_validate(document)
    except ValidationError as error:
        faults = sorted({str(fault["loc"][0]) for fault in error.errors(include_url=False, include_input=False)})
    unknown = [key for key in faults if key not in _Manifest.model_fields]
    if unknown:
        known = list(_Manifest.model_fields)
        hint = nearest(unknown[0], known) or f"Bekend zijn: {', '.join(known)}."
        raise SourceError(f"{name}: {unknown[0]!r} in het manifest is onbekend. {hint}")
    raise SourceError(f"{name}: in het manifest is {faults[0]!r} niet te lezen. {_AGAIN}")
