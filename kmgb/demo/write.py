"""Dumps on disk, in the formats that applications deliver. Same frame, same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import polars as pl
import xlsxwriter

_MADE = datetime(2026, 11, 16, 6, 0)  # noqa: DTZ001 - a workbook's property has no time zone


def separated(frame: pl.DataFrame, path: Path, *, encoding: str = "utf-8", newline: str = "\n") -> Path:
    """A csv with `;`. A letter the encoding does not have becomes `?`, as a careless export writes it."""
    if encoding == "utf-8" and newline == "\n":
        frame.write_csv(path, separator=";")
        return path
    buffer = io.BytesIO()
    frame.write_csv(buffer, separator=";", line_terminator=newline)
    path.write_bytes(buffer.getvalue().decode("utf-8").encode(encoding, errors="replace"))
    return path


def fixed_width(frame: pl.DataFrame, path: Path, widths: Mapping[str, int], *, encoding: str) -> Path:
    """Lines of fixed width with CRLF; every column padded with blanks."""
    cells = [pl.col(column).fill_null("").str.pad_end(width) for column, width in widths.items()]
    lines = frame.select(pl.concat_str(cells)).to_series().to_list()
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode(encoding, errors="replace"))
    return path


def json_lines(frame: pl.DataFrame, path: Path) -> Path:
    """One JSON object per line, UTF-8."""
    frame.write_ndjson(path)
    return path


def workbook(frame: pl.DataFrame, path: Path, sheet: str) -> Path:
    """An Excel file with one sheet; whole-number columns become numbers."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_urls": False}) as book:
        book.set_properties({"title": "Invented data", "created": _MADE})
        page = book.add_worksheet(sheet)
        page.write_row(0, 0, frame.columns)
        for number, row in enumerate(frame.iter_rows(), start=1):
            page.write_row(number, 0, ["" if value is None else value for value in row])
    _store(buffer, path)
    return path


def _store(archive: io.BytesIO, path: Path) -> None:
    """The members of a zip file, uncompressed and dated 1980: compressed bytes depend on the zlib of the machine."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for name in source.namelist():
            member = zipfile.ZipInfo(name)
            member.create_system = 0
            target.writestr(member, source.read(name))
