"""`kmgb check`, `kmgb compare` and `kmgb report`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from kmgb.cli.output import advance, fail, opened, progress, say
from kmgb.cli.replay import replay_runs
from kmgb.errors import KmgbError
from kmgb.report.hints import double_hints
from kmgb.run.check import check, controles
from kmgb.run.files import compare_files
from kmgb.run.municipality import Municipality
from kmgb.run.publish import publish_overview, publish_run
from kmgb.run.result import Result
from kmgb.run.week import publish_week, week_report
from kmgb.store.runs import DONE

AGREEMENT, DISCREPANCIES, REFUSED = 0, 1, 3


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="check", help="Controleer afnemers: aanleveringen ophalen, vergelijken, vastleggen, rapporteren.")(
        check_afnemers
    )
    app.command(name="compare", help="Vergelijk twee bestanden met één veldtoewijzing, zonder geschiedenis.")(compare)
    app.command(name="report", help="Maak de rapporten opnieuw uit de geschiedenis.")(report)


def check_afnemers(
    context: typer.Context,
    afnemers: Annotated[
        list[str] | None, typer.Argument(help="namen van afnemers; leeg is alle. Met --replay: nummers van runs")
    ] = None,
    entiteit: Annotated[list[str] | None, typer.Option("--entiteit", help="alleen deze entiteit (herhaalbaar)")] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="doe deze runs opnieuw uit bewaarde aanleveringen; legt niets vast")
    ] = False,
) -> None:
    """Run the controles and say per controle how it stands."""
    municipality = opened(context)
    if replay:
        raise typer.Exit(replay_runs(municipality, afnemers or (), entiteit or ()))
    results = run_checks(municipality, tuple(afnemers or ()), tuple(entiteit or ()))
    for result in results:
        (say if result.status == DONE else fail)(sentence(result))
        if result.comparison is not None:
            found, rows = result.comparison.findings, result.comparison.rows
            _say_hints(double_hints(found, rows, municipality.catalogue[result.entity]))
    if any(result.run_id for result in results):
        say(f"Weekrapport: {municipality.settings.output / 'week.html'}")
        say(f"Overzicht: {municipality.settings.output / 'overzicht.html'}")
    raise typer.Exit(exit_code(results))


def run_checks(municipality: Municipality, afnemers: Sequence[str], entities: Sequence[str]) -> list[Result]:
    """Run, and publish a report of every run and the overview."""
    now = datetime.now(UTC)
    total = len(controles(municipality, afnemers, entities))
    results: list[Result] = []
    with progress("Controles", total) as bar:
        for result in check(municipality, afnemers, entities, now=now):
            advance(bar, f"{result.afnemer} {result.entity}")
            if result.run_id is not None:
                publish_run(municipality, result.run_id)
            results.append(result)
    if any(result.run_id is not None for result in results):
        publish_overview(municipality, now)
        publish_week(municipality, week_report(municipality, datetime.now(UTC)), municipality.settings.output)
    return results


def sentence(result: Result) -> str:
    """How one controle ended, in one line without values."""
    name = f"{result.afnemer}, {result.entity}"
    if result.comparison is None:
        return f"{name}: {result.status}. {' '.join(result.reasons)}"
    counts = {kind: count for kind, count in result.comparison.counts().items() if count}
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "alles gelijk"
    return f"{name}: {kinds} ({result.changes.opened} nieuw, {result.changes.solved} opgelost)."


def exit_code(results: Sequence[Result]) -> int:
    """3 when a delivery was refused, else 1 when there are discrepancies, else 0."""
    if any(result.status != DONE for result in results):
        return REFUSED
    return DISCREPANCIES if any(result.findings for result in results) else AGREEMENT


def compare(
    context: typer.Context,
    mapping: Annotated[Path, typer.Option("--mapping", help="veldtoewijzing van de applicatie")],
    entiteit: Annotated[str, typer.Option("--entity", "--entiteit", help="personen, pand, nnp, ...")],
    distributie: Annotated[Path, typer.Option("--distributie", help="bestand van de distributie")],
    afnemer: Annotated[Path, typer.Option("--afnemer", help="dump van de applicatie")],
    out: Annotated[Path, typer.Option("--out", help="map voor de uitkomst")],
    distributie_mapping: Annotated[
        Path | None,
        typer.Option(
            "--distributie-mapping",
            help="veldtoewijzing van de distributie; zonder deze zijn de kolommen de namen uit Bijlage 2",
        ),
    ] = None,
    peildatum: Annotated[
        datetime | None,
        typer.Option("--peildatum", formats=["%Y-%m-%d"], help="peildatum van beide bestanden; standaard vandaag"),
    ] = None,
) -> None:
    """Write afwijkingen.parquet, afwijkingen.csv and samenvatting.json to the folder."""
    municipality = opened(context)
    day = (peildatum or datetime.now(ZoneInfo(municipality.settings.timezone))).date()
    comparison = compare_files(
        municipality, mapping, entiteit, distributie, afnemer, out, distributie_mapping=distributie_mapping, day=day
    )
    for kind, count in comparison.counts().items():
        if count:
            say(f"{kind}: {count}")
    say(f"{comparison.findings.height} bevindingen in {out / 'afwijkingen.csv'}")
    _say_hints(double_hints(comparison.findings, comparison.rows, municipality.catalogue[entiteit]))
    raise typer.Exit(DISCREPANCIES if comparison.findings.height else AGREEMENT)


def _say_hints(hints: Iterable[str]) -> None:
    for hint in hints:
        say(f"Let op: {hint}")


def report(
    context: typer.Context,
    run: Annotated[
        list[int] | None, typer.Argument(help="nummers van runs; leeg is de nieuwste van elke controle")
    ] = None,
) -> None:
    """Render again from the store alone."""
    municipality = opened(context)
    numbers = run or [stored.id for stored in municipality.history.newest()]
    if not numbers:
        raise KmgbError("Er is nog geen run. Begin met: kmgb check")
    for number in numbers:
        say(str(publish_run(municipality, number)))
    say(str(publish_overview(municipality, datetime.now(UTC))))
