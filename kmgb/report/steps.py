"""Which findings wait for a step: those nobody decided away, and whose object has a name."""

from __future__ import annotations

import polars as pl

RESEND, REPORT_BACK = "herzenden", "terugmelden"
_ACCEPTED, _REPORTED, _READY = "geaccepteerd", "teruggemeld", "gereed"


def due(findings: pl.DataFrame, step: str) -> pl.DataFrame:
    """The findings whose next step is `step`. Columns: those of `History.findings`.

    Accepted ones wait for nothing, and neither do those reported back; a terugmelding that was only made ready may be
    made once more. A row without a readable key (`rij 17`) has no object that anyone could look up.
    """
    status, ready = pl.col("status"), (pl.col("reference_state") == _READY).fill_null(value=False)
    waits = ~status.is_in([_ACCEPTED, _REPORTED]).fill_null(value=False)
    again = (status == _REPORTED).fill_null(value=False) & ready & (step == REPORT_BACK)
    named = ~pl.col("key").str.starts_with("rij ")
    return findings.filter((pl.col("next_step") == step) & named & (waits | again))
