"""A run done again from what was kept: the same aanleveringen, texts and settings must give the same figure.

The figure is what follows from the rows alone: which findings (key, field, kind, rule and values), the counts of rows,
kinds and fields, and the books of the kruiscontroles. Causes, the severities that follow from them, and next steps also
rest on the mutation log and the other applications of that moment, and are not done again. Nothing is written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import polars as pl

from kmgb.compare.comparison import Comparison
from kmgb.errors import KmgbError
from kmgb.run.crossing import Crossed, Crossing
from kmgb.run.facts import RULE_VERSION, figures_of
from kmgb.run.municipality import Municipality
from kmgb.run.sides import Link, application_sides, register_sides
from kmgb.run.texts import catalogue_sums
from kmgb.run.then import KeptDistributie, Then, kept_deliveries, municipality_then, unproven
from kmgb.store.runs import QUARANTINE, StoredRun

FIGURE: Final = (
    "key", "key_field", "field", "kind", "rule", "distributie_raw", "distributie", "afnemer_raw", "afnemer_value",
)  # fmt: skip
_NOTHING_KEPT = "deze run is van vóór de tijd dat teksten en instellingen bewaard werden; opnieuw doen kan niet."


@dataclass(frozen=True, slots=True)
class Difference:
    """How many findings of one kind only the history has, and how many only the replay has."""

    kind: str
    history: int
    replay: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay ended. `reasons` say why it could not be done; without them `differences` and `counts` (names of
    counts that are not the same) say whether it is equal. `other` names versions that are not those of the run.
    """

    run_id: int
    found: int = 0
    differences: tuple[Difference, ...] = ()
    counts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    quarantined: bool = False

    @property
    def equal(self) -> bool:
        """True when the figure is the same as that of the history."""
        return not (self.differences or self.counts or self.reasons)


def replay(municipality: Municipality, run_id: int) -> Replayed:
    """The run of this number done again, beside the history. Raises: StoreError when there is no such run."""
    stored = municipality.history.run(run_id)
    if stored.status == QUARANTINE:
        return _of_quarantine(municipality, stored)
    if "settings" not in stored.facts:
        return Replayed(run_id, reasons=(_NOTHING_KEPT,))
    other, absent = tuple(_other_versions(municipality, stored)), list[str]()
    then = municipality_then(municipality, stored, absent)
    landed = kept_deliveries(municipality, stored, absent)
    if then is None or absent:
        return Replayed(run_id, reasons=tuple(absent), other=other)
    by_name = {(one.manifest.afnemer, one.manifest.entity): one for one in landed.values()}
    shared = KeptDistributie(then, datetime.now(UTC), _landed=by_name)
    try:
        comparison, crossed = _again(shared, then, stored)
    except KmgbError as error:
        return Replayed(run_id, reasons=(f"met deze versie van kmgb lukt het niet: {error}",), other=other)
    now = comparison.findings
    judged = municipality.history.findings(stored).filter(pl.col("status") != "onbekend")
    figures = json.loads(json.dumps(figures_of(comparison, crossed.judged)))
    return Replayed(
        run_id,
        found=now.height,
        differences=tuple(_differences(judged.select(FIGURE), now.select(FIGURE))),
        counts=tuple(name for name, value in figures.items() if value != stored.outcome.get(name)),
        other=other,
        unproven=tuple(unproven(landed)),
    )


def _of_quarantine(municipality: Municipality, stored: StoredRun) -> Replayed:
    """A run in quarantaine judged nothing: what can be proven is that it changed nothing."""
    changes = municipality.history.changes(stored)
    wrote = changes.opened or changes.closed or changes.changed
    reasons = ("de run staat in quarantaine, en toch zijn er bevindingen door veranderd.",) if wrote else ()
    return Replayed(stored.id, reasons=reasons, quarantined=True)


def _again(shared: KeptDistributie, then: Then, stored: StoredRun) -> tuple[Comparison, Crossed]:
    """The comparison with the findings of its kruiscontroles, and what those judged."""
    mapping, source = then.sides
    entity, crossing = then.catalogue[stored.entity], Crossing(shared)
    if stored.afnemer_id is None:
        crossed = crossing.of_distributie(source, entity)
        rows = shared.ready(source, entity).rows
        return Comparison.of_one_side(crossed.findings.select(FIGURE), rows), crossed
    if mapping.afnemer.rol == "register":
        comparison = register_sides(shared, Link(mapping, source, entity)).comparison
        return comparison, Crossed(comparison.findings.clear(), ())
    landed = shared.land(source, entity.name), shared.land(mapping, entity.name)
    sides = application_sides(shared, source, mapping, entity, landed)
    crossed = crossing.of_application(source, mapping, entity, sides.prepared, sides.comparison)
    found = crossing.hidden(sides.comparison.findings, crossed).select(FIGURE)
    findings = pl.concat([found, crossed.findings.select(FIGURE)])
    return replace(sides.comparison.without_pairs(), findings=findings), crossed


def _differences(history: pl.DataFrame, again: pl.DataFrame) -> list[Difference]:
    """Per kind what only one of the two has; a finding with other values counts on both sides."""
    gone, new = (
        one.join(other, on=FIGURE, how="anti", nulls_equal=True).group_by("kind").len(name)
        for one, other, name in ((history, again, "history"), (again, history, "replay"))
    )
    both = gone.join(new, on="kind", how="full", coalesce=True).fill_null(0).sort("kind")
    return [Difference(*row) for row in both.select("kind", "history", "replay").iter_rows()]


def _other_versions(municipality: Municipality, stored: StoredRun) -> list[str]:
    """What this program has otherwise than the run had, in Dutch."""
    kept, sums = stored.facts["versions"], catalogue_sums()
    here: dict[str, Any] = {
        "kmgb": version("kmgb"),
        "regels": RULE_VERSION,
        "catalogus": municipality.catalogue.version,
    }
    told = [f"{name} {kept[name]} (nu {now})" for name, now in here.items() if kept[name] != now]
    same_name = kept["catalogus"] == here["catalogus"]
    changed = [name for name, sha256 in sums.items() if stored.facts["texts"][name] != sha256]
    return [*told, *(f"de tekst van de {name}" for name in changed if same_name)]
