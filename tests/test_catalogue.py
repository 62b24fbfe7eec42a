"""The catalogue: complete, spelled as Bijlage 2, and naming nothing that the code does not know."""

from __future__ import annotations

import csv
import itertools
import random
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from stdnum.nl import bsn

from kmgb.catalogue.checks import SENTENCES, a_nummer_test, check_expression, elfproef
from kmgb.catalogue.fields import SEVERITIES, Field, load_catalogue
from kmgb.catalogue.masking import masked, masked_key
from kmgb.compare.tolerant import FOLDS, TESTS
from kmgb.errors import CatalogueError
from kmgb.normalise.convert import _STEPS

CATALOGUE = load_catalogue()
FIELDS = [field for entity in CATALOGUE.entities.values() for field in (*entity.fields, *entity.parts)]
COUNTS = {
    "personen": 27, "nummeraanduiding": 37, "verblijfsobject": 22, "ligplaats": 22, "standplaats": 22, "pand": 14,
    "nnp": 27,
}  # fmt: skip
# Steps that say how a datatype is read: its reader takes them, not the table of steps.
_READ_BY_TYPE = {"date", "bool", "integer", "decimal"}
_DIAGNOSED = {"coordinaat_verwisseld"}  # named beside an afwijkend value, never a tolerance


def named(field: Field) -> str:
    return f"{field.entity}.{field.name}"


def test_seven_entities_and_171_fields() -> None:
    assert {name: len(entity.fields) for name, entity in CATALOGUE.entities.items()} == COUNTS
    assert sum(COUNTS.values()) == 171


@pytest.mark.shared
def test_labels_are_those_of_bijlage_2(shared: Path) -> None:
    with (shared / "domain" / "catalogue.csv").open(encoding="utf-8") as stream:
        listed = [(row["entity"], row["label"], row["field"]) for row in csv.DictReader(stream)]
    ours = [(f.entity, f.label, f.name) for entity in CATALOGUE.entities.values() for f in entity.fields]
    assert ours == listed


def test_every_field_is_described() -> None:
    silent = [named(f) for f in FIELDS if not (f.group and f.source and f.label and f.severity in SEVERITIES)]
    assert silent == []


@pytest.mark.parametrize("entity", list(COUNTS))
def test_every_name_in_the_catalogue_is_known_to_the_code(entity: str) -> None:
    of = CATALOGUE[entity]
    frame = pl.DataFrame(schema={name: of[name].dtype for name in of.names})
    for field in (*of.fields, *of.parts):
        assert {step.partition(":")[0] for step in field.steps} <= set(_STEPS) | _READ_BY_TYPE, field.name
        assert set(field.tolerant) <= set(FOLDS) | set(TESTS) | _DIAGNOSED, field.name
        for check in field.checks:
            assert check.partition(":")[0] in SENTENCES, field.name
            assert not check.startswith("in_list:") or CATALOGUE.codes(field), field.name
            assert frame.select(check_expression(check, field, {}, date(2024, 1, 1))).dtypes == [pl.Boolean], check


def test_codes_of_a_list_differ_in_more_than_case() -> None:
    for codes in CATALOGUE.code_lists.values():
        assert len({code.code.casefold() for code in codes}) == len(codes)


@pytest.mark.parametrize(
    "label", ["Datum einde geldigheid cyclus", "DATUM EIND GELDIGHEID CYCLUS", "datum_eind_geldigheid_cyclus"]
)
def test_labels_are_found_however_they_are_written(label: str) -> None:
    field = CATALOGUE["verblijfsobject"].by_label(label)
    assert field is not None
    assert field.name == "datum_eind_geldigheid_cyclus"


