"""The weekly report as a workbook: an overview with links, a sheet per kind of finding, and the rest of the report.

xlsxwriter makes the workbook, its styles and the small sheets. The rows of findings, of which there can be hundreds of
thousands, are put into the finished file as text (see sheet_rows): written cell by cell they would take minutes.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from kmgb.errors import ReportError
from kmgb.report.causes import cause_words, step_words
from kmgb.report.house import DELIVERED, Colours
from kmgb.report.sheet_rows import cell_text, column_name, sheet_rows
from kmgb.report.week import Counts, WeekReport
from kmgb.report.words import KIND_ORDER, kind_words

MOST_ROWS = 1_048_576 - 1  # of a sheet, below its header
# Columns of a frame of findings, and what they are called: text, whole numbers and days.
FINDING_SHEET = {
    "id": "Nr", "titel": "Applicatie", "entity_label": "Entiteit", "key": "Sleutel", "label": "Veld",
    "distributie": "Bron", "afnemer_value": "Applicatie heeft", "severity": "Ernst", "cause": "Oorzaak",
    "next_step": "Volgende stap", "first_seen": "Sinds", "status": "Stand",
}  # fmt: skip
_WIDTHS = {"id": 8, "titel": 26, "entity_label": 18, "key": 20, "label": 28, "distributie": 34, "afnemer_value": 34,
           "severity": 10, "cause": 20, "next_step": 26, "first_seen": 12, "status": 14}  # fmt: skip
_COUNTS = (
    ("open", "Afwijkingen"), ("kritiek", "Kritiek"), ("nieuw", "Nieuw"), ("teruggekeerd", "Teruggekeerd"),
    ("opgelost", "Opgelost"), ("vervallen", "Vervallen"), ("onderweg", "Onderweg"), ("geaccepteerd", "Geaccepteerd"),
    ("cosmetisch", "Cosmetisch"), ("oudste", "Oudste (dagen)"),
)  # fmt: skip
_SAMPLE = date(2000, 1, 1)
_DAY = "[$-413]dd-mm-yyyy"  # Dutch, whatever the language of the office


@dataclass(frozen=True, slots=True)
class _Filled:
    """A sheet of findings whose rows are still to be put in."""

    file: str
    rows: pl.DataFrame


def write_workbook(week: WeekReport, findings: pl.DataFrame, path: Path, colours: Colours = DELIVERED) -> None:
    """The workbook of the week. Columns: `findings` has those of FINDING_SHEET and `kind`; already masked.

    Raises: ReportError when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".week-", dir=path.parent) as scratch:
            frame, ready = Path(scratch) / "raam.xlsx", Path(scratch) / "klaar.xlsx"
            filled = _framed(week, findings, frame, colours)
            _fill(frame, filled, ready)
            ready.chmod(0o600)
            ready.replace(path)
    except (OSError, xlsxwriter.exceptions.XlsxWriterException) as error:
        what = f"{path}: het werkboek is niet te schrijven."
        raise ReportError(f"{what} Controleer de rechten en de ruimte op de schijf.") from error


