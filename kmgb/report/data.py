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
    """One field of the catalogue and whether it was compared; `coverage` is a member of run.coverage.Coverage.

    `whole` is the label of the composite field of which this is a part; `alternative` what is done until the deadline.
    """

    label: str
    group: str
    coverage: str
    explanation: str
    deadline: date | None
    overdue: bool
    whole: str = ""
    alternative: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One finding of a cluster, masked; `meanings` as in FindingLine."""

    key: str
    distributie: str
    afnemer: str
    meanings: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class ClusterLine:
    """Findings that share field, kind, rule, cause and pattern; of a wrong veldtoewijzing all findings of one field.

    `numbers` are the numbers of the clusters it stands for, `accepted` how many of its findings were accepted. `check`
    is the title of the kruiscontrole, `field_name` the field as the catalogue calls it. `rank` is its place in the
    order of what a steward wants to see, 0 first.
    """

    field: str
    kind: str
    rule: str
    severity: str
    pattern: str
    count: int
    examples: tuple[Example, ...]
    numbers: tuple[int, ...] = ()
    cause: str = "onbekend"
    evidence: str = ""
    next_step: str = ""
    check: str = ""
    field_name: str = ""
    rank: int = 0
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One finding, masked. `field` is a label; empty for a finding about a whole row.

    `meanings` are the descriptions of both values, where they are codes of the catalogue. `id` is the number by which
    people decide about it, `age` in days since `first_seen`, `former_until` the last day on which the source had what
    the application still has. `part` is how it counts: one of PARTS. `check` is the title of its kruiscontrole.
    """

    key: str
    field: str
    kind: str
    rule: str
    severity: str
    distributie: str
    afnemer: str
    first_seen: datetime
    new: bool
    meanings: tuple[str, str] = ("", "")
    id: int = 0
    cause: str = "onbekend"
    next_step: str = ""
    former_until: date | None = None
    status: str = "open"
    age: int = 0
    part: str = "afwijkend"
    check: str = ""
    assigned: str = ""
    reference: str = ""
    remark: str = ""


# How a finding counts: wrong, wrong as part of a whole column, written otherwise, or not at all (for now).
PARTS = ("afwijkend", "veldtoewijzing", "cosmetisch", "onderweg", "geaccepteerd")


@dataclass(frozen=True, slots=True)
class Tally:
    """How the open findings count. The names of PARTS add up to all of them; `velden` are the fields of the second.

    `kritiek` are the critical ones among the first two, where a whole column is one. `teruggemeld`, `in_onderzoek` and
    `onbekend` (not judged this time) are counted among those that are wrong.
    """

    afwijkend: int = 0
    veldtoewijzing: int = 0
    cosmetisch: int = 0
    onderweg: int = 0
    geaccepteerd: int = 0
    velden: int = 0
    kritiek: int = 0
    teruggemeld: int = 0
    in_onderzoek: int = 0
    onbekend: int = 0


@dataclass(frozen=True, slots=True)
class CountLine:
    """How many open findings have one cause or one next step; accepted ones are not in it."""

    name: str
    count: int
    cosmetisch: int


@dataclass(frozen=True, slots=True)
class CheckLine:
    """The books of one kruiscontrole; `kant` is where it was made (distributie, applicatie or paar)."""

    title: str
    kant: str
    severity: str
    rijen: int
    beoordeeld: int
    fout: int
    niet_te_beoordelen: int


@dataclass(frozen=True, slots=True)
class SkippedCheck:
    """A kruiscontrole that was not made, and why."""

    title: str
    kant: str
    reason: str


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
    it was. `findings` are the first of `total`, worst first, without those of a column that is wrong as a whole; the
    rest is in the files beside the report. `objecten` counts the keys with a finding that counts as wrong; None when
    nobody counted them. `hints` are sentences on what in the veldtoewijzing seems to need a change, `warnings` what
    went wrong on the way. `own`: the distribution's own rows, judged by the kruiscontroles and compared with nothing.
    `nieuw` was never seen before, `nieuw_in_velden` neither, but is of a column that is wrong as a whole;
    `teruggekeerd` was closed once. Of what was closed `opgelost` is the improvement;
    `onbekend` could not be judged.
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
    hints: tuple[str, ...] = ()
    own: bool = False
    tally: Tally = Tally()
    nieuw_in_velden: int = 0
    teruggekeerd: int = 0
    buiten_populatie: int = 0
    niet_meer_vergeleken: int = 0
    onbekend: int = 0
    causes: tuple[CountLine, ...] = ()
    steps: tuple[CountLine, ...] = ()
    warnings: tuple[str, ...] = ()
    checks: tuple[CheckLine, ...] = ()
    skipped: tuple[SkippedCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """The newest run of every controle, and applications that are coupled but have none."""

    made: datetime
    runs: tuple[RunReport, ...]
    without_controle: tuple[str, ...]
