"""The first hop of the chain: a register's own export beside the distribution, a controle under the register's name.

The register stands where the distribution stands otherwise, and the distribution where an application does. What comes
out also tells of every finding of an application at which hop its value broke.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.compare.comparison import Comparison
from kmgb.compare.kinds import Kind
from kmgb.errors import KmgbError, MappingError, Problem
from kmgb.explain import clusters
from kmgb.explain.causes import conclude, gather
from kmgb.explain.steps import APPLICATION, DISTRIBUTION, REPORT, RESEND
from kmgb.landing import Landed
from kmgb.mapping.model import Mapping
from kmgb.normalise.frame import normalised_fields
from kmgb.run.distributie import Distributie, day_of
from kmgb.run.explaining import context_of
from kmgb.run.facts import facts_of, outcome_of, stored
from kmgb.run.hop import CELL, FirstHop, Moved, with_hop
from kmgb.run.inputs import OptionalInputs
from kmgb.run.mutations import mutation_log
from kmgb.run.plan import comparison_key
from kmgb.run.result import FAILED, Result, new_run
from kmgb.run.sides import Link, register_sides
from kmgb.run.texts import documents_of
from kmgb.store.runs import DONE, QUARANTINE

_SIDES = "Hier is het register de bron, en staat de distributie op de plaats van de applicatie."
# The sides of a sentence about a distribution and an application, as they are called one hop earlier.
_SAID: Final = {
    "de distributie": "het register",
    "De distributie": "Het register",
    "de applicatie": "de distributie",
    "De applicatie": "De distributie",
}
# Whose turn it is after the second hop -> after the first. What a register lacks the distribution cannot know better.
_TURN: Final = {APPLICATION: DISTRIBUTION, RESEND: DISTRIBUTION, DISTRIBUTION: REPORT}


@dataclass
class Chain:
    """The first hops of one round."""

    shared: Distributie
    _hops: dict[tuple[str, str], list[FirstHop]] = field(default_factory=dict)

    def check(self, source: Mapping, entity: Entity) -> Iterator[Result]:
        """Compare every register that delivers this entity, once. A register that fails stops nobody."""
        name = (source.naam, entity.name)
        if name in self._hops:
            return
        self._hops[name] = []
        municipality = self.shared.municipality
        for register in municipality.registers(entity.name):
            try:
                if municipality.distributie(register) is source:
                    yield self._check(Link(register, source, entity))
            except KmgbError as error:
                yield Result(register.naam, entity.name, FAILED, reasons=(str(error),), error=error)

    def with_hop(self, explained: pl.DataFrame, source: Mapping, entity: Entity, key: tuple[str, ...]) -> pl.DataFrame:
        """The findings of an application, each with the hop where its value broke; see `with_hop`."""
        known = self._hops.get((source.naam, entity.name), [])
        try:
            return with_hop(explained, [first for first in known if first.key == key])
        except KmgbError:  # without the mutation log of the register its hop is not known; the findings are
            return with_hop(explained, [])

    def _check(self, link: Link) -> Result:
        shared, municipality, entity = self.shared, self.shared.municipality, link.entity
        theirs, ours = shared.land(link.source, entity.name), shared.land(link.register, entity.name)
        _require_key(link)
        warnings, both = shared.keep_mutations(link.register, entity), (ours, theirs)
        deliveries = [stored(side.manifest) for side in both]
        if not all(side.accepted for side in both):
            facts = _facts(link, shared, warnings)
            new = new_run(link.name, QUARANTINE, shared.times, both, facts, {})
            texts = documents_of(municipality, facts)
            run_id, changes = municipality.history.write(new, deliveries, None, None, documents=texts)
            reasons = tuple(reason for side in both if not side.accepted for reason in side.manifest.reasons)
            return Result(*link.name, QUARANTINE, run_id, changes=changes, reasons=reasons, warnings=warnings)
        comparison, first = self._compare(link, both)
        warnings = (*warnings, *self._keep(link, first, both))
        shared.forget(link.register, entity.name)
        facts = _facts(link, shared, warnings)
        run_id, changes = municipality.history.write(
            new_run(link.name, DONE, shared.times, both, facts, outcome_of(comparison, [])),
            deliveries,
            comparison.findings,
            clusters(comparison.findings),
            fates=partial(comparison.fates, whole=link.theirs.volledig),
            compared=first.fields,
            documents=documents_of(municipality, facts),
        )
        return Result(*link.name, DONE, run_id, comparison, changes, warnings=warnings)

    def _compare(self, link: Link, landed: tuple[Landed, Landed]) -> tuple[Comparison, FirstHop]:
        """The comparison with its findings explained, without its rows; and what it says of those of applications."""
        shared, entity = self.shared, link.entity
        sides = register_sides(shared, link)
        plan, comparison = sides.plan, sides.comparison
        nothing = OptionalInputs(None, None, ())
        peildatum = landed[1].manifest.peildatum
        context = context_of(
            shared, link.register, entity, link.beside, plan, comparison, peildatum, nothing, link.name
        )
        explained = _in_words_of_this_hop(conclude(gather(comparison.findings, context)))
        first = FirstHop(
            title=link.register.afnemer.titel,
            day=day_of(shared.municipality, landed[0].manifest),
            key=plan.key,
            fields=frozenset([*(cell.name for cell in plan.cells), *plan.key]),
            findings=_by_the_distributions_key(explained),
            unjudged=comparison.unjudged["key"],
            moved=_nothing_moved,
        )
        return replace(comparison.without_pairs(), findings=explained), first

    def _keep(self, link: Link, first: FirstHop, landed: tuple[Landed, Landed]) -> tuple[str, ...]:
        """Keep the hop for the applications; or the reason why it says nothing of them."""
        moved = _moved(self.shared, link, landed)
        if moved is not None:
            self._hops[link.source.naam, link.entity.name].append(replace(first, moved=moved))
            return ()
        return (
            f"{link.register.naam}, {link.entity.name}: de peildatum is niet die van de distributie, en het mutatielog "
            "kent niet elke wijziging daartussen. Bij welke stap een waarde brak, is daarom niet gezegd. Lever beide "
            "met dezelfde peildatum aan.",
        )


def _in_words_of_this_hop(explained: pl.DataFrame) -> pl.DataFrame:
    """Explained as an application's findings are: the sides and the steps are those of one hop earlier."""
    known_better = (pl.col("kind") == Kind.LEEG_IN_BRON) & (pl.col("next_step") == REPORT)
    return explained.with_columns(
        pl.col("cause_evidence").str.replace_many(list(_SAID), list(_SAID.values())),
        pl.when(known_better)
        .then(pl.lit(DISTRIBUTION))
        .otherwise(pl.col("next_step").replace(_TURN))
        .alias("next_step"),
    )


