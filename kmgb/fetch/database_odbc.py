"""One reading session over ODBC: connect, fix the moment, learn the columns, deliver batches. In the driver's words:
the caller turns `DriverError` into a sentence.

Columns arrive in buffers of 32 MiB (arrow-odbc). A value that does not fit its buffer makes arrow-odbc fail. Then the
same statement is read row by row (pyodbc), slower and without a limit; where the driver writes the text itself, its
buffers are made wider instead, so that the text stays the same.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import polars as pl
import pyodbc

from kmgb.errors import SourceError
from kmgb.fetch.database_systems import SYSTEMS, Column, Shown, System, connection_string, sqlserver_types
from kmgb.mapping.bronnen.database import DatabaseBron

# A pool of unixODBC would hand a connection with an open transaction to the next who asks, also to arrow-odbc.
pyodbc.pooling = False
WIDEST = 4000
_WIDE = 65_536
_ROWS = 5_000
_NO_TYPE = re.compile(r"SQL type of the column with name: (.*) and index")


class DriverError(Exception):
    """The driver's own words, which may hold a value: never shown, only read."""


class TooWideError(Exception):
    """A value did not fit the buffer of its column."""


class ColumnNamesError(Exception):
    """The names of the columns cannot serve: which, and why."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known before the first row. `moment` is the server's own time; None when the system is unknown."""

    version: str
    moment: datetime | None
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The names as delivered."""
        return [column.name for column in self.columns]


def library(name: str) -> ModuleType:
    """A package of the extra `db`. Raises: SourceError when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise SourceError(f"Voor databases is {name} nodig. Installeer kmgb met: pip install 'kmgb[db]'") from None


def open_and_read(
    bron: DatabaseBron, password: str, *, rows: int | None = None, wide: bool = False
) -> Iterator[Opened | Any | None]:
    """None once connected, then `Opened`, then Arrow record batches. `rows`: no more than so many."""
    session = _Session(bron, password)
    yield None
    opened = session.opened()
    yield opened
    if wide and session.system.text is not None:
        yield from session.row_batches(opened, rows)
    else:
        yield from session.batches(opened, rows, _WIDE if wide else WIDEST)


class _Session:
    def __init__(self, bron: DatabaseBron, password: str) -> None:
        self.bron, self.system = bron, SYSTEMS[bron.systeem]
        self.string = connection_string(bron, password)
        self.odbc, self.arrow = library("arrow_odbc"), library("pyarrow")
        with _driver_words(self.odbc.Error):
            self.connection = self.odbc.connect(self.string, login_timeout_sec=bron.wachttijd)

    def opened(self) -> Opened:
        """Begin the transaction that holds the moment, then ask for server and columns within it."""
        for statement in self.system.opening(self.bron):
            self._ask(statement)
        version, moment = "", None
        if self.system.facts is not None:
            ((version, text),) = self._ask(self.system.sql(self.system.facts))
            moment = datetime.fromisoformat(text[:26]).replace(tzinfo=UTC)
        columns = self._columns()
        check_names([column.name for column in columns])
        return Opened(version.strip().splitlines()[0].strip() if version else "", moment, columns)

    def _columns(self) -> tuple[Column, ...]:
        bron, system = self.bron, self.system
        if bron.systeem == "sqlserver":
            found = self._ask(system.sql(sqlserver_types(system.inner(bron))))
            return tuple(Column(name or "", kind) for name, kind in found)
        reader = self._reader(system.empty(bron) if system.text else system.inner(bron), rows=1)
        described = tuple(Column(field.name, str(field.type)) for field in self.described)
        if system.text is not None:
            list(self._iterate(reader))  # a streaming driver takes no new statement before the end of this one
        del reader
        names = [column.name for column in described]
        check_names(names)
        if system.types is None:
            return described
        (types,) = self._ask(system.asked_types(bron, names))
        return tuple(Column(name, kind) for name, kind in zip(names, types, strict=True))

    def _reader(self, statement: str, rows: int | None = None, widest: int = WIDEST) -> Any:
        """`rows`: few are expected, so the buffer is as small; `self.described` is what the driver would deliver."""
        with _driver_words(self.odbc.Error):
            return self.connection.read_arrow_batches(
                statement,
                batch_size=rows or 65_535,
                max_bytes_per_batch=self.system.buffer,
                max_text_size=widest,
                max_binary_size=widest,
                map_schema=self._as_text,
                query_timeout_sec=self.bron.tijdslimiet if self.bron.systeem in ("sqlserver", "odbc") else None,
                fetch_concurrently=rows is None,
            )

    def _as_text(self, schema: Any) -> Any:
        """The driver writes text; only floating point comes as it is, drivers differ in how they write it.

        No column is ever bound as fixed_size_binary: arrow-odbc 10.6 aborts the process when a value is shorter.
        """
        self.described, text = schema, self.arrow.string()
        kept = ("float", "double") if self.system.text is None else ()
        fields = [(one.name, one.type if str(one.type) in kept else text) for one in schema]
        return self.arrow.schema([self.arrow.field(name, kind) for name, kind in fields])

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        reader = self._reader(statement, rows=1)
        return [tuple(row.values()) for batch in self._iterate(reader) for row in batch.to_pylist()]

    def _iterate(self, reader: Any) -> Iterator[Any]:
        with _driver_words(self.odbc.Error):
            yield from reader

    def batches(self, opened: Opened, rows: int | None, widest: int) -> Iterator[Any]:
        """The result in record batches. Raises: DriverError, TooWideError, ColumnNamesError when a column has gone."""
        statement = self.system.reading(self.bron, opened.columns, rows)
        reader = self._reader(statement, rows, widest)
        _check_same(opened, [field.name for field in reader.schema])
        yield from self._iterate(reader)

    def row_batches(self, opened: Opened, rows: int | None) -> Iterator[Any]:
        """The same, row by row, for values of any length."""
        del self.connection  # its transaction has failed; the new one has a moment of its own
        connection = _row_connection(self.string, self.bron, self.system)
        try:
            yield from self._row_batches(connection, opened, rows)
        except pyodbc.Error as error:
            raise DriverError(_words(error)) from None
        finally:
            with suppress(pyodbc.Error):
                connection.close()

    def _row_batches(self, connection: pyodbc.Connection, opened: Opened, rows: int | None) -> Iterator[Any]:
        cursor = connection.execute(self.system.reading(self.bron, opened.columns, rows))
        names = [column[0] for column in cursor.description]
        _check_same(opened, names)
        schema = self.arrow.schema([self.arrow.field(name, self.arrow.string()) for name in names])
        while found := cursor.fetchmany(rows or _ROWS):
            columns = [list(column) for column in zip(*found, strict=True)]
            yield self.arrow.record_batch(columns, schema=schema)


