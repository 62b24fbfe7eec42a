"""`kmgb catalogue`: the fields of Bijlage 2."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from enum import StrEnum
from io import StringIO
from typing import Annotated, Any

import typer

from kmgb.catalogue.fields import Entity, Field, load_catalogue
from kmgb.cli.output import say, show_json, show_table

_COLUMNS = (
    "entity", "position", "label", "name", "group", "key_role", "datatype", "format", "max_length", "code_list",
    "nullable", "sensitivity", "severity", "validation", "rules", "checks", "tolerant", "history", "source", "notes",
)  # fmt: skip


class Format(StrEnum):
    """How the catalogue is shown."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="catalogue", help="Toon de velden die vergeleken kunnen worden (Bijlage 2), per entiteit.")(show)


def show(
    entiteit: Annotated[
        str, typer.Argument(help="personen, nummeraanduiding, verblijfsobject, ...; leeg is alle")
    ] = "",
    formaat: Annotated[Format, typer.Option("--format", help="table, json of csv")] = Format.TABLE,
) -> None:
    """The catalogue, or one entity of it."""
    catalogue = load_catalogue()
    entities = [catalogue[entiteit]] if entiteit else list(catalogue.entities.values())
    fields = [field for entity in entities for field in entity.fields]
    if formaat is Format.JSON:
        show_json([_record(field) for field in fields])
    elif formaat is Format.CSV:
        say(_csv(fields).removesuffix("\n"))
    else:
        for entity in entities:
            _table(entity)
        say(f"{len(fields)} velden, catalogus {catalogue.version}. Alles van een veld: --format json")


def _csv(fields: Sequence[Field]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in _record(field).items()} for field in fields)
    return text.getvalue()


def _table(entity: Entity) -> None:
    rows = [
        (
            f.position,
            f.label,
            f.name,
            f.group,
            f.datatype,
            "" if f.key_role == "no" else f.key_role,
            f.code_list,
            f.sensitivity,
        )
        for f in entity.fields
    ]
    columns = ("nr", "veld", "naam in veldtoewijzing", "groep", "soort", "sleutel", "waardelijst", "gevoeligheid")
    show_table(columns, rows, title=f"{entity.label} ({entity.name})")


def _record(field: Field) -> dict[str, Any]:
    return {name: getattr(field, name) for name in _COLUMNS}


def _cell(value: object) -> object:
    return "|".join(value) if isinstance(value, tuple) else value
