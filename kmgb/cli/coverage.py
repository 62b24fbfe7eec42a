"""`kmgb dekking`: what is compared and what is not, in the whole municipality."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import polars as pl
import typer

from kmgb.cli.catalogue import Format
from kmgb.cli.output import opened, say, show_json, show_table
from kmgb.report.coverage import CoveragePage, CoverageTable, load_coverage
from kmgb.run.coverage_matrix import coverage_matrix, titles


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="dekking", help="Toon wat vergeleken wordt en wat niet: elke applicatie naast elk veld.")(show)


def show(
    context: typer.Context,
    entiteit: Annotated[str, typer.Option("--entity", "--entiteit", help="alleen deze entiteit; leeg is alle")] = "",
    formaat: Annotated[Format, typer.Option("--format", help="table, json of csv")] = Format.TABLE,
) -> None:
    """The coverage matrix of today."""
    municipality = opened(context)
    now = datetime.now(UTC)
    matrix = coverage_matrix(municipality, now.astimezone(ZoneInfo(municipality.settings.timezone)).date())
    if entiteit:
        # An application without any controle misses this entity too.
        matrix = matrix.filter(pl.col("entity").is_in([municipality.catalogue[entiteit].name, ""]))
    if formaat is Format.JSON:
        show_json(matrix.to_dicts())
    elif formaat is Format.CSV:
        sys.stdout.write(matrix.write_csv())
    else:
        _show_page(load_coverage(matrix, municipality.catalogue, titles(municipality), now), entiteit)


def _show_page(page: CoveragePage, entity: str) -> None:
    for table in page.tables:
        if table.afnemers and entity in ("", table.entity):
            _show_table(table)
    for wish in page.wishes:
        late = "VERLOPEN op" if wish.overdue else "uiterlijk"
        say(f"Wens {late} {wish.deadline:%d-%m-%Y}: {wish.titel}, {wish.entity_label}, {wish.label}: {wish.wens}")
    for one in page.without:
        place = f", {one.entity_label}" if one.entity_label else ""
        say(f"Zonder controle: {one.titel}{place}: {one.reason}")
    say(page.sentence)


def _show_table(table: CoverageTable) -> None:
    rows = [(row.label, *(cell.word for cell in row.cells)) for row in table.rows]
    show_table(("veld", *table.afnemers), rows, title=f"{table.label} ({table.entity})")
