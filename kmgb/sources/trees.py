"""Reading XML piece by piece with lxml, safely and in bounded memory: what every XML-shaped source shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, cast

from lxml import etree

CHUNK = 2**18

Kind = Literal["start", "end"]


def events(read: Callable[[int], bytes], *, kinds: tuple[Kind, ...]) -> Iterator[tuple[str, etree._Element]]:
    """The start and end of every element as the text comes in. Raises: etree.XMLSyntaxError.

    Entities are not resolved, nothing is fetched, and libxml2's own limits on depth and size hold.
    """
    parser = etree.XMLPullParser(
        events=kinds,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    while chunk := read(CHUNK):
        parser.feed(chunk)
        yield from cast("Iterator[tuple[str, etree._Element]]", parser.read_events())
    parser.close()


def forget(element: etree._Element) -> None:
    """Empty the element and drop what stands before it. It stays itself: libxml2 may still be writing just after it."""
    element.clear(keep_tail=True)  # type: ignore[call-arg]  # the stubs are older than lxml 4.4
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def local(element: etree._Element) -> str:
    """The name without its namespace; empty for what is not an element."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
