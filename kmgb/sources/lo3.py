"""Person lists in LO3 rubrics (`formaat = "lo3"`): a block of rows per person -> one record per person.

Block: where the first column has no rubric as its name, a row with a value there starts a person. Otherwise a row with
    a value in 01.01.20 does, unless the row above announces history of category 01.
Stack: within a block each category stacks downwards by itself. The value in NN.H says what the *next* row of category
    NN is: NN a further current occurrence, 50 + NN history of the one above. The first row of a block is current. What
    no NN.H announces is not taken for current; the remarks count it.
Record: a column "CC.GG.EE" holds the rubric of the current occurrence of category CC, null when there is none. Where
    there are more (04, 05, 09, 12) it is the first, but for category 05 the marriage or partnership that stands: one
    that has begun (05.06.10) and not ended (05.07.10) goes before one that ended, a later date before an earlier, a row
    without either date last. "CC.aantal" says how many current occurrences there are ("0" when none).
Source: Logisch Ontwerp BRP, categories and history; published test sets of RvIG.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from kmgb.catalogue.columns import FAULT
from kmgb.mapping.model import Aanlevering
from kmgb.sources.batches import Record, write_batches
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

_RUBRIC = re.compile(r"(\d\d)\.?(\d\d)\.?(\d\d)(?!\d)")
_FOLLOWS = re.compile(r"(\d\d)\.?H$")
_BSN, _BEGUN, _ENDED = "01.01.20", "05.06.10", "05.07.10"

# One row of one category: rubric -> text.
Occurrence = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column is what. `marker` is True when the first column marks the start of a person."""

    rubrics: tuple[tuple[int, str], ...]
    follows: dict[str, int]
    marker: bool
    width: int

    @property
    def columns(self) -> list[str]:
        """Every column a person can have, in file order, the counts last."""
        return [*(name for _, name in self.rubrics), *(f"{category}.aantal" for category in self.categories)]

    @property
    def categories(self) -> list[str]:
        return list(dict.fromkeys(name[:2] for _, name in self.rubrics))


@dataclass(slots=True)
class _Person:
    """One block while its rows come in."""

    current: dict[str, list[Occurrence]] = field(default_factory=dict)
    announced: dict[str, str] = field(default_factory=dict)
    fault: str | None = None
    loose: int = 0


def read_lo3(path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path) -> Delivered:
    """Every person of the list. Raises: RefusedError."""
    text, reader, remarks, sha256, size = as_utf8(path, reader, scratch)
    facts = scan(text, reader.codering, start=0, first_line=1, separator="\n", quote="", width=1, max_cell=2**31)
    with text.open(encoding="utf-8-sig", newline="") as stream:
        quote = reader.aanhalingsteken or None
        rows = csv.reader(stream, delimiter=reader.scheidingsteken, quotechar=quote, strict=True)
        loose: list[int] = []
        try:
            layout = _layout(path, next(rows, []))
            choose(path, layout.columns, needed)
            frame, _ = write_batches(_records(rows, layout, loose), needed, scratch)
        except csv.Error:
            what = f"een aanhalingsteken bij regel {rows.line_num} wordt niet goed afgesloten."
            raise RefusedError(path, "aanhalingsteken", what, "Pas de export of 'aanhalingsteken' aan.") from None
    if frame.select(pl.len()).collect().item() == 0:
        raise RefusedError(
            path, "alleen_kop", "er staat geen enkele persoon in het bestand.", "Vraag een nieuwe export."
        )
    order = [name for name in layout.columns if name in set(needed)]
    frame = frame.with_columns(pl.coalesce(FAULT, check_cells(order, limits)).alias(FAULT))
    frame = frame.select(pl.exclude(*order, FAULT), *order, FAULT)
    if sum(loose):
        remarks.append(f"Voorkomens die geen .H-rubriek aankondigt: {sum(loose)}; gelezen als historie.")
    remarks += column_remarks(layout.columns, needed)
    return Delivered(frame, tuple(layout.columns), sha256 or facts.sha256, size or facts.size, tuple(remarks))


def _layout(path: Path, header: Sequence[str]) -> _Layout:
    rubrics = [(place, ".".join(found.groups())) for place, name in enumerate(header) if (found := _RUBRIC.match(name))]
    follows = {found[1]: place for place, name in enumerate(header) if (found := _FOLLOWS.match(name))}
    marker = bool(header) and not _RUBRIC.match(header[0])
    if not rubrics or not follows or not (marker or any(name == _BSN for _, name in rubrics)):
        what = "de kopregel noemt geen LO3-rubrieken (01.01.10, 01.01.20 ... en 01.H)."
        raise RefusedError(path, "kop", what, "Controleer 'formaat' en 'scheidingsteken' in de veldtoewijzing.")
    return _Layout(tuple(rubrics), follows, marker, len(header))


def _records(rows: Iterator[list[str]], layout: _Layout, loose: list[int]) -> Iterator[Record]:
    person: _Person | None = None
    for row in rows:
        if not row:
            continue
        padded = row + [""] * (layout.width - len(row))
        if person is None or _starts(padded, layout, person):
            if person is not None:
                yield _record(person, layout)
                loose.append(person.loose)
            person = _Person()
            _add(person, padded, layout, first=True)
        else:
            _add(person, padded, layout, first=False)
        if len(row) != layout.width and person.fault is None:
            person.fault = f"rij heeft {len(row)} velden, verwacht {layout.width}"
    if person is not None:
        yield _record(person, layout)
        loose.append(person.loose)


def _starts(row: list[str], layout: _Layout, person: _Person) -> bool:
    if layout.marker:
        return bool(row[0])
    bsn = next(row[place] for place, name in layout.rubrics if name == _BSN)
    return bool(bsn) and person.announced.get("01") != "51"


def _add(person: _Person, row: list[str], layout: _Layout, *, first: bool) -> None:
    cells: dict[str, Occurrence] = {}
    for place, name in layout.rubrics:
        cells.setdefault(name[:2], {}).setdefault(name, row[place])
    for category, occurrence in cells.items():
        announced = category if first else person.announced.get(category, "")
        if any(occurrence.values()):
            if announced == category:
                person.current.setdefault(category, []).append(occurrence)
            elif not announced.isdigit() or int(announced) != int(category) + 50:
                person.loose += 1
        person.announced[category] = row[layout.follows[category]] if category in layout.follows else ""


def _record(person: _Person, layout: _Layout) -> Record:
    record: dict[str, str | None] = {}
    for category in layout.categories:
        occurrences = person.current.get(category, [])
        if occurrences:
            shown: Occurrence = min(occurrences, key=_partner_order) if category == "05" else occurrences[0]
            record.update(shown)
        record[f"{category}.aantal"] = str(len(occurrences))
    return record, person.fault


def _partner_order(occurrence: Occurrence) -> tuple[int, int]:
    """What stands first, then the latest that ended, then what has no date. min() keeps file order among equals."""
    begun, ended = occurrence.get(_BEGUN, ""), occurrence.get(_ENDED, "")
    rank = 0 if begun and not ended else 1 if ended else 2
    date = ended or begun
    return rank, -int(date) if date.isdigit() else 0
