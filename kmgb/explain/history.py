"""The source's history against the application: which findings are an earlier value, and which are just under way."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

from kmgb.compare.former import EQUAL, held
from kmgb.compare.kinds import Kind
from kmgb.compare.sets import SETS
from kmgb.explain.context import Context, known_mutations
from kmgb.explain.sent import aware_messages
from kmgb.mutations.derive import APPEARED, CHANGED, VANISHED

CELL_KINDS: Final = (Kind.AFWIJKEND, Kind.LEEG_IN_APPLICATIE, Kind.LEEG_IN_BRON, Kind.COSMETISCH)
_ROW_CHANGE: Final = {Kind.ONTBREEKT.value: APPEARED, Kind.OVERTOLLIG.value: VANISHED}
_SET_OF: Final = {name: members[0] for members in SETS for name in members}
_WHOLE_DAY: Final = r"^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$"
# A dump this much later than the distribution's may hold what the distribution has not shown yet.
LATER: Final = timedelta(days=1)


def set_name(column: str) -> pl.Expr:
    """One name for the fields of a set, whose order means nothing."""
    return pl.col(column).replace(_SET_OF).alias("member_of")


def seen_values(work: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Every value the log names for the cell of a finding and that the application holds now.

    Columns: nr, after, until, former (True: the source's value until `until`; False: its value
        from then on, or one of after what was compared).
    """
    cells = work.filter((pl.col("field") != "") & pl.col("kind").is_in(CELL_KINDS))
    # Changes of after what was compared are no earlier values, but the source did have them.
    changes = context.mutations.filter((pl.col("change") == CHANGED) & (pl.col("after") < pl.col("until")))
    joined = cells.select("nr", "key", "field", "kind", "afnemer_value", set_name("field")).join(
        changes.select("key", set_name("field"), "old", "new", "after", "until"), on=["key", "member_of"]
    )
    past = pl.col("until") <= context.peildatum_distributie
    shape = ("nr", "field", "kind", "afnemer_value", "after", "until")
    said = pl.concat(
        [
            joined.select(*shape, pl.col("old").alias("former"), past.alias("was")),
            joined.select(*shape, pl.col("new").alias("former"), pl.lit(value=False).alias("was")),
        ]
    )
    judged = [_judged(rows, context) for rows in said.partition_by("field")]
    return pl.concat(judged) if judged else _no_values()


def stale(work: pl.DataFrame, seen: pl.DataFrame, outside: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The findings that are `verouderd`: the newest mutation that the application missed.

    Columns: nr, after, until, day (the newest day of that step which the row's own dates name; null when none),
        under_way (True: the change lies inside the grace period before the dump). `outside`: nr, after, until of the
        rows that left the population.
    """
    rows = work.filter(pl.col("field") == "").with_columns(pl.col("kind").replace_strict(_ROW_CHANGE, default=None))
    came = known_mutations(context).filter(pl.col("field") == "").select("key", "change", "after", "until")
    moved = rows.join(came, left_on=["key", "kind"], right_on=["key", "change"]).select("nr", "after", "until")
    cells = seen.filter("former").select("nr", "after", "until")
    every = pl.concat([cells, moved, outside, _replaced_keys(work, came)])
    newest = every.sort("until", descending=True).unique("nr", keep="first", maintain_order=True)
    dated = newest.join(_days(work, newest, context), on="nr", how="left")
    sent = _sent_before(work, dated, context)
    return dated.with_columns((_under_way(context) & ~pl.col("nr").is_in(sent.implode())).alias("under_way"))


def _replaced_keys(work: pl.DataFrame, came: pl.DataFrame) -> pl.DataFrame:
    """Rows the application has under a key that vanished in the step in which today's key appeared."""
    rows = work.filter(pl.col("kind") == Kind.SLEUTELVERSCHIL).select("nr", "key", "afnemer_value")
    now, then = (
        came.filter(pl.col("change") == change).select("key", "after", "until") for change in (APPEARED, VANISHED)
    )
    appeared = rows.join(now, on="key")
    both = appeared.join(then, left_on=["afnemer_value", "after", "until"], right_on=["key", "after", "until"])
    return both.select("nr", "after", "until")


def _judged(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    cell = context.cells.get(str(rows.item(0, "field")))
    if cell is None:
        return _no_values()
    close = rows.with_columns(held(rows, cell).alias("held"))
    # A cosmetic finding is today's value already; it is an earlier one only where that is nearer still.
    enough = (pl.col("held") == EQUAL) | (pl.col("held").is_not_null() & (pl.col("kind") != Kind.COSMETISCH))
    return close.filter(enough).select("nr", "after", "until", pl.col("was").alias("former"))


def _no_values() -> pl.DataFrame:
    moment = pl.Datetime("us", "UTC")
    return pl.DataFrame(schema={"nr": pl.UInt32, "after": moment, "until": moment, "former": pl.Boolean})


def _under_way(context: Context) -> pl.Expr:
    """Certain when the whole step lies inside; else only when the source's own date of the change says so.

    The log knows a change to the step between two aanleveringen, often a week. A step that only reaches into the grace
    period proves nothing: the change may be days older, and then it should have arrived.
    """
    edge = context.edge.astimezone(context.timezone).date()
    dated = (pl.col("until") > context.edge) & (pl.col("day") >= edge).fill_null(value=False)
    return (pl.col("after") >= context.edge) | dated


def _sent_before(work: pl.DataFrame, dated: pl.DataFrame, context: Context) -> pl.Series:
    """The findings whose change was sent before the grace period began: no longer on its way.

    A message of before the day that the change itself names was about something else.
    """
    messages = aware_messages(context.messages)
    if messages is None:
        return pl.Series(dtype=pl.UInt32)
    told = dated.join(work.select("nr", "key"), on="nr").join(messages, on="key")
    about = (pl.col("moment") > pl.col("after")) & (_date("moment", context) >= pl.col("day")).fill_null(value=True)
    return told.filter(about & (pl.col("moment") < context.edge))["nr"]


def _days(work: pl.DataFrame, newest: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The newest day within the step that the source itself wrote in the same key and step. Columns: nr, day."""
    steps = newest.join(work.select("nr", "key", "field"), on="nr")
    written = known_mutations(context).filter(pl.col("new").str.contains(_WHOLE_DAY))
    written = written.select("key", "until", pl.col("new").str.to_date("%Y-%m-%d", strict=False).alias("day"))
    found = [steps.join(written, on=["key", "until"])]
    if context.source_days is not None:
        found.append(steps.filter(pl.col("field") == "").join(context.source_days.select("key", "day"), on="key"))
    shape = ("nr", "day")
    dated = pl.concat(
        [
            part.filter((pl.col("day") >= _date("after", context)) & (pl.col("day") <= _date("until", context))).select(
                shape
            )
            for part in found
        ]
    )
    return dated.group_by("nr").agg(pl.col("day").max())


def _date(moment: str, context: Context) -> pl.Expr:
    return pl.col(moment).dt.convert_time_zone(context.zone).dt.date()
