"""Databases as sources, on real servers and through real drivers: what arrives, as which text, and what never does."""

from __future__ import annotations

import os
import signal
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyodbc
import pytest
import sqlalchemy as sa
import trustme
from pydantic import ValidationError
from servers_db import SECRET, VARIABLE, Server, db_secret, free_port, mariadb, need, postgresql, sqlserver_driver
from servers_web import until
from tds_server import TdsServer

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.errors import SettingsError, SourceError
from kmgb.fetch import database_oracle
from kmgb.fetch.database import DatabaseError, as_moment, fetch_database, test_database
from kmgb.fetch.database_systems import SYSTEMS, Column, connection_string, sqlserver_types
from kmgb.mapping.bronnen.database import DatabaseBron
from kmgb.sources.parquet import read_prepared

__all__ = ["db_secret", "mariadb", "postgresql"]

PLANTED = "Janssen-Geheim"


def fetched(bron: DatabaseBron, into: Path, **more: Any) -> list[dict[str, str | None]]:
    """The rows that arrived; the file is text only and stands alone in its folder."""
    result = fetch_database(bron, "personen", into, **more)
    assert [path.name for path in into.iterdir()] == ["personen.parquet"]
    assert result.path == into / "personen.parquet"
    assert result.formaat == "parquet"
    frame = pl.read_parquet(result.path)
    assert frame[ROW].to_list() == list(range(1, frame.height + 1))
    assert frame[FAULT].null_count() == frame.height
    frame = frame.drop(ROW, FAULT)
    assert set(frame.dtypes) <= {pl.String()}
    assert result.prepared == tuple(frame.columns)
    return frame.to_dicts()


def refused(bron: DatabaseBron, into: Path, **more: Any) -> DatabaseError:
    """The error of a fetch that leaves nothing; no secret and no planted value in its text or in what it came from."""
    with pytest.raises(SourceError) as caught:
        fetch_database(bron, "personen", into, **more)
    assert list(into.iterdir()) == []
    assert caught.value.exit_code == 3
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in str(error) and PLANTED not in str(error)
        error = error.__cause__ if error.__suppress_context__ else error.__context__
    assert isinstance(caught.value, DatabaseError)
    return caught.value


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "opgehaald"
    folder.mkdir()
    return folder


# PostgreSQL

POSTGRESQL_TYPES = {
    "true": "true",
    "1::smallint": "1",
    "9223372036854775807": "9223372036854775807",
    "0.50::numeric(9,2)": "0.50",
    "0.1::float8": "0.1",
    "1e20::float8": "1e+20",
    "'NaN'::numeric": "NaN",
    "date '1983-01-02'": "1983-01-02",
    "date 'infinity'": "infinity",
    "date '0044-03-15 BC'": "0044-03-15 BC",
    "timestamp '2026-07-01 12:00:00.5'": "2026-07-01 12:00:00.5",
    "timestamptz '2026-07-01 12:00:00+02'": "2026-07-01 10:00:00+00",
    "time '12:30'": "12:30:00",
    "timetz '12:30+01'": "12:30:00+01",
    "interval '1 day'": "1 day",
    "'ab'::char(5)": "ab",
    "''::char(5)": "",
    "'ab '::varchar(5)": "ab ",
    "''::text": "",
    "null::text": None,
    "null::int": None,
    "'x€😀'::text": "x€😀",
    "decode('deadbeef', 'hex')": "\\xdeadbeef",
    "B'101'::bit(3)": "101",
    "'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "'{1,2}'::int[]": "{1,2}",
    "'{\"a\": 1}'::jsonb": '{"a": 1}',
}


def _query_of(types: dict[str, str | None]) -> str:
    return "select " + ", ".join(f"{value} as k{place}" for place, value in enumerate(types)) + " -- einde"


def test_postgresql_gives_every_type_as_its_own_text(postgresql: Server, into: Path) -> None:
    postgresql.admin("alter role kmgb set timezone = 'UTC'")
    (row,) = fetched(postgresql.bron(query=_query_of(POSTGRESQL_TYPES)), into)
    assert dict(zip(POSTGRESQL_TYPES, row.values(), strict=True)) == POSTGRESQL_TYPES


def test_a_moment_with_a_zone_shows_the_zone_of_the_session(postgresql: Server, into: Path) -> None:
    postgresql.admin("alter role kmgb set timezone = 'Europe/Amsterdam'")
    rows = fetched(postgresql.bron(query="select timestamptz '2026-07-01 12:00:00+00' as moment"), into)
    postgresql.admin("alter role kmgb reset timezone")
    assert rows == [{"moment": "2026-07-01 14:00:00+02"}]


