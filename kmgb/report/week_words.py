"""The sentences of the weekly report: how all stands, how one application stands, and what changed since last week."""

from __future__ import annotations

from collections.abc import Sequence

from kmgb.report.figures import number, plural
from kmgb.report.week import AfnemerWeek, ControleLine, Counts, Role
from kmgb.report.words import unit_words


def week_sentence(afnemers: Sequence[AfnemerWeek], counts: Counts, before: Counts | None) -> str:
    """How it stands this week, in one sentence for the head of the page."""
    if not afnemers:
        return "Er is nog geen controle uitgevoerd."
    acting = sum(one.stand in ("kritiek", "quarantaine") for one in afnemers)
    applications = plural(len(afnemers), "applicatie", "applicaties")
    asks = f"{acting} van {applications} {'vraagt' if acting == 1 else 'vragen'} nu aandacht" if acting else ""
    calm = f"geen van de {applications} vraagt nu met spoed aandacht"
    said = f"{asks or calm}: {_wrong(counts)}, {changed(counts, before)}."
    return said[:1].upper() + said[1:]


def afnemer_sentence(counts: Counts, before: Counts | None, controles: Sequence[ControleLine]) -> str:
    """How one application stands and what changed, in one sentence."""
    refused = [one.entity_label.lower() for one in controles if one.stand == "quarantaine"]
    said = f"{_wrong(counts)}, {changed(counts, before)}".capitalize()
    old = f"; de oudste staat {plural(counts.oudste, 'dag', 'dagen')} open" if counts.open and counts.oudste else ""
    aside = f"; niet vergeleken wegens quarantaine: {', '.join(refused)}" if refused else ""
    return f"{said}{old}{aside}."


def controle_sentence(counts: Counts, among: int, entity: str, *, quarantined: bool) -> str:
    """How one controle stands, in few words."""
    if quarantined:
        return "Niet vergeleken: een aanlevering staat in quarantaine. Wat open stond, staat nog open."
    if not among:
        return "Er was niets te vergelijken."
    return f"{_wrong(counts).capitalize()} bij {number(among)} {unit_words(entity, among)}."


def changed(counts: Counts, before: Counts | None) -> str:
    """What came and went in the week; without an earlier run there is nothing to hold it against."""
    if before is None:
        return "voor het eerst gecontroleerd"
    returned = f", {number(counts.teruggekeerd)} teruggekeerd" if counts.teruggekeerd else ""
    moves = f"{number(counts.nieuw)} nieuw{returned}, {number(counts.opgelost)} opgelost"
    difference = counts.open - before.open
    if not difference:
        return f"evenveel als vorige week ({moves})"
    return f"{number(abs(difference))} {'meer' if difference > 0 else 'minder'} dan vorige week ({moves})"


def _wrong(counts: Counts) -> str:
    if not counts.open:
        return "geen afwijkingen"
    grave = f", waarvan {number(counts.kritiek)} kritiek" if counts.kritiek else ""
    return f"{plural(counts.open, 'afwijking', 'afwijkingen')}{grave}"


def week_name(afnemer: AfnemerWeek | None, role: str) -> str:
    """The file name of the page of the week, or of one application in it, for readers of this role.

    Who sees other things gets other files: the page of one role never links to that of another.
    """
    parts = ["week", *([afnemer.naam] if afnemer is not None else ())]
    if role != Role.GEGEVENSBEHEERDER:
        parts.append(role.replace(" ", "-"))
    return f"{'-'.join(parts)}.html"
