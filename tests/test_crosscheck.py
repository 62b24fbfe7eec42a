"""Kruiscontroles: what the file may say, what every shipped check finds, and the same on published register data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sides import normalised
from test_real_registers import GBAV_2022, REGISTERS, STAND, WEESP, by_bsn, objects, persons, valid
from typer.testing import CliRunner

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.catalogue.fields import load_catalogue
from kmgb.cli.main import app
from kmgb.compare.kinds import FINDING_COLUMNS, KEY, OTHER
from kmgb.crosscheck.evaluate import Judged, Skipped, judge_pairs, judge_rows
from kmgb.crosscheck.follow import with_next_step, without_values
from kmgb.crosscheck.load import CROSSCHECK_FILE, load_crosschecks, parse_crosschecks
from kmgb.crosscheck.model import CrossChecks
from kmgb.crosscheck.tables import Table
from kmgb.errors import CrossCheckError
from kmgb.mapping.load import load_mapping
from kmgb.mapping.model import Veld
from kmgb.population import parse_judgement
from kmgb.run.prepare import prepare
from kmgb.sources.delivered import Limits
from kmgb.sources.entity import read_entity

CATALOGUE = load_catalogue()
SHIPPED = Path(__file__).parents[1] / "mappings" / CROSSCHECK_FILE
CHECKS = load_crosschecks(SHIPPED, CATALOGUE)
DAY = date(2024, 6, 1)
Row = dict[str, str]

ADDRESS, WITHDRAWN, SECONDARY, UNKNOWN = (f"09982000000000{n:02}" for n in range(1, 5))
HOME, BERTH, PITCH, HOUSE = (f"0998{kind}0000000001" for kind in ("01", "02", "03", "10"))
NOWHERE = "0998200000000099"


def table(entity: str, rows: Sequence[Row], *, whole: bool = True) -> Table:
    """Rows of one entity, each with a key of its own unless it has one."""
    key = CATALOGUE[entity].primary.name
    named = [{key: str(place), **row} for place, row in enumerate(rows, start=1)]
    hulp = {"pand": Veld(kolom="pand")} if any("pand" in row for row in rows) else {}
    frame = normalised(entity, named, {"pand": None}, hulp=hulp)
    return Table(frame.filter(pl.col(FAULT).is_null()), (key,), whole=whole)


def address(identity: str, main: str = "", status: str = "") -> Row:
    return {
        "identificatie_nummeraanduiding": identity, "indicatie_hoofdadres": main, "status_nummeraanduiding": status,
    }  # fmt: skip


ISSUED, ENDED = "Naamgeving uitgegeven", "Naamgeving ingetrokken"
REGISTERS_OF_TOWN = {
    "nummeraanduiding": table("nummeraanduiding", [
        address(ADDRESS, "J", ISSUED), address(WITHDRAWN, "J", ENDED), address(SECONDARY, "N", ISSUED), address(UNKNOWN),
    ]),
    "verblijfsobject": table("verblijfsobject", [{"id_verblijfsobject": HOME}]),
    "ligplaats": table("ligplaats", [{"id_ligplaats": BERTH}]),
    "standplaats": table("standplaats", [{"id_standplaats": PITCH}]),
    "pand": table("pand", [{"id_pand": HOUSE}]),
}  # fmt: skip

HERE = {"gemeentecode": "0998", "datum_overlijden": ""}
DIED = {"datum_overlijden": "20200310"}
WITHDRAWN_CHECK = "hoofdadres_verblijfsobject_uitgegeven"
USED, GONE = "Verblijfsobject in gebruik", "Verblijfsobject ingetrokken"

# Per check a row that passes, one that fails, and one of which it cannot be told.
CASES: dict[str, tuple[Row, Row, Row]] = {
    "hoofdadres_verblijfsobject_bestaat": (
        {"id_hoofdadres": ADDRESS}, {"id_hoofdadres": NOWHERE}, {"id_hoofdadres": ""}),
    "hoofdadres_verblijfsobject_is_hoofdadres": (
        {"id_hoofdadres": ADDRESS}, {"id_hoofdadres": SECONDARY}, {"id_hoofdadres": UNKNOWN}),
    "hoofdadres_verblijfsobject_uitgegeven": (
        {"id_hoofdadres": ADDRESS, "status_vbo": USED}, {"id_hoofdadres": WITHDRAWN, "status_vbo": USED},
        {"id_hoofdadres": WITHDRAWN, "status_vbo": ""}),
    "hoofdadres_ligplaats_bestaat": (
        {"id_hoofdadres": ADDRESS}, {"id_hoofdadres": NOWHERE}, {"id_hoofdadres": "zie kaart"}),
    "hoofdadres_standplaats_bestaat": (
        {"id_hoofdadres": ADDRESS}, {"id_hoofdadres": NOWHERE}, {"id_hoofdadres": ""}),
    "adresseerbaar_object_bestaat": (
        {"identificatie_tgo": BERTH, "status_nummeraanduiding": ISSUED},
        {"identificatie_tgo": "0998010000000099", "status_nummeraanduiding": ISSUED},
        {"identificatie_tgo": "", "status_nummeraanduiding": ISSUED}),
    "pand_van_verblijfsobject_bestaat": (
        {"pand": HOUSE}, {"pand": f"{HOUSE}|0998100000000099"}, {"pand": ""}),
    "adres_van_persoon_bestaat": (
        {"id_codes_verblijfadres": f"{HOME} {ADDRESS}", **HERE}, {"id_codes_verblijfadres": f"{HOME} {NOWHERE}", **HERE},
        {"id_codes_verblijfadres": HOME, **HERE}),
    "adres_van_persoon_uitgegeven": (
        {"id_codes_verblijfadres": f"{HOME} {ADDRESS}", **HERE},
        {"id_codes_verblijfadres": f"{HOME} {WITHDRAWN}", **HERE},
        {"id_codes_verblijfadres": f"{HOME} {UNKNOWN}", **HERE}),
    "woonobject_van_persoon_bestaat": (
        {"id_codes_verblijfadres": f"{PITCH} {ADDRESS}", **HERE},
        {"id_codes_verblijfadres": f"0998030000000099 {ADDRESS}", **HERE}, {"id_codes_verblijfadres": ADDRESS, **HERE}),
    "correspondentieadres_van_persoon_bestaat": (
        {"id_codes_correspondentieadres": f"{HOME} {ADDRESS}"}, {"id_codes_correspondentieadres": f"{HOME} {NOWHERE}"},
        {"id_codes_correspondentieadres": "onbekend"}),
    "adres_na_overlijden": (
        {"datum_ingang_adreshouding": "20200310", **DIED}, {"datum_ingang_adreshouding": "20200311", **DIED},
        {"datum_ingang_adreshouding": "20200300", **DIED}),
    "inschrijving_na_overlijden": (
        {"datum_inschrijving": "20190000", **DIED}, {"datum_inschrijving": "20210000", **DIED},
        {"datum_inschrijving": "00000000", **DIED}),
    "adres_voor_geboorte": (
        {"datum_ingang_adreshouding": "19800501", "geboortedatum": "19800501"},
        {"datum_ingang_adreshouding": "19800501", "geboortedatum": "19800600"},
        {"datum_ingang_adreshouding": "19800501", "geboortedatum": "19800000"}),
    "inschrijving_voor_geboorte": (
        {"datum_inschrijving": "19810000", "geboortedatum": "19800000"},
        {"datum_inschrijving": "19790000", "geboortedatum": "19800000"},
        {"datum_inschrijving": "19790101", "geboortedatum": ""}),
    "gehuwd_zonder_partner": (
        {"burgerlijke_staat": "2", "geslachtsnaam_partner": "Jansen", "datum_overlijden": ""},
        {"burgerlijke_staat": "5", "geslachtsnaam_partner": "", "datum_overlijden": ""},
        {"burgerlijke_staat": "", "geslachtsnaam_partner": "", "datum_overlijden": ""}),
    "ongehuwd_met_partner": (
        {"burgerlijke_staat": "1", "geslachtsnaam_partner": ""},
        {"burgerlijke_staat": "1", "geslachtsnaam_partner": "Jansen"},
        {"burgerlijke_staat": "", "geslachtsnaam_partner": "Jansen"}),
    "ongehuwd_met_naam_van_partner": (
        {"burgerlijke_staat": "1", "aanduiding_naamgebruik": "E"},
        {"burgerlijke_staat": "1", "aanduiding_naamgebruik": "P"},
        {"burgerlijke_staat": "", "aanduiding_naamgebruik": "P"}),
    "kind_gehuwd": (
        {"burgerlijke_staat": "1", "geboortedatum": "20100101"},
        {"burgerlijke_staat": "2", "geboortedatum": "20080602"},
        {"burgerlijke_staat": "2", "geboortedatum": "20080600"}),
    "onderzoek_zonder_begin": (
        {"vbl_datum_einde_onderzoek": "20240101", "vbl_datum_ingang_onderzoek": "20230101"},
        {"vbl_datum_einde_onderzoek": "20240101", "vbl_datum_ingang_onderzoek": ""},
        {"vbl_datum_einde_onderzoek": "20240101", "vbl_datum_ingang_onderzoek": "vorig jaar"}),
    "onderzoek_zonder_onderwerp": (
        {"vbl_datum_ingang_onderzoek": "20240101", "vbl_datum_einde_onderzoek": "", "vbl_categorie_onderzoek": "080000"},
        {"vbl_datum_ingang_onderzoek": "20240101", "vbl_datum_einde_onderzoek": "", "vbl_categorie_onderzoek": ""},
        {"vbl_datum_ingang_onderzoek": "20240101", "vbl_datum_einde_onderzoek": "?", "vbl_categorie_onderzoek": ""}),
    "object_zonder_adres": (
        {"id_codes_verblijfadres": f"{HOME} {ADDRESS}"}, {"id_codes_verblijfadres": HOME},
        {"id_codes_verblijfadres": "onbekend"}),
    "ingetrokken_adres_zonder_einde": (
        {"status_nummeraanduiding": ENDED, "datum_einde": "2024-01-01"},
        {"status_nummeraanduiding": ENDED, "datum_einde": ""}, {"status_nummeraanduiding": "", "datum_einde": ""}),
    "beeindigd_adres_niet_ingetrokken": (
        {"status_nummeraanduiding": ENDED, "datum_einde": "2024-01-01"},
        {"status_nummeraanduiding": ISSUED, "datum_einde": "2024-01-01"},
        {"status_nummeraanduiding": "", "datum_einde": "2024-01-01"}),
    "adres_zonder_postcode": (
        {"status_nummeraanduiding": ISSUED, "datum_begin_geldigheid": "2020-01-01", "postcode": "1234AB"},
        {"status_nummeraanduiding": ISSUED, "datum_begin_geldigheid": "2020-01-01", "postcode": ""},
        {"status_nummeraanduiding": ISSUED, "datum_begin_geldigheid": "", "postcode": ""}),
    "vervallen_object_zonder_einde": (
        {"status_vbo": GONE, "datum_einde_vbo": "2024-01-01"}, {"status_vbo": GONE, "datum_einde_vbo": ""},
        {"status_vbo": "", "datum_einde_vbo": ""}),
    "beeindigd_object_niet_vervallen": (
        {"status_vbo": GONE, "datum_einde_vbo": "2024-01-01"}, {"status_vbo": USED, "datum_einde_vbo": "2024-01-01"},
        {"status_vbo": "", "datum_einde_vbo": "2024-01-01"}),
    "object_in_gebruik_zonder_oppervlakte": (
        {"status_vbo": USED, "oppervlakte": "80"}, {"status_vbo": USED, "oppervlakte": "1"},
        {"status_vbo": USED, "oppervlakte": ""}),
    "object_in_gebruik_zonder_gebruiksdoel": (
        {"status_vbo": USED, "gebruiksdoel_1": "woonfunctie"}, {"status_vbo": USED, "gebruiksdoel_1": ""},
        {"status_vbo": "", "gebruiksdoel_1": ""}),
    "vervallen_pand_zonder_einde": (
        {"status_pand": "Pand gesloopt", "datum_einde_pand": "2024-01-01"},
        {"status_pand": "Pand gesloopt", "datum_einde_pand": ""}, {"status_pand": "", "datum_einde_pand": ""}),
    "beeindigd_pand_niet_vervallen": (
        {"status_pand": "Pand gesloopt", "datum_einde_pand": "2024-06-01"},
        {"status_pand": "Pand in gebruik", "datum_einde_pand": "2024-06-01"},
        {"status_pand": "", "datum_einde_pand": "2024-06-01"}),
    "ingetrokken_ligplaats_zonder_einde": (
        {"status_ligplaats": "Plaats ingetrokken", "datum_einde_vbo": "2024-01-01"},
        {"status_ligplaats": "Plaats ingetrokken", "datum_einde_vbo": ""},
        {"status_ligplaats": "", "datum_einde_vbo": ""}),
    "ingetrokken_standplaats_zonder_einde": (
        {"status_standplaats": "Plaats ingetrokken", "datum_einde_vbo": "2024-01-01"},
        {"status_standplaats": "Plaats ingetrokken", "datum_einde_vbo": ""},
        {"status_standplaats": "", "datum_einde_vbo": ""}),
    "rechtspersoon_zonder_rsin": (
        {"rechtsvorm": "41", "rsin": "998000012"}, {"rechtsvorm": "74", "rsin": ""}, {"rechtsvorm": "", "rsin": ""}),
    "vennootschap_zonder_statutaire_naam": (
        {"rechtsvorm": "41", "statutaire_naam": "Voorbeeld B.V."}, {"rechtsvorm": "51", "statutaire_naam": ""},
        {"rechtsvorm": "", "statutaire_naam": ""}),
    "failliet_en_surseance": (
        {"failliet": "J", "in_surseance": "N"}, {"failliet": "J", "in_surseance": "J"},
        {"failliet": "J", "in_surseance": ""}),
    "fiscaalnummer_is_rsin": (
        {"rsin": "998000012", "fiscaalnummer": "998000012"}, {"rsin": "998000012", "fiscaalnummer": "998000024"},
        {"rsin": "998000012", "fiscaalnummer": "onbekend"}),
    "meer_voltijders_dan_werknemers": (
        {"aantal_werknemers_fulltime": "3", "aantal_werknemers_part_en_fulltime": "3"},
        {"aantal_werknemers_fulltime": "4", "aantal_werknemers_part_en_fulltime": "3"},
        {"aantal_werknemers_fulltime": "veel", "aantal_werknemers_part_en_fulltime": "3"}),
}  # fmt: skip

Pair = tuple[Row, Row | None]
PAIRS: dict[str, tuple[Pair, Pair, Pair]] = {
    "geheim_niet_overgenomen": (
        ({"indicatie_geheim": "7"}, {"indicatie_geheim": "1"}),
        ({"indicatie_geheim": "7"}, {"indicatie_geheim": ""}),
        ({"indicatie_geheim": "7"}, None)),
    "verhuisd_na_overlijden": (
        (DIED, {"datum_ingang_adreshouding": "20190101"}), (DIED, {"datum_ingang_adreshouding": "20200401"}),
        ({"datum_overlijden": "20200000"}, {"datum_ingang_adreshouding": "20200401"})),
    "vervallen_object_in_gebruik": (
        ({"status_vbo": GONE}, {"status_vbo": GONE}), ({"status_vbo": GONE}, {"status_vbo": USED}),
        ({"status_vbo": GONE}, {"status_vbo": ""})),
}  # fmt: skip


def only(code: str) -> CrossChecks:
    return CrossChecks(tuple(c for c in CHECKS.controles if c.code == code), CHECKS.path, CHECKS.version)


def written(text: str) -> CrossChecks:
    return parse_crosschecks(text.encode(), Path("k.toml"), CATALOGUE)


def rows(checks: CrossChecks, own: Table, registers: Mapping[str, Table] = REGISTERS_OF_TOWN) -> Judged:
    entity = checks.controles[0].entiteit
    return judge_rows(checks, entity, "distributie", {entity: own}, registers, CATALOGUE, DAY)


def counts(judged: Judged) -> tuple[int, ...]:
    """rijen, beoordeeld, fout, niet_te_beoordelen, buiten of the only check."""
    names = ("rijen", "beoordeeld", "fout", "niet_te_beoordelen", "buiten")
    return judged.books.select(names).row(0)


def failing(judged: Judged) -> list[str]:
    return judged.findings["key"].to_list()


# The shipped checks


def test_every_shipped_check_has_its_rows() -> None:
    assert CASES.keys() | PAIRS.keys() == {controle.code for controle in CHECKS.controles}
    assert {controle.entiteit for controle in CHECKS.controles} == set(CATALOGUE.entities)


@pytest.mark.parametrize("code", CASES)
def test_a_row_that_passes_one_that_fails_and_one_that_cannot_be_judged(code: str) -> None:
    own = table(only(code).controles[0].entiteit, CASES[code])
    judged = rows(only(code), own)
    assert judged.skipped == ()
    assert counts(judged) == (3, 2, 1, 1, 0)
    assert judged.findings.select("key").equals(own.accepted.select(pl.col(own.key[0]).alias("key"))[1:2])


@pytest.mark.parametrize("code", PAIRS)
def test_a_pair_that_passes_one_that_fails_and_one_that_cannot_be_judged(code: str) -> None:
    checks, entity = only(code), only(code).controles[0].entiteit
    sides = [table(entity, [row for row in rows if row is not None]) for rows in zip(*PAIRS[code], strict=True)]
    judged = judge_pairs(checks, entity, *sides, links(3), CATALOGUE, DAY)
    assert counts(judged) == (3, 2, 1, 1, 0)
    assert failing(judged) == ["sleutel 2"]


def links(count: int) -> pl.DataFrame:
    """The pairs of rows 1, 2, ... of both sides."""
    places = pl.Series(range(1, count + 1), dtype=pl.UInt32)
    return pl.DataFrame({ROW: places, ROW + OTHER: places}).with_columns(pl.format("sleutel {}", ROW).alias(KEY))


# The record and the books


def test_a_finding_is_a_whole_record() -> None:
    judged = rows(only("adres_na_overlijden"), table("personen", CASES["adres_na_overlijden"][1:2]))
    assert judged.findings.to_dicts() == [{
        "key": "000000001", "key_field": "bsn", "field": "datum_ingang_adreshouding", "kind": "ongeldig",
        "rule": "kruiscontrole:adres_na_overlijden", "distributie_raw": "20200311", "distributie": "2020-03-11",
        "afnemer_raw": None, "afnemer_value": None, "severity": "hoog",
    }]  # fmt: skip
    assert judged.findings.schema == pl.Schema(FINDING_COLUMNS)


def test_the_application_is_judged_on_its_own_side_against_the_registers_of_the_distribution() -> None:
    own = {"ligplaats": table("ligplaats", [{"id_hoofdadres": NOWHERE}])}
    checks = only("hoofdadres_ligplaats_bestaat")
    judged = judge_rows(checks, "ligplaats", "applicatie", own, REGISTERS_OF_TOWN, CATALOGUE, DAY)
    assert judged.findings.select("distributie", "afnemer_raw", "afnemer_value").row(0) == (None, NOWHERE, NOWHERE)


def test_a_shield_that_was_not_taken_over_shows_no_values_and_comes_first() -> None:
    ours = table("personen", [{"indicatie_geheim": "7", **DIED}])
    theirs = table("personen", [{"indicatie_geheim": "0", "datum_ingang_adreshouding": "20200401"}])
    judged = judge_pairs(CHECKS, "personen", ours, theirs, links(1), CATALOGUE, DAY)
    shown = judged.findings.select("rule", "severity", "distributie_raw", "distributie", "afnemer_raw", "afnemer_value")
    assert shown.rows() == [
        ("kruiscontrole:geheim_niet_overgenomen", "kritiek", None, None, None, None),
        ("kruiscontrole:verhuisd_na_overlijden", "hoog", None, None, "20200401", "2020-04-01"),
    ]


@pytest.mark.parametrize(("ours", "theirs", "wrong"), [
    ("7", "0", 1), ("7", "?", 1), ("3", "", 1), ("?", "0", 1), ("7", "3", 0), ("0", "", 0), ("", "0", 0),
])  # fmt: skip
def test_only_a_code_that_shields_is_a_shield(ours: str, theirs: str, wrong: int) -> None:
    sides = [table("personen", [{"indicatie_geheim": code}]) for code in (ours, theirs)]
    judged = judge_pairs(only("geheim_niet_overgenomen"), "personen", *sides, links(1), CATALOGUE, DAY)
    assert judged.findings.height == wrong


def test_the_comparison_shows_no_values_either_in_a_cell_that_must_stay_hidden() -> None:
    theirs = table("personen", [{"indicatie_geheim": "0"}])
    ours = table("personen", [{"indicatie_geheim": "7"}])
    judged = judge_pairs(only("geheim_niet_overgenomen"), "personen", ours, theirs, links(1), CATALOGUE, DAY)
    cell = dict.fromkeys(FINDING_COLUMNS, "x") | {"key": "sleutel 1", "field": "indicatie_geheim"}
    findings = pl.DataFrame([cell, cell | {"field": "geslacht"}], schema=FINDING_COLUMNS)
    left = without_values(findings, judged.findings, CHECKS)
    assert left["afnemer_value"].to_list() == [None, "x"]
    assert left["distributie_raw"].to_list() == [None, "x"]
    assert left.schema == findings.schema


def test_what_is_wrong_in_the_application_alone_is_mended_there() -> None:
    code = "ongehuwd_met_partner"
    wrong = table("personen", [CASES[code][1]] * 2)
    theirs = judge_rows(CHECKS, "personen", "applicatie", {"personen": wrong}, {}, CATALOGUE, DAY).findings
    ours = rows(only(code), table("personen", CASES[code][1::-1])).findings  # the first of the two is wrong here too
    steps = with_next_step(theirs, CHECKS, "applicatie", ours)
    assert steps.select("key", "next_step").rows() == [
        ("000000001", "terugmelden"), ("000000002", "herstellen_applicatie"),
    ]  # fmt: skip
    assert with_next_step(ours, CHECKS, "distributie")["next_step"].to_list() == ["terugmelden"]
    assert with_next_step(theirs, CHECKS, "applicatie")["next_step"].unique().to_list() == ["herstellen_applicatie"]
    assert steps.columns == [*FINDING_COLUMNS, "next_step"]


def test_whose_turn_it_is_in_a_pair() -> None:
    found = pl.DataFrame([dict.fromkeys(FINDING_COLUMNS, "x") | {"rule": "kruiscontrole:vervallen_object_in_gebruik"}])
    assert with_next_step(found, CHECKS, "paar")["next_step"].to_list() == ["herzenden"]


def test_rows_that_share_their_key_are_one_finding() -> None:
    twice = [{"bsn": "1", **CASES["adres_na_overlijden"][1]}] * 2
    judged = rows(only("adres_na_overlijden"), table("personen", twice))
    assert (counts(judged)[2], failing(judged)) == (2, ["000000001"])


def test_a_check_that_is_off_is_not_made() -> None:
    off = CrossChecks(tuple(c.model_copy(update={"aan": False}) for c in CHECKS.controles), CHECKS.path, "")
    assert judge_rows(off, "personen", "distributie", {}, {}, CATALOGUE, DAY).books.is_empty()


# What was not judged is said


def skipped(judged: Judged) -> list[str]:
    assert judged.books.is_empty()
    return [one.reason for one in judged.skipped]


def test_a_check_on_fields_that_are_not_held_is_skipped_and_listed() -> None:
    judged = rows(only("adres_na_overlijden"), table("personen", [{"geslacht": "M"}]))
    reason = "deze velden worden niet geleverd: datum_ingang_adreshouding, datum_overlijden"
    assert judged.skipped == (Skipped("adres_na_overlijden", "distributie", "personen", reason),)
    assert judged.books.is_empty()


def test_a_pair_of_which_one_side_lacks_a_field_is_skipped_and_listed() -> None:
    ours, theirs = table("personen", [{"indicatie_geheim": "7"}]), table("personen", [{"geslacht": "M"}])
    judged = judge_pairs(only("geheim_niet_overgenomen"), "personen", ours, theirs, links(1), CATALOGUE, DAY)
    assert skipped(judged) == ["dit veld wordt niet geleverd: applicatie.indicatie_geheim"]


def test_a_register_without_the_field_of_the_condition_is_named() -> None:
    registers = {"nummeraanduiding": table("nummeraanduiding", [{"identificatie_nummeraanduiding": ADDRESS}])}
    own = table("verblijfsobject", [{"id_hoofdadres": ADDRESS}])
    judged = rows(only("hoofdadres_verblijfsobject_is_hoofdadres"), own, registers)
    assert skipped(judged) == ["dit veld wordt niet geleverd: indicatie_hoofdadres (van nummeraanduiding)"]


def test_nothing_to_refer_to_and_nothing_to_judge() -> None:
    own = table("ligplaats", [{"id_hoofdadres": ADDRESS}])
    checks = only("hoofdadres_ligplaats_bestaat")
    assert skipped(rows(checks, own, {})) == ["er is geen aanlevering van nummeraanduiding"]
    nothing = judge_rows(checks, "ligplaats", "distributie", {}, REGISTERS_OF_TOWN, CATALOGUE, DAY)
    assert skipped(nothing) == ["er is geen aanlevering van ligplaats"]


# References that may be elsewhere


def test_a_kind_of_object_that_was_not_delivered_is_not_absent() -> None:
    cells = [{"identificatie_tgo": tgo, "status_nummeraanduiding": ISSUED} for tgo in (HOME, BERTH, HOME[:-1] + "9")]
    registers = {"verblijfsobject": REGISTERS_OF_TOWN["verblijfsobject"]}
    judged = rows(only("adresseerbaar_object_bestaat"), table("nummeraanduiding", cells), registers)
    assert counts(judged) == (3, 2, 1, 1, 0)
    assert failing(judged) == ["0000000000000003"]


def test_what_a_partial_delivery_does_not_hold_cannot_be_judged() -> None:
    part = table("nummeraanduiding", [address(ADDRESS)], whole=False)
    own = table("ligplaats", [{"id_hoofdadres": ADDRESS}, {"id_hoofdadres": NOWHERE}])
    assert counts(rows(only("hoofdadres_ligplaats_bestaat"), own, {"nummeraanduiding": part})) == (2, 1, 0, 1, 0)


def test_a_row_that_was_set_aside_exists_but_its_condition_is_unknown() -> None:
    whole = REGISTERS_OF_TOWN["nummeraanduiding"]
    aside = Table(whole.accepted[1:], whole.key, rejected=whole.accepted[:1])
    own = table("verblijfsobject", [{"id_hoofdadres": ADDRESS, "status_vbo": USED}])
    checks = ("hoofdadres_verblijfsobject_bestaat", "hoofdadres_verblijfsobject_uitgegeven")
    judged = [counts(rows(only(code), own, {"nummeraanduiding": aside})) for code in checks]
    assert judged == [(1, 1, 0, 0, 0), (1, 0, 0, 1, 0)]


def test_a_reference_to_nothing_is_outside_where_only_the_condition_counts() -> None:
    own = table("verblijfsobject", [{"id_hoofdadres": NOWHERE}])
    assert counts(rows(only("hoofdadres_verblijfsobject_is_hoofdadres"), own)) == (1, 0, 0, 0, 1)


def test_one_right_voorkomen_is_enough() -> None:
    both = table("nummeraanduiding", [address(ADDRESS, "N", ENDED), address(ADDRESS, "J", ISSUED)])
    own = table("verblijfsobject", [{"id_hoofdadres": ADDRESS}])
    judged = rows(only("hoofdadres_verblijfsobject_is_hoofdadres"), own, {"nummeraanduiding": both})
    assert counts(judged) == (1, 1, 0, 0, 0)


def test_a_pair_of_which_a_row_is_not_there_cannot_be_judged() -> None:
    side = table("personen", [{"indicatie_geheim": "7"}])
    judged = judge_pairs(only("geheim_niet_overgenomen"), "personen", side, side, links(2), CATALOGUE, DAY)
    assert counts(judged) == (2, 1, 0, 1, 0)


# Three outcomes

PARTS = st.tuples(st.sampled_from([1999, 2000]), st.sampled_from([0, 1, 2, 12]), st.sampled_from([0, 1, 28, 29]))
SIGNS = {
    "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__, "=": int.__eq__, "!=": int.__ne__,
}  # fmt: skip


def days(year: int, month: int, day: int) -> list[int]:
    """Every day the date may be; two calendar years are enough of a world."""
    found = [date.fromordinal(n) for n in range(date(1999, 1, 1).toordinal(), date(2001, 1, 1).toordinal())]
    return [
        d.year * 10000 + d.month * 100 + d.day
        for d in found
        if d.year == year and month in (0, d.month) and (month == 0 or day in (0, d.day))
    ]


@given(PARTS, PARTS, st.sampled_from(list(SIGNS)))
def test_two_dates_are_judged_over_every_day_they_may_be(
    left: tuple[int, int, int], right: tuple[int, int, int], sign: str
) -> None:
    ours, theirs = days(*left), days(*right)
    if not ours or not theirs:  # 29 February 1999 is no day
        return
    outcomes = {SIGNS[sign](a, b) for a in (min(ours), max(ours)) for b in (min(theirs), max(theirs))}
    if sign in ("=", "!="):
        same = {a in theirs for a in ours}
        equal = len(ours) == len(theirs) == 1 and ours == theirs
        outcomes = {sign == "="} if equal else {sign != "="} if same == {False} else {True, False}
    fields = {"a": CATALOGUE["personen"]["geboortedatum"], "b": CATALOGUE["personen"]["datum_overlijden"]}
    numbers = {name: y * 10000 + m * 100 + d for name, (y, m, d) in (("a", left), ("b", right))}
    frame = pl.DataFrame(numbers, schema=dict.fromkeys("ab", pl.Int32))
    told = frame.select(parse_judgement(f"a {sign} b", fields, DAY, CATALOGUE).expr).item()
    assert told == (outcomes.pop() if len(outcomes) == 1 else None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("geslacht = 'M'", [True, False, None]),
        ("niet geslacht = 'M'", [False, True, None]),
        ("niet (geslacht = 'M' en geboortedatum is niet leeg)", [True, True, True]),
        ("geslacht = 'M' of geboortedatum is leeg", [True, True, True]),
        ("geboortedatum in (2000-01-01)", [None, None, None]),
    ],
)
def test_what_is_empty_cannot_be_told_and_neither_can_its_opposite(text: str, told: list[bool | None]) -> None:
    frame = pl.DataFrame(
        {"geslacht": ["M", "V", None], "geboortedatum": [None] * 3}, schema_overrides={"geboortedatum": pl.Int32}
    )
    fields = {name: CATALOGUE["personen"][name] for name in frame.columns}
    assert frame.select(parse_judgement(text, fields, DAY, CATALOGUE).expr).to_series().to_list() == told


# The file

GOOD = """
[controle.een_controle]
titel = "t"
omschrijving = "o"
entiteit = "personen"
soort = "voorwaarde"
kant = "distributie"
veld = "geslacht"
dan = "geslacht = 'M'"
ernst = "laag"
vervolg = "geen"
"""


def problems(text: str) -> list[str]:
    with pytest.raises(CrossCheckError) as caught:
        written(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_check_is_read_with_its_code() -> None:
    (controle,) = written(GOOD).controles
    assert (controle.code, controle.rule, controle.kant) == (
        "een_controle", "kruiscontrole:een_controle", ("distributie",)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('veld = "geslacht"', 'veld = "geslaht"', "controle.een_controle.veld: 'geslaht' is geen veld van personen. Bedoelde u 'geslacht'?"),
        ('entiteit = "personen"', 'entiteit = "persoon"', "controle.een_controle.entiteit: 'persoon' is geen entiteit. Bedoelde u 'personen'?"),
        ("dan = \"geslacht = 'M'\"", "dan = \"geslacht = 'man'\"", "controle.een_controle.dan: 'man' is geen code van geslacht, bij \"'man'\" (teken 12). Bedoelde u 'M' (man)?"),
        ('ernst = "laag"', 'ernst = "erg"', "controle.een_controle.ernst: moet een van deze zijn: 'kritiek', 'hoog', 'normaal' of 'laag'."),
        ('vervolg = "geen"', 'vervolg = "terugmelding"', "controle.een_controle.vervolg: moet een van deze zijn: 'herstellen_applicatie', 'herzenden', 'herstellen_distributie', 'terugmelden', 'aanpassen_veldtoewijzing', 'wachten' of 'geen'. Bedoelde u 'terugmelden'?"),
        ('titel = "t"', 'titl = "t"', "controle.een_controle.titl: is geen bekende sleutel. Bedoelde u 'titel'?"),
        ('kant = "distributie"', 'kant = "paar"', "controle.een_controle.kant: kan niet 'paar' zijn bij soort 'voorwaarde': noem distributie of applicatie."),
        ("dan = \"geslacht = 'M'\"", "", "controle.een_controle.dan: ontbreekt en is verplicht bij soort 'voorwaarde'."),
        ("dan = \"geslacht = 'M'\"", 'dan = "geslacht = geboortedatum"', "controle.een_controle.dan: geboortedatum is niet van dezelfde soort als geslacht, bij 'geboortedatum' (teken 12)."),
        ("dan = \"geslacht = 'M'\"", 'dan = "id_codes_verblijfadres is leeg"', "controle.een_controle.dan: 'id_codes_verblijfadres' bestaat uit onderdelen. Noem 'id_codes_verblijfadres.adresseerbaar_object' of 'id_codes_verblijfadres.nummeraanduiding'."),
        ('soort = "voorwaarde"', 'soort = "verwijzing"', "controle.een_controle.dan: hoort niet bij soort 'verwijzing'; laat deze sleutel weg."),
        ("[controle.een_controle]", "[controle.Een]", "controle.Een: kan geen code zijn. Gebruik 3 tot 60 kleine letters, cijfers en _, en begin met een letter."),
        ("[controle.een_controle]", "[controles.een_controle]", "controles: is geen bekende sleutel. Bedoelde u 'controle'?"),
        ('titel = "t"', 'titel = "t"\nmoet_bestaan = false', "controle.een_controle.moet_bestaan: is alleen zinvol met waarbij: anders wordt er niets gecontroleerd."),
        ('titel = "t"', 'titel = 3', "controle.een_controle.titel: moet tekst zijn."),
        ('titel = "t"', 'titel = "t"\ncode = "x"', "controle.een_controle.code: staat al in de kop van de tabel; laat deze sleutel weg."),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_what_was_meant(old: str, new: str, expected: str) -> None:
    assert expected in problems(GOOD.replace(old, new))


def test_all_faults_are_listed_at_once() -> None:
    both = GOOD.replace('veld = "geslacht"', 'veld = "x"\nkleur = "rood"') + GOOD.replace(
        "een_controle", "twee"
    ).replace("titel", "#")
    assert [problem.partition(":")[0] for problem in problems(both)] == [
        "controle.een_controle.kleur", "controle.een_controle.veld", "controle.twee.titel",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "controle = 3", "[controle]"])
def test_a_file_without_checks_is_a_fault(text: str) -> None:
    assert "controle: ontbreekt: schrijf elke controle als [controle.<code>]." in problems(text)


def test_a_file_that_is_not_there_or_no_toml(tmp_path: Path) -> None:
    with pytest.raises(CrossCheckError, match="het bestand bestaat niet"):
        load_crosschecks(tmp_path / "k.toml", CATALOGUE)
    assert problems("[controle")[0].startswith("geen geldige TOML")


def test_the_command_line_lists_and_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SHIPPED.parents[2])
    listed = CliRunner().invoke(app, ["kruiscontrole", "list"])
    assert listed.exit_code == 0
    assert all(controle.code in listed.stdout for controle in CHECKS.controles)
    checked = CliRunner().invoke(app, ["kruiscontrole", "check", str(SHIPPED)])
    assert checked.stdout.endswith(f"{SHIPPED}: geen fouten.\n")
    wrong = tmp_path / "k.toml"
    wrong.write_text(GOOD.replace("personen", "persoon"), encoding="utf-8")
    assert isinstance(CliRunner().invoke(app, ["kruiscontrole", "check", str(wrong)]).exception, CrossCheckError)


def test_every_key_is_documented() -> None:
    text = (SHIPPED.parents[2] / "docs" / "kruiscontroles.md").read_text(encoding="utf-8")
    assert [name for name in type(CHECKS.controles[0]).model_fields if f"`{name}`" not in text] == []


# Published registers, beside plain Python on the same files


def prepared(shared: Path, folder: Path, mapping: str, entity: str, path: str, day: date, **hulp: str) -> Table:
    data = shared / "data"
    plan = load_mapping(REGISTERS / f"{mapping}.toml", CATALOGUE).entiteit[entity]
    plan = plan.model_copy(update={"hulp": {name: Veld(kolom=column) for name, column in hulp.items()}})
    limits = Limits(max_cell=32_768, max_unpacked=2**30, max_ratio=200)
    _, frame, _ = read_entity(data / path, plan, limits, folder, data)
    side = prepare(frame, plan, CATALOGUE[entity], CATALOGUE, key=plan.sleutel, history=False, day=day).side
    return Table(side.accepted, plan.sleutel, side.rejected)


@pytest.fixture(scope="module")
def weesp(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    kinds = {"nummeraanduiding": "NUM", "verblijfsobject": "VBO", "pand": "PND", "ligplaats": "LIG"}
    hulp = {"verblijfsobject": {"pand": "maaktDeelUitVan/PandRef"}}
    return {
        entity: prepared(
            shared, tmp_path_factory.mktemp(code), "bag_extract", entity, WEESP[code], STAND, **hulp.get(entity, {})
        )
        for entity, code in kinds.items()
    }


@pytest.fixture(scope="module")
def raw(shared: Path) -> dict[str, dict[str, dict[str, str]]]:
    """The valid voorkomens of the extract by kind and identification, read by lxml alone."""
    kinds = {"NUM": "Nummeraanduiding", "VBO": "Verblijfsobject", "PND": "Pand"}
    return {
        code: {o["identificatie"]: o for o in objects(shared / "data" / WEESP[code], record) if valid(o)}
        for code, record in kinds.items()
    }


Raw = Mapping[str, Mapping[str, Mapping[str, str]]]


def in_weesp(code: str, town: Mapping[str, Table], left_out: Sequence[str] = ()) -> Judged:
    """One check on the extract; `left_out` are addresses or buildings that are taken out of the registers."""
    registers = {
        entity: Table(own.accepted.filter(~pl.col(own.key[0]).is_in(left_out)), own.key, own.rejected)
        for entity, own in town.items()
    }
    entity = only(code).controles[0].entiteit
    return judge_rows(only(code), entity, "distributie", town, registers, CATALOGUE, STAND)


@pytest.mark.shared
@pytest.mark.parametrize("out", [0, 25], ids=["as delivered", "addresses taken out"])
def test_main_addresses_of_a_real_town(raw: Raw, weesp: dict[str, Table], out: int) -> None:
    gone = sorted(raw["NUM"])[: out * 7 : 7]
    judged = in_weesp("hoofdadres_verblijfsobject_bestaat", weesp, gone)
    known = raw["NUM"].keys() - set(gone)
    expected = {key for key, home in raw["VBO"].items() if home["heeftAlsHoofdadres"] not in known}
    assert set(failing(judged)) == expected
    assert len(expected) >= out
    assert counts(judged) == (len(raw["VBO"]), len(raw["VBO"]), len(expected), 0, 0)


@pytest.mark.shared
def test_withdrawn_main_addresses_of_a_real_town(raw: Raw, weesp: dict[str, Table]) -> None:
    ended = {GONE, "Niet gerealiseerd verblijfsobject", "Verblijfsobject ten onrechte opgevoerd"}
    # Every home is judged as if it were in use, or the extract has nothing to find.
    checks = CrossChecks(tuple(c.model_copy(update={"als": ""}) for c in only(WITHDRAWN_CHECK).controles), SHIPPED, "")
    for made, homes in (
        (only(WITHDRAWN_CHECK), [o for o in raw["VBO"].values() if o["status"] not in ended]),
        (checks, list(raw["VBO"].values())),
    ):
        judged = judge_rows(made, "verblijfsobject", "distributie", weesp, weesp, CATALOGUE, STAND)
        expected = {
            o["identificatie"] for o in homes if raw["NUM"].get(o["heeftAlsHoofdadres"], {}).get("status") == ENDED
        }
        assert set(failing(judged)) == expected
        assert counts(judged) == (len(raw["VBO"]), len(homes), len(expected), 0, len(raw["VBO"]) - len(homes))


@pytest.mark.shared
def test_buildings_of_homes_in_a_real_town(raw: Raw, weesp: dict[str, Table]) -> None:
    expected = {key for key, home in raw["VBO"].items() if set(home["PandRef"].split("|")) - raw["PND"].keys()}
    judged = in_weesp("pand_van_verblijfsobject_bestaat", weesp)
    assert set(failing(judged)) == expected
    assert counts(judged) == (len(raw["VBO"]), len(raw["VBO"]), len(expected), 0, 0)


@pytest.mark.shared
def test_objects_of_addresses_in_a_real_town(weesp: dict[str, Table]) -> None:
    homes = set(weesp["verblijfsobject"].accepted["id_verblijfsobject"])
    gone = sorted(homes)[::500]
    judged = in_weesp("adresseerbaar_object_bestaat", weesp, gone)
    cells = weesp["nummeraanduiding"].accepted.select(
        "identificatie_nummeraanduiding", "identificatie_tgo", "status_nummeraanduiding"
    )
    live = [(key, tgo) for key, tgo, status in cells.rows() if status == ISSUED]
    expected = {key for key, tgo in live if tgo is not None and tgo not in homes - set(gone)}
    unknown = sum(tgo is None for _, tgo in live)
    assert set(failing(judged)) == expected != set()
    assert counts(judged) == (cells.height, len(live) - unknown, len(expected), unknown, cells.height - len(live))


PERSON_DATES = {
    "inschrijving_voor_geboorte": ("08.09.20", "01.03.10"),
    "adres_voor_geboorte": ("08.10.30", "01.03.10"),
    "adres_na_overlijden": ("06.08.10", "08.10.30"),
    "inschrijving_na_overlijden": ("06.08.10", "08.09.20"),
}


@pytest.mark.shared
@pytest.mark.parametrize("code", PERSON_DATES)
def test_dates_of_real_test_persons(shared: Path, tmp_path: Path, code: str) -> None:
    own = prepared(shared, tmp_path, "personen_gbav_2022", "personen", GBAV_2022, date(2022, 5, 2))
    judged = judge_rows(only(code), "personen", "distributie", {"personen": own}, {}, CATALOGUE, date(2022, 5, 2))
    later, earlier = PERSON_DATES[code]
    people = by_bsn(persons(shared / "data" / GBAV_2022, ";"))
    expected = {
        bsn for bsn, person in people.items()
        if not (code.startswith("adres") and person["08.10.10"] != "W") and surely_before(person[later], person[earlier])
    }  # fmt: skip
    assert {key for key in failing(judged) if key in people} == expected


def possible(text: str) -> bool:
    """Whether the known parts of a date make one: month 13 and day 31 of June are no date."""
    if len(text) != 8 or not text.isdigit() or text[:4] == "0000" or (text[4:6] == "00" and text[6:] != "00"):
        return False
    try:
        date(int(text[:4]), int(text[4:6]) or 1, int(text[6:]) or 1)
    except ValueError:
        return False
    return True


def surely_before(first: str, second: str) -> bool:
    """Whether a date of the register lies before another, whatever their unknown parts may be."""
    if not (possible(first) and possible(second)):
        return False
    last = first[:4] + ("12" if first[4:6] == "00" else first[4:6]) + ("31" if first[6:] == "00" else first[6:])
    begin = second[:4] + ("01" if second[4:6] == "00" else second[4:6]) + ("01" if second[6:] == "00" else second[6:])
    return last < begin


@pytest.mark.shared
def test_partners_of_real_test_persons(shared: Path, tmp_path: Path) -> None:
    own = prepared(shared, tmp_path, "personen_gbav_2022", "personen", GBAV_2022, date(2022, 5, 2))
    names = ("bsn", "burgerlijke_staat", "geslachtsnaam_partner", "datum_overlijden")
    people = own.accepted.select(names).rows()
    for code, wrong in (
        ("gehuwd_zonder_partner", lambda s, p, d: s in ("2", "5") and d is None and p is None),
        ("ongehuwd_met_partner", lambda s, p, _: s == "1" and p is not None),
    ):
        judged = judge_rows(only(code), "personen", "distributie", {"personen": own}, {}, CATALOGUE, date(2022, 5, 2))
        assert set(failing(judged)) == {bsn for bsn, *rest in people if wrong(*rest)}


@pytest.mark.shared
def test_addresses_of_real_test_persons(shared: Path, tmp_path: Path) -> None:
    """Every other address these persons live at makes a register; the rest does not exist in it."""
    own = prepared(shared, tmp_path, "personen_gbav_2022", "personen", GBAV_2022, date(2022, 5, 2))
    people = by_bsn(persons(shared / "data" / GBAV_2022, ";"))
    homes = {bsn: p["08.11.90"] for bsn, p in people.items() if p["08.10.10"] == "W" and len(p["08.11.90"]) == 16}
    known = set(sorted(set(homes.values()))[::2])
    registers = {"nummeraanduiding": table("nummeraanduiding", [address(identity) for identity in known])}
    made = tuple(c.model_copy(update={"als": ""}) for c in only("adres_van_persoon_bestaat").controles)
    checks = CrossChecks(made, SHIPPED, "")
    judged = judge_rows(checks, "personen", "distributie", {"personen": own}, registers, CATALOGUE, date(2022, 5, 2))
    assert {bsn for bsn in failing(judged) if bsn in homes} == {bsn for bsn, home in homes.items() if home not in known}
