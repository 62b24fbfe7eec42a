"""One delivered frame -> a validated side of a comparison: normalised, the current rows chosen, checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from kmgb.catalogue.calendar import jjjjmmdd
from kmgb.catalogue.fields import Catalogue, Entity
from kmgb.compare.comparison import Side
from kmgb.mapping.model import EntiteitMapping
from kmgb.normalise.frame import normalise, normalised_fields
from kmgb.validate import validate


@dataclass(frozen=True, slots=True)
class Prepared:
    """A side and its counts: rows in = accepted + rejected + past."""

    side: Side
    rows: int
    rejected: int
    past: int


def prepare(
    frame: pl.LazyFrame,
    mapping: EntiteitMapping,
    entity: Entity,
    catalogue: Catalogue,
    *,
    key: tuple[str, ...],
    history: bool,
    day: date,
) -> Prepared:
    """Read the frame once and make it ready. With `history` every voorkomen stays, else the one current on `day`.

    A voorkomen that was put right on the day it began was never valid, and does not count in either case.
    """
    whole = normalise(_collected(frame), mapping, entity, catalogue)
    if history:
        current = whole.filter(_lasted(whole, entity))
    else:
        current = whole if mapping.historie == "geen" else whole.filter(_is_current(whole, entity, day))
    fields = normalised_fields(mapping, entity)
    allowed = {name: tuple(code.code for code in codes) for name, codes in catalogue.code_lists.items()}
    checked = validate(current, fields, key, allowed, day)
    if checked.accepted.height + checked.rejected.height != current.height:
        raise AssertionError("rows were lost between normalising and validating")
    return Prepared(
        side=Side(checked.accepted, checked.rejected, checked.invalid),
        rows=whole.height,
        rejected=checked.rejected.height,
        past=whole.height - current.height,
    )


def _collected(frame: pl.LazyFrame) -> pl.DataFrame:
    """The frame with every column in one piece; the pieces are given back column by column, for the next to use."""
    columns = frame.collect().get_columns()
    for place, column in enumerate(columns):
        columns[place] = column.rechunk()
    return pl.DataFrame(columns)


def _lasted(frame: pl.DataFrame, entity: Entity) -> pl.Expr:
    """False for a voorkomen that ended the day it began: it shares its begin with the one that replaced it."""
    begin, end = entity.version, entity.version_end
    if begin is None or end is None or not {begin.name, end.name} <= set(frame.columns):
        return pl.lit(value=True)
    return (pl.col(begin.name) != pl.col(end.name)).fill_null(value=True)


def _is_current(frame: pl.DataFrame, entity: Entity, day: date) -> pl.Expr:
    """The voorkomen valid on `day`: begin <= day < end, and not withdrawn. Source: domain notes section 7.

    A row whose begin cannot be read is kept, so that it is reported instead of lost.
    """
    today = jjjjmmdd(day)
    current = pl.lit(value=True)
    if entity.version is not None and entity.version.name in frame.columns:
        current = current & (pl.col(entity.version.name) <= today).fill_null(value=True)
    if entity.version_end is not None and entity.version_end.name in frame.columns:
        current = current & (pl.col(entity.version_end.name) > today).fill_null(value=True)
    if "indicatie_actief" in frame.columns:
        current = current & (pl.col("indicatie_actief") != "N").fill_null(value=True)
    return current
