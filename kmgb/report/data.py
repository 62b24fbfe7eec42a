"""What a report says, frozen: templates get these and never a frame or a connection.

Values of persons are masked before they come here: what stands in these records may be shown to every reader of the
report. Times are aware and in UTC; templates show them in the municipality's time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One compared field. `vergeleken` counts pairs in which at least one side is filled: the honest denominator."""

    name: str
    label: str
    group: str
    paren: int
    beide_leeg: int
    vergeleken: int
    gelijk: int
    afwijkend: int
    leeg_in_applicatie: int
    leeg_in_bron: int
    cosmetisch: int
    onbeslist: int
    ongeldig: int


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """One field of the catalogue and whether it was compared; `coverage` is a member of run.coverage.Coverage."""

    label: str
    group: str
    coverage: str
    explanation: str
    deadline: date | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class Example:
    """One finding of a cluster, masked."""

    key: str
    distributie: str
    afnemer: str


@dataclass(frozen=True, slots=True)
class ClusterLine:
    """Findings that share field, kind, rule and pattern (A -> B)."""

    field: str
    kind: str
    rule: str
    severity: str
    pattern: str
    count: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One finding, masked. `field` is a label; empty for a finding about a whole row."""

    key: str
    field: str
    kind: str
    rule: str
    severity: str
    distributie: str
    afnemer: str
    first_seen: datetime
    new: bool


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One side's aanlevering as it was landed."""

    side: str
    file: str
    sha256: str
    peildatum: datetime
    peildatum_from: str
    arrived: datetime
    rows: int
    faulty_rows: int
    status: str
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run of one controle. `rows` is what became of every row (keys of Comparison.rows), `kinds` counts per kind.

    `status` is gereed or quarantaine; in quarantaine there are no rows, fields or clusters, and every finding stays as
    it was. `findings` are the first of `total`, worst first; the rest is in the files beside the report. `objecten`
    counts the keys with a finding that is more than cosmetisch; None when nobody counted them.
    """

    run_id: int
    afnemer: str
    titel: str
    eigenaar: str
    contact: str
    entity: str
    entity_label: str
    status: str
    started: datetime
    finished: datetime
    population: str
    deliveries: tuple[DeliveryLine, ...]
    versions: dict[str, str]
    rows: dict[str, int]
    kinds: dict[str, int]
    severities: dict[str, int]
    nieuw: int
    opgelost: int
    openstaand: int
    fields: tuple[FieldLine, ...]
    coverage: tuple[CoverageLine, ...]
    clusters: tuple[ClusterLine, ...]
    findings: tuple[FindingLine, ...]
    total: int
    files: tuple[str, ...]
    report_file: str
    objecten: int | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """The newest run of every controle, and applications that are coupled but have none."""

    made: datetime
    runs: tuple[RunReport, ...]
    without_controle: tuple[str, ...]