def test_names_come_as_delivered_and_a_query_may_hold_anything(postgresql: Server, into: Path) -> None:
    query = "with k as (select 'a:b 50% \\: {x}' as \"Kolom A\") select k.*, 1::int as bsn from k order by 1;"
    assert fetched(postgresql.bron(query=query), into) == [{"Kolom A": "a:b 50% \\: {x}", "bsn": "1"}]


def test_a_whole_table_arrives_with_progress_in_batches(postgresql: Server, into: Path) -> None:
    postgresql.admin(
        'drop table if exists "Groot"',
        "create table \"Groot\" as select n::varchar(40) as n, repeat('é', 30)::varchar(400) as t"
        " from generate_series(1, 300000) n",
    )
    heard: list[tuple[int, int]] = []
    fetch_database(
        postgresql.bron(tabel="public.Groot"), "p", into, progress=lambda rows, size: heard.append((rows, size))
    )
    assert len(heard) >= 2
    assert heard[-1][0] == 300000
    frame = pl.read_parquet(into / "p.parquet")
    assert (frame.height, frame["n"].n_unique(), frame["t"].unique().to_list()) == (300000, 300000, ["é" * 30])


def test_the_file_is_what_landing_takes_as_it_is(postgresql: Server, into: Path) -> None:
    rows = fetched(postgresql.bron(query="select '012'::text as bsn, ''::text as naam, null::int as leeg"), into)
    read = read_prepared(into / "personen.parquet", ["bsn", "naam", "leeg"], ["bsn", "naam", "leeg"])
    assert read.frame.select("bsn", "naam", "leeg").collect().to_dicts() == rows
    assert rows == [{"bsn": "012", "naam": "", "leeg": None}]


def test_a_value_longer_than_its_buffer_arrives_whole(postgresql: Server, into: Path) -> None:
    result = fetch_database(
        postgresql.bron(query="select n::text as n, repeat('é', 9000) as lang from generate_series(1, 3) n"), "p", into
    )
    assert pl.read_parquet(result.path)["lang"].to_list() == ["é" * 9000] * 3
    assert result.remarks == (
        "Een waarde is langer dan 4000 tekens of dan haar kolom aangeeft: daardoor is trager gelezen.",
    )


def test_the_peildatum_is_the_moment_of_the_snapshot(postgresql: Server, into: Path) -> None:
    before = datetime.now(UTC)
    moment = fetch_database(postgresql.bron(query="select 1 as a"), "p", into).peildatum
    assert moment is not None and before <= moment <= datetime.now(UTC)


def test_the_query_may_give_the_peildatum(postgresql: Server, into: Path) -> None:
    query = "select n, date '2026-10-01' + n as stand from generate_series(1, 3) n"
    bron = postgresql.bron(query=query, peildatum_kolom="stand")
    assert fetch_database(bron, "p", into).peildatum == datetime(2026, 10, 4, tzinfo=ZoneInfo("Europe/Amsterdam"))


@pytest.mark.parametrize(
    ("query", "column", "sentence"),
    [
        ("select 1 as a", "stand", "kolom stand ('peildatum_kolom') staat niet in de uitkomst. De query geeft: a."),
        ("select 'x'::text as a", "a", "kolom a ('peildatum_kolom') is leeg of geen datum. Geef een datum of moment,"),
    ],
    ids=["no column", "no date"],
)
def test_a_peildatum_that_is_none(postgresql: Server, into: Path, query: str, column: str, sentence: str) -> None:
    assert sentence in str(refused(postgresql.bron(query=query, peildatum_kolom=column), into))


def test_what_is_written_meanwhile_is_not_seen(postgresql: Server, into: Path) -> None:
    postgresql.admin(
        "drop table if exists loopt",
        "create table loopt as select n::varchar(400) as n from generate_series(1, 50000) n",
    )
    wrote = []

    def write(rows: int, size: int) -> None:
        if not wrote:
            wrote.append(rows)
            postgresql.admin("delete from loopt", "insert into loopt values ('nieuw')")

    rows = fetched(postgresql.bron(tabel="loopt"), into, progress=write)
    assert (len(rows), {"n": "nieuw"} in rows, len(wrote)) == (50000, False, 1)


