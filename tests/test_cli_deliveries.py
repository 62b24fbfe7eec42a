"""`kmgb aanleveringen` and `kmgb mapping import-ispiegel` as a steward meets them."""

from __future__ import annotations

import csv
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pyodbc
import pytest
from servers_db import need
from typer.testing import CliRunner, Result

from kmgb.cli.main import app
from kmgb.errors import KmgbError
from kmgb.run.distributie import land_dump
from kmgb.run.municipality import Municipality
from kmgb.settings import load_settings

MAPPING = """
[afnemer]
naam = "sociaal"
titel = "Sociaal"
[aanlevering]
verwacht = { dag = "alle", tijd = "00:00", respijt = 0 }
[entiteit.personen]
bestand = "sociaal_*.csv"
peildatum_uit_naam = '(\\d{8})'
sleutel = ["bsn"]
velden = { bsn = "BSN", voornamen = "NAAM" }
"""


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A settings file, and two deliveries of which the second has lost half of its rows."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "sociaal.toml").write_text(MAPPING, encoding="utf-8")
    path = tmp_path / "kmgb.toml"
    folders = {"mappings": tmp_path / "mappings", "data": tmp_path / "data", "dumps": tmp_path}
    path.write_text("".join(f'{name} = "{folder}"\n' for name, folder in folders.items()), encoding="utf-8")
    municipality = Municipality(load_settings(path))
    for day, rows in (("20260301", 100), ("20260302", 50)):
        text = "BSN,NAAM\n" + "".join(f"999990019,Geheimpje{row % 3}\n" for row in range(rows))
        (tmp_path / f"sociaal_{day}.csv").write_text(text, encoding="utf-8")
        land_dump(municipality, municipality.mappings["sociaal"], "personen", datetime.now(UTC))
    return path


def kmgb(town: Path, *words: str) -> Result:
    result = CliRunner().invoke(app, ["--instellingen", str(town), *words])
    assert result.exit_code == 0 or isinstance(result.exception, KmgbError), result.output
    return result


def listed(town: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(kmgb(town, "aanleveringen", "list", "--json").output)["aanleveringen"]
    return found


def test_deliveries_are_listed_with_what_is_the_matter(town: Path) -> None:
    assert [(one["file"], one["rows"], one["stand"]) for one in listed(town)] == [
        ("sociaal_20260302.csv", 50, "quarantaine"),
        ("sociaal_20260301.csv", 100, "geaccepteerd"),
    ]
    output = kmgb(town, "aanleveringen", "list", "sociaal", "--entity", "personen").output
    sentence = "50 rijen; de vorige keer 100. Dat is meer dan 20 % minder."
    assert f"sociaal personen: gekrompen buiten de band. {sentence}" in output


def test_a_delivery_is_shown_without_a_value(town: Path) -> None:
    output = kmgb(town, "aanleveringen", "show", str(listed(town)[0]["id"])[:8]).output
    assert "Band: hoogstens 20 % minder rijen (algemene instelling; vanaf 6 geaccepteerde aanleveringen" in output
    assert "  gekrompen buiten de band: 50 rijen; de vorige keer 100." in output
    assert [cell.strip() for cell in output.splitlines()[-2].strip("│").split("│")] == [
        "NAAM", "voornamen", "0,0", "3", "10-10", "100,0", "0,0", "100,0",
    ]  # fmt: skip
    assert "Geheimpje" not in output
    assert "Geheimpje" not in kmgb(town, "aanleveringen", "show", str(listed(town)[0]["id"]), "--json").output


def test_a_released_delivery_says_by_whom_and_why(town: Path) -> None:
    number = str(listed(town)[0]["id"])
    done = kmgb(town, "aanleveringen", "release", number, "--door", "J. Jansen", "--reden", "opgeschoond")
    assert done.output == f"Aanlevering {number} (sociaal, personen, sociaal_20260302.csv) is vrijgegeven.\n"
    assert listed(town)[0]["stand"] == "vrijgegeven"
    shown = kmgb(town, "aanleveringen", "show", number).output
    assert "Stand: vrijgegeven.\n  Door J. Jansen op " in shown
    assert ": opgeschoond\n" in shown
    lines = (town.parent / "data" / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["wat"] for line in lines] == ["aanlevering vrijgegeven"]


def test_a_rejected_delivery_stays_in_the_list(town: Path) -> None:
    kmgb(town, "aanleveringen", "reject", str(listed(town)[0]["id"]), "--door", "J. Jansen", "--reden", "half")
    assert listed(town)[0]["stand"] == "afgekeurd"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["release", "ffff", "--door", "x", "--reden", "x"], "'ffff' is geen nummer van een aanlevering"),
        (["list", "sociaa"], "'sociaa' is geen afnemer. Bedoelde u 'sociaal'?"),
        (["list", "sociaal", "--entity", "pand"], "sociaal levert geen pand."),
    ],
)
def test_what_does_not_exist_is_wrong_use(town: Path, words: list[str], sentence: str) -> None:
    result = kmgb(town, "aanleveringen", *words)
    assert isinstance(result.exception, KmgbError)
    assert sentence in str(result.exception)
    assert result.exception.exit_code == 2


