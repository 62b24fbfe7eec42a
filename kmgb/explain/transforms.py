"""Ways of writing wrongly: what an application that does not understand a format makes of a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from kmgb.compare.folding import strip_diacritics
from kmgb.compare.plan import CellPlan
from kmgb.compare.tolerant import FOLDS

Transform = Callable[[pl.Expr], pl.Expr]
CUT: Final = "afgekapt op {}"
_DATES = ("date", "partial_date")
_ACCENTED: Final = [chr(point) for point in (*range(0xA0, 0x180), 0x2018, 0x2019, 0x201C, 0x201D)]
_OUTSIDE_1252: Final = "[^\\x00-\\u{FF}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"


def _misread(letter: str) -> str:
    """UTF-8 bytes read one by one as Windows-1252, or as Latin-1 where that has no letter."""
    return "".join(
        bytes([byte]).decode("cp1252", "ignore") or bytes([byte]).decode("latin-1") for byte in letter.encode()
    )


_MISREAD: Final = [_misread(letter) for letter in _ACCENTED]
_ENTITIES: Final = [f"&#{ord(letter):04d};" for letter in _ACCENTED]


def _month_first(day: pl.Expr) -> pl.Expr:
    """Day and month exchanged, where both are possible months."""
    month, of_month = day // 100 % 100, day % 100
    return (
        pl.when((of_month >= 1) & (of_month <= 12) & (month >= 1))
        .then(day // 10000 * 10000 + of_month * 100 + month)
        .otherwise(day)
    )


def _filled_up(day: pl.Expr) -> pl.Expr:
    month, of_month = day // 100 % 100, day % 100
    filled = day + (month == 0).cast(pl.Int32) * 100 + (of_month == 0).cast(pl.Int32)
    return pl.when(day > 0).then(filled).otherwise(day)


def _dropped(day: pl.Expr) -> pl.Expr:
    return pl.when((day // 100 % 100 > 0) & (day % 100 > 0)).then(day)


def _day_before(day: pl.Expr) -> pl.Expr:
    earlier = day.cast(pl.String).str.to_date("%Y%m%d", strict=False).dt.offset_by("-1d")
    return earlier.dt.strftime("%Y%m%d").cast(pl.Int32)


_TEXTS: Final[Mapping[str, Transform]] = {
    "accenten weg": strip_diacritics,
    "accenten weg, maar ł en ø niet": lambda text: text.str.normalize("NFD").str.replace_all(r"\p{M}+", ""),
    "hoofdletters": lambda text: text.str.to_uppercase(),
    "kleine letters": lambda text: text.str.to_lowercase(),
    "hoofdletters zonder accenten": lambda text: strip_diacritics(text).str.to_uppercase(),
    "voorloopnullen weg": lambda text: text.str.replace(r"^0+(.)", "$1"),
    "UTF-8 gelezen als Latin-1": lambda text: text.str.replace_many(_ACCENTED, _MISREAD),
    "letters als HTML-code": lambda text: text.str.replace_many(_ACCENTED, _ENTITIES),
    "vraagteken voor letters buiten Windows-1252": lambda text: text.str.replace_all(_OUTSIDE_1252, "?"),
    "letters buiten Windows-1252 weg": lambda text: text.str.replace_all(_OUTSIDE_1252, ""),
    "vraagteken voor letters buiten Latin-1": lambda text: text.str.replace_all(r"[^\x00-\u{FF}]", "?"),
    "vraagteken voor bijzondere letters": lambda text: text.str.replace_all(r"[^\x00-\x7F]", "?"),
    "bijzondere letters weg": lambda text: text.str.replace_all(r"[^\x00-\x7F]", ""),
    "leestekens weg": lambda text: text.str.replace_all(r"[\p{P}\p{S}]", ""),
    "leestekens als spatie": FOLDS["leestekens"],
    "spaties weg": FOLDS["spaties"],
    "tekst tussen haakjes weg": FOLDS["haakjes"],
}
_OF_DATES: Final[Mapping[str, Transform]] = {
    "00 als 01": _filled_up,
    "onvolledige datum leeg": _dropped,
    "dag en maand verwisseld": _month_first,
    "een dag eerder": _day_before,
}
_OF_NUMBERS: Final[Mapping[str, Transform]] = {"afgerond op hele getallen": lambda number: number.round(0)}


def transforms_of(cell: CellPlan) -> dict[str, Transform]:
    """The transforms that can befall this field, by name; the first that fits names a value."""
    if cell.field.datatype in _DATES:
        return dict(_OF_DATES)
    if cell.field.dtype == pl.Float64():
        return dict(_OF_NUMBERS)
    return dict(_TEXTS) if cell.field.dtype == pl.String() else {}


def cut_at(width: int) -> Transform:
    """The first `width` characters, without the blank that may end them."""
    return lambda text: text.str.slice(0, width).str.strip_chars_end(" ,")