def test_a_column_cannot_vanish_between_two_batches(server: Server, into: Path) -> None:
    """While we read, these servers make whoever changes the table wait."""
    _many(server)
    limit = "set lock_timeout = 200" if server.system == "postgresql" else "set lock_wait_timeout = 1"
    waited = []

    def drop(rows: int, size: int) -> None:
        if not waited:
            connection = pyodbc.connect(server.admin_string, autocommit=True)
            connection.execute(limit)
            with suppress(pyodbc.Error):  # it may come after the end
                connection.execute("alter table veel drop column naam")
            connection.close()
            waited.append(rows)

    fetch_database(server.bron(tabel="veel"), "p", into, progress=drop)
    assert waited
    frame = pl.read_parquet(into / "p.parquet").drop(ROW, FAULT)
    assert (frame.columns, frame.height, frame["naam"].null_count()) == (["n", "naam", "ruim"], 300000, 0)


def test_nothing_can_be_changed(postgresql: Server, into: Path) -> None:
    postgresql.admin(
        "create or replace function schrijf() returns int language sql as 'create table stout (a int); select 1'"
    )
    error = refused(postgresql.bron(query="select schrijf() as a"), into)
    assert "(SQLSTATE 25006, fout 1)" in str(error)


# Failures: the same promises for PostgreSQL and MariaDB.


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def test_a_wrong_password(server: Server, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "niet-dit")
    error = refused(server.bron(query="select 1 as a"), into)
    assert error.reason == "inloggen"
    assert "inloggen is geweigerd" in str(error)
    assert "Controleer 'gebruiker' en het geheim dat 'wachtwoord' noemt." in str(error)


def test_a_secret_that_is_nowhere(server: Server, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(SettingsError, match="Geheim 'db-test' ontbreekt"):
        fetch_database(server.bron(query="select 1 as a"), "p", into)


def test_nobody_listens(server: Server, into: Path) -> None:
    error = refused(server.bron(query="select 1 as a", poort=free_port()), into)
    assert (error.reason, error.transient) == ("onbereikbaar", True)
    assert "Controleer 'server' en 'poort', en of de firewall deze machine doorlaat." in str(error)


def test_a_server_without_encryption_is_refused(server: Server, into: Path) -> None:
    assert refused(server.bron(query="select 1 as a", versleuteld="verplicht"), into).reason == "certificaat"


def test_a_file_of_certificates_that_is_none(server: Server, into: Path, tmp_path: Path) -> None:
    bron = server.bron(query="select 1 as a", versleuteld="verplicht", certificaat=str(tmp_path / "geen.pem"))
    with pytest.raises(SourceError, match=r"geen\.pem: geen leesbare certificaten \(PEM\)\. Controleer 'certificaat'"):
        fetch_database(bron, "personen", into)


@pytest.mark.parametrize(
    ("names", "days", "trusted"),
    [(("127.0.0.1", "localhost"), 1, True), (("elders.example",), 1, True), (("127.0.0.1", "localhost"), -1, True),
     (("127.0.0.1", "localhost"), 1, False)],
    ids=["good", "another host", "expired", "unknown issuer"],
)  # fmt: skip
def test_the_certificate_of_a_server(
    server: Server, into: Path, tmp_path: Path, names: tuple[str, ...], days: int, trusted: bool
) -> None:
    issuer = trustme.CA()
    server.certify(issuer, *names, not_after=datetime.now(UTC) + timedelta(days=days))
    (issuer if trusted else trustme.CA()).cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    bron = server.bron(query="select 1 as a", versleuteld="verplicht", certificaat=str(tmp_path / "ca.pem"))
    if "elders.example" not in names and days > 0 and trusted:
        assert fetched(bron, into) == [{"a": "1"}]
    else:
        assert refused(bron, into).reason == "certificaat"


@pytest.mark.parametrize("query", ["select a as b from nergens", "select nergens as a", "select from from"])
def test_a_bad_query(server: Server, into: Path, query: str) -> None:
    error = refused(server.bron(query=query), into)
    assert error.reason == "query"
    assert "Voer de query uit in de database zelf en verbeter 'tabel' of 'query'." in str(error)


def test_a_name_that_comes_twice(server: Server, into: Path) -> None:
    assert refused(server.bron(query="select 1 as a, 2 as a"), into).reason in ("kolom", "query")


def test_a_driver_that_is_not_there(server: Server, into: Path) -> None:
    error = refused(server.bron(query="select 1 as a", stuurprogramma="Onbekend"), into)
    assert "het ODBC-stuurprogramma is niet gevonden" in str(error)


def test_the_time_limit_holds(server: Server, into: Path) -> None:
    sleep = "pg_sleep(60)::text" if server.system == "postgresql" else "sleep(60)"
    error = refused(server.bron(query=f"select {sleep} as a", tijdslimiet=1), into)
    assert (error.reason, error.transient) == ("tijd", True)
    assert "Maak de query lichter of verhoog 'tijdslimiet'." in str(error)


def _many(server: Server) -> None:
    """More than is read ahead."""
    wide = "repeat('x', 200)"
    make = (
        f"create table veel as select n::varchar(400) as n, '{PLANTED}'::varchar(400) as naam, {wide}::varchar(400) as ruim"
        " from generate_series(1, 300000) n"
        if server.system == "postgresql"
        else f"create table veel as select cast(seq as char(400)) as n, cast('{PLANTED}' as char(400)) as naam,"
        f" cast({wide} as char(400)) as ruim from seq_1_to_300000"
    )
    server.admin("drop table if exists veel", make)


def test_a_server_killed_mid_read_leaves_nothing_and_the_next_pull_succeeds(server: Server, into: Path) -> None:
    _many(server)
    bron = server.bron(tabel="veel")

    def kill(rows: int, size: int) -> None:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGQUIT if server.system == "postgresql" else signal.SIGKILL)
            server.process.wait(30)

    if server.system == "postgresql":
        error = refused(bron, into, progress=kill)
        assert (error.reason, error.transient) == ("verbroken", True)
    else:  # this driver (3.1.15) has the whole result before it hands over the first row
        kill(0, 0)
        assert refused(bron, into).reason == "onbereikbaar"
    server.process = server.restart()
    assert len(fetched(bron, into)) == 300000


