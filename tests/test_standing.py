"""What stood already when the log began is no handwork: only a finding that a run of since then did not have came later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from kmgb.compare.kinds import FINDING_COLUMNS
from kmgb.store.database import open_database
from kmgb.store.runs import DONE, QUARANTINE, History, NewRun, StoredDelivery
from kmgb.store.secrets import Vault

NAMES = ("belasting", "personen")
WEEKS = [datetime(2026, 11, 2, tzinfo=UTC) + timedelta(weeks=week) for week in range(6)]
OLD, LATER, ROW = ("999900067", "voornamen"), ("999900092", "voornamen"), ("999900109", "")
Cell = tuple[str, str]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    engine = open_database(f"sqlite:///{tmp_path / 'kmgb.sqlite'}")
    yield History(engine, Vault(bytes(32)))
    engine.dispose()


def _frame(cells: Sequence[Cell]) -> pl.DataFrame:
    records = [
        {
            "key": key,
            "key_field": "bsn",
            "field": name,
            "kind": "afwijkend" if name else "overtollig",
            "severity": "laag",
        }
        for key, name in cells
    ]
    return pl.DataFrame(records, schema=FINDING_COLUMNS)


_number = count()


def _run(
    history: History,
    week: int,
    *cells: Cell,
    status: str = DONE,
    fields: Sequence[str] = ("voornamen",),
    compared: Sequence[str] | None = None,
) -> None:
    moment = WEEKS[week]
    delivery = StoredDelivery(f"{next(_number):032d}", "ddd", "personen", "geaccepteerd", moment, moment, "", 1, {})
    facts = {"coverage": [{"field": name, "coverage": "vergeleken"} for name in fields]}
    new = NewRun(*NAMES, status, moment, moment, delivery.id, None, facts)
    found = _frame(cells) if status == DONE else None
    history.write(new, [delivery], found, None, compared=compared)


def _stood(history: History, since: int) -> list[bool]:
    return history.stood(NAMES, WEEKS[since], _frame([OLD, LATER, ROW])).to_list()


def test_only_what_a_run_since_then_did_not_have_came_later(history: History) -> None:
    _run(history, 0, OLD)
    _run(history, 1, OLD)
    _run(history, 2, OLD, LATER)
    assert _stood(history, 0) == [True, False, False]
    assert _stood(history, 2) == [True, True, False]


def test_without_a_run_since_then_nobody_can_tell(history: History) -> None:
    _run(history, 0)
    _run(history, 1, status=QUARANTINE)
    assert _stood(history, 1) == [True, True, True]
    assert _stood(history, 0) == [False, False, False]


def test_a_return_counts_from_its_return(history: History) -> None:
    _run(history, 0, OLD)
    _run(history, 1)
    _run(history, 2, OLD)
    assert _stood(history, 0) == [False, False, False]


def test_a_field_counts_from_when_it_was_compared(history: History) -> None:
    _run(history, 0, fields=["geslacht"])
    assert _stood(history, 0) == [True, True, False]
    _run(history, 1, OLD)
    _run(history, 2, OLD, LATER)
    assert _stood(history, 0) == [True, False, False]


def test_a_field_that_was_dropped_for_a_while_proves_nothing(history: History) -> None:
    _run(history, 0, OLD)
    _run(history, 1, compared=())
    _run(history, 2, OLD, LATER)
    assert _stood(history, 0) == [True, False, False]
