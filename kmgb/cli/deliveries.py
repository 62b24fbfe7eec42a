"""`kmgb aanleveringen`: what came in and how it looked, what is missing, and what to do with quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from kmgb.arrival.audit import AUDIT_FILE
from kmgb.arrival.changes import ColumnChange, column_changes, valid_percent
from kmgb.arrival.decide import decide, find_delivery
from kmgb.arrival.decisions import Decision, Verdict, decisions
from kmgb.arrival.manifest import Manifest, home_of, manifests, standing
from kmgb.arrival.profile import ColumnProfile, Profile, load_profile
from kmgb.arrival.watch import State, signals_of, states
from kmgb.cli.output import opened, say, show_json, show_table
from kmgb.errors import SettingsError, nearest
from kmgb.run.municipality import Municipality

_MOST = 5  # deliveries per entity that are listed, unless all are asked for

app = typer.Typer(
    help="Aanleveringen: wat er binnenkwam, wat ontbreekt, en besluiten over quarantaine.", no_args_is_help=True
)

_Numbers = Annotated[list[str], typer.Argument(help="nummers van aanleveringen; de eerste tekens zijn genoeg")]
_Who = Annotated[str, typer.Option("--door", help="wie dit besluit")]
_Why = Annotated[str, typer.Option("--reden", help="waarom")]
_Json = Annotated[bool, typer.Option("--json", help="als JSON")]


@app.command(name="list", help="Toon de aanleveringen, nieuwste eerst, en wat er met de laatste aan de hand is.")
def list_deliveries(
    context: typer.Context,
    afnemer: Annotated[str, typer.Argument(help="alleen deze; leeg is alle")] = "",
    entity: Annotated[str, typer.Option("--entity", "--entiteit", help="personen, pand, nnp, ...")] = "",
    alle: Annotated[bool, typer.Option("--alle", help=f"ook ouder dan de laatste {_MOST} per entiteit")] = False,
    as_json: _Json = False,
) -> None:
    """The deliveries and the states of what was asked for. Exit 0, whatever the states are."""
    municipality, now = opened(context), datetime.now(UTC)
    chosen = list(_chosen(municipality, afnemer, entity))
    zone = municipality.settings.timezone
    found = [
        state
        for name, one in chosen
        for state in states(municipality.mappings[name], one, municipality.landing, now, zone)
    ]
    known = [
        manifest
        for name, one in chosen
        for manifest in manifests(municipality.landing, name, one)[: None if alle else _MOST]
    ]
    if as_json:
        show_json({"aanleveringen": [_facts(m, municipality) for m in known], "standen": [_state(s) for s in found]})
        return
    if known:
        columns = ("nummer", "afnemer", "entiteit", "bestand", "peildatum", "binnen", "rijen", "stand")
        show_table(columns, [_row(manifest, municipality) for manifest in known])
    else:
        say("Er zijn nog geen aanleveringen.")
    for state in found:
        say(f"{state.afnemer} {state.entity}: {state.signal.title}. {state.signal.sentence}")


@app.command(name="show", help="Toon één aanlevering: waarom in quarantaine, en elke kolom naast de vorige keer.")
def show(
    context: typer.Context,
    nummer: Annotated[str, typer.Argument(help="nummer van de aanlevering; de eerste tekens zijn genoeg")],
    as_json: _Json = False,
) -> None:
    """The manifest, the decision, the signals and the profile. No value of a cell is shown."""
    municipality = opened(context)
    written = find_delivery(municipality.landing, nummer)
    home = home_of(municipality.landing, written.afnemer, written.entity)
    decision = decisions(home).get(written.id)
    manifest, profile = standing(written, decision), load_profile(home / written.id)
    before = load_profile(home / profile.compared_with) if profile and profile.compared_with else None
    if as_json:
        facts = _facts(manifest, municipality) | {"profiel": profile and profile.to_document()}
        show_json(facts)
        return
    for line in _lines(manifest, decision, profile, municipality):
        say(line)
    for signal in signals_of(home, written):
        say(f"  {signal.title}: {signal.sentence}")
    if profile is not None and profile.columns:
        headers = ("kolom", "veld", "leeg %", "verschillend", "lengte", "geldig %", "vorige keer: leeg %", "geldig %")
        changes = column_changes(profile.columns, before.columns if before else ())
        rows = [_change(change, profile.rows, before.rows if before else 0) for change in changes]
        show_table(headers, rows, "Kolommen")


@app.command(name="release", help="Geef aanleveringen vrij uit quarantaine: vanaf nu worden zij vergeleken.")
def release(context: typer.Context, nummers: _Numbers, door: _Who, reden: _Why) -> None:
    """Each becomes accepted for comparing; the manifest stays as it was."""
    _decide(context, nummers, "vrijgegeven", door, reden)


@app.command(name="reject", help="Keur aanleveringen af, ook geaccepteerde: zij worden niet (meer) vergeleken.")
def reject(context: typer.Context, nummers: _Numbers, door: _Who, reden: _Why) -> None:
    """Each stays out, also when it would pass later. What runs already concluded from it stays as it was."""
    _decide(context, nummers, "afgekeurd", door, reden)


def _decide(context: typer.Context, numbers: list[str], verdict: Verdict, who: str, why: str) -> None:
    municipality = opened(context)
    audit = municipality.settings.data / AUDIT_FILE
    for manifest in decide(municipality.landing, audit, numbers, verdict, who=who, why=why, now=datetime.now(UTC)):
        say(f"Aanlevering {manifest.id} ({manifest.afnemer}, {manifest.entity}, {manifest.file}) is {verdict}.")


def _chosen(municipality: Municipality, afnemer: str, entity: str) -> Iterator[tuple[str, str]]:
    """Every afnemer and entity that was asked for. Raises: SettingsError on a name that does not exist."""
    if afnemer:
        municipality.controle(afnemer)
    if entity:
        entity = municipality.catalogue[entity].name
    for name, mapping in municipality.mappings.items():
        if afnemer in ("", name):
            if afnemer and entity and entity not in mapping.entiteit:
                hint = nearest(entity, list(mapping.entiteit))
                raise SettingsError(f"{name} levert geen {entity}. {hint}".rstrip())
            yield from ((name, one) for one in mapping.entiteit if entity in ("", one))


def _row(manifest: Manifest, municipality: Municipality) -> tuple[object, ...]:
    return (
        manifest.id,
        manifest.afnemer,
        manifest.entity,
        manifest.file,
        _local(manifest.peildatum, municipality),
        _local(manifest.arrived, municipality),
        manifest.rows,
        _standing(manifest, municipality),
    )


def _standing(manifest: Manifest, municipality: Municipality) -> str:
    decision = decisions(home_of(municipality.landing, manifest.afnemer, manifest.entity)).get(manifest.id)
    return decision.verdict if decision is not None else manifest.status


def _facts(manifest: Manifest, municipality: Municipality) -> dict[str, Any]:
    return manifest.to_document() | {"stand": _standing(manifest, municipality)}


def _state(state: State) -> dict[str, object]:
    return {
        "afnemer": state.afnemer,
        "entity": state.entity,
        "aanlevering": state.delivery,
        "soort": state.signal.kind,
        "zin": state.signal.sentence,
    }


def _lines(
    manifest: Manifest, decision: Decision | None, profile: Profile | None, municipality: Municipality
) -> Iterator[str]:
    yield f"Aanlevering {manifest.id}: {manifest.afnemer}, {manifest.entity}, {manifest.file}"
    yield f"Peildatum {_local(manifest.peildatum, municipality)} (uit: {manifest.peildatum_from})"
    yield f"Binnen {_local(manifest.arrived, municipality)}, {manifest.size} bytes, sha256 {manifest.sha256}"
    yield f"{manifest.rows} rijen, waarvan {manifest.faulty_rows} niet goed te lezen."
    yield f"Stand: {_standing(manifest, municipality)}."
    if decision is not None:
        yield f"  Door {decision.who} op {_local(decision.made, municipality)}: {decision.why}"
    if profile is not None and profile.band is not None:
        yield f"Band: hoogstens {profile.band.percent:g} % minder rijen ({profile.band.origin})."


def _change(change: ColumnChange, rows: int, rows_before: int) -> tuple[object, ...]:
    now, before = change.now, change.before
    return (
        change.name,
        now.field if now else "",
        _empty(now, rows),
        now.distinct if now else "",
        f"{now.shortest}-{now.longest}" if now and now.longest is not None else "",
        _percent(valid_percent(now)),
        _empty(before, rows_before),
        _percent(valid_percent(before)),
    )


def _empty(column: ColumnProfile | None, rows: int) -> str:
    return _percent(column.empty * 100 / rows if column is not None and rows else None)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}".replace(".", ",")


def _local(moment: datetime, municipality: Municipality) -> str:
    return moment.astimezone(ZoneInfo(municipality.settings.timezone)).strftime("%d-%m-%Y %H:%M")
