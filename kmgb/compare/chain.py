"""The chain register -> distribution -> application: at which hop a value broke.

The register's own export is compared with the distribution by the same kernel (the register on the side of the
distribution, the distribution on that of the application), and the distribution with the application as always.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import polars as pl

from kmgb.compare.cells import UNDECIDED
from kmgb.compare.kinds import Kind


class Hop(StrEnum):
    """Where a value broke.

    | hop | it is one when |
    | --- | --- |
    | register_distributie | the distribution differs from the register, and the application has either |
    | distributie_applicatie | the application differs from the distribution, and nothing broke before |
    | beide | the application differs from the distribution and the distribution from the register, all three unlike |
    | geen | what differs is only the way of writing |
    | onbekend | nothing is known to have broken, but a value on the way could not be read |
    """

    REGISTER_DISTRIBUTIE = "register_distributie"
    DISTRIBUTIE_APPLICATIE = "distributie_applicatie"
    BEIDE = "beide"
    GEEN = "geen"
    ONBEKEND = "onbekend"


HOP_COLUMNS: Final = {
    "key": pl.String,
    "key_field": pl.String,
    "field": pl.String,
    "hop": pl.String,
    "register": pl.String,
    "distributie": pl.String,
    "applicatie": pl.String,
    "register_kinds": pl.String,
    "applicatie_kinds": pl.String,
    "als_register": pl.Boolean,
}
_CELL = ("key", "field")
_BROKEN, _UNREAD = "broken", "unread"


def hops(register_findings: pl.DataFrame, application_findings: pl.DataFrame) -> pl.DataFrame:
    """One row per key and field that has a finding in either comparison, with the hop at which it broke; sorted.

    Columns in: FINDING_COLUMNS of both comparisons, on the same keys. Out: HOP_COLUMNS. `field` is empty for a whole
        row; the kinds are joined by "+". `als_register` is true when the application has what the register has though
        the distribution has not: the distribution must be put right, the application must not.
    Nulls: a value is null where it is empty, and also where its comparison found nothing.
    """
    first = _side(register_findings, "register", "distributie", "register_kinds")
    second = _side(application_findings, "distributie", "applicatie", "applicatie_kinds")
    both = first.join(second, on=_CELL, how="full", coalesce=True, suffix="_2", nulls_equal=True)
    return (
        both.with_columns(
            pl.coalesce("key_field", "key_field_2").alias("key_field"),
            pl.coalesce("distributie", "distributie_2").alias("distributie"),
            _restored().alias("als_register"),
        )
        .with_columns(_hop().alias("hop"))
        .select(HOP_COLUMNS.keys())
        .sort(*_CELL)
    )


def _side(findings: pl.DataFrame, ours: str, theirs: str, kinds: str) -> pl.DataFrame:
    """One row per cell of one comparison: both values under the names of this hop, and whether it broke here."""
    unread = (pl.col("rule") == UNDECIDED).fill_null(value=False)
    # Invalid and yet the same on both sides: it came across as it was.
    came_across = pl.col("kind").is_in([Kind.COSMETISCH.value, Kind.ONGELDIG.value])
    return findings.group_by(_CELL).agg(
        pl.col("key_field").first(),
        pl.col("distributie").drop_nulls().first().alias(ours),
        pl.col("afnemer_value").drop_nulls().first().alias(theirs),
        pl.col("kind").unique().sort().str.join("+").alias(kinds),
        (~came_across & ~unread).any().alias(_BROKEN),
        unread.any().alias(_UNREAD),
    )


def _restored() -> pl.Expr:
    """True where both hops broke and the ends agree: the same value, or a row that both have or both lack."""
    both = _broke(_BROKEN) & _broke(_BROKEN + "_2")
    came, went = Kind.ONTBREEKT.value, Kind.OVERTOLLIG.value
    kinds = pl.concat_str("register_kinds", "applicatie_kinds", separator=">", ignore_nulls=True)
    rows = kinds.is_in([f"{came}>{went}", f"{went}>{came}"])
    cells = pl.col("register").eq_missing(pl.col("applicatie"))
    return both & pl.when(pl.col("field") == "").then(rows).otherwise(cells)


def _hop() -> pl.Expr:
    before, after = _broke(_BROKEN), _broke(_BROKEN + "_2")
    return (
        pl.when(before & after & ~pl.col("als_register"))
        .then(pl.lit(Hop.BEIDE.value))
        .when(before)
        .then(pl.lit(Hop.REGISTER_DISTRIBUTIE.value))
        .when(after)
        .then(pl.lit(Hop.DISTRIBUTIE_APPLICATIE.value))
        .when(_broke(_UNREAD) | _broke(_UNREAD + "_2"))
        .then(pl.lit(Hop.ONBEKEND.value))
        .otherwise(pl.lit(Hop.GEEN.value))
    )


def _broke(name: str) -> pl.Expr:
    return pl.col(name).fill_null(value=False)
