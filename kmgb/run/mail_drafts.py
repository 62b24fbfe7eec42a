"""Which mails could be made now: what is new since the mail before, for every owner, gegevensbeheerder and manager."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from kmgb.arrival.watch import states
from kmgb.notify.address import mailbox
from kmgb.report.mail import Audience, MailPage, Signaal
from kmgb.report.mail_load import News
from kmgb.report.week import Role
from kmgb.report.week_words import week_name
from kmgb.run.municipality import Municipality
from kmgb.run.norms import NOT_MET, norm_lines
from kmgb.store.outbox import Last, Outbox, StoredMail


@dataclass(frozen=True, slots=True)
class Draft:
    """One mail that could be made. `due`: there is something in it that this recipient does not know.

    `page` tells what came after the message that was told last: what was refused, came back or still waits is in it.
    """

    voor: Audience
    recipient: str
    last: Last
    page: MailPage
    due: bool


@dataclass(frozen=True, slots=True)
class Drafts:
    """All mails that could be made, and in Dutch who gets none though he should."""

    drafts: tuple[Draft, ...]
    remarks: tuple[str, ...]

    @property
    def due(self) -> tuple[Draft, ...]:
        """Those that are to be sent."""
        return tuple(draft for draft in self.drafts if draft.due)


def drafts_of(municipality: Municipality, now: datetime, afnemer: str | None = None) -> Drafts:
    """The mails of this moment, of all applications or with `afnemer` the one that its owner gets.

    A gegevensbeheerder gets one mail about everything, and not another as the owner of something. A manager gets
    one a calendar week, when anything was checked since. Raises: KmgbError.
    """
    remarks: list[str] = []
    owners = _owners(municipality, remarks)
    mail = municipality.settings.mail
    stewards = _addresses(mail.gegevensbeheerders, "gegevensbeheerders", remarks)
    managers = _addresses(mail.managers, "managers", remarks)
    everything = tuple(municipality.mappings)
    applications = municipality.afnemers
    wanted = [(Audience.GEGEVENSBEHEERDER, address, everything) for address in stewards]
    wanted += [(Audience.MANAGER, address, applications) for address in managers]
    wanted += [(Audience.EIGENAAR, address, names) for address, names in owners.items() if address not in stewards]
    if afnemer is not None:  # an owner who is a steward as well gets the mail about everything
        wanted = [one for one in wanted if one[0] != Audience.MANAGER and afnemer in owners.get(one[1], ())]
    news, outbox = _news(municipality, now), Outbox(municipality.history.engine)
    drafts = (_draft(municipality, news, outbox, *one, now) for one in wanted)
    return Drafts(tuple(draft for draft in drafts if draft.page.afnemers), tuple(remarks))


def _draft(
    municipality: Municipality,
    news: News,
    outbox: Outbox,
    voor: Audience,
    recipient: str,
    afnemers: tuple[str, ...],
    now: datetime,
) -> Draft:
    last, zone = outbox.last(voor, recipient), municipality.settings.timezone
    role = Role.MANAGER if voor == Audience.MANAGER else Role.GEGEVENSBEHEERDER
    place, link = _place(municipality, week_name(role)), bool(municipality.settings.mail.link)
    page = news.page(voor, afnemers, _covers(last.told), place, link=link)
    # What was offered and not taken is not offered again by itself: only something newer makes another message.
    due = news.page(voor, afnemers, _covers(last.tried), place, link=link).new
    if voor == Audience.MANAGER:
        checked = page.covers["runs"] != _covers(last.tried).get("runs")
        due = checked and (last.tried is None or _week(last.tried.made, zone) != _week(now, zone))
    return Draft(voor, recipient, last, page, due)


def _covers(one: StoredMail | None) -> dict[str, Any]:
    return one.covers if one is not None else {}


def _week(moment: datetime, zone: str) -> tuple[int, int]:
    """Year and number of the calendar week."""
    year, week, _ = moment.astimezone(ZoneInfo(zone)).isocalendar()
    return year, week


def _owners(municipality: Municipality, remarks: list[str]) -> dict[str, tuple[str, ...]]:
    """Per address the applications, registers and distribution that are its own."""
    found: dict[str, tuple[str, ...]] = {}
    for naam, mapping in municipality.mappings.items():
        contact = mapping.afnemer.contact
        address = mailbox(contact)
        if address is not None:
            found[address] = (*found.get(address, ()), naam)
        else:
            what = "is geen mailadres" if contact.strip() else "is leeg"
            where = (
                f"{mapping.path.name}: contact {what}, dus de eigenaar van {mapping.afnemer.titel} krijgt geen mail."
            )
            remarks.append(f"{where} Zet daar één adres, zoals 'beheer@gemeente.example'.")
    return found


def _addresses(listed: tuple[str, ...], key: str, remarks: list[str]) -> tuple[str, ...]:
    found = [mailbox(text) for text in listed]
    wrong = sum(address is None for address in found)
    if wrong:
        what = f"{wrong} van {len(listed)} is geen mailadres en krijgt geen mail. Herstel dat in kmgb.toml."
        remarks.append(f"[mail] {key}: {what}")
    return tuple(dict.fromkeys(address for address in found if address is not None))


def _news(municipality: Municipality, now: datetime) -> News:
    titles = {naam: mapping.afnemer.titel for naam, mapping in municipality.mappings.items()}

    def place(naam: str | None) -> str:
        parts = () if naam is None else (naam,)
        return _place(municipality, week_name(Role.GEGEVENSBEHEERDER, *parts))

    signals = tuple(_signals(municipality, now))
    return News(municipality.history, municipality.catalogue, now, titles, signals, place)


def _place(municipality: Municipality, page: str) -> str:
    """The address of a page; without a `link` its file."""
    settings = municipality.settings
    return f"{settings.mail.link}/{page}" if settings.mail.link else str(settings.output.resolve() / page)


def _signals(municipality: Municipality, now: datetime) -> Iterator[Signaal]:
    """Deliveries that are not there, or are in quarantine; and norms that are not met."""
    folder, zone = municipality.landing, municipality.settings.timezone
    for naam, mapping in municipality.mappings.items():
        for entity in mapping.entiteit:
            label = municipality.catalogue[entity].label
            for state in states(mapping, entity, folder, now, zone):
                if state.signal.refuses:
                    yield Signaal(f"quarantaine/{state.delivery}", naam, label, "een aanlevering staat in quarantaine")
                elif state.signal.kind == "ontbreekt":
                    # It says days and hours only.
                    key = f"ontbreekt/{naam}/{entity}/{state.signal.sentence}"
                    yield Signaal(key, naam, label, state.signal.sentence)
    for line in norm_lines(municipality, now):
        if line.woord == NOT_MET:
            about = f"{line.entity_label}, {line.field}" if line.field else line.entity_label
            said = f"norm niet gehaald sinds {line.sinds:%d-%m-%Y}: {line.norm}; nu {line.werkelijk}"
            yield Signaal(f"norm/{line.naam}/{about}/{line.norm}/{line.sinds}", line.naam, about, said)
