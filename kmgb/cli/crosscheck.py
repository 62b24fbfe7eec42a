"""`kmgb kruiscontrole`: look after the checks of data against each other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from kmgb.catalogue.fields import load_catalogue
from kmgb.cli.output import opened, say, show_table
from kmgb.crosscheck.load import CROSSCHECK_FILE, load_crosschecks

app = typer.Typer(help="Kruiscontroles: kloppen de gegevens met elkaar?", no_args_is_help=True)


@app.command(name="list", help="Toon de kruiscontroles van deze gemeente.")
def list_checks(context: typer.Context) -> None:
    """One line per check, in the order of the file."""
    checks = load_crosschecks(opened(context).settings.mappings / CROSSCHECK_FILE, load_catalogue())
    rows = [
        (c.code, c.entiteit, "+".join(c.kant), c.ernst, c.vervolg, "aan" if c.aan else "uit", c.titel)
        for c in checks.controles
    ]
    show_table(["code", "entiteit", "kant", "ernst", "vervolg", "aan", "titel"], rows)


@app.command(name="check", help="Controleer een bestand; alle fouten tegelijk, met de naam die er het meest op lijkt.")
def check_file(bestand: Annotated[Path, typer.Argument(help=f"mappings/{CROSSCHECK_FILE}")]) -> None:
    """Exit 0 when the file is right, 2 with every fault otherwise."""
    checks = load_crosschecks(bestand, load_catalogue())
    for entity, count in Counter(controle.entiteit for controle in checks.controles).items():
        say(f"{entity}: {count} {'controle' if count == 1 else 'controles'}.")
    say(f"{bestand}: geen fouten.")
