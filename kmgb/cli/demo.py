"""`kmgb demo` and `kmgb init`: a working municipality of one's own."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from kmgb.cli.checks import run_checks
from kmgb.cli.output import say
from kmgb.crosscheck.model import RULE
from kmgb.demo.generate import generate
from kmgb.demo.verify import Verdict, verify
from kmgb.demo.week_findings import SEEN
from kmgb.demo.weeks import generate_weeks
from kmgb.errors import SettingsError
from kmgb.run.check import check
from kmgb.run.municipality import Municipality
from kmgb.run.publish import OVERVIEW, publish_overview, publish_run
from kmgb.run.result import Result
from kmgb.settings import Settings

PARTS = ("mappings", "schedules", "reports", "sample_dumps")
_SETTINGS = """\
# Instellingen van kmgb. Elke instelling staat uitgelegd in de README.
mappings = "mappings"
schedules = "schedules"
templates = "reports"
dumps = "sample_dumps"
data = "data"
output = "uitvoer"
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="demo", help="Maak een verzonnen gemeente met geplante fouten en draai al haar controles.")(demo)
    app.command(name="init", help="Maak een eigen werkmap met voorbeelden van alles wat er in hoort.")(init)


def demo(
    rows: Annotated[int, typer.Option("--rows", min=100, help="aantal verzonnen personen")] = 400,
    seed: Annotated[
        int, typer.Option("--seed", help="andere zaad, andere gemeente; zelfde zaad, zelfde bestanden")
    ] = 2026,
    generate_only: Annotated[bool, typer.Option("--generate-only", help="maak alleen de bestanden")] = False,
    out: Annotated[Path, typer.Option("--out", help="map waarin alles komt")] = Path("kmgb-demo"),
    weeks: Annotated[
        int, typer.Option("--weeks", help="zoveel weken achter elkaar (8 tot 10), met leven en oorzaak van afwijkingen")
    ] = 0,
) -> None:
    """Exit 0 when everything planted was found and nothing else, 1 otherwise."""
    if weeks:
        _weekly(rows, seed, weeks, out, generate_only=generate_only)
        return
    dumps = out if generate_only else out / "sample_dumps"
    planted = generate(dumps, rows=rows, seed=seed)
    if generate_only:
        say(f"{len(planted.files)} bestanden in {dumps}, {planted.findings.height} geplante afwijkingen.")
        return
    _furnish(out)
    municipality = _municipality(out)
    results = run_checks(municipality, (), ())
    compared = [(result, result.comparison) for result in results if result.comparison is not None]
    verdict = verify(planted.findings, (_named(result, comparison.findings) for result, comparison in compared))
    kinds: Counter[str] = sum((Counter(comparison.counts()) for _, comparison in compared), Counter())
    say(f"Gemeente met {rows} verzonnen personen: {len(planted.files)} bestanden in {dumps}.")
    own = [result for result in results if result.afnemer not in municipality.afnemers]
    controles = f"{len(results) - len(own)} controles van {len(municipality.afnemers)} afnemers"
    say(f"{controles} uitgevoerd, en {len(own)} van de distributie zelf.")
    say("Gevonden: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common() if count) + ".")
    say(f"Geplant {planted.findings.height}, daarvan gevonden {verdict.found.height}; gemist {verdict.missed.height}, "
        f"ten onrechte gemeld {verdict.surplus.height}. {_on_causes(verdict)}")  # fmt: skip
    say(f"Rapport: {out / 'uitvoer' / OVERVIEW}")
    raise typer.Exit(0 if verdict.exact else 1)


def _on_causes(verdict: Verdict) -> str:
    right, unproven, wrong = verdict.named
    return f"Oorzaak juist bij {right}, nog niet te bewijzen bij {unproven}, fout bij {wrong}."


def _weekly(rows: int, seed: int, weeks: int, out: Path, *, generate_only: bool) -> None:
    """The checks of every week, each on its own peildatum, and the reports of the last."""
    made = generate_weeks(out if generate_only else out / "weken", rows, seed, weeks)
    if generate_only:
        say(f"{weeks} weken in {out}, {made.lives.height} levens van geplante afwijkingen.")
        return
    _furnish(out)
    exact, results, municipality = True, [], _municipality(out)
    for week in made.weeks:
        municipality = _municipality(out, week.folder)
        now = datetime.combine(week.peildatum, time(9), UTC)
        results = list(check(municipality, now=now))
        found = [_named(result, result.comparison.findings) for result in results if result.comparison is not None]
        verdict = verify(week.findings.filter(pl.col("state") == SEEN), found)
        exact = exact and verdict.exact
        say(f"Week {week.number} ({week.peildatum}): {_said(verdict, results)}")
    for result in results:
        if result.run_id is not None:
            publish_run(municipality, result.run_id)
    publish_overview(municipality, datetime.now(UTC))
    say(f"Rapport: {out / 'uitvoer' / OVERVIEW}")
    raise typer.Exit(0 if exact else 1)


def _said(verdict: Verdict, results: Sequence[Result]) -> str:
    opened, closed = (sum(getattr(result.changes, name) for result in results) for name in ("opened", "closed"))
    refused = [f"{result.afnemer} {result.entity}" for result in results if result.comparison is None]
    aside = f"; niet vergeleken: {', '.join(refused)}" if refused else ""
    return (
        f"{verdict.found.height} gevonden, {verdict.missed.height} gemist, {verdict.surplus.height} ten onrechte; "
        f"{opened} nieuw, {closed} gesloten{aside}."
    )


def _furnish(out: Path) -> None:
    for part in ("mappings", "schedules", "reports"):
        shutil.copytree(_own(part), out / part, dirs_exist_ok=True)


def init(map_: Annotated[Path, typer.Argument(metavar="MAP", help="nieuwe of lege map")]) -> None:
    """Copy the example municipality; an existing file is never overwritten."""
    if map_.exists() and any(map_.iterdir()):
        raise SettingsError(f"{map_} is niet leeg; kies een nieuwe map. Er is niets veranderd.")
    for part in PARTS:
        shutil.copytree(_own(part), map_ / part)
    (map_ / "kmgb.toml").write_text(_SETTINGS, encoding="utf-8")
    say(f"Werkmap gemaakt in {map_}. Ga verder met: cd {map_} && kmgb check")


def _own(part: str) -> Path:
    """A folder of the example municipality: carried along in a wheel, or the root of the checkout."""
    carried = Path(str(files("kmgb"))) / "gemeente" / part
    return carried if carried.is_dir() else Path(str(files("kmgb"))).parent / part


def _municipality(folder: Path, dumps: Path | None = None) -> Municipality:
    return Municipality(
        Settings(
            mappings=folder / "mappings",
            schedules=folder / "schedules",
            templates=folder / "reports",
            dumps=dumps or folder / "sample_dumps",
            data=folder / "data",
            output=folder / "uitvoer",
        )
    )


def _named(result: Result, findings: pl.DataFrame) -> pl.DataFrame:
    """What the comparison found; the list of planted faults says nothing of cross-checks."""
    compared = ~pl.col("rule").fill_null("").str.starts_with(RULE)
    names = {"afnemer": result.afnemer, "entity": result.entity}
    return findings.filter(compared).with_columns(pl.lit(value).alias(name) for name, value in names.items())
