"""A stored run -> the frozen data of its report, with every sensitive value masked. Only the store is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from kmgb.catalogue.fields import SEVERITIES, Catalogue, Entity
from kmgb.catalogue.masking import masked_key
from kmgb.report.data import (
    PARTS,
    CheckLine,
    CoverageLine,
    DeliveryLine,
    FieldLine,
    FindingLine,
    Overview,
    RunReport,
    SkippedCheck,
)
from kmgb.report.files import csv_name, parquet_name, report_name
from kmgb.report.hints import double_hints
from kmgb.report.order import rank
from kmgb.report.tally import COLUMN, WRONG, count_lines, parted, tally
from kmgb.report.tasks import Known, tasks
from kmgb.store.findings import CHECK
from kmgb.store.runs import QUARANTINE, History, StoredDelivery, StoredRun

SHOWN_FINDINGS = 300


def load_run(history: History, catalogue: Catalogue, stored: StoredRun, findings: pl.DataFrame) -> RunReport:
    """The report of one run. `findings` are those of the run: opening them is dear, and they are also written out."""
    return _report(history, catalogue, stored, findings)


def load_overview(history: History, catalogue: Catalogue, made: datetime, afnemers: Mapping[str, str]) -> Overview:
    """The newest run of every controle; `afnemers` are all applications that should have one, with their titles."""
    runs = tuple(_report(history, catalogue, stored, history.findings(stored)) for stored in history.newest())
    seen = {report.afnemer for report in runs}
    return Overview(made, runs, tuple(title for name, title in afnemers.items() if name not in seen))


def _report(history: History, catalogue: Catalogue, stored: StoredRun, findings: pl.DataFrame) -> RunReport:
    entity, quarantined = catalogue[stored.entity], stored.status == QUARANTINE
    changes, counted = history.changes(stored), parted(findings)
    opened = counted.filter(pl.col("opened_run") == stored.id)
    returned = opened.filter(pl.col("predecessor").is_not_null()).height
    in_columns = opened.filter((pl.col("part") == COLUMN) & pl.col("predecessor").is_null()).height
    facts, outcome = stored.facts, stored.outcome
    known = Known(catalogue, entity, _titles(history, stored, findings))
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
        nieuw=changes.opened - returned - in_columns,
        opgelost=changes.solved,
        openstaand=findings.height,
        fields=tuple(_field_line(line, entity) for line in outcome.get("fields", ())),
        coverage=tuple(_coverage_line(line, entity, stored.started.date()) for line in facts["coverage"]),
        clusters=tasks(history.clusters(stored.id), counted, known),
        findings=_finding_lines(counted, known, stored),
        total=findings.height,
        files=() if quarantined else (csv_name(stored), parquet_name(stored)),
        report_file=report_name(stored),
        objecten=counted.filter(pl.col("part") == WRONG)["key"].n_unique(),
        hints=() if quarantined else tuple(double_hints(findings, outcome.get("rows", {}), entity)),
        own=stored.afnemer_id is None and stored.distributie_id is not None,
        tally=tally(counted),
        nieuw_in_velden=in_columns,
        teruggekeerd=returned,
        buiten_populatie=changes.outside,
        niet_meer_vergeleken=changes.dropped,
        onbekend=changes.unknown,
        causes=count_lines(counted, "cause"),
        steps=count_lines(counted, "next_step"),
        warnings=tuple(facts.get("warnings", ())),
        checks=tuple(_check_line(book) for book in outcome.get("crosschecks", ())),
        skipped=tuple(_skipped_check(one, known) for one in outcome.get("crosschecks_skipped", ())),
    )


def _titles(history: History, stored: StoredRun, findings: pl.DataFrame) -> dict[str, str]:
    """The title of every kruiscontrole by its code: as this run knows it, or else an earlier one of the controle."""
    titles = titles_of(stored)
    rules = findings["rule"].drop_nulls().unique()
    wanted = {rule.removeprefix(CHECK) for rule in rules if rule.startswith(CHECK)} - set(titles)
    if not wanted:
        return titles
    for earlier in history.runs(stored.afnemer, entity=stored.entity):
        if earlier.id < stored.id:
            titles = titles_of(earlier) | titles
    return titles


def titles_of(stored: StoredRun) -> dict[str, str]:
    """The titles of the kruiscontroles of a run, by code."""
    return {book["code"]: book["titel"] for book in stored.outcome.get("crosschecks", ())}


def _check_line(book: dict[str, Any]) -> CheckLine:
    counts = {name: book[name] for name in ("kant", "severity", "rijen", "beoordeeld", "fout", "niet_te_beoordelen")}
    return CheckLine(title=book["titel"], **counts)


def _skipped_check(one: dict[str, Any], known: Known) -> SkippedCheck:
    title = known.titles.get(one["code"]) or one["code"].replace("_", " ").capitalize()
    return SkippedCheck(title, one["kant"], one["reason"])


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
    return CoverageLine(
        label=field.label,
        group=field.group,
        coverage=line["coverage"],
        explanation=line["explanation"],
        deadline=deadline,
        overdue=deadline is not None and deadline < today,
        whole=entity[field.part_of].label if field.part_of else "",
        alternative=line.get("alternative", ""),
    )


def _finding_lines(counted: pl.DataFrame, known: Known, stored: StoredRun) -> tuple[FindingLine, ...]:
    """The first findings: what counts before what does not, worst first, then in the order of a steward, new first."""
    part = pl.col("part").replace_strict({name: place for place, name in enumerate(PARTS)}, return_dtype=pl.Int64)
    severity = pl.col("severity").replace_strict({name: place for place, name in enumerate(SEVERITIES)}, default=9)
    ranks = {name: rank(name, known.entity) for name in counted["field"].unique()}
    place = pl.col("field").replace_strict(ranks, default=9, return_dtype=pl.Int64)
    loose = counted.filter(pl.col("part") != COLUMN)
    worst = loose.sort(part, severity, place, pl.col("opened_run") != stored.id, maintain_order=True)
    return tuple(_finding_line(row, known, stored) for row in worst.head(SHOWN_FINDINGS).iter_rows(named=True))


def _finding_line(row: dict[str, Any], known: Known, stored: StoredRun) -> FindingLine:
    field, key_field = known.field(row["field"]), row["key_field"]
    values = (row["distributie"], row["afnemer_value"])
    ours, theirs = (known.shown(value, row["kind"], field, key_field) for value in values)
    return FindingLine(
        key=masked_key(row["key"], key_field, known.entity),
        field=field.label if field else "",
        kind=row["kind"],
        rule=row["rule"] or "",
        severity=row["severity"],
        distributie=ours,
        afnemer=theirs,
        first_seen=row["first_seen"],
        new=row["opened_run"] == stored.id,
        meanings=known.meanings(field, values),
        id=row["id"],
        cause=row["cause"],
        next_step=row["next_step"] or "",
        former_until=date.fromisoformat(row["former_until"]) if row["former_until"] else None,
        status=row["status"],
        age=row["age"],
        part=row["part"],
        check=known.check(row["rule"]),
        assigned=row["assigned"] or "",
        reference=row["reference"] or "",
        remark=row["remark"] or "",
    )
