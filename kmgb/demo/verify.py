"""What was found against what was planted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

_BY = ("afnemer", "entity", "key", "field", "kind")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Planted findings that were found and missed, and findings that nobody planted. Columns: _BY."""

    found: pl.DataFrame
    missed: pl.DataFrame
    surplus: pl.DataFrame

    @property
    def exact(self) -> bool:
        """True when everything planted was found, and nothing else."""
        return not self.missed.height and not self.surplus.height


def verify(planted: pl.DataFrame, findings: Iterable[pl.DataFrame]) -> Verdict:
    """Compare on afnemer, entity, key, field and kind. `findings` carry these columns."""
    expected = planted.select(_BY)
    reported = pl.concat([frame.select(_BY) for frame in findings])
    return Verdict(
        found=expected.join(reported, on=_BY, how="semi"),
        missed=expected.join(reported, on=_BY, how="anti"),
        surplus=reported.join(expected, on=_BY, how="anti"),
    )
