"""What people decided about findings: events, added to and never changed, with every text encrypted.

A decision about one finding hangs on its identity, so it outlives the runs. A decision about a pattern holds for every
finding of one controle that fits it, now and later. An acceptance lapses when its last day has passed, when it is
withdrawn, and (for one finding) when either value changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, and_, func, insert, select

from kmgb.errors import KmgbError, StoreError
from kmgb.store.database import from_sql, to_sql
from kmgb.store.findings import chunks, opened_values
from kmgb.store.schema import afwijking, besluit, versie
from kmgb.store.secrets import Value, Vault
from kmgb.store.suppression import Pattern, SuppressionPreview, preview


class Action(StrEnum):
    """What a decision does."""

    ACCEPTEREN = "accepteren"
    INTREKKEN = "intrekken"
    TERUGMELDEN = "terugmelden"
    TOEWIJZEN = "toewijzen"
    OPMERKING = "opmerking"


class Reported(StrEnum):
    """How far a terugmelding is."""

    GEREED = "gereed"
    VERZONDEN = "verzonden"
    IN_BEHANDELING = "in behandeling"
    GEHONOREERD = "gehonoreerd"
    AFGEWEZEN = "afgewezen"


@dataclass(frozen=True, slots=True)
class Decision:
    """One event. `text` is the reason, the remark, or to whom; `until` is the first moment it no longer holds."""

    id: int
    action: str
    made: datetime
    afnemer: str
    entity: str
    who: str
    text: str
    identity: str | None = None
    finding: int | None = None
    subject: int | None = None
    pattern: Pattern | None = None
    state: str | None = None
    reference: str | None = None
    last_day: date | None = None
    until: datetime | None = None
    values_mac: str | None = None


class Decisions:
    """The decisions of one municipality. Findings are named by their number, the `id` of findings_at."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine, self._vault = engine, vault

    def accept(
        self, findings: Sequence[int], *, reason: str, who: str, last_day: date, zone: str, now: datetime
    ) -> list[int]:
        """Accept open findings up to and including a day; gives the numbers of the decisions.

        Raises: StoreError, and then none is accepted, when one does not exist or is closed, or the day has passed.
        """
        lasting = _lasting(last_day, zone, now)
        with self._engine.begin() as connection:
            found = self._open_findings(connection, findings)
            events = [
                _event(Action.ACCEPTEREN, now, row) | lasting | {"values_mac": pair_mac(values, self._vault)}
                for row, values in found
            ]
            return [self._write(connection, event, who=who, text=reason) for event in events]

    def accept_pattern(
        self, pattern: Pattern, *, reason: str, who: str, last_day: date, zone: str, now: datetime
    ) -> int:
        """Accept what fits a pattern, now and later, up to and including a day. Raises: StoreError."""
        event = {"action": Action.ACCEPTEREN.value, "made": to_sql(now)} | _lasting(last_day, zone, now)
        event |= {name: getattr(pattern, name) for name in _PATTERN}
        with self._engine.begin() as connection:
            return self._write(connection, event, who=who, text=reason, values=pattern.values)

    def withdraw(self, decision: int, *, reason: str, who: str, now: datetime) -> int:
        """Withdraw an acceptance. Raises: StoreError when there is none of that number, or it is withdrawn already."""
        with self._engine.begin() as connection:
            row = connection.execute(select(besluit).where(besluit.c.id == decision)).one_or_none()
            if row is None or row.action != Action.ACCEPTEREN:
                raise StoreError(f"Besluit {decision} is geen acceptatie. Bekijk ze met: kmgb besluit lijst")
            if connection.execute(select(besluit.c.id).where(besluit.c.subject == decision)).first():
                raise StoreError(f"Besluit {decision} is al ingetrokken.")
            event = {"action": Action.INTREKKEN.value, "made": to_sql(now), "subject": decision}
            event |= {"afnemer": row.afnemer, "entity": row.entity, "identity": row.identity}
            return self._write(connection, event, who=who, text=reason)

    def report_back(
        self, findings: Sequence[int], *, reference: str, state: str, who: str, now: datetime, text: str = ""
    ) -> list[int]:
        """Write that findings were reported to the source's keeper, or how far that is. Raises: StoreError."""
        if state not in list(Reported):
            raise StoreError(f"{state!r} is geen stand van een terugmelding. Kies uit: {', '.join(Reported)}.")
        with self._engine.begin() as connection:
            found = self._findings(connection, findings)
            events = [_event(Action.TERUGMELDEN, now, row) | {"state": state} for row in found]
            return [self._write(connection, event, who=who, text=text, reference=reference) for event in events]

    def assign(self, findings: Sequence[int], *, to: str, who: str, now: datetime) -> list[int]:
        """Write whose turn it is. Raises: StoreError."""
        return self._note(Action.TOEWIJZEN, findings, to, who, now)

    def comment(self, findings: Sequence[int], *, text: str, who: str, now: datetime) -> list[int]:
        """Write a remark. Raises: StoreError."""
        return self._note(Action.OPMERKING, findings, text, who, now)

    def suppression_preview(self, pattern: Pattern) -> SuppressionPreview:
        """What accepting a pattern would hide today, and would have hidden in the last ten runs."""
        with self._engine.connect() as connection:
            return preview(connection, self._vault, pattern)

    def of(self, afnemer: str, entity: str) -> list[Decision]:
        """All decisions of one controle, oldest first."""
        with self._engine.connect() as connection:
            return decisions_of(connection, self._vault, (afnemer, entity))

    def _note(self, action: Action, findings: Sequence[int], text: str, who: str, now: datetime) -> list[int]:
        with self._engine.begin() as connection:
            events = [_event(action, now, row) for row in self._findings(connection, findings)]
            return [self._write(connection, event, who=who, text=text) for event in events]

    def _findings(self, connection: Connection, numbers: Sequence[int]) -> list[Row[Any]]:
        rows: dict[int, Row[Any]] = {}
        for chunk in chunks(numbers):
            for row in connection.execute(select(afwijking).where(afwijking.c.id.in_(chunk))):
                rows[row.id] = row
        absent = [str(number) for number in numbers if number not in rows]
        if absent:
            raise StoreError(f"Bevinding {', '.join(absent)} bestaat niet. Zie de nummers in: kmgb history show")
        return [rows[number] for number in numbers]

    def _open_findings(self, connection: Connection, numbers: Sequence[int]) -> list[tuple[Row[Any], dict[str, Value]]]:
        rows = self._findings(connection, numbers)
        closed = [str(row.id) for row in rows if row.closed_run is not None]
        if closed:
            raise StoreError(f"Bevinding {', '.join(closed)} is al gesloten: er is niets te accepteren.")
        values = _newest_values(connection, self._vault, numbers)
        return [(row, values[row.id]) for row in rows]

    def _write(
        self,
        connection: Connection,
        event: dict[str, Any],
        *,
        who: str,
        text: str,
        reference: str | None = None,
        values: tuple[str, str] | None = None,
    ) -> int:
        if not who.strip():
            raise StoreError("Een besluit zegt wie het nam: vul de naam in.")
        if not text.strip() and event["action"] != Action.TERUGMELDEN:
            raise StoreError("Een besluit zegt waarom of waarover: vul de tekst in.")
        payload = self._vault.seal([who, text, reference, *(values or (None, None))], _bound_to(event))
        key = connection.execute(insert(besluit).values(event | {"payload": payload})).inserted_primary_key
        if key is None:
            raise StoreError("De database gaf geen nummer voor het besluit.")
        return int(key[0])


