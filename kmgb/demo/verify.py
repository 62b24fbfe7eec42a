"""What was found against what was planted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

_BY = ("afnemer", "entity", "key", "field", "kind")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Planted findings that were found and missed, and findings that nobody planted. Columns: _BY.

    `causes` are the found ones of which the cause was planted as well: with the named `cause` and the `planted` one.
    """

    found: pl.DataFrame
    missed: pl.DataFrame
    surplus: pl.DataFrame
    causes: pl.DataFrame

    @property
    def exact(self) -> bool:
        """True when everything planted was found, and nothing else."""
        return not self.missed.height and not self.surplus.height

    @property
    def named(self) -> tuple[int, int, int]:
        """Of how many planted causes the right one was named, none (`onbekend`) and another."""
        right = self.causes.filter(pl.col("cause") == pl.col("planted")).height
        unknown = self.causes.filter(pl.col("cause") == "onbekend").height
        return right, unknown, self.causes.height - right - unknown


def verify(planted: pl.DataFrame, findings: Iterable[pl.DataFrame]) -> Verdict:
    """Compare on afnemer, entity, key, field and kind. `findings` carry these columns and `cause`."""
    expected = planted.select(_BY)
    reported = pl.concat([frame.select(*_BY, "cause") for frame in findings])
    caused = planted.filter(pl.col("cause").fill_null("") != "").select(*_BY, pl.col("cause").alias("planted"))
    named = caused.join(reported, on=_BY, how="inner")
    reported = reported.drop("cause")
    return Verdict(
        found=expected.join(reported, on=_BY, how="semi"),
        missed=expected.join(reported, on=_BY, how="anti"),
        surplus=reported.join(expected, on=_BY, how="anti"),
        causes=named,
    )
