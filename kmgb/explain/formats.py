"""formaat: one field, one transform, nearly all rows of the values it can befall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from kmgb.compare.agreements import expected
from kmgb.compare.former import typed
from kmgb.compare.kinds import Kind
from kmgb.compare.plan import CellPlan
from kmgb.compare.tolerant import FOLDS
from kmgb.explain.context import Context
from kmgb.explain.transforms import CUT, Transform, cut_at, transforms_of

ENOUGH: Final = 3
NEARLY_ALL: Final = 0.9
_KINDS = (Kind.AFWIJKEND, Kind.LEEG_IN_APPLICATIE, Kind.COSMETISCH)
_WIDTHS = 2  # so many different lengths are tried as the width of a field
_SAMPLE = 20_000
_IN_SAMPLE = 50  # fewer of a class in the sample say nothing of its size
# Rules of the comparison that take something away from the distribution's value: where there is nothing to take, the
# value is not in the class.
_TAKING = (
    "haakjes", "plaats_achtervoegsel", "rechtsvorm_in_naam", "voorvoegsel_in_naam", "gebeurtenis_voorvoegsel",
    "diakrieten", "leestekens", "spaties", "voorloopnullen",
)  # fmt: skip
OTHER_CODE: Final = "code als andere code"
ADDITION: Final = "toevoeging in huisletter"
SERIAL: Final = "datum als volgnummer van Excel"
_FIT: Final = {"nr": pl.UInt32, "transform": pl.String, "count": pl.UInt32, "class": pl.UInt32}


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A transform with the findings it explains; `affected` tells of a value whether it can befall it.

    The name says nothing of values: it is kept in the clear.
    """

    name: str
    found: pl.DataFrame  # nr
    affected: pl.Expr


