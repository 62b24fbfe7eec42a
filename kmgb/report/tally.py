"""How the open findings of a run count: wrong, written otherwise, or not at all for now; per cause and per next step.

Columns: those of `History.findings`.
"""

from __future__ import annotations

import polars as pl

from kmgb.report.data import PARTS, CountLine, Tally

ACCEPTED, UNDER_WAY, COLUMN, COSMETIC, WRONG = "geaccepteerd", "onderweg", "veldtoewijzing", "cosmetisch", "afwijkend"


def parted(findings: pl.DataFrame) -> pl.DataFrame:
    """Column added: part (one of PARTS). What was accepted counts for nothing else, not even when it is unknown."""
    accepted = pl.col("decision").is_not_null() | (pl.col("status") == ACCEPTED)
    return findings.with_columns(
        pl.when(accepted)
        .then(pl.lit(ACCEPTED))
        .when(pl.col("cause") == UNDER_WAY)
        .then(pl.lit(UNDER_WAY))
        .when(pl.col("kind") == COSMETIC)
        .then(pl.lit(COSMETIC))
        .when(pl.col("cause") == COLUMN)
        .then(pl.lit(COLUMN))
        .otherwise(pl.lit(WRONG))
        .alias("part")
    )


def tally(findings: pl.DataFrame) -> Tally:
    """The sums. Columns: with `part`."""
    counts = dict(findings.group_by("part").len().iter_rows())
    wrong, column = findings.filter(pl.col("part") == WRONG), findings.filter(pl.col("part") == COLUMN)
    grave = pl.col("severity") == "kritiek"
    counted = pl.concat([wrong, column])
    return Tally(
        **{part: counts.get(part, 0) for part in PARTS},
        velden=column["field"].n_unique(),
        kritiek=wrong.filter(grave).height + column.filter(grave)["field"].n_unique(),
        teruggemeld=counted.filter(pl.col("status") == "teruggemeld").height,
        in_onderzoek=counted.filter(pl.col("cause") == "bron_in_onderzoek").height,
        onbekend=counted.filter(pl.col("status") == "onbekend").height,
    )


def count_lines(findings: pl.DataFrame, name: str) -> tuple[CountLine, ...]:
    """How many findings have each value of a column, most first; accepted ones are left out. Columns: with `part`."""
    written = pl.col("part") == COSMETIC
    counted = (
        findings.filter(pl.col("part") != ACCEPTED)
        .group_by(pl.col(name).fill_null(""))
        .agg((~written).sum().alias("count"), written.sum().alias("cosmetisch"))
        .sort("count", "cosmetisch", name, descending=[True, True, False])
    )
    return tuple(CountLine(*row) for row in counted.iter_rows())
