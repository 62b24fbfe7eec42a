"""Fields whose order means nothing: the numbered columns are one set, compared as such and reported by column."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from kmgb.catalogue.columns import RAW
from kmgb.compare.kinds import AGREED, OTHER, SUSPECT

SETS = (
    tuple(f"gebruiksdoel_{n}" for n in range(1, 6)),
    ("bik_code_nevenactiviteit_1", "bik_code_nevenactiviteit_2"),
)

# A member that stood before, is in both sets, only in the application's, only in the distribution's, or stays opposite
# one; the members to move; a column that waits for one, one that is free, and the member a column then holds.
_AGAIN, _SHARED, _EXTRA, _LACKING, _STAYS = "__nogeens", "__gedeeld", "__extra", "__mist", "__blijft"
_MOVES, _OPPOSITE, _SPARE, _MEMBER = "__verhuist", "__tegenover", "__vrij", "__lid"


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
    """One set. Every step is a column of its own: as one expression each step repeats those before it, and the query
    for two hundred objects took a second to draw up.
    """
    placed = _placed(_judged(pairs, members), members)
    return placed.with_columns(_once(placed, members)).select(pairs.columns)


def _judged(pairs: pl.DataFrame, members: Sequence[str]) -> pl.DataFrame:
    """Which members are shared, which stand opposite another, which move, and which columns can take them."""
    places = range(len(members))
    others = [member + OTHER for member in members]
    ours, theirs = ([pl.col(name) for name in names] for names in (members, others))
    frame = pairs.with_columns(
        *(_among(ours[place], members[:place]).alias(f"{_AGAIN}{place}") for place in places),
        *(_among(ours[place], others).alias(f"{_SHARED}{place}") for place in places),
        *(
            (
                theirs[place].is_not_null() & ~_among(theirs[place], members) & ~_among(theirs[place], others[:place])
            ).alias(f"{_EXTRA}{place}")
            for place in places
        ),
    ).with_columns(
        *((pl.col(f"{_SHARED}{place}") & ~pl.col(f"{_AGAIN}{place}")).alias(f"{_SHARED}{place}") for place in places),
    )
    again, shared, extra = ([pl.col(f"{name}{place}") for place in places] for name in (_AGAIN, _SHARED, _EXTRA))
    frame = frame.with_columns(
        (ours[place].is_not_null() & ~again[place] & ~shared[place]).alias(f"{_LACKING}{place}") for place in places
    )
    lacking = [pl.col(f"{_LACKING}{place}") for place in places]
    frame = frame.with_columns((extra[place] & lacking[place]).alias(f"{_STAYS}{place}") for place in places)
    stays = [pl.col(f"{_STAYS}{place}") for place in places]
    frame = frame.with_columns(
        pl.concat_list(pl.when(extra[place] & ~stays[place]).then(theirs[place]) for place in places)
        .list.drop_nulls()
        .alias(_MOVES),
        *((lacking[place] & ~stays[place]).alias(f"{_OPPOSITE}{place}") for place in places),
        # A column that is empty on both sides is counted as such, so what is left over never lands there.
        *(
            ((ours[place].is_null() | again[place]) & (theirs[place].is_not_null() | again[place])).alias(
                f"{_SPARE}{place}"
            )
            for place in places
        ),
    )
    return frame


def _placed(frame: pl.DataFrame, members: Sequence[str]) -> pl.DataFrame:
    """The application's members in their columns, and the texts in which they were delivered."""
    places, others = range(len(members)), [member + OTHER for member in members]
    ours, theirs = ([pl.col(name) for name in names] for names in (members, others))
    shared, stays, opposite, spare = (
        [pl.col(f"{name}{place}") for place in places] for name in (_SHARED, _STAYS, _OPPOSITE, _SPARE)
    )
    moves = pl.col(_MOVES)
    moved = []
    for place in places:
        turn, late = _count(opposite[:place]), _count(opposite) + _count(spare[:place])
        first = pl.when(opposite[place]).then(moves.list.get(turn, null_on_oob=True))
        from_elsewhere = first.when(spare[place]).then(moves.list.get(late, null_on_oob=True))
        kept = pl.when(shared[place]).then(ours[place]).when(stays[place]).then(theirs[place])
        moved.append(kept.otherwise(from_elsewhere).alias(f"{_MEMBER}{place}"))
    frame = frame.with_columns(moved)
    delivered = [_delivered(pl.col(f"{_MEMBER}{place}"), members, place) for place in places]
    return frame.with_columns(delivered).with_columns(
        pl.col(f"{_MEMBER}{place}").alias(others[place]) for place in places
    )


def _delivered(member: pl.Expr, members: Sequence[str], place: int) -> pl.Expr:
    """The text in which the application delivered the member that now stands in this column."""
    texts = [pl.when(member == pl.col(name + OTHER)).then(pl.col(name + RAW + OTHER)) for name in members]
    own = members[place]
    # What was delivered and means nothing stays visible where it stood.
    nothing = pl.when(member.is_null() & pl.col(own + OTHER).is_null()).then(pl.col(own + RAW + OTHER))
    return pl.coalesce(*texts, nothing).alias(own + RAW + OTHER)


def _once(pairs: pl.DataFrame, members: Sequence[str]) -> list[pl.Expr]:
    """The distribution's repeated members emptied, and the whole set judged where one of its columns is suspect."""
    suspect = [member + SUSPECT for member in members]
    judged = pl.any_horizontal(*suspect)
    values = [
        (place, name)
        for place, member in enumerate(members)
        for name in (member, member + AGREED, member + RAW)
        if name in pairs.columns
    ]
    emptied = [pl.when(~pl.col(f"{_AGAIN}{place}")).then(pl.col(name)).alias(name) for place, name in values]
    return [*emptied, *(judged.alias(name) for name in suspect)]


def _among(member: pl.Expr, others: Sequence[str]) -> pl.Expr:
    """True where one of these columns has this member; an empty one is never among them."""
    return pl.any_horizontal(
        pl.lit(value=False), *((member == pl.col(other)).fill_null(value=False) for other in others)
    )


def _count(flags: Sequence[pl.Expr]) -> pl.Expr:
    return pl.sum_horizontal(pl.lit(0), *(flag.cast(pl.Int32) for flag in flags))
