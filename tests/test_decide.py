"""A cluster is decided on as one: its findings of today, shown first, and never more than those."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from kmgb.cli.main import app
from kmgb.errors import KmgbError
from kmgb.explain import EXPLAINED_COLUMNS, clusters
from kmgb.run.decide import cluster_today, in_last_runs
from kmgb.run.municipality import Municipality
from kmgb.settings import load_settings
from kmgb.store.runs import DONE, QUARANTINE, NewRun

ROOT = Path(__file__).parent.parent
NOW = datetime.now(UTC)
_KEYS = ("999900067", "999900079", "999900092", "999900109")
_Row = tuple[str, str, str, str]


def _frame(*rows: _Row) -> pl.DataFrame:
    usual = {"key_field": "bsn", "kind": "afwijkend", "severity": "hoog", "cause": "onbekend", "cause_evidence": "Zo."}
    names = ("key", "field", "distributie", "afnemer_value")
    return pl.DataFrame([usual | dict(zip(names, row, strict=True)) for row in rows], schema=EXPLAINED_COLUMNS)


def _codes(*keys: str) -> list[_Row]:
    return [(key, "geslacht", "M", "V") for key in keys]


_OTHER: _Row = ("999900067", "verblijfsadres", "Geheimpad 1", "Kerkweg 2")


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """Three findings with one code value and one beside it; a week later one was solved and one came."""
    path = tmp_path / "kmgb.toml"
    folders = {"mappings": ROOT / "mappings", "data": tmp_path / "data", "output": tmp_path / "uitvoer"}
    path.write_text("".join(f'{name} = "{folder}"\n' for name, folder in folders.items()), encoding="utf-8")
    _run(path, _frame(*_codes(*_KEYS[:3]), _OTHER), weeks=2)
    _run(path, _frame(*_codes(*_KEYS[1:]), _OTHER), weeks=1)
    return path


def _run(path: Path, found: pl.DataFrame | None, *, weeks: int) -> None:
    municipality, moment = _opened(path), NOW - timedelta(weeks=weeks)
    new = NewRun("belasting", "personen", QUARANTINE if found is None else DONE, moment, moment, None, None, {}, {})
    municipality.history.write(new, [], found, None if found is None else clusters(found))
    municipality.history.engine.dispose()


def _opened(path: Path) -> Municipality:
    return Municipality(load_settings(path))


def kmgb(town: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--instellingen", str(town), *words])


def _statuses(town: Path) -> dict[tuple[str, str], str]:
    history = _opened(town).history
    findings = history.findings(history.newest()[0], datetime.now(UTC))
    return {(key, field): status for key, field, status in findings.select("key", "field", "status").iter_rows()}


def test_a_cluster_of_an_older_run_is_its_findings_of_today(town: Path) -> None:
    cluster = cluster_today(_opened(town), "1/1", NOW)
    assert cluster.findings["key"].to_list() == list(_KEYS[1:])
    assert cluster.numbers == cluster.findings["id"].sort().to_list()
    assert (cluster.newest.id, cluster.severities, cluster.statuses) == (2, {"hoog": 3}, {"nieuw": 1, "open": 2})


def test_what_it_would_have_hidden_in_the_last_runs(town: Path) -> None:
    _run(town, None, weeks=0)
    municipality = _opened(town)
    lines = in_last_runs(municipality, cluster_today(municipality, "2/1", NOW))
    assert [(line.run_id, line.status, line.hidden) for line in lines] == [
        (3, QUARANTINE, {"hoog": 3}),
        (2, DONE, {"hoog": 3}),
        (1, DONE, {"hoog": 3}),
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("3", "Noem een cluster als RUN/NUMMER"),
        ("1/x", "Noem een cluster als RUN/NUMMER"),
        ("9/1", "Run 9 bestaat niet"),
        ("1/9", "Run 1 heeft geen cluster 9. Bekijk ze met: kmgb history clusters 1"),
    ],
)
def test_a_wrong_name_is_explained(town: Path, name: str, sentence: str) -> None:
    with pytest.raises(KmgbError, match=re.escape(sentence)):
        cluster_today(_opened(town), name, NOW)


def test_a_cluster_that_was_solved_is_said(town: Path) -> None:
    _run(town, _frame(_OTHER), weeks=0)
    with pytest.raises(KmgbError, match="Van cluster 1/1 staat na run 3 niets meer open"):
        cluster_today(_opened(town), "1/1", NOW)


ACCEPT = ["besluit", "accepteren", "--reden", "akkoord", "--tot", "2099-12-31"]
REPORT = ["besluit", "terugmelden", "--kenmerk", "TMV-1"]
ASSIGN = ["besluit", "toewijzen", "--aan", "team"]


@pytest.mark.parametrize(
    ("words", "status"),
    [(ACCEPT, "geaccepteerd"), (REPORT, "teruggemeld"), (ASSIGN, None)],
    ids=["accepteren", "terugmelden", "toewijzen"],
)
def test_a_cluster_is_shown_first_and_decided_on_with_ja(town: Path, words: list[str], status: str | None) -> None:
    words = [*words, "--door", "J. Bakker", "--cluster", "1/1"]
    before = _statuses(town)
    trial = kmgb(town, *words)
    assert trial.output.startswith(
        "Cluster 1/1 van belasting, personen is na run 2 3 open bevindingen.\nErnst: 3 hoog. Status: 1 nieuw, 2 open.\n"
    )
    assert "er is niets vastgelegd" in str(trial.exception)
    assert _statuses(town) == before
    done = kmgb(town, *words, "--ja")
    assert done.exit_code == 0
    assert done.output.endswith("Besluiten 1, 2, 3 vastgelegd.\n")
    decided = {cell: status or before[cell] for cell in before if cell[1] == "geslacht"}
    assert _statuses(town) == before | decided
    decisions = _opened(town).history.decisions.of("belasting", "personen")
    assert len({decision.made for decision in decisions}) == 1


def test_numbers_and_a_cluster_exclude_each_other(town: Path) -> None:
    for chosen in ([], ["1", "--cluster", "1/1"]):
        refused = kmgb(town, *ASSIGN, "--door", "J. Bakker", *chosen)
        assert "Noem nummers van bevindingen, of een cluster met --cluster RUN/NUMMER" in str(refused.exception)
    assert _opened(town).history.decisions.of("belasting", "personen") == []


def test_clusters_are_listed_by_number_and_masked(town: Path) -> None:
    listed = kmgb(town, "history", "clusters", "1").output
    line = next(line for line in listed.splitlines() if "1/1" in line)
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells == ["1/1", "geslacht", "afwijkend", "hoog", "waarden M → V", "onbekend", "3", "•••067: M → V"]
    assert listed.endswith("Besluit over een cluster als geheel: kmgb besluit accepteren --cluster 1/NUMMER ...\n")
    assert "••• → •••" in listed
    assert not {"Geheimpad", "Kerkweg", *_KEYS} & set(re.findall(r"\w+", listed))


def test_a_run_without_clusters_is_said(town: Path) -> None:
    _run(town, None, weeks=0)
    assert kmgb(town, "history", "clusters", "3").output == "Run 3 heeft geen clusters.\n"
