"""The log of what changed in the distribution: one Parquet per step between two aanleveringen.

A step is written under a temporary name, fsynced and renamed: it is there whole or not at all, and is never rewritten.
Where steps do not join, the log knows nothing of the time between them: coverage tells that as a gap.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from itertools import pairwise
from operator import or_
from pathlib import Path
from typing import Final
from uuid import uuid4

import polars as pl
from polars.exceptions import PolarsError

from kmgb.disk import sync
from kmgb.errors import StoreError

MUTATION_COLUMNS: Final = {
    "key": pl.String(),
    "key_field": pl.String(),
    "field": pl.String(),
    "change": pl.String(),
    "old": pl.String(),
    "new": pl.String(),
    "after": pl.Datetime("us", "UTC"),
    "until": pl.Datetime("us", "UTC"),
}
ROW_GROUP: Final = 4096
_FEW_KEYS = 16  # a lookup of so many keys or fewer reads only the row groups in which one of them can stand
_BUSY = ".bezig-"
_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True, slots=True)
class Step:
    """One kept step: what changed after `after`, and was so at `until`."""

    after: datetime
    until: datetime
    path: Path
    scope: str = ""  # which fields were looked at, by which key


@dataclass(frozen=True, slots=True)
class Coverage:
    """From when until when the log runs, and the times in between of which it knows nothing; None without steps.

    A gap without length: from that moment on other fields, or another key, are kept than before.
    """

    since: datetime | None
    until: datetime | None
    gaps: tuple[tuple[datetime, datetime], ...]

    def known_since(self, peildatum: datetime) -> datetime | None:
        """From when everything is known up to `peildatum` without a gap; None when the log does not reach it."""
        if self.since is None or self.until is None or not self.since <= peildatum <= self.until:
            return None
        if any(start < peildatum < end for start, end in self.gaps):
            return None
        return max([self.since, *(end for _, end in self.gaps if end <= peildatum)])


@dataclass(frozen=True, slots=True)
class MutationLog:
    """The steps in `folder`, as `<source>/<entity>/<until>.parquet`."""

    folder: Path

    def append(
        self, source: str, entity: str, after: datetime, until: datetime, frame: pl.DataFrame, *, scope: str = ""
    ) -> None:
        """Keep one step. A step that is already there stays as it is.

        Columns: MUTATION_COLUMNS in any order, every row of this step. `scope` says which fields were looked at, by
            which key: what is known does not reach back past a step with another one.
        Raises: StoreError when it cannot be written.
        """
        if after >= until:
            raise ValueError("a step runs forward in time")
        if self.has(source, entity, until):
            return
        home = self._home(source, entity)
        facts = {"after": after.astimezone(UTC).isoformat(), "until": until.astimezone(UTC).isoformat()}
        facts["scope"] = scope
        rows = frame.select(pl.col(name).cast(dtype) for name, dtype in MUTATION_COLUMNS.items())
        try:
            home.mkdir(parents=True, exist_ok=True)
            _publish(rows.sort("key", "field"), home / _file_name(until), facts)
        except (OSError, PolarsError) as error:
            raise StoreError(
                f"{home}: het mutatielog is niet te schrijven. Controleer de ruimte en rechten."
            ) from error

    def lookup(self, source: str, entity: str, keys: pl.Series, fields: Collection[str] | None = None) -> pl.DataFrame:
        """What is kept about these keys, and of these fields only ("" is the row); sorted by key, field and until.

        Columns: MUTATION_COLUMNS. Raises: StoreError when the log cannot be read.
        """
        wanted = keys.drop_nulls().unique().sort()
        paths = [step.path for step in self.steps(source, entity)]
        if wanted.is_empty() or not paths:
            return pl.DataFrame(schema=MUTATION_COLUMNS)
        found = pl.scan_parquet(paths, glob=False, hive_partitioning=False).filter(_among(wanted))
        if fields is not None:
            found = found.filter(pl.col("field").is_in(list(fields)))
        try:
            return found.collect().sort("key", "field", "until")
        except (OSError, PolarsError) as error:
            what = f"{self._home(source, entity)}: het mutatielog is niet te lezen."
            raise StoreError(f"{what} Zet een reservekopie terug of verwijder het beschadigde bestand.") from error

    def coverage(self, source: str, entity: str) -> Coverage:
        """What the log knows of this entity, with every gap between its steps, oldest first."""
        steps = self.steps(source, entity)
        if not steps:
            return Coverage(None, None, ())
        gaps = tuple(
            (one.until, two.after) for one, two in pairwise(steps) if (one.until, one.scope) != (two.after, two.scope)
        )
        return Coverage(steps[0].after, steps[-1].until, gaps)

    def has(self, source: str, entity: str, until: datetime) -> bool:
        """True when the step that ends at `until` is kept, and can be read."""
        return _opened(self._home(source, entity) / _file_name(until)) is not None

    def steps(self, source: str, entity: str) -> tuple[Step, ...]:
        """The kept steps, oldest first. A file that is no readable step is none: it shows as a gap."""
        found = (_opened(path) for path in self._home(source, entity).glob("[!.]*.parquet"))
        return tuple(sorted((step for step in found if step is not None), key=lambda step: step.until))

    def withdraw(self, source: str, entity: str, until: datetime) -> bool:
        """Take out the step that ends at `until`, because its end turned out to be disputed; True when it was there."""
        path = self._home(source, entity) / _file_name(until)
        if not path.exists():
            return False
        _remove(path)
        return True

    def prune(self, before: datetime, source: str | None = None, entity: str | None = None) -> int:
        """Remove the steps that ended before `before`, of this source and entity or of all; the number removed."""
        homes = sorted({path.parent for path in self.folder.glob(f"{source or '*'}/{entity or '*'}/*.parquet")})
        old = [step for home in homes for step in self.steps(home.parent.name, home.name) if step.until < before]
        for step in old:
            _remove(step.path)
        return len(old)

    def clean(self) -> int:
        """Take away what crashed runs left halfway; the number of leftovers. Only while nothing is being written."""
        leftovers = list(self.folder.glob(f"*/*/{_BUSY}*"))
        for leftover in leftovers:
            leftover.unlink()
        return len(leftovers)

    def _home(self, source: str, entity: str) -> Path:
        for name in (source, entity):
            if not _NAME.fullmatch(name):
                raise StoreError(f"{name!r} kan geen map van het mutatielog zijn: gebruik letters, cijfers, - en _.")
        return self.folder / source / entity


def _among(wanted: pl.Series) -> pl.Expr:
    """The key is one of these sorted ones. Said also as spans: of `is_in` polars 2.1 asks no statistics of a file.

    For many keys one span does: they stand everywhere, and every span is another look at every row.
    """
    key, few = pl.col("key"), wanted.len() <= _FEW_KEYS
    spans = [(one, one) for one in wanted] if few else [(wanted[0], wanted[-1])]
    near = [(key >= pl.lit(first)) & (key <= pl.lit(last)) for first, last in spans]
    return reduce(or_, near) & key.is_in(wanted.implode())


def _opened(path: Path) -> Step | None:
    """The step in this file, by its footer; None when there is none."""
    try:
        facts = pl.read_parquet_metadata(path)
        after, until = (datetime.fromisoformat(facts[name]) for name in ("after", "until"))
        return Step(after, until, path, facts["scope"])
    except (OSError, PolarsError, KeyError, ValueError):
        return None


def _file_name(until: datetime) -> str:
    return f"{until.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z.parquet"


def _publish(rows: pl.DataFrame, target: Path, facts: dict[str, str]) -> None:
    busy = target.with_name(f"{_BUSY}{uuid4().hex}")
    try:
        with busy.open("xb") as stream:
            rows.write_parquet(stream, row_group_size=ROW_GROUP, statistics=True, metadata=facts)
            stream.flush()
            os.fsync(stream.fileno())
        busy.replace(target)
    finally:
        busy.unlink(missing_ok=True)
    sync(target.parent)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync(path.parent)
