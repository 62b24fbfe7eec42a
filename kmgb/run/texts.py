"""What a run keeps so that it can be done again: the texts it was made with, and the settings that decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kmgb.catalogue.fields import catalogue_files
from kmgb.run.municipality import Municipality
from kmgb.settings import Settings
from kmgb.store.documents import Document

# Settings that can change an outcome. None of them is a secret or a place.
DECISIVE: Final = (
    "timezone",
    "grace_days",
    "mutation_days",
    "quarantine_drop",
    "max_cell",
    "max_unpacked",
    "max_ratio",
)


def settings_of(settings: Settings) -> dict[str, Any]:
    """The settings that can change an outcome, by name."""
    return {name: getattr(settings, name) for name in DECISIVE}


def texts_of(municipality: Municipality, entity: str) -> dict[str, str]:
    """The sha256 of the texts that every run of this entity uses, by what they are; those of its two sides apart."""
    return catalogue_sums() | {f"register {one.naam}": one.version for one in municipality.registers(entity)}


def catalogue_sums() -> dict[str, str]:
    """The sha256 of the files of this program's catalogue."""
    return {name: Document(name, content).sha256 for name, content in catalogue_files().items()}


def documents_of(municipality: Municipality, facts: Mapping[str, Any]) -> list[Document]:
    """The texts that the facts of a run name, to be kept with it."""
    named = {*facts["versions"].values(), *facts["texts"].values()}
    found = [Document("veldtoewijzing", one.content) for one in municipality.mappings.values() if one.version in named]
    checks = municipality.crosschecks
    if checks.version:
        found.append(Document("kruiscontroles", checks.content))
    return [*found, *(Document(name, content) for name, content in catalogue_files().items())]
