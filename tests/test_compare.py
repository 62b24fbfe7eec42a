"""The decision table of `Kind`, row by row; every tolerant rule with a near miss; agreements, keys, populations."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from sides import Row, compared, found, normalised

from kmgb.catalogue.fields import load_catalogue
from kmgb.compare.kinds import Kind
from kmgb.compare.tolerant import FOLDS, TESTS

BSN, OTHER_BSN, WRONG_BSN = "999990019", "999990020", "999990018"


def person(bsn: str | None = BSN, **fields: str | None) -> Row:
    return {"bsn": bsn, **fields}


def cell(field: str, ours: str | None, theirs: str | None, entity: str = "personen", **veld: Any) -> Any:
    """(kind, rule) of one cell, or None when it is equal."""
    key = load_catalogue()[entity].primary
    number = {"bsn": BSN, "vestigingsnummer": "000012345678"}.get(key.name) or _bag_id(key.checks[0])
    comparison = compared(
        entity, [{key.name: number, field: ours}], [{key.name: number, field: theirs}], {field: veld} if veld else None
    )
    findings = comparison.findings.select("kind", "rule").rows()
    return findings[0] if findings else None


def _bag_id(check: str) -> str:
    return f"0998{check.removeprefix('bag_id:')}0000000001"


# The decision table.


def test_ontbreekt_is_expected_and_not_there() -> None:
    assert found(compared("personen", [person()], [])) == [(BSN, "", "ontbreekt", None)]


def test_overtollig_is_there_and_not_expected() -> None:
    assert found(compared("personen", [], [person()])) == [(BSN, "", "overtollig", None)]


def test_buiten_populatie_is_in_both_and_should_not_be() -> None:
    rows = [person(gemeentecode="0363")]
    comparison = compared("personen", rows, rows, populatie=("gemeentecode = '0998'", ""))
    assert found(comparison) == [(BSN, "", "buiten_populatie", None)]


def test_dubbel_is_a_key_that_occurs_twice_and_is_not_compared() -> None:
    twins = [person(voornamen="Jan"), person(voornamen="Piet")]
    assert found(compared("personen", [person(voornamen="Kees")], twins)) == [(BSN, "", "dubbel", "strijdig:voornamen")]


def test_sleutelverschil_is_found_by_another_key() -> None:
    ours, theirs = [person(a_nummer="1010120137")], [person(OTHER_BSN, a_nummer="1010120137")]
    comparison = compared("personen", ours, theirs, alternatieve_sleutels=(("a_nummer",),))
    assert found(comparison) == [(BSN, "", "sleutelverschil", "a_nummer")]
    assert comparison.only_distributie().is_empty()
    assert comparison.only_afnemer().is_empty()


def test_ongeldig_is_unreadable_on_a_side() -> None:
    assert cell("geboortedatum", "19800101", "gisteren") == ("ongeldig", "onleesbaar")
    assert cell("geboortedatum", "gisteren", "19800101") == ("ongeldig", "onleesbaar")


def test_ongeldig_is_a_failing_value_that_is_equal_on_both() -> None:
    assert cell("geboortedatum", "19800231", "31-02-1980") == ("ongeldig", "datum_bestaat")


def test_a_failing_value_that_differs_is_afwijkend() -> None:
    assert cell("geslacht", "M", "Q") == ("afwijkend", "ongeldig:in_list:geslacht")
    assert cell("geslacht", "Q", "M") == ("afwijkend", "bron_ongeldig:in_list:geslacht")
    assert cell("geslacht", "Q", "X") == ("afwijkend", "ongeldig:in_list:geslacht")


def test_ongeldig_is_a_key_that_fails_its_check_and_still_takes_part() -> None:
    assert found(compared("personen", [person()], [person(WRONG_BSN)])) == [
        (WRONG_BSN, "", "overtollig", None),
        (WRONG_BSN, "bsn", "ongeldig", "elfproef_bsn"),
        (BSN, "", "ontbreekt", None),
    ]


def test_leeg_in_applicatie() -> None:
    assert cell("voornamen", "Jan", None) == ("leeg_in_applicatie", None)


def test_leeg_in_bron() -> None:
    assert cell("voornamen", "", "Jan") == ("leeg_in_bron", None)


def test_cosmetisch_names_the_rule() -> None:
    assert cell("voornamen", "Jan", "JAN") == ("cosmetisch", "hoofdletters")


def test_afwijkend_is_none_of_these() -> None:
    assert cell("voornamen", "Jan", "Piet") == ("afwijkend", None)


def test_empty_agrees_with_empty_and_with_nothing_else() -> None:
    assert cell("voornamen", "", "  ") is None


def test_every_kind_has_a_test_above() -> None:
    assert {kind.value for kind in Kind} == {
        "ontbreekt", "overtollig", "buiten_populatie", "dubbel", "sleutelverschil", "ongeldig", "leeg_in_applicatie",
        "leeg_in_bron", "cosmetisch", "afwijkend",
    }  # fmt: skip


# Tolerant rules: field, distribution, application that is only another way of writing, application that is not.

LONG_STREET = "Burgemeester Jonkheer Quarles"  # 24 characters end inside Quarles
RULES = {
    "hoofdletters": ("personen", "voornamen", "Jan", "JAN", "JON"),
    "diakrieten": ("personen", "voornamen", "Zoë", "Zoe", "Zoi"),
    "leestekens": ("personen", "voornamen", "Jan-Piet", "Jan Piet", "Jan+Pit"),
    "spaties": ("nummeraanduiding", "brondocumentnummer", "AB 12", "AB12", "AB13"),
    "haakjes": (
        "nummeraanduiding", "status_nummeraanduiding", "Naamgeving uitgegeven", "Naamgeving uitgegeven (op kaart)",
        "Naamgeving ingetrokken",
    ),
    "voorloopnullen": ("nummeraanduiding", "toevoeging", "01", "1", "10"),
    "straat_afkorting": ("nummeraanduiding", "straatnaam", "Kerkstraat", "Kerkstr.", "Kerkln."),
    "voorvoegsel_afkorting": ("personen", "voorvoegsel", "van der", "v.d.", "v."),
    "voorvoegsel_in_naam": ("personen", "geslachtsnaam_diacriet", "van den Berg", "Berg", "de Berg"),
    "plaats_achtervoegsel": ("nummeraanduiding", "woonplaats", "Hengelo Ov", "Hengelo", "Hengelo Gld"),
    "plaats_alias": ("nummeraanduiding", "woonplaats", "'s-Hertogenbosch", "Den Bosch", "Den Haag"),
    "rechtsvorm_in_naam": ("nnp", "statutaire_naam", "De Bakker N.V.", "De Bakker", "De Bakker B.V."),
    "rechtsvorm_groep": ("nnp", "rechtsvorm", "42", "41", "51"),
    "gebeurtenis_voorvoegsel": ("nummeraanduiding", "gebeurteniscode", "BAG-MUT", "MUT", "COR"),
    "digraaf": ("personen", "voorletters", "C.T.", "Ch.Th.", "Ch.D."),
    "afgekapt": ("nummeraanduiding", "straatnaam", LONG_STREET, LONG_STREET[:24], LONG_STREET[:23]),
    "precisieverlies": ("personen", "geboortedatum", "19800000", "1980-01-01", "1981-01-01"),
    "einddatum_inclusief": ("nummeraanduiding", "datum_einde", "2020-03-01", "2020-02-29", "2020-02-28"),
    "coordinaat_afstand": ("nummeraanduiding", "x_coordinaat", "100000.0", "100000.5", "100000.6"),
    "adres_onderdelen": ("personen", "verblijfsadres", "Dam 1-A, 1000AA Ee", "DAM 1A, 1000AA EE", "DAM 1B, 1000AA EE"),
    "een_van": ("nnp", "handelsnaam", "Bakker|Banket", "Banket", "Bank"),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_rule_makes_exactly_its_case_cosmetic(rule: str) -> None:
    entity, field, ours, same, other = RULES[rule]
    assert cell(field, ours, same, entity) == ("cosmetisch", rule)
    assert cell(field, ours, other, entity)[0] == "afwijkend"


@pytest.mark.parametrize("rule", RULES)
def test_rule_can_be_switched_off(rule: str) -> None:
    entity, field, ours, same, _ = RULES[rule]
    assert cell(field, ours, same, entity, regels_uit=(rule,))[0] == "afwijkend"


def test_every_rule_of_the_code_is_tested() -> None:
    assert set(RULES) == set(FOLDS) | set(TESTS)


def test_rule_can_be_switched_on() -> None:
    assert cell("voornamen", "Jan Piet", "JanPiet", regels_aan=("spaties",)) == ("cosmetisch", "spaties")


@pytest.mark.parametrize(
    ("theirs", "rule"),
    [
        ("DAM 1-A, 1000AA ÉÉ", "hoofdletters"),
        ("Dam 1 A, 1000AA Éé", "leestekens"),
        ("Dam1-A, 1000AA Éé", "spaties"),
        ("dam 1a , 1000 aa  ee", "adres_onderdelen"),
        ("Dam 001-A, 1000AA Éé", "adres_onderdelen"),
    ],
)
def test_address_differences_of_writing(theirs: str, rule: str) -> None:
    assert cell("verblijfsadres", "Dam 1-A, 1000AA Éé", theirs) == ("cosmetisch", rule)


@pytest.mark.parametrize(
    "theirs", ["Dam 2, 1000AA Ee", "Dam 1, 1000AB Ee", "Dam 1B, 1000AA Ee", "Dom 1, 1000AA Ee", "Dam 1, 1000AA Oo"]
)
def test_address_with_another_part_is_afwijkend(theirs: str) -> None:
    assert cell("verblijfsadres", "Dam 1, 1000AA Ee", theirs) == ("afwijkend", None)


def test_house_number_and_addition_never_flow_together() -> None:
    assert cell("verblijfsadres", "Dam 12-2, 1000AA Ee", "Dam 122, 1000AA Ee") == ("afwijkend", None)
    assert cell("verblijfsadres", "Dam 12 2, 1000AA Ee", "Dam 122, 1000AA Ee") == ("afwijkend", None)
    assert cell("verblijfsadres", "Dam 1-22, 1000AA Ee", "Dam 12-2, 1000AA Ee") == ("afwijkend", None)


def test_an_addition_that_both_sides_write_is_no_reason_to_differ() -> None:
    assert cell("statutaire_naam", "Café Ee B.V.", "CAFE-EE BV", "nnp")[0] == "cosmetisch"
    assert cell("statutaire_naam", "Café Ee B.V.", "CAFE-EE NV", "nnp") == ("afwijkend", None)
    assert cell("geslachtsnaam_diacriet", "van den Bérg", "Berg, VAN DEN")[0] == "cosmetisch"


def test_two_folds_and_all_folds_are_named_together() -> None:
    assert cell("voornamen", "Zoë", "ZOE") == ("cosmetisch", "hoofdletters+diakrieten")
    assert cell("voornamen", "Zoë-Ann", "ZOE ANN") == ("cosmetisch", "hoofdletters+diakrieten+leestekens")


@pytest.mark.parametrize("width", [10, 17, 20, 24, 30, 40, 45, 80])
def test_afgekapt_only_at_a_column_width_and_inside_a_word(width: int) -> None:
    name = "x" * 100
    assert cell("voornamen", name, name[:width]) == ("cosmetisch", "afgekapt")
    assert cell("voornamen", name, name[: width + 1]) == ("afwijkend", None)
    between = name[:width] + " Jan"
    assert cell("voornamen", between, name[:width]) == ("afwijkend", None)


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        ("19800000", "19800500", "cosmetisch"),
        ("19800512", "19800500", "cosmetisch"),
        ("19800512", "1980", "cosmetisch"),
        ("19800512", "19800600", "afwijkend"),
        ("19800012", "19800513", "afwijkend"),
        ("19800512", "19800513", "afwijkend"),
        ("00000000", "19800101", "afwijkend"),
        ("00000000", "19000101", "cosmetisch"),
        ("", "99991231", "cosmetisch"),
        ("19800101", "99991231", "afwijkend"),
    ],
)
def test_partial_dates(ours: str, theirs: str, kind: str) -> None:
    assert cell("datum_inschrijving", ours, theirs)[0] == kind


def test_a_death_on_an_unknown_date_is_still_a_death() -> None:
    assert cell("datum_overlijden", "00000000", "") == ("leeg_in_applicatie", None)


@pytest.mark.parametrize(
    ("field", "code", "written"),
    [("geslacht", "M", "m"), ("burgerlijke_staat", "2", "Gehuwd"), ("aanduiding_naamgebruik", "E", "e")],
)
def test_a_code_is_read_in_any_case_and_by_its_label(field: str, code: str, written: str) -> None:
    assert cell(field, code, written) is None


def test_two_codes_of_a_closed_list_are_two_meanings() -> None:
    """Brackets are a tolerant rule of the status, yet with and without are two codes."""
    whole = "Verblijfsobject in gebruik (niet ingemeten)"
    assert cell("status_vbo", whole, "Verblijfsobject in gebruik", "verblijfsobject") == ("afwijkend", None)


# Agreements: the distribution's value is projected, the delivery never.


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "veld"),
    [
        ("voornamen", "Zoë", "Zoe", {"diakrieten": "weg"}),
        ("voornamen", "Zoë", "ZOË", {"letters": "hoofdletters"}),
        ("voornamen", "Zoë", "zoë", {"letters": "kleine letters"}),
        ("voornamen", "Jan Piet", "JanPiet", {"spaties": "weg"}),
        ("voornamen", "Jan Piet", "Jan", {"breedte": 4}),
        (
            "voornamen",
            "Zoë Ann",
            "ZOEA",
            {"diakrieten": "weg", "letters": "hoofdletters", "spaties": "weg", "breedte": 4},
        ),
        ("indicatie_geheim", "0", "", {"leeg_bij": ("0",)}),
        ("geslacht", "M", "man", {}),
        ("geslacht", "M", "1", {"codes": {"1": "M"}}),
        ("voornamen", "", "onbekend", {"leeg": ("onbekend",)}),
        ("verblijfsadres", "Dam 1, 1000AA Ee", "Dam 1", {"breedte": 6}),
    ],
)
def test_what_follows_the_agreement_is_equal(field: str, ours: str, theirs: str, veld: dict[str, Any]) -> None:
    assert cell(field, ours, theirs, **veld) is None


@pytest.mark.parametrize(
    ("field", "both", "veld"),
    [
        ("voornamen", "Zoë", {"diakrieten": "weg"}),
        ("voornamen", "Zoë", {"letters": "hoofdletters"}),
        ("indicatie_geheim", "0", {"leeg_bij": ("0",)}),
        ("vbl_categorie_onderzoek", "080000", {"voorloopnullen": "weg"}),
    ],
)
def test_more_than_was_agreed_is_not_another_value(field: str, both: str, veld: dict[str, Any]) -> None:
    assert cell(field, both, both, **veld) is None


def test_agreements_never_rewrite_the_delivery() -> None:
    assert cell("voornamen", "Zoe", "Zoë", diakrieten="weg") == ("cosmetisch", "diakrieten")
    assert cell("voornamen", "Jan", "jan", letters="hoofdletters") == ("cosmetisch", "hoofdletters")
    assert cell("indicatie_geheim", "7", "0", leeg_bij=("0",))[0] == "afwijkend"
    assert cell("indicatie_geheim", "7", "", leeg_bij=("0",))[0] == "leeg_in_applicatie"


@pytest.mark.parametrize(
    ("entity", "field", "ours", "theirs"),
    [
        ("nnp", "email", "info@a.example", "INFO@A.EXAMPLE"),
        ("nnp", "url_website", "www.a.example", "HTTP://WWW.A.EXAMPLE/"),
        ("pand", "status_pand", "Pand in gebruik", "PAND IN GEBRUIK"),
    ],
)
def test_capitals_agreed_on_a_field_whose_case_means_nothing(entity: str, field: str, ours: str, theirs: str) -> None:
    assert cell(field, ours, theirs, entity, letters="hoofdletters") is None
    assert cell(field, ours, theirs.lower(), entity, letters="hoofdletters") is None


def test_lost_zeros_without_a_width_need_an_agreement() -> None:
    field = "bik_code_hoofdactiviteit"
    assert cell(field, "01131", "1131", "nnp") == ("afwijkend", None)
    assert cell(field, "01131", "1131", "nnp", voorloopnullen="weg") is None
    assert cell(field, "01131", "01131", "nnp", voorloopnullen="weg") is None
    assert cell(field, "01131", "1132", "nnp", voorloopnullen="weg") == ("afwijkend", None)


def test_agreed_distance_is_equal_and_half_a_metre_is_cosmetic() -> None:
    assert cell("x_coordinaat", "100000.0", "100001.0", "nummeraanduiding", tolerantie=1.0) is None
    assert cell("x_coordinaat", "100000.0", "100001.1", "nummeraanduiding", tolerantie=1.0) == ("afwijkend", None)
    assert cell("oppervlakte", "100", "102", "verblijfsobject", tolerantie=2) is None
    assert cell("oppervlakte", "100", "103", "verblijfsobject", tolerantie=2) == ("afwijkend", None)


@pytest.mark.parametrize(
    ("x", "y", "rule"),
    [("400000", "100000", "coordinaat_verwisseld"), ("5.3", "52.1", "coordinaat_in_graden"), ("1234", "300000", None)],
)
def test_coordinates_that_stay_afwijkend_are_diagnosed(x: str, y: str, rule: str | None) -> None:
    key = "0998200000000001"
    ours = [{"identificatie_nummeraanduiding": key, "x_coordinaat": "100000", "y_coordinaat": "400000"}]
    theirs = [{"identificatie_nummeraanduiding": key, "x_coordinaat": x, "y_coordinaat": y}]
    outcome = compared("nummeraanduiding", ours, theirs).findings.filter(pl.col("kind") == "afwijkend")
    assert outcome.select("field", "rule").rows() == [("x_coordinaat", rule), ("y_coordinaat", rule)]


def test_voorvoegsel_that_stands_in_the_surname() -> None:
    ours = [person(voorvoegsel="van den", geslachtsnaam_diacriet="Berg")]
    glued = [person(voorvoegsel="", geslachtsnaam_diacriet="van den Berg")]
    assert found(compared("personen", ours, glued)) == [
        (BSN, "geslachtsnaam_diacriet", "cosmetisch", "voorvoegsel_in_naam"),
        (BSN, "voorvoegsel", "cosmetisch", "voorvoegsel_in_naam"),
    ]
    lost = [person(voorvoegsel="", geslachtsnaam_diacriet="Berg")]
    assert found(compared("personen", ours, lost)) == [(BSN, "voorvoegsel", "leeg_in_applicatie", None)]


# Sets.


def vbo(*goals: str) -> Row:
    names = {f"gebruiksdoel_{n}": goal for n, goal in enumerate((*goals, *[""] * (5 - len(goals))), 1)}
    return {"id_verblijfsobject": "0998010000000001", **names}


W, B, C, K = "woonfunctie", "bijeenkomstfunctie", "celfunctie", "kantoorfunctie"


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ((W, B), (B, W), []),
        ((W, B), ("", B, W), []),
        ((W, B, C), (C, W), [("gebruiksdoel_2", "leeg_in_applicatie")]),
        ((W,), (B, W), [("gebruiksdoel_2", "leeg_in_bron")]),
        ((W, B), (B, K), [("gebruiksdoel_1", "afwijkend")]),
        ((W, B, C), (C, K, W), [("gebruiksdoel_2", "afwijkend")]),
        ((W,), (W, W), []),
        ((W, W), (W,), []),
        ((W, W), (W, W), []),
        ((W, W, B), (B, W), []),
        ((W, W), (K, W), [("gebruiksdoel_2", "leeg_in_bron")]),
        ((W, B), (B, "", C), [("gebruiksdoel_1", "afwijkend")]),
        ((W, "", ""), (C, "", W), [("gebruiksdoel_3", "leeg_in_bron")]),
        ((W, B), (K, C), [("gebruiksdoel_1", "afwijkend"), ("gebruiksdoel_2", "afwijkend")]),
        ((), (W,), [("gebruiksdoel_1", "leeg_in_bron")]),
    ],
)
def test_gebruiksdoelen_are_a_set(
    ours: tuple[str, ...], theirs: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    findings = compared("verblijfsobject", [vbo(*ours)], [vbo(*theirs)]).findings
    assert findings.select("field", "kind").rows() == expected


def test_a_member_of_a_set_keeps_the_text_it_was_delivered_in() -> None:
    findings = compared("verblijfsobject", [vbo(W, B)], [vbo(B, K.upper())]).findings
    assert findings.select("distributie_raw", "distributie", "afnemer_raw", "afnemer_value").rows() == [
        (W, W, K.upper(), K)
    ]


def test_gebruiksdoelen_in_one_column_meet_five() -> None:
    assert normalised_goals(f"{B};{W.upper()}; ", ";") == [B, W, None, None, None]
    assert normalised_goals(f"{B}|{W}", "") == [B, W, None, None, None]


def normalised_goals(text: str, sign: str) -> list[str | None]:
    veld = {"kolom": "alle", "scheidingsteken": sign}
    rows = [{"id_verblijfsobject": "0998010000000001", "alle": text}]
    frame = normalised("verblijfsobject", rows, {"gebruiksdoelen": veld, "alle": None})
    return [frame[f"gebruiksdoel_{n}"].item() for n in range(1, 6)]


# Keys, duplicates, populations.


def test_duplicates_on_both_sides_are_one_finding_per_key() -> None:
    twins = [person(voornamen="Jan"), person(voornamen="Jan")]
    comparison = compared("personen", [*twins, person(OTHER_BSN)], [person(OTHER_BSN), *twins, person()])
    assert comparison.findings.select("key", "kind", "rule", "distributie", "afnemer_value").rows() == [
        (BSN, "dubbel", "strijdig:voornamen", "2", "3")
    ]
    assert comparison.rows["distributie_dubbel"] == 2
    assert comparison.rows["afnemer_dubbel"] == 3
    assert comparison.rows["gekoppeld"] == 1


def test_a_row_beside_duplicates_is_neither_ontbreekt_nor_overtollig() -> None:
    twins = [person(voornamen="Jan"), person(voornamen="Jan")]
    assert found(compared("personen", twins, [person()])) == [(BSN, "", "dubbel", "gelijk")]
    assert found(compared("personen", [person()], twins)) == [(BSN, "", "dubbel", "gelijk")]


def test_a_key_is_the_same_key_however_it_is_written() -> None:
    assert found(compared("personen", [person("000009842")], [person("9842")])) == []
    assert found(compared("personen", [person("000009842")], [person("0000.09.842")])) == []


@pytest.mark.parametrize("key", [None, "", "  ", "onbekend"])
def test_a_row_without_a_key_is_rejected(key: str | None) -> None:
    reason = "de sleutel is onleesbaar" if key == "onbekend" else "de sleutel is leeg"
    assert found(compared("personen", [], [person(key)])) == [("rij 1", "bsn", "ongeldig", reason)]
    assert found(compared("personen", [person(key)], [])) == [("rij 1 van de distributie", "bsn", "ongeldig", reason)]


def test_a_row_that_could_not_be_read_whole_is_rejected_with_its_reason() -> None:
    comparison = compared("personen", [], [person()], faults={1: "rij heeft 5 velden, verwacht 12"})
    assert found(comparison) == [("rij 1", "bsn", "ongeldig", "rij heeft 5 velden, verwacht 12")]


REASON = "rij heeft 5 velden, verwacht 12"


def test_a_row_beside_one_that_was_not_read_whole_is_not_ontbreekt() -> None:
    comparison = compared(
        "personen", [person(), person(OTHER_BSN)], [person(), person(None)], faults=dict.fromkeys((1, 2), REASON)
    )
    assert found(comparison) == [
        (OTHER_BSN, "", "ontbreekt", None),
        ("rij 1", "bsn", "ongeldig", REASON),
        ("rij 2", "bsn", "ongeldig", REASON),
    ]
    assert comparison.rows["distributie_bij_afgekeurd"] == 1
    assert comparison.rows["afnemer_bij_afgekeurd"] == 0


def test_a_row_beside_one_of_the_distribution_that_was_not_read_whole_is_not_overtollig() -> None:
    comparison = compared("personen", [person()], [person(), person(OTHER_BSN)], faults_ours={1: REASON})
    assert found(comparison) == [
        (OTHER_BSN, "", "overtollig", None),
        ("rij 1 van de distributie", "bsn", "ongeldig", REASON),
    ]
    assert comparison.rows["afnemer_bij_afgekeurd"] == 1


def test_an_alternative_key_links_two_rows_without_key() -> None:
    ours = [person(None, a_nummer="1010120137", voornamen="Jan"), person("", a_nummer="1010120141", voornamen="An")]
    theirs = [{**ours[1]}, {**ours[0], "voornamen": "Piet"}]
    comparison = compared("personen", ours, theirs, alternatieve_sleutels=(("a_nummer",),))
    assert comparison.findings.select("key", "key_field", "field", "kind", "distributie", "afnemer_value").rows() == [
        ("a_nummer 1010120137", "a_nummer", "voornamen", "afwijkend", "Jan", "Piet")
    ]
    assert comparison.findings["distributie_raw"].to_list() == ["Jan"]
    assert comparison.rows["gekoppeld_via_andere_sleutel"] == 2
    assert comparison.rows["distributie_afgekeurd"] == comparison.rows["afnemer_afgekeurd"] == 0


def test_two_rows_without_key_and_without_an_alternative_are_rejected() -> None:
    rows = [person(None, a_nummer="1010120137")]
    assert [row[0] for row in found(compared("personen", rows, rows))] == ["rij 1", "rij 1 van de distributie"]


def test_an_unreadable_key_is_not_alike_an_empty_one() -> None:
    ours, theirs = [person(None, a_nummer="1010120137")], [person("geen", a_nummer="1010120137")]
    comparison = compared("personen", ours, theirs, alternatieve_sleutels=(("a_nummer",),))
    assert found(comparison) == [("a_nummer 1010120137", "", "sleutelverschil", "a_nummer")]


def test_a_key_that_only_the_application_has_names_the_pair() -> None:
    ours, theirs = [person(None, a_nummer="1010120137")], [person(a_nummer="1010120137")]
    findings = compared("personen", ours, theirs, alternatieve_sleutels=(("a_nummer",),)).findings
    assert findings.select("key", "key_field", "kind", "distributie", "afnemer_value").rows() == [
        (BSN, "bsn", "sleutelverschil", None, BSN)
    ]


def test_an_alternative_key_places_a_row_without_key() -> None:
    ours = [person(a_nummer="1010120137", voornamen="Jan")]
    theirs = [person(None, a_nummer="1010120137", voornamen="Piet")]
    comparison = compared("personen", ours, theirs, alternatieve_sleutels=(("a_nummer",),))
    assert [row[1:] for row in found(comparison)] == [
        ("", "sleutelverschil", "a_nummer"),
        ("voornamen", "afwijkend", None),
    ]
    assert comparison.rows["afnemer_afgekeurd"] == 0


def test_an_alternative_key_that_two_rows_share_finds_nobody() -> None:
    ours = [person(a_nummer="1010120137")]
    theirs = [person(OTHER_BSN, a_nummer="1010120137"), person("999990032", a_nummer="1010120137")]
    comparison = compared("personen", ours, theirs, alternatieve_sleutels=(("a_nummer",),))
    assert comparison.counts()["sleutelverschil"] == 0
    assert comparison.only_distributie().to_list() == [BSN]


def test_alternative_keys_are_tried_in_turn_and_only_for_leftovers() -> None:
    ours = [
        person(a_nummer="1010120137", geboortedatum="19800101"),
        person(OTHER_BSN, a_nummer="1010120141", geboortedatum="19800102"),
    ]
    theirs = [
        person("999990032", a_nummer="1010120137", geboortedatum="19800102"),
        person(OTHER_BSN, a_nummer="", geboortedatum="19800102"),
    ]
    comparison = compared("personen", ours, theirs, alternatieve_sleutels=(("a_nummer",), ("geboortedatum",)))
    moved = comparison.findings.filter(pl.col("kind") == "sleutelverschil")
    assert moved.select("key", "rule", "afnemer_value").rows() == [(BSN, "a_nummer", "999990032")]


def test_rows_outside_the_distribution_population_and_absent_are_only_counted() -> None:
    ours = [person(gemeentecode="0363"), person(OTHER_BSN, gemeentecode="0998")]
    comparison = compared("personen", ours, [], populatie=("gemeentecode = '0998'", ""))
    assert found(comparison) == [(OTHER_BSN, "", "ontbreekt", None)]
    assert comparison.rows["distributie_buiten_populatie"] == 1


def test_a_pair_outside_the_population_is_still_compared() -> None:
    ours, theirs = [person(gemeentecode="0363")], [person(gemeentecode="0998")]
    comparison = compared("personen", ours, theirs, populatie=("gemeentecode = '0998'", ""))
    assert [row[1:3] for row in found(comparison)] == [("", "buiten_populatie"), ("gemeentecode", "afwijkend")]


def test_application_rows_outside_its_population_do_not_take_part() -> None:
    theirs = [{**person(), "soort": "L"}, {**person(OTHER_BSN), "soort": "I"}]
    comparison = compared("personen", [], theirs, populatie=("", "hulp.soort = 'I'"), hulp=("soort",))
    assert found(comparison) == [(OTHER_BSN, "", "overtollig", None)]
    assert comparison.rows["afnemer_buiten_populatie"] == 1


def test_ontbreekt_says_when_the_row_is_there_but_does_not_take_part() -> None:
    theirs = [{**person(), "soort": "L"}]
    comparison = compared("personen", [person()], theirs, populatie=("", "hulp.soort = 'I'"), hulp=("soort",))
    assert found(comparison) == [(BSN, "", "ontbreekt", "buiten_populatie_applicatie")]


def test_a_partial_delivery_says_nothing_about_absent_rows() -> None:
    comparison = compared("personen", [person(), person(OTHER_BSN)], [person(OTHER_BSN)], volledig=False)
    assert found(comparison) == []
    assert comparison.rows["ontbreekt"] == 1


# History.

ID = "0998010000000001"


def cyclus(begin: str, end: str = "", area: str = "10", active: str = "J") -> Row:
    return {
        "id_verblijfsobject": ID, "datum_begin_geldigheid_cyclus": begin, "datum_eind_geldigheid_cyclus": end,
        "oppervlakte": area, "indicatie_actief": active,
    }  # fmt: skip


LIFE = [
    cyclus("2010-01-01", "2020-01-01", "10"),
    cyclus("2020-01-01", "", "20"),
    cyclus("2020-01-01", "", "30", active="N"),
    cyclus("2025-01-01", "", "40"),
]


def test_actueel_takes_the_voorkomen_of_the_peildatum() -> None:
    comparison = compared(
        "verblijfsobject", LIFE, [cyclus("2020-01-01", "", "20")], distributie={"historie": "actueel"}
    )
    assert found(comparison) == []
    assert comparison.rows["distributie_niet_actueel"] == 3


def test_actueel_on_both_sides() -> None:
    comparison = compared("verblijfsobject", LIFE, LIFE, distributie={"historie": "actueel"}, historie="actueel")
    assert found(comparison) == []
    assert comparison.rows["gekoppeld"] == 1


def test_historie_matches_on_id_and_begin() -> None:
    ours = [cyclus("2010-01-01", "2020-01-01", "10"), cyclus("2020-01-01", "", "20")]
    theirs = [cyclus("2010-01-01", "2020-01-01", "11"), cyclus("2021-01-01", "", "20")]
    comparison = compared("verblijfsobject", ours, theirs, historie="historie")
    assert found(comparison) == [
        (f"{ID}|20100101", "oppervlakte", "afwijkend", None),
        (f"{ID}|20200101", "", "ontbreekt", None),
        (f"{ID}|20210101", "", "overtollig", None),
    ]
    assert set(comparison.findings["key_field"]) == {"id_verblijfsobject|datum_begin_geldigheid_cyclus"}


# Severity.


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "severity"),
    [
        ("datum_overlijden", "20230101", "", "kritiek"),
        ("datum_overlijden", "", "20230101", "hoog"),
        ("datum_overlijden", "20230101", "20230102", "hoog"),
        ("indicatie_geheim", "7", "0", "kritiek"),
        ("indicatie_geheim", "7", "", "kritiek"),
        ("indicatie_geheim", "0", "7", "hoog"),
        ("indicatie_geheim", "7", "1", "hoog"),
        ("voornamen", "Jan", "JAN", "laag"),
        ("voornamen", "Jan", "Piet", "normaal"),
        ("verblijfsadres", "Dam 1", "Dam 2", "hoog"),
    ],
)
def test_severity(field: str, ours: str, theirs: str, severity: str) -> None:
    findings = compared("personen", [person(**{field: ours})], [person(**{field: theirs})]).findings
    assert findings["severity"].to_list() == [severity]


def test_severity_can_be_set_by_the_mapping() -> None:
    rows = [person(voornamen="Jan")], [person(voornamen="Piet")]
    assert compared("personen", *rows, {"voornamen": {"ernst": "hoog"}}).findings["severity"].to_list() == ["hoog"]


# Counts.


def test_counts_per_field_add_up() -> None:
    ours = [person(voornamen=name) for name in ["Jan"]]
    ours += [person(f"99999{n}", voornamen=name) for n, name in enumerate(["Kees", "", "Zoë", "Piet", ""], 1000)]
    theirs = [{**row} for row in ours]
    theirs[1]["voornamen"], theirs[2]["voornamen"], theirs[3]["voornamen"] = "Piet", "Klaas", "Zoe"  # type: ignore[index]
    fields = compared("personen", ours, theirs).fields.row(0, named=True)
    assert fields == {
        "paren": 6, "field": "voornamen", "beide_leeg": 1, "afwijkend": 1, "leeg_in_applicatie": 0, "leeg_in_bron": 1,
        "cosmetisch": 1, "onbeslist": 0, "ongeldig": 0, "vergeleken": 5, "gelijk": 2,
    }  # fmt: skip


def test_only_the_key_in_common_still_compares_rows() -> None:
    assert found(compared("personen", [person()], [person(OTHER_BSN)]))[-1] == (OTHER_BSN, "", "overtollig", None)
