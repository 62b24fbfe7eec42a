"""The dumps of the distribution system: every catalogue field of all seven entities, at every peildatum."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from kmgb.demo import write
from kmgb.demo.timeline import PEILDATUMS, Timeline

_PREFIXES: Final = {
    "personen": "PRS", "nummeraanduiding": "ADR", "verblijfsobject": "VBO", "ligplaats": "LIG", "standplaats": "STA",
    "pand": "PND", "nnp": "NNP",
}  # fmt: skip


def column_name(entity: str, column: str) -> str:
    """The distribution's own name of a column: prefix of the entity, capitals, no dots."""
    return f"{_PREFIXES[entity]}_{column.replace('.', '_').upper()}"


def distributie(timelines: Mapping[str, Timeline], folder: Path) -> list[Path]:
    """One csv per entity and peildatum."""
    return [
        deliver(timeline, entity, moment, folder, day)
        for entity, timeline in timelines.items()
        for moment, day in enumerate(PEILDATUMS)
    ]


def deliver(timeline: Timeline, entity: str, moment: int, folder: Path, day: date) -> Path:
    """The csv of one entity at one peildatum."""
    frame = timeline.delivered(moment)
    names = {column: column_name(entity, column) for column in sorted(frame.columns)}
    renamed = frame.select(list(names)).rename(names)
    return write.separated(renamed, folder / f"distributie_{entity}_{day:%Y%m%d}.csv")
