"""The kruiscontroles of one round: of the distribution's own rows, of an application's rows, and of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Mapped
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from kmgb.catalogue.columns import ROW
from kmgb.catalogue.fields import Catalogue, Entity
from kmgb.compare.comparison import Comparison
from kmgb.compare.kinds import KEY
from kmgb.crosscheck.evaluate import Judged, judge_pairs, judge_rows
from kmgb.crosscheck.follow import with_next_step, without_values
from kmgb.crosscheck.model import RULE, Controle, Zijde
from kmgb.crosscheck.tables import Table
from kmgb.explain import EXPLAINED_COLUMNS, Cause
from kmgb.landing import Manifest
from kmgb.mapping.model import Mapping
from kmgb.run.distributie import Distributie, day_of
from kmgb.run.prepare import Prepared

_DECISIVE = ("cause", "cause_evidence", "former_until")
_STEP = "__stap"


@dataclass(frozen=True, slots=True)
class Crossed:
    """The findings of the checks of one controle (EXPLAINED_COLUMNS but for the cause), and what was judged."""

    findings: pl.DataFrame
    judged: tuple[Judged, ...]
    made: frozenset[str] = frozenset()  # the rules that were judged
    undecided: frozenset[str] = frozenset()  # the rules that belong here and could not be
    references: frozenset[str] = frozenset()  # the entities of the distribution that were looked at


@dataclass
class Crossing:
    """Judges by the municipality's checks; what the distribution's own rows gave is kept for its applications."""

    shared: Distributie
    _own: dict[tuple[str, str], Crossed] = field(default_factory=dict)

    def of_distributie(self, source: Mapping, entity: Entity) -> Crossed:
        """The distribution's rows of this entity, judged once a round."""
        name = (source.naam, entity.name)
        if name not in self._own:
            checks = self.shared.municipality.crosschecks
            registers = dict(self._registers(source, entity, "distributie"))
            judged = judge_rows(
                checks, entity.name, "distributie", registers, registers, self._catalogue, self._day(source, entity)
            )
            found = with_next_step(judged.findings, checks, "distributie")
            self._own[name] = _crossed(found, [judged], checks.of(entity.name, "distributie"), registers)
        return self._own[name]

    def of_application(
        self,
        source: Mapping,
        mapping: Mapping,
        entity: Entity,
        sides: tuple[Prepared, Prepared],
        comparison: Comparison,
    ) -> Crossed:
        """The application's rows and the pairs of one controle."""
        checks, day = self.shared.municipality.crosschecks, self._day(source, entity)
        nothing = comparison.findings.clear().with_columns(pl.lit(None, dtype=pl.String).alias("next_step"))
        if self.absent:
            return Crossed(nothing, (), undecided=frozenset({RULE}))
        if mapping.entiteit[entity.name].historie == "historie":
            return _crossed(nothing, [], ())  # a check is about how things are now
        ours, theirs = (
            Table(side.side.accepted, rules.entiteit[entity.name].sleutel, side.side.rejected)
            for side, rules in zip(sides, (source, mapping), strict=True)
        )
        registers = dict(self._registers(source, entity, "applicatie"))
        rows = judge_rows(checks, entity.name, "applicatie", {entity.name: theirs}, registers, self._catalogue, day)
        links = comparison.pairs.beside([KEY, ROW], [ROW])
        pairs = judge_pairs(checks, entity.name, ours, theirs, links, self._catalogue, day)
        there = self.of_distributie(source, entity)
        own = with_next_step(rows.findings, checks, "applicatie", there.findings)
        found = pl.concat([with_next_step(pairs.findings, checks, "paar"), own])
        listed = (*checks.of(entity.name, "applicatie"), *checks.of(entity.name, "paar"))
        return _crossed(found, [rows, pairs], listed, {*registers, *there.references})

    def references(self, source: Mapping, crossed: Crossed) -> list[Manifest]:
        """The aanleveringen of the distribution that these checks looked at."""
        return [self.shared.land(source, name).manifest for name in sorted(crossed.references)]

    @property
    def absent(self) -> bool:
        """True when the municipality has no file with checks: then nothing is judged, and nothing is solved by that."""
        return not self.shared.municipality.crosschecks.version

    def warnings(self, name: tuple[str, str]) -> tuple[str, ...]:
        """What is wrong with the checks as a whole, in Dutch. `name` (afnemer, entity): a controle that had them."""
        if not self.absent:
            return ()
        earlier = self.shared.municipality.history.runs(name[0], entity=name[1])
        if not any(run.facts.get("versions", {}).get("kruiscontroles") for run in earlier):
            return ()
        path = self.shared.municipality.crosschecks.path
        return (
            f"Er is geen bestand met kruiscontroles ({path}): die controles zijn niet gedaan, en bevindingen daarvan "
            "blijven staan zoals ze waren.",
        )

    def hidden(self, findings: pl.DataFrame, crossed: Crossed) -> pl.DataFrame:
        """The comparison's findings without the values that a check keeps out of sight."""
        return without_values(findings, crossed.findings, self.shared.municipality.crosschecks)

    @property
    def _catalogue(self) -> Catalogue:
        return self.shared.municipality.catalogue

    def _day(self, source: Mapping, entity: Entity) -> date:
        return day_of(self.shared.municipality, self.shared.land(source, entity.name).manifest)

    def _registers(self, source: Mapping, entity: Entity, kant: Zijde) -> Iterator[tuple[str, Table]]:
        """The tables that the checks of this entity look at or refer to."""
        checks = self.shared.municipality.crosschecks.of(entity.name, kant)
        for name in dict.fromkeys([entity.name, *(other for check in checks for other in check.verwijst_naar)]):
            table = self.shared.register(source, self._catalogue[name])
            if table is not None:
                yield name, table


def with_cause(crossed: pl.DataFrame, explained: pl.DataFrame, titles: Mapped[str, str]) -> pl.DataFrame:
    """The findings of checks, explained: where the comparison names a cause for the cell, that is theirs too."""
    cells = explained.filter(pl.col("field") != "").unique(["key", "field"], keep="first", maintain_order=True)
    cells = cells.select("key", "field", *_DECISIVE, pl.col("next_step").alias(_STEP))
    told = crossed.join(cells, on=["key", "field"], how="left", maintain_order="left")
    title = pl.col("rule").replace_strict(titles, default="", return_dtype=pl.String)
    return told.with_columns(
        pl.col("cause").fill_null(Cause.ONBEKEND.value),
        # One cell, one step: who knows the cause knows what to do.
        pl.when(pl.col("cause") != Cause.ONBEKEND.value).then(_STEP).otherwise("next_step").alias("next_step"),
        pl.coalesce("cause_evidence", pl.format("Kruiscontrole: {}", title)).alias("cause_evidence"),
        pl.lit(None, dtype=pl.String).alias("transform"),
    ).select(*EXPLAINED_COLUMNS)


def _crossed(
    found: pl.DataFrame, judged: list[Judged], listed: tuple[Controle, ...], references: Iterable[str] = ()
) -> Crossed:
    made = frozenset(rule for one in judged for rule in _rules(one))
    undecided = frozenset(check.rule for check in listed) - made
    return Crossed(found, tuple(judged), made, undecided, frozenset(references))


def _rules(judged: Judged) -> Iterator[str]:
    yield from (RULE + code for code in judged.books["code"])
