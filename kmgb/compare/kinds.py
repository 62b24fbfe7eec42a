"""The kinds of afwijking, the record of one finding, and the order in which they matter."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import polars as pl


class Kind(StrEnum):
    """What can be wrong with a row or a cell.

    | kind | level | it is one when |
    | --- | --- | --- |
    | ontbreekt | row | expected (inside the distribution's population), and its key is not in the application |
    | overtollig | row | in the application (inside its population), and its key is not in the distribution |
    | buiten_populatie | row | in both, but outside the population the distribution should deliver |
    | dubbel | row | its key occurs more than once on a side; those rows are not compared cell by cell |
    | sleutelverschil | row | an alternative key finds the partner that the primary key does not |
    | ongeldig | cell | unreadable on a side (undecided), or fails a check and is equal on both; a key that fails |
    | leeg_in_applicatie | cell | filled in the distribution, empty in the application |
    | leeg_in_bron | cell | empty in the distribution, filled in the application |
    | cosmetisch | cell | equal only after a named tolerant rule |
    | afwijkend | cell | none of these, and not equal |

    A cell is equal when the application's value is the distribution's value, or that value written by the
    application's agreements.
    One cell has at most one finding. A partial delivery (not `whole`) says nothing about absent rows.
    """

    ONTBREEKT = "ontbreekt"
    OVERTOLLIG = "overtollig"
    BUITEN_POPULATIE = "buiten_populatie"
    DUBBEL = "dubbel"
    SLEUTELVERSCHIL = "sleutelverschil"
    ONGELDIG = "ongeldig"
    LEEG_IN_APPLICATIE = "leeg_in_applicatie"
    LEEG_IN_BRON = "leeg_in_bron"
    COSMETISCH = "cosmetisch"
    AFWIJKEND = "afwijkend"


ROW_KINDS: Final = frozenset(
    {Kind.ONTBREEKT, Kind.OVERTOLLIG, Kind.BUITEN_POPULATIE, Kind.DUBBEL, Kind.SLEUTELVERSCHIL}
)


class Fate(StrEnum):
    """Why a key was not judged, so that what was found about it before is not solved by its absence now."""

    ONBEKEND = "onbekend"  # its row was set aside (not read whole, double, or opposite such a row) or not delivered
    BUITEN_POPULATIE = (
        "buiten_populatie"  # it is no longer expected, or stands outside the application's own population
    )


# What the comparison itself knows of a finding; run, peildatums, cause and life are added behind it (design section 7).
FINDING_COLUMNS: Final = {
    "key": pl.String,
    "key_field": pl.String,
    "field": pl.String,
    "kind": pl.String,
    "rule": pl.String,
    "distributie_raw": pl.String,
    "distributie": pl.String,
    "afnemer_raw": pl.String,
    "afnemer_value": pl.String,
    "severity": pl.String,
}
# Rules of a cell that differs: the application's value fails a check, or only the distribution's does.
INVALID, INVALID_SOURCE = "ongeldig:", "bron_ongeldig:"
KEY: Final = "__sleutel"
KEY_SEPARATOR: Final = "|"
OTHER: Final = "__afnemer"  # suffix of the application's columns in a pair
# Suffixes of a field's cell while it is judged: what the application's agreements make of the distribution's value, and
# whether the application has something else.
AGREED: Final = "__verwacht"
SUSPECT: Final = "__verdacht"
