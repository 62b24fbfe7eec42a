"""Any Python encoding -> UTF-8, with a guess at the right encoding when the declared one is wrong."""

from __future__ import annotations

import codecs
import hashlib
from pathlib import Path

from kmgb.sources.delivered import RefusedError, size_of

CHUNK = 4 * 2**20

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
    decoder, as_utf8 = codecs.getincrementaldecoder(encoding)(), codecs.getincrementaldecoder("utf-8")()
    digest, lines, done, utf8, high, c1 = hashlib.sha256(), 1, 0, True, False, False
    target = scratch / "utf8.txt"
    with path.open("rb") as source, target.open("wb") as sink:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            final = done + len(chunk) == size
            try:
                text = decoder.decode(chunk, final=final)
            except UnicodeDecodeError as error:
                raise undecodable(path, encoding, error, lines) from None
            except UnicodeError:
                raise _probably(path, encoding, guess(chunk)) from None
            utf8, high = utf8 and _still_utf8(as_utf8, chunk, final=final), high or not chunk.isascii()
            c1 = c1 or (not text.isascii() and any("\x80" <= letter <= "\x9f" for letter in set(text)))
            sink.write(text.encode("utf-8", "surrogatepass"))
            lines, done = lines + text.count("\n"), done + len(chunk)
    single = not codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    if single and high and utf8 and not mojibake:
        raise _probably(path, encoding, "utf-8")
    if c1:
        raise _probably(path, encoding, "cp1252")
    return target, digest.hexdigest(), size


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
