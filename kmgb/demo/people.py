"""The persons of the invented municipality at the first peildatum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from kmgb.demo.numbers import Dice, a_nummers, bsns, pick
from kmgb.demo.timeline import Columns, Timeline
from kmgb.demo.town import sparse
from kmgb.demo.words import ELSEWHERE, FEMALE, GEMEENTE, MALE, RNI, SURNAMES

PARTS: Final = ("straat", "huisnummer", "huisletter", "toevoeging", "postcode", "woonplaats", "regels")
IDS: Final = ("adresseerbaar_object", "nummeraanduiding")
RESERVE: Final = 60  # identifying numbers kept for newcomers, per unit of factor
_ABROAD = ("Rue de l'Église 12, 4000 Liège, België", "Hauptstraße 7, 48455 Gildehaus, Duitsland",
           "Calle Señora 3 2º, 03001 Alicante, Spanje")  # fmt: skip
_GIVEN = (*MALE, *FEMALE)
_ROW = pl.col("row")
_COUPLE, _DEAD = _ROW % 6 < 2, (_ROW % 31 == 28) & (_ROW % 6 > 1)
_ABROAD_NOW, _MOVED_OUT, _POST = _ROW % 37 == 8, _ROW % 41 == 12, _ROW % 33 == 18
_NEIGHBOUR = {"straat": "Buitendijk", "huisnummer": "4", "postcode": "1998ZX", "woonplaats": "Verdermeer"}


class People:
    """Draws persons; the numbers that identify them come from one long row of numbers, so no two share one."""

    def __init__(self, count: int, factor: int, addresses: pl.DataFrame, homes: Sequence[int], dice: Dice) -> None:
        self._dice, self._homes, self._issued = dice, pl.Series(homes, dtype=pl.Int64), 0
        self.addresses = address_book(addresses)
        self._bsns, self._a_nummers = bsns(count + RESERVE * factor), a_nummers(count + RESERVE * factor)

    def timeline(self, count: int) -> Timeline:
        """Everybody at the first peildatum: couples, singles, children, the deceased and those who left."""
        frame = self.draw(count)
        return Timeline(Columns("bsn"), [frame], [frame.clear()])

    def draw(self, count: int, *, newcomers: bool = False) -> pl.DataFrame:
        """`count` persons, living at addresses that exist. Persons 6n and 6n+1 are a couple at one address.

        What is special about a person (deceased, abroad, in onderzoek) hangs on the row; newcomers are all ordinary.
        """
        numbers = slice(self._issued, self._issued + count)
        self._issued += count
        frame = pl.DataFrame(
            {
                "row": pl.int_range(0, count, dtype=pl.Int64, eager=True) * (not newcomers) + 2 * newcomers,
                "a_nummer": self._a_nummers[numbers],
                "bsn": self._bsns[numbers],
                **self._names(count),
            }
        )
        frame = frame.with_columns(*self._dates(count)).with_columns(_partly("geboortedatum"), *self._partners(count))
        frame = frame.with_columns(
            sparse(frame["row"], {"7": 45}).fill_null("0").alias("indicatie_geheim"), *_investigations(frame["row"])
        )
        return self._residence(frame).drop("row", "partner").select(pl.all().cast(pl.String))

    def _names(self, count: int) -> dict[str, pl.Series]:
        """One to three given names (none for one in sixty), the letters standing for them, sex and surname."""
        female, more = self._dice.draw(count, 2), self._dice.draw(count, 6)
        given = [self._dice.draw(count, len(MALE)) + female * len(MALE) for _ in range(3)]
        columns = {f"n{n}": pick([name for name, _ in _GIVEN], given[n]) for n in range(3)}
        columns |= {f"l{n}": pick([f"{letter}." for _, letter in _GIVEN], given[n]) for n in range(3)}
        nameless, surname = self._dice.chance(count, 60), self._dice.draw(count, len(SURNAMES))
        kept = [pl.lit(True), pl.col("more") > 2, pl.col("more") > 4]
        row = pl.int_range(0, count, dtype=pl.Int64, eager=True)
        frame = pl.DataFrame({**columns, "more": more, "nameless": nameless, "row": row, "female": female})
        written = frame.select(
            pl.when(~pl.col("nameless")).then(_joined("n", " ", kept)).alias("voornamen"),
            pl.when(~pl.col("nameless")).then(_joined("l", "", kept)).alias("voorletters"),
            pl.lit(pick([prefix for prefix, _ in SURNAMES], surname)).replace("", None).alias("voorvoegsel"),
            pl.lit(pick([name for _, name in SURNAMES], surname)).alias("geslachtsnaam_diacriet"),
            pl.when(_ROW % 173 == 172).then(pl.lit("O")).when(pl.col("female") == 1).then(pl.lit("V"))
            .otherwise(pl.lit("M")).alias("geslacht"),
        )  # fmt: skip
        return written.to_dict()

    def _dates(self, count: int) -> list[pl.Expr]:
        """Birth, death, registration and residence, in that order in time."""
        adult, anyone = self._days(1928, 70, count), self._days(1930, 96, count)
        birth = pl.when(_COUPLE | _DEAD).then(adult).otherwise(anyone)
        registered = pl.max_horizontal(birth, self._days(1990, 34, count))
        living = pl.max_horizontal(registered, self._days(2000, 25, count))
        return [
            birth.alias("geboortedatum"),
            pl.when(_DEAD).then(pl.max_horizontal(living, self._days(2023, 3, count))).alias("datum_overlijden"),
            registered.alias("datum_inschrijving"),
            living.alias("datum_ingang_adreshouding"),
        ]

    def _days(self, year: int, years: int, count: int) -> pl.Series:
        draw = self._dice.draw
        return (draw(count, years) + year) * 10_000 + (draw(count, 12) + 1) * 100 + draw(count, 28) + 1

    def _partners(self, count: int) -> list[pl.Expr]:
        surname = pl.concat_str("voorvoegsel", "geslachtsnaam_diacriet", separator=" ", ignore_nulls=True)
        partner = pl.when(_ROW % 6 == 0).then(surname.shift(-1)).otherwise(surname.shift(1))
        partner = pl.when(_COUPLE).then(partner)
        adult = pl.col("geboortedatum") < 20_000_000
        single = pl.when(adult).then(pick(("1", "1", "3", "4"), self._dice.draw(count, 4)))
        together = pl.when(_ROW // 6 % 4 == 3).then(pl.lit("5")).otherwise(pl.lit("2"))
        use = pick(("E", "P", "V", "N"), self._dice.draw(count, 4))
        return [
            partner.alias("geslachtsnaam_partner"),
            pl.when(partner.is_not_null()).then(together).otherwise(single.fill_null("1")).alias("burgerlijke_staat"),
            pl.when(partner.is_not_null()).then(use).otherwise(pl.lit("E")).alias("aanduiding_naamgebruik"),
            partner.alias("partner"),
        ]

    def _residence(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Where everybody lives, gets post, or went. Both halves of a couple draw the same home."""
        row, place = frame["row"], pl.int_range(0, len(frame), dtype=pl.Int64, eager=True)
        drawn = self._dice.draw(len(row), len(self._homes)).gather(place - (row % 6 == 1).cast(pl.Int64))
        home, other = self._homes.gather(drawn), self._homes.gather(place % len(self._homes))
        here = ~(_ABROAD_NOW | _MOVED_OUT)
        columns = _address("verblijfs", "verblijf", self.addresses[home], here)
        columns += _address("correspondentie", "correspondentie", self.addresses[other], _POST)
        code = pl.when(_ABROAD_NOW).then(pl.lit(RNI)).when(_MOVED_OUT).then(pl.lit(ELSEWHERE))
        post_since = pl.when(_POST).then(pl.col("datum_ingang_adreshouding"))
        frame = frame.with_columns(
            *columns,
            code.otherwise(pl.lit(GEMEENTE)).alias("gemeentecode"),
            post_since.alias("datum_ingang_correspondentieadres"),
        )
        abroad = pick(_ABROAD, self._dice.draw(len(row), len(_ABROAD)))
        moved = {f"verblijfsadres.{part}": value for part, value in _NEIGHBOUR.items()}
        return frame.with_columns(
            pl.when(_ABROAD_NOW).then(abroad).alias("verblijfsadres.regels"),
            *(pl.when(_MOVED_OUT).then(pl.lit(value)).otherwise(name).alias(name) for name, value in moved.items()),
        )


