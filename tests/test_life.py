"""Lives of findings are exact: what the store tells of every run equals a replay in plain Python; and writes are few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, event, insert

from kmgb.compare.kinds import FINDING_COLUMNS
from kmgb.crosscheck.model import RULE
from kmgb.errors import StoreError
from kmgb.store.database import open_database, upgrade
from kmgb.store.findings import CHECK, Changes, all_compared
from kmgb.store.runs import DONE, QUARANTINE, History, NewRun
from kmgb.store.schema import afwijking, run, versie
from kmgb.store.secrets import Vault

START = datetime(2026, 9, 7, 6, 0, tzinfo=UTC)
KEYS = ("999900067", "999900092", "999900109")
FIELDS = ("gemeentecode", "huisnummer", "")  # "": the whole row is absent
FATES = ("vergeleken", "weg", "buiten_populatie", "onbekend")
Cell = tuple[str, str]
Found = dict[Cell, tuple[str, str]]  # value of the application, cause


@dataclass(frozen=True)
class Step:
    """One delivery: what is found, what became of the keys, which fields are compared, and how the run goes."""

    how: str
    found: Found
    fates: dict[str, str]
    compared: frozenset[str]
    survives: int  # statements before the process is killed


STEPS = st.builds(
    Step,
    how=st.sampled_from(["run", "run", "run", "quarantined", "killed", "repeated"]),
    found=st.dictionaries(
        st.tuples(st.sampled_from(KEYS), st.sampled_from(FIELDS)),
        st.tuples(st.sampled_from(["0200", "0599"]), st.sampled_from(["onbekend", "formaat"])),
    ),
    fates=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(FATES)),
    compared=st.frozensets(st.sampled_from(FIELDS[:2])),
    survives=st.integers(0, 8),
)


@dataclass
class Life:
    """One interval, in plain Python."""

    cell: Cell
    opened: int
    predecessor: int | None
    versions: list[tuple[str, str]]
    closed: str | None = None


@dataclass
class Oracle:
    """Replays sets: nothing of the store is used."""

    lives: list[Life] = field(default_factory=list)
    judged: list[int] = field(default_factory=list)

    def step(self, step: Step, run_id: int) -> dict[Cell, tuple[object, ...]]:
        """What stands after a run, per cell: status, value, cause, since which run, age in runs, opening before it."""
        unknown = self._judge(step, run_id) if step.how != "quarantined" else None
        return {life.cell: self._line(life, run_id, unknown) for life in self.lives if life.closed is None}

    def _judge(self, step: Step, run_id: int) -> set[Cell]:
        self.judged.append(run_id)
        standing = {life.cell: life for life in self.lives if life.closed is None}
        unknown = set()
        for cell in standing.keys() - step.found.keys():
            key, name = cell
            fate = step.fates.get(key, "onbekend")
            if name and name not in step.compared:
                standing[cell].closed = "niet_meer_vergeleken"
            elif fate == "onbekend":
                unknown.add(cell)
            else:
                standing[cell].closed = "buiten_populatie" if fate == "buiten_populatie" else "opgelost"
        for cell, version in step.found.items():
            if cell in standing:
                standing[cell].versions.append(version)
            else:
                before = [life.opened for life in self.lives if life.cell == cell]
                self.lives.append(Life(cell, run_id, before[-1] if before else None, [version]))
        return unknown

    def _line(self, life: Life, run_id: int, unknown: set[Cell] | None) -> tuple[object, ...]:
        status = "open"
        if unknown is None or life.cell in unknown:
            status = "onbekend"
        elif life.opened == run_id:
            status = "nieuw" if life.predecessor is None else "teruggekeerd"
        age = sum(1 for judged in self.judged if life.opened < judged)
        return (status, *life.versions[-1], life.opened, age, life.predecessor)


class KilledError(Exception):
    """The process stops here."""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('leven') / 'kmgb.sqlite'}")
    yield History(engine, Vault(bytes(32)))
    engine.dispose()


def _frame(found: Found) -> pl.DataFrame:
    records = [
        {
            "key": key, "key_field": "bsn", "field": name, "kind": "afwijkend" if name else "ontbreekt",
            "distributie": "0363", "afnemer_value": value, "severity": "normaal", "cause": cause,
        }
        for (key, name), (value, cause) in found.items()
    ]  # fmt: skip
    return pl.DataFrame(records, schema={**FINDING_COLUMNS, "cause": pl.String})


def _write(history: History, afnemer: str, week: int, step: Step) -> tuple[int, Changes]:
    moment = START + timedelta(weeks=week)
    quarantined = step.how == "quarantined"
    new = NewRun(afnemer, "personen", QUARANTINE if quarantined else DONE, moment, moment, None, None, {})
    return history.write(
        new,
        [],
        None if quarantined else _frame(step.found),
        None,
        fates=lambda keys: {key: step.fates[key] for key in keys if key in step.fates},
        compared=step.compared,
    )


@contextmanager
def _killed(engine: Engine, survives: int) -> Iterator[None]:
    """Whatever runs inside stops after so many statements, or else at its commit."""
    left = count(survives, -1)

    def stop(*_: object) -> None:
        if next(left) <= 0:
            raise KilledError

    def stop_now(*_: object) -> None:
        raise KilledError

    event.listen(engine, "before_cursor_execute", stop)
    event.listen(engine, "commit", stop_now)
    try:
        with pytest.raises(KilledError):
            yield
    finally:
        event.remove(engine, "before_cursor_execute", stop)
        event.remove(engine, "commit", stop_now)


def _told(history: History, run_id: int) -> dict[Cell, tuple[object, ...]]:
    stored = history.run(run_id)
    openings = dict(history.findings(stored, closed=True).select("id", "opened_run").iter_rows())
    columns = ("key", "field", "status", "afnemer_value", "cause", "opened_run", "age_runs", "predecessor")
    return {
        (key, name): (*rest, None if predecessor is None else openings[predecessor])
        for key, name, *rest, predecessor in history.findings(stored).select(columns).iter_rows()
    }


@settings(max_examples=60)
@given(st.lists(STEPS, min_size=2, max_size=8))
def test_every_run_is_told_as_the_replay_has_it(history: History, steps: list[Step]) -> None:
    afnemer, oracle = f"a{len(history.newest())}", Oracle()
    expected: dict[int, dict[Cell, tuple[object, ...]]] = {}
    for week, step in enumerate(steps):
        if step.how == "killed":
            with _killed(history.engine, step.survives):
                _write(history, afnemer, week, step)
            continue
        run_id, _ = _write(history, afnemer, week, step)
        expected[run_id] = oracle.step(step, run_id)
        if step.how == "repeated":
            again, changes = _write(history, afnemer, week, step)
            assert (changes.opened, changes.closed, changes.changed) == (0, 0, 0)
            expected[again] = oracle.step(step, again)
    assert {run_id: _told(history, run_id) for run_id in expected} == expected


def _step(found: Found, fates: dict[str, str] | None = None, how: str = "run") -> Step:
    return Step(how, found, fates or all_compared(KEYS), frozenset(FIELDS), 0)


ONE, TWO = (KEYS[0], "gemeentecode"), (KEYS[1], "gemeentecode")


def test_a_quarantined_run_in_the_middle_leaves_everything_unknown(history: History) -> None:
    steps = [_step({ONE: ("0200", "onbekend")}), _step({}, how="quarantined"), _step({ONE: ("0200", "onbekend")})]
    runs = [_write(history, "midden", week, step) for week, step in enumerate(steps)]
    assert [_told(history, run_id)[ONE][0] for run_id, _ in runs] == ["nieuw", "onbekend", "open"]
    assert [changes.unknown for _, changes in runs] == [0, 1, 0]
    assert history.findings(history.run(runs[2][0])).select("age", "age_runs").rows() == [(14, 1)]


@pytest.mark.parametrize(
    ("fate", "closed_as", "solved"),
    [("vergeleken", "opgelost", 1), ("weg", "opgelost", 1), ("buiten_populatie", "buiten_populatie", 0)],
)
def test_a_finding_closes_as_its_key_fared(history: History, fate: str, closed_as: str, solved: int) -> None:
    _write(history, fate, 0, _step({ONE: ("0200", "onbekend")}))
    last, changes = _write(history, fate, 1, _step({}, {KEYS[0]: fate}))
    assert (changes.closed, changes.solved, history.changes(history.run(last))) == (1, solved, changes)
    ended = history.findings(history.run(last), closed=True)
    assert ended.select("status", "closed_run", "age").rows() == [(closed_as, last, 7)]
    assert history.findings(history.run(last)).is_empty()


def test_what_could_not_be_judged_stays_open_and_is_listed(history: History) -> None:
    _write(history, "deel", 0, _step({ONE: ("0200", "onbekend"), TWO: ("0200", "onbekend")}))
    last, changes = _write(history, "deel", 1, _step({}, {KEYS[0]: "vergeleken"}))
    assert changes == Changes(0, 1, 0, 0, unknown=1)
    assert history.changes(history.run(last)) == changes
    assert history.findings(history.run(last)).select("key", "status").rows() == [(KEYS[1], "onbekend")]


def test_only_another_cause_is_a_version_and_other_evidence_is_not(history: History) -> None:
    def found(cause: str, evidence: str) -> pl.DataFrame:
        explained = pl.lit(evidence).alias("cause_evidence"), pl.lit("herzenden").alias("next_step")
        return _frame({ONE: ("0200", cause)}).with_columns(explained)

    outcomes = [
        history.write(NewRun("oorzaak", "personen", DONE, START, START, None, None, {}), [], found(*told), None)
        for told in (("formaat", "98 van 100"), ("formaat", "99 van 100"), ("handmatig", "kwam nooit voor"))
    ]
    assert [changes.changed for _, changes in outcomes] == [0, 0, 1]
    shown = [
        history.findings(history.run(run_id)).select("cause", "cause_evidence", "next_step").row(0)
        for run_id, _ in outcomes
    ]
    first = ("formaat", "98 van 100", "herzenden")
    assert shown == [first, first, ("handmatig", "kwam nooit voor", "herzenden")]


def test_one_key_is_found_without_opening_the_others(history: History) -> None:
    row = (KEYS[0], "")
    last, _ = _write(history, "sleutel", 0, _step(dict.fromkeys([ONE, TWO, row], ("0200", "onbekend"))))
    assert history.findings(history.run(last), key=KEYS[0])["field"].to_list() == ["", "gemeentecode"]
    assert history.findings(history.run(last), key="999999990").is_empty()


def test_history_as_of_a_moment_is_that_of_the_last_run_before_it(history: History) -> None:
    first, _ = _write(history, "moment", 0, _step({ONE: ("0200", "onbekend")}))
    second, _ = _write(history, "moment", 1, _step({}))
    days = [START + timedelta(days=days) for days in (-1, 3, 7)]
    told = [[stored.id for stored in history.as_of(moment=day) if stored.afnemer == "moment"] for day in days]
    assert told == [[], [first], [second]]


def test_a_cell_can_have_findings_of_checks_beside_its_own(history: History) -> None:
    """Each has a life of its own: a check that is no longer made drops its finding, one that could not be made does not."""
    assert CHECK == RULE
    cell = _frame({ONE: ("0200", "onbekend")})
    checks = [cell.with_columns(pl.lit(RULE + code).alias("rule"), kind=pl.lit("ongeldig")) for code in "XYZ"]
    new = NewRun("kruis", "personen", DONE, START, START, None, None, {})
    _, changes = history.write(new, [], pl.concat([cell, *checks]), None, compared=["gemeentecode"])
    assert changes == Changes(4, 0, 0, 0)
    compared = ["gemeentecode", RULE + "X", RULE + "Y"]
    last, changes = history.write(new, [], cell, None, compared=compared, undecided=[RULE + "Y"])
    assert changes == Changes(0, 2, 0, 1, unknown=1, dropped=1)
    told = history.findings(history.run(last), closed=True, key=ONE[0]).select("rule", "status")
    assert told.rows() == [
        (None, "open"), (RULE + "X", "opgelost"), (RULE + "Y", "onbekend"), (RULE + "Z", "niet_meer_vergeleken"),
    ]  # fmt: skip


def test_without_the_file_of_checks_their_findings_stay_as_they_were(history: History) -> None:
    check = _frame({ONE: ("0200", "onbekend")}).with_columns(pl.lit(RULE + "X").alias("rule"), kind=pl.lit("ongeldig"))
    new = NewRun("zonder", "personen", DONE, START, START, None, None, {})
    history.write(new, [], check, None)
    _, changes = history.write(new, [], check.clear(), None, compared=["gemeentecode"], undecided=[RULE])
    assert changes == Changes(0, 0, 0, 0, unknown=1)


def test_what_was_proven_stays_when_the_log_no_longer_reaches_it(history: History) -> None:
    proven = _frame({ONE: ("0200", "niet_ontvangen"), TWO: ("0200", "onderweg")})
    proven = proven.with_columns(pl.lit("2026-10-05").alias("former_until"), pl.lit("herzenden").alias("next_step"))
    untold = _frame({ONE: ("0200", "onbekend"), TWO: ("0200", "onbekend")})
    other = _frame({ONE: ("0599", "onbekend"), TWO: ("0200", "onbekend")})
    new = NewRun("bewezen", "personen", DONE, START, START, None, None, {})
    told = []
    for found in (proven, untold, other):
        run_id, _ = history.write(new, [], found, None)
        told.append(history.findings(history.run(run_id)).select("cause", "former_until").rows())
    assert told == [
        [("niet_ontvangen", "2026-10-05"), ("onderweg", "2026-10-05")],
        [("niet_ontvangen", "2026-10-05"), ("onbekend", None)],
        [("onbekend", None), ("onbekend", None)],
    ]


def test_findings_that_cannot_be_told_apart_are_refused(history: History) -> None:
    cell = _frame({ONE: ("0200", "onbekend")})
    new = NewRun("tweemaal", "personen", DONE, START, START, None, None, {})
    with pytest.raises(StoreError, match=r"2 bevindingen zijn niet uit elkaar te houden \(gemeentecode\)"):
        history.write(new, [], pl.concat([cell, cell]), None)
    assert "tweemaal" not in {stored.afnemer for stored in history.newest()}


def test_events_tell_a_life_in_order(history: History) -> None:
    found = {ONE: ("0200", "onbekend")}
    steps = [_step(found), _step({ONE: ("0599", "formaat")}), _step({}, how="quarantined")]
    steps += [_step({}, {KEYS[0]: "onbekend"}), _step({}), _step(found)]
    runs = [_write(history, "verhaal", week, step)[0] for week, step in enumerate(steps)]
    lives = history.findings(history.run(runs[-1]), closed=True, key=KEYS[0])["id"].to_list()
    told = history.events(history.run(runs[-1]), lives)
    assert [(one.run_id, one.what) for one in told] == [
        (runs[0], "nieuw"),
        (runs[1], "waarden of soort gewijzigd, oorzaak nu formaat"),
        (runs[2], "onbekend: aanlevering in quarantaine"),
        (runs[3], "onbekend: niet te beoordelen"),
        (runs[4], "gesloten: opgelost"),
        (runs[5], f"teruggekeerd (eerder bevinding {lives[0]})"),
    ]
    assert history.events(history.run(runs[0]), lives) == told[:1]


def test_a_run_writes_rows_in_proportion_to_what_changed(history: History) -> None:
    """Of 20,000 open findings 10 change: 4 values, 3 openings (2 rows each), 3 closings."""
    cells = [(f"99{number:07d}", "gemeentecode") for number in range(20_003)]
    before = dict.fromkeys(cells[:20_000], ("0200", "onbekend"))
    _write(history, "veel", 0, _step(before))
    after = dict.fromkeys(cells[3:], ("0200", "onbekend")) | dict.fromkeys(cells[3:7], ("0599", "onbekend"))
    with _rows_written(history.engine) as written:
        _, changes = _write(
            history, "veel", 1, Step("run", after, all_compared([k for k, _ in cells]), frozenset(FIELDS), 0)
        )
    assert changes == Changes(3, 3, 4, 19_993)
    assert dict(written) == {"run": 1, "afwijking": 3 + 3, "afwijking_versie": 3 + 4}
    with _rows_written(history.engine) as written:
        _write(history, "veel", 2, _step(after))
    assert dict(written) == {"run": 1}


@contextmanager
def _rows_written(engine: Engine) -> Iterator[Counter[str]]:
    """Rows inserted, updated or deleted, per table."""
    written: Counter[str] = Counter()

    def see(_: object, cursor: Any, statement: str, parameters: Any, __: object, many: bool) -> None:
        words = statement.split()
        if words[0] in ("INSERT", "UPDATE", "DELETE"):
            table = words[1] if words[0] == "UPDATE" else words[2]
            written[table] += len(parameters) if many else cursor.rowcount

    event.listen(engine, "after_cursor_execute", see)
    try:
        yield written
    finally:
        event.remove(engine, "after_cursor_execute", see)


def test_a_database_of_before_causes_is_brought_up_to_date(tmp_path: Path) -> None:
    """A finding of the first version keeps its life: the next run with the same values writes no version."""
    vault = Vault(bytes(32))
    engine = create_engine(f"sqlite:///{tmp_path / 'oud.sqlite'}")
    upgrade(engine, "0001")
    values = [KEYS[0], "bsn", None, "0363", None, "0200"]
    identity = vault.identity("oud", "personen", KEYS[0], "gemeentecode")
    mac = vault.identity(*(str(value) for value in (*values, "afwijkend", None, "normaal")))
    with engine.begin() as connection:
        moment = START.replace(tzinfo=None)
        connection.execute(
            insert(run).values(
                id=1,
                afnemer="oud",
                entity="personen",
                status=DONE,
                started=moment,
                finished=moment,
                facts={},
                outcome={},
            )
        )
        connection.execute(
            insert(afwijking).values(
                id=1,
                identity=identity,
                afnemer="oud",
                entity="personen",
                field="gemeentecode",
                opened_run=1,
            )
        )
        connection.execute(insert(versie).values(
            afwijking_id=1, run_id=1, kind="afwijkend", severity="normaal", values_mac=mac,
            payload=vault.seal(values, identity),
        ))  # fmt: skip
    engine.dispose()
    upgraded = open_database(f"sqlite:///{tmp_path / 'oud.sqlite'}")
    history = History(upgraded, vault)
    last, changes = _write(history, "oud", 1, _step({ONE: ("0200", "onbekend")}))
    assert changes == Changes(0, 0, 0, 1)
    shown = history.findings(history.run(last)).select("status", "afnemer_value", "cause", "cause_evidence")
    assert shown.rows() == [("open", "0200", "onbekend", "")]
    upgraded.dispose()
