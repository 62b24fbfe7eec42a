"""What follows from the counts of a report: the sentence on top, the balance of rows, totals per group, bars.

Pure arithmetic on the frozen records. A count that is not there is 0: a run in quarantaine reads like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kmgb.report.data import ClusterLine, CoverageLine, FieldLine, FindingLine, Overview, RunReport
from kmgb.report.words import KIND_ORDER, NOT_COMPARED, ROW_WAYS, SEVERITY_ORDER, side_words, unit_words

COSMETIC, CRITICAL, QUARANTINE = "cosmetisch", "kritiek", "quarantaine"
_COMPARED = ("sleutel", "vergeleken")
_SMALLEST = 1.5  # percent of a bar: what is there must be seen, however little it is

# What can be said of a controle in one word, worst first.
STANDINGS: Mapping[str, str] = {
    "quarantaine": "In quarantaine",
    "kritiek": "Kritiek",
    "afwijkend": "Afwijkingen",
    "niets": "Niets vergeleken",
    "in_orde": "In orde",
}


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """What became of some rows."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Balance:
    """Every row of one side accounted for; `missing` is 0, or the report says aloud that it is not."""

    side: str
    rows: int
    lines: tuple[BalanceLine, ...]

    @property
    def accounted(self) -> int:
        """The sum of the lines."""
        return sum(line.count for line in self.lines)

    @property
    def missing(self) -> int:
        """Rows delivered and not accounted for."""
        return self.rows - self.accounted


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """The compared fields that a steward judges as one. `vergeleken` and `gelijk` count values."""

    name: str
    fields: tuple[FieldLine, ...]

    @property
    def vergeleken(self) -> int:
        """Compared values of all fields of the group."""
        return sum(field.vergeleken for field in self.fields)

    @property
    def gelijk(self) -> int:
        """Equal values of all fields of the group."""
        return sum(field.gelijk for field in self.fields)


@dataclass(frozen=True, slots=True)
class BarPart:
    """A stretch of a bar that is 100 wide."""

    name: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class NotCompared:
    """Fields that were not compared for one reason."""

    coverage: str
    lines: tuple[CoverageLine, ...]


def number(value: int) -> str:
    """1234567 -> 1.234.567."""
    return f"{value:,}".replace(",", ".")


def percent(part: int, whole: int) -> str:
    """Part of whole with one decimal. Never 100 % while something is missing, nor 0 % while something is there."""
    if whole == 0:
        return "niet vergeleken"
    if part > 0 and part * 1000 < whole:
        return "< 0,1 %"
    if part < whole and (whole - part) * 1000 < whole:
        return "> 99,9 %"
    return f"{part * 100 / whole:.1f} %".replace(".", ",")


def findings_per_kind(report: RunReport) -> tuple[tuple[str, int], ...]:
    """Every kind with its number of findings, cosmetic last."""
    known = [(kind, report.kinds.get(kind, 0)) for kind in KIND_ORDER if kind != COSMETIC]
    others = [(kind, count) for kind, count in report.kinds.items() if kind not in KIND_ORDER]
    return (*known, *others, (COSMETIC, report.kinds.get(COSMETIC, 0)))


def findings_per_severity(report: RunReport) -> tuple[tuple[str, int], ...]:
    """Every severity with its number of findings, worst first."""
    return tuple((severity, report.severities.get(severity, 0)) for severity in SEVERITY_ORDER)


def cosmetic(report: RunReport) -> int:
    """Findings of which only the way of writing differs."""
    return report.kinds.get(COSMETIC, 0)


def discrepancies(report: RunReport) -> int:
    """Findings that are more than cosmetic."""
    return report.total - cosmetic(report)


def critical(report: RunReport) -> int:
    """Critical findings that stand open. A run in quarantaine counted none, but lists the open ones worst first."""
    if report.status != QUARANTINE:
        return report.severities.get(CRITICAL, 0)
    return sum(finding.severity == CRITICAL for finding in report.findings)


def judged(report: RunReport) -> int:
    """How many objects could have had a finding: paired, absent on a side, double or rejected."""
    names = ("gekoppeld", "overtollig", "distributie_afgekeurd", "afnemer_afgekeurd")
    return sum(report.rows.get(name, 0) for name in names) + sum(
        report.kinds.get(kind, 0) for kind in ("ontbreekt", "dubbel")
    )


def equal_values(report: RunReport) -> tuple[int, int]:
    """Equal values, and compared values, over all fields."""
    return sum(field.gelijk for field in report.fields), sum(field.vergeleken for field in report.fields)


def standing(report: RunReport) -> str:
    """One of STANDINGS."""
    if report.status == QUARANTINE:
        return "quarantaine"
    if critical(report):
        return "kritiek"
    if discrepancies(report):
        return "afwijkend"
    return "in_orde" if judged(report) else "niets"


def sentence(report: RunReport) -> str:
    """How a controle stands, in one plain sentence."""
    said = f"{report.titel}, {report.entity_label}: {finding_sentence(report)}"
    if report.status == QUARANTINE or not judged(report):
        return said
    changed = f"{number(report.nieuw)} nieuw, {number(report.opgelost)} opgelost"
    return f"{said.removesuffix('.')}; {changed}, {number(critical(report))} kritiek."


def finding_sentence(report: RunReport) -> str:
    """The same without the name of the controle, and without what stands in columns of its own."""
    if report.status == QUARANTINE:
        what = _unchanged(report.openstaand)
        return f"niet vergeleken, want een aanlevering staat in quarantaine; {what}."
    found, among, written = discrepancies(report), judged(report), cosmetic(report)
    if not among:
        return "er was niets te vergelijken."
    if found:
        return f"{_how_many(report, found, among)}."
    rest = f"; {_plural(written, 'cosmetisch verschil', 'cosmetische verschillen')}" if written else ""
    return f"geen afwijkingen bij {number(among)} {unit_words(report.entity, among)}{rest}."


