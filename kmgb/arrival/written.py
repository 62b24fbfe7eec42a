"""In which encoding the text of a delivered file is visibly written."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from kmgb.sources.encoding import guess

_CHUNK = 4 * 2**20
_NOT_TEXT = (b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"\xd0\xcf\x11\xe0", b"\x28\xb5\x2f\xfd")
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def written_in(source: Path) -> str:
    """`utf-8`, `utf-16`, `cp1252` or `cp850`; empty when the file does not show it: all ASCII, packed or no text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    foreign, chunk = False, b""
    for number, chunk in enumerate(_chunks(source)):
        if number == 0 and chunk.startswith((*_NOT_TEXT, *_MARKS)):
            return "utf-16" if chunk.startswith(_MARKS) else ""
        if chunk.isascii() and not decoder.getstate()[0]:
            continue
        foreign = True
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            return guess(chunk)
    if decoder.getstate()[0]:  # the file ends within what would be a letter: it is none
        return guess(chunk + b"\n")
    return "utf-8" if foreign else ""


def _chunks(source: Path) -> Iterator[bytes]:
    with source.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
