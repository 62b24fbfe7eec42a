"""Separated text (`formaat = "csv"`), read by polars once the bytes have been judged.

A sound file goes to polars as it stands. Where quotes are not at the edges of a cell, cells hold line breaks, or
records with quotes have a deviating number of fields, the exact parser of the standard library writes a sound copy
first: polars 2.1 splits some such records differently from what people mean, or stops.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.mapping.model import Aanlevering
from kmgb.sources.bytescan import LONGEST_LINE, Facts, scan
from kmgb.sources.delivered import (
    Delivered,
    Limits,
    RefusedError,
    check_cells,
    choose,
    column_remarks,
    refuse_other_format,
    size_of,
)
from kmgb.sources.encoding import is_utf8, to_utf8

_BOM = b"\xef\xbb\xbf"
# A cell may be longer than the 128 KiB the csv module allows by itself: it is marked, not refused.
csv.field_size_limit(LONGEST_LINE)
_HEAD = 2**20
_CANDIDATES = (";", ",", "\t", "|")


@dataclass(frozen=True, slots=True)
class _Head:
    """The names of the columns, the byte at which the first record starts, and the line it stands on."""

    names: tuple[str, ...]
    start: int
    line: int
    bom: bool


def read_separated(
    path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path
) -> Delivered:
    """Every record of a separated file. Raises: RefusedError."""
    text, reader, remarks, sha256, size = as_utf8(path, reader, scratch)
    head = _read_head(path, text, reader)
    positions = choose(path, head.names, needed, hint=_separator_hint(text, reader, head, needed))
    facts = _scan(text, path, reader, head, limits)
    if facts.irregular:
        text, facts = _rewrite(text, path, reader, head, scratch=scratch, facts=facts)
        reader = reader.model_copy(update={"scheidingsteken": ",", "aanhalingsteken": '"'})
        head = _Head(head.names, 0, 1, bom=False)
    if facts.records == len(facts.blank):
        raise RefusedError(path, "alleen_kop", "er staat geen enkel record in het bestand.", "Vraag een nieuwe export.")
    frame = _scan_csv(text, reader, head, facts, positions=positions, limits=limits)
    remarks += column_remarks(head.names, needed)
    return Delivered(frame, head.names, sha256 or facts.sha256, size or facts.size, tuple(remarks))


def as_utf8(path: Path, reader: Aanlevering, scratch: Path) -> tuple[Path, Aanlevering, list[str], str, int]:
    """The file as UTF-8 text, with the reader settings that fit it. The sha256 is empty when none was needed yet."""
    size_of(path)
    if is_utf8(reader.codering):
        refuse_other_format(path, f"{reader.formaat}-bestand")
        return path, reader, [], "", 0
    text, sha256, size = to_utf8(path, reader.codering, scratch, mojibake="mojibake" in reader.decodering)
    refuse_other_format(path, f"{reader.formaat}-bestand")
    return text, reader.model_copy(update={"codering": "utf-8"}), [], sha256, size


def _read_head(path: Path, text: Path, reader: Aanlevering) -> _Head:
    with text.open("rb") as stream:
        bom = stream.read(3) == _BOM
        stream.seek(3 if bom else 0)
        for _ in range(reader.overslaan):
            stream.readline()
        lines = _Lines(stream)
        names = tuple(kolom.naam for kolom in reader.kolommen)
        if reader.kop:
            try:
                names = tuple(next(_records(lines, reader), []))
            except (csv.Error, UnicodeDecodeError) as error:
                raise _bad_head(path, text, reader, error) from None
        if not names:
            raise RefusedError(path, "leeg", "er is geen kopregel met kolomnamen gevonden.", "Controleer 'overslaan'.")
        return _Head(names, stream.tell(), reader.overslaan + lines.count + 1, bom)


def _bad_head(path: Path, text: Path, reader: Aanlevering, error: Exception) -> RefusedError:
    """Undecodable bytes in the header are explained by the scan; anything else is a quote that is never closed."""
    if isinstance(error, UnicodeDecodeError):
        scan(text, reader.codering, start=0, first_line=1, separator=",", quote="", width=1, max_cell=2**31)
    return RefusedError(path, "kop", "de kopregel is niet te lezen.", "Controleer scheidingsteken en aanhalingsteken.")


class _Lines:
    """Lines of text from a binary stream, counted; a lone carriage return ends a line too."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.count = stream, 0

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(LONGEST_LINE):
            self.count += 1
            head, carriage, rest = line.partition(b"\r")
            if carriage and rest not in (b"", b"\n"):
                self._stream.seek(len(head) + 1 - len(line), 1)
                line = head + carriage
            yield line.decode("utf-8")


def _records(lines: Iterable[str], reader: Aanlevering) -> Iterator[list[str]]:
    quote = reader.aanhalingsteken or None
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    return csv.reader(lines, delimiter=reader.scheidingsteken, quotechar=quote, quoting=quoting, strict=True)


def _separator_hint(text: Path, reader: Aanlevering, head: _Head, needed: Collection[str]) -> str:
    """Which other separator gives more columns, when the header seems to hold just one."""
    if len(head.names) > 1 or not reader.kop:
        return ""
    counts = {sep: head.names[0].count(sep) for sep in _CANDIDATES if sep != reader.scheidingsteken}
    best = max(counts, key=lambda sep: counts[sep])
    if not counts[best]:
        return ""
    return f"Met scheidingsteken {best!r} heeft de kopregel {counts[best] + 1} kolommen: pas 'scheidingsteken' aan."


