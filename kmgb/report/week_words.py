"""The sentences of the weekly report: how all stands, how one application stands, and what changed since last week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from kmgb.report.figures import number, plural
from kmgb.report.week import AfnemerWeek, Counts, Role, WeekReport
from kmgb.report.words import unit_words


def week_sentence(
    afnemers: Sequence[AfnemerWeek], counts: Counts, before: Counts | None, since: datetime, zone: ZoneInfo
) -> str:
    """How it stands at the end of the week that began at `since`, in one sentence for the head of the page."""
    if not afnemers:
        return "Er is nog geen controle uitgevoerd."
    last = max(one.gecontroleerd for one in afnemers)
    if last <= since:
        return f"Deze week is niets gecontroleerd; op {_day(last, zone)} {_stood(counts)}."
    acting = sum(one.stand in ("kritiek", "quarantaine") for one in afnemers)
    if len(afnemers) == 1:
        said = f"{'1 applicatie vraagt nu aandacht' if acting else '1 applicatie, zonder spoed'}"
    elif acting:
        said = f"{acting} van {number(len(afnemers))} applicaties {'vraagt' if acting == 1 else 'vragen'} nu aandacht"
    else:
        said = f"Geen van de {number(len(afnemers))} applicaties vraagt nu met spoed aandacht"
    return f"{said}: {_wrong(counts)}, {changed(counts, before)}."


def afnemer_sentence(one: AfnemerWeek, before: Counts | None, since: datetime, zone: ZoneInfo) -> str:
    """How one application stands and what changed in the week that began at `since`, in one sentence.

    `before` is None when it was not checked before that week.
    """
    counts = one.counts
    refused = [line for line in one.controles if line.stand == "quarantaine"]
    labels = ", ".join(line.entity_label.lower() for line in refused)
    if len(refused) == len(one.controles):
        stay = f"van eerder {_stood(counts, 'staan', 'staat')} open" if any(line.ooit for line in refused) else ""
        said = (
            f"{'Niet' if stay else 'Nog nooit'} vergeleken wegens quarantaine ({labels}){f'; {stay}' if stay else ''}"
        )
    elif one.gecontroleerd <= since:
        said = f"Deze week niet gecontroleerd; op {_day(one.gecontroleerd, zone)} {_stood(counts)}"
    else:
        said = f"{_wrong(counts)}, {changed(counts, before)}".capitalize()
        said += f"; niet vergeleken wegens quarantaine: {labels}" if refused else ""
    if counts.open and counts.oudste:
        said += f"; de oudste staat {plural(counts.oudste, 'dag', 'dagen')} open"
    if one.kolommen:
        said += f"; als hele kolom verkeerd: {', '.join(one.kolommen)}"
    return said + ("." if one.ingericht else "; niet meer ingericht: er is geen veldtoewijzing meer.")


def controle_sentence(counts: Counts, among: int, entity: str, *, quarantined: bool) -> str:
    """How one controle stands, in few words."""
    if quarantined:
        return "Niet vergeleken: een aanlevering staat in quarantaine. Wat open stond, staat nog open."
    if not among:
        return "Er was niets te vergelijken."
    return f"{_wrong(counts).capitalize()} bij {number(among)} {unit_words(entity, among)}."


def changed(counts: Counts, before: Counts | None) -> str:
    """What came and went in the week, so that it adds up. `before` is None when there was no run before it."""
    if before is None:
        return "voor het eerst gecontroleerd"
    difference = counts.open - before.open
    rest = difference - (counts.nieuw + counts.teruggekeerd - counts.opgelost - counts.vervallen)
    accepted = min(max(-rest, 0), max(counts.geaccepteerd - before.geaccepteerd, 0))
    judged = rest + accepted
    moves = [f"{number(counts.nieuw)} nieuw"]
    moves += [f"{number(counts.teruggekeerd)} teruggekeerd"] if counts.teruggekeerd else []
    moves += [f"{number(counts.opgelost)} opgelost"]
    moves += [f"{number(counts.vervallen)} vervallen"] if counts.vervallen else []
    moves += [f"{number(accepted)} geaccepteerd"] if accepted else []
    moves += [f"{number(abs(judged))} {'erbij' if judged > 0 else 'eraf'} door een ander oordeel"] if judged else []
    said = f"{number(abs(difference))} {'meer' if difference > 0 else 'minder'} dan" if difference else "evenveel als"
    return f"{said} vorige week ({', '.join(moves)})"


def _stood(counts: Counts, more: str = "waren", one: str = "was") -> str:
    return f"{one if counts.open == 1 else more} er {_wrong(counts)}"


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%d-%m-%Y}"


def _wrong(counts: Counts) -> str:
    if not counts.open:
        return "geen afwijkingen"
    grave = f", waarvan {number(counts.kritiek)} kritiek" if counts.kritiek else ""
    return f"{plural(counts.open, 'afwijking', 'afwijkingen')}{grave}"


def week_page(week: WeekReport, one: AfnemerWeek | None = None) -> str:
    """The file name of the page of this week, or of one application in it.

    Who sees other things gets other files: the page of one role never links to that of another, and a week of one
    application never takes the place of that of all.
    """
    alone = (week.afnemer, "alleen") if week.afnemer else ()
    named = () if one is None else ("werklijst",) if alone else (one.naam,)
    return week_name(week.role, *alone, *named)


def week_name(role: str, *parts: str) -> str:
    """The file name of a page of the week for readers of this role: `week-belasting.html`."""
    of_role = () if role == Role.GEGEVENSBEHEERDER else (role.replace(" ", "-"),)
    return f"{'-'.join(('week', *parts, *of_role))}.html"