def _unchanged(count: int) -> str:
    if not count:
        return "er stonden geen bevindingen open"
    if count == 1:
        return "de ene openstaande bevinding blijft zoals zij was"
    return f"alle {number(count)} openstaande bevindingen blijven zoals ze waren"


def _how_many(report: RunReport, found: int, among: int) -> str:
    units = unit_words(report.entity, among)
    if report.objecten is None or not 0 < report.objecten <= among:
        return f"{_plural(found, 'afwijking', 'afwijkingen')} bij {number(among)} {units}"
    verb = "wijkt" if report.objecten == 1 else "wijken"
    return f"{number(report.objecten)} van {number(among)} {units} {verb} af"


def _plural(count: int, one: str, more: str) -> str:
    return f"{number(count)} {one if count == 1 else more}"


def balances(report: RunReport) -> tuple[Balance, ...]:
    """The balance of both sides; empty when nothing was compared."""
    if not report.rows:
        return ()
    return tuple(
        Balance(
            side=side_words("distributie" if side == "distributie" else "applicatie"),
            rows=report.rows.get(side, 0),
            lines=tuple(BalanceLine(label, report.rows.get(way, 0)) for way, label in ways.items()),
        )
        for side, ways in ROW_WAYS.items()
    )


def field_groups(report: RunReport) -> tuple[FieldGroup, ...]:
    """The compared fields by group, in catalogue order."""
    groups: dict[str, list[FieldLine]] = {}
    for field in report.fields:
        groups.setdefault(field.group, []).append(field)
    return tuple(FieldGroup(name, tuple(fields)) for name, fields in groups.items())


def different(field: FieldLine) -> int:
    """Values that are not equal and were read on both sides; cosmetic ones not counted."""
    return field.afwijkend + field.leeg_in_applicatie + field.leeg_in_bron


def bar(field: FieldLine) -> tuple[BarPart, ...]:
    """Equal, cosmetic, different and undecided as stretches of 100; what is there is wide enough to be seen."""
    counts = {
        "gelijk": field.gelijk,
        "cosmetisch": field.cosmetisch,
        "afwijkend": different(field),
        "onbeslist": field.onbeslist,
    }
    present = {name: max(count * 100 / field.vergeleken, _SMALLEST) for name, count in counts.items() if count}
    scale, start, parts = 100 / sum(present.values()) if present else 0, 0.0, []
    for name, width in present.items():
        parts.append(BarPart(name, round(start, 2), round(width * scale, 2)))
        start += width * scale
    return tuple(parts)


def not_compared(report: RunReport) -> tuple[NotCompared, ...]:
    """Fields that were not compared by reason, those somebody must act on first, overdue before the rest."""
    lines = [line for line in report.coverage if line.coverage not in _COMPARED]
    reasons = list(dict.fromkeys([*NOT_COMPARED, *(line.coverage for line in lines)]))
    grouped = ((reason, [line for line in lines if line.coverage == reason]) for reason in reasons)
    return tuple(NotCompared(reason, tuple(sorted(of, key=_urgency))) for reason, of in grouped if of)


def compared(report: RunReport) -> tuple[CoverageLine, ...]:
    """Fields that were compared, and the key."""
    return tuple(line for line in report.coverage if line.coverage in _COMPARED)


def overdue(report: RunReport) -> tuple[CoverageLine, ...]:
    """Fields whose wens should have been met by now."""
    return tuple(line for line in report.coverage if line.overdue)


def overview_sentence(overview: Overview) -> str:
    """How all controles stand together, in one plain sentence."""
    if not overview.runs:
        return "Er is nog geen controle uitgevoerd."
    stands = [standing(run) for run in overview.runs]
    said = {
        "quarantaine": "in quarantaine",
        "kritiek": "met kritieke bevindingen",
        "afwijkend": "met afwijkingen",
        "niets": "zonder iets om te vergelijken",
        "in_orde": "in orde",
    }
    parts = [f"{stands.count(name)} {text}" for name, text in said.items() if name in stands]
    if overview.without_controle:
        count = len(overview.without_controle)
        parts.append(_plural(count, "applicatie zonder controle", "applicaties zonder controle"))
    return f"{_plural(len(stands), 'controle', 'controles')}: {', '.join(parts)}."


def most_urgent_first(overview: Overview) -> tuple[RunReport, ...]:
    """The runs of an overview, worst first and then by name."""
    order = list(STANDINGS)
    return tuple(
        sorted(overview.runs, key=lambda run: (order.index(standing(run)), run.titel.casefold(), run.entity_label))
    )


def clusters(report: RunReport, *, cosmetisch: bool) -> tuple[ClusterLine, ...]:
    """The clusters that are cosmetic, or those that are not: then critical ones first, further as they come."""
    chosen = [cluster for cluster in report.clusters if (cluster.kind == COSMETIC) == cosmetisch]
    return tuple(sorted(chosen, key=lambda cluster: cluster.severity != CRITICAL))


def shown(findings: Iterable[FindingLine], *, cosmetisch: bool) -> tuple[FindingLine, ...]:
    """The listed findings that are cosmetic, or that are not."""
    return tuple(finding for finding in findings if (finding.kind == COSMETIC) == cosmetisch)


def _urgency(line: CoverageLine) -> tuple[bool, str]:
    return (not line.overdue, line.deadline.isoformat() if line.deadline else "9999")
