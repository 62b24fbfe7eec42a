"""Bad input through whole checks: the run says so in Dutch, and no finding gets a wrong cause."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from weekly import PERSONS, Rounds, cell, copy_mappings, moment, wrong_causes

from kmgb.demo.weeks import Week, Weeks, generate_weeks
from kmgb.sources import indications

BARE, INFORMED = "cause_bare", "cause"
BEFORE = 3  # weeks in which nothing was wrong
TAX = ("belasting", "personen")
ZONE = timedelta(hours=-5)

Fresh = Callable[[], Rounds]


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    return generate_weeks(tmp_path_factory.mktemp("weken"))


def _begun(weeks: Weeks, folder: Path, *, inputs: bool) -> Rounds:
    rounds = Rounds(folder, copy_mappings(folder / "mappings", inputs=inputs), PERSONS, ["personen"])
    for week in weeks.weeks[:BEFORE]:
        rounds.week(week)
    return rounds


@pytest.fixture(scope="module")
def bare(weeks: Weeks, tmp_path_factory: pytest.TempPathFactory) -> Rounds:
    return _begun(weeks, tmp_path_factory.mktemp("kaal"), inputs=False)


@pytest.fixture(scope="module")
def informed(weeks: Weeks, tmp_path_factory: pytest.TempPathFactory) -> Rounds:
    return _begun(weeks, tmp_path_factory.mktemp("lijsten"), inputs=True)


@pytest.fixture
def rounds(bare: Rounds, tmp_path: Path) -> Rounds:
    """Three good weeks, in a history of their own."""
    return _copy(bare, tmp_path)


def _copy(rounds: Rounds, folder: Path) -> Rounds:
    shutil.copytree(rounds.folder / "data", folder / "data")
    return replace(rounds, folder=folder, runs=list(rounds.runs))


def _edited(week: Week, folder: Path, name: str, edit: Callable[[str], str]) -> Week:
    """The same week, with one of its files changed."""
    shutil.copytree(week.folder, folder / week.folder.name)
    (path,) = (folder / week.folder.name).glob(name)
    path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8", newline="")
    return replace(week, folder=folder / week.folder.name)


def _wrong(rounds: Rounds, week: Week, column: str = BARE) -> list[tuple[str, ...]]:
    return wrong_causes([row for row in rounds.findings() if row["status"] != "onbekend"], week.folder, column)


def _causes(rounds: Rounds) -> dict[tuple[str, ...], str]:
    return {cell(row): row["cause"] for row in rounds.findings()}


def _named(rounds: Rounds) -> int:
    return sum(cause != "onbekend" for cause in _causes(rounds).values())


# The mutation log


def test_a_week_that_was_never_delivered(weeks: Weeks, rounds: Rounds) -> None:
    week = weeks.weeks[BEFORE + 1]
    rounds.week(week)
    assert rounds.warnings()[TAX] == [
        "distributie, personen: tussen 2026-10-12 en 2026-10-26 is een aanlevering gemist (gewoonlijk om de 7 dagen). "
        "Wat daartussen kwam en ging, staat niet in het mutatielog."
    ]
    assert _wrong(rounds, week) == []
    assert _named(rounds) > 0


def test_a_week_that_is_missing_from_the_log(weeks: Weeks, rounds: Rounds) -> None:
    before, week = weeks.weeks[BEFORE : BEFORE + 2]
    rounds.week(before)
    (rounds.folder / "data/mutaties/distributie/personen/20261011T220000.000000Z.parquet").unlink()
    rounds.week(week)
    assert rounds.warnings()[TAX] == [
        "distributie, personen: het mutatielog heeft een gat van 2026-10-05 tot 2026-10-12. "
        "Oorzaken van voor die tijd blijven onbekend."
    ]
    assert _wrong(rounds, week) == []


def test_peildatum_that_runs_backwards(weeks: Weeks, rounds: Rounds, tmp_path: Path) -> None:
    """The applications are of week 5, the distribution's file is that of week 4 after that of week 5."""
    earlier, week, after = weeks.weeks[BEFORE : BEFORE + 3]
    rounds.week(week)
    before = _causes(rounds)
    mixed = tmp_path / "terug" / week.folder.name
    shutil.copytree(week.folder, mixed)
    for path in mixed.glob("distributie_personen_*"):
        path.unlink()
    for path in earlier.folder.glob("distributie_personen_*"):
        shutil.copy(path, mixed)
    rounds.play(mixed, moment(week))
    assert rounds.warnings()[TAX] == [
        "distributie, personen: de peildatum loopt terug, van 2026-10-26 naar 2026-10-19. "
        "Van deze stap staat niets in het mutatielog; controleer de peildatum."
    ]
    assert _causes(rounds) == before
    rounds.week(after)
    assert _wrong(rounds, after) == []


