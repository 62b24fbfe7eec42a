"""The life of findings in SQL: a run writes openings, closings, changed versions and what it could not judge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import polars as pl
from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from kmgb.errors import StoreError
from kmgb.store.schema import QUARANTINE, afwijking, onbekend, run, versie
from kmgb.store.secrets import Value, Vault

SOLVED, OUTSIDE, DROPPED = "opgelost", "buiten_populatie", "niet_meer_vergeleken"
_CLOSINGS = (SOLVED, OUTSIDE, DROPPED)
UNKNOWN = "onbekend"
# What became of a key that has no finding any more, in words of the comparison, and how the finding then closes.
_CLOSES_AS = {"vergeleken": SOLVED, "weg": SOLVED, "buiten_populatie": OUTSIDE}

VALUES = ("key", "key_field", "distributie_raw", "distributie", "afnemer_raw", "afnemer_value")
SEALED = (*VALUES, "cause_evidence")
# The explanation of a finding that nobody explained.
UNEXPLAINED: Mapping[str, str | None] = {
    "cause": "onbekend",
    "cause_evidence": "",
    "former_until": None,
    "next_step": None,
    "transform": None,
}
# The rule of a finding of a check of data against each other starts so; the code of the check follows. A cell can have
# a finding of the comparison and one of every check.
CHECK = "kruiscontrole:"
_EXPLANATION = (
    "cause",
    "former_until",
    "next_step",
    "transform",
)  # a change of these is a new version; the evidence is not
_STANDING = ("id", "identity", "values_mac", *_EXPLANATION)
_LASTING, _PASSING = ("niet_verzonden", "niet_ontvangen", "handmatig"), "onderweg"
_Item = TypeVar("_Item")
_CHUNK = 400  # identities in one question: SQL Server takes 2,100 parameters, SQLite of old 999

Fates = Callable[[Sequence[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Changes:
    """How many findings a run opened, closed, found with another version, and found unchanged.

    `unknown` are open findings the run could not judge. Of the `closed`, `outside` left the population and `dropped`
    are about a field that is no longer compared: only the rest was solved.
    """

    opened: int
    closed: int
    changed: int
    unchanged: int
    unknown: int = 0
    outside: int = 0
    dropped: int = 0

    @property
    def solved(self) -> int:
        """The closings that are an improvement."""
        return self.closed - self.outside - self.dropped


NOTHING_CHANGED = Changes(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class _Gone:
    """A finding that was not found again: its key, and the field or check it is about ("" for a whole row)."""

    key: str
    about: str
    of_key: bool


def all_compared(keys: Sequence[str]) -> dict[str, str]:
    """The fates of a run in which every key was compared."""
    return dict.fromkeys(keys, "vergeleken")


def record(
    connection: Connection,
    vault: Vault,
    run_id: int,
    names: tuple[str, str],
    found: pl.DataFrame,
    *,
    fates: Fates = all_compared,
    compared: Collection[str] | None = None,
    undecided: Collection[str] = (),
) -> Changes:
    """Write what changed since the open findings of this controle (`names` = afnemer, entity).

    `fates` tells of keys that lost a finding what became of them: vergeleken, weg, buiten_populatie or onbekend; a key
    it leaves out is onbekend. `compared` are the fields this run compared and the rules of the checks that are made
    (None is all); a finding of anything else closes as niet_meer_vergeleken. `undecided` are those of them that this
    run could not judge at all: their findings stay open; CHECK itself stands for every check.
    Columns: `found` has FINDING_COLUMNS, and what explaining adds (cause to transform) when it was explained.
    Cost: one read of the open identities, and rows in proportion to the changes and to what could not be judged.
    Raises: StoreError when two findings have one identity.
    """
    keyed = _with_identity(_explained(found), vault, names)
    standing = _open_findings(connection, names)
    # In their own order: the same findings get the same numbers everywhere.
    joined = keyed.join(
        standing, on="identity", how="full", coalesce=True, suffix="_standing", maintain_order="left_right"
    )
    new = joined.filter(pl.col("id").is_null())
    gone = joined.filter(pl.col("kind").is_null())
    same = joined.filter(pl.col("id").is_not_null() & pl.col("kind").is_not_null())
    same = _still_explained(same)
    differs = [pl.col(name).ne_missing(pl.col(f"{name}_standing")) for name in ("values_mac", *_EXPLANATION)]
    changed = same.filter(pl.any_horizontal(differs))
    ends = _ends(_gone(connection, vault, gone["id"].to_list()), fates, compared, undecided)
    for ending in _CLOSINGS:
        _close(connection, run_id, [number for number, end in ends.items() if end == ending], ending)
    unknown = [{"run_id": run_id, "afwijking_id": number} for number, end in ends.items() if end == UNKNOWN]
    if unknown:
        connection.execute(insert(onbekend), unknown)
    _open(connection, vault, run_id, names, new)
    _write_versions(connection, vault, run_id, changed.iter_rows(named=True))
    ended = list(ends.values())
    return Changes(
        opened=new.height,
        closed=len(ended) - len(unknown),
        changed=changed.height,
        unchanged=same.height - changed.height,
        unknown=len(unknown),
        outside=ended.count(OUTSIDE),
        dropped=ended.count(DROPPED),
    )


def _still_explained(same: pl.DataFrame) -> pl.DataFrame:
    """What was proven of a missed change or of handwork stays so while the values do, also when the log that proved it
    no longer reaches so far.
    """
    alike = pl.col("values_mac") == pl.col("values_mac_standing")
    proven = pl.col("cause_standing").is_in(_LASTING) | pl.col("former_until_standing").is_not_null()
    untold = (pl.col("cause") == UNEXPLAINED["cause"]) & pl.col("former_until").is_null()
    lasts = (alike & proven & untold & (pl.col("cause_standing") != _PASSING)).fill_null(value=False)
    return same.with_columns(
        pl.when(lasts).then(pl.col(f"{name}_standing")).otherwise(name).alias(name) for name in _EXPLANATION
    )


def changes_of(connection: Connection, run_id: int) -> Changes:
    """What one run opened, closed and changed; what it left alone is not counted."""

    def number(where: ColumnElement[bool]) -> int:
        return connection.execute(select(func.count()).select_from(afwijking).where(where)).scalar_one()

    closed = {
        ending: number(and_(afwijking.c.closed_run == run_id, afwijking.c.closed_as == ending)) for ending in _CLOSINGS
    }
    opened = number(afwijking.c.opened_run == run_id)
    versions = select(func.count()).select_from(versie).where(versie.c.run_id == run_id)
    return Changes(
        opened=opened,
        closed=sum(closed.values()),
        changed=connection.execute(versions).scalar_one() - opened,
        unchanged=0,
        unknown=_unknown(connection, run_id),
        outside=closed[OUTSIDE],
        dropped=closed[DROPPED],
    )


def _unknown(connection: Connection, run_id: int) -> int:
    """What a run could not judge: what it listed, or everything that was open when it was put in quarantaine."""
    this = connection.execute(select(run.c.status, run.c.afnemer, run.c.entity).where(run.c.id == run_id)).one()
    if this.status != QUARANTINE:
        listed = select(func.count()).select_from(onbekend).where(onbekend.c.run_id == run_id)
        return connection.execute(listed).scalar_one()
    standing = (*opened_by((this.afnemer, this.entity), run_id), not_closed_by(run_id))
    return connection.execute(select(func.count()).select_from(afwijking).where(*standing)).scalar_one()


def opened_by(names: tuple[str, str], run_id: int) -> tuple[ColumnElement[bool], ...]:
    """The conditions of an interval of a controle that was opened at or before a run."""
    return afwijking.c.afnemer == names[0], afwijking.c.entity == names[1], afwijking.c.opened_run <= run_id


def not_closed_by(run_id: int) -> ColumnElement[bool]:
    """The condition of an interval that still stood after a run."""
    return or_(afwijking.c.closed_run.is_(None), afwijking.c.closed_run > run_id)


def opened_values(payload: bytes, identity: str, vault: Vault) -> dict[str, Value]:
    """The sealed columns of a version. Versions from before causes existed have no evidence."""
    values = vault.open(payload, identity)
    return dict(zip(SEALED, [*values, *[""] * (len(SEALED) - len(values))], strict=True))


def _explained(found: pl.DataFrame) -> pl.DataFrame:
    absent = [pl.lit(v, dtype=pl.String).alias(name) for name, v in UNEXPLAINED.items() if name not in found.columns]
    return found.with_columns(absent).with_columns(pl.col("cause").fill_null("onbekend"))


def _with_identity(found: pl.DataFrame, vault: Vault, names: tuple[str, str]) -> pl.DataFrame:
    """Identities and the hash of the values. One Python step per finding: keyed hashes exist outside polars only."""
    afnemer, entity = names
    identities, macs = [], []
    for row in found.iter_rows(named=True):
        identities.append(identity_of(vault, afnemer, entity, row["key"], _aspect(row)))
        macs.append(vault.identity(*(str(row[name]) for name in (*VALUES, "kind", "rule", "severity"))))
    keyed = found.with_columns(
        pl.Series("identity", identities, dtype=pl.String), pl.Series("values_mac", macs, dtype=pl.String)
    )
    twice = keyed.filter(pl.col("identity").is_duplicated())
    if twice.height:
        what = ", ".join(sorted({_aspect(row) for row in twice.iter_rows(named=True)}))
        raise StoreError(
            f"{afnemer}, {entity}: {twice.height} bevindingen zijn niet uit elkaar te houden ({what}); er is niets "
            "vastgelegd. Dit is een fout in kmgb: geef deze zin door aan de beheerder."
        )
    return keyed


def identity_of(vault: Vault, afnemer: str, entity: str, key: str, aspect: str) -> str:
    """What a finding is called. `aspect` is its field, the kind of one about a whole row, or the rule of a check."""
    return vault.identity(afnemer, entity, key, aspect)


def _aspect(row: Mapping[str, Any]) -> str:
    rule = row["rule"] or ""
    return str(rule if rule.startswith(CHECK) else row["field"] or row["kind"])


def _open_findings(connection: Connection, names: tuple[str, str]) -> pl.DataFrame:
    newest = (
        select(versie.c.afwijking_id, func.max(versie.c.run_id).label("run_id"))
        .join(afwijking, afwijking.c.id == versie.c.afwijking_id)
        .where(afwijking.c.afnemer == names[0], afwijking.c.entity == names[1], afwijking.c.closed_run.is_(None))
        .group_by(versie.c.afwijking_id)
        .subquery()
    )
    statement = (
        select(afwijking.c.id, afwijking.c.identity, versie.c.values_mac, *(versie.c[name] for name in _EXPLANATION))
        .join(newest, newest.c.afwijking_id == afwijking.c.id)
        .join(versie, and_(versie.c.afwijking_id == newest.c.afwijking_id, versie.c.run_id == newest.c.run_id))
    )
    rows = [tuple(row) for row in connection.execute(statement)]
    schema = {name: pl.Int64 if name == "id" else pl.String for name in _STANDING}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _gone(connection: Connection, vault: Vault, ids: Sequence[int]) -> dict[int, _Gone]:
    """The findings that were not found again. What they are about never changes: their opening tells it."""
    found: dict[int, _Gone] = {}
    for chunk in chunks(ids):
        opening = and_(versie.c.afwijking_id == afwijking.c.id, versie.c.run_id == afwijking.c.opened_run)
        statement = select(afwijking.c.id, afwijking.c.identity, afwijking.c.field, versie.c.rule, versie.c.payload)
        for row in connection.execute(statement.join(versie, opening).where(afwijking.c.id.in_(chunk))):
            values = opened_values(row.payload, row.identity, vault)
            about = row.rule if (row.rule or "").startswith(CHECK) else row.field
            of_key = about in (values["key_field"] or "").split("|")
            found[row.id] = _Gone(values["key"] or "", about, of_key)
    return found


def _ends(
    gone: Mapping[int, _Gone], fates: Fates, compared: Collection[str] | None, undecided: Collection[str]
) -> dict[int, str]:
    """How each finding that was not found again ends. Whole rows and the fields of a key are always compared."""
    asked = sorted({one.key for one in gone.values()})
    told = fates(asked) if asked else {}

    def end(one: _Gone) -> str:
        known = compared is None or one.about in compared or (CHECK in undecided and one.about.startswith(CHECK))
        if one.about and not one.of_key and not known:
            return DROPPED
        unjudged = one.about in undecided or (CHECK in undecided and one.about.startswith(CHECK))
        fate = UNKNOWN if unjudged else told.get(one.key, UNKNOWN)
        return _CLOSES_AS.get(fate, UNKNOWN)

    return {number: end(one) for number, one in gone.items()}


def _close(connection: Connection, run_id: int, ids: Sequence[int], ending: str) -> None:
    for chunk in chunks(ids):
        closing = update(afwijking).where(afwijking.c.id.in_(chunk))
        connection.execute(closing.values(closed_run=run_id, closed_as=ending))


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
    numbered = _ids(connection, run_id)
    with_id = new.drop("id").join(numbered, on="identity", how="inner")
    _write_versions(connection, vault, run_id, with_id.iter_rows(named=True))


def _newest_closed(connection: Connection, identities: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunks(identities):
        statement = (
            select(afwijking.c.identity, func.max(afwijking.c.id))
            .where(afwijking.c.identity.in_(chunk))
            .group_by(afwijking.c.identity)
        )
        found |= {row[0]: row[1] for row in connection.execute(statement)}
    return found


def _ids(connection: Connection, run_id: int) -> pl.DataFrame:
    statement = select(afwijking.c.identity, afwijking.c.id).where(afwijking.c.opened_run == run_id)
    rows = [tuple(row) for row in connection.execute(statement)]
    return pl.DataFrame(rows, schema={"identity": pl.String, "id": pl.Int64}, orient="row")


def _write_versions(connection: Connection, vault: Vault, run_id: int, rows: Iterable[dict[str, Any]]) -> None:
    versions = [_version(row, vault, run_id) for row in rows]
    if versions:
        connection.execute(insert(versie), versions)


def _version(row: dict[str, Any], vault: Vault, run_id: int) -> dict[str, Any]:
    clear = {name: row[name] for name in ("kind", "rule", "severity", "values_mac", *_EXPLANATION)}
    payload = vault.seal([row[name] for name in SEALED], row["identity"])
    return {"afwijking_id": row["id"], "run_id": run_id, "payload": payload} | clear


def chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """The items in parts that fit one question to any of the databases."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
