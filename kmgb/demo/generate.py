"""The invented municipality: dumps of the distribution and of every afnemer, with planted faults and their list."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from pathlib import Path

import polars as pl

from kmgb.demo.belasting import belasting
from kmgb.demo.distributie import distributie
from kmgb.demo.faults import Finding
from kmgb.demo.geo import geo
from kmgb.demo.havenbeheer import havenbeheer
from kmgb.demo.timeline import PEILDATUMS
from kmgb.demo.vergunningen import vergunningen
from kmgb.demo.world import build_world
from kmgb.demo.write import separated
from kmgb.demo.zaaksysteem import zaaksysteem_personen
from kmgb.demo.zaaksysteem_nnp import zaaksysteem_nnp

PLANTED_NAME = "geplant.csv"


@dataclass(frozen=True, slots=True)
class Planted:
    """What was written. `findings` is all that a correct comparison at the last peildatum reports, and nothing else.

    Columns of `findings`: afnemer, entity, key, field (empty for a whole row), kind, rule, cause, note; sorted by the
    first five. An empty rule or cause is not prescribed.
    """

    folder: Path
    files: tuple[Path, ...]
    findings: pl.DataFrame


def generate(out: Path, *, rows: int = 400, seed: int = 2026, swapped_columns: bool = False) -> Planted:
    """Write the dumps of a municipality with `rows` persons to `out`; same arguments, same bytes.

    With `swapped_columns` the tax application has no other fault than that it delivers two date columns exchanged: a
    fault of the mapping, which would drown all others.
    """
    out.mkdir(parents=True, exist_ok=True)
    world = build_world(rows, seed)
    last = f"{PEILDATUMS[-1]:%Y%m%d}"
    files = [
        *distributie(world.timelines, out),
        belasting(world, out, last, swapped=swapped_columns),
        zaaksysteem_personen(world, out, last),
        zaaksysteem_nnp(world, out, last),
        *vergunningen(world, out, last),
        *havenbeheer(world, out, last),
        *geo(world, out, last),
    ]
    findings = _listed(world.findings)
    files.append(separated(findings, out / PLANTED_NAME))
    return Planted(out, tuple(files), findings)


def _listed(findings: list[Finding]) -> pl.DataFrame:
    schema = {field.name: pl.String for field in fields(Finding)}
    frame = pl.DataFrame([astuple(finding) for finding in findings], schema=schema, orient="row")
    return frame.sort("afnemer", "entity", "key", "field", "kind", "note")
