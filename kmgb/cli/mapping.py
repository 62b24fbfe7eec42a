"""`kmgb mapping`: look after the veldtoewijzingen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kmgb.catalogue.fields import load_catalogue
from kmgb.cli.output import say
from kmgb.errors import KmgbError
from kmgb.ispiegel.place import Imported, place
from kmgb.ispiegel.tables import read_tables
from kmgb.mapping.load import COMBINED, load_mapping
from kmgb.mapping.model import EntiteitMapping

_LEFT = "i-spiegel.md"

app = typer.Typer(
    help="Veldtoewijzingen: welke kolom van een applicatie welk veld van de catalogus is.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    """A group with one command would otherwise become that command."""


@app.command(name="check", help="Controleer een bestand; alle fouten tegelijk, met de naam die er het meest op lijkt.")
def check_file(bestand: Annotated[Path, typer.Argument(help="mappings/<afnemer>.toml")]) -> None:
    """Exit 0 when the file is right, 2 with every fault otherwise."""
    mapping = load_mapping(bestand, load_catalogue())
    for name, entity in mapping.entiteit.items():
        missing = len(entity.niet_aangeleverd)
        later = f", {missing} nog niet aangeleverd" if missing else ""
        say(f"{name}: {_assigned(entity)} velden toegewezen{later}.")
    say(f"{bestand}: geen fouten.")


@app.command(
    name="import-ispiegel", help="Maak veldtoewijzingen van de tabellen van i-Spiegel, en een lijst van de rest."
)
def import_ispiegel(
    folder: Annotated[Path, typer.Argument(metavar="MAP", help="map met ISPIEGEL_DATABRON.csv en de andere tabellen")],
    uit: Annotated[Path, typer.Option("--uit", help="map waarin de veldtoewijzingen komen")] = Path("mappings"),
    overschrijven: Annotated[bool, typer.Option("--overschrijven", help="vervang wat er al staat")] = False,
) -> None:
    """Writes one file per application and `i-spiegel.md`. Nothing that is there is replaced unless asked for."""
    imported = place(read_tables(folder), load_catalogue())
    paths = {uit / f"{naam}.toml": text for naam, text in imported.files.items()} | {uit / _LEFT: _left(imported)}
    there = [path.name for path in paths if path.exists()]
    if there and not overschrijven:
        raise KmgbError(f"{uit}: {', '.join(there)} staat er al. Kies een andere map met --uit, of --overschrijven.")
    uit.mkdir(parents=True, exist_ok=True)
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
        say(f"{path} geschreven.")
    unplaced = sum(remark.unplaced for remark in imported.remarks)
    say(f"{unplaced} zaken hebben geen plaats gekregen; {len(imported.remarks) - unplaced} vragen aandacht.")


def _left(imported: Imported) -> str:
    """What has no place and what asks for attention, as a document."""
    parts = ["# Overgenomen uit i-Spiegel"]
    for title, unplaced in (("Niet geplaatst", True), ("Nog te doen of te weten", False)):
        lines = [f"- {remark.about}: {remark.what}" for remark in imported.remarks if remark.unplaced == unplaced]
        parts += [f"## {title}", "\n".join(lines) or "Niets."]
    return "\n\n".join(parts) + "\n"


def _assigned(entity: EntiteitMapping) -> int:
    """How many fields of Bijlage 2 have a column: the parts of a composite field are one, gebruiksdoelen are five."""
    return len({member.partition(".")[0] for name in entity.velden for member in COMBINED.get(name, (name,))})
