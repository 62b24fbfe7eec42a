"""Findings -> the list of keys whose data must be sent to an application once more."""

from __future__ import annotations

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.report.steps import RESEND, due

# The list goes to the people of the distribution system, so its columns are in Dutch.
RESENT = dict.fromkeys(("sleutel", "sleutelveld", "entiteit", "waarom", "sinds"), pl.String)
_CAUSES = {"niet_verzonden": " (niet verzonden)", "niet_ontvangen": " (niet ontvangen)"}


def keys_to_resend(findings: pl.DataFrame, entity: Entity, zone: str) -> pl.DataFrame:
    """One row per key that has a finding whose next step is herzenden; sorted by key.

    Columns in: those of `History.findings`. Out: RESENT; `waarom` names fields and never a value, `sinds` is the day
        (jjjj-mm-dd, in `zone`) until which the application was right, else the day on which it was first seen to be
        wrong. A row without a readable key cannot be sent again and is left out.
    """
    chosen = due(findings, RESEND)
    labels = {"": "hele rij"} | {field.name: field.label for field in (*entity.fields, *entity.parts)}
    told = chosen.with_columns(
        pl.col("field").replace_strict(labels, default="", return_dtype=pl.String).alias("label"),
        (_reason() + pl.col("cause").replace_strict(_CAUSES, default="", return_dtype=pl.String)).alias("reason"),
        _day("first_seen", chosen, zone).alias("seen"),
    )
    days = [pl.col("former_until").min().alias("until"), pl.col("seen").min()]
    per_reason = told.group_by("key", "key_field", "reason").agg(pl.col("label").unique().sort().str.join(", "), *days)
    alone = pl.col("label") == labels[""]
    named = pl.when(~alone).then(pl.col("reason") + ": " + pl.col("label")).otherwise("reason")
    per_key = per_reason.group_by("key", "key_field").agg(
        named.sort().str.join("; ").alias("why"), pl.col("until").min(), pl.col("seen").min()
    )
    return per_key.select(
        pl.col("key").alias("sleutel"),
        pl.col("key_field").alias("sleutelveld"),
        pl.lit(entity.name).alias("entiteit"),
        pl.col("why").alias("waarom"),
        pl.coalesce("until", "seen").alias("sinds"),
    ).sort("sleutel", "sleutelveld")


def _reason() -> pl.Expr:
    kind = pl.col("kind")
    return (
        pl.when(kind == "ontbreekt")
        .then(pl.lit("ontbreekt"))
        .when(pl.col("former_until").is_not_null())
        .then(pl.lit("verouderd"))
        .when(kind == "leeg_in_applicatie")
        .then(pl.lit("leeg"))
        .otherwise(kind)
    )


def _day(name: str, frame: pl.DataFrame, zone: str) -> pl.Expr:
    """The local day of a moment in UTC, whether it comes with its zone or without."""
    moment = pl.col(name)
    if getattr(frame.schema[name], "time_zone", None) is None:
        moment = moment.dt.replace_time_zone("UTC")
    return moment.dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d")
