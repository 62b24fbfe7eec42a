"""Whether the findings, versions and runs in a pack can stand beside each other at all, before anything is counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

from kmgb.store.findings import DROPPED, OUTSIDE, SOLVED
from kmgb.store.schema import DONE

NAMES: Final = ["afnemer", "entity"]
# How a finding can be closed, and the column of the table of runs that counts it.
CLOSINGS: Final = {SOLVED: "closed_solved", OUTSIDE: "closed_outside", DROPPED: "closed_dropped"}
_OPENED, _CLOSED, _RUN = pl.col("opened_run"), pl.col("closed_run"), pl.col("run_id")

Wrong = Iterator[tuple[str, pl.DataFrame]]


def impossible(
    runs: pl.DataFrame, findings: pl.DataFrame, versions: pl.DataFrame, unknown: pl.DataFrame
) -> Iterator[str]:
    """What cannot be so, in Dutch: a finding by its number and what is wrong with it."""
    for found in (_findings(runs, findings), _versions(findings, versions), _unknown(runs, findings, unknown)):
        for what, wrong in found:
            yield from (f"bevinding {number} {what}." for number in wrong["id"].unique().sort())


def _findings(runs: pl.DataFrame, findings: pl.DataFrame) -> Wrong:
    known = runs.select(*NAMES, "run_id")
    ends = known.group_by(NAMES).agg(_RUN.min().alias("first"), _RUN.max().alias("last"))
    beside = findings.join(ends, on=NAMES, how="left")
    first, last = pl.col("first"), pl.col("last")
    within, ended = beside.filter(first <= _OPENED), findings.filter(_CLOSED.is_not_null())
    closed_by_status = pl.col("status").is_in(list(CLOSINGS))
    yield "hoort bij geen run", beside.filter(first.is_null())
    yield "staat er meer dan eens", findings.filter(pl.col("id").is_duplicated())
    yield "is gesloten voor zij geopend werd", findings.filter(_CLOSED <= _OPENED)
    yield "is na de laatste run geopend of gesloten", beside.filter((last < _OPENED) | (last < _CLOSED))
    yield "was al voor de eerste run gesloten", beside.filter(first > _CLOSED)
    yield "is geopend door een run die er niet is", _without(within, known, "opened_run")
    yield "is gesloten door een run die er niet is", _without(ended, known, "closed_run")
    yield (
        "is open met de status van een gesloten bevinding, of andersom",
        findings.filter(_CLOSED.is_null() == closed_by_status),
    )


def _versions(findings: pl.DataFrame, versions: pl.DataFrame) -> Wrong:
    lives = versions.join(findings, on="id")
    yield (
        "heeft bij haar opening geen versie",
        findings.join(versions, left_on=["id", "opened_run"], right_on=["id", "run_id"], how="anti"),
    )
    yield "heeft een versie en is er niet", versions.join(findings, on="id", how="anti")
    yield "heeft twee versies van één run", versions.filter(pl.struct("id", "run_id").is_duplicated())
    yield (
        "heeft een versie van voor haar opening of na haar sluiting",
        lives.filter((_RUN < _OPENED) | (_RUN >= _CLOSED)),
    )


def _unknown(runs: pl.DataFrame, findings: pl.DataFrame, unknown: pl.DataFrame) -> Wrong:
    judged = runs.filter(status=DONE).select("run_id", *NAMES)
    beside = unknown.join(findings, on="id").join(judged, on=["run_id", *NAMES], how="left", coalesce=False)
    stranger = pl.col("run_id_right").is_null()
    yield "was onbekend en is er niet", unknown.join(findings, on="id", how="anti")
    yield (
        "was onbekend in een run die haar niet kon kennen",
        beside.filter(stranger | (_RUN < _OPENED) | (_RUN >= _CLOSED)),
    )


def _without(findings: pl.DataFrame, known: pl.DataFrame, name: str) -> pl.DataFrame:
    return findings.join(known, left_on=[*NAMES, name], right_on=[*NAMES, "run_id"], how="anti")
