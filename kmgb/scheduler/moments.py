"""When a schedule is due: cron read on the wall clock of its time zone, each wall-clock moment once.

APScheduler 3.11.3 runs a cron moment between 02:00 and 03:00 twice on the autumn night. Here its cron calculus runs on
the wall clock alone, and the time zone is applied afterwards: 02:30 is the first of the two in autumn, and 03:30
summer time in spring, when 02:30 does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

# No time zone jumps further than two hours on a clock change, so what a jump moves lies within three.
_JUMP = timedelta(hours=3)
# How far to look back for the latest moment: mostly a day or a week; 29 February can be eight years away.
_WINDOWS = tuple(timedelta(days=days) for days in (1 / 24, 1, 8, 32, 367, 8 * 366))


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of a schedule: `local` on the wall clock (naive; its name), `due` in UTC (aware; its instant)."""

    local: datetime
    due: datetime


@dataclass(frozen=True)
class WallClock(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 has no types
    """A cron text (weekdays by English name) on the wall clock of `zone`. APScheduler keeps it in its job store."""

    cron: str
    zone: str

    def after(self, instant: datetime) -> Iterator[Moment]:
        """The moments later than `instant`, in order; no two at one instant."""
        zone, cron = ZoneInfo(self.zone), _cron(self.cron)
        here, before = instant.astimezone(zone), (instant - _JUMP).astimezone(zone)
        wall = here.replace(tzinfo=UTC, fold=0)
        if here.utcoffset() != before.utcoffset():
            wall -= _JUMP
        while (fire := cron.get_next_fire_time(None, wall)) is not None:
            wall = fire + timedelta(seconds=1)
            due = fire.replace(tzinfo=zone, fold=0).astimezone(UTC)
            if due > instant:
                instant = due
                yield Moment(fire.replace(tzinfo=None), due)

    def latest(self, now: datetime) -> Moment | None:
        """The last moment not later than `now`; None when there was none in eight years."""
        for window in _WINDOWS:
            found = None
            for moment in self.after(now - window):
                if moment.due > now:
                    break
                found = moment
            if found is not None:
                return found
        return None

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """What APScheduler asks: the moment after the previous one, or after `now` for a new schedule."""
        moment = next(self.after(previous_fire_time or now), None)
        return None if moment is None else moment.due


@lru_cache(maxsize=256)
def _cron(text: str) -> CronTrigger:
    return CronTrigger.from_crontab(text, timezone=UTC)
