"""JSON: one object per line (`jsonl`), an array, an object with the array at `record`, or a zip of objects (`binnen`).

Numbers and booleans come as the exact text of the file. Nested objects become dotted names; the scalars of a list are
joined with "|", and so is each leaf of a list of objects (an object without that leaf leaves an empty place).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from kmgb.mapping.model import Aanlevering
from kmgb.sources.archive import is_zip, members
from kmgb.sources.batches import Record, deliver_nested
from kmgb.sources.delivered import Delivered, Limits, size_of
from kmgb.sources.encoding import undecodable
from kmgb.sources.json_cursor import BLANK, DECODER, DoubleKeyError, JsonCursor

_BROKEN = "record is geen geldige JSON"


def read_jsonl(path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path) -> Delivered:
    """Every non-blank line as a record; a line that is not an object is a record with a fault. Raises: RefusedError."""
    size_of(path)
    encoding = "utf-8-sig" if reader.codering == "utf-8" else reader.codering
    with path.open(encoding=encoding, newline="\n") as stream:
        records = (parse_line(line) for line in _lines(path, stream, reader) if line.strip(BLANK))
        return deliver_nested(path, _whole(records, needed), needed, limits, scratch)


def read_json(path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path) -> Delivered:
    """Every object of the array at `record`, or every member of the zip. Raises: RefusedError."""
    size_of(path)
    if is_zip(path):
        records = _zipped(path, reader, limits, scratch)
        return deliver_nested(path, _whole(records, needed), needed, limits, scratch)
    with path.open("rb") as stream:
        elements = JsonCursor(path, stream, reader.codering).elements(reader.record)
        return deliver_nested(path, _whole(map(_record, elements), needed), needed, limits, scratch)


def parse_line(text: str) -> Record:
    """The record in one line of JSON."""
    try:
        value = DECODER.decode(text)
    except DoubleKeyError:
        return {}, "record noemt een sleutel twee keer"
    except (ValueError, RecursionError):
        return {}, _BROKEN
    return _record(value)


def flatten(value: dict[str, Any]) -> dict[str, str | None]:
    """The leaves of one object by dotted name. Nulls: a JSON null is null; an empty list is empty text."""
    cells: dict[str, str | None] = {}
    for name, inner in _leaves("", value):
        # A delivered key may itself hold a dot; two leaves with one name keep both values.
        cells[name] = inner if name not in cells else f"{cells[name] or ''}|{inner or ''}"
    return cells


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str | None]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list):
        yield from _list_leaves(name, value)
    else:
        yield name, _text(value)


def _list_leaves(name: str, values: list[Any]) -> Iterator[tuple[str, str | None]]:
    inner = [dict(_leaves(name, value)) for value in values]
    leaves = dict.fromkeys(leaf for cells in inner for leaf in cells)
    if not values:
        yield name, ""
    for leaf in leaves:
        yield leaf, "|".join(cells.get(leaf) or "" for cells in inner)


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _record(value: object) -> Record:
    if not isinstance(value, dict):
        return {}, "record is geen JSON-object"
    try:
        return flatten(value), None
    except RecursionError:
        return {}, _BROKEN


def _whole(records: Iterable[Record], needed: Collection[str]) -> Iterator[Record]:
    r"""The records, without half characters: JSON can escape one half of a pair (`\ud800`), which no text can hold.

    In a needed column that is a fault of the record; what is left of the text shows a replacement character.
    """
    for cells, fault in records:
        try:
            "".join([*cells, *filter(None, cells.values())]).encode()
        except UnicodeEncodeError:
            half = next((name for name in needed if _mended(cells.get(name)) != cells.get(name)), None)
            reason = f"een tekst bevat een half teken (surrogaat) in kolom {half!r}" if half is not None else None
            yield {_mended(name) or "": _mended(text) for name, text in cells.items()}, fault or reason
        else:
            yield cells, fault


def _mended(text: str | None) -> str | None:
    return text and text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _lines(path: Path, stream: TextIO, reader: Aanlevering) -> Iterator[str]:
    """The lines of text; a line break inside a JSON string is always escaped, so a line feed ends a record."""
    lines = 0
    try:
        for line in stream:
            lines += 1
            yield line
    except UnicodeDecodeError as error:
        raise undecodable(path, reader.codering, error, lines + 1) from None


def _zipped(path: Path, reader: Aanlevering, limits: Limits, scratch: Path) -> Iterator[Record]:
    for member in members(path, reader.binnen, ".json", limits, scratch):
        content = member.read()
        try:
            yield from _member(content, reader)
        except (ValueError, RecursionError):
            yield {}, _BROKEN


def _member(content: bytes, reader: Aanlevering) -> Iterable[Record]:
    encoding = "utf-8-sig" if reader.codering == "utf-8" else reader.codering
    value = DECODER.decode(content.decode(encoding))
    for part in reader.record.split(".") if reader.record else ():
        value = value.get(part) if isinstance(value, dict) else None
    return map(_record, value if isinstance(value, list) else [value])
