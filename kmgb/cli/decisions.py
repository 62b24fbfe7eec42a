"""`kmgb besluit`: what people decide about findings, and a dry run of what is about more of them than were named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from kmgb.catalogue.fields import SEVERITIES
from kmgb.cli.output import LARGEST, opened, say, show_table
from kmgb.errors import KmgbError, nearest
from kmgb.report.causes import CAUSES
from kmgb.run.decide import ClusterToday, cluster_today, in_last_runs
from kmgb.run.municipality import Municipality
from kmgb.store.decisions import Decision, Reported
from kmgb.store.suppression import HiddenInRun, Pattern, SuppressionPreview

_MANY = 10  # so many numbers are still written out

app = typer.Typer(
    help="Besluiten over bevindingen. De nummers van bevindingen staan in: kmgb history show", no_args_is_help=True
)

_Findings = Annotated[list[int], typer.Argument(max=LARGEST, help="nummers van bevindingen")]
_SomeFindings = Annotated[
    list[int] | None, typer.Argument(max=LARGEST, help="nummers van bevindingen; leeg bij een cluster")
]
_Cluster = Annotated[
    str,
    typer.Option("--cluster", metavar="RUN/NUMMER", help="alle bevindingen van een cluster: kmgb history clusters RUN"),
]
_Yes = Annotated[bool, typer.Option("--ja", help="leg vast; een cluster of patroon is zonder deze optie een proef")]
_Who = Annotated[str, typer.Option("--door", help="wie dit besluit")]
_Afnemer = Annotated[str, typer.Option("--afnemer", help="applicatie")]
_Entity = Annotated[str, typer.Option("--entity", "--entiteit", help="personen, pand, nnp, ...")]
_Field = Annotated[str | None, typer.Option("--field", "--veld", help='veld; "" is een bevinding over een hele rij')]
_Kind = Annotated[str | None, typer.Option("--kind", "--soort", help="soort: afwijkend, cosmetisch, ...")]
_Rule = Annotated[str | None, typer.Option("--rule", "--regel", help='regel; "" is zonder regel')]
_Cause = Annotated[str | None, typer.Option("--cause", "--oorzaak", help="oorzaak: formaat, handmatig, ...")]
_From = Annotated[str | None, typer.Option("--van", help='waarde in de distributie; "" is leeg')]
_To = Annotated[str | None, typer.Option("--naar", help='waarde in de applicatie; "" is leeg')]


@app.command(name="accepteren", help="Accepteer bevindingen, of alles wat past bij een patroon, tot en met een dag.")
def accept(
    context: typer.Context,
    reden: Annotated[str, typer.Option("--reden", help="waarom dit zo mag blijven")],
    tot: Annotated[datetime, typer.Option("--tot", formats=["%Y-%m-%d", "%d-%m-%Y"], help="tot en met deze dag")],
    door: _Who,
    bevindingen: Annotated[
        list[int] | None, typer.Argument(max=LARGEST, help="nummers; leeg bij een cluster of patroon")
    ] = None,
    cluster: _Cluster = "",
    afnemer: _Afnemer = "",
    entity: _Entity = "",
    field: _Field = None,
    kind: _Kind = None,
    rule: _Rule = None,
    cause: _Cause = None,
    van: _From = None,
    naar: _To = None,
    ja: _Yes = False,
) -> None:
    """Findings by number at once; a cluster or a pattern only with --ja, after showing what it hides."""
    municipality = opened(context)
    decisions, now, zone = municipality.history.decisions, datetime.now(UTC), municipality.settings.timezone
    if bevindingen or cluster:
        if afnemer or entity:
            raise KmgbError("Noem nummers van bevindingen, of een patroon met --afnemer en --entity; niet allebei.")
        chosen = _chosen(municipality, bevindingen, cluster, now, ja=ja, hides=True)
        _say_made(decisions.accept(chosen, reason=reden, who=door, last_day=tot.date(), zone=zone, now=now))
        return
    pattern = _pattern(municipality, afnemer, entity, field, kind, rule, cause, van, naar)
    _show_preview(decisions.suppression_preview(pattern), municipality)
    if not ja:
        raise KmgbError("Dit was een proef: er is niets vastgelegd. Herhaal de opdracht met --ja om te accepteren.")
    number = decisions.accept_pattern(pattern, reason=reden, who=door, last_day=tot.date(), zone=zone, now=now)
    _say_made([number])


@app.command(name="proef", help="Toon wat het accepteren van een patroon nu zou verbergen, en in de laatste tien runs.")
def preview(
    context: typer.Context,
    afnemer: _Afnemer,
    entity: _Entity,
    field: _Field = None,
    kind: _Kind = None,
    rule: _Rule = None,
    cause: _Cause = None,
    van: _From = None,
    naar: _To = None,
) -> None:
    """The dry run; nothing is written."""
    municipality = opened(context)
    pattern = _pattern(municipality, afnemer, entity, field, kind, rule, cause, van, naar)
    _show_preview(municipality.history.decisions.suppression_preview(pattern), municipality)


@app.command(name="intrekken", help="Trek een acceptatie in.")
def withdraw(
    context: typer.Context,
    besluit: Annotated[int, typer.Argument(max=LARGEST, help="nummer van het besluit")],
    reden: Annotated[str, typer.Option("--reden", help="waarom")],
    door: _Who,
) -> None:
    """What it hid is open again."""
    decisions = opened(context).history.decisions
    _say_made([decisions.withdraw(besluit, reason=reden, who=door, now=datetime.now(UTC))])


@app.command(name="terugmelden", help="Leg vast dat bevindingen zijn teruggemeld, of hoe ver dat is.")
def report_back(
    context: typer.Context,
    kenmerk: Annotated[str, typer.Option("--kenmerk", help="kenmerk van de terugmelding")],
    door: _Who,
    bevindingen: _SomeFindings = None,
    cluster: _Cluster = "",
    stand: Annotated[Reported, typer.Option("--stand", help="hoe ver de terugmelding is")] = Reported.VERZONDEN,
    opmerking: Annotated[str, typer.Option("--opmerking", help="toelichting")] = "",
    ja: _Yes = False,
) -> None:
    """The reference number and the state of a terugmelding."""
    municipality, now = opened(context), datetime.now(UTC)
    chosen = _chosen(municipality, bevindingen, cluster, now, ja=ja)
    decisions = municipality.history.decisions
    _say_made(decisions.report_back(chosen, reference=kenmerk, state=stand.value, who=door, now=now, text=opmerking))


@app.command(name="toewijzen", help="Wijs bevindingen toe aan iemand.")
def assign(
    context: typer.Context,
    aan: Annotated[str, typer.Option("--aan", help="wie aan zet is")],
    door: _Who,
    bevindingen: _SomeFindings = None,
    cluster: _Cluster = "",
    ja: _Yes = False,
) -> None:
    """Whose turn it is."""
    municipality, now = opened(context), datetime.now(UTC)
    chosen = _chosen(municipality, bevindingen, cluster, now, ja=ja)
    _say_made(municipality.history.decisions.assign(chosen, to=aan, who=door, now=now))


@app.command(name="opmerking", help="Schrijf een opmerking bij bevindingen.")
def comment(
    context: typer.Context,
    bevindingen: _Findings,
    tekst: Annotated[str, typer.Option("--tekst", help="de opmerking")],
    door: _Who,
) -> None:
    """A remark that stays with the finding."""
    decisions = opened(context).history.decisions
    _say_made(decisions.comment(bevindingen, text=tekst, who=door, now=datetime.now(UTC)))


@app.command(name="lijst", help="Toon de besluiten over een applicatie en een entiteit.")
def list_decisions(context: typer.Context, afnemer: _Afnemer, entity: _Entity) -> None:
    """Every decision, oldest first. The values of a pattern are not shown."""
    municipality = opened(context)
    zone = ZoneInfo(municipality.settings.timezone)
    municipality.controle(afnemer)
    rows = [
        (
            decision.id,
            decision.made.astimezone(zone).strftime("%d-%m-%Y %H:%M"),
            decision.action,
            _about(decision),
            decision.who,
            _written(decision.last_day),
            " ".join(part for part in (decision.reference, decision.state, decision.text) if part),
        )
        for decision in municipality.history.decisions.of(afnemer, municipality.catalogue[entity].name)
    ]
    show_table(("nr", "moment", "besluit", "over", "door", "tot en met", "tekst"), rows)


def _chosen(
    municipality: Municipality,
    findings: Sequence[int] | None,
    cluster: str,
    now: datetime,
    *,
    ja: bool,
    hides: bool = False,
) -> Sequence[int]:
    """The findings to decide on: those that were numbered, or with --ja those of a cluster, after showing it.

    Raises: KmgbError when neither or both are named, and when it was a dry run.
    """
    if bool(findings) == bool(cluster):
        raise KmgbError("Noem nummers van bevindingen, of een cluster met --cluster RUN/NUMMER; een van beide.")
    if findings:
        return findings
    chosen = cluster_today(municipality, cluster, now)
    _show_cluster(chosen)
    if hides:
        _show_hidden(in_last_runs(municipality, chosen), municipality)
    if not ja:
        raise KmgbError(
            "Dit was een proef: er is niets vastgelegd. Herhaal de opdracht met --ja om dit vast te leggen."
        )
    return chosen.numbers


def _show_cluster(cluster: ClusterToday) -> None:
    newest, count = cluster.newest, cluster.findings.height
    parts = [
        ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items())
        for counts in (cluster.severities, cluster.statuses)
    ]
    what = f"{count} open {'bevinding' if count == 1 else 'bevindingen'}"
    say(f"Cluster {cluster.name} van {newest.afnemer}, {newest.entity} is na run {newest.id} {what}.")
    say(f"Ernst: {parts[0]}. Status: {parts[1]}.")


def _pattern(
    municipality: Municipality,
    afnemer: str,
    entity: str,
    field: str | None,
    kind: str | None,
    rule: str | None,
    cause: str | None,
    van: str | None,
    naar: str | None,
) -> Pattern:
    """The pattern that was asked. Raises: KmgbError on a name that does not exist."""
    if not afnemer or not entity:
        raise KmgbError("Noem nummers van bevindingen, of een patroon met --afnemer, --entity en wat het verder is.")
    municipality.controle(afnemer)
    known = municipality.catalogue[entity]
    if field:
        field = known[field].name
    if cause is not None and cause not in CAUSES:
        raise KmgbError(f"{cause!r} is geen oorzaak. {nearest(cause, list(CAUSES))}".rstrip())
    if (van is None) != (naar is None):
        raise KmgbError('Noem --van en --naar samen; schrijf "" voor leeg.')
    values = None if van is None or naar is None else (van, naar)
    return Pattern(afnemer, entity, field, kind, rule, cause, values)


def _show_preview(preview: SuppressionPreview, municipality: Municipality) -> None:
    count = sum(preview.today.values())
    say(f"Dit patroon verbergt nu {count} open {'bevinding' if count == 1 else 'bevindingen'}.")
    _show_hidden(preview.runs, municipality)


def _show_hidden(runs: Sequence[HiddenInRun], municipality: Municipality) -> None:
    zone = ZoneInfo(municipality.settings.timezone)
    rows = [
        (
            line.run_id,
            line.finished.astimezone(zone).strftime("%d-%m-%Y"),
            line.status,
            *(line.hidden.get(severity, 0) for severity in SEVERITIES),
            sum(line.hidden.values()),
        )
        for line in runs
    ]
    show_table(("run", "dag", "status", *SEVERITIES, "samen"), rows, "Zo veel zou het hebben verborgen")


def _about(decision: Decision) -> str:
    if decision.subject is not None:
        return f"besluit {decision.subject}"
    if decision.pattern is None:
        return f"bevinding {decision.finding}"
    one = decision.pattern
    parts = {"veld": one.field, "soort": one.kind, "regel": one.rule, "oorzaak": one.cause}
    named = [f"{name} {value or '(geen)'}" for name, value in parts.items() if value is not None]
    return ", ".join([*named, *(["één paar waarden"] if one.values else [])])


def _written(day: date | None) -> str:
    return f"{day:%d-%m-%Y}" if day else ""


def _say_made(numbers: list[int]) -> None:
    """The numbers of the decisions; of a long row that runs on, its ends."""
    runs_on = len(numbers) > _MANY and numbers == list(range(numbers[0], numbers[-1] + 1))
    named = f"{numbers[0]} t/m {numbers[-1]}" if runs_on else ", ".join(str(number) for number in numbers)
    say(f"{'Besluit' if len(numbers) == 1 else 'Besluiten'} {named} vastgelegd.")
