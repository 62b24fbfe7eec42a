"""Findings -> clusters: what has one cause and one pattern is one piece of work, and can be decided on as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from kmgb.explain.context import Cause
from kmgb.explain.formats import OTHER_CODE

_ENOUGH = 3  # from this many alike on, what they share is a pattern of its own
EXAMPLES = 3
_BY = ("field", "kind", "rule", "severity", "cause", "transform")
_UNTOLD: Final = {"cause": Cause.ONBEKEND.value, "cause_evidence": ""}  # of findings that nobody explained
_LATER = ("cause", "cause_evidence", "former_until", "next_step", "transform")
PATTERN: Final = (*_BY, "from", "to", "street", "date")

# Columns of the frame of clusters; the examples are lists that run side by side, `pattern` is a struct of PATTERN.
CLUSTER_COLUMNS = (
    *PATTERN, "next_step", "evidence", "count", "keys", "examples_distributie", "examples_afnemer", "pattern"
)  # fmt: skip

_STREETS: Final = ("straatnaam", "naam_or", "verblijfsadres", "correspondentieadres")
_STREET: Final = r"^(\D*?)\s*(?:,?\s\d.*)?$"
_OUTDATED: Final = (Cause.NIET_VERZONDEN, Cause.NIET_ONTVANGEN, Cause.ONDERWEG, Cause.ONBEKEND)


def clusters(findings: pl.DataFrame) -> pl.DataFrame:
    """One row per cluster, the largest first; ties by the parts of the pattern. Every finding is in exactly one.

    Columns in: FINDING_COLUMNS, and what explaining adds where it is known. Out: CLUSTER_COLUMNS; next_step and
        evidence are those of the first finding.
        Within one field, kind, rule, severity, cause and transform findings share, when enough do: the day of the
        missed change (`date`); else a pair of values (`from` -> `to`, with "" for empty); else a street.
    Values are those of the findings: mask them before showing.
    """
    grouped = (
        _patterned(findings)
        .group_by(*PATTERN, maintain_order=True)
        .agg(
            pl.len().alias("count"),
            pl.col("next_step").first(),
            pl.col("cause_evidence").first().alias("evidence"),
            pl.col("key").head(EXAMPLES).alias("keys"),
            pl.col("distributie").head(EXAMPLES).alias("examples_distributie"),
            pl.col("afnemer_value").head(EXAMPLES).alias("examples_afnemer"),
        )
        .with_columns(pl.struct(PATTERN).alias("pattern"))
    )
    order = ["count", *PATTERN]
    return grouped.sort(order, descending=[True, *[False] * (len(order) - 1)], nulls_last=True).select(CLUSTER_COLUMNS)


def members(findings: pl.DataFrame, pattern: Mapping[str, str | None]) -> pl.DataFrame:
    """The findings that a cluster's pattern speaks of, in this or any other run.

    A part of the pattern that is None says nothing, but for rule, cause and transform: those are what they are.
    """
    marked = _marked(findings)
    fixed = [pl.col(name).eq_missing(pl.lit(pattern.get(name), pl.String)) for name in _BY]
    values = {"from": "ours", "to": "theirs", "street": "road", "date": "former_until"}
    parts = [pl.col(column) == pattern[name] for name, column in values.items() if pattern.get(name) is not None]
    return marked.filter(pl.all_horizontal(*fixed, *parts)).select(findings.columns)


def _marked(findings: pl.DataFrame) -> pl.DataFrame:
    """Columns added: those that explaining adds where they are absent, ours, theirs (values, "" for empty), road."""
    absent = [pl.lit(_UNTOLD.get(name), dtype=pl.String).alias(name) for name in _LATER if name not in findings.columns]
    address = pl.coalesce("distributie", "afnemer_value").str.extract(_STREET, 1)
    named = pl.col("field").is_in(_STREETS) & (address != "")
    return findings.with_columns(
        *absent,
        pl.col("distributie").fill_null("").alias("ours"),
        pl.col("afnemer_value").fill_null("").alias("theirs"),
        pl.when(named).then(address).alias("road"),
    )


def _patterned(findings: pl.DataFrame) -> pl.DataFrame:
    """The one thing a finding shares with enough others: a transform says it all, then a day, a pair, a street."""
    marked = _marked(findings)
    plain = pl.col("transform").is_null()
    dated = plain & pl.col("former_until").is_not_null() & pl.col("cause").is_in(_OUTDATED)
    by_date = dated & (pl.len().over(*_BY, "former_until") >= _ENOUGH)
    marked = marked.with_columns(pl.when(by_date).then("former_until").alias("date"))
    pairs = plain | (pl.col("transform") == OTHER_CODE)  # which code became which is not in its name
    cell = pairs & (pl.col("field") != "") & (pl.col("rule") != "onleesbaar").fill_null(value=True)
    free = cell & pl.col("date").is_null()
    pair = free & (pl.len().over(*_BY, "date", "ours", "theirs") >= _ENOUGH)
    marked = marked.with_columns(pl.when(pair).then("ours").alias("from"), pl.when(pair).then("theirs").alias("to"))
    road = free & pl.col("from").is_null() & pl.col("road").is_not_null()
    street = road & (pl.len().over(*_BY, "date", "from", "road") >= _ENOUGH)
    return marked.with_columns(pl.when(street).then("road").alias("street"))
