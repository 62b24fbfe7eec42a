"""The evidence sentence of a cause, as every reader may see it.

The sentences hold names of fields, peildatums and counts, and one thing that comes out of a row: the day on which it
came or went by its own word, which of a person may be the day of birth, of death or of moving.
"""

from __future__ import annotations

import re

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.catalogue.masking import HIDDEN

_OWN_DAY = r"de rij zelf noemt \d{4}-\d{2}-\d{2}"
_OTHER_FIELD = r"(de waarden van het veld )([\w.]*\w)"
_HIDDEN_DAY = f"de rij zelf noemt {HIDDEN}"


def shown_evidence(evidence: str, entity: Entity) -> str:
    """The sentence, without a day out of the row of a person, and with the label of a field for its name."""
    named = re.sub(_OTHER_FIELD, lambda found: found[1] + _label(found[2], entity), evidence)
    return re.sub(_OWN_DAY, _HIDDEN_DAY, named) if holds_persons(entity) else named


def masked_evidence(column: str) -> pl.Expr:
    """A column of such sentences, each without a day out of the row."""
    return pl.col(column).str.replace_all(_OWN_DAY, _HIDDEN_DAY)


def holds_persons(entity: Entity) -> bool:
    """True for an entity with fields that not everyone may see."""
    return any(field.sensitive for field in (*entity.fields, *entity.parts))


def _label(name: str, entity: Entity) -> str:
    return next((field.label for field in (*entity.fields, *entity.parts) if field.name == name), name)
