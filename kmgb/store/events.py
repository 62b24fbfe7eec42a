"""What happened to findings, in order: opened, changed, not judged, closed, and what people decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import Connection, select

from kmgb.store.database import from_sql
from kmgb.store.decisions import Action, Decision, decisions_of
from kmgb.store.findings import chunks
from kmgb.store.schema import QUARANTINE, afwijking, onbekend, run, versie
from kmgb.store.secrets import Vault


@dataclass(frozen=True, slots=True)
class Event:
    """One moment in the life of a finding. `what` is Dutch; it may quote what a person wrote, and holds no values."""

    moment: datetime
    finding: int
    run_id: int | None
    what: str


def events_of(
    connection: Connection, vault: Vault, names: tuple[str, str], run_id: int, findings: Sequence[int], at: datetime
) -> list[Event]:
    """The lives of these findings up to a run, and decisions up to a moment; oldest first, ties by finding."""
    found: list[Event] = []
    for chunk in chunks(findings):
        found += _intervals(connection, chunk, run_id)
        found += _versions(connection, chunk, run_id)
        found += _listed(connection, chunk, run_id)
        found += _quarantined(connection, names, chunk, run_id)
    found += _decided(decisions_of(connection, vault, names, at), findings)
    return sorted(found, key=lambda event: (event.moment, event.finding, event.run_id or 0))


def _intervals(connection: Connection, findings: Sequence[int], run_id: int) -> Iterator[Event]:
    opening, closing = run.alias("opening"), run.alias("closing")
    statement = (
        select(afwijking, opening.c.finished.label("since"), closing.c.finished.label("until"))
        .join(opening, opening.c.id == afwijking.c.opened_run)
        .outerjoin(closing, closing.c.id == afwijking.c.closed_run)
        .where(afwijking.c.id.in_(findings), afwijking.c.opened_run <= run_id)
    )
    for row in connection.execute(statement):
        came = "nieuw" if row.predecessor is None else f"teruggekeerd (eerder bevinding {row.predecessor})"
        yield Event(from_sql(row.since), row.id, row.opened_run, came)
        if row.closed_run is not None and row.closed_run <= run_id:
            yield Event(from_sql(row.until), row.id, row.closed_run, f"gesloten: {row.closed_as.replace('_', ' ')}")


def _versions(connection: Connection, findings: Sequence[int], run_id: int) -> Iterator[Event]:
    statement = (
        select(versie.c.afwijking_id, versie.c.run_id, versie.c.values_mac, versie.c.cause, run.c.finished)
        .join(run, run.c.id == versie.c.run_id)
        .where(versie.c.afwijking_id.in_(findings), versie.c.run_id <= run_id)
        .order_by(versie.c.afwijking_id, versie.c.run_id)
    )
    rows = connection.execute(statement).all()
    for old, new in pairwise(rows):
        if old.afwijking_id != new.afwijking_id:
            continue
        changed = ["waarden of soort gewijzigd"] if old.values_mac != new.values_mac else []
        if old.cause != new.cause:
            changed.append(f"oorzaak nu {new.cause.replace('_', ' ')}")
        what = ", ".join(changed) or "volgende stap gewijzigd"
        yield Event(from_sql(new.finished), new.afwijking_id, new.run_id, what)


def _listed(connection: Connection, findings: Sequence[int], run_id: int) -> Iterator[Event]:
    statement = (
        select(onbekend.c.afwijking_id, onbekend.c.run_id, run.c.finished)
        .join(run, run.c.id == onbekend.c.run_id)
        .where(onbekend.c.afwijking_id.in_(findings), onbekend.c.run_id <= run_id)
    )
    for row in connection.execute(statement):
        yield Event(from_sql(row.finished), row.afwijking_id, row.run_id, "onbekend: niet te beoordelen")


def _quarantined(
    connection: Connection, names: tuple[str, str], findings: Sequence[int], run_id: int
) -> Iterator[Event]:
    statement = (
        select(afwijking.c.id, run.c.id.label("run_id"), run.c.finished)
        .join(run, (run.c.id > afwijking.c.opened_run) & (run.c.id <= run_id))
        .where(afwijking.c.id.in_(findings), run.c.afnemer == names[0], run.c.entity == names[1])
        .where(run.c.status == QUARANTINE, (afwijking.c.closed_run.is_(None)) | (afwijking.c.closed_run > run.c.id))
    )
    for row in connection.execute(statement):
        yield Event(from_sql(row.finished), row.id, row.run_id, "onbekend: aanlevering in quarantaine")


def _decided(decisions: Sequence[Decision], findings: Sequence[int]) -> Iterator[Event]:
    """The decisions on these very findings, with the withdrawal of any of them."""
    wanted, about = set(findings), dict[int | None, int]()
    for decision in decisions:
        finding = decision.finding if decision.subject is None else about.get(decision.subject)
        if finding in wanted and finding is not None:
            about[decision.id] = finding
            yield Event(decision.made, finding, None, _told(decision))


def _told(decision: Decision) -> str:
    by = f"besluit {decision.id} door {decision.who}"
    texts = {
        Action.ACCEPTEREN: f"geaccepteerd t/m {decision.last_day:%d-%m-%Y} ({by}): " if decision.last_day else "",
        Action.INTREKKEN: f"acceptatie {decision.subject} ingetrokken ({by}): ",
        Action.TERUGMELDEN: f"terugmelding {decision.reference} {decision.state} ({by}) ",
        Action.TOEWIJZEN: f"toegewezen ({by}) aan: ",
        Action.OPMERKING: f"opmerking ({by}): ",
    }
    return f"{texts[Action(decision.action)]}{decision.text}".rstrip()