def address_book(numbers: pl.DataFrame) -> pl.DataFrame:
    """The parts of an address as they stand with a person, one row per nummeraanduiding."""
    return numbers.select(
        pl.col("straatnaam").alias("straat"), "huisnummer", "huisletter", "toevoeging", "postcode", "woonplaats",
        pl.lit(None, dtype=pl.String).alias("regels"), pl.col("identificatie_tgo").alias(IDS[0]),
        pl.col("identificatie_nummeraanduiding").alias(IDS[1]),
    )  # fmt: skip


def residence(address: Mapping[str, str | None], day: str) -> dict[str, str | None]:
    """The cells of a person who lives at `address` since `day`."""
    cells: dict[str, str | None] = {f"verblijfsadres.{part}": address.get(part) for part in PARTS}
    cells |= {f"id_codes_verblijfadres.{part}": address.get(part) for part in IDS}
    return cells | {"datum_ingang_adreshouding": day}


def neighbour() -> dict[str, str | None]:
    """The address of somebody who moved out of the municipality."""
    return dict(_NEIGHBOUR)


def _address(kind: str, ids: str, book: pl.DataFrame, where: pl.Expr) -> list[pl.Expr]:
    names = {part: f"{kind}adres.{part}" for part in PARTS} | {part: f"id_codes_{ids}adres.{part}" for part in IDS}
    return [pl.when(where).then(book[part]).alias(name) for part, name in names.items()]


