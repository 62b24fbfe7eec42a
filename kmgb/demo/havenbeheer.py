"""The harbour office: ligplaatsen and standplaatsen in fixed-width files, Latin-1."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from kmgb.demo import write
from kmgb.demo.faults import ORIGIN, Faults
from kmgb.demo.vergunningen import OPEN_END, invent
from kmgb.demo.world import World
from kmgb.demo.writing import day_month_year, in_words

AFNEMER: Final = "havenbeheer"
KINDS: Final = {"ligplaats": "02", "standplaats": "03"}
_WIDTHS: Final = {
    "PLAATSNR": 16, "SOORT": 2, "TOESTAND": 12, "ADRESNR": 16, "DOCUMENT": 40, "DOCDATUM": 10, "VANAF": 10, "TOT": 10,
    "WAARGENOMEN": 1, "ONDERZOEK": 1,
}  # fmt: skip


def havenbeheer(world: World, folder: Path, day: str) -> list[Path]:
    """The dumps of places that are in use."""
    files = []
    for entity in KINDS:
        faults = _plant(world, entity)
        dump = faults.dump()
        raw = faults.overwritten(written(dump, entity), dump[ORIGIN])
        world.findings += faults.findings
        files.append(save(raw, folder, entity, day))
    return files


def save(raw: pl.DataFrame, folder: Path, entity: str, day: str) -> Path:
    """The file of a dump as `written`."""
    return write.fixed_width(raw, folder / f"havenbeheer_{entity}_{day}.txt", _WIDTHS, encoding="latin-1")


def fields(entity: str) -> tuple[str, ...]:
    """The columns of ligplaats or standplaats that the application holds."""
    return (
        f"id_{entity}", "type_object", f"status_{entity}", "id_hoofdadres", "brondocumentnummer", "brondocumentdatum",
        "datum_ingang_vbo", "datum_einde_vbo", "indicatie_geconstateerd", "indicatie_onderzoek",
    )  # fmt: skip


def _plant(world: World, entity: str) -> Faults:
    faults = world.faults(AFNEMER, entity, fields(entity), pl.col("datum_einde_vbo").is_null())
    # No other application holds these places: not sent and not received look the same here.
    missed = "wijziging in week 1 niet aangekomen"
    faults.stale(world.event(entity, "document_week1", 1), 0, "", missed)
    ended = world.event(entity, "einde_week1", 1)
    faults.keep_outside(ended, "", "in week 1 ingetrokken")
    faults.stale(ended, 0, "", missed)
    faults.leave_out(faults.pick(1), "", "verwijderd in de applicatie")
    invent(faults, KINDS[entity], world.size.factor)
    for row in faults.pick(1):
        other = faults.record(row - 1 if row else 1)["id_hoofdadres"]
        faults.change([row], {"id_hoofdadres": other}, "handmatig", "met de hand gewijzigd in de applicatie")
    faults.change(faults.pick(1), {"datum_ingang_vbo": None}, "", "leeg in de applicatie")
    for row in faults.pick(1):
        text = (faults.record(row)["brondocumentnummer"] or "").lower()
        faults.write(row, "DOCUMENT", text, field="brondocumentnummer", rule="hoofdletters", note="kleine letters")
    for row in world.doubled_in_source.get(entity, []):
        faults.report_double(row, "tweemaal in de bron")
    return faults


def written(dump: pl.DataFrame, entity: str) -> pl.DataFrame:
    """The dump in the columns and ways of writing of the application."""
    words = {"02": "LP", "03": "SP"}
    status = {"Plaats aangewezen": "aangewezen", "Plaats ingetrokken": "ingetrokken"}
    return dump.select(
        pl.col(f"id_{entity}").alias("PLAATSNR"),
        in_words("type_object", words).alias("SOORT"),
        in_words(f"status_{entity}", status).alias("TOESTAND"),
        pl.col("id_hoofdadres").alias("ADRESNR"),
        pl.col("brondocumentnummer").alias("DOCUMENT"),
        day_month_year("brondocumentdatum").alias("DOCDATUM"),
        day_month_year("datum_ingang_vbo").alias("VANAF"),
        day_month_year("datum_einde_vbo", open_end=OPEN_END).alias("TOT"),
        in_words("indicatie_geconstateerd", {"J": "X", "N": "-"}).alias("WAARGENOMEN"),
        in_words("indicatie_onderzoek", {"J": "X", "N": "-"}).alias("ONDERZOEK"),
    )
