"""Findings as they stood after a run, or as of a moment: their status, age and what was decided about them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from kmgb.compare.kinds import FINDING_COLUMNS, Kind
from kmgb.store.database import from_sql, to_sql
from kmgb.store.decisions import Action, Decision, Reported, decisions_of, pair_mac
from kmgb.store.findings import CHECK, SOLVED, chunks, identity_of, not_closed_by, opened_by, opened_values
from kmgb.store.schema import DONE, QUARANTINE, afwijking, onbekend, run, versie
from kmgb.store.secrets import Vault

_CLEAR = (
    "id", "identity", "afnemer", "entity", "field", "opened_run", "closed_run", "closed_as", "predecessor", "kind",
    "rule", "severity", "cause", "former_until", "next_step", "transform", "first_seen", "closed",
    "unknown",
)  # fmt: skip
_LIFE: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "afnemer": pl.String(),
    "entity": pl.String(),
    "first_seen": pl.Datetime("us"),
    "opened_run": pl.Int64(),
    "predecessor": pl.Int64(),
    "closed_run": pl.Int64(),
    "closed": pl.Datetime("us"),
    "cause": pl.String(),
    "cause_evidence": pl.String(),
    "former_until": pl.String(),
    "next_step": pl.String(),
    "transform": pl.String(),
    "status": pl.String(),
    "age": pl.Int64(),
    "age_runs": pl.Int64(),
    "decision": pl.Int64(),
    "remark": pl.String(),
    "assigned": pl.String(),
    "reference": pl.String(),
    "reference_state": pl.String(),
}
# Columns of a frame of findings that live.
LIFE_COLUMNS: dict[str, pl.DataType] = {**{name: pl.String() for name in FINDING_COLUMNS}, **_LIFE}


@dataclass(frozen=True, slots=True)
class _AsOf:
    """The run as of which is asked, the moment up to which decisions count, and the controle's runs that judged."""

    names: tuple[str, str]
    run_id: int
    judged: bool
    moment: datetime
    runs: Sequence[int]


@dataclass
class _Verdict:
    """What decisions make of one finding."""

    decision: int | None = None
    remark: str | None = None
    assigned: str | None = None
    reference: str | None = None
    reference_state: str | None = None
    acceptances: list[Decision] = field(default_factory=list)

    @property
    def reported(self) -> bool:
        return self.reference_state not in (None, Reported.AFGEWEZEN)


def findings_at(
    connection: Connection,
    vault: Vault,
    names: tuple[str, str],
    run_id: int,
    at: datetime | None = None,
    *,
    closed: bool = False,
    key: str | None = None,
    within: tuple[int, int] | None = None,
) -> pl.DataFrame:
    """The findings as they stood after `run_id`: opened at or before it, and not closed by then.

    With `closed` also those that were closed by then; with `key` only those of one key, with `within` only those whose
    numbers are between these two. Decisions count when made at or before `at`, which is the end of the run unless told
    otherwise.
    Columns: LIFE_COLUMNS; sorted by key, field, kind, rule and opening. `status` is nieuw, teruggekeerd (it has a
        `predecessor`), open, onbekend (the run could not judge it), geaccepteerd (by `decision`), teruggemeld, or how
        it was closed. `remark` says why an acceptance or terugmelding no longer holds.
    Units: `first_seen` and `closed` in UTC; `age` in days on the calendar and `age_runs` in runs that judged, both
    since opening.
    """
    as_of = _as_of(connection, names, run_id, at)
    return _frame(connection, vault, as_of, _rows(connection, vault, as_of, closed, key, within))


def chosen_at(
    connection: Connection,
    vault: Vault,
    names: tuple[str, str],
    run_id: int,
    ids: Sequence[int],
    at: datetime | None = None,
) -> pl.DataFrame:
    """As `findings_at`, of these numbers only; what was closed by then is left out."""
    as_of = _as_of(connection, names, run_id, at)
    where = (*opened_by(names, run_id), not_closed_by(run_id))
    found = (
        row
        for chunk in chunks(sorted(ids))
        for row in connection.execute(_statement(as_of, (*where, afwijking.c.id.in_(chunk))))
    )
    return _frame(connection, vault, as_of, found)


