"""A file over HTTPS. It grows under a hidden name, and what broke off goes on where the server knows that it may."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kmgb.errors import SourceError
from kmgb.fetch.complete import LARGEST_COMPANION, Promise, check_content, read_promise
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.https_part import Part, Told, part_of
from kmgb.fetch.https_promise import delivered_name, digests, encoding_of, moment, strong_etag
from kmgb.fetch.https_receive import private, receive, unpacked
from kmgb.fetch.https_session import Session
from kmgb.fetch.transfer import InterruptedTransferError, on_our_side, own_folder

if TYPE_CHECKING:
    import httpx2

_AGAIN = "Haal opnieuw op."


def fetch_file(session: Session, into: Path) -> Fetched:
    """The whole file, as promised, under its own name in `into`. Raises: SourceError."""
    bron = session.bron
    own_folder(into)
    part = part_of(bron, into)
    try:
        promise = session.retried(lambda: _companion(session))
        told = session.retried(lambda: _arrived(session, part, promise))
        plain = _plain(part.path, told.encoding, session)
        check_content(plain, told.name, promise)
        if told.changed > 0:  # where nothing else tells the peildatum, it is the date of the file at the source
            os.utime(plain, (told.changed, told.changed))
        plain.replace(into / told.name)
    except OSError as error:
        part.forget()
        raise on_our_side(error, bron.place, into) from None
    except SourceError as error:
        if not error.transient:  # else what is there counts the next time
            part.forget()
        raise
    part.forget()
    return Fetched(into / told.name, told.peildatum, remarks=told.remarks)


def told_moment(session: Session, headers: Mapping[str, str]) -> tuple[datetime | None, tuple[str, ...]]:
    """The peildatum in the header that the source names, and a remark when it is not there."""
    name = session.bron.peildatum_header
    if not name:
        return None, ()
    if not headers.get(name, "").strip():
        return None, (f"De header {name!r} met de peildatum ontbrak.",)
    return moment(headers[name], session.bron.place, name, session.terms.zone), ()


def _arrived(session: Session, part: Part, companion: Promise) -> Told:
    """All bytes are in the part. When one that went on turns out not to fit, it starts once again."""
    continued = part.had()[0] > 0
    try:
        told = _transfer(session, part)
        check_content(part.path, told.name, told.promise)
        if not told.encoding:
            check_content(part.path, told.name, companion)
    except SourceError as error:
        if error.transient or not continued:
            raise
        part.forget()
        return _arrived(session, part, companion)
    return told


def _transfer(session: Session, part: Part) -> Told:
    bron = session.bron
    had, told = part.had()
    headers = {"Accept-Encoding": "identity"}
    if told is not None:
        headers |= {"Range": f"bytes={had}-", "If-Range": told.etag}
    with session.get(bron.url, headers, (200,) if told is None else (200, 206, 416)) as response:
        if told is None or response.status_code == 200:
            had, told = 0, _told(session, response.headers)
            part.begin(told)
        elif not _goes_on(response, had, told.etag):
            part.forget()
            response.close()
            return _transfer(session, part)
        whole = _whole(response, had)
        if whole is None and not _ends(response.headers) and not told.promise.sums and not bron.controlesom:
            hint = "Vraag de beheerder om Content-Length of een controlesom."
            raise SourceError(f"{bron.place}: de server zegt niet hoe lang het bestand is. {hint}")
        name, tell = told.name, session.terms.progress
        done = receive(session, response, part.path, had, lambda now: tell(name, now, whole or now))
    if whole is not None and done != whole:
        what = f"de verbinding brak af na {done} van {whole} bytes."
        raise InterruptedTransferError(f"{bron.place}: {what} {_AGAIN}")
    return told


def _told(session: Session, headers: Mapping[str, str]) -> Told:
    place = session.bron.place
    day, remarks = told_moment(session, headers)
    name, encoding = delivered_name(session.bron, headers), encoding_of(headers, place)
    changed = 0.0
    with suppress(ValueError, OverflowError):  # a header that is no date tells nothing
        changed = parsedate_to_datetime(headers.get("last-modified", "")).timestamp()
    return Told(strong_etag(headers), name, encoding, digests(headers, place), day, remarks, changed)


def _goes_on(response: httpx2.Response, had: int, etag: str) -> bool:
    """True when this is the rest of what we have."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(?:\d+|\*)", response.headers.get("content-range", "").strip())
    same = response.headers.get("etag", etag).strip() == etag
    return response.status_code == 206 and span is not None and int(span[1]) == had and same


def _whole(response: httpx2.Response, had: int) -> int | None:
    """The size of all of it, when the server tells."""
    total = response.headers.get("content-range", "").rpartition("/")[2]
    if had and total.isdecimal():
        return int(total)
    length = response.headers.get("content-length", "")
    return had + int(length) if length.isdecimal() else None


def _ends(headers: Mapping[str, str]) -> bool:
    """True when a body without a length tells itself where it ends. Else a broken connection looks like the end."""
    return "chunked" in headers.get("transfer-encoding", "").lower()


def _plain(path: Path, encoding: str, session: Session) -> Path:
    """The file as it was before the server packed it."""
    if not encoding:
        return path
    plain = path.with_name(f"{path.name}-open")
    try:
        with unpacked(path, encoding, session) as stream, private(plain) as sink:
            while chunk := stream.read():
                sink.write(chunk)
    except BaseException:
        plain.unlink(missing_ok=True)
        raise
    return plain


def _companion(session: Session) -> Promise:
    """The checksum that stands beside the file, when the source has one."""
    bron = session.bron
    if not bron.controlesom:
        return Promise()
    parts = urlsplit(bron.url)
    content = session.small(parts._replace(path=f"{parts.path}.{bron.controlesom}").geturl(), LARGEST_COMPANION)
    return read_promise(delivered_name(bron, {}), {bron.controlesom: content}, session.terms.zone)
