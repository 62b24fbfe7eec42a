"""A stored run -> the frozen data of its report, with every sensitive value masked. Only the store is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from kmgb.catalogue.fields import SEVERITIES, Catalogue, Entity, Field
from kmgb.catalogue.masking import masked, masked_key
from kmgb.report.data import (
    ClusterLine,
    CoverageLine,
    DeliveryLine,
    Example,
    FieldLine,
    FindingLine,
    Overview,
    RunReport,
)
from kmgb.report.files import csv_name, parquet_name, report_name
from kmgb.store.runs import QUARANTINE, History, StoredDelivery, StoredRun

SHOWN_FINDINGS = 300
SHOWN_CLUSTERS = 60


def load_run(history: History, catalogue: Catalogue, stored: StoredRun, findings: pl.DataFrame) -> RunReport:
    """The report of one run. `findings` are those of the run: opening them is dear, and they are also written out."""
    return _report(history, catalogue[stored.entity], stored, findings)


def load_overview(history: History, catalogue: Catalogue, made: datetime, afnemers: Sequence[str]) -> Overview:
    """The newest run of every controle; `afnemers` are all applications that should have one."""
    runs = tuple(
        _report(history, catalogue[stored.entity], stored, history.findings(stored)) for stored in history.newest()
    )
    seen = {report.afnemer for report in runs}
    return Overview(made, runs, tuple(name for name in afnemers if name not in seen))


def _report(history: History, entity: Entity, stored: StoredRun, findings: pl.DataFrame) -> RunReport:
    quarantined = stored.status == QUARANTINE
    changes = history.changes(stored)
    facts, outcome = stored.facts, stored.outcome
    return RunReport(
        run_id=stored.id,
        afnemer=stored.afnemer,
        titel=facts["titel"],
        eigenaar=facts["eigenaar"],
        contact=facts["contact"],
        entity=entity.name,
        entity_label=entity.label,
        status=stored.status,
        started=stored.started,
        finished=stored.finished,
        population=facts["population"],
        deliveries=_deliveries(history, stored),
        versions=facts["versions"],
        rows=outcome.get("rows", {}),
        kinds=outcome.get("kinds", {}),
        severities=outcome.get("severities", {}),
        nieuw=changes.opened,
        opgelost=changes.closed,
        openstaand=findings.height,
        fields=tuple(_field_line(line, entity) for line in outcome.get("fields", ())),
        coverage=tuple(_coverage_line(line, entity, stored.started.date()) for line in facts["coverage"]),
        clusters=tuple(_cluster_line(line, entity) for line in history.clusters(stored.id)[:SHOWN_CLUSTERS]),
        findings=_finding_lines(findings, entity, stored),
        total=findings.height,
        files=() if quarantined else (csv_name(stored), parquet_name(stored)),
        report_file=report_name(stored),
        objecten=findings.filter(pl.col("kind") != "cosmetisch")["key"].n_unique(),
    )


def _deliveries(history: History, stored: StoredRun) -> tuple[DeliveryLine, ...]:
    sides = (("distributie", stored.distributie_id), ("applicatie", stored.afnemer_id))
    return tuple(_delivery_line(side, history.delivery(number)) for side, number in sides if number is not None)


def _delivery_line(side: str, delivery: StoredDelivery) -> DeliveryLine:
    manifest = delivery.manifest
    return DeliveryLine(
        side=side,
        file=manifest["file"],
        sha256=delivery.sha256,
        peildatum=delivery.peildatum,
        peildatum_from=manifest["peildatum_from"],
        arrived=delivery.arrived,
        rows=delivery.rows,
        faulty_rows=manifest["faulty_rows"],
        status=delivery.status,
        reasons=tuple(manifest["reasons"]),
        remarks=tuple(manifest["remarks"]),
    )


def _field_line(line: dict[str, Any], entity: Entity) -> FieldLine:
    field = entity[line["field"]]
    counts = {name: int(line[name]) for name in FieldLine.__slots__ if name in line}
    return FieldLine(name=field.name, label=field.label, group=field.group, **counts)


def _coverage_line(line: dict[str, Any], entity: Entity, today: date) -> CoverageLine:
    field = entity[line["field"]]
    deadline = date.fromisoformat(line["deadline"]) if line["deadline"] else None
    overdue = deadline is not None and deadline < today
    return CoverageLine(field.label, field.group, line["coverage"], line["explanation"], deadline, overdue)


def _cluster_line(line: dict[str, Any], entity: Entity) -> ClusterLine:
    field = _field(line["field"], entity)
    shown = field or _row_field(line["kind"], entity)
    examples = tuple(
        Example(masked_key(key, _key_field(entity, key), entity), masked(ours, shown), masked(theirs, shown))
        for key, ours, theirs in line["examples"]
    )
    return ClusterLine(
        field=field.label if field else "",
        kind=line["kind"],
        rule=line["rule"] or "",
        severity=line["severity"],
        pattern=_pattern(line, field),
        count=line["count"],
        examples=examples,
    )


def _pattern(line: dict[str, Any], field: Field | None) -> str:
    if line["from"] is None and line["to"] is None:
        return ""
    ours, theirs = (masked(line[side], field) or "(leeg)" for side in ("from", "to"))
    return f"{ours} → {theirs}"


def _finding_lines(findings: pl.DataFrame, entity: Entity, stored: StoredRun) -> tuple[FindingLine, ...]:
    rank = pl.col("severity").replace_strict({name: place for place, name in enumerate(SEVERITIES)}, default=9)
    worst = findings.sort(rank, pl.col("opened_run") != stored.id, maintain_order=True).head(SHOWN_FINDINGS)
    return tuple(_finding_line(row, entity, stored) for row in worst.iter_rows(named=True))


def _finding_line(row: dict[str, Any], entity: Entity, stored: StoredRun) -> FindingLine:
    field = _field(row["field"], entity)
    shown = field or _row_field(row["kind"], entity)
    return FindingLine(
        key=masked_key(row["key"], row["key_field"], entity),
        field=field.label if field else "",
        kind=row["kind"],
        rule=row["rule"] or "",
        severity=row["severity"],
        distributie=masked(row["distributie"], shown),
        afnemer=masked(row["afnemer_value"], shown),
        first_seen=row["first_seen"],
        new=row["opened_run"] == stored.id,
    )


def _row_field(kind: str, entity: Entity) -> Field | None:
    """The field whose values a finding about a whole row shows: its key; dubbel shows how often it occurs."""
    return None if kind == "dubbel" else entity.primary


def _field(name: str, entity: Entity) -> Field | None:
    return entity[name] if name else None


def _key_field(entity: Entity, key: str) -> str:
    version = entity.version
    return f"{entity.primary.name}|{version.name}" if version and "|" in key else entity.primary.name
