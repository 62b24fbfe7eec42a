"""How often each text of a column came, counted while a database delivers it in groups (see odbc_groups)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from kmgb.fetch.database_odbc import library

Seen = Callable[[str, pl.Series, pl.Series], None]


class Counts:
    """Counts of the texts of every column. `seen` hears of them, each time with texts that differ; null is one."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._arrow, self._numpy = library("pyarrow"), library("numpy")
        self._compute = library("pyarrow.compute")
        self._open: dict[str, tuple[Any, Any]] = {}

    def add(self, table: Any) -> None:
        """The cells of one more group."""
        for name in table.column_names:
            for chunk in table.column(name).chunks:
                if self._arrow.types.is_dictionary(chunk.type):
                    self._add_places(name, chunk)
                else:
                    texts, counts = self._compute.value_counts(chunk).flatten()
                    self._tell(name, texts, pl.Series(pl.from_arrow(counts)))

    def close(self) -> None:
        """Tell what was still being added up."""
        for name in list(self._open):
            self._flush(name)

    def _add_places(self, name: str, chunk: Any) -> None:
        """Places in the dictionary are counted, a tenth of the work of looking each up. As long as a dictionary only
        grows, its texts need not be looked at."""
        if chunk.null_count:
            self._tell(name, self._arrow.nulls(1, self._arrow.string()), pl.Series([chunk.null_count]))
        texts = chunk.dictionary
        counts = self._numpy.bincount(chunk.indices.drop_null(), minlength=len(texts))
        if name in self._open:
            known, before = self._open[name]
            if texts.slice(0, len(known)).equals(known):
                counts[: len(known)] += before
            else:
                self._flush(name)
        self._open[name] = texts, counts

    def _flush(self, name: str) -> None:
        texts, counts = self._open.pop(name)
        came = counts > 0  # a dictionary may hold what no row has
        self._tell(name, texts.filter(self._arrow.array(came)), pl.Series(counts[came]))

    def _tell(self, name: str, texts: Any, counts: pl.Series) -> None:
        self._seen(name, pl.Series(pl.from_arrow(texts)), counts)
