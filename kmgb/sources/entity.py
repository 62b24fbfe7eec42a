"""One entity's file with its lookups: what the mapping's `bestand`, `aanlevering` and `opzoeken` say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kmgb.mapping.model import Aanlevering, EntiteitMapping
from kmgb.sources.delivered import Delivered, Limits
from kmgb.sources.dumps import find_dump
from kmgb.sources.lookup import join_lookups, lookup_columns, own_columns
from kmgb.sources.parquet import read_prepared
from kmgb.sources.read import read


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A second file that was joined to the delivery."""

    name: str
    file: str
    sha256: str
    size: int


def read_entity(
    source: Path, plan: EntiteitMapping, limits: Limits, scratch: Path, dumps: Path, prepared: Sequence[str] = ()
) -> tuple[Delivered, pl.LazyFrame, tuple[LookedUp, ...]]:
    """The delivery, its rows with the columns of all lookups beside them, and what was looked up.

    `scratch` is a folder of its own: what a reader keeps there must stay until the frame is collected. `dumps` is where
    the files of lookups are sought. `prepared`: see `read_prepared`. Raises: SourceError.
    """
    needed = own_columns(plan)
    if prepared:
        delivered = read_prepared(source, prepared, needed)
    else:
        delivered = read(source, plan.aanlevering, needed, limits, scratch / "zelf")
    found, looked_up = [], []
    for number, (name, lookup) in enumerate(plan.opzoeken.items()):
        path = find_dump(dumps, lookup.bestand, plan.peildatum_uit_naam)
        reader = Aanlevering.model_validate({**plan.aanlevering.model_dump(), **lookup.aanlevering})
        theirs = read(path, reader, lookup_columns(lookup), limits, scratch / f"opzoeken-{number}")
        found.append((name, lookup, theirs.frame))
        looked_up.append(LookedUp(name, path.name, theirs.sha256, theirs.size))
    return delivered, join_lookups(delivered.frame, found), tuple(looked_up)
