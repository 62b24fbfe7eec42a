"""The distribution side of one round: landed, made ready and logged once per entity, for all applications together."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from kmgb.catalogue.fields import Entity
from kmgb.crosscheck.tables import Table
from kmgb.errors import KmgbError, SourceError
from kmgb.fetch.fetched import Fetched
from kmgb.landing import Landed, Manifest, find_dump, last_accepted
from kmgb.mapping.model import EntiteitMapping, Mapping
from kmgb.run.municipality import Municipality
from kmgb.run.mutations import keep_mutations
from kmgb.run.plan import comparison_key
from kmgb.run.prepare import Prepared, prepare
from kmgb.run.pull import land_file, last_landed, newest
from kmgb.sources.dumps import as_utc, earlier_dumps


@dataclass
class Distributie:
    """What every controle of a round shares. Nothing is landed or made ready before somebody asks for it."""

    municipality: Municipality
    now: datetime
    _begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    _landed: dict[tuple[str, str], Landed] = field(default_factory=dict)
    _ready: dict[tuple[str, tuple[str, ...], bool], Prepared] = field(default_factory=dict)
    _warnings: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    @property
    def times(self) -> tuple[datetime, datetime]:
        """When this round began (`now`), and what its clock shows at this moment."""
        return self.now, self.now + (datetime.now(UTC) - self._begun)

    def land(self, mapping: Mapping, entity: str) -> Landed:
        """The aanlevering of this entity. Raises: KmgbError when there is none."""
        name = (mapping.naam, entity)
        if entity not in mapping.entiteit:
            raise SourceError(
                f"{mapping.path.name}: de distributie levert geen {entity}; voeg [entiteit.{entity}] toe."
            )
        if name not in self._landed:
            self._catch_up(mapping, entity)
            self._landed[name] = land_newest(self.municipality, mapping, entity, self.now)
        return self._landed[name]

    def ready(self, mapping: Mapping, entity: Entity, afnemer: EntiteitMapping | None = None) -> Prepared:
        """The landed aanlevering by the key of this application, or by its own."""
        rules, landed = mapping.entiteit[entity.name], self.land(mapping, entity.name)
        by = afnemer or rules
        key, history = comparison_key(entity, by), by.historie == "historie"
        known = (landed.manifest.id, key, history)
        if known not in self._ready:
            self._ready[known] = make_ready(self.municipality, landed, rules, entity, key=key, history=history)
        return self._ready[known]

    def forget(self, mapping: Mapping, entity: str) -> None:
        """Let go of the rows of this aanlevering: nobody will ask for them again."""
        landed = self._landed.get((mapping.naam, entity))
        if landed is not None:
            self._ready = {known: side for known, side in self._ready.items() if known[0] != landed.manifest.id}

    def keep_mutations(self, mapping: Mapping, entity: Entity) -> tuple[str, ...]:
        """Log what changed since the last time, once; what went wrong with that, in Dutch."""
        name = (mapping.naam, entity.name)
        if name not in self._warnings:
            landed = self.land(mapping, entity.name)
            ready = self.ready(mapping, entity) if landed.accepted else None
            self._warnings[name] = tuple(keep_mutations(self.municipality, mapping, entity.name, landed, ready))
        return self._warnings[name]

    def _catch_up(self, mapping: Mapping, entity: str) -> None:
        """Land the dumps that came since the last round beside the newest, oldest first: the log then misses no step.

        What cannot be landed is a gap in the log, which is told there.
        """
        settings, plan = self.municipality.settings, mapping.entiteit[entity]
        if plan.bron is not None:
            return  # the source gives every file that is due
        last = last_accepted(self.municipality.landing, mapping.naam, entity)
        since = self.now - timedelta(days=settings.mutation_days)
        if last is not None:
            since = max(since, last.peildatum)
        for moment, path in earlier_dumps(settings.dumps, plan.bestand, plan.peildatum_uit_naam):
            if as_utc(moment, settings.timezone) > since:
                with suppress(KmgbError):
                    land_dump(self.municipality, mapping, entity, self.now, path)

    def register(self, mapping: Mapping, entity: Entity) -> Table | None:
        """The objects of this entity as they are now, for references to lead to; None when there is no aanlevering."""
        rules = mapping.entiteit.get(entity.name)
        if rules is None:
            return None
        try:
            landed = self.land(mapping, entity.name)
        except KmgbError:
            return None  # the controle of that entity says so itself
        if not landed.accepted:
            return None
        current = rules if rules.historie != "historie" else rules.model_copy(update={"historie": "actueel"})
        side = self.ready(mapping, entity, current).side
        return Table(side.accepted, current.sleutel, side.rejected, rules.volledig)


def land_newest(municipality: Municipality, mapping: Mapping, entity: str, now: datetime) -> Landed:
    """The aanlevering that a controle compares: from the source of this entity, else the newest dump in the folder.

    Raises: SourceError, SettingsError.
    """
    if mapping.entiteit[entity].bron is not None:
        return newest(municipality, mapping, entity, now)
    return land_dump(municipality, mapping, entity, now)


def land_dump(
    municipality: Municipality,
    mapping: Mapping,
    entity: str,
    now: datetime,
    path: Path | None = None,
    *,
    peildatum: datetime | None = None,
) -> Landed:
    """The dump in `path` landed; by default the newest of this entity, or the newest that was pushed.

    Raises: SourceError when the mapping names none, or it is not there.
    """
    settings, plan = municipality.settings, mapping.entiteit[entity]
    if path is None and not plan.bestand:
        return _pushed(municipality, mapping, entity)
    chosen = path or find_dump(settings.dumps, plan.bestand, plan.peildatum_uit_naam)
    return land_file(municipality, mapping, entity, now, Fetched(chosen, peildatum), peildatum_from="opgegeven")


def _pushed(municipality: Municipality, mapping: Mapping, entity: str) -> Landed:
    """What the supplier pushed last, by peildatum: it has been landed already. Raises: SourceError."""
    if mapping.afnemer.aanleveren is None:
        what = f"{mapping.path.name}: entiteit.{entity} noemt geen bestand en geen bron. Vul een van beide in."
        raise SourceError(what)
    last = last_landed(municipality, mapping, entity)
    if last is None:
        what = f"{mapping.naam} heeft nog geen {entity} aangeleverd. Vraag de leverancier om de aanlevering."
        raise SourceError(what)
    return last


def make_ready(
    municipality: Municipality,
    landed: Landed,
    mapping: EntiteitMapping,
    entity: Entity,
    *,
    key: tuple[str, ...],
    history: bool,
) -> Prepared:
    """A landed aanlevering as one side of a comparison."""
    day = day_of(municipality, landed.manifest)
    return prepare(landed.frame, mapping, entity, municipality.catalogue, key=key, history=history, day=day)


def day_of(municipality: Municipality, manifest: Manifest) -> date:
    """The day an aanlevering speaks of, as people here name it."""
    return manifest.peildatum.astimezone(ZoneInfo(municipality.settings.timezone)).date()
