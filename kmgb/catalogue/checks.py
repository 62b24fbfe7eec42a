"""The checks named in catalogue.csv, as polars expressions that are true where a value passes; null passes.

Source of the tests on identifiers: catalogue.csv (elfproef of BSN, RSIN and A-nummer; BAG identifiers; postcode).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise

import polars as pl

from kmgb.catalogue.calendar import days_in_month, jjjjmmdd
from kmgb.catalogue.fields import Field

Allowed = Mapping[str, tuple[str, ...]]  # code list -> codes

_NOT_IN_BRP = r"[^a-zA-Z0-9\u{C0}-\u{17E} .\-']"
_POSTCODE = r"^[1-9][0-9]{3}[A-Z]{2}$"
_NEVER_ISSUED = ("SA", "SD", "SS")

# What a check says when it fails, for stewards.
SENTENCES: Mapping[str, str] = {
    "elfproef_bsn": "voldoet niet aan de elfproef",
    "elfproef_a_nummer": "is geen geldig A-nummer",
    "bag_id": "is geen BAG-identificatie van het juiste objecttype",
    "postcode": "is geen postcode",
    "in_list": "staat niet in de waardelijst",
    "tekens_brp": "bevat een teken dat de BRP niet kent",
    "width": "heeft niet het juiste aantal cijfers",
    "pattern": "heeft niet de juiste vorm",
    "range": "ligt buiten de mogelijke waarden",
    "datum_bestaat": "is geen bestaande datum",
    "not_future": "ligt in de toekomst",
    "not_before": "ligt voor de begindatum",
}


def sentence(check: str) -> str:
    """The Dutch sentence for a check, without its argument."""
    return SENTENCES.get(check.partition(":")[0], check)


def check_expression(check: str, field: Field, allowed: Allowed, today: date) -> pl.Expr:
    """True where `field` passes `check` (name, or name:argument). `today` is the peildatum."""
    name, _, argument = check.partition(":")
    value = pl.col(field.name)
    match name:
        case "in_list":
            return value.is_in(list(allowed.get(argument, ())))
        case "not_future":
            return value <= jjjjmmdd(today)
        case "not_before":
            return _not_before(value, pl.col(argument))
        case "range":
            low, high = argument.split(",")
            return value.is_between(float(low), float(high))
        case _:
            return _TESTS[name](value, argument)


def elfproef(value: pl.Expr) -> pl.Expr:
    """True for nine digits with 9a+8b+7c+6d+5e+4f+3g+2h-1i divisible by 11 and not all zero. Source: catalogue, BSN."""
    number = value.cast(pl.UInt32, strict=False)
    # Modulo 11, minus once a figure is plus ten times that figure: so nothing falls below zero.
    weights = (10, *range(2, 10))
    total = pl.sum_horizontal(*((number // 10**place % 10) * weight for place, weight in enumerate(weights)))
    return (value.str.len_bytes() == 9) & (number > 0) & (total % 11 == 0)


def a_nummer_test(value: pl.Expr) -> pl.Expr:
    """True for ten digits: no 0 in front, no equal neighbours, and two sums modulo 11. Source: catalogue, A-nummer."""
    number = value.cast(pl.UInt64, strict=False)
    halves = [(half % 10**5).cast(pl.UInt32) for half in (number // 10**5, number)]
    # A struct, so that each figure is worked out once and not for every sum that uses it.
    places = [(halves[place // 5] // 10 ** (4 - place % 5) % 10).alias(str(place)) for place in range(10)]
    figures = [pl.field(str(place)) for place in range(10)]
    apart = pl.all_horizontal(*(a != b for a, b in pairwise(figures)))
    plain = pl.sum_horizontal(*figures) % 11
    weighted = pl.sum_horizontal(*(figure * 2**place for place, figure in enumerate(figures))) % 11
    passes = apart & ((plain == 0) | (plain == 5)) & (weighted == 0)
    ten = (value.str.len_bytes() == 10) & number.is_between(10**9, 10**10 - 1)
    return ten & pl.struct(places).struct.with_fields(passes.alias("geldig")).struct.field("geldig")


def bag_id_test(value: pl.Expr, types: str) -> pl.Expr:
    """True for sixteen digits with one of the object `types` (comma-separated). Source: Catalogus BAG par. 3.7.1."""
    number = value.cast(pl.UInt64, strict=False)
    kinds = [int(kind) for kind in types.split(",")]
    passes = (value.str.len_bytes() == 16) & ~value.str.starts_with("+") & (number // 10**10 % 100).is_in(kinds)
    return pl.when(value.is_not_null()).then(passes.fill_null(value=False))


def date_exists(value: pl.Expr) -> pl.Expr:
    """True where the known parts make a day, month or year that exists; month needs year and day needs month."""
    year, month, day = value // 10000, value // 100 % 100, value % 100
    partial = (day == 0) & month.is_between(0, 12) & ((month == 0) | (year > 0))
    return partial | ((year > 0) & month.is_between(1, 12) & day.is_between(1, days_in_month(year, month)))


def _not_before(value: pl.Expr, begin: pl.Expr) -> pl.Expr:
    """Compares what is known of both: 1980-00-00 is not before 1980-06-01."""
    only_year = (value % 10000 == 0) | (begin % 10000 == 0)
    only_month = (value % 100 == 0) | (begin % 100 == 0)
    unit = pl.when(only_year).then(10000).when(only_month).then(100).otherwise(1)
    return (value // unit >= begin // unit) | (value == 0) | (begin == 0)


def _postcode(value: pl.Expr) -> pl.Expr:
    return value.str.contains(_POSTCODE) & ~value.str.tail(2).is_in(_NEVER_ISSUED)


_TESTS: Mapping[str, Callable[[pl.Expr, str], pl.Expr]] = {
    "elfproef_bsn": lambda value, _: elfproef(value),
    "elfproef_a_nummer": lambda value, _: a_nummer_test(value),
    "bag_id": bag_id_test,
    "postcode": lambda value, _: _postcode(value),
    "tekens_brp": lambda value, _: ~value.str.contains(_NOT_IN_BRP),
    "width": lambda value, width: value.str.len_bytes() == int(width),
    "pattern": lambda value, pattern: value.str.contains(pattern),
    "datum_bestaat": lambda value, _: date_exists(value),
}
