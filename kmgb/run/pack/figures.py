"""The figures of every run worked out again from the intervals in a pack, and whether the intervals can be at all.

A finding stood after run R when it was opened at or before R and not closed by then; its kind is that of its newest
version up to R. What a run found is what stood after it, without what it listed as not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from kmgb.report.pack.manifest import PackManifest
from kmgb.report.pack.tables import TABLES
from kmgb.run.pack.intervals import CLOSINGS, NAMES, impossible
from kmgb.run.pack.same import read_table
from kmgb.store.schema import DONE, QUARANTINE

_SHOWN: Final = 20  # faults of one sort that are named


def figure_faults(folder: Path, manifest: PackManifest) -> Iterator[str]:
    """What does not fit between runs, findings, versions and figures, in Dutch."""
    runs = _read(folder, "runs")
    findings = _read(folder, "bevindingen", "id", *NAMES, "opened_run", "closed_run", "status")
    versions = _read(folder, "versies", "id", "run_id", "kind")
    unknown = _read(folder, "onbekend")
    kinds = _read(folder, "tellingen").filter(groep="soorten").select("run_id", kind="naam", told="aantal")
    yield from _limited(_of_manifest(manifest, runs, kinds))
    wrong = list(_limited(impossible(runs, findings, versions, unknown)))
    yield from wrong
    if wrong:
        return
    lasting = _lasting(findings, versions)
    yield from _limited(_kinds(runs, lasting, unknown, kinds))
    yield from _limited(_changes(runs, findings, versions, unknown))


def _read(folder: Path, table: str, *columns: str) -> pl.DataFrame:
    frame = read_table(folder, TABLES[table])
    return (frame.select(columns) if columns else frame).collect()


def _limited(faults: Iterator[str]) -> Iterator[str]:
    found = list(faults)
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"en zo nog {len(found) - _SHOWN}."


def _of_manifest(manifest: PackManifest, runs: pl.DataFrame, kinds: pl.DataFrame) -> Iterator[str]:
    """The figures of the manifest must be those of the tables, run by run."""
    told: dict[int, dict[str, int]] = {}
    for run_id, kind, count in kinds.iter_rows():
        told.setdefault(run_id, {})[kind] = count
    of_tables = {
        run_id: (afnemer, entity, status, total, told.get(run_id, {}))
        for run_id, afnemer, entity, status, total in runs.select("run_id", *NAMES, "status", "total").iter_rows()
    }
    listed = {one.run: (one.afnemer, one.entity, one.status, one.totaal, one.soorten) for one in manifest.runs}
    for run_id in sorted(of_tables.keys() | listed.keys()):
        if of_tables.get(run_id) != listed.get(run_id):
            yield f"run {run_id}: het manifest noemt andere aantallen dan de tabellen runs en tellingen."


def _lasting(findings: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """Every version with its controle and the run from which it no longer holds (`until`; null when it still does)."""
    ordered = versions.sort("id", "run_id").with_columns(pl.col("run_id").shift(-1).over("id").alias("next"))
    beside = ordered.join(findings.select("id", *NAMES, "closed_run"), on="id")
    return beside.with_columns(pl.coalesce("next", "closed_run").alias("until")).select(
        "id", *NAMES, "kind", "run_id", "until"
    )


def _kinds(runs: pl.DataFrame, lasting: pl.DataFrame, unknown: pl.DataFrame, kinds: pl.DataFrame) -> Iterator[str]:
    """Per run that judged, the findings per kind beside what the run itself counted."""
    done = runs.filter(status=DONE).select("run_id", *NAMES, "total")
    unjudged = unknown.join(lasting.rename({"run_id": "since"}), on="id").filter(
        (pl.col("since") <= pl.col("run_id")) & (pl.col("until").is_null() | (pl.col("until") > pl.col("run_id")))
    )
    less = unjudged.group_by("run_id", "kind").agg(pl.len().cast(pl.Int64).alias("less"))
    stood = _stood(done.select("run_id", *NAMES), lasting)
    counted = (
        stood.join(less, on=["run_id", "kind"], how="left")
        .select("run_id", "kind", (pl.col("stood") - pl.col("less").fill_null(0)).alias("found"))
        .join(kinds.join(done.select("run_id"), on="run_id"), on=["run_id", "kind"], how="full", coalesce=True)
        .with_columns(pl.col("found", "told").fill_null(0))
        .sort("run_id", "kind")
    )
    for run_id, kind, found, told in counted.filter(pl.col("found") != pl.col("told")).iter_rows():
        yield f"run {run_id}: volgens de bevindingen {found} {kind}, volgens de run {told}."
    totals = counted.group_by("run_id").agg(pl.col("found").sum()).join(done, on="run_id", how="right")
    totals = totals.select("run_id", pl.col("found").fill_null(0), "total").sort("run_id")
    for run_id, found, told in (
        totals.select("run_id", pl.col("found").fill_null(0), "total").sort("run_id").iter_rows()
    ):
        if found != told:
            yield f"run {run_id}: volgens de bevindingen samen {found}, volgens de run {told}."


def _stood(runs: pl.DataFrame, lasting: pl.DataFrame) -> pl.DataFrame:
    """Per run and kind how many findings stood after it: what came up to then, less what went."""
    by = [*NAMES, "kind"]
    came = lasting.select(*by, "run_id", pl.lit(1, dtype=pl.Int64).alias("step"))
    gone = lasting.filter(pl.col("until").is_not_null())
    went = gone.select(*by, pl.col("until").alias("run_id"), pl.lit(-1, dtype=pl.Int64).alias("step"))
    steps = pl.concat([came, went]).group_by(*by, "run_id").agg(pl.col("step").sum()).sort("run_id")
    sums = steps.with_columns(pl.col("step").cum_sum().over(by, order_by="run_id").alias("stood"))
    grid = runs.join(lasting.select(by).unique(), on=NAMES).sort("run_id")
    joined = grid.join_asof(
        sums.select(*by, "run_id", "stood"), on="run_id", by=by, strategy="backward", check_sortedness=False
    )
    return joined.select("run_id", "kind", pl.col("stood").fill_null(0))


def _changes(
    runs: pl.DataFrame, findings: pl.DataFrame, versions: pl.DataFrame, unknown: pl.DataFrame
) -> Iterator[str]:
    """What each run opened, closed, changed and could not judge, beside what it says itself."""
    opened = findings.group_by(run_id="opened_run").agg(pl.len().alias("opened"))
    closed = [
        findings.filter(status=ending).group_by(run_id="closed_run").agg(pl.len().alias(name))
        for ending, name in CLOSINGS.items()
    ]
    written = versions.group_by("run_id").agg(pl.len().alias("written"))
    listed = unknown.group_by("run_id").agg(pl.len().alias("listed"))
    told = runs
    for part in (opened, *closed, written, listed, _standing(runs, findings)):
        told = told.join(part, on="run_id", how="left", suffix="_now")
    now = {name: f"{name}_now" for name in ("opened", *CLOSINGS.values())}
    counts = told.with_columns(pl.col(*now.values(), "written", "listed", "standing").fill_null(0).cast(pl.Int64))
    counts = counts.with_columns(
        (pl.col("written") - pl.col("opened_now")).alias("changed_now"),
        pl.when(pl.col("status") == QUARANTINE).then("standing").otherwise("listed").alias("unknown_now"),
    )
    for name in (*now, "changed", "unknown"):
        wrong = counts.filter(pl.col(name).ne_missing(pl.col(f"{name}_now"))).select("run_id", name, f"{name}_now")
        for run_id, said, found in wrong.sort("run_id").iter_rows():
            yield f"run {run_id}: {name} is volgens de run {said}, volgens de bevindingen {found}."


def _standing(runs: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Per run in quarantaine how many findings stood then: of all of those nothing is known."""
    beside = runs.filter(status=QUARANTINE).select("run_id", *NAMES).join(findings, on=NAMES)
    stood = (pl.col("opened_run") <= pl.col("run_id")) & (
        pl.col("closed_run").is_null() | (pl.col("closed_run") > pl.col("run_id"))
    )
    return beside.filter(stood).group_by("run_id").agg(pl.len().alias("standing"))
