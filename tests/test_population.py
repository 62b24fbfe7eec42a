"""The language that says who is expected: what it means, and what it says when it is wrong."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

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
        ("geboren = 2024-02-30", 10, "geen bestaande datum"),
        ("naam = 'Jan", 7, "onbegrijpelijk teken"),
        ("naam == 'Jan'", 6, "verwacht een waarde"),
        ("naam; drop", 4, "onbegrijpelijk teken"),
        ("en = 1", 0, "verwacht een veldnaam"),
        ("geboren < peildatum - 1.5 jaar", 22, "verwacht een geheel getal"),
        ("naam in ()", 9, "verwacht een waarde"),
        ("__import__('os')", 0, "is geen bekend veld"),
    ],
)
def test_a_fault_says_where_and_what(text: str, position: int, message: str) -> None:
    with pytest.raises(PopulationError) as caught:
        parse_population(text, DTYPES, DAY)
    assert message in str(caught.value)
    assert caught.value.position == position
