"""One check from door to door: land both sides, prepare, compare, explain, write the history."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import Any
from zoneinfo import ZoneInfo

from kmgb.catalogue.fields import Entity
from kmgb.compare.comparison import Comparison
from kmgb.errors import KmgbError, SourceError
from kmgb.explain import clusters
from kmgb.landing import Landed, Manifest, find_dump, land
from kmgb.mapping.model import EntiteitMapping, Mapping
from kmgb.run.coverage import FieldCoverage, coverage
from kmgb.run.municipality import Municipality
from kmgb.run.outcome import compare_prepared
from kmgb.run.plan import comparison_key, comparison_plan
from kmgb.run.prepare import Prepared, prepare
from kmgb.store.findings import NOTHING_CHANGED, Changes
from kmgb.store.runs import DONE, QUARANTINE, NewRun, StoredDelivery

# Raised by hand when the rules of comparing change in a way that can change an outcome; kept with every run.
RULE_VERSION = "2026.1"
FAILED = "mislukt"


@dataclass(frozen=True, slots=True)
class Result:
    """How one controle ended. `comparison` is None in quarantaine or after an error; `reasons` then say why."""

    afnemer: str
    entity: str
    status: str
    run_id: int | None = None
    comparison: Comparison | None = None
    changes: Changes = NOTHING_CHANGED
    reasons: tuple[str, ...] = ()
    error: KmgbError | None = None

    @property
    def findings(self) -> int:
        """The number of findings that are open now."""
        return 0 if self.comparison is None else self.comparison.findings.height


@dataclass
class _Distributie:
    """The distribution side, landed and prepared once per entity and peildatum for all applications together."""

    municipality: Municipality
    now: datetime
    landed: dict[tuple[str, str], Landed] = field(default_factory=dict)
    prepared: dict[tuple[str, tuple[str, ...], bool], Prepared] = field(default_factory=dict)

    def land(self, mapping: Mapping, entity: str) -> Landed:
        key = (mapping.naam, entity)
        if key not in self.landed:
            self.landed[key] = _land(self.municipality, mapping, entity, self.now)
        return self.landed[key]

    def prepare(self, landed: Landed, mapping: EntiteitMapping, entity: Entity, afnemer: EntiteitMapping) -> Prepared:
        key, history = comparison_key(entity, afnemer), afnemer.historie == "historie"
        known = (landed.manifest.id, key, history)
        if known not in self.prepared:
            self.prepared[known] = _prepare(self.municipality, landed, mapping, entity, key, history)
        return self.prepared[known]


def controles(
    municipality: Municipality, afnemers: Collection[str] = (), entities: Collection[str] = ()
) -> list[tuple[Mapping, str]]:
    """The controles of these applications and entities (default all). Raises: KmgbError on a wrong name."""
    for entity in entities:
        municipality.catalogue[entity]
    chosen = [municipality.afnemer(name) for name in afnemers or municipality.afnemers]
    return [(mapping, name) for mapping in chosen for name in mapping.entiteit if not entities or name in entities]


def check(
    municipality: Municipality,
    afnemers: Collection[str] = (),
    entities: Collection[str] = (),
    *,
    now: datetime,
) -> Iterator[Result]:
    """Run the controles of these applications (default all) and give each result as it comes.

    One application's failure never stops another's run: an expected error becomes a result with its sentence.
    Raises: KmgbError when nothing can be run at all (unusable mappings, unknown names, no database).
    """
    shared = _Distributie(municipality, now)
    for mapping, entity in controles(municipality, afnemers, entities):
        try:
            yield _controle(municipality, shared, mapping, entity, now)
        except KmgbError as error:
            yield Result(mapping.naam, entity, FAILED, reasons=(str(error),), error=error)


def _controle(municipality: Municipality, shared: _Distributie, mapping: Mapping, entity: str, now: datetime) -> Result:
    source = municipality.distributie(mapping)
    if entity not in source.entiteit:
        raise SourceError(f"{source.path.name}: de distributie levert geen {entity}; voeg [entiteit.{entity}] toe.")
    ours, theirs = shared.land(source, entity), _land(municipality, mapping, entity, now)
    facts = _facts(municipality, source, mapping, municipality.catalogue[entity])
    landed = [ours, theirs]
    refused = [side for side in landed if not side.accepted]
    if refused:
        new = _new_run(mapping, entity, QUARANTINE, now, landed, facts, {})
        run_id, _ = municipality.history.write(new, [_stored(side.manifest) for side in landed], None, None)
        reasons = tuple(reason for side in refused for reason in side.manifest.reasons)
        return Result(mapping.naam, entity, QUARANTINE, run_id, reasons=reasons)
    comparison = _compare(municipality, shared, (source, ours), (mapping, theirs), entity)
    new = _new_run(mapping, entity, DONE, now, landed, facts, _outcome(comparison))
    stored = [_stored(side.manifest) for side in landed]
    run_id, changes = municipality.history.write(new, stored, comparison.findings, clusters(comparison.findings))
    return Result(mapping.naam, entity, DONE, run_id, comparison, changes)


def _compare(
    municipality: Municipality,
    shared: _Distributie,
    distributie: tuple[Mapping, Landed],
    afnemer: tuple[Mapping, Landed],
    entity_name: str,
) -> Comparison:
    catalogue, entity = municipality.catalogue, municipality.catalogue[entity_name]
    ours, theirs = (mapping.entiteit[entity_name] for mapping, _ in (distributie, afnemer))
    left = shared.prepare(distributie[1], ours, entity, theirs)
    key, history = comparison_key(entity, theirs), theirs.historie == "historie"
    right = _prepare(municipality, afnemer[1], theirs, entity, key, history)
    day = _day(municipality, distributie[1].manifest)
    plan = comparison_plan(catalogue, entity, ours, theirs, coverage(entity, ours, theirs), day)
    return compare_prepared(left, right, plan)


def _land(municipality: Municipality, mapping: Mapping, entity: str, now: datetime) -> Landed:
    settings, plan = municipality.settings, mapping.entiteit[entity]
    if not plan.bestand:
        what = f'{mapping.path.name}: entiteit.{entity} noemt geen bestand. Vul `bestand = "..."` in.'
        raise SourceError(what)
    return land(
        find_dump(settings.dumps, plan.bestand, plan.peildatum_uit_naam),
        mapping,
        entity,
        municipality.landing,
        now=now,
        limits=municipality.limits,
        band=settings.quarantine_drop,
        dumps=settings.dumps,
        zone=settings.timezone,
    )


def _prepare(
    municipality: Municipality,
    landed: Landed,
    mapping: EntiteitMapping,
    entity: Entity,
    key: tuple[str, ...],
    history: bool,
) -> Prepared:
    day = _day(municipality, landed.manifest)
    return prepare(landed.frame, mapping, entity, municipality.catalogue, key=key, history=history, day=day)


def _day(municipality: Municipality, manifest: Manifest) -> date:
    return manifest.peildatum.astimezone(ZoneInfo(municipality.settings.timezone)).date()


def _facts(municipality: Municipality, source: Mapping, mapping: Mapping, entity: Entity) -> dict[str, Any]:
    ours, theirs = source.entiteit[entity.name], mapping.entiteit[entity.name]
    return {
        "titel": mapping.afnemer.titel,
        "eigenaar": mapping.afnemer.eigenaar,
        "contact": mapping.afnemer.contact,
        "population": theirs.populatie.omschrijving,
        "population_text": [theirs.populatie.distributie, theirs.populatie.applicatie],
        "coverage": [_answer(answer) for answer in coverage(entity, ours, theirs)],
        "versions": {
            "kmgb": version("kmgb"),
            "catalogus": municipality.catalogue.version,
            "regels": RULE_VERSION,
            "veldtoewijzing": mapping.version,
            "veldtoewijzing_distributie": source.version,
        },
    }


def _answer(answer: FieldCoverage) -> dict[str, Any]:
    deadline = answer.deadline.isoformat() if answer.deadline else None
    return {
        "field": answer.field.name,
        "coverage": answer.coverage.value,
        "explanation": answer.explanation,
        "deadline": deadline,
    }


def _outcome(comparison: Comparison) -> dict[str, Any]:
    severities = dict(comparison.findings.group_by("severity").len().sort("severity").iter_rows())
    return {
        "rows": comparison.rows,
        "kinds": comparison.counts(),
        "severities": severities,
        "fields": comparison.fields.to_dicts(),
        "total": comparison.findings.height,
    }


def _new_run(
    mapping: Mapping,
    entity: str,
    status: str,
    started: datetime,
    landed: list[Landed],
    facts: dict[str, Any],
    outcome: dict[str, Any],
) -> NewRun:
    ours, theirs = (side.manifest.id for side in landed)
    finished = datetime.now(UTC)
    return NewRun(mapping.naam, entity, status, started, finished, ours, theirs, facts, outcome)


def _stored(manifest: Manifest) -> StoredDelivery:
    names = ("id", "afnemer", "entity", "status", "peildatum", "arrived", "sha256", "rows")
    return StoredDelivery(**{name: getattr(manifest, name) for name in names}, manifest=manifest.to_document())
