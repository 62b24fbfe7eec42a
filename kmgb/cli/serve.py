"""`kmgb serve`: the web door, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kmgb.cli.output import opened, say
from kmgb.web.serve import Door, serve


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="serve", help="Ontvang aanleveringen over HTTP(S), in de voorgrond, tot een stopsignaal.")(
        open_door
    )


def open_door(
    context: typer.Context,
    host: Annotated[str, typer.Option("--host", help="adres waarop kmgb luistert")] = "127.0.0.1",
    poort: Annotated[int, typer.Option("--poort", min=0, max=65535, help="0 kiest een vrije poort")] = 8080,
    certificaat: Annotated[
        Path | None, typer.Option("--certificaat", help="ons certificaat met zijn keten (PEM)")
    ] = None,
    sleutel: Annotated[Path | None, typer.Option("--sleutel", help="de sleutel van dat certificaat (PEM)")] = None,
    vertrouwd: Annotated[
        Path | None, typer.Option("--vertrouwd", help="uitgevers van de clientcertificaten (PEM)")
    ] = None,
    achter_gateway: Annotated[
        bool, typer.Option("--achter-gateway", help="zonder TLS op een netwerk: een gateway ervoor doet de TLS")
    ] = False,
) -> None:
    """Exit 0 after a stop, 2 when the door cannot be opened as asked."""
    door = Door(host, poort, certificaat, sleutel, vertrouwd, achter_gateway)
    serve(opened(context), door, lambda address: say(f"kmgb luistert op {address}. Stoppen: ctrl-C."))
