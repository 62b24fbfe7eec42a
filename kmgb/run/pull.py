"""From the source of an entity to its aanleveringen: fetched once for everybody who asks, landed, then tidied up there.

One process at a time fetches an entity of an afnemer. Who had to wait takes what the other fetched; so does a controle
that asks shortly after, so that all controles of a round speak of the same moment. After a crash the lock is free, and
what was fetched halfway is gone on with or thrown away by the source's own rules.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from filelock import FileLock

from kmgb.arrival.profile import Profiler
from kmgb.errors import KmgbError, SourceError
from kmgb.fetch.bron import fetch
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.folder import watch_folder
from kmgb.fetch.transfer import PART, NothingNewError, Terms, no_progress
from kmgb.landing import Landed, land, manifests, open_landed
from kmgb.mapping.bronnen.database import DatabaseBron
from kmgb.mapping.bronnen.overdracht import MapBron
from kmgb.mapping.model import Bron, Mapping
from kmgb.run.municipality import Municipality
from kmgb.sources.lookup import own_columns

Progress = Callable[[str, int, int], None]
_STATE, _SLOT = "opgehaald.json", ".slot"
_REFUSED = "geweigerd"


@dataclass(frozen=True, slots=True)
class Pulled:
    """The aanleveringen, oldest first. `shared`: another fetched them. `remarks`: what went wrong afterwards."""

    landed: tuple[Landed, ...]
    shared: bool = False
    remarks: tuple[str, ...] = ()


def pull(
    municipality: Municipality,
    mapping: Mapping,
    entity: str,
    now: datetime,
    *,
    fresh: timedelta = timedelta(0),
    progress: Progress = no_progress,
) -> Pulled:
    """What is due at the source of this entity, landed.

    `fresh`: what was fetched no longer than this before `now` will do. `progress` hears a name, how much came and how
    much there is (0: unknown; of a database the rows).
    Raises: SourceError when nothing could be fetched; SettingsError when a secret is missing or there is no source.
    """
    bron = mapping.entiteit[entity].bron
    if bron is None:
        raise SourceError(f"{mapping.path.name}: entiteit.{entity} heeft geen bron om op te halen. Voeg [bron] toe.")
    home = municipality.settings.data / "ophalen" / mapping.naam / entity
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    asked = datetime.now(UTC)
    with FileLock(home / _SLOT):
        known = _fetched_before(municipality, mapping, entity, home, asked=asked, now=now, fresh=fresh)
        if known:
            return Pulled(known, shared=True)
        _sweep(home)
        plan, profiler = mapping.entiteit[entity], _profiler(municipality, mapping, entity, now)
        by = replace(terms(municipality, progress), seen=profiler.count if profiler is not None else None)
        fetched = fetch(bron, plan, f"{mapping.naam}_{entity}", home, by)
        pulled = _landed(municipality, mapping, entity, fetched, home, now, profiler)
        _note(home, mapping, now, pulled)
    return pulled


def watch(
    municipality: Municipality, mapping: Mapping, entity: str, stop: threading.Event
) -> Iterator[Pulled | KmgbError]:
    """What comes in at the drop folder of this entity, as soon as it is whole, until `stop` is set.

    What goes wrong is given, and watching goes on.
    """
    bron, plan = mapping.entiteit[entity].bron, mapping.entiteit[entity]
    assert isinstance(bron, MapBron), "only a folder can be watched"

    def take() -> list[Pulled]:
        return [pull(municipality, mapping, entity, datetime.now(UTC))]

    yield from watch_folder(bron, plan, stop, take, terms=terms(municipality))


def newest(municipality: Municipality, mapping: Mapping, entity: str, now: datetime) -> Landed:
    """The aanlevering a controle compares: from the source, or the last that came when there is nothing newer there.

    Raises: SourceError, SettingsError as `pull`.
    """
    fresh = timedelta(minutes=municipality.settings.fresh_minutes)
    try:
        return pull(municipality, mapping, entity, now, fresh=fresh).landed[-1]
    except NothingNewError:
        known = manifests(municipality.landing, mapping.naam, entity)
        if not known:
            raise
        return open_landed(municipality.landing, known[0])


def terms(municipality: Municipality, progress: Progress = no_progress) -> Terms:
    """By which terms this municipality fetches."""
    settings = municipality.settings
    return Terms(settings.secrets, municipality.limits, settings.timezone, progress)


def _sweep(home: Path) -> None:
    """Take away what a process left that was killed or could not land it: the source still has it. What goes on where
    it broke off (`.deel-`) stays; nobody else is fetching here.
    """
    for left in home.iterdir():
        if left.is_file() and left.name not in (_STATE, _SLOT) and not left.name.startswith(PART):
            left.unlink()


def _landed(
    municipality: Municipality,
    mapping: Mapping,
    entity: str,
    fetched: list[Fetched],
    home: Path,
    now: datetime,
    profiler: Profiler | None,
) -> Pulled:
    """Each is landed before the source hears that it may move or delete it; what cannot be read is kept as it came."""
    bron = mapping.entiteit[entity].bron
    landed, remarks = [], []
    for one in fetched:
        came = land_file(municipality, mapping, entity, now, one, live=_is_live(bron), profiler=profiler)
        landed.append(came)
        if came.has_data:
            one.path.unlink(missing_ok=True)
        else:
            (home / _REFUSED).mkdir(exist_ok=True, mode=0o700)
            shutil.move(one.path, home / _REFUSED / f"{came.manifest.id}-{one.path.name}")
        try:
            one.done()
        except KmgbError as error:
            remarks.append(f"{one.path.name} is binnen, maar niet opgeruimd bij de bron. {error}")
    return Pulled(tuple(landed), remarks=tuple(remarks))


def _profiler(municipality: Municipality, mapping: Mapping, entity: str, now: datetime) -> Profiler | None:
    """Only a database shows its rows while they come. A peildatum of another day than `now` wants another profile."""
    plan = mapping.entiteit[entity]
    if not _is_live(plan.bron):
        return None
    names = tuple(own_columns(plan))
    return Profiler(names, plan, entity, now.astimezone(ZoneInfo(municipality.settings.timezone)).date())


def _is_live(bron: Bron | None) -> bool:
    """A database is read now, so what it holds cannot be an old file that is sent once more."""
    return isinstance(bron, DatabaseBron)


def land_file(
    municipality: Municipality,
    mapping: Mapping,
    entity: str,
    now: datetime,
    one: Fetched,
    *,
    peildatum_from: str = "bron",
    live: bool = False,
    profiler: Profiler | None = None,
) -> Landed:
    """A file of this entity, landed by the terms of this municipality. Raises: as `land`."""
    settings = municipality.settings
    return land(
        one.path,
        mapping,
        entity,
        municipality.landing,
        now=now,
        limits=municipality.limits,
        band=settings.quarantine_drop,
        peildatum=one.peildatum,
        peildatum_from=peildatum_from,
        dumps=settings.dumps,
        zone=settings.timezone,
        remarks=one.remarks,
        formaat=one.formaat,
        prepared=one.prepared,
        live=live,
        profiler=profiler,
    )


def _fetched_before(
    municipality: Municipality,
    mapping: Mapping,
    entity: str,
    home: Path,
    *,
    asked: datetime,
    now: datetime,
    fresh: timedelta,
) -> tuple[Landed, ...]:
    """What another fetched while we waited, or so lately that it will do; empty when we must fetch ourselves."""
    try:
        state = json.loads((home / _STATE).read_text(encoding="utf-8"))
        finished, round_of = datetime.fromisoformat(state["klaar"]), datetime.fromisoformat(state["ronde"])
    except (OSError, ValueError, KeyError):
        return ()
    if finished > datetime.now(UTC):  # written by a clock that was ahead
        return ()
    if finished < asked and not timedelta(0) <= now - round_of < fresh:
        return ()
    if state.get("veldtoewijzing") != mapping.version:  # it may ask for other columns by now
        return ()
    known = {manifest.id: manifest for manifest in manifests(municipality.landing, mapping.naam, entity)}
    found = [known[number] for number in state["aanleveringen"] if number in known]
    if len(found) < len(state["aanleveringen"]):
        return ()
    return tuple(open_landed(municipality.landing, manifest) for manifest in found)


def _note(home: Path, mapping: Mapping, now: datetime, pulled: Pulled) -> None:
    facts = {
        "veldtoewijzing": mapping.version,
        "ronde": now.astimezone(UTC).isoformat(),
        "klaar": datetime.now(UTC).isoformat(),
        "aanleveringen": [one.manifest.id for one in pulled.landed],
    }
    busy = home / f"{_STATE}.nieuw"
    busy.write_text(json.dumps(facts), encoding="utf-8")
    busy.replace(home / _STATE)
