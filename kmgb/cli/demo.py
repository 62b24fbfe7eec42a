"""`kmgb demo` and `kmgb init`: a working municipality of one's own."""

from __future__ import annotations

import shutil
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from kmgb.cli.checks import run_checks
from kmgb.cli.output import say
from kmgb.demo.generate import generate
from kmgb.demo.verify import verify
from kmgb.errors import SettingsError
from kmgb.run.check import Result
from kmgb.run.municipality import Municipality
from kmgb.run.publish import OVERVIEW
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
) -> None:
    """Exit 0 when everything planted was found and nothing else, 1 otherwise."""
    dumps = out if generate_only else out / "sample_dumps"
    planted = generate(dumps, rows=rows, seed=seed)
    if generate_only:
        say(f"{len(planted.files)} bestanden in {dumps}, {planted.findings.height} geplante afwijkingen.")
        return
    for part in ("mappings", "schedules", "reports"):
        shutil.copytree(_own(part), out / part, dirs_exist_ok=True)
    results = run_checks(_municipality(out), (), ())
    compared = [(result, result.comparison) for result in results if result.comparison is not None]
    verdict = verify(planted.findings, (_named(result, comparison.findings) for result, comparison in compared))
    kinds: Counter[str] = sum((Counter(comparison.counts()) for _, comparison in compared), Counter())
    say(f"Gemeente met {rows} verzonnen personen: {len(planted.files)} bestanden in {dumps}.")
    say(f"{len(results)} controles van {len({r.afnemer for r in results})} afnemers uitgevoerd.")
    say("Gevonden: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common() if count) + ".")
    say(f"Geplant {planted.findings.height}, daarvan gevonden {verdict.found.height}; gemist {verdict.missed.height}, "
        f"ten onrechte gemeld {verdict.surplus.height}.")  # fmt: skip
    say(f"Rapport: {out / 'uitvoer' / OVERVIEW}")
    raise typer.Exit(0 if verdict.exact else 1)


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


def _municipality(folder: Path) -> Municipality:
    return Municipality(
        Settings(
            mappings=folder / "mappings",
            schedules=folder / "schedules",
            templates=folder / "reports",
            dumps=folder / "sample_dumps",
            data=folder / "data",
            output=folder / "uitvoer",
        )
    )


def _named(result: Result, findings: pl.DataFrame) -> pl.DataFrame:
    return findings.with_columns(pl.lit(result.afnemer).alias("afnemer"), pl.lit(result.entity).alias("entity"))
