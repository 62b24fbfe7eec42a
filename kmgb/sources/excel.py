"""Excel (`formaat = "xlsx"`): every cell as the text a person sees, as far as the file itself says what that is.

A number 7 is "7", a text "007" stays "007", a date is ISO. Of a formula the stored result counts; a record with a
formula that has none is faulty, and so is one with an error such as #N/A. `__rij` counts sheet rows below the header.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from decimal import InvalidOperation
from pathlib import Path

import polars as pl
from lxml import etree

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.mapping.model import Aanlevering
from kmgb.sources.archive import is_zip, open_zip
from kmgb.sources.batches import Record, write_batches
from kmgb.sources.delivered import (
    Delivered,
    Limits,
    RefusedError,
    check_cells,
    choose,
    column_remarks,
    fingerprint,
    is_old_office,
    size_of,
)
from kmgb.sources.trees import events, forget, local
from kmgb.sources.workbook import Workbook, open_workbook, plain_text

_NUMBER = "__bladrij"
_NEW = "Vraag een nieuwe aanlevering."


@dataclass(slots=True)
class _Sheet:
    """The rows of one sheet as they are read, and what was seen between them."""

    path: Path
    book: Workbook
    merged: int = 0
    formulas: int = 0
    header: tuple[str, ...] = ()
    header_row: int = 0
    faults: dict[int, str] = field(default_factory=dict)

    def rows(self, read: Callable[[int], bytes]) -> Iterator[tuple[int, dict[int, str]]]:
        """Row number and cells by column position (both from 1 and 0), blank rows left out."""
        before = 0
        for _, element in events(read, kinds=("end",)):
            name = local(element)
            if name == "row":
                before = int(element.get("r") or before + 1)
                cells = self._cells(element, before)
                if cells or before in self.faults:
                    yield before, cells
            self.merged += name == "mergeCell"
            if name in ("row", "mergeCell"):
                forget(element)

    def _cells(self, row: etree._Element, number: int) -> dict[int, str]:
        cells: dict[int, str] = {}
        for position, cell in enumerate(row.iterchildren("{*}c")):
            place = _position(cell.get("r", "")) if cell.get("r") else position
            text = self._text(cell, number, place)
            if text is not None:
                cells[place] = text
        return cells

    def _text(self, cell: etree._Element, number: int, place: int) -> str | None:
        kind, value = cell.get("t", "n"), cell.find("{*}v")
        formula = cell.find("{*}f") is not None
        self.formulas += formula
        if kind == "inlineStr":
            return plain_text(cell)
        if value is None or not value.text:
            if formula and kind != "str":
                self._fault(number, place, "een formule zonder berekende waarde")
            return "" if kind == "str" else None
        if kind == "e":
            self._fault(number, place, "een foutwaarde")
            return None
        try:
            return self._convert(kind, value.text, int(cell.get("s", "0")))
        except (ValueError, IndexError, OverflowError, InvalidOperation):
            self._fault(number, place, "een onleesbare waarde")
            return None

    def _convert(self, kind: str, text: str, style: int) -> str:
        if kind == "s":
            return self.book.texts[int(text)]
        if kind == "b":
            return "true" if text == "1" else "false"
        return text if kind in ("str", "d") else self.book.shown(text, style)

    def _fault(self, row: int, place: int, what: str) -> None:
        name = self.header[place] if place < len(self.header) else f"nummer {place + 1}"
        self.faults.setdefault(row, f"{what} in kolom {name!r}")


def read_excel(path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path) -> Delivered:
    """Every row that is not blank. Raises: RefusedError."""
    size_of(path)
    _refuse_locked(path)
    with open_zip(path, limits) as archive:
        try:
            return _read(path, archive, reader, needed, limits=limits, scratch=scratch)
        except (KeyError, ValueError, etree.XMLSyntaxError) as error:
            raise RefusedError(path, "xlsx", "het Excel-bestand is beschadigd of onvolledig.", _NEW) from error


def _read(
    path: Path,
    archive: zipfile.ZipFile,
    reader: Aanlevering,
    needed: Collection[str],
    *,
    limits: Limits,
    scratch: Path,
) -> Delivered:
    sheet = _Sheet(path, open_workbook(path, archive, reader.blad))
    with archive.open(sheet.book.sheet) as stream:
        rows = sheet.rows(stream.read)
        _read_header(sheet, rows, reader)
        names = list(sheet.header)
        positions = choose(path, names, needed)
        wanted = [names[position] for position in positions]
        frame, _ = write_batches(_records(sheet, rows, positions), [*wanted, _NUMBER], scratch)
    if frame.select(pl.len()).collect().item() == 0:
        raise RefusedError(path, "alleen_kop", "er staat geen enkel record op het blad.", "Controleer 'blad'.")
    frame = frame.with_columns(pl.col(_NUMBER).cast(pl.UInt32).alias(ROW)).select(ROW, *wanted, FAULT)
    frame = frame.with_columns(pl.coalesce(FAULT, check_cells(wanted, limits)).alias(FAULT))
    remarks = column_remarks(names, needed)
    if sheet.merged:
        remarks.append(f"Samengevoegde gebieden op het blad: {sheet.merged}; alleen de eerste cel heeft een waarde.")
    if sheet.formulas:
        remarks.append(f"Formules op het blad: {sheet.formulas}; de opgeslagen uitkomst is gelezen.")
    return Delivered(frame, tuple(names), *fingerprint(path), tuple(remarks))


def _read_header(sheet: _Sheet, rows: Iterator[tuple[int, dict[int, str]]], reader: Aanlevering) -> None:
    if not reader.kop:
        sheet.header, sheet.header_row = tuple(kolom.naam for kolom in reader.kolommen), reader.overslaan
        return
    for number, cells in rows:
        if number > reader.overslaan:
            sheet.header = tuple(cells.get(place, "") for place in range(max(cells, default=-1) + 1))
            sheet.header_row = number
            sheet.faults.clear()
            return
    raise RefusedError(sheet.path, "leeg", "het blad is leeg.", "Controleer 'blad' en 'overslaan'.")


def _records(sheet: _Sheet, rows: Iterator[tuple[int, dict[int, str]]], positions: list[int]) -> Iterator[Record]:
    for number, cells in rows:
        if number <= sheet.header_row:
            continue
        fault = sheet.faults.pop(number, None)
        if any(text and place >= len(sheet.header) for place, text in cells.items()):
            fault = fault or f"rij heeft waarden voorbij de {len(sheet.header)} kolommen van de kop"
        record: dict[str, str | None] = {sheet.header[place]: cells.get(place) for place in positions}
        yield record | {_NUMBER: str(number - sheet.header_row)}, fault


def _position(reference: str) -> int:
    """The column position (from 0) of a cell reference such as BC12."""
    position = 0
    for letter in re.match(r"[A-Z]*", reference)[0]:  # type: ignore[index]
        position = position * 26 + ord(letter) - 64
    return position - 1


def _refuse_locked(path: Path) -> None:
    if is_old_office(path):
        with path.open("rb") as stream:
            old = "Workbook".encode("utf-16-le") in stream.read()
        if old:
            raise RefusedError(path, "formaat", "dit is een oud Excel-bestand (.xls).", "Sla het op als .xlsx of .csv.")
        what = "het Excel-bestand is met een wachtwoord beveiligd."
        raise RefusedError(path, "versleuteld", what, "Lever het zonder wachtwoord aan, langs een beveiligde weg.")
    if not is_zip(path):
        raise RefusedError(path, "formaat", "dit is geen xlsx-bestand.", "Corrigeer 'formaat' in de veldtoewijzing.")
