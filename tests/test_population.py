"""The language that says who is expected: what it means, and what it says when it is wrong."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from kmgb.catalogue.fields import load_catalogue
from kmgb.errors import PopulationError
from kmgb.population import parse_population

DAY = date(2024, 2, 29)
DTYPES = {
    "naam": pl.String(),
    "geboren": pl.Int32(),
    "aantal": pl.Int64(),
    "x": pl.Float64(),
    "hulp.soort": pl.String(),
}
ROWS = pl.DataFrame(
    {
        "naam": ["Jan", "Piet", None, "O'Neil"],
        "geboren": [20060301, 19800000, None, 20240229],
        "aantal": [1, 20, None, 0],
        "x": [0.5, 1.5, None, -2.0],
        "hulp.soort": ["I", "L", None, "I"],
    },
    schema=DTYPES,
)


def members(text: str) -> list[int]:
    """The rows (0..3) inside the population."""
    expr = parse_population(text, DTYPES, DAY).expr
    return ROWS.with_row_index("n").filter(expr)["n"].to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 1, 2, 3]),
        ("naam = 'Jan'", [0]),
        ("NAAM is leeg".replace("NAAM", "naam"), [2]),
        ("naam is niet leeg", [0, 1, 3]),
        ("naam != 'Jan'", [1, 3]),
        ("niet (naam = 'Jan')", [1, 2, 3]),
        ("niet naam = 'Jan'", [1, 2, 3]),
        ("naam in ('Jan', 'Piet')", [0, 1]),
        ("naam niet in ('Jan', 'Piet')", [3]),
        ("naam begint met 'P'", [1]),
        ("naam niet begint met 'P'", [0, 3]),
        ("naam = 'O''Neil'", [3]),
        ("geboren < 1990-01-01", [1]),
        ("geboren <= peildatum - 18 jaar", [1]),
        ("geboren <= peildatum + 2 dagen - 0".removesuffix(" - 0"), [0, 1, 3]),
        ("geboren = peildatum", [3]),
        ("geboren >= 20060301", [0, 3]),
        ("aantal > 0 en aantal < 20", [0]),
        ("x >= 0.5", [0, 1]),
        ("hulp.soort = 'L' of aantal = 0", [1, 3]),
        ("naam = 'Jan' of naam = 'Piet' en aantal = 1", [0]),
        ("(naam = 'Jan' of naam = 'Piet') EN aantal = 20", [1]),
        ("aantal begint met 2", [1]),
        ("geboren <= geboren", [0, 3]),
        ("geboren = geboren", [0, 3]),
        ("aantal = aantal", [0, 1, 3]),
        ("naam != hulp.soort", [0, 1, 3]),
    ],
)
def test_expression(text: str, expected: list[int]) -> None:
    assert members(text) == expected


def test_eighteen_years_before_a_leap_day() -> None:
    assert members("geboren <= peildatum - 18 jaar") == [1]
    assert parse_population("geboren = peildatum - 1 jaar", DTYPES, DAY).fields == {"geboren"}


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("nam = 'x'", 0, "Bedoelde u 'naam'?"),
        ("naam = ", 7, "verwacht een waarde"),
        ("naam", 4, "verwacht 'is leeg'"),
        ("naam = 'Jan' aantal = 1", 13, "verwacht 'en', 'of' of het einde"),
        ("(naam = 'Jan'", 13, "verwacht ')'"),
        ("naam = Jan", 7, "verwacht een waarde"),
        ("aantal = 'veel'", 9, "verwacht een getal"),
        ("aantal > 2024-02-01", 9, "verwacht een getal, want dit veld is geen datum"),
        ("geboren > peildatum - 9999 jaar", 31, "deze dag ligt buiten de kalender"),
        ("geboren >= 2006", 11, "verwacht een bestaande datum als jjjj-mm-dd"),
        ("geboren = 00000000", 10, "verwacht een bestaande datum als jjjj-mm-dd"),
        ("geboren = 2024-02-30", 10, "geen bestaande datum"),
        ("naam = 'Jan", 7, "onbegrijpelijk teken"),
        ("naam == 'Jan'", 6, "verwacht een waarde"),
        ("naam; drop", 4, "onbegrijpelijk teken"),
        ("en = 1", 0, "verwacht een veldnaam"),
        ("geboren < peildatum - 1.5 jaar", 22, "verwacht een geheel getal"),
        ("naam in ()", 9, "verwacht een waarde"),
        ("naam = geboren", 7, "geboren is niet van dezelfde soort als naam"),
        ("naam in (hulp.soort)", 9, "verwacht een waarde"),
        ("__import__('os')", 0, "is geen bekend veld"),
    ],
)
def test_a_fault_says_where_and_what(text: str, position: int, message: str) -> None:
    with pytest.raises(PopulationError) as caught:
        parse_population(text, DTYPES, DAY)
    assert message in str(caught.value)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("d < 2008-12-31", [20080200, 20080229]),
        ("d <= 2008-12-31", [20080000, 20080200, 20080229]),
        ("d <= 2008-02-29", [20080200, 20080229]),
        ("d <= 2008-02-28", []),
        ("d > 2007-12-31", [20080000, 20080200, 20080229]),
        ("d > 2008-01-01", [20080200, 20080229]),
        ("d >= 2008-02-01", [20080200, 20080229]),
        ("d = 2008-02-29", [20080229]),
        ("d != 2008-02-29", []),
        ("d != 2008-03-01", [20080200, 20080229]),
        ("d in (2008-02-29, 2008-03-01)", [20080229]),
        ("d niet in (2008-01-01, 2008-03-01)", [20080200, 20080229]),
        ("niet d <= 2008-12-31", [0, None]),
        ("d <= peildatum - 18 jaar", []),
        ("d < 2008-01-01", []),
        ("d <= peildatum - 15 jaar", [20080000, 20080200, 20080229]),
    ],
)
def test_a_date_with_unknown_parts_counts_when_every_day_does(condition: str, expected: list[int | None]) -> None:
    rows = pl.DataFrame({"d": [0, 20080000, 20080200, 20080229, None]}, schema={"d": pl.Int32})
    expr = parse_population(condition, {"d": pl.Int32()}, DAY).expr
    assert rows.filter(expr)["d"].to_list() == expected


def literal_fault(entity: str, text: str) -> str:
    """What is said of an expression on fields of the catalogue; empty when it is right."""
    catalogue = load_catalogue()
    dtypes = {name: catalogue[entity][name].dtype for name in catalogue[entity].names}
    try:
        parse_population(text, dtypes, DAY, catalogue, catalogue[entity])
    except PopulationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ("personen", "gemeentecode = '0796' en geslacht in ('M', 'V')"),
        ("personen", "gemeentecode begint met '07' en geslachtsnaam_diacriet = 'de Vries'"),
        ("personen", "burgerlijke_staat > '1' en geboortedatum <= peildatum - 18 jaar"),
        ("pand", "status_pand begint met 'Pand' en indicatie_geconstateerd = 'J' en bouwjaar_pand > 1900"),
        ("nummeraanduiding", "aanduiding = 'to' en postcode = '1234AB'"),
        ("nnp", "rechtsvorm = 01 en vestigingsnummer is niet leeg"),
    ],
)
def test_a_value_that_its_field_can_have_is_right(entity: str, text: str) -> None:
    assert literal_fault(entity, text) == ""


@pytest.mark.parametrize(
    ("entity", "text", "message"),
    [
        (
            "personen",
            "gemeentecode = '796'",
            "gemeentecode heeft 4 cijfers, bij \"'796'\" (teken 16). Bedoelde u '0796'?",
        ),
        ("personen", "gemeentecode = 796", "gemeentecode heeft 4 cijfers, bij '796' (teken 16). Bedoelde u '0796'?"),
        ("personen", "gemeentecode in ('0796', '07965')", "gemeentecode heeft 4 cijfers, bij"),
        ("personen", "gemeentecode = 'Den Bosch'", "gemeentecode heeft alleen cijfers, bij"),
        (
            "personen",
            "geslacht = 'm'",
            "'m' is geen code van geslacht, bij \"'m'\" (teken 12). Bedoelde u 'M' (man)?",
        ),
        (
            "personen",
            "geslacht = 'Man'",
            "'Man' is geen code van geslacht, bij \"'Man'\" (teken 12). Bedoelde u 'M' (man)?",
        ),
        (
            "personen",
            "geslacht < 3",
            "'3' is geen code van geslacht, bij '3' (teken 12). Bekend zijn: 'M' (man), 'V' (vrouw), 'O' (onbekend).",
        ),
        ("pand", "status_pand = 'pand gesloopt'", "Bedoelde u 'Pand gesloopt'?"),
        ("pand", "status_pand begint met 'Weg'", "'Weg' is niet het begin van een code van status_pand, bij"),
        ("pand", "indicatie_geconstateerd = 'Ja'", "'Ja' is geen code van indicatie_geconstateerd, bij"),
        ("nnp", "rechtsvorm = '1'", "Bedoelde u '01' ("),
        ("nummeraanduiding", "postcode = '1234 ab'", "Bedoelde u '1234AB'?"),
        ("personen", "geboortedatum < 2008", "verwacht een bestaande datum als jjjj-mm-dd"),
    ],
)
def test_a_value_that_its_field_can_never_have_is_a_fault(entity: str, text: str, message: str) -> None:
    assert message in literal_fault(entity, text)


def test_a_day_without_its_month_says_nothing() -> None:
    rows = pl.DataFrame({"d": [20080015]}, schema={"d": pl.Int32})
    assert [
        rows.filter(parse_population(text, {"d": pl.Int32()}, DAY).expr).height
        for text in ("d < 2008-12-31", "d <= 2008-12-31", "d > 2008-01-01", "d >= 2008-01-01")
    ] == [0, 1, 0, 1]
