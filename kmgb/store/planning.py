"""What was due, who does it and how it ended: one row per schedule and wall-clock moment.

The row is the queue, the lock and the memory at once. Every step is one statement that a unique key or a `WHERE`
decides, so that any number of processes on any of our databases may take it at the same moment and one wins.

Units: times are naive UTC in SQL and aware UTC in Python; `moment_local` is the wall clock of the schedule's own time
zone, naive on both sides. No comparison asks for an equal time but that of whole minutes: SQL Server's DATETIME
rounds to 3 ms and MariaDB's to a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Engine,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    Unicode,
    UniqueConstraint,
    Update,
    select,
)
from sqlalchemy.exc import IntegrityError

from kmgb.store.schema import metadata

_RUNNING_LANE = "bezig"
_LONGEST_ERROR = 2000

planning_uitvoering = Table(
    "planning_uitvoering",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("schedule", String(64), nullable=False),
    Column("moment_local", DateTime, nullable=False),
    Column("moment_due", DateTime, nullable=False),
    Column("status", String(12), nullable=False),
    # "bezig" while the row runs, else its own moment. Unique per schedule, so one row of a schedule runs at a time.
    # A nullable unique column would say the same, but SQL Server allows only one NULL in it.
    Column("lane", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("next_attempt", DateTime, nullable=False),
    Column("owner", String(128)),
    Column("heartbeat", DateTime),
    Column("started", DateTime),
    Column("finished", DateTime),
    Column("error", Unicode(_LONGEST_ERROR)),
    # The wall clock, not UTC: 02:30 comes twice on the autumn night and is one moment of the schedule.
    UniqueConstraint("schedule", "moment_local", name="uq_planning_uitvoering_moment"),
    UniqueConstraint("schedule", "lane", name="uq_planning_uitvoering_lane"),
)

# The job store of APScheduler 3.11, which creates it when absent. Stated here with the same columns, so that a
# migration creates it: in production the account of kmgb may not create tables.
planning_taak = Table(
    "planning_taak",
    metadata,
    Column("id", Unicode(191), primary_key=True),
    Column("next_run_time", Float(25), index=True),
    Column("job_state", LargeBinary, nullable=False),
)


class Status(StrEnum):
    """Where an execution stands. `gepland` and `wacht` are to be done, `bezig` is being done, the rest is over."""

    GEPLAND = "gepland"
    WACHT = "wacht"  # failed or crashed, and to be tried again at `next_attempt`
    BEZIG = "bezig"
    GELUKT = "gelukt"
    MISLUKT = "mislukt"
    AFGEBROKEN = "afgebroken"  # its process died and no attempt was left
    OVERGESLAGEN = "overgeslagen"  # a later moment came before this one was done


PENDING = (Status.GEPLAND, Status.WACHT)
UNFINISHED = (*PENDING, Status.BEZIG)


@dataclass(frozen=True, slots=True)
class Execution:
    """One row of the planning, times aware. `attempt` counts the starts so far; `error` is empty when all is well."""

    id: int
    schedule: str
    moment_local: datetime
    moment_due: datetime
    status: Status
    attempt: int
    next_attempt: datetime
    owner: str
    heartbeat: datetime | None
    started: datetime | None
    finished: datetime | None
    error: str


def register(engine: Engine, schedule: str, moment_local: datetime, moment_due: datetime) -> bool:
    """True when this moment was not yet known; it is then to be done from `moment_due` on."""
    values = {
        "schedule": schedule,
        "moment_local": moment_local,
        "moment_due": _naive(moment_due),
        "status": Status.GEPLAND.value,
        "lane": moment_local.isoformat(),
        "attempt": 0,
        "next_attempt": _naive(moment_due),
    }
    try:
        with engine.begin() as connection:
            connection.execute(planning_uitvoering.insert().values(values))
    except IntegrityError:
        return False
    return True


def unfinished(engine: Engine) -> list[Execution]:
    """What is to be done or being done, over all schedules; oldest moment first."""
    return _read(engine, planning_uitvoering.c.status.in_([status.value for status in UNFINISHED]))


def history(engine: Engine, schedule: str, limit: int) -> list[Execution]:
    """The last `limit` executions of a schedule, newest moment first."""
    return _read(engine, planning_uitvoering.c.schedule == schedule, newest=limit)


def claim(engine: Engine, execution: Execution, owner: str, now: datetime) -> Execution | None:
    """The execution as taken by `owner`, or None when another was first or the schedule is already running."""
    mine = replace(
        execution, status=Status.BEZIG, attempt=execution.attempt + 1, owner=owner, heartbeat=now, started=now
    )
    statement = _update(execution, PENDING).values(
        status=mine.status.value,
        lane=_RUNNING_LANE,
        attempt=mine.attempt,
        owner=owner,
        heartbeat=_naive(now),
        started=_naive(now),
    )
    try:
        return mine if _changed(engine, statement) else None
    except IntegrityError:
        return None


def heartbeat(engine: Engine, execution: Execution, now: datetime) -> bool:
    """True while the lease is still ours; renews it."""
    return _changed(engine, _held(execution).values(heartbeat=_naive(now)))


def finish(
    engine: Engine,
    execution: Execution,
    now: datetime,
    status: Status,
    error: str = "",
    *,
    next_attempt: datetime | None = None,
    silent_since: datetime | None = None,
) -> bool:
    """True when the end of `execution` is recorded, False when the lease was no longer that of its owner.

    With `next_attempt` it is to be tried again then (`status` is `wacht`). With `silent_since` it is only recorded
    when the owner gave no sign of life since: the end of an execution whose process died.
    """
    statement = _held(execution)
    if silent_since is not None:
        statement = statement.where(planning_uitvoering.c.heartbeat <= _naive(silent_since))
    values: dict[str, Any] = {"status": status.value, "lane": execution.moment_local.isoformat()}
    values |= {"finished": _naive(now), "error": error[:_LONGEST_ERROR] or None}
    if next_attempt is not None:
        values["next_attempt"] = _naive(next_attempt)
    return _changed(engine, statement.values(values))


def skip(engine: Engine, execution: Execution, now: datetime) -> bool:
    """True when `execution` was still to be done and now never will be; why it failed before stays on record."""
    return _changed(engine, _update(execution, PENDING).values(status=Status.OVERGESLAGEN.value, finished=_naive(now)))


def _update(execution: Execution, expected: Sequence[Status]) -> Update:
    """A change that happens only if the row still stands where we last saw it."""
    columns = planning_uitvoering.c
    return planning_uitvoering.update().where(
        columns.id == execution.id,
        columns.attempt == execution.attempt,
        columns.status.in_([status.value for status in expected]),
    )


def _held(execution: Execution) -> Update:
    return _update(execution, (Status.BEZIG,)).where(planning_uitvoering.c.owner == execution.owner)


def _changed(engine: Engine, statement: Update) -> bool:
    with engine.begin() as connection:
        return connection.execute(statement).rowcount == 1


def _read(engine: Engine, condition: ColumnElement[bool], *, newest: int | None = None) -> list[Execution]:
    columns = planning_uitvoering.c
    order = columns.moment_due if newest is None else columns.moment_due.desc()
    statement = select(planning_uitvoering).where(condition).order_by(order, columns.id).limit(newest)
    with engine.connect() as connection:
        return [_execution(row._mapping) for row in connection.execute(statement)]


def _execution(row: Any) -> Execution:
    return Execution(
        id=row["id"],
        schedule=row["schedule"],
        moment_local=row["moment_local"],
        moment_due=row["moment_due"].replace(tzinfo=UTC),
        status=Status(row["status"]),
        attempt=row["attempt"],
        next_attempt=row["next_attempt"].replace(tzinfo=UTC),
        owner=row["owner"] or "",
        heartbeat=_aware(row["heartbeat"]),
        started=_aware(row["started"]),
        finished=_aware(row["finished"]),
        error=row["error"] or "",
    )


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _aware(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)
