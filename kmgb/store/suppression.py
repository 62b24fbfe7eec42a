"""Before a pattern of findings is accepted: what it would hide today, and what it would have hidden before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, func, or_, select

from kmgb.compare.kinds import Kind
from kmgb.errors import StoreError, nearest
from kmgb.store.database import from_sql
from kmgb.store.findings import opened_values
from kmgb.store.schema import afwijking, run, versie
from kmgb.store.secrets import Vault

RUNS = 10


@dataclass(frozen=True, slots=True)
class Pattern:
    """Findings of one controle that share what is filled in here; None is any.

    `field` "" is a finding about a whole row, `rule` "" one without a rule. `values` is the pair that stands in the
    distribution and in the application, "" where it is empty, as in a cluster's `from` and `to`.
    """

    afnemer: str
    entity: str
    field: str | None = None
    kind: str | None = None
    rule: str | None = None
    cause: str | None = None
    values: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        """Raises: StoreError when it would fit everything, or names a kind that does not exist."""
        named = (self.field, self.kind, self.rule, self.cause, self.values)
        if all(part is None for part in named):
            what = "een veld, een soort, een regel, een oorzaak of een paar waarden"
            raise StoreError(f"Dit patroon past op elke bevinding. Noem minstens {what}.")
        if self.kind is not None and self.kind not in list(Kind):
            raise StoreError(f"{self.kind!r} is geen soort bevinding. {nearest(self.kind, list(Kind))}".rstrip())

    def expr(self) -> pl.Expr:
        """True where a finding (columns of findings_at) fits."""
        wanted = {"field": self.field, "kind": self.kind, "rule": self.rule, "cause": self.cause}
        tests = [pl.col(name).fill_null("") == value for name, value in wanted.items() if value is not None]
        if self.values is not None:
            pair = zip(("distributie", "afnemer_value"), self.values, strict=True)
            tests += [pl.col(name).fill_null("") == value for name, value in pair]
        return pl.all_horizontal(tests)


@dataclass(frozen=True, slots=True)
class HiddenInRun:
    """How many open findings, per severity, a pattern would have hidden in one run."""

    run_id: int
    finished: datetime
    status: str
    hidden: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SuppressionPreview:
    """What a pattern hides per severity: `today` in the newest run, and in each of the last ten, the newest first."""

    pattern: Pattern
    today: Mapping[str, int]
    runs: tuple[HiddenInRun, ...]


def preview(connection: Connection, vault: Vault, pattern: Pattern) -> SuppressionPreview:
    """What accepting `pattern` would hide; nothing is written. Every version is opened once, not once per run."""
    statement = (
        select(run.c.id, run.c.finished, run.c.status)
        .where(run.c.afnemer == pattern.afnemer, run.c.entity == pattern.entity)
        .order_by(run.c.id.desc())
        .limit(RUNS)
    )
    runs = connection.execute(statement).all()
    versions = _versions(connection, vault, pattern, runs[-1].id if runs else 0)
    lines = tuple(HiddenInRun(row.id, from_sql(row.finished), row.status, _hidden(versions, row.id)) for row in runs)
    return SuppressionPreview(pattern, lines[0].hidden if lines else {}, lines)


def _hidden(versions: pl.DataFrame, run_id: int) -> dict[str, int]:
    """Per severity the fitting versions that stood as of a run."""
    stood = (pl.col("since") <= run_id) & (pl.col("replaced").is_null() | (pl.col("replaced") > run_id))
    still = pl.col("closed_run").is_null() | (pl.col("closed_run") > run_id)
    counted = versions.filter(stood & still).group_by("severity").len().sort("severity")
    return dict(counted.iter_rows())


def _versions(connection: Connection, vault: Vault, pattern: Pattern, oldest: int) -> pl.DataFrame:
    """The versions that fit, of intervals that were open at the oldest run or later, and which run replaced each."""
    later = versie.alias("later")
    replaced = (
        select(func.min(later.c.run_id))
        .where(later.c.afwijking_id == versie.c.afwijking_id, later.c.run_id > versie.c.run_id)
        .scalar_subquery()
    )
    statement = (
        select(
            afwijking.c.identity, afwijking.c.closed_run, versie.c.severity, versie.c.payload,
            versie.c.run_id.label("since"), replaced.label("replaced"),
        )
        .join(versie, versie.c.afwijking_id == afwijking.c.id)
        .where(*_fits(pattern), or_(afwijking.c.closed_run.is_(None), afwijking.c.closed_run > oldest))
    )  # fmt: skip
    rows = [_row(row, vault, pattern) for row in connection.execute(statement)]
    schema = {"severity": pl.String, "since": pl.Int64, "replaced": pl.Int64, "closed_run": pl.Int64}
    return pl.DataFrame([row for row in rows if row is not None], schema=schema)


def _fits(pattern: Pattern) -> list[ColumnElement[bool]]:
    wanted = {afwijking.c.field: pattern.field, versie.c.kind: pattern.kind, versie.c.cause: pattern.cause}
    tests = [column == value for column, value in wanted.items() if value is not None]
    if pattern.rule is not None:
        tests.append(func.coalesce(versie.c.rule, "") == pattern.rule)
    return [afwijking.c.afnemer == pattern.afnemer, afwijking.c.entity == pattern.entity, *tests]


def _row(row: Any, vault: Vault, pattern: Pattern) -> dict[str, Any] | None:
    """One version, or None when its values do not fit. They are opened only for a pattern that names values."""
    if pattern.values is not None:
        values = opened_values(row.payload, row.identity, vault)
        if ((values["distributie"] or ""), (values["afnemer_value"] or "")) != pattern.values:
            return None
    return {name: getattr(row, name) for name in ("severity", "since", "replaced", "closed_run")}
