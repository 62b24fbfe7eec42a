"""tabelwijziging: all rows of one code have another code in the application, for the table itself was changed."""

from __future__ import annotations

from typing import Final

import polars as pl

from kmgb.compare.kinds import INVALID, Kind
from kmgb.explain.context import Context, known_mutations
from kmgb.mutations.derive import CHANGED

# Divisions of the country and the town, which are redrawn now and then: CBS wijken and buurten, herindelingen.
REGIONS: Final = ("gemeentecode", "wijkcode", "buurtcode")
ENOUGH: Final = 3
ENOUGH_LISTED: Final = 10
_NEARLY_ALL: Final = 0.95
_ALIKE: Final = 3  # so many rows must share the application's code too
_ADDRESS: Final = (
    "straatnaam", "huisnummer", "huisletter", "toevoeging", "postcode", "woonplaats", "naam_or", "verblijfsadres",
    "datum_ingang_adreshouding", "datum_inschrijving", "id_codes_verblijfadres",
)  # fmt: skip
_SHAPE: Final = {"nr": pl.UInt32, "count": pl.UInt32, "class": pl.UInt32, "step": pl.String}


def table_changes(work: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The findings whose code is one of a class that differs nearly whole.

    Columns: nr, count (findings of the class), class (pairs with the distribution's code), step (the days between which
        the log saw the whole class change in one go; null when it did not).
    A row that also moved is no evidence: then its code is another because the address is.
    """
    names = [cell.name for cell in context.plan.compared if cell.name in REGIONS or cell.codes]
    rows = work.filter(pl.col("field").is_in(names) & (pl.col("kind") == Kind.AFWIJKEND))
    # A code that fails its check is no older code.
    rows = rows.filter(~pl.col("rule").fill_null("").str.starts_with(INVALID))
    moved = work.filter(pl.col("field").is_in(_ADDRESS)).select("key").unique()
    rows = rows.join(moved, on="key", how="anti")
    rows = rows.filter(pl.len().over("field", "distributie", "afnemer_value") >= _ALIKE)
    parts = [_of_field(found, context) for found in rows.partition_by("field")]
    return pl.concat([pl.DataFrame(schema=_SHAPE), *parts])


def _of_field(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    name = str(rows.item(0, "field"))
    classes = rows.group_by("distributie").agg(pl.len().alias("count"))
    least = ENOUGH if name in REGIONS else ENOUGH_LISTED
    classes, steps = classes.filter(pl.col("count") >= least), _steps(rows, context)
    if classes.is_empty() or (name not in REGIONS and steps.is_empty()):
        return pl.DataFrame(schema=_SHAPE)
    ours = context.values(name)["distributie"]
    wanted = pl.concat([classes["distributie"], rows["afnemer_value"]]).unique()
    sizes = ours.filter(ours.is_in(wanted.implode())).value_counts(name="class")
    whole = classes.join(sizes, on="distributie").filter(pl.col("count") >= _NEARLY_ALL * pl.col("class"))
    told = rows.join(whole, on="distributie").join(steps, on="distributie", how="left")
    if name not in REGIONS:
        # Of a list that is not redrawn: only when the log saw it, and the old code is no longer in use.
        told = told.filter(pl.col("step").is_not_null()).join(
            sizes, left_on="afnemer_value", right_on="distributie", how="anti"
        )
    return told.select(pl.col(column).cast(dtype) for column, dtype in _SHAPE.items())


def _steps(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Per code the one step in which the log saw its rows get it. Columns: distributie, step."""
    changes = known_mutations(context).filter(pl.col("change") == CHANGED)
    seen = rows.join(changes, left_on=["key", "field", "distributie"], right_on=["key", "field", "new"])
    per_code = seen.group_by("distributie").agg(
        pl.col("key").n_unique().alias("seen"),
        pl.col("until").n_unique().alias("steps"),
        context.day(pl.col("after").first()).alias("after"),
        context.day(pl.col("until").first()).alias("until"),
    )
    held = rows.group_by("distributie").agg(pl.col("key").n_unique().alias("rows"))
    at_once = (pl.col("steps") == 1) & (pl.col("seen") >= _NEARLY_ALL * pl.col("rows"))
    return (
        per_code.join(held, on="distributie")
        .filter(at_once)
        .select("distributie", pl.format("tussen {} en {}", "after", "until").alias("step"))
    )
