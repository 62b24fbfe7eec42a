"""One fetch within its limits of time: from the driver's batches to the Parquet of a landing, in one go.

The rows get their number and their fault here, so that landing need not write them once more. What goes wrong becomes
a sentence.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.errors import nearest
from kmgb.fetch.database_apart import Apart
from kmgb.fetch.database_counts import Counts, Seen
from kmgb.fetch.database_errors import DatabaseError, database_error, not_reached, too_late
from kmgb.fetch.database_odbc import ColumnNamesError, DriverError, Opened, TooWideError, library, open_and_read, shown
from kmgb.fetch.database_oracle import open_and_read_oracle
from kmgb.fetch.database_pump import Pump, SilentError
from kmgb.fetch.database_systems import SYSTEMS, Shown
from kmgb.fetch.odbc import Here, Odbc
from kmgb.fetch.tls import tls_context
from kmgb.mapping.bronnen.database import DatabaseBron
from kmgb.sources.delivered import CONTROLS, Limits, check_cells

# Whose driver needs a process of its own: see database_apart.
_APART = ("postgresql", "mariadb")
Progress = Callable[[int, int], None]
_GRACE = 5
_SHORTER = "Laat die kolom weg uit de query, of kort haar daar in."
_SLOWER = "Een waarde is langer dan 4000 tekens of dan haar kolom aangeeft: daardoor is trager gelezen."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is kept of the result: these columns (None: all of them), with cells within these limits.

    `seen` gets texts of a kept column that differ, and how often each came: reading is slow enough to count meanwhile.
    """

    columns: tuple[str, ...] | None
    limits: Limits
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """How it went. `newest` is the highest text in `peildatum_kolom`."""

    opened: Opened
    remarks: tuple[str, ...]
    newest: str | None


def read_into(bron: DatabaseBron, password: str, path: Path, wanted: Wanted, progress: Progress) -> Read:
    """The result as the Parquet of a landing in `path`: the kept columns, then `__rij` and `__fout`.

    Raises: SourceError, OSError when the file cannot be written.
    """
    try:
        with Reading(bron, password, keep=wanted.columns) as reading:
            return Read(reading.opened, (), _write(reading, path, wanted, progress))
    except TooWideError:
        with Reading(bron, password, keep=wanted.columns, wide=True) as reading:
            return Read(reading.opened, (_SLOWER,), _write(reading, path, wanted, progress))


def _write(reading: Reading, path: Path, wanted: Wanted, progress: Progress) -> str | None:
    """One row group for every table; gives the highest text in `peildatum_kolom`."""
    arrow, parquet = library("pyarrow"), library("pyarrow.parquet")
    empty = arrow.table([arrow.array([], arrow.string())] * len(reading.opened.names), names=reading.opened.names)
    counts = None if wanted.seen is None else Counts(wanted.seen)
    tables = reading.tables()
    first = next(tables, empty)
    texts = [first.schema.field(name) for name in reading.kept]
    schema = arrow.schema([*texts, (ROW, arrow.uint32()), (FAULT, arrow.string())])
    once = [field.name for field in texts if arrow.types.is_dictionary(field.type)]
    rows = size = 0
    newest: str | None = None
    with path.open("wb") as stream:
        # Without Arrow's own schema in it the file says text, not how the text came to us.
        kept_out = {"compression": "lz4", "write_statistics": False, "store_schema": False, "use_dictionary": once}
        with parquet.ParquetWriter(stream, schema, **kept_out) as writer:
            for table in chain([first], tables):
                newest = _highest(newest, table, reading.bron.peildatum_kolom)
                kept = table.select(reading.kept)
                if counts is not None:
                    counts.add(kept)
                writer.write_table(_numbered(arrow, kept, rows, wanted.limits))
                rows, size = rows + table.num_rows, size + table.nbytes
                progress(rows, size)
        stream.flush()
        os.fsync(stream.fileno())
    if counts is not None:
        counts.close()
    return newest


def _numbered(arrow: Any, table: Any, before: int, limits: Limits) -> Any:
    """The table with the number of every row, from `before` + 1 on, and what is wrong with its cells."""
    numbers = pl.int_range(before + 1, before + 1 + table.num_rows, dtype=pl.UInt32, eager=True).to_arrow()
    if _is_clean(table, limits):
        faults = arrow.nulls(table.num_rows, arrow.string())
    else:
        cells = pl.DataFrame(
            pl.from_arrow(table.cast(arrow.schema([(name, arrow.string()) for name in table.column_names])))
        )
        faults = cells.select(check_cells(cells.columns, limits)).to_series().to_arrow().cast(arrow.string())
    return table.append_column(ROW, numbers).append_column(FAULT, faults)


