"""Records one by one -> Parquet pieces in the scratch folder, so that memory holds one batch and never the file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import polars as pl

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.errors import nearest
from kmgb.sources.delivered import (
    Delivered,
    Limits,
    RefusedError,
    check_cells,
    choose,
    column_remarks,
    fingerprint,
)

BATCH = 50_000

# One record: its cells by column name, and the fault that was already seen in it.
Record = tuple[Mapping[str, str | None], str | None]


def write_batches(records: Iterable[Record], needed: Collection[str], scratch: Path) -> tuple[pl.LazyFrame, list[str]]:
    """The records with their needed columns, `__rij` and `__fout`, and the names of all columns in order of appearance.

    Nulls: a column that a record lacks is null in that record.
    """
    wanted, seen, pieces = list(dict.fromkeys(needed)), dict[str, None](), list[Path]()
    batch: list[Record] = []
    rows = 0
    for record in records:
        seen.update(dict.fromkeys(record[0]))
        batch.append(record)
        if len(batch) == BATCH:
            pieces.append(_write(batch, wanted, rows, scratch / f"deel-{len(pieces):05d}.parquet"))
            rows, batch = rows + len(batch), []
    if batch or not pieces:
        pieces.append(_write(batch, wanted, rows, scratch / f"deel-{len(pieces):05d}.parquet"))
    order = [name for name in seen if name in set(wanted)] + [name for name in wanted if name not in seen]
    return pl.scan_parquet(pieces, glob=False).select(ROW, *order, FAULT), list(seen)


def _write(batch: list[Record], wanted: list[str], before: int, target: Path) -> Path:
    columns = {name: pl.Series([cells.get(name) for cells, _ in batch], dtype=pl.String) for name in wanted}
    rows = pl.Series(range(before + 1, before + len(batch) + 1), dtype=pl.UInt32)
    faults = pl.Series([fault for _, fault in batch], dtype=pl.String)
    pl.DataFrame({ROW: rows, **columns, FAULT: faults}).write_parquet(target, compression="lz4")
    return target


def deliver_nested(
    path: Path, records: Iterable[Record], needed: Collection[str], limits: Limits, scratch: Path
) -> Delivered:
    """What a nested format (JSON, XML) delivers.

    A column that occurs in no record is null and named in the remarks: in these formats absent and empty are alike.
    Raises: RefusedError when there is no record, or when not one needed column occurs.
    """
    frame, seen = write_batches(records, needed, scratch)
    if frame.select(pl.len()).collect().item() == 0:
        raise RefusedError(path, "geen_records", "er staat geen enkel record in het bestand.", "Controleer 'record'.")
    absent = [name for name in dict.fromkeys(needed) if name not in set(seen)]
    if absent and len(absent) == len(set(needed)):
        choose(path, seen, needed)
    present = [name for name in dict.fromkeys(needed) if name not in set(absent)]
    choose(path, seen, present)
    frame = frame.with_columns(pl.coalesce(FAULT, check_cells(present, limits)).alias(FAULT))
    remarks = [f"Kolom {name!r} komt in geen enkel record voor. {nearest(name, seen)}".rstrip() for name in absent]
    return Delivered(frame, tuple(seen), *fingerprint(path), (*remarks, *column_remarks(seen, needed)))