def _framed(week: WeekReport, findings: pl.DataFrame, path: Path, colours: Colours) -> list[_Filled]:
    """The workbook without the rows of findings."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(path, {**options, "default_date_format": _DAY, "remove_timezone": True}) as book:
        # The moment of the report, so that the same report is the same file.
        made = week.made.replace(tzinfo=None)
        about = {"title": "Weekrapport consistentiecontrole", "comments": "Gemaakt door kmgb", "created": made}
        book.set_properties(about)
        book.set_calc_mode("manual")
        sheets = _Sheets(book, colours)
        kinds = [kind for kind in KIND_ORDER if findings["kind"].eq(kind).any()]
        overview = book.add_worksheet("Overzicht")
        filled, links = [], []
        for kind in kinds:
            of_kind = findings.filter(pl.col("kind") == kind).select(*FINDING_SHEET)
            for turn, start in enumerate(range(0, of_kind.height, MOST_ROWS)):
                name = _sheet_name(kind_words(kind).label, turn)
                part = of_kind.slice(start, MOST_ROWS)
                sheets.findings(name, part.height)
                filled.append(_Filled(f"xl/worksheets/sheet{len(book.worksheets())}.xml", part))
                links.append((name, part.height))
        for name, head, rows in _others(week):
            sheets.table(name, head, rows)
            links.append((name, len(rows)))
        sheets.overview(overview, week, links)
    return filled


class _Sheets:
    """Adds sheets in one style."""

    def __init__(self, book: Any, colours: Colours) -> None:
        self._book = book
        head = {"bold": True, "bg_color": colours.hoofd, "font_color": colours.hoofd_tekst, "text_wrap": True}
        self._head = book.add_format(head)
        self._title = book.add_format({"bold": True, "font_size": 14})
        self._day = book.add_format({"num_format": _DAY})
        self._link = book.add_format({"font_color": colours.koppeling, "underline": 1})

    def findings(self, name: str, rows: int) -> None:
        """Header, filter and widths, and one row to learn from how a day is shown."""
        sheet = self._book.add_worksheet(name)
        self._header(sheet, list(FINDING_SHEET.values()), rows)
        for place, column in enumerate(FINDING_SHEET):
            sheet.set_column(place, place, _WIDTHS[column])
        sheet.write_datetime(1, list(FINDING_SHEET).index("first_seen"), _SAMPLE, self._day)

    def table(self, name: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A small sheet, cell by cell."""
        sheet = self._book.add_worksheet(name)
        self._header(sheet, head, len(rows))
        for place, title in enumerate(head):
            longest = max((len(str(row[place])) for row in rows), default=0)
            sheet.set_column(place, place, min(60, max(len(title), longest) + 2))
        for number, row in enumerate(rows, start=1):
            for place, cell in enumerate(row):
                self._write(sheet, number, place, cell)

    def overview(self, sheet: Worksheet, week: WeekReport, links: Sequence[tuple[str, int]]) -> None:
        """The sentence, every application with its counts, and a link to every sheet."""
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 1, 60)
        sheet.set_column(2, 2 + len(_COUNTS), 13)
        sheet.write_string(0, 0, cell_text(week.zin), self._title)
        sheet.write_string(1, 0, f"Week tot en met {week.made:%d-%m-%Y}, voor: {week.role}")
        head = ("Applicatie", "Hoe het staat", *(title for _, title in _COUNTS))
        for place, title in enumerate(head):
            sheet.write_string(3, place, title, self._head)
        sheet.freeze_panes(4, 1)
        lines: list[tuple[str, str, Counts]] = [(one.titel, one.zin, one.counts) for one in week.afnemers]
        for number, (title, sentence, counts) in enumerate([*lines, ("Alles samen", week.zin, week.counts)], start=4):
            self._write(sheet, number, 0, title)
            self._write(sheet, number, 1, sentence)
            for place, (name, _) in enumerate(_COUNTS, start=2):
                sheet.write_number(number, place, getattr(counts, name))
        start = 6 + len(lines)
        sheet.write_string(start, 0, "Bladen", self._head)
        sheet.write_string(start, 1, "Regels", self._head)
        for number, (name, rows) in enumerate(links, start=start + 1):
            sheet.write_url(number, 0, f"internal:'{name}'!A1", self._link, name)
            sheet.write_number(number, 1, rows)

    def _header(self, sheet: Worksheet, head: Sequence[str], rows: int) -> None:
        for place, title in enumerate(head):
            sheet.write_string(0, place, title, self._head)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(rows, 1), len(head) - 1)

    def _write(self, sheet: Worksheet, row: int, place: int, cell: object) -> None:
        if isinstance(cell, date):
            sheet.write_datetime(row, place, cell, self._day)
        elif isinstance(cell, int):
            sheet.write_number(row, place, cell)
        else:
            sheet.write_string(row, place, cell_text(str(cell)))


