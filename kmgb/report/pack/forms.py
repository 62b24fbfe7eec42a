"""One table of the pack in its three forms: CSV, JSON lines and Parquet with the same rows, written part by part.

In the CSV (RFC 4180: commas, CRLF) a text that a spreadsheet would take for a formula gets an apostrophe in front; the
other two are exact. An empty text is quoted in the CSV, nothing is not.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import polars as pl

from kmgb.report.files import harmless
from kmgb.report.pack.tables import Table

FORMS: Final = {"csv": "csv", "json": "jsonl", "parquet": "parquet"}
_MOMENT: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"
_GROUP: Final = 50_000  # rows of a group in the Parquet: fixed, so that the same rows give the same bytes


def form_name(table: Table, form: str) -> str:
    """The name of a table's file in the pack."""
    return f"{form}/{table.name}.{FORMS[form]}"


def form_names(table: Table) -> dict[str, str]:
    """The names of a table's files by form."""
    return {form: form_name(table, form) for form in FORMS}


class Forms:
    """A table that is being written below `folder`; rows are added part by part, the Parquet comes at the end."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.table, self.rows = table, 0
        self._paths = {form: folder / name for form, name in form_names(table).items()}
        self._stack = ExitStack()
        for path in self._paths.values():
            path.parent.mkdir(exist_ok=True)
        self._csv, self._json = (self._stack.enter_context(self._paths[form].open("wb")) for form in ("csv", "json"))
        self._csv.write(pl.DataFrame(schema=table.schema).write_csv(line_terminator="\r\n").encode())

    def add(self, rows: pl.DataFrame) -> None:
        """Add rows; they have at least the table's columns, with its types."""
        if rows.is_empty():
            return
        texts = rows.lazy().select(written_columns(self.table)).collect()
        texts.write_ndjson(self._json)
        texts.with_columns(harmless_columns(self.table)).write_csv(
            self._csv, include_header=False, line_terminator="\r\n"
        )
        self.rows += rows.height

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
        if error is None:
            read_json(self._paths["json"], self.table).sink_parquet(
                self._paths["parquet"], compression="zstd", row_group_size=_GROUP, maintain_order=True
            )


def read_json(path: Path, table: Table) -> pl.LazyFrame:
    """The rows of a table's JSON lines, with the types of the Parquet."""
    written = {name: pl.String() if _is_moment(dtype) else dtype for name, dtype in table.schema.items()}
    moments = [
        pl.col(name).str.to_datetime(_MOMENT, time_unit="us", time_zone="UTC")
        for name, dtype in table.schema.items()
        if _is_moment(dtype)
    ]
    return pl.scan_ndjson(path, schema=written).with_columns(moments)


def read_csv(path: Path, table: Table) -> pl.LazyFrame:
    """The rows of a table's CSV, all as text."""
    return pl.scan_csv(path, schema=dict.fromkeys(table.schema, pl.String()))


def written_columns(table: Table) -> list[pl.Expr]:
    """The table's columns as JSON has them: moments are texts."""
    return [
        pl.col(name).dt.to_string(_MOMENT) if _is_moment(dtype) else pl.col(name).cast(dtype)
        for name, dtype in table.schema.items()
    ]


def harmless_columns(table: Table) -> list[pl.Expr]:
    """The texts among the written columns as the CSV has them."""
    return [harmless(name) for name, dtype in table.schema.items() if dtype == pl.String]


def _is_moment(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Datetime)
