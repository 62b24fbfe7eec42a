"""Delivered text becomes the catalogue's values: every datatype, every way of writing, garbage never squeezed in."""

from __future__ import annotations

import random
import unicodedata
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sides import Row, normalised

from kmgb.catalogue.columns import RAW, UNREADABLE
from kmgb.catalogue.fields import load_catalogue
from kmgb.normalise.names import civil_status
from kmgb.normalise.text import clean

UNREAD = "onleesbaar"


def value(field: str, text: str | None, entity: str = "personen", **said: Any) -> Any:
    """The normalised value of one cell; UNREAD where it cannot be read. `said`: of the field, `aanlevering` apart."""
    general = {"aanlevering": said.pop("aanlevering")} if "aanlevering" in said else {}
    key = load_catalogue()[entity].primary.name
    frame = normalised(entity, [{key: "1", field: text}], {field: said}, **general)
    if field + UNREADABLE in frame.columns and frame[field + UNREADABLE].item():
        assert frame[field].item() is None
        return UNREAD
    return frame[field].item()


# Dates.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("19800512", 19800512), ("1980-05-12", 19800512), ("1980/05/12", 19800512), ("1980.05.12", 19800512),
        ("12-05-1980", 19800512), ("12/05/1980", 19800512), ("12.05.1980", 19800512), ("5-12-1988", 19881205),
        ("1-2-1980", 19800201), (" 12-05-1980 ", 19800512),
        ("1980-05-12T10:30:00", 19800512), ("1980-05-12 10:30:00.123", 19800512), ("1980-05-12T10:30:00Z", 19800512),
        ("1980-05-12T10:30:00+02:00", 19800512), ("19800512103000", 19800512), ("12-05-1980 00:00:00", 19800512),
        ("19800000", 19800000), ("19800500", 19800500), ("1980-05-00", 19800500), ("00-05-1980", 19800500),
        ("00-00-1980", 19800000), ("1980", 19800000), ("1980-05", 19800500), ("0", 0), ("00000000", 0),
        ("00-00-0000", 0), ("31-12-9999", 99991231), ("19000101", 19000101), ("19800231", 19800231),
        ("", None), (None, None), ("  ", None),
        ("gisteren", UNREAD), ("19801301", UNREAD), ("32-01-1980", UNREAD), ("05", UNREAD), ("12-13-1980", UNREAD),
        ("1980-5-1x", UNREAD), ("80-05-12", UNREAD), ("33745", UNREAD), ("1980051", UNREAD),
    ],
)  # fmt: skip
def test_date(text: str | None, expected: Any) -> None:
    assert value("geboortedatum", text) == expected


@pytest.mark.parametrize(
    ("notation", "text", "expected"),
    [
        ("mm-dd-jjjj", "05/12/1980", 19800512), ("mm-dd-jjjj", "1980-05-12", 19800512),
        ("dd-mm-jj", "12-05-80", 19800512), ("dd-mm-jj", "12-05-26", 20260512), ("dd-mm-jj", "12-05-27", 19270512),
        ("mm-dd-jj", "05-12-80", 19800512), ("ddmmjjjj", "12051980", 19800512), ("ddmmjjjj", "1051980", 19800501),
        ("excel", "29353", 19800512), ("excel", "29353.5", 19800512), ("excel", "1980-05-12", 19800512),
        ("excel", "61", 19000301), ("jjjjmmdd", "12-05-1980", 19800512),
    ],
)  # fmt: skip
def test_date_by_convention(notation: str, text: str, expected: int) -> None:
    assert value("geboortedatum", text, datum=notation) == expected
    assert value("geboortedatum", text, aanlevering={"datum": notation}) == expected


def test_zero_is_an_open_end_in_the_bag_and_an_unknown_date_of_a_person() -> None:
    assert value("datum_einde", "00000000", "nummeraanduiding") is None
    assert value("datum_overlijden", "00000000") == 0


def test_date_from_parts() -> None:
    rows = [{"bsn": "1", "j": "1980", "m": "5", "d": None}, {"bsn": "1", "j": None, "m": "", "d": None}]
    parts = {"geboortedatum": {"kolommen": {"jaar": "j", "maand": "m", "dag": "d"}}, "j": None, "m": None, "d": None}
    assert normalised("personen", rows, parts)["geboortedatum"].to_list() == [19800500, None]


