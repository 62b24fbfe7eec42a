"""The column profile of a delivery: how full, how varied, how long and how valid each column is. It holds no values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from kmgb.arrival.band import Band
from kmgb.arrival.signals import Signal
from kmgb.catalogue.checks import check_expression
from kmgb.catalogue.columns import FAULT, ROW, UNREADABLE
from kmgb.catalogue.fields import Catalogue, Entity, Field, load_catalogue
from kmgb.mapping.load import COMBINED
from kmgb.mapping.model import EntiteitMapping
from kmgb.normalise.frame import normalise

PROFILE_FILE = "profiel.json"
_COUNT = "__aantal"
# Counting the values of a column in which more than a tenth differs takes longer than reading it: those are estimated.
_VARIED, _FEW = 0.1, 10_000


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One delivered column. Lengths are in characters, of the cells that are not empty; None when there are none.

    `empty`: cells without a value or with blanks only. `distinct`: exact, but an estimate (some 2 %) where over ten
    thousand rows differ in more than a tenth. `field`: the catalogue field that this column alone feeds.
    `judged`: cells of which that field's checks can say whether they are valid; `valid`: those that are.
    """

    name: str
    empty: int
    distinct: int
    shortest: int | None
    longest: int | None
    field: str
    judged: int
    valid: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What a delivery looked like, and what is noteworthy beside the last accepted one (`compared_with`, its id)."""

    rows: int
    encoding: str
    columns: tuple[ColumnProfile, ...]
    band: Band | None
    compared_with: str
    signals: tuple[Signal, ...]

    def to_document(self) -> dict[str, Any]:
        """The profile as JSON values."""
        return asdict(self)

    def to_json(self) -> str:
        """The profile as JSON text."""
        return json.dumps(self.to_document(), ensure_ascii=False, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """The profile that `to_json` wrote."""
        facts: dict[str, Any] = json.loads(text)
        facts["columns"] = tuple(ColumnProfile(**column) for column in facts["columns"])
        facts["signals"] = tuple(Signal(**signal) for signal in facts["signals"])
        facts["band"] = Band(**facts["band"]) if facts["band"] else None
        return cls(**facts)


def load_profile(folder: Path) -> Profile | None:
    """The profile beside the manifest in `folder`; None for a delivery from before there were profiles."""
    path = folder / PROFILE_FILE
    return Profile.from_json(path.read_text(encoding="utf-8")) if path.exists() else None


def profile_columns(
    data: Path, names: Sequence[str], plan: EntiteitMapping, entity: str, today: date
) -> tuple[ColumnProfile, ...]:
    """The profile of each of the columns `names` of a landed Parquet; `today` is the day of the peildatum.

    One column is in memory at a time: a delivery may be larger than the memory.
    """
    catalogue = load_catalogue()
    fields = _fed_alone(plan, catalogue[entity])
    scanned = pl.scan_parquet(data, glob=False)
    return tuple(_profile(scanned, name, fields.get(name), plan, catalogue, today) for name in names)


def _profile(
    scanned: pl.LazyFrame, name: str, field: Field | None, plan: EntiteitMapping, catalogue: Catalogue, today: date
) -> ColumnProfile:
    cells = scanned.select(pl.col(name).fill_null("")).collect()
    estimate = _number(cells[name].approx_n_unique()) or 0
    varied = cells.height > _FEW and estimate > cells.height * _VARIED
    values = cells.with_columns(pl.lit(1, pl.UInt32).alias(_COUNT)) if varied else _counted(cells, name)
    filled = values.filter(pl.col(name).str.strip_chars() != "")
    lengths = filled[name].str.len_chars()
    judged, valid = _validity(filled, name, field, plan, catalogue, today) if field else (0, 0)
    return ColumnProfile(
        name=name,
        empty=cells.height - int(filled[_COUNT].sum()),
        distinct=min(estimate, filled.height) if varied else filled.height,
        shortest=_number(lengths.min()),
        longest=_number(lengths.max()),
        field=field.name if field else "",
        judged=judged,
        valid=valid,
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _counted(cells: pl.DataFrame, name: str) -> pl.DataFrame:
    return cells.group_by(name).agg(pl.len().alias(_COUNT))


def _fed_alone(plan: EntiteitMapping, entity: Entity) -> Mapping[str, Field]:
    """Column -> the one field that can be judged by this column alone, as the run itself will read it."""
    whole = {part.part_of for part in entity.parts} | set(COMBINED)
    return {
        veld.kolom: entity[name]
        for name, veld in plan.velden.items()
        if veld.kolom and name in entity and name not in whole and not veld.afleiden
    }


def _validity(
    filled: pl.DataFrame, name: str, field: Field, plan: EntiteitMapping, catalogue: Catalogue, today: date
) -> tuple[int, int]:
    """Cells that can be judged and those that are valid: read by the agreements of the mapping, and per distinct text.

    A check that needs another column beside it is left out.
    """
    by_type = ("datum_bestaat",) if field.datatype in ("date", "partial_date") else ()
    checks = [*by_type, *(check for check in field.checks if not check.startswith("not_before"))]
    alone = plan.model_copy(update={"velden": {field.name: plan.velden[field.name]}, "hulp": {}})
    rows = filled.with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias(ROW), pl.lit(None, pl.String).alias(FAULT)
    )
    read = normalise(rows, alone, catalogue[field.entity], catalogue).with_columns(filled[_COUNT])
    unreadable = pl.col(field.name + UNREADABLE) if field.name + UNREADABLE in read.columns else pl.lit(value=False)
    if not checks and field.name + UNREADABLE not in read.columns:
        return 0, 0  # any text will do
    allowed = {list_name: tuple(code.code for code in codes) for list_name, codes in catalogue.code_lists.items()}
    passes = [check_expression(check, field, allowed, today).fill_null(value=True) for check in checks]
    judged = read.filter(pl.col(field.name).is_not_null() | unreadable)
    valid = judged.filter(~unreadable & pl.all_horizontal(pl.lit(value=True), *passes))
    return int(judged[_COUNT].sum()), int(valid[_COUNT].sum())
