"""`kmgb mapping`: look after the veldtoewijzingen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kmgb.catalogue.fields import load_catalogue
from kmgb.cli.ispiegel import import_ispiegel
from kmgb.cli.output import say
from kmgb.mapping.load import COMBINED, load_mapping
from kmgb.mapping.model import EntiteitMapping

app = typer.Typer(
    help="Veldtoewijzingen: welke kolom van een applicatie welk veld van de catalogus is.", no_args_is_help=True
)


app.command(
    name="import-ispiegel", help="Maak veldtoewijzingen van de tabellen van i-Spiegel, en een lijst van de rest."
)(import_ispiegel)


@app.command(name="check", help="Controleer een bestand; alle fouten tegelijk, met de naam die er het meest op lijkt.")
def check_file(bestand: Annotated[Path, typer.Argument(help="mappings/<afnemer>.toml")]) -> None:
    """Exit 0 when the file is right, 2 with every fault otherwise."""
    mapping = load_mapping(bestand, load_catalogue())
    for name, entity in mapping.entiteit.items():
        missing = len(entity.niet_aangeleverd)
        later = f", {missing} nog niet aangeleverd" if missing else ""
        say(f"{name}: {_assigned(entity)} velden toegewezen{later}.")
    say(f"{bestand}: geen fouten.")


def _assigned(entity: EntiteitMapping) -> int:
    """How many fields of Bijlage 2 have a column: the parts of a composite field are one, gebruiksdoelen are five."""
    return len({member.partition(".")[0] for name in entity.velden for member in COMBINED.get(name, (name,))})
