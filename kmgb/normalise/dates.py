"""Delivered dates -> Int32 jjjjmmdd, with 00 for the parts that are not known; 0 is a date of which nothing is known.

Why a number and not a date type: a register date may lack its day or month (1980-00-00), and a date column of polars or
a database would round it to a day that nobody registered. Source: LO BRP dates; domain notes section 4.
"""

from __future__ import annotations

import polars as pl

# One pattern for every unambiguous way of writing, tried once per value. Groups: 1-3 jjjj mm dd (with or without
# signs), 4-6 dd mm jjjj (day or month may have lost its zero), 7-8 jjjj-mm, 9 jjjj. A time behind it is dropped.
_TIME = r"(?:(?:[T ]|\s)?[0-9:.,Z+ -]*)"
_ANY = (
    rf"^(?:([0-9]{{4}})[-/.]?([0-9]{{2}})[-/.]?([0-9]{{2}}){_TIME}"
    rf"|([0-9]{{1,2}})[-/.]([0-9]{{1,2}})[-/.]([0-9]{{4}})(?:[T ][0-9:.,]*)?"
    r"|([0-9]{4})-([0-9]{2})|([0-9]{4}))$"
)
_PATTERNS = {
    "mm-dd-jjjj": r"^(?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})[-/.](?P<j>[0-9]{4})(?:[T ][0-9:.,]*)?$",
    "mm-dd-jj": r"^(?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})[-/.](?P<j>[0-9]{2})(?:[T ][0-9:.,]*)?$",
    "dd-mm-jj": r"^(?P<d>[0-9]{1,2})[-/.](?P<m>[0-9]{1,2})[-/.](?P<j>[0-9]{2})(?:[T ][0-9:.,]*)?$",
    "ddmmjjjj": r"^(?P<d>[0-9]{1,2})(?P<m>[0-9]{2})(?P<j>[0-9]{4})$",
}
_EXCEL_EPOCH = -25569  # days from 1899-12-30 (Excel's day 0, its 1900 leap-year bug included) to 1970-01-01


def parse_date(text: pl.Expr, convention: str = "") -> pl.Expr:
    """Int32 jjjjmmdd read from clean text. Null where the text is empty or cannot be a date.

    The convention decides what is ambiguous (`mm-dd-jjjj`, two-digit years, `ddmmjjjj`, Excel's day numbers); every
    other way of writing is accepted beside it. Nulls: a value with month 13 or day 32 is null (unreadable), 31 February
    is kept: it can be read, and fails its check.
    """
    general = _general(text)
    if convention in _PATTERNS:
        return pl.coalesce(_by_pattern(text, convention), general)
    if convention == "excel":
        return pl.coalesce(_excel(text), general)
    return general


def _general(text: pl.Expr) -> pl.Expr:
    def part(*numbers: int) -> pl.Expr:
        return pl.coalesce(*(pl.field(str(n)) for n in numbers)).str.to_integer(dtype=pl.Int32, strict=False)

    year, month, day = part(1, 6, 7, 9), part(2, 5, 8).fill_null(0), part(3, 4).fill_null(0)
    read = pl.when(year.is_not_null()).then(_assemble(year, month, day))
    # with_fields looks up the groups once; asked for one by one, each would run the pattern again.
    groups = text.str.extract_groups(_ANY).struct.with_fields(read.alias("datum"))
    return pl.when(text == "0").then(0).otherwise(groups.struct.field("datum"))


def _by_pattern(text: pl.Expr, convention: str) -> pl.Expr:
    year, month, day = (pl.field(name).str.to_integer(dtype=pl.Int32, strict=False) for name in "jmd")
    if convention.endswith("-jj"):
        # Two digits: registers hold no date far in the future, so 27..99 belong to the last century.
        year = pl.when(year > 26).then(year + 1900).otherwise(year + 2000)
    read = pl.when(year.is_not_null()).then(_assemble(year, month, day))
    groups = text.str.extract_groups(_PATTERNS[convention]).struct.with_fields(read.alias("datum"))
    return groups.struct.field("datum")


def _excel(text: pl.Expr) -> pl.Expr:
    number = text.str.extract(r"^([0-9]{1,5})(?:[.,][0-9]+)?$", 1).str.to_integer(dtype=pl.Int32, strict=False)
    day = (number + _EXCEL_EPOCH).cast(pl.Date)
    jjjjmmdd = day.dt.year() * 10000 + day.dt.month().cast(pl.Int32) * 100 + day.dt.day().cast(pl.Int32)
    return pl.when(number > 0).then(jjjjmmdd)


def _assemble(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    readable = (month <= 12) & (day <= 31)
    return pl.when(readable).then(year * 10000 + month * 100 + day)
