"""One comparison with its books balanced: every row of both sides accounted for."""

from __future__ import annotations

from dataclasses import replace

from kmgb.compare.comparison import Comparison, compare
from kmgb.compare.plan import Plan
from kmgb.run.prepare import Prepared

# What can become of a row, apart from being paired, ontbreekt or overtollig.
WAYS = ("afgekeurd", "dubbel", "bij_dubbel", "bij_afgekeurd", "buiten_populatie", "niet_actueel")


def compare_prepared(distributie: Prepared, afnemer: Prepared, plan: Plan) -> Comparison:
    """Compare, and assert that rows in = compared + rejected + duplicate + outside population, on both sides."""
    comparison = compare(distributie.side, afnemer.side, plan)
    rows = comparison.rows | {
        "distributie": distributie.rows,
        "distributie_niet_actueel": distributie.past,
        "afnemer": afnemer.rows,
        "afnemer_niet_actueel": afnemer.past,
    }
    for side, alone in (("distributie", "ontbreekt"), ("afnemer", "overtollig")):
        accounted = rows["gekoppeld"] + rows[alone] + sum(rows[f"{side}_{way}"] for way in WAYS)
        if rows[side] != accounted:
            raise AssertionError(f"rows unaccounted for on the side of {side}: {rows[side] - accounted}")
    return replace(comparison, rows=rows)
