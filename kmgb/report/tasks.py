"""The clusters of a run as pieces of work: masked, a wrong column as one, in the order in which they matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from kmgb.catalogue.fields import SEVERITIES, Catalogue, Entity, Field
from kmgb.catalogue.masking import HIDDEN, masked, masked_key, masked_value
from kmgb.report.data import ClusterLine, Example
from kmgb.report.evidence import shown_evidence
from kmgb.report.order import rank
from kmgb.report.tally import ACCEPTED, COLUMN, COSMETIC
from kmgb.store.findings import CHECK

SHOWN_TASKS, SHOWN_LIGHT = 60, 20
_BY = ("field", "kind", "rule", "severity", "cause", "transform")
_EVIDENCE_OF_CHECK = "Kruiscontrole: "  # says no more than the title of the check


@dataclass(frozen=True, slots=True)
class Known:
    """What masking and wording need to know around the lines of a run: `titles` by code of a kruiscontrole."""

    catalogue: Catalogue
    entity: Entity
    titles: Mapping[str, str]

    def field(self, name: str) -> Field | None:
        """The field of this name; None for a whole row."""
        return self.entity[name] if name else None

    def check(self, rule: str | None) -> str:
        """The title of the kruiscontrole of which this is the rule; "" when it is no such rule or is not known."""
        return self.titles.get(rule.removeprefix(CHECK), "") if rule and rule.startswith(CHECK) else ""

    def shown(self, value: str | None, kind: str, field: Field | None, key_field: str) -> str:
        """A value of a finding as every reader may see it."""
        return masked_value(value, kind, field, key_field, self.entity)

    def meanings(self, field: Field | None, values: Sequence[str | None]) -> tuple[str, str]:
        """What both values stand for, where they are codes that everyone may see."""
        if field is None or field.sensitive:
            return "", ""
        ours, theirs = (self.catalogue.meaning(field, value) for value in values)
        return ours, theirs


def tasks(grouped: Sequence[Mapping[str, Any]], findings: pl.DataFrame, known: Known) -> tuple[ClusterLine, ...]:
    """The clusters (see History.clusters) in order, as many as a page can hold and never without a critical one.

    Columns: `findings` as of the same run, with `part`.
    """
    key_fields: dict[str, str] = dict(findings.select("key", "key_field").iter_rows())
    accepted = _accepted(grouped, findings)
    columns: dict[str, list[ClusterLine]] = {}
    lines = []
    for one in grouped:
        line = _line(one, key_fields, known, accepted.get(one["number"], 0))
        if line.cause == COLUMN and line.kind != COSMETIC:
            columns.setdefault(line.field_name, []).append(line)
        else:
            lines.append(line)
    ordered = sorted([*lines, *map(_one_column, columns.values())], key=_urgency)
    light = [line for line in ordered if line.kind == COSMETIC]
    work = [line for line in ordered if line.kind != COSMETIC]
    critical = sum(line.severity == SEVERITIES[0] for line in work)
    return (*work[: max(SHOWN_TASKS, critical)], *light[:SHOWN_LIGHT])


def _urgency(line: ClusterLine) -> tuple[bool, bool, bool, int, int]:
    """Critical first, then a wrong column, for it says nothing of its rows; the rest as a steward asks for it, then by
    size, with what is of little weight behind.
    """
    least = line.severity == SEVERITIES[-1]
    return (line.severity != SEVERITIES[0], line.cause != COLUMN, least, line.rank, -line.count)


def _one_column(lines: Sequence[ClusterLine]) -> ClusterLine:
    """All clusters of a wrong column as one; the largest stands for the others."""
    gravest = min((line.severity for line in lines), key=SEVERITIES.index)
    return replace(
        lines[0],
        severity=gravest,
        count=sum(line.count for line in lines),
        accepted=sum(line.accepted for line in lines),
        numbers=tuple(number for line in lines for number in line.numbers),
        pattern=lines[0].pattern if len(lines) == 1 else "",
        rule=lines[0].rule if len({line.rule for line in lines}) == 1 else "",
    )


def _line(one: Mapping[str, Any], key_fields: Mapping[str, str], known: Known, accepted: int) -> ClusterLine:
    field, evidence = known.field(one["field"]), one["evidence"] or ""
    return ClusterLine(
        field=field.label if field else "",
        kind=one["kind"],
        rule=one["rule"] or "",
        severity=one["severity"],
        pattern="; ".join(_pattern(one, field, known)),
        count=one["count"],
        examples=tuple(_example(example, one["kind"], field, key_fields, known) for example in one["examples"]),
        numbers=(one["number"],),
        cause=one["cause"],
        evidence="" if evidence.startswith(_EVIDENCE_OF_CHECK) else shown_evidence(evidence, known.entity),
        next_step=one["next_step"] or "",
        check=known.check(one["rule"]),
        field_name=one["field"],
        rank=rank(one["field"], known.entity),
        accepted=accepted,
    )


def _example(
    example: Sequence[str], kind: str, field: Field | None, key_fields: Mapping[str, str], known: Known
) -> Example:
    key, ours, theirs = example
    key_field = key_fields.get(key, known.entity.primary.name)
    return Example(
        key=masked_key(key, key_field, known.entity),
        distributie=known.shown(ours, kind, field, key_field),
        afnemer=known.shown(theirs, kind, field, key_field),
        meanings=known.meanings(field, (ours, theirs)),
    )


def _pattern(one: Mapping[str, Any], field: Field | None, known: Known) -> Iterable[str]:
    """What the findings of a cluster share beside their field, kind and rule."""
    if one["transform"]:
        yield one["transform"]
    if one["date"]:
        yield f"verouderd: gold tot en met {date.fromisoformat(one['date']):%d-%m-%Y}"
    if one["street"]:
        hidden = field is not None and field.sensitive
        yield f"dezelfde straat ({HIDDEN})" if hidden else f"straat {one['street']}"
    if one["from"] or one["to"]:
        yield _pair((one["from"] or "", one["to"] or ""), (one["rule"] or "").startswith(CHECK), field, known)


def _pair(pair: tuple[str, str], of_check: bool, field: Field | None, known: Known) -> str:
    said = zip((masked(value, field) for value in pair), known.meanings(field, pair), strict=True)
    texts = [f"{text} ({meaning})" if meaning else text for text, meaning in said]
    # A kruiscontrole looks at one side, or at both: what it did not look at is not empty.
    shown = [text for text in texts if text] if of_check else [text or "(leeg)" for text in texts]
    return " → ".join(shown)


def _accepted(grouped: Sequence[Mapping[str, Any]], findings: pl.DataFrame) -> dict[int, int]:
    """How many findings of each cluster were accepted. What the run could not judge is in no cluster."""
    chosen = findings.filter((pl.col("part") == ACCEPTED) & (pl.col("status") == ACCEPTED))
    if chosen.is_empty():
        return {}
    places: dict[tuple[Any, ...], list[tuple[str, int]]] = {}
    for one in grouped:
        shared = tuple(one[name] for name in (*_BY, "date", "from", "to"))
        places.setdefault(shared, []).append((one["street"] or "", one["number"]))
    counts: dict[int, int] = {}
    for row in chosen.iter_rows(named=True):
        number = _cluster_of(row, places)
        counts[number] = counts.get(number, 0) + 1
    return counts


def _cluster_of(row: Mapping[str, Any], places: Mapping[tuple[Any, ...], list[tuple[str, int]]]) -> int:
    """The number of the cluster of a finding, the closest pattern first; 0 when there is none."""
    by = tuple(row[name] for name in _BY)
    ours, theirs = row["distributie"] or "", row["afnemer_value"] or ""
    dated = [(row["former_until"], None, None)] if row["former_until"] else []
    for shared in (*dated, (None, ours, theirs), (None, None, None)):
        fitting = [one for one in places.get((*by, *shared), ()) if (ours or theirs).startswith(one[0])]
        if fitting:
            return max(fitting)[1]
    return 0
