"""The life of findings in SQL: openings, closings, changed values and returns; nothing readable without the key."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, event, select
from sqlalchemy.dialects import mssql, mysql, postgresql
from sqlalchemy.schema import CreateTable

from kmgb.compare.kinds import FINDING_COLUMNS
from kmgb.errors import StoreError
from kmgb.explain import clusters
from kmgb.store import planning
from kmgb.store.database import open_database
from kmgb.store.findings import Changes
from kmgb.store.runs import DONE, QUARANTINE, History, NewRun, StoredRun
from kmgb.store.schema import afwijking, metadata
from kmgb.store.secrets import Vault, open_vault

NOW = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
BSN = "999900067"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'kmgb.sqlite'}")
    yield opened
    opened.dispose()


@pytest.fixture
def history(engine: Engine) -> History:
    return History(engine, Vault(bytes(range(32))))


def _found(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    """Findings from (key, field, kind, value of the application)."""
    records = [
        {"key": key, "key_field": "bsn", "field": field, "kind": kind, "distributie": "0363", "afnemer_value": value}
        | {"severity": "normaal"}
        for key, field, kind, value in rows
    ]
    return pl.DataFrame(records, schema=FINDING_COLUMNS)


def _run(history: History, found: pl.DataFrame | None) -> tuple[StoredRun, Changes]:
    facts: dict[str, object] = {}
    status = QUARANTINE if found is None else DONE
    new = NewRun("belasting", "personen", status, NOW, NOW, None, None, facts)
    number, changes = history.write(new, [], found, None if found is None else clusters(found))
    return history.run(number), changes


A = (BSN, "gemeentecode", "afwijkend", "0200")
B = ("999900092", "", "ontbreekt", "")


def test_a_run_writes_openings_and_closings(history: History) -> None:
    assert _run(history, _found(A, B))[1] == Changes(2, 0, 0, 0)
    assert _run(history, _found(A))[1] == Changes(0, 1, 0, 1)
    assert _run(history, _found())[1] == Changes(0, 1, 0, 0)


def test_repeating_a_run_writes_no_finding(history: History, engine: Engine) -> None:
    _run(history, _found(A, B))
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    assert _run(history, _found(B, A))[1] == Changes(0, 0, 0, 2)
    written = [text for text in statements if text.startswith(("INSERT INTO afwijking", "UPDATE afwijking"))]
    assert written == []


def test_changed_values_are_a_version_of_the_same_interval(history: History) -> None:
    first, _ = _run(history, _found(A))
    second, changes = _run(history, _found((BSN, "gemeentecode", "afwijkend", "0599")))
    assert changes == Changes(0, 0, 1, 0)
    assert history.findings(first)["afnemer_value"].to_list() == ["0200"]
    assert history.findings(second)["afnemer_value"].to_list() == ["0599"]
    assert history.findings(second)["opened_run"].to_list() == [first.id]


def test_a_returning_finding_knows_its_predecessor(history: History, engine: Engine) -> None:
    for found in (_found(A), _found(), _found(A)):
        last, _ = _run(history, found)
    with engine.connect() as connection:
        first = connection.execute(select(afwijking.c.id).where(afwijking.c.predecessor.is_(None))).scalar_one()
    assert history.findings(last)["predecessor"].to_list() == [first]


def test_history_as_of_every_run(history: History) -> None:
    runs = [_run(history, found)[0] for found in (_found(A), _found(A, B), _found(B), _found())]
    assert [sorted(history.findings(run)["key"]) for run in runs] == [[A[0]], [A[0], B[0]], [B[0]], []]


def test_a_run_that_could_not_judge_opens_and_closes_nothing(history: History) -> None:
    _run(history, _found(A))
    quarantined, changes = _run(history, None)
    assert changes == Changes(0, 0, 0, 0, unknown=1)
    assert history.findings(quarantined).select("key", "status").rows() == [(BSN, "onbekend")]


def test_another_controle_has_its_own_findings(history: History) -> None:
    _run(history, _found(A))
    other = NewRun("zaaksysteem", "personen", DONE, NOW, NOW, None, None, {})
    _, changes = history.write(other, [], _found(A), None)
    assert changes == Changes(1, 0, 0, 0)


def test_kinds_of_one_row_are_told_apart(history: History) -> None:
    both = _found((BSN, "", "buiten_populatie", ""), (BSN, "", "sleutelverschil", ""))
    assert _run(history, both)[1].opened == 2


def test_the_database_holds_no_readable_value(history: History, tmp_path: Path) -> None:
    found = pl.concat([_found((f"99990{n:04d}", "gemeentecode", "afwijkend", "0200")) for n in range(5)])
    _run(history, pl.concat([found, _found(A)]))
    with closing(sqlite3.connect(tmp_path / "kmgb.sqlite")) as connection:
        dump = "\n".join(connection.iterdump())
    content = b"".join(path.read_bytes() for path in tmp_path.glob("kmgb.sqlite*"))
    assert "99990" not in dump
    assert b"99990" not in content
    assert b"0200" not in content


def test_clusters_keep_pattern_and_examples(history: History) -> None:
    found = pl.concat([_found((f"99990{n:04d}", "gemeentecode", "afwijkend", "0200")) for n in range(4)])
    stored, _ = _run(history, found)
    (kept,) = history.clusters(stored.id)
    assert (kept["count"], kept["from"], kept["to"]) == (4, "0363", "0200")
    assert kept["examples"][0] == ("999900000", "0363", "0200")


def test_another_key_is_refused(history: History, engine: Engine) -> None:
    with pytest.raises(StoreError, match="andere sleutel"):
        History(engine, Vault(bytes(32)))


def test_a_payload_moved_to_another_row_does_not_open() -> None:
    vault = Vault(bytes(32))
    sealed = vault.seal(["a", None], "row 1")
    assert vault.open(sealed, "row 1") == ["a", None]
    with pytest.raises(StoreError):
        vault.open(sealed, "row 2")


def test_the_key_file_is_made_once_and_ours_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "sleutel"
    first = open_vault("", path).identity("x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_vault("", path).identity("x") == first
    assert open_vault(base64.b64encode(bytes(32)).decode(), path).identity("x") != first


@pytest.mark.parametrize("key", ["geen base64!", base64.b64encode(b"kort").decode()])
def test_an_unusable_key_is_explained(key: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"base64|bytes"):
        open_vault(key, tmp_path / "sleutel")


def test_migrations_give_the_tables_of_the_schema(engine: Engine) -> None:
    assert planning.planning_uitvoering.metadata is metadata
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("dialect", [mssql.dialect(), postgresql.dialect(), mysql.dialect()], ids=lambda d: d.name)
def test_every_table_compiles_for_the_servers(dialect: object) -> None:
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))  # type: ignore[arg-type]


def test_a_failed_write_leaves_nothing(history: History) -> None:
    _run(history, _found(A))
    broken = _found(B).with_columns(pl.lit(None, dtype=pl.String).alias("severity"))
    with pytest.raises(StoreError, match="niets"):
        _run(history, broken)
    assert len(history.runs()) == 1
    assert history.findings(history.runs()[0])["key"].to_list() == [BSN]


def test_an_unusable_address_is_explained() -> None:
    with pytest.raises(StoreError, match="instelling database"):
        open_database("nonsens")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("geen adres", "het adres is geen databaseadres dat kmgb kent"),
        ("postgresql+pg8000://gebruiker:geheim@localhost/x", "het stuurprogramma pg8000 is niet geïnstalleerd"),
    ],
)
def test_a_database_that_cannot_be_opened_says_why_without_the_password(address: str, why: str) -> None:
    with pytest.raises(StoreError, match=why) as refused:
        open_database(address)
    assert "geheim" not in str(refused.value)
