"""One round from door to door: land, compare, cross-check, explain, write the history.

First every controle is compared, then all of them are explained: what went wrong in one application (not sent, or not
received) shows only beside the others. In between only the findings stay in memory, not the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from collections.abc import Mapping as Mapped
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.compare.comparison import Comparison
from kmgb.compare.kinds import Fate
from kmgb.compare.match import key_text
from kmgb.crosscheck.model import RULE
from kmgb.errors import KmgbError
from kmgb.explain import EXPLAINED_COLUMNS, clusters
from kmgb.explain.causes import Evidence, conclude, gather
from kmgb.landing import Landed
from kmgb.mapping.model import Mapping
from kmgb.run.chain import Chain
from kmgb.run.crossing import Crossed, Crossing, with_cause
from kmgb.run.distributie import Distributie, day_of, land_newest
from kmgb.run.explaining import OtherSide, context_of, others_of
from kmgb.run.facts import facts_of, outcome_of, stored
from kmgb.run.inputs import optional_inputs
from kmgb.run.municipality import Municipality
from kmgb.run.plan import comparison_key, comparison_plan
from kmgb.run.result import FAILED, Result, new_run
from kmgb.run.sides import application_sides
from kmgb.run.texts import documents_of
from kmgb.store.runs import DONE, QUARANTINE


@dataclass(frozen=True, slots=True)
class _Controle:
    """One application, one entity, and the source that feeds it."""

    mapping: Mapping
    source: Mapping
    entity: Entity

    @property
    def name(self) -> tuple[str, str]:
        return self.mapping.naam, self.entity.name


@dataclass(frozen=True, slots=True)
class _Compared:
    """A controle whose rows were compared, waiting for what the others say."""

    controle: _Controle
    landed: tuple[Landed, Landed]
    comparison: Comparison  # without its pairs
    evidence: Evidence
    crossed: Crossed
    warnings: tuple[str, ...]

    @property
    def side(self) -> OtherSide:
        return OtherSide(
            self.controle.mapping.naam,
            self.evidence.context.plan,
            self.landed[1].manifest.peildatum,
            self.comparison.findings,
            self.comparison.unjudged.filter(pl.col("fate") == Fate.ONBEKEND)["key"],
        )


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
    """Run the controles of these applications (default all) and the checks of the distribution that feeds them.

    One application's failure never stops another's run: an expected error becomes a result with its sentence.
    Raises: KmgbError when nothing can be run at all (unusable mappings, unknown names, no database).
    """
    chosen = controles(municipality, afnemers, entities)
    crossing = Crossing(Distributie(municipality, now))
    municipality.crosschecks  # noqa: B018  a fault in the file is told before anything is landed
    ended = [_guarded(municipality, crossing, mapping, entity, now) for mapping, entity in chosen]
    chain = Chain(crossing.shared)
    for mapping, entity in chosen:
        yield from _registers(chain, mapping, entity)
    compared = [one for one in ended if isinstance(one, _Compared)]
    yield from _own_checks(crossing, [one.controle for one in compared])
    sides = {one.controle.name: one.side for one in compared}
    for one in ended:
        yield one if isinstance(one, Result) else _settled(crossing, chain, one, sides)


def _registers(chain: Chain, mapping: Mapping, name: str) -> Iterator[Result]:
    """The registers of this entity beside the distribution that feeds this application, once a round."""
    municipality = chain.shared.municipality
    try:
        source = municipality.distributie(mapping)
    except KmgbError:
        return  # the controle of the application says so itself
    yield from chain.check(source, municipality.catalogue[name])


def _guarded(
    municipality: Municipality, crossing: Crossing, mapping: Mapping, entity: str, now: datetime
) -> _Compared | Result:
    try:
        controle = _Controle(mapping, municipality.distributie(mapping), municipality.catalogue[entity])
        return _compare(municipality, crossing, controle, now)
    except KmgbError as error:
        return Result(mapping.naam, entity, FAILED, reasons=(str(error),), error=error)


def _compare(municipality: Municipality, crossing: Crossing, controle: _Controle, now: datetime) -> _Compared | Result:
    shared, mapping, source, entity = crossing.shared, controle.mapping, controle.source, controle.entity
    landed = shared.land(source, entity.name), land_newest(municipality, mapping, entity.name, now)
    warnings = shared.keep_mutations(source, entity)
    if not all(side.accepted for side in landed):
        return _quarantined(municipality, controle, landed, warnings, shared.times)
    sides = application_sides(shared, source, mapping, entity, landed)
    plan, comparison = sides.plan, sides.comparison

    def known() -> pl.Series:
        # A key that left the distribution still has messages: the application may know it.
        keys = [side.side.accepted.select(key_text(plan.key)) for side in sides.prepared]
        return pl.concat(keys).to_series().unique()

    inputs = optional_inputs(municipality, mapping, entity.name, known, now=now)
    context = context_of(shared, source, entity, mapping, plan, comparison, landed[1].manifest.peildatum, inputs)
    evidence = gather(comparison.findings, context)
    crossed = crossing.of_application(source, mapping, entity, sides.prepared, comparison)
    return _Compared(
        controle=controle,
        landed=landed,
        comparison=comparison.without_pairs(),
        evidence=evidence,
        crossed=crossed,
        warnings=(*warnings, *inputs.warnings, *crossing.warnings(controle.name)),
    )


def _quarantined(
    municipality: Municipality,
    controle: _Controle,
    landed: tuple[Landed, Landed],
    warnings: Sequence[str],
    times: tuple[datetime, datetime],
) -> Result:
    facts = facts_of(municipality, controle.source, controle.mapping, controle.entity, warnings)
    new = new_run(controle.name, QUARANTINE, times, landed, facts, {})
    run_id, changes = municipality.history.write(
        new, [stored(side.manifest) for side in landed], None, None, documents=documents_of(municipality, facts)
    )
    return Result(
        *controle.name, QUARANTINE, run_id, changes=changes, reasons=_refusals(landed), warnings=tuple(warnings)
    )


def _refusals(landed: tuple[Landed, Landed]) -> tuple[str, ...]:
    """Per refused side which file it is and why."""
    return tuple(
        f"Van de {name} is {side.manifest.file} geweigerd: {' '.join(side.manifest.reasons)}"
        for name, side in zip(("distributie", "applicatie"), landed, strict=True)
        if not side.accepted
    )


def _settled(crossing: Crossing, chain: Chain, one: _Compared, sides: Mapped[tuple[str, str], OtherSide]) -> Result:
    """Explained beside the others, and written."""
    municipality, controle = crossing.shared.municipality, one.controle
    try:
        cells = one.evidence.pending
        others = _others(crossing.shared, one, sides) if cells.height else None
        explained = conclude(one.evidence, others)
        explained = chain.with_hop(explained, controle.source, controle.entity, one.evidence.context.plan.key)
        titles = municipality.crosschecks.titles
        found = pl.concat(
            [crossing.hidden(explained, one.crossed), with_cause(one.crossed.findings, explained, titles)],
            how="diagonal",
        ).sort("key", "field", "kind", "rule", nulls_last=True)
        comparison = replace(one.comparison, findings=found)
        references = crossing.references(controle.source, one.crossed)
        facts = facts_of(municipality, controle.source, controle.mapping, controle.entity, one.warnings, references)
        new = new_run(
            controle.name, DONE, crossing.shared.times, one.landed, facts, outcome_of(comparison, one.crossed.judged)
        )
        run_id, changes = municipality.history.write(
            new,
            [stored(manifest) for manifest in (*(side.manifest for side in one.landed), *references)],
            found,
            clusters(found),
            fates=partial(comparison.fates, whole=one.evidence.context.plan.whole),
            compared=_judged_fields(one),
            undecided=one.crossed.undecided,
            documents=documents_of(municipality, facts),
        )
    except KmgbError as error:
        return Result(*controle.name, FAILED, reasons=(str(error),), error=error)
    return Result(*controle.name, DONE, run_id, comparison, changes, warnings=one.warnings)


def _judged_fields(one: _Compared) -> set[str]:
    """What this run could judge: its fields and keys, and the checks that were made or could not be."""
    plan = one.evidence.context.plan
    fields = {cell.name for cell in plan.cells} | set(plan.key)
    return fields | one.crossed.made | one.crossed.undecided


def _others(shared: Distributie, one: _Compared, sides: Mapped[tuple[str, str], OtherSide]) -> pl.DataFrame:
    """What the other applications of this source have: of this round, or as they stood at their newest run."""
    controle, cells, mutations = one.controle, one.evidence.pending, one.evidence.context.mutations
    municipality, source, entity = shared.municipality, controle.source, controle.entity
    own = comparison_key(entity, controle.mapping.entiteit[entity.name])
    if own != comparison_key(entity, source.entiteit[entity.name]):
        return others_of(shared, source, entity, cells, [], mutations)
    found = []
    for name in municipality.afnemers:
        mapping = municipality.mappings[name]
        rules = mapping.entiteit.get(entity.name)
        if name == controle.mapping.naam or rules is None or municipality.distributie(mapping) is not source:
            continue
        if comparison_key(entity, rules) != own:
            continue
        side = sides.get((name, entity.name)) or _earlier(shared, source, mapping, entity)
        if side is not None:
            found.append(side)
    return others_of(shared, source, entity, cells, found, mutations)


def _earlier(shared: Distributie, source: Mapping, mapping: Mapping, entity: Entity) -> OtherSide | None:
    """An application that is not compared in this round, as its newest run left it."""
    municipality = shared.municipality
    last = next(iter(municipality.history.runs(mapping.naam, 1, entity=entity.name, status=DONE)), None)
    if last is None or last.afnemer_id is None:
        return None
    ours, theirs = source.entiteit[entity.name], mapping.entiteit[entity.name]
    day = day_of(municipality, shared.land(source, entity.name).manifest)
    plan = comparison_plan(municipality.catalogue, entity, ours, theirs, day)
    findings = municipality.history.findings(last)
    findings = findings.filter(~pl.col("rule").fill_null("").str.starts_with(RULE))
    unknown = findings.filter(pl.col("status") == "onbekend")["key"]
    return OtherSide(mapping.naam, plan, municipality.history.delivery(last.afnemer_id).peildatum, findings, unknown)


def _own_checks(crossing: Crossing, compared: Sequence[_Controle]) -> Iterator[Result]:
    """The distribution's own rows, judged by the kruiscontroles: a controle under its own name."""
    done: set[tuple[str, str]] = set()
    for controle in compared:
        name = (controle.source.naam, controle.entity.name)
        if name in done or not crossing.shared.municipality.crosschecks.of(controle.entity.name, "distributie"):
            continue
        done.add(name)
        try:
            yield _own_check(crossing, controle.source, controle.entity)
        except KmgbError as error:
            yield Result(*name, FAILED, reasons=(str(error),), error=error)


