"""Work done once per distinct text: a column of dates or street names holds far fewer values than rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from kmgb.normalise.text import clean

_SAMPLE = 20_000
_WORTHWHILE = 0.4  # above this share of distinct values in the sample, encoding the column costs more than it saves


def read_text(series: pl.Series, decoders: Sequence[str], build: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
    """`build(cleaned text)`, evaluated per distinct text when there are few of them. `build` must be elementwise.

    Eager on purpose: as a Python function inside a lazy query the same work took five times as long, every thread
    waiting for the interpreter in turn. See docs/ontwerpbesluiten.md.
    """
    if not _few_distinct(series):
        return _evaluate(clean(series, decoders), build)
    codes = series.cast(pl.Categorical(pl.Categories.random())).to_physical()
    # The physical codes count the values in order of appearance; a null has no code and gets the last place.
    values = series.gather(codes.arg_unique()).drop_nulls().extend(pl.Series([None], dtype=pl.String))
    return _evaluate(clean(values, decoders), build).gather(codes.fill_null(values.len() - 1))


def _few_distinct(series: pl.Series) -> bool:
    sample = series.head(_SAMPLE)
    return series.len() > 0 and sample.n_unique() <= max(1, int(sample.len() * _WORTHWHILE))


def _evaluate(series: pl.Series, build: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
    return series.alias("value").to_frame().select(build(pl.col("value")).alias(series.name)).to_series()
