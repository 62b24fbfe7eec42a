"""ODBC itself: connect, and read a statement as Arrow record batches of text.

This module imports little: it also runs as a process of its own (see database_apart), which
must be there at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from kmgb.fetch.odbc_groups import grouped

_NO_TYPE = re.compile(r"SQL type of the column with name: (.*) and index")
_ROWS = 5_000


class DriverError(Exception):
    """The driver's own words, which may hold a value: never shown, only read."""


class TooWideError(Exception):
    """A value did not fit the buffer of its column."""


class ColumnNamesError(Exception):
    """The names of the columns cannot serve: which, and why."""


@dataclass(frozen=True, slots=True)
class Read:
    """One statement to read. `bulk`: it comes in groups (see odbc_groups). `floats`: floating point comes as it
    is.

    Units: `bytes` of a buffer, `widest` in characters of a text whose length the driver does not know.
    """

    statement: str
    batch_size: int
    bytes: int
    widest: int
    seconds: int | None
    bulk: bool
    floats: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """One statement to read row by row, over a connection of its own that begins with `opening`."""

    string: str
    timeout: int
    opening: tuple[str, ...]
    statement: str
    rows: int | None


@dataclass
class Result:
    """`described`: each column and the type in which the driver would deliver it. Batches come as they are asked."""

    described: list[tuple[str, str]]
    batches: Iterator[Any]


class Odbc(Protocol):
    """Somewhere ODBC is spoken. Raises: DriverError, TooWideError, ColumnNamesError."""

    def connect(self, string: str, timeout: int) -> None:
        """Open the connection that `read` uses."""

    def read(self, asked: Read) -> Result:
        """A statement by columns. The result before it must have been read to its end."""

    def rows(self, asked: Rows) -> Result:
        """A statement by rows. The connection of `connect` is given up."""

    def stop(self) -> None:
        """Nobody listens any more."""


class Here:
    """ODBC in this process."""

    def __init__(self) -> None:
        import arrow_odbc  # noqa: PLC0415  an extra; whoever makes this has seen that it is there
        import pyarrow  # noqa: PLC0415

        self._odbc, self._arrow = arrow_odbc, pyarrow
        self._connection: Any = None

    def connect(self, string: str, timeout: int) -> None:
        with _driver_words(self._odbc.Error):
            self._connection = self._odbc.connect(string, login_timeout_sec=timeout)

    def read(self, asked: Read) -> Result:
        described: list[tuple[str, str]] = []

        def as_text(schema: Any) -> Any:
            """The driver writes text; only floating point comes as it is, drivers differ in how they write it.

            No column is ever bound as fixed_size_binary: arrow-odbc 10.6 aborts the process when a value is shorter.
            """
            described.extend((field.name, str(field.type)) for field in schema)
            kept, text = ("float", "double") if asked.floats else (), self._arrow.string()
            fields = [(field.name, field.type if str(field.type) in kept else text) for field in schema]
            return self._arrow.schema([self._arrow.field(name, kind) for name, kind in fields])

        with _driver_words(self._odbc.Error):
            reader = self._connection.read_arrow_batches(
                asked.statement,
                batch_size=asked.batch_size,
                max_bytes_per_batch=asked.bytes,
                max_text_size=asked.widest,
                max_binary_size=asked.widest,
                map_schema=as_text,
                query_timeout_sec=asked.seconds,
            )
        batches = self._batches(reader)
        return Result(described, grouped(batches) if asked.bulk else batches)

    def _batches(self, reader: Any) -> Iterator[Any]:
        with _driver_words(self._odbc.Error):
            yield from reader

    def rows(self, asked: Rows) -> Result:
        import pyodbc  # noqa: PLC0415  slow to come and seldom needed

        # A pool of unixODBC would hand a connection with an open transaction to the next who asks.
        pyodbc.pooling = False
        self._connection = None  # its transaction has failed; the new one has a moment of its own
        try:
            connection = pyodbc.connect(asked.string, autocommit=True, timeout=asked.timeout)
            for statement in asked.opening:
                connection.execute(statement)
            cursor = connection.execute(asked.statement)
        except pyodbc.Error as error:
            raise DriverError(_words(error)) from None
        names = [column[0] for column in cursor.description]
        batches = self._row_batches(connection, cursor, names, asked.rows)
        return Result([(name, "string") for name in names], batches if asked.rows else grouped(batches))

    def _row_batches(self, connection: Any, cursor: Any, names: Sequence[str], rows: int | None) -> Iterator[Any]:
        import pyodbc  # noqa: PLC0415

        schema = self._arrow.schema([self._arrow.field(name, self._arrow.string()) for name in names])
        try:
            while found := cursor.fetchmany(rows or _ROWS):
                columns = [list(column) for column in zip(*found, strict=True)]
                yield self._arrow.record_batch(columns, schema=schema)
        except pyodbc.Error as error:
            raise DriverError(_words(error)) from None
        finally:
            with suppress(pyodbc.Error):
                connection.close()

    def stop(self) -> None:
        """A driver that waits cannot be interrupted from here."""


def _words(error: Exception) -> str:
    """pyodbc puts the SQLSTATE first and the number of the fault in brackets behind the text."""
    return f"State: {error.args[0] if error.args else ''}, Native error: 0, {error}"


@contextmanager
def _driver_words(kind: type[Exception]) -> Iterator[None]:
    """Errors of the driver become ours, without a chain that holds the driver's text."""
    try:
        yield
    except kind as error:
        if "too large to be written" in str(error):
            raise TooWideError from None
        if without := _NO_TYPE.search(str(error)):
            what = f"kolom {without[1]} heeft geen type. Geef haar in de query een type, zoals CAST(NULL AS CHAR(10))."
            raise ColumnNamesError(what) from None
        raise DriverError(str(error)) from None
