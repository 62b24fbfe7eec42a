"""`kmgb history show` and `kmgb besluit` as a steward meets them: numbers to refer to, sentences, masked values."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from kmgb.cli.main import app
from kmgb.compare.kinds import FINDING_COLUMNS
from kmgb.errors import KmgbError
from kmgb.run.municipality import Municipality
from kmgb.settings import load_settings
from kmgb.store.runs import DONE, QUARANTINE, NewRun

ROOT = Path(__file__).parent.parent
A, B = "999900067", "999900092"
STREET = "Geheimstraat"
NOW = datetime.now(UTC)


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A settings file, and three weekly runs: one with findings, one in quarantine, one in which B was solved."""
    path = tmp_path / "kmgb.toml"
    folders = {"mappings": ROOT / "mappings", "data": tmp_path / "data", "output": tmp_path / "uitvoer"}
    path.write_text("".join(f'{name} = "{folder}"\n' for name, folder in folders.items()), encoding="utf-8")
    municipality = Municipality(load_settings(path))
    found = [
        (A, "gemeentecode", "afwijkend", "0200"),
        (A, "verblijfsadres", "afwijkend", STREET),
        (B, "", "ontbreekt", None),
    ]
    for weeks, rows in ((3, found), (2, None), (1, found[:2])):
        moment = NOW - timedelta(weeks=weeks)
        status = QUARANTINE if rows is None else DONE
        new = NewRun("belasting", "personen", status, moment, moment, None, None, {}, {"total": 3})
        municipality.history.write(new, [], None if rows is None else _frame(rows), None)
    municipality.history.engine.dispose()
    return path


def _frame(rows: list[tuple[str, str, str, str | None]]) -> pl.DataFrame:
    names = ("key", "field", "kind", "afnemer_value")
    more = {"key_field": "bsn", "severity": "normaal"}
    return pl.DataFrame([dict(zip(names, row, strict=True)) | more for row in rows], schema=FINDING_COLUMNS)


def kmgb(town: Path, *words: str) -> Result:
    result = CliRunner().invoke(app, ["--instellingen", str(town), *words])
    if isinstance(result.exception, KmgbError):
        return result
    assert result.exit_code == 0, result.output
    return result


def _lines(result: Result) -> list[list[str]]:
    """The rows of the first table, without their frame."""
    body = result.output.partition("┡")[2].partition("\n")[2].partition("└")[0]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in body.splitlines()]


def test_the_life_of_one_key_is_shown_with_the_key_as_typed(town: Path) -> None:
    result = kmgb(town, "history", "show", A)
    assert [line[:6] for line in _lines(result)] == [
        ["1", "belasting", "personen", A, "gemeentecode", "afwijkend"],
        ["2", "belasting", "personen", A, "verblijfsadres", "afwijkend"],
    ]
    assert [line[9:12] for line in _lines(result)] == [["21", "1", "open"]] * 2
    assert "onbekend: aanlevering in quarantaine" in result.output


def test_no_sensitive_value_or_other_key_is_shown(town: Path) -> None:
    for words in (("show", A), ("show", "--afnemer", "belasting", "--gesloten")):
        output = kmgb(town, "history", *words).output
        assert not {STREET, B} & set(re.findall(r"\w+", output))
        assert "•••" in output
    assert A not in output
    assert "•••067" in output


def test_what_was_closed_is_shown_when_asked(town: Path) -> None:
    assert len(_lines(kmgb(town, "history", "show", "--afnemer", "belasting"))) == 2
    closed = _lines(kmgb(town, "history", "show", B))
    assert closed[0][11] == f"opgelost op {(NOW - timedelta(weeks=1)):%d-%m-%Y}"


@pytest.mark.parametrize(("as_of", "status"), [("1", "nieuw"), ("2", "onbekend"), ("3", "open")])
def test_history_as_of_a_run(town: Path, as_of: str, status: str) -> None:
    assert {line[11] for line in _lines(kmgb(town, "history", "show", A, "--as-of", as_of))} == {status}


