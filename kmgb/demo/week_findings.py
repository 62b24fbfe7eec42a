"""What a right comparison of one dump with the source reports, with the cause of everything that can be proved.

The findings follow from the two frames; the script only says why a cell or a row is as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import polars as pl

from kmgb.demo.faults import catalogue_fields, cell_kind
from kmgb.demo.week_causes import Label
from kmgb.demo.week_held import Held
from kmgb.demo.week_source import peildatum

Former = tuple[str, str]
_NEVER: Final[Former] = ("", "")
SEEN: Final = "gezien"
NOT_SEEN: Final = "onbekend"  # the dump of this week was refused: open since an earlier week
_DOUBT: Final = "bron_in_onderzoek"
_OBJECT_DOUBT: Final = "indicatie_onderzoek"


@dataclass(frozen=True, slots=True)
class WeekFinding:
    """One line of geplant.csv of a week. `row` is the row of the timeline (-1: not of the source)."""

    afnemer: str
    entity: str
    key: str
    field: str
    kind: str
    rule: str
    cause: str
    note: str
    cause_bare: str
    cause_also: str
    former_until: str
    former_before: str
    state: str = SEEN
    row: int = -1

    @property
    def identity(self) -> tuple[str, str]:
        """What tells the findings of one dump apart: the key, and the field or for a whole row the kind."""
        return self.key, self.field or self.kind


class Comparison:
    """One dump beside the source it is compared with."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self._source = held.timeline.frames[held.source - 1]
        gone = held.timeline.gone[held.source - 1]
        self._expected = held.causes.belongs(held.app, held.source).to_list()
        self._there = [row not in gone for row in range(len(self._source))]
        self._keys = held.timeline.now[held.timeline.columns.key].to_list()
        self._doubted = self._in_onderzoek()
        self._labels = self._changed()

    def findings(self) -> list[WeekFinding]:
        """All of them, in no promised order."""
        return [*self._rows(), *self._extras(), *self._cells(), *self._texts()]

    def left(self, row: int) -> bool:
        """True when a row is in the source and neither expected nor held."""
        there = 0 <= row < len(self._there) and self._there[row]
        return there and not self._expected[row] and not self.held.members[row]

    def outside(self, row: int) -> bool:
        """True when a row is in the source and not expected."""
        return 0 <= row < len(self._there) and self._there[row] and not self._expected[row]

    def _rows(self) -> Iterator[WeekFinding]:
        removed, outside = self.held.script.removed(self.held.week), set(self.held.script.outside)
        for row, member in enumerate(self.held.members):
            there = row < len(self._there) and self._there[row]
            expected = there and self._expected[row]
            if member and not expected:
                label = Label(note="hoort niet tot de populatie") if row in outside else self._why(row)
                yield self._finding(row, "", "buiten_populatie" if there else "overtollig", label)
            if expected and not member:
                yield self._finding(
                    row, "", "ontbreekt", Label(note=removed[row]) if row in removed else self._why(row)
                )
            if row in self.held.script.other_keys:
                yield self._finding(row, "", "sleutelverschil", Label(note="andere sleutel in de applicatie"))

    def _extras(self) -> Iterator[WeekFinding]:
        for extra in self.held.script.extra(self.held.week):
            if extra.double is not None:
                yield self._finding(extra.double, "", "dubbel", Label(note=extra.note))
            elif not extra.silent:
                key = str(extra.record[self.held.timeline.columns.key])
                yield self._named(-1, key, "", "overtollig", Label(note=extra.note))

    def _cells(self) -> Iterator[WeekFinding]:
        rows = self._compared()
        ours, theirs = self._source[rows], self.held.frame[rows]
        for name, columns in catalogue_fields(self.held.app.fields):
            differ = pl.DataFrame([ours[column].ne_missing(theirs[column]).alias(column) for column in columns])
            mask = differ.select(pl.any_horizontal(pl.all())).to_series()
            places = mask.arg_true().to_list()
            former = self._former([rows[at] for at in places], columns) if places else {}
            right = list(zip(*(ours[column].gather(places).to_list() for column in columns), strict=True))
            wrong = list(zip(*(theirs[column].gather(places).to_list() for column in columns), strict=True))
            for number, at in enumerate(places):
                kind = cell_kind(right[number], [self._heard(name, value) for value in wrong[number]])
                yield self._cell(rows[at], name, kind, former.get(rows[at], _NEVER))
            yield from self._habits(name, theirs, mask, rows)

    def _habits(self, name: str, theirs: pl.DataFrame, differ: pl.Series, rows: Sequence[int]) -> Iterator[WeekFinding]:
        """Cells that the way of writing spoils while the value is right."""
        for habit in self.held.habits:
            if habit.field == name and habit.spoil is None and name not in self.held.swapped:
                where = theirs.select(habit.where.fill_null(value=False)).to_series() & ~differ
                label = Label("formaat", "formaat", note=habit.note)
                for at in where.arg_true().to_list():
                    yield self._finding(rows[at], name, habit.kind, label, rule=habit.rule)

    def _texts(self) -> Iterator[WeekFinding]:
        for text in self.held.texts:
            kind = "ongeldig" if text.rule == "onleesbaar" else "cosmetisch"
            yield self._finding(text.row, text.field, kind, Label(note=text.note), rule=text.rule)

    def _cell(self, row: int, name: str, kind: str, former: Former) -> WeekFinding:
        for habit in self.held.habits:
            if habit.field == name and habit.spoil is not None:
                return self._finding(row, name, kind, Label("formaat", "formaat", note=habit.note))
        if name in self.held.swapped:
            cause = "veldtoewijzing"
            return self._finding(row, name, kind, Label(cause, cause, note="twee kolommen verwisseld"), former=former)
        return self._finding(row, name, kind, self._labels.get((row, name)) or self._why(row, name), former=former)

    def _why(self, row: int, name: str = "") -> Label:
        held = self.held
        lag = held.behind.get(row)
        if lag is not None:
            return held.causes.of_lag(held.app, row, lag, name, held.week)
        return Label(note="de distributie is een week te laat" if held.source < held.week else "")

    def _changed(self) -> dict[tuple[int, str], Label]:
        """Why changed cells are as they are.

        Of what was so in week 1 nobody can tell how it came about. Neither beside a source that is late: its next dump
        may bring that very value.
        """
        found: dict[tuple[int, str], Label] = {}
        for cells in self.held.script.changed(self.held.week):
            unsure = cells.since == 1 or self.held.source < self.held.week
            early = cells.cause == "handmatig" and unsure
            label = (
                Label(also=cells.cause, note=cells.note) if early else Label(cells.cause, cells.cause, "", cells.note)
            )
            for name, _ in catalogue_fields(cells.cells):
                found |= {(row, name): label for row in cells.rows}
        return found

    def _in_onderzoek(self) -> set[int]:
        """The BAG objects that the register itself doubts: as a whole, so whatever differs in them."""
        if _OBJECT_DOUBT not in self._source.columns:
            return set()
        return set((self._source[_OBJECT_DOUBT] == "J").arg_true().to_list())

    def _compared(self) -> list[int]:
        double = {extra.double for extra in self.held.script.extra(self.held.week)}
        both = zip(self.held.members, self._there, strict=False)
        return [row for row, (member, there) in enumerate(both) if member and there and row not in double]

    def _former(self, rows: list[int], columns: Sequence[str]) -> dict[int, Former]:
        """Per row the last peildatum on which the source had what the application has, and the next one."""
        theirs = self.held.frame[rows]
        found: dict[int, Former] = {}
        for week, after in reversed(list(pairwise(self.held.known))):
            frame = self.held.timeline.frames[week - 1]
            there = [at for at, row in enumerate(rows) if row < len(frame) and row not in found]
            old, new = frame[[rows[at] for at in there]], theirs[there]
            same = pl.DataFrame([old[column].eq_missing(new[column]).alias(column) for column in columns])
            for at in same.select(pl.all_horizontal(pl.all())).to_series().arg_true().to_list():
                found[rows[there[at]]] = (peildatum(week).isoformat(), peildatum(after).isoformat())
        return found

    def _heard(self, name: str, value: str | None) -> str | None:
        return None if value == self.held.app.silent.get(name) else value

    def _finding(
        self, row: int, name: str, kind: str, label: Label, *, rule: str = "", former: Former = _NEVER
    ) -> WeekFinding:
        if name and row in self._doubted and label.cause not in ("", _DOUBT):
            # Both hold: what the register itself doubts, and what went wrong on its way.
            also = "|".join(filter(None, (label.cause, label.also, _DOUBT)))
            label = Label(also=also, note=label.note)
        return self._named(row, str(self._keys[row]), name, kind, label, rule=rule, former=former)

    def _named(
        self, row: int, key: str, name: str, kind: str, label: Label, *, rule: str = "", former: Former = _NEVER
    ) -> WeekFinding:
        if kind == "buiten_populatie":
            label = Label(also=label.cause or label.also, note=label.note)
        return WeekFinding(
            *self.held.app.name,
            key,
            name,
            kind,
            rule,
            label.cause,
            label.note,
            label.bare,
            label.also,
            *former,
            row=row,
        )
