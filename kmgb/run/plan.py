"""Two mappings -> the plan of one comparison."""

from __future__ import annotations

from datetime import date

import polars as pl

from kmgb.catalogue.fields import Catalogue, Entity, Field
from kmgb.compare.plan import Agreements, CellPlan, Plan
from kmgb.mapping.load import COMBINED, population_dtypes
from kmgb.mapping.model import EntiteitMapping, Veld
from kmgb.population import parse_population
from kmgb.run.coverage import Coverage, coverage


def comparison_plan(
    catalogue: Catalogue,
    entity: Entity,
    distributie: EntiteitMapping,
    afnemer: EntiteitMapping,
    day: date,
) -> Plan:
    """How this afnemer's rows and cells are judged; the cells are those that `coverage` calls compared.

    `day` is the peildatum that expressions may name.
    """
    answers = coverage(entity, distributie, afnemer)
    compared = [answer.field for answer in answers if answer.coverage is Coverage.VERGELEKEN]
    key = comparison_key(entity, afnemer)
    keys = [entity[name] for name in key]
    ours, theirs = population_dtypes(distributie, entity), population_dtypes(afnemer, entity)
    return Plan(
        cells=tuple(_cell(field, afnemer, catalogue) for field in dict.fromkeys([*keys, *compared])),
        key=key,
        alternatives=_usable_alternatives(afnemer, {field.name for field in [*keys, *compared]}),
        population=parse_population(afnemer.populatie.distributie, ours, day).expr,
        participates=parse_population(afnemer.populatie.applicatie, theirs, day).expr,
        whole=afnemer.volledig,
    )


def comparison_key(entity: Entity, afnemer: EntiteitMapping) -> tuple[str, ...]:
    """The fields by which rows are matched: with `historie`, the begin of the voorkomen belongs to the key."""
    if afnemer.historie == "historie" and entity.version is not None:
        return tuple(dict.fromkeys([*afnemer.sleutel, entity.version.name]))
    return afnemer.sleutel


def _usable_alternatives(afnemer: EntiteitMapping, present: set[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(keys for keys in afnemer.alternatieve_sleutels if set(keys) <= present)


def _cell(field: Field, afnemer: EntiteitMapping, catalogue: Catalogue) -> CellPlan:
    veld = _veld_of(field, afnemer)
    tolerant = [rule for rule in field.tolerant if rule not in veld.regels_uit]
    return CellPlan(
        field=field,
        codes=tuple(code.code for code in catalogue.codes(field)),
        agreements=Agreements(
            without_diacritics=veld.diakrieten == "weg",
            letters="" if veld.letters == "behouden" else veld.letters,
            without_blanks=veld.spaties == "weg",
            width=veld.breedte,
            empty_when=veld.leeg_bij,
            without_leading_zeros=veld.voorloopnullen == "weg" and field.width is None,
        ),
        tolerance=veld.tolerantie if field.dtype in (pl.Float64(), pl.Int64()) else None,
        tolerant=tuple(dict.fromkeys([*tolerant, *veld.regels_aan])),
        severity=veld.ernst or field.severity,
    )


def _veld_of(field: Field, afnemer: EntiteitMapping) -> Veld:
    """The mapping's entry that feeds a field: its own, its whole's, or the combined column's."""
    combined = next((name for name, members in COMBINED.items() if field.name in members), "")
    names = (field.name, field.part_of, combined)
    return next(afnemer.velden[name] for name in names if name in afnemer.velden)
