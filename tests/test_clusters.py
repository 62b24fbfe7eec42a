"""Clusters: what belongs together becomes one piece of work, and no finding is lost."""

from __future__ import annotations

import random

import polars as pl

from kmgb.compare.kinds import FINDING_COLUMNS
from kmgb.explain.clusters import CLUSTER_COLUMNS, EXAMPLES, PATTERN, clusters, members


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


def explained(
    rows: list[tuple[str, str, str, str | None, str | None, str | None]], *, cause: str, **said: str
) -> pl.DataFrame:
    """The same with a cause, and what else explaining says of all of them."""
    return findings(rows).with_columns(
        pl.lit(cause).alias("cause"),
        *(pl.lit(said.get(name), dtype=pl.String).alias(name) for name in ("former_until", "transform")),
    )


def test_causes_stay_apart() -> None:
    rows = [(f"{n}", "geslacht", "afwijkend", None, "M", "V") for n in range(3)]
    both = pl.concat([explained(rows, cause="handmatig"), explained(rows, cause="bron_in_onderzoek")])
    assert clusters(both).select("cause", "from", "to", "count").rows() == [
        ("bron_in_onderzoek", "M", "V", 3),
        ("handmatig", "M", "V", 3),
    ]


def test_one_way_of_writing_is_one_cluster_whatever_the_values() -> None:
    rows = [(f"{n}", "straatnaam", "afwijkend", None, f"Straat {n // 4}", "Str") for n in range(12)]
    (only,) = clusters(explained(rows, cause="formaat", transform="afgekapt op 3")).rows(named=True)
    assert (only["transform"], only["from"], only["street"], only["count"]) == ("afgekapt op 3", None, None, 12)


def test_codes_that_became_others_are_clusters_of_their_own() -> None:
    rows = [(f"{n}", "geslacht", "afwijkend", None, "MV"[n % 2], "O") for n in range(8)]
    outcome = clusters(explained(rows, cause="formaat", transform="code als andere code"))
    assert outcome.select("from", "to", "count").rows() == [("M", "O", 4), ("V", "O", 4)]


def test_missed_changes_cluster_by_their_day() -> None:
    rows = [(f"{n}", "naam", "afwijkend", None, f"N{n}", f"O{n}") for n in range(3)]
    many = explained(rows, cause="niet_ontvangen", former_until="2026-11-09")
    few = explained(rows[:2], cause="niet_ontvangen", former_until="2026-11-16")
    assert clusters(pl.concat([many, few])).select("date", "count").rows() == [("2026-11-09", 3), (None, 2)]


def test_addresses_cluster_by_street_without_number() -> None:
    houses = ["Dorpsstraat 1, 5211AA X", "Dorpsstraat 12a", "Dorpsstraat", "Plein 1940 4", "Kerkweg 3"]
    rows = [(f"{n}", "verblijfsadres", "afwijkend", None, house, f"{n}") for n, house in enumerate(houses)]
    outcome = clusters(explained(rows, cause="onbekend"))
    assert outcome.select("street", "count").rows() == [("Dorpsstraat", 3), (None, 2)]
    elsewhere = [(key, "geslachtsnaam_diacriet", *rest) for key, _, *rest in rows]
    assert clusters(findings(elsewhere))["street"].to_list() == [None]  # type: ignore[arg-type]


def test_a_pattern_finds_its_members_and_those_of_the_next_run() -> None:
    rows = [(f"{n}", "geslacht", "afwijkend", None, "M", "V") for n in range(3)]
    rows += [("8", "geslacht", "afwijkend", None, "V", "M"), ("9", "", "ontbreekt", None, None, None)]
    found = explained(rows, cause="handmatig")
    outcome = clusters(found)
    assert [list(pattern) for pattern in outcome["pattern"]] == [list(PATTERN)] * 3
    assert [members(found, pattern)["key"].to_list() for pattern in outcome["pattern"]] == [
        ["0", "1", "2"],
        ["9"],
        ["0", "1", "2", "8"],
    ]
    alone = found.filter(pl.col("key") == "1")
    assert members(alone, outcome["pattern"][0]).equals(alone)
    assert members(explained(rows, cause="onbekend"), outcome["pattern"][0]).is_empty()
