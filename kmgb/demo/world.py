"""The whole invented municipality over three peildatums, and which events went wrong on their way to the afnemers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from kmgb.demo.companies import change_companies, company_timeline
from kmgb.demo.faults import Faults, Finding
from kmgb.demo.numbers import Dice, spare_bsns
from kmgb.demo.people import People
from kmgb.demo.people_changes import change_people
from kmgb.demo.timeline import Timeline, edited, spread
from kmgb.demo.town import Size, build_town
from kmgb.demo.town_changes import change_town, homes

# Of these events nothing was sent: every application that holds the entity is stale.
_UNSENT = {
    "personen": {"verhuisd_week1": 3, "huwelijk_week1": 1, "geheim_week1": 1, "naam_week1": 1},
    "nummeraanduiding": {"postcode_week1": 2},
    "pand": {"status_week1": 3},
}
_UNSENT_NEW = {"personen": 2, "nummeraanduiding": 1, "pand": 1}
NOT_SENT, NOT_RECEIVED, UNDER_WAY = "niet_verzonden", "niet_ontvangen", "onderweg"


@dataclass(slots=True)
class World:
    """All timelines, and what has been handed out of them to the applications."""

    size: Size
    timelines: Mapping[str, Timeline]
    taken: Mapping[str, set[int]]
    spare_bsns: list[str]
    unsent: dict[str, list[int]] = field(default_factory=dict)
    unsent_new: dict[str, list[int]] = field(default_factory=dict)
    invalid_email: list[int] = field(default_factory=list)
    doubled_in_source: dict[str, list[int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _handed: dict[tuple[str, str], int] = field(default_factory=dict)

    def event(self, entity: str, name: str, count: int) -> list[int]:
        """The next `count` times `factor` rows to which this event happened."""
        rows = self.timelines[entity].changed[name]
        start = self._handed.get((entity, name), 0)
        stop = self._handed[entity, name] = start + count * self.size.factor
        return rows[start:stop]

    def faults(
        self,
        afnemer: str,
        entity: str,
        fields: Sequence[str],
        population: pl.Expr,
        silent: Mapping[str, str] | None = None,
        *,
        sound: bool = False,
    ) -> Faults:
        """The list of faults of one dump, with what was never sent already in it unless the dump must be `sound`."""
        made = Faults(
            afnemer,
            entity,
            self.timelines[entity],
            fields,
            population,
            self.taken[entity],
            self.size.factor,
            silent or {},
        )
        if sound:
            return made
        made.stale(self.unsent.get(entity, []), 0, NOT_SENT, "wijziging in week 1 naar geen enkele afnemer verzonden")
        made.leave_out(self.unsent_new.get(entity, []), NOT_SENT, "nieuw in week 1, naar geen enkele afnemer verzonden")
        return made


def build_world(rows: int, seed: int) -> World:
    """The municipality of `rows` persons. Same rows and seed, same municipality."""
    size, dice = Size(rows), Dice(seed)
    timelines = build_town(size, dice)
    change_town(timelines, size, dice)
    inhabited, numbers = homes(timelines, size), timelines["nummeraanduiding"].frames[0]
    people = People(rows, size.factor, numbers, inhabited, dice)
    persons = people.timeline(rows)
    change_people(persons, people, inhabited, size.factor, dice)
    addresses = offices(numbers)
    nnp = company_timeline(size.nnp, addresses, dice)
    change_companies(nnp, addresses, size.factor, dice)
    timelines |= {"personen": persons, "nnp": nnp}
    changed = {name: {row for rows in line.changed.values() for row in rows} for name, line in timelines.items()}
    world = World(size, timelines, changed, spare_bsns(80 * size.factor))
    for entity, events in _UNSENT.items():
        world.unsent[entity] = [row for name, count in events.items() for row in world.event(entity, name, count)]
        world.unsent_new[entity] = world.event(entity, "nieuw_week1", _UNSENT_NEW[entity])
    _spoil_source(world)
    return world


def _spoil_source(world: World) -> None:
    """Faults of the distribution itself: an e-mail address without @, and a ligplaats that stands there twice."""
    nnp, taken = world.timelines["nnp"], world.taken["nnp"]
    written = nnp.now.with_row_index("row").filter(
        pl.col("email").is_not_null() & pl.col("vestigingsnummer").is_not_null()
    )
    world.invalid_email = spread(written["row"].to_list(), world.size.factor, taken)
    for moment, frame in enumerate(nnp.frames):
        rows = [row for row in world.invalid_email if row < len(frame)]
        spoilt: dict[int, str | None] = {row: str(frame["email"][row]).replace("@", " ") for row in rows}
        nnp.frames[moment] = edited(frame, {"email": spoilt})
    places = world.timelines["ligplaats"]
    rows = spread(range(len(places.now)), world.size.factor, world.taken["ligplaats"])
    world.doubled_in_source["ligplaats"] = rows
    places.history[-1] = pl.concat([places.history[-1], places.now[rows]])


def offices(numbers: pl.DataFrame) -> list[str]:
    """Addresses as one text, for companies."""
    house = pl.concat_str("huisnummer", "huisletter", "toevoeging", ignore_nulls=True)
    text = pl.col("straatnaam") + " " + house + ", " + pl.col("postcode") + " " + pl.col("woonplaats")
    return numbers.head(20_000).select(text).to_series().to_list()
