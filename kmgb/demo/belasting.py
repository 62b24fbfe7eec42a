"""The tax application: residents only, Windows-1252, dates dd-mm-jjjj, addresses in capitals, surname in one column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from kmgb.demo import write
from kmgb.demo.faults import ORIGIN, Faults, Record
from kmgb.demo.numbers import spoiled
from kmgb.demo.words import GEMEENTE
from kmgb.demo.world import NOT_RECEIVED, UNDER_WAY, World
from kmgb.demo.writing import day_month_year, in_words, shouted, spaced_postcode, without_zeros

AFNEMER: Final = "belasting"
_PARTS = ("straat", "huisnummer", "huisletter", "toevoeging", "postcode", "woonplaats")
FIELDS = (
    "bsn", "a_nummer", "voorletters", "voorvoegsel", "geslachtsnaam_diacriet", "geboortedatum", "datum_overlijden",
    "geslacht", "indicatie_geheim", "burgerlijke_staat", "datum_inschrijving", "gemeentecode",
    "datum_ingang_adreshouding", *(f"verblijfsadres.{part}" for part in _PARTS),
    "id_codes_verblijfadres.adresseerbaar_object", "id_codes_verblijfadres.nummeraanduiding",
)  # fmt: skip
POPULATION = (pl.col("gemeentecode") == GEMEENTE) & pl.col("datum_overlijden").is_null()
SILENT: Final = {"indicatie_geheim": "0"}  # no shield is not written
FOREIGN = pl.col("geslachtsnaam_diacriet").str.contains("[łşćńğıě]")  # letters Windows-1252 does not have
ORDINARY = ~FOREIGN & pl.col("vbl_categorie_onderzoek").is_null()
_STATES = {
    "0": "onbekend", "1": "ongehuwd", "2": "gehuwd", "3": "gescheiden", "4": "verweduwd", "5": "partnerschap",
    "6": "partnerschap beëindigd", "7": "achtergebleven partner",
}  # fmt: skip


def belasting(world: World, folder: Path, day: str, *, swapped: bool = False) -> Path:
    """The dump of persons. `swapped`: nothing wrong but two date columns exchanged in the whole file."""
    faults = world.faults(AFNEMER, "personen", FIELDS, POPULATION, SILENT, sound=swapped)
    if swapped:
        _swap(faults)
    else:
        _plant_rows(faults, world)
        _plant_cells(faults, world)
    faults.habit("geslachtsnaam_diacriet", FOREIGN, "afwijkend", note="letter buiten Windows-1252 werd een vraagteken")
    dump = faults.dump()
    faults.place_keyless(dump, "sleutel leeg in de applicatie")
    raw = faults.overwritten(written(dump, swapped=swapped), dump[ORIGIN])
    world.findings += faults.findings
    return save(raw, folder, day)


def save(raw: pl.DataFrame, folder: Path, day: str) -> Path:
    """The file of a dump as `written`."""
    path = folder / f"belasting_personen_{day}.csv"
    return write.separated(raw, path, encoding="cp1252", newline="\r\n")


def _plant_rows(faults: Faults, world: World) -> None:
    who = "personen"
    faults.leave_out(world.event(who, "nieuw_week1", 2), NOT_RECEIVED, "nieuw in week 1, alleen hier niet aangekomen")
    faults.leave_out(world.event(who, "nieuw_week2", 1), UNDER_WAY, "ingeschreven binnen twee werkdagen voor de dump")
    faults.leave_out(faults.pick(2, ORDINARY), "", "verwijderd in de applicatie")
    faults.keep_gone(world.event(who, "afgevoerd", 2), NOT_RECEIVED, "afgevoerd in week 1, alleen hier nog aanwezig")
    deceased = pl.col("datum_overlijden").is_not_null() & (pl.col("gemeentecode") == GEMEENTE) & ORDINARY
    outside = faults.outside(3, deceased)
    faults.keep_outside(outside, "", "overleden en toch nog in de applicatie")
    faults.change(outside[::3], {"datum_overlijden": None}, "", "overlijden onbekend in de applicatie")
    for event in ("overleden_week1", "vertrokken_week1"):
        rows = world.event(who, event, 2)
        faults.keep_outside(rows, "", "hoort sinds week 1 niet meer tot de populatie")
        faults.stale(rows, 0, NOT_RECEIVED, "alleen hier niet aangekomen")
    for number in range(3 * faults.factor):
        bsn = world.spare_bsns.pop()
        faults.add(faults.record(number * 7) | {"bsn": bsn, "a_nummer": None}, "alleen in de applicatie bekend")
        local = {"bsn": world.spare_bsns.pop(), "a_nummer": None, "gemeentecode": "LOKAAL"}
        faults.add(faults.record(number * 7 + 3) | local, "", kind="")
    same, other, moved, spoilt, lost = (faults.pick(count, ORDINARY) for count in (1, 1, 2, 1, 1))
    for row in same:
        faults.double(row, {}, "tweemaal gelijk in de dump")
    for row in other:
        faults.double(row, {"verblijfsadres.huisnummer": "99"}, "tweemaal verschillend in de dump")
    for row in moved:
        faults.other_key(row, world.spare_bsns.pop(), "ander BSN, zelfde A-nummer")
    for row in spoilt:
        faults.spoil_key(row, spoiled(faults.key(row)), {"a_nummer": None}, "BSN met een schrijffout, geen A-nummer")
    for row in lost:
        faults.lose_key(row, {"a_nummer": None}, "BSN en A-nummer leeg")


def _plant_cells(faults: Faults, world: World) -> None:
    missed = "wijziging in week 1 alleen hier niet aangekomen"
    for event, count in (("verhuisd_week1", 4), ("huwelijk_week1", 1), ("geheim_week1", 1), ("naam_week1", 2)):
        faults.stale(world.event("personen", event, count), 0, NOT_RECEIVED, missed)
    recent = world.event("personen", "recent", 3)
    faults.stale(recent, 1, UNDER_WAY, "verhuisd binnen twee werkdagen voor de dump")
    by_hand = "met de hand gewijzigd in de applicatie"
    cells: Record
    for cells in (
        {"verblijfsadres.huisnummer": "77"}, {"geboortedatum": "19010203"}, {"geslacht": "O"},
        {"voorletters": "Q.X."}, {"geslachtsnaam_diacriet": "Handwijziger"}, {"datum_inschrijving": "19990909"},
    ):  # fmt: skip
        faults.change(faults.pick(1, ORDINARY & (pl.col("geslacht") != "O")), cells, "handmatig", by_hand)
    for cells in ({"geboortedatum": None}, {"burgerlijke_staat": None}, {"a_nummer": None}, _no_address()):
        faults.change(faults.pick(1, ORDINARY), cells, "", "leeg in de applicatie")
    bare = faults.pick(2, ORDINARY & pl.col("voorvoegsel").is_null())
    faults.change(bare, {"voorvoegsel": "van der"}, "handmatig", "voorvoegsel dat de bron niet kent")
    loud = ORDINARY & pl.col("voorvoegsel").is_null() & ~pl.col("geslachtsnaam_diacriet").str.contains("[^A-Za-z]")
    for row in faults.pick(1, loud):
        text = faults.record(row)["geslachtsnaam_diacriet"] or ""
        faults.write(
            row, "NAAM", text.upper(), field="geslachtsnaam_diacriet", rule="hoofdletters", note="in hoofdletters"
        )
    for row in faults.pick(1, pl.col("geslachtsnaam_diacriet").is_in(["Müllerdam", "Löwenstijn", "Françoisse"])):
        text = (faults.record(row)["geslachtsnaam_diacriet"] or "").translate(str.maketrans("üöç", "uoc"))
        faults.write(row, "NAAM", text, field="geslachtsnaam_diacriet", rule="diakrieten", note="diakriet verloren")
    for row in faults.pick(1, ORDINARY & pl.col("geboortedatum").str.contains("^[1-9].*00$")):
        year, month = (faults.record(row)["geboortedatum"] or "")[:4], (faults.record(row)["geboortedatum"] or "")[4:6]
        text = f"01-{max(month, '01')}-{year}"
        faults.write(
            row, "GEB_DAT", text, field="geboortedatum", rule="precisieverlies", note="onvolledige datum aangevuld"
        )
    for row in faults.pick(2, ORDINARY):
        faults.write(
            row, "ADRES_VANAF", "ONBEKEND", field="datum_ingang_adreshouding", rule="onleesbaar", note="geen datum"
        )
    doubted = (pl.col("vbl_categorie_onderzoek") == "081120") & pl.col("vbl_datum_einde_onderzoek").is_null() & ~FOREIGN
    address = {"verblijfsadres.huisnummer": "71"}
    faults.change(faults.pick(2, doubted), address, "bron_in_onderzoek", "huisnummer in onderzoek in de bron")


def _no_address() -> dict[str, str | None]:
    return dict.fromkeys(f"verblijfsadres.{part}" for part in _PARTS)


def _swap(faults: Faults) -> None:
    """Every compared row has the two dates exchanged: a finding in both columns where they differ."""
    first, second = "datum_inschrijving", "datum_ingang_adreshouding"
    differ = pl.col(first) != pl.col(second)
    for name in (first, second):
        faults.habit(name, differ, "afwijkend", note="twee datumkolommen verwisseld", cause="veldtoewijzing")


def written(dump: pl.DataFrame, *, swapped: bool = False) -> pl.DataFrame:
    """The dump in the columns and ways of writing of the application."""
    dates = ("geboortedatum", "datum_overlijden", "datum_inschrijving", "datum_ingang_adreshouding")
    local = pl.col("gemeentecode") == "LOKAAL"
    frame = dump.with_row_index("VOLGNR", offset=1001).with_columns(
        *(day_month_year(column) for column in dates),
        *(without_zeros(column) for column in ("bsn", *FIELDS[-2:])),
        *(shouted(f"verblijfsadres.{part}") for part in _PARTS if part != "postcode"),
        spaced_postcode("verblijfsadres.postcode"),
        in_words("geslacht", {"M": "man", "V": "vrouw", "O": "onbekend"}),
        in_words("burgerlijke_staat", _STATES),
        pl.col("voorletters").str.replace_all(".", "", literal=True),
        pl.col("indicatie_geheim").replace("0", None),
        pl.concat_str("geslachtsnaam_diacriet", "voorvoegsel", separator=", ", ignore_nulls=True).alias("NAAM"),
        pl.when(local).then(pl.lit("L")).otherwise(pl.lit("I")).alias("RELATIESOORT"),
        pl.when(local).then(pl.lit(None)).otherwise(pl.col("gemeentecode").str.strip_chars_start("0")).alias("GEM"),
        pl.when(pl.col(ORIGIN) % 3 == 0).then(pl.lit("SYSTEEM")).otherwise(pl.lit("BALIE1")).alias("GEBRUIKER"),
    )
    chosen = frame.select(pl.col(column).alias(name) for name, column in _COLUMNS.items())
    if swapped:
        chosen = chosen.with_columns(INSCHR_DAT=pl.col("ADRES_VANAF"), ADRES_VANAF=pl.col("INSCHR_DAT"))
    return chosen


_COLUMNS: Mapping[str, str] = {
    "VOLGNR": "VOLGNR", "RELATIESOORT": "RELATIESOORT", "SOFINR": "bsn", "ANR": "a_nummer", "NAAM": "NAAM",
    "VOORL": "voorletters", "GESL": "geslacht", "GEB_DAT": "geboortedatum", "OVERL_DAT": "datum_overlijden",
    "BURG_ST": "burgerlijke_staat", "GEHEIM": "indicatie_geheim", "GEM": "GEM", "INSCHR_DAT": "datum_inschrijving",
    "ADRES_VANAF": "datum_ingang_adreshouding", "STRAAT": "verblijfsadres.straat",
    "HUISNR": "verblijfsadres.huisnummer", "HUISLTR": "verblijfsadres.huisletter",
    "HUISTOEV": "verblijfsadres.toevoeging", "PCODE": "verblijfsadres.postcode", "PLAATS": "verblijfsadres.woonplaats",
    "BAG_AOBJ": "id_codes_verblijfadres.adresseerbaar_object", "BAG_NUM": "id_codes_verblijfadres.nummeraanduiding",
    "GEBRUIKER": "GEBRUIKER",
}  # fmt: skip