# Identifiers and numbers.


@pytest.mark.parametrize(
    ("field", "entity", "text", "expected"),
    [
        ("bsn", "personen", "9842", "000009842"), ("bsn", "personen", "1234.56.782", "123456782"),
        ("bsn", "personen", "1234 56 782", "123456782"), ("bsn", "personen", "123456782,0", "123456782"),
        ("bsn", "personen", "123456782.00", "123456782"), ("bsn", "personen", "1234567890", "1234567890"),
        ("bsn", "personen", "12345678A", UNREAD), ("bsn", "personen", "-", UNREAD), ("bsn", "personen", "1e9", UNREAD),
        ("gemeentecode", "personen", "796", "0796"),
        ("identificatie_tgo", "nummeraanduiding", "796010000000001", "0796010000000001"),
        ("identificatie_tgo", "nummeraanduiding", "NL.IMBAG.Verblijfsobject.0796010000000001", "0796010000000001"),
        ("identificatie_tgo", "nummeraanduiding", "0796 0100 0000 0001", "0796010000000001"),
        ("wijkcode", "nummeraanduiding", "WK079601", "01"), ("buurtcode", "nummeraanduiding", "BU07960102", "02"),
        ("wijkcode", "nummeraanduiding", "1", "01"), ("straatcode", "nummeraanduiding", "00042", "42"),
        ("woonplaats_nummer", "nummeraanduiding", "0", "0"),
        ("dossiernummer", "nnp", "KvK 1234567", "01234567"), ("dossiernummer", "nnp", "K.v.K. nr: 12345678", "12345678"),
        ("subnummer", "nnp", "0000", None), ("subnummer", "nnp", "1", "0001"),
        ("dossiernummer_en_subdossiernummer", "nnp", "12345678-0001", "123456780001"),
        ("dossiernummer_en_subdossiernummer", "nnp", "1234567/1", "012345670001"),
        ("dossiernummer_en_subdossiernummer", "nnp", "1234567", "012345670000"),
        ("dossiernummer_en_subdossiernummer", "nnp", "12345670001", "012345670001"),
        ("fiscaalnummer", "nnp", "NL123456782B01", "123456782"), ("fiscaalnummer", "nnp", "12345678", "012345678"),
        ("telefoonnummer", "nnp", "+31 (0)73-615 51 55", "0736155155"), ("telefoonnummer", "nnp", "0031736155155", "0736155155"),
        ("telefoonnummer", "nnp", "+32 2 123 45 67", "+3221234567"), ("telefoonnummer", "nnp", "14073", "14073"),
        ("url_website", "nnp", "HTTPS://www.Zaak.example/", "zaak.example"), ("email", "nnp", "Info@Zaak.example", "info@zaak.example"),
        ("bik_code_hoofdactiviteit", "nnp", "47.11", "4711"),
        ("huisnummer", "nummeraanduiding", "12", 12), ("huisnummer", "nummeraanduiding", "0012", 12),
        ("huisnummer", "nummeraanduiding", "12,00", 12), ("huisnummer", "nummeraanduiding", "12.0", 12),
        ("huisnummer", "nummeraanduiding", "12,5", UNREAD), ("huisnummer", "nummeraanduiding", "12A", UNREAD),
        ("huisnummer", "nummeraanduiding", "0", None),
        ("oppervlakte", "verblijfsobject", "120 m2", 120), ("oppervlakte", "verblijfsobject", "120m²", 120),
        ("aantal_werknemers", "nnp", "0", 0),
        ("postcode", "nummeraanduiding", "1234 ab", "1234AB"), ("aanduiding", "nummeraanduiding", "TO", "to"),
    ],
)  # fmt: skip
def test_identifiers_and_numbers(field: str, entity: str, text: str, expected: Any) -> None:
    assert value(field, text, entity) == expected


