"""JSON: one object per line (`jsonl`), an array, an object with the array at `record`, or a zip of objects (`binnen`).

Numbers and booleans come as the exact text of the file. Nested objects become dotted names; the scalars of a list are
joined with "|", and so is each leaf of a list of objects (an object without that leaf leaves an empty place).
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TextIO

from kmgb.mapping.model import Aanlevering
from kmgb.sources.archive import is_zip, members
from kmgb.sources.batches import Record, deliver_nested
from kmgb.sources.delivered import Delivered, Limits, RefusedError, size_of
from kmgb.sources.encoding import undecodable

_CHUNK = 2**18
_BLANK = " \t\n\r"
_BROKEN = "record is geen geldige JSON"


class _DoubleKeyError(ValueError):
    """An object names one key twice: which value holds cannot be told."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _DoubleKeyError
    return result


# Numbers stay the text they were: a 40-digit number is whole, 7.10 does not become 7.1.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=str)


def read_jsonl(path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path) -> Delivered:
    """Every non-blank line as a record; a line that is not an object is a record with a fault. Raises: RefusedError."""
    size_of(path)
    encoding = "utf-8-sig" if reader.codering == "utf-8" else reader.codering
    with path.open(encoding=encoding, newline="\n") as stream:
        records = (parse_line(line) for line in _lines(path, stream, reader) if line.strip(_BLANK))
        return deliver_nested(path, _whole(records, needed), needed, limits, scratch)


def read_json(path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path) -> Delivered:
    """Every object of the array at `record`, or every member of the zip. Raises: RefusedError."""
    size_of(path)
    if is_zip(path):
        records = _zipped(path, reader, limits, scratch)
        return deliver_nested(path, _whole(records, needed), needed, limits, scratch)
    with path.open("rb") as stream:
        elements = _Cursor(path, stream, reader.codering).elements(reader.record)
        return deliver_nested(path, _whole(map(_record, elements), needed), needed, limits, scratch)


def parse_line(text: str) -> Record:
    """The record in one line of JSON."""
    try:
        value = _DECODER.decode(text)
    except _DoubleKeyError:
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
    value = _DECODER.decode(content.decode(encoding))
    for part in reader.record.split(".") if reader.record else ():
        value = value.get(part) if isinstance(value, dict) else None
    return map(_record, value if isinstance(value, list) else [value])


class _Cursor:
    """A place in a JSON text that is read piece by piece, so that an array of any length needs little memory."""

    def __init__(self, path: Path, stream: IO[bytes], encoding: str) -> None:
        self._path, self._stream, self._encoding = path, stream, encoding
        self._decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
        self._text, self._at, self._lines, self._done = "", 0, 1, False

    def elements(self, record: str) -> Iterator[Any]:
        """The elements of the array at the dotted path `record`, one by one."""
        for part in record.split(".") if record else ():
            self._enter(part, record)
        if self._peek() != "[":
            hint = "Noem met 'record' het pad naar de lijst met records."
            raise RefusedError(self._path, "record", f"op de plaats {record or 'bovenaan'!r} staat geen lijst.", hint)
        self._at += 1
        yield from self._items()
        if not record and self._peek():
            raise self._broken("na het einde van de lijst staat nog meer")

    def _items(self) -> Iterator[Any]:
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            yield self._value()
            mark = self._peek()
            self._at += 1
            if mark == "]":
                return
            if mark != ",":
                raise self._broken("een komma of ] ontbreekt")

    def _enter(self, part: str, record: str) -> None:
        """Go to the value of key `part` of the object here, past the keys before it."""
        if self._peek() != "{":
            raise RefusedError(self._path, "record", f"het pad {record!r} is er niet.", "Corrigeer 'record'.")
        self._at += 1
        seen: list[str] = []
        while self._peek() == '"':
            key = self._value()
            if self._peek() != ":":
                raise self._broken("een dubbele punt ontbreekt")
            self._at += 1
            if key == part:
                return
            seen.append(key)
            self._value()
            if self._peek() == ",":
                self._at += 1
        raise RefusedError(self._path, "record", f"het pad {record!r} is er niet ({part!r} ontbreekt).")

    def _peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except _DoubleKeyError:
                raise self._broken("een object noemt een sleutel twee keer") from None
            except RecursionError:
                raise self._broken("de nesting is te diep") from None
            except json.JSONDecodeError as error:
                if not self._unfinished(error) or not self._more():
                    raise self._broken("een waarde is onvolledig of ongeldig") from None
                continue
            # A number that touches the end of what was read may go on in the next piece.
            if end < len(self._text) or not self._more():
                self._at = end
                return value

    def _unfinished(self, error: json.JSONDecodeError) -> bool:
        """True when the fault may just be that the text stops here: then reading on helps."""
        return error.msg.startswith("Unterminated") or error.pos >= len(self._text) - 16

    def _more(self) -> bool:
        """Read on; twice as much as is held, so that one large value is not tried over and over."""
        if self._done:
            return False
        chunk = self._stream.read(max(_CHUNK, 2 * (len(self._text) - self._at)))
        self._done = not chunk
        try:
            text = self._decoder.decode(chunk, final=self._done)
        except UnicodeDecodeError as error:
            raise undecodable(self._path, self._encoding, error, self._lines) from None
        self._lines += text.count("\n")
        self._text, self._at = self._text[self._at :] + text, 0
        return True

    def _broken(self, what: str) -> RefusedError:
        line = self._lines - self._text.count("\n", self._at)
        hint = "Vraag een nieuwe aanlevering."
        return RefusedError(self._path, "json", f"geen geldige JSON op regel {line}: {what}.", hint)