def decided_at(
    connection: Connection, vault: Vault, names: tuple[str, str], run_id: int, at: datetime | None = None
) -> pl.DataFrame:
    """As `findings_at`, of the findings that a decision may be about only: of all others, nobody decided anything."""
    as_of = _as_of(connection, names, run_id, at)
    decisions = decisions_of(connection, vault, names, as_of.moment)
    fields = [decision.pattern.field for decision in decisions if decision.pattern is not None]
    if None in fields:
        return findings_at(connection, vault, names, run_id, at)
    identities = sorted({decision.identity for decision in decisions if decision.identity is not None})
    where = (*opened_by(names, run_id), not_closed_by(run_id))
    about = [afwijking.c.identity.in_(chunk) for chunk in chunks(identities)]
    about += [afwijking.c.field.in_(sorted({field for field in fields if field is not None}))] if fields else []
    found = {row.id: row for one in about for row in connection.execute(_statement(as_of, (*where, one)))}
    return _frame(connection, vault, as_of, found.values())


def _frame(connection: Connection, vault: Vault, as_of: _AsOf, found: Iterable[Row[Any]]) -> pl.DataFrame:
    rows = [{**row._mapping, **opened_values(row.payload, row.identity, vault)} for row in found]
    verdicts = _verdicts(connection, vault, as_of, rows)
    lines = [_line(row, verdicts[row["id"]], as_of) for row in rows]
    frame = pl.DataFrame(lines, schema=LIFE_COLUMNS, infer_schema_length=None)
    return frame.sort("key", "field", "kind", "rule", "id", nulls_last=True)


def _as_of(connection: Connection, names: tuple[str, str], run_id: int, at: datetime | None) -> _AsOf:
    this = connection.execute(select(run.c.status, run.c.finished).where(run.c.id == run_id)).one()
    statement = select(run.c.id).where(
        run.c.afnemer == names[0], run.c.entity == names[1], run.c.status == DONE, run.c.id <= run_id
    )
    runs = connection.execute(statement.order_by(run.c.id)).scalars().all()
    return _AsOf(names, run_id, this.status != QUARANTINE, at or from_sql(this.finished), runs)


def _rows(
    connection: Connection,
    vault: Vault,
    as_of: _AsOf,
    closed: bool,
    key: str | None,
    within: tuple[int, int] | None,
) -> Iterator[Row[Any]]:
    where = opened_by(as_of.names, as_of.run_id)
    if within is not None:
        where = (*where, afwijking.c.id.between(*within))
    where = where if closed else (*where, not_closed_by(as_of.run_id))
    if key is None:
        yield from connection.execute(_statement(as_of, where))
        return
    for chunk in chunks(_identities(connection, vault, as_of.names, key)):
        yield from connection.execute(_statement(as_of, (*where, afwijking.c.identity.in_(chunk))))


