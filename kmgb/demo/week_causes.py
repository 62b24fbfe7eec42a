"""Which cause can be proved for what an application still has, week by week, and with which inputs.

Rules (domain notes, section 10): stale in every application that holds the cell is niet_verzonden, stale in one while
another has it right is niet_ontvangen; with one holder only the message log can tell. In the week in which a change is
first seen the others may not have been compared yet, so there too. A change that by the source's own date lies inside
the grace period before the dump is onderweg; one without a date of its own may be, so nothing is prescribed for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from kmgb.demo.faults import catalogue_fields
from kmgb.demo.week_apps import APPS, App
from kmgb.demo.week_script import Lag, Reason, Script
from kmgb.demo.week_source import Sources

LATE: Final = {"pand": 6}  # in this week the distribution delivers the dump of the week before once more
SWAPPED: Final = {("zaaksysteem", "personen"): (7, ("voornamen", "geslachtsnaam_diacriet"))}
_MISSED: Final = {
    Reason.NOT_SENT: "wijziging naar geen enkele afnemer verzonden",
    Reason.NOT_RECEIVED: "wijziging alleen hier niet aangekomen",
    Reason.NO_INDICATION: "wijziging niet verzonden: geen afnemersindicatie",
    Reason.TABLE: "indeling van voor de wijziging van de tabel",
    Reason.UNDER_WAY: "wijziging vlak voor de dump, nog onderweg",
    Reason.PUT_BACK: "oude stand teruggezet in de applicatie",
}
_CAUSE: Final = {
    Reason.UNDER_WAY: str(Reason.NOT_RECEIVED),
    Reason.NO_INDICATION: str(Reason.NOT_SENT),
}
_UNDATED: Final = ("huwelijk", "naam", "geheim", "failliet", "afgevoerd", "buurt")


@dataclass(frozen=True, slots=True)
class Label:
    """`cause` with all inputs, `bare` without afnemersindicaties and message log; empty is not prescribed.

    `also` holds causes (joined by |) that are no mistake either.
    """

    cause: str = ""
    bare: str = ""
    also: str = ""
    note: str = ""


def source_week(entity: str, week: int) -> int:
    """The week of the distribution's dump that is delivered in `week`; 0 before the first."""
    return week - 1 if LATE.get(entity) == week else week


def swapped_columns(app: App, week: int) -> tuple[str, ...]:
    """The two columns that the application delivers exchanged in `week`; in nearly all weeks none."""
    when, columns = SWAPPED.get(app.name, (0, ()))
    return columns if week == when else ()


@dataclass(slots=True)
class Causes:
    """Knows what every application holds, to tell what was missed by one from what was missed by all."""

    sources: Sources
    scripts: Mapping[tuple[str, str], Script]
    _belongs: dict[tuple[str, str, int], pl.Series] = field(default_factory=dict)
    _kinds: dict[str, dict[int, dict[int, str]]] = field(default_factory=dict)

    def belongs(self, app: App, week: int) -> pl.Series:
        """Per row of the source whether it is distributed in that week and inside the population of `app`."""
        known = (*app.name, week)
        if known not in self._belongs:
            timeline = self.sources.timelines[app.entity]
            frame = timeline.frames[week - 1].with_row_index("row")
            gone = pl.Series(sorted(timeline.gone[week - 1]), dtype=pl.UInt32)
            inside = app.population & ~pl.col("row").is_in(gone.implode())
            self._belongs[known] = frame.select(inside.fill_null(value=False)).to_series()
        return self._belongs[known]

    def of_lag(self, app: App, row: int, lag: Lag, name: str, week: int) -> Label:
        """Why the cell `name` of a row (empty: the row itself) is not what the source has in `week`."""
        note, before, now = _MISSED[lag.reason], source_week(app.entity, week - 1), source_week(app.entity, week)
        cause = _CAUSE.get(lag.reason, str(lag.reason))
        if lag.reason == Reason.PUT_BACK:
            return Label(also=str(Reason.NOT_RECEIVED), note=note)
        fresh = {kind for event, kind in self._happened(app.entity, row).items() if before < event <= now}
        if not fresh:
            return Label(cause, self._bare(app, row, lag, name, week), note=note)
        if "recent" in fresh:
            return Label(str(Reason.UNDER_WAY), str(Reason.UNDER_WAY), cause, note)
        if not fresh.isdisjoint(_UNDATED):
            return Label(also=f"{cause}|{Reason.UNDER_WAY}", note=note)
        return Label(cause, note=note)

    def _bare(self, app: App, row: int, lag: Lag, name: str, week: int) -> str:
        if lag.reason == Reason.TABLE:
            return str(Reason.TABLE)
        holders = list(self._holders(app, row, lag, name, week))
        if any(name in swapped_columns(other, late) for other in holders for late in (week - 1, week)):
            return ""
        stale = [row in self.scripts[other.name].behind(week) for other in holders]
        if stale and all(stale):
            return str(Reason.NOT_SENT)
        return str(Reason.NOT_RECEIVED) if stale else ""

    def _holders(self, app: App, row: int, lag: Lag, name: str, week: int) -> Iterator[App]:
        """The other applications that should hold the cell, or for a row that went, held it."""
        timeline, now = self.sources.timelines[app.entity], source_week(app.entity, week)
        seen = lag.event - 1 if row in timeline.gone[now - 1] else now
        for other in APPS:
            named = not name or name in dict(catalogue_fields(other.fields))
            if other.entity == app.entity and other != app and named and self.belongs(other, seen)[row]:
                yield other

    def _happened(self, entity: str, row: int) -> Mapping[int, str]:
        """Per week the kind of event that happened to a row."""
        if entity not in self._kinds:
            kinds: dict[int, dict[int, str]] = {}
            for week, kind, rows in self.sources.events(entity):
                for changed in rows:
                    kinds.setdefault(changed, {})[week] = kind
            self._kinds[entity] = kinds
        return self._kinds[entity].get(row, {})
