"""What the headers of an answer say of its body: checksums, a name, a moment, the next page."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from kmgb.errors import SourceError
from kmgb.fetch.complete import Promise, is_candidate
from kmgb.mapping.bronnen.https import HttpsBron
from kmgb.sources.dumps import as_utc

_KINDS = {"sha-256": "sha256", "sha-512": "sha512"}
_LONGEST_NAME = 200  # bytes
_NAMELESS = "aanlevering"
_ETAG_SUM = re.compile(r'"sha-?(256|512)[:=-]([0-9a-fA-F]+)"')
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+(?:\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s\",;]*))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s\",;]+))", re.I)


def digests(headers: Mapping[str, str], place: str) -> Promise:
    """The checksums of the bytes as they come. Raises: SourceError when one cannot be read: then nothing is promised.

    Source: RFC 9530 (`Repr-Digest`, `Content-Digest`) and RFC 3230 (`Digest`); an ETag only when it says it is one.
    """
    sums: dict[str, str] = {}
    names = ["repr-digest", "digest", *(() if "content-range" in headers else ("content-digest",))]
    for kind, found in [pair for name in names for pair in _listed(headers.get(name, ""), place)]:
        if sums.setdefault(kind, found) != found:
            raise SourceError(f"{place}: de headers noemen verschillende controlesommen. {_ASK}")
    etag = _ETAG_SUM.fullmatch(headers.get("etag", ""))
    if etag and not encoding_of(headers, place) and len(etag[2]) == int(etag[1]) // 4:
        sums.setdefault(f"sha{etag[1]}", etag[2].lower())
    return Promise(sums)


def strong_etag(headers: Mapping[str, str]) -> str:
    """The mark of exactly these bytes; empty when there is none, or one that says less."""
    etag = headers.get("etag", "").strip()
    return etag if re.fullmatch(r'"[\x21\x23-\x7e]{1,1000}"', etag) else ""


def encoding_of(headers: Mapping[str, str], place: str) -> str:
    """`gzip`, or nothing. Raises: SourceError for another packing: its size cannot be bounded here."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return "gzip"
    if encoding in ("", "identity"):
        return ""
    raise SourceError(f"{place}: de server pakt het antwoord in op een manier die kmgb niet kent (alleen gzip). {_ASK}")


def delivered_name(bron: HttpsBron, headers: Mapping[str, str]) -> str:
    """The name to keep a file under: of the source, of the header, of the address. Never a path, never hidden."""
    message = Message()
    message["Content-Disposition"] = headers.get("content-disposition", "").replace("\r", "").replace("\n", "")
    given = message.get_filename() or ""
    candidates = (bron.bestand, given, unquote(urlsplit(bron.url).path))
    return next(filter(None, map(_safe, candidates)), _NAMELESS)


def moment(text: str, place: str, where: str, zone: str) -> datetime:
    """The moment in `text`, ISO 8601 or as in a header of HTTP. Raises: SourceError; the text is not repeated."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with suppress(ValueError, OverflowError, SourceError):
            return as_utc(read(text.strip()), zone)
    hint = "Controleer de bron, of vraag de leverancier om een datum volgens ISO 8601."
    raise SourceError(f"{place}: de peildatum in {where!r} is niet te lezen. {hint}")


def next_links(header: str) -> list[str]:
    """The addresses with the relation `next` in a Link header. Source: RFC 8288."""
    found = []
    for target, parameters in _LINK.findall(header):
        relation = _REL.search(parameters)
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            found.append(target)
    return list(dict.fromkeys(found))


_ASK = "Vraag de beheerder van de server ernaar."


def _listed(text: str, place: str) -> Iterator[tuple[str, str]]:
    """The checksums we know in one header, as hexadecimal: `sha-256=:...:` (structured) or `SHA-256=...`."""
    for item in text.split(","):
        algorithm, _, value = item.strip().partition("=")
        kind = _KINDS.get(algorithm.strip().lower())
        if kind is None:
            continue
        try:
            found = b64decode(value.partition(";")[0].strip().strip(":"), validate=True)
        except (Error, ValueError):
            found = b""
        if len(found) != hashlib.new(kind).digest_size:
            raise SourceError(f"{place}: de {kind} in de headers is niet te lezen. {_ASK}")
        yield kind, found.hex()


def _safe(name: str) -> str:
    bare = PurePosixPath(name.replace("\\", "/")).name.strip()
    try:
        size = len(bare.encode())
    except UnicodeEncodeError:
        return ""
    return bare if is_candidate(bare) and size <= _LONGEST_NAME else ""
