"""XML: every element with the local name `record` is one record; its leaves are columns. `record` may be the end of a
path of local names ("was/bagObject/Pand"): then only elements in that place are records.

A column is named by the path of local names below the record ("voorkomen/Voorkomen/beginGeldigheid"); an attribute by
"pad@naam" ("geslachtsnaam@noValue"; "@entiteittype" on the record itself). Repeated leaves are joined with "|". An
empty element is empty text. Where records of one name lie in each other, the outer one is the record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from lxml import etree

from kmgb.errors import nearest
from kmgb.mapping.model import Aanlevering
from kmgb.sources.archive import is_zip, members
from kmgb.sources.batches import Record, deliver_nested
from kmgb.sources.delivered import Delivered, Limits, RefusedError, size_of
from kmgb.sources.trees import events, forget, local

_NAMES = 500
_NEW = "Vraag een nieuwe aanlevering."


def read_xml(path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path) -> Delivered:
    """Every record element of the file, or of every matching member of a zip. Raises: RefusedError."""
    size_of(path)
    with closing(_records(path, reader, limits, scratch)) as records:
        return deliver_nested(path, records, needed, limits, scratch)


def _records(path: Path, reader: Aanlevering, limits: Limits, scratch: Path) -> Generator[Record, None, None]:
    names: dict[str, None] = {}
    found = False
    if is_zip(path):
        for member in members(path, reader.binnen, ".xml", limits, scratch):
            for record in parse(path, member.read, reader.record, names):
                found = True
                yield record
    else:
        with path.open("rb") as stream:
            for record in parse(path, stream.read, reader.record, names):
                found = True
                yield record
    if not found:
        what = f"element {reader.record!r} komt niet voor."
        raise RefusedError(path, "geen_records", what, nearest(reader.record, list(names)) or "Corrigeer 'record'.")


def parse(path: Path, read: Callable[[int], bytes], record: str, names: dict[str, None]) -> Iterator[Record]:
    """The records in one XML text, read piece by piece; what has been seen is forgotten, so memory stays bounded.

    `names` gathers the local names around the records, for a hint. Raises: RefusedError on broken XML or entities.
    """
    state = _State(path, record, names)
    try:
        for event, element in events(read, kinds=("start", "end")):
            if state.is_record(event, element):
                yield flatten(element), None
                forget(element)
    except etree.XMLSyntaxError as error:
        what = f"geen geldige of een afgebroken XML, bij regel {error.lineno}."
        raise RefusedError(path, "xml", what, _NEW) from None


@dataclass(slots=True)
class _State:
    """Where the parser is: before the root, around the records, or inside one."""

    path: Path
    record: str
    names: dict[str, None]
    started: bool = False
    inside: etree._Element | None = None

    def is_record(self, event: str, element: etree._Element) -> bool:
        """True at the end of an outermost record. Whatever ends outside a record is forgotten."""
        if event == "start":
            self._start(element)
            return False
        if self.inside is element:
            self.inside = None
            return True
        if self.inside is None:
            forget(element)
        return False

    def _start(self, element: etree._Element) -> None:
        if not self.started:
            self.started = True
            _refuse_entities(self.path, element)
        if self.inside is None and self._in_place(element):
            self.inside = element
        elif self.inside is None and len(self.names) < _NAMES:
            self.names[local(element)] = None

    def _in_place(self, element: etree._Element) -> bool:
        """True when the names of the element and those around it end as `record` says."""
        for name in reversed(self.record.split("/")):
            if element is None or local(element) != name:
                return False
            element = cast("etree._Element", element.getparent())
        return True


def _refuse_entities(path: Path, root: etree._Element) -> None:
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):  # type: ignore[attr-defined]  # not in the stubs
        what = "het bestand verklaart XML-entiteiten (DOCTYPE); die worden niet uitgevoerd."
        raise RefusedError(path, "xml_entiteiten", what, "Lever het bestand zonder DOCTYPE aan.")


def flatten(element: etree._Element) -> dict[str, str | None]:
    """The leaves and attributes below `element` by path."""
    cells: dict[str, str | None] = {}
    _gather(element, "", cells)
    return cells


def _gather(element: etree._Element, place: str, cells: dict[str, str | None]) -> None:
    for key, value in element.attrib.items():
        _put(cells, f"{place}@{str(key).rpartition('}')[2]}", str(value))
    text, children = element.text or "", list(element)
    if place and (not children or text.strip()):
        _put(cells, place, text)
    for child in children:
        if isinstance(child.tag, str):
            _gather(child, f"{place}/{local(child)}" if place else local(child), cells)


def _put(cells: dict[str, str | None], name: str, text: str) -> None:
    cells[name] = text if name not in cells else f"{cells[name]}|{text}"