@pytest.mark.shared
def test_ispiegel_is_imported_once(shared: Path, tmp_path: Path) -> None:
    words = ["mapping", "import-ispiegel", str(shared / "data" / "ispiegel"), "--uit", str(tmp_path / "uit")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1].startswith("5 zaken hebben geen plaats gekregen; ")
    assert "## Niet geplaatst\n\n- vergelijking BRP.Persoon-BAG.Adres: vergelijkt personen met nummeraanduiding." in (
        (tmp_path / "uit" / "i-spiegel.md").read_text(encoding="utf-8")
    )
    again = CliRunner().invoke(app, words)
    assert "staat er al. Kies een andere map met --uit, of --overschrijven." in str(again.exception)
    done = CliRunner().invoke(app, [*words, "--overschrijven"])
    assert done.exit_code == 0 and "Let op" not in done.output
    (tmp_path / "uit" / "eigen.toml").write_text('[afnemer]\nnaam = "eigen"\nrol = "distributie"\n', encoding="utf-8")
    assert "Let op: ook eigen.toml is een distributie." in CliRunner().invoke(app, [*words, "--overschrijven"]).output


@pytest.mark.parametrize("how", ["text", "name"])
def test_i_spiegel_is_also_read_from_its_own_database(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The published tables in a real database, reached over ODBC, give the same as the exported files."""
    need("SQLite3" if "SQLite3" in pyodbc.drivers() else None)
    csv.field_size_limit(2**24)
    with sqlite3.connect(tmp_path / "ispiegel.db") as connection:
        for path in (shared / "data" / "ispiegel").glob("ISPIEGEL_*.csv"):
            with path.open(encoding="utf-8", newline="") as stream:
                head, *rows = [row for row in csv.reader(stream) if row]
            connection.execute(f"create table {path.stem} ({', '.join(f'{name} text' for name in head)})")
            connection.executemany(f"insert into {path.stem} values ({', '.join('?' * len(head))})", rows)
    connection.close()
    (tmp_path / "odbc.ini").write_text(f"[SPIEGEL]\nDriver = SQLite3\nDatabase = {tmp_path / 'ispiegel.db'}\n")
    monkeypatch.setenv("ODBCINI", str(tmp_path / "odbc.ini"))
    where = f"Driver={{SQLite3}};Database={tmp_path / 'ispiegel.db'}" if how == "text" else "SPIEGEL"
    written = []
    for source, folder in ((str(shared / "data" / "ispiegel"), "map"), (where, "odbc")):
        done = CliRunner().invoke(app, ["mapping", "import-ispiegel", source, "--uit", str(tmp_path / folder)])
        assert done.exit_code == 0, done.output
        written.append({path.name: path.read_text(encoding="utf-8") for path in (tmp_path / folder).iterdir()})
    assert written[0] == written[1]
    assert len(written[0]) == 5
