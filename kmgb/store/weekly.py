"""All controles together at one moment, counted by the database: no value is opened unless it is asked for by number.

Everything is as of the newest run of each controle that ended by that moment, so an older week reads the same later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Engine, Select, and_, case, func, literal, or_, select

from kmgb.catalogue.fields import SEVERITIES
from kmgb.compare.kinds import Kind
from kmgb.store.database import from_sql, to_sql
from kmgb.store.decisions import Decision, decisions_of
from kmgb.store.findings import SOLVED, chunks
from kmgb.store.life import chosen_at, decided_at
from kmgb.store.schema import afwijking, besluit, run, versie
from kmgb.store.secrets import Vault

# Columns of a frame of counts.
COUNT_COLUMNS: dict[str, pl.DataType] = {
    "afnemer": pl.String(),
    "entity": pl.String(),
    "field": pl.String(),
    "kind": pl.String(),
    "severity": pl.String(),
    "cause": pl.String(),
    "next_step": pl.String(),
    "opened": pl.Datetime("us"),
    "returned": pl.Boolean(),
    "count": pl.Int64(),
}


class Weekly:
    """Reads the history of all controles at one moment. Nothing is written."""

    def __init__(self, engine: Engine, vault: Vault, moment: datetime) -> None:
        self._engine, self._vault, self.moment = engine, vault, moment

    def standing(self) -> pl.DataFrame:
        """How many findings stand open, by everything that is kept in the clear.

        Columns: COUNT_COLUMNS; `opened` (UTC) is the end of the run that opened them, `returned`: closed once before.
        """
        latest, newest = self._latest(), self._newest()
        opening = run.alias("opening")
        by = (
            afwijking.c.afnemer,
            afwijking.c.entity,
            afwijking.c.field,
            versie.c.kind,
            versie.c.severity,
            versie.c.cause,
            func.coalesce(versie.c.next_step, ""),
            opening.c.finished,
            case((afwijking.c.predecessor.is_(None), 0), else_=1),
        )
        statement = (
            select(*by, func.count())
            .select_from(afwijking)
            .join(latest, _of(latest))
            .join(newest, newest.c.id == afwijking.c.id)
            .join(versie, and_(versie.c.afwijking_id == newest.c.id, versie.c.run_id == newest.c.run_id))
            .join(opening, opening.c.id == afwijking.c.opened_run)
            .group_by(*by)
        )
        frame = self._frame(statement, {**COUNT_COLUMNS, "returned": pl.Int64()})
        return frame.with_columns(pl.col("returned") == 1)

    def closed(self, since: datetime) -> pl.DataFrame:
        """How many findings that stood at `since` were closed after it, by what they were last.

        Columns: afnemer, entity, field, kind, cause, solved (1, or 0 when closed for another reason), count.
        """
        opening, closing = run.alias("opening"), run.alias("closing")
        solved = case((afwijking.c.closed_as == SOLVED, 1), else_=0)
        by = (afwijking.c.afnemer, afwijking.c.entity, afwijking.c.field, versie.c.kind, versie.c.cause, solved)
        other = versie.alias("other")
        last = select(func.max(other.c.run_id)).where(other.c.afwijking_id == afwijking.c.id).scalar_subquery()
        statement = (
            select(*by, func.count())
            .select_from(afwijking)
            .join(opening, opening.c.id == afwijking.c.opened_run)
            .join(closing, closing.c.id == afwijking.c.closed_run)
            .join(versie, and_(versie.c.afwijking_id == afwijking.c.id, versie.c.run_id == last))
            .where(
                opening.c.finished <= to_sql(since),
                closing.c.finished > to_sql(since),
                closing.c.finished <= to_sql(self.moment),
            )
            .group_by(*by)
        )
        names = dict.fromkeys(("afnemer", "entity", "field", "kind", "cause"), pl.String())
        return self._frame(statement, {**names, "solved": pl.Int64(), "count": pl.Int64()})

    def began(self) -> datetime | None:
        """When the first run ended; None when there was none yet."""
        statement = select(func.min(run.c.finished)).where(run.c.finished <= to_sql(self.moment))
        with self._engine.connect() as connection:
            first = connection.execute(statement).scalar_one()
        return None if first is None else from_sql(first)

    def intervals(self, since: datetime) -> pl.DataFrame:
        """The openings and closings of what was open at `since` or later, by moment.

        Columns: afnemer, kind and cause (the last that were known), opened, closed (null: it still stands), solved
        (0 or 1), count.
        """
        opening, closing = run.alias("opening"), run.alias("closing")
        other, known = versie.alias("other"), run.alias("known")
        last = (
            select(func.max(other.c.run_id))
            .join(known, known.c.id == other.c.run_id)
            .where(other.c.afwijking_id == afwijking.c.id, known.c.finished <= to_sql(self.moment))
            .scalar_subquery()
        )
        by = (
            afwijking.c.afnemer,
            versie.c.kind,
            versie.c.cause,
            opening.c.finished,
            closing.c.finished,
            case((afwijking.c.closed_as == SOLVED, 1), else_=0),
        )
        statement = (
            select(*by, func.count())
            .select_from(afwijking)
            .join(opening, opening.c.id == afwijking.c.opened_run)
            .outerjoin(closing, closing.c.id == afwijking.c.closed_run)
            .join(versie, and_(versie.c.afwijking_id == afwijking.c.id, versie.c.run_id == last))
            .where(
                opening.c.finished <= to_sql(self.moment),
                or_(closing.c.finished.is_(None), closing.c.finished > to_sql(since)),
            )
            .group_by(*by)
        )
        schema: dict[str, pl.DataType] = {
            "afnemer": pl.String(),
            "kind": pl.String(),
            "cause": pl.String(),
            "opened": pl.Datetime("us"),
            "closed": pl.Datetime("us"),
            "solved": pl.Int64(),
            "count": pl.Int64(),
        }
        return self._frame(statement, schema)

    def worst(
        self, most: int, first: Mapping[tuple[str, str], int], causes_out: Sequence[str], ids_out: Collection[int]
    ) -> pl.DataFrame:
        """The numbers of the gravest open findings, `most` at most per controle, in this order: by severity, by the
        place of their (entity, field) in `first` (what is not in it comes last), the newest.

        What is only written otherwise, has one of these causes or numbers is left out. Columns: afnemer, entity, id.
        """
        latest, newest = self._latest(), self._newest()
        gravity = case({name: place for place, name in enumerate(SEVERITIES)}, value=versie.c.severity, else_=9)
        places = [
            (and_(afwijking.c.entity == entity, afwijking.c.field == field), at)
            for (entity, field), at in first.items()
        ]
        harm = case(*places, else_=len(first)) if places else literal(0)
        place = func.row_number().over(
            partition_by=(afwijking.c.afnemer, afwijking.c.entity),
            order_by=(gravity, harm, afwijking.c.opened_run.desc(), afwijking.c.id),
        )
        names = ("afnemer", "entity", "id")
        columns = [afwijking.c[name] for name in names]
        inner = (
            select(*columns, place.label("place"))
            .select_from(afwijking)
            .join(latest, _of(latest))
            .join(newest, newest.c.id == afwijking.c.id)
            .join(versie, and_(versie.c.afwijking_id == newest.c.id, versie.c.run_id == newest.c.run_id))
            .where(versie.c.kind != Kind.COSMETISCH, versie.c.cause.not_in(causes_out))
            .subquery()
        )
        # As many more as may be left out: a list of thousands of numbers is more than a database takes.
        statement = select(*(inner.c[name] for name in names)).where(inner.c.place <= most + len(ids_out))
        schema = {name: pl.Int64() if name == "id" else pl.String() for name in names}
        left = self._frame(statement.order_by(inner.c.place), schema)
        out = pl.Series(list(ids_out), dtype=pl.Int64)
        return left.filter(~pl.col("id").is_in(out.implode())).group_by("afnemer", "entity").head(most)

    def turned(
        self, names: tuple[str, str], before: int, run_id: int, ids: Sequence[int] | None = None
    ) -> pl.DataFrame:
        """How many findings stood after both runs of a controle, and not in the same way; of these `ids` only.

        Columns: kind, severity and cause as they were after the run `before`, the same with `_now`, and count.
        """
        first, then = versie.alias("first"), versie.alias("then")
        clear = ("kind", "severity", "cause")
        by = [first.c[name] for name in clear] + [then.c[name].label(f"{name}_now") for name in clear]
        statement = (
            select(*by, func.count())
            .select_from(afwijking)
            .join(first, and_(first.c.afwijking_id == afwijking.c.id, first.c.run_id == _version_at(before)))
            .join(then, and_(then.c.afwijking_id == afwijking.c.id, then.c.run_id == _version_at(run_id)))
            .where(
                afwijking.c.afnemer == names[0],
                afwijking.c.entity == names[1],
                afwijking.c.opened_run <= before,
                or_(afwijking.c.closed_run.is_(None), afwijking.c.closed_run > run_id),
                first.c.run_id < then.c.run_id,
            )
            .group_by(*by)
        )
        columns = [*clear, *(f"{name}_now" for name in clear)]
        schema = {**dict.fromkeys(columns, pl.String()), "count": pl.Int64()}
        if ids is None:
            return self._frame(statement, schema)
        parts = [self._frame(statement.where(afwijking.c.id.in_(chunk)), schema) for chunk in chunks(ids)]
        return pl.concat([pl.DataFrame(schema=schema), *parts])

    def opened(self, names: tuple[str, str], run_id: int, ids: Sequence[int]) -> pl.DataFrame:
        """These findings with their values, as of this run. Columns: those of `findings_at`."""
        with self._engine.connect() as connection:
            return chosen_at(connection, self._vault, names, run_id, ids, self.moment)

    def decided(self, names: tuple[str, str], run_id: int) -> pl.DataFrame:
        """The findings that a decision may be about. Columns: those of `findings_at`."""
        with self._engine.connect() as connection:
            return decided_at(connection, self._vault, names, run_id, self.moment)

    def with_decisions(self) -> set[tuple[str, str]]:
        """The controles about which anything was decided up to the moment."""
        statement = select(besluit.c.afnemer, besluit.c.entity).where(besluit.c.made <= to_sql(self.moment)).distinct()
        with self._engine.connect() as connection:
            return {(row.afnemer, row.entity) for row in connection.execute(statement)}

    def decisions(self, names: tuple[str, str]) -> list[Decision]:
        """What was decided about this controle up to the moment."""
        with self._engine.connect() as connection:
            return decisions_of(connection, self._vault, names, self.moment)

    def _latest(self) -> Any:
        """Subquery: the newest run of every controle. Columns: afnemer, entity, run_id."""
        return (
            select(run.c.afnemer, run.c.entity, func.max(run.c.id).label("run_id"))
            .where(run.c.finished <= to_sql(self.moment))
            .group_by(run.c.afnemer, run.c.entity)
            .subquery("latest")
        )

    def _newest(self) -> Any:
        """Subquery: what stands open, and the run of its newest version. Columns: id, run_id."""
        latest = self._latest()
        return (
            select(afwijking.c.id, func.max(versie.c.run_id).label("run_id"))
            .join(latest, _of(latest))
            .join(versie, and_(versie.c.afwijking_id == afwijking.c.id, versie.c.run_id <= latest.c.run_id))
            .where(
                afwijking.c.opened_run <= latest.c.run_id,
                or_(afwijking.c.closed_run.is_(None), afwijking.c.closed_run > latest.c.run_id),
            )
            .group_by(afwijking.c.id)
            .subquery("newest")
        )

    def _frame(self, statement: Select[Any], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        with self._engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(statement)]
        return pl.DataFrame(rows, schema=schema, orient="row")


def _version_at(run_id: int) -> Any:
    """The run that wrote the version of a finding that held after this run."""
    older = versie.alias("older")
    known = select(func.max(older.c.run_id)).where(older.c.afwijking_id == afwijking.c.id, older.c.run_id <= run_id)
    return known.correlate(afwijking).scalar_subquery()


def _of(latest: Any) -> Any:
    return and_(latest.c.afnemer == afwijking.c.afnemer, latest.c.entity == afwijking.c.entity)
