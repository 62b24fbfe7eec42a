"""Parquet: every value as text. Structures become dotted names, lists are joined with "|", times are written ISO.

A whole number in a column of floats is written without ".0": tools that know no missing integers make them so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import polars as pl

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.mapping.model import Aanlevering
from kmgb.sources.delivered import (
    Delivered,
    Limits,
    RefusedError,
    check_cells,
    choose,
    column_remarks,
    fingerprint,
)

_NEW = "Vraag een nieuwe aanlevering."


def read_parquet(path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path) -> Delivered:
    """Every row of the file. Raises: RefusedError when it is not whole or lacks a needed column."""
    sha256, size = fingerprint(path)
    _refuse_truncated(path)
    try:
        frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        schema = frame.collect_schema()
        rows = frame.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise RefusedError(path, "parquet", "het Parquet-bestand is beschadigd.", _NEW) from error
    if rows == 0:
        raise RefusedError(path, "geen_records", "er staat geen enkel record in het bestand.", _NEW)
    leaves = [leaf for name, dtype in schema.items() for leaf in _leaves(name, dtype, pl.col(name))]
    names = [name for name, _ in leaves]
    positions = choose(path, names, needed)
    wanted = [names[position] for position in positions]
    texts = [leaves[position][1].alias(leaves[position][0]) for position in positions]
    frame = frame.select(texts).with_row_index(ROW, offset=1)
    frame = frame.with_columns(check_cells(wanted, limits).alias(FAULT))
    return Delivered(frame, tuple(names), sha256, size, tuple(column_remarks(names, needed)))


def read_prepared(path: Path, columns: Sequence[str], needed: Collection[str]) -> Delivered:
    """A file that kmgb wrote itself while fetching: text, with the number and the fault of every row beside it.

    `columns` are those at the source. Raises: RefusedError when it is not there.
    """
    sha256, size = fingerprint(path)
    return Delivered(
        pl.scan_parquet(path, glob=False), tuple(columns), sha256, size, tuple(column_remarks(columns, needed))
    )


def _refuse_truncated(path: Path) -> None:
    with path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(max(0, path.stat().st_size - 4))
        end = stream.read(4)
    if start != b"PAR1":
        raise RefusedError(path, "formaat", "dit is geen Parquet-bestand.", "Corrigeer 'formaat' in de veldtoewijzing.")
    if end != b"PAR1":
        raise RefusedError(path, "afgebroken", "het Parquet-bestand is afgebroken: het slot ontbreekt.", _NEW)


def _leaves(name: str, dtype: pl.DataType, value: pl.Expr) -> Iterator[tuple[str, pl.Expr]]:
    if isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            yield from _leaves(f"{name}.{field.name}", _instance(field.dtype), value.struct.field(field.name))
    else:
        yield name, _text(dtype, value)


def _instance(dtype: object) -> pl.DataType:
    """Fields of a structure may name a type by its class."""
    return dtype() if isinstance(dtype, type) else dtype  # type: ignore[return-value]


def _text(dtype: pl.DataType, value: pl.Expr) -> pl.Expr:
    if isinstance(dtype, (pl.List, pl.Array)):
        items = value.arr.to_list() if isinstance(dtype, pl.Array) else value
        return items.list.eval(_text(_instance(dtype.inner), pl.element()).fill_null("")).list.join("|")
    if isinstance(dtype, pl.Struct):
        return value.struct.json_encode()
    if isinstance(dtype, pl.Datetime):
        return value.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
    if dtype.is_float():
        whole = (value == value.round()) & (value.abs() < 2**53)
        return pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
    return value.cast(pl.String)
