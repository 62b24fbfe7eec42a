"""Names of persons: voorvoegsel taken apart from the surname, voorletters made from voornamen, civil status derived."""

from __future__ import annotations

import polars as pl

from kmgb.catalogue.voorvoegsels import PREFIXES

_ALTERNATIVES = "|".join(PREFIXES)
_IN_FRONT = rf"(?i)^((?:{_ALTERNATIVES})\b|(?:d'|l'|s'))\s*(\S.*)$"
_BEHIND = rf"(?i)^(.*\S)\s*,\s*((?:{_ALTERNATIVES}))$"


def surname_prefix(name: pl.Expr) -> pl.Expr:
    """The voorvoegsel written in one column with the surname, in front of it or behind a comma; null when none."""
    behind = name.str.extract(_BEHIND, 2)
    return pl.coalesce(behind, name.str.extract(_IN_FRONT, 1)).str.strip_chars()


def surname_without_prefix(name: pl.Expr) -> pl.Expr:
    """The surname without the voorvoegsel written with it."""
    behind = name.str.extract(_BEHIND, 1)
    return pl.coalesce(behind, name.str.extract(_IN_FRONT, 2), name).str.strip_chars()


def initials(voornamen: pl.Expr) -> pl.Expr:
    """Voorletters: the first letter of every given name, in capitals. Source: GFO Basisgegevens 02.11.

    A hyphenated name gives one letter (Jan-Pieter J), IJsbrand gives I.
    """
    first = voornamen.str.extract_all(r"(?:^|\s)\p{L}").list.eval(pl.element().str.strip_chars())
    return first.list.join("").str.to_uppercase()


def civil_status(kind: pl.Expr, begun: pl.Expr, ended: pl.Expr, reason: pl.Expr) -> pl.Expr:
    """Burgerlijke staat 1..7 from the newest row of LO category 05. Source: GFO Basisgegevens 94.98.

    `kind` is H (huwelijk) or P (partnerschap), `begun` and `ended` the dates, `reason` the reason of the ending: O
    (overlijden) makes a widow or an achtergebleven partner, everything else a divorce or an ended partnership.
    """
    registered = kind == "P"
    widowed = pl.when(registered).then(pl.lit("7")).otherwise(pl.lit("4"))
    parted = pl.when(registered).then(pl.lit("6")).otherwise(pl.lit("3"))
    over = pl.when(reason == "O").then(widowed).otherwise(parted)
    standing = pl.when(registered).then(pl.lit("5")).otherwise(pl.lit("2"))
    united = pl.when(ended.is_not_null() | reason.is_not_null()).then(over).otherwise(standing)
    return pl.when(begun.is_null() & ended.is_null()).then(pl.lit("1")).otherwise(united)
