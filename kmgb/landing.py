"""A delivery -> immutable Parquet and a manifest: geaccepteerd, or in quarantaine with the reasons.

A quarantined delivery never opens or closes an afwijking: unknown is not solved. After a crash at any point a delivery
is there whole or not at all; what was left halfway is taken away by a later landing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
from filelock import FileLock

from kmgb.arrival.band import band as band_of
from kmgb.arrival.changes import Beside, signals
from kmgb.arrival.decisions import decisions
from kmgb.arrival.manifest import (
    MANIFEST_FILE,
    Manifest,
    home_of,
    last_accepted,
    manifests,
    standing,
    stored_manifests,
)
from kmgb.arrival.profile import PROFILE_FILE, Profile, Profiler, load_profile, profile_columns
from kmgb.arrival.signals import Signal, of_refusal
from kmgb.arrival.written import written_in
from kmgb.catalogue.columns import FAULT, ROW
from kmgb.disk import sync
from kmgb.errors import DISK_FULL, KmgbError, LandingError, NoRoomError
from kmgb.mapping.model import EntiteitMapping, Formaat, Mapping
from kmgb.sources.delivered import Limits, RefusedError, fingerprint
from kmgb.sources.dumps import as_utc, find_dump, moment_in_name
from kmgb.sources.entity import LookedUp, read_entity
from kmgb.sources.read import reading

__all__ = ["Landed", "LookedUp", "Manifest", "find_dump", "land", "last_accepted", "manifests", "open_landed"]

DATA_FILE = "data.parquet"
_BUSY = ".bezig-"
_LONGEST = 24 * 3600  # seconds


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
    def written(self) -> Manifest:
        """The manifest as it was written when the delivery came."""
        return Manifest.from_json((self.folder / MANIFEST_FILE).read_text(encoding="utf-8"))

    @property
    def released(self) -> bool:
        """True when a person let it out of quarantaine."""
        return self.accepted and self.written.status == "quarantaine"

    @property
    def has_data(self) -> bool:
        """False when the file could not be read: there is nothing to compare, whatever anyone decides."""
        return (self.folder / DATA_FILE).exists()

    @property
    def frame(self) -> pl.LazyFrame:
        """The rows as delivered. Raises: LandingError when the file could not be read and there are none."""
        if not self.has_data:
            reasons = " ".join(self.manifest.reasons)
            raise LandingError(f"{self.manifest.file}: deze aanlevering heeft geen gegevens. {reasons}")
        return pl.scan_parquet(self.folder / DATA_FILE, glob=False)


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
    peildatum_from: str = "opgegeven",
    dumps: Path | None = None,
    zone: str = "Europe/Amsterdam",
    remarks: tuple[str, ...] = (),
    formaat: Formaat | None = None,
    prepared: Sequence[str] = (),
    live: bool = False,
    profiler: Profiler | None = None,
) -> Landed:
    """The delivery of `source` in `folder/<afnemer>/<entity>/<id>`; an accepted one that is already there as it is.

    `band`: percent fewer rows than the last accepted one that is still accepted, until enough deliveries came to learn
    from; `bandbreedte` of the entity wins. Beside the manifest stands the profile of its columns (`profiel.json`).
    `dumps`: where the files of lookups are sought, by default beside `source`. `zone`: of moments without one.
    `peildatum`, when it is known to whoever brings the file, and `peildatum_from`, who that is.
    `remarks`: what the source had to say about the file, for the manifest. `formaat`: what the source made of it,
    whatever the mapping says. `prepared`: see `read_prepared`; such a file becomes the data as it is. `live`: it was
    read from the application itself, where the same content as before is no sign of an old file. `profiler`: one that
    was fed all rows already, as long as it speaks of the same columns and day.
    Raises: SourceError when the file or that of a lookup is not there; LandingError on a name that cannot be a folder.
    """
    plan = mapping.entiteit[entity]
    if formaat is not None:
        plan = plan.model_copy(
            update={"aanlevering": plan.aanlevering.model_copy(update={"formaat": formaat, "codering": "utf-8"})}
        )
    home = home_of(folder, mapping.naam, entity)
    home.mkdir(parents=True, exist_ok=True)
    _sweep(home)
    if not source.is_file():
        raise RefusedError(source, "onvindbaar", "het bestand is er niet.", f"Gezocht: {source}.")
    given = None if peildatum is None else (as_utc(peildatum, zone), peildatum_from)
    moment, origin = given or _peildatum(source, plan, zone)
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
        remarks=remarks,
    )
    busy = Path(tempfile.mkdtemp(prefix=_BUSY, dir=home))
    try:
        unchanged = plan.onveranderd or live
        site = _Site(home, busy, dumps or source.parent, band, zone, unchanged, tuple(prepared), profiler)
        # Two who land the same dump at the same moment would both find that it is not there yet.
        with FileLock(home.with_name(f".{entity}.slot")):
            return _land(source, plan, draft, site, limits)
    except OSError as error:
        raise _not_written(error, source, folder) from None
    finally:
        shutil.rmtree(busy, ignore_errors=True)


def open_landed(folder: Path, manifest: Manifest) -> Landed:
    """The delivery of this manifest below the folder of all deliveries."""
    return Landed(manifest, home_of(folder, manifest.afnemer, manifest.entity) / manifest.id)


def _sweep(home: Path) -> None:
    """Take away what crashed landings left halfway here. No landing takes a day, so what is younger may be at work."""
    for left in home.glob(f"{_BUSY}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _LONGEST:
                shutil.rmtree(left)


def _not_written(error: OSError, source: Path, folder: Path) -> KmgbError:
    if error.errno in DISK_FULL:
        return NoRoomError()
    reason = os.strerror(error.errno or 0)
    return LandingError(f"{source.name}: vastleggen in {folder} lukt niet ({reason}). Controleer de rechten.")


@dataclass(frozen=True, slots=True)
class _Site:
    """Where one landing takes place and by which terms: band, zone of sentences, may it be the same as before.

    `prepared`: the columns at the source of a file that is the data already; empty for any other.
    """

    home: Path
    busy: Path
    dumps: Path
    band: float
    zone: str
    unchanged: bool
    prepared: tuple[str, ...]
    profiler: Profiler | None


def _land(source: Path, plan: EntiteitMapping, draft: Manifest, site: _Site, limits: Limits) -> Landed:
    out = site.busy / "uit"
    out.mkdir()
    try:
        scratch = site.busy / "werk"
        delivered, frame, lookups = read_entity(source, plan, limits, scratch, site.dumps, site.prepared)
        kept = tuple(name for name in frame.collect_schema().names() if name not in (ROW, FAULT))
        draft = replace(draft, sha256=delivered.sha256, size=delivered.size, lookups=lookups)
        draft = replace(draft, columns=delivered.columns, kept=kept, remarks=(*draft.remarks, *delivered.remarks))
        draft = replace(draft, id=_identity(draft, plan))
        previous = last_accepted(site.home.parent.parent, draft.afnemer, draft.entity)
        known = _known(site.home, draft.id)
        if known is not None and known.accepted:
            if known.released or previous is None or draft.peildatum >= previous.peildatum:
                return known
            # What was accepted stays as it is for the runs that compared it; this arrival is refused beside it.
            draft = replace(draft, id=_hash([draft.id, previous.id]))
        elif known is not None and known.written.status == "geaccepteerd":
            return known  # rejected after runs had compared it: it stays as it is for them, and out for the next
        if site.prepared and not lookups:
            _adopt(source, out / DATA_FILE)
        else:
            with reading(source):
                frame.sink_parquet(out / DATA_FILE, compression="zstd", maintain_order=True)
        draft, profile = _judged(source, plan, draft, previous, site)
    except RefusedError as error:
        (out / DATA_FILE).unlink(missing_ok=True)
        draft = _refused(source, draft, plan)
        profile = Profile(0, "", (), None, "", (of_refusal(error.reason, str(error)),))
    reasons = tuple(signal.sentence for signal in profile.signals if signal.refuses)
    manifest = replace(draft, reasons=reasons, status="quarantaine" if reasons else "geaccepteerd")
    return _publish(manifest, profile, site.home, site.busy)


def _adopt(source: Path, data: Path) -> None:
    """The file under another name; a copy where the two are not on one disk."""
    try:
        os.link(source, data)
    except OSError:
        shutil.copyfile(source, data)


def _judged(
    source: Path, plan: EntiteitMapping, draft: Manifest, previous: Manifest | None, site: _Site
) -> tuple[Manifest, Profile]:
    """The manifest with what was counted, and the profile with all that is noteworthy beside the last accepted one."""
    data = site.busy / "uit" / DATA_FILE
    day = draft.peildatum.astimezone(ZoneInfo(site.zone)).date()
    ready = site.profiler
    if ready is not None and (ready.names, ready.today) == (frozenset(draft.kept), day):
        columns = ready.finish(data, draft.kept)
    else:
        columns = profile_columns(data, draft.kept, plan, draft.entity, day)
    counts = pl.scan_parquet(data, glob=False).select(pl.len().alias(ROW), pl.col(FAULT).count())
    rows, faulty = counts.collect(engine="streaming").row(0)
    filled = tuple(column.name for column in columns if column.distinct)
    draft = replace(draft, rows=rows, faulty_rows=faulty, filled=filled, data_sha256=fingerprint(data)[0])
    encoding = written_in(source)
    beside = None if previous is None else _beside(previous, plan, site)
    found: tuple[Signal, ...] = tuple(signals(draft, columns, encoding, beside))
    band = None if beside is None else beside.band
    return draft, Profile(rows, encoding, columns, band, previous.id if previous else "", found)


def _beside(previous: Manifest, plan: EntiteitMapping, site: _Site) -> Beside:
    # What a person let through was out of the ordinary, what was rejected is not trusted: the band learns from neither.
    known, decided = stored_manifests(site.home), decisions(site.home)
    accepted = [one.rows for one in known if one.status == "geaccepteerd" and one.id not in decided]
    return Beside(
        previous,
        load_profile(site.home / previous.id),
        band_of(plan.bandbreedte, site.band, accepted),
        site.zone,
        site.unchanged,
    )


def _peildatum(source: Path, plan: EntiteitMapping, zone: str) -> tuple[datetime, str]:
    """Of which moment the delivery speaks when nobody says so, and where that was found."""
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


def _publish(manifest: Manifest, profile: Profile, home: Path, busy: Path) -> Landed:
    """Put the finished folder in its place in one step. A quarantined one gives way when the verdict has changed."""
    out, target = busy / "uit", home / manifest.id
    known = _known(home, manifest.id)
    if known is not None:
        if (known.written.status, known.written.reasons) == (manifest.status, manifest.reasons):
            return known
        target.rename(busy / "oud")
    (out / PROFILE_FILE).write_text(profile.to_json(), encoding="utf-8")
    (out / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
    for path in (*out.iterdir(), out):
        sync(path)
    out.rename(target)
    sync(home)
    return _decided(manifest, home)


def _known(home: Path, identity: str) -> Landed | None:
    path = home / identity / MANIFEST_FILE
    return _decided(Manifest.from_json(path.read_text(encoding="utf-8")), home) if path.exists() else None


def _decided(manifest: Manifest, home: Path) -> Landed:
    """A delivery with what people decided about it, which the manifest itself does not tell."""
    return Landed(standing(manifest, decisions(home).get(manifest.id)), home / manifest.id)


def _version() -> str:
    """The version of the installed package; a checkout that is not installed has none to promise."""
    with suppress(PackageNotFoundError):
        return version("kmgb")
    return "niet geïnstalleerd"


def _refused(source: Path, draft: Manifest, plan: EntiteitMapping) -> Manifest:
    """The manifest of a delivery that could not be read: what it was is known all the same, be it empty."""
    if draft.id:
        return draft
    with source.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    draft = replace(draft, sha256=sha256, size=source.stat().st_size)
    return replace(draft, id=_identity(draft, plan))
