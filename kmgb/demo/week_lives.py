"""The life of every finding over the weeks: opened, closed, returned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kmgb.demo.week_findings import Comparison, WeekFinding

SOLVED: Final = "opgelost"
LEFT: Final = "buiten_populatie"


@dataclass(slots=True)
class Life:
    """One line of levens.csv. Weeks are numbers; 0 is never. `predecessor_*` are those of the life before a return.

    `closed_as` names both ways (joined by |) when the application itself took away a row that already did not belong.
    """

    afnemer: str
    entity: str
    key: str
    field: str
    kind: str
    opened: int
    closed: int = 0
    closed_as: str = ""
    predecessor_opened: int = 0
    predecessor_closed: int = 0


def lives(weeks: Sequence[tuple[int, Comparison, Sequence[WeekFinding]]]) -> list[Life]:
    """The lives in one dump, from the weeks in which it was compared (a refused dump opens and closes nothing)."""
    found: list[Life] = []
    alive: dict[tuple[str, str], tuple[Life, WeekFinding]] = {}
    ended: dict[tuple[str, str], Life] = {}
    before: Comparison | None = None
    for week, comparison, findings in weeks:
        seen = {finding.identity: finding for finding in findings}
        for identity in [known for known in alive if known not in seen]:
            life, finding = alive.pop(identity)
            life.closed, life.closed_as = week, _closed_as(finding, before, comparison)
            ended[identity] = life
        for identity, finding in seen.items():
            if identity in alive:
                alive[identity] = (alive[identity][0], finding)
                continue
            life = Life(finding.afnemer, finding.entity, finding.key, finding.field, finding.kind, week)
            if identity in ended:
                life.predecessor_opened, life.predecessor_closed = ended[identity].opened, ended[identity].closed
            alive[identity] = (life, finding)
            found.append(life)
        before = comparison
    return found


def _closed_as(finding: WeekFinding, before: Comparison | None, now: Comparison) -> str:
    if not now.left(finding.row):
        return SOLVED
    return f"{SOLVED}|{LEFT}" if before is not None and before.outside(finding.row) else LEFT
