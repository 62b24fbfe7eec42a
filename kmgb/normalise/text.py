"""Delivered text -> clean text: decoded per source, Unicode NFC, single blanks, empty becomes null.

Folding (case, accents, punctuation) is not done here: it belongs to the comparison, where a fold is a named rule and
never makes two values plainly equal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

import polars as pl

# T.61: the accent comes before the base letter. Source: ITU-T T.61, its bytes read as Latin-1, as in i-Spiegel's table.
_TELETEX_ACCENTS = {
    "Á": "\u0300", "Â": "\u0301", "Ã": "\u0302", "Ä": "\u0303", "Å": "\u0304", "Æ": "\u0306", "Ç": "\u0307",
    "È": "\u0308", "Ê": "\u030a", "Ë": "\u0327", "Í": "\u030b", "Î": "\u0328", "Ï": "\u030c",
}  # fmt: skip
_CENTRIC_LETTERS = {"á": "Æ", "ñ": "æ", "õ": "ı", "û": "ß", "è": "Ł", "ø": "ł", "ù": "ø"}
_TELETEX_LETTERS = _CENTRIC_LETTERS | {"é": "Ø", "ê": "Œ", "ú": "œ", "ò": "đ"}

_ODD_ASCII = r"(?-u:[\t\n\r\x0b\x0c])"
_UNSEEN = "\u00ad\u180e\u200b\u2060\ufeff"  # marks without width: at an edge nobody can see them, and they mean nothing
_COMPOSABLE = r"[\p{M}\u{2126}\u{212A}\u{212B}\u{1F00}-\u{1FFF}]"  # whatever NFC may change in Latin and Greek text
# In a text that is not ASCII, all that asks for a repair in one look; two blanks, or one that is not the ordinary one.
_UNTIDY = rf"{_COMPOSABLE}|\s\s|[^\S ]|^[{_UNSEEN}]|[{_UNSEEN}]$"


def clean(series: pl.Series, decoders: Sequence[str] = ()) -> pl.Series:
    """Decoded, NFC, no blanks or marks without width at the ends, no double blanks. Nulls: empty text becomes null.

    The rare repairs are skipped for a batch that does not need them: normalising is the dearest step of a run.
    """
    for decoder in decoders:
        table = decoder_table(decoder)
        series = series.str.replace_many(list(table), list(table.values()), leftmost=True)
    foreign = series.filter(series.str.len_bytes() != series.str.len_chars())
    untidy = foreign.str.contains(_UNTIDY).any()
    if untidy:
        series = series.str.normalize("NFC")
    if untidy or series.str.contains("  ", literal=True).any() or series.str.contains(_ODD_ASCII).any():
        series = series.str.replace_all(r"\s+", " ")
    if untidy:
        series = series.str.strip_chars(" " + _UNSEEN)
    series = series.str.strip_chars()
    return series.set(series == "", None)


@cache
def decoder_table(decoder: str) -> Mapping[str, str]:
    """What is written -> what is meant, for one way (teletex, centric, html or mojibake) in which diacritics travel.

    Source: T.61 and the escape tables published with i-Spiegel (VNG); domain notes section 5.
    """
    if decoder == "teletex":
        return _accents_before_letters() | _TELETEX_LETTERS
    if decoder == "centric":
        return _accents_before_letters() | _CENTRIC_LETTERS
    if decoder == "html":
        return _html_entities()
    return _utf8_read_as_single_bytes()


def _accents_before_letters() -> dict[str, str]:
    table: dict[str, str] = {}
    for sign, accent in _TELETEX_ACCENTS.items():
        for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
            composed = unicodedata.normalize("NFC", letter + accent)
            if len(composed) == 1:
                table[sign + letter] = composed
    table["Âg"] = "ģ"  # this one has its accent above it and is written so; T.61 knows no g with an acute
    return table


def _html_entities() -> dict[str, str]:
    letters = [chr(code) for code in (*range(0xA1, 0x180), 0x218, 0x219, 0x21A, 0x21B, 0x2018, 0x2019, 0x20AC)]
    table = {f"&#{ord(letter)};": letter for letter in letters}
    padded = {f"&#{ord(letter):04d};": letter for letter in letters}
    return table | padded | {"&amp;": "&", "&apos;": "'", "&quot;": '"', "&lt;": "<", "&gt;": ">", "&#39;": "'"}


def _utf8_read_as_single_bytes() -> dict[str, str]:
    table = {}
    for code in (*range(0xA0, 0x250), *range(0x2010, 0x2040), 0x20AC):
        encoded = chr(code).encode("utf-8")
        for encoding in ("latin-1", "cp1252"):
            table[encoded.decode(encoding, errors="replace")] = chr(code)
    return {written: meant for written, meant in table.items() if "\ufffd" not in written}
