"""The audit log of decisions on deliveries: one line per act, each with the sha256 of the line before it.

What is altered, taken out or put in between breaks the chain. Cutting off the end does not show in the file itself:
keep the last fingerprint elsewhere to prove that as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kmgb.arrival.lines import append_line, whole_lines

AUDIT_FILE = "audit.jsonl"
FIRST = "0" * 64


def record(path: Path, act: str, subject: str, *, who: str, why: str, now: datetime) -> None:
    """Add one act: what was done, to what, by whom, why and when (UTC). Raises: LandingError."""

    def line(last: bytes) -> str:
        facts = {"moment": now.astimezone(UTC).isoformat(), "wie": who, "wat": act, "over": subject, "waarom": why}
        return json.dumps(facts | {"vorige": fingerprint_of(last)}, ensure_ascii=False)

    append_line(path, line)


def broken_line(path: Path) -> int | None:
    """The number (from 1) of the first line that does not follow from the one before it; None when all do."""
    return first_break(whole_lines(path))


def first_break(lines: Sequence[bytes], after: str = FIRST) -> int | None:
    """The number (from 1) of the first of these lines that does not follow; `after` is the sha256 before the first."""
    for number, line in enumerate(lines, 1):
        if facts_in(line).get("vorige") != after:
            return number
        after = fingerprint_of(line)
    return None


def facts_in(line: bytes) -> dict[str, Any]:
    """What a line says; nothing when it cannot be read."""
    try:
        facts = json.loads(line)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


@dataclass(frozen=True, slots=True)
class Cut:
    """The lines of a period, all in a row: the chain is cut before them and after them and nowhere else.

    `first` is the number of the first one, `after` the sha256 of the line before it, and `last` that of the last line
    up to the end of the period.
    """

    lines: tuple[bytes, ...]
    first: int
    after: str

    @property
    def last(self) -> str:
        """The sha256 to which the lines of the next period are tied."""
        return fingerprint_of(self.lines[-1]) if self.lines else self.after


def cut(path: Path, begin: datetime, end: datetime) -> Cut:
    """The lines from the first one at or after `begin` to the last one before `end`; also what stands between them."""
    lines = whole_lines(path)
    moments = [_moment(line) for line in lines]
    start = next((place for place, moment in enumerate(moments) if moment is not None and moment >= begin), len(lines))
    before = [place for place, moment in enumerate(moments) if moment is not None and moment < end]
    stop = max([start, *(place + 1 for place in before)])
    return Cut(tuple(lines[start:stop]), start + 1, fingerprint_of(lines[start - 1] if start else b""))


def fingerprint_of(line: bytes) -> str:
    """The sha256 of a line; 64 zeros for the absence of one."""
    return hashlib.sha256(line).hexdigest() if line else FIRST


def _moment(line: bytes) -> datetime | None:
    try:
        moment = datetime.fromisoformat(facts_in(line)["moment"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None
