"""What follows from the counts of a report: what counts, the balance of rows, totals per group, bars.

Pure arithmetic on the frozen records. A count that is not there is 0: a run in quarantaine reads like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kmgb.report.causes import CAUSE_ORDER, STEP_ORDER
from kmgb.report.data import ClusterLine, CountLine, CoverageLine, FieldLine, FindingLine, Overview, RunReport
from kmgb.report.words import KIND_ORDER, NOT_COMPARED, ROW_WAYS, SEVERITY_ORDER, side_words

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


def plural(count: int, one: str, more: str) -> str:
    """A number with what is counted, in singular or plural."""
    return f"{number(count)} {one if count == 1 else more}"


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
    return report.tally.cosmetisch


def discrepancies(report: RunReport) -> int:
    """Findings that count as wrong; a column that is wrong as a whole is one."""
    return report.tally.afwijkend + report.tally.velden


def uncounted(report: RunReport) -> int:
    """Findings that do not count as wrong: under way, or accepted."""
    return report.tally.onderweg + report.tally.geaccepteerd


def critical(report: RunReport) -> int:
    """Critical findings that count; a column that is wrong as a whole is one."""
    return report.tally.kritiek


def judged(report: RunReport) -> int:
    """How many objects could have had a finding: paired, absent on a side, double or rejected.

    Of the distribution's own rows: the most rows that a kruiscontrole had before it.
    """
    if report.own:
        return max((check.rijen for check in report.checks), default=0)
    return judged_rows(report.rows, report.kinds)


def judged_rows(rows: Mapping[str, int], kinds: Mapping[str, int]) -> int:
    """The same from the counts of rows and kinds of a comparison."""
    names = ("gekoppeld", "overtollig", "distributie_afgekeurd", "afnemer_afgekeurd")
    return sum(rows.get(name, 0) for name in names) + sum(kinds.get(kind, 0) for kind in ("ontbreekt", "dubbel"))


def equal_values(report: RunReport) -> tuple[int, int]:
    """Equal values, and compared values, over all fields."""
    return sum(field.gelijk for field in report.fields), sum(field.vergeleken for field in report.fields)


def standing(report: RunReport) -> str:
    """One of STANDINGS."""
    return standing_of(
        quarantined=report.status == QUARANTINE,
        grave=critical(report),
        wrong=discrepancies(report),
        among=judged(report),
    )


def standing_of(*, quarantined: bool, grave: int, wrong: int, among: int) -> str:
    """One of STANDINGS, from what is critical, what is wrong, and among how many objects."""
    if quarantined:
        return "quarantaine"
    if grave:
        return "kritiek"
    if wrong:
        return "afwijkend"
    return "in_orde" if among else "niets"


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


def field_count(lines: Iterable[CoverageLine]) -> int:
    """How many fields of Bijlage 2 these are: the parts of a composite field are one."""
    return len({line.whole or line.label for line in lines})


def overdue(report: RunReport) -> tuple[CoverageLine, ...]:
    """Fields whose wens should have been met by now."""
    return tuple(line for line in report.coverage if line.overdue)


def most_urgent_first(overview: Overview, *, own: bool = False) -> tuple[RunReport, ...]:
    """The runs of the applications, or those of the distribution's own rows, worst first and then by name."""
    order = list(STANDINGS)
    return tuple(
        sorted(
            (run for run in overview.runs if run.own == own),
            key=lambda run: (order.index(standing(run)), run.titel.casefold(), run.entity_label),
        )
    )


def per_cause(report: RunReport) -> tuple[CountLine, ...]:
    """Every cause that occurs, in the order of the catalogue of causes; onbekend last."""
    return _in_order(report.causes, CAUSE_ORDER)


def per_step(report: RunReport) -> tuple[CountLine, ...]:
    """Every next step that occurs and asks something of somebody, or asks to wait, the most work first.

    What is only written otherwise and asks nothing is not in it.
    """
    asked = [line for line in report.steps if line.count or line.name != "geen"]
    idle = ("wachten", "geen")
    return tuple(sorted(_in_order(asked, STEP_ORDER), key=lambda line: (line.name in idle, -line.count)))


def _in_order(lines: Iterable[CountLine], order: Sequence[str]) -> tuple[CountLine, ...]:
    known = list(order)
    return tuple(sorted(lines, key=lambda line: known.index(line.name) if line.name in known else len(known)))


def step_count(report: RunReport, line: CountLine) -> str:
    """How much there is of a next step: fields for what is wrong as a whole column, else findings."""
    if line.name != "aanpassen_veldtoewijzing" or not report.tally.velden:
        return number(line.count)
    return plural(report.tally.velden, "veld", "velden")


def tasks(report: RunReport) -> tuple[ClusterLine, ...]:
    """The clusters that ask something of somebody, in their order."""
    return tuple(line for line in report.clusters if line.kind != COSMETIC and not _waits(line))


def waiting(report: RunReport) -> tuple[ClusterLine, ...]:
    """The clusters that ask nothing for now: under way, in onderzoek, or accepted as a whole."""
    return tuple(line for line in report.clusters if line.kind != COSMETIC and _waits(line))


def light(report: RunReport) -> tuple[ClusterLine, ...]:
    """The clusters of what is only written otherwise."""
    return tuple(line for line in report.clusters if line.kind == COSMETIC)


def _waits(line: ClusterLine) -> bool:
    return line.next_step == "wachten" or line.accepted >= line.count


def cluster_name(report: RunReport, line: ClusterLine) -> str:
    """By what a cluster is called in `kmgb besluit ... --cluster`; "" for a line that stands for more than one."""
    return f"{report.run_id}/{line.numbers[0]}" if len(line.numbers) == 1 else ""


def listed(findings: Iterable[FindingLine], *parts: str) -> tuple[FindingLine, ...]:
    """The listed findings that count as one of these; see data.PARTS."""
    return tuple(finding for finding in findings if finding.part in parts)


def _urgency(line: CoverageLine) -> tuple[bool, str]:
    return (not line.overdue, line.deadline.isoformat() if line.deadline else "9999")
