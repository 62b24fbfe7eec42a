"""The sources over many weekly peildatums: what happens every week in all seven entities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import polars as pl

from kmgb.demo.belasting import FOREIGN
from kmgb.demo.companies import companies, company_timeline, dozens
from kmgb.demo.geo import BRACKETS
from kmgb.demo.numbers import Dice
from kmgb.demo.people import People
from kmgb.demo.people_changes import HERE, QUIET, left, married, moved, newcomers, renamed
from kmgb.demo.timeline import Change, Timeline, spread
from kmgb.demo.town import Size, build_town, constants
from kmgb.demo.town_changes import build, homes, larger, rows_where
from kmgb.demo.vergunningen import LONG
from kmgb.demo.world import offices
from kmgb.demo.zaaksysteem_nnp import ACCENTED

FIRST_PEILDATUM: Final = date(2026, 9, 28)
REDIVIDED: Final = 5  # the week in which a buurt gets another code
TWICE: Final = (3, 6)  # the weeks in which the same persons move
HAPPENED: Final = 5  # days before the peildatum on which most things happen: a Wednesday
RECENTLY: Final = 1  # and on which the events called `recent` happen: inside any grace period


def peildatum(week: int) -> date:
    """The Monday of a week, counted from 1."""
    return FIRST_PEILDATUM + timedelta(weeks=week - 1)


@dataclass(slots=True)
class Sources:
    """All timelines; frame n is week n + 1. Events are named after their kind and week: `verhuisd_3`."""

    size: Size
    weeks: int
    timelines: Mapping[str, Timeline]
    taken: dict[str, set[int]] = field(default_factory=dict)
    _handed: dict[tuple[str, str], int] = field(default_factory=dict)

    def event(self, entity: str, name: str, count: int | None = None) -> list[int]:
        """The next `count` times `factor` rows to which this event happened; all that are left without a count."""
        rows = self.timelines[entity].changed.get(name, [])
        start = self._handed.get((entity, name), 0)
        stop = len(rows) if count is None else start + count * self.size.factor
        self._handed[entity, name] = stop
        return rows[start:stop]

    def events(self, entity: str) -> Iterator[tuple[int, str, list[int]]]:
        """Week, kind and rows of everything that happened."""
        for name, rows in self.timelines[entity].changed.items():
            kind, _, week = name.rpartition("_")
            yield int(week), kind, rows


def build_sources(rows: int, seed: int, weeks: int) -> Sources:
    """The municipality of `rows` persons over `weeks` peildatums. Same arguments, same municipality."""
    size, dice = Size(rows), Dice(seed)
    town = build_town(size, dice)
    inhabited, numbers = homes(town, size), town["nummeraanduiding"].frames[0]
    people = People(rows, size.factor, numbers, inhabited, dice)
    persons, nnp = people.timeline(rows), company_timeline(size.nnp, offices(numbers), dice)
    lines = town | {"personen": persons, "nnp": nnp}
    taken: dict[str, set[int]] = {entity: set() for entity in lines}
    for week in range(2, weeks + 1):
        day = peildatum(week) - timedelta(days=HAPPENED)
        _persons(persons, people, inhabited, size.factor, taken["personen"], week=week, dice=dice)
        _companies(nnp, offices(numbers), size.factor, taken["nnp"], week=week, day=f"{day:%Y%m%d}", dice=dice)
        _town(town, size, taken, set(inhabited), week)
        build(town, size, dice, str(week), count=3, day=day.isoformat())
    sources = Sources(size, weeks, lines)
    for entity, line in lines.items():
        sources.taken[entity] = {row for rows in line.changed.values() for row in rows}
    return sources


def _persons(
    persons: Timeline,
    people: People,
    inhabited: Sequence[int],
    factor: int,
    taken: set[int],
    *,
    week: int,
    dice: Dice,
) -> None:
    day, recent = (f"{peildatum(week) - timedelta(days=days):%Y%m%d}" for days in (HAPPENED, RECENTLY))
    numbered = persons.frames[0].with_row_index("row").filter(HERE & QUIET & ~FOREIGN)
    candidates = numbered["row"].to_list()
    adult = pl.col("geboortedatum") < "2000"
    single = numbered.filter(adult & (pl.col("burgerlijke_staat") == "1"))["row"].to_list()

    def chosen(count: int, among: Sequence[int] = candidates) -> list[int]:
        return spread(among, count * factor, taken)

    again = chosen(3) if week == TWICE[0] else persons.changed.get(f"weer_{TWICE[0]}", [])
    persons.plan(
        married(persons, f"huwelijk_{week}", chosen(2, single)),
        moved(people, inhabited, f"verhuisd_{week}", chosen(6), day=day, dice=dice),
        moved(people, inhabited, f"recent_{week}", chosen(2), day=recent, dice=dice),
        Change(f"overleden_{week}", chosen(2), {"datum_overlijden": day}),
        left(f"vertrokken_{week}", chosen(2), day),
        renamed(persons, f"naam_{week}", chosen(3)),
        Change(f"geheim_{week}", chosen(1), {"indicatie_geheim": "7"}),
    )
    if week in TWICE:
        persons.plan(moved(people, inhabited, f"weer_{week}", again, day=day, dice=dice))
    dropped = chosen(1)
    persons.changed[f"afgevoerd_{week}"] = dropped
    persons.step(added=newcomers(people, 4 * factor, day), name=f"nieuw_{week}", gone=dropped)


def _companies(
    nnp: Timeline, addresses: Sequence[str], factor: int, taken: set[int], *, week: int, day: str, dice: Dice
) -> None:
    first = nnp.frames[0].with_row_index("row")
    known = first.filter(
        pl.col("vestigingsnummer").is_not_null() & ~ACCENTED & ~pl.col("handelsnaam").str.contains("[łı]")
    )
    single = [row for row in known["row"].to_list() if row % 12 not in (4, 5)]
    again = spread(single, 2 * factor, taken)
    names: list[str | None] = [f"Nieuwe {nnp.now['handelsnaam'][row]}" for row in again]
    nnp.plan(
        Change(f"naam_{week}", again, {"handelsnaam": names, "zaaknaam": names}),
        Change(f"failliet_{week}", spread(single, factor, taken), {"failliet": "J"}),
    )
    dropped = spread(single, factor, taken) if week in (3, 5) else []
    nnp.changed[f"afgevoerd_{week}"] = dropped
    start = dozens(len(nnp.frames[0])) + (week - 2) * dozens(2 * factor)
    new = companies(2 * factor, start, addresses, dice).with_columns(*constants({"vestigingsdatum_adres": day}))
    nnp.step(added=new, name=f"nieuw_{week}", gone=dropped)


def _town(
    town: Mapping[str, Timeline], size: Size, taken: Mapping[str, set[int]], inhabited: set[int], week: int
) -> None:
    """Events of the five BAG entities; `build` then goes on to the next peildatum."""
    day, recent = ((peildatum(week) - timedelta(days=days)).isoformat() for days in (HAPPENED, RECENTLY))
    num, vbo, factor = town["nummeraanduiding"], town["verblijfsobject"], size.factor
    divided = rows_where(num, (pl.col("buurtcode") == "07") & (pl.col("wijkcode") == "01"))
    if week == REDIVIDED:
        # A new division in buurten (CBS): no event of the BAG, so no new voorkomen.
        num.plan(Change(f"buurt_{week}", divided, {"buurtcode": "17"}))
    closed = inhabited | set(divided)
    vacant = [row for row in range(size.vbo) if row not in closed]
    ended = spread([row for row in vacant if row not in taken["nummeraanduiding"]], factor, taken["verblijfsobject"])
    taken["nummeraanduiding"].update(ended)
    posted, late = (spread(vacant, count * factor, taken["nummeraanduiding"]) for count in (2, 1))
    num.plan(
        Change(f"recent_{week}", late, {"postcode": "1993XZ"}, recent, "BRA-OPC"),
        Change(f"postcode_{week}", posted, {"postcode": "1993XX"}, day, "BRA-OPC"),
        Change(
            f"einde_{week}",
            ended,
            {"status_nummeraanduiding": "Naamgeving ingetrokken", "datum_einde": day},
            day,
            "BGR-SSVSAMEN",
        ),
    )
    measured = spread(range(size.vbo), 4 * factor, taken["verblijfsobject"])
    vbo.plan(
        Change(f"oppervlakte_{week}", measured, {"oppervlakte": larger(vbo, measured)}, day, "BGR-KVO"),
        Change(
            f"einde_{week}",
            ended,
            {"status_vbo": "Verblijfsobject ingetrokken", "datum_einde_vbo": day},
            day,
            "BGR-SSVSAMEN",
        ),
    )
    _panden(town["pand"], size, taken["pand"], week, (day, recent))
    for entity in ("ligplaats", "standplaats"):
        # In these weeks one message goes missing; without a second the dump would be that of the week before.
        many = 2 * factor if week in (3, 4) else factor
        renewed = spread(range(len(town[entity].frames[0])), many, taken[entity])
        town[entity].plan(Change(f"document_{week}", renewed, {}, day, "BAG-FGO"))


def _panden(pand: Timeline, size: Size, used: set[int], week: int, days: tuple[str, str]) -> None:
    day, recent = days
    in_use = rows_where(pand, (pl.col("status_pand") == "Pand in gebruik") & ~LONG & ~BRACKETS)
    houses = [row for row in in_use if row < size.pand]
    rebuilt, late = (spread(houses, count * size.factor, used) for count in (3, 1))
    gone = spread([row for row in in_use if size.pand <= row < size.pand + size.shed], size.factor, used)
    pand.plan(
        Change(f"recent_{week}", late, {"status_pand": "Sloopvergunning verleend"}, recent, "BGR-VSL"),
        Change(f"status_{week}", rebuilt, {"status_pand": "Verbouwing pand"}, day, "BGR-VBI"),
        Change(f"einde_{week}", gone, {"status_pand": "Pand gesloopt", "datum_einde_pand": day}, day, "BGR-MGS"),
    )