def test_history_as_of_a_day(town: Path) -> None:
    day = (NOW - timedelta(days=18)).date()
    for written in (f"{day:%Y-%m-%d}", f"{day:%d-%m-%Y}"):
        assert {line[11] for line in _lines(kmgb(town, "history", "show", B, "--as-of", written))} == {"nieuw"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("history", "show"), "Noem een sleutel of een applicatie"),
        (("history", "show", A, "--as-of", "gisteren"), "--as-of is geen nummer van een run en geen dag"),
        (("history", "show", A, "--as-of", "99"), "Run 99 bestaat niet"),
        (("history", "show", "--afnemer", "belastingen"), "Bedoelde u 'belasting'"),
        (("besluit", "proef", "--afnemer", "belastin", "--entity", "personen"), "Bedoelde u 'belasting'"),
        (("besluit", "proef", "--afnemer", "belasting", "--entity", "personen"), "past op elke bevinding"),
        (("besluit", "lijst", "--afnemer", "belasting", "--entity", "persoon"), "geen entiteit"),
        (("besluit", "toewijzen", "77", "--aan", "x", "--door", "y"), "Bevinding 77 bestaat niet"),
    ],
)
def test_wrong_use_is_explained(town: Path, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in str(kmgb(town, *words).exception)


def test_an_unknown_key_has_no_findings(town: Path) -> None:
    assert kmgb(town, "history", "show", "123").output == "Geen bevindingen bij deze sleutel.\n"


def test_accepting_by_number(town: Path) -> None:
    last_day = date.today() + timedelta(days=30)  # noqa: DTZ011 - the day as a steward types it
    done = kmgb(town, "besluit", "accepteren", "1", "--reden", "akkoord", "--tot", f"{last_day}", "--door", "J. Bakker")
    assert done.output == "Besluit 1 vastgelegd.\n"
    result = kmgb(town, "history", "show", A)
    assert [line[11] for line in _lines(result)] == ["geaccepteerd", "open"]
    assert f"geaccepteerd t/m {last_day:%d-%m-%Y} (besluit 1 door J. Bakker): akkoord" in result.output
    assert kmgb(town, "besluit", "intrekken", "1", "--reden", "toch niet", "--door", "J. Bakker").exit_code == 0
    assert [line[11] for line in _lines(kmgb(town, "history", "show", A))] == ["open", "open"]
    assert [
        line[2:4] for line in _lines(kmgb(town, "besluit", "lijst", "--afnemer", "belasting", "--entity", "personen"))
    ] == [
        ["accepteren", "bevinding 1"],
        ["intrekken", "besluit 1"],
    ]


def test_a_pattern_is_tried_before_it_is_accepted(town: Path) -> None:
    pattern = ["--afnemer", "belasting", "--entity", "personen", "--kind", "afwijkend", "--veld", "verblijfsadres"]
    tried = kmgb(town, "besluit", "proef", *pattern)
    assert tried.output.startswith("Dit patroon verbergt nu 1 open bevinding.")
    assert [line[0] for line in _lines(tried)] == ["3", "2", "1"]
    wanted = [
        "besluit",
        "accepteren",
        *pattern,
        "--reden",
        "zo afgesproken",
        "--tot",
        "2099-12-31",
        "--door",
        "J. Bakker",
    ]
    refused = kmgb(town, *wanted)
    assert "er is niets vastgelegd" in str(refused.exception)
    assert [line[11] for line in _lines(kmgb(town, "history", "show", A))] == ["open", "open"]
    assert kmgb(town, *wanted, "--ja").output.endswith("Besluit 1 vastgelegd.\n")
    assert [line[11] for line in _lines(kmgb(town, "history", "show", A))] == ["open", "geaccepteerd"]


def test_reporting_back_by_number(town: Path) -> None:
    done = kmgb(
        town,
        "besluit",
        "terugmelden",
        "1",
        "2",
        "--kenmerk",
        "TMV-17",
        "--door",
        "J. Bakker",
        "--stand",
        "in behandeling",
    )
    assert done.output == "Besluiten 1, 2 vastgelegd.\n"
    assert [line[11] for line in _lines(kmgb(town, "history", "show", A))] == ["teruggemeld", "teruggemeld"]


def test_the_list_of_runs_tells_solved_from_unknown(town: Path) -> None:
    lines = _lines(kmgb(town, "history", "list"))
    assert [line[6:] for line in lines] == [["0", "1", "0", "0"], ["0", "0", "0", "3"], ["3", "0", "0", "0"]]