_PATTERN = ("afnemer", "entity", "field", "kind", "rule", "cause")


def decisions_of(
    connection: Connection, vault: Vault, names: tuple[str, str], at: datetime | None = None
) -> list[Decision]:
    """The decisions of one controle made at or before a moment, oldest first."""
    statement = (
        select(besluit).where(besluit.c.afnemer == names[0], besluit.c.entity == names[1]).order_by(besluit.c.id)
    )
    if at is not None:
        statement = statement.where(besluit.c.made <= to_sql(at))
    return [_opened(row, vault) for row in connection.execute(statement)]


def pair_mac(values: Mapping[str, Value], vault: Vault) -> str:
    """The keyed hash of the two values of a finding; of one that could not be read, as it was delivered."""
    sides = (("distributie", "distributie_raw"), ("afnemer_value", "afnemer_raw"))
    texts = (values[read] if values[read] is not None else values[raw] for read, raw in sides)
    return vault.identity("waarden", *("leeg" if text is None else f"={text}" for text in texts))


def end_of_day(day: date, zone: str) -> datetime:
    """The first moment after a day on the clock of `zone`. Raises: KmgbError on a day out of all proportion."""
    if not 1000 <= day.year < 9000:  # a moment in UTC must exist on both sides of it
        raise KmgbError(f"{day} is geen dag waar kmgb iets mee kan. Noem een dag tussen 1000 en 9000.")
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=ZoneInfo(zone))


