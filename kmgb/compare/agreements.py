"""The distribution's value as the application would write it: what the cell should hold by its agreements."""

from __future__ import annotations

import polars as pl

from kmgb.compare.folding import strip_diacritics
from kmgb.compare.plan import CellPlan


def expected(cell: CellPlan, value: pl.Expr) -> pl.Expr:
    """The value the application should hold when the distribution holds `value`.

    Only the distribution's value is rewritten, never what was delivered: an application that says it stores no accents
    and yet delivers one is not made equal by removing it.
    """
    agreed = cell.agreements
    if agreed.empty_when:
        value = pl.when(~value.cast(pl.String).is_in(agreed.empty_when)).then(value)
    if cell.field.dtype != pl.String():
        return value
    if agreed.without_diacritics:
        value = strip_diacritics(value)
    if agreed.letters:
        value = value.str.to_uppercase() if agreed.letters == "hoofdletters" else value.str.to_lowercase()
    if agreed.without_blanks:
        value = value.str.replace_all(" ", "", literal=True)
    if agreed.without_leading_zeros:
        value = value.str.replace(r"^0+([^0])", "$1")
    if agreed.width is not None:
        # A comma at the end of an address is taken off wherever it was cut: see `addresses.display`.
        ends = " ," if cell.field.datatype == "composite" else " "
        value = value.str.slice(0, agreed.width).str.strip_chars_end(ends)
    return _read_back(cell, value) if agreed.letters else value


def _read_back(cell: CellPlan, value: pl.Expr) -> pl.Expr:
    """As normalising reads it from the application: some fields lose their letter case there, a code gets its own."""
    if cell.codes:
        return pl.coalesce(
            value.str.to_lowercase().replace_strict(
                [code.lower() for code in cell.codes], list(cell.codes), default=None, return_dtype=pl.String
            ),
            value,
        )
    if {"lower", "url"} & set(cell.field.steps):
        return value.str.to_lowercase()
    return value.str.to_uppercase() if "upper" in cell.field.steps else value