def test_a_server_that_answers_nobody_is_left_in_time(server: Server, into: Path) -> None:
    server.process.send_signal(signal.SIGSTOP)
    try:
        error = refused(server.bron(query="select 1 as a", wachttijd=1), into)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert (error.reason, error.transient) == ("onbereikbaar", True)


def test_a_full_disk_leaves_nothing(server: Server, into: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("een volle schijf maken vraagt root")
    _many(server)
    small = into.parent / "klein"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True)
    try:
        error = refused(server.bron(tabel="veel"), small)
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert (error.reason, error.transient) == ("vol", True)
    assert "Maak ruimte voor aanleveringen en haal opnieuw op." in str(error)


def test_a_failed_pull_leaves_the_file_of_the_former_one(server: Server, into: Path) -> None:
    fetched(server.bron(query="select 1 as a"), into)
    with pytest.raises(SourceError):
        fetch_database(server.bron(query="select nergens as a"), "personen", into)
    assert pl.read_parquet(into / "personen.parquet", columns=["a"]).to_dicts() == [{"a": "1"}]


def test_kmgb_killed_mid_read_leaves_no_delivery(server: Server, into: Path) -> None:
    _many(server)
    program = (
        "import os, signal, sys; from pathlib import Path; from kmgb.fetch.database import *; "
        "from kmgb.mapping.bronnen.database import DatabaseBron; "
        "fetch_database(DatabaseBron.model_validate_json(sys.argv[1]), 'personen', Path(sys.argv[2]), "
        "progress=lambda rows, size: rows > 90000 and os.kill(os.getpid(), signal.SIGKILL))"
    )
    bron = server.bron(tabel="veel")
    done = subprocess.run([sys.executable, "-c", program, bron.model_dump_json(), str(into)], check=False)
    assert done.returncode == -signal.SIGKILL
    until(lambda: not _of_drivers())  # nobody is left behind with the database
    assert [path.name for path in into.iterdir() if not path.name.startswith(".bezig-")] == []
    fetch_database(bron, "personen", into)
    assert pl.scan_parquet(into / "personen.parquet").select(pl.len()).collect().item() == 300000


