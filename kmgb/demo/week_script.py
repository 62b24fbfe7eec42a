"""What goes wrong in one dump over the weeks: rows left behind, changed by hand, removed, invented, written oddly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

FOREVER: Final = 1_000  # an `until` that never comes


class Reason(StrEnum):
    """Why an application was left behind."""

    NOT_SENT = "niet_verzonden"
    NOT_RECEIVED = "niet_ontvangen"
    NO_INDICATION = "geen_indicatie"
    TABLE = "tabelwijziging"
    UNDER_WAY = "onderweg"
    PUT_BACK = "teruggezet"


@dataclass(frozen=True, slots=True)
class Lag:
    """Rows of which the application still has what the source had before week `event`, in weeks `since` to `until`.

    Everything follows from that: a person born in that week is absent, one who left still stands there with the old
    values. In week `until` the application has caught up.
    """

    rows: Sequence[int]
    event: int
    since: int
    until: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Cells:
    """Other values than the source has. `cause` is empty when nobody can tell how they came about."""

    rows: Sequence[int]
    cells: Mapping[str, str | None]
    since: int
    until: int
    cause: str
    note: str


@dataclass(frozen=True, slots=True)
class Text:
    """Another text in a column of the application: unreadable (`onleesbaar`), or equal after the tolerant `rule`."""

    row: int
    column: str
    text: str
    field: str
    rule: str
    note: str


@dataclass(frozen=True, slots=True)
class Extra:
    """A row that the application has besides: invented, or (`double`) a second time. `silent`: gives no finding."""

    record: Mapping[str, str | None]
    since: int
    until: int
    note: str
    double: int | None = None
    silent: bool = False


@dataclass(slots=True)
class Script:
    """All that is wrong in one dump. `absent` rows were removed; `outside` rows do not belong and yet stand there."""

    lags: list[Lag] = field(default_factory=list)
    cells: list[Cells] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    extras: list[Extra] = field(default_factory=list)
    absent: list[Cells] = field(default_factory=list)
    outside: list[int] = field(default_factory=list)
    other_keys: dict[int, str] = field(default_factory=dict)

    def lag(
        self, rows: Sequence[int], since: int, until: int, reason: Reason = Reason.NOT_RECEIVED, event: int = 0
    ) -> None:
        """Rows left behind since the week of their event (or since later, when something was put back)."""
        self.lags.append(Lag(rows, event or since, since, until, reason))

    def change(
        self, rows: Sequence[int], cells: Mapping[str, str | None], since: int, until: int = FOREVER, *,
        cause: str = "handmatig", note: str = "met de hand gewijzigd in de applicatie",
    ) -> None:  # fmt: skip
        """Other values in rows."""
        self.cells.append(Cells(rows, cells, since, until, cause, note))

    def remove(self, rows: Sequence[int], since: int, until: int = FOREVER) -> None:
        """Rows that were removed."""
        self.absent.append(Cells(rows, {}, since, until, "", "verwijderd in de applicatie"))

    def behind(self, week: int) -> dict[int, Lag]:
        """The rows that are left behind in a week."""
        return {row: lag for lag in self.lags if lag.since <= week < lag.until for row in lag.rows}

    def changed(self, week: int) -> list[Cells]:
        """The changed cells of a week."""
        return [cells for cells in self.cells if cells.since <= week < cells.until]

    def removed(self, week: int) -> dict[int, str]:
        """The removed rows of a week, with a note."""
        return {row: gone.note for gone in self.absent if gone.since <= week < gone.until for row in gone.rows}

    def extra(self, week: int) -> list[Extra]:
        """The rows that stand there besides in a week."""
        return [extra for extra in self.extras if extra.since <= week < extra.until]