def _joined(letter: str, separator: str, kept: Sequence[pl.Expr]) -> pl.Expr:
    parts = [pl.when(kept[n]).then(pl.col(f"{letter}{n}")) for n in range(3)]
    return pl.concat_str(parts, separator=separator, ignore_nulls=True)


def _partly(column: str) -> pl.Expr:
    """Some dates of which day, month or everything is unknown."""
    day = pl.col(column)
    partly = pl.when(_ROW % 397 == 5).then(pl.lit(0)).when(_ROW % 29 == 11).then(day // 10_000 * 10_000)
    return partly.when(_ROW % 43 == 17).then(day // 100 * 100).otherwise(day).cast(pl.String).str.zfill(8).alias(column)


def _investigations(row: pl.Series) -> list[pl.Expr]:
    """In onderzoek: open for one in 25, closed for one in 100; a correspondence address rarely."""
    closed, cor = _ROW % 100 == 60, sparse(row, {"081110": 165})
    code = pl.when(closed).then(pl.lit("081030")).otherwise(sparse(row, {"081120": 40, "080000": 57}))
    return [
        code.alias("vbl_categorie_onderzoek"),
        pl.when(code.is_not_null()).then(pl.lit("20260612")).alias("vbl_datum_ingang_onderzoek"),
        pl.when(closed).then(pl.lit("20260903")).alias("vbl_datum_einde_onderzoek"),
        pl.lit(cor).alias("cor_categorie_onderzoek"),
        pl.when(pl.lit(cor).is_not_null()).then(pl.lit("20260701")).alias("cor_datum_ingang_onderzoek"),
        pl.lit(None, dtype=pl.String).alias("cor_datum_einde_onderzoek"),
    ]
