"""The invented municipality over weekly peildatums: dumps, what is open in every week and why, and the lives of it.

Beside the dumps a week's folder holds `geplant.csv`, `indicaties-<afnemer>.csv` and `berichten.csv`; the folder above
holds `levens.csv` and `weken.csv` (what was wrong with a whole delivery). All are UTF-8 with `;`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from kmgb.demo.distributie import deliver
from kmgb.demo.generate import PLANTED_NAME
from kmgb.demo.week_apps import APPS, App
from kmgb.demo.week_causes import LATE, SWAPPED, Causes, source_week, swapped_columns
from kmgb.demo.week_findings import NOT_SEEN, Comparison, WeekFinding
from kmgb.demo.week_held import Held
from kmgb.demo.week_inputs import indications, messages
from kmgb.demo.week_lives import Life, lives
from kmgb.demo.week_plot import plot
from kmgb.demo.week_source import Sources, build_sources, peildatum
from kmgb.demo.write import separated
from kmgb.errors import SettingsError

FEWEST_ROWS: Final = 400
FEWEST_WEEKS: Final = 8
MOST_WEEKS: Final = 10
LIVES_NAME: Final = "levens.csv"
WEEKS_NAME: Final = "weken.csv"
MESSAGES_NAME: Final = "berichten.csv"
TRUNCATED: Final = {("belasting", "personen"): 6}  # the file breaks off halfway
_BROKEN, _TOO_LATE, _EXCHANGED = "afgebroken", "te_laat", "verwisseld"


@dataclass(frozen=True, slots=True)
class Week:
    """One week. `findings` is all that is open after a right run: columns as geplant.csv, sorted by the first five.

    `state` is `gezien`, or `onbekend` for what a refused dump says nothing about: it stays open as it was. An empty
    rule or cause is not prescribed; `cause_bare` is the cause that can be proved without the optional inputs, and
    `cause_also` names causes that are no mistake either. `former_until`: the last peildatum on which the source had
    what the application has, `former_before` the next one, on which it had it no longer.
    """

    number: int
    folder: Path
    peildatum: date
    findings: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Weeks:
    """What was written. `lives` has the columns of `Life`; `deliveries` those of weken.csv."""

    folder: Path
    weeks: tuple[Week, ...]
    lives: pl.DataFrame
    deliveries: pl.DataFrame


def generate_weeks(out: Path, rows: int = FEWEST_ROWS, seed: int = 2026, weeks: int = FEWEST_WEEKS) -> Weeks:
    """Write `weeks` weeks of a municipality with `rows` persons to `out`; same arguments, same bytes.

    Raises: SettingsError when there are too few rows or weeks for everything that must happen, or too many weeks.
    """
    if rows < FEWEST_ROWS or not FEWEST_WEEKS <= weeks <= MOST_WEEKS:
        bounds = f"minstens {FEWEST_ROWS} personen en {FEWEST_WEEKS} tot {MOST_WEEKS} weken"
        raise SettingsError(f"{rows} personen in {weeks} weken kan niet. Kies {bounds}.")
    sources = build_sources(rows, seed, weeks)
    causes = Causes(sources, plot(sources))
    open_: dict[tuple[str, str], list[WeekFinding]] = {}
    runs: dict[tuple[str, str], list[tuple[int, Comparison, Sequence[WeekFinding]]]] = {app.name: [] for app in APPS}
    made = []
    for number in range(1, weeks + 1):
        folder = out / f"week-{number:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        _write_source(sources, number, folder)
        for app in APPS:
            held = _held(causes, app, number)
            _write_dump(held, folder)
            if TRUNCATED.get(app.name) == number:
                open_[app.name] = [replace(finding, state=NOT_SEEN) for finding in open_[app.name]]
                continue
            comparison = Comparison(held)
            open_[app.name] = comparison.findings()
            runs[app.name].append((number, comparison, open_[app.name]))
        separated(messages(causes, number), folder / MESSAGES_NAME)
        findings = _listed([finding for found in open_.values() for finding in found])
        separated(findings, folder / PLANTED_NAME)
        made.append(Week(number, folder, peildatum(number), findings))
    return Weeks(out, tuple(made), _write_lives(runs, out), _write_deliveries(weeks, out))


def _held(causes: Causes, app: App, number: int) -> Held:
    return Held(
        app,
        causes.scripts[app.name],
        causes.sources.timelines[app.entity],
        causes,
        week=number,
        source=source_week(app.entity, number),
        known=sorted({source_week(app.entity, earlier) for earlier in range(1, number + 1)}),
        swapped=swapped_columns(app, number),
    )


def _write_source(sources: Sources, number: int, folder: Path) -> None:
    for entity, timeline in sources.timelines.items():
        week = source_week(entity, number)
        deliver(timeline, entity, week - 1, folder, peildatum(week))


def _write_dump(held: Held, folder: Path) -> None:
    path = held.deliver(folder, f"{peildatum(held.week):%Y%m%d}")
    if TRUNCATED.get(held.app.name) == held.week:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 55 // 100])
    if held.app.entity == "personen":
        separated(indications(held), folder / f"indicaties-{held.app.afnemer}.csv")


def _listed(findings: Sequence[WeekFinding]) -> pl.DataFrame:
    names = [field.name for field in fields(WeekFinding) if field.name != "row"]
    rows = [tuple(getattr(finding, name) for name in names) for finding in findings]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return frame.sort("afnemer", "entity", "key", "field", "kind", "note")


def _write_lives(
    runs: Mapping[tuple[str, str], Sequence[tuple[int, Comparison, Sequence[WeekFinding]]]], out: Path
) -> pl.DataFrame:
    """levens.csv; week 0 (never) is written empty."""
    text, number = pl.String(), pl.Int64()
    schema = {field.name: number if field.type == "int" else text for field in fields(Life)}
    found = [tuple(getattr(life, name) for name in schema) for weeks in runs.values() for life in lives(weeks)]
    frame = pl.DataFrame(found, schema=schema, orient="row").with_columns(
        pl.when(pl.col(name) > 0).then(name).alias(name)
        for name in ("closed", "predecessor_opened", "predecessor_closed")
    )
    frame = frame.sort("afnemer", "entity", "key", "field", "kind", "opened")
    separated(frame, out / LIVES_NAME)
    return frame


def _write_deliveries(weeks: int, out: Path) -> pl.DataFrame:
    """weken.csv: per week its folder and peildatum, and a line for each delivery that something was wrong with."""
    events = [(week, "distributie", entity, _TOO_LATE) for entity, week in LATE.items()]
    events += [(week, *name, _BROKEN) for name, week in TRUNCATED.items()]
    events += [(week, *name, _EXCHANGED) for name, (week, _) in SWAPPED.items()]
    rows = []
    for number in range(1, weeks + 1):
        mine = [event[1:] for event in events if event[0] == number] or [("", "", "")]
        rows += [(number, f"week-{number:02d}", peildatum(number).isoformat(), *event) for event in sorted(mine)]
    frame = pl.DataFrame(rows, schema=["week", "map", "peildatum", "afnemer", "entity", "event"], orient="row")
    separated(frame, out / WEEKS_NAME)
    return frame