def test_two_deliveries_with_one_peildatum(weeks: Weeks, rounds: Rounds, tmp_path: Path) -> None:
    before, week = weeks.weeks[BEFORE - 1 : BEFORE + 1]
    twice = (
        "distributie, personen: er zijn verschillende aanleveringen met peildatum 2026-10-12. Wat daarvoor en "
        "daarna veranderde, staat niet in het mutatielog; lever per peildatum één bestand aan."
    )
    # The same dump once more, without its last row.
    other = _edited(
        before, tmp_path / "ander", "distributie_personen_*", lambda text: text[: text.rindex("\n", 0, -1) + 1]
    )
    rounds.week(other)
    assert rounds.warnings()[TAX] == [twice]
    assert _wrong(rounds, before) == []
    rounds.week(week)
    assert twice in rounds.warnings()[TAX]
    assert _wrong(rounds, week) == []


# The optional inputs


@pytest.fixture
def listed(informed: Rounds, tmp_path: Path) -> Rounds:
    return _copy(informed, tmp_path)


@pytest.fixture(scope="module")
def right(weeks: Weeks, informed: Rounds, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], str]:
    """The causes of the week with lists in which nothing is wrong."""
    rounds = _copy(informed, tmp_path_factory.mktemp("goed"))
    rounds.week(weeks.weeks[BEFORE])
    return _causes(rounds)


STRANGERS = "".join(f"{number}\n" for number in ("999990019", "999990020"))


def test_indicaties_with_unknown_keys(
    weeks: Weeks, listed: Rounds, tmp_path: Path, right: dict[tuple[str, ...], str]
) -> None:
    week = _edited(weeks.weeks[BEFORE], tmp_path / "w", "indicaties-belasting.csv", lambda text: text + STRANGERS)
    listed.week(week)
    (warning, *_) = listed.warnings()[TAX]
    number = (week.folder / "indicaties-belasting.csv").read_text(encoding="utf-8").count("\n") - 1
    assert warning == f"indicaties-belasting.csv: 2 van {number} sleutels zijn niet bekend bij de distributie."
    assert _causes(listed) == right
    assert _wrong(listed, weeks.weeks[BEFORE], INFORMED) == []


def test_indicaties_with_nothing_but_unknown_keys(weeks: Weeks, listed: Rounds, tmp_path: Path) -> None:
    week = _edited(weeks.weeks[BEFORE], tmp_path / "w", "indicaties-belasting.csv", lambda _: "key\n" + STRANGERS)
    listed.week(week)
    (warning, *_) = listed.warnings()[TAX]
    assert warning == (
        "indicaties-belasting.csv: geen van de 2 sleutels is bekend bij de distributie; controleer de kolom 'key'. "
        f"{indications.WITHOUT}"
    )
    assert _wrong(listed, weeks.weeks[BEFORE], INFORMED) == []


def _elsewhere(text: str) -> str:
    return _moments(text, lambda moment: (moment + ZONE).strftime("%Y-%m-%dT%H:%M:%S-05:00"))


def _unzoned(text: str) -> str:
    return _moments(text, lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S"))


def _moments(text: str, write: Callable[[datetime], str]) -> str:
    head, *lines = text.splitlines()
    rows = [line.split(";") for line in lines]
    place = head.split(";").index("moment")
    for row in rows:
        row[place] = write(datetime.fromisoformat(row[place]).astimezone(UTC).replace(tzinfo=None))
    return "\n".join([head, *(";".join(row) for row in rows)]) + "\n"


@pytest.mark.parametrize(
    ("edit", "says"),
    [(_elsewhere, "andere tijdzone"), (_unzoned, "zonder tijdzone")],
    ids=["another zone", "UTC that does not say so"],
)
def test_message_log_in_another_time_zone(
    weeks: Weeks,
    listed: Rounds,
    tmp_path: Path,
    right: dict[tuple[str, ...], str],
    edit: Callable[[str], str],
    says: str,
) -> None:
    week = _edited(weeks.weeks[BEFORE], tmp_path / "w", "berichten.csv", edit)
    listed.week(week)
    assert [warning for warning in listed.warnings()[TAX] if says in warning]
    assert _causes(listed) == right
    assert _wrong(listed, weeks.weeks[BEFORE], INFORMED) == []