def _by_the_distributions_key(findings: pl.DataFrame) -> pl.DataFrame:
    """The findings under the key that the distribution has, where an alternative key found it under another."""
    other = findings.filter(pl.col("kind") == Kind.SLEUTELVERSCHIL)
    names = other.select("key", pl.col("afnemer_value").alias("held")).drop_nulls().unique("key")
    joined = findings.join(names, on="key", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("held", "key").alias("key")).select(findings.columns)


def _moved(shared: Distributie, link: Link, landed: tuple[Landed, Landed]) -> Moved | None:
    """What changed in the newer of the two after the peildatum of the older; None when that is not known."""
    ours, theirs = (side.manifest.peildatum for side in landed)
    if ours == theirs:
        return _nothing_moved
    newer, older = (link.source, ours) if ours < theirs else (link.register, theirs)
    log, entity = mutation_log(shared.municipality), link.entity
    shared.keep_mutations(newer, entity)
    since = log.coverage(newer.naam, entity.name).known_since(max(ours, theirs))
    by_key = comparison_key(entity, newer.entiteit[entity.name]) == comparison_key(entity, link.theirs)
    if since is None or since > older or not by_key:
        return None
    after = pl.col("until") > older
    return lambda keys: log.lookup(newer.naam, entity.name, keys).filter(after).select(CELL).unique()


def _nothing_moved(keys: pl.Series) -> pl.DataFrame:
    return keys.alias("key").to_frame().select("key", pl.lit("").alias("field")).clear()


def _require_key(link: Link) -> None:
    """Raises: MappingError when the register does not deliver what the distribution's rows are known by."""
    delivered = {one.name for one in normalised_fields(link.ours, link.entity)}
    absent = [name for name in comparison_key(link.entity, link.theirs) if name not in delivered]
    if absent:
        what = f"{', '.join(map(repr, absent))} ontbreekt, en daarmee wijst de distributie een rij aan."
        raise MappingError(link.register.path, [Problem(f"entiteit.{link.entity.name}.velden", what, "Voeg dit toe.")])


def _facts(link: Link, shared: Distributie, warnings: Sequence[str]) -> dict[str, Any]:
    facts = facts_of(shared.municipality, link.register, link.beside, link.entity, warnings)
    facts["population"] = f"{facts['population']} {_SIDES}".strip()
    facts["versions"] |= {"veldtoewijzing": link.register.version, "veldtoewijzing_distributie": link.source.version}
    return facts