@pytest.mark.parametrize(
    ("text", "sign", "expected"),
    [
        ("123456.789", ".", 123456.789), ("123456,789", ",", 123456.789), ("123456,789", ".", 123456.789),
        ("123,456.789", ".", 123456.789), ("123.456,789", ",", 123456.789), ("123.456", ",", 123456.0),
        ("123.456", ".", 123.456), ("123456.78949", ".", 123456.789), ("0", ".", None), ("0,000", ",", None),
        ("NaN", ".", UNREAD), ("inf", ".", UNREAD), ("1.2.3", ".", UNREAD), ("", ".", None), ("-5,5", ",", -5.5),
    ],
)  # fmt: skip
def test_decimal(text: str, sign: str, expected: Any) -> None:
    assert value("x_coordinaat", text, "nummeraanduiding", decimaalteken=sign) == expected
    assert value("x_coordinaat", text, "nummeraanduiding", aanlevering={"decimaalteken": sign}) == expected


# Codes.


@pytest.mark.parametrize("text", ["J", "ja", "1", "-1", "TRUE", "waar", "x", "Yes"])
def test_boolean_yes(text: str) -> None:
    assert value("indicatie_actief", text, "pand") == "J"


@pytest.mark.parametrize("text", ["N", "nee", "0", "False", "onwaar"])
def test_boolean_no(text: str) -> None:
    assert value("indicatie_actief", text, "pand") == "N"


def test_boolean_neither_and_by_agreement() -> None:
    assert value("indicatie_actief", "misschien", "pand") == UNREAD
    assert value("indicatie_actief", "-", "pand", codes={"-": "N"}) == "N"
    assert value("indicatie_actief", "1", "pand", codes={"1": "N", "2": "J"}) == "N"


@pytest.mark.parametrize(
    ("text", "codes", "expected"),
    [
        ("2", {}, "2"), ("gehuwd", {}, "2"), ("GEHUWD", {}, "2"), ("Partnerschap Beëindigd", {}, "6"),
        ("H", {"h": "2"}, "2"), ("2", {"2": "3"}, "3"), ("onbestaand", {}, "onbestaand"),
        ("beëindigd  huwelijk", {unicodedata.normalize("NFD", " BEËINDIGD HUWELIJK "): "3"}, "3"),
        ("Straße", {"straße": "2"}, "2"),
    ],
)  # fmt: skip
def test_code(text: str, codes: dict[str, str], expected: str) -> None:
    assert value("burgerlijke_staat", text, codes=codes) == expected


# Text.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Jan   Piet ", "Jan Piet"), ("Jan\u00a0Piet", "Jan Piet"), ("Jan\tPiet\r\n", "Jan Piet"),
        ("Zoe\u0308", "Zoë"), ("Zoë", "Zoë"), ("\u00a0", None), ("\u2003Jan", "Jan"), ("\u212bke", "Åke"),
    ],
)  # fmt: skip
def test_clean_text(text: str, expected: str | None) -> None:
    assert value("voornamen", text) == expected


@pytest.mark.parametrize(
    ("decoder", "text", "expected"),
    [
        ("teletex", "AndrÂe", "André"), ("teletex", "ZoÈe", "Zoë"), ("teletex", "FranËcoise", "Françoise"),
        ("centric", "AndrÂe", "André"),
        ("html", "Andr&#0233;", "André"), ("html", "Andr&#233; &amp; Zo&#235;", "André & Zoë"),
        ("mojibake", "AndrÃ©", "André"), ("mojibake", "ZoÃ«", "Zoë"), ("mojibake", "Dâ€™Angelo", "D’Angelo"),
    ],
)  # fmt: skip
def test_decoding(decoder: str, text: str, expected: str | None) -> None:
    if expected is not None:
        assert value("voornamen", text, decodering=(decoder,)) == expected
        assert value("voornamen", text, aanlevering={"decodering": (decoder,)}) == expected
        assert value("voornamen", text) == unicodedata.normalize("NFC", text)


def test_empty_by_agreement_of_field_or_delivery() -> None:
    assert value("voornamen", "onbekend", leeg=("onbekend",)) is None
    assert value("voornamen", "NULL", aanlevering={"leeg": ("NULL",)}) is None
    assert value("geboortedatum", "31-12-9999", leeg=("31-12-9999",)) is None
    assert value("voornamen", "Onbekend", leeg=("onbekend",)) == "Onbekend"


def test_a_fixed_value_and_joined_columns() -> None:
    rows = [{"bsn": "1", "a": "Jan", "b": "Piet"}, {"bsn": "2", "a": "Kees", "b": None}]
    velden = {"voornamen": {"kolommen": ["a", "b"]}, "gemeentecode": {"vaste_waarde": "796"}, "a": None, "b": None}
    frame = normalised("personen", rows, velden)
    assert frame["voornamen"].to_list() == ["Jan Piet", "Kees"]
    assert frame["gemeentecode"].to_list() == ["0796", "0796"]


