"""Reports of mail that could not be delivered (RFC 3464): which message, and its status. Their text is not told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default

LARGEST = 10 * 2**20
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,150}>")


@dataclass(frozen=True, slots=True)
class Bounce:
    """One message that came back; `status` as 5.1.1, or empty."""

    message_id: str
    status: str


def read_bounce(content: bytes) -> Bounce | None:
    """What a report says failed for good; None when it is no report, or one of a delay or of a delivery."""
    report = message_from_bytes(content[:LARGEST], policy=default)
    if report.get_content_type() != "multipart/report" or not report.is_multipart():
        return None
    parts = [part for part in report.walk() if part is not report]
    failed = [block for block in _blocks(parts) if _said(block, "Action").lower() == "failed"]
    name = next(_names(parts), None)
    if not failed or name is None:
        return None
    found = _STATUS.match(_said(failed[0], "Status"))
    return Bounce(name, found.group() if found else "")


def _blocks(parts: list[EmailMessage]) -> Iterator[Message[str, str]]:
    """The groups of fields of a delivery status: of the message, then of each recipient."""
    for part in parts:
        if part.get_content_type() == "message/delivery-status" and part.is_multipart():
            yield from (block for block in part.get_payload() if isinstance(block, Message))


def _names(parts: list[EmailMessage]) -> Iterator[str]:
    """The Message-ID of what was returned: a whole message, or its headers alone."""
    for part in parts:
        kind = part.get_content_type()
        if kind == "message/rfc822" and part.is_multipart():
            returned = part.get_payload(0)
            yield from _MESSAGE_ID.findall(_said(returned, "Message-ID")) if isinstance(returned, Message) else ()
        elif kind == "text/rfc822-headers":
            headers = part.get_payload(decode=True)
            if isinstance(headers, bytes):
                yield from _MESSAGE_ID.findall(_said(message_from_bytes(headers, policy=default), "Message-ID"))


def _said(message: Message[str, str], name: str) -> str:
    return " ".join(str(message.get(name, "")).split())
