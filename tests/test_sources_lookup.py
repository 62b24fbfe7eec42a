"""Lookups: columns of a second file beside every row, never a row more or less."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.catalogue.fields import load_catalogue
from kmgb.errors import MappingError
from kmgb.mapping.load import parse_mapping
from kmgb.mapping.model import EntiteitMapping, Opzoeken
from kmgb.sources.lookup import join_lookups, lookup_columns, own_columns


def delivered(**columns: list[str | None]) -> pl.LazyFrame:
    count = len(next(iter(columns.values())))
    faults = columns.pop("fout", [None] * count)
    texts = {name: pl.Series(values, dtype=pl.String) for name, values in columns.items()}
    rows = pl.Series(range(1, count + 1), dtype=pl.UInt32)
    return pl.LazyFrame({ROW: rows, **texts, FAULT: pl.Series(faults, dtype=pl.String)})


def lookup(**settings: object) -> Opzoeken:
    return Opzoeken.model_validate({"bestand": "x", "met": "ref/opr", "op": "id", "kolommen": "naam.lang", **settings})


OURS = {"ref/opr": ["2", "1", None, "9", "", "1"]}
THEIRS = {"id": ["1", "2", "1", ""], "naam.lang": ["oud", "twee", "nieuw", "leeg"], "v": ["9", "1", "10", "1"]}


def names(frame: pl.LazyFrame) -> list[str | None]:
    return frame.collect()["opr.naam.lang"].to_list()


def test_rows_stay_and_columns_are_named_by_the_lookup() -> None:
    got = join_lookups(delivered(**OURS), [("opr", lookup(), delivered(**THEIRS))])
    expected = pl.Series("opr.naam.lang", ["twee", "oud", None, None, None, "oud"])
    assert_frame_equal(
        got.collect(), delivered(**OURS).collect().with_columns(expected).select(ROW, "ref/opr", "opr.naam.lang", FAULT)
    )


def test_the_newest_counts_as_a_number_or_a_date() -> None:
    newest = lookup(nieuwste_op="v")
    assert names(join_lookups(delivered(**OURS), [("opr", newest, delivered(**THEIRS))]))[1] == "nieuw"
    dates = THEIRS | {"v": ["2010-05-01", "x", "2010-04-30", ""]}
    assert names(join_lookups(delivered(**OURS), [("opr", newest, delivered(**dates))]))[1] == "oud"


def test_only_rows_that_qualify_answer() -> None:
    picked = lookup(alleen_als={"v": "10"})
    assert names(join_lookups(delivered(**OURS), [("opr", picked, delivered(**THEIRS))])) == [
        None,
        "nieuw",
        None,
        None,
        None,
        "nieuw",
    ]
    torn = THEIRS | {"fout": ["x", "x", None, None]}
    assert names(join_lookups(delivered(**OURS), [("opr", lookup(), delivered(**torn))]))[:2] == [None, "nieuw"]


def test_a_lookup_may_start_from_an_earlier_one() -> None:
    first, second = lookup(kolommen=["wpl"]), lookup(met="opr.wpl", kolommen=["naam.lang"])
    streets, towns = delivered(id=["1", "2"], wpl=["b", "a"]), delivered(id=["a", "b"], **{"naam.lang": ["A", "B"]})
    got = join_lookups(delivered(**OURS), [("opr", first, streets), ("wpl", second, towns)]).collect()
    assert got["wpl.naam.lang"].to_list() == ["A", "B", None, None, None, "B"]
    assert got.columns == [ROW, "ref/opr", "opr.wpl", "wpl.naam.lang", FAULT]


def test_needed_columns_are_told_apart() -> None:
    settings = {
        "bestand": "x",
        "met": "ref",
        "op": "id",
        "kolommen": ["naam"],
        "nieuwste_op": "v",
        "alleen_als": {"s": "1"},
    }
    velden = {"bag_id": {"kolom": "id"}, "straat": {"kolom": "opr.naam"}}
    entity = EntiteitMapping.model_validate({"sleutel": "bag_id", "velden": velden, "opzoeken": {"opr": settings}})
    assert own_columns(entity) == ["id", "ref"]
    assert lookup_columns(entity.opzoeken["opr"]) == ["id", "naam", "s", "v"]


MAPPING = """
[afnemer]
naam = "x"
titel = "X"
[entiteit.nummeraanduiding]
sleutel = "identificatiecode"
velden = { identificatiecode = "id", straatnaam = "opr.nam" }
[entiteit.nummeraanduiding.opzoeken]
opr = { bestand = "o", met = "ref", op = "id", kolommen = "naam", aanlevering = { formaat = "xml", codring = "x" } }
wpl = { bestand = "w", met = "opr.wpl", op = "id", kolommen = "naam" }
"""


def test_faults_in_lookups_are_named_with_the_rest() -> None:
    with pytest.raises(MappingError) as caught:
        parse_mapping(MAPPING.encode(), Path("x.toml"), load_catalogue())
    where = [problem.where.removeprefix("entiteit.nummeraanduiding.") for problem in caught.value.problems]
    assert {"opzoeken.opr.aanlevering.codring", "opzoeken.wpl.met", "velden.straatnaam"} <= set(where)
