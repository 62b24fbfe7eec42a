"""`kmgb pull` and `kmgb sources test`: fetch from the source of an application, or only see whether that would go."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from kmgb.cli.output import fail, opened, say, show_table, watched
from kmgb.errors import KmgbError, SettingsError, nearest
from kmgb.fetch.bron import probe
from kmgb.fetch.database import DatabaseFacts
from kmgb.fetch.transfer_probe import TransferProbe
from kmgb.landing import Landed
from kmgb.mapping.bronnen.overdracht import MapBron
from kmgb.mapping.model import Mapping
from kmgb.run.municipality import Municipality
from kmgb.run.pull import Pulled, pull, terms, watch

REFUSED = 3

app = typer.Typer(help="Bronnen: waar de dumps vandaan komen.", no_args_is_help=True)

_Entity = Annotated[str, typer.Option("--entity", "--entiteit", help="alleen deze: personen, pand, nnp, ...")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command(name="pull", help="Haal op wat er bij de bron van een applicatie klaarstaat, en leg het vast.")(
        pull_all
    )
    root.add_typer(app, name="sources")


@app.callback()
def _group() -> None:
    """A group with one command would otherwise become that command."""


def pull_all(
    context: typer.Context,
    afnemers: Annotated[list[str] | None, typer.Argument(help="namen van afnemers; leeg is alle met een bron")] = None,
    entity: _Entity = "",
    volg: Annotated[
        bool, typer.Option("--volg", help="blijf de afhaalmappen volgen en haal op zodra een bestand heel is")
    ] = False,
) -> None:
    """Exit 3 when something could not be fetched or went into quarantaine, 2 when only settings are wrong; what did
    come stays."""
    municipality, code = opened(context), 0
    if volg:
        _follow(municipality, tuple(afnemers or ()), entity)
        return
    for mapping, one in chosen(municipality, tuple(afnemers or ()), entity):
        name = f"{mapping.naam}, {one}"
        try:
            with watched(name) as progress:
                pulled = pull(municipality, mapping, one, datetime.now(UTC), progress=progress)
        except KmgbError as error:
            fail(f"{name}: {error}")
            code = max(code, error.exit_code)
            continue
        if _say_pulled(name, pulled, municipality):
            code = REFUSED
    raise typer.Exit(code)


def _follow(municipality: Municipality, names: Sequence[str], entity: str) -> None:
    """Watch until ctrl-C; each folder in a thread of its own, each line as it comes."""
    folders = [
        (mapping, one)
        for mapping, one in chosen(municipality, names, entity)
        if isinstance(mapping.entiteit[one].bron, MapBron)
    ]
    if not folders:
        raise SettingsError('Hier is geen afhaalmap bij: volgen kan alleen bij een bron met soort = "map".')
    stop = threading.Event()

    def follow(mapping: Mapping, one: str) -> None:
        for told in watch(municipality, mapping, one, stop):
            name = f"{mapping.naam}, {one}"
            if isinstance(told, KmgbError):
                fail(f"{name}: {told}")
            else:
                _say_pulled(name, told, municipality)

    say(f"{len(folders)} {'map' if len(folders) == 1 else 'mappen'} gevolgd; stop met ctrl-C.")
    with ThreadPoolExecutor(len(folders)) as pool:
        running = [pool.submit(follow, *folder) for folder in folders]
        try:
            # A wait without an end may not be woken by ctrl-C when another thread is the one that gets the signal.
            while wait(running, timeout=0.5, return_when=FIRST_EXCEPTION).not_done:
                pass
        finally:
            stop.set()
        for one in running:
            one.result()


@app.command(name="test", help="Maak verbinding met de bron en kijk: server, versie, kolommen en gemaskeerde rijen.")
def test(
    context: typer.Context,
    afnemer: Annotated[str, typer.Argument(help="naam van de afnemer")],
    entity: _Entity = "",
) -> None:
    """Changes nothing, here nor there. Exit 3 when a source cannot be used, 2 when only settings are wrong."""
    municipality, code = opened(context), 0
    for mapping, one in chosen(municipality, (afnemer,), entity):
        plan = mapping.entiteit[one]
        if plan.bron is None:
            continue
        say(f"{mapping.naam}, {one}")
        try:
            seen = probe(plan.bron, plan, municipality.catalogue[one], terms(municipality))
        except KmgbError as error:
            fail(f"  {error}")
            code = max(code, error.exit_code)
            continue
        if isinstance(seen, DatabaseFacts):
            _show_database(seen, municipality)
        else:
            _show_files(seen, municipality)
    raise typer.Exit(code)


def chosen(municipality: Municipality, names: Sequence[str], entity: str) -> Iterator[tuple[Mapping, str]]:
    """Every entity with a source that was asked for. Raises: SettingsError when a name does not exist or has none."""
    if entity:
        entity = municipality.catalogue[entity].name
    mappings = [municipality.controle(name) for name in names] or list(municipality.mappings.values())
    found = [
        (mapping, one)
        for mapping in mappings
        for one, plan in mapping.entiteit.items()
        if plan.bron is not None and entity in ("", one)
    ]
    for name in names or ("",):
        if not any(name in ("", mapping.naam) for mapping, _ in found):
            raise _without(municipality, name, entity)
    yield from found


def _without(municipality: Municipality, name: str, entity: str) -> SettingsError:
    if not name:
        return SettingsError("Geen enkele veldtoewijzing noemt een bron. Voeg [bron] of [entiteit.<naam>.bron] toe.")
    mapping = municipality.mappings[name]
    if entity and entity not in mapping.entiteit:
        return SettingsError(f"{name} levert geen {entity}. {nearest(entity, list(mapping.entiteit))}".rstrip())
    where = f"entiteit.{entity}" if entity else "de veldtoewijzing"
    return SettingsError(f"{mapping.path.name}: {where} noemt geen bron. Voeg [bron] of [entiteit.<naam>.bron] toe.")


def _say_pulled(name: str, pulled: Pulled, municipality: Municipality) -> bool:
    """Say what came; True when some of it is not accepted."""
    for landed in pulled.landed:
        (say if landed.accepted else fail)(f"{name}: {_sentence(landed, municipality)}")
    if pulled.shared:
        say(f"{name}: zojuist al door een ander opgehaald.")
    for remark in pulled.remarks:
        fail(f"{name}: {remark}")
    return not all(landed.accepted for landed in pulled.landed)


def _sentence(landed: Landed, municipality: Municipality) -> str:
    manifest = landed.manifest
    day = manifest.peildatum.astimezone(ZoneInfo(municipality.settings.timezone))
    head = f"aanlevering {manifest.id}, {manifest.file}, {manifest.rows} rijen, peildatum {day:%d-%m-%Y %H.%M}"
    return f"{head}." if landed.accepted else f"{head}: {manifest.status}. {' '.join(manifest.reasons)}"


def _show_database(seen: DatabaseFacts, municipality: Municipality) -> None:
    say(f"  {seen.place}: {seen.version or 'de bron noemt geen versie'}")
    zone = ZoneInfo(municipality.settings.timezone)
    if seen.moment is not None:
        say(f"  tijd van de server: {seen.moment.astimezone(zone):%d-%m-%Y %H.%M.%S}")
    show_table(("kolom", "soort"), [(column.name, column.type) for column in seen.columns], "Kolommen")
    rows = [["(leeg)" if cell is None else cell for cell in row] for row in seen.rows]
    show_table([column.name for column in seen.columns], rows, "Eerste rijen, gemaskeerd")


def _show_files(seen: TransferProbe, municipality: Municipality) -> None:
    zone = ZoneInfo(municipality.settings.timezone)
    say(f"  {seen.place}: {seen.server} ({seen.security})")
    rows = [
        (f.name, f.size, f"{f.changed.astimezone(zone):%d-%m-%Y %H.%M.%S}", f.why_not or "heel") for f in seen.files
    ]
    show_table(("bestand", "bytes", "gewijzigd", "stand"), rows, "Bestanden")
    if seen.rows:
        say(f"  kolommen van {seen.sample}: {', '.join(seen.columns)}")
        show_table(seen.shown, seen.rows, "Eerste rijen, gemaskeerd")
    for remark in seen.remarks:
        say(f"  {remark}")
