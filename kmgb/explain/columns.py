"""veldtoewijzing: one column differs in nearly all rows, so the mapping is wrong and not thousands of values."""

from __future__ import annotations

from typing import Final

import polars as pl

from kmgb.catalogue.fields import Field
from kmgb.compare.former import typed
from kmgb.compare.kinds import Kind
from kmgb.compare.plan import CellPlan
from kmgb.explain.context import Context
from kmgb.explain.transforms import transforms_of

ENOUGH: Final = 20
NEARLY_ALL: Final = 0.9
_WORTH_A_LOOK = 0.1  # below this share of the pairs another column is not looked for
_UNEQUAL = ("afwijkend", "leeg_in_applicatie", "leeg_in_bron", "onbeslist")
_WHOLE = {Kind.AFWIJKEND, Kind.LEEG_IN_APPLICATIE, Kind.LEEG_IN_BRON, Kind.ONGELDIG}
_SHAPE: Final = {"nr": pl.UInt32, "count": pl.UInt32, "class": pl.UInt32, "column_of": pl.String}


def wrong_columns(work: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The findings of columns that hold something else than the mapping says.

    Columns: nr, count, class (pairs in which the column should differ if that is so), column_of.
    """
    differing = context.fields.with_columns(pl.sum_horizontal(*_UNEQUAL).alias("unequal")).filter(
        (pl.col("unequal") >= ENOUGH) & (pl.col("unequal") >= _WORTH_A_LOOK * pl.col("vergeleken"))
    )
    parts = [
        _of_column(work.filter(pl.col("field") == name), context.cells[name], unequal, compared, context)
        for name, unequal, compared in differing.select("field", "unequal", "vergeleken").iter_rows()
        if name in context.cells
    ]
    return pl.concat([pl.DataFrame(schema=_SHAPE), *parts])


def proposals(work: pl.DataFrame, wrong: pl.DataFrame, context: Context) -> pl.DataFrame:
    """What to change in the mapping, per wrong column. Columns: nr, proposal. `wrong` is what `wrong_columns` gave."""
    found = work.join(wrong, on="nr")
    told = {
        str(name): _proposal(rows, context.cells[str(name)], rows.item(0, "column_of"), context)
        for (name,), rows in found.partition_by("field", as_dict=True).items()
    }
    return found.select(
        "nr", pl.col("field").replace_strict(told, default="", return_dtype=pl.String).alias("proposal")
    )


def _of_column(rows: pl.DataFrame, cell: CellPlan, unequal: int, compared: int, context: Context) -> pl.DataFrame:
    rows = rows.filter(pl.col("kind").is_in(_WHOLE))
    if unequal >= NEARLY_ALL * compared:
        return _found(rows, unequal, compared, _other_column(rows, cell, context))
    other = _other_column(rows, cell, context)
    if other is None:
        return pl.DataFrame(schema=_SHAPE)
    # Where both fields happen to hold the same, an exchange of columns cannot be seen.
    sides = context.values(cell.name).select("key", "distributie").join(
        context.values(other).select("key", pl.col("distributie").alias("other")), on="key"
    )  # fmt: skip
    size = sides.filter(pl.col("distributie").ne_missing(pl.col("other"))).height
    exchanged = _with_other(rows, cell, other, context).filter("same")
    if exchanged.height < max(ENOUGH, NEARLY_ALL * size):
        return pl.DataFrame(schema=_SHAPE)
    return _found(exchanged, exchanged.height, size, other)


def _found(rows: pl.DataFrame, count: int, size: int, other: str | None) -> pl.DataFrame:
    return rows.select(
        "nr",
        pl.lit(count, pl.UInt32).alias("count"),
        pl.lit(size, pl.UInt32).alias("class"),
        pl.lit(other, pl.String).alias("column_of"),
    )


def _other_column(rows: pl.DataFrame, cell: CellPlan, context: Context) -> str | None:
    """The field whose values this column holds in nearly all findings; None when there is none."""
    shares = {
        name: _share(_with_other(rows, cell, name, context))
        for name, other in context.cells.items()
        if name != cell.name and _alike(cell.field, other.field)
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= NEARLY_ALL else None


def _alike(one: Field, other: Field) -> bool:
    return one.dtype == other.dtype and one.code_list == other.code_list


def _with_other(rows: pl.DataFrame, cell: CellPlan, other: str, context: Context) -> pl.DataFrame:
    """Column added: same, whether the application holds the distribution's value of the other field."""
    values = context.values(other).select("key", pl.col("distributie").alias("other"))
    joined = rows.join(values, on="key", how="left")
    return joined.with_columns(typed(pl.col("afnemer_value"), cell).eq_missing(pl.col("other")).alias("same"))


def _share(rows: pl.DataFrame) -> float:
    """Over the rows where one of the two is filled: nothing opposite nothing proves nothing."""
    filled = rows.filter(pl.col("afnemer_value").is_not_null() | pl.col("other").is_not_null())
    return int(filled["same"].sum()) / filled.height if filled.height >= ENOUGH else 0.0


def _proposal(found: pl.DataFrame, cell: CellPlan, other: str | None, context: Context) -> str:
    label = cell.field.label
    if other is not None:
        twin = context.cells[other].field.label
        return f"De kolom bij {label} bevat de waarden van {twin}; wissel de kolommen van deze twee velden."
    if found.filter(pl.col("afnemer_raw").fill_null("").str.strip_chars() != "").is_empty():
        return f"De kolom bij {label} is leeg; kies de kolom waarin de applicatie dit gegeven wel levert."
    return _code_map(found, cell) or _way_of_writing(found, cell) or (
        f"Controleer welke kolom en welk formaat bij {label} horen; er is geen andere kolom gevonden die past."
    )  # fmt: skip


def _code_map(found: pl.DataFrame, cell: CellPlan) -> str:
    """The codes of the mapping, when each of the application's values always stands beside one code."""
    if not (cell.codes or cell.field.datatype in ("code", "boolean")):
        return ""
    raw = pl.coalesce(pl.col("afnemer_raw").str.strip_chars(), "afnemer_value")
    pairs = found.select(raw.alias("theirs"), "distributie").drop_nulls().group_by("theirs", "distributie").len()
    main = pairs.sort("len", descending=True).unique("theirs", keep="first", maintain_order=True).sort("theirs")
    total, explained = int(pairs["len"].sum()), int(main["len"].sum())
    if not total or explained < NEARLY_ALL * total or main.height > 2 * len(cell.codes or main["theirs"]):
        return ""
    codes = ", ".join(f'"{theirs}" = "{ours}"' for theirs, ours in main.select("theirs", "distributie").iter_rows())
    return f"Zet bij {cell.field.label} in de veldtoewijzing: codes = {{ {codes} }}."


def _way_of_writing(found: pl.DataFrame, cell: CellPlan) -> str:
    """A transform that explains nearly all findings: an agreement to make, or another date format."""
    ours, theirs = typed(pl.col("distributie"), cell), typed(pl.col("afnemer_value"), cell)
    transforms = transforms_of(cell)
    readable = found.filter(pl.col("afnemer_value").is_not_null())
    if readable.is_empty() or not transforms:
        return ""
    shares = readable.select((write(ours) == theirs).mean().alias(name) for name, write in transforms.items())
    best = max(transforms, key=lambda name: shares.item(0, name) or 0.0)
    if (shares.item(0, best) or 0.0) < NEARLY_ALL:
        return ""
    return f"De kolom bij {cell.field.label} is anders geschreven ({best}); leg die schrijfwijze of dat formaat vast."
