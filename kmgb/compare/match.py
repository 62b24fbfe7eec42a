"""Which row belongs to which: primary key, then alternative keys for what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from kmgb.catalogue.columns import ROW, UNREADABLE
from kmgb.compare.kinds import KEY, KEY_SEPARATOR, OTHER
from kmgb.compare.plan import Plan

EXPECTED, VIA, OTHER_KEY = "__verwacht", "__via", KEY + OTHER


@dataclass(frozen=True, slots=True)
class Matched:
    """Every row of both sides in exactly one of these frames (rejected rows only when an alternative key found them).

    `pairs`: columns of the distribution, those of the application with suffix `__afnemer`, `__sleutel` (the
    distribution's), `__via` (the alternative key that found the pair; null for the primary key) and `__verwacht`
    (inside the population).
    """

    pairs: pl.LazyFrame
    missing: pl.LazyFrame  # distribution rows without partner, with __verwacht
    surplus: pl.LazyFrame  # application rows without partner
    aside: pl.LazyFrame  # application rows outside its own population
    duplicates_distributie: pl.LazyFrame
    duplicates_afnemer: pl.LazyFrame
    beside_distributie: pl.LazyFrame  # single distribution rows whose key occurs twice in the application
    beside_afnemer: pl.LazyFrame  # and the other way round


def match(distributie: pl.LazyFrame, afnemer: pl.LazyFrame, keyless: pl.LazyFrame, plan: Plan) -> Matched:
    """Line up both sides.

    Columns: both sides carry the keys and fields of `plan` in catalogue types, accepted rows only; `keyless` are rows
        of the application whose key is empty or unreadable, which an alternative key may still place.
    Nulls: a key is never null; an alternative key with an empty part finds nobody.
    """
    ours = _slim(distributie, plan, _key(plan.key), plan.population)
    everyone = _slim(afnemer, plan, _key(plan.key), plan.participates)
    theirs = everyone.filter(EXPECTED)
    double = pl.col(KEY).is_duplicated()
    single_ours, single_theirs = ours.filter(~double), theirs.filter(~double)
    twice_ours, twice_theirs = ours.filter(double), theirs.filter(double)
    pairs = _pairs(single_ours, single_theirs, (KEY,), None)
    missing = single_ours.join(theirs.select(KEY), on=KEY, how="anti")
    surplus = single_theirs.join(ours.select(KEY), on=KEY, how="anti")
    lost = _slim(keyless, plan, pl.lit(None, dtype=pl.String), plan.participates).filter(EXPECTED)
    found, missing, left_over = _by_alternatives(missing, pl.concat([surplus, lost]), plan)
    return Matched(
        pairs=pl.concat([pairs, *found]),
        missing=missing,
        surplus=left_over.filter(pl.col(KEY).is_not_null()),
        aside=everyone.filter(~pl.col(EXPECTED)),
        duplicates_distributie=twice_ours,
        duplicates_afnemer=twice_theirs,
        beside_distributie=single_ours.join(twice_theirs.select(KEY), on=KEY, how="semi"),
        beside_afnemer=single_theirs.join(twice_ours.select(KEY), on=KEY, how="semi"),
    )


def _slim(frame: pl.LazyFrame, plan: Plan, key: pl.Expr, expected: pl.Expr) -> pl.LazyFrame:
    """Only what the comparison looks at: a join moves every column it carries."""
    names = [cell.name for cell in plan.cells]
    known = frame.collect_schema().names()
    unreadable = [name + UNREADABLE for name in names if name + UNREADABLE in known]
    return frame.select(key.alias(KEY), expected.alias(EXPECTED), ROW, *names, *unreadable)


def _key(fields: Sequence[str]) -> pl.Expr:
    return pl.concat_str([pl.col(name).cast(pl.String) for name in fields], separator=KEY_SEPARATOR)


def _pairs(ours: pl.LazyFrame, theirs: pl.LazyFrame, on: Sequence[str], via: str | None) -> pl.LazyFrame:
    renamed = theirs.rename({name: name + OTHER for name in theirs.collect_schema().names()})
    joined = ours.join(renamed, left_on=list(on), right_on=[name + OTHER for name in on], how="inner", coalesce=False)
    return joined.with_columns(pl.lit(via, dtype=pl.String).alias(VIA))


def _by_alternatives(
    missing: pl.LazyFrame, surplus: pl.LazyFrame, plan: Plan
) -> tuple[list[pl.LazyFrame], pl.LazyFrame, pl.LazyFrame]:
    found = []
    for alternative in plan.alternatives:
        pairs = _pairs(_unique(missing, alternative), _unique(surplus, alternative), alternative, "+".join(alternative))
        missing = missing.join(pairs.select(KEY), on=KEY, how="anti")
        surplus = surplus.join(pairs.select(ROW + OTHER), left_on=ROW, right_on=ROW + OTHER, how="anti")
        found.append(pairs)
    return found, missing, surplus


def _unique(rows: pl.LazyFrame, key: Sequence[str]) -> pl.LazyFrame:
    """Rows that the alternative key can tell apart."""
    complete = rows.filter(pl.all_horizontal(*(pl.col(name).is_not_null() for name in key)))
    return complete.filter(~pl.struct(list(key)).is_duplicated())