def formats(work: pl.DataFrame, context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The findings that a transform explains, and those that fit one without enough evidence.

    Columns of both: nr, transform, count (findings of the transform), class (pairs it can befall). One row per finding.
    """
    proven = [_additions(work, context)]
    fitting: list[pl.DataFrame] = []
    for cell in context.plan.compared:
        rows = work.filter(pl.col("field") == cell.name)
        if rows.is_empty():
            continue
        candidates = [*_written(rows, cell), *_coded(rows, cell), *_ruled(rows, cell), *_serials(rows, cell)]
        enough = _not_refuted([one for one in candidates if one.found.height >= ENOUGH], rows, cell)
        sizes = _class_sizes(enough, cell, context)
        for one in candidates:
            size = sizes.get(id(one))
            fits = one.found.select(
                "nr",
                pl.lit(one.name).alias("transform"),
                pl.lit(one.found.height, pl.UInt32).alias("count"),
                pl.lit(size, pl.UInt32).alias("class"),
            )
            (proven if size is not None and one.found.height >= NEARLY_ALL * size else fitting).append(fits)
    return _first(proven), _first(fitting)


def _first(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=_FIT), *parts]).unique("nr", keep="first", maintain_order=True)


def _class_sizes(candidates: list[_Candidate], cell: CellPlan, context: Context) -> dict[int, int]:
    """How many pairs each transform can befall; left out where a sample already shows that there are far too many."""
    if not candidates:
        return {}
    ours = context.values(cell.name).select(pl.col("distributie").alias(cell.name))
    step = max(1, ours.height // _SAMPLE)
    if step > 1:
        sample = _counted(ours.gather_every(step), candidates)
        candidates = [
            one
            for one in candidates
            if sample[id(one)] < _IN_SAMPLE or one.found.height >= NEARLY_ALL / 2 * sample[id(one)] * step
        ]
    return _counted(ours, candidates) if candidates else {}


def _not_refuted(candidates: list[_Candidate], rows: pl.DataFrame, cell: CellPlan) -> list[_Candidate]:
    """Without those of which the findings themselves hold too many values that could be changed so and are not.

    That is exact (a class is no smaller than what is found of it) and spares asking for the values of all pairs.
    """
    if not candidates:
        return []
    found = _counted(rows.select(typed(pl.col("distributie"), cell).alias(cell.name)), candidates)
    return [one for one in candidates if one.found.height >= NEARLY_ALL * found[id(one)]]


def _counted(ours: pl.DataFrame, candidates: list[_Candidate]) -> dict[int, int]:
    sizes = ours.select(one.affected.sum().alias(str(at)) for at, one in enumerate(candidates)).row(0)
    return {id(one): int(size) for one, size in zip(candidates, sizes, strict=True)}


def _written(rows: pl.DataFrame, cell: CellPlan) -> list[_Candidate]:
    """The transforms of the field's type that make the application's value of the expected one."""
    pairs = _pairs(rows.filter(pl.col("kind").is_in(_KINDS)), cell)
    known: dict[str, Transform] = transforms_of(cell)
    if cell.field.dtype == pl.String():
        known = {CUT.format(width): cut_at(width) for width in _widths(pairs)} | known
    fitting = pairs.select("nr", *(_fits(write).alias(name) for name, write in known.items()))
    return [
        _Candidate(name, fitting.filter(name).select("nr"), _affected(cell, write))
        for name, write in known.items()
        if fitting[name].any()
    ]


def _pairs(rows: pl.DataFrame, cell: CellPlan) -> pl.DataFrame:
    """Columns: nr, ours (what the application should hold), theirs."""
    values = rows.select(
        "nr", typed(pl.col("distributie"), cell).alias(cell.name), typed(pl.col("afnemer_value"), cell).alias("theirs")
    )
    return values.select("nr", expected(cell, pl.col(cell.name)).alias("ours"), "theirs")


def _fits(write: Transform) -> pl.Expr:
    made = write(pl.col("ours"))
    return (made.ne_missing(pl.col("ours")) & made.eq_missing(pl.col("theirs"))).fill_null(value=False)


def _affected(cell: CellPlan, write: Transform) -> pl.Expr:
    value = expected(cell, pl.col(cell.name))
    return write(value).ne_missing(value)


def _widths(pairs: pl.DataFrame) -> list[int]:
    """The lengths at which most of the application's values are the beginning of what they should be."""
    cut = pairs.filter(pl.col("ours").str.starts_with(pl.col("theirs")) & (pl.col("theirs") != ""))
    lengths = cut.select(pl.col("theirs").str.len_chars().alias("width"))
    often = lengths.group_by("width").len().sort("len", "width", descending=True)
    return [int(width) for width in often["width"].head(_WIDTHS)]


def _coded(rows: pl.DataFrame, cell: CellPlan) -> list[_Candidate]:
    """One code that is another in all rows: a default, or a list the application does not know."""
    if not cell.codes:
        return []
    changed = rows.filter(
        pl.col("kind").is_in([Kind.AFWIJKEND, Kind.COSMETISCH]) & pl.col("distributie").is_in(cell.codes)
    )
    pairs = changed.group_by("distributie", "afnemer_value").agg("nr").filter(pl.col("nr").list.len() >= ENOUGH)
    pairs = pairs.sort("distributie", "afnemer_value")
    return [
        _Candidate(OTHER_CODE, pl.DataFrame({"nr": numbers}, schema={"nr": pl.UInt32}),
                   (pl.col(cell.name) == ours).fill_null(value=False))
        for ours, _, numbers in pairs.iter_rows()
    ]  # fmt: skip


def _ruled(rows: pl.DataFrame, cell: CellPlan) -> list[_Candidate]:
    """The tolerant rules that name a finding and take something away."""
    if cell.field.dtype != pl.String():
        return []
    named = rows.filter((pl.col("kind") == Kind.COSMETISCH) & pl.col("rule").is_in(_TAKING))
    by_rule: Mapping[tuple[object, ...], pl.DataFrame] = named.partition_by("rule", as_dict=True)
    return [
        _Candidate(str(rule), found.select("nr"), _affected(cell, FOLDS[str(rule)]))
        for (rule,), found in sorted(by_rule.items(), key=lambda item: str(item[0]))
    ]


def _serials(rows: pl.DataFrame, cell: CellPlan) -> list[_Candidate]:
    """Dates that a workbook gave as a number of days since 30-12-1899."""
    if cell.field.datatype not in ("date", "partial_date"):
        return []
    days = (pl.col("distributie").str.to_date("%Y-%m-%d", strict=False) - pl.date(1899, 12, 30)).dt.total_days()
    given = pl.col("afnemer_raw").str.strip_chars().str.extract(r"^(\d{4,5})(?:\.0+)?$", 1).cast(pl.Int64, strict=False)
    found = rows.filter((days == given).fill_null(value=False)).select("nr")
    value = pl.col(cell.name)
    whole = ((value // 100 % 100 > 0) & (value % 100 > 0)).fill_null(value=False)
    return [_Candidate(SERIAL, found, whole)] if found.height else []


def _additions(work: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The toevoeging written in the column of the huisletter: findings in both fields of the same address."""
    empty = pl.DataFrame(schema=_FIT)
    if not {"huisletter", "toevoeging"} <= set(context.cells):
        return empty
    added = work.filter((pl.col("field") == "toevoeging") & (pl.col("kind") == Kind.LEEG_IN_APPLICATIE))
    letter = work.filter(pl.col("field") == "huisletter").select(
        "key", pl.col("nr").alias("letter_nr"), pl.col("distributie").alias("letter"), "afnemer_value"
    )
    both = added.select("key", "nr", "distributie").join(letter, on="key")
    written = pl.col("letter").fill_null("") + pl.col("distributie")
    moved = both.filter(written.str.to_uppercase() == pl.col("afnemer_value").str.to_uppercase())
    if moved.height < ENOUGH:
        return empty
    size = context.values("toevoeging")["distributie"].drop_nulls().len()
    if moved.height < NEARLY_ALL * size:
        return empty
    numbers = pl.concat([moved.select("nr"), moved.select(pl.col("letter_nr").alias("nr"))])
    return numbers.with_columns(
        pl.lit(ADDITION).alias("transform"),
        pl.lit(moved.height, pl.UInt32).alias("count"),
        pl.lit(size, pl.UInt32).alias("class"),
    )
