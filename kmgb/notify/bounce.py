"""Reports of mail that could not be delivered (RFC 3464): which message, and its status. Their text is not told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import compat32

LARGEST = 10 * 2**20
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_OURS = re.compile(r"<[0-9a-f]{40}@[^<>\s]{3,100}>")  # kmgb.notify.message, message_id
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,150}>")


@dataclass(frozen=True, slots=True)
class Bounce:
    """One message that came back; `status` as 5.1.1, or empty."""

    message_id: str
    status: str


def read_bounce(content: bytes) -> Bounce | None:
    """What a report says failed for good; None when it is no report, or one of a delay or of a delivery, or unreadable.

    Which message it is about stands in what was returned, else in the headers that an answer has (RFC 5322, 3.6.4).
    """
    try:
        return _read(message_from_bytes(content[:LARGEST], policy=compat32))
    except (RecursionError, LookupError, ValueError):  # the mail of a stranger, made to be unreadable
        return None


def _read(report: Message) -> Bounce | None:
    # A report that somebody forwarded as an attachment is one as well.
    for part in report.walk():
        if part.get_content_type() == "multipart/report" and part.is_multipart():
            return _reported(part, report)
    failed = _said(report, "X-Failed-Recipients")  # Exim, in a mail without parts
    name = _OURS.search(_text(report)) if failed else None
    return Bounce(name.group(), "") if name is not None else None


def _reported(part: Message, report: Message) -> Bounce | None:
    parts = list(part.walk())
    failed = [block for block in _blocks(parts) if _said(block, "Action").lower() == "failed"]
    name = next(_names(parts, report), None)
    if not failed or name is None:
        return None
    found = _STATUS.match(_said(failed[0], "Status"))
    return Bounce(name, found.group() if found else "")


def _blocks(parts: list[Message]) -> Iterator[Message]:
    """The groups of fields of a delivery status: of the message, then of each recipient."""
    for part in parts:
        if part.get_content_type() == "message/delivery-status" and part.is_multipart():
            yield from _inside(part)
        elif part.get_content_type() == "message/global-delivery-status":
            yield from (message_from_bytes(block, policy=compat32) for block in _bytes(part).split(b"\n\n"))


def _names(parts: list[Message], report: Message) -> Iterator[str]:
    """The Message-ID of what was returned: a whole message, its headers alone, or what the report answers."""
    for part in parts:
        kind = part.get_content_type()
        if kind in ("message/rfc822", "message/global") and part.is_multipart():
            for returned in _inside(part):
                yield from _MESSAGE_ID.findall(_said(returned, "Message-ID"))
        elif kind in ("text/rfc822-headers", "message/global-headers"):
            yield from _MESSAGE_ID.findall(_said(message_from_bytes(_bytes(part), policy=compat32), "Message-ID"))
    for header in ("In-Reply-To", "References"):
        yield from _MESSAGE_ID.findall(_said(report, header))


def _inside(part: Message) -> list[Message]:
    held = part.get_payload()
    return [one for one in held if isinstance(one, Message)] if isinstance(held, list) else []


def _bytes(part: Message) -> bytes:
    """The text of a part with `\\n` at the end of its lines."""
    held = part.get_payload(decode=True)
    if not isinstance(held, bytes):
        held = b"\n\n".join(one.as_bytes() for one in _inside(part))
    return held.replace(b"\r\n", b"\n")


def _text(message: Message) -> str:
    return "" if message.is_multipart() else _bytes(message).decode("utf-8", "replace")


def _said(message: Message, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())
