"""Mail from door to door: what is in it, to whom, once; and what is never in it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine
import towns_mail
from servers_https import Papers
from servers_mail import GraphStub, Sink, graph, smtp, words
from towns_mail import MANAGER, OWNERS, STEWARD, ZAKEN, Town, now, outbox, play, post
from weekly import Rounds, moment

from kmgb.demo.weeks import Weeks
from kmgb.report.mail import Audience
from kmgb.run.mail_drafts import drafts_of
from kmgb.run.mail_post import rendered
from kmgb.run.week import publish_week, week_report

first, papers, town, weeks = towns_mail.first, towns_mail.papers, towns_mail.town, towns_mail.weeks


# What is sent, and to whom


def test_every_owner_gets_one_mail_and_the_second_time_nobody(town: Town, papers: Papers) -> None:
    sink = Sink()
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        code, said, _ = town.run("mail", "verzend")
        again, nothing, _ = town.run("mail", "verzend")
    assert (code, again) == (0, 0)
    assert (said, nothing) == ("4 mails gemaakt.\n4 mails verzonden.\n", "Niets nieuws: geen mail gemaakt.\n")
    assert sink.recipients == OWNERS


def test_an_owner_of_more_gets_them_in_one_mail_and_a_steward_everything(town: Town, papers: Papers) -> None:
    path = town.folder / "mappings" / "geo.toml"
    path.write_text(path.read_text().replace("geo@grootezijl.example", "fb-vergunningen@grootezijl.example"))
    sink, more = Sink(), f'gegevensbeheerders = ["{STEWARD}", "{ZAKEN}"]\nmanagers = ["{MANAGER}"]'
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers, more)
        post(town)
    subjects = {
        recipient: words(content).partition("Subject: ")[2].splitlines()[0] for recipient, content in sink.taken
    }
    assert sorted(subjects) == sorted(
        [MANAGER, STEWARD, ZAKEN, "fb-belastingen@grootezijl.example", "fb-vergunningen@grootezijl.example"
]
    )  # fmt: skip
    assert subjects["fb-vergunningen@grootezijl.example"].startswith("Consistentiecontrole 2 applicaties: ")
    assert subjects[ZAKEN] == subjects[STEWARD]  # a steward is told nothing twice
    assert subjects[STEWARD].startswith("Consistentiecontrole 6 applicaties: ")


def test_the_counts_are_those_of_the_findings(town: Town) -> None:
    municipality = town.municipality
    for draft in drafts_of(municipality, now()).drafts:
        for controle in draft.page.controles:
            findings = municipality.history.findings(municipality.history.run(controle.run_id)).to_dicts()
            wrong = [one for one in findings if one["kind"] != "cosmetisch" and one["cause"] != "onderweg"]
            loose = [one for one in wrong if one["cause"] != "veldtoewijzing"]
            assert controle.counts.nieuw == len(loose), controle
            assert controle.velden == len({one["field"] for one in wrong if one["cause"] == "veldtoewijzing"})
            assert controle.eerste


def test_a_mail_says_numbers_what_to_do_and_where(town: Town) -> None:
    town.configure('link = "https://kmgb.grootezijl.example/rapporten/"')
    municipality = town.municipality
    (draft,) = drafts_of(municipality, now(), "zaaksysteem").drafts
    text, html = rendered(municipality, draft)
    assert draft.page.onderwerp in html
    assert re.search(r"- Personen: \d+ nieuw, 0 opgelost; \d+ openstaand(, waarvan \d+ kritiek)?\.", text)
    assert "\nDoen: " in text
    address = "https://kmgb.grootezijl.example/rapporten/week-zaaksysteem.html"
    assert f"Bekijk het hier: {address}\n" in text
    assert f'<a href="{address}">' in html


def test_the_pages_of_the_links_are_there(town: Town, papers: Papers) -> None:
    assert town.run("report")[0] == 0
    sink, more = Sink(), f'gegevensbeheerders = ["{STEWARD}"]\nmanagers = ["{MANAGER}"]'
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers, more)
        post(town)
    publish_week(town.municipality, week_report(town.municipality, now()), town.folder / "uit")
    named = {Path(found) for _, content in sink.taken for found in re.findall(r"\S+\.html", words(content))}
    named = {path for path in named if path.is_absolute()}
    assert {path.name for path in named} >= {"week.html", "week-manager.html", "week-zaaksysteem.html"}
    assert [path for path in named if not path.exists()] == []


def test_what_a_title_holds_stays_text(town: Town, papers: Papers) -> None:
    path = town.folder / "mappings" / "zaaksysteem.toml"
    text = re.sub(r'titel = "Zaaksysteem"', r'titel = "<b>Zaken & co</b>\\r\\nBcc: dief@example.org"', path.read_text())
    path.write_text(text)
    sink = Sink()
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        post(town)
    (mail,) = [message for message in sink.messages if message["To"] == ZAKEN]
    plain, html = (part.get_content() for part in mail.iter_parts())
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("Consistentiecontrole <b>Zaken & co</b> Bcc: dief@example.org: ")
    assert "<b>Zaken & co</b>␍␊Bcc: dief@example.org" in plain
    assert "&lt;b&gt;Zaken &amp; co&lt;/b&gt;" in html
    assert "<b>" not in html


def test_a_contact_that_is_no_address_is_told(town: Town) -> None:
    path = town.folder / "mappings" / "geo.toml"
    path.write_text(path.read_text().replace('"geo@grootezijl.example"', '"Jan Jansen, toestel 4711"'))
    _, said, errors = town.run("mail", "voorbeeld")
    assert "geo.toml: contact is geen mailadres" in errors
    assert "4711" not in said + errors
    assert f"Aan: {ZAKEN}" in said
    assert "Aan: geo@" not in said


def test_a_preview_sends_and_writes_nothing(town: Town, papers: Papers) -> None:
    sink = Sink()
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        code, said, _ = town.run("mail", "voorbeeld", "zaaksysteem")
        assert town.run("mail", "voorbeeld", "zaaksystem")[0] == 2
    assert code == 0
    assert said.startswith(f"Aan: {ZAKEN} (eigenaar)\nOnderwerp: Consistentiecontrole Zaaksysteem: ")
    assert (sink.taken, outbox(town).listed(9)) == ([], [])


def test_a_manager_gets_numbers_once_a_week(town: Town, weeks: Weeks, papers: Papers) -> None:
    sink, monday = Sink(), moment(weeks.weeks[0]) + timedelta(hours=3)
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers, f'managers = ["{MANAGER}"]')
        post(town, monday)
        play(town, weeks, 2, moment(weeks.weeks[0]) + timedelta(days=1))
        post(town, monday + timedelta(days=1))  # the same week, with news
        own = [words(content) for recipient, content in sink.taken if recipient == MANAGER]
        post(town, monday + timedelta(days=8))
    assert len(own) == 1
    assert sink.recipients.count(MANAGER) == 2
    assert "Doen:" not in own[0]
    assert re.search(r"- Personen: \d+ nieuw", own[0])


# Only what is new


def stood(town: Town) -> dict[tuple[str, str], dict[int, bool]]:
    """Per controle the open findings that are of weight, each with whether it counts now."""
    history = town.municipality.history
    return {
        (run.afnemer, run.entity): {
            row["id"]: row["kind"] != "cosmetisch" and row["cause"] != "onderweg"
            for row in history.findings(run).to_dicts()
            if row["cause"] != "veldtoewijzing"
        }
        for run in history.newest()
    }


def test_only_what_came_since_the_last_mail_is_new(town: Town, weeks: Weeks, papers: Papers) -> None:
    """Two weeks between two mails: what came and went in between is neither new nor solved."""
    sink = Sink()
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        post(town, moment(weeks.weeks[0]) + timedelta(hours=2))
        before = stood(town)
        play(town, weeks, 2)
        play(town, weeks, 3)
        drafts = drafts_of(town.municipality, moment(weeks.weeks[2]) + timedelta(hours=2)).drafts
    after, seen, mailed = stood(town), 0, {"belasting", "geo", "vergunningen", "zaaksysteem"}
    for controle in {one.run_id: one for draft in drafts for one in draft.page.controles}.values():
        names = (controle.afnemer, controle.entity)
        known = before.get(names, {})
        fresh = [number for number, counts in after[names].items() if counts and not known.get(number, False)]
        assert controle.counts.nieuw + controle.counts.teruggekeerd == len(fresh), names
        assert controle.eerste == (controle.afnemer not in mailed)
        seen += len(fresh)
    assert seen > 0


def test_nothing_new_is_no_mail_though_something_was_solved(town: Town, weeks: Weeks, papers: Papers) -> None:
    sink = Sink()
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        post(town, moment(weeks.weeks[0]) + timedelta(hours=2))
        play(town, weeks, 1, moment(weeks.weeks[0]) + timedelta(hours=3))
        assert post(town, moment(weeks.weeks[0]) + timedelta(hours=5)) == (0, Counter())
    assert len(sink.taken) == 4


def test_a_delivery_in_quarantine_is_news_once(town: Town, weeks: Weeks, papers: Papers) -> None:
    sink, at = Sink(), moment(weeks.weeks[0])
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        post(town, at + timedelta(hours=2))
        dumps = weeks.weeks[1].folder
        broken = next(dumps.glob("belasting_personen*"))
        mine = town.folder / "stuk"
        mine.mkdir()
        for path in dumps.iterdir():
            (mine / path.name).write_bytes(path.read_bytes()[: 400 if path == broken else None])
        rounds = Rounds(town.folder, town.folder / "mappings", ("belasting",))
        for hours in (0, 3):
            rounds.play(mine, moment(weeks.weeks[1]) + timedelta(hours=hours), rounds.municipality(mine))
            post(town, moment(weeks.weeks[1]) + timedelta(hours=hours + 1))
    mine_only = [words(content) for recipient, content in sink.taken[4:] if "belasting" in recipient]
    assert len(mine_only) == 1
    assert "Personen: niet vergeleken, want een aanlevering staat in quarantaine" in mine_only[0]
    assert "Beoordeel de aanlevering in quarantaine" in mine_only[0]


def test_a_delivery_that_does_not_come_and_a_norm_that_is_not_met(town: Town, weeks: Weeks) -> None:
    path = town.folder / "mappings" / "geo.toml"
    text = path.read_text().replace("[entiteit.pand]\n", "[entiteit.pand]\nnorm = { aantal = 0 }\n", 1)
    path.write_text(text + '\n[aanlevering.verwacht]\ndag = "maandag"\ntijd = "06:00"\n')
    (draft,) = drafts_of(town.municipality, moment(weeks.weeks[0]) + timedelta(days=20), "geo").drafts
    said = [signal.zin for afnemer in draft.page.afnemers for signal in afnemer.signalen]
    assert any(
        re.match(r"norm niet gehaald sinds \d\d-\d\d-\d{4}: hoogstens 0 bevindingen; nu ", one) for one in said
    ), said
    assert any(re.match(r"Verwacht op maandag \d\d-\d\d-\d{4} om 06.00 uur en niet gekomen", one) for one in said), said
    assert "Vraag de leverancier" in draft.page.afnemers[0].doen


# Never a value


def values_of(weeks: Weeks, folder: Path) -> set[str]:
    """Everything the dumps hold that tells one person or object from another."""
    found: set[str] = set()
    for path in weeks.weeks[0].folder.glob("*.csv"):
        with path.open(encoding="utf-8", errors="ignore", newline="") as stream:
            for row in csv.reader(stream, delimiter=";"):
                found.update(row)
    # Short codes and years stand in any text; so do the names of fields and applications.
    own = {path.stem for path in (folder / "mappings").glob("*.toml")}
    return {
        value for value in found if len(value) >= 5 and value not in own and re.search(r"[A-Z]\w*[a-z]|\d{6}", value)
    }


def test_no_value_of_anybody_is_ever_in_a_mail(town: Town, weeks: Weeks, papers: Papers) -> None:
    sink, stub = Sink(), GraphStub()
    more = f'gegevensbeheerders = ["{STEWARD}"]\nmanagers = ["{MANAGER}"]'
    with smtp(sink, papers) as port, graph(stub, papers) as other:
        town.by_smtp(port, papers, more)
        post(town)
        play(town, weeks, 2)
        town.by_graph(other, papers, more=more)
        post(town)
    listed = town.run("mail", "list")
    sent = [words(content) for _, content in sink.taken] + [words(content) for content in stub.taken]
    everything = "\n".join([*sent, *map(str, listed)])
    kinds = {"Consistentiecontrole", "Personen", "Pand", "Belastingen"}
    values = values_of(weeks, town.folder) - kinds
    assert len(values) > 1000
    said = set(re.findall(r"[\w.@-]+", everything))
    assert sorted(value for value in values if value in said) == []
    assert sorted(value for value in values if len(value) >= 9 and value in everything) == []
    assert len(sent) > 8


def test_an_hour_is_that_of_the_municipality(town: Town) -> None:
    with time_machine.travel(datetime(2026, 12, 1, 11, 0, tzinfo=UTC), tick=False):
        (draft,) = drafts_of(town.municipality, now(), "zaaksysteem").drafts
    assert "Stand van dinsdag 1 december 2026, 12:00." in rendered(town.municipality, draft)[0]
    assert draft.voor is Audience.EIGENAAR
