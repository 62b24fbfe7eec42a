"""Which findings wait for a step: those nobody decided away, and whose object has a name."""

from __future__ import annotations

import polars as pl

RESEND, REPORT_BACK = "herzenden", "terugmelden"
_READY, _SENT = "gereed", ("verzonden", "in behandeling")


def due(findings: pl.DataFrame, step: str) -> pl.DataFrame:
    """The findings whose next step is `step`. Columns: those of `History.findings`.

    Accepted ones wait for nothing, and neither do those reported back; a terugmelding that was only made ready may be
    made once more. A row without a readable key (`rij 17`) has no object that anyone could look up.
    """
    # What was decided holds as well while a run cannot judge the finding, so the status does not tell it.
    accepted = pl.col("decision").is_not_null()
    away = [*_SENT, *([] if step == REPORT_BACK else [_READY])]
    reported = pl.col("reference_state").is_in(away).fill_null(value=False)
    named = ~pl.col("key").str.starts_with("rij ")
    return findings.filter((pl.col("next_step") == step) & named & ~accepted & ~reported)
