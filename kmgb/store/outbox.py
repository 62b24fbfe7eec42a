"""The outbox: one row per message and recipient, from the moment it is made until a person has seen its end.

A message is marked `bezig` before it is offered to a server. Who dies in between leaves a row whose lease ends, and
that is `onzeker`: perhaps it was sent. Nobody sends it again but a person who asks for it: nothing is mailed twice.

A message knows the one before it (`previous`) to the same recipient, of which there can be only one next: of any number
of processes that make it at the same moment, one wins. Every other step is one statement that a `WHERE` decides, as in
the planning.

Units: times are naive UTC in SQL and aware UTC in Python.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Engine,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Unicode,
    UniqueConstraint,
    Update,
    func,
    select,
)
from sqlalchemy.dialects.mysql import MEDIUMBLOB
from sqlalchemy.exc import IntegrityError

from kmgb.errors import MailError
from kmgb.store.database import from_sql, to_sql
from kmgb.store.schema import metadata

LEASE = timedelta(minutes=15)
TRIES = 8
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=12)
_LONGEST_REASON = 500
_MOST = 1000

mail = Table(
    "mail",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(20), nullable=False),
    Column("recipient", Unicode(254), nullable=False),
    # The message to this recipient before this one; 0 for the first. A nullable column would not be unique everywhere.
    Column("previous", Integer, nullable=False),
    Column("message_id", String(160), nullable=False, unique=True),
    Column("made", DateTime, nullable=False),
    Column("subject", Unicode(250), nullable=False),
    # As it leaves. It holds no value of a person, and so it is not encrypted.
    Column("content", LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb"), nullable=False),
    Column("covers", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try", DateTime, nullable=False),
    Column("owner", String(128)),
    Column("lease_until", DateTime),
    Column("ended", DateTime),
    Column("reason", Unicode(_LONGEST_REASON)),
    Column("seen", DateTime),
    Column("seen_by", Unicode(120)),
    UniqueConstraint("kind", "recipient", "previous", name="uq_mail_previous"),
    Index("ix_mail_status_next_try", "status", "next_try"),
)


class Status(StrEnum):
    """Where a message stands."""

    KLAAR = "klaar"  # to be sent, from `next_try` on
    BEZIG = "bezig"  # offered to a server by `owner`, who has until `lease_until`
    VERZONDEN = "verzonden"  # a server took it
    MISLUKT = "mislukt"  # tried as often as it may be; certainly not sent
    GEWEIGERD = "geweigerd"  # the server does not want it, or not for this recipient
    TERUGGEKOMEN = "teruggekomen"  # taken, and reported as undeliverable afterwards
    ONZEKER = "onzeker"  # nobody knows whether the server took it
    VERVANGEN = "vervangen"  # never sent: a newer message says it too


# Those that ask for a person, until one has seen them.
PROBLEMS = (Status.MISLUKT, Status.GEWEIGERD, Status.TERUGGEKOMEN, Status.ONZEKER)
# Those whose recipient knows nothing of what is in them.
_UNREAD = (Status.KLAAR, Status.MISLUKT, Status.GEWEIGERD, Status.TERUGGEKOMEN, Status.VERVANGEN)
# Those that say nothing of whether another message would arrive.
_UNTRIED = (Status.MISLUKT, Status.VERVANGEN)


@dataclass(frozen=True, slots=True)
class NewMail:
    """A message to be written. `covers` is what it speaks of, as the next one to this recipient needs to know it."""

    kind: str
    recipient: str
    previous: int
    message_id: str
    made: datetime
    subject: str
    content: bytes
    covers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredMail(NewMail):
    """A message as it stands, times aware. `reason` is empty when all is well; `tries` counts the starts so far."""

    id: int
    status: Status
    tries: int
    next_try: datetime
    owner: str
    lease_until: datetime | None
    ended: datetime | None
    reason: str
    seen: datetime | None


@dataclass(frozen=True, slots=True)
class Last:
    """The messages to one recipient so far: the `number` of the newest (0: none); the newest that was `told`, for it
    may have arrived; the newest that was `tried`, arrived or not; and the newest when it is still `waiting`.
    """

    number: int
    told: StoredMail | None
    tried: StoredMail | None
    waiting: StoredMail | None


class Outbox:
    """The messages of one municipality."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, new: NewMail, instead_of: StoredMail | None = None) -> bool:
        """True when the message is written; False when another process made the next one to this recipient first.

        `instead_of` waits to be sent and never will be; when that has changed meanwhile, nothing is written.
        """
        values = {name: getattr(new, name) for name in NewMail.__slots__}
        moment = to_sql(new.made)
        values |= {"made": moment, "next_try": moment, "status": Status.KLAAR.value, "tries": 0}
        try:
            with self._engine.begin() as connection:
                if instead_of is not None:
                    over = {"status": Status.VERVANGEN.value, "ended": moment}
                    if connection.execute(_as_seen(instead_of, Status.KLAAR).values(over)).rowcount != 1:
                        return False
                connection.execute(mail.insert().values(values))
        except IntegrityError:
            return False
        return True

    def last(self, kind: str, recipient: str) -> Last:
        """How it stands with this recipient."""
        mine = (mail.c.kind == kind, mail.c.recipient == recipient)
        newest = self._read(*mine, newest=1)
        if not newest:
            return Last(0, None, None, None)
        tried = self._read(*mine, mail.c.status.not_in([str(one) for one in _UNTRIED]), newest=1)
        waiting = newest[0] if newest[0].status == Status.KLAAR else None
        return Last(newest[0].id, self._told(mine), next(iter(tried), None), waiting)

    def _told(self, mine: tuple[Any, ...]) -> StoredMail | None:
        """The newest of which the recipient knows all that came before it.

        A message tells what is new since another (`covers["since"]`). When that one turns out never to have arrived,
        what it said is told by nobody: then all is told again from before it.
        """
        statement = select(mail.c.id, mail.c.status, mail.c.covers).where(*mine).order_by(mail.c.id)
        with self._engine.connect() as connection:
            known = {
                row.id: (row.status in _UNREAD, row.covers.get("since", 0)) for row in connection.execute(statement)
            }
        told = one = max((number for number, (unread, _) in known.items() if not unread), default=0)
        while one in known:
            unread, since = known[one]
            told, one = (since, since) if unread else (told, since)
        return self.one(told) if told in known else None

    def due(self, now: datetime) -> list[StoredMail]:
        """What is to be sent now, the oldest first."""
        return self._read(mail.c.status == Status.KLAAR.value, mail.c.next_try <= to_sql(now))

    def listed(self, limit: int) -> list[StoredMail]:
        """The last messages, the newest first."""
        return self._read(newest=limit)

    def unseen(self) -> list[StoredMail]:
        """What asks for a person, the newest first."""
        listed = mail.c.status.in_([str(one) for one in PROBLEMS])
        return self._read(listed, mail.c.seen.is_(None), newest=_MOST)

    def problems(self, made_until: datetime) -> Counter[Status]:
        """How many ask for a person, of those made until this moment, by status."""
        until = mail.c.made <= to_sql(made_until)
        statement = select(mail.c.status, func.count()).where(mail.c.seen.is_(None), until).group_by(mail.c.status)
        with self._engine.connect() as connection:
            counts = {Status(status): count for status, count in connection.execute(statement)}
        return Counter({status: count for status, count in counts.items() if status in PROBLEMS})

    def waiting_since(self, moment: datetime) -> int:
        """How many are still to be sent that were made before a moment, or that a person asked for before it."""
        since = to_sql(moment)
        waits = (
            mail.c.status == Status.KLAAR.value,
            mail.c.made < since,
            (mail.c.tries > 0) | (mail.c.next_try < since),
        )
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(mail).where(*waits)).scalar_one())

    def one(self, number: int) -> StoredMail:
        """The message with this number. Raises: MailError when there is none."""
        found = self._read(mail.c.id == number)
        if not found:
            raise MailError(f"Bericht {number} bestaat niet. Bekijk ze met: kmgb mail list")
        return found[0]

    def claim(self, one: StoredMail, owner: str, now: datetime) -> bool:
        """True when the message is ours to send, once."""
        statement = _as_seen(one, Status.KLAAR).values(
            status=Status.BEZIG.value, owner=owner, tries=one.tries + 1, lease_until=to_sql(now + LEASE)
        )
        return self._changed(statement)

    def end(self, one: StoredMail, owner: str, now: datetime, status: Status, reason: str = "") -> bool:
        """True when the end of a claimed message is recorded. Who sent it knows better than who saw its lease end."""
        values = {"status": status.value, "ended": to_sql(now), "reason": _short(reason), "lease_until": None}
        return self._changed(_claimed(one, owner).values(values))

    def later(self, one: StoredMail, owner: str, now: datetime, reason: str, wait: timedelta = timedelta()) -> Status:
        """Where a claimed message stands that was certainly not taken: `klaar` for another time, or `mislukt`."""
        tries = one.tries + 1
        if tries >= TRIES:
            self.end(one, owner, now, Status.MISLUKT, reason)
            return Status.MISLUKT
        pause = max(min(_FIRST_WAIT * 3 ** (tries - 1), _LONGEST_WAIT), wait)
        values = {"status": Status.KLAAR.value, "next_try": to_sql(now + pause), "lease_until": None}
        self._changed(_claimed(one, owner).values(values | {"reason": _short(reason)}))
        return Status.KLAAR

    def release(self, one: StoredMail, owner: str, reason: str) -> None:
        """Put a claimed message back: it was not its fault that it could not be offered, and it is no try."""
        values = {"status": Status.KLAAR.value, "tries": one.tries, "lease_until": None, "reason": _short(reason)}
        self._changed(_claimed(one, owner).values(values))

    def held(self, now: datetime, reason: str) -> None:
        """Say with everything that is due why nothing could be sent; it is no try."""
        waiting = (mail.c.status == Status.KLAAR.value, mail.c.next_try <= to_sql(now))
        with self._engine.begin() as connection:
            connection.execute(mail.update().where(*waiting).values(reason=_short(reason)))

    def expire(self, now: datetime) -> int:
        """How many messages became `onzeker`: whoever was sending them is gone."""
        over = (mail.c.status == Status.BEZIG.value, mail.c.lease_until < to_sql(now))
        reason = "het proces dat dit bericht verzond is gestopt; of de mailserver het aannam, is niet bekend"
        values = {"status": Status.ONZEKER.value, "ended": to_sql(now), "reason": reason}
        with self._engine.begin() as connection:
            return connection.execute(mail.update().where(*over).values(values)).rowcount

    def again(self, number: int, now: datetime) -> StoredMail:
        """The message, to be sent once more because a person asked for it. Raises: MailError."""
        one = self.one(number)
        if one.status not in PROBLEMS:
            what = f"Bericht {number} is {one.status}: alleen wat niet (zeker) aankwam, kan opnieuw."
            raise MailError(f"{what} Bekijk de berichten met: kmgb mail list")
        # Of what may have arrived, a mail program knows the second by its name. What came back gets another name: the
        # report about the first says nothing of this one.
        back = one.status == Status.TERUGGEKOMEN
        name = _renamed(one.message_id, now) if back else one.message_id
        fresh = {"tries": 0, "next_try": to_sql(now), "owner": None, "ended": None, "seen": None, "seen_by": None}
        fresh |= {"reason": None, "message_id": name}
        fresh |= {"content": one.content.replace(one.message_id.encode(), name.encode(), 1)}
        if not self._changed(_as_seen(one, one.status).values(fresh | {"status": Status.KLAAR.value})):
            raise MailError(f"Bericht {number} veranderde intussen. Bekijk het met: kmgb mail list")
        return self.one(number)

    def see(self, number: int, who: str, now: datetime) -> None:
        """A person has seen how this message ended; it is no problem any more. Raises: MailError."""
        one = self.one(number)
        if one.status not in PROBLEMS:
            raise MailError(f"Bericht {number} is {one.status}: daar valt niets af te handelen.")
        self._changed(_as_seen(one, one.status).values(seen=to_sql(now), seen_by=who[:120]))

    def bounced(self, message_id: str, now: datetime, reason: str) -> StoredMail | None:
        """The message of ours that came back, now marked so; None when it is not ours or was marked before."""
        found = self._read(mail.c.message_id == message_id)
        taken = (Status.VERZONDEN, Status.ONZEKER, Status.BEZIG)
        if not found or found[0].status not in taken:
            return None
        values = {"status": Status.TERUGGEKOMEN.value, "ended": to_sql(now), "reason": _short(reason)}
        return found[0] if self._changed(_as_seen(found[0], *taken).values(values | {"seen": None})) else None

    def _changed(self, statement: Update) -> bool:
        with self._engine.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def _read(self, *conditions: Any, newest: int | None = None) -> list[StoredMail]:
        order = mail.c.id if newest is None else mail.c.id.desc()
        with self._engine.connect() as connection:
            rows = connection.execute(select(mail).where(*conditions).order_by(order).limit(newest))
            return [_stored(row._mapping) for row in rows]