def _row_connection(string: str, bron: DatabaseBron, system: System) -> pyodbc.Connection:
    try:
        connection = pyodbc.connect(string, autocommit=True, timeout=bron.wachttijd)
        for statement in system.opening(bron):
            connection.execute(statement)
    except pyodbc.Error as error:
        raise DriverError(_words(error)) from None
    return connection


def shown(arrow: Any, column: Any, how: Shown) -> Any:
    """A column as it is delivered: text, with what the driver left undone."""
    compute = library("pyarrow.compute")
    if arrow.types.is_floating(column.type):
        digits = pl.Series(pl.from_arrow(column)).cast(pl.String).str.replace(r"\.0$", "")
        return compute.cast(digits.to_arrow(), arrow.string())
    if how is Shown.RTRIM:
        return compute.utf8_rtrim(column, characters=" ")
    if how is Shown.DECIMAL:
        return compute.replace_substring_regex(column, pattern=r"^(-?)\.", replacement=r"\10.")
    if how is Shown.HEX:
        return compute.binary_join_element_wise("0x", compute.utf8_upper(column), "")
    return column


def check_names(names: Sequence[str]) -> None:
    if not all(names):
        raise ColumnNamesError("een kolom heeft geen naam. Geef in de query elke uitkomst een naam met AS.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ColumnNamesError(
            f"kolom {', '.join(twice)} komt dubbel voor. Geef elke kolom in de query een eigen naam."
        )


def _check_same(opened: Opened, names: Sequence[str]) -> None:
    expected = opened.names
    if names == expected:
        return
    gone = ", ".join(name for name in expected if name not in names)
    what = f"kolom {gone} verdween tijdens het lezen." if gone else "de kolommen veranderden tijdens het lezen."
    raise ColumnNamesError(f"{what} Haal opnieuw op; blijft de kolom weg, pas dan de veldtoewijzing aan.")


def _words(error: pyodbc.Error) -> str:
    """pyodbc puts the SQLSTATE first and the number of the fault in brackets behind the text."""
    return f"State: {error.args[0] if error.args else ''}, Native error: 0, {error}"


@contextmanager
def _driver_words(kind: type[Exception]) -> Iterator[None]:
    """Errors of the driver become DriverError or TooWideError, without a chain that holds the driver's text."""
    try:
        yield
    except kind as error:
        if "too large to be written" in str(error):
            raise TooWideError from None
        if without := _NO_TYPE.search(str(error)):
            what = f"kolom {without[1]} heeft geen type. Geef haar in de query een type, zoals CAST(NULL AS CHAR(10))."
            raise ColumnNamesError(what) from None
        raise DriverError(str(error)) from None
