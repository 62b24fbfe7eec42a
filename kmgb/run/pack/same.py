"""Whether the three forms of a table say the same: as many rows as the manifest says, and the same in every cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from kmgb.report.pack.forms import form_names, harmless_columns, read_csv, read_json, written_columns
from kmgb.report.pack.tables import Table

_FAULTS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError)


def table_faults(folder: Path, table: Table, rows: Mapping[str, int | None]) -> Iterator[str]:
    """What is wrong with the forms of one table, in Dutch. `rows`: how many each file has by the manifest."""
    names = form_names(table)
    try:
        forms = {names[form]: frame for form, frame in _forms(folder, table).items()}
        counts = {name: frame.select(pl.len()).collect(engine="streaming").item() for name, frame in forms.items()}
        wrong = [
            f"{name} telt {count} rijen; het manifest zegt {rows.get(name)}."
            for name, count in counts.items()
            if count != rows.get(name)
        ]
        if wrong or len(set(counts.values())) > 1:
            yield from wrong or [f"{table.name}: de drie vormen tellen niet evenveel rijen."]
            return
        differing = _differing(folder, table)
    except _FAULTS:  # their words may quote a cell
        yield f"{table.name}: ten minste één vorm is niet te lezen als deze tabel."
        return
    yield from (f"{names[form]}: {count} rijen zeggen iets anders dan de Parquet." for form, count in differing.items())


def read_table(folder: Path, table: Table) -> pl.LazyFrame:
    """The rows of a table as the Parquet has them."""
    return pl.scan_parquet(folder / form_names(table)["parquet"], glob=False, hive_partitioning=False)


def _forms(folder: Path, table: Table) -> dict[str, pl.LazyFrame]:
    """The forms, each proven to have the table's columns. Raises: SchemaError."""
    names = form_names(table)
    parquet = read_table(folder, table)
    with (folder / names["csv"]).open(encoding="utf-8", newline="") as stream:
        header = stream.readline()
    if dict(parquet.collect_schema()) != table.schema or header != ",".join(table.schema) + "\r\n":
        raise pl.exceptions.SchemaError(table.name)
    return {
        "parquet": parquet,
        "csv": read_csv(folder / names["csv"], table),
        "json": read_json(folder / names["json"], table),
    }


def _differing(folder: Path, table: Table) -> dict[str, int]:
    """Per form other than the Parquet how many rows differ from it; only forms in which any does."""
    forms, text = _forms(folder, table), pl.all().cast(pl.String)
    expected = forms["parquet"].select(written_columns(table))
    both = {
        "csv": (expected.select(text).with_columns(harmless_columns(table)), forms["csv"]),
        "json": (expected.select(text), forms["json"].select(written_columns(table)).select(text)),
    }
    counts = {form: _unequal(ours, theirs, list(table.schema)) for form, (ours, theirs) in both.items()}
    return {form: count for form, count in counts.items() if count}


def _unequal(ours: pl.LazyFrame, theirs: pl.LazyFrame, columns: list[str]) -> int:
    beside = pl.concat([ours, theirs.select(pl.all().name.suffix("__"))], how="horizontal")
    other = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name + "__")) for name in columns)
    return int(beside.select(other.sum()).collect(engine="streaming").item())
