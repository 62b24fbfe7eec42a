"""From a real source to an aanlevering: whole or not at all, once for everybody who asks, tidied up only afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from servers_db import SECRET, Server, db_secret, mariadb, postgresql
from servers_files import Sshd, running
from servers_https import App, Papers, as_json, serving

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.errors import KmgbError, SourceError
from kmgb.fetch.transfer import NothingNewError
from kmgb.landing import Landed
from kmgb.run.check import check
from kmgb.run.municipality import Municipality
from kmgb.run.pull import newest, pull
from kmgb.settings import Settings
from kmgb.store.runs import DONE

__all__ = ["db_secret", "mariadb", "postgresql"]

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
ROWS = [("999990019", "Jansen"), ("999990020", "Pietersen"), ("999990032", "O'Brien")]


@dataclass
class Town:
    """A working folder of a municipality; `write` replaces a mapping."""

    folder: Path

    def write(self, naam: str, bron: str, role: str = "afnemer", **keys: str) -> None:
        more = "".join(f"{key} = {value}\n" for key, value in keys.items())
        text = (
            f'[afnemer]\nnaam = "{naam}"\ntitel = "{naam}"\nrol = "{role}"\n{bron}\n'
            f'[entiteit.personen]\nbestand = "personen_*.csv"\nsleutel = ["bsn"]\n{more}'
            f'velden = {{ bsn = "bsn", voornamen = "naam" }}\n'
        )
        (self.folder / "mappings").mkdir(exist_ok=True)
        (self.folder / "mappings" / f"{naam}.toml").write_text(text, encoding="utf-8")

    @property
    def settings(self) -> Settings:
        named = ("mappings", "data", "output")
        return Settings(dumps=self.folder, **{name: self.folder / name for name in named})

    @property
    def municipality(self) -> Municipality:
        return Municipality(self.settings)

    def pull(self, naam: str = "sociaal", now: datetime = NOW, fresh: timedelta = timedelta(0)) -> list[Landed]:
        municipality = self.municipality
        return list(pull(municipality, municipality.mappings[naam], "personen", now, fresh=fresh).landed)

    def kmgb(self, *words: str) -> subprocess.Popen[str]:
        (self.folder / "kmgb.toml").write_text("", encoding="utf-8")
        command = [sys.executable, "-c", "from kmgb.cli.main import main; main()", *words]
        path = str(Path(__file__).parents[1])
        known = os.environ | {"KMGB_DUMPS": str(self.folder), "PYTHONPATH": path, "KMGB_TEMPLATES": f"{path}/reports"}
        return subprocess.Popen(
            command, cwd=self.folder, env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def landed(self, naam: str = "sociaal") -> list[Path]:
        return sorted(path.parent for path in (self.folder / "data" / "aanleveringen" / naam).glob("*/*/manifest.json"))

    def waiting(self, naam: str = "sociaal") -> list[str]:
        """What stands in the folder of fetching, besides its own state."""
        home = self.folder / "data" / "ophalen" / naam / "personen"
        return sorted(path.name for path in home.iterdir() if path.name not in (".slot", "opgehaald.json"))


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def sqlite_source(town: Town, rows: list[tuple[str, str]]) -> str:
    with sqlite3.connect(town.folder / "app.db") as connection:
        connection.execute("drop table if exists personen")
        connection.execute("create table personen (bsn varchar(9), naam varchar(40), extra int)")
        connection.executemany("insert into personen values (?, ?, 1)", rows)
    connection.close()
    return f'[bron]\nsoort = "database"\nsysteem = "sqlite"\ndatabase = "{town.folder / "app.db"}"\ntabel = "personen"'


def folder_source(town: Town, **keys: str) -> str:
    (town.folder / "uit").mkdir(exist_ok=True)
    more = "".join(f'\n{key} = "{value}"' for key, value in keys.items())
    return f'[bron]\nsoort = "map"\nmap = "{town.folder / "uit"}"\nrust = 0{more}'


def put(town: Town, name: str, rows: list[tuple[str, str]]) -> Path:
    path = town.folder / "uit" / name
    path.write_text("bsn,naam\n" + "".join(f"{bsn},{naam}\n" for bsn, naam in rows), encoding="utf-8")
    return path


def rows_of(landed: Landed) -> list[tuple[str, str]]:
    return landed.frame.select("bsn", "naam").collect().rows()


def test_a_table_becomes_the_data_of_an_aanlevering(town: Town) -> None:
    town.write("sociaal", sqlite_source(town, ROWS))
    (landed,) = town.pull()
    assert landed.accepted
    assert rows_of(landed) == ROWS
    frame = pl.read_parquet(landed.folder / "data.parquet")
    assert (frame.columns, frame[ROW].to_list()) == (["bsn", "naam", ROW, FAULT], [1, 2, 3])
    manifest = landed.manifest
    assert (manifest.columns, manifest.peildatum_from, manifest.reader) == (
        ("bsn", "naam", "extra"), "bron", {"formaat": "parquet"},
    )  # fmt: skip
    assert town.waiting() == []


def test_a_cell_that_cannot_be_is_a_fault_of_its_row(town: Town) -> None:
    town.write("sociaal", sqlite_source(town, [*ROWS * 20, ("999990044", "a\x07b"), ("999990056", "x" * 40_000)]))
    (landed,) = town.pull()
    faults = pl.read_parquet(landed.folder / "data.parquet")[FAULT].drop_nulls().to_list()
    assert faults == ["waarde met een stuurteken in kolom 'naam'", "waarde langer dan 32768 tekens in kolom 'naam'"]


def test_the_same_content_of_a_live_source_is_seen_and_accepted(town: Town) -> None:
    town.write("sociaal", sqlite_source(town, ROWS))
    first, second = town.pull()[0], town.pull()[0]
    assert second.accepted and second.manifest.id != first.manifest.id
    signals = json.loads((second.folder / "profiel.json").read_text())["signals"]
    assert [(one["kind"], one["refuses"]) for one in signals] == [("tweemaal_hetzelfde", False)]


def test_a_lookup_is_joined_to_what_comes_from_a_database(town: Town) -> None:
    town.write("sociaal", sqlite_source(town, ROWS))
    path = town.folder / "mappings" / "sociaal.toml"
    text = path.read_text().replace('voornamen = "naam"', 'voornamen = "extra.achternaam"')
    path.write_text(
        text + '[entiteit.personen.opzoeken.extra]\nbestand = "namen.csv"\nmet = "bsn"\nop = "bsn"\n'
        'kolommen = ["achternaam"]\naanlevering = { formaat = "csv" }\n'
    )
    (town.folder / "namen.csv").write_text("bsn,achternaam\n999990020,de Vries\n", encoding="utf-8")
    (landed,) = town.pull()
    assert landed.frame.collect()["extra.achternaam"].to_list() == [None, "de Vries", None]


def test_a_column_that_the_source_does_not_have_is_named_and_nothing_lands(town: Town) -> None:
    source = sqlite_source(town, ROWS).replace('tabel = "personen"', 'query = "select bsn, naam as nam from personen"')
    town.write("sociaal", source)
    with pytest.raises(SourceError, match=r"mist 'naam' .*Bedoelde u 'nam'") as caught:
        town.pull()
    assert caught.value.exit_code == 3
    assert (town.landed(), town.waiting()) == ([], [])


# --- shared: once for everybody who asks ---


def test_forty_who_ask_at_the_same_moment_share_one_pull(town: Town) -> None:
    town.write("sociaal", sqlite_source(town, ROWS * 5_000))
    ready = threading.Barrier(40)

    def ask(_: int) -> str:
        ready.wait()
        return town.pull()[0].manifest.id

    with ThreadPoolExecutor(40) as pool:
        found = set(pool.map(ask, range(40)))
    assert len(found) == 1
    assert [path.name for path in town.landed()] == list(found)


def test_processes_that_check_at_the_same_moment_share_one_pull_of_the_distribution(
    town: Town, postgresql: Server
) -> None:
    postgresql.admin("drop table if exists personen", "create table personen (bsn varchar(9), naam varchar(40))")
    postgresql.admin(
        *(f"insert into personen values ('{bsn}', '{naam.replace(chr(39), chr(39) * 2)}')" for bsn, naam in ROWS)
    )
    town.write("dds", database(postgresql), role="distributie")
    names = [f"app{number}" for number in range(4)]
    for naam in names:
        town.write(naam, folder_source(town))
    put(town, "personen_1.csv", ROWS)
    town.municipality.history  # noqa: B018  the database is made before they race for it
    processes = [town.kmgb("check", naam) for naam in names]
    outcomes = [(process.communicate(timeout=120), process.returncode) for process in processes]
    assert [code for _, code in outcomes] == [0] * 4, outcomes
    assert len(town.landed("dds")) == 1


def test_what_was_fetched_serves_the_controles_of_the_next_hour(town: Town) -> None:
    town.write("sociaal", sqlite_source(town, ROWS))

    def at(minutes: int) -> str:
        municipality = town.municipality
        later = NOW + timedelta(minutes=minutes)
        return newest(municipality, municipality.mappings["sociaal"], "personen", later).manifest.id

    first = at(0)
    assert at(59) == first
    assert at(60) != first


def test_a_mapping_that_has_changed_asks_the_source_again(town: Town) -> None:
    source = sqlite_source(town, ROWS)
    town.write("sociaal", source)
    first = town.pull()[0].manifest.id
    assert town.pull(fresh=timedelta(hours=1))[0].manifest.id == first
    town.write("sociaal", source, volledig="false")
    assert town.pull(fresh=timedelta(hours=1))[0].manifest.id != first


# --- what becomes of a file at the source ---


def test_a_file_is_moved_only_when_it_has_landed(town: Town) -> None:
    town.write("sociaal", folder_source(town, na_afloop="verplaatsen"), peildatum_uit_naam="'(\\d{8})'")
    for day, rows in (("20261117", ROWS), ("20261124", [*ROWS[:2], ("999990032", "Nieuw")])):
        put(town, f"personen_{day}.csv", rows)
    landed = town.pull()
    assert [one.manifest.file for one in landed] == ["personen_20261117.csv", "personen_20261124.csv"]
    assert all(one.accepted for one in landed)
    assert sorted(path.name for path in (town.folder / "uit" / "verwerkt").iterdir()) == [
        "personen_20261117.csv", "personen_20261124.csv",
    ]  # fmt: skip
    assert town.waiting() == []


def test_a_file_that_cannot_be_read_is_kept_whatever_the_source_does_with_it(town: Town) -> None:
    town.write("sociaal", folder_source(town, na_afloop="verwijderen"))
    content = b"\x50\x4b\x03\x04 geen csv"
    (town.folder / "uit" / "personen_1.csv").write_bytes(content)
    (landed,) = town.pull()
    assert not landed.accepted
    assert list((town.folder / "uit").iterdir()) == []
    (kept,) = (town.folder / "data" / "ophalen" / "sociaal" / "personen" / "geweigerd").iterdir()
    assert (kept.name, kept.read_bytes()) == (f"{landed.manifest.id}-personen_1.csv", content)


def test_a_source_that_cannot_be_tidied_up_is_a_remark_and_the_aanlevering_stays(town: Town) -> None:
    town.write("sociaal", folder_source(town, na_afloop="verplaatsen"))
    put(town, "personen_1.csv", ROWS)
    (town.folder / "uit" / "verwerkt").write_text("een bestand waar een map hoort")
    municipality = town.municipality
    pulled = pull(municipality, municipality.mappings["sociaal"], "personen", NOW)
    assert pulled.landed[0].accepted
    (remark,) = pulled.remarks
    assert remark.startswith("personen_1.csv is binnen, maar niet opgeruimd bij de bron.")
    assert (town.folder / "uit" / "personen_1.csv").exists()


def test_without_anything_new_a_controle_compares_what_came_last(town: Town) -> None:
    town.write("dds", sqlite_source(town, ROWS), role="distributie")
    town.write("sociaal", folder_source(town, na_afloop="verplaatsen"))
    with pytest.raises(NothingNewError):
        town.pull()
    put(town, "personen_1.csv", ROWS[:2])
    town.pull()
    (result,) = [r for r in check(town.municipality, ["sociaal"], (), now=NOW) if r.afnemer == "sociaal"]
    assert result.status == DONE and result.comparison is not None
    assert result.comparison.findings["kind"].to_list() == ["ontbreekt"]


# --- the whole way, from real servers ---


def database(server: Server, table: str = "personen", **keys: str) -> str:
    more = "".join(f'\n{key} = "{value}"' for key, value in keys.items())
    return (
        f'[bron]\nsoort = "database"\nsysteem = "{server.system}"\nserver = "127.0.0.1"\npoort = {server.port}\n'
        f'database = "{server.database}"\ngebruiker = "{server.user}"\nwachtwoord = "db-test"\n'
        f'versleuteld = "nee"\ntabel = "{table}"{more}'
    )


def test_a_check_from_database_and_transfer_finds_what_differs(
    town: Town, postgresql: Server, mariadb: Server, tmp_path: Path
) -> None:
    for server in (postgresql, mariadb):
        server.admin("drop table if exists personen", "create table personen (bsn varchar(9), naam varchar(40))")
    for bsn, naam in (("999990019", "Jansen"), ("999990020", "Pietersen"), ("999990032", "Bos")):
        postgresql.admin(f"insert into personen values ('{bsn}', '{naam}')")
    for bsn, naam in (("999990019", "Jansen"), ("999990020", "Pieterse")):
        mariadb.admin(f"insert into personen values ('{bsn}', '{naam}')")
    ssh = tmp_path / "ssh"
    (ssh / "uit").mkdir(parents=True)
    (ssh / "uit" / "personen_20261124.csv").write_text("bsn,naam\n999990019,Jansen\n999990020,\n999990032,Bos\n")
    with running(Sshd(ssh)) as sshd:
        assert isinstance(sshd, Sshd)
        (tmp_path / "known_hosts").write_text(sshd.known + "\n")
        town.write("dds", database(postgresql), role="distributie")
        town.write("sociaal", database(mariadb))
        town.write(
            "zaken",
            f'[bron]\nsoort = "sftp"\nserver = "localhost"\npoort = {sshd.port}\ngebruiker = "{sshd.user}"\nrust = 0\n'
            f'sleutel = "{sshd.key}"\nbekende_servers = "{tmp_path / "known_hosts"}"\nmap = "{ssh / "uit"}"',
        )
        results = [r for r in check(town.municipality, (), (), now=NOW) if r.afnemer != "dds"]
    found = {
        r.afnemer: sorted(r.comparison.findings.select("key", "field", "kind").rows()) for r in results if r.comparison
    }
    assert found == {
        "sociaal": [("999990020", "voornamen", "afwijkend"), ("999990032", "", "ontbreekt")],
        "zaken": [("999990020", "voornamen", "leeg_in_applicatie")],
    }


@pytest.mark.parametrize("stop", [0.0, 0.4, 0.8, 1.2, 1.8])
def test_killing_kmgb_at_any_moment_leaves_a_whole_aanlevering_or_none(
    town: Town, postgresql: Server, stop: float
) -> None:
    """`stop`: seconds after the first sign that the process works."""
    postgresql.admin(
        "drop table if exists veel",
        "create table veel as select n::varchar(9) as bsn, repeat('x', 30)::varchar(40) as naam"
        " from generate_series(1, 400000) n",
    )
    town.write("sociaal", database(postgresql, "veel"))
    process = town.kmgb("pull", "sociaal")
    _wait_for(lambda: (town.folder / "data" / "ophalen").exists() or process.poll() is not None)
    with_deadline = time.monotonic() + stop
    _wait_for(lambda: time.monotonic() >= with_deadline or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    _whole(town, 400_000)
    before = len(town.landed())
    again = town.kmgb("pull", "sociaal")
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, (out, err)
    _whole(town, 400_000)
    assert len(town.landed()) == before + 1
    assert town.waiting() == []


def _wait_for(come: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not come():
        assert time.monotonic() < end
        time.sleep(0.02)


def _whole(town: Town, rows: int) -> None:
    for folder in town.landed():
        assert json.loads((folder / "manifest.json").read_text())["rows"] == rows
        assert pl.scan_parquet(folder / "data.parquet").select(pl.len()).collect().item() == rows


def test_killing_the_server_leaves_nothing_and_the_next_pull_succeeds(town: Town, mariadb: Server) -> None:
    mariadb.admin(
        "drop table if exists veel", "create table veel (bsn varchar(9), naam varchar(400))",
        "insert into veel select seq, repeat('x', 300) from seq_1_to_200000",
    )  # fmt: skip
    town.write("sociaal", database(mariadb, "veel"))
    process = town.kmgb("pull", "sociaal")
    home = town.folder / "data" / "ophalen" / "sociaal" / "personen"
    _wait_for(lambda: any(home.glob(".bezig-*")) or process.poll() is not None)
    mariadb.process.kill()
    out, err = process.communicate(timeout=120)
    mariadb.process.wait(30)
    mariadb.process = mariadb.restart()
    assert (process.returncode, out, town.landed(), town.waiting()) == (3, "", [], [])
    assert "sociaal, personen: mariadb 127.0.0.1" in err and SECRET not in err
    again = town.kmgb("pull", "sociaal")
    again.communicate(timeout=120)
    assert again.returncode == 0
    _whole(town, 200_000)


@pytest.mark.parametrize("moment", ["fetching", "landing"])
def test_a_full_disk_is_a_sentence_and_leaves_nothing_half(town: Town, moment: str) -> None:
    town.write("sociaal", folder_source(town))
    put(town, "personen_1.csv", [(f"{n:09}", f"{n * 7919 % 1_000_003:030}") for n in range(80_000)])
    program = (
        "import resource, signal, sys\n"
        "from kmgb.cli.main import main\n"
        "from kmgb.run import pull\n"
        "fetch = pull.fetch\n"
        "def full():\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "def fetched(*words):\n"
        "    found = fetch(*words)\n"
        "    full()\n"
        "    return found\n"
        f"if {moment == 'fetching'}: full()\n"
        "pull.fetch = fetched\n"
        "sys.argv = ['kmgb', 'pull', 'sociaal']\n"
        "main()\n"
    )
    (town.folder / "kmgb.toml").write_text("", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=town.folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "vol" in done.stderr and "Maak ruimte" in done.stderr and "Traceback" not in done.stderr
    assert town.landed() == []
    assert list((town.folder / "data" / "aanleveringen").glob("*/*/.bezig-*")) == []
    assert [landed.accepted for landed in town.pull()] == [True]


# --- the doors ---


def test_the_command_says_what_came_what_was_refused_and_what_is_unknown(town: Town) -> None:
    town.write("sociaal", sqlite_source(town, ROWS))
    done = town.kmgb("pull")
    out, err = done.communicate(timeout=60)
    assert (done.returncode, err) == (0, "")
    assert out.startswith("sociaal, personen: aanlevering ") and "3 rijen" in out
    for words, code, said in (
        (("pull", "sociall"), 2, "Bedoelde u 'sociaal'"),
        (("pull", "sociaal", "--entity", "pand"), 2, "sociaal levert geen pand"),
        (("sources", "test", "sociaal", "--entity", "persoon"), 2, "Bekend zijn: personen"),
    ):
        wrong = town.kmgb(*words)
        _, err = wrong.communicate(timeout=60)
        assert (wrong.returncode, said in err, "Traceback" in err) == (code, True, False), err
    (town.folder / "app.db").unlink()
    gone = town.kmgb("pull", "sociaal")
    out, err = gone.communicate(timeout=60)
    assert (gone.returncode, out) == (3, "")
    assert "deze database is er niet" in err


def test_a_source_is_tested_without_changing_anything_and_shows_no_value(town: Town) -> None:
    town.write("sociaal", folder_source(town, na_afloop="verwijderen"))
    put(town, "personen_1.csv", ROWS)
    done = town.kmgb("sources", "test", "sociaal")
    out, err = done.communicate(timeout=60)
    assert (done.returncode, err) == (0, "")
    assert "personen_1.csv" in out and "heel" in out
    assert not any(value in out for row in ROWS for value in row)
    assert (town.folder / "uit" / "personen_1.csv").exists()
    assert not (town.folder / "data").exists()


def test_a_missing_secret_says_where_to_put_it(town: Town, postgresql: Server) -> None:
    town.write("sociaal", database(postgresql).replace("db-test", "ander-geheim"))
    municipality = town.municipality
    with pytest.raises(KmgbError, match=r"KMGB_GEHEIM_ANDER_GEHEIM of in geheimen\.toml"):
        pull(municipality, municipality.mappings["sociaal"], "personen", NOW)
    for words in (("pull", "sociaal"), ("sources", "test", "sociaal")):
        done = town.kmgb(*words)
        assert "KMGB_GEHEIM_ANDER_GEHEIM" in done.communicate(timeout=60)[1]
        assert done.returncode == 2, words


def test_nothing_of_an_earlier_folder_is_needed(town: Town) -> None:
    town.write("sociaal", sqlite_source(town, ROWS))
    town.pull()
    shutil.rmtree(town.folder / "data")
    assert town.pull()[0].accepted


def test_a_paged_endpoint_lands_as_lines_whatever_the_mapping_says_of_files(town: Town, tmp_path: Path) -> None:
    papers, app = Papers(tmp_path / "papieren"), App()
    people = [{"bsn": bsn, "naam": naam + "é"} for bsn, naam in ROWS]
    app.answers["/personen"] = as_json({"lijst": people[:2], "volgende": "/personen2"})
    app.answers["/personen2"] = as_json({"lijst": people[2:]})
    with serving(app, papers) as port:
        town.write(
            "sociaal",
            f'[aanlevering]\ncodering = "cp1252"\n[bron]\nsoort = "https"\nurl = "https://localhost:{port}/personen"\n'
            f'certificaten = "{papers.ca}"\npaginas = {{ records = "lijst", volgende = "volgende" }}',
        )
        (landed,) = town.pull()
    assert landed.accepted
    assert rows_of(landed) == [(one["bsn"], one["naam"]) for one in people]
    assert town.waiting() == []


def test_a_followed_folder_lands_every_file_as_it_comes_until_it_is_interrupted(town: Town) -> None:
    town.write("sociaal", folder_source(town, na_afloop="verplaatsen"), peildatum_uit_naam="'(\\d{8})'")
    process = town.kmgb("pull", "sociaal", "--volg")
    for day, count in (("20261123", 3), ("20261124", 2)):
        put(town, f"personen_{day}.csv", ROWS * 10 if count == 3 else [*ROWS * 9, ("999990044", "Nieuw")])
        _wait_for(lambda day=day: (town.folder / "uit" / "verwerkt" / f"personen_{day}.csv").exists())  # type: ignore[misc]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "Onderbroken. Wat al was vastgelegd blijft staan.\n"
    assert out.count("sociaal, personen: aanlevering") == 2
    assert len(town.landed()) == 2


# --- found by fresh eyes ---


def test_a_file_without_a_date_in_its_name_speaks_of_the_moment_it_has_at_the_source(town: Town) -> None:
    town.write("sociaal", folder_source(town))
    path = put(town, "personen_x.csv", ROWS)
    old = datetime(2026, 10, 1, 12, tzinfo=UTC).timestamp()
    os.utime(path, (old, old))
    first, second = town.pull()[0], town.pull()[0]
    assert first.manifest.peildatum == datetime(2026, 10, 1, 12, tzinfo=UTC)
    assert (first.manifest.id, second.accepted) == (second.manifest.id, True)


def test_a_column_that_stands_twice_in_a_query_is_refused_in_sqlite_as_well(town: Town) -> None:
    source = sqlite_source(town, ROWS).replace(
        'tabel = "personen"', 'query = "select bsn, bsn as naam, naam from personen"'
    )
    town.write("sociaal", source)
    with pytest.raises(SourceError, match="naam komt dubbel voor"):
        town.pull()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_peildatum_that_cannot_be_is_refused(town: Town, day: str) -> None:
    query = f"select bsn, naam, '{day}' as dag from personen"
    source = sqlite_source(town, ROWS).replace('tabel = "personen"', f'query = "{query}"\npeildatum_kolom = "dag"')
    town.write("sociaal", source)
    with pytest.raises(SourceError, match=r"ligt in de toekomst|geen datum"):
        town.pull()
    assert town.landed() == []


@pytest.mark.parametrize(
    "manifest",
    ['{"peildatum": "0001-01-01"}', "[" * 60_000, '{"peildatum": "2062-11-01"}', '{"rijen": 3, "rows": 3}',
     '{"rijen": 3, "rijen": 3}', '{"rijen": true}'],
    ids=["year one", "nested", "future", "two names", "twice", "no number"],
)  # fmt: skip
def test_a_manifest_that_cannot_be_is_a_sentence_and_the_file_is_not_taken(town: Town, manifest: str) -> None:
    town.write("sociaal", folder_source(town))
    put(town, "personen_1.csv", ROWS)
    (town.folder / "uit" / "personen_1.csv.manifest.json").write_text(manifest, encoding="utf-8")
    with pytest.raises(SourceError):
        town.pull()
    assert town.landed() == []


def test_a_checksum_in_capitals_is_a_promise_too(town: Town) -> None:
    town.write("sociaal", folder_source(town))
    put(town, "personen_1.csv", ROWS)
    (town.folder / "uit" / "personen_1.csv.SHA256").write_text("0" * 64)
    with pytest.raises(SourceError, match="sha256"):
        town.pull()


def test_what_could_not_be_landed_does_not_stay(town: Town) -> None:
    town.write("sociaal", folder_source(town))
    path = put(town, "personen_1.csv", ROWS)
    town.pull()
    left = town.folder / "data" / "ophalen" / "sociaal" / "personen" / "personen_0.csv"
    left.write_text("bsn,naam\n999990019,Jansen\n")
    os.utime(path)
    town.pull()
    assert not left.exists()


def test_a_clock_that_was_ahead_does_not_make_the_old_file_serve_for_years(town: Town) -> None:
    town.write("sociaal", sqlite_source(town, ROWS))
    first = town.pull()[0].manifest.id
    state = town.folder / "data" / "ophalen" / "sociaal" / "personen" / "opgehaald.json"
    facts = json.loads(state.read_text()) | {"klaar": "2090-01-01T00:00:00+00:00"}
    state.write_text(json.dumps(facts))
    assert town.pull()[0].manifest.id != first


def test_an_empty_table_can_be_tested_and_markup_in_a_value_is_only_text(town: Town) -> None:
    town.write("sociaal", sqlite_source(town, []))
    done = town.kmgb("sources", "test", "sociaal")
    assert (done.communicate(timeout=60)[1], done.returncode) == ("", 0)
    town.write("sociaal", sqlite_source(town, [("999990019", "Jansen [/b]")]))
    done = town.kmgb("sources", "test", "sociaal")
    out, err = done.communicate(timeout=60)
    assert (err, done.returncode) == ("", 0)
    assert "Aaaaaa [/a]" in out


def test_a_query_may_end_in_a_semicolon_and_a_comment(town: Town) -> None:
    source = sqlite_source(town, ROWS).replace(
        'tabel = "personen"', 'query = "select bsn, naam from personen; -- einde"'
    )
    town.write("sociaal", source)
    assert town.pull()[0].accepted


def test_two_entities_cannot_take_the_same_file_away(town: Town) -> None:
    town.write("sociaal", folder_source(town, na_afloop="verwijderen"))
    path = town.folder / "mappings" / "sociaal.toml"
    path.write_text(
        path.read_text()
        + '[entiteit.pand]\nbestand = "personen_*.csv"\nsleutel = ["id_pand"]\nvelden = { id_pand = "ID" }\n'
    )
    with pytest.raises(KmgbError, match="ook voor personen nodig"):
        town.pull()
