"""What is compared and what is not, and why: every field of the catalogue has exactly one answer per controle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from kmgb.catalogue.fields import Entity, Field
from kmgb.mapping.load import COMBINED
from kmgb.mapping.model import EntiteitMapping
from kmgb.normalise.frame import normalised_fields


class Coverage(StrEnum):
    """Why a field is or is not compared."""

    SLEUTEL = "sleutel"
    VERGELEKEN = "vergeleken"
    NIET_AANGELEVERD = "niet_aangeleverd"
    NIET_GEVOERD = "niet_gevoerd"
    UITGESLOTEN = "uitgesloten"
    NIET_IN_DISTRIBUTIE = "niet_in_distributie"
    NIET_VERMELD = "niet_vermeld"


@dataclass(frozen=True, slots=True)
class FieldCoverage:
    """One field's answer, with the sentence that explains it and, for a wens, its deadline and what is done until."""

    field: Field
    coverage: Coverage
    explanation: str = ""
    deadline: date | None = None
    alternative: str = ""


def coverage(entity: Entity, distributie: EntiteitMapping, afnemer: EntiteitMapping) -> tuple[FieldCoverage, ...]:
    """One answer per field of the entity, in catalogue order; composites that are compared by part answer by part."""
    ours = {field.name for field in normalised_fields(distributie, entity)}
    theirs = {field.name for field in normalised_fields(afnemer, entity)}
    return tuple(
        _answer(part, field, ours, theirs, afnemer) for field in entity.fields for part in _parts(field, entity, theirs)
    )


def _parts(field: Field, entity: Entity, theirs: set[str]) -> Iterator[Field]:
    parts = [part for part in entity.parts if part.part_of == field.name and part.name in theirs]
    yield from parts or [field]


def _answer(field: Field, whole: Field, ours: set[str], theirs: set[str], afnemer: EntiteitMapping) -> FieldCoverage:
    if field.name in afnemer.sleutel:
        return FieldCoverage(field, Coverage.SLEUTEL)
    names = {field.name, whole.name, *(group for group, members in COMBINED.items() if field.name in members)}
    excluded = next((afnemer.uitgesloten[name] for name in names if name in afnemer.uitgesloten), None)
    agreed_not = any(not veld.vergelijken for name, veld in afnemer.velden.items() if name in names)
    if excluded is not None or agreed_not:
        return FieldCoverage(field, Coverage.UITGESLOTEN, excluded or "wordt niet vergeleken volgens de veldtoewijzing")
    if field.name in theirs:
        return FieldCoverage(field, Coverage.VERGELEKEN if field.name in ours else Coverage.NIET_IN_DISTRIBUTIE)
    for name in names:
        if wens := afnemer.niet_aangeleverd.get(name):
            return FieldCoverage(field, Coverage.NIET_AANGELEVERD, wens.wens, wens.deadline, wens.alternatief)
    held = Coverage.NIET_GEVOERD if names & set(afnemer.niet_gevoerd) else Coverage.NIET_VERMELD
    return FieldCoverage(field, held)
