"""Is what an application holds what the distribution held before? Asked with the comparison's own expressions."""

from __future__ import annotations

from typing import Final

import polars as pl

from kmgb.catalogue.columns import RAW, ROW
from kmgb.compare.agreements import expected
from kmgb.compare.cells import cell_findings
from kmgb.compare.kinds import AGREED, KEY, OTHER, SUSPECT, Kind
from kmgb.compare.plan import CellPlan

EQUAL: Final = "gelijk"
COSMETIC: Final = Kind.COSMETISCH.value
_DATES = ("date", "partial_date")


def typed(text: pl.Expr, cell: CellPlan) -> pl.Expr:
    """The catalogue's value of a text that `cells.as_text` wrote; null where it is empty or no such value."""
    if cell.field.datatype in _DATES:
        return text.str.replace_all("-", "", literal=True).cast(pl.Int32, strict=False)
    return text if cell.field.dtype == pl.String() else text.cast(cell.field.dtype, strict=False)


def held(rows: pl.DataFrame, cell: CellPlan, *, former: str = "former", now: str = "afnemer_value") -> pl.Series:
    """Per row: `gelijk` or `cosmetisch` where the application's value is the former one, else null.

    Columns: `former` and `now` name two columns of texts as `cells.as_text` writes them; null is empty.
    The rules, agreements and tolerance are those of the cell, as in a comparison of today's value.
    """
    nothing = pl.lit(None, dtype=pl.String)
    pairs = rows.select(
        typed(pl.col(former), cell).alias(cell.name),
        typed(pl.col(now), cell).alias(cell.name + OTHER),
        nothing.alias(cell.name + RAW),
        nothing.alias(cell.name + RAW + OTHER),
    ).with_row_index(ROW)
    agreed = [expected(cell, pl.col(cell.name)).alias(cell.name + AGREED)] if cell.agreements.any else []
    pairs = pairs.with_columns(
        pl.col(ROW).alias(KEY), pl.col(ROW).alias(ROW + OTHER), pl.lit(value=True).alias(cell.name + SUSPECT), *agreed
    )
    unequal = cell_findings(pairs, [cell]).select(ROW, "kind")
    judged = pairs.select(ROW).join(unequal, on=ROW, how="left", maintain_order="left")
    verdict = pl.when(pl.col("kind").is_null()).then(pl.lit(EQUAL)).when(pl.col("kind") == COSMETIC)
    return judged.select(verdict.then(pl.lit(COSMETIC)).alias("held")).to_series()
