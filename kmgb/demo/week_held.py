"""What one application holds in one week, worked out from the source and its script, and the dump of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from kmgb.demo.faults import ORIGIN
from kmgb.demo.timeline import Cells, Timeline, edited
from kmgb.demo.week_apps import App, Habit
from kmgb.demo.week_causes import Causes
from kmgb.demo.week_script import Lag, Script, Text


@dataclass(frozen=True)
class Held:
    """One dump of one week. `source` is the week of the distribution's dump it is compared with, `known` all weeks of
    which the source was delivered by then; `swapped` two columns that were exchanged."""

    app: App
    script: Script
    timeline: Timeline
    causes: Causes
    week: int
    source: int
    known: Sequence[int]
    swapped: tuple[str, ...] = ()

    @cached_property
    def behind(self) -> dict[int, Lag]:
        """The rows that are left behind."""
        return self.script.behind(self.week)

    @cached_property
    def members(self) -> list[bool]:
        """Per row of this week's source whether the application has it."""
        found: list[bool] = self.causes.belongs(self.app, self.week).to_list()
        for row, lag in self.behind.items():
            before = self.causes.belongs(self.app, lag.event - 1)
            found[row] = row < len(before) and bool(before[row])
        for row in self.script.outside:
            found[row] = True
        for row in self.script.removed(self.week):
            found[row] = False
        return found

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The values the application has, row for row of this week's source."""
        frame = edited(self.timeline.frames[self.week - 1], self._cells())
        if self.swapped:
            one, other = self.swapped
            frame = frame.with_columns(pl.col(other).alias(one), pl.col(one).alias(other))
        return frame.with_columns(
            pl.when(habit.where).then(habit.spoil).otherwise(habit.field).alias(habit.field)
            for habit in self.habits
            if habit.spoil is not None
        )

    @property
    def habits(self) -> list[Habit]:
        """The ways of writing wrongly that have begun."""
        return [habit for habit in self.app.habits if habit.since <= self.week]

    @property
    def texts(self) -> list[Text]:
        """The planted texts; not in columns that hold something else altogether."""
        return [text for text in self.script.texts if text.field not in self.swapped]

    def deliver(self, folder: Path, day: str) -> Path:
        """Write the dump, the rows in a mixed-up order."""
        held = [row for row, member in enumerate(self.members) if member]
        rows = sorted(held, key=lambda row: (row * 7919 % 10_007, row))
        key: dict[int, str | None] = dict(self.script.other_keys)
        frame = edited(self.frame, {self.timeline.columns.key: key})
        dump = frame[rows].with_columns(pl.Series(ORIGIN, rows, dtype=pl.Int64))
        extras = [dict(extra.record) for extra in self.script.extra(self.week)]
        if extras:
            extra = pl.DataFrame(extras, schema=frame.schema).with_columns(pl.lit(None, pl.Int64).alias(ORIGIN))
            dump = pl.concat([dump.head(len(dump) // 2), extra, dump.slice(len(dump) // 2)])
        place = {row: at for at, row in enumerate(dump[ORIGIN].to_list()) if row is not None}
        texts: Cells = {}
        for text in self.texts:
            texts.setdefault(text.column, {})[place[text.row]] = text.text
        return self.app.save(edited(self.app.written(dump), texts), folder, day)

    def _cells(self) -> Cells:
        cells: Cells = {}
        for lag in {id(lag): lag for lag in self.behind.values()}.values():
            before = self.timeline.frames[lag.event - 2]
            rows = [row for row in lag.rows if row < len(before)]
            for column in self.app.fields:
                cells.setdefault(column, {}).update(zip(rows, before[column].gather(rows).to_list(), strict=True))
        for changed in self.script.changed(self.week):
            for column, value in changed.cells.items():
                cells.setdefault(column, {}).update(dict.fromkeys(changed.rows, value))
        return cells
