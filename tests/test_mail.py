"""Mail from door to door: what is in it, to whom, once; and what is never in it."""

from __future__ import annotations

import csv
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from sqlite3 import connect

import pytest
import time_machine
from servers_files import free_port
from servers_https import Papers
from servers_mail import GraphStub, Sink, certificates, graph, smtp, words
from test_scheduler import wait_until
from towns_mail import MANAGER, OWNERS, SECRETS, STEWARD, Town, checked, now
from weekly import Rounds, moment

from kmgb.demo.weeks import Weeks, generate_weeks
from kmgb.errors import MailError, MailServerError
from kmgb.report.mail import Audience
from kmgb.report.mail_state import open_problems
from kmgb.run.mail_bounces import note_bounces
from kmgb.run.mail_drafts import drafts_of
from kmgb.run.mail_post import outbox_of, rendered, send_due, write_due
from kmgb.store.outbox import LEASE, TRIES, Outbox, Status
from kmgb.store.planning import register

ZAKEN = "fb-zaaksysteem@grootezijl.example"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return certificates(tmp_path_factory.mktemp("papieren"))


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    return generate_weeks(tmp_path_factory.mktemp("weken"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, weeks: Weeks) -> Town:
    """A municipality after its first week."""
    return checked(tmp_path_factory.mktemp("gemeente"), weeks, (1,))


@pytest.fixture
def town(first: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return first.copied(tmp_path / "gemeente")


def post(town: Town, at: datetime | None = None) -> tuple[int, Counter[Status]]:
    """Write and send, in this process."""
    municipality, when = town.municipality, at or now()
    written, _ = write_due(municipality, when)
    return written, send_due(municipality, lambda: when)


def outbox(town: Town) -> Outbox:
    return outbox_of(town.municipality)


def statuses(town: Town) -> Counter[Status]:
    return Counter(one.status for one in outbox(town).listed(100))


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
    from kmgb.run.week import publish_week, week_report

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
    assert said.count("Aan: ") == 4


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


def play(town: Town, weeks: Weeks, number: int, at: datetime | None = None) -> None:
    rounds = Rounds(town.folder, town.folder / "mappings")
    week = weeks.weeks[number - 1]
    rounds.play(week.folder, at or moment(week), rounds.municipality(week.folder))


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
    assert any(re.match(r"norm niet gehaald sinds \d\d-\d\d-\d{4}: hoogstens 0 fout; nu ", one) for one in said), said
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


# The outbox


def test_greylisting_is_tried_again_and_a_refusal_is_not(town: Town, papers: Papers) -> None:
    sink = Sink(answers={OWNERS[0]: ["451 later", "250 OK"], ZAKEN: ["550 5.1.1 planted@example.org unknown"]})
    at = now()
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        _, ended = post(town, at)
        assert ended == Counter({Status.VERZONDEN: 2, Status.KLAAR: 1, Status.GEWEIGERD: 1})
        assert post(town, at + timedelta(minutes=4)) == (0, Counter())
        assert post(town, at + timedelta(minutes=6)) == (0, Counter({Status.VERZONDEN: 1}))
        assert post(town, at + timedelta(days=1)) == (0, Counter())
    (refused,) = outbox(town).unseen()
    assert (refused.recipient, refused.reason) == (ZAKEN, "de mailserver weigert de ontvanger (SMTP 550)")
    code, said, _ = town.run("mail", "list", "--alleen-problemen")
    assert code == 0
    assert "(SMTP 550)" in said
    assert "planted" not in said


def test_a_server_that_never_takes_it_is_given_up(town: Town, papers: Papers) -> None:
    sink, at = Sink(answers={ZAKEN: ["451 later"]}), now()
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        for _ in range(TRIES):
            post(town, at)
            at += timedelta(days=1)
    (failed,) = outbox(town).unseen()
    assert (failed.status, failed.tries) == (Status.MISLUKT, TRIES)
    # Nobody was told, so the next mail tells it.
    assert [draft.recipient for draft in drafts_of(town.municipality, at).due] == [ZAKEN]


def test_a_wrong_password_costs_no_message_a_try(town: Town, papers: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Sink()
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        monkeypatch.setenv("KMGB_GEHEIM_MAIL", "Fout-0815")
        with pytest.raises(MailError, match="weigert gebruiker"):
            post(town)
        assert {(one.status, one.tries) for one in outbox(town).listed(9)} == {(Status.KLAAR, 0)}
        assert all("weigert gebruiker" in one.reason for one in outbox(town).listed(9))
        monkeypatch.setenv("KMGB_GEHEIM_MAIL", SECRETS["KMGB_GEHEIM_MAIL"])
        assert post(town) == (0, Counter({Status.VERZONDEN: 4}))


def test_exit_codes_are_as_promised(town: Town, papers: Papers) -> None:
    assert town.run("mail", "verzend")[0] == 2  # off
    town.by_smtp(free_port(), papers)
    assert town.run("mail", "verzend")[0] == 3  # nobody there
    with smtp(Sink(), papers, starttls=False) as port:
        town.by_smtp(port, papers)
        assert town.run("mail", "verzend")[0] == 2
    with smtp(Sink(answers={ZAKEN: ["550 no"]}), papers) as port:
        town.by_smtp(port, papers)
        assert town.run("mail", "test", "fb@grootezijl.example")[0] == 0
        assert town.run("mail", "test", ZAKEN)[0] == 3
        assert town.run("mail", "test", "geen adres")[0] == 2
        assert town.run("mail", "verzend")[0] == 3
    assert town.run("mail", "opnieuw", "99")[0] == 2


def test_two_processes_at_once_send_once(town: Town, papers: Papers) -> None:
    together, sink = threading.Barrier(2), Sink()
    met: set[str] = set()

    def meet(recipient: str) -> None:
        if recipient not in met and len(met) < 1:
            met.add(recipient)
            together.wait(60)

    sink.before = meet
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        one = town.start("mail", "verzend")
        wait_until(lambda: met, 60)
        other = town.start("mail", "verzend")  # while the first has an offer standing
        wait_until(lambda: len(sink.taken) >= 3, 60)
        together.wait(60)
        ends = [process.communicate(timeout=60) and process.returncode for process in (one, other)]
    assert ends == [0, 0]
    assert sorted(set(sink.recipients)) == sink.recipients
    assert len(sink.taken) == 4


def test_many_at_once_write_one_message_each(town: Town) -> None:
    gate, made = threading.Barrier(4), []
    at = now()

    def write() -> None:
        municipality = town.municipality
        drafts_of(municipality, at)
        gate.wait(60)
        made.append(write_due(municipality, at)[0])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(made) == 4
    assert statuses(town) == Counter({Status.KLAAR: 4})


# kill -9 at every step


@pytest.fixture
def single(town: Town) -> Town:
    """Only one recipient, so that there is one message to follow."""
    for path in (town.folder / "mappings").glob("*.toml"):
        if path.stem != "zaaksysteem":
            path.write_text(re.sub(r"(?m)^contact = .*$", 'contact = ""', path.read_text()))
    return town


def killed(town: Town, reached: Callable[[], object]) -> None:
    process = town.start("mail", "verzend")
    wait_until(lambda: reached() or process.poll() is not None, 60)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """A door that stays shut until the end of the test."""
    door = threading.Event()
    yield door
    door.set()


def test_killed_before_it_was_written_it_is_mailed_once(single: Town, papers: Papers) -> None:
    sink = Sink()
    with smtp(sink, papers) as port:
        single.by_smtp(port, papers)
        with closing(connect(single.folder / "data" / "kmgb.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            killed(single, lambda: single.folder.joinpath("data", "kmgb.sqlite-wal").exists())
            other.execute("ROLLBACK")
        assert outbox(single).listed(9) == []
        assert [single.run("mail", "verzend")[0] for _ in range(2)] == [0, 0]
    assert sink.recipients == [ZAKEN]


def test_killed_before_it_was_offered_it_is_mailed_once(single: Town, papers: Papers, held: threading.Event) -> None:
    """The way is not open yet: the message is written, and still its own."""
    sink, asked = Sink(), threading.Event()

    class Slow(Sink):
        def authenticated(self, *known: object) -> object:  # type: ignore[override]
            asked.set()
            held.wait(60)
            return super().authenticated(*known)  # type: ignore[arg-type]

    slow = Slow()
    with smtp(slow, papers) as port:
        single.by_smtp(port, papers)
        killed(single, asked.is_set)
        held.set()
    assert statuses(single) == Counter({Status.KLAAR: 1})
    with smtp(sink, papers) as port:
        single.by_smtp(port, papers)
        assert [single.run("mail", "verzend")[0] for _ in range(2)] == [0, 0]
    assert sink.recipients == [ZAKEN]


@pytest.mark.parametrize("step", ["claimed", "taken", "answered"])
def test_killed_with_a_message_under_way_nothing_is_sent_again(
    step: str, single: Town, papers: Papers, held: threading.Event
) -> None:
    """Claimed and not yet taken; taken and not yet answered; answered and not yet noted."""
    sink, reached = Sink(), threading.Event()
    database = single.folder / "data" / "kmgb.sqlite"

    def wait(_: str) -> None:
        reached.set()
        held.wait(60)

    with smtp(sink, papers) as port, closing(connect(database, isolation_level=None, check_same_thread=False)) as other:
        single.by_smtp(port, papers)
        if step == "claimed":
            sink.before = wait
        elif step == "taken":
            sink.after = wait
        else:
            # The answer goes out, and who wants to note it finds the database locked.
            sink.after = lambda _: (other.execute("BEGIN IMMEDIATE"), reached.set())
        killed(single, reached.is_set)
        held.set()
        if step == "answered":
            other.execute("ROLLBACK")
        taken = list(sink.taken)
        assert statuses(single) == Counter({Status.BEZIG: 1})
        assert len(taken) == (0 if step == "claimed" else 1)
        # As long as the lease lasts it may still be sent; afterwards only a person can say.
        assert post(single, now() + LEASE / 2) == (0, Counter())
        assert post(single, now() + LEASE * 2) == (0, Counter({Status.ONZEKER: 1}))
        assert post(single, now() + timedelta(days=2)) == (0, Counter())
        assert sink.taken == taken
        (one,) = outbox(single).unseen()
        assert "process" not in one.reason
        sink.before = sink.after = str
        assert single.run("mail", "opnieuw", str(one.id))[0] == 0
        assert single.run("mail", "verzend")[0] == 0
    assert len(sink.taken) == len(taken) + 1
    assert len({message["Message-ID"] for message in sink.messages}) == 1


def test_who_sent_it_knows_better_than_a_lease_that_ended(single: Town, papers: Papers) -> None:
    sink, at = Sink(), now()
    box = outbox(single)
    sink.after = lambda _: box.expire(at + LEASE * 2)
    with smtp(sink, papers) as port:
        single.by_smtp(port, papers)
        assert post(single, at)[1] == Counter({Status.VERZONDEN: 1})
    assert statuses(single) == Counter({Status.VERZONDEN: 1})


# What came back, and what a person does


def bounce(message_id: str, action: str = "failed") -> bytes:
    """A report as postfix makes it."""
    report = EmailMessage(policy=default)
    report["From"], report["To"], report["Subject"] = (
        "MAILER-DAEMON@x.example",
        "kmgb@grootezijl.example",
        "Undelivered",
    )
    text = (
        f"From: MAILER-DAEMON@x.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="grens"\r\n\r\n'
        "--grens\r\nContent-Type: text/plain\r\n\r\nplanted@example.org: unknown user\r\n"
        "--grens\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.example\r\n\r\n"
        f"Final-Recipient: rfc822; {ZAKEN}\r\nAction: {action}\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 planted\r\n\r\n"
        "--grens\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"From: kmgb@grootezijl.example\r\nMessage-ID: {message_id}\r\n\r\n--grens--\r\n"
    )
    return text.encode()


def test_what_came_back_is_marked(single: Town, papers: Papers, tmp_path: Path) -> None:
    with smtp(Sink(), papers) as port:
        single.by_smtp(port, papers)
        post(single)
    (sent,) = outbox(single).listed(9)
    folder = tmp_path / "terug"
    folder.mkdir()
    (folder / "1.eml").write_bytes(bounce(sent.message_id, "delayed"))
    (folder / "2.eml").write_bytes(bounce("<iemand@anders.example>"))
    (folder / "3.eml").write_bytes(b"\xff\x00 geen mail")
    assert single.run("mail", "terug", str(folder))[0] == 0
    assert statuses(single) == Counter({Status.VERZONDEN: 1})
    (folder / "4.eml").write_bytes(bounce(sent.message_id))
    code, said, errors = single.run("mail", "terug", str(folder))
    assert code == 3
    assert said == "1 bericht kwam terug; 1 van anderen of al bekend; 2 geen melding van een mislukte bezorging.\n"
    assert "planted" not in said + errors
    assert note_bounces(single.municipality, folder, now()).marked == ()  # known already
    (back,) = outbox(single).unseen()
    assert (back.status, back.reason) == (
        Status.TERUGGEKOMEN,
        "onbestelbaar (status 5.1.1): controleer het adres van de ontvanger",
    )
    assert single.run("mail", "terug", str(tmp_path / "niets"))[0] == 2


def test_the_overview_says_what_a_person_must_look_at(single: Town, papers: Papers) -> None:
    engine = single.municipality.history.engine
    assert open_problems(engine, now()) == ()
    with smtp(Sink(answers={ZAKEN: ["550 no"]}), papers) as port:
        single.by_smtp(port, papers)
        post(single)
    assert open_problems(engine, now()) == (
        "1 mail is door de mailserver geweigerd. Bekijk ze met: kmgb mail list --alleen-problemen",
    )
    assert single.run("mail", "gezien", "1", "--door", "M. de Vries")[0] == 0
    assert open_problems(engine, now()) == ()
    assert "geweigerd (gezien)" in single.run("mail", "list")[1]


def test_mail_that_waits_long_is_a_problem(single: Town, papers: Papers) -> None:
    single.by_smtp(free_port(), papers)
    with pytest.raises(MailServerError):
        post(single)
    engine = single.municipality.history.engine
    assert open_problems(engine, now()) == ()
    assert "wacht al meer dan een dag" in open_problems(engine, now() + timedelta(days=2))[0]


def test_what_was_sent_is_not_sent_again_on_request(single: Town, papers: Papers) -> None:
    with smtp(Sink(), papers) as port:
        single.by_smtp(port, papers)
        post(single)
        code, _, errors = single.run("mail", "opnieuw", "1")
    assert code == 2
    assert "Bericht 1 is verzonden" in errors


# By Graph, and with the schedule


def test_everything_goes_by_graph_as_well(town: Town, papers: Papers) -> None:
    stub = GraphStub(token="eerste")
    with graph(stub, papers) as port:
        town.by_graph(port, papers, oauth=True)
        assert town.run("mail", "verzend")[:2] == (0, "4 mails gemaakt.\n4 mails verzonden.\n")
    assert stub.given == 1
    assert len(stub.taken) == 5
    assert all("Auto-Submitted: auto-generated" in words(content) for content in stub.taken)


def test_the_schedule_mails_after_its_round_and_a_failure_fails_no_round(
    town: Town, weeks: Weeks, papers: Papers
) -> None:
    (town.folder / "schedules").mkdir()
    text = 'naam = "week"\ndagen = ["ma"]\ntijd = "06:00"\nafnemers = ["geo"]\n'
    (town.folder / "schedules" / "week.toml").write_text(text)
    sink = Sink(answers={"geo@grootezijl.example": ["451 later"]})
    for path in weeks.weeks[1].folder.iterdir():
        (town.folder / "dumps" / path.name).write_bytes(path.read_bytes())
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        settings = town.path.read_text().replace("[mail]", f'schedules = "{town.folder / "schedules"}"\n[mail]')
        town.path.write_text(settings)
        engine = town.municipality.history.engine
        local = datetime(2026, 3, 2, 6, 0)  # noqa: DTZ001 - a wall clock
        register(engine, "week", local, local.replace(tzinfo=UTC))
        process = town.start("schedule", "run")
        try:
            wait_until(lambda: statuses(town)[Status.VERZONDEN] >= 3 or process.poll() is not None, 120)
            wait_until(lambda: "gelukt" in town.run("schedule", "list")[1], 120)
        finally:
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert "geo@grootezijl.example" not in log
    assert statuses(town) == Counter({Status.VERZONDEN: 3, Status.KLAAR: 1})


def test_an_hour_is_that_of_the_municipality(town: Town) -> None:
    with time_machine.travel(datetime(2026, 12, 1, 11, 0, tzinfo=UTC), tick=False):
        (draft,) = drafts_of(town.municipality, now(), "zaaksysteem").drafts
    assert "Stand van dinsdag 1 december 2026, 12:00." in rendered(town.municipality, draft)[0]
    assert draft.voor is Audience.EIGENAAR
