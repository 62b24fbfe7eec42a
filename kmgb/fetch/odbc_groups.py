"""A driver's small batches, put together into groups in which repeated texts stand once.

Whoever counts and writes a group has far less to do then, and less goes from one process to another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from kmgb.fetch.database_pump import Pump

_GROUP = 16 * 2**20  # bytes
_LONGEST = 1.0  # seconds that a slow source may take to fill one: somebody looks at the progress
# Where more than this part of the texts of a column differ, standing once gains nothing.
_VARIED = 0.5
# A dictionary of more than this part of the rows of a group is not carried on to the next.
_LARGE = 0.25


def grouped(batches: Iterator[Any]) -> Iterator[Any]:
    """Record batches of about 16 MiB, whatever the size of those that come in.

    A column of text is a dictionary array where its texts repeat: so in the first group, so in every group. Its
    dictionary begins with that of the group before, or begins anew. The driver reads on in a thread of its own
    meanwhile: what is done here must not make it wait.
    """
    pump = Pump(lambda: _together(batches))
    columns: list[_Column] = []
    try:
        for group in pump.rest(threading.TIMEOUT_MAX):
            columns = columns or [_Column() for _ in group[0].schema]
            parts = zip(*(batch.columns for batch in group), strict=True)
            made = [column.joined(part) for column, part in zip(columns, parts, strict=True)]
            yield type(group[0]).from_arrays(made, names=group[0].schema.names)
    finally:
        pump.close()


def _together(batches: Iterator[Any]) -> Iterator[list[Any]]:
    waiting: list[Any] = []
    held, since = 0, time.monotonic()
    for batch in batches:
        if batch.num_rows:
            waiting.append(batch)
        held += batch.nbytes
        if waiting and (held >= _GROUP or time.monotonic() - since > _LONGEST):
            yield waiting
            waiting, held, since = [], 0, time.monotonic()
    if waiting:
        yield waiting


class _Column:
    """One column, group after group."""

    def __init__(self) -> None:
        import pyarrow  # noqa: PLC0415  an extra; whoever has batches has it

        self._arrow = pyarrow
        self._plain: bool | None = None
        self._known: Any = None

    def joined(self, parts: Sequence[Any]) -> Any:
        """The cells of these batches in one array."""
        if self._plain is None and str(parts[0].type) != "string":
            self._plain = True
        if self._plain:
            return self._arrow.concat_arrays(parts)
        found = self._once(parts)
        if self._plain is None:
            self._plain = len(found.dictionary) > len(found) * _VARIED
            if self._plain:
                return self._arrow.concat_arrays(parts)
        self._known = found.dictionary if len(found.dictionary) <= len(found) * _LARGE else None
        return found

    def _once(self, parts: Sequence[Any]) -> Any:
        """One dictionary over all parts, which are not copied for it."""
        known = self._known if self._known is not None else parts[0].slice(0, 0)
        encoded = self._arrow.chunked_array([known, *parts]).dictionary_encode().chunks
        indices = self._arrow.concat_arrays([chunk.indices for chunk in encoded]).slice(len(known))
        return self._arrow.DictionaryArray.from_arrays(indices, encoded[-1].dictionary, safe=False)
