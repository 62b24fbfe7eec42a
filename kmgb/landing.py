"""A delivery -> immutable Parquet and a manifest: geaccepteerd, or in quarantaine with the reasons.

A quarantined delivery never opens or closes an afwijking: unknown is not solved. After a crash at any point a delivery
is there whole or not at all; `clean` takes away what was left halfway.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import polars as pl

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.errors import LandingError
from kmgb.mapping.model import EntiteitMapping, Mapping
from kmgb.mapping.values import FOLDER_HINT, is_folder_name
from kmgb.sources.delivered import Limits, RefusedError
from kmgb.sources.dumps import as_utc, find_dump, moment_in_name
from kmgb.sources.entity import LookedUp, read_entity
from kmgb.sources.read import reading

__all__ = ["Landed", "LookedUp", "Manifest", "clean", "find_dump", "land", "last_accepted", "manifests", "open_landed"]

Status = Literal["geaccepteerd", "quarantaine"]
FAULTY_PERCENT = 5.0
_BUSY = ".bezig-"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one delivery was. `id` follows from content, afnemer, entity, peildatum and how it was read.

    `columns` are all delivered columns, `kept` those in the Parquet, `filled` those of `kept` with any value.
    `reasons` say in Dutch why it is in quarantaine. Times are aware and in UTC.
    """

    id: str
    afnemer: str
    entity: str
    file: str
    sha256: str
    size: int
    rows: int
    faulty_rows: int
    columns: tuple[str, ...]
    kept: tuple[str, ...]
    filled: tuple[str, ...]
    peildatum: datetime
    peildatum_from: str
    arrived: datetime
    reader: dict[str, Any]
    lookups: tuple[LookedUp, ...]
    mapping_version: str
    kmgb_version: str
    status: Status
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]

    def to_json(self) -> str:
        """The manifest as JSON text."""
        return json.dumps(asdict(self), default=datetime.isoformat, ensure_ascii=False, indent=2)

    def to_document(self) -> dict[str, Any]:
        """The manifest as JSON values."""
        document: dict[str, Any] = json.loads(self.to_json())
        return document

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The manifest that `to_json` wrote."""
        document = json.loads(text)
        for name in ("columns", "kept", "filled", "reasons", "remarks"):
            document[name] = tuple(document[name])
        for name in ("peildatum", "arrived"):
            document[name] = datetime.fromisoformat(document[name])
        document["lookups"] = tuple(LookedUp(**lookup) for lookup in document["lookups"])
        return cls(**document)


@dataclass(frozen=True, slots=True)
class Landed:
    """A delivery in its folder."""

    manifest: Manifest
    folder: Path

    @property
    def accepted(self) -> bool:
        """True when the delivery may be compared."""
        return self.manifest.status == "geaccepteerd"

    @property
    def frame(self) -> pl.LazyFrame:
        """The rows as delivered. Raises: LandingError when the file could not be read and there are none."""
        data = self.folder / "data.parquet"
        if not data.exists():
            reasons = " ".join(self.manifest.reasons)
            raise LandingError(f"{self.manifest.file}: deze aanlevering heeft geen gegevens. {reasons}")
        return pl.scan_parquet(data, glob=False)


def land(
    source: Path,
    mapping: Mapping,
    entity: str,
    folder: Path,
    *,
    now: datetime,
    limits: Limits,
    band: float,
    peildatum: datetime | None = None,
    dumps: Path | None = None,
    zone: str = "Europe/Amsterdam",
) -> Landed:
    """The delivery of `source` in `folder/<afnemer>/<entity>/<id>`; an accepted one that is already there as it is.

    `band`: percent fewer rows than the last accepted one that is still accepted (`bandbreedte` of the entity wins).
    `dumps`: where the files of lookups are sought, by default beside `source`. `zone`: of moments without one.
    Raises: SourceError when the file or that of a lookup is not there; LandingError on a name that cannot be a folder.
    """
    plan = mapping.entiteit[entity]
    home = _home(folder, mapping.naam, entity)
    home.mkdir(parents=True, exist_ok=True)
    if not source.is_file():
        raise RefusedError(source, "onvindbaar", "het bestand is er niet.", f"Gezocht: {source}.")
    moment, origin = _peildatum(source, plan, peildatum, zone)
    draft = Manifest(
        id="",
        afnemer=mapping.naam,
        entity=entity,
        file=source.name,
        sha256="",
        size=0,
        rows=0,
        faulty_rows=0,
        columns=(),
        kept=(),
        filled=(),
        peildatum=moment,
        peildatum_from=origin,
        arrived=now.astimezone(UTC),
        reader=plan.aanlevering.model_dump(mode="json", exclude_defaults=True),
        lookups=(),
        mapping_version=mapping.version,
        kmgb_version=_version(),
        status="geaccepteerd",
        reasons=(),
        remarks=(),
    )
    busy = Path(tempfile.mkdtemp(prefix=_BUSY, dir=home))
    try:
        site = _Site(home, busy, dumps or source.parent, plan.bandbreedte or band, zone, plan.onveranderd)
        return _land(source, plan, draft, site, limits)
    finally:
        shutil.rmtree(busy, ignore_errors=True)


def manifests(folder: Path, afnemer: str, entity: str) -> list[Manifest]:
    """Every manifest of one entity of one afnemer, newest peildatum first, then newest arrival."""
    paths = _home(folder, afnemer, entity).glob("*/manifest.json")
    found = [Manifest.from_json(path.read_text(encoding="utf-8")) for path in paths if path.parent.name[0] != "."]
    return sorted(found, key=lambda m: (m.peildatum, m.arrived, m.id), reverse=True)


def last_accepted(folder: Path, afnemer: str, entity: str) -> Manifest | None:
    """The accepted delivery with the newest peildatum."""
    return next((m for m in manifests(folder, afnemer, entity) if m.status == "geaccepteerd"), None)


def open_landed(folder: Path, manifest: Manifest) -> Landed:
    """The delivery of this manifest below the folder of all deliveries."""
    return Landed(manifest, _home(folder, manifest.afnemer, manifest.entity) / manifest.id)


def clean(folder: Path) -> int:
    """Take away what crashed runs left halfway; the number of leftovers. Only while nothing is landing."""
    leftovers = list(folder.glob(f"*/*/{_BUSY}*"))
    for leftover in leftovers:
        shutil.rmtree(leftover)
    return len(leftovers)


@dataclass(frozen=True, slots=True)
class _Site:
    """Where one landing takes place, the band it is held to, the zone of its sentences; may it be as it was before?"""

    home: Path
    busy: Path
    dumps: Path
    band: float
    zone: str
    unchanged: bool


def _land(source: Path, plan: EntiteitMapping, draft: Manifest, site: _Site, limits: Limits) -> Landed:
    out = site.busy / "uit"
    out.mkdir()
    try:
        delivered, frame, lookups = read_entity(source, plan, limits, site.busy / "werk", site.dumps)
        kept = tuple(name for name in frame.collect_schema().names() if name not in (ROW, FAULT))
        draft = replace(draft, sha256=delivered.sha256, size=delivered.size, lookups=lookups)
        draft = replace(draft, columns=delivered.columns, kept=kept, remarks=delivered.remarks)
        draft = replace(draft, id=_identity(draft, plan))
        previous = last_accepted(site.home.parent.parent, draft.afnemer, draft.entity)
        known = _known(site.home, draft.id)
        if known is not None and known.accepted:
            if previous is None or draft.peildatum >= previous.peildatum:
                return known
            # What was accepted stays as it is for the runs that compared it; this arrival is refused beside it.
            draft = replace(draft, id=_hash([draft.id, previous.id]))
        with reading(source):
            frame.sink_parquet(out / "data.parquet", compression="zstd", maintain_order=True)
        draft = _count(draft, out / "data.parquet")
        reasons = tuple(_reasons(draft, previous, site))
    except RefusedError as error:
        (out / "data.parquet").unlink(missing_ok=True)
        draft = _refused(source, draft, plan)
        reasons = (str(error),)
    manifest = replace(draft, reasons=reasons, status="quarantaine" if reasons else "geaccepteerd")
    return _publish(manifest, site.home, site.busy)


def _peildatum(source: Path, plan: EntiteitMapping, given: datetime | None, zone: str) -> tuple[datetime, str]:
    """Of which moment the delivery speaks, and where that was found."""
    if given is not None:
        return as_utc(given, zone), "opgegeven"
    if plan.peildatum is not None:
        return as_utc(plan.peildatum, zone), "veldtoewijzing"
    named = moment_in_name(source.name, plan.peildatum_uit_naam)
    if named is not None:
        return as_utc(named, zone), "bestandsnaam"
    return datetime.fromtimestamp(source.stat().st_mtime, UTC), "bestandsdatum"


def _identity(draft: Manifest, plan: EntiteitMapping) -> str:
    """Short and the same for the same delivery. What was read, and how, takes part: a mapping that asks for another
    column needs another landing of the same file."""
    facts = {
        "content": [draft.sha256, *(f"{lookup.name}={lookup.sha256}" for lookup in draft.lookups)],
        "of": [draft.afnemer, draft.entity, draft.peildatum.isoformat()],
        "read": [draft.reader, draft.kept],
        "lookups": {name: lookup.model_dump(mode="json") for name, lookup in plan.opzoeken.items()},
    }
    return _hash(facts)


def _hash(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _count(draft: Manifest, data: Path) -> Manifest:
    """The manifest with the number of rows and faulty rows, and the columns that hold any value."""
    filled = [(pl.col(name).fill_null("") != "").any().alias(name) for name in draft.kept]
    counts = pl.scan_parquet(data, glob=False).select(pl.len().alias(ROW), pl.col(FAULT).count(), *filled)
    row = counts.collect(engine="streaming").row(0, named=True)
    names = tuple(name for name in draft.kept if row[name])
    return replace(draft, rows=row[ROW], faulty_rows=row[FAULT], filled=names)


def _reasons(manifest: Manifest, previous: Manifest | None, site: _Site) -> list[str]:
    """Why the delivery cannot be trusted, in Dutch; none when it can."""
    rows, faulty = manifest.rows, manifest.faulty_rows
    reasons = []
    if rows == 0:
        reasons.append("De aanlevering heeft geen rijen.")
    elif faulty * 100 > rows * FAULTY_PERCENT:
        reasons.append(f"{faulty} van {rows} rijen zijn niet goed te lezen (meer dan {FAULTY_PERCENT:g} %).")
    return reasons if previous is None else [*reasons, *_changes(manifest, previous, site)]


def _changes(manifest: Manifest, previous: Manifest, site: _Site) -> Iterator[str]:
    """What makes the delivery suspect beside the last accepted one."""
    if manifest.rows < previous.rows * (100 - site.band) / 100:
        yield f"{manifest.rows} rijen; de vorige keer {previous.rows}. Dat is meer dan {site.band:g} % minder."
    yield from _older(manifest, previous, site.zone)
    same = manifest.sha256 == previous.sha256 and _lookup_content(manifest) == _lookup_content(previous)
    if same and manifest.peildatum > previous.peildatum and not site.unchanged:
        yield (
            "De inhoud is gelijk aan de vorige geaccepteerde aanlevering, maar de peildatum is nieuwer. "
            "Kan dat bij deze entiteit, zet dan onveranderd = true in de veldtoewijzing."
        )
    emptied = [name for name in previous.filled if name in manifest.kept and name not in manifest.filled]
    if emptied and manifest.rows:
        yield f"Eerder gevuld en nu geheel leeg: {', '.join(map(repr, emptied))}."


def _older(manifest: Manifest, previous: Manifest, zone: str) -> Iterator[str]:
    if manifest.peildatum < previous.peildatum:
        day = previous.peildatum.astimezone(ZoneInfo(zone))
        yield f"De peildatum ligt voor die van de vorige geaccepteerde aanlevering ({day:%Y-%m-%d})."


def _lookup_content(manifest: Manifest) -> list[str]:
    return [lookup.sha256 for lookup in manifest.lookups]


def _publish(manifest: Manifest, home: Path, busy: Path) -> Landed:
    """Put the finished folder in its place in one step. A quarantined one gives way when the verdict has changed."""
    out, target = busy / "uit", home / manifest.id
    known = _known(home, manifest.id)
    if known is not None:
        if (known.manifest.status, known.manifest.reasons) == (manifest.status, manifest.reasons):
            return known
        target.rename(busy / "oud")
    (out / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    for path in (*out.iterdir(), out):
        _sync(path)
    out.rename(target)
    _sync(home)
    return Landed(manifest, target)


def _known(home: Path, identity: str) -> Landed | None:
    path = home / identity / "manifest.json"
    return Landed(Manifest.from_json(path.read_text(encoding="utf-8")), path.parent) if path.exists() else None


def _version() -> str:
    """The version of the installed package; a checkout that is not installed has none to promise."""
    with suppress(PackageNotFoundError):
        return version("kmgb")
    return "niet geïnstalleerd"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _home(folder: Path, afnemer: str, entity: str) -> Path:
    for name in (afnemer, entity):
        if not is_folder_name(name):
            raise LandingError(f"{name!r} kan geen naam van een map zijn. {FOLDER_HINT}")
    return folder / afnemer / entity


def _refused(source: Path, draft: Manifest, plan: EntiteitMapping) -> Manifest:
    """The manifest of a delivery that could not be read: what it was is known all the same, be it empty."""
    if draft.id:
        return draft
    with source.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    draft = replace(draft, sha256=sha256, size=source.stat().st_size)
    return replace(draft, id=_identity(draft, plan))
