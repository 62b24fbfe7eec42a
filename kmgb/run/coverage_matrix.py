"""The whole municipality at a glance: every afnemer beside every field of the catalogue, and who has no controle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.errors import KmgbError
from kmgb.mapping.model import Gekoppeld, Mapping
from kmgb.run.coverage import Coverage, FieldCoverage, coverage
from kmgb.run.municipality import Municipality

# Beside the members of Coverage: this application (for this entity) takes no part in any controle.
WITHOUT_CONTROLE = "zonder_controle"
MATRIX = {
    "afnemer": pl.String,
    "entity": pl.String,
    "field": pl.String,
    "label": pl.String,
    "coverage": pl.String,
    "explanation": pl.String,
    "deadline": pl.Date,
    "alternative": pl.String,
    "overdue": pl.Boolean,
}
_NO_MAPPING = "Gekoppeld aan de distributie, maar er is geen veldtoewijzing."
_NO_ENTITY = "Krijgt deze gegevens van de distributie, maar de veldtoewijzing noemt ze niet."


def coverage_matrix(municipality: Municipality, day: date) -> pl.DataFrame:
    """Every field of every entity an application holds, with its answer; sorted by afnemer, then catalogue order.

    Columns: MATRIX. `coverage` is a member of Coverage, or WITHOUT_CONTROLE on a row with an empty `field` (and an
        empty `entity` when all of the application is meant). `explanation` is the wens or the reason; `overdue` is
        true when the wens should have been met before `day`.
    """
    rows = [row for name in municipality.afnemers for row in _mapped(municipality, municipality.mappings[name], day)]
    rows += [
        row for name, gekoppeld in coupled(municipality).items() for row in _unmapped(municipality, name, gekoppeld)
    ]
    order = {name: place for place, name in enumerate(["", *municipality.catalogue.entities])}
    rank = pl.col("entity").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    return pl.DataFrame(rows, schema=MATRIX).sort("afnemer", rank, maintain_order=True)


def coupled(municipality: Municipality) -> dict[str, Gekoppeld]:
    """The applications that the distribution systems say they feed (`[gekoppeld]`), by name."""
    systems = [mapping for mapping in municipality.mappings.values() if mapping.afnemer.rol == "distributie"]
    return {name: gekoppeld for system in systems for name, gekoppeld in system.gekoppeld.items()}


def titles(municipality: Municipality) -> dict[str, str]:
    """What people call each application, coupled ones included."""
    named = {name: gekoppeld.titel or name for name, gekoppeld in coupled(municipality).items()}
    return named | {name: municipality.mappings[name].afnemer.titel for name in municipality.afnemers}


def expected_afnemers(municipality: Municipality) -> tuple[str, ...]:
    """Every application that should have a controle: those with a mapping, then those that are only coupled."""
    return tuple(dict.fromkeys([*municipality.afnemers, *coupled(municipality)]))


def _mapped(municipality: Municipality, mapping: Mapping, day: date) -> Iterator[dict[str, Any]]:
    try:
        source = municipality.distributie(mapping)
    except KmgbError as error:
        yield _without(mapping.naam, "", str(error))
        return
    for name, theirs in mapping.entiteit.items():
        entity = municipality.catalogue[name]
        ours = source.entiteit.get(name)
        answers = coverage(entity, ours, theirs) if ours is not None else _nothing_delivered(entity)
        yield from (_row(mapping.naam, entity, answer, day) for answer in answers)


def _nothing_delivered(entity: Entity) -> tuple[FieldCoverage, ...]:
    reason = f"de distributie levert geen {entity.name}"
    return tuple(FieldCoverage(field, Coverage.NIET_IN_DISTRIBUTIE, reason) for field in entity.fields)


def _row(afnemer: str, entity: Entity, answer: FieldCoverage, day: date) -> dict[str, Any]:
    return {
        "afnemer": afnemer,
        "entity": entity.name,
        "field": answer.field.name,
        "label": answer.field.label,
        "coverage": answer.coverage.value,
        "explanation": answer.explanation,
        "deadline": answer.deadline,
        "alternative": answer.alternative,
        "overdue": answer.deadline is not None and answer.deadline < day,
    }


def _unmapped(municipality: Municipality, name: str, gekoppeld: Gekoppeld) -> Iterator[dict[str, Any]]:
    mapping = municipality.mappings.get(name)
    if mapping is None:
        yield from (_without(name, entity, _NO_MAPPING) for entity in gekoppeld.entiteiten or ("",))
        return
    yield from (_without(name, entity, _NO_ENTITY) for entity in gekoppeld.entiteiten if entity not in mapping.entiteit)


def _without(afnemer: str, entity: str, reason: str) -> dict[str, Any]:
    empty = {"field": "", "label": "", "deadline": None, "alternative": "", "overdue": False}
    return {"afnemer": afnemer, "entity": entity, "coverage": WITHOUT_CONTROLE, "explanation": reason} | empty
