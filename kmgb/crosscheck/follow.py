"""What follows from the findings of kruiscontroles: whose turn it is, and which values must stay out of sight."""

from __future__ import annotations

import polars as pl

from kmgb.crosscheck.model import CrossChecks, Kant, Vervolg

_OWN_FAULT: Vervolg = "herstellen_applicatie"
_SILENT, _ALIKE = "__verborgen", "__evenzo"
_VALUES = ("distributie_raw", "distributie", "afnemer_raw", "afnemer_value")


def with_next_step(
    findings: pl.DataFrame, checks: CrossChecks, kant: Kant, distributie: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The findings of one side with `next_step`.

    Columns: `distributie` are the findings of the same checks on the distribution's side: what is wrong there as well
        is not the application's own fault. Without them every fault of a check that is made on both sides is.
    """
    steps = {controle.rule: controle.vervolg for controle in checks.controles}
    step = pl.col("rule").replace_strict(steps, default=None, return_dtype=pl.String)
    if kant != "applicatie":
        return findings.with_columns(step.alias("next_step"))
    both = [controle.rule for controle in checks.controles if "distributie" in controle.kant]
    own = pl.col("rule").is_in(both)
    if distributie is not None:
        there = distributie.select("key", "rule", pl.lit(value=True).alias(_ALIKE)).unique()
        findings = findings.join(there, on=["key", "rule"], how="left", maintain_order="left")
        own = own & pl.col(_ALIKE).is_null()
    told = findings.with_columns(pl.when(own).then(pl.lit(_OWN_FAULT)).otherwise(step).alias("next_step"))
    return told.drop(_ALIKE, strict=False)


def without_values(findings: pl.DataFrame, judged: pl.DataFrame, checks: CrossChecks) -> pl.DataFrame:
    """The findings of a comparison, no value shown in a cell on which a check speaks that shows none."""
    hidden = [controle.rule for controle in checks.controles if not controle.waarden_tonen]
    silent = judged.filter(pl.col("rule").is_in(hidden)).select("key", "field", pl.lit(value=True).alias(_SILENT))
    if silent.is_empty():
        return findings
    marked = findings.join(silent.unique(), on=["key", "field"], how="left", maintain_order="left")
    shown = (pl.when(pl.col(_SILENT).is_null()).then(pl.col(name)).alias(name) for name in _VALUES)
    return marked.with_columns(shown).drop(_SILENT)
