"""`kmgb history`: what was checked before, and the life of what was found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import polars as pl
import typer

from kmgb.catalogue.fields import SEVERITIES, Entity
from kmgb.catalogue.masking import HIDDEN, masked_key, masked_value
from kmgb.cli.output import opened, say, show_table
from kmgb.errors import KmgbError, nearest
from kmgb.run.municipality import Municipality
from kmgb.store.decisions import end_of_day
from kmgb.store.runs import StoredRun

_COLUMNS = (
    "nr", "afnemer", "entiteit", "sleutel", "veld", "soort", "distributie", "applicatie", "sinds", "dagen", "runs",
    "status", "oorzaak", "volgende stap", "opmerking",
)  # fmt: skip
_DATE_FORMATS = ("%Y-%m-%d", "%d-%m-%Y")

app = typer.Typer(help="De geschiedenis: welke runs er waren en wat zij vonden.", no_args_is_help=True)


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
        counts = (changes.opened, changes.solved, changes.closed - changes.solved, changes.unknown)
        rows.append((stored.id, moment, stored.afnemer, stored.entity, stored.status, total, *counts))
    columns = ("run", "gestart", "afnemer", "entiteit", "status", "open", "nieuw", "opgelost")
    show_table((*columns, "anders gesloten", "onbekend"), rows)


@app.command(name="clusters", help="Toon de clusters van een run: wat bij elkaar hoort en als één te besluiten is.")
def show_clusters(
    context: typer.Context,
    run: Annotated[int, typer.Argument(help="nummer van een run; zie kmgb history list")],
    aantal: Annotated[int, typer.Option("--aantal", min=1, help="hoeveel clusters")] = 30,
) -> None:
    """The clusters, the gravest and then the largest first, each with its number to decide by. Values are masked."""
    municipality = opened(context)
    stored = municipality.history.run(run)
    clusters = sorted(municipality.history.clusters(run), key=lambda line: SEVERITIES.index(line["severity"]))
    if not clusters:
        say(f"Run {run} heeft geen clusters.")
        return
    entity = municipality.catalogue[stored.entity]
    key_fields = dict(municipality.history.findings(stored).select("key", "key_field").iter_rows())
    rows = [_cluster_row(line, entity, key_fields, run) for line in clusters[:aantal]]
    show_table(("cluster", "veld", "soort", "ernst", "patroon", "oorzaak", "aantal", "voorbeelden"), rows)
    if len(clusters) > aantal:
        say(f"{len(clusters) - aantal} clusters niet getoond; vraag er meer met --aantal.")
    say(f"Besluit over een cluster als geheel: kmgb besluit accepteren --cluster {run}/NUMMER ...")


@app.command(name="show", help="Toon het leven van bevindingen, van één sleutel of van één applicatie.")
def show(
    context: typer.Context,
    sleutel: Annotated[str, typer.Argument(help="sleutel zoals in de bron; delen met | ertussen")] = "",
    afnemer: Annotated[str, typer.Option("--afnemer", help="alleen van deze applicatie")] = "",
    as_of: Annotated[
        str, typer.Option("--as-of", "--per", help="zoals het was: nummer van een run, of een dag (jjjj-mm-dd)")
    ] = "",
    gesloten: Annotated[bool, typer.Option("--gesloten", help="toon ook wat gesloten is; bij een sleutel altijd")] = (
        False
    ),
    aantal: Annotated[int, typer.Option("--aantal", min=1, help="hoeveel bevindingen")] = 100,
) -> None:
    """The findings with their status, and for one key everything that happened to them. Values are masked."""
    if not sleutel and not afnemer:
        raise KmgbError("Noem een sleutel of een applicatie: kmgb history show SLEUTEL, of --afnemer NAAM.")
    municipality = opened(context)
    runs, at = _as_of(municipality, as_of)
    lives = [
        (stored, municipality.history.findings(stored, at, closed=gesloten or bool(sleutel), key=sleutel or None))
        for stored in _of_afnemer(runs, afnemer)
    ]
    found = [(stored, findings) for stored, findings in lives if findings.height]
    if not found:
        say("Geen bevindingen bij deze sleutel." if sleutel else "Geen bevindingen.")
        return
    rows = [
        _row(row, municipality.catalogue[stored.entity], sleutel, municipality)
        for stored, findings in found
        for row in findings.iter_rows(named=True)
    ]
    show_table(_COLUMNS, rows[:aantal])
    if len(rows) > aantal:
        say(f"{len(rows) - aantal} bevindingen niet getoond; vraag er meer met --aantal.")
    if sleutel:
        _show_events(municipality, found, at)


def _show_events(municipality: Municipality, found: list[tuple[StoredRun, pl.DataFrame]], at: datetime) -> None:
    events = [
        event
        for stored, findings in found
        for event in municipality.history.events(stored, findings["id"].to_list(), at)
    ]
    rows = [
        (_day(event.moment, municipality, "%d-%m-%Y %H:%M"), event.run_id or "", event.finding, event.what)
        for event in sorted(events, key=lambda event: event.moment)
    ]
    show_table(("moment", "run", "nr", "wat"), rows)


def _as_of(municipality: Municipality, text: str) -> tuple[list[StoredRun], datetime]:
    """The run of every controle as of which is asked, and the moment up to which decisions count."""
    history, now = municipality.history, datetime.now(UTC)
    if not text:
        return history.newest(), now
    if text.isdigit():
        return history.as_of(run_id=int(text)), history.run(int(text)).finished
    moment = min(end_of_day(_read_day(text), municipality.settings.timezone), now)
    return history.as_of(moment=moment), moment


def _read_day(text: str) -> date:
    for notation in _DATE_FORMATS:
        try:
            return datetime.strptime(text, notation).date()  # noqa: DTZ007 - a day, in no zone
        except ValueError:
            continue
    raise KmgbError("--as-of is geen nummer van een run en geen dag. Schrijf een dag als 2026-11-16 of 16-11-2026.")


def _of_afnemer(runs: list[StoredRun], afnemer: str) -> list[StoredRun]:
    chosen = [stored for stored in runs if afnemer in ("", stored.afnemer)]
    if not chosen:
        known = sorted({stored.afnemer for stored in runs})
        of_whom = f" van {afnemer!r}" if afnemer else ""
        raise KmgbError(f"Er is tot dan geen run{of_whom}. {nearest(afnemer, known)}".rstrip())
    return chosen


def _row(row: Mapping[str, Any], entity: Entity, typed: str, municipality: Municipality) -> tuple[object, ...]:
    """One line of the table. A key that was typed may be shown back as typed; any other sensitive one is masked."""
    closed = f" op {_day(row['closed'].replace(tzinfo=UTC), municipality)}" if row["closed"] else ""
    return (
        row["id"],
        row["afnemer"],
        row["entity"],
        typed or masked_key(row["key"], row["key_field"], entity),
        row["field"],
        row["kind"].replace("_", " "),
        _shown(row["distributie"], row, entity),
        _shown(row["afnemer_value"], row, entity),
        _day(row["first_seen"].replace(tzinfo=UTC), municipality),
        row["age"],
        row["age_runs"],
        row["status"].replace("_", " ") + closed,
        row["cause"].replace("_", " "),
        (row["next_step"] or "").replace("_", " "),
        row["remark"] or "",
    )


def _cluster_row(
    line: Mapping[str, Any], entity: Entity, key_fields: Mapping[str, str], run: int
) -> tuple[object, ...]:
    """One line of the table of clusters: its pattern as every reader may see it, and its examples below each other."""
    whose = [key_fields.get(key, entity.primary.name) for key, *_ in line["examples"]]

    def shown(value: str | None, key_field: str) -> str:
        return _shown(value, {"field": line["field"], "kind": line["kind"], "key_field": key_field}, entity) or "(leeg)"

    def both(ours: str | None, theirs: str | None, key_field: str) -> str:
        hidden = line["field"] and not ours and not theirs  # two empty sides are no finding
        return "(niet getoond)" if hidden else f"{shown(ours, key_field)} → {shown(theirs, key_field)}"

    examples = [
        f"{masked_key(key, key_field, entity)}: {both(ours, theirs, key_field)}"
        for (key, ours, theirs), key_field in zip(line["examples"], whose, strict=True)
    ]
    pair = [shown(line[end], whose[0]) for end in ("from", "to") if line[end] is not None]
    parts = {
        "regel": (line["rule"] or "").replace("_", " "),
        "vorm": line["transform"],
        "waarden": " → ".join(pair),
        "straat": shown(line["street"], whose[0]) if line["street"] else "",
        "gemist na": line["date"],
    }
    pattern = "; ".join(f"{name} {value}" for name, value in parts.items() if value)
    named = (f"{run}/{line['number']}", line["field"], line["kind"].replace("_", " "), line["severity"])
    return (*named, pattern, line["cause"].replace("_", " "), line["count"], "\n".join(examples))


def _shown(value: str | None, row: Mapping[str, Any], entity: Entity) -> str:
    """A value as every reader may see it; nothing of a field that the catalogue no longer knows."""
    if row["field"] and row["field"] not in entity:
        return HIDDEN if value else ""
    field = entity[row["field"]] if row["field"] else None
    return masked_value(value, row["kind"], field, row["key_field"], entity)


def _day(moment: datetime, municipality: Municipality, notation: str = "%d-%m-%Y") -> str:
    return moment.astimezone(ZoneInfo(municipality.settings.timezone)).strftime(notation)
