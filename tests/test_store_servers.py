"""The history on the servers that municipalities run says what it says in SQLite: real PostgreSQL and MariaDB.

Three weeks of checks, decisions in between, the weekly report, mail, and the evidence for an auditor.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from servers_db import SECRET, Server, mariadb, postgresql
from sqlalchemy import URL
from weekly import ROOT, Rounds, copy_mappings, moment

from kmgb.demo.weeks import Weeks, generate_weeks
from kmgb.report.week import WeekReport
from kmgb.report.week_files import week_json
from kmgb.run.mail_post import write_due
from kmgb.run.municipality import Municipality
from kmgb.run.pack.export import Request, export_pack
from kmgb.run.pack.verify import verify_pack
from kmgb.run.replay import replay
from kmgb.run.week import week_report
from kmgb.settings import Mail, Settings
from kmgb.store.outbox import Outbox
from kmgb.store.suppression import Pattern

__all__ = ["mariadb", "postgresql"]
ZONE = "Europe/Amsterdam"
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T]\d\d:.*")


@dataclass
class Served(Rounds):
    """Rounds of which the history stands in this database."""

    database: str = ""
    opened: list[Municipality] = field(default_factory=list)

    def close(self) -> None:
        for one in self.opened:
            one.history.engine.dispose()

    def municipality(self, dumps: Path) -> Municipality:
        self.opened.append(self._new(dumps))
        return self.opened[-1]

    def _new(self, dumps: Path) -> Municipality:
        return Municipality(
            Settings(
                mappings=self.mappings, dumps=dumps, data=self.folder / "data", output=self.folder / "uit",
                templates=ROOT / "reports", database=self.database, key="A" * 43 + "=",
                mail=Mail(van="kmgb@gemeente.example", smtp="smtp://127.0.0.1", gegevensbeheerders=("a@gemeente.example",)),
            )
        )  # fmt: skip


@dataclass
class Told:
    """What a town says after three weeks."""

    findings: list[dict[str, str]]
    closed: list[dict[str, str]]
    weeks: list[WeekReport]
    mails: list[tuple[str, str, str]]
    pack: tuple[int, int]


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    return generate_weeks(tmp_path_factory.mktemp("weken"))


def play(weeks: Weeks, folder: Path, database: str) -> Told:
    """Three rounds; after the second some findings are accepted and reported back."""
    with closing(Served(folder, copy_mappings(folder / "mappings", inputs=False), database=database)) as rounds:
        reports = []
        for number, week in enumerate((weeks.weeks[0], weeks.weeks[3], weeks.weeks[6]), 1):
            rounds.week(week)
            now = moment(week) + timedelta(hours=1)
            municipality = rounds.municipality(folder)
            if number == 2:
                decide(municipality, now)
            reports.append(week_report(municipality, now + timedelta(hours=1)))
            write_due(municipality, now + timedelta(hours=2))
        municipality = rounds.municipality(folder)
        engine = municipality.history.engine
        mails = [(one.kind, one.recipient, one.subject) for one in Outbox(engine).listed(1000)]
        day = moment(weeks.weeks[6]).date()
        written = export_pack(
            municipality, Request(begin=date(2020, 1, 1), end=day, afnemers=(), roles=(), who="M. de Vries", why=""),
            folder / "bewijs.zip", now=datetime.now(UTC),
        )  # fmt: skip
        verdict = verify_pack(written.path, written.manifest_sha256)
        assert verdict.faults == ()
        replayed = replay(municipality, next(iter(rounds.runs[-1].values())))
        assert replayed.equal
        return Told(rounds.findings(), rounds.findings(closed=True), reports, mails, (verdict.runs, verdict.findings))


def decide(municipality: Municipality, now: datetime) -> None:
    history = municipality.history
    (stored,) = [run for run in history.as_of(moment=now) if (run.afnemer, run.entity) == ("belasting", "personen")]
    ids = history.findings(stored).filter(kind="afwijkend")["id"].to_list()
    said = {"reason": "Zo afgesproken: 'ê' blijft", "who": "M. de Vries", "zone": ZONE, "now": now}
    numbers = history.decisions.accept(ids[:4], last_day=(now + timedelta(days=40)).date(), **said)
    history.decisions.withdraw(numbers[0], reason="Toch niet", who="M. de Vries", now=now)
    history.decisions.report_back(ids[6:8], reference="TMV-1", state="verzonden", who="M. de Vries", now=now)
    pattern = Pattern("belasting", "personen", field="verblijfsadres", kind="afwijkend")
    history.decisions.accept_pattern(pattern, last_day=(now + timedelta(days=40)).date(), **said)


@pytest.fixture(scope="module")
def embedded(weeks: Weeks, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return play(weeks, tmp_path_factory.mktemp("sqlite"), "")


@pytest.mark.parametrize("system", ["postgresql", "mariadb"])
def test_a_server_says_what_sqlite_says(
    weeks: Weeks, embedded: Told, tmp_path: Path, request: pytest.FixtureRequest, system: str
) -> None:
    server: Server = request.getfixturevalue(system)
    found = play(weeks, tmp_path, address(server))
    assert len(embedded.findings) > 200 and len(embedded.closed) > len(embedded.findings)
    assert told(found.findings) == told(embedded.findings)
    assert told(found.closed) == told(embedded.closed)
    for ours, theirs in zip(found.weeks, embedded.weeks, strict=True):
        assert facts(ours) == facts(theirs)
    assert found.mails == embedded.mails and len(found.mails) > 5
    assert found.pack == embedded.pack


def told(findings: list[dict[str, str]]) -> list[tuple[tuple[str, str], ...]]:
    return sorted(tuple((name, said(value)) for name, value in row.items()) for row in findings)


def facts(week: WeekReport) -> Any:
    return json.loads(week_json(week), object_hook=lambda found: {name: said(value) for name, value in found.items()})


def said(value: Any) -> Any:
    """Of a moment the day: runs end when they are ready."""
    found = MOMENT.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else value


def address(server: Server) -> str:
    """An own, empty database on the server."""
    driver = "postgresql+psycopg" if server.system == "postgresql" else "mysql+pymysql"
    options = " character set utf8mb4" if server.system == "mariadb" else ""
    server.admin(f"create database geschiedenis{options}")
    if server.system == "mariadb":
        server.admin("grant all on geschiedenis.* to kmgb@'%'")
    found = URL.create(driver, server.user, SECRET, "127.0.0.1", server.port, "geschiedenis")
    return found.render_as_string(hide_password=False)
