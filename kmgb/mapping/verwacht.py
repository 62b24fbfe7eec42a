"""When a delivery is expected: the days, the time on the municipality's clock, and how much later is still fine."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Weekdag = Literal["ma", "di", "wo", "do", "vr", "za", "zo"]
WEEKDAGEN: tuple[Weekdag, ...] = ("ma", "di", "wo", "do", "vr", "za", "zo")
_SETS = {"alle": WEEKDAGEN, "werkdagen": WEEKDAGEN[:5]}
_FULL = {"maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"}


def _days(value: object) -> object:
    """A single day where a list is allowed, `alle` and `werkdagen`, and days of the week written in full."""
    listed = _SETS.get(value, (value,)) if isinstance(value, str) else value
    listed = (listed,) if isinstance(listed, int) else listed
    if not isinstance(listed, list | tuple) or not listed:
        raise ValueError('moet een dag zijn ("ma", 1) of een lijst van dagen, "alle" of "werkdagen"')
    return tuple(day[:2] if isinstance(day, str) and day in _FULL else day for day in listed)


def _clock(value: object) -> object:
    """`06:00`, from text or from a TOML time."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", value.strip()) if isinstance(value, str) else None
    if match is not None and int(match[1]) < 24 and int(match[2]) < 60:
        return time(int(match[1]), int(match[2]))
    if isinstance(value, time):
        return value
    raise ValueError('is geen tijdstip; schrijf uren en minuten, zoals "06:00"')


class Verwacht(BaseModel):
    """`dag`: days of the week by name, or days of the month by number. `respijt`: hours after `tijd`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dag: Annotated[tuple[Weekdag | Annotated[int, Field(ge=1, le=31)], ...], BeforeValidator(_days)]
    tijd: Annotated[time, BeforeValidator(_clock)]
    respijt: float = Field(default=24, ge=0, le=24 * 31)

    @property
    def grace(self) -> timedelta:
        """How much later is still fine."""
        return timedelta(hours=self.respijt)

    def falls_on(self, day: date) -> bool:
        """True when a delivery is expected on this day. The 31st of a shorter month is its last day."""
        last = (day + timedelta(days=1)).month != day.month
        monthly = any(isinstance(one, int) and (one == day.day or (last and one > day.day)) for one in self.dag)
        return monthly or WEEKDAGEN[day.weekday()] in self.dag
