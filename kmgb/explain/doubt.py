"""What the source itself has in onderzoek: which cells of a row it doubts, read from its own columns.

The BRP names category, group and element in six digits (LO BRP 83.10); the BAG has one J or N for the whole object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import polars as pl

from kmgb.catalogue.calendar import jjjjmmdd

DOUBT_DTYPES: Final = {"key": pl.String, "field": pl.String}
_OBJECT: Final = "indicatie_onderzoek"

# A code doubts every field whose element, group or category begins with the figures of the code that are not zero.
# Category 08, verblijfplaats; Source: LO BRP 08.09.10 to 08.13.x, and 08.9999: the person does not live there.
_RESIDENCE: Final[Mapping[str, tuple[str, ...]]] = {
    "0809.10": ("gemeentecode",),
    "0809.20": ("datum_inschrijving",),
    "0810.30": ("datum_ingang_adreshouding",),
    "0811": ("verblijfsadres",),
    "0811.80": ("id_codes_verblijfadres.adresseerbaar_object",),
    "0811.90": ("id_codes_verblijfadres.nummeraanduiding",),
    "0812": ("verblijfsadres",),
    "0813": ("verblijfsadres",),
}
_CORRESPONDENCE: Final[Mapping[str, tuple[str, ...]]] = {
    "0810.30": ("datum_ingang_correspondentieadres",),
    "0811": ("correspondentieadres",),
    "0811.80": ("id_codes_correspondentieadres.adresseerbaar_object",),
    "0811.90": ("id_codes_correspondentieadres.nummeraanduiding",),
    "0812": ("correspondentieadres",),
    "0813": ("correspondentieadres",),
}
_CATEGORIES: Final = {"vbl": _RESIDENCE, "cor": _CORRESPONDENCE}
_WHOLE: Final = ("080000", "089999")


def doubted_cells(rows: pl.DataFrame, fields: Sequence[str], day: date) -> pl.DataFrame:
    """The cells in onderzoek on `day`; columns key, field.

    Columns in: key and the normalised columns of the distribution, as far as it has them. `fields`: those compared.
    Nulls: without an end the onderzoek goes on; with an unknown end as well.
    """
    parts = [
        rows.filter(_going_on(prefix, code, rows.columns, day)).select("key", pl.lit(field).alias("field"))
        for prefix, table in _CATEGORIES.items()
        if f"{prefix}_categorie_onderzoek" in rows.columns
        for field, code in _doubting(prefix, table).items()
        if field in fields
    ]
    if _OBJECT in rows.columns:
        doubted = rows.filter(pl.col(_OBJECT) == "J").select("key")
        parts += [doubted.with_columns(pl.lit(field).alias("field")) for field in fields if field != _OBJECT]
    return pl.concat([pl.DataFrame(schema=DOUBT_DTYPES), *parts]).unique(maintain_order=True)


def _doubting(prefix: str, table: Mapping[str, tuple[str, ...]]) -> dict[str, pl.Expr]:
    """Per field the expression that is true where the category's code doubts it."""
    code = pl.col(f"{prefix}_categorie_onderzoek")
    doubting: dict[str, pl.Expr] = {}
    for place, names in table.items():
        group, _, element = place.partition(".")
        hit = code.is_in(_WHOLE) | (code == f"{group}00")
        # A doubted part of the address (street, number) makes the whole address doubtful.
        hit = hit | (code == group + element if element else code.str.starts_with(group))
        for name in names:
            doubting[name] = doubting[name] | hit if name in doubting else hit
    return doubting


def _going_on(prefix: str, code: pl.Expr, columns: Sequence[str], day: date) -> pl.Expr:
    end = f"{prefix}_datum_einde_onderzoek"
    if end not in columns:
        return code
    return code & ((pl.col(end) == 0) | (pl.col(end) > jjjjmmdd(day))).fill_null(value=True)
