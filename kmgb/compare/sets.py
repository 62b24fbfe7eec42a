"""Fields whose order means nothing: the numbered columns are one set, compared as such and reported by column."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from kmgb.catalogue.columns import RAW
from kmgb.compare.kinds import AGREED, OTHER, SUSPECT

SETS = (
    tuple(f"gebruiksdoel_{n}" for n in range(1, 6)),
    ("bik_code_nevenactiviteit_1", "bik_code_nevenactiviteit_2"),
)


def align_sets(pairs: pl.DataFrame, fields: Collection[str]) -> pl.DataFrame:
    """The application's members moved to the column where the distribution has the same member, delivered text and all.

    A member written twice counts once, on both sides. Members the distribution does not have stand opposite members the
    application does not have, in their own column where they can, and only what is left over takes an empty column: so
    two equal sets agree column by column, and a single other member differs in a single column.
    Source: catalogue, gebruiksdoel_1: order has no meaning, five positional comparisons give false alarms.
    """
    for members in SETS:
        held = [member for member in members if member in fields]
        if len(held) > 1:
            pairs = _aligned(pairs, held)
    return pairs


def _aligned(pairs: pl.DataFrame, members: Sequence[str]) -> pl.DataFrame:
    again = {member: _among(pl.col(member), members[:place]) for place, member in enumerate(members)}
    others = [member + OTHER for member in members]
    places = range(len(members))
    ours = [pl.when(~again[member]).then(pl.col(member)) for member in members]
    shared = [_among(pl.col(member), others) & ~again[member] for member in members]
    lacking = [our.is_not_null() & ~is_shared for our, is_shared in zip(ours, shared, strict=True)]
    theirs = [pl.col(other) for other in others]
    extra = [
        other.is_not_null() & ~_among(other, members) & ~_among(other, others[:place])
        for place, other in enumerate(theirs)
    ]
    stays = [extra[place] & lacking[place] for place in places]
    moves = pl.concat_list(pl.when(extra[place] & ~stays[place]).then(theirs[place]) for place in places)
    moves = moves.list.drop_nulls()
    opposite = [lacking[place] & ~stays[place] for place in places]
    # A column that is empty on both sides is counted as such, so what is left over never lands there.
    spare = [ours[place].is_null() & (theirs[place].is_not_null() | again[members[place]]) for place in places]
    columns: list[pl.Expr] = []
    for place in places:
        turn = _count(opposite[:place])
        late = _count(opposite) + _count(spare[:place])
        first = pl.when(opposite[place]).then(moves.list.get(turn, null_on_oob=True))
        moved = first.when(spare[place]).then(moves.list.get(late, null_on_oob=True))
        kept = pl.when(shared[place]).then(ours[place]).when(stays[place]).then(theirs[place])
        member = kept.otherwise(moved)
        columns += [member.alias(others[place]), _delivered(member, members, place)]
    return pairs.with_columns(*columns, *_once(pairs, members, again))


def _delivered(member: pl.Expr, members: Sequence[str], place: int) -> pl.Expr:
    """The text in which the application delivered the member that now stands in this column."""
    texts = [pl.when(member == pl.col(name + OTHER)).then(pl.col(name + RAW + OTHER)) for name in members]
    own = members[place]
    # What was delivered and means nothing stays visible where it stood.
    nothing = pl.when(member.is_null() & pl.col(own + OTHER).is_null()).then(pl.col(own + RAW + OTHER))
    return pl.coalesce(*texts, nothing).alias(own + RAW + OTHER)


def _once(pairs: pl.DataFrame, members: Sequence[str], again: Mapping[str, pl.Expr]) -> list[pl.Expr]:
    """The distribution's repeated members emptied, and the whole set judged where one of its columns is suspect."""
    suspect = [member + SUSPECT for member in members]
    judged = pl.any_horizontal(*suspect)
    values = [
        (member, name)
        for member in members
        for name in (member, member + AGREED, member + RAW)
        if name in pairs.columns
    ]
    emptied = [pl.when(~again[member]).then(pl.col(name)).alias(name) for member, name in values]
    return [*emptied, *(judged.alias(name) for name in suspect)]


def _among(member: pl.Expr, others: Sequence[str]) -> pl.Expr:
    """True where one of these columns has this member; an empty one is never among them."""
    return pl.any_horizontal(
        pl.lit(value=False), *((member == pl.col(other)).fill_null(value=False) for other in others)
    )


def _count(flags: Sequence[pl.Expr]) -> pl.Expr:
    return pl.sum_horizontal(pl.lit(0), *(flag.cast(pl.Int32) for flag in flags))
