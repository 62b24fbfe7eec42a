"""A table or query of a database -> one whole Parquet file as a landing keeps it, in bounded memory.

The file appears under its name only when everything was read; whatever happens before, nothing is left.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any

from kmgb.errors import SourceError
from kmgb.fetch.database_counts import Seen
from kmgb.fetch.database_errors import DatabaseError
from kmgb.fetch.database_odbc import Opened, TooWideError
from kmgb.fetch.database_reading import Progress, Read, Reading, Wanted, read_into
from kmgb.fetch.database_systems import Column
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.secrets import secret
from kmgb.mapping.bronnen.database import DatabaseBron
from kmgb.sources.delivered import Limits
from kmgb.sources.dumps import in_future

__all__ = ["DatabaseError", "DatabaseFacts", "Progress", "fetch_database", "test_database"]

_BUSY = ".bezig-"
_SHAPE = 40
_STANDARD = Limits()


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What `kmgb sources test` shows. `rows` are masked: letters became a or A, digits 9; null is None."""

    place: str
    version: str
    moment: datetime | None
    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]


def _silent(rows: int, size: int) -> None:
    """Nobody looks at the progress."""


def fetch_database(
    bron: DatabaseBron,
    name: str,
    into: Path,
    *,
    columns: Sequence[str] | None = None,
    limits: Limits = _STANDARD,
    secrets: Path | None = None,
    progress: Progress = _silent,
    seen: Seen | None = None,
) -> Fetched:
    """The table or query as `into/<name>.parquet`: these columns (default all), then `__rij` and `__fout`.

    `progress` hears rows and bytes after every batch, `seen` what `Wanted.seen` says.
    Raises: SourceError; then `into` holds nothing new.
    """
    password = _password(bron, secrets)
    target, busy = into / f"{name}.parquet", None
    wanted = Wanted(None if columns is None else tuple(columns), limits, seen)
    try:
        into.mkdir(parents=True, exist_ok=True)
        _sweep(into, name, bron.tijdslimiet)
        busy = _own_file(into, name)
        read = read_into(bron, password, busy, wanted, progress)
        moment = _moment(bron, read)
        busy.replace(target)
    except OSError as error:
        raise _disk(bron, error) from None
    finally:
        if busy is not None:
            busy.unlink(missing_ok=True)
    return Fetched(target, moment, "parquet", read.remarks, prepared=tuple(read.opened.names))


def test_database(bron: DatabaseBron, *, secrets: Path | None = None, rows: int = 5) -> DatabaseFacts:
    """Connect and look: server, version, columns and a few masked rows. Changes nothing. Raises: SourceError."""
    password = _password(bron, secrets)
    try:
        opened, batches = _look(bron, password, rows, wide=False)
    except TooWideError:
        opened, batches = _look(bron, password, rows, wide=True)
    found = [tuple(_masked(value) for value in row.values()) for batch in batches for row in batch.to_pylist()]
    return DatabaseFacts(bron.place, opened.version, opened.moment, opened.columns, tuple(found[:rows]))


test_database.__test__ = False  # type: ignore[attr-defined]  # a name that pytest would take for a test


def _look(bron: DatabaseBron, password: str, rows: int, *, wide: bool) -> tuple[Opened, list[Any]]:
    with Reading(bron, password, rows=rows, wide=wide) as reading:
        return reading.opened, list(islice(reading.tables(), 1))


def _password(bron: DatabaseBron, secrets: Path | None) -> str:
    return secret(bron.wachtwoord, secrets).get_secret_value() if bron.wachtwoord else ""


def _moment(bron: DatabaseBron, read: Read) -> datetime:
    """The peildatum: what the query gives, else the server's time, else ours (only where the system is unknown)."""
    if not bron.peildatum_kolom:
        return read.opened.moment or datetime.now(UTC)
    names = read.opened.names
    if bron.peildatum_kolom not in names:
        what = f"kolom {bron.peildatum_kolom} ('peildatum_kolom') staat niet in de uitkomst."
        raise DatabaseError(bron, "peildatum", what, f"De query geeft: {', '.join(names)}.")
    moment = as_moment(read.newest or "", bron.zone)
    if moment is None:
        what = f"kolom {bron.peildatum_kolom} ('peildatum_kolom') is leeg of geen datum."
        raise DatabaseError(bron, "peildatum", what, "Geef een datum of moment, zoals jjjj-mm-dd.")
    if in_future(moment, datetime.now(UTC)):
        what = f"de hoogste waarde van kolom {bron.peildatum_kolom} ('peildatum_kolom') ligt in de toekomst."
        raise DatabaseError(bron, "peildatum", what, "Kies een kolom die zegt van wanneer de gegevens zijn.")
    return moment


def as_moment(text: str, zone: tzinfo) -> datetime | None:
    """A date or moment as a database writes it, in `zone` when it names none; None when it is neither."""
    text = re.sub(r"(\.\d{6})\d+", r"\1", text.strip()).replace(" +", "+").replace(" -", "-")
    text = re.sub(r"([+-]\d\d)$", r"\1:00", text) if len(text) > 10 else text
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    return None


def _masked(value: str | None) -> str | None:
    """The shape of a value and nothing else of it."""
    if value is None:
        return None
    signs = ("9" if sign.isdigit() else "A" if sign.isupper() else "a" if sign.isalpha() else sign for sign in value)
    shape = "".join(signs)
    return shape if len(shape) <= _SHAPE else shape[:_SHAPE] + "…"


def _disk(bron: DatabaseBron, error: OSError) -> SourceError:
    what = f"wegschrijven is mislukt ({error.strerror or 'schijffout'})."
    return DatabaseError(bron, "vol", what, "Maak ruimte voor aanleveringen en haal opnieuw op.", transient=True)


def _own_file(into: Path, name: str) -> Path:
    handle, path = tempfile.mkstemp(prefix=f"{_BUSY}{name}-", suffix=".parquet", dir=into)
    os.close(handle)
    return Path(path)


def _sweep(into: Path, name: str, limit: int) -> None:
    """What a killed kmgb left: no fetch lives longer than its limit."""
    for left in into.glob(f"{_BUSY}{name}-*.parquet"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > limit:
                left.unlink()
