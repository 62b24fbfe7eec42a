"""Rows that left the population: since when the application should no longer have them."""

from __future__ import annotations

import polars as pl

from kmgb.compare.former import typed
from kmgb.compare.kinds import Kind
from kmgb.explain.context import Context
from kmgb.explain.history import known_mutations
from kmgb.mutations.derive import CHANGED

_STEP = ("nr", "after", "until")


def left_population(work: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The rows of kind buiten_populatie that the newest change of a population field put outside.

    Columns: nr, after, until. Proven by judging the row as it was before that change; so only where every field of the
    population is compared, and its value therefore known.
    """
    nothing = pl.DataFrame(
        schema={"nr": pl.UInt32, "after": pl.Datetime("us", "UTC"), "until": pl.Datetime("us", "UTC")}
    )
    names = sorted(set(context.plan.population.meta.root_names()))
    rows = work.filter(pl.col("kind") == Kind.BUITEN_POPULATIE).select("nr", "key")
    changes = known_mutations(context).filter(pl.col("field").is_in(names) & (pl.col("change") == CHANGED))
    newest = rows.join(changes, on="key").filter(pl.col("until") == pl.col("until").max().over("nr"))
    if newest.is_empty() or not set(names) <= set(context.cells):
        return nothing
    before = newest.select("key", *_STEP).unique("nr", keep="first", maintain_order=True)
    for name in names:
        cell = context.cells[name]
        now = context.values(name).select("key", pl.col("distributie").alias(name))
        old = newest.filter(pl.col("field") == name).select(
            "nr", typed(pl.col("old"), cell).alias("old"), pl.lit(value=True).alias("changed")
        )
        joined = before.join(now, on="key", how="left").join(old, on="nr", how="left")
        before = joined.with_columns(pl.when("changed").then("old").otherwise(name).alias(name)).drop("old", "changed")
    inside = before.filter(context.plan.population.fill_null(value=False))
    return inside.select(_STEP)
