"""Days as the catalogue's dates hold them: the number jjjjmmdd, with 00 for an unknown part."""

from __future__ import annotations

from datetime import date

import polars as pl


def jjjjmmdd(day: date) -> int:
    """A day as the number jjjjmmdd."""
    return day.year * 10000 + day.month * 100 + day.day


def days_in_month(year: pl.Expr, month: pl.Expr) -> pl.Expr:
    """The last day of a month, 28 to 31. A month outside 1 to 12 gives 31."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    february = 28 + leap.cast(pl.Int32)
    return pl.when(month == 2).then(february).when(month.is_in([4, 6, 9, 11])).then(30).otherwise(31)
