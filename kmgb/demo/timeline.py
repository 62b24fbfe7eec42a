"""One entity at three peildatums: the same rows, what changed in between, and which changes those were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl

PEILDATUMS: Final = (date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 16))

Cells = dict[str, dict[int, str | None]]  # column -> row -> new value


@dataclass(frozen=True, slots=True)
class Change:
    """One event: the rows it happened to, and per column one new value for all of them or one for each.

    With `day` it opens a new voorkomen (BAG): the present row goes to the history, ending on that day.
    """

    name: str
    rows: Sequence[int]
    cells: Mapping[str, str | Sequence[str | None] | None]
    day: str = ""
    event: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one entity that tell its voorkomens apart; only `key` outside the BAG."""

    key: str
    begin: str = ""
    eind: str = ""
    event: str = ""


@dataclass(slots=True)
class Timeline:
    """Row i of every frame is the same thing; later frames may have more rows. All columns are String, null is empty.

    `changed` names groups of rows that went through the same event; `gone` holds, per peildatum, the rows that are no
    longer distributed; `history` the other voorkomens (BAG) that are delivered beside the current row.
    `planned` is what happens in the next step.
    """

    columns: Columns
    frames: list[pl.DataFrame]
    history: list[pl.DataFrame]
    gone: list[frozenset[int]] = field(default_factory=lambda: [frozenset()])
    changed: dict[str, list[int]] = field(default_factory=dict)
    planned: list[Change] = field(default_factory=list)

    @property
    def now(self) -> pl.DataFrame:
        """The rows at the last peildatum."""
        return self.frames[-1]

    def plan(self, *changes: Change) -> None:
        """Events that happen before the next peildatum. Two events never share a row."""
        self.planned += [change for change in changes if change.rows]

    def step(self, *, added: pl.DataFrame | None = None, name: str = "", gone: Iterable[int] = ()) -> None:
        """The next peildatum: the planned events, new rows (kept as `name`), rows that are no longer distributed."""
        self.history.append(pl.concat([self.history[-1], *self._closed()]))
        frame = edited(self.now, self._cells())
        for change in self.planned:
            self.changed.setdefault(change.name, []).extend(change.rows)
        self.planned.clear()
        if added is not None:
            self.changed[name] = list(range(len(frame), len(frame) + len(added)))
            frame = pl.concat([frame, added.select(frame.columns)])
        self.frames.append(frame)
        self.gone.append(self.gone[-1] | frozenset(gone))

    def delivered(self, moment: int) -> pl.DataFrame:
        """What the distribution delivers at that peildatum, sorted by key."""
        frame, gone = self.frames[moment], self.gone[moment]
        if gone:
            frame = frame.with_row_index("row").filter(~pl.col("row").is_in(sorted(gone))).drop("row")
        return pl.concat([frame, self.history[moment]]).sort(self.columns.key, maintain_order=True, nulls_last=True)

    def _closed(self) -> Iterator[pl.DataFrame]:
        for change in self.planned:
            if change.day:
                yield self.now[list(change.rows)].with_columns(pl.lit(change.day).alias(self.columns.eind))

    def _cells(self) -> Cells:
        cells: Cells = {}
        for change in self.planned:
            for column, value in (*change.cells.items(), *self._renewed(change)):
                values = [value] * len(change.rows) if value is None or isinstance(value, str) else value
                cells.setdefault(column, {}).update(zip(change.rows, values, strict=True))
        return cells

    def _renewed(self, change: Change) -> Iterator[tuple[str, str | Sequence[str | None] | None]]:
        if change.day:
            year, month, day = change.day.split("-")
            yield self.columns.begin, change.day
            yield "brondocumentdatum", change.day
            yield self.columns.event, change.event
            yield "brondocumentnummer", [f"OMG-{year}/{month}{day}-{row + 1:05d}" for row in change.rows]


def edited(frame: pl.DataFrame, cells: Cells) -> pl.DataFrame:
    """`frame` with other values in the named cells."""
    columns = [
        frame[column].clone().scatter(list(values), pl.Series(list(values.values()), dtype=pl.String))
        for column, values in cells.items()
        if values
    ]
    return frame.with_columns(columns)


def spread(candidates: Sequence[int], count: int, taken: set[int]) -> list[int]:
    """`count` candidates that nobody took yet, evenly spread, in order; fewer when there are no more."""
    free = [row for row in candidates if row not in taken]
    chosen = free if len(free) <= count else [free[(2 * n + 1) * len(free) // (2 * count)] for n in range(count)]
    taken.update(chosen)
    return chosen


def iso(day: pl.Series) -> pl.Series:
    """jjjj-mm-dd from whole numbers jjjjmmdd."""
    text = day.cast(pl.String)
    return text.str.slice(0, 4) + "-" + text.str.slice(4, 2) + "-" + text.str.slice(6, 2)
