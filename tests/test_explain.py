"""Clusters: what belongs together becomes one piece of work, and no finding is lost."""

from __future__ import annotations

import random

import polars as pl

from kmgb.compare.kinds import FINDING_COLUMNS
from kmgb.explain import CLUSTER_COLUMNS, EXAMPLES, clusters


def findings(rows: list[tuple[str, str, str, str | None, str | None, str | None]]) -> pl.DataFrame:
    """Rows of key, field, kind, rule, distributie, afnemer_value."""
    names = ("key", "field", "kind", "rule", "distributie", "afnemer_value")
    filled = [
        dict.fromkeys(FINDING_COLUMNS) | dict(zip(names, row, strict=True)) | {"severity": "normaal"} for row in rows
    ]
    return pl.DataFrame(filled, schema=FINDING_COLUMNS)


def test_three_equal_pairs_are_a_pattern() -> None:
    rows = [(f"{n}", "geslacht", "afwijkend", None, "M", "V") for n in range(3)]
    rows += [("8", "geslacht", "afwijkend", None, "V", "M"), ("9", "geslacht", "afwijkend", None, "O", "M")]
    outcome = clusters(findings(rows))
    assert outcome.columns == list(CLUSTER_COLUMNS)
    assert outcome.select("field", "from", "to", "count").rows() == [
        ("geslacht", "M", "V", 3),
        ("geslacht", None, None, 2),
    ]
    assert outcome["keys"].to_list() == [["0", "1", "2"], ["8", "9"]]


def test_empty_is_part_of_a_pattern() -> None:
    rows = [(f"{n}", "geslacht", "leeg_in_applicatie", None, "M", None) for n in range(5)]
    outcome = clusters(findings(rows)).row(0, named=True)
    assert (outcome["from"], outcome["to"], outcome["count"]) == ("M", "", 5)
    assert len(outcome["keys"]) == EXAMPLES


def test_rows_and_unreadable_cells_have_no_pattern() -> None:
    rows = [(f"{n}", "", "ontbreekt", None, "1", None) for n in range(4)]
    rows += [(f"{n}", "geboortedatum", "ongeldig", "onleesbaar", None, None) for n in range(3)]
    assert clusters(findings(rows)).select("kind", "from", "to", "count").rows() == [
        ("ontbreekt", None, None, 4),
        ("ongeldig", None, None, 3),
    ]


def test_rules_stay_apart_and_nothing_is_lost() -> None:
    chance = random.Random(3)
    rows = [
        (f"{n}", chance.choice("ab"), chance.choice(["afwijkend", "cosmetisch"]), chance.choice([None, "hoofdletters"]),
         chance.choice("xyz"), chance.choice("xyz"))
        for n in range(200)
    ]  # fmt: skip
    outcome = clusters(findings(rows))
    assert outcome["count"].sum() == 200
    assert outcome["count"].to_list() == sorted(outcome["count"].to_list(), reverse=True)
    assert outcome.equals(clusters(findings(rows)))
    assert not outcome.select("field", "kind", "rule", "severity", "from", "to").is_duplicated().any()


def test_no_findings_no_clusters() -> None:
    assert clusters(findings([])).is_empty()
