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
    shared = [_in(mine, theirs) for mine in ours]
    known = [_in(other, ours) for other in theirs]
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


def _in(value: pl.Expr, members: Sequence[pl.Expr]) -> pl.Expr:
    return pl.any_horizontal(*((value == member).fill_null(value=False) for member in members))
