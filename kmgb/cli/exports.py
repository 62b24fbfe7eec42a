"""`kmgb terugmelding export` and `kmgb herzenden export`: findings as files for whoever has to act."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kmgb.cli.output import current_user, opened, say
from kmgb.run.exports import export_herzenden, export_terugmeldingen

_PRIVATE = "Hierin staan gegevens van personen, want de ontvanger heeft ze nodig: alleen u kunt het lezen (0600)."


class Register(StrEnum):
    """The registers to which doubt is reported."""

    BRP = "brp"
    BAG = "bag"
    NHR = "nhr"


def register(app: typer.Typer) -> None:
    """Add both groups."""
    for name, command, what in (
        ("terugmelding", terugmelding, "Terugmelden aan een basisregistratie."),
        ("herzenden", herzenden, "Berichten opnieuw laten verzenden."),
    ):
        group = typer.Typer(help=what, no_args_is_help=True)
        group.callback()(_group)
        group.command(name="export")(command)
        app.add_typer(group, name=name)


def _group() -> None:
    """A group with one command would otherwise become that command."""


def terugmelding(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="map voor de bestanden")],
    registers: Annotated[
        list[Register] | None, typer.Option("--register", help="brp, bag of nhr (herhaalbaar); leeg is alle")
    ] = None,
    afnemer: Annotated[str, typer.Option("--afnemer", help="alleen twijfel die uit deze applicatie komt")] = "",
    door: Annotated[str, typer.Option("--door", help="wie terugmeldt; standaard de gebruiker van deze computer")] = "",
    vastleggen: Annotated[
        bool, typer.Option("--vastleggen/--proef", help="leg vast dat de terugmelding gereed is, of schrijf alleen")
    ] = True,
) -> None:
    """Schrijf per basisregistratie de terugmeldingen: JSON, CSV en een begeleidende tekst."""
    chosen = [one.value for one in registers or list(Register)]
    who = (door.strip() or current_user()) if vastleggen else ""
    files = export_terugmeldingen(opened(context), out, chosen, afnemer, who=who, now=datetime.now(UTC))
    if not files:
        say("Er is niets terug te melden.")
    for written in files:
        count = f"{written.count} {'terugmelding' if written.count == 1 else 'terugmeldingen'}"
        say(f"{written.path}: {count}, kenmerk {written.reference}; {written.recorded} bevindingen staan nu op gereed.")
        if written.private:
            say(_PRIVATE)


def herzenden(
    context: typer.Context,
    afnemer: Annotated[str, typer.Argument(help="naam van de applicatie")],
    out: Annotated[Path, typer.Option("--out", help="map voor het bestand")],
) -> None:
    """Schrijf de sleutels waarvan de gegevens opnieuw naar deze applicatie moeten."""
    written = export_herzenden(opened(context), afnemer, out, now=datetime.now(UTC))
    if written is None:
        say("Er is niets te herzenden.")
        return
    say(f"{written.path}: {written.count} {'sleutel' if written.count == 1 else 'sleutels'}.")
    if written.private:
        say(_PRIVATE)
