"""Groups of a driver's batches hold what came in, in its order, whatever stands once in them."""

from __future__ import annotations

from collections import Counter, defaultdict

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmgb.fetch import odbc_groups
from kmgb.fetch.database_counts import Counts
from kmgb.fetch.odbc_groups import grouped

texts = st.lists(st.none() | st.sampled_from(["", " ", "é", "Jansen"]) | st.text(max_size=5), max_size=40)


@given(batches=st.lists(texts, max_size=6), size=st.integers(1, 400))
def test_groups_hold_what_came_in(batches: list[list[str | None]], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(odbc_groups, "_GROUP", size)
        found = list(grouped(iter([_batch(cells) for cells in batches])))
    assert [row for group in found for row in group.to_pylist()] == [
        row for cells in batches for row in _batch(cells).to_pylist()
    ]
    assert len({str(group.schema) for group in found}) <= 1  # one file can hold them all
    assert all(group.nbytes for group in found)


@given(batches=st.lists(texts, max_size=8), size=st.integers(1, 400), large=st.sampled_from([0.0, 0.25, 9.0]))
def test_every_text_is_counted_as_often_as_it_came(batches: list[list[str | None]], size: int, large: float) -> None:
    """Whether a dictionary goes on from group to group or begins anew."""
    found: dict[str, Counter[str | None]] = defaultdict(Counter)

    def seen(name: str, values: pl.Series, counts: pl.Series) -> None:
        told = dict(zip(values.to_list(), counts.to_list(), strict=True))
        assert len(told) == values.len() and all(count > 0 for count in told.values())
        found[name].update(told)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(odbc_groups, "_GROUP", size)
        patch.setattr(odbc_groups, "_LARGE", large)
        counts = Counts(seen)
        for group in grouped(iter([_batch(cells) for cells in batches])):
            counts.add(pa.Table.from_batches([group]).select(["a", "b"]))
        counts.close()
    cells = [cell for part in batches for cell in part]
    assert found == ({"a": Counter(cells), "b": Counter({"x": len(cells)})} if cells else {})


def test_a_dictionary_goes_on_from_group_to_group() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(odbc_groups, "_GROUP", 1)
        first, second = grouped(iter([_batch(["a", "b"] * 9), _batch(["c", "b"] * 9)]))
    assert first.column("a").dictionary.to_pylist() == ["a", "b"]
    assert second.column("a").dictionary.to_pylist() == ["a", "b", "c"]
    assert second.column("a").to_pylist() == ["c", "b"] * 9


def test_what_repeats_stands_once_and_what_does_not_stays_as_it_is() -> None:
    many = _batch([str(number) for number in range(1000)])
    (group,) = grouped(iter([many]))
    assert [str(kind) for kind in group.schema.types] == [
        "string", "dictionary<values=string, indices=int32, ordered=0>", "double",
    ]  # fmt: skip


def test_what_the_driver_raises_comes_at_its_place() -> None:
    def source():  # type: ignore[no-untyped-def]
        yield _batch(["a"] * 10)
        raise ValueError("weg")

    with pytest.raises(ValueError, match="weg"):
        list(grouped(source()))


def _batch(cells: list[str | None]) -> pa.RecordBatch:
    columns = [pa.array(cells, pa.string()), pa.array(["x"] * len(cells)), pa.array([0.5] * len(cells))]
    return pa.RecordBatch.from_arrays(columns, names=["a", "b", "c"])
