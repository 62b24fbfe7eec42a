"""One reading session over ODBC: connect, fix the moment, learn the columns, deliver batches. In the driver's words:
the caller turns `DriverError` into a sentence.

Columns arrive in buffers of 8 MiB (arrow-odbc). A value that does not fit its buffer makes arrow-odbc fail. Then the
same statement is read row by row (pyodbc), slower and without a limit; where the driver writes the text itself, its
buffers are made wider instead, so that the text stays the same.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import polars as pl

from kmgb.errors import SourceError
from kmgb.fetch.database_systems import SYSTEMS, Column, Shown, connection_string, sqlserver_types
from kmgb.fetch.odbc import ColumnNamesError, DriverError, Odbc, Read, Result, Rows, TooWideError
from kmgb.mapping.bronnen.database import DatabaseBron

__all__ = ["ColumnNamesError", "DriverError", "Opened", "TooWideError"]

WIDEST = 4000
_WIDE = 65_536
_BUFFER = 8 * 2**20


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
    odbc: Odbc, bron: DatabaseBron, password: str, *, rows: int | None = None, wide: bool = False
) -> Iterator[Opened | Any | None]:
    """None once connected, then `Opened`, then Arrow record batches. `rows`: no more than so many."""
    session = _Session(odbc, bron, password)
    odbc.connect(session.string, bron.wachttijd)
    yield None
    opened = session.opened()
    yield opened
    if wide and session.system.text is not None:
        yield from session.row_batches(opened, rows)
    else:
        yield from session.batches(opened, rows, _WIDE if wide else WIDEST)


class _Session:
    def __init__(self, odbc: Odbc, bron: DatabaseBron, password: str) -> None:
        self.odbc, self.bron, self.system = odbc, bron, SYSTEMS[bron.systeem]
        self.string = connection_string(bron, password)

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
        if bron.systeem == "sqlite":  # as a table within a query it would give the second of two equal names another
            check_names([name for name, _ in self._read(system.inner(bron), rows=1).described])
        result = self._read(system.empty(bron) if system.text else system.inner(bron), rows=1)
        if system.text is not None:
            list(result.batches)  # a streaming driver takes no new statement before the end of this one
        described = tuple(Column(name, kind) for name, kind in result.described)
        names = [column.name for column in described]
        check_names(names)
        if system.types is None:
            return described
        (types,) = self._ask(system.asked_types(bron, names))
        return tuple(Column(name, kind) for name, kind in zip(names, types, strict=True))

    def _read(self, statement: str, rows: int | None = None, widest: int = WIDEST) -> Result:
        """`rows`: few are expected, so the buffer is as small."""
        asked = Read(
            statement,
            batch_size=rows or 65_535,
            bytes=_BUFFER,
            widest=widest,
            seconds=self.bron.tijdslimiet if self.bron.systeem in ("sqlserver", "odbc") else None,
            bulk=rows is None,
            floats=self.system.text is None,
        )
        return self.odbc.read(asked)

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        batches = self._read(statement, rows=1).batches
        return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]

    def batches(self, opened: Opened, rows: int | None, widest: int) -> Iterator[Any]:
        """The result in record batches. Raises: DriverError, TooWideError, ColumnNamesError when a column has gone."""
        result = self._read(self.system.reading(self.bron, opened.columns, rows), rows, widest)
        _check_same(opened, [name for name, _ in result.described])
        yield from result.batches

    def row_batches(self, opened: Opened, rows: int | None) -> Iterator[Any]:
        """The same, row by row, for values of any length."""
        statement = self.system.reading(self.bron, opened.columns, rows)
        opening = tuple(self.system.opening(self.bron))
        result = self.odbc.rows(Rows(self.string, self.bron.wachttijd, opening, statement, rows))
        _check_same(opened, [name for name, _ in result.described])
        yield from result.batches


def shown(arrow: Any, column: Any, how: Shown) -> Any:
    """A column as it is delivered: text, with what the driver left undone."""
    compute = library("pyarrow.compute")
    if how is not Shown.AS_IS and arrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
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
