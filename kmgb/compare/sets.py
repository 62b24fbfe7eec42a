"""Fields whose order means nothing: the numbered columns are one set, compared as such and reported by column."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from kmgb.compare.kinds import OTHER

SETS = (
    tuple(f"gebruiksdoel_{n}" for n in range(1, 6)),
    ("bik_code_nevenactiviteit_1", "bik_code_nevenactiviteit_2"),
)


def align_sets(pairs: pl.DataFrame, fields: Collection[str]) -> pl.DataFrame:
    """The application's members moved to the column where the distribution has the same member.

    Members the distribution does not have keep their own column when it is free, and else take the first free one: so
    two equal sets agree column by column, and a single other member differs in a single column.
    Source: catalogue, gebruiksdoel_1: order has no meaning, five positional comparisons give false alarms.
    """
    for members in SETS:
        held = [member for member in members if member in fields]
        if len(held) > 1:
            pairs = _aligned(pairs, held)
    return pairs


def _aligned(pairs: pl.DataFrame, members: Sequence[str]) -> pl.DataFrame:
    ours = [pl.col(member) for member in members]
    theirs = [pl.col(member + OTHER) for member in members]
    shared = [_has_partner(place, ours, theirs) for place in range(len(members))]
    known = [_has_partner(place, theirs, ours) for place in range(len(members))]
    stays = [
        ~is_shared & other.is_not_null() & ~is_known
        for is_shared, other, is_known in zip(shared, theirs, known, strict=True)
    ]
    free = [~is_shared & ~stay for is_shared, stay in zip(shared, stays, strict=True)]
    displaced = pl.concat_list(
        pl.when(is_shared & ~is_known).then(other)
        for is_shared, other, is_known in zip(shared, theirs, known, strict=True)
    ).list.drop_nulls()
    columns = []
    for index, member in enumerate(members):
        rank = pl.sum_horizontal(pl.lit(0), *(spot.cast(pl.Int32) for spot in free[:index]))
        place = pl.when(shared[index]).then(ours[index]).when(stays[index]).then(theirs[index])
        columns.append(place.otherwise(displaced.list.get(rank, null_on_oob=True)).alias(member + OTHER))
    return pairs.with_columns(columns)


def _has_partner(place: int, members: Sequence[pl.Expr], others: Sequence[pl.Expr]) -> pl.Expr:
    """True where the other side has this member; a member written twice needs two."""

    def times(among: Sequence[pl.Expr]) -> pl.Expr:
        return pl.sum_horizontal(*((members[place] == other).fill_null(value=False).cast(pl.Int32) for other in among))

    return (times(others) > 0) & (times(members[: place + 1]) <= times(others))
