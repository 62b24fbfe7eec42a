"""One streaming pass over the bytes of a separated text file, before polars reads it.

The pass is fast because it looks at little: `bytes.translate` first throws away every byte that can do no harm, and
what is left of a sound file is the same few separators over and over, which one comparison settles.
"""

from __future__ import annotations

import codecs
import hashlib
import mmap
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from kmgb.sources.delivered import CONTROLS, RefusedError, size_of
from kmgb.sources.encoding import undecodable

# Small enough to stay in the cache of the processor between one look and the next.
CHUNK = 2**19
LONGEST_LINE = 2**26
_HIGH = bytes(range(128, 256))
_QUOTED = re.compile(rb'"[^"]*"')


@dataclass(slots=True)
class Facts:
    """What the bytes say. Record numbers count from 1, blank lines included; header and skipped lines excluded.

    `irregular`: the quotes are not where a plain parser expects them, so every record must be read by the exact one.
    """

    sha256: str = ""
    size: int = 0
    records: int = 0
    quotes: bool = False
    controls: bool = False
    high: bool = False
    long_lines: bool = False
    irregular: bool = False
    ragged: dict[int, int] = field(default_factory=dict)
    blank: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Shape:
    """How one sound record looks once its text is taken out, and what is left of the chunk before."""

    separator: bytes
    quote: bytes
    width: int
    rest: bytes = b""

    def record(self, mark: bytes) -> bytes:
        return self.separator.join([mark] * self.width) + b"\n"


def scan(
    path: Path,
    encoding: str,
    *,
    start: int,
    first_line: int,
    separator: str,
    quote: str,
    width: int,
    max_cell: int,
    hashed: bool = True,
) -> Facts:
    """The facts of the UTF-8 file `path`. Records start at byte `start`, on line `first_line`.

    Without `hashed` the sha256 stays empty. Raises: RefusedError when the file is empty or not UTF-8.
    """
    facts = Facts(size=size_of(path))
    shape = _Shape(separator.encode(), quote.encode(), width)
    kept = CONTROLS + _HIGH + shape.separator + shape.quote + b"\n"
    boring = bytes(byte for byte in range(256) if byte not in kept)
    digest, line = hashlib.sha256(), first_line
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ThreadPoolExecutor(1) as pool,
    ):
        # One call for the whole file: hashlib lets the interpreter go on only while it is inside a call.
        hashing = pool.submit(digest.update, content) if hashed else None
        for chunk in _chunks(path, content, start):
            left = chunk.translate(None, boring)
            if not left.isascii():
                _refuse_undecodable(path, encoding, chunk, line)
                facts.high, left = True, left.translate(None, _HIGH)
            plain = left.translate(None, _controls(shape.separator))
            facts.controls = facts.controls or len(plain) != len(left)
            facts.long_lines = facts.long_lines or _has_long_line(chunk, max_cell)
            line += plain.count(b"\n")
            _count_fields(facts, shape, plain, chunk)
        if hashing is not None:
            hashing.result()
            facts.sha256 = digest.hexdigest()
    facts.irregular = facts.irregular or bool(shape.rest)
    return facts


def _chunks(path: Path, content: mmap.mmap, start: int) -> Iterator[bytes]:
    """The file from `start` on, in pieces that end at a line feed where the last one has it."""
    size = len(content)
    while start < size:
        end = content.rfind(b"\n", start, min(start + CHUNK, size)) + 1
        if end == 0:
            end = content.find(b"\n", start, min(start + LONGEST_LINE, size)) + 1 or size
        if end - start > LONGEST_LINE:
            what = f"een regel is langer dan {LONGEST_LINE} bytes."
            raise RefusedError(path, "regel", what, "Dit lijkt geen tekst met regels; controleer 'formaat'.")
        yield content[start:end]
        start = end


def _controls(separator: bytes) -> bytes:
    return CONTROLS.replace(separator, b"")


def _refuse_undecodable(path: Path, encoding: str, chunk: bytes, line: int) -> None:
    """Raises: RefusedError. polars judges the whole chunk at once, much faster than the codec; that one explains."""
    codec = "ascii" if codecs.lookup(encoding).name == "ascii" else "utf-8"
    if codec == "utf-8":
        with suppress(pl.exceptions.ComputeError):
            pl.Series([chunk], dtype=pl.Binary).cast(pl.String)
            return
    try:
        chunk.decode(codec)
    except UnicodeDecodeError as error:
        raise undecodable(path, encoding, error, line) from None


def _has_long_line(chunk: bytes, longest: int) -> bool:
    """True when some line is longer than `longest` bytes: only then can a cell be. Looks at one spot per `longest`."""
    position, end = 0, len(chunk)
    while end - position > longest:
        feed = chunk.rfind(b"\n", position, position + longest + 1)
        if feed < 0:
            return True
        position = feed + 1
    return False


def _count_fields(facts: Facts, shape: _Shape, plain: bytes, chunk: bytes) -> None:
    """Note every record whose number of fields is not that of the header."""
    if facts.irregular or not chunk:
        return
    if not chunk.endswith(b"\n"):
        plain, chunk = plain + b"\n", chunk + b"\n"
    quoted = bool(shape.quote) and (shape.quote in plain or bool(shape.rest))
    facts.quotes = facts.quotes or quoted
    if quoted:
        plain = _without_quoted(shape, plain)
        facts.irregular = len(shape.rest) > CHUNK
    expected = shape.record(b"")
    count = plain.count(b"\n")
    if plain != expected * count:
        _note_ragged(facts, shape, plain, chunk)
    facts.records += count


def _without_quoted(shape: _Shape, plain: bytes) -> bytes:
    """The separators outside quotes. A record that is still open at the end of the chunk waits in `shape.rest`."""
    plain = shape.rest + plain
    full = shape.record(shape.quote * 2)
    lines = plain.count(b"\n")
    if plain == full * lines:
        shape.rest = b""
        return shape.record(b"") * lines
    if shape.quote != b'"':
        plain = plain.translate(bytes.maketrans(shape.quote, b'"'))
    plain = _QUOTED.sub(b"", plain.replace(b'""', b""))
    opened = plain.find(b'"')
    cut = plain.rfind(b"\n", 0, opened) + 1 if opened >= 0 else len(plain)
    shape.rest = plain[cut:].replace(b'"', shape.quote)
    return plain[:cut]


def _note_ragged(facts: Facts, shape: _Shape, plain: bytes, chunk: bytes) -> None:
    """Without quotes the lines of the chunk are its records; with quotes only the exact parser knows."""
    if facts.quotes:
        facts.irregular = True
        return
    for number, (marks, line) in enumerate(zip(plain.split(b"\n"), chunk.split(b"\n"), strict=True), facts.records + 1):
        if len(marks) != shape.width - 1 and number <= facts.records + plain.count(b"\n"):
            if line.strip(b"\r"):
                facts.ragged[number] = len(marks) // len(shape.separator) + 1
            else:
                facts.blank.append(number)
