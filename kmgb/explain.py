"""Findings -> clusters: what shares one field, kind, rule and pattern is one piece of work, not a thousand lines."""

from __future__ import annotations

import polars as pl

_ENOUGH = 3  # from this many equal pairs of values on, the pair is a pattern of its own
EXAMPLES = 3
_BY = ("field", "kind", "rule", "severity")

# Columns of the frame of clusters; the examples are lists that run side by side.
CLUSTER_COLUMNS = (*_BY, "from", "to", "count", "keys", "examples_distributie", "examples_afnemer")


def clusters(findings: pl.DataFrame) -> pl.DataFrame:
    """One row per cluster, the largest first; ties by field, kind, rule and pattern.

    Columns in: FINDING_COLUMNS. Out: CLUSTER_COLUMNS; `from` and `to` are the pair of values (A -> B) where enough
        findings share it, and null where they share only field, kind and rule. Values are those of the findings: mask
        them before showing.
    """
    pair = ("distributie", "afnemer_value")
    counted = findings.with_columns(pl.len().over(*_BY, *pair).alias("alike"))
    cell = (
        (pl.col("alike") >= _ENOUGH) & (pl.col("field") != "") & (pl.col("rule") != "onleesbaar").fill_null(value=True)
    )
    patterned = counted.with_columns(
        pl.when(cell).then(pl.col("distributie").fill_null("")).alias("from"),
        pl.when(cell).then(pl.col("afnemer_value").fill_null("")).alias("to"),
    )
    grouped = patterned.group_by(*_BY, "from", "to", maintain_order=True).agg(
        pl.len().alias("count"),
        pl.col("key").head(EXAMPLES).alias("keys"),
        pl.col("distributie").head(EXAMPLES).alias("examples_distributie"),
        pl.col("afnemer_value").head(EXAMPLES).alias("examples_afnemer"),
    )
    order = ["count", *_BY, "from", "to"]
    return grouped.sort(order, descending=[True, *[False] * (len(order) - 1)], nulls_last=True).select(CLUSTER_COLUMNS)
