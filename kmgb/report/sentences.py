"""How a controle, or all of them together, stands in one plain sentence."""

from __future__ import annotations

from collections.abc import Sequence

from kmgb.report.data import Overview, RunReport
from kmgb.report.figures import QUARANTINE, cosmetic, critical, judged, number, plural, standing
from kmgb.report.words import unit_words


def sentence(report: RunReport) -> str:
    """How a controle stands, in one plain sentence."""
    said = f"{report.titel}, {report.entity_label}: {finding_sentence(report)}"
    if report.status == QUARANTINE or not judged(report):
        return said
    returned = f"{number(report.teruggekeerd)} teruggekeerd, " if report.teruggekeerd else ""
    changed = f"{number(report.nieuw)} nieuw, {returned}{number(report.opgelost)} opgelost"
    return f"{said.removesuffix('.')}; {changed}, {number(critical(report))} kritiek."


def finding_sentence(report: RunReport) -> str:
    """The same without the name of the controle, and without what stands in columns of its own."""
    if report.status == QUARANTINE:
        what = _unchanged(report.openstaand)
        return f"niet vergeleken, want een aanlevering staat in quarantaine; {what}."
    among = judged(report)
    if not among:
        return "geen enkele kruiscontrole kon worden gedaan." if report.own else "er was niets te vergelijken."
    return f"{_wrong(report, among)}{_columns(report)}{_aside(report)}."


def _unchanged(count: int) -> str:
    if not count:
        return "er stonden geen bevindingen open"
    if count == 1:
        return "de ene openstaande bevinding blijft zoals zij was"
    return f"alle {number(count)} openstaande bevindingen blijven zoals ze waren"


def _wrong(report: RunReport, among: int) -> str:
    found, written = report.tally.afwijkend, cosmetic(report)
    units = unit_words(report.entity, among)
    if not found:
        rest = f"; {plural(written, 'cosmetisch verschil', 'cosmetische verschillen')}" if written else ""
        return f"{'geen fouten' if report.own else 'geen afwijkingen'} bij {number(among)} {units}{rest}"
    if report.objecten is None or not 0 < report.objecten <= among:
        return f"{plural(found, 'afwijking', 'afwijkingen')} bij {number(among)} {units}"
    one = report.objecten == 1
    if report.own:
        verb = "voldoet niet" if one else "voldoen niet"
        return f"{number(report.objecten)} van {number(among)} {units} {verb} aan een kruiscontrole"
    return f"{number(report.objecten)} van {number(among)} {units} {'wijkt' if one else 'wijken'} af"


def _columns(report: RunReport) -> str:
    """Columns that are wrong as a whole, apart: they say nothing of single objects."""
    count = report.tally.velden
    if not count:
        return ""
    return f"; {plural(count, 'veld lijkt verkeerd toegewezen', 'velden lijken verkeerd toegewezen')}"


def _aside(report: RunReport) -> str:
    counts = ((report.tally.onderweg, "onderweg"), (report.tally.geaccepteerd, "geaccepteerd"))
    said = ", ".join(f"{number(count)} {name}" for count, name in counts if count)
    return f" (niet meegeteld: {said})" if said else ""


def overview_sentence(overview: Overview) -> str:
    """How all controles stand together, in one plain sentence."""
    if not overview.runs:
        return "Er is nog geen controle uitgevoerd."
    of_afnemers = [standing(run) for run in overview.runs if not run.own]
    parts = _standings(of_afnemers)
    if overview.without_controle:
        count = len(overview.without_controle)
        parts.append(plural(count, "applicatie zonder controle", "applicaties zonder controle"))
    said = f"{plural(len(of_afnemers), 'controle', 'controles')}: {', '.join(parts)}"
    own = _standings([standing(run) for run in overview.runs if run.own])
    return f"{said}; de distributie zelf: {', '.join(own)}." if own else f"{said}."


def _standings(stands: Sequence[str]) -> list[str]:
    said = {
        "quarantaine": "in quarantaine",
        "kritiek": "met kritieke bevindingen",
        "afwijkend": "met afwijkingen",
        "niets": "zonder iets om te vergelijken",
        "in_orde": "in orde",
    }
    return [f"{stands.count(name)} {text}" for name, text in said.items() if name in stands]
