"""What explaining needs to know beside the findings, and what it adds to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from kmgb.compare.kinds import FINDING_COLUMNS
from kmgb.compare.plan import CellPlan, Plan
from kmgb.mutations.log import MUTATION_COLUMNS


class Cause(StrEnum):
    """Why a finding is there. docs/oorzaken.md says of each what it rests on and what it cannot tell."""

    BRON_IN_ONDERZOEK = "bron_in_onderzoek"
    ONDERWEG = "onderweg"
    VELDTOEWIJZING = "veldtoewijzing"
    TABELWIJZIGING = "tabelwijziging"
    NIET_VERZONDEN = "niet_verzonden"
    NIET_ONTVANGEN = "niet_ontvangen"
    FORMAAT = "formaat"
    HANDMATIG = "handmatig"
    ONBEKEND = "onbekend"


# What `explain` adds. `transform` names the one way of writing wrongly of a `formaat`; it never holds a value.
EXPLAINED_COLUMNS: Final = {
    **FINDING_COLUMNS,
    "cause": pl.String,
    "cause_evidence": pl.String,
    "former_until": pl.String,
    "next_step": pl.String,
    "transform": pl.String,
}

OTHERS_DTYPES: Final = {"key": pl.String, "field": pl.String, "afnemer": pl.String, "stale": pl.Boolean}

Values = Callable[[str], pl.DataFrame]
Stood = Callable[[pl.DataFrame], pl.Series]


def all_came_later(findings: pl.DataFrame) -> pl.Series:
    """No finding stood already when the log began."""
    return pl.repeat(value=False, n=findings.height, eager=True, dtype=pl.Boolean)


@dataclass(frozen=True, slots=True)
class Context:
    """What is known around one comparison.

    `mutations` columns: MUTATION_COLUMNS, of the keys of the findings. `log_since`: from when on the log knows every
    change without a gap; None when there is no log. `others` columns: key, field, afnemer, stale and optionally
    `peildatum` (Datetime) of that application's dump (without it every row counts as newer than the mutation) and
    `value` (as `afnemer_value`), which must not be another value than here before it counts as stale.
    `in_onderzoek` columns: key, field. `values` gives key, distributie, afnemer of all pairs, typed as the catalogue.
    `fields` is `Comparison.fields`. `indicaties` columns: key. `messages` columns: key, moment (aware), status.
    `source_days` columns: key, day (Date): for rows that came or went, the newest day their own dates in the
    distribution name, not after its peildatum; None when not known. `stood` tells of findings (key, field, kind)
    whether they were so, or may have been, at `log_since` already: how that came about, nobody can tell.
    """

    plan: Plan
    peildatum_distributie: datetime
    peildatum_afnemer: datetime
    grace: timedelta
    values: Values
    fields: pl.DataFrame
    mutations: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MUTATION_COLUMNS))
    log_since: datetime | None = None
    others: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=OTHERS_DTYPES))
    in_onderzoek: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"key": pl.String, "field": pl.String})
    )
    indicaties: pl.DataFrame | None = None
    messages: pl.DataFrame | None = None
    source_days: pl.DataFrame | None = None
    stood: Stood = all_came_later
    zone: str = "Europe/Amsterdam"

    @property
    def cells(self) -> dict[str, CellPlan]:
        """The compared fields by name."""
        return {cell.name: cell for cell in self.plan.compared}

    @property
    def timezone(self) -> ZoneInfo:
        """The time zone in which people name days."""
        return ZoneInfo(self.zone)

    @property
    def edge(self) -> datetime:
        """From this moment on a change of the source may still be on its way to the dump."""
        return self.peildatum_afnemer - self.grace

    def day(self, moment: pl.Expr) -> pl.Expr:
        """The day jjjj-mm-dd of a moment, as people here name it."""
        return moment.dt.convert_time_zone(self.zone).dt.strftime("%Y-%m-%d")


def known_mutations(context: Context) -> pl.DataFrame:
    """The mutations that lie before the distribution's own peildatum; what came later is not in what was compared."""
    before = pl.col("until") <= context.peildatum_distributie
    return context.mutations.filter(before & (pl.col("after") < pl.col("until")))
