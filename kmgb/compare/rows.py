"""Findings about whole rows, and about values that fail a check."""

from __future__ import annotations

import polars as pl

from kmgb.catalogue.columns import REASON, ROW, UNREADABLE
from kmgb.compare.kinds import FINDING_COLUMNS, KEY, OTHER, Kind
from kmgb.compare.match import Matched, key_text
from kmgb.compare.pairs import EXPECTED, OTHER_KEY, VIA
from kmgb.compare.plan import ROW_SEVERITY, Plan

_NULL = pl.lit(None, dtype=pl.String)


def row_findings(matched: Matched, plan: Plan) -> pl.DataFrame:
    """ontbreekt, overtollig, buiten_populatie, sleutelverschil and dubbel; columns as FINDING_COLUMNS."""
    aside = matched.aside.select(KEY, pl.lit("buiten_populatie_applicatie").alias("rule")).unique(KEY)
    missing = matched.missing.filter(EXPECTED).select(KEY).join(aside, on=KEY, how="left")
    outside = matched.pairs.where(~pl.col(EXPECTED))
    moved = matched.pairs.placed.filter(~_both_keyless(matched.pairs.placed, plan))
    ours = key_text(plan.key)  # of the pair's name, nothing is a key when the distribution has none
    parts = [
        _row(matched.surplus, Kind.OVERTOLLIG, theirs=pl.col(KEY)),
        _row(outside, Kind.BUITEN_POPULATIE, ours=ours, theirs=pl.col(OTHER_KEY)),
        _row(moved, Kind.SLEUTELVERSCHIL, rule=pl.col(VIA), ours=ours, theirs=pl.col(OTHER_KEY)),
        _row(_doubles(matched, plan), Kind.DUBBEL, rule=pl.col("rule"), ours=pl.col("ours"), theirs=pl.col("theirs")),
    ]
    if plan.whole:
        parts.append(_row(missing, Kind.ONTBREEKT, rule=pl.col("rule"), ours=pl.col(KEY)))
    return pl.concat(parts)


def _both_keyless(pairs: pl.DataFrame, plan: Plan) -> pl.Expr:
    """True where an alternative key links two rows whose primary keys are alike: equal part by part, or empty."""
    unreadable = [name + UNREADABLE + side for name in plan.key for side in ("", OTHER)]
    same = [pl.col(name).eq_missing(pl.col(name + OTHER)) for name in plan.key]
    return pl.all_horizontal(*same, *(~pl.col(name) for name in unreadable if name in pairs.columns))


def rejected_findings(rejected: pl.DataFrame, plan: Plan, *, distributie: bool) -> pl.DataFrame:
    """ongeldig for every row that could not take part. Columns in: `__rij`, `__reden`, `raw` (the key as delivered).

    The key of such a row is its place in the aanlevering (`rij 17`), for it has no other name.
    """
    name = pl.format("rij {} van de distributie" if distributie else "rij {}", pl.col(ROW))
    side = {"distributie_raw": "raw"} if distributie else {"afnemer_raw": "raw"}
    values = {column: pl.col(source) for column, source in side.items()}
    return _finding(rejected, name, Kind.ONGELDIG, "hoog", rule=pl.col(REASON), field=plan.key[0], **values)


def invalid_keys(rows: pl.DataFrame, invalid: pl.DataFrame, plan: Plan, *, distributie: bool) -> pl.DataFrame:
    """ongeldig for every key that can be read but fails its check. `rows` carries `__sleutel` and `__rij`."""
    failing = invalid.filter(pl.col("field").is_in(plan.key)).unique(ROW, keep="first", maintain_order=True)
    keyed = rows.select(KEY, ROW).join(failing, on=ROW, how="inner")
    value = "distributie" if distributie else "afnemer_value"
    return _finding(
        keyed, pl.col(KEY), Kind.ONGELDIG, "hoog", rule=pl.col("check"), field=pl.col("field"), **{value: pl.col(KEY)}
    )


def _doubles(matched: Matched, plan: Plan) -> pl.DataFrame:
    """Per key that occurs more than once: how often on each side, and whether its rows contradict each other."""
    ours = _double_side(matched.duplicates_distributie, plan).rename({"count": "ours", "rule": "rule_ours"})
    theirs = _double_side(matched.duplicates_afnemer, plan).rename({"count": "theirs", "rule": "rule_theirs"})
    both = ours.join(theirs, on=KEY, how="full", coalesce=True)
    return both.with_columns(pl.coalesce("rule_theirs", "rule_ours").alias("rule"))


def _double_side(rows: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    names = [cell.name for cell in plan.compared]
    contradicts = [(pl.col(name).n_unique() > 1).alias(name) for name in names]
    counted = rows.group_by(KEY, maintain_order=True).agg(pl.len().cast(pl.String).alias("count"), *contradicts)
    differing = pl.concat_str(
        [pl.when(name).then(pl.lit(name)) for name in names] or [_NULL], separator=",", ignore_nulls=True
    )
    rule = pl.when(differing == "").then(pl.lit("gelijk")).otherwise(pl.lit("strijdig:") + differing)
    return counted.select(KEY, "count", rule.alias("rule"))


def _row(
    rows: pl.DataFrame, kind: Kind, *, rule: pl.Expr = _NULL, ours: pl.Expr = _NULL, theirs: pl.Expr = _NULL
) -> pl.DataFrame:
    key = pl.col(KEY)
    return _finding(rows, key, kind, ROW_SEVERITY[kind], rule=rule, field="", distributie=ours, afnemer_value=theirs)


def _finding(
    rows: pl.DataFrame,
    key: pl.Expr,
    kind: Kind,
    severity: str,
    *,
    rule: pl.Expr,
    field: str | pl.Expr,
    **values: pl.Expr,
) -> pl.DataFrame:
    given = {"key": key, "kind": pl.lit(kind.value), "rule": rule, "severity": pl.lit(severity), **values}
    given["field"] = pl.lit(field) if isinstance(field, str) else field
    return rows.select(given.get(column, _NULL).alias(column) for column in FINDING_COLUMNS)