def _statement(as_of: _AsOf, where: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """One query: the intervals, each with its version as of the run and whether the run listed it as unknown."""
    newest = (
        select(versie.c.afwijking_id, func.max(versie.c.run_id).label("run_id"))
        .join(afwijking, afwijking.c.id == versie.c.afwijking_id)
        .where(versie.c.run_id <= as_of.run_id, *where)
        .group_by(versie.c.afwijking_id)
        .subquery()
    )
    opening, closing = run.alias("opening"), run.alias("closing")
    unknown = and_(onbekend.c.afwijking_id == afwijking.c.id, onbekend.c.run_id == as_of.run_id)
    columns = [afwijking.c[name] for name in _CLEAR if name in afwijking.c]
    columns += [versie.c[name] for name in (*_CLEAR, "payload") if name in versie.c and name != "id"]
    return (
        select(
            *columns,
            opening.c.finished.label("first_seen"),
            closing.c.finished.label("closed"),
            onbekend.c.run_id.label("unknown"),
        )
        .join(newest, newest.c.afwijking_id == afwijking.c.id)
        .join(versie, and_(versie.c.afwijking_id == newest.c.afwijking_id, versie.c.run_id == newest.c.run_id))
        .join(opening, opening.c.id == afwijking.c.opened_run)
        .outerjoin(closing, closing.c.id == afwijking.c.closed_run)
        .outerjoin(onbekend, unknown)
    )


def _identities(connection: Connection, vault: Vault, names: tuple[str, str], key: str) -> list[str]:
    """What the findings of one key can be called: keys are kept as keyed hashes, with what the finding is about."""
    of_controle = (afwijking.c.afnemer == names[0], afwijking.c.entity == names[1])
    fields = select(afwijking.c.field).distinct().where(*of_controle)
    made = versie.c.rule.startswith(CHECK, autoescape=True)
    checks = select(versie.c.rule).distinct().join(afwijking, afwijking.c.id == versie.c.afwijking_id)
    aspects = [name for name in connection.execute(fields).scalars() if name]
    aspects += connection.execute(checks.where(*of_controle, made)).scalars().all()
    return [identity_of(vault, *names, key, aspect) for aspect in (*aspects, *Kind)]


def days_open(opened: datetime, until: datetime) -> int:
    """Days on the calendar in UTC: how long a run took that day makes nothing older."""
    return (until.astimezone(UTC).date() - opened.astimezone(UTC).date()).days


def _line(row: Mapping[str, Any], verdict: _Verdict, as_of: _AsOf) -> dict[str, Any]:
    ended = row["closed_run"] is not None and row["closed_run"] <= as_of.run_id
    until = from_sql(row["closed"]) if ended else as_of.moment
    last = row["closed_run"] if ended else as_of.run_id
    gone = {} if ended else {"closed_run": None, "closed": None}
    return (
        {name: row.get(name) for name in LIFE_COLUMNS}
        | gone
        | {
            "status": _status(row, verdict, as_of, ended),
            "age": days_open(from_sql(row["first_seen"]), until),
            "age_runs": bisect_right(as_of.runs, last) - bisect_right(as_of.runs, row["opened_run"]),
            "decision": verdict.decision,
            "remark": verdict.remark,
            "assigned": verdict.assigned,
            "reference": verdict.reference,
            "reference_state": verdict.reference_state,
        }
    )


def _status(row: Mapping[str, Any], verdict: _Verdict, as_of: _AsOf, ended: bool) -> str:
    """The first that holds: what a run could not judge is not new, and what was accepted is not open."""
    if ended:
        return str(row["closed_as"])
    if not as_of.judged or row["unknown"] is not None:
        return "onbekend"
    if verdict.decision is not None:
        return "geaccepteerd"
    if verdict.reported:
        return "teruggemeld"
    if row["opened_run"] != as_of.run_id:
        return "open"
    return "nieuw" if row["predecessor"] is None else "teruggekeerd"


def _verdicts(
    connection: Connection, vault: Vault, as_of: _AsOf, rows: Sequence[Mapping[str, Any]]
) -> dict[int, _Verdict]:
    decisions = decisions_of(connection, vault, as_of.names, as_of.moment)
    withdrawn = {decision.subject for decision in decisions}
    verdicts = {row["id"]: _Verdict() for row in rows}
    about: dict[str, list[Decision]] = {}
    for decision in decisions:
        if decision.identity is not None:
            about.setdefault(decision.identity, []).append(decision)
    touched = [row for row in rows if row["identity"] in about]
    for row in touched:
        for decision in about[row["identity"]]:
            _apply(verdicts[row["id"]], decision, row)
    for decision, numbers in _fitting(decisions, rows):
        for number in numbers:
            verdicts[number].acceptances.append(decision)
    values = _values_since(connection, vault, as_of, [row["identity"] for row in touched])
    solved = _solved(connection, as_of, [row["identity"] for row in touched])
    for row in rows:
        if verdicts[row["id"]].acceptances:
            since = (*values.get(row["identity"], ()), *solved.get(row["identity"], ()))
            _judge(verdicts[row["id"]], row, as_of, withdrawn, since, vault)
    return verdicts


def _apply(verdict: _Verdict, decision: Decision, row: Mapping[str, Any]) -> None:
    if decision.action == Action.ACCEPTEREN:
        verdict.acceptances.append(decision)
    elif decision.action == Action.TOEWIJZEN:
        verdict.assigned = decision.text
    elif decision.action == Action.TERUGMELDEN:
        honoured_before = decision.state == Reported.GEHONOREERD and decision.made < from_sql(row["first_seen"])
        verdict.reference, verdict.remark = decision.reference, None
        verdict.reference_state = None if honoured_before else decision.state
        if honoured_before:
            verdict.remark = "kwam terug nadat de terugmelding was gehonoreerd"
        elif decision.state == Reported.AFGEWEZEN:
            verdict.remark = "de terugmelding is afgewezen"


def _fitting(decisions: Sequence[Decision], rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Decision, list[int]]]:
    """Per decision on a pattern the findings it fits that were there while it held."""
    patterns = [decision for decision in decisions if decision.pattern is not None]
    if not patterns:
        return
    names = ("id", "first_seen", "field", "kind", "rule", "cause", "distributie", "afnemer_value")
    findings = pl.DataFrame([{name: row[name] for name in names} for row in rows], {n: LIFE_COLUMNS[n] for n in names})
    for decision in patterns:
        if decision.pattern is not None and decision.until is not None:
            there = pl.col("first_seen") < to_sql(decision.until)
            yield decision, findings.filter(there & decision.pattern.expr())["id"].to_list()


