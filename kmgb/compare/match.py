"""Which row belongs to which: primary key, then alternative keys for what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from kmgb.catalogue.columns import ROW, UNREADABLE
from kmgb.compare.kinds import KEY, KEY_SEPARATOR, OTHER
from kmgb.compare.plan import Plan

EXPECTED, VIA, OTHER_KEY = "__verwacht", "__via", KEY + OTHER
_PLACE, _DOUBLE = "__plaats", -1


@dataclass(frozen=True, slots=True)
class Matched:
    """Every row of both sides in exactly one of these frames (rejected rows only when an alternative key found them).

    `pairs`: columns of the distribution, those of the application with suffix `__afnemer`, `__sleutel` (the
    distribution's), `__via` (the alternative key that found the pair; null for the primary key) and `__verwacht`
    (inside the population).
    """

    pairs: pl.DataFrame
    missing: pl.DataFrame  # distribution rows without partner, with __verwacht
    surplus: pl.DataFrame  # application rows without partner
    aside: pl.DataFrame  # application rows outside its own population
    duplicates_distributie: pl.DataFrame
    duplicates_afnemer: pl.DataFrame
    beside_distributie: pl.DataFrame  # single distribution rows whose key occurs twice in the application
    beside_afnemer: pl.DataFrame  # and the other way round


def match(distributie: pl.DataFrame, afnemer: pl.DataFrame, keyless: pl.DataFrame, plan: Plan) -> Matched:
    """Line up both sides.

    Columns: both sides carry the keys and fields of `plan` in catalogue types, accepted rows only; `keyless` are rows
        of the application whose key is empty or unreadable, which an alternative key may still place.
    Nulls: a key is never null; an alternative key with an empty part finds nobody.
    """
    ours, twice_ours = _apart(_slim(distributie, plan, _key(plan.key), plan.population))
    everyone = _slim(afnemer, plan, _key(plan.key), plan.participates)
    theirs, twice_theirs = _apart(everyone.filter(EXPECTED))
    place = _places(ours, theirs, twice_theirs)
    paired = (place >= 0).fill_null(value=False)
    missing = ours.filter(place.is_null())
    left_over = theirs.filter(~_taken(theirs.height, place.filter(paired)))
    surplus = left_over.join(twice_ours.select(KEY), on=KEY, how="anti")
    pairs = _side_by_side(ours.filter(paired), theirs[place.filter(paired)], None)
    lost = _slim(keyless, plan, pl.lit(None, dtype=pl.String), plan.participates).filter(EXPECTED)
    found, missing, rest = _by_alternatives(missing, pl.concat([surplus, lost]), plan)
    return Matched(
        pairs=pl.concat([pairs, *found]),
        missing=missing,
        surplus=rest.filter(pl.col(KEY).is_not_null()),
        aside=everyone.filter(~pl.col(EXPECTED)),
        duplicates_distributie=twice_ours,
        duplicates_afnemer=twice_theirs,
        beside_distributie=ours.filter(place == _DOUBLE),
        beside_afnemer=left_over.join(twice_ours.select(KEY), on=KEY, how="semi"),
    )


def _slim(frame: pl.DataFrame, plan: Plan, key: pl.Expr, expected: pl.Expr) -> pl.DataFrame:
    """Only what the comparison looks at: lining up moves every column it carries."""
    names = [cell.name for cell in plan.cells]
    unreadable = [name + UNREADABLE for name in names if name + UNREADABLE in frame.columns]
    return frame.select(key.alias(KEY), expected.alias(EXPECTED), ROW, *names, *unreadable)


def _key(fields: Sequence[str]) -> pl.Expr:
    parts = [pl.col(name).cast(pl.String) for name in fields]
    return parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=KEY_SEPARATOR)


def _apart(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows with a key of their own, and rows that share theirs."""
    double = rows[KEY].is_duplicated()
    return (rows.filter(~double), rows.filter(double)) if double.any() else (rows, rows.clear())


def _places(ours: pl.DataFrame, theirs: pl.DataFrame, twice_theirs: pl.DataFrame) -> pl.Series:
    """Per distribution row the place of its partner in `theirs`; null for none, -1 for a key that occurs twice."""
    single = theirs.select(KEY, pl.int_range(pl.len(), dtype=pl.Int64).alias(_PLACE))
    double = twice_theirs.select(KEY).unique().with_columns(pl.lit(_DOUBLE, dtype=pl.Int64).alias(_PLACE))
    return ours.select(KEY).join(pl.concat([single, double]), on=KEY, how="left", maintain_order="left")[_PLACE]


def _taken(height: int, places: pl.Series) -> pl.Series:
    return pl.Series([False]).new_from_index(0, height).scatter(places, True)


def _side_by_side(ours: pl.DataFrame, theirs: pl.DataFrame, via: str | None) -> pl.DataFrame:
    renamed = theirs.rename({name: name + OTHER for name in theirs.columns})
    return ours.hstack(renamed).with_columns(pl.lit(via, dtype=pl.String).alias(VIA))


def _by_alternatives(
    missing: pl.DataFrame, surplus: pl.DataFrame, plan: Plan
) -> tuple[list[pl.DataFrame], pl.DataFrame, pl.DataFrame]:
    found = []
    for alternative in plan.alternatives:
        ours, theirs = _unique(missing, alternative), _unique(surplus, alternative)
        renamed = theirs.rename({name: name + OTHER for name in theirs.columns})
        on_theirs = [name + OTHER for name in alternative]
        pairs = ours.join(renamed, left_on=list(alternative), right_on=on_theirs, how="inner", coalesce=False)
        found.append(pairs.with_columns(pl.lit("+".join(alternative)).alias(VIA)))
        missing = missing.join(pairs.select(KEY), on=KEY, how="anti")
        surplus = surplus.join(pairs.select(ROW + OTHER), left_on=ROW, right_on=ROW + OTHER, how="anti")
    return found, missing, surplus


def _unique(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Rows that the alternative key can tell apart."""
    complete = rows.filter(pl.all_horizontal(*(pl.col(name).is_not_null() for name in key)))
    return complete.filter(~pl.struct(list(key)).is_duplicated())
