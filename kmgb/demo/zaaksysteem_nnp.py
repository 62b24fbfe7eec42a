"""The case system, companies: an Excel sheet in which numbers lost their zeros."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from kmgb.demo import write
from kmgb.demo.faults import ORIGIN, Faults
from kmgb.demo.world import UNDER_WAY, World
from kmgb.demo.writing import day_month_year, in_words, shouted
from kmgb.demo.zaaksysteem import AFNEMER

FIELDS = (
    "vestigingsnummer", "dossiernummer", "rsin", "fiscaalnummer", "handelsnaam", "statutaire_naam", "rechtsvorm",
    "datum_oprichting", "hoofdvestiging", "in_surseance", "failliet", "bik_code_hoofdactiviteit",
    "bik_code_nevenactiviteit_1", "bik_code_nevenactiviteit_2", "telefoonnummer", "email", "url_website",
    "vestigingsdatum_adres", "verblijfsadres",
)  # fmt: skip
POPULATION = pl.col("vestigingsnummer").is_not_null()
ACCENTED = pl.col("handelsnaam").str.normalize("NFD").str.contains(r"\p{M}")
ORDINARY = ~ACCENTED & ~pl.col("handelsnaam").str.contains("[łı]")


def zaaksysteem_nnp(world: World, folder: Path, day: str) -> Path:
    """The dump of vestigingen; a rechtspersoon without vestigingsnummer does not fit in this system."""
    faults = world.faults(AFNEMER, "nnp", FIELDS, POPULATION)
    _plant_rows(faults, world)
    _plant_cells(faults, world)
    faults.habit("handelsnaam", ACCENTED, "cosmetisch", rule="diakrieten", note="diakriet verloren in elke handelsnaam")
    dump = faults.dump()
    raw = faults.overwritten(written(dump), dump[ORIGIN])
    world.findings += faults.findings
    return save(raw, folder, day)


def save(raw: pl.DataFrame, folder: Path, day: str) -> Path:
    """The file of a dump as `written`."""
    figures = [pl.col(name).cast(pl.Int64) for name in ("Vestigingsnummer", "SBI hoofd", "SBI neven 1", "SBI neven 2",
                                                        "Werkzame personen", "Rechtsvorm")]  # fmt: skip
    return write.workbook(raw.with_columns(figures), folder / f"zaaksysteem_nnp_{day}.xlsx", "Vestigingen")


def _plant_rows(faults: Faults, world: World) -> None:
    # One application holds companies: whether a change was not sent or not received cannot be seen from its dump.
    faults.leave_out(world.event("nnp", "nieuw_week1", 1), "", "nieuw in week 1, niet aangekomen")
    faults.leave_out(world.event("nnp", "nieuw_week2", 1), UNDER_WAY, "nieuw binnen twee werkdagen voor de dump")
    faults.leave_out(faults.pick(1, ORDINARY), "", "verwijderd in de applicatie")
    faults.keep_gone(world.event("nnp", "afgevoerd", 1), "", "in week 1 uitgeschreven, nog in de applicatie")
    for number in range(faults.factor):
        record = faults.record(number * 12) | {"vestigingsnummer": f"000097{number + 1:06d}", "rsin": None}
        faults.add(record, "alleen in de applicatie bekend")
    for row in faults.pick(1, ORDINARY):
        faults.double(row, {"failliet": "J"}, "tweemaal verschillend in de dump")
    single = ORDINARY & pl.col("rsin").is_not_null() & pl.col("rsin").is_unique()
    for number, row in enumerate(faults.pick(1, single)):
        faults.other_key(row, f"000096{number + 1:06d}", "ander vestigingsnummer, zelfde RSIN")


def _plant_cells(faults: Faults, world: World) -> None:
    for event, count in (("naam_week1", 2), ("failliet_week1", 1)):
        faults.stale(world.event("nnp", event, count), 0, "", "wijziging in week 1 niet aangekomen")
    by_hand = "met de hand gewijzigd in de applicatie"
    cells: tuple[Mapping[str, str | None], ...] = (
        {"bik_code_hoofdactiviteit": "9999"}, {"telefoonnummer": "0998765432"}, {"datum_oprichting": "19000203"},
    )  # fmt: skip
    for cell in cells:
        faults.change(faults.pick(1, ORDINARY & pl.col("telefoonnummer").is_not_null()), cell, "handmatig", by_hand)
    for column in ("email", "verblijfsadres"):
        faults.change(
            faults.pick(1, ORDINARY & pl.col(column).is_not_null()), {column: None}, "", "leeg in de applicatie"
        )
    without = faults.pick(1, ORDINARY & pl.col("url_website").is_null())
    faults.change(without, {"url_website": "www.eigen-invoer.example"}, "handmatig", "website die de bron niet kent")
    legal = ORDINARY & (pl.col("rechtsvorm") == "41")
    group = {"rechtsvorm": "42"}
    faults.change(
        faults.pick(1, legal), group, "", "andere code in dezelfde groep", kind="cosmetisch", rule="rechtsvorm_groep"
    )
    for row in faults.pick(1, legal):
        text = (faults.record(row)["statutaire_naam"] or "").removesuffix(" B.V.")
        note = "rechtsvorm ontbreekt in de naam"
        faults.write(row, "Statutaire naam", text, field="statutaire_naam", rule="rechtsvorm_in_naam", note=note)
    for row in faults.pick(1, ORDINARY):
        text = (faults.record(row)["handelsnaam"] or "").upper()
        faults.write(row, "Handelsnaam", text, field="handelsnaam", rule="hoofdletters", note="in hoofdletters")
    for row in faults.pick(1, ORDINARY):
        faults.write(row, "Opgericht", "N.v.t.", field="datum_oprichting", rule="onleesbaar", note="geen datum")
    for row in world.invalid_email:
        note = "ongeldig e-mailadres, gelijk aan de bron"
        faults.report(row, "email", "ongeldig", note)


def written(dump: pl.DataFrame) -> pl.DataFrame:
    """The dump in the columns and ways of writing of the application."""
    answers = {"J": "Ja", "N": "Nee"}
    frame = dump.with_columns(
        *(day_month_year(column) for column in ("datum_oprichting", "vestigingsdatum_adres")),
        *(in_words(column, answers) for column in ("hoofdvestiging", "in_surseance", "failliet")),
        ("KvK " + pl.col("dossiernummer")).alias("dossiernummer"),
        ("NL" + pl.col("fiscaalnummer") + "B01").alias("fiscaalnummer"),
        pl.col("handelsnaam").str.normalize("NFKD").str.replace_all(r"\p{M}", ""),
        (pl.col("telefoonnummer").str.slice(0, 4) + "-" + pl.col("telefoonnummer").str.slice(4)).alias(
            "telefoonnummer"
        ),
        ("https://" + pl.col("url_website") + "/").alias("url_website"),
        shouted("verblijfsadres"),
        (pl.col("aantal_werknemers").cast(pl.Int64) + 3).cast(pl.String).alias("aantal_werknemers"),
        # The order of the two nevenactiviteiten has no meaning; this system writes the last one first.
        pl.coalesce("bik_code_nevenactiviteit_2", "bik_code_nevenactiviteit_1").alias("bik_code_nevenactiviteit_1"),
        pl.when(pl.col("bik_code_nevenactiviteit_2").is_not_null())
        .then("bik_code_nevenactiviteit_1")
        .alias("bik_code_nevenactiviteit_2"),
    )
    return frame.select(pl.col(column).alias(name) for name, column in _COLUMNS.items())


_COLUMNS: Mapping[str, str] = {
    "Vestigingsnummer": "vestigingsnummer", "KvK-nummer": "dossiernummer", "RSIN": "rsin",
    "Btw-nummer": "fiscaalnummer", "Handelsnaam": "handelsnaam", "Statutaire naam": "statutaire_naam",
    "Rechtsvorm": "rechtsvorm", "Opgericht": "datum_oprichting", "Hoofdvestiging": "hoofdvestiging",
    "Surseance": "in_surseance", "Failliet": "failliet", "SBI hoofd": "bik_code_hoofdactiviteit",
    "SBI neven 1": "bik_code_nevenactiviteit_1", "SBI neven 2": "bik_code_nevenactiviteit_2",
    "Werkzame personen": "aantal_werknemers", "Telefoon": "telefoonnummer", "E-mail": "email",
    "Website": "url_website", "Adres sinds": "vestigingsdatum_adres", "Bezoekadres": "verblijfsadres",
}  # fmt: skip
