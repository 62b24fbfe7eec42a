"""The column profile of a delivery: how full, how varied, how long and how valid each column is. It holds no values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from dataclasses import field as dataclass_field
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
_AT_ONCE = 2  # columns: many small steps, of which one core is idle half of the time
_PART = 100_000  # counted texts of one column that wait at most, before they are put together or looked at


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
    profiler = Profiler(names, plan, entity, today)
    scanned = pl.scan_parquet(data, glob=False)
    for name in names:
        profiler.feed(scanned.select(name).collect())
    return profiler.finish(data, names)


class Profiler:
    """Profiles columns as their cells come in, in any number of parts: a source that takes long to read is profiled
    while it is read."""

    def __init__(self, names: Sequence[str], plan: EntiteitMapping, entity: str, today: date) -> None:
        catalogue = load_catalogue()
        fields = _fed_alone(plan, catalogue[entity])
        self.names, self.today = frozenset(names), today
        self._columns = {name: _Column(name, fields.get(name), plan, catalogue, today) for name in names}

    def feed(self, cells: pl.DataFrame) -> None:
        """More rows of the columns that this frame has."""
        for name in cells.columns:
            self._columns[name].feed(cells[name])

    def count(self, name: str, values: pl.Series, counts: pl.Series) -> None:
        """More rows of one column, as the texts that differ and how often each of them came."""
        if name in self._columns:
            self._columns[name].take(pl.DataFrame([values.alias(name), counts.alias(_COUNT)]), int(counts.sum()))

    def finish(self, data: Path, names: Sequence[str]) -> tuple[ColumnProfile, ...]:
        """The profiles in this order, once all cells were fed; `data` is the Parquet that holds them."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return tuple(threads.map(lambda name: self._columns[name].finish(data), names))


@dataclass
class _Column:
    """What is known of one column so far: its distinct cells and how often each came, until they become too many."""

    name: str
    field: Field | None
    plan: EntiteitMapping
    catalogue: Catalogue
    today: date
    rows: int = 0
    _waiting: list[pl.DataFrame] = dataclass_field(default_factory=list)
    _held: int = 0
    _known: pl.DataFrame | None = None
    _varied: bool = False
    _empty: int = 0
    _judged: int = 0
    _valid: int = 0
    _shortest: int | None = None
    _longest: int | None = None

    def feed(self, cells: pl.Series) -> None:
        part = cells.to_frame()
        if self._varied or _is_varied(cells):
            self._settle(varied=True)
            self.take(part.with_columns(pl.lit(1, pl.Int64).alias(_COUNT)), cells.len())
        else:
            counted = part.group_by(self.name).agg(pl.len().alias(_COUNT))
            # Cast within `agg`, polars (2.1) would hold every group in memory.
            self.take(counted.with_columns(pl.col(_COUNT).cast(pl.Int64)), cells.len())

    def take(self, counted: pl.DataFrame, rows: int) -> None:
        """More cells, each with how often it came, `rows` in all. Cheap: it is called while a source waits."""
        self.rows += rows
        self._waiting.append(counted)
        self._held += counted.height
        if self._held > _PART:
            self._settle()

    def _settle(self, *, varied: bool = False) -> None:
        """Put together what waits. Of a column that turned out to be varied nothing is kept but the counts."""
        parts = [*([] if self._known is None else [self._known]), *self._waiting]
        self._waiting, self._held = [], 0
        if len(parts) > 1 and not self._varied:
            parts = [pl.concat(parts).group_by(self.name).agg(pl.col(_COUNT).sum())]
        self._varied |= varied or (bool(parts) and self.rows > _FEW and parts[0].height > self.rows * _VARIED)
        if self._varied:
            self._known = None
            if parts:
                self._count(pl.concat(parts))
        else:
            self._known = parts[0] if parts else None

    def finish(self, data: Path) -> ColumnProfile:
        self._settle()
        distinct = self._distinct(data)
        if self._known is not None:
            self._count(self._known)
        return ColumnProfile(
            name=self.name,
            empty=self._empty,
            distinct=distinct,
            shortest=self._shortest,
            longest=self._longest,
            field=self.field.name if self.field else "",
            judged=self._judged,
            valid=self._valid,
        )

    def _distinct(self, data: Path) -> int:
        """Exact where the cells are few or much alike, else an estimate."""
        if not self._varied:
            return 0 if self._known is None else self._known.filter(_filled(self.name)).height
        column = pl.scan_parquet(data, glob=False).select(pl.col(self.name)).filter(_filled(self.name))
        cells = column.collect()[self.name]
        estimate = _number(cells.approx_n_unique()) or 0
        return min(estimate, cells.len()) if estimate > self.rows * _VARIED else cells.n_unique()

    def _count(self, values: pl.DataFrame) -> None:
        """Add these cells, each as often as it says, to the counts."""
        filled = values.filter(_filled(self.name))  # a null is not filled either
        lengths = filled[self.name].str.len_chars()
        shortest, longest = _number(lengths.min()), _number(lengths.max())
        self._empty += int(values[_COUNT].sum()) - int(filled[_COUNT].sum())
        self._shortest = min((n for n in (self._shortest, shortest) if n is not None), default=None)
        self._longest = max((n for n in (self._longest, longest) if n is not None), default=None)
        if self.field is not None:
            judged, valid = _validity(filled, self.name, self.field, self.plan, self.catalogue, self.today)
            self._judged, self._valid = self._judged + judged, self._valid + valid


def _is_varied(cells: pl.Series) -> bool:
    return cells.len() > _FEW and (_number(cells.approx_n_unique()) or 0) > cells.len() * _VARIED


def _filled(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars() != ""


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


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
