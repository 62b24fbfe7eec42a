"""Whether the tables of a pack fit one another: nothing twice, nothing that speaks of what is not there, and findings
that say what their newest version says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from kmgb.report.pack.tables import TABLES
from kmgb.run.pack.same import read_table
from kmgb.store.schema import QUARANTINE

# What is one row only.
_ONCE: Final = {
    "runs": ("run_id",),
    "tellingen": ("run_id", "groep", "naam"),
    "velden": ("run_id", "field"),
    "dekking": ("run_id", "field"),
    "instellingen": ("run_id", "naam"),
    "gebruikt": ("run_id", "kant", "entity", "aanlevering_id"),
    "kruiscontroles": ("run_id", "code", "kant"),
    "onderdrukkingen": ("run_id", "decision"),
    "clusters": ("run_id", "number"),
    "besluiten": ("id",),
    "aanleveringen": ("id",),
    "documenten": ("sha256",),
}
_OF_RUNS: Final = (
    "tellingen", "velden", "dekking", "instellingen", "gebruikt", "kruiscontroles", "onderdrukkingen", "clusters",
)  # fmt: skip
# Table and column that name what another table lists.
_NAMED: Final = (
    *((table, "run_id", "runs", "run_id") for table in _OF_RUNS),
    ("runs", "distributie_id", "aanleveringen", "id"),
    ("runs", "afnemer_id", "aanleveringen", "id"),
    ("gebruikt", "aanlevering_id", "aanleveringen", "id"),
    ("onderdrukkingen", "decision", "besluiten", "id"),
    ("bevindingen", "decision", "besluiten", "id"),
    ("besluiten", "subject", "besluiten", "id"),
    *(
        ("runs", column, "documenten", "sha256")
        for column in (
            "catalogus_sha256",
            "codelijsten_sha256",
            "veldtoewijzing",
            "veldtoewijzing_distributie",
            "kruiscontroles",
        )
    ),
)
_NEVER_EMPTY: Final = {table: columns for table, columns in _ONCE.items() if table != "gebruikt"}
TABLES_READ: Final = frozenset(_ONCE) | {"bevindingen", "versies"}


def tied_faults(folder: Path) -> Iterator[str]:
    """What does not fit, in Dutch and without values."""
    frames = {name: read_table(folder, TABLES[name]).collect() for name in sorted(TABLES_READ)}
    yield from _alone(frames)
    for table, column, other, key in _NAMED:
        known = frames[other][key].drop_nulls()
        missing = frames[table][column].drop_nulls().unique()
        if missing.dtype == pl.String:  # an empty text names nothing: there were no kruiscontroles
            missing = missing.filter(missing != "")
        count = missing.filter(~missing.is_in(known.implode())).len()
        if count:
            yield f"{table}: {column} noemt {count} keer iets dat niet in {other} staat."
    wrong = frames["runs"].filter(pl.col("status") == QUARANTINE, pl.col("total").is_not_null()).height
    if wrong:
        yield f"runs: {wrong} runs in quarantaine hebben een uitkomst, terwijl zij niets beoordeelden."
    yield from _lives(frames["runs"], frames["bevindingen"], frames["versies"])


def _alone(frames: dict[str, pl.DataFrame]) -> Iterator[str]:
    for table, columns in _ONCE.items():
        twice = frames[table].select(pl.struct(columns).is_duplicated().sum()).item()
        if twice:
            yield f"{table}: {twice} rijen staan er meer dan eens."
    for table, columns in _NEVER_EMPTY.items():
        empty = frames[table].filter(pl.any_horizontal(pl.col(columns).is_null())).height
        if empty:
            yield f"{table}: {empty} rijen hebben geen {' of '.join(columns)}."


def _lives(runs: pl.DataFrame, findings: pl.DataFrame, versions: pl.DataFrame) -> Iterator[str]:
    """What a finding says is what its newest version says, and its moments are those of its runs."""
    shared = [name for name in TABLES["versies"].schema if name not in ("id", "run_id", "since")]
    newest = versions.sort("id", "run_id").unique("id", keep="last", maintain_order=True)
    beside = findings.join(newest, on="id", suffix="_version")
    for name in shared:
        wrong = beside.filter(pl.col(name).ne_missing(pl.col(f"{name}_version")))
        yield from _named(wrong, f"heeft een andere {name} dan haar laatste versie")
    ends = runs.select("run_id", "finished")
    for name, run_id in (("first_seen", "opened_run"), ("closed", "closed_run")):
        timed = findings.join(ends, left_on=run_id, right_on="run_id", how="left")
        other = pl.col("finished").is_not_null() & pl.col("finished").ne_missing(pl.col(name))
        absent = pl.col(run_id).is_null() & pl.col(name).is_not_null()
        yield from _named(timed.filter(other | absent), f"heeft in {name} een ander moment dan het einde van {run_id}")
    timed = versions.join(ends, on="run_id").filter(pl.col("since").ne_missing(pl.col("finished")))
    yield from _named(timed, "heeft een versie met een ander moment dan het einde van haar run")


def _named(wrong: pl.DataFrame, what: str) -> Sequence[str]:
    numbers = wrong["id"].unique().sort()
    return [f"bevinding {number} {what}." for number in numbers]
