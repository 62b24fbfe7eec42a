"""What a mail says, frozen: numbers and words per controle and a place to look. Nothing of any object is in it.

`mail.html` and `mail.txt` are readings of this. Times are aware and in UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from kmgb.report.figures import number, plural
from kmgb.report.week import Counts

_SIGNALS = {
    "ontbreekt": ("aanlevering ontbreekt", "aanleveringen ontbreken"),
    "norm": ("norm niet gehaald", "normen niet gehaald"),
}


class Audience(StrEnum):
    """For whom a mail is made."""

    EIGENAAR = "eigenaar"  # his own applications
    GEGEVENSBEHEERDER = "gegevensbeheerder"  # all applications
    MANAGER = "manager"  # numbers only, once a week


@dataclass(frozen=True, slots=True)
class Signaal:
    """Something about a delivery or a norm that a mail must say once. `key` tells it from the same on another day; it
    begins with its sort: quarantaine, ontbreekt or norm.
    """

    key: str
    afnemer: str
    entity_label: str
    zin: str

    @property
    def soort(self) -> str:
        """quarantaine, ontbreekt or norm."""
        return self.key.partition("/")[0]


@dataclass(frozen=True, slots=True)
class ControleNews:
    """One controle since the mail before; all of it is new in the `eerste` mail that speaks of it.

    `counts` counts from that mail on, with `nieuw` also what was under way or only written otherwise then. `kritieker`
    are those that counted then and have become critical since. `velden` are columns that have become wrong as a whole.
    """

    afnemer: str
    titel: str
    entity: str
    entity_label: str
    run_id: int
    counts: Counts
    kritieker: int = 0
    velden: int = 0
    eerste: bool = False
    quarantaine: bool = False
    doen: str = ""

    @property
    def new(self) -> bool:
        """True when there is something that a mail is worth. That something was solved is not."""
        return bool(self.counts.nieuw or self.counts.teruggekeerd or self.kritieker or self.velden)

    @property
    def zin(self) -> str:
        """How it stands, in one sentence."""
        counts = self.counts
        if self.quarantaine:
            return "niet vergeleken, want een aanlevering staat in quarantaine; wat open stond, staat nog open."
        moves = [f"{number(counts.nieuw)} nieuw"]
        moves += [f"{number(counts.teruggekeerd)} teruggekeerd"] if counts.teruggekeerd else []
        moves += [f"{number(counts.opgelost)} opgelost"]
        moves += [f"{number(self.kritieker)} kritiek geworden"] if self.kritieker else []
        moves += [plural(self.velden, "veld lijkt", "velden lijken") + " verkeerd toegewezen"] if self.velden else []
        return f"{', '.join(moves)}; {number(counts.open)} openstaand{_grave(counts.kritiek)}."


@dataclass(frozen=True, slots=True)
class AfnemerNews:
    """One application: its controles, what is the matter beside them, and where its page is."""

    naam: str
    titel: str
    plaats: str
    controles: tuple[ControleNews, ...]
    signalen: tuple[Signaal, ...]

    @property
    def doen(self) -> str:
        """What to do, in one sentence: of what cannot be compared first, then where the most critical is."""
        sorts = {one.soort for one in self.signalen}
        if "quarantaine" in sorts or any(one.quarantaine for one in self.controles):
            return "Beoordeel de aanlevering in quarantaine, of vraag om een nieuwe: tot dan is niets vergeleken."
        heaviest = max(self.controles, key=lambda one: (one.counts.kritiek, one.counts.open), default=None)
        said = ["Vraag de leverancier om de aanlevering."] if "ontbreekt" in sorts else []
        said += [heaviest.doen] if heaviest is not None and heaviest.counts.open and heaviest.doen else []
        said += ["Bespreek hoe de norm weer gehaald wordt."] if "norm" in sorts and not said else []
        return " ".join(said) or "Nu niets."


@dataclass(frozen=True, slots=True)
class MailPage:
    """One mail. `plaats` is where all reports are; `link`: places are addresses, else they are files.

    `nieuwe_signalen` are the sorts of what is new beside findings (`Signaal.soort`). `covers` is what the next mail to
    this recipient needs to know of this one.
    """

    voor: Audience
    made: datetime
    afnemers: tuple[AfnemerNews, ...]
    plaats: str
    link: bool
    nieuwe_signalen: tuple[str, ...] = ()
    covers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def controles(self) -> tuple[ControleNews, ...]:
        """Those of all applications."""
        return tuple(controle for afnemer in self.afnemers for controle in afnemer.controles)

    @property
    def new(self) -> bool:
        """True when there is something new in it."""
        return bool(self.nieuwe_signalen) or any(controle.new for controle in self.controles)

    @property
    def onderwerp(self) -> str:
        """The subject: numbers, and the name of the application when it is only one."""
        about = self.afnemers[0].titel if len(self.afnemers) == 1 else _all(self.afnemers)
        return f"Consistentiecontrole {about}: {self._news()}"

    @property
    def zin(self) -> str:
        """How all of it stands, in one sentence."""
        counts = [controle.counts for controle in self.controles]
        open_, grave = sum(one.open for one in counts), sum(one.kritiek for one in counts)
        said = f"{plural(open_, 'bevinding staat', 'bevindingen staan')} open{_grave(grave)}"
        return f"{self._news()}; {said}."

    def _news(self) -> str:
        counts, told = [controle.counts for controle in self.controles], Counter(self.nieuwe_signalen)
        fresh, back = sum(one.nieuw for one in counts), sum(one.teruggekeerd for one in counts)
        graver = sum(controle.kritieker for controle in self.controles)
        refused = sum(controle.quarantaine for controle in self.controles) or told["quarantaine"]
        parts = [f"{number(back)} teruggekeerd"] if back else []
        parts += [f"{number(graver)} kritiek geworden"] if graver else []
        parts += [f"{number(refused)} in quarantaine"] if refused else []
        parts += [plural(told[sort], *words) for sort, words in _SIGNALS.items() if told[sort]]
        return ", ".join([*([f"{number(fresh)} nieuw"] if fresh or not parts else []), *parts])


def _grave(count: int) -> str:
    return f", waarvan {number(count)} kritiek" if count else ""


def _all(afnemers: Sequence[AfnemerNews]) -> str:
    return plural(len(afnemers), "applicatie", "applicaties")
