"""The audit log of decisions on deliveries: one line per act, each with the sha256 of the line before it.

What is altered, taken out or put in between breaks the chain. Cutting off the end does not show in the file itself:
keep the last fingerprint elsewhere to prove that as well.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from kmgb.arrival.lines import append_line, whole_lines

AUDIT_FILE = "audit.jsonl"
_FIRST = "0" * 64


def record(path: Path, act: str, subject: str, *, who: str, why: str, now: datetime) -> None:
    """Add one act: what was done, to what, by whom, why and when (UTC). Raises: LandingError."""

    def line(last: bytes) -> str:
        facts = {"moment": now.astimezone(UTC).isoformat(), "wie": who, "wat": act, "over": subject, "waarom": why}
        return json.dumps(facts | {"vorige": _fingerprint(last)}, ensure_ascii=False)

    append_line(path, line)


def broken_line(path: Path) -> int | None:
    """The number (from 1) of the first line that does not follow from the one before it; None when all do."""
    last = b""
    for number, line in enumerate(whole_lines(path), 1):
        try:
            facts = json.loads(line)
        except ValueError:
            return number
        if not isinstance(facts, dict) or facts.get("vorige") != _fingerprint(last):
            return number
        last = line
    return None


def _fingerprint(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest() if line else _FIRST
