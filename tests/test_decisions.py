"""Decisions: they outlive runs, lapse when they must, hold as of a run, and are tried out before they hide anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kmgb.compare.kinds import FINDING_COLUMNS
from kmgb.errors import StoreError
from kmgb.store.database import open_database
from kmgb.store.decisions import end_of_day
from kmgb.store.findings import all_compared
from kmgb.store.runs import DONE, QUARANTINE, History, NewRun, StoredRun
from kmgb.store.secrets import Vault
from kmgb.store.suppression import Pattern

ZONE = "Europe/Amsterdam"
START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)  # the first run; one follows every week
DAY = timedelta(days=1)
A, B = "999900067", "999900092"
Row = tuple[str, str, str, str, str]  # key, field, kind, rule, value of the application


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    engine = open_database(f"sqlite:///{tmp_path / 'kmgb.sqlite'}")
    yield History(engine, Vault(bytes(32)))
    engine.dispose()


def _run(history: History, *rows: Row, status: str = DONE, severity: str = "normaal") -> StoredRun:
    records = [
        {"key": key, "key_field": "bsn", "field": field, "kind": kind, "rule": rule or None, "distributie": "0363"}
        | {"afnemer_value": value, "severity": severity}
        for key, field, kind, rule, value in rows
    ]
    found = pl.DataFrame(records, schema=FINDING_COLUMNS) if status == DONE else None
    moment = START + len(history.runs()) * 7 * DAY
    new = NewRun("belasting", "personen", status, moment, moment, None, None, {})
    return history.run(history.write(new, [], found, None, fates=all_compared)[0])


def _wrong(key: str, value: str = "0200") -> Row:
    return (key, "gemeentecode", "afwijkend", "", value)


def _number(history: History, stored: StoredRun, key: str = A) -> int:
    return int(history.findings(stored, key=key)["id"].item())


def _shown(history: History, stored: StoredRun, at: datetime | None = None) -> list[tuple[str | None, ...]]:
    return history.findings(stored, at).select("status", "remark").rows()


def _accept(history: History, stored: StoredRun, last_day: date, key: str = A) -> int:
    (number,) = history.decisions.accept(
        [_number(history, stored, key)],
        reason="oude gemeente, uitfasering loopt", who="M. de Vries", last_day=last_day, zone=ZONE,
        now=stored.finished + DAY,
    )  # fmt: skip
    return number


def test_an_acceptance_holds_for_later_runs_and_not_for_earlier_ones(history: History) -> None:
    first = _run(history, _wrong(A))
    _accept(history, first, date(2026, 12, 31))
    second = _run(history, _wrong(A))
    assert _shown(history, first) == [("nieuw", None)]
    assert _shown(history, first, first.finished + 2 * DAY) == [("geaccepteerd", None)]
    assert _shown(history, second) == [("geaccepteerd", None)]


def test_an_accepted_finding_comes_back_after_its_last_day(history: History) -> None:
    number = _accept(history, _run(history, _wrong(A)), date(2026, 11, 9))
    on_the_day, after = _run(history, _wrong(A)), _run(history, _wrong(A))
    assert _shown(history, on_the_day) == [("geaccepteerd", None)]
    assert _shown(history, after) == [("open", f"acceptatie {number} liep tot en met 09-11-2026")]
    assert _shown(history, on_the_day) == [("geaccepteerd", None)]


def test_an_accepted_finding_comes_back_when_a_value_changes_and_stays_back(history: History) -> None:
    number = _accept(history, _run(history, _wrong(A)), date(2026, 12, 31))
    remark = f"acceptatie {number} verviel: een waarde veranderde"
    assert _shown(history, _run(history, _wrong(A, "0599"))) == [("open", remark)]
    assert _shown(history, _run(history, _wrong(A))) == [("open", remark)]


def test_an_acceptance_survives_another_severity_or_cause(history: History) -> None:
    _accept(history, _run(history, _wrong(A)), date(2026, 12, 31))
    assert _shown(history, _run(history, _wrong(A), severity="hoog")) == [("geaccepteerd", None)]


def test_what_was_put_right_and_comes_back_is_not_accepted(history: History) -> None:
    number = _accept(history, _run(history, _wrong(A)), date(2026, 12, 31))
    _run(history)
    remark = f"acceptatie {number} verviel: een waarde veranderde"
    assert _shown(history, _run(history, _wrong(A))) == [("teruggekeerd", remark)]


def test_a_run_in_quarantine_does_not_judge_what_was_accepted(history: History) -> None:
    number = _accept(history, _run(history, _wrong(A)), date(2026, 12, 31))
    refused = _run(history, status=QUARANTINE)
    assert history.findings(refused).select("status", "decision").rows() == [("onbekend", number)]


def test_a_withdrawn_acceptance_hides_nothing_more(history: History) -> None:
    first = _run(history, _wrong(A))
    number = _accept(history, first, date(2026, 12, 31))
    second = _run(history, _wrong(A))
    history.decisions.withdraw(number, reason="toch fout", who="M. de Vries", now=second.finished + DAY)
    third = _run(history, _wrong(A))
    assert _shown(history, second) == [("geaccepteerd", None)]
    assert _shown(history, third) == [("open", f"acceptatie {number} is ingetrokken")]
    with pytest.raises(StoreError, match="al ingetrokken"):
        history.decisions.withdraw(number, reason="nog eens", who="M. de Vries", now=third.finished)


def test_the_last_day_ends_on_the_clock_of_the_municipality() -> None:
    assert end_of_day(date(2026, 11, 9), ZONE).astimezone(UTC) == datetime(2026, 11, 9, 23, tzinfo=UTC)
    assert end_of_day(date(2026, 3, 29), ZONE).astimezone(UTC) == datetime(2026, 3, 29, 22, tzinfo=UTC)


def test_a_terugmelding_shows_its_state_until_it_is_refused(history: History) -> None:
    first = _run(history, _wrong(A))
    number = _number(history, first)
    states = ("gereed", "verzonden", "in behandeling", "afgewezen")
    told = []
    for hours, state in enumerate(states, start=1):
        made = first.finished + timedelta(hours=hours)
        history.decisions.report_back([number], reference="TMV-17", state=state, who="J. Bakker", now=made)
        told.append(history.findings(first, made).select("status", "reference", "reference_state", "remark").row(0))
    assert told == [
        ("teruggemeld", "TMV-17", "gereed", None),
        ("teruggemeld", "TMV-17", "verzonden", None),
        ("teruggemeld", "TMV-17", "in behandeling", None),
        ("nieuw", "TMV-17", "afgewezen", "de terugmelding is afgewezen"),
    ]


def test_what_returns_after_an_honoured_terugmelding_is_back(history: History) -> None:
    first = _run(history, _wrong(A))
    number = _number(history, first)
    history.decisions.report_back(
        [number], reference="TMV-17", state="gehonoreerd", who="J. Bakker", now=first.finished + DAY
    )
    assert _shown(history, _run(history, _wrong(A))) == [("teruggemeld", None)]
    _run(history)
    returned = _run(history, _wrong(A))
    assert _shown(history, returned) == [("teruggekeerd", "kwam terug nadat de terugmelding was gehonoreerd")]


def test_assignments_and_remarks_stay_with_the_finding(history: History) -> None:
    first = _run(history, _wrong(A))
    number, later = _number(history, first), first.finished + DAY
    history.decisions.assign([number], to="team Belastingen", who="J. Bakker", now=later)
    history.decisions.comment([number], text="gebeld", who="J. Bakker", now=later)
    second = _run(history, _wrong(A))
    assert history.findings(second)["assigned"].to_list() == ["team Belastingen"]
    assert [(one.action, one.text, one.who) for one in history.decisions.of("belasting", "personen")] == [
        ("toewijzen", "team Belastingen", "J. Bakker"),
        ("opmerking", "gebeld", "J. Bakker"),
    ]


def test_a_pattern_accepts_what_fits_now_and_later_until_its_last_day(history: History) -> None:
    capitals = ("voornamen", "cosmetisch", "hoofdletters", "ANNA")
    first = _run(history, (A, *capitals), _wrong(A))
    pattern = Pattern("belasting", "personen", field="voornamen", kind="cosmetisch", rule="hoofdletters")
    number = history.decisions.accept_pattern(
        pattern, reason="zo afgesproken", who="M. de Vries", last_day=date(2026, 11, 10), zone=ZONE,
        now=first.finished + DAY,
    )  # fmt: skip
    second = _run(history, (A, *capitals), (B, *capitals), _wrong(A))
    assert _shown(history, second) == [("open", None), ("geaccepteerd", None), ("geaccepteerd", None)]
    third = _run(history, (A, *capitals), (B, *capitals), ("999900109", *capitals))
    remark = f"acceptatie {number} liep tot en met 10-11-2026"
    assert _shown(history, third) == [("open", remark), ("open", remark), ("nieuw", None)]
    withdrawn = second.finished + timedelta(hours=1)
    history.decisions.withdraw(number, reason="genoeg", who="M. de Vries", now=withdrawn)
    assert [status for status, _ in _shown(history, second)] == ["open", "geaccepteerd", "geaccepteerd"]
    assert [status for status, _ in _shown(history, second, withdrawn)] == ["open", "open", "nieuw"]


def test_a_pattern_with_values_or_cause_fits_only_those(history: History) -> None:
    first = _run(history, _wrong(A), _wrong(B, "0599"))
    later = first.finished + DAY
    for pattern in (
        Pattern("belasting", "personen", kind="afwijkend", values=("0363", "0599")),
        Pattern("belasting", "personen", kind="afwijkend", cause="formaat"),
        Pattern("zaaksysteem", "personen", kind="afwijkend"),
    ):
        history.decisions.accept_pattern(
            pattern, reason="x", who="y", last_day=date(2026, 12, 31), zone=ZONE, now=later
        )
    assert _shown(history, first, later) == [("nieuw", None), ("geaccepteerd", None)]


def test_the_dry_run_counts_today_and_the_last_ten_runs(history: History) -> None:
    for week in range(12):
        if week == 10:
            _run(history, status=QUARANTINE)
        rows = [_wrong(A), _wrong(B, "0200" if week > 4 else "0599")]
        _run(history, *(rows if week < 11 else rows[:1]), severity="hoog" if week == 11 else "normaal")
    before = len(history.decisions.of("belasting", "personen"))
    preview = history.decisions.suppression_preview(
        Pattern("belasting", "personen", field="gemeentecode", kind="afwijkend", rule="", values=("0363", "0200"))
    )
    assert preview.today == {"hoog": 1}
    assert [line.run_id for line in preview.runs] == list(range(13, 3, -1))
    assert [dict(line.hidden) for line in preview.runs] == [
        {"hoog": 1}, *[{"normaal": 2}] * 7, {"normaal": 1}, {"normaal": 1},
    ]  # fmt: skip
    assert [line.status for line in preview.runs][:3] == [DONE, DONE, QUARANTINE]
    assert len(history.decisions.of("belasting", "personen")) == before


def test_the_dry_run_says_what_accepting_hides(history: History) -> None:
    first = _run(history, _wrong(A), _wrong(B, "0599"), (A, "", "ontbreekt", "", ""))
    for pattern in (
        Pattern("belasting", "personen", field=""),
        Pattern("belasting", "personen", kind="afwijkend"),
        Pattern("belasting", "personen", rule=""),
        Pattern("belasting", "personen", field="gemeentecode", values=("0363", "0599")),
        Pattern("belasting", "personen", rule="hoofdletters"),
    ):
        fitting = history.findings(first).filter(pattern.expr()).height
        assert sum(history.decisions.suppression_preview(pattern).today.values()) == fitting


_MOVES = st.sampled_from(["run", "run", "quarantine", "accept", "pattern", "report", "withdraw"])


@settings(max_examples=30)
@given(st.lists(st.tuples(_MOVES, st.sets(st.sampled_from([A, B])), st.sampled_from(["0200", "0599"])), max_size=12))
def test_what_was_told_of_a_run_never_changes(moves: list[tuple[str, set[str], str]]) -> None:
    """Whatever runs and decisions follow, a run and its moment keep telling what they told at first."""
    engine = open_database("sqlite://")
    history, told = History(engine, Vault(bytes(32))), list[tuple[StoredRun, datetime, pl.DataFrame]]()
    last = _run(history, _wrong(A), _wrong(B))
    for hour, (move, keys, value) in enumerate(moves, start=1):
        if move in ("run", "quarantine"):
            status = QUARANTINE if move == "quarantine" else DONE
            last = _run(history, *(_wrong(key, value) for key in sorted(keys)), status=status)
        else:
            _decide(history, last, move, last.finished + timedelta(hours=hour))
        told += [
            (last, at, history.findings(last, at)) for at in (last.finished, last.finished + timedelta(hours=hour))
        ]
    for stored, at, findings in told:
        assert_frame_equal(history.findings(stored, at), findings)
    engine.dispose()


def _decide(history: History, stored: StoredRun, move: str, now: datetime) -> None:
    decisions, findings = history.decisions, history.findings(stored, now)
    lasting = {"reason": "x", "who": "y", "last_day": now.date() + 10 * DAY, "zone": ZONE, "now": now}
    ids = findings["id"].to_list()[:1]
    if move == "accept":
        decisions.accept(ids, **lasting)  # type: ignore[arg-type]
    elif move == "pattern":
        pattern = Pattern("belasting", "personen", kind="afwijkend", values=("0363", "0599"))
        decisions.accept_pattern(pattern, **lasting)  # type: ignore[arg-type]
    elif move == "report":
        decisions.report_back(ids, reference="TMV-17", state="verzonden", who="y", now=now)
    else:
        for number in findings["decision"].drop_nulls().unique():
            decisions.withdraw(number, reason="x", who="y", now=now)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [({}, "past op elke bevinding"), ({"kind": "afwijkent"}, "'afwijkend'")],
)
def test_a_pattern_says_what_it_is_about(names: dict[str, str], sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        Pattern("belasting", "personen", **names)  # type: ignore[arg-type]


def test_decisions_that_cannot_be_are_refused_whole(history: History) -> None:
    first = _run(history, _wrong(A), _wrong(B))
    ids = history.findings(first)["id"].to_list()
    _run(history, _wrong(B))
    ways: dict[str, dict[str, object]] = {
        "bestaat niet": {"findings": [ids[1], 99]},
        "al gesloten": {"findings": [ids[1], ids[0]]},
        "al voorbij": {"last_day": date(2026, 11, 1)},
        "wie het nam": {"who": " "},
        "waarom": {"reason": ""},
    }
    for sentence, change in ways.items():
        given: dict[str, object] = {"findings": [ids[1]], "reason": "x", "who": "y", "last_day": date(2026, 12, 31)}
        with pytest.raises(StoreError, match=sentence):
            history.decisions.accept(**given | change, zone=ZONE, now=START)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="Kies uit: gereed"):
        history.decisions.report_back(ids, reference="x", state="weg", who="y", now=START)
    with pytest.raises(StoreError, match="geen acceptatie"):
        history.decisions.withdraw(1, reason="x", who="y", now=START)
    assert history.decisions.of("belasting", "personen") == []


def test_texts_of_decisions_are_unreadable_and_bound_to_their_decision(history: History, tmp_path: Path) -> None:
    first = _run(history, _wrong(A))
    _accept(history, first, date(2026, 12, 31))
    history.decisions.accept_pattern(
        Pattern("belasting", "personen", kind="afwijkend", values=("0363", "Pietersen")),
        reason="x", who="Jansen", last_day=date(2026, 12, 31), zone=ZONE, now=START,
    )  # fmt: skip
    content = b"".join(path.read_bytes() for path in tmp_path.glob("kmgb.sqlite*"))
    assert not [word for word in (b"Vries", b"uitfasering", b"Pietersen", b"Jansen") if word in content]
    with closing(sqlite3.connect(tmp_path / "kmgb.sqlite")) as connection, connection:
        connection.execute("UPDATE besluit SET last_day = '2036-12-31' WHERE id = 1")
    with pytest.raises(StoreError):
        history.decisions.of("belasting", "personen")
