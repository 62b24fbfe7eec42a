"""`kmgb weekrapport`: the report of the week, for a reader of one of the roles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from kmgb.arrival.audit import AUDIT_FILE, record
from kmgb.cli.output import current_user, opened, say
from kmgb.errors import SettingsError
from kmgb.report.week import Role
from kmgb.run.municipality import Municipality
from kmgb.run.week import week_report
from kmgb.run.week_formats import Format, write_formats

_DAY = len("jjjj-mm-dd")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="weekrapport", help="Maak het weekrapport: hoe elke applicatie ervoor staat en wat er veranderde."
    )(weekrapport)


def weekrapport(
    context: typer.Context,
    rol: Annotated[Role, typer.Option("--rol", help="voor wie; een manager krijgt alleen getallen")] = (
        Role.GEGEVENSBEHEERDER
    ),
    afnemer: Annotated[str, typer.Option("--afnemer", help="alleen deze applicatie")] = "",
    moment: Annotated[
        str,
        typer.Option(
            "--moment", help="het eind van de week: jjjj-mm-dd (die dag telt mee) of jjjj-mm-ddTuu:mm; leeg is nu"
        ),
    ] = "",
    formaat: Annotated[
        list[Format] | None,
        typer.Option("--formaat", help="ook als pdf, xlsx, json of csv (met parquet); herhaalbaar. html is er altijd"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="map; standaard die van de rapporten")] = None,
    door: Annotated[str, typer.Option("--door", help="wie de waarden ziet (functioneel beheerder)")] = "",
    reden: Annotated[str, typer.Option("--reden", help="waarom (functioneel beheerder)")] = "",
) -> None:
    """The page of the week, and one per application. That a functioneel beheerder sees values is written down."""
    municipality = opened(context)
    if afnemer:
        municipality.controle(afnemer)
    made = _moment(municipality, moment)
    if rol == Role.BEHEERDER:
        _write_down(municipality, afnemer, door or current_user(), reden)
    week = week_report(municipality, made, rol, afnemer or None)
    folder = out or municipality.settings.output
    say(week.zin)
    for path in write_formats(municipality, week, folder, formaat or ()):
        say(str(path))


def _moment(municipality: Municipality, given: str) -> datetime:
    """A day means its end, and today means now. Raises: SettingsError when it is no moment, or still to come."""
    now, zone = datetime.now(UTC), ZoneInfo(municipality.settings.timezone)
    if not given:
        return now
    try:
        found = datetime.fromisoformat(given)
        begin = (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
        day = timedelta(days=1, microseconds=-1)
        end = (found + day).replace(tzinfo=zone).astimezone(UTC) if len(given) == _DAY else begin
    except (ValueError, OverflowError):
        raise SettingsError(f"--moment {given!r} is geen moment. Schrijf jjjj-mm-dd of jjjj-mm-ddTuu:mm.") from None
    if begin > now:
        raise SettingsError(f"--moment {given} ligt in de toekomst. Kies een moment tot en met nu.")
    return min(end, now)


def _write_down(municipality: Municipality, afnemer: str, who: str, why: str) -> None:
    """To see values is an act (design section 10): of one application, by somebody, for a reason."""
    if not afnemer or not why:
        raise SettingsError(
            "Een functioneel beheerder ziet de waarden van zijn eigen applicatie: noem --afnemer en --reden."
        )
    audit = municipality.settings.data / AUDIT_FILE
    record(audit, "waarden getoond in weekrapport", afnemer, who=who, why=why, now=datetime.now(UTC))
