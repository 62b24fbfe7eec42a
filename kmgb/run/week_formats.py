"""The weekly report in the formats that were asked for, each a reading of the same frozen data."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum
from itertools import chain
from pathlib import Path

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.report.causes import cause_words, status_words, step_words
from kmgb.report.files import mask_findings
from kmgb.report.house import load_colours
from kmgb.report.pdf import pdf_of
from kmgb.report.private import write_private
from kmgb.report.week import Role, WeekReport
from kmgb.report.week_files import week_json, write_week_findings
from kmgb.report.workbook import FINDING_SHEET, write_workbook
from kmgb.run.municipality import Municipality
from kmgb.run.publish import empty_record, finding_record
from kmgb.run.week import publish_week
from kmgb.store.runs import QUARANTINE, StoredRun


class Format(StrEnum):
    """In what a weekly report can be written."""

    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"
    JSON = "json"
    CSV = "csv"  # with the Parquet beside it


def write_formats(
    municipality: Municipality, week: WeekReport, folder: Path, formats: Collection[Format]
) -> list[Path]:
    """The files that were written, the page first. A manager gets no file with findings. Raises: ReportError."""
    page = publish_week(municipality, week, folder)
    written = [page]
    if Format.PDF in formats:
        path = page.with_suffix(".pdf")
        write_private(path, pdf_of(page.read_text(encoding="utf-8"), municipality.settings.templates))
        written.append(path)
    if Format.JSON in formats:
        write_private(page.with_suffix(".json"), week_json(week))
        written.append(page.with_suffix(".json"))
    if Format.XLSX in formats:
        path = page.with_suffix(".xlsx")
        colours = load_colours(municipality.settings.templates)
        write_workbook(week, _sheet_findings(municipality, week), path, colours)
        written.append(path)
    if Format.CSV in formats and week.role != Role.MANAGER:
        csv, parquet = (folder / f"{page.stem}-afwijkingen.{ending}" for ending in ("csv", "parquet"))
        records = (record for _, record in _records(municipality, week))
        write_week_findings(chain(records, [empty_record()]), csv, parquet)
        written += [csv, parquet]
    return written


def _records(municipality: Municipality, week: WeekReport) -> Iterator[tuple[StoredRun, pl.DataFrame]]:
    """Every controle of the report with its findings in the record of design section 7, masked as the role asks."""
    history = municipality.history
    lines = [*week.own, *(line for afnemer in week.afnemers for line in afnemer.controles)]
    for line in lines:
        stored = history.run(line.run_id)
        if stored.status == QUARANTINE:
            continue
        record = finding_record(municipality, stored, history.findings(stored, week.made))
        if week.role != Role.BEHEERDER:
            record = mask_findings(record, municipality.catalogue[stored.entity])
        yield stored, record


def _sheet_findings(municipality: Municipality, week: WeekReport) -> pl.DataFrame:
    """The findings as the workbook shows them: words instead of codes. None for a manager."""
    schema = {name: pl.String() for name in FINDING_SHEET} | {
        "id": pl.Int64(),
        "first_seen": pl.Date(),
        "kind": pl.String(),
    }
    if week.role == Role.MANAGER:
        return pl.DataFrame(schema=schema)
    frames = [
        _in_words(record, stored, municipality.catalogue[stored.entity], municipality.settings.timezone)
        for stored, record in _records(municipality, week)
        if record.height
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def _in_words(record: pl.DataFrame, stored: StoredRun, entity: Entity, zone: str) -> pl.DataFrame:
    labels = {name: entity[name].label if name else "hele rij" for name in record["field"].unique()}
    words = {
        "cause": {name: cause_words(name).label for name in record["cause"].unique()},
        "next_step": {name: step_words(name).label for name in record["next_step"].fill_null("").unique()},
        "status": {name: status_words(name) for name in record["status"].unique()},
    }
    return record.select(
        "id",
        pl.lit(stored.facts["titel"]).alias("titel"),
        pl.lit(entity.label).alias("entity_label"),
        "key",
        pl.col("field").replace_strict(labels, return_dtype=pl.String).alias("label"),
        "distributie",
        "afnemer_value",
        "severity",
        *(
            pl.col(name).fill_null("").replace_strict(meant, return_dtype=pl.String).alias(name)
            for name, meant in words.items()
        ),
        pl.col("first_seen").dt.convert_time_zone(zone).dt.date(),
        "kind",
    ).select(*FINDING_SHEET, "kind")
