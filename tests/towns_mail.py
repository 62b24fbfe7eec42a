"""A municipality that was checked once, to be copied by every test about mail; and its command in a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from servers_https import Papers
from servers_mail import PASSWORD, USER, certificates
from weekly import ROOT, Rounds, copy_mappings, moment

from kmgb.demo.weeks import Weeks, generate_weeks
from kmgb.run.mail_post import outbox_of, send_due, write_due
from kmgb.run.municipality import Municipality
from kmgb.settings import load_settings
from kmgb.store.outbox import Outbox, Status

SECRETS = {"KMGB_GEHEIM_MAIL": PASSWORD, "KMGB_GEHEIM_GRAPH": "client-4711"}
STEWARD, MANAGER = "gegevens@grootezijl.example", "leiding@grootezijl.example"
# Those with something new after the first week: of the port and the distribution itself nothing is wrong then.
OWNERS = [
    "fb-belastingen@grootezijl.example", "fb-vergunningen@grootezijl.example", "fb-zaaksysteem@grootezijl.example",
    "geo@grootezijl.example",
]  # fmt: skip
ZAKEN = "fb-zaaksysteem@grootezijl.example"
FROM = "Consistentiecontrole Súdwest <kmgb@grootezijl.example>"


class Town:
    """One folder with settings, history and reports."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "kmgb.toml"

    def copied(self, folder: Path) -> Town:
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        town = Town(folder)
        town.configure("")
        return town

    def configure(self, mail: str) -> None:
        places = {"mappings": "mappings", "dumps": "dumps", "data": "data", "output": "uit"}
        lines = [f'{name} = "{self.folder / place}"' for name, place in places.items()]
        lines += [f'templates = "{ROOT / "reports"}"', "[mail]", f'van = "{FROM}"', mail]
        self.path.write_text("\n".join(lines), encoding="utf-8")

    def by_smtp(self, port: int, papers: Papers, more: str = "") -> None:
        known = f'gebruiker = "{USER}"\ngeheim = "mail"\ncertificaten = "{papers.ca}"'
        self.configure(f'smtp = "smtp://localhost:{port}"\n{known}\nwachttijd = 20\n{more}')

    def by_graph(self, port: int, papers: Papers, *, oauth: bool = False, more: str = "") -> None:
        gateway = f"https://localhost:{port}"
        lines = ["[mail.graph]", f'url = "{gateway}/graph"', 'gebruiker = "kmgb@grootezijl.example"']
        lines += [f'certificaten = "{papers.ca}"', f'clientcertificaat = "{papers.client}"']
        if oauth:
            known = f'token_url = "{gateway}/login/oauth2/v2.0/token", client_id = "kmgb", geheim = "graph"'
            lines.append(f"oauth = {{ {known} }}")
        self.configure("\n".join([more, *lines]))

    @property
    def municipality(self) -> Municipality:
        return Municipality(load_settings(self.path))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The real program."""
        program = [sys.executable, "-c", "from kmgb.cli.main import main; main()", "--instellingen", str(self.path)]
        return subprocess.Popen(
            [*program, *arguments],
            cwd=self.folder, env=os.environ | SECRETS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of the real program."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


def checked(folder: Path, weeks: Weeks, numbers: tuple[int, ...]) -> Town:
    """A municipality after these weeks, with one mail setting that leads nowhere."""
    rounds = Rounds(folder, copy_mappings(folder / "mappings", inputs=False))
    for number in numbers:
        rounds.week(weeks.weeks[number - 1])
    (folder / "dumps").mkdir(exist_ok=True)
    town = Town(folder)
    town.configure("")
    return town


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return certificates(tmp_path_factory.mktemp("papieren"))


@pytest.fixture(scope="session")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    return generate_weeks(tmp_path_factory.mktemp("weken"))


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory, weeks: Weeks) -> Town:
    """A municipality after its first week."""
    return checked(tmp_path_factory.mktemp("gemeente"), weeks, (1,))


@pytest.fixture
def town(first: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return first.copied(tmp_path / "gemeente")


def post(town: Town, at: datetime | None = None) -> tuple[int, Counter[Status]]:
    """Write and send, in this process."""
    municipality, when = town.municipality, at or now()
    written, _ = write_due(municipality, when)
    return written, send_due(municipality, lambda: when)


def outbox(town: Town) -> Outbox:
    return outbox_of(town.municipality)


def statuses(town: Town) -> Counter[Status]:
    return Counter(one.status for one in outbox(town).listed(100))


def play(town: Town, weeks: Weeks, number: int, at: datetime | None = None) -> None:
    rounds = Rounds(town.folder, town.folder / "mappings")
    week = weeks.weeks[number - 1]
    rounds.play(week.folder, at or moment(week), rounds.municipality(week.folder))
