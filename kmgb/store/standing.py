"""Which findings stood already when everything began to be known: of those nobody can tell how they came about."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from sqlalchemy import Connection, func, or_, select

from kmgb.store.database import to_sql
from kmgb.store.findings import SOLVED, chunks, identity_of
from kmgb.store.schema import DONE, aanlevering, afwijking, run
from kmgb.store.secrets import Vault

_COMPARED = "vergeleken"


def stood_since(
    connection: Connection, vault: Vault, names: tuple[str, str], since: datetime, rows: pl.DataFrame
) -> pl.Series:
    """Per row whether it was so, or may have been, when the distribution stood at `since`.

    Only a finding that a run of since then did not have came about later. Without such a run, or when that run did not
    compare the field yet, nobody can tell.
    Columns: `rows` has key, field and kind.
    """
    first = _first_runs(connection, names, since)
    cells = list(rows.select("key", "field", "kind").iter_rows())
    identities = [identity_of(vault, *names, key, field or kind) for key, field, kind in cells]
    opened: dict[str, int] = {}
    for chunk in chunks(identities):
        # One that closed for another reason than being solved (its field was dropped for a while) never went away.
        still = or_(afwijking.c.closed_run.is_(None), afwijking.c.closed_as != SOLVED)
        statement = (
            select(afwijking.c.identity, func.min(afwijking.c.opened_run).label("opened_run"))
            .where(afwijking.c.identity.in_(chunk), still)
            .group_by(afwijking.c.identity)
        )
        opened |= {row.identity: row.opened_run for row in connection.execute(statement)}
    found = [
        field not in first or (identity in opened and opened[identity] <= first[field])
        for identity, (_, field, _) in zip(identities, cells, strict=True)
    ]
    return pl.Series(found, dtype=pl.Boolean)


def _first_runs(connection: Connection, names: tuple[str, str], since: datetime) -> dict[str, int]:
    """Per field the first run of since then that compared it; "" for whole rows."""
    statement = (
        select(run.c.id, run.c.facts)
        .join(aanlevering, aanlevering.c.id == run.c.distributie_id)
        .where(run.c.afnemer == names[0], run.c.entity == names[1], run.c.status == DONE)
        .where(aanlevering.c.peildatum >= to_sql(since))
        .order_by(run.c.id)
    )
    first: dict[str, int] = {}
    for row in connection.execute(statement):
        compared = [one["field"] for one in row.facts.get("coverage", ()) if one["coverage"] == _COMPARED]
        for name in ("", *compared):
            first.setdefault(name, row.id)
    return first
