"""The records of a paged JSON endpoint -> one file with a record per line, as delivered. All pages, or nothing.

A page is fetched whole before its records count, so that a page that breaks off can be asked again. What pages cannot
all be (one that was there before, another total, another peildatum) is refused: then the data changed under our hands,
or the server does not do what the source says.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Final

from kmgb.errors import SourceError
from kmgb.fetch.complete import check_content
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.https_errors import LATER, too_large
from kmgb.fetch.https_file import told_moment
from kmgb.fetch.https_next import BY_HEADER, Page, first_address, next_address
from kmgb.fetch.https_part import part_of
from kmgb.fetch.https_promise import delivered_name, digests, encoding_of, moment, next_links
from kmgb.fetch.https_receive import private, receive, unpacked
from kmgb.fetch.https_session import Session
from kmgb.fetch.transfer import NotYetError, on_our_side, own_folder, scratch_for
from kmgb.mapping.bronnen.https import Paginas
from kmgb.mapping.model import EntiteitMapping
from kmgb.sources.json_cursor import JsonCursor, Survey

FORMAAT: Final = "jsonl"
_LARGEST_VALUE = 2**26  # characters
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class _Came:
    """One page on disk, and what its headers say."""

    url: str
    encoding: str
    links: list[str]
    total: str
    peildatum: datetime | None
    remarks: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """What all pages so far say together. `known` holds fingerprints of addresses and of contents."""

    pages: int = 0
    records: int = 0
    size: int = 0
    total: int | None = None
    peildatum: datetime | None = None
    known: set[bytes] = field(default_factory=set)
    remarks: dict[str, None] = field(default_factory=dict)


def as_lines(plan: EntiteitMapping) -> EntiteitMapping:
    """The plan as the file with records is read: lines of JSON in UTF-8, whatever the application itself delivers."""
    reader = plan.aanlevering.model_copy(update={"formaat": FORMAAT, "codering": "utf-8"})
    return plan.model_copy(update={"aanlevering": reader})


def fetch_pages(session: Session, plan: Paginas, into: Path, most: int | None = None) -> Fetched:
    """All records in one file in `into`; of no more than `most` pages when given. Raises: SourceError."""
    own_folder(into)
    part = part_of(session.bron, into)
    name = f"{Path(delivered_name(session.bron, {})).stem}.{FORMAAT}"
    try:
        part.forget()
        with scratch_for(into, name) as scratch, private(part.path) as sink:
            seen = _Walk(session, plan, name, scratch / "pagina", sink).run(most)
        part.path.replace(into / name)
    except OSError as error:
        part.forget()
        raise on_our_side(error, name, into) from None
    except BaseException:
        part.forget()
        raise
    return Fetched(into / name, seen.peildatum, FORMAAT, remarks=tuple(seen.remarks))


class _Walk:
    """From page to page."""

    def __init__(self, session: Session, plan: Paginas, name: str, path: Path, sink: IO[bytes]) -> None:
        self._session, self._bron, self._plan = session, session.bron, plan
        self._name, self._path, self._sink = name, path, sink
        self._seen = _Seen()

    def run(self, most: int | None) -> _Seen:
        seen, url = self._seen, first_address(self._bron, self._plan)
        while url and (most is None or seen.pages < most):
            seen.pages += 1
            self._only_once(url.encode())
            came = self._session.retried(partial(self._page, url))
            page = self._records(came)
            url = next_address(self._bron, self._plan, page, seen.pages, seen.records, seen.total)
        if most is None:
            self._judge_whole()
        return seen

    def _page(self, url: str) -> _Came:
        """The page is in its file afterwards, whole and as promised."""
        session, place = self._session, self._bron.place
        with session.get(url, _HEADERS) as response:
            headers = response.headers
            receive(session, response, self._path, 0, self._tell)
            day, remarks = told_moment(session, headers)
            promise, encoding = digests(headers, place), encoding_of(headers, place)
            total = headers.get(self._plan.totaal_header or "-", "")
            came = _Came(str(response.url), encoding, next_links(headers.get("link", "")), total, day, remarks)
        check_content(self._path, self._title, promise)
        return came

    def _records(self, came: _Came) -> Page:
        """The records of the page go to the file, and what it says of the whole is judged."""
        seen, before, content = self._seen, self._seen.records, hashlib.sha256()

        def take(text: str) -> None:
            line = f"{text.replace(chr(13), ' ').replace(chr(10), ' ')}\n".encode()  # inside a text JSON escapes them
            content.update(line)
            seen.records, seen.size = seen.records + 1, seen.size + len(line)
            if seen.size > self._bron.grootste:
                raise too_large(self._bron.place, self._bron.grootste)
            self._sink.write(line)

        survey = Survey(self._plan.records, self._wanted, take)
        with unpacked(self._path, came.encoding, self._session) as stream:
            JsonCursor(Path(self._title), stream, "utf-8", _LARGEST_VALUE).survey(survey)
        if not survey.listed:
            where = repr(self._plan.records) if self._plan.records else "bovenaan"
            raise self._refused(f"op de plaats {where} staat geen lijst. Controleer 'records' in 'paginas'.")
        if seen.records > before:
            self._only_once(content.digest())
        self._judge(came, survey)
        return Page(came.url, came.links, survey.found, seen.records - before)

    @property
    def _title(self) -> str:
        return f"{self._name} pagina {self._seen.pages}"

    @property
    def _wanted(self) -> list[str]:
        told = "" if self._plan.volgende == BY_HEADER else self._plan.volgende
        return [path for path in (self._plan.totaal, self._bron.peildatum_pad, told) if path]

    def _only_once(self, content: bytes) -> None:
        fingerprint = hashlib.sha256(content).digest()
        if fingerprint in self._seen.known:
            raise self._refused("deze pagina was er al, zo komt er geen einde aan. Controleer 'paginas' in de bron.")
        self._seen.known.add(fingerprint)

    def _judge(self, came: _Came, survey: Survey) -> None:
        """What a page says of the whole must be what the others say."""
        seen, path = self._seen, self._bron.peildatum_pad
        total = came.total or survey.found.get(self._plan.totaal)
        if total is not None:
            number = self._number(total)
            if seen.total not in (None, number):
                raise self._changed(f"het totaal werd {number} en was {seen.total}")
            seen.total = number
        day = came.peildatum if seen.pages == 1 else seen.peildatum
        if path and survey.found.get(path):
            day = moment(str(survey.found[path]), self._bron.place, path, self._session.terms.zone)
            if seen.peildatum not in (None, day):
                raise self._changed("de peildatum werd een andere")
        elif path:
            seen.remarks[f"De peildatum {path!r} ontbrak op een pagina."] = None
        seen.peildatum = day
        seen.remarks |= dict.fromkeys(came.remarks)

    def _judge_whole(self) -> None:
        """Raises: SourceError when not as many records came as the server counts."""
        seen, plan = self._seen, self._plan
        counter = plan.totaal or plan.totaal_header
        if seen.total is not None and seen.records != seen.total:
            raise self._changed(f"er kwamen {seen.records} records, en de server telt er {seen.total}")
        if counter and seen.total is None:
            raise self._refused(f"het totaal {counter!r} staat op geen pagina. Controleer 'paginas' in de bron.")
        if plan.volgende and seen.pages == 1:
            seen.remarks[f"Er was één pagina: een volgende stond niet op de plaats {plan.volgende!r}."] = None

    def _number(self, text: object) -> int:
        if not isinstance(text, str) or not text.strip().isdecimal() or len(text) > 18:
            raise self._refused("het totaal is geen getal. Controleer 'totaal' in 'paginas'.")
        return int(text)

    def _tell(self, done: int) -> None:
        self._session.terms.progress(self._name, self._seen.size + done, self._seen.size + done)

    def _refused(self, what: str) -> SourceError:
        return SourceError(f"{self._bron.place}: pagina {self._seen.pages}: {what}")

    def _changed(self, what: str) -> SourceError:
        return NotYetError(f"{self._bron.place}: {what}: de gegevens veranderden tijdens het ophalen. {LATER}")
