"""`kmgb history export` and `kmgb history verify`: the auditor's evidence, and the proof that it is whole."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from kmgb.cli.output import current_user, fail, opened, say
from kmgb.errors import KmgbError
from kmgb.report.pack.manifest import is_sum
from kmgb.run.pack.export import Request, export_pack
from kmgb.run.pack.verify import verify_pack

WHOLE, NOT_WHOLE = 0, 3
_DAY = ["%Y-%m-%d"]
_BEGIN = datetime(2000, 1, 1)  # noqa: DTZ001 - a day, in no zone


class Role(StrEnum):
    """What the name of a controle is."""

    AFNEMER = "afnemer"
    REGISTER = "register"
    DISTRIBUTIE = "distributie"


def register(app: typer.Typer) -> None:
    """Add both commands to the group `history`."""
    app.command(name="export", help="Schrijf het bewijs van een periode voor een auditor: één zip, met sommen.")(export)
    app.command(name="verify", help="Bewijs dat een bewijspakket heel is. Vraagt geen instellingen of database.")(
        verify
    )


def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="het pakket, een zip die er nog niet is")],
    afnemers: Annotated[list[str] | None, typer.Argument(help="namen van afnemers; leeg is alle")] = None,
    van: Annotated[
        datetime, typer.Option("--van", formats=_DAY, show_default="het begin", help="eerste dag (jjjj-mm-dd)")
    ] = _BEGIN,
    tot: Annotated[datetime | None, typer.Option("--tot", formats=_DAY, help="laatste dag; standaard vandaag")] = None,
    rollen: Annotated[
        list[Role] | None, typer.Option("--rol", help="alleen afnemer, register of distributie (herhaalbaar)")
    ] = None,
    waarden: Annotated[
        bool, typer.Option("--waarden", help="schrijf gevoelige waarden voluit; komt in het auditlog")
    ] = False,
    door: Annotated[str, typer.Option("--door", help="wie dit doet; standaard de gebruiker van deze computer")] = "",
    reden: Annotated[str, typer.Option("--reden", help="waarom de waarden nodig zijn; verplicht bij --waarden")] = "",
) -> None:
    """Write the pack, and say the sum by which it is known."""
    municipality = opened(context)
    if waarden != bool(reden.strip()) or (waarden and not door.strip()):
        raise KmgbError("Waarden openen vraagt --waarden, wie dat doet (--door) en waarom (--reden).")
    day = (tot or datetime.now(ZoneInfo(municipality.settings.timezone))).date()
    request = Request(
        begin=van.date(),
        end=day,
        afnemers=tuple(afnemers or ()),
        roles=tuple(role.value for role in rollen or ()),
        who=door.strip() or current_user(),
        why=reden.strip(),
    )
    written = export_pack(municipality, request, out, now=datetime.now(UTC))
    for warning in written.warnings:
        fail(f"Let op: {warning}")
    say(f"{written.path}: {written.runs} runs, {written.findings} bevindingen.")
    say(f"sha256 van manifest.json: {written.manifest_sha256}")
    say("Deze som staat ook in het auditlog. Bewaar haar apart van het pakket: daarmee blijkt elke latere wijziging.")


def verify(
    pakket: Annotated[Path, typer.Argument(help="het bewijspakket (zip)")],
    manifest_sha256: Annotated[
        str | None,
        typer.Option("--manifest-sha256", help="de som die bij het maken is getoond en in het auditlog staat"),
    ] = None,
) -> None:
    """Say what is wrong with the pack, or that it is whole. Exit 3 when anything is."""
    given = None if manifest_sha256 is None else manifest_sha256.strip().lower()
    if given is not None and not is_sum(given):
        raise KmgbError(
            "--manifest-sha256 is geen sha256: 64 cijfers en letters a tot en met f. Zoek haar op in het auditlog."
        )
    verdict = verify_pack(pakket, given or "")
    for fault in verdict.faults:
        fail(f"{pakket.name}: {fault}")
    if verdict.faults:
        raise typer.Exit(NOT_WHOLE)
    say(f"{pakket.name} is heel: {verdict.files} bestanden, {verdict.runs} runs, {verdict.findings} bevindingen.")
    say(f"sha256 van manifest.json: {verdict.manifest_sha256}")
    if given is None:
        say("Vergelijk deze som met het auditlog, of geef haar mee met --manifest-sha256: anders blijkt niet dat het")
        say("manifest zelf nog is wat het was.")
    raise typer.Exit(WHOLE)
