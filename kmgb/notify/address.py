"""Addresses that mail may go to or come from: one mailbox, in characters that every server takes."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.utils import getaddresses

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LONGEST = 254


def mailbox(text: str) -> str | None:
    """The bare address in a text like `a@b.nl` or `Team <a@b.nl>`, its domain in ASCII; None when it is no one address.

    In small letters: no mail server tells Jan@ from jan@, and nobody gets two mails because he was written in two ways.
    Source: RFC 5321, 4.1.2 without quoted local parts, which no municipality has.
    """
    found = _parsed(text)
    return found.addr_spec.lower() if found is not None else None


def sender(text: str) -> Address | None:
    """The same with its name, which may hold any letter."""
    return _parsed(text)


def _parsed(text: str) -> Address | None:
    found = getaddresses([text.strip()]) if text.isprintable() else []
    name, address = found[0] if len(found) == 1 else ("", "")
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode().lower()
    except UnicodeError:
        return None
    labels = ascii_domain.split(".")
    if not _LOCAL.fullmatch(local) or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        return None
    if len(local) > 64 or len(local) + len(ascii_domain) >= _LONGEST:
        return None
    return Address(name, local, ascii_domain)