def test_the_delivered_text_stays_beside_the_value() -> None:
    frame = normalised("personen", [{"bsn": " 98.42 ", "voornamen": " Jan  "}])
    assert frame.select("bsn" + RAW, "voornamen" + RAW).row(0) == (" 98.42 ", " Jan  ")


# Names.


@pytest.mark.parametrize(
    ("name", "prefix", "surname"),
    [
        ("van den Berg", "van den", "Berg"), ("Berg, van den", "van den", "Berg"), ("Van der Meer", "Van der", "Meer"),
        ("'t Hooft", "'t", "Hooft"), ("d'Hondt", "d'", "Hondt"), ("Berg", None, "Berg"), ("Vandenberg", None, "Vandenberg"),
        ("de", None, "de"), ("van de l'Isle", "van de l'", "Isle"), ("in 't Veld", "in 't", "Veld"),
        ("Degen", None, "Degen"), ("Berg - van Dijk", None, "Berg - van Dijk"),
    ],
)  # fmt: skip
def test_surname_taken_apart(name: str, prefix: str | None, surname: str) -> None:
    assert value("voorvoegsel", name, afleiden="voorvoegsel_uit_naam") == prefix
    assert value("geslachtsnaam_diacriet", name, afleiden="naam_zonder_voorvoegsel") == surname


@pytest.mark.parametrize(
    ("names", "initials"),
    [("Jan Pieter", "JP"), ("Jan-Pieter", "J"), ("IJsbrand", "I"), ("élodie anne", "ÉA"), ("", None), (" 't Jan", "J")],
)
def test_initials(names: str, initials: str | None) -> None:
    assert value("voorletters", names, afleiden="voorletters") == initials


@pytest.mark.parametrize("text", ["J.P.", "J P", "JP", "J. P."])
def test_initials_without_dots(text: str) -> None:
    assert value("voorletters", text) == "JP"


@pytest.mark.parametrize(
    ("kind", "begun", "ended", "reason", "status"),
    [
        (None, None, None, None, "1"), ("H", "20000101", None, None, "2"), ("H", None, "20100101", "S", "3"),
        ("H", None, "20100101", "O", "4"), ("P", "20000101", None, None, "5"), ("P", None, "20100101", "S", "6"),
        ("P", None, "20100101", "O", "7"),
    ],
)  # fmt: skip
def test_civil_status(kind: str | None, begun: str | None, ended: str | None, reason: str | None, status: str) -> None:
    frame = pl.DataFrame(
        {"k": [kind], "b": [begun], "e": [ended], "r": [reason]}, schema=dict.fromkeys("kber", pl.String)
    )
    assert frame.select(civil_status(*(pl.col(name) for name in "kber"))).item() == status


# Addresses and identification codes.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dam 1, 1234 AB  Ee", "Dam 1, 1234AB Ee"), ("Dam 1 ,1234ab Ee", "Dam 1, 1234ab Ee"), ("Dam 1,", "Dam 1"),
        ("Dam 1,1234AB Ee", "Dam 1, 1234AB Ee"), (",", None),
    ],
)  # fmt: skip
def test_address_text(text: str, expected: str | None) -> None:
    assert value("verblijfsadres", text) == expected


PARTS = ("straat", "huisnummer", "huisletter", "toevoeging", "aanduiding", "postcode", "woonplaats", "regels")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"straat": "Dam", "huisnummer": "001", "huisletter": "A", "toevoeging": "2", "postcode": "1234 AB", "woonplaats": "Ee"},
         "Dam 1A-2, 1234AB Ee"),
        ({"straat": "Dam", "huisnummer": "12", "toevoeging": "2"}, "Dam 12-2"),
        ({"straat": "Dam", "huisnummer": "12,0", "postcode": "1234AB"}, "Dam 12, 1234AB"),
        ({"straat": "Dam", "huisnummer": "0", "woonplaats": "Ee"}, "Dam 0, Ee"),
        ({"aanduiding": "tegenover", "straat": "Dam", "huisnummer": "1"}, "to Dam 1"),
        ({"regels": "20 rue du Port, Parijs"}, "20 rue du Port, Parijs"),
        ({}, None),
    ],
)  # fmt: skip
def test_address_from_parts(parts: dict[str, str], expected: str | None) -> None:
    velden = {"verblijfsadres": {"kolommen": {part: part for part in PARTS}}} | dict.fromkeys(PARTS)
    frame = normalised("personen", [{"bsn": "1", **dict.fromkeys(PARTS), **parts}], velden)
    assert frame["verblijfsadres"].item() == expected


