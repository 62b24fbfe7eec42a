"""What the outcome of a run says about its veldtoewijzing: sentences for whoever looks after that file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from kmgb.catalogue.fields import Entity

_SIDES = (("distributie", "distributie", "distributie"), ("afnemer", "afnemer_value", "applicatie"))


def double_hints(findings: pl.DataFrame, rows: Mapping[str, int], entity: Entity) -> Iterator[str]:
    """A sentence per side of which more than half of the keys are double: then rows are no objects.

    Columns: `kind`, and how often a key occurs in `distributie` and `afnemer_value`. `rows` as in Comparison.rows.
    """
    doubles = findings.filter(pl.col("kind") == "dubbel")
    for side, column, words in _SIDES:
        apart = ("dubbel", "afgekeurd", "niet_actueel")
        single = rows.get(side, 0) - sum(rows.get(f"{side}_{way}", 0) for way in apart)
        if doubles[column].count() > single:
            yield f"Meer dan de helft van de sleutels van de {words} komt meer dan eens voor. {_advice(words, entity)}"


def _advice(words: str, entity: Entity) -> str:
    place = f"[entiteit.{entity.name}] van de veldtoewijzing van de {words}"
    if entity.version is None:
        return f"Noem onder 'sleutel' bij {place} een veld dat één rij aanwijst."
    return (
        f'Bevat de aanlevering alle voorkomens, zet dan historie = "actueel" bij {place}: '
        "alleen het voorkomen van de peildatum telt dan."
    )