def _of_drivers() -> list[Path]:
    """The processes of drivers whose parent has died: children of the first process."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"kmgb.fetch.odbc_process" in (path / "cmdline").read_bytes():
                state, parent = (path / "stat").read_text().rpartition(") ")[2].split()[:2]
                found += [path] if (parent, state != "Z") == ("1", True) else []
    return found


def test_what_a_killed_kmgb_left_goes_with_the_next_pull(server: Server, into: Path) -> None:
    left = into / ".bezig-personen-oud.parquet"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert fetched(server.bron(query="select 1 as a"), into) == [{"a": "1"}]


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "map").write_text("een bestand")
    with pytest.raises(DatabaseError, match="wegschrijven is mislukt"):
        fetch_database(server.bron(query="select 1 as a"), "p", tmp_path / "map")


def test_looking_shows_server_columns_and_masked_rows(server: Server) -> None:
    query = f"select '{PLANTED} 12' as naam, 5 as n union all select null, 6 union all select '', 7"
    facts = test_database(server.bron(query=query), rows=2)
    assert "1" in facts.version
    assert [column.name for column in facts.columns] == ["naam", "n"]
    assert len(facts.rows) == 2
    assert ("Aaaaaaa-Aaaaaa 99", "9") in facts.rows
    assert PLANTED not in repr(facts)


# MariaDB

MARIADB_TYPES = {
    "1": "1",
    "cast(0.5 as decimal(9,2))": "0.50",
    "0.1e0": "0.1",
    "cast('1983-01-02' as date)": "1983-01-02",
    "cast('2026-07-01 12:00:00.5' as datetime(3))": "2026-07-01 12:00:00.500",
    "cast('12:30:01.5' as time(2))": "12:30:01.50",
    "'ab '": "ab ",
    "''": "",
    "cast(null as char(3))": None,
    "'x€😀'": "x€😀",
    "x'dead'": "0xDEAD",
    "true": "1",
}
MARIADB_COLUMNS = {
    "z date": ("'0000-00-00'", "0000-00-00"),
    "zt datetime": ("'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
    "half date": ("'1983-00-00'", "1983-00-00"),
    "ts timestamp null": ("'2026-07-01 12:00:00'", "2026-07-01 12:00:00"),
    "j year": ("2026", "2026"),
    "c char(5)": ("'ab'", "ab"),
    "v varchar(5)": ("'ab '", "ab "),
    "b1 bit(1)": ("1", "1"),
    "b8 bit(8)": ("b'101'", "0x05"),
    "bi binary(3)": ("x'0102'", "0x010200"),
    "bl blob": ("x'beef'", "0xBEEF"),
    "fl float": ("0.1", "0.1"),
    "u uuid": ("'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "en enum('a','b')": ("'b'", "b"),
    "js json": ("'{\"a\": 1}'", '{"a": 1}'),
    "tx text": ("'é'", "é"),
    "n int": ("null", None),
}


def test_mariadb_gives_every_type_as_its_own_text(mariadb: Server, into: Path) -> None:
    (row,) = fetched(mariadb.bron(query=_query_of(MARIADB_TYPES)), into)
    assert dict(zip(MARIADB_TYPES, row.values(), strict=True)) == MARIADB_TYPES


def test_mariadb_gives_every_column_as_its_own_text(mariadb: Server, into: Path) -> None:
    connection = pyodbc.connect(mariadb.admin_string, autocommit=True)
    connection.execute("set sql_mode = ''")
    connection.execute(f"create or replace table soorten ({', '.join(MARIADB_COLUMNS)})")
    connection.execute(f"insert into soorten values ({', '.join(value for value, _ in MARIADB_COLUMNS.values())})")
    connection.close()
    (row,) = fetched(mariadb.bron(tabel="soorten"), into)
    expected = {column.split()[0]: text for column, (_, text) in MARIADB_COLUMNS.items()}
    assert row == expected


def test_a_column_without_a_type(mariadb: Server, into: Path) -> None:
    error = refused(mariadb.bron(query="select 1 as n, null as leeg"), into)
    assert "kolom leeg heeft geen type. Geef haar in de query een type" in str(error)


def test_mariadb_can_not_be_written_to(mariadb: Server, into: Path) -> None:
    mariadb.admin(
        "create or replace table teller (a int)",
        "create or replace function schrijf() returns int begin insert into teller values (1); return 1; end",
        "grant all on kmgb.* to kmgb@'%'",
    )
    assert "(SQLSTATE 25006, fout 1792)" in str(refused(mariadb.bron(query="select schrijf() as a"), into))


# SQLite


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., DatabaseBron]:
    need("SQLite3" if "SQLite3" in pyodbc.drivers() else None)
    path = tmp_path / "boek.db"

    def make(*statements: str, **keys: Any) -> DatabaseBron:
        with sqlite3.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
        return DatabaseBron(systeem="sqlite", database=str(path), **keys)

    return make


def test_sqlite_gives_what_stands_there_whatever_the_column_says(book: Callable[..., DatabaseBron], into: Path) -> None:
    bron = book(
        "create table t (i integer, r real, c char(5), v varchar(9), d date, nm numeric(9,2), b blob, x)",
        "insert into t values (1, 2.0, 'ab', 'é€😀 ', '1983-00-00', 0.5, x'beef', 5)",
        "insert into t values ('abc', 1e300, null, '', null, 12345678901.25, null, 'z')",
        tabel="t",
    )
    assert fetched(bron, into) == [
        {"i": "1", "r": "2.0", "c": "ab", "v": "é€😀 ", "d": "1983-00-00", "nm": "0.5", "b": "0xBEEF", "x": "5"},
        {"i": "abc", "r": "1.0e+300", "c": None, "v": "", "d": None, "nm": "12345678901.25", "b": None, "x": "z"},
    ]


def test_sqlite_values_longer_than_their_column(book: Callable[..., DatabaseBron], into: Path) -> None:
    bron = book("create table t (v varchar(3))", f"insert into t values ('{'é' * 500}')", tabel="t")
    assert fetched(bron, into) == [{"v": "é" * 500}]


def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path, into: Path) -> None:
    need("SQLite3" if "SQLite3" in pyodbc.drivers() else None)
    error = refused(DatabaseBron(systeem="sqlite", database=str(tmp_path / "weg.db"), tabel="t"), into)
    assert (error.reason, (tmp_path / "weg.db").exists()) == ("database", False)


def test_an_unknown_odbc_source_runs_its_query_as_written(book: Callable[..., DatabaseBron], into: Path) -> None:
    path = book("create table t (a varchar(9), n numeric(9,2))", "insert into t values ('é', 2.5)", tabel="t").database
    bron = DatabaseBron(systeem="odbc", stuurprogramma="SQLite3", opties={"Database": path}, query="select * from t")
    assert fetched(bron, into) == [{"a": "é", "n": "2.5"}]


# SQL Server: Microsoft's driver against our own server

SQLSERVER_TYPES = {
    "i": ("int", 1, "1"),
    "g": ("bigint", -5, "-5"),
    "f": ("float", 2.5, "2.5"),
    "h": ("float", 7.0, "7"),
    "r": ("real", 0.1, "0.1"),
    "d": ("decimal(38,4)", "0.5", "0.5000"),
    "m": ("money", "-0.25", "-0.2500"),
    "d2": ("datetime2(7)", "9999-12-31 12:00:00.5", "9999-12-31 12:00:00.5000000"),
    "o": ("datetimeoffset(7)", "2026-07-01 12:00:00+02:00", "2026-07-01 12:00:00.0000000 +02:00"),
    "da": ("date", "0001-01-01", "0001-01-01"),
    "t": ("time(7)", "12:30:01.5", "12:30:01.5000000"),
    "dd": ("datetime", "2026-07-01 12:00:00", "2026-07-01 12:00:00.000"),
    "b": ("bit", 1, "1"),
    "u": ("uniqueidentifier", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
    "c": ("nchar(5)", "ab   ", "ab"),
    "bi": ("binary(3)", b"\1\2\0", "0x010200"),
    "vb": ("varbinary(20)", b"\xde\xad", "0xDEAD"),
    "v": ("nvarchar(4000)", "é€😀 ", "é€😀 "),
    "e": ("nvarchar(4000)", "", ""),
    "n": ("nvarchar(4000)", None, None),
}


class _SqlServer:
    def __init__(self, path: Path, driver: str, context: ssl.SSLContext | None = None) -> None:
        types = {name: kind for name, (kind, _, _) in SQLSERVER_TYPES.items()}
        self.path, self.driver = path, driver
        self.tds = TdsServer(path, types, ("kmgb", SECRET), context)

    def bron(self, **keys: Any) -> DatabaseBron:
        known = {
            "systeem": "sqlserver",
            "server": "localhost",
            "poort": self.tds.port,
            "gebruiker": "kmgb",
            "wachtwoord": "db-test",
            "stuurprogramma": self.driver,
            "versleuteld": "verplicht" if self.tds.context else "nee",
        }
        return DatabaseBron(**{**known, **keys})

    def odbc(self) -> str:
        return connection_string(self.bron(tabel="x"), SECRET)


@pytest.fixture
def sqlserver(tmp_path: Path) -> Iterator[_SqlServer]:
    need(sqlserver_driver())
    path = tmp_path / "sqlserver.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"create table Soorten ({', '.join(SQLSERVER_TYPES)})")
        values = [value for _, value, _ in SQLSERVER_TYPES.values()]
        connection.execute(f"insert into Soorten values ({', '.join('?' * len(values))})", values)
        connection.execute("insert into Soorten (i) values (2)")
        connection.execute("create table Veel as with recursive k(n) as (select 1 union all select n + 1 from k "
                           f"where n < 3000) select cast(n as text) as n, '{PLANTED}' as naam from k")  # fmt: skip
    connection.close()
    server = _SqlServer(path, sqlserver_driver())
    yield server
    server.tds.shutdown()
    server.tds.server_close()


def test_sqlserver_gives_every_type_as_management_studio_shows_it(sqlserver: _SqlServer, into: Path) -> None:
    row, empty = fetched(sqlserver.bron(tabel="dbo.Soorten"), into)
    assert row == {name: text for name, (_, _, text) in SQLSERVER_TYPES.items()}
    assert empty == {**dict.fromkeys(SQLSERVER_TYPES), "i": "2"}


def test_sqlserver_reads_in_a_snapshot_at_the_time_of_the_server(sqlserver: _SqlServer, into: Path) -> None:
    result = fetch_database(sqlserver.bron(query="with k as (select 1 as n) select n from k order by n"), "p", into)
    assert result.peildatum == datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
    assert sqlserver.tds.log[:3] == [
        "SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
        "SET LOCK_TIMEOUT 3600000",
        "BEGIN TRANSACTION",
    ]
    assert sqlserver.tds.log[-1] == "with k as (select 1 as n) select n from k order by n"


def test_sqlserver_wrong_password(sqlserver: _SqlServer, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "niet-dit")
    error = refused(sqlserver.bron(tabel="Veel"), into)
    assert "inloggen is geweigerd (SQLSTATE 28000, fout 18456)." in str(error)


def test_sqlserver_dies_mid_result(sqlserver: _SqlServer, into: Path) -> None:
    sqlserver.tds.dies_after = 1500
    error = refused(sqlserver.bron(tabel="Veel"), into)
    assert (error.reason, error.transient) == ("verbroken", True)
    sqlserver.tds.dies_after = None
    assert len(fetched(sqlserver.bron(tabel="Veel"), into)) == 3000


def test_sqlserver_column_vanishes_after_it_was_told(sqlserver: _SqlServer, into: Path) -> None:
    def drop() -> None:
        with sqlite3.connect(sqlserver.path) as connection:
            connection.execute("alter table Veel drop column naam")
        connection.close()

    sqlserver.tds.described = drop
    error = refused(sqlserver.bron(tabel="Veel"), into)
    assert "kolom naam verdween tijdens het lezen. Haal opnieuw op" in str(error)
    with sqlite3.connect(sqlserver.path) as connection:
        connection.execute("alter table Veel add column naam")
    connection.close()
    assert refused(sqlserver.bron(query="select n, naam from Veel"), into).reason == "query"


def test_sqlserver_that_says_nothing_is_left_in_time(sqlserver: _SqlServer, into: Path) -> None:
    sqlserver.tds.waits = 60
    error = refused(sqlserver.bron(tabel="Veel", tijdslimiet=1), into)
    assert (error.reason, error.transient) == ("tijd", True)


@pytest.mark.parametrize("names", [("elders.example",), ()], ids=["another host", "unknown issuer"])
def test_sqlserver_certificate_that_is_not_trusted(sqlserver: _SqlServer, into: Path, names: tuple[str, ...]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # the login's handshake is wrapped in TDS packets
    trustme.CA().issue_cert(*(names or ("localhost",))).configure_cert(context)
    secure = _SqlServer(sqlserver.path, sqlserver.driver, context)
    assert refused(secure.bron(tabel="Veel"), into).reason == "certificaat"
    trusting = secure.bron(tabel="Veel", opties={"TrustServerCertificate": "yes"})
    assert len(fetched(trusting, into)) == 3000
    secure.tds.shutdown()
    secure.tds.server_close()


def test_pyodbc_with_parameters_and_sqlalchemy_run_against_it(sqlserver: _SqlServer) -> None:
    connection = pyodbc.connect(sqlserver.odbc(), autocommit=True)
    found = connection.execute("select n, ? as tekst, ? as leeg from Veel where n = ?", "é", None, "7").fetchall()
    connection.close()
    assert [tuple(row) for row in found] == [("7", "é", None)]
    engine = sa.create_engine("mssql+pyodbc://", creator=lambda: pyodbc.connect(sqlserver.odbc()))
    engine.dialect.initialize = lambda connection: None  # type: ignore[method-assign]  # asks SQL Server's own catalogue
    with engine.connect() as alchemy:
        veel = sa.table("Veel", sa.column("n"), sa.column("naam"))
        assert alchemy.execute(sa.select(veel.c.n).where(veel.c.n == "12")).all() == [("12",)]
    engine.dispose()


# Without a server


def test_oracle_says_that_nobody_listens(into: Path) -> None:
    bron = DatabaseBron(
        systeem="oracle",
        server="127.0.0.1",
        poort=free_port(),
        database="X",
        gebruiker="u",
        tabel="t",
        versleuteld="nee",
    )
    error = refused(bron, into)
    assert (error.reason, error.transient) == ("onbereikbaar", True)


def test_every_statement_for_oracle() -> None:
    bron = DatabaseBron(systeem="oracle", server="x", database="y", tabel="crm.personen")
    columns = [Column("BSN", "DB_TYPE_VARCHAR"), Column("GEBOREN", "DB_TYPE_DATE"), Column("CODE", "DB_TYPE_CHAR")]
    assert database_oracle.inner(bron) == "SELECT * \nFROM crm.personen"
    assert " ".join(database_oracle.reading(bron, columns).split()) == (
        'SELECT kmgb_bron."BSN" AS "BSN", to_char(kmgb_bron."GEBOREN") AS "GEBOREN", rtrim(kmgb_bron."CODE") AS "CODE" '
        "FROM (SELECT * FROM crm.personen ) kmgb_bron"
    )
    assert " ".join(database_oracle.moment().split()) == (
        "SELECT to_char(sys_extract_utc(SYSTIMESTAMP), 'YYYY-MM-DD HH24:MI:SS.FF6') AS moment FROM dual"
    )


def test_every_statement_for_sqlserver() -> None:
    system = SYSTEMS["sqlserver"]
    bron = DatabaseBron(systeem="sqlserver", server="x", tabel="dbo.Personen")
    assert system.inner(bron) == "SELECT * \nFROM dbo.[Personen]"
    assert system.reading(bron, []) == system.inner(bron)
    assert "N'select ''é'' as a'" in system.sql(sqlserver_types("select 'é' as a"))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"query": "delete from t"}, "kmgb leest alleen"),
        ({"query": "select 1; drop table t"}, "maar één opdracht"),
        ({"query": "with k as (delete from t returning *) select * from k"}, "mag alleen lezen"),
        ({"query": "select * into kopie from t"}, "mag alleen lezen"),
        ({}, "precies één van tabel en query"),
        ({"tabel": "t", "query": "select 1"}, "precies één van tabel en query"),
        ({"tabel": "t", "server": ""}, "server ontbreekt"),
        ({"tabel": "t", "opties": {"PWD": "x"}}, "PWD hoort niet in opties"),
        ({"tabel": "t", "tijdzone": "Nergens"}, "is geen tijdzone"),
        ({"tabel": "t", "onbekend": 1}, "Extra inputs"),
    ],
)
def test_what_a_source_must_say(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        DatabaseBron(**{"systeem": "sqlserver", "server": "x", **keys})


@pytest.mark.parametrize(
    "query",
    ["select ';' as a", "SELECT [delete] from t", "SELECT 1 as a;", 'select "update" from t', "select /*+ into */ 1"],
)
def test_a_query_that_only_reads(query: str) -> None:
    assert DatabaseBron(systeem="sqlserver", server="x", query=query).query == query.rstrip(";")


def test_comments_stay_behind_and_a_backslash_hides_a_quote_where_it_does() -> None:
    query = "select 1 as a -- ; drop\n, /* into; */ 2 as b; -- end"
    assert DatabaseBron(systeem="sqlserver", server="x", query=query).query.split() == [
        "select",
        "1",
        "as",
        "a",
        ",",
        "2",
        "as",
        "b",
    ]
    quoted = r"select 'O\'Brien; delete' as a"
    assert DatabaseBron(systeem="mariadb", server="x", query=quoted).query == quoted
    with pytest.raises(ValidationError, match="maar één opdracht"):  # where it does not, that text ended before
        DatabaseBron(systeem="postgresql", server="x", database="d", query=r"select 'O\'; delete from t")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("20260701", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-07-01 12:00:00.1234567 +02:00", datetime(2026, 7, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-07-01 12:00:00+02", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-01-01 12:00:00", datetime(2026, 1, 1, 11, tzinfo=UTC)),
        ("0000-00-00", None),
        ("", None),
    ],
)
def test_a_moment_as_a_database_writes_it(text: str, moment: datetime | None) -> None:
    assert as_moment(text, ZoneInfo("Europe/Amsterdam")) == moment
