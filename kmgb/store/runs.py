"""Runs and aanleveringen in SQL. A run is written whole in one transaction, or it is not there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, Row, case, func, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from kmgb.catalogue.fields import SEVERITIES
from kmgb.compare.kinds import Kind
from kmgb.errors import StoreError
from kmgb.store.database import from_sql, refusal, to_sql, writing
from kmgb.store.decisions import Decisions
from kmgb.store.documents import Document, documents_named, remember_documents
from kmgb.store.events import Event, events_of
from kmgb.store.findings import Changes, Fates, all_compared, changes_of, record
from kmgb.store.life import findings_at
from kmgb.store.schema import DONE, QUARANTINE, aanlevering, cluster, run, setting
from kmgb.store.secrets import Vault
from kmgb.store.spans import Spans
from kmgb.store.standing import stood_since
from kmgb.store.weekly import Weekly

__all__ = ["DONE", "QUARANTINE", "History", "NewRun", "StoredDelivery", "StoredRun"]

_KEY_MARK = "sleutelmerk"
_CLUSTER_CLEAR = ("field", "kind", "rule", "severity", "cause", "transform", "date", "next_step", "count")
_CLUSTER_SEALED = ("from", "to", "street", "evidence")


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """One aanlevering as the history keeps it; `manifest` is the whole manifest as JSON."""

    id: str
    afnemer: str
    entity: str
    status: str
    peildatum: datetime
    arrived: datetime
    sha256: str
    rows: int
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be written. `facts` explain it, `outcome` holds its counts; both JSON."""

    afnemer: str
    entity: str
    status: str
    started: datetime
    finished: datetime
    distributie_id: str | None
    afnemer_id: str | None
    facts: dict[str, Any]
    outcome: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredRun(NewRun):
    """A run as it was written."""

    id: int = 0


