"""Work done once per distinct text: a column of dates or street names holds far fewer values than rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from kmgb.normalise.text import clean

_DIGITS = r"^[0-9]*$"
_WORTHWHILE = 0.1  # above this share of distinct values, encoding the column costs more than it saves


class Build(Protocol):
    """Makes the value of a clean text. `whole_digits`: every text is digits and nothing else, or null."""

    def __call__(self, text: pl.Expr, /, *, whole_digits: bool) -> pl.Expr: ...


def read_text(series: pl.Series, decoders: Sequence[str], build: Build, *, digits: bool = False) -> pl.Series:
    """`build(cleaned text)`, evaluated per distinct text when there are few of them. `build` must be elementwise.

    `digits`: nearly always the column holds nothing but digits; then there is nothing to clean and `build` is told so.
    Eager on purpose: as a Python function inside a lazy query the same work took five times as long, every thread
    waiting for the interpreter in turn. See docs/ontwerpbesluiten.md.
    """
    if digits and not decoders and series.str.contains(_DIGITS).all():
        return _evaluate(series.set(series == "", None), build, whole_digits=True)
    if not _few_distinct(series):
        return _evaluate(clean(series, decoders), build)
    codes = series.cast(pl.Categorical(pl.Categories.random())).to_physical()
    # The physical codes count the values in order of appearance; a null has no code and gets the last place.
    values = series.gather(codes.arg_unique()).drop_nulls().extend(pl.Series([None], dtype=pl.String))
    return _evaluate(clean(values, decoders), build).gather(codes.fill_null(values.len() - 1))


def _few_distinct(series: pl.Series) -> bool:
    distinct: int = series.to_frame().select(pl.all().approx_n_unique()).item()
    return distinct <= max(1, int(series.len() * _WORTHWHILE))


def _evaluate(series: pl.Series, build: Build, *, whole_digits: bool = False) -> pl.Series:
    built = build(pl.col("value"), whole_digits=whole_digits).alias(series.name)
    return series.alias("value").to_frame().select(built).to_series()
