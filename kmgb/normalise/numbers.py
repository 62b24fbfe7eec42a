"""Identifiers and numbers: lost zeros restored, signs between groups removed, decimals read; garbage becomes null.

A value that is no number is never squeezed into one: what remains after removing the agreed signs must be digits.
"""

from __future__ import annotations

import polars as pl

_GROUPING = r"[ .\-/]"
_LOST_FRACTION = r"[.,]00?$"  # a number that went through a spreadsheet: 123,00 or 123.0
_BAG_PREFIX = r"^NL\.IMBAG\.[A-Za-z]+\."


def digits(text: pl.Expr) -> pl.Expr:
    """Only digits, or null where something else is left. `123.456.782`, `1234 56789` and `123456782,0` are read."""
    whole = text.str.replace(_LOST_FRACTION, "").str.replace_all(_GROUPING, "")
    return pl.when(whole.str.contains(r"^[0-9]+$")).then(whole)


def zero_filled(text: pl.Expr, width: int) -> pl.Expr:
    """Leading zeros restored up to `width`; longer values stay as they are and fail their check."""
    return text.str.zfill(width)


def bag_identifier(text: pl.Expr) -> pl.Expr:
    """A BAG id without the namespace some systems put in front of it (NL.IMBAG.Pand.)."""
    return text.str.replace(_BAG_PREFIX, "")


def integer(text: pl.Expr, *, unit: bool = False, zero_is_empty: bool = False) -> pl.Expr:
    """Int64. `12,00` is 12; `12,5` is null. With `unit`, a trailing m2 or m² is ignored.

    Source: catalogue, oppervlakte: applications write 0 for unknown, the register starts at 1.
    """
    if unit:
        text = text.str.replace(r"(?i)\s*m(?:2|²)$", "")
    number = text.str.extract(r"^([+-]?[0-9]+)(?:[.,]0*)?$", 1).str.to_integer(dtype=pl.Int64, strict=False)
    return pl.when(number != 0).then(number) if zero_is_empty else number


def decimal(text: pl.Expr, sign: str, *, zero_is_empty: bool = False) -> pl.Expr:
    """Float64 rounded to millimetres. `sign` is the decimal sign; the other one may separate thousands."""
    thousands = "." if sign == "," else ","
    grouped = text.str.contains(rf"^[+-]?[0-9]{{1,3}}(?:[{thousands}][0-9]{{3}})+(?:[{sign}][0-9]+)?$")
    plain = pl.when(grouped).then(text.str.replace_all(thousands, "", literal=True)).otherwise(text)
    number = plain.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).round(3)
    finite = pl.when(number.is_finite()).then(number)
    return pl.when(finite != 0).then(finite) if zero_is_empty else finite


def statistical_code(text: pl.Expr, width: int) -> pl.Expr:
    """The last digits of a CBS code: WK079601 -> 01, BU07960102 -> 02; other values stay as they are."""
    return pl.when(text.str.contains(r"(?i)^(?:WK|BU)[0-9]{6,8}$")).then(text.str.tail(width)).otherwise(text)


def kvk_number(text: pl.Expr) -> pl.Expr:
    """A dossiernummer without the letters KvK in front."""
    return text.str.replace(r"(?i)^k\.?v\.?k\.?\s*(?:nr\.?|nummer)?\s*:?\s*", "")


def fiscal_number(text: pl.Expr) -> pl.Expr:
    """The nine digits of a btw-nummer: NL123456782B01 -> 123456782."""
    return text.str.replace(r"(?i)^(?:NL)?\s*([0-9.]{8,12})\s*B[0-9]{2}$", "$1")


def phone_number(text: pl.Expr) -> pl.Expr:
    """A Dutch number in national form, a foreign one in E.164: signs and blanks removed, +31 and 0031 become 0."""
    bare = text.str.replace(r"\(0\)", "").str.replace_all(r"[\s()\-./]", "")
    return bare.str.replace(r"^(?:\+31|0031)0?", "0").str.replace(r"^00", "+")


def web_address(text: pl.Expr) -> pl.Expr:
    """Host and path without scheme, www. and closing slash; the host in small letters."""
    return text.str.to_lowercase().str.replace(r"^https?://", "").str.replace(r"^www\.", "").str.replace(r"/+$", "")
