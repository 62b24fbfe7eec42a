"""What happens to buildings and addresses between the peildatums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from kmgb.demo.numbers import Dice, bag_ids
from kmgb.demo.timeline import Change, Timeline, spread
from kmgb.demo.town import Size, addresses, panden, verblijfsobjecten

# Per week the day of its events; the last is within two working days of the last dump.
FIRST: Final = "2026-11-04"
SECOND: Final = "2026-11-10"
RECENT: Final = "2026-11-13"


def homes(town: Mapping[str, Timeline], size: Size) -> list[int]:
    """Rows of nummeraanduiding where people may live: never on an address that will change or end."""
    doel = town["verblijfsobject"].frames[0]["gebruiksdoel_1"].to_list()
    built = [row for row in range(size.vbo * 19 // 20) if doel[row] == "woonfunctie"]
    return [*built, *range(size.vbo, size.vbo + size.lig + size.sta)]


def change_town(town: Mapping[str, Timeline], size: Size, dice: Dice) -> None:
    """Two weeks of events in all five entities: the second and third frame of every timeline."""
    inhabited = set(homes(town, size))
    divided = rows_where(town["nummeraanduiding"], (pl.col("buurtcode") == "07") & (pl.col("wijkcode") == "01"))
    closed = inhabited | set(divided)
    vacant = [row for row in range(size.vbo) if row not in closed]
    taken: dict[str, set[int]] = {entity: set() for entity in town}
    # A new division in buurten (CBS): no event of the BAG, so no new voorkomen.
    town["nummeraanduiding"].plan(Change("buurt", divided, {"buurtcode": "17"}))
    for week, day in (("week1", FIRST), ("week2", SECOND)):
        ended = spread(vacant, 3 * size.factor, taken["verblijfsobject"])
        taken["nummeraanduiding"].update(ended)
        _change_objects(town, size, taken, ended, week=week, day=day)
        _change_addresses(
            town["nummeraanduiding"], size, vacant, taken["nummeraanduiding"], ended=ended, week=week, day=day
        )
        _change_panden(town["pand"], size, taken["pand"], week, day)
        for entity in ("ligplaats", "standplaats"):
            _change_places(town[entity], size, entity, taken[entity], week=week, day=day)
        build(town, size, dice, week, count=4 if week == "week1" else 2, day=FIRST if week == "week1" else RECENT)


def _change_objects(
    town: Mapping[str, Timeline],
    size: Size,
    taken: Mapping[str, set[int]],
    ended: Sequence[int],
    *,
    week: str,
    day: str,
) -> None:
    vbo, used, rows = town["verblijfsobject"], taken["verblijfsobject"], range(size.vbo)
    measured = spread(rows, 8 * size.factor, used)
    rebuilt = spread(rows, 3 * size.factor, used)
    recent = spread(rows, 4 * size.factor, used) if week == "week2" else []
    end = {"status_vbo": "Verblijfsobject ingetrokken", "datum_einde_vbo": day}
    vbo.plan(
        Change(f"oppervlakte_{week}", measured, {"oppervlakte": larger(vbo, measured)}, day, "BGR-KVO"),
        Change(f"status_{week}", rebuilt, {"status_vbo": "Verbouwing verblijfsobject"}, day, "BGR-VBI"),
        Change("recent", recent, {"oppervlakte": larger(vbo, recent)}, RECENT, "BGR-KVO"),
        Change(f"einde_{week}", ended, end, day, "BGR-SSVSAMEN"),
    )


def _change_addresses(
    num: Timeline, size: Size, vacant: Sequence[int], used: set[int], *, ended: Sequence[int], week: str, day: str
) -> None:
    posted = spread(vacant, 6 * size.factor, used)
    recent = spread(vacant, 3 * size.factor, used) if week == "week2" else []
    end = {"status_nummeraanduiding": "Naamgeving ingetrokken", "datum_einde": day}
    num.plan(
        Change(f"postcode_{week}", posted, {"postcode": "1993XX"}, day, "BRA-OPC"),
        Change("recent", recent, {"postcode": "1993XZ"}, RECENT, "BRA-OPC"),
        Change(f"einde_{week}", ended, end, day, "BGR-SSVSAMEN"),
    )


def _change_panden(pand: Timeline, size: Size, used: set[int], week: str, day: str) -> None:
    in_use = rows_where(pand, pl.col("status_pand") == "Pand in gebruik")
    houses = [row for row in in_use if row < size.pand]
    sheds = [row for row in in_use if size.pand <= row < size.pand + size.shed]
    rebuilt = spread(houses, 8 * size.factor, used)
    recent = spread(houses, 3 * size.factor, used) if week == "week2" else []
    gone = spread(sheds, 3 * size.factor, used)
    pand.plan(
        Change(f"status_{week}", rebuilt, {"status_pand": "Verbouwing pand"}, day, "BGR-VBI"),
        Change("recent", recent, {"status_pand": "Sloopvergunning verleend"}, RECENT, "BGR-VSL"),
        Change(f"einde_{week}", gone, {"status_pand": "Pand gesloopt", "datum_einde_pand": day}, day, "BGR-MGS"),
    )


def _change_places(place: Timeline, size: Size, entity: str, used: set[int], *, week: str, day: str) -> None:
    event = {"ligplaats": "BGR-ISLLP", "standplaats": "BGR-ISLSP"}[entity]
    ended = spread(range(len(place.frames[0])), size.factor, used)
    end = {f"status_{entity}": "Plaats ingetrokken", "datum_einde_vbo": day}
    renewed = spread(range(len(place.frames[0])), 2 * size.factor, used)
    place.plan(Change(f"einde_{week}", ended, end, day, event), Change(f"document_{week}", renewed, {}, day, "BAG-FGO"))


def build(town: Mapping[str, Timeline], size: Size, dice: Dice, week: str, *, count: int, day: str) -> None:
    """`count` times `factor` new panden, each with one verblijfsobject and its address; then every entity steps on."""
    count *= size.factor
    vbo, num, pand = town["verblijfsobject"], town["nummeraanduiding"], town["pand"]
    vbo_ids = bag_ids("01", count, first=len(vbo.now) + 1)
    num_ids = bag_ids("20", count, first=len(num.now) + 1)
    built = len(vbo.now) - size.vbo
    first_place = size.vbo + size.lig + size.sta + built
    places = pl.int_range(first_place, first_place + count, dtype=pl.Int64, eager=True)
    new_num = addresses(num_ids, vbo_ids, places, places < 0, size=size, dice=dice)
    new_vbo = verblijfsobjecten(vbo_ids, pl.Series(num_ids), dice)
    new_pand = panden(bag_ids("10", count, first=len(pand.now) + 1), dice)
    num.step(added=_born(new_num, "datum_ingang", num, day), name=f"nieuw_{week}")
    vbo.step(added=_born(new_vbo, "datum_ingang_vbo", vbo, day), name=f"nieuw_{week}")
    pand.step(added=_born(new_pand, "datum_ingang_pand", pand, day), name=f"nieuw_{week}")
    town["ligplaats"].step()
    town["standplaats"].step()


def _born(frame: pl.DataFrame, ingang: str, timeline: Timeline, day: str) -> pl.DataFrame:
    first = pl.lit(day)
    event = pl.lit("BGR-VBN").alias(timeline.columns.event)
    return frame.with_columns(
        first.alias(ingang), first.alias(timeline.columns.begin), first.alias("brondocumentdatum"), event
    )


def larger(vbo: Timeline, rows: Sequence[int]) -> list[str | None]:
    """A larger floor area for each row."""
    areas = vbo.now["oppervlakte"]
    return [str(int(areas[row]) + 17 + row % 5) for row in rows]


def rows_where(timeline: Timeline, condition: pl.Expr) -> list[int]:
    """The rows of the first peildatum that fulfil `condition`."""
    return timeline.frames[0].with_row_index("row").filter(condition)["row"].to_list()
