"""A driver's small batches, put together into groups in which repeated texts stand once.

Whoever counts and writes a group has far less to do then, and less goes from one process to another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from kmgb.fetch.database_pump import Pump

_GROUP = 8 * 2**20  # bytes
_LONGEST = 1.0  # seconds that a slow source may take to fill one: somebody looks at the progress
# Where more than this part of the texts of a column differ, standing once gains nothing.
_VARIED = 0.5


def grouped(batches: Iterator[Any]) -> Iterator[Any]:
    """Record batches of about 8 MiB, whatever the size of those that come in.

    A column of text is a dictionary array where its texts repeat: so in the first group, so in every group. The driver
    reads on in a thread of its own meanwhile: what is done here must not make it wait.
    """
    pump = Pump(lambda: _together(batches))
    try:
        yield from _repeats_once(pump.rest(threading.TIMEOUT_MAX))
    finally:
        pump.close()


def _repeats_once(batches: Iterator[Any]) -> Iterator[Any]:
    plain: frozenset[int] | None = None
    for batch in batches:
        columns = [
            column.dictionary_encode() if _is_text(column) and (plain is None or place not in plain) else column
            for place, column in enumerate(batch.columns)
        ]
        if plain is None:
            plain = frozenset(place for place, column in enumerate(columns) if _is_varied(column))
            columns = [batch.columns[place] if place in plain else column for place, column in enumerate(columns)]
        yield type(batch).from_arrays(columns, names=batch.schema.names)


def _together(batches: Iterator[Any]) -> Iterator[Any]:
    from pyarrow import concat_batches  # noqa: PLC0415  an extra; whoever has batches has it

    waiting: list[Any] = []
    held, since = 0, time.monotonic()
    for batch in batches:
        waiting.append(batch)
        held += batch.nbytes
        if held >= _GROUP or time.monotonic() - since > _LONGEST:
            yield concat_batches(waiting)
            waiting, held, since = [], 0, time.monotonic()
    if waiting:
        yield concat_batches(waiting)


def _is_text(column: Any) -> bool:
    return str(column.type) == "string"


def _is_varied(column: Any) -> bool:
    return not hasattr(column, "dictionary") or len(column.dictionary) > len(column) * _VARIED
