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
from kmgb.store.runs import DONE, History, StoredRun

MET, NOT_MET, UNKNOWN = "gehaald", "niet gehaald", "niet te bepalen"
_ORDER = (NOT_MET, UNKNOWN, MET)
_CHUNK = 60  # runs of a controle that are read at a time
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
    past = _Past(municipality.history, (mapping.naam, entity), moment)
    newest, known = next(iter(past), None), municipality.catalogue[entity]
    for name, norm in norms:
        yield NormLine(
            naam=mapping.naam,
            titel=mapping.afnemer.titel,
            entity_label=known.label,
            field=known[name].label if name else "",
            norm=_asked(norm),
            werkelijk=_actual(_found(newest, name)) if newest else "nog niet vergeleken",
            woord=_word(newest, name, norm) if newest else UNKNOWN,
            sinds=_since(past, newest, name, norm, zone) if newest else None,
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


class _Past:
    """The runs of a controle that judged, the newest first, read only as far back as somebody looks."""

    def __init__(self, history: History, names: tuple[str, str], until: datetime) -> None:
        self._history, self._names, self._until = history, names, until
        self._runs: list[StoredRun] = []
        self._whole = False

    def __iter__(self) -> Iterator[StoredRun]:
        place = 0
        while place < len(self._runs) or self._more():
            yield self._runs[place]
            place += 1

    def _more(self) -> bool:
        if self._whole:
            return False
        afnemer, entity = self._names
        found = self._history.runs(afnemer, _CHUNK, entity=entity, status=DONE, until=self._until)
        known = {run.id for run in self._runs}
        fresh = [run for run in found if run.id not in known]
        self._whole = len(found) < _CHUNK or not fresh
        self._runs += fresh
        self._until = found[-1].finished if found else self._until
        return bool(fresh)


def _since(past: _Past, newest: StoredRun, name: str, norm: Norm, zone: ZoneInfo) -> date:
    """The day of the oldest of the last runs that all said the same."""
    word, first = _word(newest, name, norm), newest
    for run in past:
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
