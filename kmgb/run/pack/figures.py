"""The figures of every run worked out again from the intervals in a pack, and whether the intervals can be at all.

A finding stood after run R when it was opened at or before R and not closed by then; its kind is that of its newest
version up to R. What a run found is what stood after it, without what it listed as not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from kmgb.report.pack.manifest import PackManifest
from kmgb.report.pack.tables import TABLES
from kmgb.run.pack.intervals import CLOSINGS, NAMES, impossible
from kmgb.run.pack.same import read_table
from kmgb.store.schema import DONE, QUARANTINE

# Columns of a version, and the group of counts of a run that follows from each.
# Causes are not among them: a finding keeps the one that was proven before where a run could prove none.
_COUNTED: Final = {"kind": "soorten", "severity": "ernst"}
_WORD: Final = re.compile(r"[a-z_]{0,40}")
_SHOWN: Final = 20  # faults of one sort that are named


def figure_faults(folder: Path, manifest: PackManifest) -> Iterator[str]:
    """What does not fit between runs, findings, versions and figures, in Dutch."""
    runs, unknown, counts = (_read(folder, name) for name in ("runs", "onbekend", "tellingen"))
    findings = _read(folder, "bevindingen", "id", *NAMES, "opened_run", "closed_run", "status")
    versions = _read(folder, "versies", "id", "run_id", *_COUNTED)
    yield from limited(_of_manifest(manifest, runs, counts))
    wrong = list(limited(impossible(runs, findings, versions, unknown)))
    yield from wrong
    if wrong:
        return
    lasting, done = _lasting(findings, versions), runs.filter(status=DONE)
    for column, group in _COUNTED.items():
        told = counts.filter(groep=group).join(done, on="run_id", how="semi")
        found = _found(done, lasting.rename({column: "naam"}), unknown)
        yield from limited(_unlike(found, told.select("run_id", "naam", "aantal")))
    yield from limited(_totals(done, counts))
    yield from limited(_changes(runs, findings, versions, unknown))


def _read(folder: Path, table: str, *columns: str) -> pl.DataFrame:
    frame = read_table(folder, TABLES[table])
    return (frame.select(columns) if columns else frame).collect()


def limited(faults: Iterator[str]) -> Iterator[str]:
    """The first of them, and how many more there are."""
    found = list(faults)
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"en zo nog {len(found) - _SHOWN}."


def _of_manifest(manifest: PackManifest, runs: pl.DataFrame, counts: pl.DataFrame) -> Iterator[str]:
    """The figures of the manifest must be those of the tables, run by run."""
    told: dict[int, dict[str, int]] = {}
    for run_id, kind, count in counts.filter(groep=_COUNTED["kind"]).select("run_id", "naam", "aantal").iter_rows():
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
        "id", *NAMES, *_COUNTED, "run_id", "until"
    )


def _found(done: pl.DataFrame, lasting: pl.DataFrame, unknown: pl.DataFrame) -> pl.DataFrame:
    """Per run that judged, how many findings of each name (`naam` of `lasting`) it found."""
    unjudged = unknown.join(lasting.rename({"run_id": "since"}), on="id").filter(
        (pl.col("since") <= pl.col("run_id")) & (pl.col("until").is_null() | (pl.col("until") > pl.col("run_id")))
    )
    less = unjudged.group_by("run_id", "naam").agg(pl.len().cast(pl.Int64).alias("less"))
    stood = _stood(done.select("run_id", *NAMES), lasting).join(less, on=["run_id", "naam"], how="left")
    return stood.select("run_id", "naam", (pl.col("stood") - pl.col("less").fill_null(0)).alias("found"))


def _stood(runs: pl.DataFrame, lasting: pl.DataFrame) -> pl.DataFrame:
    """Per run and name how many findings stood after it: what came up to then, less what went."""
    by = [*NAMES, "naam"]
    came = lasting.select(*by, "run_id", pl.lit(1, dtype=pl.Int64).alias("step"))
    gone = lasting.filter(pl.col("until").is_not_null())
    went = gone.select(*by, pl.col("until").alias("run_id"), pl.lit(-1, dtype=pl.Int64).alias("step"))
    steps = pl.concat([came, went]).group_by(*by, "run_id").agg(pl.col("step").sum()).sort("run_id")
    sums = steps.select(*by, "run_id", pl.col("step").cum_sum().over(by, order_by="run_id").alias("stood"))
    grid = runs.join(lasting.select(by).unique(), on=NAMES).sort("run_id")
    joined = grid.join_asof(sums, on="run_id", by=by, strategy="backward", check_sortedness=False)
    return joined.select("run_id", "naam", pl.col("stood").fill_null(0))


def _unlike(found: pl.DataFrame, told: pl.DataFrame) -> Iterator[str]:
    """Where what the findings give is not what the run counted."""
    both = found.join(told, on=["run_id", "naam"], how="full", coalesce=True)
    both = both.with_columns(pl.col("found", "aantal").fill_null(0)).sort("run_id", "naam")
    for run_id, name, ours, theirs in both.filter(pl.col("found") != pl.col("aantal")).iter_rows():
        said = name or "zonder" if _WORD.fullmatch(name or "") else "met een naam die kmgb niet kent"
        yield f"run {run_id}: volgens de bevindingen {ours} {said}, volgens de run {theirs}."


def _totals(done: pl.DataFrame, counts: pl.DataFrame) -> Iterator[str]:
    """The total of a run is that of its kinds."""
    sums = counts.filter(groep=_COUNTED["kind"]).group_by("run_id").agg(pl.col("aantal").sum())
    beside = done.join(sums, on="run_id", how="left").select("run_id", "total", pl.col("aantal").fill_null(0))
    for run_id, total, summed in beside.filter(pl.col("total").ne_missing(pl.col("aantal"))).sort("run_id").iter_rows():
        yield f"run {run_id}: samen {summed} bevindingen, volgens de run {total}."


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
