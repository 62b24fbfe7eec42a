"""Whether what a row refers to exists in the distribution, and whether the row found there is as it must be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from kmgb.catalogue.fields import Catalogue, Entity
from kmgb.crosscheck.load import helpers_in
from kmgb.crosscheck.model import Controle
from kmgb.crosscheck.tables import Table, where_readable
from kmgb.population import parse_judgement

_VALUE, _PLACE, _FOUND, _GOOD = "__waarde", "__plaats", "__gevonden", "__goed"


def existing(
    check: Controle, rows: pl.DataFrame, registers: Mapping[str, Table], catalogue: Catalogue, day: date
) -> tuple[pl.Series, pl.Series]:
    """Per row whether its reference was found, and whether it is right: found, and `waarbij` holds.

    Nulls: no reference, an unreadable one, or one that may be in what was not delivered, set aside or not whole. With
    several references in one column all must be right.
    """
    known = _known(check, registers, catalogue, day)
    sought = _sought(check, rows)
    joined = sought.join(known, on=_VALUE, how="left", maintain_order="left")
    elsewhere = _may_be_elsewhere(check, registers, catalogue)
    # A value with a row in `known` was found; whether it is right may still be unknown.
    found = pl.when(pl.col(_FOUND)).then(True).when(pl.col(_VALUE).is_not_null() & ~elsewhere).then(False)
    right = pl.when(pl.col(_FOUND)).then(pl.col(_GOOD)).otherwise(found)
    parts = joined.select(_PLACE, found.alias(_FOUND), right.alias(_GOOD))
    if check.scheidingsteken:
        every = [pl.col(name).all(ignore_nulls=False) for name in (_FOUND, _GOOD)]
        parts = parts.group_by(_PLACE).agg(every).sort(_PLACE)
    return parts[_FOUND], parts[_GOOD]


def _known(check: Controle, registers: Mapping[str, Table], catalogue: Catalogue, day: date) -> pl.DataFrame:
    """Every key that can be referred to, and whether one of its rows is as `waarbij` asks."""
    parts = []
    for name in check.verwijst_naar:
        if name in registers:
            parts += _keys(check, registers[name], catalogue[name], catalogue, day)
    every = pl.concat(parts).filter(pl.col(_VALUE).is_not_null())
    grouped = every.group_by(_VALUE).agg(pl.col(_GOOD).any(ignore_nulls=False))
    return grouped.with_columns(pl.lit(value=True).alias(_FOUND))


def _keys(check: Controle, table: Table, entity: Entity, catalogue: Catalogue, day: date) -> list[pl.DataFrame]:
    fields = {name: entity[name] for name in entity.names}
    where = parse_judgement(check.waarbij, fields, day, catalogue, helpers_in(check.waarbij))
    good = where_readable(where, table.accepted)
    value = pl.col(entity.primary.name).cast(pl.String).alias(_VALUE)
    keys = [table.accepted.select(value, good.cast(pl.Boolean).alias(_GOOD))]
    if table.rejected is not None:
        unsure = pl.lit(None, dtype=pl.Boolean) if check.waarbij else pl.lit(value=True)
        keys.append(table.rejected.select(value, unsure.alias(_GOOD)))
    return keys


def _sought(check: Controle, rows: pl.DataFrame) -> pl.DataFrame:
    """One row per reference: `__plaats` of its row, and `__waarde`."""
    column = check.reference
    value = pl.col(column).cast(pl.String)
    if check.scheidingsteken:
        value = value.str.split(check.scheidingsteken)
    sought = rows.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias(_PLACE), value.alias(_VALUE))
    if not check.scheidingsteken:
        return sought
    apart = sought.explode(_VALUE).with_columns(pl.col(_VALUE).str.strip_chars())
    return apart.with_columns(pl.when(pl.col(_VALUE) != "").then(pl.col(_VALUE)).alias(_VALUE))


def _may_be_elsewhere(check: Controle, registers: Mapping[str, Table], catalogue: Catalogue) -> pl.Expr:
    """True for a reference whose absence says nothing: its kind of object was not delivered, or not whole."""
    unsure = [name for name in check.verwijst_naar if name not in registers or not registers[name].whole]
    types = [code for name in unsure for code in _object_types(catalogue[name])]
    if len(types) < len(unsure):  # a kind of object that cannot be told from the reference
        return pl.lit(value=True)
    return pl.col(_VALUE).str.slice(4, 2).is_in(types) if types else pl.lit(value=False)


def _object_types(entity: Entity) -> list[str]:
    """The digits 5 and 6 of this entity's BAG identifiers; none outside the BAG. Source: Catalogus BAG par. 3.7.1."""
    checks = (check.partition(":") for check in entity.primary.checks)
    return [types for name, _, types in checks if name == "bag_id"]
