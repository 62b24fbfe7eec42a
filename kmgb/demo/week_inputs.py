"""The optional inputs of a week: who has an afnemersindicatie, and what the broker logged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from kmgb.demo.week_apps import APPS, App
from kmgb.demo.week_causes import Causes
from kmgb.demo.week_held import Held
from kmgb.demo.week_script import Lag, Reason
from kmgb.demo.week_source import HAPPENED, RECENTLY, peildatum

PROCESSED: Final = "verwerkt"
FAILED: Final = "mislukt"
WAITING: Final = "wacht"
MESSAGE_COLUMNS: Final = ("key", "moment", "applicatie", "status")
_ZONE: Final = ZoneInfo("Europe/Amsterdam")
_QUIET_KEYS: Final = 3
_UNSENT: Final = (Reason.NOT_SENT, Reason.NO_INDICATION)


def indications(held: Held) -> pl.DataFrame:
    """The keys with an afnemersindicatie for the application, sorted.

    Everybody it should have, but for who was forgotten; and who it still has because word of leaving did not come.
    """
    without = {row for lag in held.script.lags if lag.reason == Reason.NO_INDICATION for row in lag.rows}
    belongs = held.causes.belongs(held.app, held.week).to_list()
    wanted = {row for row, inside in enumerate(belongs) if inside} - without
    kept = {row for row in held.behind if held.members[row]} - without
    rows = sorted(wanted | kept)
    return held.timeline.frames[held.week - 1][rows].select(pl.col(held.timeline.columns.key).alias("key")).sort("key")


def messages(causes: Causes, week: int) -> pl.DataFrame:
    """All that was logged up to that week's peildatum, in order of time.

    Columns: `key`, `moment` (with UTC offset), `applicatie`, `status`: verwerkt, mislukt, or wacht (not delivered yet).
    What was never sent is not in it; what was sent again later is in it twice.
    """
    rows = {line for app in APPS for line in _of(causes, app, week)}
    frame = pl.DataFrame(sorted(rows), schema=dict.fromkeys(MESSAGE_COLUMNS, pl.String), orient="row")
    return frame.sort("moment", "key", "applicatie", "status")


def _of(causes: Causes, app: App, week: int) -> Iterator[tuple[str, str, str, str]]:
    timeline, script = causes.sources.timelines[app.entity], causes.scripts[app.name]
    keys = timeline.now[timeline.columns.key]
    for event, kind, rows in causes.sources.events(app.entity):
        if event > week:
            continue
        before, after = causes.belongs(app, event - 1), causes.belongs(app, event)
        lags = {row: lag for row, lag in script.behind(event).items() if lag.reason != Reason.PUT_BACK}
        days = RECENTLY if kind == "recent" else HAPPENED
        for row in rows:
            if bool(after[row]) or (row < len(before) and bool(before[row])):
                for moment, status in _sent(row, event, days, lags.get(row), week):
                    yield str(keys[row]), moment, app.afnemer, status
    yield from ((str(keys[row]), moment, app.afnemer, PROCESSED) for row, moment in _traffic(causes, app, week))


def _traffic(causes: Causes, app: App, week: int) -> Iterator[tuple[int, str]]:
    """Messages that brought nothing new, on the evening before every peildatum: the log has no holes."""
    quiet = causes.belongs(app, 1).arg_true().to_list()
    chosen = [row for row in quiet if row not in causes.sources.taken[app.entity]][:_QUIET_KEYS]
    for earlier in range(1, week + 1):
        evening = datetime.combine(peildatum(earlier) - timedelta(days=1), time(21, 30), _ZONE)
        yield from ((row, evening.isoformat()) for row in chosen)


def _sent(row: int, event: int, days: int, lag: Lag | None, week: int) -> Iterator[tuple[str, str]]:
    """The messages about one change to one application: the first, and the one that came through later."""
    if lag is None or lag.reason == Reason.TABLE:
        yield _moment(event, days, row), PROCESSED
        return
    if lag.reason not in _UNSENT:
        waiting = days == RECENTLY and (week == event or lag.reason == Reason.UNDER_WAY)
        yield _moment(event, days, row), WAITING if waiting else FAILED
    if lag.until <= week:
        yield _moment(lag.until, 4, row), PROCESSED


def _moment(week: int, days: int, row: int) -> str:
    """A moment by day, so many days before the peildatum, in Dutch time with its UTC offset."""
    clock = time(8 + row % 9, row * 7 % 60)
    return datetime.combine(peildatum(week) - timedelta(days=days), clock, _ZONE).isoformat()
