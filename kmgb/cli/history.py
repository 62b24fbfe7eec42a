"""`kmgb history`: what was checked before."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from kmgb.cli.output import opened, show_table

app = typer.Typer(help="De geschiedenis: welke runs er waren en wat zij vonden.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """A group with one command would otherwise become that command."""


@app.command(name="list", help="Toon de laatste runs, de nieuwste boven.")
def list_runs(
    context: typer.Context,
    afnemer: Annotated[str, typer.Option("--afnemer", help="alleen van deze applicatie")] = "",
    aantal: Annotated[int, typer.Option("--aantal", min=1, help="hoeveel runs")] = 20,
) -> None:
    """The last runs with their counts."""
    municipality = opened(context)
    zone = ZoneInfo(municipality.settings.timezone)
    rows = []
    for stored in municipality.history.runs(afnemer or None, aantal):
        changes = municipality.history.changes(stored)
        moment = stored.started.astimezone(zone).strftime("%d-%m-%Y %H:%M")
        total = stored.outcome.get("total", "onbekend")
        rows.append(
            (stored.id, moment, stored.afnemer, stored.entity, stored.status, total, changes.opened, changes.closed)
        )
    show_table(("run", "gestart", "afnemer", "entiteit", "status", "open", "nieuw", "opgelost"), rows)
