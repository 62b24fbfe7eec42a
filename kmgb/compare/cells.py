"""Cell by cell: which cells of a pair are not equal, and what they are.

In two strokes. A cheap look at every pair finds the cells that are not literally what was expected; only those get the
dear part, the tolerant rules that decide between cosmetisch and afwijkend.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from kmgb.catalogue.columns import RAW, ROW, UNREADABLE
from kmgb.compare.across import across_fields, diagnosis
from kmgb.compare.agreements import expected
from kmgb.compare.kinds import AGREED, KEY, OTHER, SUSPECT, Kind
from kmgb.compare.pairs import Pairs
from kmgb.compare.plan import CellPlan
from kmgb.compare.sets import align_sets
from kmgb.compare.tolerant import SENTINEL_DATES, tolerant_rule

UNDECIDED = "onleesbaar"
_DATES = ("date", "partial_date")


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at every cell of every pair gave.

    `suspects`: the whole pairs (see Pairs) in which at least one cell is not literally what was expected, with
    `f__verdacht` per field and `f__verwacht` for fields with agreements. `both_empty`: per field the number of pairs in
    which both sides are empty (delivered so, not unreadable).
    """

    suspects: pl.DataFrame
    both_empty: dict[str, int]


def look(pairs: Pairs, cells: Sequence[CellPlan]) -> Look:
    """Compare every cell literally: a field at a time, for which only that field's two columns are put together."""

    def field(cell: CellPlan) -> tuple[pl.Series, int]:
        names = [cell.name, cell.name + UNREADABLE]
        ours, theirs = ([name for name in names if name in side.columns] for side in (pairs.ours, pairs.theirs))
        beside = pairs.beside(ours, theirs)
        if cell.agreements.any:
            beside = beside.with_columns(expected(cell, pl.col(cell.name)).alias(cell.name + AGREED))
        unreadable = _any([pl.col(name) for name in _unreadable_columns(cell) if name in beside.columns])
        empty = pl.col(cell.name).is_null() & pl.col(cell.name + OTHER).is_null() & ~unreadable
        suspect = beside.select((_differs(cell) | unreadable).alias(cell.name + SUSPECT)).to_series()
        return suspect, beside.select(empty.sum()).item()

    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        looked = list(pool.map(field, cells))
    flags = pl.DataFrame([suspect for suspect, _ in looked])
    places = flags.select(pl.any_horizontal(pl.all()).arg_true()).to_series() if cells else pl.Series(dtype=pl.UInt32)
    agreed = [expected(cell, pl.col(cell.name)).alias(cell.name + AGREED) for cell in cells if cell.agreements.any]
    suspects = pairs.whole(places).with_columns(agreed).hstack(flags[places])
    return Look(suspects, {cell.name: empty for cell, (_, empty) in zip(cells, looked, strict=True)})


def cell_findings(suspect: pl.DataFrame, cells: Sequence[CellPlan]) -> pl.DataFrame:
    """One row per cell that is not equal; `suspect` also carries `f__raw` and `f__raw__afnemer`.

    Columns: `__sleutel`, `__rij`, `__rij__afnemer`, `field`, `kind`, `rule`, the four values as text, `severity`.
    Nulls: `rule` is null where no rule names the difference; a value is null where that side is empty.
    """
    known = set(suspect.columns)
    aligned = align_sets(suspect, [cell.name for cell in cells])
    names = {cell.name for cell in cells}
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        return pl.concat(pool.map(lambda cell: _findings(aligned, cell, known, names), cells))


def as_text(value: pl.Expr, cell: CellPlan) -> pl.Expr:
    """A value as people write it: dates jjjj-mm-dd with 00 for unknown parts, at most three decimals."""
    if cell.field.datatype in _DATES:
        figures = value.cast(pl.String).str.zfill(8)
        return pl.concat_str(figures.str.slice(0, 4), figures.str.slice(4, 2), figures.str.slice(6, 2), separator="-")
    if cell.field.dtype == pl.Float64():
        return value.round(3).cast(pl.String).str.replace(r"\.0$", "")
    return value.cast(pl.String)


def _differs(cell: CellPlan) -> pl.Expr:
    ours, theirs = _expected_value(cell), pl.col(cell.name + OTHER)
    differs = ours.ne_missing(theirs)
    if cell.agreements.any:
        # Writing more than was agreed (an accent, a zero, the 0 that might stay empty) is not another value.
        differs = differs & pl.col(cell.name).ne_missing(theirs)
    if cell.tolerance is None:
        return differs
    return differs & ~((ours - theirs).abs() <= cell.tolerance).fill_null(value=False)


