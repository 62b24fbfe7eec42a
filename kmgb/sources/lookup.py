"""Columns of a second file beside every row: `met` (ours) meets `op` (theirs), known as "<opzoeking>.<kolom>"."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from kmgb.catalogue.columns import FAULT
from kmgb.mapping.model import EntiteitMapping, Opzoeken

_KEY = "__sleutel"
_NEWEST = "__nieuwste"


def own_columns(entity: EntiteitMapping) -> list[str]:
    """The columns needed from the entity's own file: those of fields, helper fields and lookups."""
    fields = [*entity.velden.values(), *entity.hulp.values()]
    named = [column for field in fields for column in field.columns] + [o.met for o in entity.opzoeken.values()]
    return [column for column in dict.fromkeys(named) if not _is_looked_up(column, entity)]


def lookup_columns(lookup: Opzoeken) -> list[str]:
    """The columns needed from the file of one lookup."""
    newest = (lookup.nieuwste_op,) if lookup.nieuwste_op else ()
    return list(dict.fromkeys([lookup.op, *lookup.kolommen, *lookup.alleen_als, *newest]))


def join_lookups(frame: pl.LazyFrame, found: Iterable[tuple[str, Opzoeken, pl.LazyFrame]]) -> pl.LazyFrame:
    """The frame with the columns of every lookup beside it, in order; a later lookup may start from an earlier one.

    Columns: as delivered, plus "<opzoeking>.<kolom>" per lookup; row order and number of rows stay as they are.
    Nulls: a row that finds nothing, or has no key, gets nulls.
    """
    for name, lookup, theirs in found:
        frame = frame.join(
            _table(name, lookup, theirs), left_on=lookup.met, right_on=_KEY, how="left", maintain_order="left"
        )
    fault = pl.col(FAULT)
    return frame.select(pl.exclude(FAULT), fault)


def _table(name: str, lookup: Opzoeken, theirs: pl.LazyFrame) -> pl.LazyFrame:
    """One row per key: the newest by `nieuwste_op`, else the first in the file. Faulty rows answer nothing."""
    wanted = [pl.col(FAULT).is_null(), pl.col(lookup.op) != ""]
    table = theirs.filter(*wanted, *(_filled(column) == value for column, value in lookup.alleen_als.items()))
    if lookup.nieuwste_op:
        # Text orders ISO dates, not numbers of different length: 10 is newer than 9.
        newest = pl.col(lookup.nieuwste_op)
        table = table.with_columns(newest.cast(pl.Int64, strict=False).alias(_NEWEST))
        table = table.sort(_NEWEST, newest, descending=True, nulls_last=True, maintain_order=True)
    table = table.unique(subset=lookup.op, keep="first", maintain_order=True)
    columns = [pl.col(column).alias(f"{name}.{column}") for column in dict.fromkeys(lookup.kolommen)]
    return table.select(pl.col(lookup.op).alias(_KEY), *columns)


def _filled(column: str) -> pl.Expr:
    """The text of a column; what is absent (an XML element, a JSON key) counts as empty."""
    return pl.col(column).fill_null("")


def _is_looked_up(column: str, entity: EntiteitMapping) -> bool:
    return any(column.startswith(f"{name}.") for name in entity.opzoeken)
