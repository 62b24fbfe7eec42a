"""Work done once per distinct text: a column of dates or street names holds far fewer values than rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from kmgb.normalise.text import clean

# A column of which a tenth of the values is distinct costs more to encode than that saves. Of such a column nine in ten
# values of a sample this large are distinct, when the column holds about fifty times as many.
_SAMPLE, _TOO_MANY = 20_000, 0.9


class Build(Protocol):
    """Makes the value of a clean text. `whole_digits`: every text is digits and nothing else, or null."""

    def __call__(self, text: pl.Expr, /, *, whole_digits: bool) -> pl.Expr: ...


def read_text(
    series: pl.Series, decoders: Sequence[str], build: Build, *, digits: bool = False, fields: Sequence[str] = ()
) -> list[pl.Series]:
    """`build(cleaned text)`, evaluated per distinct text when there are few of them. `build` must be elementwise.

    When it builds structs, these `fields` of them are given, and no others are spread over the rows.

    `digits`: nearly always the column holds nothing but digits; then there is nothing to clean and `build` is told so.
    Eager on purpose: as a Python function inside a lazy query the same work took five times as long, every thread
    waiting for the interpreter in turn. See docs/ontwerpbesluiten.md.
    """
    sample = series.gather_every(max(1, series.len() // _SAMPLE))
    distinct = sample.n_unique()
    if distinct == 1 and series.eq_missing(sample.head(1)).all():  # most often a column that is empty throughout
        return [
            value.new_from_index(0, series.len()) for value in _evaluate(clean(sample.head(1), decoders), build, fields)
        ]
    if digits and not decoders and _only_digits(series):
        return _evaluate(series.set(series == "", None), build, fields, whole_digits=True)
    if distinct > sample.len() * _TOO_MANY:
        return _evaluate(clean(series, decoders), build, fields)
    codes = series.cast(pl.Categorical(pl.Categories.random())).to_physical()
    # The physical codes count the values in order of appearance; a null has no code and gets the last place.
    values = series.gather(codes.arg_unique()).drop_nulls().extend(pl.Series([None], dtype=pl.String))
    places = codes.fill_null(values.len() - 1)
    return [value.gather(places) for value in _evaluate(clean(values, decoders), build, fields)]


def _only_digits(series: pl.Series) -> bool:
    """True when every text is empty or digits only. Reading numbers takes a third of the time of an expression.

    What is too long for a number counts as something else: no field is.
    """
    empty = series.null_count() + (series == "").sum()
    numbers = series.cast(pl.UInt64, strict=False)
    return numbers.null_count() == empty and not series.str.starts_with("+").any()


def _evaluate(series: pl.Series, build: Build, fields: Sequence[str], *, whole_digits: bool = False) -> list[pl.Series]:
    built = build(pl.col("value"), whole_digits=whole_digits).alias(series.name)
    values = series.alias("value").to_frame().select(built).to_series()
    return [values.struct.field(name) for name in fields] if fields else [values]
