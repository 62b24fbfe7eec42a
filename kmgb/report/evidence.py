"""The evidence sentence of a cause, as every reader may see it.

The sentences hold labels of fields, peildatums and counts, and one thing that comes out of a row: the day on which it
came or went by its own word, which of a person may be the day of birth, of death or of moving.
"""

from __future__ import annotations

import re

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.catalogue.masking import HIDDEN, OWN_DAY

_DAY = rf"{OWN_DAY}\d{{4}}-\d{{2}}-\d{{2}}"
_HIDDEN_DAY = OWN_DAY + HIDDEN


def shown_evidence(evidence: str, entity: Entity) -> str:
    """The sentence, without a day out of the row of a person."""
    return re.sub(_DAY, _HIDDEN_DAY, evidence) if holds_persons(entity) else evidence


def masked_evidence(column: str) -> pl.Expr:
    """A column of such sentences, each without a day out of the row."""
    return pl.col(column).str.replace_all(_DAY, _HIDDEN_DAY)


def holds_persons(entity: Entity) -> bool:
    """True for an entity with fields that not everyone may see."""
    return any(field.sensitive for field in (*entity.fields, *entity.parts))
