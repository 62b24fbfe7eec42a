"""What people decided about deliveries: released from quarantine or rejected, by whom, when and why.

A manifest never changes. The decisions stand beside the deliveries of one entity of one afnemer in `besluiten.jsonl`,
one line each, oldest first; the last one about a delivery holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from kmgb.arrival.lines import append_line, whole_lines
from kmgb.errors import LandingError

DECISIONS_FILE = "besluiten.jsonl"
Verdict = Literal["vrijgegeven", "afgekeurd"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about the delivery `id`; `made` is aware and in UTC."""

    id: str
    verdict: Verdict
    who: str
    why: str
    made: datetime


def decisions(home: Path) -> dict[str, Decision]:
    """The decision that holds for each delivery below `home` (one entity of one afnemer), by its id.

    Raises: LandingError when a line cannot be read: guessing would let a rejected delivery in.
    """
    path = home / DECISIONS_FILE
    found = {}
    for number, line in enumerate(whole_lines(path), 1):
        try:
            facts = json.loads(line)
            made = datetime.fromisoformat(facts["made"])
            found[facts["id"]] = Decision(facts["id"], facts["verdict"], facts["who"], facts["why"], made)
        except (ValueError, KeyError, TypeError):
            hint = "Zet het bestand terug uit een reservekopie; tot dan wordt hier niets vergeleken."
            raise LandingError(f"{path}: besluit op regel {number} is niet te lezen. {hint}") from None
    return found


def add_decision(home: Path, decision: Decision) -> None:
    """Write the decision down. Raises: LandingError."""
    facts = {
        "id": decision.id,
        "verdict": decision.verdict,
        "who": decision.who,
        "why": decision.why,
        "made": decision.made.astimezone(UTC).isoformat(),
    }
    append_line(home / DECISIONS_FILE, lambda _: json.dumps(facts, ensure_ascii=False))
