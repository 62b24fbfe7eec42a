"""What the counts of the database make of each controle: wrong, beside it, new this week; and the trend before it.

A frame of counts has COUNT_COLUMNS of kmgb.store.weekly; `accepted` and `reported` say how many were decided on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from kmgb.report.tally import ACCEPTED, COLUMN, COSMETIC, UNDER_WAY, WRONG, parted
from kmgb.report.week import Counts, TrendPoint
from kmgb.store.life import days_open
from kmgb.store.runs import StoredRun
from kmgb.store.weekly import COUNT_COLUMNS, Weekly

Names = tuple[str, str]
_BY = [name for name in COUNT_COLUMNS if name != "count"]
WEEK = timedelta(days=7)
WEEKS = 26
CRITICAL = "kritiek"


def decided_findings(weekly: Weekly, stored: Mapping[Names, StoredRun]) -> dict[Names, pl.DataFrame]:
    """The findings that a decision may be about, of the controles about which anything was decided."""
    listed = sorted(weekly.with_decisions() & stored.keys())
    return {names: weekly.decided(names, stored[names].id) for names in listed}


def count_controles(
    weekly: Weekly, stored: Mapping[Names, StoredRun], decided: Mapping[Names, pl.DataFrame], since: datetime
) -> dict[Names, Counts]:
    """The counts of every controle of these runs. `since` begins the week that ends at the moment of `weekly`."""
    standing = with_decisions(weekly.standing(), decided.values())
    # What was under way or only written otherwise did not count as open either.
    closed = weekly.closed(since).filter(pl.col("kind") != COSMETIC, pl.col("cause") != UNDER_WAY)
    open_by, closed_by = _by_names(standing), _by_names(closed)
    return {
        names: _counts(open_by.get(names, standing.clear()), closed_by.get(names, closed.clear()), weekly.moment, since)
        for names in stored
    }


def _by_names(lines: pl.DataFrame) -> dict[Names, pl.DataFrame]:
    parts = lines.partition_by("afnemer", "entity", as_dict=True)
    return {(str(names[0]), str(names[1])): part for names, part in parts.items()}


def together(counts: Iterable[Counts]) -> Counts:
    """The sum; the oldest is that of all."""
    listed = list(counts)
    sums = {name: sum(getattr(one, name) for one in listed) for name in Counts.__slots__ if name != "oudste"}
    return Counts(**sums, oudste=max((one.oudste for one in listed), default=0))


def trend(intervals: pl.DataFrame, began: datetime | None, moment: datetime, zone: str) -> tuple[TrendPoint, ...]:
    """The last weeks since the first run, oldest first; each ends at the hour of the report.

    Counted as elsewhere, by the last that is known of each finding; only what was accepted counts here as well, and a
    column that is wrong as a whole does not.
    """
    counted = intervals.filter(pl.col("kind") != COSMETIC, ~pl.col("cause").is_in([UNDER_WAY, COLUMN]))
    ends = [moment - WEEK * back for back in range(WEEKS)][::-1]
    return tuple(_point(counted, end, zone) for end in ends if began is not None and began <= end)


def _point(counted: pl.DataFrame, end: datetime, zone: str) -> TrendPoint:
    until, begin = end.astimezone(UTC).replace(tzinfo=None), (end - WEEK).astimezone(UTC).replace(tzinfo=None)
    opened, closed = pl.col("opened"), pl.col("closed")
    there = (opened <= until) & (closed.is_null() | (closed > until))
    solved = (opened <= begin) & (closed > begin) & (closed <= until) & (pl.col("solved") == 1)
    sums = counted.select(
        open=pl.col("count").filter(there).sum(),
        nieuw=pl.col("count").filter(there & (opened > begin)).sum(),
        opgelost=pl.col("count").filter(solved).sum(),
    )
    day: date = end.astimezone(ZoneInfo(zone)).date()
    return TrendPoint(day, *(int(value) for value in sums.row(0)))


def with_decisions(standing: pl.DataFrame, decided: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Columns added: `part`, `accepted`, `reported`."""
    frames = [_decided_counts(frame) for frame in decided if frame.height]
    if frames:
        standing = standing.join(pl.concat(frames), on=_BY, how="left")
    else:
        standing = standing.with_columns(accepted=pl.lit(0), reported=pl.lit(0))
    standing = standing.with_columns(pl.col("accepted", "reported").fill_null(0))
    nobody = {"decision": pl.lit(None, pl.Int64), "status": pl.lit("open")}
    return parted(standing.with_columns(**nobody)).drop("decision", "status")


