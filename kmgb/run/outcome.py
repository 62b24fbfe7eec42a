"""What one comparison gave, materialised and with its books balanced."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from kmgb.compare.comparison import Comparison
from kmgb.compare.kinds import Kind
from kmgb.compare.plan import Plan
from kmgb.run.prepare import Prepared

_UNEQUAL = (Kind.AFWIJKEND, Kind.LEEG_IN_APPLICATIE, Kind.LEEG_IN_BRON, Kind.COSMETISCH)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Findings (FINDING_COLUMNS), counts per field and what became of every row.

    `fields` columns: field, paren, beide_leeg, vergeleken (pairs in which at least one side is filled), gelijk, one
    column per kind of inequality, onbeslist (unreadable) and ongeldig (fails a check on both sides alike).
    `rows` names every way a row can go and how many went it.
    """

    findings: pl.DataFrame
    fields: pl.DataFrame
    rows: dict[str, int]


def collect(comparison: Comparison, plan: Plan, distributie: Prepared, afnemer: Prepared) -> Outcome:
    """Do the work and assert that no row was lost or counted twice."""
    findings, cells, counted = pl.collect_all([comparison.findings, comparison.cells, comparison.rows])
    rows = {name: int(value) for name, value in counted.row(0, named=True).items()}
    rows |= {
        "distributie": distributie.rows,
        "afnemer": afnemer.rows,
        "distributie_niet_actueel": distributie.past,
        "afnemer_niet_actueel": afnemer.past,
    }
    _balance(rows)
    return Outcome(findings, _per_field(findings, cells, plan), rows)


def _balance(rows: dict[str, int]) -> None:
    ways = ("afgekeurd", "dubbel", "bij_dubbel", "buiten_populatie", "niet_actueel")
    left = rows["distributie"] - rows["gekoppeld"] - rows["ontbreekt"] - sum(rows[f"distributie_{way}"] for way in ways)
    right = rows["afnemer"] - rows["gekoppeld"] - rows["overtollig"] - sum(rows[f"afnemer_{way}"] for way in ways)
    if left or right:
        raise AssertionError(f"rows unaccounted for: distributie {left}, afnemer {right}")


def _per_field(findings: pl.DataFrame, cells: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    kind, undecided = pl.col("kind"), pl.col("rule") == "onleesbaar"
    counted = findings.group_by("field").agg(
        *((kind == name).sum().alias(name.value) for name in _UNEQUAL),
        ((kind == Kind.ONGELDIG) & undecided).sum().alias("onbeslist"),
        ((kind == Kind.ONGELDIG) & ~undecided).sum().alias("ongeldig"),
    )
    names = [cell.name for cell in plan.compared]
    fields = cells.unpivot(on=names, index="pairs", variable_name="field", value_name="beide_leeg")
    fields = fields.rename({"pairs": "paren"}).join(counted, on="field", how="left", maintain_order="left")
    unequal = pl.sum_horizontal(*(name.value for name in _UNEQUAL), "onbeslist")
    return (
        fields.fill_null(0)
        .with_columns((pl.col("paren") - pl.col("beide_leeg")).alias("vergeleken"))
        .with_columns((pl.col("vergeleken") - unequal).alias("gelijk"))
    )
