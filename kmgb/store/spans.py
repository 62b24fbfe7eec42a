"""The history of a controle over a period, read part by part: memory does not grow with the history.

A period of a controle runs from its first run that ended in it to the last, by number; what came after that run is not
seen, so that the same period reads the same later on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Engine, func, or_, select

from kmgb.store.database import from_sql, to_sql
from kmgb.store.decisions import Action, Decision, decisions_of
from kmgb.store.findings import SEALED, opened_by, opened_values
from kmgb.store.life import findings_at
from kmgb.store.schema import afwijking, onbekend, run, versie
from kmgb.store.secrets import Vault

_PAGE = 5_000  # findings that are opened at once
_CLEAR = ("kind", "rule", "severity", "cause", "former_until", "next_step", "transform")
# Columns of a frame of versions.
VERSION_COLUMNS: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "run_id": pl.Int64(),
    "since": pl.Datetime("us"),
    "field": pl.String(),
    **dict.fromkeys((*_CLEAR, *SEALED), pl.String()),
}


@dataclass(frozen=True, slots=True)
class Span:
    """One controle from its `first` to its `last` run of a period."""

    afnemer: str
    entity: str
    first: int
    last: int

    @property
    def names(self) -> tuple[str, str]:
        """What the controle is called."""
        return self.afnemer, self.entity

    @property
    def _touching(self) -> tuple[ColumnElement[bool], ...]:
        """The conditions of an interval that stood in this span, or was closed in it."""
        return (*opened_by(self.names, self.last), _not_closed_before(self.first))


@dataclass(frozen=True, slots=True)
class Suppression:
    """An acceptance that held at the end of a run, and how many findings it hid then."""

    decision: Decision
    hidden: int


class Spans:
    """Reads the history by span. Nothing is written."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine, self._vault = engine, vault

    def between(self, begin: datetime, end: datetime) -> list[Span]:
        """The controles with a run that ended from `begin` on and before `end`; by afnemer and entity."""
        names = (run.c.afnemer, run.c.entity)
        statement = (
            select(*names, func.min(run.c.id).label("first"), func.max(run.c.id).label("last"))
            .where(run.c.finished >= to_sql(begin), run.c.finished < to_sql(end))
            .group_by(*names)
            .order_by(*names)
        )
        with self._engine.connect() as connection:
            return [Span(*row) for row in connection.execute(statement)]

    def runs(self, span: Span) -> list[int]:
        """The numbers of the runs of a span, the oldest first."""
        of_controle = (run.c.afnemer == span.afnemer, run.c.entity == span.entity)
        statement = select(run.c.id).where(*of_controle, run.c.id.between(span.first, span.last)).order_by(run.c.id)
        with self._engine.connect() as connection:
            return list(connection.execute(statement).scalars())

    def findings(self, span: Span) -> Iterator[pl.DataFrame]:
        """The findings that stood in the span or were closed in it, as they were after its last run; by number.

        Columns: LIFE_COLUMNS, as of `findings_at`.
        """
        with self._engine.connect() as connection:
            for page in self._pages(connection, span):
                found = findings_at(connection, self._vault, span.names, span.last, closed=True, within=page)
                still = pl.col("closed_run").is_null() | (pl.col("closed_run") >= span.first)
                yield found.filter(still).sort("id")

    def versions(self, span: Span) -> Iterator[pl.DataFrame]:
        """Every version up to the last run of those findings; by number, then run. Columns: VERSION_COLUMNS."""
        with self._engine.connect() as connection:
            for page in self._pages(connection, span):
                yield self._versions(connection, span, page)

    def unknown(self, run_id: int) -> list[int]:
        """The numbers of the findings that a run listed as not judged."""
        statement = select(onbekend.c.afwijking_id).where(onbekend.c.run_id == run_id)
        with self._engine.connect() as connection:
            return list(connection.execute(statement.order_by(onbekend.c.afwijking_id)).scalars())

    def decisions(self, span: Span, end: datetime) -> list[Decision]:
        """The decisions on a controle that were made before `end`, the oldest first."""
        with self._engine.connect() as connection:
            made = decisions_of(connection, self._vault, span.names)
        return [decision for decision in made if decision.made < end]

    def suppressions(self, span: Span, run_id: int) -> list[Suppression]:
        """The acceptances that held at the end of a run, by number, with what they hid after it."""
        with self._engine.connect() as connection:
            at = from_sql(connection.execute(select(run.c.finished).where(run.c.id == run_id)).scalar_one())
            made = decisions_of(connection, self._vault, span.names, at)
        withdrawn = {decision.subject for decision in made}
        held = [one for one in made if one.action == Action.ACCEPTEREN and one.id not in withdrawn and _lasts(one, at)]
        if not held:
            return []
        hidden: Counter[int] = Counter()
        for findings in self.findings(replace(span, first=run_id, last=run_id)):
            hidden.update(findings.filter(status="geaccepteerd")["decision"].drop_nulls())
        return [Suppression(decision, hidden[decision.id]) for decision in held]

    def _pages(self, connection: Connection, span: Span) -> Iterator[tuple[int, int]]:
        """The first and last number of every part of the findings of a span."""
        after = 0
        while True:
            statement = select(afwijking.c.id).where(*span._touching, afwijking.c.id > after)
            ids = connection.execute(statement.order_by(afwijking.c.id).limit(_PAGE)).scalars().all()
            if not ids:
                return
            yield ids[0], ids[-1]
            after = ids[-1]

    def _versions(self, connection: Connection, span: Span, page: tuple[int, int]) -> pl.DataFrame:
        statement = (
            select(
                afwijking.c.id,
                afwijking.c.identity,
                afwijking.c.field,
                versie.c.run_id,
                run.c.finished.label("since"),
                versie.c.payload,
                *(versie.c[name] for name in _CLEAR),
            )
            .join(versie, versie.c.afwijking_id == afwijking.c.id)
            .join(run, run.c.id == versie.c.run_id)
            .where(*span._touching, afwijking.c.id.between(*page), versie.c.run_id <= span.last)
            .order_by(afwijking.c.id, versie.c.run_id)
        )
        rows = [self._opened(row) for row in connection.execute(statement)]
        return pl.DataFrame(rows, schema=VERSION_COLUMNS, orient="row")

    def _opened(self, row: Any) -> tuple[Any, ...]:
        known = dict(row._mapping) | opened_values(row.payload, row.identity, self._vault)
        return tuple(known[name] for name in VERSION_COLUMNS)


def _not_closed_before(run_id: int) -> ColumnElement[bool]:
    return or_(afwijking.c.closed_run.is_(None), afwijking.c.closed_run >= run_id)


def _lasts(decision: Decision, at: datetime) -> bool:
    return decision.until is not None and decision.until > at
