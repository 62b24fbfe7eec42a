"""Faults planted in the dump of one afnemer, and the complete list of what a comparison must report about it.

A fault is planted in the value (before the application's way of writing is applied) or in the text as written. No row
gets two, but for a habit: one way of writing wrongly that touches every row it can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from kmgb.demo.timeline import Cells, Timeline, edited, spread

ORIGIN: Final = "__bron"  # column: the row of the timeline an application's row stems from; null when invented
Record = Mapping[str, str | None]  # column -> value

_COMPOSED = ("verblijfsadres.", "correspondentieadres.")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of geplant.csv. An empty `rule` or `cause` means: not prescribed."""

    afnemer: str
    entity: str
    key: str
    field: str
    kind: str
    rule: str = ""
    cause: str = ""
    note: str = ""


@dataclass(slots=True)
class Faults:
    """The dump of one entity of one afnemer in the making.

    `fields` are the columns of the timeline the application holds; `silent` the value for which it writes nothing.
    `taken` is shared by all afnemers of the entity: a thing that is wrong in one application is right in the others.
    """

    afnemer: str
    entity: str
    timeline: Timeline
    fields: Sequence[str]
    population: pl.Expr
    taken: set[int]
    factor: int
    silent: Mapping[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    values: Cells = field(default_factory=dict)
    written: Cells = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    present: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    invented: list[dict[str, str | None]] = field(default_factory=list)

    def pick(self, count: int, where: pl.Expr | None = None) -> list[int]:
        """`count` times `factor` expected rows that nobody took and that fulfil `where`."""
        expected = self.population if where is None else self.population & where
        rows = self.timeline.now.with_row_index("row").filter(expected)["row"].to_list()
        gone = self.timeline.gone[-1]
        return spread([row for row in rows if row not in gone], count * self.factor, self.taken)

    def change(
        self, rows: Sequence[int], cells: Record, cause: str, note: str, *, kind: str = "", rule: str = ""
    ) -> None:
        """Other values than the distribution has. Gives a finding per catalogue field that differs."""
        for row in rows:
            self._change(row, cells, cause=cause, note=note, kind=kind, rule=rule)

    def stale(self, rows: Sequence[int], moment: int, cause: str, note: str) -> None:
        """The application still has what the distribution had at peildatum `moment`."""
        old = self.timeline.frames[moment]
        for row in rows:
            self._change(row, {column: old[column][row] for column in self.fields}, cause=cause, note=note)

    def write(self, row: int, column: str, text: str, *, field: str, rule: str, note: str) -> None:
        """Another text in a column of the application: unreadable (`onleesbaar`), or equal after a tolerant rule."""
        self.written.setdefault(column, {})[row] = text
        kind = "ongeldig" if rule == "onleesbaar" else "cosmetisch"
        self._add(self.key(row), field, kind, rule=rule, note=note)

    def leave_out(self, rows: Sequence[int], cause: str, note: str) -> None:
        """Rows that the application should have and has not."""
        rows = [row for row in rows if self.expects(row)]
        self.absent.update(rows)
        for row in rows:
            self._add(self.key(row), "", "ontbreekt", cause=cause, note=note)

    def keep_gone(self, rows: Sequence[int], cause: str, note: str) -> None:
        """Rows that are no longer distributed and still stand in the application."""
        self.present.extend(rows)
        for row in rows:
            self._add(self.key(row), "", "overtollig", cause=cause, note=note)

    def keep_outside(self, rows: Sequence[int], cause: str, note: str) -> None:
        """Rows outside the population that the application holds nevertheless."""
        self.present.extend(row for row in rows if row not in self.present)
        for row in rows:
            self._add(self.key(row), "", "buiten_populatie", cause=cause, note=note)

    def add(self, record: Record, note: str, kind: str = "overtollig") -> None:
        """A row that only the application knows; `kind` empty when it does not take part in the comparison."""
        self.invented.append(dict(record))
        if kind:
            self._add(str(record[self.timeline.columns.key]), "", kind, note=note)

    def double(self, row: int, cells: Record, note: str) -> None:
        """The row stands in the dump twice, the second time with other `cells`."""
        self.doubled.append(row)
        self.invented.append({**self.record(row), **cells})
        self._add(self.key(row), "", "dubbel", note=note)

    def other_key(self, row: int, key: str, note: str) -> None:
        """The same thing under another key."""
        self.values.setdefault(self.timeline.columns.key, {})[row] = key
        self._add(self.key(row), "", "sleutelverschil", note=note)

    def spoil_key(self, row: int, key: str, cells: Record, note: str) -> None:
        """A key that fails its check, in a row that nothing else can place."""
        name = self.timeline.columns.key
        self.leave_out([row], "", note)
        self.invented.append({**self.record(row), name: key, **cells})
        self._add(key, "", "overtollig", note=note)
        self._add(key, name, "ongeldig", note=note)

    def lose_key(self, row: int, cells: Record, note: str) -> None:
        """An empty key, in a row that nothing else can place; `place_keyless` adds the finding."""
        self.leave_out([row], "", note)
        self.invented.append({**self.record(row), self.timeline.columns.key: None, **cells})

    def outside(self, count: int, where: pl.Expr) -> list[int]:
        """As `pick`, but among rows that are not expected."""
        inside, self.population = self.population, where
        try:
            return self.pick(count)
        finally:
            self.population = inside

    def expects(self, row: int) -> bool:
        """True when the application should hold this row."""
        return not self.timeline.now[[row]].filter(self.population).is_empty()

    def report(self, row: int, name: str, kind: str, note: str) -> None:
        """A finding that lies in the source itself."""
        self._add(self.key(row), name, kind, note=note)

    def report_double(self, row: int, note: str) -> None:
        """A row that stands in the source twice; it is not compared."""
        self._add(self.key(row), "", "dubbel", note=note)

    def habit(self, name: str, where: pl.Expr, kind: str, *, note: str, rule: str = "", cause: str = "formaat") -> None:
        """One way of writing wrongly, in every row that `where` selects. Call it after all other faults."""
        seen = {finding.key for finding in self.findings if finding.field == name}
        compared = set(self._rows()) - set(self.doubled)
        frame = edited(self.timeline.now, self.values).with_row_index("row")
        for row in frame.filter(where)["row"].to_list():
            if row in compared and row not in self.timeline.gone[-1] and self.key(row) not in seen:
                self._add(self.key(row), name, kind, rule=rule, cause=cause, note=note)

    def dump(self) -> pl.DataFrame:
        """The rows of the application in a mixed-up order, in the columns of the timeline and `__bron`."""
        rows = sorted(self._rows(), key=lambda row: (row * 7919 % 10_007, row))
        frame = edited(self.timeline.now, self.values)
        known = frame[rows].with_columns(pl.Series(ORIGIN, rows, dtype=pl.Int64))
        if not self.invented:
            return known
        extra = pl.DataFrame(self.invented, schema=frame.schema).with_columns(pl.lit(None, pl.Int64).alias(ORIGIN))
        half = len(known) // 2
        return pl.concat([known.head(half), extra, known.slice(half)])

    def overwritten(self, raw: pl.DataFrame, origin: pl.Series) -> pl.DataFrame:
        """`raw` (the dump as written) with the planted texts in place."""
        place = {row: at for at, row in enumerate(origin.to_list()) if row is not None}
        cells = {column: {place[row]: text for row, text in texts.items()} for column, texts in self.written.items()}
        return edited(raw, cells)

    def key(self, row: int) -> str:
        """The distribution's key of a row."""
        return str(self.timeline.now[self.timeline.columns.key][row])

    def record(self, row: int) -> dict[str, str | None]:
        """All columns of a row of the distribution."""
        return self.timeline.now.row(row, named=True)

    def place_keyless(self, dump: pl.DataFrame, note: str) -> None:
        """Findings for rows without a key: they are named after their place in the file."""
        key = self.timeline.columns.key
        for at in dump.with_row_index("at", offset=1).filter(pl.col(key).is_null())["at"].to_list():
            self._add(f"rij {at}", key, "ongeldig", note=note)

    def _rows(self) -> list[int]:
        gone = self.timeline.gone[-1]
        members = self.timeline.now.with_row_index("row").filter(self.population)["row"].to_list()
        return [row for row in members if row not in self.absent and row not in gone] + self.present

    def _change(self, row: int, cells: Record, *, cause: str, note: str, kind: str = "", rule: str = "") -> None:
        before = self.timeline.now
        for column, value in cells.items():
            self.values.setdefault(column, {})[row] = value
        for name, columns in catalogue_fields(cells):
            ours = [before[column][row] for column in columns]
            theirs = [None if cells[column] == self.silent.get(column) else cells[column] for column in columns]
            if [cells[column] for column in columns] != ours:
                self._add(self.key(row), name, kind or cell_kind(ours, theirs), rule=rule, cause=cause, note=note)

    def _add(self, key: str, name: str, kind: str, *, note: str, rule: str = "", cause: str = "") -> None:
        self.findings.append(Finding(self.afnemer, self.entity, key, name, kind, rule, cause, note))


def catalogue_fields(cells: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """The catalogue fields of these columns: the parts of an address are one field."""
    groups: dict[str, list[str]] = {}
    for column in cells:
        composed = column.startswith(_COMPOSED)
        groups.setdefault(column.partition(".")[0] if composed else column, []).append(column)
    yield from groups.items()


def cell_kind(ours: Sequence[str | None], theirs: Sequence[str | None]) -> str:
    """The kind of finding about a cell of which the parts differ."""
    if all(value is None for value in theirs):
        return "leeg_in_applicatie"
    return "leeg_in_bron" if all(value is None for value in ours) else "afwijkend"
