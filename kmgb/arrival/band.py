"""How many rows fewer a delivery may have: agreed, or learned from the deliveries that were accepted before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

FEWEST, MOST = 6, 26  # so many accepted deliveries are needed, and so many are looked at: half a year of weeks
_TIMES, _FLOOR, _CHANCE = 3.0, 2.0, 3.0


@dataclass(frozen=True, slots=True)
class Band:
    """The percentage of rows that may go from one delivery to the next, and in Dutch where it comes from."""

    percent: float
    origin: str


def band(agreed: float | None, general: float, rows: Sequence[int]) -> Band:
    """The band of an entity: `agreed` in its mapping, else learned, else `general`.

    `rows`: numbers of rows of the deliveries accepted before, newest first, without those a person let through.
    Learned is three times the largest change between two deliveries that followed each other, up or down; at least
    2 %, and what chance may do to so many rows (three times the square root); never more than `general`.
    """
    if agreed is not None:
        return Band(agreed, "afgesproken in de veldtoewijzing (bandbreedte)")
    recent = [count for count in rows[:MOST] if count > 0]
    if len(recent) < FEWEST:
        return Band(general, f"algemene instelling; vanaf {FEWEST} geaccepteerde aanleveringen wordt de band geleerd")
    changes = [abs(newer - older) / older * 100 for newer, older in pairwise(recent)]
    chance = _CHANCE * sqrt(recent[0]) / recent[0] * 100
    percent = round(min(general, max(_TIMES * max(changes), _FLOOR, chance)), 1)
    largest = f"{max(changes):.1f}".replace(".", ",")
    return Band(percent, f"geleerd van {len(recent)} aanleveringen: de grootste verandering was {largest} %")
