"""One mail as it goes over the wire: headers that nothing out of a file can break, plain text, and the same as HTML."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from kmgb.report.signs import visible

_LONGEST_SUBJECT = 200
# Long lines of headers are folded, and what is not ASCII is written so that no server needs SMTPUTF8.
_POLICY = SMTP.clone(cte_type="7bit")


def subject_of(text: str) -> str:
    """A subject on one line, of characters that can be seen."""
    one = visible(" ".join(text.split()))
    return one if len(one) <= _LONGEST_SUBJECT else f"{one[: _LONGEST_SUBJECT - 1]}…"


def message_id(sender: Address, parts: Sequence[object]) -> str:
    """The same parts give the same name: a message that is offered again is known by it."""
    known = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:40]
    return f"<{known}@{sender.domain}>"


def message(sender: Address, recipient: str, subject: str, text: str, html: str, *, made: datetime, name: str) -> bytes:
    """The message. `name` is its Message-ID. Nobody's mail program answers it by itself (RFC 3834), and it says of what
    list it is (RFC 2919) and that a machine made it.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = subject_of(subject)
    mail["Date"] = made
    mail["Message-ID"] = name
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["List-Id"] = f"consistentiecontrole <kmgb.{sender.domain}>"
    mail.set_content(text, charset="utf-8", cte="quoted-printable")
    mail.add_alternative(html, subtype="html", charset="utf-8", cte="quoted-printable")
    return mail.as_bytes()
