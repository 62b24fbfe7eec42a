"""What the headers and the query of a push say about its file."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from types import MappingProxyType
from urllib.parse import unquote

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request

from kmgb.run.receive import Declared
from kmgb.web.problems import RefusalError

PEILDATUM, ROWS, NAME = "X-Peildatum", "X-Rijen", "X-Bestandsnaam"
_SUMS = MappingProxyType({"x-checksum-sha256": "sha256", "x-checksum-sha512": "sha512"})
_DIGESTS = ("content-digest", "repr-digest", "digest")
_LENGTHS = MappingProxyType({"sha256": 32, "sha512": 64})

_TEXT = frozenset({"csv", "vast", "lo3"})
_PACKED = _TEXT | {"json", "jsonl", "xml"}
# Which formats a media type may hold. One that stands nowhere here says nothing.
_MEANT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "text/csv": _TEXT,
        "text/tab-separated-values": _TEXT,
        "text/plain": _PACKED,
        "application/json": frozenset({"json", "jsonl"}),
        "application/jsonl": frozenset({"jsonl"}),
        "application/x-ndjson": frozenset({"jsonl"}),
        "text/xml": frozenset({"xml"}),
        "application/xml": frozenset({"xml"}),
        "application/soap+xml": frozenset({"xml"}),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": frozenset({"xlsx"}),
        "application/vnd.ms-excel": _TEXT | {"xlsx"},
        "application/vnd.apache.parquet": frozenset({"parquet"}),
        "application/x-parquet": frozenset({"parquet"}),
        "application/zip": _PACKED | {"xlsx"},
        "application/gzip": _PACKED,
        "application/x-gzip": _PACKED,
        "application/pdf": frozenset(),
        "text/html": frozenset(),
    }
)
MEDIA_TYPES = ("application/octet-stream", *(media for media, formats in _MEANT.items() if formats))
_NEVER = ("image/", "audio/", "video/", "font/")


def media_type(headers: Headers) -> str:
    """The content type without its parameters; empty when it is not given."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def refuse_other_kind(headers: Headers, formaat: str) -> None:
    """Raises: RefusalError when the content type or the coding plainly contradicts the format of the mapping."""
    given = media_type(headers)
    if given.startswith("multipart/"):
        what = "Verstuur het bestand zelf als inhoud van het verzoek, niet als formulier"
        raise RefusalError("soort", f"{what} (curl --data-binary @bestand, geen -F).")
    if given.startswith(_NEVER) or formaat not in _MEANT.get(given, {formaat}):
        what = f"Afgesproken is formaat {formaat!r}; het Content-Type van dit verzoek zegt iets anders."
        raise RefusalError("soort", f"{what} Verstuur het afgesproken bestand, of corrigeer het Content-Type.")
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity" and (coding not in ("gzip", "x-gzip") or formaat not in _PACKED):
        what = f"Deze Content-Encoding kan niet bij formaat {formaat!r}."
        raise RefusalError("soort", f"{what} Verstuur het bestand zoals het is, of ingepakt met gzip als het tekst is.")


def declared(request: Request) -> Declared:
    """Everything the sender says of the file. Raises: RefusalError on what cannot be understood."""
    headers, query = request.headers, request.query_params
    length = headers.get("content-length", "")
    rows = _said(headers, query, ROWS, "rijen")
    if rows and re.fullmatch(r"\d{1,12}", rows) is None:
        raise RefusalError("verzoek", "'rijen' is geen aantal. Schrijf alleen cijfers.")
    return Declared(
        length=int(length) if length.isdigit() else None,
        sums=_sums(headers),
        rows=int(rows) if rows else None,
        peildatum=_peildatum(_said(headers, query, PEILDATUM, "peildatum")),
        name=unquote(_said(headers, query, NAME, "bestandsnaam")),
    )


def _said(headers: Headers, query: QueryParams, header: str, parameter: str) -> str:
    """What stands in the header or in the query. Raises: RefusalError when they contradict each other."""
    said = {text for text in [*headers.getlist(header), *query.getlist(parameter)] if text}
    if len(said) > 1:
        raise RefusalError("verzoek", f"{header} en '{parameter}' in het adres spreken elkaar tegen. Geef er één.")
    return said.pop() if said else ""


def _peildatum(text: str) -> datetime | None:
    if not text:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time())
        return datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)  # a query reads + as a space
    except ValueError:
        raise RefusalError(
            "verzoek", "De peildatum is niet te lezen. Schrijf jjjj-mm-dd, of ISO 8601 met tijd."
        ) from None


def _sums(headers: Headers) -> dict[str, str]:
    """The checksums by algorithm. Raises: RefusalError when one is malformed, or two differ."""
    found: dict[str, str] = {}
    for kind, text in _all_sums(headers):
        if len(text) != _LENGTHS[kind] * 2:
            raise RefusalError("verzoek", f"De {kind} is niet te lezen. Zie de beschrijving van de controlesommen.")
        if found.setdefault(kind, text) != text:
            raise RefusalError("verzoek", f"Twee headers noemen een andere {kind}. Geef er één.")
    return found


def _all_sums(headers: Headers) -> Iterator[tuple[str, str]]:
    for header, kind in _SUMS.items():
        for text in headers.getlist(header):
            bare = text.strip().lower()
            yield kind, bare if re.fullmatch(r"[0-9a-f]*", bare) else ""
    for header in _DIGESTS:
        for part in ",".join(headers.getlist(header)).split(","):
            name, _, value = part.strip().partition("=")
            kind = name.strip().lower().replace("-", "")
            if kind in _LENGTHS:
                yield kind, _hexadecimal(value.strip().strip(":"))


def _hexadecimal(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).hex()
    except binascii.Error:
        return ""
