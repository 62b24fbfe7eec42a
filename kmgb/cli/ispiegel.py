"""`kmgb mapping import-ispiegel`: its tables, exported to a folder or in its own database, become veldtoewijzingen."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from pydantic import ValidationError

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.catalogue.fields import load_catalogue
from kmgb.cli.output import opened, say
from kmgb.errors import KmgbError
from kmgb.fetch.database import DatabaseError, fetch_database
from kmgb.ispiegel.place import Imported, place
from kmgb.ispiegel.tables import CHECKS, COMPARISONS, SOURCES, Tables, read_tables
from kmgb.mapping.bronnen.database import DatabaseBron

_LEFT = "i-spiegel.md"


def import_ispiegel(
    context: typer.Context,
    where: Annotated[
        str,
        typer.Argument(
            metavar="MAP|DSN",
            help="map met ISPIEGEL_DATABRON.csv en de andere tabellen, of de ODBC-naam (of ODBC-tekst) van de database",
        ),
    ],
    uit: Annotated[Path, typer.Option("--uit", help="map waarin de veldtoewijzingen komen")] = Path("mappings"),
    overschrijven: Annotated[bool, typer.Option("--overschrijven", help="vervang wat er al staat")] = False,
    gebruiker: Annotated[str, typer.Option("--gebruiker", help="account in de database van i-Spiegel")] = "",
    geheim: Annotated[str, typer.Option("--geheim", help="naam van het geheim met het wachtwoord")] = "",
) -> None:
    """Writes one file per application and `i-spiegel.md`. Nothing that is there is replaced unless asked for."""
    if Path(where).is_dir():
        tables = read_tables(Path(where))
    else:
        tables = _from_database(_bron(where, gebruiker, geheim), opened(context).settings.secrets)
    imported = place(tables, load_catalogue())
    paths = {uit / f"{naam}.toml": text for naam, text in imported.files.items()} | {uit / _LEFT: _left(imported)}
    there = [path.name for path in paths if path.exists()]
    if there and not overschrijven:
        raise KmgbError(f"{uit}: {', '.join(there)} staat er al. Kies een andere map met --uit, of --overschrijven.")
    if uit.exists() and not uit.is_dir():
        raise KmgbError(f"{uit} is een bestand, geen map. Kies een map met --uit.")
    uit.mkdir(parents=True, exist_ok=True)
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
        say(f"{path} geschreven.")
    if any(map(_distributes, imported.files.values())) and (others := _distributing(uit, set(paths))):
        say(
            f'Let op: ook {", ".join(others)} is een distributie. Noem in elke veldtoewijzing met distributie = "..."'
            " welke haar voedt, of haal er een weg; kmgb mapping check zegt waar het nog ontbreekt."
        )
    unplaced = sum(remark.unplaced for remark in imported.remarks)
    say(f"{unplaced} zaken hebben geen plaats gekregen; {len(imported.remarks) - unplaced} vragen aandacht.")


def _distributing(folder: Path, ours: set[Path]) -> list[str]:
    """The other files in the folder that are a distributie."""
    others = sorted(path for path in folder.glob("*.toml") if path not in ours)
    return [path.name for path in others if _distributes(path.read_text(encoding="utf-8", errors="replace"))]


def _distributes(text: str) -> bool:
    return re.search(r'^rol\s*=\s*"distributie"', text, re.MULTILINE) is not None


def _bron(where: str, user: str, secret: str) -> DatabaseBron:
    """The database of i-Spiegel. Raises: KmgbError when the text is no folder and no ODBC name or text either."""
    options = dict(part.partition("=")[::2] for part in where.split(";") if part) if "=" in where else {"DSN": where}
    driver = options.pop("Driver", "").strip("{}")
    try:
        return DatabaseBron(
            systeem="odbc",
            stuurprogramma=driver,
            opties=options,
            gebruiker=user,
            wachtwoord=secret,
            tabel=_table(SOURCES),
        )
    except ValidationError as error:
        reasons = "; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())
        raise KmgbError(f"Geen map, en als ODBC-verbinding niet te gebruiken: {reasons}.") from None


def _from_database(bron: DatabaseBron, secrets: Path) -> Tables:
    """The same tables, read from the database. That of the controles may be absent. Raises: SourceError."""
    with tempfile.TemporaryDirectory(prefix="kmgb-ispiegel-") as scratch:
        for name in (SOURCES, COMPARISONS, CHECKS):
            table = bron.model_copy(update={"tabel": _table(name)})
            try:
                fetched = fetch_database(table, name, Path(scratch), secrets=secrets)
            except DatabaseError as error:
                if name == CHECKS and error.reason == "query":
                    continue
                raise
            pl.read_parquet(fetched.path).drop(ROW, FAULT).write_csv(Path(scratch) / name, quote_style="always")
        return read_tables(Path(scratch))


def _table(name: str) -> str:
    return name.removesuffix(".csv")


def _left(imported: Imported) -> str:
    """What has no place and what asks for attention, as a document."""
    parts = ["# Overgenomen uit i-Spiegel"]
    for title, unplaced in (("Niet geplaatst", True), ("Nog te doen of te weten", False)):
        lines = [f"- {remark.about}: {remark.what}" for remark in imported.remarks if remark.unplaced == unplaced]
        parts += [f"## {title}", "\n".join(lines) or "Niets."]
    return "\n\n".join(parts) + "\n"
