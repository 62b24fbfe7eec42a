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
        value = value.str.slice(0, agreed.width).str.strip_chars_end()
    return value
