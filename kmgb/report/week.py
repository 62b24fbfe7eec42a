"""What the weekly report says, frozen: the page, the PDF, the workbook and the JSON are readings of this and no more.

Values of persons are masked before they come here, as far as the reader's role asks. Times are aware and in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from markupsafe import Markup

from kmgb.report.data import ClusterLine


class Role(StrEnum):
    """For whom a report is made, and with that what may stand in it."""

    GEGEVENSBEHEERDER = "gegevensbeheerder"  # everything, sensitive values masked
    BEHEERDER = "functioneel beheerder"  # the own application, values shown
    MANAGER = "manager"  # numbers only: nothing of any object
    AUDITOR = "auditor"  # everything, masked, with the fingerprints


@dataclass(frozen=True, slots=True)
class Counts:
    """How findings count at one moment, and what happened in the week before it.

    `open` counts what is wrong (a wrong column as one), `kritiek` those of them that are critical; `onderweg`,
    `geaccepteerd` and `cosmetisch` stand beside it. `nieuw` and `teruggekeerd` came in this week and are still there;
    `opgelost` was there before it and is no longer; `vervallen` neither, but because nobody looks at it any more, such
    as an object that is no longer expected here. `oudste` is the age in days of the oldest that is wrong.
    """

    open: int = 0
    kritiek: int = 0
    cosmetisch: int = 0
    onderweg: int = 0
    geaccepteerd: int = 0
    teruggemeld: int = 0
    nieuw: int = 0
    teruggekeerd: int = 0
    opgelost: int = 0
    vervallen: int = 0
    oudste: int = 0


@dataclass(frozen=True, slots=True)
class ControleLine:
    """One controle in its newest run. `stand` is one of figures.STANDINGS; `page` the file name of its own report.

    `vergeleken` and `gelijk` count values; `objecten` the rows that could have a finding. `velden` of `velden_totaal`
    fields of Bijlage 2 were compared. `own`: the distribution's own rows. `ooit`: it was ever compared.
    """

    afnemer: str
    titel: str
    entity: str
    entity_label: str
    run_id: int
    finished: datetime
    stand: str
    zin: str
    counts: Counts
    vergeleken: int
    gelijk: int
    objecten: int
    velden: int
    velden_totaal: int
    page: str
    peildatums: tuple[datetime, ...] = ()
    own: bool = False
    ooit: bool = True


@dataclass(frozen=True, slots=True)
class AfnemerWeek:
    """One application: its sentence, its controles and its counts together. `anchor` is the id of its part.

    `kolommen` are the fields that are wrong as a whole; `ingericht`: it still has a mapping.
    """

    naam: str
    titel: str
    eigenaar: str
    contact: str
    stand: str
    zin: str
    counts: Counts
    vorige: Counts
    controles: tuple[ControleLine, ...]
    clusters: tuple[WeekCluster, ...] = ()
    taken: tuple[WeekFinding, ...] = ()
    taken_totaal: int = 0
    kolommen: tuple[str, ...] = ()
    ingericht: bool = True

    @property
    def gecontroleerd(self) -> datetime:
        """The end of its newest run."""
        return max(line.finished for line in self.controles)

    @property
    def anchor(self) -> str:
        """What a link to this part is called."""
        return f"afnemer-{self.naam}"


@dataclass(frozen=True, slots=True)
class WeekCluster:
    """A cluster, and whose it is."""

    afnemer: str
    titel: str
    entity_label: str
    run_id: int
    line: ClusterLine


@dataclass(frozen=True, slots=True)
class WeekFinding:
    """One finding, masked as the role asks, `age` days old. `advies` says what to do.

    `signaal` is geheim, overleden, verhuisd, bsn or "".
    """

    id: int
    afnemer: str
    titel: str
    entity: str
    entity_label: str
    key: str
    field: str
    kind: str
    rule: str
    severity: str
    distributie: str
    afnemer_value: str
    cause: str
    next_step: str
    advies: str
    signaal: str
    first_seen: datetime
    age: int
    status: str
    assigned: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class HeatCell:
    """How a field stands in one application: percent wrong of what was compared, in the newest run."""

    naam: str
    titel: str
    entity: str
    entity_label: str
    field: str
    label: str
    vergeleken: int
    fout: int

    @property
    def share(self) -> float:
        """Wrong as a part of compared; 0 when nothing was compared."""
        return self.fout / self.vergeleken if self.vergeleken else 0.0


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The end of one week (its last day): what stood open then, and what came and went in it."""

    day: date
    open: int
    nieuw: int
    opgelost: int


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """What is the matter with a delivery, in Dutch; `refuses`: it is in quarantine because of it."""

    naam: str
    titel: str
    entity_label: str
    stand: str
    zin: str
    refuses: bool
    nummer: str = ""


@dataclass(frozen=True, slots=True)
class Expiring:
    """An acceptance that ends soon: what it is about, how many findings it holds back, and its last day."""

    besluit: int
    naam: str
    titel: str
    entity_label: str
    about: str
    findings: int
    last_day: date


@dataclass(frozen=True, slots=True)
class NormLine:
    """A norm and how it is met. `woord` is gehaald, niet gehaald or niet te bepalen; `sinds` is since when it is so.

    `norm` and `werkelijk` are as people read them: "ten minste 99,5 %" and "98,7 % (van 12.345)".
    """

    naam: str
    titel: str
    entity_label: str
    field: str
    norm: str
    werkelijk: str
    woord: str
    sinds: date | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was not compared: fields, rows set aside, cells that could not be read, controles without a run."""

    velden: int
    velden_totaal: int
    waarden: int
    afgekeurd: int
    onbeslist: int
    in_quarantaine: int
    zonder_controle: tuple[str, ...]
    wensen_verlopen: int


@dataclass(frozen=True, slots=True)
class WeekReport:
    """The report of the week that ends at `made` and begins at `since`, of all applications or of one (`afnemer`).

    `fingerprints` are file name, rows and sha256 of the deliveries behind it, for an auditor. `mail` says
    what is the matter with the mail.
    """

    made: datetime
    since: datetime
    role: Role
    zin: str
    counts: Counts
    vorige: Counts
    afnemers: tuple[AfnemerWeek, ...]
    own: tuple[ControleLine, ...]
    critical: tuple[WeekFinding, ...]
    critical_total: int
    clusters: tuple[WeekCluster, ...]
    heat: tuple[HeatCell, ...]
    trend: tuple[TrendPoint, ...]
    deliveries: tuple[DeliveryState, ...]
    expiring: tuple[Expiring, ...]
    norms: tuple[NormLine, ...]
    coverage: Coverage
    fingerprints: tuple[tuple[str, str, str, int, str], ...] = ()
    mail: tuple[str, ...] = ()
    afnemer: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and the same numbers as a table: the names of its columns and its rows as people read them."""

    titel: str
    svg: Markup
    kolommen: tuple[str, ...]
    rijen: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Charts:
    """The drawings of a weekly report: the course of the weeks, and per entity the fields of every application."""

    trend: Chart | None
    warmte: tuple[Chart, ...]
