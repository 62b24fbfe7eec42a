"""Out goes the mail: into the outbox what is new, and out of it by SMTP or Graph.

At most once. A message is marked before it is offered, and what may have been taken is never offered again by itself:
the gap between "the server took it" and "we noted that" cannot be closed, so a person looks at what fell into it.
"""

from __future__ import annotations

import logging
import os
import secrets as random
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.headerregistry import Address
from functools import cache

from kmgb.errors import KmgbError, MailError, MailServerError
from kmgb.fetch.secrets import secret
from kmgb.notify.address import mailbox, sender
from kmgb.notify.graph import open_graph
from kmgb.notify.message import message, message_id, subject_of
from kmgb.notify.outcome import Ending, Outcome, Way
from kmgb.notify.smtp import open_smtp
from kmgb.report.mail import Audience
from kmgb.report.mail_render import MailRenderer
from kmgb.report.week import Role
from kmgb.run.mail_drafts import Draft, Drafts, drafts_of
from kmgb.run.municipality import Municipality
from kmgb.run.week import publish_week, week_report
from kmgb.store.outbox import NewMail, Outbox, Status, StoredMail

# So many messages that cannot be offered, and none that can, are a setting that is wrong.
_ALL_ALIKE = 3
log = logging.getLogger(__name__)

# A template that changes is read again; compiling them for every mail takes longer than filling them.
_renderer = cache(MailRenderer)
_ENDS = {Ending.TAKEN: Status.VERZONDEN, Ending.REFUSED: Status.GEWEIGERD, Ending.UNKNOWN: Status.ONZEKER}


def outbox_of(municipality: Municipality) -> Outbox:
    """The messages of this municipality."""
    return Outbox(municipality.history.engine)


def write_due(municipality: Municipality, now: datetime) -> tuple[int, Drafts]:
    """Put what is new into the outbox; how many messages that were. Raises: KmgbError."""
    found, outbox = drafts_of(municipality, now), outbox_of(municipality)
    if any(draft.voor == Audience.MANAGER for draft in found.due):
        week = week_report(municipality, now, Role.MANAGER)
        publish_week(municipality, week, municipality.settings.output)  # the page that their mail speaks of
    return sum(outbox.add(_new(municipality, draft, now), draft.last.waiting) for draft in found.due), found


def send_due(municipality: Municipality, clock: Callable[[], datetime]) -> Counter[Status]:
    """Offer what is due, each message once; how many stand how afterwards.

    Raises: MailError when nothing can be sent as things stand; MailServerError when that may pass by itself. What was
    not offered is still there.
    """
    outbox = outbox_of(municipality)
    ended = Counter({Status.ONZEKER: outbox.expire(clock())})
    due = outbox.due(clock())
    if due:
        try:
            with _way(municipality) as way:
                ended.update(_offered(outbox, way, due, _sender(municipality), clock))
        except KmgbError as error:
            outbox.held(clock(), str(error))
            raise
    return +ended


def send_test(municipality: Municipality, recipient: str, now: datetime) -> Outcome:
    """Offer one message that says nothing to this address. Raises: MailError."""
    address, own = mailbox(recipient), _sender(municipality)
    if address is None:
        raise MailError("Dit is geen mailadres. Geef er één, zoals: kmgb mail test beheer@gemeente.example")
    name = message_id(own, ("test", now.isoformat(), random.token_hex(8)))
    said = "Deze mail is een proef van de consistentiecontrole. Komt zij aan, dan kan kmgb mail verzenden."
    html = f'<!DOCTYPE html><html lang="nl"><title>Proef</title><p>{said}</p></html>'
    content = message(own, address, "Proef van de consistentiecontrole", said, html, made=now, name=name)
    with _way(municipality) as way:
        return way.send(content, own.addr_spec, address)


def rendered(municipality: Municipality, draft: Draft) -> tuple[str, str]:
    """The plain text of a mail and its HTML. Raises: ReportError."""
    settings = municipality.settings
    renderer = _renderer(settings.templates, settings.timezone)
    return renderer.text(draft.page), renderer.html(draft.page)


def _offered(
    outbox: Outbox, way: Way, due: Sequence[StoredMail], own: Address, clock: Callable[[], datetime]
) -> Iterator[Status]:
    owner = f"{socket.gethostname()[:80]}:{os.getpid()}:{random.token_hex(4)}"
    refused: list[tuple[StoredMail, MailError]] = []
    went = False
    for one in due:
        if not outbox.claim(one, owner, clock()):
            continue
        try:
            outcome = way.send(one.content, own.addr_spec, one.recipient)
        except KmgbError as error:
            outbox.release(one, owner, str(error))
            if isinstance(error, MailServerError) or not isinstance(error, MailError):
                raise
            # A setting that is wrong, or this message alone: the next one will tell.
            refused.append((one, error))
            if not went and len(refused) == _ALL_ALIKE:
                break
            continue
        went = True
        yield _noted(outbox, one, owner, outcome, clock())
        if outcome.closed:
            break
    if refused and not went:
        raise refused[-1][1]
    for one, why in refused:
        if outbox.claim(one, owner, clock()):
            yield outbox.later(one, owner, clock(), str(why))


def _noted(outbox: Outbox, one: StoredMail, owner: str, outcome: Outcome, now: datetime) -> Status:
    if outcome.ending == Ending.NOT_NOW:
        status = outbox.later(one, owner, now, outcome.reason, outcome.wait)
    else:
        status = _ENDS[outcome.ending]
        outbox.end(one, owner, now, status, outcome.reason)
    log.info("mail %s: %s %s", one.id, status, outcome.reason)
    return status


def _new(municipality: Municipality, draft: Draft, now: datetime) -> NewMail:
    own, subject = _sender(municipality), subject_of(draft.page.onderwerp)
    name = message_id(own, (draft.voor, draft.recipient, draft.last.number, now.isoformat()))
    content = message(own, draft.recipient, subject, *rendered(municipality, draft), made=now, name=name)
    return NewMail(
        kind=draft.voor,
        recipient=draft.recipient,
        previous=draft.last.number,
        message_id=name,
        made=now,
        subject=subject,
        content=content,
        covers={**draft.page.covers, "since": draft.last.told.id if draft.last.told is not None else 0},
    )


def _sender(municipality: Municipality) -> Address:
    """Who mail comes from. Raises: MailError."""
    own = sender(municipality.settings.mail.van)
    if own is None:
        what = "is geen mailadres. Zet daar bijvoorbeeld 'Consistentiecontrole <kmgb@gemeente.example>'."
        raise MailError(f"[mail] van {what}")
    return own


@contextmanager
def _way(municipality: Municipality) -> Iterator[Way]:
    """The way that the settings name. Raises: MailError."""
    settings, mail = municipality.settings, municipality.settings.mail
    if mail.graph is not None:
        with open_graph(mail, mail.graph, settings.secrets) as graph:
            yield graph
    elif mail.smtp:
        password = secret(mail.geheim, settings.secrets) if mail.geheim else None
        with open_smtp(mail, password) as smtp:
            yield smtp
    else:
        raise MailError("Mail staat uit. Zet in kmgb.toml onder [mail] hoe mail verzonden wordt; zie docs/mail.md.")
