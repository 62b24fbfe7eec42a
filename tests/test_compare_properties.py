"""Promises of the comparison that hold for all data, and agreement with an independent, slow second opinion."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Rule
from oracle import compare as second_opinion
from sides import Row, compared, found

from kmgb.catalogue.fields import load_catalogue

MIRROR = {
    "ontbreekt": "overtollig",
    "overtollig": "ontbreekt",
    "leeg_in_applicatie": "leeg_in_bron",
    "leeg_in_bron": "leeg_in_applicatie",
}
DATES = [
    "", "0", "00000000", "19800000", "19800500", "19800512", "12-05-1980", "1980-05-12", "12/5/1980", "1980", "1980-05",
    "19800513", "19000101", "99991231", "31-12-9999", "19810512", "gisteren", "19801301", "01-01-0001", "12051980",
    "1980-05-12T10:00:00", "19800601", "1980-05-31", "01-06-1980", "2020-02-30",
]  # fmt: skip
TEXTS = [
    "", " ", "Jan", "JAN", "jan ", "Zoë", "Zoe\u0308", "Zoe", "ZOË", "ZOE", "Jan-Piet", "Jan Piet", "Jan\u00a0 Piet",
    "JanPiet", "Jan.Piet", "Piet", "Łukasz", "Lukasz", "Straße", "STRASSE", "'t Hooft", "’t Hooft", "t Hooft", "onbekend",
    "Abcdefghijklmnop", "Abcdefghij", "Abcdefghijk", "ABCDEFGHIJ", "Æsa", "AEsa",
]  # fmt: skip
IDS = ["0998200000000001", "998200000000001", "NL.IMBAG.Nummeraanduiding.0998200000000002", "0998.200000000002", "", "x",
       "0998200000000003", " 0998200000000004 ", "998200000000004,0", "0998200000000005"]  # fmt: skip
BSNS = [
    "999990019",
    "9999.90.019",
    "9842",
    "000009842",
    "999990020",
    "999990020.0",
    "",
    "geen",
    "999990032",
    "999990044",
]
AREAS = ["", "0", "10", "10,00", "10.0", "11", "10,5", "tien", " 10", "+10", "0010"]
METRES = ["", "0", "100000", "100000.5", "100000,5", "100000.3", "100001.2", "99999.9996", "honderd"]
FLAGS = ["", "J", "j", "Ja", "1", "true", "N", "nee", "0", "false", "misschien"]

RULES = {
    "personen": (
        Rule("bsn", "identifier", width=9),
        Rule("voornamen", "text", tolerant=("hoofdletters", "diakrieten", "leestekens", "afgekapt")),
        Rule("voorletters", "text", steps=("remove_dots",), flat=True, tolerant=("hoofdletters", "diakrieten", "afgekapt")),
        Rule("geboortedatum", "partial_date", tolerant=("precisieverlies",), nullable=False),
        Rule("datum_overlijden", "partial_date", tolerant=("precisieverlies",), empty=("99991231", "31-12-9999")),
        Rule("indicatie_geheim", "code", empty_when=("0",)),
        Rule("geslacht", "code", codes={"1": "M", "2": "V"}),
    ),
    "nummeraanduiding": (
        Rule("identificatie_nummeraanduiding", "identifier", width=16),
        Rule("brondocumentnummer", "text", upper=True, cut=10,
             tolerant=("hoofdletters", "leestekens", "spaties", "afgekapt")),
        Rule("toevoeging", "text", without_blanks=True,
             tolerant=("hoofdletters", "leestekens", "spaties", "voorloopnullen")),
        Rule("huisnummer", "integer", zero_is_empty=True),
        Rule("datum_einde", "date", tolerant=("einddatum_inclusief",)),
        Rule("datum_ingang", "date", nullable=False),
        Rule("indicatie_onderzoek", "boolean"),
        Rule("x_coordinaat", "decimal", zero_is_empty=True, tolerant=("coordinaat_afstand",)),
        Rule("y_coordinaat", "decimal", zero_is_empty=True, tolerance=1.0, tolerant=("coordinaat_afstand",)),
        Rule("status_nummeraanduiding", "code", tolerant=("hoofdletters", "haakjes")),
    ),
}  # fmt: skip
VALUES: Mapping[str, list[str]] = {
    "bsn": BSNS, "voornamen": TEXTS, "voorletters": ["", "J.P.", "JP", "J P", "Ż.", "Z", "j.p", "J.P"],
    "geboortedatum": DATES, "datum_overlijden": DATES, "indicatie_geheim": ["", "0", "7", "1", "9"],
    "geslacht": ["", "M", "m", "man", "V", "1", "2", "X", "vrouw"],
    "identificatie_nummeraanduiding": IDS, "brondocumentnummer": TEXTS, "toevoeging": [*TEXTS, "01", "1", "1-A", "001"],
    "huisnummer": AREAS, "datum_einde": DATES, "datum_ingang": DATES, "indicatie_onderzoek": FLAGS,
    "x_coordinaat": METRES, "y_coordinaat": METRES,
    "status_nummeraanduiding": ["", "Naamgeving uitgegeven", "naamgeving UITGEGEVEN", "Naamgeving uitgegeven (oud)",
                                "Naamgeving ingetrokken", "Naamgeving uitgegeven(1)"],
}  # fmt: skip


def known(entity: str, rule: Rule) -> Rule:
    """The rule with the closed list of its field."""
    codes = load_catalogue().codes(load_catalogue()[entity][rule.name])
    listed = tuple((code.code, code.label) for code in codes) if rule.kind == "code" else ()
    return Rule(**{slot: getattr(rule, slot) for slot in Rule.__dataclass_fields__} | {"known": listed})


def agreements(rule: Rule) -> dict[str, Any]:
    """The same rule as a mapping says it."""
    said: dict[str, Any] = {"codes": dict(rule.codes), "leeg": rule.empty, "leeg_bij": rule.empty_when}
    said |= {"diakrieten": "weg"} if rule.flat else {}
    said |= {"letters": "hoofdletters"} if rule.upper else {}
    said |= {"spaties": "weg"} if rule.without_blanks else {}
    said |= {"breedte": rule.cut} if rule.cut else {}
    said["regels_uit"] = [name for name in ("digraaf", "coordinaat_verwisseld") if name not in rule.tolerant]
    return said | ({"tolerantie": rule.tolerance} if rule.tolerance else {})


def table(entity: str, seed: int, rows: int) -> list[Row]:
    chance = random.Random(seed)
    return [{rule.name: chance.choice(VALUES[rule.name]) for rule in RULES[entity]} for _ in range(rows)]


@pytest.mark.parametrize("seed", range(int(__import__("os").environ.get("NSEED", "12"))))
@pytest.mark.parametrize("entity", list(RULES))
def test_agrees_with_the_second_opinion(entity: str, seed: int) -> None:
    key, *rules = (known(entity, rule) for rule in RULES[entity])
    ours, theirs = table(entity, seed, 12), table(entity, seed + 1000, 12)
    comparison = compared(entity, ours, theirs, {rule.name: agreements(rule) for rule in rules})
    # A value that fails a check on both sides alike, and a key that does, are not the second opinion's business.
    decided = comparison.findings.filter(
        (pl.col("kind") != "ongeldig") | (pl.col("rule") == "onleesbaar") | pl.col("key").str.starts_with("rij ")
    )
    assert set(decided.select("key", "field", "kind").iter_rows()) == second_opinion(ours, theirs, key, rules)


FIELDS = ("voornamen", "geboortedatum", "geslacht", "indicatie_geheim")
row = st.fixed_dictionaries({"bsn": st.sampled_from(BSNS)} | {name: st.sampled_from(VALUES[name]) for name in FIELDS})
tables = st.lists(row, max_size=8)
few = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def cells_and_rows(ours: list[Row], theirs: list[Row]) -> set[tuple[str, str, str]]:
    findings = found(compared("personen", ours, theirs)) if ours or theirs else []
    return {(key, field, kind) for key, field, kind, _ in findings}


@few
@given(tables)
def test_a_delivery_agrees_with_itself(rows: list[Row]) -> None:
    kinds = {kind for _, _, kind in cells_and_rows(rows, rows)}
    assert kinds <= {"dubbel", "ongeldig"}


@few
@given(tables, tables)
def test_swapping_sides_mirrors_the_outcome(ours: list[Row], theirs: list[Row]) -> None:
    there, back = cells_and_rows(ours, theirs), cells_and_rows(theirs, ours)
    # Cut off is one-sided, and a value that fails a check is told of on our side only.
    aside = {(key, field) for key, field, kind in there | back if kind in ("cosmetisch", "ongeldig")}
    mirrored = {(key, field, MIRROR.get(kind, kind)) for key, field, kind in back}
    assert {one for one in there if one[:2] not in aside} == {one for one in mirrored if one[:2] not in aside}


@few
@given(tables, tables, st.randoms(use_true_random=False))
def test_order_of_rows_and_columns_means_nothing(ours: list[Row], theirs: list[Row], chance: random.Random) -> None:
    def shuffled(rows: list[Row]) -> list[Row]:
        names = list(FIELDS)
        chance.shuffle(names)
        return [{name: row[name] for name in ("bsn", *names)} for row in chance.sample(rows, len(rows))]

    def placed(findings: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        return {finding for finding in findings if not finding[0].startswith("rij ")}

    assert placed(cells_and_rows(ours, theirs)) == placed(cells_and_rows(shuffled(ours), shuffled(theirs)))


@few
@given(tables, tables)
def test_rows_are_conserved_and_a_cell_has_one_finding(ours: list[Row], theirs: list[Row]) -> None:
    if not ours and not theirs:
        return
    comparison = compared("personen", ours, theirs)  # asserts the conservation of rows itself
    assert (comparison.rows["distributie"], comparison.rows["afnemer"]) == (len(ours), len(theirs))
    cells = comparison.findings.filter(pl.col("field") != "")
    assert not cells.select("key", "field").is_duplicated().any()
    counted = comparison.fields
    assert (counted["beide_leeg"] + counted["vergeleken"] == counted["paren"]).all()
    assert (counted["gelijk"] >= 0).all()


@few
@given(st.sets(st.tuples(st.integers(0, 19), st.sampled_from(["voornamen", "voorvoegsel", "geslachtsnaam_diacriet"]))))
def test_k_planted_faults_give_k_findings(faults: set[tuple[int, str]]) -> None:
    names = ["voornamen", "voorvoegsel", "geslachtsnaam_diacriet"]
    ours = [{"bsn": f"{9999000 + n}", **{name: f"{name} {chr(97 + n)}" for name in names}} for n in range(20)]
    theirs = [{**row} for row in ours]
    for n, name in faults:
        theirs[n][name] = "iets anders"
    cells = {(key, field) for key, field, kind, _ in found(compared("personen", ours, theirs)) if kind != "ongeldig"}
    assert cells == {(f"{9999000 + n}".zfill(9), name) for n, name in faults}
