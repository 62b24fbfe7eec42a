"""Eight weeks with planted causes through whole checks: lists, causes and lives are exact, also when a run went wrong."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from weekly import Rounds, Row, cell, copy_mappings, identity, lives, moment, planted, read, wrong_causes

from kmgb.demo.weeks import Week, Weeks, generate_weeks

BARE, INFORMED = "cause_bare", "cause"  # what can be proved without and with indicaties and message log
NUMBERS = range(1, 9)
EXACT = 0.99


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    return generate_weeks(tmp_path_factory.mktemp("weken"))


@pytest.fixture(scope="module")
def played(weeks: Weeks, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rounds]:
    """All weeks checked, without and with the optional inputs."""
    found = {}
    for column in (BARE, INFORMED):
        folder = tmp_path_factory.mktemp(column)
        found[column] = Rounds(folder, copy_mappings(folder / "mappings", inputs=column == INFORMED))
        for week in weeks.weeks:
            found[column].week(week)
    return found


@pytest.fixture(scope="module")
def told(weeks: Weeks, played: dict[str, Rounds]) -> dict[tuple[str, int], list[Row]]:
    """What the history says of every week, read once."""
    return {(column, n): rounds.findings(n - 1) for column, rounds in played.items() for n in NUMBERS}


Told = dict[tuple[str, int], list[Row]]
every_week = pytest.mark.parametrize("number", NUMBERS)
both = pytest.mark.parametrize("column", [BARE, INFORMED], ids=["bare", "informed"])


@both
@every_week
def test_every_week_has_its_list_and_nothing_else(weeks: Weeks, told: Told, column: str, number: int) -> None:
    expected = Counter(cell(row) for row in planted(weeks.weeks[number - 1].folder))
    assert Counter(cell(row) for row in told[column, number]) == expected


@both
def test_what_was_prescribed_is_named(weeks: Weeks, told: Told, column: str) -> None:
    right: Counter[str] = Counter()
    all_: Counter[str] = Counter()
    for number in NUMBERS:
        causes = {cell(row): row["cause"] for row in told[column, number]}
        for row in planted(weeks.weeks[number - 1].folder):
            if row[column] and row["state"] == "gezien":
                all_[row[column]] += 1
                right[row[column]] += causes[cell(row)] == row[column]
    assert set(all_) == {
        "niet_verzonden", "niet_ontvangen", "formaat", "handmatig", "onderweg", "tabelwijziging", "veldtoewijzing",
        "bron_in_onderzoek",
    }  # fmt: skip
    assert {cause: (right[cause], number) for cause, number in all_.items() if right[cause] < EXACT * number} == {}


@both
@every_week
def test_no_wrong_cause(weeks: Weeks, told: Told, column: str, number: int) -> None:
    judged = [row for row in told[column, number] if row["status"] != "onbekend"]
    assert wrong_causes(judged, weeks.weeks[number - 1].folder, column) == []


@both
@every_week
def test_what_stood_when_the_log_began_is_no_handwork(weeks: Weeks, told: Told, column: str, number: int) -> None:
    lasting = {
        identity(life)
        for life in read(weeks.folder / "levens.csv")
        if life["opened"] == "1" and (not life["closed"] or int(life["closed"]) > number)
    }
    assert lasting
    causes = {row["cause"] for row in told[column, number] if identity(row) in lasting}
    assert "handmatig" not in causes


@both
@every_week
def test_no_cause_without_its_evidence(told: Told, column: str, number: int) -> None:
    rows = told[column, number]
    assert [cell(row) for row in rows if not row["cause_evidence"].endswith(".")] == []
    named = [row for row in rows if row["cause"] != "onbekend"]
    assert [cell(row) for row in named if not re.search(r"\d", row["cause_evidence"])] == []
    assert "" not in {row["next_step"] for row in named}


@both
@every_week
def test_former_value_held_until_that_day(weeks: Weeks, told: Told, column: str, number: int) -> None:
    seen = [row for row in planted(weeks.weeks[number - 1].folder) if row["state"] == "gezien" and row["field"]]
    until = {cell(row): row["former_until"] for row in told[column, number]}
    assert {cell(row): until[cell(row)] for row in seen} == {cell(row): row["former_until"] for row in seen}


@every_week
def test_former_day_of_a_row_is_the_last_before_the_source_changed_it(weeks: Weeks, told: Told, number: int) -> None:
    """The list does not prescribe it: the distribution's own dumps do."""
    rows = [row for row in told[BARE, number] if row["former_until"] and not row["field"]]
    assert rows or number < 3
    for row in rows:
        if row["kind"] == "sleutelverschil":
            continue
        then, after = (
            _delivered(weeks, row["entity"], row["key"], late)
            for late in _around(weeks, row["entity"], row["former_until"])
        )
        assert then != after, row["kind"]
        assert {"ontbreekt": after, "overtollig": then}.get(row["kind"], then)
        assert row["kind"] != "overtollig" or not after


