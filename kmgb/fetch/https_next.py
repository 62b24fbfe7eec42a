"""From one page to the address of the next: told in the body, told in a header, or counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit

from kmgb.errors import SourceError
from kmgb.fetch.https_session import same_server
from kmgb.mapping.bronnen.https import HttpsBron, Paginas

BY_HEADER = "link"


@dataclass(frozen=True, slots=True)
class Page:
    """What one page says: where it came from, the links `next` of its header, its values, how many records it has."""

    url: str
    links: list[str]
    values: Mapping[str, Any]
    records: int


def first_address(bron: HttpsBron, plan: Paginas) -> str:
    """Where the first page is."""
    return _with(bron.url, plan.parameter, str(plan.first)) if plan.counted else urldefrag(bron.url)[0]


def next_address(bron: HttpsBron, plan: Paginas, page: Page, pages: int, records: int, total: int | None) -> str:
    """Where the next page is, after so many; empty when this was the last. Raises: SourceError."""
    if plan.counted:
        if not page.records or (total is not None and records >= total):
            return ""
        return _with(bron.url, plan.parameter, str(plan.first + (pages if plan.telt == "paginas" else records)))
    found = _told(bron, plan, page)
    if not found:
        return ""
    if plan.parameter:
        return _with(bron.url, plan.parameter, found)
    return urldefrag(same_server(bron, page.url, found, "de volgende pagina"))[0]


def _told(bron: HttpsBron, plan: Paginas, page: Page) -> str:
    if plan.volgende != BY_HEADER:
        found = page.values.get(plan.volgende)
        if found in (None, "", False):
            return ""
        if not isinstance(found, str):
            hint = "Controleer 'volgende' in 'paginas'."
            raise SourceError(f"{bron.place}: op de plaats {plan.volgende!r} staat geen tekst. {hint}")
        return found
    if len(page.links) > 1:
        what = "de header Link noemt meer dan één volgende pagina."
        raise SourceError(f"{bron.place}: {what} Vraag de beheerder van de server ernaar.")
    return page.links[0] if page.links else ""


def _with(url: str, parameter: str, value: str) -> str:
    """The address with this parameter, in the place of one of the same name."""
    parts = urlsplit(url)
    others = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != parameter]
    return parts._replace(query=urlencode([*others, (parameter, value)]), fragment="").geturl()
