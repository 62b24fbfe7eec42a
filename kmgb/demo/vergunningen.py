"""The permit application: addresses, verblijfsobjecten and panden as csv; codes in words, units behind numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from kmgb.demo import write
from kmgb.demo.faults import ORIGIN, Faults
from kmgb.demo.numbers import bag_ids
from kmgb.demo.world import NOT_RECEIVED, UNDER_WAY, World
from kmgb.demo.writing import day_month_year, in_words, spaced_postcode, without_zeros

AFNEMER: Final = "vergunningen"
OPEN_END: Final = "31-12-9999"
_BY_HAND = "met de hand gewijzigd in de applicatie"
_MISSED = "wijziging in week 1 alleen hier niet aangekomen"
NUM_FIELDS: Final = (
    "identificatie_nummeraanduiding", "identificatie_tgo", "straatnaam", "huisnummer", "huisletter", "toevoeging",
    "postcode", "woonplaats", "wijkcode", "buurtcode", "status_nummeraanduiding", "datum_ingang", "datum_einde",
    "indicatie_hoofdadres", "brondocumentnummer", "brondocumentdatum",
)  # fmt: skip
VBO_FIELDS = (
    "id_verblijfsobject", "type_vbo", "oppervlakte", "gebruiksdoel_1", "gebruiksdoel_2", "gebruiksdoel_3",
    "gebruiksdoel_4", "gebruiksdoel_5", "indicatie_geconstateerd", "indicatie_onderzoek", "brondocumentnummer",
    "brondocumentdatum", "datum_ingang_vbo", "datum_einde_vbo", "id_hoofdadres", "status_vbo",
)  # fmt: skip
PND_FIELDS = (
    "id_pand", "bouwjaar_pand", "indicatie_geconstateerd", "indicatie_onderzoek", "brondocumentnummer",
    "brondocumentdatum", "datum_ingang_pand", "datum_einde_pand", "status_pand",
)  # fmt: skip
_NUM_STATES = {"Naamgeving uitgegeven": "uitgegeven", "Naamgeving ingetrokken": "ingetrokken"}
_VBO_STATES = {
    "Verblijfsobject gevormd": "gevormd", "Verblijfsobject in gebruik": "in gebruik",
    "Verblijfsobject in gebruik (niet ingemeten)": "in gebruik, niet ingemeten",
    "Verbouwing verblijfsobject": "verbouwing", "Verblijfsobject ingetrokken": "ingetrokken",
}  # fmt: skip
_PND_STATES = {
    "Bouw gestart": "2", "Pand in gebruik (niet ingemeten)": "3", "Pand in gebruik": "4", "Verbouwing pand": "5",
    "Sloopvergunning verleend": "6", "Pand gesloopt": "7",
}  # fmt: skip
LONG = pl.col("brondocumentnummer").str.len_chars() > 20


def vergunningen(world: World, folder: Path, day: str) -> list[Path]:
    """The three dumps of existing objects and hoofdadressen."""
    files = []
    for entity, plant, written in (
        ("nummeraanduiding", _plant_addresses, written_addresses),
        ("verblijfsobject", _plant_objects, written_objects),
        ("pand", _plant_panden, written_panden),
    ):
        faults = plant(world)
        dump = faults.dump()
        raw = faults.overwritten(written(dump), dump[ORIGIN])
        world.findings += faults.findings
        files.append(save(raw, folder, entity, day))
    return files


def save(raw: pl.DataFrame, folder: Path, entity: str, day: str) -> Path:
    """The file of a dump as written."""
    return write.separated(raw, folder / f"vergunningen_{entity}_{day}.csv", newline="\r\n")


def _plant_addresses(world: World) -> Faults:
    entity, current = "nummeraanduiding", pl.col("datum_einde").is_null()
    faults = world.faults(AFNEMER, entity, NUM_FIELDS, current & (pl.col("indicatie_hoofdadres") == "J"))
    faults.stale(world.event(entity, "postcode_week1", 2), 0, NOT_RECEIVED, _MISSED)
    faults.stale(world.event(entity, "recent", 2), 1, UNDER_WAY, "gewijzigd binnen twee werkdagen voor de dump")
    faults.leave_out(
        world.event(entity, "nieuw_week1", 1), NOT_RECEIVED, "nieuw in week 1, alleen hier niet aangekomen"
    )
    faults.leave_out(world.event(entity, "nieuw_week2", 1), UNDER_WAY, "nieuw binnen twee werkdagen voor de dump")
    faults.leave_out(faults.pick(1), "", "verwijderd in de applicatie")
    ended = world.event(entity, "einde_week1", 1)
    faults.keep_outside(ended, "", "in week 1 ingetrokken")
    faults.stale(ended, 0, NOT_RECEIVED, _MISSED)
    side = faults.outside(1, current & (pl.col("indicatie_hoofdadres") == "N"))
    faults.keep_outside(side, "", "nevenadres, hoort niet tot de populatie")
    invent(faults, "20", world.size.factor)
    for row in faults.pick(1):
        faults.double(row, {"huisnummer": "97"}, "tweemaal verschillend in de dump")
    sure = pl.col("indicatie_onderzoek") == "N"  # of what the register doubts, nobody can tell who is wrong
    faults.change(faults.pick(2, sure), {"huisnummer": "91"}, "handmatig", _BY_HAND)
    faults.change(faults.pick(1), {"postcode": None}, "", "leeg in de applicatie")
    bare = faults.pick(1, pl.col("toevoeging").is_null())
    faults.change(bare, {"toevoeging": "zw"}, "handmatig", "toevoeging die de bron niet kent")
    for row in faults.pick(1, pl.col("straatnaam").str.ends_with("straat")):
        text = (faults.record(row)["straatnaam"] or "").removesuffix("aat")
        faults.write(row, "STRAAT", text, field="straatnaam", rule="straat_afkorting", note="afgekorte straatnaam")
    for row in faults.pick(1):
        text = (faults.record(row)["straatnaam"] or "").upper()
        faults.write(row, "STRAAT", text, field="straatnaam", rule="hoofdletters", note="in hoofdletters")
    for row in faults.pick(1):
        faults.write(row, "INGANG", "nvt", field="datum_ingang", rule="onleesbaar", note="geen datum")
    rows = [row for row in world.timelines[entity].changed["buurt"] if faults.expects(row)]
    faults.change(rows, {"buurtcode": "07"}, "tabelwijziging", "buurtindeling van voor week 1")
    return faults


def _plant_objects(world: World) -> Faults:
    entity, existing = "verblijfsobject", pl.col("datum_einde_vbo").is_null()
    faults = world.faults(AFNEMER, entity, VBO_FIELDS, existing)
    # No other application holds verblijfsobjecten: not sent and not received look the same here.
    faults.stale(world.event(entity, "oppervlakte_week1", 3), 0, "", "wijziging in week 1 niet aangekomen")
    faults.stale(world.event(entity, "recent", 2), 1, UNDER_WAY, "gewijzigd binnen twee werkdagen voor de dump")
    faults.leave_out(world.event(entity, "nieuw_week1", 1), "", "nieuw in week 1, niet aangekomen")
    faults.leave_out(faults.pick(1), "", "verwijderd in de applicatie")
    ended = world.event(entity, "einde_week1", 1)
    faults.keep_outside(ended, "", "in week 1 ingetrokken")
    faults.stale(ended, 0, "", "wijziging in week 1 niet aangekomen")
    invent(faults, "01", world.size.factor)
    for row in faults.pick(1):
        faults.double(row, {}, "tweemaal gelijk in de dump")
    quiet = pl.col("indicatie_onderzoek") == "N"
    faults.change(faults.pick(2, quiet), {"oppervlakte": "9"}, "handmatig", _BY_HAND)
    doubted = faults.pick(2, ~quiet)
    faults.change(doubted, {"oppervlakte": "11"}, "bron_in_onderzoek", "object in onderzoek in de bron")
    alone = quiet & (pl.col("gebruiksdoel_1") == "woonfunctie") & pl.col("gebruiksdoel_2").is_null()
    faults.change(faults.pick(1, alone), {"gebruiksdoel_1": "logiesfunctie"}, "handmatig", _BY_HAND)
    several = quiet & pl.col("gebruiksdoel_2").is_not_null() & pl.col("gebruiksdoel_3").is_null()
    faults.change(faults.pick(1, several), {"gebruiksdoel_2": None}, "", "tweede gebruiksdoel leeg in de applicatie")
    faults.change(faults.pick(1, quiet), {"oppervlakte": None}, "", "leeg in de applicatie")
    for row in faults.pick(1, quiet):
        faults.write(row, "OPPERVLAKTE", "groot", field="oppervlakte", rule="onleesbaar", note="geen getal")
    return faults


def _plant_panden(world: World) -> Faults:
    entity, existing = "pand", pl.col("datum_einde_pand").is_null()
    faults = world.faults(AFNEMER, entity, PND_FIELDS, existing)
    faults.stale(world.event(entity, "status_week1", 2), 0, NOT_RECEIVED, _MISSED)
    faults.stale(world.event(entity, "recent", 1), 1, UNDER_WAY, "gewijzigd binnen twee werkdagen voor de dump")
    faults.leave_out(
        world.event(entity, "nieuw_week1", 1), NOT_RECEIVED, "nieuw in week 1, alleen hier niet aangekomen"
    )
    ended = world.event(entity, "einde_week1", 1)
    faults.keep_outside(ended, "", "in week 1 gesloopt")
    faults.stale(ended, 0, NOT_RECEIVED, _MISSED)
    invent(faults, "10", world.size.factor)
    short = ~LONG
    faults.change(faults.pick(2, short), {"bouwjaar_pand": "1666"}, "handmatig", _BY_HAND)
    faults.change(faults.pick(1, short), {"indicatie_geconstateerd": None}, "", "leeg in de applicatie")
    for row in faults.pick(1, short):
        text = (faults.record(row)["brondocumentnummer"] or "").replace("/", "-")
        faults.write(row, "DOCNR", text, field="brondocumentnummer", rule="leestekens", note="ander leesteken")
    faults.habit("brondocumentnummer", LONG, "cosmetisch", rule="afgekapt", note="afgekapt op 20 tekens")
    return faults


def invent(faults: Faults, kind: str, count: int, first: int = 9_000_001) -> None:
    """Objects that only the application knows."""
    key = faults.timeline.columns.key
    for number, identification in enumerate(bag_ids(kind, count, first=first)):
        faults.add(faults.record(number) | {key: identification}, "alleen in de applicatie bekend")


def written_addresses(dump: pl.DataFrame) -> pl.DataFrame:
    """The dump of addresses in the columns and ways of writing of the application."""
    frame = dump.with_columns(
        without_zeros("identificatie_nummeraanduiding"),
        without_zeros("identificatie_tgo"),
        pl.col("huisnummer").str.zfill(5),
        pl.when(pl.col(ORIGIN) % 4 == 0).then(pl.col("straatnaam") + "  ").otherwise("straatnaam").alias("straatnaam"),
        spaced_postcode("postcode"),
        ("WK0998" + pl.col("wijkcode")).alias("wijkcode"),
        ("BU0998" + pl.col("wijkcode") + pl.col("buurtcode")).alias("buurtcode"),
        in_words("status_nummeraanduiding", _NUM_STATES),
        in_words("indicatie_hoofdadres", {"J": "1", "N": "0"}),
        *_dates("datum_ingang", "datum_einde"),
    )
    names = ("NUMID", "OBJID", "STRAAT", "HUISNR", "HUISLTR", "TOEV", "POSTCODE", "PLAATS", "WIJK", "BUURT", "STATUS",
             "INGANG", "EINDE", "HOOFDADRES", "DOCNR", "DOCDATUM")  # fmt: skip
    return frame.select(_renamed(names, NUM_FIELDS))


def written_objects(dump: pl.DataFrame) -> pl.DataFrame:
    """The dump of verblijfsobjecten in the columns and ways of writing of the application."""
    uses = [f"gebruiksdoel_{number}" for number in (3, 2, 1)]  # in another order than the distribution's
    frame = dump.with_columns(
        without_zeros("id_verblijfsobject"),
        without_zeros("id_hoofdadres"),
        in_words("type_vbo", {"01": "verblijfsobject"}),
        (pl.col("oppervlakte") + " m2").alias("oppervlakte"),
        pl.concat_str(uses, separator="|", ignore_nulls=True).alias("gebruiksdoel_1"),
        in_words("status_vbo", _VBO_STATES),
        *_dates("datum_ingang_vbo", "datum_einde_vbo"),
    )
    names = ("OBJID", "SOORT", "OPPERVLAKTE", "GEBRUIK", "GECONST", "ONDERZOEK", "DOCNR", "DOCDATUM", "INGANG", "EINDE",
             "HOOFDADRES", "STATUS")  # fmt: skip
    kept = [column for column in VBO_FIELDS if column not in (f"gebruiksdoel_{number}" for number in range(2, 6))]
    return frame.select(_renamed(names, kept))


def written_panden(dump: pl.DataFrame) -> pl.DataFrame:
    """The dump of panden in the columns and ways of writing of the application."""
    answers = {"J": "1", "N": "0"}
    frame = dump.with_columns(
        without_zeros("id_pand"),
        in_words("indicatie_geconstateerd", answers),
        in_words("indicatie_onderzoek", answers),
        pl.col("brondocumentnummer").str.slice(0, 20),
        in_words("status_pand", _PND_STATES),
        *_dates("datum_ingang_pand", "datum_einde_pand"),
    )
    names = ("PANDID", "BOUWJAAR", "GECONST", "ONDERZOEK", "DOCNR", "DOCDATUM", "INGANG", "EINDE", "STATUS")
    return frame.select(_renamed(names, PND_FIELDS))


def _dates(begin: str, end: str) -> list[pl.Expr]:
    return [day_month_year("brondocumentdatum"), day_month_year(begin), day_month_year(end, open_end=OPEN_END)]


def _renamed(names: Sequence[str], columns: Sequence[str]) -> list[pl.Expr]:
    pairs: Mapping[str, str] = dict(zip(names, columns, strict=True))
    return [pl.col(column).alias(name) for name, column in pairs.items()]
