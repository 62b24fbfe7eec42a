"""The GIS: panden and address points as csv, identifications with a namespace, whole metres with a decimal comma."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from kmgb.demo import write
from kmgb.demo.faults import ORIGIN, Faults
from kmgb.demo.vergunningen import invent
from kmgb.demo.world import NOT_RECEIVED, UNDER_WAY, World
from kmgb.demo.writing import in_words

AFNEMER: Final = "geo"
NUM_FIELDS = (
    "identificatie_nummeraanduiding", "huisnummer", "huisletter", "toevoeging", "postcode", "status_nummeraanduiding",
    "x_coordinaat", "y_coordinaat", "indicatie_onderzoek",
)  # fmt: skip
PND_FIELDS = (
    "id_pand", "bouwjaar_pand", "status_pand", "datum_ingang_pand", "datum_einde_pand", "indicatie_onderzoek",
)  # fmt: skip
BRACKETS = pl.col("status_pand").str.contains("(", literal=True)
_BY_HAND = "met de hand gewijzigd in de applicatie"
_MISSED = "wijziging in week 1 alleen hier niet aangekomen"


def geo(world: World, folder: Path, day: str) -> list[Path]:
    """The dumps of existing panden and of all address points in use."""
    files = []
    for entity, plant, written in (
        ("pand", _plant_panden, written_panden), ("nummeraanduiding", _plant_points, written_points)
    ):  # fmt: skip
        faults = plant(world)
        dump = faults.dump()
        raw = faults.overwritten(written(dump), dump[ORIGIN])
        world.findings += faults.findings
        files.append(save(raw, folder, entity, day))
    return files


def save(raw: pl.DataFrame, folder: Path, entity: str, day: str) -> Path:
    """The file of a dump as written."""
    return write.separated(raw, folder / f"geo_{entity}_{day}.csv")


def _plant_panden(world: World) -> Faults:
    faults = world.faults(AFNEMER, "pand", PND_FIELDS, pl.col("datum_einde_pand").is_null())
    plain = ~BRACKETS & (pl.col("indicatie_onderzoek") == "N")
    faults.stale(world.event("pand", "status_week1", 1), 0, NOT_RECEIVED, _MISSED)
    faults.stale(world.event("pand", "recent", 1), 1, UNDER_WAY, "gewijzigd binnen twee werkdagen voor de dump")
    faults.leave_out(world.event("pand", "nieuw_week2", 1), UNDER_WAY, "nieuw binnen twee werkdagen voor de dump")
    faults.leave_out(faults.pick(1, plain), "", "verwijderd in de applicatie")
    invent(faults, "10", world.size.factor, first=9_500_001)
    for row in faults.pick(1, plain):
        faults.double(row, {"bouwjaar_pand": "1555"}, "tweemaal verschillend in de dump")
    faults.change(faults.pick(2, plain), {"bouwjaar_pand": "1777"}, "handmatig", _BY_HAND)
    faults.change(faults.pick(1, plain), {"datum_ingang_pand": None}, "", "leeg in de applicatie")
    early = faults.pick(1, plain)
    faults.change(early, {"datum_einde_pand": "2024-05-06"}, "handmatig", "einddatum die de bron niet kent")
    for row in faults.pick(1, plain & (pl.col("status_pand") == "Pand in gebruik")):
        text = "Pand in gebruik (bestaand)"
        faults.write(row, "STATUS", text, field="status_pand", rule="haakjes", note="eigen toevoeging tussen haakjes")
    # Two different codes of one list are two meanings, however alike they look: this is no way of writing.
    faults.habit("status_pand", BRACKETS, "afwijkend", note="toevoeging tussen haakjes weggelaten")
    return faults


def _plant_points(world: World) -> Faults:
    entity = "nummeraanduiding"
    faults = world.faults(AFNEMER, entity, NUM_FIELDS, pl.col("datum_einde").is_null())
    faults.stale(world.event(entity, "postcode_week1", 1), 0, NOT_RECEIVED, _MISSED)
    faults.leave_out(faults.pick(1), "", "verwijderd in de applicatie")
    invent(faults, "20", world.size.factor, first=9_500_001)
    for row in faults.pick(2):
        east = float(faults.record(row)["x_coordinaat"] or 0) + 12
        faults.change([row], {"x_coordinaat": f"{east:.3f}"}, "handmatig", "punt 12 meter verplaatst")
    nowhere = faults.pick(1)
    faults.change(nowhere, {"x_coordinaat": None, "y_coordinaat": None}, "", "0,0 in de applicatie")
    for row in faults.pick(1):
        record = faults.record(row)
        other = {"x_coordinaat": record["y_coordinaat"], "y_coordinaat": record["x_coordinaat"]}
        faults.change([row], other, "", "X en Y verwisseld")
    for row in faults.pick(1):
        faults.write(row, "Y", "NaN", field="y_coordinaat", rule="onleesbaar", note="geen getal")
    return faults


def written_panden(dump: pl.DataFrame) -> pl.DataFrame:
    """The dump of panden in the columns and ways of writing of the application."""
    return dump.select(
        ("NL.IMBAG.Pand." + pl.col("id_pand")).alias("PAND"),
        pl.col("bouwjaar_pand").alias("BOUWJAAR"),
        pl.col("status_pand").str.replace(r" \([^)]*\)$", "").alias("STATUS"),
        (pl.col("datum_ingang_pand") + "T00:00:00").alias("BEGIN"),
        (pl.col("datum_einde_pand") + "T00:00:00").alias("EIND"),
        in_words("indicatie_onderzoek", {"J": "true", "N": "false"}).alias("ONDERZOEK"),
    )


def written_points(dump: pl.DataFrame) -> pl.DataFrame:
    """The dump of address points in the columns and ways of writing of the application."""
    return dump.select(
        ("NL.IMBAG.Nummeraanduiding." + pl.col("identificatie_nummeraanduiding")).alias("NUMMERAANDUIDING"),
        pl.concat_str("huisnummer", pl.lit(".0")).alias("HUISNUMMER"),
        pl.col("huisletter").alias("LETTER"),
        pl.col("toevoeging").alias("TOEVOEGING"),
        pl.col("postcode").str.to_lowercase().alias("POSTCODE"),
        pl.col("status_nummeraanduiding").alias("STATUS"),
        *(_whole_metres(f"{axis}_coordinaat").alias(axis.upper()) for axis in "xy"),
        in_words("indicatie_onderzoek", {"J": "true", "N": "false"}).alias("ONDERZOEK"),
    )


def _whole_metres(column: str) -> pl.Expr:
    """The nearest whole metre with a decimal comma, 0,0 for unknown; reckoned in whole millimetres."""
    millimetres = pl.col(column).str.replace(".", "", literal=True).cast(pl.Int64)
    return ((millimetres + 500) // 1000).cast(pl.String).fill_null("0") + ",0"
