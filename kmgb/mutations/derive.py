"""Two consecutive aanleveringen of the distribution -> what changed, by the same kernel that compares applications."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from kmgb.catalogue.columns import FAULT, RAW, UNREADABLE
from kmgb.compare.cells import as_text
from kmgb.compare.comparison import Side, compare
from kmgb.compare.kinds import Kind
from kmgb.compare.match import key_text
from kmgb.compare.plan import Plan
from kmgb.mutations.log import MUTATION_COLUMNS

CHANGED, APPEARED, VANISHED = "gewijzigd", "nieuw", "vervallen"
# Cosmetisch too: between an application and its source another way of writing may be forgiven, but the source did write
# something else.
_CELL_KINDS = (Kind.AFWIJKEND, Kind.LEEG_IN_APPLICATIE, Kind.LEEG_IN_BRON, Kind.COSMETISCH)


def mutations(old: Side, new: Side, plan: Plan, after: datetime, until: datetime) -> pl.DataFrame:
    """Every cell and row of the distribution that was one thing at `after` and another at `until`.

    Columns: MUTATION_COLUMNS, sorted by key and field; a whole row has field "". A row that went leaves what stood in
        it behind, one line per filled field.
    Nulls: a null value is an empty cell. A cell that could not be read on one side is not a change, nor is a row whose
        key occurs twice or that was not read whole: of those nothing can be told.
    """
    # The new side takes the place of the distribution: a member of a set is then named after the column it has now, as
    # in the findings of the applications.
    findings = compare(new, old, plan).findings
    kind, whole = pl.col("kind"), pl.col("field") == ""
    differs = kind.is_in(_CELL_KINDS) & pl.col("afnemer_value").ne_missing(pl.col("distributie"))
    change = (
        pl.when(kind == Kind.ONTBREEKT)
        .then(pl.lit(APPEARED))
        .when(kind == Kind.OVERTOLLIG)
        .then(pl.lit(VANISHED))
        .when(differs)
        .then(pl.lit(CHANGED))
    )
    facts = {
        "change": change,
        "old": pl.when(~whole).then("afnemer_value"),
        "new": pl.when(~whole).then("distributie"),
        "after": pl.lit(after),
        "until": pl.lit(until),
    }
    changed = findings.select(
        facts.get(name, pl.col(name)).cast(dtype).alias(name) for name, dtype in MUTATION_COLUMNS.items()
    )
    changed = changed.filter(pl.col("change").is_not_null())
    gone = changed.filter((pl.col("field") == "") & (pl.col("change") == VANISHED))
    return pl.concat([changed, *_left_behind(gone, old, plan)]).sort("key", "field")


def _left_behind(gone: pl.DataFrame, old: Side, plan: Plan) -> list[pl.DataFrame]:
    """The filled cells of the rows that went: who else should have had such a row shows only in them."""
    if gone.is_empty():
        return []
    rows = old.accepted.with_columns(key_text(plan.key).alias("key")).join(gone, on="key", how="semi")
    step = gone.drop("field", "old")
    return [
        step.join(rows.select("key", as_text(pl.col(cell.name), cell).alias("old")).drop_nulls(), on="key")
        .with_columns(pl.lit(cell.name).alias("field"))
        .select(gone.columns)
        for cell in plan.compared
    ]


def unnamed_rows(side: Side, other: Side, plan: Plan) -> int:
    """Rows whose key was delivered but cannot be read, and that are not there in the same words on the other side.

    Nobody knows which rows these are, so a row that vanished or appeared opposite them may be one of them.
    """
    raws = [cell.name + RAW for cell in plan.cells]
    mine, theirs = (rows.rejected.filter(_unnamed(rows.rejected, plan)).select(raws) for rows in (side, other))
    return mine.join(theirs, on=raws, how="anti", nulls_equal=True).height


def _unnamed(rejected: pl.DataFrame, plan: Plan) -> pl.Expr:
    flags = [pl.col(name + UNREADABLE) for name in plan.key if name + UNREADABLE in rejected.columns]
    lost = pl.col(FAULT).is_not_null() & key_text(plan.key).is_null()
    return pl.any_horizontal(lost, *flags)
