"""A JSON text that is read piece by piece: an array of any length needs little memory, and nothing of it is rounded."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from kmgb.sources.delivered import RefusedError
from kmgb.sources.encoding import undecodable

_CHUNK = 2**18
_T = TypeVar("_T")
BLANK = " \t\n\r"


class DoubleKeyError(ValueError):
    """An object names one key twice: which value holds cannot be told."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise DoubleKeyError
    return result


# Numbers stay the text they were: a 40-digit number is whole, 7.10 does not become 7.1.
DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=str)


class Bytes(Protocol):
    """Anything that gives bytes piece by piece."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


@dataclass(slots=True)
class Survey:
    """What is looked for in one document, by dotted path: the array `records`, and single `values`.

    `take` gets every element of the array as the text it has there. `found` holds the values that are there, and
    `listed` tells whether the array is.
    """

    records: str
    values: Collection[str]
    take: Callable[[str], None]
    found: dict[str, Any] = field(default_factory=dict)
    listed: bool = False

    def below(self, path: str) -> bool:
        """True when something that is looked for may be inside the value at `path`."""
        return any(wanted.startswith(f"{path}.") or not path for wanted in (self.records, *self.values))


class JsonCursor:
    """A place in a JSON text. `path` names the file in messages; `largest` bounds one value, in characters."""

    def __init__(self, path: Path, stream: Bytes, encoding: str, largest: int | None = None) -> None:
        self._path, self._stream, self._encoding, self._largest = path, stream, encoding, largest
        self._decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
        self._text, self._at, self._lines, self._done = "", 0, 1, False

    def elements(self, record: str) -> Iterator[Any]:
        """The elements of the array at the dotted path `record`, one by one."""
        for part in record.split(".") if record else ():
            self._enter(part, record)
        if self._peek() != "[":
            hint = "Noem met 'record' het pad naar de lijst met records."
            raise RefusedError(self._path, "record", f"op de plaats {record or 'bovenaan'!r} staat geen lijst.", hint)
        yield from self._items(self._value)
        if not record:
            self._end()

    def survey(self, survey: Survey) -> None:
        """Read the document to its end and give `survey` what it looks for. Raises: RefusedError when it is broken."""
        self._visit("", survey)
        self._end()

    def _visit(self, path: str, survey: Survey) -> None:
        mark = self._peek()
        if mark == "[":
            mine = path == survey.records and not survey.listed
            survey.listed = survey.listed or mine
            for text in self._items(self._raw):
                if mine:
                    survey.take(text)
        elif mark == "{" and survey.below(path):
            for key in self._keys():
                self._visit(f"{path}.{key}" if path else key, survey)
        elif path in survey.values:
            survey.found[path] = self._value()
        else:
            self._value()

    def _items(self, one: Callable[[], _T]) -> Iterator[_T]:
        """What `one` makes of every element of the array here."""
        self._at += 1
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            yield one()
            mark = self._peek()
            self._at += 1
            if mark == "]":
                return
            if mark != ",":
                raise self._broken("een komma of ] ontbreekt")

    def _keys(self) -> Iterator[str]:
        """Every key of the object here; whoever asks for the next one has read past the value of this one."""
        self._at += 1
        seen: set[str] = set()
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._peek() != '"':
                raise self._broken("een sleutel ontbreekt")
            key = self._value()
            if key in seen:
                raise self._broken("een object noemt een sleutel twee keer")
            seen.add(key)
            if self._peek() != ":":
                raise self._broken("een dubbele punt ontbreekt")
            self._at += 1
            yield key
            mark = self._peek()
            self._at += 1
            if mark == "}":
                return
            if mark != ",":
                raise self._broken("een komma of } ontbreekt")

    def _enter(self, part: str, record: str) -> None:
        """Go to the value of key `part` of the object here, past the keys before it."""
        if self._peek() != "{":
            raise RefusedError(self._path, "record", f"het pad {record!r} is er niet.", "Corrigeer 'record'.")
        for key in self._keys():
            if key == part:
                return
            self._value()
        raise RefusedError(self._path, "record", f"het pad {record!r} is er niet ({part!r} ontbreekt).")

    def _peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in BLANK:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _end(self) -> None:
        if self._peek():
            raise self._broken("na het einde staat nog meer")

    def _raw(self) -> str:
        """The text of the value here, as it stands there."""
        _, start, end = self._read()
        return self._text[start:end]

    def _value(self) -> Any:
        return self._read()[0]

    def _read(self) -> tuple[Any, int, int]:
        """The value here, and where its text begins and ends in what is held. The place is then behind it."""
        self._peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except DoubleKeyError:
                raise self._broken("een object noemt een sleutel twee keer") from None
            except RecursionError:
                raise self._broken("de nesting is te diep") from None
            except json.JSONDecodeError as error:
                if not self._unfinished(error) or not self._more():
                    raise self._broken("een waarde is onvolledig of ongeldig") from None
                continue
            # A number that touches the end of what was read may go on in the next piece.
            if end < len(self._text) or not self._more():
                start, self._at = self._at, end
                return value, start, end

    def _unfinished(self, error: json.JSONDecodeError) -> bool:
        """True when the fault may just be that the text stops here: then reading on helps."""
        return error.msg.startswith("Unterminated") or error.pos >= len(self._text) - 16

    def _more(self) -> bool:
        """Read on; twice as much as is held, so that one large value is not tried over and over."""
        if self._done:
            return False
        held = len(self._text) - self._at
        if self._largest is not None and held > self._largest:
            raise self._broken(f"een waarde is langer dan {self._largest} tekens")
        chunk = self._stream.read(max(_CHUNK, 2 * held))
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
