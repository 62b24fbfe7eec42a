"""Fixed-width text (`formaat = "vast"`): every line is one record, every column so many characters.

Trailing blanks are padding, not text, and are taken off; leading blanks stay. A line may stop inside its last column.
`kop` means nothing here, because the columns are named in the mapping: skip a heading with `overslaan`.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.mapping.model import Aanlevering
from kmgb.sources.bytescan import scan
from kmgb.sources.delivered import (
    Delivered,
    Limits,
    RefusedError,
    check_cells,
    choose,
    column_remarks,
)
from kmgb.sources.separated import as_utf8

_LINE = "__regel"


def read_fixed(path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path) -> Delivered:
    """Every line as a record. Raises: RefusedError."""
    text, reader, remarks, sha256, size = as_utf8(path, reader, scratch)
    names = [kolom.naam for kolom in reader.kolommen]
    positions = choose(path, names, needed)
    facts = scan(text, reader.codering, start=0, first_line=1, separator="\n", quote="", width=1, max_cell=2**31)
    if facts.records <= reader.overslaan:
        raise RefusedError(
            path, "geen_records", "er staat geen enkel record in het bestand.", "Controleer 'overslaan'."
        )
    widths = [kolom.breedte or 0 for kolom in reader.kolommen]
    starts = [sum(widths[:position]) for position in range(len(widths) + 1)]
    lines = pl.scan_lines(text, name=_LINE, glob=False).slice(reader.overslaan).with_row_index(ROW, offset=1)
    frame = _cut(lines, names, positions, widths, starts)
    wanted = [names[position] for position in positions]
    cells = check_cells(wanted, limits, long=any(width > limits.max_cell for width in widths), control=facts.controls)
    frame = frame.with_columns(pl.coalesce(FAULT, cells).alias(FAULT))
    remarks += column_remarks(names, needed)
    return Delivered(frame, tuple(names), sha256 or facts.sha256, size or facts.size, tuple(remarks))


def _cut(
    lines: pl.LazyFrame, names: list[str], positions: list[int], widths: list[int], starts: list[int]
) -> pl.LazyFrame:
    line = pl.col(_LINE).str.strip_suffix("\r").str.strip_prefix("\ufeff")
    length = line.str.len_chars()
    stripped = line.str.strip_chars_end(" ").str.len_chars()
    fault = (
        pl.when(length < starts[-2])
        .then(pl.lit(f"regel is korter dan de eerste {starts[-2]} tekens die de kolommen vragen"))
        .when(stripped > starts[-1])
        .then(pl.lit(f"regel is langer dan {starts[-1]} tekens"))
    )
    cells = [
        line.str.slice(starts[position], widths[position]).str.strip_chars_end(" ").alias(names[position])
        for position in positions
    ]
    return lines.filter(line != "").select(ROW, *cells, fault.alias(FAULT))
