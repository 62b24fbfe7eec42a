"""LO3 person lists: a block of rows becomes one person, with what is current."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kmgb.mapping.model import Aanlevering
from kmgb.sources.delivered import Delivered, Limits, RefusedError
from kmgb.sources.read import read

Reads = Callable[..., Delivered]
HEADER = "01.01.10,01.01.20,01.H,05.01.20,05.06.10,05.07.10,05.H,08.11.10,08.H"
NEEDED = ["01.01.20", "05.01.20", "05.aantal", "08.11.10"]


@pytest.fixture
def reads(tmp_path: Path) -> Reads:
    def _reads(text: str, needed: list[str], separator: str = ",") -> Delivered:
        path = tmp_path / "personen.csv"
        path.write_text(text, encoding="utf-8")
        reader = Aanlevering.model_validate({"formaat": "lo3", "scheidingsteken": separator})
        return read(path, reader, needed, Limits(), tmp_path / "werk")

    return _reads


def test_a_new_bsn_starts_a_person_and_history_is_not_current(reads: Reads) -> None:
    rows = ["1,000000012,51,,,,,Nieuwstraat,58", "1,000000012,,,,,,Oudstraat,", "2,000000024,,,,,,,"]
    got = reads("\n".join([HEADER, *rows]), NEEDED).frame.collect()
    assert got.rows() == [
        (1, "000000012", None, "Nieuwstraat", "0", None),
        (2, "000000024", None, None, "0", None),
    ]


def test_a_marker_in_the_first_column_starts_a_person(reads: Reads) -> None:
    rows = ["p1;1;000000012;;;;;;A;", "p2;2;;;;;;;B;58", ";2;000000024;;;;;;C;"]
    got = reads("\n".join([";" + HEADER.replace(",", ";"), *rows]), ["01.01.20", "08.11.10"], separator=";")
    assert got.frame.collect().rows() == [(1, "000000012", "A", None), (2, "", "B", None)]
    assert got.remarks[0] == "Voorkomens die geen .H-rubriek aankondigt: 1; gelezen als historie."


@pytest.mark.parametrize(
    ("partners", "shown", "count"),
    [
        (["b,20000101,,05", "c,,20100101,"], "b", "2"),
        (["b,,20100101,05", "c,20110101,,"], "c", "2"),
        (["b,,20100101,05", "c,,20150101,"], "c", "2"),
        (["b,20000101,,55", "c,19900101,,05", "d,20050101,,"], "d", "2"),
        (["b,,,05", "c,,20010101,"], "c", "2"),
    ],
    ids=["stands first", "stands second", "latest ended", "history between", "no date last"],
)
def test_the_partner_that_stands_is_shown(reads: Reads, partners: list[str], shown: str, count: str) -> None:
    rows = [f"{'1,000000012' if n == 0 else ','},,{partner},," for n, partner in enumerate(partners)]
    got = reads("\n".join([HEADER, *rows]), ["05.01.20", "05.aantal"]).frame.collect()
    assert got.rows() == [(1, shown, count, None)]


def test_a_torn_row_marks_its_person(reads: Reads) -> None:
    got = reads(f"{HEADER}\n1,000000012,,,,,,A,\n2,000000024\n", ["01.01.20"]).frame.collect()
    assert got.rows() == [(1, "000000012", None), (2, "000000024", "rij heeft 2 velden, verwacht 9")]


def test_an_open_quote_is_refused(reads: Reads) -> None:
    with pytest.raises(RefusedError, match="een aanhalingsteken bij regel 3 wordt niet goed afgesloten"):
        reads(f'{HEADER}\n1,000000012,,,,,,"A,\n2,000000024,,,,,,B,\n', ["01.01.20"])


def test_what_is_no_lo3_is_refused(reads: Reads) -> None:
    for text, reason in [
        ("bsn,naam\n1,2\n", "kop"),
        (f"{HEADER}\n", "alleen_kop"),
        (f"{HEADER}\n1,2,,,,,,,\n", "kolom_ontbreekt"),
    ]:
        with pytest.raises(RefusedError) as caught:
            reads(text, ["07.70.10"] if reason == "kolom_ontbreekt" else ["01.01.20"])
        assert caught.value.reason == reason