def _others(week: WeekReport) -> Iterator[tuple[str, tuple[str, ...], list[tuple[object, ...]]]]:
    """The sheets beside those of the findings: name, header, rows."""
    yield "Groepen", ("Applicatie", "Entiteit", "Veld", "Soort", "Ernst", "Aantal", "Oorzaak", "Volgende stap"), [
        (one.titel, one.entity_label, one.line.field or "hele rij", kind_words(one.line.kind).label, one.line.severity,
         one.line.count, cause_words(one.line.cause).label, step_words(one.line.next_step).label)
        for afnemer in week.afnemers for one in afnemer.clusters
    ]  # fmt: skip
    yield (
        "Normen",
        ("Applicatie", "Entiteit", "Veld", "Norm", "Nu", "Stand", "Sinds"),
        [
            (one.titel, one.entity_label, one.field, one.norm, one.werkelijk, one.woord, one.sinds or "")
            for one in week.norms
        ],
    )
    yield (
        "Aanleveringen",
        ("Applicatie", "Entiteit", "Stand", "Uitleg", "Quarantaine", "Nummer"),
        [
            (one.titel, one.entity_label, one.stand, one.zin, "ja" if one.refuses else "nee", one.nummer)
            for one in week.deliveries
        ],
    )
    yield (
        "Acceptaties",
        ("Applicatie", "Entiteit", "Waarover", "Bevindingen", "Laatste dag", "Besluit"),
        [(one.titel, one.entity_label, one.about, one.findings, one.last_day, one.besluit) for one in week.expiring],
    )
    yield (
        "Verloop",
        ("Week tot en met", "Open", "Nieuw", "Opgelost"),
        [(one.day, one.open, one.nieuw, one.opgelost) for one in week.trend],
    )
    yield (
        "Velden",
        ("Applicatie", "Entiteit", "Veld", "Vergeleken", "Fout"),
        [(one.titel, one.entity_label, one.label, one.vergeleken, one.fout) for one in week.heat],
    )
    if week.mail:
        yield "Mail", ("Wat er met de mail is",), [(one,) for one in week.mail]
    if week.fingerprints:
        head = ("Van", "Entiteit", "Bestand", "Rijen", "sha256")
        yield "Vingerafdrukken", head, list(week.fingerprints)
    coverage = week.coverage
    yield "Dekking", ("Wat", "Aantal"), [
        ("Velden vergeleken", coverage.velden), ("Velden in totaal", coverage.velden_totaal),
        ("Waarden vergeleken", coverage.waarden), ("Rijen afgekeurd", coverage.afgekeurd),
        ("Waarden onleesbaar", coverage.onbeslist), ("Controles in quarantaine", coverage.in_quarantaine),
        ("Verlopen wensen", coverage.wensen_verlopen),
        *((f"Zonder controle: {name}", 1) for name in coverage.zonder_controle),
    ]  # fmt: skip


def _sheet_name(label: str, turn: int) -> str:
    """At most 31 characters."""
    name = label[:1].upper() + label[1:]
    return name[:31] if not turn else f"{name[:20]} vervolg {turn}"


def _fill(frame: Path, filled: Sequence[_Filled], ready: Path) -> None:
    """The same file, with the rows in the sheets of findings."""
    wanted = {one.file: one.rows for one in filled}
    with zipfile.ZipFile(frame) as source, zipfile.ZipFile(ready, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename not in wanted:
                target.writestr(entry, content, zipfile.ZIP_DEFLATED)
                continue
            with target.open(entry.filename, "w", force_zip64=True) as stream:
                for piece in _sheet(content.decode(), wanted[entry.filename]):
                    stream.write(piece)


def _sheet(xml: str, rows: pl.DataFrame) -> Iterator[bytes]:
    """The sheet with its header and these rows instead of the sample."""
    sample = re.search(r'<row r="2"[^>]*>.*?</row>', xml, re.DOTALL)
    style = re.search(r' s="(\d+)"', sample[0]) if sample else None
    assert sample is not None and style is not None, "the sample row shows how a day is written"
    last = f"{column_name(rows.width - 1)}{rows.height + 1}"
    head = re.sub(r'<dimension ref="[^"]*"/>', f'<dimension ref="A1:{last}"/>', xml[: sample.start()])
    yield head.encode()
    yield from sheet_rows(rows, 2, style[1])
    yield xml[sample.end() :].encode()
