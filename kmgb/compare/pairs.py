"""Rows that belong together, without laying them side by side: only the places of partners are kept.

Side by side, a million pairs of 27 fields fill another 900 MB, of which nearly all is equal and never looked at again.
So a column is put beside its partner when it is its turn to be compared, and whole pairs only where something differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from kmgb.catalogue.columns import ROW
from kmgb.compare.kinds import KEY, OTHER

EXPECTED, VIA, OTHER_KEY = "__verwacht", "__via", KEY + OTHER


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows. In every frame given out the application's columns have the suffix `__afnemer`.

    `placed`: the pairs an alternative key found, side by side, with `__via`. The others are the rows `at_ours` of
    `ours` beside the rows `at_theirs` of `theirs`; without `at_ours` all of `ours`, in its order. Pairs are numbered
    in this order: those of the primary key, then the placed ones.
    """

    ours: pl.DataFrame
    theirs: pl.DataFrame
    at_ours: pl.Series | None
    at_theirs: pl.Series
    placed: pl.DataFrame

    @property
    def height(self) -> int:
        """The number of pairs."""
        return self.at_theirs.len() + self.placed.height

    def beside(self, ours: Sequence[str], theirs: Sequence[str]) -> pl.DataFrame:
        """All pairs with these columns of each side (without suffix in `theirs`)."""
        left = self.ours.select(ours) if self.at_ours is None else self.ours.select(ours)[self.at_ours]
        right = suffixed(self.theirs.select(theirs)[self.at_theirs])
        paired = left.hstack(right)
        if self.placed.is_empty():
            return paired
        return pl.concat([paired, self.placed.select(paired.columns)])

    def whole(self, places: pl.Series) -> pl.DataFrame:
        """These pairs (ascending numbers) with every column, and `__via`: null for a pair of the primary key."""
        primary = self.at_theirs.len()
        by_key, further = places.filter(places < primary), places.filter(places >= primary) - primary
        left = self.ours[by_key if self.at_ours is None else self.at_ours.gather(by_key)]
        right = suffixed(self.theirs[self.at_theirs.gather(by_key)])
        paired = left.hstack(right).with_columns(pl.lit(None, dtype=pl.String).alias(VIA))
        return paired if further.is_empty() else pl.concat([paired, self.placed[further]])

    def where(self, ours: pl.Expr) -> pl.DataFrame:
        """As `whole`, of the pairs whose distribution row fulfils an expression."""
        names = [name for name in ours.meta.root_names() if name in self.ours.columns]
        flags = self.beside(names, [ROW]).select(ours.alias("flag")).to_series()
        return self.whole(flags.arg_true())


def suffixed(frame: pl.DataFrame) -> pl.DataFrame:
    """Every column under the name it has as the application's side of a pair."""
    return frame.rename({name: name + OTHER for name in frame.columns})