def _as_seen(one: StoredMail, *expected: Status) -> Update:
    """A change that happens only if the row still stands where we last saw it."""
    known = [str(status) for status in expected]
    return mail.update().where(mail.c.id == one.id, mail.c.tries == one.tries, mail.c.status.in_(known))


def _claimed(one: StoredMail, owner: str) -> Update:
    still = [Status.BEZIG.value, Status.ONZEKER.value]
    mine = (mail.c.id == one.id, mail.c.owner == owner, mail.c.tries == one.tries + 1, mail.c.status.in_(still))
    return mail.update().where(*mine)


def _renamed(message_id: str, now: datetime) -> str:
    """Another Message-ID of the same length, at the same domain."""
    local, _, domain = message_id.strip("<>").partition("@")
    return f"<{hashlib.sha256(f'{local} {now.isoformat()}'.encode()).hexdigest()[: len(local)]}@{domain}>"


def _short(reason: str) -> str | None:
    return reason[:_LONGEST_REASON] or None


def _stored(row: Any) -> StoredMail:
    moments = {name: row[name] and from_sql(row[name]) for name in ("made", "next_try", "lease_until", "ended", "seen")}
    texts = {name: row[name] or "" for name in ("owner", "reason")}
    known = {name: row[name] for name in ("id", "tries", *NewMail.__slots__)}
    return StoredMail(**known | texts | moments | {"status": Status(row["status"])})
