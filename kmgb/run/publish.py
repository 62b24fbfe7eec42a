"""Reports and files of runs, made from the store alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from kmgb.report.coverage import load_coverage
from kmgb.report.files import LIFE, RECORD, csv_name, mask_findings, parquet_name, report_name, write_findings
from kmgb.report.load import load_overview, load_run
from kmgb.report.private import write_private
from kmgb.report.render import Renderer
from kmgb.run.coverage_matrix import coverage_matrix, expected_afnemers, titles
from kmgb.run.municipality import Municipality
from kmgb.store.life import LIFE_COLUMNS
from kmgb.store.runs import QUARANTINE, StoredRun

OVERVIEW = "overzicht.html"
COVERAGE = "dekking.html"

# A template that changes is read again; compiling them for every page takes longer than filling them.
renderer = cache(Renderer)


def publish_run(municipality: Municipality, run_id: int) -> Path:
    """The report of a run with its findings beside it, in the output folder; gives the report's path."""
    settings = municipality.settings
    stored = municipality.history.run(run_id)
    folder = settings.output
    folder.mkdir(parents=True, exist_ok=True)
    findings = municipality.history.findings(stored)
    if stored.status != QUARANTINE:
        record = mask_findings(finding_record(municipality, stored, findings), municipality.catalogue[stored.entity])
        write_findings(record, folder / csv_name(stored), folder / parquet_name(stored))
    page = renderer(settings.templates, settings.timezone).run(
        load_run(municipality.history, municipality.catalogue, stored, findings)
    )
    path = folder / report_name(stored)
    write_private(path, page.encode())
    return path


def publish_overview(municipality: Municipality, now: datetime) -> Path:
    """The overview of the newest run of every controle, with the coverage beside it; gives the overview's path."""
    settings = municipality.settings
    settings.output.mkdir(parents=True, exist_ok=True)
    named = titles(municipality)
    expected = {name: named.get(name, name) for name in expected_afnemers(municipality)}
    overview = load_overview(municipality.history, municipality.catalogue, now, expected)
    path = settings.output / OVERVIEW
    write_private(path, renderer(settings.templates, settings.timezone).overview(overview).encode())
    publish_coverage(municipality, now)
    return path


def publish_coverage(municipality: Municipality, now: datetime) -> Path:
    """The page with what is compared and what is not, in the whole municipality; gives its path."""
    settings = municipality.settings
    settings.output.mkdir(parents=True, exist_ok=True)
    matrix = coverage_matrix(municipality, now.astimezone(ZoneInfo(settings.timezone)).date())
    page = load_coverage(matrix, municipality.catalogue, titles(municipality), now)
    path = settings.output / COVERAGE
    write_private(path, renderer(settings.templates, settings.timezone).coverage(page).encode())
    return path


def empty_record(more: Sequence[str] = LIFE) -> pl.DataFrame:
    """The record of nothing, with the same columns."""
    moment = pl.Datetime("us", "UTC")
    others = dict.fromkeys(("peildatum_distributie", "peildatum_afnemer", "first_seen"), moment)
    known = {**LIFE_COLUMNS, **others, "run_id": pl.Int64()}
    return pl.DataFrame(schema={name: known.get(name, pl.String()) for name in (*RECORD, *more)})


def finding_record(
    municipality: Municipality, stored: StoredRun, findings: pl.DataFrame, more: Sequence[str] = LIFE
) -> pl.DataFrame:
    """The findings of a run (see History.findings) in the schema of design section 7 (columns RECORD), unmasked,
    and columns `more` behind it.
    """
    history = municipality.history
    peildatums = {
        "peildatum_distributie": history.delivery(stored.distributie_id).peildatum if stored.distributie_id else None,
        "peildatum_afnemer": history.delivery(stored.afnemer_id).peildatum if stored.afnemer_id else None,
    }
    facts = [pl.lit(moment, dtype=pl.Datetime("us", "UTC")).alias(name) for name, moment in peildatums.items()]
    return findings.with_columns(
        pl.lit(stored.id).alias("run_id"),
        pl.lit(stored.afnemer).alias("afnemer"),
        pl.lit(stored.entity).alias("entity"),
        pl.col("first_seen", "closed").dt.replace_time_zone("UTC"),
        *facts,
    ).select(*RECORD, *more)
