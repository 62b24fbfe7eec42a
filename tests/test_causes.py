"""Causes: each with its evidence, and beside each the near miss in which nothing may be claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sides import Row, compared, mapped, normalised
from test_real_registers import GBAV_2020, GBAV_2022, MUTATIES, REGISTERS

from kmgb.catalogue.fields import load_catalogue
from kmgb.compare.comparison import compare
from kmgb.compare.former import held, typed
from kmgb.compare.kinds import Kind
from kmgb.compare.match import key_text
from kmgb.compare.plan import Agreements, CellPlan, Plan
from kmgb.explain import EXPLAINED_COLUMNS, Cause, Context, explain, steps
from kmgb.mapping.load import load_mapping
from kmgb.mapping.model import Populatie
from kmgb.mutations.derive import mutations
from kmgb.mutations.log import MUTATION_COLUMNS
from kmgb.report.evidence import shown_evidence
from kmgb.run.mutations import mutation_plan
from kmgb.run.plan import comparison_key, comparison_plan
from kmgb.run.prepare import prepare
from kmgb.sources.delivered import Limits
from kmgb.sources.entity import read_entity

BEGIN, FIRST, SECOND = (datetime(2026, 11, day, tzinfo=UTC) for day in (2, 9, 16))
GRACE = timedelta(days=2)
BSN = "100000009"
KEYS = [f"0998100000{n:06d}" for n in range(1, 400)]


def plan_of(entity: str, names: Sequence[str], velden: Mapping[str, Any] | None, **said: Any) -> Plan:
    """The plan of a comparison in which these fields are held on both sides."""
    catalogue = load_catalogue()
    theirs, ours = mapped(entity, names, velden, **said), mapped(entity, names)
    plan = comparison_plan(catalogue, catalogue[entity], ours, theirs, date(2024, 1, 1))
    assert plan.key == comparison_key(catalogue[entity], theirs)
    return plan


def mutation(
    key: str,
    field: str,
    old: str | None = None,
    new: str | None = None,
    change: str = "gewijzigd",
    step: tuple[datetime, datetime] = (BEGIN, FIRST),
) -> dict[str, Any]:
    known = {"key": key, "field": field, "old": old, "new": new, "change": change}
    return dict.fromkeys(MUTATION_COLUMNS) | known | {"after": step[0], "until": step[1]}


class Case:
    """Two sides of one entity, what is known around them, and what explaining makes of it."""

    def __init__(
        self,
        entity: str,
        ours: Sequence[Row],
        theirs: Sequence[Row],
        velden: Mapping[str, Any] | None = None,
        mutations: Sequence[Mapping[str, Any]] = (),
        populatie: str = "",
        said: Mapping[str, Any] | None = None,
        **around: Any,
    ) -> None:
        comparison = compared(entity, ours, theirs, velden, populatie=(populatie, ""), **(said or {}))
        names = list(dict.fromkeys(name for row in (*ours, *theirs) for name in row))
        expected = Populatie(distributie=populatie, applicatie="", omschrijving="wie meedoet")
        plan = plan_of(entity, names, velden, populatie=expected, **(said or {}))
        sides = [
            normalised(entity, [dict.fromkeys(names) | dict(row) for row in rows], agreed)
            for rows, agreed in ((ours, None), (theirs, velden))
        ]

        def values(field: str) -> pl.DataFrame:
            left, right = (
                side.select(pl.col(plan.key[0]).alias("key"), pl.col(field).alias(name))
                for side, name in zip(sides, ("distributie", "afnemer"), strict=True)
            )
            return left.join(right, on="key", maintain_order="left")

        settled = {
            "peildatum_distributie": SECOND,
            "peildatum_afnemer": SECOND,
            "grace": GRACE,
            "log_since": BEGIN,
            "mutations": pl.DataFrame(list(mutations), schema=MUTATION_COLUMNS),
        }
        self.findings = comparison.findings
        self.context = Context(plan=plan, values=values, fields=comparison.fields, **(settled | around))
        self.explained = explain(self.findings, self.context)

    def causes(self) -> dict[tuple[str, str], str]:
        """Cause by key and field."""
        rows = self.explained.select("key", "field", "cause").iter_rows()
        return {(key, field): cause for key, field, cause in rows}

    def counts(self) -> dict[str, int]:
        """How often each cause."""
        return dict(self.explained["cause"].value_counts().sort("cause").iter_rows())

    def one(self) -> dict[str, Any]:
        """The only finding."""
        return self.explained.row(0, named=True) if self.explained.height == 1 else pytest.fail(str(self.explained))


def panden(*years: str | None, name: str = "bouwjaar_pand") -> list[dict[str, str | None]]:
    return [{"id_pand": key, name: year} for key, year in zip(KEYS, years, strict=False)]


def others(*stale: bool, key: str = KEYS[0], field: str = "bouwjaar_pand") -> pl.DataFrame:
    rows = [{"key": key, "field": field, "afnemer": f"app{n}", "stale": is_stale} for n, is_stale in enumerate(stale)]
    return pl.DataFrame(rows, schema={"key": pl.String, "field": pl.String, "afnemer": pl.String, "stale": pl.Boolean})


MISSED = [mutation(KEYS[0], "bouwjaar_pand", "1950", "1960")]


def outdated(**around: Any) -> dict[str, Any]:
    """One pand of which the application has the year of before the first step."""
    around = {"mutations": MISSED} | around
    return Case("pand", panden("1960", "1970"), panden("1950", "1970"), **around).one()


# --- former values ---


@pytest.mark.parametrize(
    ("entity", "name", "former", "now", "verdict"),
    [
        ("personen", "geboortedatum", "1980-00-00", "1980-00-00", "gelijk"),
        ("personen", "geboortedatum", "1980-00-00", "1980-01-01", "cosmetisch"),
        ("personen", "geslachtsnaam_diacriet", "Jansen", "JANSEN", "cosmetisch"),
        ("personen", "geslachtsnaam_diacriet", "Jansen", "Pietersen", None),
        ("personen", "datum_overlijden", None, None, "gelijk"),
        ("personen", "datum_overlijden", None, "2026-01-01", None),
        ("verblijfsobject", "oppervlakte", "80", "80", "gelijk"),
        ("nummeraanduiding", "x_coordinaat", "100.25", "100.25", "gelijk"),
    ],
)
def test_a_former_value_is_judged_as_todays_value(
    entity: str, name: str, former: str | None, now: str | None, verdict: str | None
) -> None:
    cell = next(cell for cell in plan_of(entity, [name], None, sleutel=()).cells if cell.name == name)
    rows = pl.DataFrame(
        {"former": [former], "afnemer_value": [now]}, schema=dict.fromkeys(("former", "afnemer_value"), pl.String)
    )
    assert held(rows, cell).to_list() == [verdict]


def test_a_former_value_is_written_by_the_agreements() -> None:
    field = load_catalogue()["nummeraanduiding"]["straatnaam"]
    cell = CellPlan(field, agreements=Agreements(letters="hoofdletters", width=6))
    rows = pl.DataFrame({"former": ["Dorpsstraat", "Dorpsweg"], "afnemer_value": ["DORPSS", "DORPSS"]})
    assert held(rows, cell).to_list() == ["gelijk", None]


def test_texts_become_values_again() -> None:
    cell = CellPlan(load_catalogue()["personen"]["geboortedatum"])
    assert pl.DataFrame({"t": ["1980-00-00", None, "x"]}).select(typed(pl.col("t"), cell)).to_series().to_list() == [
        19800000,
        None,
        None,
    ]


# --- verouderd: not sent, not received ---


def test_an_earlier_value_has_its_day_and_its_missed_change() -> None:
    found = outdated(others=others(False, True))
    assert (found["cause"], found["former_until"], found["next_step"]) == ("niet_ontvangen", "2026-11-02", "herzenden")
    assert found["cause_evidence"] == (
        "Verouderd: zo was het in de distributie nog op 2026-11-02, en op 2026-11-09 niet meer; bij 1 van de 2 andere "
        "applicaties is de wijziging wel aangekomen. Het is hier de enige gemiste wijziging."
    )


def test_stale_everywhere_was_not_sent() -> None:
    assert outdated(others=others(True, True))["cause"] == "niet_verzonden"


def test_without_others_or_a_log_nothing_tells_sent_from_received() -> None:
    found = outdated()
    assert (found["cause"], found["former_until"], found["next_step"]) == ("onbekend", "2026-11-02", "herzenden")
    assert "is niet te zeggen: er is geen andere applicatie" in found["cause_evidence"]
    assert "er is geen berichtenlog, er is geen lijst van afnemersindicaties" in found["cause_evidence"]


def test_a_dump_older_than_the_change_is_no_witness() -> None:
    older = others(True).with_columns(pl.lit(BEGIN).alias("peildatum"))
    assert outdated(others=older)["cause"] == "onbekend"
    newer = others(True).with_columns(pl.lit(SECOND).alias("peildatum"))
    assert outdated(others=newer)["cause"] == "niet_verzonden"


def test_wrong_elsewhere_in_another_way_is_no_witness() -> None:
    assert outdated(others=others(True).with_columns(pl.lit("1111").alias("value")))["cause"] == "onbekend"
    assert outdated(others=others(True).with_columns(pl.lit("1950").alias("value")))["cause"] == "niet_verzonden"


def test_one_message_carries_the_row() -> None:
    name, mutations = "status_pand", [*MISSED, mutation(KEYS[0], "status_pand", "Bouw gestart", "Pand in gebruik")]
    ours = [{"id_pand": KEYS[0], "bouwjaar_pand": "1960", name: "Pand in gebruik"}]
    theirs = [{"id_pand": KEYS[0], "bouwjaar_pand": "1950", name: "Bouw gestart"}]
    case = Case("pand", ours, theirs, mutations=mutations, others=others(True))
    assert case.counts() == {"niet_verzonden": 2}
    other_step = [
        MISSED[0],
        mutation(KEYS[0], name, "Bouw gestart", "Pand in gebruik", step=(BEGIN - timedelta(days=7), BEGIN)),
    ]
    assert Case("pand", ours, theirs, mutations=other_step, others=others(True)).counts() == {
        "niet_verzonden": 1,
        "onbekend": 1,
    }


def test_the_newest_matching_change_counts() -> None:
    twice = [*MISSED, mutation(KEYS[0], "bouwjaar_pand", "1950", "1960", step=(FIRST, SECOND))]
    assert outdated(mutations=twice)["former_until"] == "2026-11-09"


def test_a_change_after_the_distributions_peildatum_is_not_in_what_was_compared() -> None:
    backwards = [mutation(KEYS[0], "bouwjaar_pand", "1960", "1950", step=(SECOND, SECOND + timedelta(days=7)))]
    found = outdated(mutations=backwards)
    assert (found["cause"], found["former_until"]) == ("onbekend", None)


def test_rows_that_came_and_went_are_outdated_too() -> None:
    ours, theirs = panden("1960", "1970")[:1], panden("1960", "1970")[1:]
    mutations = [mutation(KEYS[0], "", change="nieuw"), mutation(KEYS[1], "", change="vervallen")]
    near = [mutation(KEYS[0], "", change="vervallen"), mutation(KEYS[1], "", change="nieuw")]
    witnesses = pl.concat([others(False, key=KEYS[0], field=""), others(True, key=KEYS[1], field="")])
    case = Case("pand", ours, theirs, mutations=mutations, others=witnesses)
    assert case.causes() == {(KEYS[0], ""): "niet_ontvangen", (KEYS[1], ""): "niet_verzonden"}
    assert case.explained["former_until"].to_list() == ["2026-11-02", "2026-11-02"]
    assert Case("pand", ours, theirs, mutations=near, others=witnesses).counts() == {"onbekend": 2}


def test_a_key_that_was_replaced_is_outdated() -> None:
    old, new = BSN, "123456782"
    ours, theirs = ([{"bsn": bsn, "a_nummer": "1234567890"}] for bsn in (new, old))
    changes = [mutation(new, "", change="nieuw"), mutation(old, "", change="vervallen")]
    said = {"alternatieve_sleutels": (("a_nummer",),)}
    found = Case("personen", ours, theirs, {}, changes, said=said).explained.filter(kind="sleutelverschil")
    assert found["former_until"].to_list() == ["2026-11-02"]
    near = Case("personen", ours, theirs, {}, changes[:1], said=said).explained.filter(kind="sleutelverschil")
    assert near["former_until"].to_list() == [None]


def test_a_row_under_another_key_has_no_history_of_its_own() -> None:
    ours = [{"bsn": "123456782", "a_nummer": "1234567890", "geslacht": "M"}]
    theirs = [{"bsn": BSN, "a_nummer": "1234567890", "geslacht": "V"}]
    said = {"alternatieve_sleutels": (("a_nummer",),)}
    assert "handmatig" not in Case("personen", ours, theirs, said=said).counts()
    same_key = [theirs[0] | {"bsn": "123456782"}]
    assert Case("personen", ours, same_key, said=said).causes()["123456782", "geslacht"] == "handmatig"


def persons(*dead: str | None) -> list[dict[str, str | None]]:
    return [{"bsn": BSN, "datum_overlijden": day, "geslacht": "M"} for day in dead]


@pytest.mark.parametrize(
    ("population", "cause"),
    [
        ("datum_overlijden is leeg", "niet_ontvangen"),
        ("datum_overlijden is leeg en geslacht = 'V'", "onbekend"),
    ],
    ids=["died", "was outside already"],
)
def test_a_row_that_left_the_population_is_outdated(population: str, cause: str) -> None:
    change = [mutation(BSN, "datum_overlijden", None, "2023-11-05")]
    around = {"others": others(False, key=BSN, field="")}
    case = Case("personen", persons("20231105"), persons(None), {}, change, populatie=population, **around)
    assert case.causes()[BSN, ""] == cause


def test_who_received_the_change_and_kept_the_row_missed_nothing() -> None:
    change = [mutation(BSN, "datum_overlijden", None, "2023-11-05")]
    around = {"others": others(False, key=BSN, field="")}
    population = "datum_overlijden is leeg"
    case = Case("personen", persons("20231105"), persons("20231105"), {}, change, populatie=population, **around)
    found = case.one()
    assert (found["cause"], found["former_until"], found["next_step"]) == ("onbekend", None, "herstellen_applicatie")
    assert found["cause_evidence"] == (
        "Geen oorzaak bewezen: de rij ging tussen 2026-11-02 en 2026-11-09 uit de populatie; de applicatie heeft die "
        "wijziging, maar de rij staat er nog."
    )


def test_a_member_of_a_set_has_no_place_of_its_own() -> None:
    names = ("id_verblijfsobject", "gebruiksdoel_1", "gebruiksdoel_2")
    ours = [dict(zip(names, ("0998010000000001", "woonfunctie", "kantoorfunctie"), strict=True))]
    theirs = [dict(zip(names, ("0998010000000001", "winkelfunctie", "woonfunctie"), strict=True))]
    changes = [mutation("0998010000000001", "gebruiksdoel_1", "winkelfunctie", "kantoorfunctie")]
    found = Case("verblijfsobject", ours, theirs, mutations=changes).one()
    assert (found["field"], found["former_until"]) == ("gebruiksdoel_2", "2026-11-02")


# --- optional inputs ---


def messages(*rows: tuple[str, datetime | None, str | None], zone: str | None = "UTC") -> pl.DataFrame:
    said = pl.DataFrame(
        rows, schema={"key": pl.String, "moment": pl.Datetime("us", "UTC"), "status": pl.String}, orient="row"
    )
    return said.with_columns(
        pl.col("moment").dt.convert_time_zone(zone) if zone else pl.col("moment").dt.replace_time_zone(None)
    )


EARLY, LATE = (KEYS[5], BEGIN - timedelta(days=3), "ok"), (KEYS[6], SECOND, "ok")
IN_STEP = BEGIN + timedelta(days=3)


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ([EARLY, LATE, (KEYS[0], IN_STEP, "OK")], "niet_ontvangen"),
        ([EARLY, LATE, (KEYS[0], IN_STEP, "fout")], "niet_ontvangen"),
        ([EARLY, LATE], "niet_verzonden"),
        ([EARLY, LATE, (KEYS[0], BEGIN - timedelta(days=1), "ok")], "niet_verzonden"),
        ([EARLY, LATE, (KEYS[0], None, None)], "onbekend"),
        ([LATE], "onbekend"),
        ([EARLY], "onbekend"),
        ([EARLY, LATE, (KEYS[0], IN_STEP, "wachtrij")], "onbekend"),
        ([], "onbekend"),
    ],
    ids=[
        "delivered",
        "failed",
        "absent",
        "before the change",
        "undated",
        "begins too late",
        "ends too early",
        "unclear",
        "empty",
    ],
)
def test_the_message_log_decides_for_the_time_it_covers(
    rows: list[tuple[str, datetime | None, str | None]], cause: str
) -> None:
    assert outdated(messages=messages(*rows))["cause"] == cause


def test_messages_are_moments_whatever_their_time_zone() -> None:
    just_before = (KEYS[0], BEGIN - timedelta(minutes=30), "ok")  # at BEGIN by the clock of Amsterdam, still before it
    said = [EARLY, LATE, just_before]
    assert outdated(messages=messages(*said, zone="Europe/Amsterdam"))["cause"] == "niet_verzonden"
    unknown = outdated(messages=messages(*said, zone=None))
    assert unknown["cause"] == "onbekend"
    assert "noemt geen tijdzone" in unknown["cause_evidence"]


def test_a_key_that_left_the_source_is_missing_from_lists_for_no_reason() -> None:
    gone = [mutation(KEYS[1], "", change="vervallen")]
    lists = {"messages": messages(EARLY, LATE), "indicaties": pl.DataFrame({"key": [KEYS[0]]})}
    sides = panden("1960"), panden("1960", "1970")
    assert Case("pand", *sides, {}, gone, **lists).one()["cause"] == "onbekend"
    failed = {"messages": messages(EARLY, LATE, (KEYS[1], IN_STEP, "fout"))}
    assert Case("pand", *sides, {}, gone, **failed).one()["cause"] == "niet_ontvangen"


def test_messages_go_before_other_applications() -> None:
    said = messages(EARLY, LATE, (KEYS[0], IN_STEP, "ok"))
    assert outdated(messages=said, others=others(True))["cause"] == "niet_ontvangen"


def test_without_an_indication_nothing_is_sent() -> None:
    listed = pl.DataFrame({"key": [KEYS[1]]})
    found = outdated(indicaties=listed, others=others(False))
    assert found["cause"] == "niet_verzonden"
    assert "de lijst van 1 afnemersindicaties heeft deze sleutel niet" in found["cause_evidence"]


def test_a_list_with_unknown_keys_proves_nothing() -> None:
    found = outdated(indicaties=pl.DataFrame({"key": ["1", "2", "3"]}))
    assert found["cause"] == "onbekend"
    assert "de lijst van afnemersindicaties gaat over andere sleutels" in found["cause_evidence"]


# --- onderweg ---


LAST = (FIRST, SECOND)


@pytest.mark.parametrize(
    ("step", "day", "dump", "cause"),
    [
        ((SECOND - timedelta(days=1), SECOND), None, SECOND, "onderweg"),
        (LAST, "2026-11-15", SECOND, "onderweg"),
        (LAST, None, FIRST, "onderweg"),
        (LAST, "2026-11-11", SECOND, "onbekend"),
        (LAST, None, SECOND, "onbekend"),
        (LAST, "2026-11-01", SECOND, "onbekend"),
        (LAST, "2026-11-20", SECOND, "onbekend"),
        ((BEGIN, FIRST), "2026-11-08", SECOND, "onbekend"),
    ],
    ids=[
        "wholly inside",
        "dated",
        "after the dump",
        "dated too early",
        "undated",
        "before the step",
        "to come",
        "older",
    ],
)
def test_under_way_is_only_what_lies_inside_the_grace_period(
    step: tuple[datetime, datetime], day: str | None, dump: datetime, cause: str
) -> None:
    changes = [mutation(KEYS[0], "bouwjaar_pand", "1950", "1960", step=step)]
    if day:
        changes.append(mutation(KEYS[0], "datum_begin_geldigheid_cyclus", "2020-01-01", day, step=step))
    found = outdated(mutations=changes, peildatum_afnemer=dump)
    assert found["cause"] == cause
    assert found["next_step"] == ("wachten" if cause == "onderweg" else "herzenden")


def dated_change(day: str) -> list[dict[str, Any]]:
    return [
        mutation(KEYS[0], "bouwjaar_pand", "1950", "1960", step=LAST),
        mutation(KEYS[0], "datum_begin_geldigheid_cyclus", "2020-01-01", day, step=LAST),
    ]


def test_under_way_says_when() -> None:
    evidence = outdated(mutations=dated_change("2026-11-15"))["cause_evidence"]
    assert evidence == (
        "De bron wijzigde dit tussen 2026-11-09 en 2026-11-16 (de bron noemt zelf 2026-11-15), niet eerder dan "
        "2026-11-14: zo kort voor de dump, of erna, dat het bericht onderweg kan zijn; de applicatie heeft nog wat "
        "daarvoor gold. Is dat bij de volgende controle nog zo, dan krijgt het een andere oorzaak."
    )
    # Of a person it may be the day of birth or of death: no report shows it.
    assert shown_evidence(evidence, load_catalogue()["personen"]) == evidence.replace("2026-11-15", "•••")


def test_what_was_sent_before_the_grace_period_is_no_longer_under_way() -> None:
    early = messages(EARLY, LATE, (KEYS[0], FIRST + timedelta(days=1), "ok"))
    late = messages(EARLY, LATE, (KEYS[0], SECOND - timedelta(days=1), "ok"))
    assert outdated(mutations=dated_change("2026-11-15"), messages=late)["cause"] == "onderweg"
    # Of before the day that the change names: about something else.
    assert outdated(mutations=dated_change("2026-11-15"), messages=early)["cause"] == "onderweg"


def test_a_new_row_is_under_way_by_its_own_dates() -> None:
    changes = [mutation(KEYS[0], "", change="nieuw", step=LAST)]
    for day, cause in ((date(2026, 11, 15), "onderweg"), (date(2026, 11, 11), "onbekend")):
        days = pl.DataFrame({"key": [KEYS[0]], "day": [day]})
        assert Case("pand", panden("1960"), [], {}, changes, source_days=days).one()["cause"] == cause


def test_another_value_than_the_former_one_is_not_under_way() -> None:
    changes = [mutation(KEYS[0], "bouwjaar_pand", "1940", "1960", step=(SECOND - timedelta(days=1), SECOND))]
    assert outdated(mutations=changes)["cause"] == "handmatig"


# --- bron in onderzoek ---


def test_what_the_source_doubts_weighs_less() -> None:
    doubted = pl.DataFrame({"key": [KEYS[0]], "field": ["bouwjaar_pand"]})
    found = outdated(mutations=[], in_onderzoek=doubted)
    plain = outdated(mutations=[])
    assert (found["cause"], found["next_step"]) == ("bron_in_onderzoek", "wachten")
    assert (plain["severity"], found["severity"]) == ("normaal", "laag")
    other_field = doubted.with_columns(pl.lit("status_pand").alias("field"))
    assert outdated(mutations=[], in_onderzoek=other_field)["cause"] == "handmatig"


def test_a_proven_cause_goes_before_doubt() -> None:
    doubted = pl.DataFrame({"key": [KEYS[0]], "field": ["bouwjaar_pand"]})
    found = outdated(in_onderzoek=doubted, others=others(False))
    assert (found["cause"], found["severity"]) == ("niet_ontvangen", "laag")
    assert outdated(in_onderzoek=doubted)["cause"] == "bron_in_onderzoek"


# --- the source itself is wrong ---


def test_who_does_not_follow_an_invalid_value_of_the_source_is_right() -> None:
    change = [mutation(BSN, "geslacht", "M", "Q")]
    ours, theirs = ([{"bsn": BSN, "geslacht": value}] for value in ("Q", "M"))
    found = Case("personen", ours, theirs, {}, change, others=others(True, key=BSN, field="geslacht")).one()
    assert (found["cause"], found["next_step"]) == ("onbekend", "herstellen_distributie")
    assert found["rule"] == "bron_ongeldig:in_list:geslacht"


# --- handmatig ---


def test_a_value_the_source_never_had_is_the_work_of_a_hand() -> None:
    found = outdated(mutations=[])
    assert (found["cause"], found["former_until"], found["next_step"]) == ("handmatig", None, "herstellen_applicatie")
    assert "van 2026-11-02 tot en met 2026-11-16" in found["cause_evidence"]


@pytest.mark.parametrize(
    "around",
    [
        {"log_since": None},
        {"log_since": SECOND},
        {"peildatum_afnemer": SECOND + timedelta(days=3)},
        {"mutations": [mutation(KEYS[0], "bouwjaar_pand", "1940", "1950")]},
    ],
    ids=["no log", "no step", "dump later than the distribution", "the source had it in between"],
)
def test_no_hand_without_a_history_that_says_so(around: dict[str, Any]) -> None:
    found = outdated(**({"mutations": []} | around))
    assert (found["cause"], found["former_until"]) == ("onbekend", None)


def test_empty_is_not_the_work_of_a_hand() -> None:
    assert Case("pand", panden("1960"), panden(None)).one()["cause"] == "onbekend"


def test_what_fits_a_way_of_writing_is_not_the_work_of_a_hand() -> None:
    rows = [{"bsn": f"{n}", "geslachtsnaam_diacriet": "Jansen"} for n in ("123456782", "111222333")]
    cut = [rows[0] | {"geslachtsnaam_diacriet": "Jan"}, rows[1]]
    found = Case("personen", rows, cut).one()
    assert (found["cause"], found["kind"]) == ("onbekend", "afwijkend")
    assert "past bij de schrijffout afgekapt op 3, maar die treft 1 waarden" in found["cause_evidence"]


def test_a_row_the_source_never_had_is_entered_by_hand() -> None:
    assert Case("pand", [], panden("1960")).one()["cause"] == "handmatig"
    gone_later = [mutation(KEYS[0], "", change="vervallen", step=(SECOND, SECOND + timedelta(days=7)))]
    assert Case("pand", [], panden("1960"), {}, gone_later).one()["cause"] == "onbekend"


def test_more_than_hands_can_do_is_no_work_of_hands() -> None:
    few, many = 20, 21
    for count, cause in ((few, "handmatig"), (many, "onbekend")):
        years = [str(1900 + n) for n in range(300)]
        other = [str(1500 + n * 7 % 97) if n < count else year for n, year in enumerate(years)]
        assert Case("pand", panden(*years), panden(*other)).counts() == {cause: count}


# --- formaat ---


def texts(*values: str | None, name: str) -> list[dict[str, str | None]]:
    return panden(*values, name=name)


@pytest.mark.parametrize(
    ("entity", "name", "values", "written", "transform"),
    [
        ("pand", "brondocumentnummer", ["OMG-2024/000123-A", "OMG-2024/000124-B", "OMG-2025/000125-C", "K1"],
         ["OMG-2024/00", "OMG-2024/00", "OMG-2025/00", "K1"], "afgekapt op 11"),
        ("pand", "datum_ingang_pand", ["20240305", "20240406", "20240507", "20240525"],
         ["20240503", "20240604", "20240705", "20240525"], "dag en maand verwisseld"),
        ("pand", "datum_ingang_pand", ["20240305", "20240406", "20240507", "20240525"],
         ["20240304", "20240405", "20240506", "20240524"], "een dag eerder"),
        ("pand", "brondocumentnummer", ["Zuiderzéé", "Café", "Ça va", "Huis"],
         ["ZuiderzÃ©Ã©", "CafÃ©", "Ã‡a va", "Huis"], "UTF-8 gelezen als Latin-1"),
        ("pand", "brondocumentnummer", ["Žiž", "Łodz", "Ěvora", "Café"],
         ["?i?", "?odz", "?vora", "Café"], "vraagteken voor letters buiten Latin-1"),
        ("pand", "brondocumentnummer", ["0012", "0034", "0056", "78"], ["12", "34", "56", "78"], "voorloopnullen weg"),
    ],
    ids=["cut", "day and month", "a day earlier", "mojibake", "question marks", "lost zeros"],
)  # fmt: skip
def test_one_transform_of_nearly_all_values_it_can_befall(
    entity: str, name: str, values: list[str], written: list[str], transform: str
) -> None:
    case = Case(entity, texts(*values, name=name), texts(*written, name=name))
    wrong = sum(a != b for a, b in zip(values, written, strict=True))
    assert case.explained.select("cause", "transform").unique().rows() == [("formaat", transform)]
    assert case.explained.height == wrong
    size = f"In {wrong} van de {wrong} waarden waarin dat kan"
    assert set(case.explained["cause_evidence"].str.starts_with(size)) == {True}


def test_partial_dates_filled_up_are_a_format_though_cosmetic() -> None:
    bsns = ("100000009", "100000010", "100000022", "100000034")
    dates, filled = ("19800000", "19750500", "19660000", "19900315"), ("19800101", "19750501", "19660101", "19900315")
    ours, theirs = (
        [{"bsn": b, "geboortedatum": d} for b, d in zip(bsns, said, strict=True)] for said in (dates, filled)
    )
    case = Case("personen", ours, theirs)
    assert case.counts() == {"formaat": 3}
    assert set(case.explained["transform"]) == {"00 als 01"}


def test_two_of_a_class_or_half_of_it_are_no_format() -> None:
    name = "brondocumentnummer"
    two = Case("pand", texts("0012", "0034", "5", name=name), texts("12", "34", "5", name=name))
    half = Case("pand", texts(*["0012"] * 8, name=name), texts(*["12"] * 4, *["0012"] * 4, name=name))
    assert two.counts() == {"onbekend": 2}
    assert half.counts() == {"onbekend": 4}
    assert "voorloopnullen weg, maar die treft 4 van de 8 waarden" in half.explained["cause_evidence"][0]


def test_a_code_that_is_another_in_all_rows_is_a_format() -> None:
    name = "status_pand"
    ours = ["Verbouwing pand"] * 4 + ["Pand in gebruik"] * 6
    case = Case("pand", panden(*ours, name=name), panden(*["Pand in gebruik"] * 10, name=name))
    assert case.explained.select("cause", "transform").unique().rows() == [("formaat", "code als andere code")]
    half = ["Pand in gebruik"] * 2 + ["Verbouwing pand"] * 2 + ["Pand in gebruik"] * 6
    assert Case("pand", panden(*ours, name=name), panden(*half, name=name)).counts() == {"handmatig": 2}


def addresses(letters: Sequence[str | None], additions: Sequence[str | None]) -> list[dict[str, str | None]]:
    return [
        {"identificatie_nummeraanduiding": key.replace("10", "20", 1), "huisletter": letter, "toevoeging": addition}
        for key, letter, addition in zip(KEYS, letters, additions, strict=False)
    ]


def test_the_addition_in_the_column_of_the_letter() -> None:
    ours = addresses([None, None, "A", "B"], ["1", "2", "3", None])
    theirs = addresses(["1", "2", "A3", "B"], [None, None, None, None])
    case = Case("nummeraanduiding", ours, theirs)
    assert case.explained.select("cause", "transform").unique().rows() == [("formaat", "toevoeging in huisletter")]
    assert case.explained.height == 6


# --- tabelwijziging ---


def quarters(code: str, count: int, rest: str = "01") -> list[dict[str, str | None]]:
    codes = [code] * count + [rest] * 30
    return [{"identificatie_nummeraanduiding": key.replace("10", "20", 1), "buurtcode": c}
            for key, c in zip(KEYS, codes, strict=False)]  # fmt: skip


def test_all_rows_of_a_code_are_a_change_of_the_table() -> None:
    case = Case("nummeraanduiding", quarters("17", 5), quarters("07", 5))
    assert case.counts() == {"tabelwijziging": 5}
    assert case.explained["cause_evidence"][0] == (
        "Van de 5 rijen met deze code heeft de applicatie er 5 met een andere code."
    )
    assert set(case.explained["next_step"]) == {"herstellen_applicatie"}


def test_a_change_of_the_table_in_the_log_is_not_a_missed_message() -> None:
    keys = [row["identificatie_nummeraanduiding"] or "" for row in quarters("17", 5)[:5]]
    changes = [mutation(key, "buurtcode", "07", "17") for key in keys]
    case = Case("nummeraanduiding", quarters("17", 5), quarters("07", 5), {}, changes)
    assert case.counts() == {"tabelwijziging": 5}
    assert "in een keer, tussen 2026-11-02 en 2026-11-09." in case.explained["cause_evidence"][0]
    assert set(case.explained["former_until"]) == {"2026-11-02"}


def test_part_of_a_code_is_no_change_of_the_table() -> None:
    ours, theirs = quarters("17", 10), quarters("17", 10)
    for row in theirs[:9]:
        row["buurtcode"] = "07"
    assert Case("nummeraanduiding", ours, theirs).counts() == {"handmatig": 9}


def test_rows_that_moved_are_no_change_of_the_table() -> None:
    ours = [row | {"postcode": "5211AA"} for row in quarters("17", 5)]
    theirs = [row | {"postcode": "5211BB" if row["buurtcode"] == "07" else "5211AA"} for row in quarters("07", 5)]
    assert "tabelwijziging" not in Case("nummeraanduiding", ours, theirs).counts()


# --- veldtoewijzing ---


def dated(count: int, swapped: bool, same: int = 0) -> list[dict[str, str | None]]:
    rows = []
    for n in range(count):
        first, second = f"2024{n % 12 + 1:02d}11", f"2023{n % 12 + 1:02d}2{n % 9}"
        second = first if n < same else second
        pair = (second, first) if swapped else (first, second)
        rows.append({"id_pand": KEYS[n], "datum_ingang_pand": pair[0], "brondocumentdatum": pair[1]})
    return rows


def proposal(case: Case) -> str:
    (evidence,) = case.explained.filter(cause="veldtoewijzing")["cause_evidence"].unique()
    return str(evidence).partition("Voorstel: ")[2]


def test_exchanged_columns_are_one_finding_each_with_what_to_correct() -> None:
    case = Case("pand", dated(40, swapped=False, same=15), dated(40, swapped=True, same=15))
    assert case.counts() == {"veldtoewijzing": 50}
    found = case.explained.group_by("field", maintain_order=True).agg(pl.all().first(), pl.len()).sort("field")
    assert found.select("field", "kind", "len", "next_step").rows() == [
        ("brondocumentdatum", "afwijkend", 25, "aanpassen_veldtoewijzing"),
        ("datum_ingang_pand", "afwijkend", 25, "aanpassen_veldtoewijzing"),
    ]
    assert found["cause_evidence"][0] == (
        "De kolom verschilt in 25 van de 25 rijen waarin dat kan. Voorstel: De kolom bij Brondocumentdatum bevat de "
        "waarden van Datum ingang pand; wissel de kolommen van deze twee velden."
    )


def test_nineteen_rows_are_too_few_for_a_wrong_column() -> None:
    assert "veldtoewijzing" not in Case("pand", dated(19, swapped=False), dated(19, swapped=True)).counts()


def test_half_a_column_is_not_a_wrong_column() -> None:
    ours = dated(60, swapped=False)
    theirs = dated(30, swapped=True) + ours[30:]
    assert "veldtoewijzing" not in Case("pand", ours, theirs).counts()


def test_an_empty_column_and_a_map_of_codes_are_proposed() -> None:
    ours = panden(*["Pand in gebruik", "Bouw gestart"] * 15, name="status_pand")
    empty = Case("pand", ours, panden(*[None] * 30, name="status_pand"))
    assert (
        proposal(empty)
        == "De kolom bij Status pand is leeg; kies de kolom waarin de applicatie dit gegeven wel levert."
    )
    coded = Case("pand", ours, panden(*["P1", "P2"] * 15, name="status_pand"))
    assert proposal(coded) == (
        'Zet bij Status pand in de veldtoewijzing: codes = { "P1" = "Pand in gebruik", "P2" = "Bouw gestart" }.'
    )


# --- the whole ---


def test_order_rows_and_columns_stay_and_every_finding_is_told() -> None:
    case = Case("pand", panden("1960", "1970"), panden("1950", None))
    assert case.explained.schema == pl.Schema(EXPLAINED_COLUMNS)
    assert case.explained.select("key", "field", "kind").equals(case.findings.select("key", "field", "kind"))
    assert case.explained.select("cause", "cause_evidence", "next_step").null_count().row(0) == (0, 0, 0)
    assert set(case.explained["cause"]) <= set(Cause)


def test_no_findings_no_causes() -> None:
    case = Case("pand", panden("1960"), panden("1960"))
    assert case.explained.is_empty()
    assert case.explained.schema == pl.Schema(EXPLAINED_COLUMNS)


@pytest.mark.parametrize(
    ("ours", "theirs", "kind", "step"),
    [
        (panden("1960"), [], Kind.ONTBREEKT, "herzenden"),
        (panden("1960"), panden(None), Kind.LEEG_IN_APPLICATIE, "herzenden"),
        (panden(None), panden("1960"), Kind.LEEG_IN_BRON, "terugmelden"),
        (panden("1960") * 2, panden("1960"), Kind.DUBBEL, "herstellen_distributie"),
        (panden("1960"), panden("1960") * 2, Kind.DUBBEL, "herstellen_applicatie"),
        (panden("1960"), panden("onbekend"), Kind.ONGELDIG, "herstellen_applicatie"),
        (panden("onbekend"), panden("1960"), Kind.ONGELDIG, "herstellen_distributie"),
    ],
)
def test_the_next_step_belongs_to_a_side(ours: list[Row], theirs: list[Row], kind: Kind, step: str) -> None:
    found = Case("pand", ours, theirs).one()
    assert (found["kind"], found["next_step"]) == (kind, step)


# --- published registers: an application that stayed behind ---

WHOLE_CELLS = ("afwijkend", "leeg_in_applicatie", "leeg_in_bron")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("entity", "mappings", "files", "day"),
    [
        ("personen", ("personen_gbav_2020", "personen_gbav_2022"), (GBAV_2020, GBAV_2022), date(2022, 5, 2)),
        *(
            (entity, ("bag_mutaties_was", "bag_mutaties_nieuw"), (MUTATIES, MUTATIES), date(2021, 11, 14))
            for entity in ("nummeraanduiding", "verblijfsobject", "pand")
        ),
    ],
    ids=["persons", "nummeraanduiding", "verblijfsobject", "pand"],
)
def test_every_value_of_the_former_edition_is_outdated_until_its_day(
    shared: Path, tmp_path: Path, entity: str, mappings: tuple[str, str], files: tuple[str, str], day: date
) -> None:
    catalogue = load_catalogue()
    rules = [load_mapping(REGISTERS / f"{name}.toml", catalogue).entiteit[entity] for name in mappings]
    sides = []
    for number, (plan, file) in enumerate(zip(rules, files, strict=True)):
        source = shared / "data" / file
        _, frame, _ = read_entity(source, plan, Limits(), tmp_path / str(number), shared / "data")
        sides.append(prepare(frame, plan, catalogue[entity], catalogue, key=plan.sleutel, history=False, day=day).side)
    was, now = sides
    log = mutations(was, now, mutation_plan(catalogue[entity], rules[1]), BEGIN, FIRST)
    plan = comparison_plan(catalogue, catalogue[entity], rules[1], rules[0], day)
    comparison = compare(now, was, plan)
    ours, theirs = (side.accepted.with_columns(key_text(plan.key).alias("key")) for side in (now, was))

    def values(field: str) -> pl.DataFrame:
        left = ours.select("key", pl.col(field).alias("distributie")).unique("key", keep="none")
        return left.join(theirs.select("key", pl.col(field).alias("afnemer")).unique("key", keep="none"), on="key")

    context = Context(
        plan, SECOND, SECOND, GRACE, values, comparison.fields, mutations=log, log_since=BEGIN,
    )  # fmt: skip
    explained = explain(comparison.findings, context)
    cells = explained.filter(pl.col("kind").is_in(WHOLE_CELLS))
    logged = cells.join(log.filter(field="").select("key"), on="key", how="anti").join(log, on="key", how="semi")
    assert logged.height > 0
    assert set(logged["former_until"]) == {"2026-11-02"}
    assert "handmatig" not in set(explained["cause"])
    rows = explained.filter(pl.col("kind").is_in(["ontbreekt", "overtollig"])).join(
        log.filter(field=""), on="key", how="semi"
    )
    assert rows["former_until"].null_count() == 0


def test_every_cause_and_step_is_documented() -> None:
    text = (REGISTERS.parent / "oorzaken.md").read_text(encoding="utf-8")
    named = {steps.APPLICATION, steps.RESEND, steps.DISTRIBUTION, steps.REPORT, steps.MAPPING, steps.WAIT, steps.NONE}
    assert [name for name in [*Cause, *sorted(named)] if f"`{name}`" not in text] == []
