"""The niet-natuurlijke personen of the invented municipality, and what happens to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from kmgb.demo.numbers import Dice, pick, rsins
from kmgb.demo.timeline import Change, Columns, Timeline, spread
from kmgb.demo.town import constants, sparse
from kmgb.demo.words import ACTIVITIES, SOCIETIES, SURNAMES, TRADES

FIRST: Final = "20261104"
SECOND: Final = "20261110"
RECENT: Final = "20261113"
_FORMS = (
    ("01", "Eenmanszaak", "", False), ("11", "Vennootschap onder firma", "", True),
    ("41", "Besloten vennootschap met gewone structuur", " B.V.", True), ("74", "Stichting", "", True),
    ("71", "Vereniging met volledige rechtsbevoegdheid", "", True),
)  # fmt: skip
_SPREAD = (0, 0, 1, 2, 2, 2, 0, 1, 3, 4, 2, 0)  # the legal form of every twelfth company
_SOCIETY, _BRANCH = pl.col("form") >= 3, pl.col("row") % 12 == 5
_ROW = pl.col("row")


def companies(count: int, first: int, addresses: Sequence[str], dice: Dice) -> pl.DataFrame:
    """`count` companies and societies, numbered from `first`; row 12n+5 is a second vestiging of row 12n+4.

    Three in four of the stichtingen have no vestigingsnummer: a rechtspersoon without onderneming has none.
    """
    row = pl.int_range(first, first + count, dtype=pl.Int64, eager=True)
    form = pl.Series(_SPREAD).gather(row % len(_SPREAD))
    surname = pick([name for _, name in SURNAMES], dice.draw(count, len(SURNAMES)))
    trade, society = pick(TRADES, dice.draw(count, len(TRADES))), pick(SOCIETIES, dice.draw(count, len(SOCIETIES)))
    number = row - (row % 12 == 5).cast(pl.Int64)
    rsin = pl.Series(rsins(first + count)).gather(number)
    frame = pl.DataFrame(
        {
            "row": row, "form": form, "number": number, "surname": surname, "trade": trade, "society": society,
            "rsin": rsin, "founded": _days(1950, 72, count, dice), "moved": _days(2000, 25, count, dice),
            "verblijfsadres": pick(list(addresses), dice.draw(count, len(addresses))),
            "workers": dice.draw(count, 40) + 1, "full": dice.draw(count, 100),
            "main": dice.draw(count, len(ACTIVITIES)), "more": dice.draw(count, 4),
        }
    )  # fmt: skip
    return frame.with_columns(_identity()).with_columns(_names()).select(*_columns(row)).cast(pl.String)


def company_timeline(count: int, addresses: Sequence[str], dice: Dice) -> Timeline:
    """Everything in the Handelsregister at the first peildatum."""
    frame = companies(count, 0, addresses, dice)
    return Timeline(Columns("vestigingsnummer"), [frame], [frame.clear()])


def change_companies(nnp: Timeline, addresses: Sequence[str], factor: int, dice: Dice) -> None:
    """Two weeks: new names, bankruptcies, removals and new vestigingen."""
    known = nnp.now.with_row_index("row").filter(pl.col("vestigingsnummer").is_not_null())["row"].to_list()
    single = [row for row in known if row % 12 not in (4, 5)]
    taken: set[int] = set()
    # A multiple of twelve begins with an eenmanszaak and a firm, each with a vestigingsnummer.
    start, added = dozens(len(nnp.now)), dozens(3 * factor)
    for week, first in (("week1", start), ("week2", start + added)):
        renamed = spread(single, 4 * factor, taken)
        dropped = spread(single, 3 * factor, taken) if week == "week1" else []
        names: list[str | None] = [f"Nieuwe {nnp.now['handelsnaam'][row]}" for row in renamed]
        nnp.plan(
            Change(f"naam_{week}", renamed, {"handelsnaam": names, "zaaknaam": names}),
            Change(f"failliet_{week}", spread(single, 3 * factor, taken), {"failliet": "J"}),
        )
        nnp.changed["afgevoerd"] = nnp.changed.get("afgevoerd", []) + dropped
        day = FIRST if week == "week1" else RECENT
        new = companies(3 * factor, first, addresses, dice).with_columns(*constants({"vestigingsdatum_adres": day}))
        nnp.step(added=new, name=f"nieuw_{week}", gone=dropped)


def dozens(count: int) -> int:
    """`count` rounded up to a multiple of twelve."""
    return -(-count // 12) * 12


def _identity() -> list[pl.Expr]:
    start = pl.when(pl.col("number") % 5 == 2).then(1_900_001).otherwise(90_000_001)
    dossier = pl.col("number") + start
    legal = pl.col("form") > 0
    without = (pl.col("form") == 3) & (_ROW % 48 != 8)
    return [
        dossier.cast(pl.String).str.zfill(8).alias("dossiernummer"),
        pl.when(_BRANCH).then(pl.lit("0001")).otherwise(pl.lit("0000")).alias("subnummer"),
        pl.when(legal).then("rsin").alias("rsin"),
        pl.when(~without).then("0000" + (_ROW + 98_000_001).cast(pl.String).str.zfill(8)).alias("vestigingsnummer"),
    ]


def _names() -> list[pl.Expr]:
    trade = pl.when(_SOCIETY).then(pl.col("society")).otherwise(pl.col("trade"))
    name = trade + " " + pl.col("surname")
    suffix = pl.col("form").replace_strict([0, 1, 2, 3, 4], [suffix for _, _, suffix, _ in _FORMS])
    return [
        name.alias("handelsnaam"),
        name.str.slice(0, 45).alias("zaaknaam"),
        pl.when(pl.col("form") > 1).then(name + suffix).alias("statutaire_naam"),
    ]


def _columns(row: pl.Series) -> list[pl.Expr | str]:
    form = pl.col("form")
    code = form.replace_strict([0, 1, 2, 3, 4], [code for code, _, _, _ in _FORMS])
    text = form.replace_strict([0, 1, 2, 3, 4], [text for _, text, _, _ in _FORMS])
    year, codes = pl.col("founded") // 10_000 * 10_000, pl.lit(pl.Series(ACTIVITIES))
    second = pl.when(pl.col("more") > 1).then(codes.gather((pl.col("main") + 3) % len(ACTIVITIES)))
    third = pl.when(pl.col("more") > 2).then(codes.gather((pl.col("main") + 7) % len(ACTIVITIES)))
    everyday = {"in_surseance": pl.lit(sparse(row, {"J": 71})), "failliet": pl.lit(sparse(row, {"J": 67}))}
    host = "zaak" + (_ROW + 1).cast(pl.String) + ".example"
    return [
        (pl.col("dossiernummer") + pl.col("subnummer")).alias("dossiernummer_en_subdossiernummer"),
        "dossiernummer", "subnummer", "rsin", "vestigingsnummer",
        pl.lit("A").alias("vestigingsstatusindicator"), pl.col("rsin").alias("fiscaalnummer"),
        "zaaknaam", "handelsnaam", "statutaire_naam", code.alias("rechtsvorm"), text.alias("rechtsvormomschrijving"),
        pl.when(_ROW % 17 == 3).then(year).otherwise("founded").alias("datum_oprichting"),
        pl.when(_BRANCH).then(pl.lit("N")).otherwise(pl.lit("J")).alias("hoofdvestiging"),
        *(flag.fill_null("N").alias(name) for name, flag in everyday.items()),
        codes.gather(pl.col("main")).alias("bik_code_hoofdactiviteit"),
        second.alias("bik_code_nevenactiviteit_1"), third.alias("bik_code_nevenactiviteit_2"),
        pl.col("workers").alias("aantal_werknemers"),
        (pl.col("workers") * pl.col("full") // 100).alias("aantal_werknemers_fulltime"),
        pl.col("workers").alias("aantal_werknemers_part_en_fulltime"),
        # 0999 is no area code.
        pl.when(_ROW % 13 != 4).then("0999" + (_ROW % 1_000_000).cast(pl.String).str.zfill(6)).alias("telefoonnummer"),
        pl.when(_ROW % 7 != 2).then("info@" + host).alias("email"),
        pl.when(_ROW % 3 != 1).then("www." + host).alias("url_website"),
        pl.max_horizontal("founded", "moved").alias("vestigingsdatum_adres"), "verblijfsadres",
    ]  # fmt: skip


def _days(year: int, years: int, count: int, dice: Dice) -> pl.Series:
    return (dice.draw(count, years) + year) * 10_000 + (dice.draw(count, 12) + 1) * 100 + dice.draw(count, 28) + 1
