"""The optional inputs of one controle: the list of afnemersindicaties and the broker's message log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from kmgb.catalogue.fields import Field
from kmgb.errors import SourceError
from kmgb.mapping.model import Berichten, Indicaties, Mapping
from kmgb.run.municipality import Municipality
from kmgb.run.plan import comparison_key
from kmgb.sources import indications, messages
from kmgb.sources.dumps import find_dump


@dataclass(frozen=True, slots=True)
class OptionalInputs:
    """What there is beside the dumps; None where nothing was agreed or what came cannot be used."""

    indicaties: pl.DataFrame | None
    messages: pl.DataFrame | None
    warnings: tuple[str, ...]


def optional_inputs(
    municipality: Municipality, mapping: Mapping, entity: str, known: Callable[[], pl.Series], *, now: datetime
) -> OptionalInputs:
    """Both inputs of this controle, with their warnings; bad input is a warning, never an error.

    `known` gives the keys of the rows, as the findings write them; asked only when an input was agreed. What
    `[afnemer]` agrees holds for every entity that does not agree otherwise; indicaties are placed on persons, so those
    hold for personen only.
    """
    plan = mapping.entiteit[entity]
    general = mapping.afnemer.indicaties if entity == "personen" else None
    indicaties, berichten = plan.indicaties or general, plan.berichten or mapping.afnemer.berichten
    if indicaties is None and berichten is None:
        return OptionalInputs(None, None, ())
    key = comparison_key(municipality.catalogue[entity], plan)
    if len(key) != 1:
        what = f"{mapping.naam}, {entity}: indicaties en berichten vragen een sleutel van één veld, niet {len(key)}."
        return OptionalInputs(None, None, (f"{what} {indications.WITHOUT} {messages.WITHOUT}",))
    field = municipality.catalogue[entity][key[0]]
    keys = known()
    placed, first = _indications(municipality, indicaties, field, keys)
    sent, second = _messages(municipality, berichten, field, keys, mapping.naam, now)
    return OptionalInputs(placed, sent, (*first, *second))


def _indications(
    municipality: Municipality, how: Indicaties | None, field: Field, known: pl.Series
) -> tuple[pl.DataFrame | None, list[str]]:
    if how is None:
        return None, []
    try:
        path = find_dump(municipality.settings.dumps, how.bestand, "")
    except SourceError as error:
        return None, [f"{error} {indications.WITHOUT}"]
    return indications.read_indications(path, how, field, municipality.limits, known)


def _messages(
    municipality: Municipality, how: Berichten | None, field: Field, known: pl.Series, afnemer: str, now: datetime
) -> tuple[pl.DataFrame | None, list[str]]:
    if how is None:
        return None, []
    settings = municipality.settings
    try:
        path = find_dump(settings.dumps, how.bestand, "")
    except SourceError as error:
        return None, [f"{error} {messages.WITHOUT}"]
    zone = settings.timezone
    return messages.read_messages(
        path, how, field, municipality.limits, afnemer=afnemer, zone=zone, now=now, known=known
    )
