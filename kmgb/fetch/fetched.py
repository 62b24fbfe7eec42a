"""What a source gives: whole files in a folder of ours, the moment they speak of, and what remains to be done there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from kmgb.mapping.model import Formaat


def _nothing() -> None:
    """Nothing remains to be done at the source."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One whole file, under the name that the source gave it.

    `peildatum` (aware) is None when the source does not tell; then the mapping or the name does. `done` is called when
    the file has been landed: it moves or deletes what the source still has. `formaat` is set when the source decides
    the format itself (a database gives parquet); `remarks` are Dutch sentences for the manifest. `prepared`: the file
    is the Parquet of a landing already, of which these were all the columns at the source.
    """

    path: Path
    peildatum: datetime | None = None
    formaat: Formaat | None = None
    remarks: tuple[str, ...] = ()
    prepared: tuple[str, ...] = ()
    done: Callable[[], None] = field(default=_nothing)
