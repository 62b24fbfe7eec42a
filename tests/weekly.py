"""The weeks of an invented municipality, checked round by round, and what the history then says."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path

import polars as pl

from kmgb.crosscheck.model import RULE
from kmgb.demo.weeks import Week
from kmgb.run.check import check
from kmgb.run.municipality import Municipality
from kmgb.run.result import Result
from kmgb.settings import Settings

ROOT = Path(__file__).parents[1]
Row = dict[str, str]
Identity = tuple[str, str, str, str]  # afnemer, entity, key, field; of a whole row its kind
KEYS = {
    "personen": "bsn", "nnp": "vestigingsnummer", "pand": "id_pand", "verblijfsobject": "id_verblijfsobject",
    "nummeraanduiding": "identificatie_nummeraanduiding", "ligplaats": "id_ligplaats", "standplaats": "id_standplaats",
}  # fmt: skip
PERSONS = ("belasting", "zaaksysteem")  # the applications that hold persons


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=";"))


def planted(folder: Path) -> list[Row]:
    """What is open in the week of this folder, with its cause."""
    return read(folder / "geplant.csv")


def cell(row: Row) -> tuple[str, ...]:
    return row["afnemer"], row["entity"], row["key"], row["field"], row["kind"]


def copy_mappings(folder: Path, *, inputs: bool) -> Path:
    """The mappings of the example; with `inputs` every application also has a message log, and persons indicaties."""
    shutil.copytree(ROOT / "mappings", folder)
    if inputs:
        for path in folder.glob("*.toml"):
            text = path.read_text(encoding="utf-8")
            if 'rol = "distributie"' not in text:
                path.write_text(text.replace("[afnemer]\n", f"[afnemer]\n{_inputs(path.stem)}", 1), encoding="utf-8")
    return folder


def _inputs(afnemer: str) -> str:
    found = 'berichten = { bestand = "berichten.csv", scheidingsteken = ";" }\n'
    if afnemer in PERSONS:
        found += f'indicaties = {{ bestand = "indicaties-{afnemer}.csv", scheidingsteken = ";" }}\n'
    return found


@dataclass
class Rounds:
    """Rounds of checks in one history. `runs`: per round the runs that were written, by controle."""

    folder: Path
    mappings: Path
    afnemers: Collection[str] = ()
    entities: Collection[str] = ()
    runs: list[dict[tuple[str, str], int]] = field(default_factory=list)

    def municipality(self, dumps: Path) -> Municipality:
        return Municipality(
            Settings(mappings=self.mappings, dumps=dumps, data=self.folder / "data", output=self.folder / "uit")
        )

    def play(self, dumps: Path, now: datetime, municipality: Municipality | None = None) -> list[Result]:
        results = list(check(municipality or self.municipality(dumps), self.afnemers, self.entities, now=now))
        faults = [(result.afnemer, result.entity, result.error) for result in results if result.error is not None]
        assert faults == []
        self.runs.append({(r.afnemer, r.entity): r.run_id for r in results if r.run_id is not None})
        return results

    def week(self, week: Week) -> list[Result]:
        return self.play(week.folder, moment(week))

    def findings(self, place: int = -1, *, closed: bool = False) -> list[Row]:
        """What the store says of the comparisons of a round; cross-checks are left out, null is empty text."""
        municipality = self.municipality(self.folder)
        history, found = municipality.history, []
        for name, run_id in self.runs[place].items():
            if name[0] not in municipality.afnemers:
                continue
            frame = history.findings(history.run(run_id), closed=closed)
            frame = frame.filter(~pl.col("rule").fill_null("").str.starts_with(RULE))
            found += frame.select(pl.all().cast(pl.String).fill_null("")).to_dicts()
        return found

    def warnings(self, place: int = -1) -> dict[tuple[str, str], list[str]]:
        """Per controle the warnings that were written with its run."""
        history = self.municipality(self.folder).history
        return {name: list(history.run(run_id).facts["warnings"]) for name, run_id in self.runs[place].items()}


def moment(week: Week) -> datetime:
    """When the checks of a week are run."""
    return datetime.combine(week.peildatum, time(9), UTC)


def lives(rounds: Rounds, numbers: dict[int, int]) -> list[tuple[object, ...]]:
    """All lives up to the last round, as the store has them. `numbers`: the week of every run."""
    return sorted(_lives(rounds.findings(closed=True), numbers))


def _lives(rows: list[Row], numbers: dict[int, int]) -> Iterator[tuple[object, ...]]:
    by_id = {row["id"]: row for row in rows}

    def week(run_id: str) -> str:
        return str(numbers[int(run_id)]) if run_id else ""

    for row in rows:
        before = by_id.get(row["predecessor"], {"opened_run": "", "closed_run": ""})
        ended = row["status"] if row["closed_run"] else ""
        spans = [week(part[name]) for part in (row, before) for name in ("opened_run", "closed_run")]
        yield identity(row), *spans, ended


def identity(row: Row) -> Identity:
    return row["afnemer"], row["entity"], row["key"], row["field"] or row["kind"]


def wrong_causes(found: list[Row], week: Path, column: str = "cause") -> list[tuple[str, ...]]:
    """Findings with a cause that is neither the prescribed one, nor also right, nor onbekend: cell, cause, right.

    `column` is `cause_bare` for a run without the optional inputs. A row or value is by hand when no dump of the
    distribution up to this week has it; of rows that is looked up here.
    """
    planned, wrong = {cell(row): row for row in planted(week)}, []
    for row in found:
        right = _right(planned.get(cell(row), {}), column)
        if row["cause"] == "handmatig" and row["kind"] == "overtollig":
            right |= {"handmatig"} if row["key"] not in keys_of(week, row["entity"]) else set()
        if row["cause"] not in right:
            wrong.append((*cell(row), row["cause"], "|".join(sorted(right))))
    return wrong


def _right(plan: Row, column: str) -> set[str]:
    right = {"onbekend", plan.get(column, ""), *plan.get("cause_also", "").split("|")}
    if column == "cause_bare":
        # Who lacks an indicatie missed the change alone: without the list that is all there is to see.
        alone = plan.get("note", "").endswith("geen afnemersindicatie")
        right |= {plan.get("cause_bare") or ("niet_ontvangen" if alone else plan.get("cause", ""))}
    return right


@cache
def keys_of(week: Path, entity: str) -> frozenset[str]:
    """Every key that the distribution delivered up to this week."""
    found: set[str] = set()
    for folder in sorted(week.parent.glob("week-*")):
        if folder.name <= week.name:
            (path,) = folder.glob(f"distributie_{entity}_*.csv")
            rows = read(path)
            name = next(name for name in rows[0] if name.partition("_")[2].lower() == KEYS[entity])
            found |= {row[name] for row in rows}
    return frozenset(found)
