"""Rules that need a second field of the same row."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from kmgb.compare.kinds import OTHER
from kmgb.compare.tolerant import DEFAULT_DISTANCE

_NOTHING = pl.lit(None, dtype=pl.String)
_AXES = {"x_coordinaat": "y_coordinaat", "y_coordinaat": "x_coordinaat"}


def across_fields(name: str, fields: Collection[str]) -> pl.Expr:
    """The tolerant rule found in another field of the row: a voorvoegsel that stands in the surname; null when none.

    Source: catalogue, voorvoegsel: compare voorvoegsel and geslachtsnaam as one unit first.
    """
    if name != "voorvoegsel" or "geslachtsnaam_diacriet" not in fields:
        return _NOTHING
    prefix, surname = (
        pl.col("voorvoegsel").str.to_lowercase(),
        pl.col("geslachtsnaam_diacriet" + OTHER).str.to_lowercase(),
    )
    in_name = surname.str.starts_with(prefix + " ") | surname.str.ends_with(", " + prefix)
    absent = pl.col("voorvoegsel" + OTHER).is_null()
    return pl.when(absent & in_name).then(pl.lit("voorvoegsel_in_naam"))


def diagnosis(name: str, fields: Collection[str]) -> pl.Expr:
    """What seems to have happened to a value that stays afwijkend: X and Y swapped, or degrees instead of metres."""
    other = _AXES.get(name)
    if other is None or other not in fields:
        return _NOTHING
    theirs = pl.col(name + OTHER)
    swapped = ((theirs - pl.col(other)).abs() <= DEFAULT_DISTANCE) & (
        (pl.col(other + OTHER) - pl.col(name)).abs() <= DEFAULT_DISTANCE
    )
    degrees = theirs.abs() < 180
    return (
        pl.when(swapped)
        .then(pl.lit("coordinaat_verwisseld"))
        .when(degrees)
        .then(pl.lit("coordinaat_in_graden"))
        .otherwise(_NOTHING)
    )