def _scan(text: Path, path: Path, reader: Aanlevering, head: _Head, limits: Limits) -> Facts:
    separator, quote = reader.scheidingsteken, reader.aanhalingsteken
    plain = separator.isascii() and quote.isascii()
    try:
        facts = scan(
            text,
            reader.codering,
            start=head.start,
            first_line=head.line,
            separator=separator if plain else ",",
            quote=quote if plain else "",
            width=len(head.names),
            max_cell=limits.max_cell,
            hashed=limits.fingerprint,
        )
    except RefusedError as error:
        raise RefusedError(path, error.reason, str(error).removeprefix(f"{text.name}: ")) from None
    facts.irregular = facts.irregular or not plain or _stray_quotes(text, reader, head, facts) or _lone_returns(text)
    return facts


def _stray_quotes(text: Path, reader: Aanlevering, head: _Head, facts: Facts) -> bool:
    """True when a line with quotes is not a whole record of plain and quoted cells, as the standard (RFC 4180) has it.

    So `Jan "Piet" Jansen`, a quote that never closes, and a cell of more than one line.
    """
    if not facts.quotes or facts.irregular:
        return False
    separator, quote = (f"\\x{ord(letter):02x}" for letter in (reader.scheidingsteken, reader.aanhalingsteken))
    cell = f"(?:[^{quote}{separator}\\r]*|{quote}(?:[^{quote}]|{quote}{quote})*{quote})"
    # What stands before the first quote needs no parsing: a plain look at it is much cheaper than the expression. The
    # line is split in a step of its own, or it would be split again for every use of a part.
    before, after = pl.col("field_0"), pl.col("field_1")
    opens = (before == "") | before.str.ends_with(reader.scheidingsteken)
    quoted = opens & after.str.contains(f"^(?:[^{quote}]|{quote}{quote})*{quote}(?:{separator}{cell})*\\r?$")
    whole = ~before.str.strip_suffix("\r").str.contains("\r", literal=True)
    lines = pl.scan_lines(text, glob=False).slice(head.line - 1)
    parts = lines.select(pl.col("line").str.splitn(reader.aanhalingsteken, 2)).unnest("line")
    return not parts.select((whole & (after.is_null() | quoted)).all()).collect(engine="streaming").item()


def _lone_returns(text: Path) -> bool:
    """True when the file ends its lines with a carriage return alone."""
    with text.open("rb") as stream:
        head = stream.read(_HEAD)
    return b"\r" in head and b"\n" not in head


def _rewrite(
    text: Path, path: Path, reader: Aanlevering, head: _Head, *, scratch: Path, facts: Facts
) -> tuple[Path, Facts]:
    """A sound copy of the records, and the facts that go with it. Raises: RefusedError on a quote that never closes."""
    target = scratch / "geordend.csv"
    fresh = Facts(sha256=facts.sha256, size=facts.size, quotes=True, long_lines=True, controls=facts.controls)
    started = head.line
    with text.open("rb") as source, target.open("w", encoding="utf-8", newline="") as sink:
        source.seek(head.start)
        lines = _Lines(source)
        rows = _records(lines, reader)
        writer = csv.writer(sink, quoting=csv.QUOTE_ALL, lineterminator="\n")
        try:
            for row in rows:
                _note(fresh, row, len(head.names))
                writer.writerow(row)
                started = head.line + lines.count
        except csv.Error:
            what = f"het aanhalingsteken in het record dat op regel {started} begint, wordt niet goed afgesloten."
            hint = "Laat de export aanhalingstekens in tekst verdubbelen, of pas 'aanhalingsteken' aan."
            raise RefusedError(path, "aanhalingsteken", what, hint) from None
    return target, fresh


def _note(facts: Facts, row: list[str], width: int) -> None:
    facts.records += 1
    if not row and width > 1:
        facts.blank.append(facts.records)
    elif len(row) != width:
        facts.ragged[facts.records] = len(row)


def _scan_csv(
    text: Path, reader: Aanlevering, head: _Head, facts: Facts, *, positions: list[int], limits: Limits
) -> pl.LazyFrame:
    """The lazy frame. Columns go by position until the end: delivered names may be empty or double."""
    frame = pl.scan_csv(
        text,
        has_header=False,
        separator=reader.scheidingsteken,
        quote_char=(reader.aanhalingsteken or None) if facts.quotes else None,
        skip_lines=head.line - 1,
        schema={f"c{position}": pl.String() for position in range(len(head.names))},
        empty_string_is_null=False,
        missing_columns="insert",
        extra_columns="ignore",
        row_index_name=ROW,
        row_index_offset=1,
        glob=False,
    )
    names = [head.names[position] for position in positions]
    frame = frame.select(ROW, *(pl.col(f"c{p}").alias(name) for p, name in zip(positions, names, strict=True)))
    cells = check_cells(names, limits, long=facts.long_lines, control=facts.controls)
    frame = frame.with_columns(pl.coalesce(_ragged(facts, len(head.names)), cells).alias(FAULT))
    return frame.filter(~pl.col(ROW).is_in(facts.blank)) if facts.blank else frame


def _ragged(facts: Facts, width: int) -> pl.Expr:
    """The fault of records with too few or too many fields. Their cells stay as they are."""
    if not facts.ragged:
        return pl.lit(None, pl.String)
    texts = [_ragged_text(count, width) for count in facts.ragged.values()]
    rows = pl.Series(list(facts.ragged), dtype=pl.UInt32)
    return pl.col(ROW).replace_strict(rows, pl.Series(texts), default=None, return_dtype=pl.String)


def _ragged_text(count: int, width: int) -> str:
    return f"rij heeft {count} {'veld' if count == 1 else 'velden'}, verwacht {width}"
