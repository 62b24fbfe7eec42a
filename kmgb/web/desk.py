"""Where suppliers are received: who may come in, for which afnemer, and how much at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from starlette.requests import Request

from kmgb.errors import nearest
from kmgb.run.municipality import Municipality
from kmgb.run.receive import note
from kmgb.run.suppliers import Supplier, Suppliers
from kmgb.web.identity import bearer, fingerprints
from kmgb.web.problems import RefusalError

MOST = 64  # pushes that come in at the same time
_LANDINGS = 2  # of those, landed at the same time: landing keeps the processors busy
_STRANGERS, _PER = 20, timedelta(minutes=1)  # refusals of strangers that are noted one by one
_HOW = "Stuur 'Authorization: Bearer <token>', of gebruik het afgesproken clientcertificaat."


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a sender may be. Seconds without a byte; and bytes per second, judged after `grace` seconds."""

    idle: float = 30.0
    grace: float = 60.0
    slowest: float = 1024.0


@dataclass
class Strangers:
    """Refused strangers are noted one by one up to a number per minute, then counted: they must not fill our disk."""

    since: datetime | None = None
    noted: int = 0
    skipped: int = 0

    def line(self, why: str, now: datetime) -> str:
        """What to note about this one; empty when it is only counted."""
        before = ""
        if self.since is None or now - self.since >= _PER:
            before = f" (en {self.skipped} eerdere)" if self.skipped else ""
            self.since, self.noted, self.skipped = now, 0, 0
        if self.noted >= _STRANGERS:
            self.skipped += 1
            return ""
        self.noted += 1
        return why + before


@dataclass
class Desk:
    """What all requests share. `suppliers` was read when the server started: a new token asks for a new start."""

    municipality: Municipality
    suppliers: Suppliers
    pace: Pace = field(default_factory=Pace)
    strangers: Strangers = field(default_factory=Strangers)
    receiving: int = 0
    landings: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, _LANDINGS))
    turns: defaultdict[tuple[str, str], asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def recognise(self, request: Request) -> Supplier:
        """Who sends this. Raises: RefusalError for a stranger, who learns nothing else."""
        token = bearer(request)
        known = self.suppliers.recognise(token, fingerprints(request, self.municipality.settings))
        if known is None:
            wrong = ', error="invalid_token"' if token else ""
            what = "Dit token is onbekend." if token else "Wie u bent, blijkt niet uit dit verzoek."
            raise RefusalError(
                "aanmelden", f"{what} {_HOW}", headers={"WWW-Authenticate": f'Bearer realm="kmgb"{wrong}'}
            )
        return known

    def admit(self, supplier: Supplier, afnemer: str, entity: str) -> None:
        """Raises: RefusalError when this is not his afnemer, or none, or has no such entity."""
        mappings, own = self.municipality.mappings, list(supplier.afnemers)
        if afnemer not in mappings:
            hint = nearest(afnemer, own) or f"Van u zijn: {', '.join(own)}."
            raise RefusalError("onbekend", f"Deze afnemer is er niet. {hint}")
        if afnemer not in own:
            what = "U bent bekend, maar niet voor deze afnemer."
            raise RefusalError("andere-afnemer", f"{what} Van u zijn: {', '.join(own)}.")
        known = list(mappings[afnemer].entiteit)
        if entity not in known:
            hint = nearest(entity, known) or f"Afgesproken zijn: {', '.join(known)}."
            raise RefusalError("onbekend", f"{afnemer} levert deze entiteit niet. {hint}")

    async def note_refusal(
        self, supplier: Supplier | None, subject: str, refusal: RefusalError, request: Request
    ) -> None:
        """One line in the audit log. Of a stranger only his address is told, not what he wrote in the path."""
        now, why = datetime.now(UTC), f"{refusal.status} {refusal.title}"
        if supplier is None:
            why, subject = self.strangers.line(why, now), "aanleveringen"
            who = f"onbekend ({request.client.host if request.client else 'geen adres'})"
        else:
            who = who_is(supplier)
        if why:
            write = partial(note, self.municipality, "aanlevering geweigerd", subject, who=who, why=why, now=now)
            await asyncio.to_thread(write)


def who_is(supplier: Supplier) -> str:
    """The supplier as the audit log names him."""
    return f"{', '.join(supplier.afnemers)} ({supplier.proof})"