def _lasting(last_day: date, zone: str, now: datetime) -> dict[str, Any]:
    until = end_of_day(last_day, zone)
    if until <= now:
        raise StoreError(f"De einddatum {last_day:%d-%m-%Y} is al voorbij. Kies een dag vanaf vandaag.")
    return {"last_day": last_day, "until": to_sql(until)}


def _event(action: Action, now: datetime, row: Row[Any]) -> dict[str, Any]:
    about = {"afnemer": row.afnemer, "entity": row.entity, "identity": row.identity, "afwijking_id": row.id}
    return {"action": action.value, "made": to_sql(now)} | about


def _bound_to(event: Mapping[str, Any]) -> str:
    """What the texts of a decision are bound to: moved to another decision they no longer open."""
    parts = ("action", "identity", "subject", "state", "last_day", "until", "values_mac", *_PATTERN)
    return "besluit/" + "/".join(str(event.get(name)) for name in parts)


def _opened(row: Row[Any], vault: Vault) -> Decision:
    who, text, reference, ours, theirs = vault.open(row.payload, _bound_to(dict(row._mapping)))
    about_pattern = row.action == Action.ACCEPTEREN and row.identity is None
    values = None if ours is None or theirs is None else (ours, theirs)
    return Decision(
        id=row.id,
        action=row.action,
        made=from_sql(row.made),
        afnemer=row.afnemer,
        entity=row.entity,
        who=who or "",
        text=text or "",
        identity=row.identity,
        finding=row.afwijking_id,
        subject=row.subject,
        pattern=Pattern(**{name: getattr(row, name) for name in _PATTERN}, values=values) if about_pattern else None,
        state=row.state,
        reference=reference,
        last_day=row.last_day,
        until=None if row.until is None else from_sql(row.until),
        values_mac=row.values_mac,
    )


def _newest_values(connection: Connection, vault: Vault, numbers: Sequence[int]) -> dict[int, dict[str, Value]]:
    found: dict[int, dict[str, Value]] = {}
    for chunk in chunks(numbers):
        newest = (
            select(versie.c.afwijking_id, func.max(versie.c.run_id).label("run_id"))
            .where(versie.c.afwijking_id.in_(chunk))
            .group_by(versie.c.afwijking_id)
            .subquery()
        )
        statement = (
            select(afwijking.c.id, afwijking.c.identity, versie.c.payload)
            .join(newest, newest.c.afwijking_id == afwijking.c.id)
            .join(versie, and_(versie.c.afwijking_id == newest.c.afwijking_id, versie.c.run_id == newest.c.run_id))
        )
        for row in connection.execute(statement):
            found[row.id] = opened_values(row.payload, row.identity, vault)
    return found
