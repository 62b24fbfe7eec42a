"""Which row belongs to which: primary key, then alternative keys for what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from kmgb.catalogue.columns import FAULT, ROW, UNREADABLE
from kmgb.compare.kinds import KEY, KEY_SEPARATOR, OTHER
from kmgb.compare.pairs import EXPECTED, OTHER_KEY, VIA, Pairs, suffixed
from kmgb.compare.plan import Plan

_PLACE, _DOUBLE = "__plaats", -1


@dataclass(frozen=True, slots=True)
class Matched:
    """Every row of both sides in exactly one of these frames (rejected rows only when an alternative key found them).

    `pairs`: with `__sleutel` (the distribution's; without one the application's; without either the alternative key's
    name and values), `__via` (the alternative key that found the pair; null for the primary key) and `__verwacht`
    (inside the population).
    """

    pairs: Pairs
    missing: pl.DataFrame  # distribution rows without partner, with __verwacht
    surplus: pl.DataFrame  # application rows without partner
    aside: pl.DataFrame  # application rows outside its own population
    duplicates_distributie: pl.DataFrame
    duplicates_afnemer: pl.DataFrame
    beside_distributie: pl.DataFrame  # single distribution rows whose key occurs twice in the application
    beside_afnemer: pl.DataFrame  # and the other way round
    unread_distributie: pl.DataFrame  # distribution rows whose key stands in an application row that was not read whole
    unread_afnemer: pl.DataFrame  # and the other way round


@dataclass(frozen=True, slots=True)
class Rows:
    """One side to line up. A `rejected` row was not read whole (`__fout`), or its key is empty or unreadable."""

    accepted: pl.DataFrame
    rejected: pl.DataFrame


def match(distributie: Rows, afnemer: Rows, plan: Plan) -> Matched:
    """Line up both sides.

    Columns: both sides carry the keys and fields of `plan` in catalogue types. A rejected row without a key can still
        be placed by an alternative key; the key of one that was not read whole says that the row is there.
    Nulls: an accepted row's key is never null; an alternative key with an empty part finds nobody.
    """
    ours, twice_ours = _apart(_slim(distributie.accepted, plan, key_text(plan.key), plan.population))
    everyone = _slim(afnemer.accepted, plan, key_text(plan.key), plan.participates)
    theirs, twice_theirs = _apart(everyone.filter(EXPECTED))
    place = _places(ours, theirs, twice_theirs)
    paired = (place >= 0).fill_null(value=False)
    left_over = theirs.filter(~_taken(theirs.height, place.filter(paired)))
    missing, unread_ours = _unread(ours.filter(place.is_null()), afnemer, plan)
    surplus, unread_theirs = _unread(left_over.join(twice_ours.select(KEY), on=KEY, how="anti"), distributie, plan)
    lost_ours = _keyless(distributie, plan, plan.population)
    lost_theirs = _keyless(afnemer, plan, plan.participates).filter(EXPECTED)
    found, ours_left, theirs_left = _by_alternatives(
        pl.concat([missing, lost_ours]), pl.concat([surplus, lost_theirs]), plan
    )
    return Matched(
        pairs=Pairs(
            ours,
            theirs,
            None if paired.all() else paired.arg_true(),
            place.filter(paired).cast(pl.get_index_type()),
            found,
        ),
        missing=ours_left.filter(pl.col(KEY).is_not_null()),
        surplus=theirs_left.filter(pl.col(KEY).is_not_null()),
        aside=everyone.filter(~pl.col(EXPECTED)),
        duplicates_distributie=twice_ours,
        duplicates_afnemer=twice_theirs,
        beside_distributie=ours.filter(place == _DOUBLE),
        beside_afnemer=left_over.join(twice_ours.select(KEY), on=KEY, how="semi"),
        unread_distributie=unread_ours,
        unread_afnemer=unread_theirs,
    )


def _unread(alone: pl.DataFrame, other: Rows, plan: Plan) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows without partner, and apart those whose partner is there but could not be read whole."""
    faulty = other.rejected.filter(pl.col(FAULT).is_not_null())
    if faulty.is_empty():
        return alone, alone.clear()
    keys = faulty.select(key_text(plan.key).alias(KEY)).drop_nulls()
    there = alone[KEY].is_in(keys[KEY].implode())
    return alone.filter(~there), alone.filter(there)