def _own_check(crossing: Crossing, source: Mapping, entity: Entity) -> Result:
    municipality, landed = crossing.shared.municipality, crossing.shared.land(source, entity.name)
    crossed = crossing.of_distributie(source, entity)
    found = with_cause(crossed.findings, pl.DataFrame(schema=EXPLAINED_COLUMNS), municipality.crosschecks.titles)
    rows = crossing.shared.ready(source, entity)
    comparison = Comparison.of_one_side(found, rows.rows)
    warnings = crossing.shared.keep_mutations(source, entity)
    references = crossing.references(source, crossed)
    facts = facts_of(municipality, source, source, entity, warnings, references)
    new = new_run(
        (source.naam, entity.name),
        DONE,
        crossing.shared.times,
        (landed, None),
        facts,
        outcome_of(comparison, crossed.judged),
    )
    own_key = comparison_key(entity, source.entiteit[entity.name])
    aside = set(rows.side.rejected.select(key_text(own_key)).to_series())
    run_id, changes = municipality.history.write(
        new,
        [stored(manifest) for manifest in (landed.manifest, *references)],
        found,
        clusters(found),
        fates=lambda keys: {key: "onbekend" if key in aside else "vergeleken" for key in keys},
        compared=crossed.made | crossed.undecided,
        undecided=crossed.undecided,
        documents=documents_of(municipality, facts),
    )
    return Result(source.naam, entity.name, DONE, run_id, comparison, changes, warnings=warnings)
