"""Whose turn it is: the next step per kind and cause, in one place."""

from __future__ import annotations

from typing import Final

import polars as pl

from kmgb.compare.cells import UNDECIDED
from kmgb.compare.kinds import INVALID_SOURCE, Kind
from kmgb.explain.context import Cause

APPLICATION, RESEND, DISTRIBUTION = "herstellen_applicatie", "herzenden", "herstellen_distributie"
REPORT, MAPPING, WAIT, NONE = "terugmelden", "aanpassen_veldtoewijzing", "wachten", "geen"

# A pair goes before its cause, a cause before its kind.
BY_KIND_AND_CAUSE: Final = {
    # Someone typed what the source does not have: that is a doubt about the source as much as a fault here.
    (Kind.LEEG_IN_BRON, Cause.HANDMATIG): REPORT,
}
BY_CAUSE: Final = {
    Cause.BRON_IN_ONDERZOEK: WAIT,
    Cause.ONDERWEG: WAIT,
    Cause.VELDTOEWIJZING: MAPPING,
    Cause.TABELWIJZIGING: APPLICATION,
    Cause.NIET_VERZONDEN: RESEND,
    Cause.NIET_ONTVANGEN: RESEND,
    Cause.FORMAAT: APPLICATION,
    Cause.HANDMATIG: APPLICATION,
}
# With an unknown cause: a resend cannot do harm, and shows whether the application takes the value. An `ongeldig` and a
# `dubbel` belong to the side that has them (see `_side`).
BY_KIND: Final = {
    Kind.ONTBREEKT: RESEND,
    Kind.OVERTOLLIG: APPLICATION,
    Kind.BUITEN_POPULATIE: APPLICATION,
    Kind.SLEUTELVERSCHIL: APPLICATION,
    Kind.AFWIJKEND: APPLICATION,
    Kind.LEEG_IN_APPLICATIE: RESEND,
    Kind.LEEG_IN_BRON: REPORT,
    Kind.COSMETISCH: NONE,
}


def next_step() -> pl.Expr:
    """The next step of a finding that has its kind, cause and `former_until`."""
    kind, cause = pl.col("kind"), pl.col("cause")
    pairs = [pl.when((kind == k) & (cause == c)).then(pl.lit(step)) for (k, c), step in BY_KIND_AND_CAUSE.items()]
    by_cause = cause.replace_strict({c.value: step for c, step in BY_CAUSE.items()}, default=None)
    by_kind = kind.replace_strict({k.value: step for k, step in BY_KIND.items()}, default=None)
    outdated = pl.when(pl.col("former_until").is_not_null() & (kind != Kind.BUITEN_POPULATIE)).then(pl.lit(RESEND))
    invalid = pl.when(pl.col("rule").fill_null("").str.starts_with(INVALID_SOURCE)).then(pl.lit(DISTRIBUTION))
    return pl.coalesce(invalid, *pairs, by_cause, outdated, by_kind, _side()).alias("next_step")


def _side() -> pl.Expr:
    """An invalid value or a double key: whose it is. Equal on both sides and invalid is the register's."""
    ours = pl.col("distributie").is_not_null() | pl.col("distributie_raw").is_not_null()
    theirs = pl.col("afnemer_value").is_not_null() | pl.col("afnemer_raw").is_not_null()
    unread_ours = (pl.col("rule") == UNDECIDED) & pl.col("distributie").is_null() & ours
    both_read = (pl.col("rule") != UNDECIDED).fill_null(value=True) & ours & theirs
    return (
        pl.when(unread_ours | (ours & ~theirs))
        .then(pl.lit(DISTRIBUTION))
        .when(both_read & (pl.col("kind") == Kind.ONGELDIG))
        .then(pl.lit(REPORT))
        .otherwise(pl.lit(APPLICATION))
    )
