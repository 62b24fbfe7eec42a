"""At which hop of the chain register -> distribution -> application a value broke."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kmgb.compare.chain import HOP_COLUMNS, Hop, hops
from kmgb.compare.kinds import FINDING_COLUMNS

_NOTHING = pl.DataFrame(schema=FINDING_COLUMNS)


def _found(
    kind: str, ours: str | None = None, theirs: str | None = None, *, field: str = "voornamen", rule: str | None = None
) -> pl.DataFrame:
    row = {"key": "999900067", "key_field": "bsn", "field": field, "kind": kind, "rule": rule}
    return pl.DataFrame([row | {"distributie": ours, "afnemer_value": theirs}], schema=FINDING_COLUMNS)


@pytest.mark.parametrize(
    ("first", "second", "hop", "restored"),
    [
        (_found("afwijkend", "Jan", "Jam"), _NOTHING, "register_distributie", False),
        (_NOTHING, _found("afwijkend", "Jan", "Jam"), "distributie_applicatie", False),
        (_found("afwijkend", "Jan", "Jam"), _found("afwijkend", "Jam", "Jas"), "beide", False),
        (_found("afwijkend", "Jan", "Jam"), _found("afwijkend", "Jam", "Jan"), "register_distributie", True),
        (_found("leeg_in_bron", None, "Jam"), _found("leeg_in_applicatie", "Jam"), "register_distributie", True),
        (_found("leeg_in_applicatie", "Jan"), _found("leeg_in_bron", None, "Jam"), "beide", False),
        (_found("cosmetisch", "José", "Jose", rule="diakrieten"), _NOTHING, "geen", False),
        (_found("cosmetisch", "José", "Jose"), _found("afwijkend", "Jose", "Jo"), "distributie_applicatie", False),
        (_found("ongeldig", "1", "1", rule="ongeldig:width:4"), _NOTHING, "geen", False),
        (_NOTHING, _found("ongeldig", "Jan", None, rule="onleesbaar"), "onbekend", False),
        (_found("afwijkend", "Jan", "Jam"), _found("ongeldig", "Jam", rule="onleesbaar"), "register_distributie", False),
    ],
    ids=[
        "before", "after", "both", "application has the register's", "both empty at the ends", "all three unlike",
        "writing", "writing and then a value", "invalid as it was", "unread", "broken and then unread",
    ],
)  # fmt: skip
def test_a_cell_breaks_at_a_hop(first: pl.DataFrame, second: pl.DataFrame, hop: str, restored: bool) -> None:
    found = hops(first, second)
    assert found.select("hop", "als_register").rows() == [(hop, restored)]


@pytest.mark.parametrize(
    ("first", "second", "hop", "restored"),
    [
        (_found("ontbreekt", field=""), _NOTHING, "register_distributie", False),
        (_NOTHING, _found("ontbreekt", field=""), "distributie_applicatie", False),
        (_found("ontbreekt", field=""), _found("overtollig", field=""), "register_distributie", True),
        (_found("overtollig", field=""), _found("ontbreekt", field=""), "register_distributie", True),
        (_found("overtollig", field=""), _found("dubbel", field=""), "beide", False),
    ],
    ids=["absent before", "absent after", "only absent between", "only present between", "double"],
)
def test_a_row_breaks_at_a_hop(first: pl.DataFrame, second: pl.DataFrame, hop: str, restored: bool) -> None:
    assert hops(first, second).select("hop", "als_register").rows() == [(hop, restored)]


def test_the_three_values_stand_side_by_side() -> None:
    found = hops(_found("afwijkend", "Jan", "Jam"), _found("afwijkend", "Jam", "Jas"))
    row = ("999900067", "bsn", "voornamen", "beide", "Jan", "Jam", "Jas", "afwijkend", "afwijkend", False)
    assert_frame_equal(found, pl.DataFrame([row], schema=HOP_COLUMNS, orient="row"))


def test_two_findings_of_one_row_are_one_line_and_other_cells_stay_apart() -> None:
    doubles = pl.concat([_found("dubbel", "2", field=""), _found("dubbel", None, "3", field="")])
    found = hops(doubles, _found("afwijkend", "Jan", "Jam"))
    assert found.select("field", "hop", "register_kinds", "applicatie_kinds").rows() == [
        ("", "register_distributie", "dubbel", None),
        ("voornamen", "distributie_applicatie", None, "afwijkend"),
    ]


def test_nothing_found_is_no_hop() -> None:
    assert_frame_equal(hops(_NOTHING, _NOTHING), pl.DataFrame(schema=HOP_COLUMNS))


def test_every_hop_is_explained() -> None:
    assert [hop for hop in Hop if f"| {hop} |" not in (Hop.__doc__ or "")] == []
