"""The life of findings in SQL: a run writes openings, closings and changed values, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import polars as pl
from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from kmgb.compare.kinds import FINDING_COLUMNS
from kmgb.store.schema import afwijking, run, versie
from kmgb.store.secrets import Value, Vault

VALUES = ("key", "key_field", "distributie_raw", "distributie", "afnemer_raw", "afnemer_value")
_Item = TypeVar("_Item")
_CHUNK = 400  # identities in one question: SQL Server takes 2,100 parameters, SQLite of old 999


_SCHEMA: dict[str, pl.DataType] = {
    **{name: pl.String() for name in FINDING_COLUMNS},
    "first_seen": pl.Datetime("us"),
    "opened_run": pl.Int64(),
    "predecessor": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class Changes:
    """How many findings a run opened, closed, found with other values, and found unchanged."""

    opened: int
    closed: int
    changed: int
    unchanged: int


NOTHING_CHANGED = Changes(0, 0, 0, 0)


def record(connection: Connection, vault: Vault, run_id: int, names: tuple[str, str], found: pl.DataFrame) -> Changes:
    """Write what changed since the open findings of this controle (`names` = afnemer, entity).

    Columns: `found` has FINDING_COLUMNS. Cost: one read of the open identities, and rows in proportion to the changes.
    """
    keyed = _with_identity(found, vault, names)
    standing = _open_findings(connection, names)
    joined = keyed.join(standing, on="identity", how="full", coalesce=True)
    new = joined.filter(pl.col("id").is_null())
    gone = joined.filter(pl.col("kind").is_null())
    same = joined.filter(pl.col("id").is_not_null() & pl.col("kind").is_not_null())
    changed = same.filter(pl.col("values_mac") != pl.col("standing_mac"))
    _close(connection, run_id, gone["id"].to_list())
    _open(connection, vault, run_id, names, new)
    _write_versions(connection, vault, run_id, changed.iter_rows(named=True))
    return Changes(new.height, gone.height, changed.height, same.height - changed.height)


def findings_at(connection: Connection, vault: Vault, names: tuple[str, str], run_id: int) -> pl.DataFrame:
    """The findings as they stood after `run_id`: opened at or before it, and not closed by then.

    Columns: FINDING_COLUMNS, `first_seen` (UTC), `opened_run`, `predecessor`; sorted by key, field and kind.
    """
    newest = (
        select(versie.c.afwijking_id, func.max(versie.c.run_id).label("run_id"))
        .where(versie.c.run_id <= run_id)
        .group_by(versie.c.afwijking_id)
        .subquery()
    )
    statement = (
        select(
            afwijking.c.identity, afwijking.c.field, afwijking.c.opened_run, afwijking.c.predecessor,
            versie.c.kind, versie.c.rule, versie.c.severity, versie.c.payload, run.c.finished.label("first_seen"),
        )
        .join(newest, newest.c.afwijking_id == afwijking.c.id)
        .join(versie, and_(versie.c.afwijking_id == newest.c.afwijking_id, versie.c.run_id == newest.c.run_id))
        .join(run, run.c.id == afwijking.c.opened_run)
        .where(
            afwijking.c.afnemer == names[0],
            afwijking.c.entity == names[1],
            afwijking.c.opened_run <= run_id,
            or_(afwijking.c.closed_run.is_(None), afwijking.c.closed_run > run_id),
        )
    )  # fmt: skip
    rows = [_opened(row._mapping, vault) for row in connection.execute(statement)]
    return pl.DataFrame(rows, schema=_SCHEMA).sort("key", "field", "kind", "rule", nulls_last=True)


def changes_of(connection: Connection, run_id: int) -> Changes:
    """What one run opened, closed and changed; what it left alone is not counted."""

    def number(where: ColumnElement[bool]) -> int:
        return connection.execute(select(func.count()).select_from(afwijking).where(where)).scalar_one()

    opened, closed = number(afwijking.c.opened_run == run_id), number(afwijking.c.closed_run == run_id)
    versions = select(func.count()).select_from(versie).where(versie.c.run_id == run_id)
    return Changes(opened, closed, connection.execute(versions).scalar_one() - opened, 0)


def _opened(row: Any, vault: Vault) -> dict[str, Any]:
    values = dict(zip(VALUES, vault.open(row["payload"], row["identity"]), strict=True))
    rest = {
        name: row[name] for name in ("field", "kind", "rule", "severity", "first_seen", "opened_run", "predecessor")
    }
    return values | rest


def _with_identity(found: pl.DataFrame, vault: Vault, names: tuple[str, str]) -> pl.DataFrame:
    """Identities and the hash of the values. One Python step per finding: keyed hashes exist outside polars only."""
    afnemer, entity = names
    identities, macs = [], []
    for row in found.iter_rows(named=True):
        # Two findings about one whole row are told apart by their kind; a cell has at most one finding.
        aspect = row["field"] or row["kind"]
        identities.append(vault.identity(afnemer, entity, row["key"], aspect))
        macs.append(vault.identity(*(str(row[name]) for name in (*VALUES, "kind", "rule", "severity"))))
    return found.with_columns(
        pl.Series("identity", identities, dtype=pl.String), pl.Series("values_mac", macs, dtype=pl.String)
    )


def _open_findings(connection: Connection, names: tuple[str, str]) -> pl.DataFrame:
    newest = (
        select(versie.c.afwijking_id, func.max(versie.c.run_id).label("run_id"))
        .join(afwijking, afwijking.c.id == versie.c.afwijking_id)
        .where(afwijking.c.afnemer == names[0], afwijking.c.entity == names[1], afwijking.c.closed_run.is_(None))
        .group_by(versie.c.afwijking_id)
        .subquery()
    )
    statement = (
        select(afwijking.c.id, afwijking.c.identity, versie.c.values_mac)
        .join(newest, newest.c.afwijking_id == afwijking.c.id)
        .join(versie, and_(versie.c.afwijking_id == newest.c.afwijking_id, versie.c.run_id == newest.c.run_id))
    )
    rows = connection.execute(statement).all()
    schema = {"id": pl.Int64, "identity": pl.String, "standing_mac": pl.String}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def _close(connection: Connection, run_id: int, ids: Sequence[int]) -> None:
    for chunk in _chunks(ids):
        closing = update(afwijking).where(afwijking.c.id.in_(chunk))
        connection.execute(closing.values(closed_run=run_id, closed_as="opgelost"))


def _open(connection: Connection, vault: Vault, run_id: int, names: tuple[str, str], new: pl.DataFrame) -> None:
    if not new.height:
        return
    identities = new["identity"].to_list()
    predecessors = _newest_closed(connection, identities)
    rows = [
        {
            "identity": identity,
            "afnemer": names[0],
            "entity": names[1],
            "field": field,
            "opened_run": run_id,
            "predecessor": predecessors.get(identity),
        }
        for identity, field in zip(identities, new["field"].to_list(), strict=True)
    ]
    connection.execute(insert(afwijking), rows)
    numbered = _ids(connection, run_id, names)
    with_id = new.drop("id").join(numbered, on="identity", how="inner")
    _write_versions(connection, vault, run_id, with_id.iter_rows(named=True))


def _newest_closed(connection: Connection, identities: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in _chunks(identities):
        statement = (
            select(afwijking.c.identity, func.max(afwijking.c.id))
            .where(afwijking.c.identity.in_(chunk))
            .group_by(afwijking.c.identity)
        )
        found |= {row[0]: row[1] for row in connection.execute(statement)}
    return found


def _ids(connection: Connection, run_id: int, names: tuple[str, str]) -> pl.DataFrame:
    statement = select(afwijking.c.identity, afwijking.c.id).where(
        afwijking.c.opened_run == run_id, afwijking.c.afnemer == names[0], afwijking.c.entity == names[1]
    )
    rows = [tuple(row) for row in connection.execute(statement)]
    return pl.DataFrame(rows, schema={"identity": pl.String, "id": pl.Int64}, orient="row")


def _write_versions(connection: Connection, vault: Vault, run_id: int, rows: Iterable[dict[str, Any]]) -> None:
    versions = [_version(row, vault, run_id) for row in rows]
    if versions:
        connection.execute(insert(versie), versions)


def _version(row: dict[str, Any], vault: Vault, run_id: int) -> dict[str, Any]:
    values: list[Value] = [row[name] for name in VALUES]
    return {
        "afwijking_id": row["id"],
        "run_id": run_id,
        "kind": row["kind"],
        "rule": row["rule"],
        "severity": row["severity"],
        "values_mac": row["values_mac"],
        "payload": vault.seal(values, row["identity"]),
    }


def _chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