@pytest.mark.parametrize(("name", "key", "begin", "end"), [
    ("personen", "bsn", None, None),
    ("nummeraanduiding", "identificatie_nummeraanduiding", "datum_begin_geldigheid", "datum_einde_geldigheid"),
    ("verblijfsobject", "id_verblijfsobject", "datum_begin_geldigheid_cyclus", "datum_eind_geldigheid_cyclus"),
    ("pand", "id_pand", "datum_begin_geldigheid_cyclus", "datum_einde_geldigheid_cyclus"),
    ("nnp", "vestigingsnummer", None, None),
])  # fmt: skip
def test_keys_and_versions(name: str, key: str, begin: str | None, end: str | None) -> None:
    entity = CATALOGUE[name]
    assert entity.primary.name == key
    assert (entity.version and entity.version.name, entity.version_end and entity.version_end.name) == (begin, end)


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(CatalogueError, match="Bedoelde u 'geslacht'"):
        CATALOGUE["personen"]["geslagt"]
    with pytest.raises(CatalogueError, match="Bekend zijn: personen, nummeraanduiding"):
        CATALOGUE["persoon"]


# The tests on numbers, beside other people's code.


def holds(expression: pl.Expr, numbers: list[str]) -> list[bool]:
    return pl.DataFrame({"n": numbers}).select(expression).to_series().to_list()


def plain_a_nummer(number: str) -> bool:
    """LO BRP 01.10: not 0 in front, no equal neighbours, sum 0 or 5 modulo 11, weighted sum 0 modulo 11."""
    figures = [int(figure) for figure in number]
    if len(figures) != 10 or figures[0] == 0 or any(a == b for a, b in itertools.pairwise(figures)):
        return False
    return sum(figures) % 11 in (0, 5) and sum(f * 2**place for place, f in enumerate(figures)) % 11 == 0


def test_elfproef_agrees_with_stdnum() -> None:
    chance = random.Random(1)
    numbers = [f"{chance.randrange(10**9):09}" for _ in range(5000)] + [
        "000000000",
        "999990019",
        "99999001",
        "9999900190",
    ]
    verdicts = holds(elfproef(pl.col("n")), numbers)
    assert verdicts == [len(number) == 9 and bsn.is_valid(number) for number in numbers]
    assert sum(verdicts) > 300


def test_a_nummer_agrees_with_plain_python() -> None:
    chance = random.Random(2)
    numbers = [f"{chance.randrange(10**10):010}" for _ in range(40000)] + ["0123456789", "101012010", "10101201060"]
    verdicts = holds(a_nummer_test(pl.col("n")), numbers)
    assert verdicts == [plain_a_nummer(number) for number in numbers]
    assert sum(verdicts) > 100


def test_masking_leaves_the_end_of_an_identifier_and_nothing_else() -> None:
    personen = CATALOGUE["personen"]
    assert masked("999990019", personen["bsn"]) == "•••019"
    assert masked("7", personen["indicatie_geheim"]) == "•••"
    assert masked("", personen["indicatie_geheim"]) == ""
    assert masked(None, personen["bsn"]) == ""
    assert masked("Jan", personen["voornamen"]) == "Jan"
    assert masked_key("rij 7", "bsn", personen) == "rij 7"
    assert masked_key("999990019", "bsn", personen) == "•••019"


@pytest.mark.parametrize(("year", "passes"), [(0, False), (1005, True), (1309, True), (2026, True), (9999, False)])
def test_a_placeholder_is_no_year(year: int, passes: bool) -> None:
    field = CATALOGUE["pand"]["bouwjaar_pand"]
    frame = pl.DataFrame({field.name: [year]})
    checks = [check_expression(check, field, {}, date(2026, 11, 16)) for check in field.checks]
    assert frame.select(pl.all_horizontal(checks)).item() is passes


def test_a_code_that_says_what_it_means_has_no_other_meaning() -> None:
    personen, pand = CATALOGUE["personen"], CATALOGUE["pand"]
    assert CATALOGUE.meaning(personen["geslacht"], "M") == "man"
    assert CATALOGUE.meaning(personen["geslacht"], "Q") == CATALOGUE.meaning(personen["geslacht"], None) == ""
    assert CATALOGUE.meaning(pand["status_pand"], "Bouw gestart") == ""
    assert CATALOGUE.meaning(CATALOGUE["nnp"]["rechtsvorm"], "01") == "Eenmanszaak"
