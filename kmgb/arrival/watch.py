"""What is the matter with the deliveries of an entity now: not there on time, or there and noteworthy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from kmgb.arrival.manifest import Manifest, home_of, manifests
from kmgb.arrival.profile import load_profile
from kmgb.arrival.signals import Signal
from kmgb.mapping.model import Mapping
from kmgb.mapping.verwacht import Verwacht

_LONGEST = 32  # days between two expected moments, at most: the months


@dataclass(frozen=True, slots=True)
class State:
    """One thing that is the matter with the deliveries of an entity. `delivery` is its id, empty when there is none."""

    afnemer: str
    entity: str
    signal: Signal
    delivery: str = ""


def states(mapping: Mapping, entity: str, folder: Path, now: datetime, zone: str) -> list[State]:
    """What is the matter with the deliveries of this entity at `now`: its moment first, then those of the newest one.

    `folder` holds all deliveries; `zone` is that of the clock on which they are expected.
    """
    known = [manifest for manifest in manifests(folder, mapping.naam, entity) if manifest.arrived <= now]
    expected = mapping.entiteit[entity].aanlevering.verwacht
    found: list[State] = []
    if expected is not None:
        moments = [manifest.arrived for manifest in known]
        found += [State(mapping.naam, entity, signal) for signal in punctuality(expected, moments, now, zone)]
    if known:
        newest = max(known, key=lambda manifest: manifest.arrived)
        home = home_of(folder, mapping.naam, entity)
        found += [State(mapping.naam, entity, signal, newest.id) for signal in signals_of(home, newest)]
    return found


def signals_of(home: Path, manifest: Manifest) -> tuple[Signal, ...]:
    """The signals of one delivery; of one from before there were profiles, its reasons. What refuses a delivery that a
    person released is decided on, and no longer a signal.
    """
    profile = load_profile(home / manifest.id)
    found = profile.signals if profile else tuple(Signal("onleesbaar", text, refuses=True) for text in manifest.reasons)
    return tuple(signal for signal in found if not (signal.refuses and manifest.status == "geaccepteerd"))


def punctuality(expected: Verwacht, arrivals: Sequence[datetime], now: datetime, zone: str) -> Iterator[Signal]:
    """Whether what was last expected is there on time.

    An arrival belongs to the expected moment it is nearest to, so that one that is a day early or late counts for its
    own week. Nothing is said before the moment itself.
    """
    before, due = _last_two(expected, now, zone)
    if arrivals and not any(before - (due - before) / 2 <= moment <= now for moment in arrivals):
        # The moment before brought nothing either: that grace for the last still runs does not put it on its way.
        due = before if now > before + expected.grace else due
    since = before + (due - before) / 2
    came = min((moment for moment in arrivals if since <= moment <= now), default=None)
    limit, place = due + expected.grace, ZoneInfo(zone)
    if came is not None and came > limit:
        sentence = f"Verwacht op {_said(due, place)}, binnengekomen op {_said(came, place)}."
        yield Signal("te_laat", sentence, refuses=False)
    if came is not None:
        return
    last = max((moment for moment in arrivals if moment <= now), default=None)
    latest = f"de vorige kwam op {_said(last, place)}" if last is not None else "er is nog nooit iets gekomen"
    if now > limit:
        sentence = f"Verwacht op {_said(due, place)} en niet gekomen; {latest}. Vraag de leverancier om de aanlevering."
        yield Signal("ontbreekt", sentence, refuses=False)
    else:
        sentence = f"Verwacht op {_said(due, place)} en nog niet binnen; respijt tot {_said(limit, place)}."
        yield Signal("te_laat", sentence, refuses=False)


def _last_two(expected: Verwacht, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """The last expected moment not after `now`, and the one before it."""
    today = now.astimezone(ZoneInfo(zone)).date()
    days = (today - timedelta(days=back) for back in range(2 * _LONGEST + 2))
    moments = (_moment(day, expected, zone) for day in days if expected.falls_on(day))
    past = (moment for moment in moments if moment <= now)
    due = next(past)
    return next(past), due


def _moment(day: date, expected: Verwacht, zone: str) -> datetime:
    return datetime.combine(day, expected.tijd, ZoneInfo(zone)).astimezone(UTC)


_DAYS = ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag")


def _said(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{_DAYS[local.weekday()]} {local:%d-%m-%Y} om {local:%H.%M} uur"