def _is_clean(table: Any, limits: Limits) -> bool:
    """True when the bytes show that no cell is too long or holds a control character: ten times faster than looking
    at every cell. A character has at least one byte."""
    compute = library("pyarrow.compute")
    for column in table.columns:
        for chunk in column.chunks:
            texts = getattr(chunk, "dictionary", chunk)
            if (compute.max(compute.binary_length(texts)).as_py() or 0) > limits.max_cell:
                return False
            text = texts.buffers()[2]
            if text is not None and len(text.to_pybytes().translate(None, CONTROLS)) < text.size:
                return False
    return True


def _highest(known: str | None, table: Any, column: str) -> str | None:
    if not column or column not in table.column_names:
        return known
    max_of = library("pyarrow.compute").max
    found = [max_of(getattr(chunk, "dictionary", chunk)).as_py() for chunk in table.column(column).chunks]
    return max(filter(None, (known, *found)), default=None)


class Reading:
    """A session of reading within its limits of time; what the driver says leaves it as a Dutch sentence."""

    def __init__(
        self,
        bron: DatabaseBron,
        password: str,
        *,
        keep: Sequence[str] | None = None,
        rows: int | None = None,
        wide: bool = False,
    ) -> None:
        self.bron, self.end = bron, time.monotonic() + bron.tijdslimiet + _GRACE  # the server's own limit comes first
        self._odbc = None if bron.systeem == "oracle" else _odbc(bron)
        read = open_and_read_oracle if self._odbc is None else partial(open_and_read, self._odbc)
        self.wide, self._keep = wide, keep
        self.pump: Pump[Any] = Pump(partial(read, bron, password, rows=rows, wide=wide))
        self.opened: Opened
        self.kept: list[str]

    def __enter__(self) -> Reading:
        try:
            self._next(connecting=True)
            self.opened = self._next(connecting=False)
            self.kept = _chosen(self.bron, self.opened.names, self._keep)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self.pump.close()
        if self._odbc is not None:
            self._odbc.stop()

    def _next(self, *, connecting: bool) -> Any:
        limit = self.bron.wachttijd + _GRACE if connecting else self.end - time.monotonic()
        try:
            return self.pump.next(limit)[0]
        except SilentError:
            raise (not_reached if connecting else too_late)(self.bron) from None
        except DriverError as error:
            raise database_error(self.bron, str(error), connecting=connecting) from None
        except ColumnNamesError as error:
            raise _columns(self.bron, error) from None

    def tables(self) -> Iterator[Any]:
        """Every group as an Arrow table of text, plain or as a dictionary."""
        arrow = library("pyarrow")
        how = SYSTEMS[self.bron.systeem].shown if self.bron.systeem in SYSTEMS else _as_is
        todo = [how(column.type) for column in self.opened.columns]
        names = self.opened.names
        try:
            for batch in self.pump.rest(self.end):
                columns = [shown(arrow, column, one) for column, one in zip(batch.columns, todo, strict=True)]
                yield arrow.table(columns, names=names)
        except SilentError:
            raise too_late(self.bron) from None
        except TooWideError:
            if not self.wide:
                raise
            raise DatabaseError(self.bron, "breed", "een waarde is langer dan 65.536 tekens.", _SHORTER) from None
        except DriverError as error:
            raise database_error(self.bron, str(error), connecting=False) from None
        except ColumnNamesError as error:
            raise _columns(self.bron, error) from None


def _odbc(bron: DatabaseBron) -> Odbc:
    """Where ODBC is spoken. Raises: SourceError when the extra is not installed."""
    library("arrow_odbc"), library("pyarrow")
    if bron.certificaat:  # a driver would call it a server that is not trusted
        tls_context(Path(bron.certificaat), "certificaat")
    return Apart() if bron.systeem in _APART else Here()


def _chosen(bron: DatabaseBron, names: Sequence[str], keep: Sequence[str] | None) -> list[str]:
    """The columns to keep, in the order of the result. Raises: DatabaseError naming those that are not there."""
    if keep is None:
        return list(names)
    missing = [f"{name!r} ({nearest(name, names) or 'geen gelijkende naam'})" for name in keep if name not in names]
    if missing:
        what = f"de uitkomst mist {', '.join(missing)}."
        raise DatabaseError(bron, "kolom", what, "Pas de velden, 'tabel' of 'query' in de veldtoewijzing aan.")
    return [name for name in names if name in keep]


def _as_is(_: str) -> Shown:
    return Shown.AS_IS


def _columns(bron: DatabaseBron, error: ColumnNamesError) -> DatabaseError:
    return DatabaseError(bron, "kolom", str(error), "", transient="verdween" in str(error))
