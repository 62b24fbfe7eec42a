"""Two small deliveries, from text to findings, without files: what the tests of the middle rooms share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.catalogue.fields import load_catalogue
from kmgb.compare.comparison import Comparison
from kmgb.mapping.model import EntiteitMapping, Populatie, Veld
from kmgb.normalise.frame import normalise
from kmgb.run.outcome import compare_prepared
from kmgb.run.plan import comparison_key, comparison_plan
from kmgb.run.prepare import prepare

DAY = date(2024, 1, 1)
Row = Mapping[str, str | None]
Finding = tuple[str, str, str, str | None]  # key, field, kind, rule


def delivered(rows: Sequence[Row], faults: Mapping[int, str] | None = None) -> pl.DataFrame:
    """Rows as a reader delivers them; `faults` says which could not be read whole."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in names}
        | {ROW: range(1, len(rows) + 1), FAULT: [(faults or {}).get(n) for n in range(1, len(rows) + 1)]},
        schema={**dict.fromkeys(names, pl.String), ROW: pl.UInt32, FAULT: pl.String},
    )


def mapped(entity: str, names: Sequence[str], velden: Mapping[str, Any] | None = None, **said: Any) -> EntiteitMapping:
    """A mapping whose columns are called as the fields; `velden` adds agreements per field (None leaves it out)."""
    extra = velden or {}
    fields = {
        name: Veld(**({"kolom": name} | extra.get(name, {}))) for name in names if extra.get(name, {}) is not None
    }
    made = {name: Veld(**veld) for name, veld in extra.items() if name not in names and veld is not None}
    key = said.pop("sleutel", (load_catalogue()[entity].primary.name,))
    return EntiteitMapping(sleutel=key, velden=fields | made, **said)


def normalised(entity: str, rows: Sequence[Row], velden: Mapping[str, Any] | None = None, **said: Any) -> pl.DataFrame:
    """Rows after normalising."""
    frame = delivered(rows)
    names = [name for name in frame.columns if name not in (ROW, FAULT)]
    mapping = mapped(entity, names, velden, **said)
    return normalise(frame, mapping, load_catalogue()[entity], load_catalogue())


def compared(
    entity: str,
    ours: Sequence[Row],
    theirs: Sequence[Row],
    velden: Mapping[str, Any] | None = None,
    *,
    faults: Mapping[int, str] | None = None,
    faults_ours: Mapping[int, str] | None = None,
    distributie: Mapping[str, Any] | None = None,
    populatie: tuple[str, str] = ("", ""),
    hulp: Sequence[str] = (),
    **said: Any,
) -> Comparison:
    """The comparison of two deliveries. `velden` and `said` are the application's mapping; `distributie` is ours."""
    catalogue = load_catalogue()
    fields = list(dict.fromkeys(name for row in (*ours, *theirs) for name in row if name not in hulp))
    said["hulp"] = {name: Veld(kolom=name) for name in hulp}
    said["populatie"] = Populatie(distributie=populatie[0], applicatie=populatie[1], omschrijving="wie meedoet")
    afnemer = mapped(entity, fields, velden, **said)
    system = mapped(entity, fields, None, **({"sleutel": afnemer.sleutel} | dict(distributie or {})))
    key, history = comparison_key(catalogue[entity], afnemer), afnemer.historie == "historie"
    plan = comparison_plan(catalogue, catalogue[entity], system, afnemer, DAY)
    sides = [
        prepare(
            _complete(frame, fields).lazy(), mapping, catalogue[entity], catalogue, key=key, history=history, day=DAY
        )
        for frame, mapping in ((delivered(ours, faults_ours), system), (delivered(theirs, faults), afnemer))
    ]
    return compare_prepared(sides[0], sides[1], plan)


def _complete(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in names if name not in frame.columns)


def found(comparison: Comparison) -> list[Finding]:
    """Its findings, in their order."""
    return list(comparison.findings.select("key", "field", "kind", "rule").iter_rows())
