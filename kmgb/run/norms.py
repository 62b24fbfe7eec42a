"""The norms of the mappings beside what the runs found: met or not, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from kmgb.mapping.model import EntiteitMapping
from kmgb.mapping.model import Mapping as Veldtoewijzing
from kmgb.mapping.norm import Norm
from kmgb.report.figures import COSMETIC, percent, plural
from kmgb.report.week import NormLine
from kmgb.run.municipality import Municipality
from kmgb.store.runs import DONE, StoredRun

MET, NOT_MET, UNKNOWN = "gehaald", "niet gehaald", "niet te bepalen"
_ORDER = (NOT_MET, UNKNOWN, MET)
_LOOKED_BACK = 60  # runs of a controle in which is sought since when a norm is not met
_WRONG = ("afwijkend", "leeg_in_applicatie", "leeg_in_bron", "ongeldig")


@dataclass(frozen=True, slots=True)
class _Found:
    """What one run says of one norm: values compared, those that mean the same, and findings.

    A finding that is under way or accepted is one as well: a norm is about the data, not about what was agreed on them.
    """

    compared: int
    good: int
    wrong: int


def norm_lines(municipality: Municipality, moment: datetime) -> tuple[NormLine, ...]:
    """Every norm of every mapping as of a moment; those that are not met first."""
    zone = ZoneInfo(municipality.settings.timezone)
    lines = [
        line
        for mapping in municipality.mappings.values()
        for entity, plan in mapping.entiteit.items()
        for line in _lines(municipality, mapping, entity, plan, moment, zone)
    ]
    return tuple(sorted(lines, key=lambda line: (_ORDER.index(line.woord), line.titel, line.entity_label, line.field)))


def _lines(
    municipality: Municipality,
    mapping: Veldtoewijzing,
    entity: str,
    plan: EntiteitMapping,
    moment: datetime,
    zone: ZoneInfo,
) -> Iterator[NormLine]:
    norms: list[tuple[str, Norm]] = []
    general = plan.norm or mapping.afnemer.norm
    if general is not None:
        norms.append(("", general))
    norms += [(name, veld.norm) for name, veld in plan.velden.items() if veld.norm is not None]
    if not norms:
        return
    runs = municipality.history.runs(mapping.naam, _LOOKED_BACK, entity=entity, status=DONE, until=moment)
    known = municipality.catalogue[entity]
    for name, norm in norms:
        yield NormLine(
            naam=mapping.naam,
            titel=mapping.afnemer.titel,
            entity_label=known.label,
            field=known[name].label if name else "",
            norm=_asked(norm),
            werkelijk=_actual(_found(runs[0], name)) if runs else "nog niet vergeleken",
            woord=_word(runs[0], name, norm) if runs else UNKNOWN,
            sinds=_since(runs, name, norm, zone) if runs else None,
        )


def _found(run: StoredRun, name: str) -> _Found:
    """All fields together, or one with its parts; nothing for a field that was not compared."""
    fields: list[Mapping[str, Any]] = [
        line for line in run.outcome.get("fields", ()) if name in ("", line["field"], line["field"].partition(".")[0])
    ]
    return _Found(
        compared=sum(int(line["vergeleken"]) for line in fields),
        good=sum(int(line["gelijk"]) + int(line["cosmetisch"]) for line in fields),
        wrong=sum(int(line[kind]) for line in fields for kind in _WRONG) if name else _all(run),
    )


def _all(run: StoredRun) -> int:
    """Every finding of a run but those of which only the way of writing differs."""
    return sum(count for kind, count in run.outcome.get("kinds", {}).items() if kind != COSMETIC)


def _word(run: StoredRun, name: str, norm: Norm) -> str:
    found = _found(run, name)
    if not found.compared:
        return UNKNOWN
    enough = norm.percentage is None or found.good * 100 >= norm.percentage * found.compared
    few = norm.aantal is None or found.wrong <= norm.aantal
    return MET if enough and few else NOT_MET


def _since(runs: list[StoredRun], name: str, norm: Norm, zone: ZoneInfo) -> date:
    """The day of the oldest of the last runs that all said the same."""
    word, first = _word(runs[0], name, norm), runs[0]
    for run in runs:
        if _word(run, name, norm) != word:
            break
        first = run
    return first.finished.astimezone(zone).date()


def _asked(norm: Norm) -> str:
    parts = []
    if norm.percentage is not None:
        parts.append(f"ten minste {f'{norm.percentage:g}'.replace('.', ',')} % goed")
    if norm.aantal is not None:
        parts.append(f"hoogstens {plural(norm.aantal, 'bevinding', 'bevindingen')}")
    return ", ".join(parts)


def _actual(found: _Found) -> str:
    if not found.compared:
        return "niet vergeleken"
    said = f"{percent(found.good, found.compared)} van {plural(found.compared, 'waarde', 'waarden')} goed"
    return f"{said}, {plural(found.wrong, 'bevinding', 'bevindingen')}"
