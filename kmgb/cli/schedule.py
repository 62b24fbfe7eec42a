"""`kmgb schedule`: when the controles run by themselves."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from kmgb.cli.checks import run_checks
from kmgb.cli.output import fail, opened, say, show_table
from kmgb.errors import SettingsError
from kmgb.run.mail_post import send_due, write_due
from kmgb.run.municipality import Municipality
from kmgb.scheduler.plan import Schedule, check_file, load_schedules, next_moments
from kmgb.scheduler.post import guarded, postman
from kmgb.scheduler.serve import serve, utc_now
from kmgb.store.planning import history

app = typer.Typer(help="De planning: wanneer welke controles vanzelf draaien.", no_args_is_help=True)
_DAYS = ("ma", "di", "wo", "do", "vr", "za", "zo")


@app.command(name="list", help="Toon alle schema's met hun volgende moment en hun laatste afloop.")
def list_schedules(context: typer.Context) -> None:
    """Every schedule on one line."""
    municipality = opened(context)
    rows = []
    for schedule in _schedules(municipality).values():
        coming = next_moments(schedule, datetime.now(UTC), 1) if schedule.actief else []
        last = next(iter(history(municipality.history.engine, schedule.naam, 1)), None)
        chosen = ", ".join(schedule.chosen(municipality.afnemers))
        following = _shown(coming[0]) if coming else "niet actief"
        rows.append((schedule.naam, chosen, following, last.status if last else "nog niet gedraaid"))
    show_table(("schema", "afnemers", "volgende keer", "laatste keer"), rows)


@app.command(name="next", help="Toon de eerstvolgende momenten van een schema.")
def show_next(
    context: typer.Context,
    naam: Annotated[str, typer.Argument(help="naam van het schema")],
    aantal: Annotated[int, typer.Option("--aantal", min=1, max=100)] = 5,
) -> None:
    """The coming moments, in the schedule's own time zone."""
    schedules = _schedules(opened(context))
    if naam not in schedules:
        raise SettingsError(f"{naam!r} is geen schema. Bekend zijn: {', '.join(schedules) or 'geen'}.")
    for moment in next_moments(schedules[naam], datetime.now(UTC), aantal):
        say(_shown(moment))


@app.command(name="check", help="Controleer schemabestanden; alle fouten tegelijk.")
def check(
    context: typer.Context,
    bestanden: Annotated[list[Path] | None, typer.Argument(help="schedules/<naam>.toml; leeg is alle")] = None,
) -> None:
    """Exit 0 when every file is right, 2 otherwise."""
    municipality = opened(context)
    known, entities = municipality.afnemers, tuple(municipality.catalogue.entities)
    if not bestanden:
        say(f"{len(_schedules(municipality))} schema's: geen fouten.")
        return
    problems = [(path, problem) for path in bestanden for problem in check_file(path, known, entities=entities)]
    for path, problem in problems:
        fail(f"{path} {problem}")
    if problems:
        raise typer.Exit(2)
    say(f"{len(bestanden)} bestand(en): geen fouten.")


@app.command(name="run", help="Draai de planning in de voorgrond, tot ctrl-C of een stopsignaal.")
def run(context: typer.Context) -> None:
    """Do what is due, and make up once for what was missed."""
    municipality = opened(context)
    schedules = _schedules(municipality)
    active = [name for name, schedule in schedules.items() if schedule.actief]
    mails = municipality.settings.mail.on
    say(f"De planning draait met {len(active)} schema's: {', '.join(active)}. Stoppen: ctrl-C.")

    def waiting() -> None:
        send_due(municipality, utc_now)

    def work(schedule: Schedule) -> None:
        results = run_checks(municipality, schedule.chosen(municipality.afnemers), schedule.entiteiten)
        if mails:
            guarded(partial(write_due, municipality, datetime.now(UTC)))
            guarded(waiting)
        errors = [result.error for result in results if result.error is not None]
        for error in sorted(errors, key=lambda error: not error.transient):
            raise error  # the planner records it, and tries again when trying may help

    engine = municipality.history.engine  # opened before there are more threads than this one
    with postman(waiting) if mails else nullcontext():
        serve(schedules, work, engine, stop=threading.Event())


def _shown(moment: datetime) -> str:
    return f"{_DAYS[moment.weekday()]} {moment:%d-%m-%Y %H:%M %Z}"


def _schedules(municipality: Municipality) -> dict[str, Schedule]:
    settings = municipality.settings
    entities = tuple(municipality.catalogue.entities)
    return load_schedules(settings.schedules, municipality.afnemers, entities=entities)