def _keyless(side: Rows, plan: Plan, expected: pl.Expr) -> pl.DataFrame:
    """Rows without a key of their own, which only an alternative key can place."""
    keyless = side.rejected.filter(pl.col(FAULT).is_null())
    return _slim(keyless, plan, pl.lit(None, dtype=pl.String), expected)


def _slim(frame: pl.DataFrame, plan: Plan, key: pl.Expr, expected: pl.Expr) -> pl.DataFrame:
    """Only what the comparison looks at: lining up moves every column it carries."""
    names = [cell.name for cell in plan.cells]
    unreadable = [name + UNREADABLE for name in names if name + UNREADABLE in frame.columns]
    return frame.select(key.alias(KEY), expected.alias(EXPECTED), ROW, *names, *unreadable)


def key_text(fields: Sequence[str]) -> pl.Expr:
    """A key in one text; null when a part is empty."""
    parts = [pl.col(name).cast(pl.String) for name in fields]
    return parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=KEY_SEPARATOR)


def _apart(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows with a key of their own, and rows that share theirs. Counting is far cheaper than marking every row."""
    if _compact(rows[KEY])[0].n_unique() == rows.height:
        return rows, rows.clear()
    shared = rows.group_by(KEY).len().filter(pl.col("len") > 1)[KEY]
    double = rows[KEY].is_in(shared.implode())
    return rows.filter(~double), rows.filter(double)


def _places(ours: pl.DataFrame, theirs: pl.DataFrame, twice_theirs: pl.DataFrame) -> pl.Series:
    """Per distribution row the place of its partner in `theirs`; null for none, -1 for a key that occurs twice."""
    here, single, double = _compact(ours[KEY], theirs[KEY], twice_theirs[KEY])
    found = single.alias(KEY).to_frame().with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(_PLACE))
    again = double.alias(KEY).unique().to_frame().with_columns(pl.lit(_DOUBLE, dtype=pl.Int64).alias(_PLACE))
    return here.alias(KEY).to_frame().join(pl.concat([found, again]), on=KEY, how="left", maintain_order="left")[_PLACE]


def _compact(*keys: pl.Series) -> Sequence[pl.Series]:
    """The keys as numbers when all are digits of one length, as most are: numbers join three times as fast."""
    lengths = {length for series in keys for length in (series.str.len_bytes().min(), series.str.len_bytes().max())}
    if len(lengths - {None}) != 1:
        return keys
    numbers = [series.cast(pl.UInt64, strict=False) for series in keys]
    sound = all(not number.null_count() for number in numbers)
    signed = any(series.str.starts_with("+").any() for series in keys)
    return numbers if sound and not signed else keys


def _taken(height: int, places: pl.Series) -> pl.Series:
    return pl.Series([False]).new_from_index(0, height).scatter(places, True)


def _by_alternatives(
    missing: pl.DataFrame, surplus: pl.DataFrame, plan: Plan
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    nobody = missing.clear().hstack(suffixed(surplus.clear()))
    found = [nobody.with_columns(pl.lit(None, dtype=pl.String).alias(VIA))]
    for alternative in plan.alternatives:
        ours, theirs = _unique(missing, alternative), _unique(surplus, alternative)
        on_theirs = [name + OTHER for name in alternative]
        pairs = ours.join(suffixed(theirs), left_on=list(alternative), right_on=on_theirs, how="inner", coalesce=False)
        name = pl.coalesce(KEY, OTHER_KEY, _alternative_name(alternative))
        found.append(pairs.with_columns(name.alias(KEY), pl.lit("+".join(alternative)).alias(VIA)))
        missing = missing.join(pairs.select(ROW), on=ROW, how="anti")
        surplus = surplus.join(pairs.select(ROW + OTHER), left_on=ROW, right_on=ROW + OTHER, how="anti")
    return pl.concat(found), missing, surplus


def _alternative_name(fields: Sequence[str]) -> pl.Expr:
    """How a pair without primary key is called: `a_nummer 1234567890`. A text may hold the separator; a key may not."""
    parts = [pl.col(name).cast(pl.String).str.replace_all(KEY_SEPARATOR, " ", literal=True) for name in fields]
    return pl.format("+".join(fields) + " {}", pl.concat_str(parts, separator=KEY_SEPARATOR))


def _unique(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Rows that the alternative key can tell apart."""
    complete = rows.filter(pl.all_horizontal(*(pl.col(name).is_not_null() for name in key)))
    return complete.filter(~pl.struct(list(key)).is_duplicated())
