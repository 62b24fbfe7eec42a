"""The dumps of the afnemers: which entity, which columns, who belongs in it, and how the file is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from kmgb.demo import belasting, geo, havenbeheer, vergunningen, zaaksysteem, zaaksysteem_nnp

DATES_SWAPPED_FROM: Final = 4  # the week from which the GIS reads day and month the wrong way round


@dataclass(frozen=True, slots=True)
class Habit:
    """One way of writing wrongly, in every row that `where` selects, from week `since` on.

    `spoil` gives the value when the application's own way of writing does not spoil it already.
    """

    field: str
    where: pl.Expr
    kind: str
    note: str
    rule: str = ""
    since: int = 1
    spoil: pl.Expr | None = None


@dataclass(frozen=True, slots=True)
class App:
    """One dump: `fields` are the columns of the source it holds, `silent` the value for which it writes nothing."""

    afnemer: str
    entity: str
    fields: tuple[str, ...]
    population: pl.Expr
    written: Callable[[pl.DataFrame], pl.DataFrame]
    save: Callable[[pl.DataFrame, Path, str], Path]
    habits: tuple[Habit, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> tuple[str, str]:
        """Afnemer and entity."""
        return self.afnemer, self.entity


def _save(
    save: Callable[[pl.DataFrame, Path, str, str], Path], entity: str
) -> Callable[[pl.DataFrame, Path, str], Path]:
    return lambda raw, folder, day: save(raw, folder, entity, day)


_BEGIN = pl.col("datum_ingang_pand")
_DAY, _MONTH = _BEGIN.str.slice(8, 2), _BEGIN.str.slice(5, 2)
_LIVE_PAND, _LIVE_VBO, _LIVE = (
    pl.col(f"datum_einde{suffix}").is_null() for suffix in ("_pand", "_vbo", "")
)  # fmt: skip
_EXCHANGED = Habit(
    "datum_ingang_pand",
    (_DAY <= "12") & (_DAY != _MONTH),
    "afwijkend",
    "dag en maand verwisseld",
    since=DATES_SWAPPED_FROM,
    spoil=_BEGIN.str.slice(0, 5) + _DAY + "-" + _MONTH,
)
APPS: Final = (
    App(
        "belasting", "personen", belasting.FIELDS, belasting.POPULATION, belasting.written, belasting.save,
        (Habit("geslachtsnaam_diacriet", belasting.FOREIGN, "afwijkend", "vraagteken: letter buiten Windows-1252"),),
        belasting.SILENT,
    ),
    App(
        "zaaksysteem", "personen", zaaksysteem.FIELDS, zaaksysteem.POPULATION, zaaksysteem.written, zaaksysteem.save,
        (Habit("geboortedatum", zaaksysteem.PARTIAL, "cosmetisch", "onbekend deel werd 01", "precisieverlies"),),
    ),
    App(
        "zaaksysteem", "nnp", zaaksysteem_nnp.FIELDS, zaaksysteem_nnp.POPULATION, zaaksysteem_nnp.written,
        zaaksysteem_nnp.save,
        (Habit("handelsnaam", zaaksysteem_nnp.ACCENTED, "cosmetisch", "diakriet verloren", "diakrieten"),),
    ),
    App(
        "vergunningen", "nummeraanduiding", vergunningen.NUM_FIELDS, _LIVE & (pl.col("indicatie_hoofdadres") == "J"),
        vergunningen.written_addresses, _save(vergunningen.save, "nummeraanduiding"),
    ),
    App(
        "vergunningen", "verblijfsobject", vergunningen.VBO_FIELDS, _LIVE_VBO, vergunningen.written_objects,
        _save(vergunningen.save, "verblijfsobject"),
    ),
    App(
        "vergunningen", "pand", vergunningen.PND_FIELDS, _LIVE_PAND, vergunningen.written_panden,
        _save(vergunningen.save, "pand"),
        (Habit("brondocumentnummer", vergunningen.LONG, "cosmetisch", "afgekapt op 20 tekens", "afgekapt"),),
    ),
    *(
        App(
            "havenbeheer", entity, havenbeheer.fields(entity), _LIVE_VBO, partial(havenbeheer.written, entity=entity),
            _save(havenbeheer.save, entity),
        )
        for entity in havenbeheer.KINDS
    ),
    App(
        "geo", "pand", geo.PND_FIELDS, _LIVE_PAND, geo.written_panden, _save(geo.save, "pand"),
        (Habit("status_pand", geo.BRACKETS, "afwijkend", "toevoeging tussen haakjes weggelaten"), _EXCHANGED),
    ),
    App(
        "geo", "nummeraanduiding", geo.NUM_FIELDS, _LIVE, geo.written_points, _save(geo.save, "nummeraanduiding"),
    ),
)  # fmt: skip