def _judge(
    verdict: _Verdict,
    row: Mapping[str, Any],
    as_of: _AsOf,
    withdrawn: set[int | None],
    values: Sequence[tuple[datetime, str]],
    vault: Vault,
) -> None:
    """Which acceptance holds; when none does, why the last one no longer does."""
    for decision in verdict.acceptances:
        since = (mac for seen, mac in values if seen > decision.made)
        changed = decision.values_mac is not None and any(
            mac != decision.values_mac for mac in (pair_mac(row, vault), *since)
        )
        if decision.id in withdrawn:
            verdict.remark = f"acceptatie {decision.id} is ingetrokken"
        elif changed:
            verdict.remark = f"acceptatie {decision.id} verviel: een waarde veranderde"
        elif decision.until is not None and decision.until <= as_of.moment:
            verdict.remark = f"acceptatie {decision.id} liep tot en met {decision.last_day:%d-%m-%Y}"
        else:
            verdict.decision = decision.id
    if verdict.decision is not None:
        verdict.remark = None


def _solved(connection: Connection, as_of: _AsOf, identities: Sequence[str]) -> dict[str, list[tuple[datetime, str]]]:
    """When each identity was solved: from then on it had another value, the right one, be it for a while."""
    found: dict[str, list[tuple[datetime, str]]] = {}
    for chunk in chunks(sorted(set(identities))):
        statement = (
            select(afwijking.c.identity, run.c.finished)
            .join(run, run.c.id == afwijking.c.closed_run)
            .where(afwijking.c.identity.in_(chunk), afwijking.c.closed_as == SOLVED)
            .where(afwijking.c.closed_run <= as_of.run_id)
        )
        for row in connection.execute(statement):
            found.setdefault(row.identity, []).append((from_sql(row.finished), ""))
    return found


def _values_since(
    connection: Connection, vault: Vault, as_of: _AsOf, identities: Sequence[str]
) -> dict[str, list[tuple[datetime, str]]]:
    """Of each identity the values it had, in all its intervals up to the run, and since when."""
    found: dict[str, list[tuple[datetime, str]]] = {}
    for chunk in chunks(sorted(set(identities))):
        statement = (
            select(afwijking.c.identity, versie.c.payload, run.c.finished)
            .join(versie, versie.c.afwijking_id == afwijking.c.id)
            .join(run, run.c.id == versie.c.run_id)
            .where(afwijking.c.identity.in_(chunk), versie.c.run_id <= as_of.run_id)
            .order_by(versie.c.run_id)
        )
        for row in connection.execute(statement):
            mac = pair_mac(opened_values(row.payload, row.identity, vault), vault)
            found.setdefault(row.identity, []).append((from_sql(row.finished), mac))
    return found
