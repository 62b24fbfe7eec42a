"""The plot of the weeks: which rows meet which fault, in which application, from which week to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from kmgb.demo import belasting, vergunningen, zaaksysteem, zaaksysteem_nnp
from kmgb.demo.geo import BRACKETS
from kmgb.demo.havenbeheer import KINDS
from kmgb.demo.numbers import bag_ids, spare_bsns
from kmgb.demo.timeline import spread
from kmgb.demo.week_apps import APPS
from kmgb.demo.week_script import FOREVER, Extra, Reason, Script, Text
from kmgb.demo.week_source import REDIVIDED, TWICE, Sources

MISSED_WEEK: Final = 5  # the tax application misses everything of this week
_ANY = pl.lit(value=True)
_SURE = pl.col("indicatie_onderzoek") == "N"
_NAME = "geslachtsnaam_diacriet"
_PLAIN = ~pl.col(_NAME).str.contains("[^A-Za-z]") & pl.col("voorvoegsel").is_null()


class Plot:
    """Hands out rows, so that nothing and nobody meets two faults, and keeps the script of every dump."""

    def __init__(self, sources: Sources) -> None:
        self.sources, self.spare = sources, spare_bsns(40 * sources.size.factor)
        self.scripts: dict[tuple[str, str], Script] = {app.name: Script() for app in APPS}
        self._populations = {app.name: app.population for app in APPS}

    def pick(self, afnemer: str, entity: str, count: int, where: pl.Expr, *, inside: bool = True) -> list[int]:
        """`count` times `factor` rows to which nothing ever happens, inside the population of the application."""
        population = self._populations[afnemer, entity]
        chosen = where & (population if inside else ~population)
        rows = self.sources.timelines[entity].frames[0].with_row_index("row").filter(chosen)["row"].to_list()
        return spread(rows, count * self.sources.size.factor, self.sources.taken[entity])

    def record(self, entity: str, row: int) -> dict[str, str | None]:
        """A row of the source as it was in week 1."""
        return self.sources.timelines[entity].frames[0].row(row, named=True)

    def invent(self, afnemer: str, entity: str, kind: str, *, since: int = 1, until: int = FOREVER) -> None:
        """Objects that only the application knows."""
        key, factor = self.sources.timelines[entity].columns.key, self.sources.size.factor
        for number, identification in enumerate(bag_ids(kind, factor, first=9_000_001 + since)):
            record = self.record(entity, number) | {key: identification}
            extra = Extra(record, since, until, "alleen in de applicatie bekend")
            self.scripts[afnemer, entity].extras.append(extra)

    def double(
        self, afnemer: str, entity: str, rows: Sequence[int], cells: Mapping[str, str | None], weeks: range
    ) -> None:
        """Rows that stand in the dump twice for some weeks."""
        for row in rows:
            extra = Extra(
                {**self.record(entity, row), **cells}, weeks.start, weeks.stop, "tweemaal in de dump", double=row
            )
            self.scripts[afnemer, entity].extras.append(extra)


def plot(sources: Sources) -> dict[tuple[str, str], Script]:
    """The script of every dump."""
    made = Plot(sources)
    _unsent(made)
    _persons_missed(made)
    _persons_changed(made)
    _persons_rows(made)
    _cases(made)
    _companies(made)
    _addresses(made)
    _objects(made)
    _panden(made)
    _places(made)
    return made.scripts


def _unsent(made: Plot) -> None:
    """Nothing was sent of these: every application of the source is left behind; some are sent again in week 7."""
    event = made.sources.event
    unsent: tuple[tuple[str, str, int, int, int], ...] = (
        ("personen", "verhuisd_3", 3, 3, FOREVER), ("personen", "naam_4", 1, 4, 7),
        ("personen", "nieuw_3", 1, 3, FOREVER),
        ("personen", "nieuw_4", 1, 4, 7), ("personen", "afgevoerd_4", 1, 4, FOREVER),
        ("nummeraanduiding", "postcode_3", 1, 3, FOREVER), ("nummeraanduiding", "nieuw_4", 1, 4, 6),
        ("pand", "status_3", 2, 3, FOREVER), ("pand", "nieuw_4", 1, 4, 7),
    )  # fmt: skip
    for entity, name, count, since, until in unsent:
        rows = event(entity, name, count)
        for (_, held), script in made.scripts.items():
            if held == entity:
                script.lag(rows, since, until, Reason.NOT_SENT)


def _persons_missed(made: Plot) -> None:
    """The tax application: single messages, a whole week, two without afnemersindicatie, and what was under way."""
    tax, event = made.scripts["belasting", "personen"], made.sources.event
    tax.lag(event("personen", "verhuisd_4", 2), 4, FOREVER, Reason.NO_INDICATION)
    for name, count, since, until in (
        ("verhuisd_2", 2, 2, 4), ("huwelijk_2", 1, 2, FOREVER), ("overleden_3", 1, 3, 5),
        ("vertrokken_3", 1, 3, FOREVER), ("naam_2", 1, 2, 5),
    ):  # fmt: skip
        tax.lag(event("personen", name, count), since, until)
    tax.lag(event("personen", "recent_3", 1), 3, 4, Reason.UNDER_WAY)
    tax.lag(event("personen", "recent_7", 2), 7, 8, Reason.UNDER_WAY)
    tax.lag(event("personen", "recent_4", 1), 4, 7)  # still not there the week after
    for kind in ("huwelijk", "verhuisd", "recent", "overleden", "vertrokken", "naam", "geheim", "nieuw", "afgevoerd"):
        rows = event("personen", f"{kind}_{MISSED_WEEK}")
        tax.lag(rows[::2], MISSED_WEEK, 7)
        tax.lag(rows[1::2], MISSED_WEEK, FOREVER)
    restored = event("personen", "verhuisd_3", 1)
    tax.lag(restored, 3, 5)
    tax.lag(restored, 7, FOREVER, Reason.PUT_BACK, event=3)
    first, again = TWICE
    tax.lag(event("personen", f"weer_{first}", 1), first, FOREVER)  # moves again while the first move is still missing
    back = event("personen", f"weer_{first}", 1)
    tax.lag(back, first, 5)
    tax.lag(back, again, FOREVER)


def _persons_changed(made: Plot) -> None:
    tax, who = made.scripts["belasting", "personen"], ("belasting", "personen")

    def rows(where: pl.Expr = _ANY) -> list[int]:
        return made.pick(*who, 1, belasting.ORDINARY & where)

    tax.change(rows(), {"verblijfsadres.huisnummer": "77"}, 1)
    tax.change(rows(), {"geboortedatum": "19010203"}, 3)
    tax.change(rows(pl.col("geslacht") != "O"), {"geslacht": "O"}, 2, 4)
    returning, changing = rows(), rows()
    tax.change(returning, {_NAME: "Handwijziger"}, 3, 5)
    tax.change(returning, {_NAME: "Handwijziger"}, 7)
    tax.change(changing, {"datum_inschrijving": "19990909"}, 2, 5)
    tax.change(changing, {"datum_inschrijving": "19980808"}, 5)
    empty = "leeg in de applicatie"
    tax.change(rows(), {"burgerlijke_staat": None}, 1, cause="", note=empty)
    tax.change(rows(), {"geboortedatum": None}, 4, 7, cause="", note=empty)
    leaving = made.sources.event("personen", "vertrokken_7", 1)
    tax.change(leaving, {"verblijfsadres.huisnummer": "75"}, 3, 7)
    category, ended = pl.col("vbl_categorie_onderzoek"), pl.col("vbl_datum_einde_onderzoek")
    doubt, note = "bron_in_onderzoek", "adres in onderzoek in de bron"
    open_ = ended.is_null() & ~belasting.FOREIGN
    tax.change(
        made.pick(*who, 2, (category == "081120") & open_),
        {"verblijfsadres.huisnummer": "71"},
        2,
        cause=doubt,
        note=note,
    )
    where = (category == "080000") & open_ & ~zaaksysteem.PARTIAL & (pl.col("gemeentecode") == "0998")
    cases = made.pick("zaaksysteem", "personen", 2, where)
    made.scripts["zaaksysteem", "personen"].change(
        cases, {"verblijfsadres.huisnummer": "73"}, 3, cause=doubt, note=note
    )


def _persons_rows(made: Plot) -> None:
    who, ordinary = ("belasting", "personen"), belasting.ORDINARY
    tax = made.scripts[who]
    tax.remove(made.pick(*who, 1, ordinary), 2)
    tax.remove(made.pick(*who, 1, ordinary), 3, 6)
    tax.remove(made.sources.event("personen", "overleden_7", 1), 2, 7)  # nobody misses them any more from week 7
    deceased = pl.col("datum_overlijden").is_not_null() & (pl.col("gemeentecode") == "0998") & ordinary
    tax.outside += made.pick(*who, 1, deceased, inside=False)
    for number in range(made.sources.size.factor):
        stranger, local, guest = ({"bsn": made.spare.pop(), "a_nummer": None} for _ in range(3))
        known = "alleen in de applicatie bekend"
        tax.extras.append(Extra(made.record("personen", number * 7) | stranger, 1, FOREVER, known))
        local_record = made.record("personen", number * 7 + 3) | local | {"gemeentecode": "LOKAAL"}
        tax.extras.append(Extra(local_record, 1, FOREVER, "", silent=True))
        tax.extras.append(Extra(made.record("personen", number * 7 + 1) | guest, 4, 7, known))
    made.double(*who, made.pick(*who, 1, ordinary), {"verblijfsadres.huisnummer": "99"}, range(3, 5))
    tax.other_keys |= {row: made.spare.pop() for row in made.pick(*who, 1, ordinary)}
    for row in made.pick(*who, 1, ordinary):
        tax.texts.append(Text(row, "ADRES_VANAF", "ONBEKEND", "datum_ingang_adreshouding", "onleesbaar", "geen datum"))
    for row in made.pick(*who, 1, ordinary & _PLAIN):
        loud = (made.record("personen", row)[_NAME] or "").upper()
        tax.texts.append(Text(row, "NAAM", loud, _NAME, "hoofdletters", "in hoofdletters"))


def _cases(made: Plot) -> None:
    """The case system, persons."""
    who, ordinary, event = ("zaaksysteem", "personen"), zaaksysteem.ORDINARY & ~belasting.FOREIGN, made.sources.event
    cases = made.scripts[who]
    for name, count, since, until in (
        ("verhuisd_2", 2, 2, 5), ("huwelijk_3", 1, 3, FOREVER), ("overleden_4", 1, 4, FOREVER), ("naam_6", 1, 6, 8),
        ("nieuw_6", 1, 6, FOREVER), ("verhuisd_6", 1, 6, 8), ("recent_6", 1, 6, 8),
    ):  # fmt: skip
        cases.lag(event("personen", name, count), since, until)
    cases.lag(event("personen", f"weer_{TWICE[0]}", 1), TWICE[0], 7)
    cases.lag(event("personen", "recent_8", 2), 8, 9, Reason.UNDER_WAY)
    cases.change(made.pick(*who, 1, ordinary & pl.col("voornamen").is_not_null()), {"voornamen": "Handmatiger"}, 2)
    cases.change(
        made.pick(*who, 1, ordinary & (pl.col("aanduiding_naamgebruik") != "P")), {"aanduiding_naamgebruik": "P"}, 2, 6
    )
    cases.remove(made.pick(*who, 1, ordinary), 4)
    for number in range(made.sources.size.factor):
        stranger = made.record("personen", number * 11 + 5) | {"bsn": made.spare.pop(), "a_nummer": None}
        cases.extras.append(Extra(stranger, 1, FOREVER, "alleen in de applicatie bekend"))
    for row in made.pick(*who, 1, ordinary):
        cases.texts.append(Text(row, "datumInschrijving", "onbekend", "datum_inschrijving", "onleesbaar", "geen datum"))
    for row in made.pick(*who, 1, ordinary & _PLAIN):
        loud = (made.record("personen", row)[_NAME] or "").upper()
        cases.texts.append(Text(row, "geslachtsnaam", loud, _NAME, "hoofdletters", "in hoofdletters"))


def _companies(made: Plot) -> None:
    who, event = ("zaaksysteem", "nnp"), made.sources.event
    script = made.scripts[who]
    for name, since, until in (
        ("naam_3", 3, FOREVER), ("failliet_4", 4, 6), ("nieuw_5", 5, 7), ("afgevoerd_3", 3, FOREVER),
        ("naam_8", 8, FOREVER),
    ):  # fmt: skip
        script.lag(event("nnp", name, 1), since, until)
    ordinary = ~zaaksysteem_nnp.ACCENTED & ~pl.col("handelsnaam").str.contains("[łı]")
    phone = made.pick(*who, 1, ordinary & pl.col("telefoonnummer").is_not_null())
    script.change(phone, {"telefoonnummer": "0998765432"}, 2)
    for number in range(made.sources.size.factor):
        record = made.record("nnp", number * 12) | {"vestigingsnummer": f"000097{number + 1:06d}", "rsin": None}
        script.extras.append(Extra(record, 1, FOREVER, "alleen in de applicatie bekend"))


def _addresses(made: Plot) -> None:
    entity, event = "nummeraanduiding", made.sources.event
    permits, points = made.scripts["vergunningen", entity], made.scripts["geo", entity]
    permits.lag(event(entity, "postcode_4", 2), 4, 7)
    permits.lag(event(entity, "nieuw_6", 1), 6, FOREVER)
    permits.lag(event(entity, "einde_5", 1), 5, FOREVER)
    permits.lag(event(entity, "recent_7", 1), 7, 8, Reason.UNDER_WAY)
    permits.lag(event(entity, f"buurt_{REDIVIDED}"), REDIVIDED, 8, Reason.TABLE)
    points.lag(event(entity, "postcode_5", 1), 5, FOREVER)
    points.lag(event(entity, "einde_6", 1), 6, 8)
    permits.change(made.pick("vergunningen", entity, 1, _SURE), {"huisnummer": "91"}, 2)
    permits.remove(made.pick("vergunningen", entity, 1, _SURE), 2)
    points.change(made.pick("geo", entity, 1, _SURE), {"x_coordinaat": "187654.250"}, 3, 7)
    made.invent("vergunningen", entity, "20")
    made.invent("geo", entity, "20", since=4, until=6)


def _objects(made: Plot) -> None:
    who, event = ("vergunningen", "verblijfsobject"), made.sources.event
    script = made.scripts[who]
    for name, count, since, until in (
        ("oppervlakte_3", 2, 3, 6), ("oppervlakte_5", 1, 5, FOREVER), ("einde_4", 1, 4, FOREVER), ("nieuw_3", 1, 3, 5),
    ):  # fmt: skip
        script.lag(event(who[1], name, count), since, until)
    script.change(made.pick(*who, 1, _SURE), {"oppervlakte": "9"}, 2)
    doubted = made.pick(*who, 1, ~_SURE)
    script.change(doubted, {"oppervlakte": "11"}, 2, cause="bron_in_onderzoek", note="object in onderzoek in de bron")
    made.invent(*who, "01", since=3)


def _panden(made: Plot) -> None:
    entity, event = "pand", made.sources.event
    permits, gis = made.scripts["vergunningen", entity], made.scripts["geo", entity]
    permits.lag(event(entity, "status_5", 1), 5, FOREVER)
    permits.lag(event(entity, "einde_3", 1), 3, FOREVER)
    permits.lag(event(entity, "recent_7", 1), 7, 8, Reason.UNDER_WAY)
    gis.lag(event(entity, "status_4", 1), 4, 7)
    gis.lag(event(entity, "status_6", 1), 6, FOREVER)
    gis.lag(event(entity, "einde_5", 1), 5, 8)
    quiet = ~BRACKETS & ~vergunningen.LONG & _SURE
    permits.change(made.pick("vergunningen", entity, 1, quiet), {"bouwjaar_pand": "1666"}, 2)
    gis.change(made.pick("geo", entity, 1, quiet), {"bouwjaar_pand": "1777"}, 4)
    ended = {"datum_einde_pand": "2024-05-06", "status_pand": "Pand gesloopt"}
    gis.change(made.pick("geo", entity, 1, quiet), ended, 1)
    made.invent("vergunningen", entity, "10")


def _places(made: Plot) -> None:
    for entity in KINDS:
        script, event = made.scripts["havenbeheer", entity], made.sources.event
        script.lag(event(entity, "document_3", 1), 3, 5)
        script.lag(event(entity, "document_4", 1), 4, FOREVER)
        rows = made.pick("havenbeheer", entity, 1, _SURE)
        other = made.record(entity, rows[0] - 1 if rows[0] else 1)["id_hoofdadres"]
        script.change(rows, {"id_hoofdadres": other}, 3)
