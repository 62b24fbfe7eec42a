"""Addresses: one display text from columns.

The display text is `straat huisnummer+letter+toevoeging, postcode woonplaats`. Which columns an application keeps is
written in its mapping; the TA document does not say how Verblijfsadres is composed.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

_MARKS = {"tegenover": "to", "bij": "by"}  # LO BRP 11.50: the code, beside the word some systems write
_POSTCODE = r"(?-u:\b)([1-9][0-9]{3}) +([A-Za-z]{2})(?-u:\b)"
_SPACED_POSTCODE = r"(?-u:[0-9] +[A-Za-z]{2})"  # a cheap look: wherever _POSTCODE stands, this stands too
_UNTIDY = rf"{_SPACED_POSTCODE}| ,|,  |,[^ ]|^[ ,]|[ ,]$"  # whatever `_tidied` may have to do, in one look


def display(text: pl.Expr) -> pl.Expr:
    """A delivered address text with the postcode closed up (1234 AB -> 1234AB) and one blank after each comma."""
    return text.map_batches(_tidied, return_dtype=pl.String)


def _tidied(text: pl.Series) -> pl.Series:
    """Repaired where needed: nearly all columns of addresses are written tidily, and replacing is dear."""
    if not text.str.contains(_UNTIDY).any():
        return text
    closed = text.str.replace_all(_POSTCODE, "$1$2")
    return closed.str.replace_all(r" *, *", ", ").str.strip_chars(" ,")


def compose(parts: Mapping[str, pl.Expr]) -> pl.Expr:
    """The display text of an address kept in columns. Nulls: an absent part is left out; all absent gives null."""
    # A toevoeging stands behind a dash: number 12 with addition 2 is not number 122.
    number, addition = _joined("", parts, ("huisnummer", "huisletter")), parts.get("toevoeging")
    house = _concat("-", [part for part in (number, addition) if part is not None]) if addition is not None else number
    mark = parts["aanduiding"].str.to_lowercase().replace(_MARKS) if "aanduiding" in parts else None
    street = _concat(" ", [part for part in (mark, parts.get("straat"), house) if part is not None])
    place = _joined(" ", parts, ("postcode", "woonplaats"))
    lines = [part for part in (street, place, parts.get("regels")) if part is not None]
    return display(_concat(", ", lines))


def _joined(glue: str, parts: Mapping[str, pl.Expr], names: tuple[str, ...]) -> pl.Expr | None:
    present = [parts[name] for name in names if name in parts]
    return _concat(glue, present) if present else None


def _concat(glue: str, expressions: list[pl.Expr]) -> pl.Expr:
    text = pl.concat_str(expressions, separator=glue, ignore_nulls=True)
    return pl.when(text != "").then(text)
