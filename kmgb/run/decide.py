"""A cluster of one run -> the findings it speaks of today, to be decided on as one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from kmgb.errors import KmgbError
from kmgb.explain.clusters import PATTERN, members
from kmgb.run.municipality import Municipality
from kmgb.store.runs import StoredRun
from kmgb.store.suppression import RUNS, HiddenInRun

_NAME = re.compile(r"(\d{1,9})/(\d{1,9})")


@dataclass(frozen=True, slots=True)
class ClusterToday:
    """A cluster as it was found (`name` is RUN/NUMMER), and its findings as they stand now, after the `newest` run.

    `findings` has the columns of History.findings.
    """

    name: str
    pattern: Mapping[str, str | None]
    newest: StoredRun
    findings: pl.DataFrame

    @property
    def numbers(self) -> list[int]:
        """The numbers of its findings, as decisions name them."""
        return self.findings["id"].sort().to_list()

    @property
    def severities(self) -> dict[str, int]:
        """How many findings there are per severity."""
        return _counted(self.findings, "severity")

    @property
    def statuses(self) -> dict[str, int]:
        """How many findings there are per status: some may have been decided on before."""
        return _counted(self.findings, "status")


def cluster_today(municipality: Municipality, name: str, now: datetime) -> ClusterToday:
    """The cluster `RUN/NUMMER` with its findings of today.

    Raises: KmgbError when the name is not one, when there is no such cluster, or when nothing of it is open any more.
    """
    found = _NAME.fullmatch(name.strip())
    if found is None:
        raise KmgbError(
            "Noem een cluster als RUN/NUMMER, bijvoorbeeld 12/3. De nummers toont: kmgb history clusters RUN"
        )
    run_id, number = (int(part) for part in found.groups())
    history = municipality.history
    stored = history.run(run_id)
    pattern = next((_pattern(line) for line in history.clusters(run_id) if line["number"] == number), None)
    if pattern is None:
        raise KmgbError(f"Run {run_id} heeft geen cluster {number}. Bekijk ze met: kmgb history clusters {run_id}")
    names = (stored.afnemer, stored.entity)
    (newest,) = history.runs(names[0], 1, entity=names[1])
    findings = members(history.findings(newest, now), pattern)
    if findings.is_empty():
        raise KmgbError(f"Van cluster {run_id}/{number} staat na run {newest.id} niets meer open.")
    return ClusterToday(f"{run_id}/{number}", pattern, newest, findings)


def in_last_runs(municipality: Municipality, cluster: ClusterToday) -> list[HiddenInRun]:
    """How many findings of the cluster were open in each of the last runs of its controle, the newest first."""
    history, names = municipality.history, (cluster.newest.afnemer, cluster.newest.entity)
    return [
        HiddenInRun(
            run.id, run.finished, run.status, _counted(members(history.findings(run), cluster.pattern), "severity")
        )
        for run in history.runs(names[0], RUNS, entity=names[1])
    ]


def _pattern(line: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: line[name] for name in PATTERN}


def _counted(findings: pl.DataFrame, name: str) -> dict[str, int]:
    return dict(findings.group_by(name).len().sort(name).iter_rows())