class History:
    """The history of one municipality: its database and the key to it."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        """Raises: StoreError when the database was begun with another key."""
        self.engine, self._vault = engine, vault
        with engine.begin() as connection:
            self._check_key(connection)

    def write(
        self,
        new: NewRun,
        deliveries: Sequence[StoredDelivery],
        found: pl.DataFrame | None,
        grouped: pl.DataFrame | None,
        *,
        fates: Fates = all_compared,
        compared: Collection[str] | None = None,
        undecided: Collection[str] = (),
        documents: Collection[Document] = (),
    ) -> tuple[int, Changes]:
        """Write a run, its aanleveringen, its texts, what changed and its clusters; all of it or nothing.

        `found` is None for a run that could not judge (quarantaine): it opens and closes nothing. What becomes of
        findings that were not found again is decided by `fates`, `compared` and `undecided`; see `record`.
        Raises: StoreError when the database refuses.
        """
        try:
            with writing(self.engine) as connection:
                for delivery in deliveries:
                    _remember(connection, delivery)
                run_id = _insert(connection, new)
                remember_documents(connection, documents)
                if found is None:
                    return run_id, changes_of(connection, run_id)
                names = (new.afnemer, new.entity)
                changes = record(
                    connection, self._vault, run_id, names, found,
                    fates=fates, compared=compared, undecided=undecided,
                )  # fmt: skip
                if grouped is not None:
                    self._write_clusters(connection, run_id, grouped)
                return run_id, changes
        except SQLAlchemyError as error:
            raise StoreError(
                f"De run van {new.afnemer}, {new.entity} is niet vastgelegd: {refusal(error)}. Er is niets "
                "veranderd. Controleer of de database bereikbaar is en ruimte heeft, en herhaal de controle."
            ) from error

    def run(self, run_id: int) -> StoredRun:
        """The run with this number. Raises: StoreError when there is none."""
        with self.engine.connect() as connection:
            row = connection.execute(select(run).where(run.c.id == run_id)).one_or_none()
        if row is None:
            raise StoreError(f"Run {run_id} bestaat niet. Bekijk de runs met: kmgb history list")
        return _stored(row)

    def newest(self) -> list[StoredRun]:
        """The newest run of every controle, by afnemer and entity."""
        return self.as_of()

    def runs(
        self,
        afnemer: str | None = None,
        limit: int = 50,
        *,
        entity: str | None = None,
        status: str | None = None,
        until: datetime | None = None,
    ) -> list[StoredRun]:
        """The last runs, newest first: all of them, or those of this afnemer, entity and status, ended by `until`."""
        wanted = {run.c.afnemer: afnemer, run.c.entity: entity, run.c.status: status}
        conditions = [column == value for column, value in wanted.items() if value is not None]
        if until is not None:
            conditions.append(run.c.finished <= to_sql(until))
        statement = select(run).where(*conditions).order_by(run.c.id.desc()).limit(limit)
        with self.engine.connect() as connection:
            return [_stored(row) for row in connection.execute(statement)]

    def delivery(self, delivery_id: str) -> StoredDelivery:
        """The aanlevering with this id. Raises: StoreError when there is none."""
        with self.engine.connect() as connection:
            row = connection.execute(select(aanlevering).where(aanlevering.c.id == delivery_id)).one_or_none()
        if row is None:
            raise StoreError(f"Aanlevering {delivery_id} bestaat niet.")
        values = dict(row._mapping)
        return StoredDelivery(**values | {"peildatum": from_sql(row.peildatum), "arrived": from_sql(row.arrived)})

    def documents(self, names: Collection[str]) -> dict[str, Document]:
        """The kept texts of these sha256; what is not kept, or is no longer what it was, is left out."""
        with self.engine.connect() as connection:
            return documents_named(connection, names)

    def as_of(self, run_id: int | None = None, moment: datetime | None = None) -> list[StoredRun]:
        """The newest run of every controle, no newer than this run and finished by this moment."""
        latest = select(func.max(run.c.id)).group_by(run.c.afnemer, run.c.entity)
        if run_id is not None:
            latest = latest.where(run.c.id <= run_id)
        if moment is not None:
            latest = latest.where(run.c.finished <= to_sql(moment))
        with self.engine.connect() as connection:
            rows = connection.execute(select(run).where(run.c.id.in_(latest)).order_by(run.c.afnemer, run.c.entity))
            return [_stored(row) for row in rows]

    @property
    def decisions(self) -> Decisions:
        """What people decided about findings."""
        return Decisions(self.engine, self._vault)

    @property
    def spans(self) -> Spans:
        """The history of controles over a period, part by part."""
        return Spans(self.engine, self._vault)

    def weekly(self, moment: datetime) -> Weekly:
        """All controles together, as of a moment."""
        return Weekly(self.engine, self._vault, moment)

    def findings(
        self, stored: StoredRun, at: datetime | None = None, *, closed: bool = False, key: str | None = None
    ) -> pl.DataFrame:
        """The findings of a controle as they stood after a run; see `findings_at`.

        `at` is until when decisions count: the end of the run for its report, now for a worklist.
        """
        names = (stored.afnemer, stored.entity)
        with self.engine.connect() as connection:
            return findings_at(connection, self._vault, names, stored.id, at, closed=closed, key=key)

    def events(self, stored: StoredRun, findings: Sequence[int], at: datetime | None = None) -> list[Event]:
        """What happened to findings up to a run, oldest first; see `events_of`."""
        names, until = (stored.afnemer, stored.entity), at or stored.finished
        with self.engine.connect() as connection:
            return events_of(connection, self._vault, names, stored.id, findings, until)

    def stood(self, names: tuple[str, str], since: datetime, rows: pl.DataFrame) -> pl.Series:
        """Per finding (key, field, kind) whether it stood already at `since`, or may have; see `stood_since`."""
        with self.engine.connect() as connection:
            return stood_since(connection, self._vault, names, since, rows)

    def changes(self, stored: StoredRun) -> Changes:
        """What a run opened and closed, counted from the intervals themselves."""
        with self.engine.connect() as connection:
            return changes_of(connection, stored.id)

    def clusters(self, run_id: int, worst: int | None = None) -> list[dict[str, Any]]:
        """The clusters of a run, the largest first: number, field, kind, rule, severity, cause, transform, date,
        next_step, count, `from`, `to`, `street`, `evidence` (of its first finding) and `examples` (key, two values).

        With `worst` so many that are more than another way of writing, of the highest severity and then the largest.
        """
        statement = select(cluster).where(cluster.c.run_id == run_id)
        if worst is None:
            statement = statement.order_by(cluster.c.number)
        else:
            gravity = case({name: place for place, name in enumerate(SEVERITIES)}, value=cluster.c.severity, else_=9)
            statement = statement.where(cluster.c.kind != Kind.COSMETISCH)
            statement = statement.order_by(gravity, cluster.c.count.desc(), cluster.c.number).limit(worst)
        with self.engine.connect() as connection:
            return [self._opened_cluster(row._mapping) for row in connection.execute(statement)]

    def _write_clusters(self, connection: Connection, run_id: int, grouped: pl.DataFrame) -> None:
        rows = [
            {name: row[name] for name in _CLUSTER_CLEAR}
            | {"run_id": run_id, "number": number, "payload": self._sealed_cluster(row, run_id, number)}
            for number, row in enumerate(grouped.iter_rows(named=True), start=1)
        ]
        if rows:
            connection.execute(insert(cluster), rows)

    def _sealed_cluster(self, row: dict[str, Any], run_id: int, number: int) -> bytes:
        examples = zip(row["keys"], row["examples_distributie"], row["examples_afnemer"], strict=True)
        flat = [value for example in examples for value in example]
        return self._vault.seal([*(row[name] for name in _CLUSTER_SEALED), *flat], f"{run_id}/{number}")

    def _opened_cluster(self, row: Any) -> dict[str, Any]:
        values = self._vault.open(row["payload"], f"{row['run_id']}/{row['number']}")
        sealed = dict(zip(_CLUSTER_SEALED, values, strict=False))
        first = len(_CLUSTER_SEALED)
        examples = [tuple(values[start : start + 3]) for start in range(first, len(values), 3)]
        known = {name: row[name] for name in ("number", *_CLUSTER_CLEAR)}
        return known | sealed | {"examples": examples}

    def _check_key(self, connection: Connection) -> None:
        mark = self._vault.identity(_KEY_MARK)
        kept = connection.execute(select(setting.c.value).where(setting.c.name == _KEY_MARK)).scalar()
        if kept is None:
            connection.execute(insert(setting).values(name=_KEY_MARK, value=mark))
        elif kept != mark:
            raise StoreError(
                "Deze database is begonnen met een andere sleutel. Zet KMGB_KEY (of data/sleutel) terug; "
                "zonder die sleutel zijn de bevindingen niet te lezen en niet te vergelijken."
            )


def _remember(connection: Connection, delivery: StoredDelivery) -> None:
    known = connection.execute(select(aanlevering.c.id).where(aanlevering.c.id == delivery.id)).scalar()
    if known is None:
        values = {name: getattr(delivery, name) for name in StoredDelivery.__slots__}
        values |= {"peildatum": to_sql(delivery.peildatum), "arrived": to_sql(delivery.arrived)}
        # Another run of this round may write the same aanlevering of the distribution at the same moment.
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(insert(aanlevering).values(values))


def _insert(connection: Connection, new: NewRun) -> int:
    values = {name: getattr(new, name) for name in NewRun.__slots__}
    values |= {"started": to_sql(new.started), "finished": to_sql(new.finished)}
    key = connection.execute(insert(run).values(values)).inserted_primary_key
    if key is None:
        raise StoreError("De database gaf geen nummer voor de run.")
    return int(key[0])


def _stored(row: Row[Any]) -> StoredRun:
    values = dict(row._mapping)
    return StoredRun(**values | {"started": from_sql(row.started), "finished": from_sql(row.finished)})