def _decided_counts(frame: pl.DataFrame) -> pl.DataFrame:
    """Per group of equal clear columns, how many were accepted, and how many of the others reported back."""
    counted = parted(frame).with_columns(
        pl.col("next_step").fill_null(""),
        pl.col("field").fill_null(""),
        opened=pl.col("first_seen"),
        returned=pl.col("predecessor").is_not_null(),
    )
    accepted = pl.col("part") == ACCEPTED
    return counted.group_by(_BY).agg(
        accepted=accepted.sum().cast(pl.Int64),
        reported=((pl.col("status") == "teruggemeld") & ~accepted).sum().cast(pl.Int64),
    )


def _counts(lines: pl.DataFrame, closed: pl.DataFrame, moment: datetime, since: datetime) -> Counts:
    left = not_accepted(lines)
    wrong, column = left.filter(pl.col("part") == WRONG), left.filter(pl.col("part") == COLUMN)
    grave = pl.col("severity") == CRITICAL
    fresh = opened_since(wrong, since)
    columns = new_columns(left, since)
    # A column that is no longer wrong as a whole is one thing solved, as it was one thing wrong.
    gone = closed.filter(pl.col("cause") == COLUMN, ~pl.col("field").is_in(column["field"].implode()))
    single = closed.filter(pl.col("cause") != COLUMN)
    first = wrong["opened"].min()
    age = days_open(first.replace(tzinfo=UTC), moment) if isinstance(first, datetime) else 0
    return Counts(
        open=_sum(wrong) + column["field"].n_unique(),
        kritiek=_sum(wrong.filter(grave)) + column.filter(grave)["field"].n_unique(),
        cosmetisch=_sum(left.filter(pl.col("part") == COSMETIC)),
        onderweg=_sum(left.filter(pl.col("part") == UNDER_WAY)),
        geaccepteerd=int(lines["accepted"].sum()),
        teruggemeld=int(wrong["reported"].sum()),
        nieuw=_sum(fresh.filter(~pl.col("returned"))) + columns.height,
        teruggekeerd=_sum(fresh.filter(pl.col("returned"))),
        opgelost=int(single.filter(solved=1)["count"].sum()) + gone.filter(solved=1)["field"].n_unique(),
        vervallen=int(single.filter(solved=0)["count"].sum()),
        oudste=max(age, 0),
    )


def not_accepted(lines: pl.DataFrame) -> pl.DataFrame:
    """What is left of counts with decisions, as `left`; no line without any."""
    return lines.with_columns(left=pl.col("count") - pl.col("accepted")).filter(pl.col("left") > 0)


def opened_since(lines: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """The lines that came after a moment."""
    return lines.filter(_came_after(since))


def _came_after(since: datetime) -> pl.Expr:
    return pl.col("opened") > since.astimezone(UTC).replace(tzinfo=None)


def new_columns(left: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """The columns that are wrong as a whole since a moment: a few of their rows were wrong before. Columns: field."""
    late = pl.col("left").filter(_came_after(since)).sum()
    column = left.filter(pl.col("part") == COLUMN)
    return column.group_by("field").agg((late * 2 > pl.col("left").sum()).alias("late")).filter("late").select("field")


def _sum(lines: pl.DataFrame) -> int:
    return int(lines["left"].sum())


def by_names(counts: Mapping[Names, Counts], afnemer: str) -> list[Counts]:
    """The counts of the controles of one application."""
    return [one for names, one in counts.items() if names[0] == afnemer]
