"""What surrounds the cells of an .xlsx: which part holds which sheet, shared texts, and how numbers are shown.

Read with lxml from the zip itself and not with calamine (fastexcel 0.21): that gives 7 for a number shown as 000000007,
1899-12-31 for a time of day, and nothing at all for a failed formula, without saying so.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

from lxml import etree

from kmgb.errors import nearest
from kmgb.sources.delivered import RefusedError

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
# Formats that every workbook knows without describing them: ECMA-376, part 1, 18.8.30.
_DATES, _TIMES, _MOMENTS = frozenset({14, 15, 16, 17}), frozenset({18, 19, 20, 21, 45, 46, 47}), frozenset({22})
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]')

Shape = Literal["getal", "datum", "tijd", "moment"]


@dataclass(frozen=True, slots=True)
class Format:
    """How a number is shown; `width` is the number of digits it is padded to with zeros."""

    shape: Shape = "getal"
    width: int = 0


@dataclass(frozen=True, slots=True)
class Workbook:
    """The facts of a workbook that its cells refer to."""

    sheet: str
    texts: tuple[str, ...]
    formats: tuple[Format, ...]
    epoch: datetime

    def shown(self, text: str, style: int) -> str:
        """A stored number as a person sees it, as far as the format says: a date, a time, leading zeros."""
        form = self.formats[style] if style < len(self.formats) else Format()
        number = Decimal(text)
        if form.shape == "getal":
            return _number(number, form.width)
        moment = self.epoch + timedelta(milliseconds=round(number * 86_400_000))
        if form.shape == "tijd" and number < 1:
            return f"{moment:%H:%M:%S}"
        return f"{moment:%Y-%m-%d}" if form.shape == "datum" else f"{moment:%Y-%m-%d %H:%M:%S}"


def open_workbook(path: Path, archive: zipfile.ZipFile, name: str) -> Workbook:
    """The facts of the workbook around sheet `name` (the first one when empty). Raises: RefusedError."""
    book = _tree(archive, "xl/workbook.xml")
    sheets = {
        sheet.get("name", ""): sheet.get(_RELATION) or sheet.get(_STRICT_RELATION) for sheet in _all(book, "sheet")
    }
    if name and name not in sheets:
        what = f"het werkblad {name!r} is er niet; wel: {', '.join(map(repr, sheets))}."
        raise RefusedError(path, "blad", what, nearest(name, list(sheets)) or "Corrigeer 'blad' in de veldtoewijzing.")
    wanted = sheets[name] if name else next(iter(sheets.values()), None)
    targets = {
        link.get("Id"): link.get("Target", "")
        for link in _all(_tree(archive, "xl/_rels/workbook.xml.rels"), "Relationship")
    }
    target = targets.get(wanted, "").lstrip("/")
    later = any(properties.get("date1904") in ("1", "true") for properties in _all(book, "workbookPr"))
    # 1900 is no leap year, whatever Excel counts: days start at 30 December 1899 for every date after February 1900.
    epoch = datetime(1904, 1, 1) if later else datetime(1899, 12, 30)  # noqa: DTZ001 (a sheet knows no time zone)
    return Workbook(target if target.startswith("xl/") else f"xl/{target}", _texts(archive), _formats(archive), epoch)


def _number(number: Decimal, width: int) -> str:
    """A whole number as it stands; of a fraction the 15 digits that a double can promise."""
    whole = number == number.to_integral_value()
    rounded = number if whole else round(number, 14 - number.adjusted())
    text = f"{rounded.normalize():f}" if not whole else f"{rounded.to_integral_value():f}"
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return sign + digits.zfill(width)


def _texts(archive: zipfile.ZipFile) -> tuple[str, ...]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return ()
    return tuple(plain_text(item) for item in _all(_tree(archive, "xl/sharedStrings.xml"), "si"))


def plain_text(item: etree._Element) -> str:
    """The text of a shared or inline string: its runs together, without the phonetic reading (rPh)."""
    return "".join(
        part.text or "" for part in item.iterdescendants("{*}t") if next(part.iterancestors("{*}rPh"), None) is None
    )


def _formats(archive: zipfile.ZipFile) -> tuple[Format, ...]:
    if "xl/styles.xml" not in archive.namelist():
        return ()
    styles = _tree(archive, "xl/styles.xml")
    codes = {int(form.get("numFmtId", "0")): form.get("formatCode", "") for form in _all(styles, "numFmt")}
    cells = next(_all(styles, "cellXfs"), None)
    return tuple(_format(int(xf.get("numFmtId", "0")), codes) for xf in _all(cells, "xf")) if cells is not None else ()


def _format(number: int, codes: dict[int, str]) -> Format:
    for shape, known in (("datum", _DATES), ("tijd", _TIMES), ("moment", _MOMENTS)):
        if number in known:
            return Format(shape)  # type: ignore[arg-type]
    code = _LITERAL.sub("", codes.get(number, "").partition(";")[0]).lower()
    day, clock = bool(re.search(r"[yd]|j{2}", code)), bool(re.search(r"[hsu]", code))
    if day or clock:
        return Format("moment" if day and clock else "datum" if day else "tijd")
    return Format(width=len(code)) if code and not code.strip("0") else Format()


def _tree(archive: zipfile.ZipFile, part: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(archive.read(part), parser)


def _all(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return element.iterdescendants(f"{{*}}{name}")