def _expected_value(cell: CellPlan) -> pl.Expr:
    return pl.col(cell.name + AGREED) if cell.agreements.any else pl.col(cell.name)


def _unreadable_columns(cell: CellPlan) -> tuple[str, str]:
    return cell.name + UNREADABLE, cell.name + UNREADABLE + OTHER


def _findings(suspect: pl.DataFrame, cell: CellPlan, known: set[str], names: set[str]) -> pl.DataFrame:
    ours, theirs = _expected_value(cell), pl.col(cell.name + OTHER)
    unreadable = [pl.col(name) for name in _unreadable_columns(cell) if name in known]
    flagged = pl.any_horizontal(_differs(cell), *unreadable)
    tolerant = pl.coalesce(tolerant_rule(cell, ours, theirs), _unknown_date(cell), across_fields(cell.name, names))
    judged = suspect.filter(pl.col(cell.name + SUSPECT) & flagged).with_columns(
        tolerant.alias("tolerant"), _any(unreadable).alias("unreadable"), diagnosis(cell.name, names).alias("diagnosis")
    )
    return judged.select(
        KEY,
        ROW,
        ROW + OTHER,
        pl.lit(cell.name).alias("field"),
        _kind(cell).alias("kind"),
        pl.when("unreadable").then(pl.lit(UNDECIDED)).otherwise(pl.coalesce("tolerant", "diagnosis")).alias("rule"),
        pl.col(cell.name + RAW).alias("distributie_raw"),
        as_text(pl.col(cell.name), cell).alias("distributie"),
        pl.col(cell.name + RAW + OTHER).alias("afnemer_raw"),
        as_text(theirs, cell).alias("afnemer_value"),
        _severity(cell).alias("severity"),
    )


def _kind(cell: CellPlan) -> pl.Expr:
    ours, theirs = pl.col(cell.name), pl.col(cell.name + OTHER)
    return (
        pl.when("unreadable")
        .then(pl.lit(Kind.ONGELDIG.value))
        .when(pl.col("tolerant").is_not_null())
        .then(pl.lit(Kind.COSMETISCH.value))
        .when(theirs.is_null())
        .then(pl.lit(Kind.LEEG_IN_APPLICATIE.value))
        .when(ours.is_null())
        .then(pl.lit(Kind.LEEG_IN_BRON.value))
        .otherwise(pl.lit(Kind.AFWIJKEND.value))
    )


def _severity(cell: CellPlan) -> pl.Expr:
    """Critical is what may harm a person: an unknown death, or a shield that the application does not know."""
    ours, theirs = pl.col(cell.name), pl.col(cell.name + OTHER)
    ordinary = pl.when(pl.col("tolerant").is_not_null()).then(pl.lit("laag")).otherwise(pl.lit(cell.severity))
    if cell.name == "datum_overlijden":
        return pl.when(ours.is_not_null() & theirs.is_null()).then(pl.lit("kritiek")).otherwise(ordinary)
    if cell.name == "indicatie_geheim":
        shielded, open_ = ours.is_not_null() & (ours != "0"), theirs.is_null() | (theirs == "0")
        return pl.when(shielded & open_).then(pl.lit("kritiek")).otherwise(ordinary)
    return ordinary


def _unknown_date(cell: CellPlan) -> pl.Expr:
    """A date that systems write for unknown or open stands beside nothing. Source: domain notes section 4.

    The other way round counts only where emptiness says nothing: a death on an unknown date is still a death.
    """
    if cell.field.datatype not in _DATES:
        return pl.lit(None, dtype=pl.String)
    ours, theirs = pl.col(cell.name), pl.col(cell.name + OTHER)
    sentinel_ours, sentinel_theirs = ours.is_in(SENTINEL_DATES), theirs.is_in(SENTINEL_DATES)
    unknown = sentinel_theirs & (ours.is_null() | (ours == 0))
    if not cell.field.nullable:
        unknown = unknown | (sentinel_ours & (theirs.is_null() | (theirs == 0)))
    return pl.when(unknown).then(pl.lit("datum_onbekend"))


def _any(flags: Sequence[pl.Expr]) -> pl.Expr:
    return pl.any_horizontal(*flags) if flags else pl.lit(value=False)
