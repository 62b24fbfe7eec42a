"""Moments as logs write them -> UTC: with an offset, in a named zone, as seconds since 1970, or without any zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import available_timezones

import polars as pl

_UTC = pl.Datetime("us", "UTC")
_DATE = r"(?:(?P<year>\d{4})-?(?P<month>\d{2})-?(?P<day>\d{2})|(?P<day2>\d{2})-(?P<month2>\d{2})-(?P<year2>\d{4}))"
_TIME = r"(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
_ZONE = r"(?P<offset>[+-]\d{2}(?::?\d{2})?|Z|UTC|GMT|CEST|CET)?\s*\[?(?P<zone>[A-Za-z]+(?:/[A-Za-z0-9_+-]+)+)?\]?"
_PATTERN = rf"^{_DATE}[T ]{_TIME}\s*{_ZONE}$"
_NAMED = {"Z": 0, "UTC": 0, "GMT": 0, "CET": 60, "CEST": 120}  # minutes east of Greenwich


@dataclass(frozen=True, slots=True)
class Moments:
    """`moment` (Datetime us UTC; null where it cannot be read) in the order given, and what there is to warn of.

    `local`: which of them name no zone; `without_zone` how many, read in the zone of the caller. `elsewhere`: with a
    zone of their own in which the clock differs from that one. `twice`: in the hour that the clock shows twice, read as
    the first.
    """

    moment: pl.Series
    local: pl.Series
    unreadable: int
    without_zone: int
    elsewhere: int
    twice: int


def parse_moments(text: pl.Series, zone: str) -> Moments:
    """Every moment in UTC; one without a zone is local time in `zone` (a known name)."""
    frame = text.alias("text").to_frame().with_row_index("place")
    parts = frame.with_columns(pl.col("text").str.strip_chars().str.extract_groups(_PATTERN).alias("part")).unnest(
        "part"
    )
    read = pl.concat([_read(group, name, zone) for name, group in _by_zone(parts)]).sort("place")
    moment = pl.coalesce("moment", _since_1970()).alias("moment")
    done = read.with_columns(moment).with_columns(_clock(zone).alias("clock"))
    counts = done.select(
        unreadable=pl.col("moment").is_null().sum(),
        without_zone=(pl.col("local") & pl.col("moment").is_not_null()).sum(),
        elsewhere=(~pl.col("local") & (pl.col("clock") != pl.col("naive"))).sum(),
        twice=pl.col("twice").sum(),
    ).row(0, named=True)
    return Moments(done["moment"], done["local"] & done["moment"].is_not_null(), **counts)


def _by_zone(parts: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows per named zone; an offset wins, for `+01:00[Europe/Amsterdam]` says which of two hours it is."""
    zone = pl.when(pl.col("offset").is_null()).then(pl.col("zone"))
    parted = parts.with_columns(zone.fill_null("").alias("zone"))
    for (name,), group in parted.group_by("zone", maintain_order=True):
        yield str(name), group


def _read(group: pl.DataFrame, name: str, zone: str) -> pl.DataFrame:
    """One group of rows in one zone: the naive moment, the moment in UTC, and whether it was local or ambiguous."""
    local = not name
    known = zone if local else name if name in available_timezones() else None
    naive = group.with_columns(_naive().alias("naive"))
    first = last = pl.lit(None, dtype=_UTC)
    if known is not None:
        first, last = (_placed(known, which) for which in ("earliest", "latest"))
    minutes = _minutes()
    shifted = (pl.col("naive") - pl.duration(minutes=minutes)).dt.replace_time_zone("UTC")
    offset = pl.col("offset").is_not_null()
    return naive.select(
        "place",
        "text",
        "naive",
        pl.when(offset).then(shifted).otherwise(first).cast(_UTC).alias("moment"),
        (pl.lit(local) & ~offset & pl.col("naive").is_not_null()).alias("local"),
        (~offset & (first != last)).fill_null(value=False).alias("twice"),
    )


def _placed(zone: str, which: str) -> pl.Expr:
    ambiguous = pl.lit(which)
    placed = pl.col("naive").dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null")
    return placed.dt.convert_time_zone("UTC")


def _naive() -> pl.Expr:
    day = [pl.coalesce(name, name + "2") for name in ("year", "month", "day")]
    clock = [pl.col("hour"), pl.col("minute"), pl.col("second").fill_null("00")]
    fraction = pl.col("fraction").fill_null("0").str.slice(0, 6).str.pad_end(6, "0")
    text = pl.format("{}-{}-{}T{}:{}:{}.{}", *day, *clock, fraction)
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.6f", strict=False, time_unit="us")


def _minutes() -> pl.Expr:
    """Minutes east of Greenwich; null for a name that is no zone, so that the moment cannot be read."""
    figures = pl.col("offset").str.extract_groups(r"^([+-])(\d{2}):?(\d{2})?$")
    sign = pl.when(figures.struct.field("1") == "-").then(-1).otherwise(1)
    hours, minutes = (figures.struct.field(place).cast(pl.Int64, strict=False) for place in ("2", "3"))
    named = pl.col("offset").replace_strict(_NAMED, default=None, return_dtype=pl.Int64)
    return pl.coalesce(sign * (hours * 60 + minutes.fill_null(0)), named)


def _since_1970() -> pl.Expr:
    """Ten figures are seconds since 1970, thirteen are milliseconds; both are UTC."""
    bare = pl.col("text").str.strip_chars()
    number = pl.when(bare.str.contains(r"^(?:\d{10}|\d{13})$")).then(bare).cast(pl.Int64, strict=False)
    micro = pl.when(bare.str.len_bytes() == 10).then(number * 1_000_000).otherwise(number * 1000)
    return micro.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _clock(zone: str) -> pl.Expr:
    """What the clock in `zone` shows at that moment."""
    return pl.col("moment").dt.convert_time_zone(zone).dt.replace_time_zone(None)
