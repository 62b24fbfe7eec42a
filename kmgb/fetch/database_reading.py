"""One fetch within its limits of time: from the driver's batches to Parquet; what goes wrong becomes a sentence."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from kmgb.fetch.database_errors import DatabaseError, database_error, not_reached, too_late
from kmgb.fetch.database_odbc import ColumnNamesError, DriverError, Opened, TooWideError, library, open_and_read, shown
from kmgb.fetch.database_oracle import open_and_read_oracle
from kmgb.fetch.database_pump import Pump, SilentError
from kmgb.fetch.database_systems import SYSTEMS, Shown
from kmgb.mapping.bronnen.database import DatabaseBron

Progress = Callable[[int, int], None]
_GROUP = 16 * 2**20
_GRACE = 5
_SHORTER = "Laat die kolom weg uit de query, of kort haar daar in."
_SLOWER = "Een waarde is langer dan 4000 tekens of dan haar kolom aangeeft: daardoor is trager gelezen."


def read_into(bron: DatabaseBron, password: str, path: Path, progress: Progress) -> tuple[Opened, tuple[str, ...]]:
    try:
        with Reading(bron, password) as reading:
            _write(reading, path, progress)
            return reading.opened, ()
    except TooWideError:
        with Reading(bron, password, wide=True) as reading:
            _write(reading, path, progress)
            return reading.opened, (_SLOWER,)


def _write(reading: Reading, path: Path, progress: Progress) -> None:
    """Row groups of about 16 MiB, whatever the size of the batches."""
    arrow, parquet = library("pyarrow"), library("pyarrow.parquet")
    schema = arrow.schema([arrow.field(column.name, arrow.string()) for column in reading.opened.columns])
    rows = size = held = 0
    waiting: list[Any] = []
    with path.open("wb") as stream:
        with parquet.ParquetWriter(stream, schema, compression="lz4", write_statistics=False) as writer:
            for table in reading.tables():
                waiting.append(table)
                rows, size, held = rows + table.num_rows, size + table.nbytes, held + table.nbytes
                if held >= _GROUP:
                    writer.write_table(arrow.concat_tables(waiting))
                    waiting, held = [], 0
                progress(rows, size)
            if waiting:
                writer.write_table(arrow.concat_tables(waiting))
        stream.flush()
        os.fsync(stream.fileno())


class Reading:
    """A session of reading within its limits of time; what the driver says leaves it as a Dutch sentence."""

    def __init__(self, bron: DatabaseBron, password: str, *, rows: int | None = None, wide: bool = False) -> None:
        self.bron, self.end = bron, time.monotonic() + bron.tijdslimiet + _GRACE  # the server's own limit comes first
        read = open_and_read_oracle if bron.systeem == "oracle" else open_and_read
        self.wide = wide
        self.pump: Pump[Any] = Pump(partial(read, bron, password, rows=rows, wide=wide))
        self.opened: Opened

    def __enter__(self) -> Reading:
        try:
            self._next(connecting=True)
            self.opened = self._next(connecting=False)
        except BaseException:
            self.pump.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.pump.close()

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
        """Every batch as an Arrow table of text."""
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


def _as_is(_: str) -> Shown:
    return Shown.AS_IS


def _columns(bron: DatabaseBron, error: ColumnNamesError) -> DatabaseError:
    return DatabaseError(bron, "kolom", str(error), "", transient="verdween" in str(error))
