"""Rows are accepted or rejected and none gets lost; every check finds its cell and leaves its neighbour alone."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sides import Row, delivered, mapped

from kmgb.catalogue.columns import FAULT, REASON, ROW
from kmgb.catalogue.fields import load_catalogue
from kmgb.normalise.frame import normalise, normalised_fields
from kmgb.validate import Validated, validate

CATALOGUE = load_catalogue()
ALLOWED = {name: tuple(code.code for code in codes) for name, codes in CATALOGUE.code_lists.items()}
DAY = date(2024, 6, 15)


def validated(
    entity: str, rows: list[Row], faults: dict[int, str] | None = None, key: tuple[str, ...] = ()
) -> Validated:
    frame = delivered(rows, faults)
    mapping = mapped(entity, [name for name in frame.columns if name not in (ROW, FAULT)])
    ready = normalise(frame, mapping, CATALOGUE[entity], CATALOGUE)
    return validate(ready, normalised_fields(mapping, CATALOGUE[entity]), key or mapping.sleutel, ALLOWED, DAY)


def failing(entity: str, field: str, text: str, **others: str) -> list[str]:
    """The checks that one cell fails."""
    key = CATALOGUE[entity].primary.name
    invalid = validated(entity, [{key: "x1" if field == key else "1", field: text, **others}]).invalid
    return invalid.filter(pl.col("field") == field)["check"].to_list()


def test_a_sound_row_is_accepted() -> None:
    outcome = validated("personen", [{"bsn": "999990019", "geslacht": "M"}])
    assert (outcome.accepted.height, outcome.rejected.height, outcome.invalid.height) == (1, 0, 0)


def test_rejected_rows_say_why() -> None:
    rows: list[Row] = [{"bsn": "999990019"}, {"bsn": ""}, {"bsn": "geen"}, {"bsn": "999990020"}, {"bsn": None}]
    outcome = validated("personen", rows, {4: "rij heeft 5 velden, verwacht 12", 5: "rij is afgebroken"})
    assert outcome.accepted[ROW].to_list() == [1]
    assert outcome.rejected.select(ROW, REASON).rows() == [
        (2, "de sleutel is leeg"),
        (3, "de sleutel is onleesbaar"),
        (4, "rij heeft 5 velden, verwacht 12"),
        (5, "rij is afgebroken"),
    ]


def test_every_part_of_a_composite_key_must_be_there() -> None:
    key = ("id_pand", "datum_begin_geldigheid_cyclus")
    rows: list[Row] = [
        {"id_pand": "0998100000000001", "datum_begin_geldigheid_cyclus": begin}
        for begin in ("2020-01-01", "", "gisteren")
    ]
    outcome = validated("pand", rows, key=key)
    assert outcome.rejected.select(ROW, REASON).rows() == [(2, "de sleutel is leeg"), (3, "de sleutel is onleesbaar")]


def test_an_invalid_cell_keeps_its_row() -> None:
    outcome = validated("personen", [{"bsn": "999990018", "geslacht": "Q", "geboortedatum": "19800231"}])
    assert outcome.accepted.height == 1
    assert set(outcome.invalid.rows()) == {
        (1, "bsn", "elfproef_bsn"),
        (1, "geslacht", "in_list:geslacht"),
        (1, "geboortedatum", "datum_bestaat"),
    }


def test_invalid_cells_name_the_row_of_the_delivery() -> None:
    rows: list[Row] = [{"bsn": bsn, "geslacht": sex} for bsn, sex in (("", "Q"), ("1", "M"), ("2", "Q"))]
    invalid = validated("personen", rows).invalid.filter(pl.col("field") == "geslacht")
    assert invalid.rows() == [(1, "geslacht", "in_list:geslacht"), (3, "geslacht", "in_list:geslacht")]


@pytest.mark.parametrize(
    ("entity", "field", "bad", "good", "check"),
    [
        ("personen", "a_nummer", "1234567890", "1010120137", "elfproef_a_nummer"),
        ("personen", "voornamen", "Ян", "Żáïŀëñøŕ O'Neil-Jr.", "tekens_brp"),
        ("personen", "geslacht", "X", "O", "in_list:geslacht"),
        ("personen", "gemeentecode", "12345", "0998", "width:4"),
        ("personen", "vbl_categorie_onderzoek", "090000", "080000", "pattern:^[05]8[0-9]{4}$"),
        ("personen", "geboortedatum", "20240616", "20240615", "not_future"),
        ("personen", "geboortedatum", "20230229", "20240229", "datum_bestaat"),
        ("personen", "geboortedatum", "19800031", "19800000", "datum_bestaat"),
        ("personen", "geboortedatum", "00000512", "00000000", "datum_bestaat"),
        ("personen", "geboortedatum", "19000229", "20000229", "datum_bestaat"),
        ("nummeraanduiding", "identificatie_tgo", "0998100000000001", "0998030000000001", "bag_id:01,02,03"),
        ("nummeraanduiding", "postcode", "0123AB", "1234AB", "postcode"),
        ("nummeraanduiding", "postcode", "1234SS", "1234SB", "postcode"),
        ("nummeraanduiding", "huisletter", "AB", "a", "pattern:^[a-zA-Z]$"),
        ("nummeraanduiding", "huisnummer", "100000", "99999", "range:1,99999"),
        ("nummeraanduiding", "x_coordinaat", "300001", "155000", "range:-7000,300000"),
        ("nnp", "email", "a b@c", "a@b", r"pattern:^[^@\s]+@[^@\s]+$"),
        ("nnp", "rsin", "123456789", "123456782", "elfproef_bsn"),
        ("nnp", "aantal_werknemers", "-1", "0", "range:0,999999"),
    ],
)  # fmt: skip
def test_check_finds_its_cell_and_no_other(entity: str, field: str, bad: str, good: str, check: str) -> None:
    assert failing(entity, field, bad) == [check]
    assert failing(entity, field, good) == []
    assert failing(entity, field, "") == []


@pytest.mark.parametrize(
    ("begin", "end", "fails"),
    [
        ("19800512", "19800511", True), ("19800512", "19800512", False), ("19800512", "19800500", False),
        ("19800512", "19800000", False), ("19800500", "19800412", True), ("19800000", "19791231", True),
        ("19800512", "00000000", False), ("", "19800511", False), ("00000000", "19800511", False),
    ],
)  # fmt: skip
def test_not_before_compares_what_both_know(begin: str, end: str, fails: bool) -> None:
    found = failing("personen", "datum_overlijden", end, geboortedatum=begin)
    assert found == (["not_before:geboortedatum"] if fails else [])


def test_a_check_against_a_field_that_is_not_held_is_left_out() -> None:
    assert failing("personen", "datum_overlijden", "19800511") == []


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "bsn": st.sampled_from(["", "geen", "999990019", "123"]),
            "geslacht": st.sampled_from(["M", "Q", ""]),
            "geboortedatum": st.sampled_from(["", "19800231", "30000101", "x"]),
        }
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(ROWS, st.sets(st.integers(1, 12)))
def test_rows_in_are_accepted_plus_rejected(rows: list[Any], broken: set[int]) -> None:
    outcome = validated("personen", rows, dict.fromkeys(broken, "rij is afgebroken"))
    places = [*outcome.accepted[ROW], *outcome.rejected[ROW]]
    assert sorted(places) == list(range(1, len(rows) + 1))
    assert outcome.rejected[REASON].null_count() == 0
    assert outcome.accepted["bsn"].null_count() == 0
    assert outcome.accepted[FAULT].null_count() == outcome.accepted.height
