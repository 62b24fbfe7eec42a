"""The BAG side of the municipality at the first peildatum: panden, adresseerbare objecten, nummeraanduidingen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from kmgb.demo.numbers import Dice, bag_ids, pick
from kmgb.demo.streets import PER_STREET, street_table
from kmgb.demo.timeline import Columns, Timeline, iso
from kmgb.demo.words import DOCUMENTS, GEMEENTE

_CYCLUS = ("datum_begin_geldigheid_cyclus", "datum_eind_geldigheid_cyclus", "gebeurteniscode_bag")
COLUMNS: Mapping[str, Columns] = {
    "nummeraanduiding": Columns(
        "identificatie_nummeraanduiding", "datum_begin_geldigheid", "datum_einde_geldigheid", "gebeurteniscode"
    ),
    "verblijfsobject": Columns("id_verblijfsobject", *_CYCLUS),
    "ligplaats": Columns("id_ligplaats", *_CYCLUS),
    "standplaats": Columns("id_standplaats", *_CYCLUS),
    "pand": Columns("id_pand", _CYCLUS[0], "datum_einde_geldigheid_cyclus", _CYCLUS[2]),
}
_EXPECTED_CHANGES = 40  # streets are laid out for so many new addresses per unit of `factor`


@dataclass(frozen=True, slots=True)
class Size:
    """How many of everything in a municipality of `rows` persons."""

    rows: int

    @property
    def factor(self) -> int:
        """What the number of events and of planted faults is multiplied with."""
        return max(1, self.rows // 4000)

    @property
    def vbo(self) -> int:
        return max(120, self.rows * 45 // 100)

    @property
    def lig(self) -> int:
        return max(30, self.rows // 150)

    @property
    def sta(self) -> int:
        return max(24, self.rows // 200)

    @property
    def neven(self) -> int:
        return self.vbo // 15

    @property
    def pand(self) -> int:
        """Panden with verblijfsobjecten in them, then the sheds."""
        return self.vbo * 2 // 3 + 1

    @property
    def shed(self) -> int:
        return self.vbo // 5

    @property
    def nnp(self) -> int:
        return min(50_000, max(90, self.rows * 15 // 100))


def build_town(size: Size, dice: Dice) -> dict[str, Timeline]:
    """The five BAG entities at the first peildatum. Row n of the nummeraanduidingen is the address of object n."""
    num = _numbers(size, dice)
    objects = {"01": size.vbo, "02": size.lig, "03": size.sta}
    homes, at = {}, 0
    for kind, count in objects.items():
        homes[kind] = num["identificatie_nummeraanduiding"].slice(at, count)
        at += count
    return {
        "nummeraanduiding": _timeline("nummeraanduiding", num, "datum_ingang", {"volgnummer_adres": "1"}),
        "verblijfsobject": _timeline(
            "verblijfsobject",
            verblijfsobjecten(bag_ids("01", size.vbo), homes["01"], dice),
            "datum_ingang_vbo",
            {"oppervlakte": "33"},
        ),
        "ligplaats": _timeline("ligplaats", _places("ligplaats", "02", homes["02"], dice), "datum_ingang_vbo", {}),
        "standplaats": _timeline(
            "standplaats", _places("standplaats", "03", homes["03"], dice), "datum_ingang_vbo", {}
        ),
        "pand": _timeline(
            "pand", panden(bag_ids("10", size.pand + size.shed), dice), "datum_ingang_pand", {"bouwjaar_pand": "1900"}
        ),
    }


def _numbers(size: Size, dice: Dice) -> pl.DataFrame:
    parents = [n * 15 for n in range(size.neven)]
    objects = [*bag_ids("01", size.vbo), *bag_ids("02", size.lig), *bag_ids("03", size.sta)]
    places = pl.Series([*range(len(objects)), *parents], dtype=pl.Int64)
    neven = pl.int_range(0, len(places), dtype=pl.Int64, eager=True) >= len(objects)
    return addresses(
        bag_ids("20", len(places)), [*objects, *(objects[n] for n in parents)], places, neven, size=size, dice=dice
    )


def addresses(
    ids: list[str], objects: list[str], places: pl.Series, neven: pl.Series, *, size: Size, dice: Dice
) -> pl.DataFrame:
    """Nummeraanduidingen on `places` (twelve to a street); a nevenadres has the even number beside its hoofdadres."""
    count = len(ids)
    total = size.vbo + size.lig + size.sta + _EXPECTED_CHANGES * size.factor
    streets = street_table(total // PER_STREET + 1)
    frame = pl.DataFrame(
        {
            "identificatie_nummeraanduiding": ids,
            "identificatie_tgo": objects,
            "huisnummer": (places % PER_STREET * 2 + 1 + neven.cast(pl.Int64)).cast(pl.String),
            "huisletter": sparse(places, {"A": 9, "b": 31}),
            "toevoeging": sparse(places + 3, {"bis": 14, "hs": 17, "2": 23}),
            "x_coordinaat": _metres(148_000, count, dice),
            "y_coordinaat": _metres(421_000, count, dice),
            "z_coordinaat": sparse(places, {"1.250": 59}),
            "indicatie_hoofdadres": pick(("J", "N"), neven.cast(pl.Int64)),
            "indicatie_onderzoek": sparse(places + 5, {"J": 61}).fill_null("N"),
            "identificatie_woonplaats_afwijkend": sparse(places, {"9804": 97}),
            "naam_woonplaats_afwijkend": sparse(places, {"Zuidergors": 97}),
            **_life("datum_ingang", "datum_begin_geldigheid", "gebeurteniscode", count, dice),
        }
    )
    renewed = (frame["datum_ingang"] != frame["datum_begin_geldigheid"]).cast(pl.Int64)
    fixed = {
        "aanduiding": None, "gemeentecode": GEMEENTE, "indicatie_geconstateerd": "N", "indicatie_authentiek": "J",
        "datum_einde": None, "datum_einde_geldigheid": None, "status_nummeraanduiding": "Naamgeving uitgegeven",
        "indicatie_actief": "J",
    }  # fmt: skip
    frame = frame.with_columns(pick(("1", "2"), renewed).alias("volgnummer_adres"), *constants(fixed))
    return pl.concat([frame, streets[(places // PER_STREET).to_list()]], how="horizontal")


def verblijfsobjecten(ids: list[str], homes: pl.Series, dice: Dice) -> pl.DataFrame:
    """Verblijfsobjecten with one to three gebruiksdoelen; every fifth is no home."""
    row = pl.int_range(0, len(ids), dtype=pl.Int64, eager=True)
    works = ("kantoorfunctie", "industriefunctie", "winkelfunctie", "bijeenkomstfunctie")
    statuses = ("Verblijfsobject in gebruik",) * 9 + ("Verblijfsobject in gebruik (niet ingemeten)",)
    frame = _objects("id_verblijfsobject", ids, homes, kind=("type_vbo", "01"), dice=dice)
    return frame.with_columns(
        (dice.draw(len(ids), 260) + 35).cast(pl.String).alias("oppervlakte"),
        pick(("woonfunctie", *works), (row % 5 == 4).cast(pl.Int64) * (dice.draw(len(ids), 4) + 1)).alias(
            "gebruiksdoel_1"
        ),
        sparse(row + 3, {"gezondheidszorgfunctie": 7}).alias("gebruiksdoel_2"),
        sparse(row + 3, {"overige gebruiksfunctie": 21}).alias("gebruiksdoel_3"),
        pick(statuses, dice.draw(len(ids), len(statuses))).alias("status_vbo"),
    )


def panden(ids: list[str], dice: Dice) -> pl.DataFrame:
    """Panden of 1880..2024, nearly all in use; one in twelve not measured yet."""
    count = len(ids)
    statuses = ("Pand in gebruik",) * 22 + ("Pand in gebruik (niet ingemeten)",) * 2 + ("Verbouwing pand",)
    row = pl.int_range(0, count, dtype=pl.Int64, eager=True)
    fixed = {"indicatie_geconstateerd": "N", "indicatie_authentiek": "J", "datum_einde_pand": None,
             "datum_einde_geldigheid_cyclus": None, "indicatie_actief": "J"}  # fmt: skip
    return pl.DataFrame(
        {
            "id_pand": ids,
            "bouwjaar_pand": (dice.draw(count, 144) + 1880).cast(pl.String),
            "indicatie_onderzoek": sparse(row + 5, {"J": 67}).fill_null("N"),
            "status_pand": pick(statuses, dice.draw(count, len(statuses))),
            **_life("datum_ingang_pand", _CYCLUS[0], _CYCLUS[2], count, dice),
        }
    ).with_columns(*constants(fixed))


def sparse(row: pl.Series, every: Mapping[str, int]) -> pl.Series:
    """A value in every so manieth row, else null; the first that fits wins."""
    expr = pl.lit(None, dtype=pl.String)
    for value, step in reversed(list(every.items())):
        expr = pl.when(pl.col("row") % step == step - 1).then(pl.lit(value)).otherwise(expr)
    return pl.DataFrame({"row": row}).select(expr.alias("value")).to_series()


def _places(entity: str, kind: str, homes: pl.Series, dice: Dice) -> pl.DataFrame:
    key = COLUMNS[entity].key
    frame = _objects(key, bag_ids(kind, len(homes)), homes, kind=("type_object", kind), dice=dice)
    empty = dict.fromkeys(("oppervlakte", "gebruiksdoel_1", "gebruiksdoel_2", "gebruiksdoel_3"))  # the BAG has none
    return frame.with_columns(*constants({**empty, f"status_{entity}": "Plaats aangewezen"}))


def _objects(key: str, ids: list[str], homes: pl.Series, *, kind: tuple[str, str], dice: Dice) -> pl.DataFrame:
    row = pl.int_range(0, len(ids), dtype=pl.Int64, eager=True)
    fixed = {
        kind[0]: kind[1], "gebruiksdoel_4": None, "gebruiksdoel_5": None, "indicatie_authentiek": "J",
        "datum_einde_vbo": None, "datum_eind_geldigheid_cyclus": None, "indicatie_actief": "J",
    }  # fmt: skip
    return pl.DataFrame(
        {
            key: ids,
            "id_hoofdadres": homes,
            "adresnummer_bag": (row + 70_001).cast(pl.String),
            "indicatie_geconstateerd": sparse(row + 2, {"J": 83}).fill_null("N"),
            "indicatie_onderzoek": sparse(row + 1, {"J": 29}).fill_null("N"),
            **_life("datum_ingang_vbo", _CYCLUS[0], _CYCLUS[2], len(ids), dice),
        }
    ).with_columns(*constants(fixed))


def _life(ingang: str, begin: str, event: str, count: int, dice: Dice) -> dict[str, pl.Series]:
    """First day, first day of the present voorkomen (one in four has an earlier one), event and source document."""
    first = _days(2010, 8, count, dice)
    later = _days(2018, 8, count, dice)
    renewed = dice.chance(count, 4)
    start = later.zip_with(renewed, first)
    year, number = start.str.slice(0, 4), dice.draw(count, 90_000) + 10_000
    text = number.cast(pl.String)
    short = pick(DOCUMENTS, dice.draw(count, 3)) + "-" + year + "/" + text
    # Longer than the 20 characters that systems from before 2018 keep, with letters around the cut.
    long = "OMG-" + year + "/0" + text + "-BESCHIKKING"
    document = long.zip_with(dice.chance(count, 9), short)
    return {
        ingang: first, begin: start, "brondocumentdatum": start, "brondocumentnummer": document,
        event: pick(("BGR-VBN", "BGR-MGB", "BGR-KVO", "BAG-FGO"), dice.draw(count, 4)),
    }  # fmt: skip


def _days(year: int, years: int, count: int, dice: Dice) -> pl.Series:
    day = (dice.draw(count, years) + year) * 10_000 + (dice.draw(count, 12) + 1) * 100 + dice.draw(count, 28) + 1
    return iso(day)


def _metres(origin: int, count: int, dice: Dice) -> pl.Series:
    """RD coordinates with three decimals, never halfway between two metres: rounding is no matter of taste."""
    millimetres = dice.draw(count, 499) + 1 + (dice.draw(count, 2) * 500)
    whole = (dice.draw(count, 9_000) + origin).cast(pl.String)
    return whole + "." + millimetres.cast(pl.String).str.zfill(3)


def constants(values: Mapping[str, str | None]) -> list[pl.Expr]:
    return [pl.lit(value, dtype=pl.String).alias(column) for column, value in values.items()]


def _timeline(entity: str, frame: pl.DataFrame, ingang: str, former: Mapping[str, str]) -> Timeline:
    """The current rows, beside them in the history: what was before, what was withdrawn, what is still to come."""
    columns = COLUMNS[entity]
    renewed = pl.col(ingang) != pl.col(columns.begin)
    numbered = frame.with_row_index("row")
    before = numbered.filter(renewed).with_columns(
        pl.col(columns.begin).alias(columns.eind),
        pl.col(ingang).alias(columns.begin),
        pl.col(ingang).alias("brondocumentdatum"),
        *constants(former),
    )
    withdrawn = numbered.filter(pl.col("row") % 40 == 7).with_columns(
        pl.lit("N").alias("indicatie_actief"), *constants(former)
    )
    history = pl.concat([before, withdrawn]).drop("row")
    return Timeline(columns, [frame], [history])
