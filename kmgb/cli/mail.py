"""`kmgb mail`: what is new, to whoever must know; and what became of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from kmgb.cli.output import LARGEST, current_user, fail, opened, say, show_table
from kmgb.errors import MailError
from kmgb.report.figures import plural
from kmgb.run.mail_bounces import note_bounces
from kmgb.run.mail_drafts import drafts_of
from kmgb.run.mail_post import outbox_of, rendered, send_due, send_test, write_due
from kmgb.run.municipality import Municipality
from kmgb.scheduler.serve import utc_now
from kmgb.store.outbox import Status, StoredMail

app = typer.Typer(
    help="Mail over wat nieuw is: alleen aantallen en een koppeling, nooit gegevens.", no_args_is_help=True
)
NOT_SENT = 3
_ENDED = {
    Status.VERZONDEN: ("verzonden", "verzonden"),
    Status.KLAAR: ("wacht op een nieuwe poging", "wachten op een nieuwe poging"),
    Status.GEWEIGERD: ("geweigerd", "geweigerd"),
    Status.MISLUKT: ("niet verzonden, en er volgt geen poging meer", "niet verzonden, en er volgt geen poging meer"),
    Status.ONZEKER: ("onzeker", "onzeker"),
}
Nummer = Annotated[int, typer.Argument(min=1, max=LARGEST, help="nummer van het bericht, zie kmgb mail list")]


@app.command(name="voorbeeld", help="Toon wat er nu gemaild zou worden en aan wie; verzendt niets.")
def preview(
    context: typer.Context,
    afnemer: Annotated[str, typer.Argument(help="alleen de mail aan de eigenaar van deze applicatie")] = "",
) -> None:
    """Every mail that could be made, with its whole text; of one that is not due, why."""
    municipality = opened(context)
    if afnemer:
        municipality.controle(afnemer)
    found = drafts_of(municipality, utc_now(), afnemer or None)
    for remark in found.remarks:
        fail(remark)
    for draft in found.drafts:
        say(f"Aan: {draft.recipient} ({draft.voor})")
        if not draft.due:
            say("Niets nieuws sinds de vorige mail: er gaat niets uit.\n")
            continue
        say(f"Onderwerp: {draft.page.onderwerp}\n\n{rendered(municipality, draft)[0]}")
    if not found.drafts:
        say("Er is niets om over te mailen: nog geen controle, of niemand met een mailadres.")


@app.command(name="verzend", help="Mail wat nieuw is, en wat nog op verzending wacht.")
def send(context: typer.Context) -> None:
    """Exit 0 when all is sent or nothing was new, 3 when something is not, 2 when a setting is wrong."""
    municipality = opened(context)
    _check_on(municipality)
    written, found = write_due(municipality, utc_now())
    for remark in found.remarks:
        fail(remark)
    say(f"{plural(written, 'mail', 'mails')} gemaakt." if written else "Niets nieuws: geen mail gemaakt.")
    ended = send_due(municipality, utc_now)
    for line in told(ended):
        say(line)
    if sum(ended.values()) > ended[Status.VERZONDEN]:
        fail("Niet alles is verzonden. Bekijk waarom met: kmgb mail list")
        raise typer.Exit(NOT_SENT)


@app.command(name="list", help="Toon de berichten en wat ervan werd, de nieuwste eerst.")
def show(
    context: typer.Context,
    aantal: Annotated[int, typer.Option("--aantal", min=1, max=1000)] = 30,
    alleen_problemen: Annotated[
        bool, typer.Option("--alleen-problemen", help="alleen wat iemand nog moet bekijken")
    ] = False,
) -> None:
    """One line per message and recipient."""
    municipality = opened(context)
    outbox, zone = outbox_of(municipality), ZoneInfo(municipality.settings.timezone)
    outbox.expire(utc_now())
    rows = outbox.unseen()[:aantal] if alleen_problemen else outbox.listed(aantal)
    if not rows:
        say("Geen problemen met mail." if alleen_problemen else "Er is nog geen mail gemaakt.")
        return
    columns = ("nr", "gemaakt", "voor", "aan", "onderwerp", "stand", "pogingen", "reden")
    show_table(columns, [_row(one, zone) for one in rows])


@app.command(name="opnieuw", help="Verzend een bericht nog eens dat niet, of niet zeker, aankwam.")
def again(context: typer.Context, nummer: Nummer) -> None:
    """Only a person decides that what may have been sent is sent again."""
    municipality = opened(context)
    _check_on(municipality)
    one = outbox_of(municipality).again(nummer, utc_now())
    say(f"Bericht {one.id} wordt opnieuw verzonden aan {one.recipient}: met kmgb mail verzend, of door de planning.")


@app.command(name="gezien", help="Leg vast dat u van een probleem weet; het telt dan niet meer als open.")
def seen(
    context: typer.Context,
    nummer: Nummer,
    door: Annotated[str, typer.Option("--door", help="wie dit bekeek; standaard wie is aangemeld")] = "",
) -> None:
    """It stays in the list as it is."""
    outbox_of(opened(context)).see(nummer, door or current_user(), utc_now())
    say(f"Bericht {nummer} is afgehandeld.")


@app.command(name="terug", help="Lees meldingen van onbestelbare mail en zet ze bij onze berichten.")
def bounces(
    context: typer.Context,
    pad: Annotated[Path, typer.Argument(help="een bestand (.eml) of een map daarmee")],
) -> None:
    """Exit 3 when a message of ours came back."""
    found = note_bounces(opened(context), pad, utc_now())
    back = plural(len(found.marked), "bericht kwam", "berichten kwamen")
    say(
        f"{back} terug; {found.known} van anderen of al bekend; {found.others} geen melding van een mislukte bezorging."
    )
    if found.marked:
        fail(f"Teruggekomen: {', '.join(map(str, found.marked))}. Controleer het adres; bekijk ze met: kmgb mail list")
        raise typer.Exit(NOT_SENT)


@app.command(name="test", help="Verzend één proefmail naar een adres.")
def test(
    context: typer.Context,
    adres: Annotated[str, typer.Argument(help="waarheen")],
) -> None:
    """Exit 0 when the server took it, 3 when it did not."""
    outcome = send_test(opened(context), adres, utc_now())
    if outcome.reason:
        fail(f"De proefmail is niet (zeker) verzonden: {outcome.reason}.")
        raise typer.Exit(NOT_SENT)
    say("De mailserver nam de proefmail aan. Kijk of zij ook aankomt.")


def told(ended: Counter[Status]) -> list[str]:
    """What became of the messages, one line per status."""
    lines = []
    for status, (one, more) in _ENDED.items():
        if ended[status]:
            lines.append(f"{plural(ended[status], f'mail {one}', f'mails {more}')}.")
    return lines


def _check_on(municipality: Municipality) -> None:
    if not municipality.settings.mail.on:
        raise MailError("Mail staat uit. Zet in kmgb.toml onder [mail] hoe mail verzonden wordt; zie docs/mail.md.")


def _row(one: StoredMail, zone: ZoneInfo) -> tuple[object, ...]:
    stand = f"{one.status} (gezien)" if one.seen else str(one.status)
    made = f"{one.made.astimezone(zone):%d-%m-%Y %H:%M}"
    return one.id, made, one.kind, one.recipient, one.subject, stand, one.tries, one.reason
