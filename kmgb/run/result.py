"""How one controle ended, and the run that is written of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kmgb.compare.comparison import Comparison
from kmgb.errors import KmgbError
from kmgb.landing import Landed
from kmgb.store.findings import NOTHING_CHANGED, Changes
from kmgb.store.runs import NewRun

FAILED = "mislukt"


@dataclass(frozen=True, slots=True)
class Result:
    """How one controle ended. `comparison` is None in quarantaine or after an error; `reasons` then say why.

    Its findings are explained (EXPLAINED_COLUMNS, and `hop` for an application) and hold those of the kruiscontroles;
    its pairs are gone. `warnings` are what could not be used, in Dutch. The distribution's own rows are a controle
    under its own name, and so is a register beside the distribution.
    """

    afnemer: str
    entity: str
    status: str
    run_id: int | None = None
    comparison: Comparison | None = None
    changes: Changes = NOTHING_CHANGED
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    error: KmgbError | None = None

    @property
    def findings(self) -> int:
        """The number of findings that are open now."""
        return 0 if self.comparison is None else self.comparison.findings.height


def new_run(
    name: tuple[str, str],
    status: str,
    times: tuple[datetime, datetime],
    landed: tuple[Landed, Landed | None],
    facts: dict[str, Any],
    outcome: dict[str, Any],
) -> NewRun:
    """A run that began and ended at these `times`, of the aanleveringen on both sides."""
    ours, theirs = (side.manifest.id if side is not None else None for side in landed)
    return NewRun(*name, status, *times, ours, theirs, facts, outcome)
