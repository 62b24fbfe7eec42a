"""Faults that published register data brought to light, each with invented values."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from sides import Row, compared, found, normalised

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.mapping.model import Aanlevering, Opzoeken
from kmgb.sources.delivered import Limits
from kmgb.sources.lookup import join_lookups
from kmgb.sources.read import read

PAND, OTHER_PAND = "0998100000000001", "0998100000000002"
VBO, ADDRESS, CUT_ADDRESS = "0998010000000001", "0998200000000001", "09982000000001"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"{VBO} {ADDRESS}", (VBO, ADDRESS)),
        (f"{VBO} {CUT_ADDRESS}", (VBO, CUT_ADDRESS.zfill(16))),
        (VBO, (VBO, None)),
        ("0000000000000000 0000000000000000", (None, None)),
    ],
    ids=["both", "mutilated", "one", "standard value"],
)
def test_what_is_no_bag_id_does_not_pass_for_empty(text: str, parts: tuple[str | None, str | None]) -> None:
    got = normalised("personen", [{"id_codes_verblijfadres": text}], sleutel=("bsn",))
    name = "id_codes_verblijfadres"
    assert got.select(f"{name}.adresseerbaar_object", f"{name}.nummeraanduiding").row(0) == parts


def test_text_without_digits_is_no_bag_id_either() -> None:
    got = normalised("personen", [{"id_codes_verblijfadres": "onbekend"}], sleutel=("bsn",))
    assert got["id_codes_verblijfadres.adresseerbaar_object__onleesbaar"].to_list() == [True]


def test_a_word_beside_a_house_number_is_its_code() -> None:
    columns = {"straat": "straat", "huisnummer": "nummer", "aanduiding": "wijze"}
    rows = [{"straat": "Dijk", "nummer": "3", "wijze": wijze} for wijze in ("tegenover", "to", "Bij", None)]
    got = normalised("personen", rows, {"verblijfsadres": {"kolommen": columns}, **dict.fromkeys(rows[0])})
    assert got["verblijfsadres"].to_list() == ["to Dijk 3", "to Dijk 3", "by Dijk 3", "Dijk 3"]


def test_a_number_with_a_sign_behind_it_is_no_cut() -> None:
    ours: Row = {"id_pand": PAND, "brondocumentnummer": "WP05000000_OV00PC"}
    theirs: Row = {"id_pand": PAND, "brondocumentnummer": "WP05000000"}
    assert found(compared("pand", [ours], [theirs])) == [(PAND, "brondocumentnummer", "afwijkend", None)]


def test_a_voorkomen_put_right_the_same_day_is_not_double() -> None:
    begin, end = "datum_begin_geldigheid_cyclus", "datum_einde_geldigheid_cyclus"
    rows: list[Row] = [
        {"id_pand": PAND, begin: "20200101", end: "20200101", "bouwjaar_pand": "2019"},
        {"id_pand": PAND, begin: "20200101", end: None, "bouwjaar_pand": "2020"},
    ]
    comparison = compared("pand", rows, rows[1:], historie="historie")
    assert found(comparison) == []
    assert comparison.rows["distributie_niet_actueel"] == 1


def test_only_a_key_can_be_compared() -> None:
    comparison = compared("pand", [{"id_pand": PAND}], [{"id_pand": OTHER_PAND}])
    assert found(comparison) == [(PAND, "", "ontbreekt", None), (OTHER_PAND, "", "overtollig", None)]


def test_a_row_without_key_outside_the_population_is_no_fault() -> None:
    rows: list[Row] = [{"id_pand": None, "soort": "adres"}, {"id_pand": PAND, "soort": "pand"}]
    population = ("", "hulp.soort = 'pand'")
    comparison = compared("pand", [{"id_pand": PAND}], rows, populatie=population, hulp=["soort"])
    assert found(comparison) == []
    assert comparison.rows["afnemer_buiten_populatie"] == 1


def test_a_lookup_may_ask_for_what_is_absent() -> None:
    def frame(**columns: list[str | None]) -> pl.LazyFrame:
        texts = {name: pl.Series(values, dtype=pl.String) for name, values in columns.items()}
        return pl.LazyFrame({ROW: [1, 2], **texts, FAULT: pl.Series([None, None], dtype=pl.String)})

    running = Opzoeken(bestand="x", met="id", op="id", kolommen=("naam",), alleen_als={"eind": ""})
    theirs = frame(id=["1", "1"], naam=["oud", "nieuw"], eind=["20200101", None])
    got = join_lookups(frame(id=["1", "2"]), [("a", running, theirs)]).collect()
    assert got["a.naam"].to_list() == ["nieuw", None]


def test_a_record_may_be_a_place(tmp_path: Path) -> None:
    path = tmp_path / "mutaties.xml"
    path.write_text("<m><was><Pand><id>1</id></Pand></was><wordt><Pand><id>2</id></Pand></wordt><Pand/></m>")
    reader = Aanlevering(formaat="xml", record="wordt/Pand")
    assert read(path, reader, ["id"], Limits(), tmp_path / "s").frame.collect()["id"].to_list() == ["2"]