def _around(weeks: Weeks, entity: str, day: str) -> tuple[Path, Path]:
    """The distribution's dump of a day and the next one with another peildatum."""
    paths = {path.stem[-8:]: path for path in sorted(weeks.folder.glob(f"week-*/distributie_{entity}_*.csv"))}
    stamps = sorted(paths)
    place = stamps.index(day.replace("-", ""))
    return paths[stamps[place]], paths[stamps[place + 1]]


def _delivered(weeks: Weeks, entity: str, key: str, path: Path) -> list[tuple[str, ...]]:
    return [tuple(row.values()) for row in read(path) if key in row.values()]


# Lives


def _expected_lives(weeks: Weeks, *entities: str) -> list[tuple[object, ...]]:
    names = ("opened", "closed", "predecessor_opened", "predecessor_closed", "closed_as")
    rows = [row for row in read(weeks.folder / "levens.csv") if not entities or row["entity"] in entities]
    return sorted((identity(row), *(row[name] for name in names)) for row in rows)


def _as_listed(found: list[tuple[object, ...]], expected: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """What was found; where the list allows two endings, written as there when it is one of them."""
    allowed = {life[:-1]: str(life[-1]) for life in expected}
    return [
        (*life[:-1], allowed[life[:-1]] if life[-1] in allowed.get(life[:-1], "").split("|") else life[-1])
        for life in found
    ]


@both
def test_lives_are_exact(weeks: Weeks, played: dict[str, Rounds], column: str) -> None:
    rounds, expected = played[column], _expected_lives(weeks)
    numbers = {run_id: n for n, runs in enumerate(rounds.runs, start=1) for run_id in runs.values()}
    assert _as_listed(lives(rounds, numbers), expected) == expected
    assert sum(1 for life in expected if life[3]) > 3


def test_a_refused_dump_leaves_everything_unknown(played: dict[str, Rounds], told: Told) -> None:
    refused = {row["status"] for row in told[BARE, 6] if (row["afnemer"], row["entity"]) == ("belasting", "personen")}
    assert refused == {"onbekend"}
    assert played[BARE].municipality(played[BARE].folder).history.run(
        played[BARE].runs[5]["belasting", "personen"]
    ).status == "quarantaine"  # fmt: skip


# Runs that went wrong

KILLED, REPEATED = 4, 5
_KILL = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from sqlalchemy import event
from weekly import moment
from kmgb.demo.weeks import Week
from kmgb.run.check import check
from kmgb.run.municipality import Municipality
from kmgb.settings import Settings
from datetime import datetime

mappings, dumps, data, when, now = sys.argv[2:]
municipality = Municipality(Settings(mappings=Path(mappings), dumps=Path(dumps), data=Path(data)))
left = [3]

def stop(connection, cursor, statement, *_):
    if when == "insert" and statement.startswith("INSERT INTO afwijking_versie"):
        os.kill(os.getpid(), signal.SIGKILL)

def stop_at_commit(connection):
    left[0] -= 1
    if when == "commit" and left[0] == 0:  # after the distribution's own run and that of the first application
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(municipality.history.engine, "after_cursor_execute", stop)
event.listen(municipality.history.engine, "commit", stop_at_commit)
list(check(municipality, (), ["personen"], now=datetime.fromisoformat(now)))
"""


def _kill(rounds: Rounds, week: Week, when: str) -> None:
    """A check of this week in a process of its own, which is killed while it writes."""
    places = [Path(__file__).parent, rounds.mappings, week.folder, rounds.folder / "data"]
    command = [sys.executable, "-c", _KILL, *map(str, places), when, moment(week).isoformat()]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@contextmanager
def _written(engine: Engine) -> Iterator[Counter[str]]:
    """Rows that are written while this is open, by table."""
    rows: Counter[str] = Counter()

    def count(_: object, __: object, statement: str, parameters: Any, ___: object, many: bool) -> None:
        if found := re.match(r"(?:INSERT INTO|UPDATE) (\w+)", statement):
            rows[found[1]] += len(parameters) if many else 1

    event.listen(engine, "before_cursor_execute", count)
    yield rows
    event.remove(engine, "before_cursor_execute", count)


@pytest.fixture(scope="module")
def disturbed(weeks: Weeks, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rounds, dict[int, int], list[Row]]:
    """The rounds of persons with a week killed twice and another repeated; the week of every run; week 5 once more."""
    folder = tmp_path_factory.mktemp("verstoord")
    rounds = Rounds(folder, copy_mappings(folder / "mappings", inputs=False), entities=["personen"])
    again: list[Row] = []
    for week in weeks.weeks:
        if week.number == KILLED:
            for when in ("insert", "commit"):
                _kill(rounds, week, when)
        rounds.week(week)
        again = rounds.findings() if week.number == REPEATED else again
        if week.number == REPEATED:
            rounds.week(week)
    numbers = {
        stored.id: next(week.number for week in weeks.weeks if moment(week) == stored.started)
        for stored in rounds.municipality(folder).history.runs(limit=1000)
    }
    return rounds, numbers, again


Disturbed = tuple[Rounds, dict[int, int], list[Row]]


def test_lives_are_exact_after_killed_quarantined_and_repeated_runs(weeks: Weeks, disturbed: Disturbed) -> None:
    rounds, numbers, _ = disturbed
    expected = _expected_lives(weeks, "personen")
    assert _as_listed(lives(rounds, numbers), expected) == expected


# Numbers of runs, of which there are more, and what the clock said.
_OWN = ("id", "opened_run", "closed_run", "predecessor", "age", "age_runs", "first_seen", "closed")


def _without_numbers(rows: list[Row], *less: str) -> list[tuple[str, ...]]:
    return sorted(
        tuple(value for name, value in row.items() if name not in (*_OWN, *less))
        for row in rows
        if row["entity"] == "personen"
    )


@pytest.mark.parametrize("number", [6, 7, 8])
def test_history_equals_the_undisturbed_one(told: Told, disturbed: Disturbed, number: int) -> None:
    rounds, _, _ = disturbed
    assert _without_numbers(rounds.findings(number)) == _without_numbers(told[BARE, number])


def test_the_killed_week_ends_as_it_would_have(told: Told, disturbed: Disturbed) -> None:
    rounds, _, _ = disturbed
    # Of the application that was written before the kill, what was new then is open now.
    assert _without_numbers(rounds.findings(KILLED - 1), "status") == _without_numbers(told[BARE, KILLED], "status")


def test_a_repeated_week_says_the_same(disturbed: Disturbed) -> None:
    rounds, _, once = disturbed
    assert _without_numbers(rounds.findings(REPEATED), "status") == _without_numbers(once, "status")


def test_repeating_writes_nothing_but_runs_and_their_clusters(weeks: Weeks, played: dict[str, Rounds]) -> None:
    rounds, week = played[BARE], weeks.weeks[-1]
    last = Rounds(rounds.folder, rounds.mappings, entities=["personen"])
    municipality = last.municipality(week.folder)
    with _written(municipality.history.engine) as rows:
        results = last.play(week.folder, moment(week), municipality)
    assert rows["run"] == len(results)
    assert set(rows) == {"run", "cluster"}
    assert {(r.changes.opened, r.changes.closed, r.changes.changed) for r in results} == {(0, 0, 0)}
