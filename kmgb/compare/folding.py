"""Folds: what is left of a text when a difference people overlook is taken away; each is a step of a named rule."""

from __future__ import annotations

import polars as pl

# Letters that Unicode does not decompose, and signs that systems without accents write otherwise.
_STROKES = {
    "ł": "l", "Ł": "L", "ı": "i", "ø": "o", "Ø": "O", "ß": "ss", "ð": "d", "Ð": "D", "đ": "d", "Đ": "D", "ĸ": "k",
    "ŧ": "t", "Ŧ": "T", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH", "ŋ": "n", "Ŋ": "N",
    "ħ": "h", "Ħ": "H", "‘": "'", "’": "'", "‛": "'", "´": "'", "`": "'", "“": '"', "”": '"',
}  # fmt: skip

_PARTS = (
    r"^(?P<straat>.*?\D)\s+(?P<huisnummer>[0-9]+)\s*[-/ ]?\s*(?P<achter>[^,]*?)\s*"
    r"(?:,\s*(?P<postcode>[1-9][0-9]{3}[A-Za-z]{2})?\s*(?P<woonplaats>.*))?$"
)
ADDRESS_PARTS = ("straat", "huisnummer", "achter", "postcode", "woonplaats")


def strip_diacritics(expr: pl.Expr) -> pl.Expr:
    """Text as a system without accents writes it. A batch that is plain ASCII passes untouched and cheaply."""
    return expr.map_batches(_without_diacritics, return_dtype=pl.String, is_elementwise=True)


def address_parts(text: pl.Expr) -> pl.Expr:
    """A struct of straat, huisnummer, achter (letter and toevoeging), postcode, woonplaats; null where unread."""
    return text.str.extract_groups(_PARTS)


def _without_diacritics(series: pl.Series) -> pl.Series:
    foreign = series.str.len_bytes() != series.str.len_chars()
    if not foreign.any():
        return series
    letters = pl.DataFrame({"text": series, "foreign": foreign}).with_row_index("row")
    folded = letters.filter("foreign").select(
        "row",
        pl.col("text")
        .str.replace_many(list(_STROKES), list(_STROKES.values()))
        .str.normalize("NFKD")
        .str.replace_all(r"\p{M}+", "")
        .alias("folded"),
    )
    joined = letters.join(folded, on="row", how="left", maintain_order="left")
    return joined.select(pl.coalesce("folded", "text").alias(series.name)).to_series()
