"""Any Python encoding -> UTF-8, with a guess at the right encoding when the declared one is wrong."""

from __future__ import annotations

import codecs
import hashlib
import re
from contextlib import suppress
from pathlib import Path

from kmgb.sources.delivered import RefusedError, size_of

CHUNK = 4 * 2**20
_ASCII = bytes(range(128))
_HIGH = bytes(range(128, 256))
_CONTROLS = re.compile(r"[\x80-\x9f]")

# Letters with a diacritic that are common in Dutch names, as bytes of the encodings that are confused in practice.
_LETTERS = "éëèïöüáóäçêñÉËÖÜ"
_CP1252 = frozenset(_LETTERS.encode("cp1252"))
_CP850 = frozenset(_LETTERS.encode("cp850"))


def is_utf8(encoding: str) -> bool:
    """True when text in this encoding is UTF-8 as it stands (ASCII included)."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


def to_utf8(path: Path, encoding: str, scratch: Path, *, mojibake: bool) -> tuple[Path, str, int]:
    """A UTF-8 copy of `path` in `scratch`, the sha256 of the file as delivered, and its size in bytes.

    `mojibake`: text that is UTF-8 under a single-byte declaration is agreed and not refused.
    Raises: RefusedError on undecodable bytes, or when the text is visibly in another encoding.
    """
    size = size_of(path)
    work = _NearLatin1(encoding) if _near_latin1(encoding) else _WholeText(encoding)
    digest, lines, done = hashlib.sha256(), 1, 0
    target = scratch / "utf8.txt"
    with path.open("rb") as source, target.open("wb") as sink:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            try:
                sink.write(work.encoded(chunk, final=done == size))
            except UnicodeError as error:
                # Without its byte order mark UTF-16 is refused as a whole (up to Python 3.12), or at its first byte.
                if isinstance(error, UnicodeDecodeError) and not _lacks_mark(encoding, chunk, first=done == len(chunk)):
                    raise undecodable(path, encoding, error, lines) from None
                raise _probably(path, encoding, guess(chunk)) from None
            lines += chunk.count(b"\n")
    if work.utf8 and not mojibake:
        raise _probably(path, encoding, "utf-8")
    if work.controls:
        raise _probably(path, encoding, "cp1252")
    return target, digest.hexdigest(), size


class _WholeText:
    """Any other encoding, decoded by its own codec. `controls`: characters that only a wrong encoding gives."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._single = not codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
        self._as_utf8 = codecs.getincrementaldecoder("utf-8")()
        self._high = self._not_utf8 = self.controls = False

    @property
    def utf8(self) -> bool:
        return self._single and self._high and not self._not_utf8

    def encoded(self, chunk: bytes, *, final: bool) -> bytes:
        text = self._decoder.decode(chunk, final=final)
        self._high = self._high or not chunk.isascii()
        self._not_utf8 = self._not_utf8 or not _still_utf8(self._as_utf8, chunk, final=final)
        self.controls = self.controls or _CONTROLS.search(text) is not None
        return text.encode("utf-8", "surrogatepass")


class _NearLatin1:
    """A single-byte encoding that is Latin-1 but for some letters beyond it (cp1252, iso-8859-15, Latin-1 itself).

    Python reads Latin-1 ten times as fast as any other table; the few letters that differ are replaced afterwards.
    `utf8`: there were bytes outside ASCII and all of them read as UTF-8, so that the declaration is wrong.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        letters = _letters(encoding)
        self._undefined = bytes(byte for byte in _HIGH if byte not in letters)
        self._changed = {byte: letter for byte, letter in letters.items() if letter != chr(byte)}
        self._c1 = bytes(byte for byte in range(0x80, 0xA0) if letters.get(byte) == chr(byte))
        self._high = self._not_utf8 = self.controls = False
        self._rest = b""

    @property
    def utf8(self) -> bool:
        return self._high and not self._not_utf8

    def encoded(self, chunk: bytes, *, final: bool) -> bytes:
        chunk = self._rest + chunk
        # A letter of several bytes must be judged whole: what a chunk may have cut in two waits for its other half.
        whole = len(chunk) if final else len(chunk.rstrip(_HIGH))
        chunk, self._rest = chunk[:whole], chunk[whole:]
        if chunk.isascii():
            return chunk
        self._high = True
        self._not_utf8 = self._not_utf8 or not _still_utf8(codecs.getincrementaldecoder("utf-8")(), chunk, final=True)
        seen = set(chunk.translate(None, _ASCII))
        if seen.intersection(self._undefined):
            chunk.decode(self._encoding)  # raises, and names the place
        self.controls = self.controls or bool(seen.intersection(self._c1))
        text = chunk.decode("latin-1")
        for byte in seen.intersection(self._changed):
            text = text.replace(chr(byte), self._changed[byte])
        return text.encode("utf-8")


def _letters(encoding: str) -> dict[int, str]:
    """What each byte outside ASCII means; an undefined byte is left out."""
    letters = {}
    for byte in _HIGH:
        with suppress(UnicodeError):
            letters[byte] = bytes([byte]).decode(encoding)
    return letters


def _near_latin1(encoding: str) -> bool:
    """True when `_NearLatin1` reads it: ASCII as it is, and every letter that differs lies beyond Latin-1."""
    plain = bytes(range(128))
    try:
        ascii_kept = plain.decode(encoding) == plain.decode("ascii")
    except UnicodeError:
        return False
    letters = _letters(encoding)
    return ascii_kept and len(letters) > 100 and all(
        letter == chr(byte) or letter > "\xff" for byte, letter in letters.items()
    )  # fmt: skip


def _lacks_mark(encoding: str, chunk: bytes, *, first: bool) -> bool:
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # those of UTF-32 begin with the same two bytes, or with zeros
    return first and codecs.lookup(encoding).name == "utf-16" and not chunk.startswith(marks)


def undecodable(path: Path, encoding: str, error: UnicodeDecodeError, lines: int) -> RefusedError:
    """The refusal that names encoding, line and byte; `lines` is the number of the line at the start of the chunk.

    A byte is not a person's value: one byte of an accented letter may be shown.
    """
    content = bytes(error.object)
    line = lines + content.count(b"\n", 0, error.start)
    byte = content[error.start : error.start + 1].hex()
    what = f"regel {line} is geen {encoding}: byte 0x{byte} is daarin niet te lezen."
    hint = f"Vermoedelijk {guess(content)}: corrigeer 'codering' in de veldtoewijzing."
    return RefusedError(path, "codering", what, hint)


def guess(content: bytes) -> str:
    """The likeliest encoding of bytes that are not in the declared one."""
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if content.count(0) > len(content) // 4:
        return "utf-16-le" if content[1::2].count(0) > content[::2].count(0) else "utf-16-be"
    if _still_utf8(codecs.getincrementaldecoder("utf-8")(), content, final=False):
        return "utf-8"
    high = list(content.translate(None, bytes(range(128))))
    cp850, cp1252 = (sum(byte in known for byte in high) for known in (_CP850, _CP1252))
    return "cp850" if cp850 > cp1252 else "cp1252"


def _still_utf8(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool) -> bool:
    try:
        decoder.decode(chunk, final=final)
    except UnicodeDecodeError:
        return False
    return True


def _probably(path: Path, declared: str, likely: str) -> RefusedError:
    hint = f"Corrigeer 'codering' in de veldtoewijzing naar {likely!r}."
    return RefusedError(path, "codering", f"de tekst is vermoedelijk {likely}, niet {declared}.", hint)
