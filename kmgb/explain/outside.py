"""Rows that left the population: since when the application should no longer have them."""

from __future__ import annotations

import polars as pl

from kmgb.compare.former import typed
from kmgb.compare.kinds import Kind
from kmgb.explain.context import Context, known_mutations
from kmgb.mutations.derive import CHANGED

_STEP = ("nr", "after", "until")


def left_population(work: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The rows of kind buiten_populatie that the newest change of a population field put outside.

    Columns: nr, after, until, received (the application does have that change: only the row is still there). Proven by
    judging the row as it was before that change; so only where every field of the population is compared, and its
    value therefore known.
    """
    moment = pl.Datetime("us", "UTC")
    nothing = pl.DataFrame(schema={"nr": pl.UInt32, "after": moment, "until": moment, "received": pl.Boolean})
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
    differing = work.filter(pl.col("field").is_in(names)).select("key", "field")
    missed = newest.join(differing, on=["key", "field"], how="semi")["nr"].unique()
    return inside.select(*_STEP, (~pl.col("nr").is_in(missed.implode())).alias("received"))
