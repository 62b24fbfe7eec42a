"""What happens to persons between the peildatums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from kmgb.demo.numbers import Dice
from kmgb.demo.people import People, neighbour, residence
from kmgb.demo.timeline import Change, Timeline, spread
from kmgb.demo.words import ELSEWHERE, GEMEENTE

FIRST: Final = "20261104"
SECOND: Final = "20261110"
RECENT: Final = "20261113"
HERE = (pl.col("gemeentecode") == GEMEENTE) & pl.col("datum_overlijden").is_null()
ADULT = pl.col("geboortedatum") < "20081101"
QUIET = pl.col("vbl_categorie_onderzoek").is_null() & pl.col("datum_ingang_correspondentieadres").is_null()


def change_people(persons: Timeline, people: People, homes: Sequence[int], factor: int, dice: Dice) -> None:
    """Two weeks of births, deaths, moves, marriages, corrections and shields."""
    numbered = persons.now.with_row_index("row")
    candidates = numbered.filter(HERE & QUIET)["row"].to_list()
    single = numbered.filter(HERE & QUIET & ADULT & (pl.col("burgerlijke_staat") == "1"))["row"].to_list()
    taken: set[int] = set()
    for week, day in (("week1", FIRST), ("week2", SECOND)):
        many = 2 if week == "week1" else 1

        def chosen(count: int, among: Sequence[int] = candidates, times: int = many) -> list[int]:
            return spread(among, count * times * factor, taken)

        persons.plan(
            married(persons, f"huwelijk_{week}", chosen(3, single)),
            moved(people, homes, f"verhuisd_{week}", chosen(7), day=day, dice=dice),
            Change(f"overleden_{week}", chosen(3), {"datum_overlijden": day}),
            left(f"vertrokken_{week}", chosen(2), day),
            renamed(persons, f"naam_{week}", chosen(3)),
            Change(f"geheim_{week}", chosen(2), {"indicatie_geheim": "7"}),
        )
        if week == "week2":
            persons.plan(moved(people, homes, "recent", chosen(6), day=RECENT, dice=dice))
        dropped = chosen(2) if week == "week1" else []
        persons.changed["afgevoerd"] = persons.changed.get("afgevoerd", []) + dropped
        added = newcomers(people, 4 * many * factor, FIRST if week == "week1" else RECENT)
        persons.step(added=added, name=f"nieuw_{week}", gone=dropped)


def moved(people: People, homes: Sequence[int], name: str, rows: Sequence[int], *, day: str, dice: Dice) -> Change:
    """A move within the municipality, to another existing address."""
    target = [homes[n] for n in dice.draw(len(rows), len(homes))]
    books = [residence(address, day) for address in people.addresses[target].to_dicts()]
    return Change(name, rows, _columns(books))


def left(name: str, rows: Sequence[int], day: str) -> Change:
    """A move to a neighbouring municipality."""
    cells: dict[str, str | None] = residence(neighbour(), day) | {"gemeentecode": ELSEWHERE, "datum_inschrijving": day}
    return Change(name, rows, cells)


def married(persons: Timeline, name: str, rows: Sequence[int]) -> Change:
    """A marriage: new state, partner and use of names."""
    partner = [("van der Kloosterhof", "Haverkist", "Zeeûwenstijn")[n % 3] for n in range(len(rows))]
    use = [("N", "E", "V")[n % 3] for n in range(len(rows))]
    return Change(
        name, rows, {"burgerlijke_staat": "2", "geslachtsnaam_partner": partner, "aanduiding_naamgebruik": use}
    )


def renamed(persons: Timeline, name: str, rows: Sequence[int]) -> Change:
    """A correction of the surname. The old one is no beginning of the new: that would look like a cut value."""
    names = persons.now["geslachtsnaam_diacriet"]
    return Change(name, rows, {"geslachtsnaam_diacriet": [f"Nieuw{names[row].lower()}" for row in rows]})


def newcomers(people: People, count: int, since: str) -> pl.DataFrame:
    """`count` persons since that day: half newborn, half moved in."""
    frame = people.draw(count, newcomers=True).with_row_index("row")
    born = pl.col("row") < count // 2
    day = pl.lit(since)
    nothing = pl.lit(None, dtype=pl.String)
    plain: Mapping[str, pl.Expr] = {"datum_inschrijving": day, "datum_ingang_adreshouding": day}
    child = {
        "geboortedatum": day, "burgerlijke_staat": pl.lit("1"), "geslachtsnaam_partner": nothing,
        "aanduiding_naamgebruik": pl.lit("E"),
    }  # fmt: skip
    return (
        frame.with_columns(**plain)
        .with_columns(
            *(pl.when(born).then(value).otherwise(pl.col(column)).alias(column) for column, value in child.items())
        )
        .drop("row")
    )


def _columns(rows: Sequence[Mapping[str, str | None]]) -> dict[str, list[str | None]]:
    return {column: [row[column] for row in rows] for column in rows[0]} if rows else {}
