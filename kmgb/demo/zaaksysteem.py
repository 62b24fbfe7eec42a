"""The case system, persons: JSON lines, ISO dates, codes in words, half of the accents as separate signs (NFD)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from kmgb.demo import write
from kmgb.demo.faults import ORIGIN, Faults
from kmgb.demo.world import NOT_RECEIVED, UNDER_WAY, World
from kmgb.demo.writing import in_words, without_zeros, year_month_day

AFNEMER: Final = "zaaksysteem"
_PARTS = ("straat", "huisnummer", "huisletter", "toevoeging", "postcode", "woonplaats", "regels")
_IDS = ("adresseerbaar_object", "nummeraanduiding")
FIELDS = (
    "bsn", "a_nummer", "voornamen", "voorletters", "voorvoegsel", "geslachtsnaam_diacriet", "geboortedatum",
    "datum_overlijden", "geslacht", "indicatie_geheim", "burgerlijke_staat", "aanduiding_naamgebruik",
    "geslachtsnaam_partner", "datum_inschrijving", "gemeentecode", "datum_ingang_adreshouding",
    *(f"verblijfsadres.{part}" for part in _PARTS), *(f"id_codes_verblijfadres.{part}" for part in _IDS),
    "vbl_categorie_onderzoek", "vbl_datum_ingang_onderzoek", "vbl_datum_einde_onderzoek",
    "datum_ingang_correspondentieadres", *(f"correspondentieadres.{part}" for part in _PARTS[:-1]),
    *(f"id_codes_correspondentieadres.{part}" for part in _IDS),
)  # fmt: skip
POPULATION = pl.col("datum_overlijden").is_null() | (pl.col("datum_overlijden") >= "20211116")
PARTIAL = pl.col("geboortedatum").str.contains("^[1-9].*00$")
ORDINARY = ~PARTIAL & pl.col("vbl_categorie_onderzoek").is_null() & (pl.col("gemeentecode") == "0998")


def zaaksysteem_personen(world: World, folder: Path, day: str) -> Path:
    """The dump of persons: everybody but those who died more than five years ago."""
    faults = world.faults(AFNEMER, "personen", FIELDS, POPULATION)
    _plant_rows(faults, world)
    _plant_cells(faults, world)
    faults.habit("geboortedatum", PARTIAL, "cosmetisch", rule="precisieverlies", note="onbekende dag of maand werd 01")
    dump = faults.dump()
    raw = faults.overwritten(written(dump), dump[ORIGIN])
    world.findings += faults.findings
    return save(raw, folder, day)


def save(raw: pl.DataFrame, folder: Path, day: str) -> Path:
    """The file of a dump as `written`."""
    numbers = [pl.col(column).cast(pl.Int64, strict=False) for column in ("huisnummer", "burgerlijkeStaat")]
    return write.json_lines(raw.with_columns(numbers), folder / f"zaaksysteem_personen_{day}.jsonl")


def _plant_rows(faults: Faults, world: World) -> None:
    who = "personen"
    faults.leave_out(world.event(who, "nieuw_week1", 1), NOT_RECEIVED, "nieuw in week 1, alleen hier niet aangekomen")
    faults.leave_out(faults.pick(1, ORDINARY), "", "verwijderd in de applicatie")
    for number in range(2 * faults.factor):
        record = faults.record(number * 11 + 5) | {"bsn": world.spare_bsns.pop(), "a_nummer": None}
        faults.add(record, "alleen in de applicatie bekend")
    same, moved = faults.pick(1, ORDINARY), faults.pick(1, ORDINARY)
    for row in same:
        faults.double(row, {"geslachtsnaam_diacriet": "Dubbelganger"}, "tweemaal verschillend in de dump")
    for row in moved:
        faults.other_key(row, world.spare_bsns.pop(), "ander BSN, zelfde A-nummer")


def _plant_cells(faults: Faults, world: World) -> None:
    missed = "wijziging in week 1 alleen hier niet aangekomen"
    for event, count in (("verhuisd_week1", 3), ("huwelijk_week1", 2), ("overleden_week1", 2), ("naam_week1", 1)):
        faults.stale(world.event("personen", event, count), 0, NOT_RECEIVED, missed)
    recent = world.event("personen", "recent", 2)
    faults.stale(recent, 1, UNDER_WAY, "verhuisd binnen twee werkdagen voor de dump")
    by_hand = "met de hand gewijzigd in de applicatie"
    for cells in ({"voornamen": "Handmatiger"}, {"geboortedatum": "19020304"}, {"aanduiding_naamgebruik": "P"}):
        married = pl.col("aanduiding_naamgebruik") != "P"
        faults.change(faults.pick(1, ORDINARY & married), cells, "handmatig", by_hand)
    for column in ("voornamen", "burgerlijke_staat", "datum_inschrijving"):
        filled = ORDINARY & pl.col(column).is_not_null()
        faults.change(faults.pick(1, filled), {column: None}, "", "leeg in de applicatie")
    alone = faults.pick(2, ORDINARY & pl.col("geslachtsnaam_partner").is_null())
    faults.change(alone, {"geslachtsnaam_partner": "Nergensgoed"}, "handmatig", "partner die de bron niet kent")
    doubted = (pl.col("vbl_categorie_onderzoek") == "080000") & pl.col("vbl_datum_einde_onderzoek").is_null() & ~PARTIAL
    address = {"verblijfsadres.huisnummer": "73"}
    here = doubted & (pl.col("gemeentecode") == "0998")
    faults.change(faults.pick(2, here), address, "bron_in_onderzoek", "verblijfplaats in onderzoek in de bron")
    _plant_texts(faults)


def _plant_texts(faults: Faults) -> None:
    def cosmetic(where: pl.Expr, column: str, name: str, *, rule: str, note: str, text: str = "") -> None:
        for row in faults.pick(1, ORDINARY & where):
            written = text or (faults.record(row)[name] or "").upper()
            faults.write(row, column, written, field=name, rule=rule, note=note)

    surname, name = "geslachtsnaam", "geslachtsnaam_diacriet"
    plain = ~pl.col(name).str.contains("[^A-Za-z]")
    cosmetic(plain, surname, name, rule="hoofdletters", note="in hoofdletters")
    lannigan, benaissani = pl.col(name) == "O'Lannigan", pl.col(name) == "Benaïssani"
    cosmetic(lannigan, surname, name, rule="leestekens", note="ander leesteken", text="O Lannigan")
    cosmetic(benaissani, surname, name, rule="diakrieten", note="diakriet verloren", text="Benaissani")
    short = pl.col("voorvoegsel") == "van der"
    cosmetic(short, "voorvoegsel", "voorvoegsel", rule="voorvoegsel_afkorting", note="afgekort", text="v.d.")
    cosmetic(pl.col("voorletters") == "T.", "voorletters", "voorletters", rule="digraaf", note="Th voor T", text="Th.")
    for row in faults.pick(1, ORDINARY):
        faults.write(
            row, "datumInschrijving", "onbekend", field="datum_inschrijving", rule="onleesbaar", note="geen datum"
        )


def written(dump: pl.DataFrame) -> pl.DataFrame:
    """The dump in the columns and ways of writing of the application."""
    dates = [column for column in FIELDS if "datum" in column]
    decomposed = pl.col(ORIGIN).fill_null(0) % 2 == 1
    year, rest = pl.col("geboortedatum").str.slice(0, 4), pl.col("geboortedatum").str.slice(4)
    assumed = year + rest.replace("0000", "0101").str.replace("00$", "01")
    filled = pl.when(PARTIAL).then(assumed).otherwise("geboortedatum").alias("geboortedatum")
    frame = dump.with_columns(filled).with_columns(
        *(year_month_day(column) for column in dates),
        *(
            pl.when(decomposed).then(pl.col(name).str.normalize("NFD")).otherwise(pl.col(name)).alias(name)
            for name in ("voornamen", "geslachtsnaam_diacriet", "geslachtsnaam_partner")
        ),
        in_words("geslacht", {"M": "man", "V": "vrouw", "O": "onbekend"}),
        in_words("indicatie_geheim", {"0": "nee", "7": "ja"}),
        without_zeros("vbl_categorie_onderzoek"),
        pl.col("voorletters").str.replace_all(".", " ", literal=True).str.strip_chars_end(),
        *(_both_ids(f"id_codes_{kind}") for kind in ("verblijfadres", "correspondentieadres")),
    )
    return frame.select(pl.col(column).alias(name) for name, column in _COLUMNS.items())


def _both_ids(name: str) -> pl.Expr:
    """Both identifications in one column, the address first."""
    return pl.concat_str(f"{name}.nummeraanduiding", f"{name}.adresseerbaar_object", separator="/").alias(name)


_COLUMNS: Mapping[str, str] = {
    "burgerservicenummer": "bsn", "aNummer": "a_nummer", "voornamen": "voornamen", "voorletters": "voorletters",
    "voorvoegsel": "voorvoegsel", "geslachtsnaam": "geslachtsnaam_diacriet", "geboortedatum": "geboortedatum",
    "overlijdensdatum": "datum_overlijden", "geslacht": "geslacht", "geheimhouding": "indicatie_geheim",
    "burgerlijkeStaat": "burgerlijke_staat", "naamgebruik": "aanduiding_naamgebruik",
    "partnernaam": "geslachtsnaam_partner", "datumInschrijving": "datum_inschrijving",
    "gemeenteVanInschrijving": "gemeentecode", "adresVanaf": "datum_ingang_adreshouding",
    "straat": "verblijfsadres.straat", "huisnummer": "verblijfsadres.huisnummer",
    "huisletter": "verblijfsadres.huisletter", "toevoeging": "verblijfsadres.toevoeging",
    "postcode": "verblijfsadres.postcode", "woonplaats": "verblijfsadres.woonplaats",
    "adresBuitenland": "verblijfsadres.regels", "bagIdentificaties": "id_codes_verblijfadres",
    "onderzoek": "vbl_categorie_onderzoek", "onderzoekVanaf": "vbl_datum_ingang_onderzoek",
    "onderzoekTot": "vbl_datum_einde_onderzoek", "postVanaf": "datum_ingang_correspondentieadres",
    "postStraat": "correspondentieadres.straat", "postHuisnummer": "correspondentieadres.huisnummer",
    "postHuisletter": "correspondentieadres.huisletter", "postToevoeging": "correspondentieadres.toevoeging",
    "postPostcode": "correspondentieadres.postcode", "postWoonplaats": "correspondentieadres.woonplaats",
    "postBagIdentificaties": "id_codes_correspondentieadres",
}  # fmt: skip