VBO, NUM = "0998010000000001", "0998200000000002"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{VBO} {NUM}", [VBO, NUM]), (f"{NUM}/{VBO}", [VBO, NUM]), (f"{NUM}{VBO}", [VBO, NUM]), (NUM, [None, NUM]),
        (f"{VBO};", [VBO, None]), (f"{int(VBO)}-{int(NUM)}", [VBO, NUM]), ("", [None, None]),
    ],
)  # fmt: skip
def test_identification_codes_are_told_apart_by_type(text: str, expected: list[str | None]) -> None:
    frame = normalised("personen", [{"bsn": "1", "id_codes_verblijfadres": text}])
    whole = "id_codes_verblijfadres"
    assert [frame[f"{whole}.adresseerbaar_object"].item(), frame[f"{whole}.nummeraanduiding"].item()] == expected


# Properties.

NASTY = st.text(alphabet=st.sampled_from("aAë\u0308é .-'0123456789/,\u00a0\tÂ&;Ã©ẞİ|"), max_size=24)
few = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
TEXT_FIELDS = {
    "personen": ["voornamen", "voorletters", "verblijfsadres", "bsn", "gemeentecode"],
    "nummeraanduiding": ["toevoeging", "postcode", "identificatie_tgo", "straatcode", "gebeurteniscode"],
    "nnp": ["dossiernummer_en_subdossiernummer", "telefoonnummer", "email", "fiscaalnummer", "handelsnaam"],
}


@few
@given(st.lists(NASTY, min_size=1, max_size=6))
@pytest.mark.parametrize("entity", list(TEXT_FIELDS))
def test_normalising_twice_is_normalising_once(entity: str, texts: list[str]) -> None:
    names = TEXT_FIELDS[entity]
    key = load_catalogue()[entity].primary.name
    once = normalised(entity, [{key: "1"} | dict.fromkeys(names, text) for text in texts])
    twice = normalised(entity, [{key: "1"} | row for row in once.select(names).iter_rows(named=True)])
    assert_frame_equal(once.select(names), twice.select(names))


@few
@given(st.lists(NASTY, max_size=8))
def test_clean_text_is_composed_and_has_no_odd_blanks(texts: list[str]) -> None:
    for text in clean(pl.Series("t", texts, dtype=pl.String)).drop_nulls():
        assert text == unicodedata.normalize("NFC", text)
        assert text == " ".join(text.split()) != ""


EVERY = {name: [f.name for f in load_catalogue()[name].fields] for name in ("personen", "nummeraanduiding", "nnp")}
WORDS = [
    "",
    "0",
    "1",
    "J",
    "12-05-1980",
    "19800500",
    "Zoe\u0308",
    " x ",
    "123456,5",
    "0998200000000001",
    "gehuwd",
    "-",
    None,
]


@pytest.mark.parametrize("entity", list(EVERY))
def test_few_and_many_distinct_values_give_the_same(entity: str) -> None:
    """A column with few distinct values is read per value, one with many row by row: nobody may see the difference."""
    chance = random.Random(entity)
    rows: list[Row] = [{name: chance.choice(WORDS) for name in EVERY[entity]} for _ in range(120)]
    together = normalised(entity, rows)
    alone = pl.concat([normalised(entity, [row]) for row in rows[:12]])
    assert_frame_equal(together.head(12).drop("__rij"), alone.drop("__rij"))


@pytest.mark.parametrize("entity", list(EVERY))
def test_order_of_rows_means_nothing(entity: str) -> None:
    chance = random.Random(entity)
    rows: list[Row] = [{name: chance.choice(WORDS) for name in EVERY[entity]} for _ in range(60)]
    order = chance.sample(range(60), 60)
    there, shuffled = normalised(entity, rows), normalised(entity, [rows[place] for place in order])
    assert_frame_equal(there[order].drop("__rij"), shuffled.drop("__rij"))
