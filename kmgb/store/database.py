"""Connect to the history and bring its tables up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, SQLAlchemyError

from kmgb.errors import StoreError

_BUSY_SECONDS = 30
_CACHE_KIB = 65_536


def open_database(url: str) -> Engine:
    """The engine, its tables at the newest version. SQLite by default; its folder is made when absent.

    Raises: StoreError when the address is unusable or the database does not answer.
    """
    try:
        address = make_url(url)
        if address.get_backend_name() == "sqlite" and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        # A file is opened in no time: a connection that is kept would only be one that nobody closes.
        alone = address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:")
        engine = create_engine(address, poolclass=NullPool if alone else None, pool_pre_ping=not alone)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _careful_sqlite)
        upgrade(engine)
    except (ArgumentError, SQLAlchemyError, OSError, ImportError) as error:
        shown = url.rpartition("@")[2]  # without user and password
        raise StoreError(
            f"De database {shown} is niet te openen: {refusal(error)}. Controleer de instelling database."
        ) from error
    return engine


def refusal(error: Exception) -> str:
    """Why the database did not do what was asked; never its own words, which may repeat what was written."""
    match error:
        case ArgumentError():
            return "het adres is geen databaseadres dat kmgb kent"
        case ImportError():
            return f"het stuurprogramma {error.name or 'van deze database'} is niet geïnstalleerd"
        case IntegrityError():
            return "een andere run schreef tegelijk hetzelfde"
        case OperationalError():
            return "zij antwoordt niet, is bezet of heeft geen ruimte meer"
        case OSError():
            return "de map is niet te maken of niet te beschrijven"
        case _:
            return "zij weigert de opdracht"


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that this database has not seen."""
    config = Config()
    config.set_main_option("script_location", str(files("kmgb.store") / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that reads and then writes. SQLite takes its lock before the first read, so that what was read
    still holds when it writes; it would otherwise begin only at the first change."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def to_sql(moment: datetime) -> datetime:
    """An aware moment as the naive UTC that the tables keep."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def from_sql(moment: datetime) -> datetime:
    """A moment out of the tables, aware again."""
    return moment.replace(tzinfo=UTC)


def _careful_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    careful = ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={_BUSY_SECONDS * 1000}", "synchronous=FULL")
    # Of itself SQLite keeps 2 MB of a database in memory, and sorts in files.
    for pragma in (*careful, f"cache_size=-{_CACHE_KIB}", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
