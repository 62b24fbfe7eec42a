"""What a run says about the mutation log, in Dutch. No sentence holds a value: only days, file and column names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Words:
    """The warnings of one entity of the distribution."""

    source: str
    entity: str
    zone: ZoneInfo

    def backwards(self, this: datetime, newest: datetime) -> str:
        """This aanlevering speaks of an earlier moment than one before it."""
        return (
            f"{self._who}: de peildatum loopt terug, van {self._day(newest)} naar "
            f"{self._day(this)}. Van deze stap staat niets in het mutatielog; controleer de peildatum."
        )

    def twice(self, peildatum: datetime) -> str:
        """Two aanleveringen of one moment with different contents."""
        return (
            f"{self._who}: er zijn verschillende aanleveringen met peildatum {self._day(peildatum)}. Wat daarvoor en "
            "daarna veranderde, staat niet in het mutatielog; lever per peildatum één bestand aan."
        )

    def missed(self, previous: datetime, this: datetime, usual: timedelta) -> str:
        """The step is longer than usual."""
        return (
            f"{self._who}: tussen {self._day(previous)} en {self._day(this)} is een aanlevering gemist "
            f"(gewoonlijk om de {_length(usual)}). Wat daartussen kwam en ging, staat niet in het mutatielog."
        )

    def not_kept(self, previous: datetime, this: datetime, reason: str) -> str:
        """The step is doubtful; `reason` is a clause."""
        return (
            f"{self._who}: van {self._day(previous)} tot {self._day(this)} staat niets in het mutatielog, "
            f"want {reason}. Oorzaken van voor die tijd blijven onbekend."
        )

    def gap(self, gaps: Sequence[tuple[datetime, datetime]]) -> str:
        """The log knows nothing of these times."""
        start, end = gaps[-1]
        more = f" (en {len(gaps) - 1} keer eerder)" if len(gaps) > 1 else ""
        return (
            f"{self._who}: het mutatielog heeft een gat van {self._day(start)} tot {self._day(end)}{more}. "
            "Oorzaken van voor die tijd blijven onbekend."
        )

    @property
    def _who(self) -> str:
        return f"{self.source}, {self.entity}"

    def _day(self, moment: datetime) -> str:
        local = moment.astimezone(self.zone)
        return f"{local:%Y-%m-%d}" if local.time().isoformat() == "00:00:00" else f"{local:%Y-%m-%d %H:%M}"


def _length(step: timedelta) -> str:
    days = round(step / timedelta(days=1))
    return f"{days} dagen" if days > 1 else f"{round(step / timedelta(hours=1))} uur"
