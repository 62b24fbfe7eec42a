"""Ways of writing: what an application makes of a value of the distribution."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def day_month_year(column: str, *, open_end: str | None = None) -> pl.Expr:
    """dd-mm-jjjj from jjjjmmdd or jjjj-mm-dd; `open_end` is written for an empty date."""
    figures = pl.col(column).str.replace_all("-", "", literal=True)
    text = figures.str.slice(6, 2) + "-" + figures.str.slice(4, 2) + "-" + figures.str.slice(0, 4)
    return (text if open_end is None else text.fill_null(open_end)).alias(column)


def year_month_day(column: str) -> pl.Expr:
    """jjjj-mm-dd from jjjjmmdd."""
    text = pl.col(column)
    return (text.str.slice(0, 4) + "-" + text.str.slice(4, 2) + "-" + text.str.slice(6, 2)).alias(column)


def without_zeros(column: str) -> pl.Expr:
    """A number that lost its leading zeros in a numeric column."""
    return pl.col(column).str.replace(r"^0+([0-9])", "$1").alias(column)


def in_words(column: str, words: Mapping[str, str]) -> pl.Expr:
    """The application's word for every code (ours -> theirs); an unknown code stays."""
    return pl.col(column).replace(dict(words)).alias(column)


def shouted(column: str) -> pl.Expr:
    """Capitals without accents."""
    plain = pl.col(column).str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    return plain.str.to_uppercase().alias(column)


def spaced_postcode(column: str) -> pl.Expr:
    """1234 AB."""
    return (pl.col(column).str.slice(0, 4) + " " + pl.col(column).str.slice(4, 2)).alias(column)
