"""What the other applications of a source tell: who has the change, who misses it as well, and who cannot say."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from kmgb.catalogue.fields import load_catalogue
from kmgb.compare.plan import CellPlan, Plan
from kmgb.mutations.log import MUTATION_COLUMNS
from kmgb.run.explaining import OtherSide, _before, _other, grace

PERSONEN = load_catalogue()["personen"]
KEY = "999900067"
DIED = pl.DataFrame(
    [(KEY, "bsn", "datum_overlijden", "gewijzigd", None, "2026-11-05", datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC))],
    schema=list(MUTATION_COLUMNS),
    orient="row",
).cast(dict(MUTATION_COLUMNS))  # fmt: skip
GONE = DIED.with_columns(change=pl.lit("vervallen"), field=pl.lit("geslacht"), old=pl.lit("M"), new=pl.lit(None))
ROWS = pl.DataFrame(
    {"key": [KEY], "bsn": [KEY], "geslacht": ["M"], "datum_overlijden": [20261105]},
    schema_overrides={"datum_overlijden": pl.Int32},
)
ALIVE = pl.col("datum_overlijden").is_null()


def told(
    field: str,
    *found: tuple[str, str],
    population: pl.Expr = ALIVE,
    rows: pl.DataFrame = ROWS,
    mutations: pl.DataFrame = DIED,
    unjudged: tuple[str, ...] = (),
) -> list[bool]:
    """Whether another application misses the change; nothing when it is not asked."""
    plan = Plan(
        cells=tuple(CellPlan(PERSONEN[name]) for name in ("bsn", "geslacht", "datum_overlijden")),
        key=("bsn",),
        population=population,
    )
    findings = pl.DataFrame(
        [(KEY, name, kind, None) for name, kind in found],
        schema={"key": pl.String, "field": pl.String, "kind": pl.String, "afnemer_value": pl.String},
        orient="row",
    )
    side = OtherSide("b", plan, datetime(2026, 11, 16, tzinfo=UTC), findings, pl.Series(unjudged, dtype=pl.String))
    cells = pl.DataFrame({"key": [KEY], "field": [field]})
    return _other(cells, rows, _before(rows, mutations, PERSONEN), side)["stale"].to_list()


def test_who_gave_the_row_up_received_the_change() -> None:
    assert told("datum_overlijden") == [False]
    assert told("") == [False]


def test_who_still_has_the_row_misses_it_too() -> None:
    still = [("", "buiten_populatie"), ("datum_overlijden", "leeg_in_applicatie")]
    assert told("", *still) == [True]
    assert told("datum_overlijden", *still) == [True]


def test_who_never_had_such_rows_is_not_asked() -> None:
    assert told("datum_overlijden", population=ALIVE & (pl.col("geslacht") == "V")) == []


@pytest.mark.parametrize(
    ("kind", "expected"), [("afwijkend", [True]), ("cosmetisch", [False]), ("ongeldig", []), ("leeg_in_bron", [True])]
)
def test_another_way_of_writing_is_the_new_value_and_an_unreadable_one_says_nothing(
    kind: str, expected: list[bool]
) -> None:
    everyone = pl.lit(value=True)
    assert told("datum_overlijden", ("datum_overlijden", kind), population=everyone) == expected


def test_a_row_that_was_set_aside_there_says_nothing() -> None:
    assert told("datum_overlijden", unjudged=(KEY,)) == []


def test_a_row_that_left_the_distribution_is_judged_by_what_it_was() -> None:
    nobody = ROWS.clear()
    men, women = pl.col("geslacht") == "M", pl.col("geslacht") == "V"
    assert told("", population=men, rows=nobody, mutations=GONE) == [False]
    assert told("", ("", "overtollig"), population=men, rows=nobody, mutations=GONE) == [True]
    assert told("", population=women, rows=nobody, mutations=GONE) == []


@pytest.mark.parametrize(
    ("day", "days", "expected"),
    [
        (date(2026, 11, 19), 2, timedelta(days=2)),  # Thursday: Tuesday
        (date(2026, 11, 16), 2, timedelta(days=4)),  # Monday: Thursday before the weekend
        (date(2026, 11, 15), 1, timedelta(days=2)),  # Sunday: Friday
        (date(2026, 10, 26), 1, timedelta(days=3, hours=1)),  # over the end of summer time
        (date(2026, 11, 16), 0, timedelta(0)),
    ],
)
def test_the_grace_period_counts_working_days(day: date, days: int, expected: timedelta) -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    assert grace(datetime.combine(day, time(), zone), days, zone) == expected
