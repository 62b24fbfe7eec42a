"""The tables of i-Spiegel 3 as CSV files in one folder: sources, comparisons, controles and escape tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from kmgb.errors import SourceError

SOURCES, COMPARISONS, CHECKS = "ISPIEGEL_DATABRON.csv", "ISPIEGEL_VERGELIJKING.csv", "ISPIEGEL_CONTROLE.csv"
_END = "</compare>"


@dataclass(frozen=True, slots=True)
class Databron:
    """One source: an application, how it is reached, and the query. `connection` may hold a password."""

    name: str
    application: str
    gemeente: str
    provider: str
    connection: str
    query: str


@dataclass(frozen=True, slots=True)
class FieldPair:
    """One compared field: the group (match) it stands in, and its column on either side."""

    group: str
    name: str
    reference: str
    analysis: str


@dataclass(frozen=True, slots=True)
class Vergelijking:
    """One comparison of two sources. `remark` says in Dutch what could not be read of it; empty when all could."""

    name: str
    reference: str
    analysis: str
    active: bool
    primary: str
    fields: tuple[FieldPair, ...]
    remark: str


@dataclass(frozen=True, slots=True)
class Escapes:
    """One escape table: what a source writes -> what is meant."""

    file: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything in the folder. `checks` counts the rows of the controles."""

    sources: tuple[Databron, ...]
    comparisons: tuple[Vergelijking, ...]
    checks: int
    escapes: tuple[Escapes, ...]


def read_tables(folder: Path) -> Tables:
    """The tables of i-Spiegel in `folder`. Raises: SourceError when those of sources or comparisons are not there."""
    for name in (SOURCES, COMPARISONS):
        if not (folder / name).is_file():
            hint = "Exporteer de tabellen van i-Spiegel als CSV met kopregel, elk met haar eigen naam."
            raise SourceError(f"{folder}: {name} is er niet. {hint}")
    sources = [
        Databron(
            row["databronnaam"],
            row["applicatienaam"],
            row["gemeentecode"],
            row["provider"],
            row["connectionstring"],
            row["query"].replace("\r\n", "\n").strip(),
        )
        for row in _records(
            folder / SOURCES, ("databronnaam", "applicatienaam", "provider", "connectionstring", "query")
        )
    ]
    needed = ("vergelijkingnaam", "referentiedatabronnaam", "analysedatabronnaam", "veldtoewijzing")
    comparisons = [_comparison(row) for row in _records(folder / COMPARISONS, needed)]
    checks = len(list(_records(folder / CHECKS, ()))) if (folder / CHECKS).is_file() else 0
    return Tables(tuple(sources), tuple(comparisons), checks, tuple(_escape_tables(folder)))


def _records(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The rows by lower-case column names; an absent cell is empty text."""
    rows = _rows(path)
    header = [name.strip().lower() for name in rows[0]] if rows else []
    missing = [name.upper() for name in needed if name not in header]
    if missing:
        raise SourceError(f"{path}: kolommen ontbreken: {', '.join(missing)}. Exporteer de hele tabel met kopregel.")
    for row in rows[1:]:
        cells = dict(zip(header, row, strict=False))
        yield {name: cells.get(name, "") for name in {*header, *needed, "gemeentecode", "actief"}}


def _rows(path: Path) -> list[list[str]]:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    try:
        return [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise SourceError(f"{path}: dit is niet te lezen als CSV. Exporteer de tabel opnieuw.") from error


def _comparison(row: dict[str, str]) -> Vergelijking:
    root, remark = _xml(row["veldtoewijzing"].strip())
    pairs = [] if root is None else list(_pairs(root))
    primary = "" if root is None else root.get("primary", "")
    active = row["actief"].strip().lower() in ("1", "true", "j", "")
    sides = row["referentiedatabronnaam"], row["analysedatabronnaam"]
    return Vergelijking(row["vergelijkingnaam"], *sides, active, primary, tuple(pairs), remark)


def _xml(text: str) -> tuple[etree._Element | None, str]:
    """The document, and what had to be left out of it."""
    whole, end, rest = text.partition(_END)
    # A file of somebody else's: nothing outside it is fetched and no entity is expanded.
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring((whole + end).encode("utf-8"), parser)
    except etree.XMLSyntaxError:
        return None, "de veldtoewijzing (XML) is niet te lezen"
    return root, "na de veldtoewijzing (XML) staat nog tekst; die is niet gelezen" if rest.strip() else ""


def _pairs(root: etree._Element) -> Iterator[FieldPair]:
    for match in root.iter("match"):
        for field in match.iter("field"):
            name = field.get("name", "")
            sides = field.get("reference-field", name), field.get("analysis-field", name)
            yield FieldPair(match.get("id", ""), name, *sides)


def _escape_tables(folder: Path) -> Iterator[Escapes]:
    """Every other CSV of two columns in which something short stands for one letter."""
    for path in sorted(folder.glob("*.csv")):
        if path.name in (SOURCES, COMPARISONS, CHECKS):
            continue
        rows = _rows(path)
        if rows and all(len(row) == 2 and 0 < len(row[0]) <= 10 and len(row[1]) == 1 for row in rows):
            yield Escapes(path.name, tuple((row[0], row[1]) for row in rows))
