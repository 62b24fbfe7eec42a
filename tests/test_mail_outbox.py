"""The outbox: nothing is lost and nothing is mailed twice, whoever dies, refuses or comes at the same moment."""

from __future__ import annotations

import re
import signal
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import connect

import pytest
import towns_mail
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from lxml import etree
from servers_files import free_port
from servers_https import Papers
from servers_mail import GraphStub, Sink, graph, smtp, words
from servers_web import until
from towns_mail import OWNERS, SECRETS, ZAKEN, Town, now, outbox, play, post, statuses
from weekly import moment

from kmgb.demo.weeks import Weeks
from kmgb.errors import MailError, MailServerError
from kmgb.notify.bounce import Bounce, read_bounce
from kmgb.report.mail_state import open_problems
from kmgb.report.week import Role
from kmgb.run.mail_bounces import note_bounces
from kmgb.run.mail_drafts import drafts_of
from kmgb.run.mail_post import send_due, write_due
from kmgb.run.week import week_report
from kmgb.store.outbox import LEASE, TRIES, NewMail, Status, StoredMail
from kmgb.store.planning import Status as Ended
from kmgb.store.planning import history as planning
from kmgb.store.planning import register

first, papers, town, weeks = towns_mail.first, towns_mail.papers, towns_mail.town, towns_mail.weeks


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
        until(lambda: met, 60)
        other = town.start("mail", "verzend")  # while the first has an offer standing
        until(lambda: len(sink.taken) >= 3, 60)
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


def killed(town: Town, reached: Callable[[int], object]) -> None:
    """`kmgb mail verzend`, until `reached` says so of its number."""
    process = town.start("mail", "verzend")
    until(lambda: reached(process.pid) or process.poll() is not None, 60)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def opened_by(number: int) -> set[Path]:
    """The files that a process has open now."""
    found = set()
    for link in Path(f"/proc/{number}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(link.readlink())
    return found


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """A door that stays shut until the end of the test."""
    door = threading.Event()
    yield door
    door.set()


def test_killed_before_it_was_written_it_is_mailed_once(single: Town, papers: Papers) -> None:
    sink, database = Sink(), single.folder / "data" / "kmgb.sqlite"
    with smtp(sink, papers) as port:
        single.by_smtp(port, papers)
        with closing(connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            killed(single, lambda number: database in opened_by(number))  # it cannot write, and waits for that
            other.execute("ROLLBACK")
        assert outbox(single).listed(9) == []
        assert [single.run("mail", "verzend")[0] for _ in range(2)] == [0, 0]
    assert sink.recipients == [ZAKEN]


def test_killed_before_it_was_offered_it_is_mailed_once(single: Town, papers: Papers, held: threading.Event) -> None:
    """The way is not open yet: the message is written, and nobody's."""
    sink, asked = Sink(), threading.Event()

    class Slow(Sink):
        def authenticated(
            self, server: SMTP, session: Session, envelope: Envelope, how: str, data: object
        ) -> AuthResult:
            asked.set()
            held.wait(60)
            return super().authenticated(server, session, envelope, how, data)

    slow = Slow()
    with smtp(slow, papers) as port:
        single.by_smtp(port, papers)
        killed(single, lambda _: asked.is_set())
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
        killed(single, lambda _: reached.is_set())
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


# What a recipient never got


@pytest.mark.parametrize("first_answer", ["550 5.1.1 unknown", "451 later"])
def test_what_never_arrived_is_told_with_the_next_news(
    town: Town, weeks: Weeks, papers: Papers, first_answer: str
) -> None:
    """Once, in one mail: also when the first one still waits."""
    sink = Sink(answers={ZAKEN: [first_answer, "250 OK"]})
    week = [moment(one) for one in weeks.weeks]
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        post(town, week[0] + timedelta(hours=2))
        assert ZAKEN not in sink.recipients
        assert drafts_due(town, week[0] + timedelta(hours=2)) == []  # nothing newer: no second one of its own accord
        play(town, weeks, 2)
        play(town, weeks, 3)
        assert ZAKEN in drafts_due(town, week[2] + timedelta(hours=2))
        post(town, week[2] + timedelta(hours=2))
        post(town, week[2] + timedelta(days=2))
    (told,) = [words(content) for recipient, content in sink.taken if recipient == ZAKEN]
    assert "Dit is de eerste mail over deze controle." in told
    ended = Status.GEWEIGERD if first_answer.startswith("5") else Status.VERVANGEN
    assert [one.status for one in outbox(town).listed(99) if one.recipient == ZAKEN] == [Status.VERZONDEN, ended]


def drafts_due(town: Town, at: datetime) -> list[str]:
    return [draft.recipient for draft in drafts_of(town.municipality, at).due]


def test_a_waiting_mail_that_is_being_sent_is_not_replaced(town: Town, weeks: Weeks, papers: Papers) -> None:
    write_due(town.municipality, moment(weeks.weeks[0]) + timedelta(hours=2))
    play(town, weeks, 2)
    play(town, weeks, 3)
    at, municipality = moment(weeks.weeks[2]) + timedelta(hours=2), town.municipality
    found = {draft.recipient: draft for draft in drafts_of(municipality, at).due}
    (waiting,) = [one for one in outbox(town).listed(99) if one.recipient == ZAKEN]
    assert found[ZAKEN].last.waiting == waiting
    assert outbox(town).claim(waiting, "een ander", at)
    written, _ = write_due(municipality, at)
    assert written == len(found)  # what was claimed is under way: the next mail goes on from there
    assert [one.status for one in outbox(town).listed(99) if one.recipient == ZAKEN] == [Status.KLAAR, Status.BEZIG]
    stale = NewMail("eigenaar", ZAKEN, 999, "<stale@x.example>", at, "x", b"x", {})
    assert not outbox(town).add(stale, waiting)


def test_news_of_a_message_that_is_given_up_is_told_later(town: Town, weeks: Weeks, papers: Papers) -> None:
    """Another message was made from it, and arrived, while it was still under way."""
    week = [moment(one) + timedelta(hours=2) for one in weeks.weeks]
    write_due(town.municipality, week[0])
    box = outbox(town)
    (first,) = [one for one in box.listed(99) if one.recipient == ZAKEN]
    assert box.claim(first, "een ander", week[0])
    play(town, weeks, 2)
    play(town, weeks, 3)
    write_due(town.municipality, week[2])
    (second,) = [one for one in box.listed(99) if one.recipient == ZAKEN and one.id != first.id]
    assert second.covers["since"] == first.id
    assert box.claim(second, "wij", week[2]) and box.end(second, "wij", week[2], Status.VERZONDEN)
    assert box.last("eigenaar", ZAKEN).told == box.one(second.id)
    box.end(first, "een ander", week[2], Status.MISLUKT, "x")
    assert box.last("eigenaar", ZAKEN).told is None
    (draft,) = [one for one in drafts_of(town.municipality, week[2]).drafts if one.recipient == ZAKEN]
    assert not draft.due and any(controle.eerste for controle in draft.page.controles)  # with the next news, all of it


def test_one_message_that_is_always_refused_holds_up_no_other(town: Town, papers: Papers) -> None:
    stub = GraphStub()
    stub.refuses = (OWNERS[0],)
    with graph(stub, papers) as port:
        town.by_graph(port, papers)
        write_due(town.municipality, now())
        assert send_due(town.municipality, now) == Counter({Status.VERZONDEN: len(OWNERS) - 1, Status.KLAAR: 1})
    (waiting,) = [one for one in outbox(town).listed(99) if one.status == Status.KLAAR]
    assert (waiting.recipient, waiting.tries) == (OWNERS[0], 1)
    assert "HTTP 403" in waiting.reason
    stub.refuses = tuple(OWNERS)  # all alike: that is no message, that is a setting
    with graph(stub, papers) as port, pytest.raises(MailError, match="HTTP 403"):
        town.by_graph(port, papers)
        send_due(town.municipality, lambda: now() + timedelta(days=1))
    assert outbox(town).one(waiting.id).tries == 1


# What came back, and what a person does


def bounce(message_id: str, action: str = "failed") -> bytes:
    """A report as postfix makes it."""
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


def sent_once(single: Town, papers: Papers) -> StoredMail:
    """The one message of this town, taken by a server."""
    with smtp(Sink(), papers) as port:
        single.by_smtp(port, papers)
        post(single)
    (sent,) = outbox(single).listed(9)
    return sent


def test_odd_reports_are_read_and_stop_no_other(single: Town, papers: Papers, tmp_path: Path) -> None:
    sent, folder = sent_once(single, papers), tmp_path / "terug"
    folder.mkdir()
    deep = "".join(f"Content-Type: multipart/mixed; boundary=x{n}\r\n\r\n--x{n}\r\n" for n in range(3000))
    (folder / "1.eml").write_text(deep)
    (folder / "2.eml").write_bytes(bounce("<"))
    (folder / "3.eml").write_bytes(bounce("<[@>"))
    (folder / "4.eml").write_bytes(bounce(sent.message_id).replace(b"planted@", b"\xff\xfe\x00@"))
    assert note_bounces(single.municipality, folder, now()).marked == (sent.id,)


ANSWER = (
    "From: postmaster@x.example\r\nIn-Reply-To: {0}\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/report; report-type=delivery-status; boundary="g"\r\n\r\n--g\r\n'
    "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\nStatus: 5.7.1\r\n\r\n--g--\r\n"
)
GLOBAL = (
    'Content-Type: multipart/report; boundary="g"\r\n\r\n--g\r\nContent-Type: message/global-delivery-status\r\n\r\n'
    "Reporting-MTA: dns; x\r\n\r\nAction: failed\r\nStatus: 5.7.1\r\n\r\n--g\r\n"
    "Content-Type: message/global-headers\r\n\r\nMessage-ID: {0}\r\n\r\n--g--\r\n"
)
EXIM = "From: Mailer-Daemon@x.example\r\nX-Failed-Recipients: fb@x.example\r\n\r\n<fb@x.example>: no\r\n\r\nMessage-Id: {0}\r\n"
FORWARDED = (
    'Subject: FW\r\nContent-Type: multipart/mixed; boundary="f"\r\n\r\n--f\r\nContent-Type: message/rfc822\r\n\r\n'
    + (ANSWER + "\r\n--f--\r\n")
)
NAME = f"<{'0a' * 20}@grootezijl.example>"


@pytest.mark.parametrize(
    ("report", "found"),
    [
        (ANSWER, Bounce(NAME, "5.7.1")),
        (GLOBAL, Bounce(NAME, "5.7.1")),
        (EXIM, Bounce(NAME, "")),
        (ANSWER.replace("failed", "delayed"), None),
        (EXIM.replace("X-Failed-Recipients", "X-Other"), None),
        ("Subject: afwezig\r\nIn-Reply-To: {0}\r\n\r\nTot maandag.", None),
    ],
    ids=["answer", "global", "exim", "delayed", "no failure", "out of office"],
)
def test_reports_come_in_many_forms(report: str, found: Bounce | None) -> None:
    assert read_bounce(report.format(NAME).encode()) == found


def test_an_old_report_says_nothing_of_what_was_sent_again(single: Town, papers: Papers, tmp_path: Path) -> None:
    sink = Sink()
    with smtp(sink, papers) as port:
        single.by_smtp(port, papers)
        post(single)
        (sent,) = outbox(single).listed(9)
        (tmp_path / "terug").mkdir()
        (tmp_path / "terug" / "1.eml").write_bytes(bounce(sent.message_id))
        assert note_bounces(single.municipality, tmp_path / "terug", now()).marked == (sent.id,)
        assert single.run("mail", "opnieuw", str(sent.id))[0] == 0
        assert open_problems(single.municipality.history.engine, now()) == ()
        assert send_due(single.municipality, now) == Counter({Status.VERZONDEN: 1})
        assert note_bounces(single.municipality, tmp_path / "terug", now()).marked == ()
    first, again = (message["Message-ID"] for message in sink.messages)
    assert first == sent.message_id != again == outbox(single).one(sent.id).message_id
    assert words(sink.taken[0][1]).replace(first, again) == words(sink.taken[1][1])


def test_what_came_back_is_marked(single: Town, papers: Papers, tmp_path: Path) -> None:
    sent, folder = sent_once(single, papers), tmp_path / "terug"
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


def test_the_weekly_report_says_what_a_person_must_look_at(single: Town, papers: Papers, tmp_path: Path) -> None:
    engine = single.municipality.history.engine
    assert open_problems(engine, now()) == ()
    with smtp(Sink(answers={ZAKEN: ["550 no"]}), papers) as port:
        single.by_smtp(port, papers)
        post(single)
    assert open_problems(engine, now()) == (
        "1 mail is door de mailserver geweigerd. Bekijk ze met: kmgb mail list --alleen-problemen",
    )
    (said,) = open_problems(engine, now())
    for role, seen in ((Role.GEGEVENSBEHEERDER, (said,)), (Role.AUDITOR, (said,)), (Role.MANAGER, ())):
        assert week_report(single.municipality, now(), role).mail == seen
    assert week_report(single.municipality, now() - timedelta(days=1)).mail == ()  # it was not there yet
    assert single.run("weekrapport", "--formaat", "xlsx", "--out", str(tmp_path))[0] == 0
    assert said in (tmp_path / "week.html").read_text(encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "week.xlsx") as book:
        assert said in "".join(etree.fromstring(book.read("xl/sharedStrings.xml")).itertext())
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
    assert len(stub.taken) == 4
    assert all("Auto-Submitted: auto-generated" in words(content) for content in stub.taken)


def scheduled(town: Town, weeks: Weeks) -> str:
    """`kmgb schedule run` until its one round is over and its mail is tried; what it logged."""
    (town.folder / "schedules").mkdir()
    text = 'naam = "week"\ndagen = ["ma"]\ntijd = "06:00"\nafnemers = ["geo"]\n'
    (town.folder / "schedules" / "week.toml").write_text(text)
    for path in weeks.weeks[1].folder.iterdir():
        (town.folder / "dumps" / path.name).write_bytes(path.read_bytes())
    settings = town.path.read_text().replace("[mail]", f'schedules = "{town.folder / "schedules"}"\n[mail]')
    town.path.write_text(settings)
    engine = town.municipality.history.engine
    local = datetime(2026, 3, 2, 6, 0)  # noqa: DTZ001 - a wall clock
    register(engine, "week", local, local.replace(tzinfo=UTC))
    process = town.start("schedule", "run")
    try:
        until(lambda: planning(engine, "week", 1)[0].status is Ended.GELUKT or process.poll() is not None, 120)
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    return log


def test_the_schedule_mails_after_its_round(town: Town, weeks: Weeks, papers: Papers) -> None:
    sink = Sink(answers={OWNERS[-1]: ["451 later"]})
    with smtp(sink, papers) as port:
        town.by_smtp(port, papers)
        log = scheduled(town, weeks)
    assert OWNERS[-1] not in log
    assert statuses(town) == Counter({Status.VERZONDEN: 3, Status.KLAAR: 1})


def test_a_failure_to_mail_fails_no_round(town: Town, weeks: Weeks, papers: Papers) -> None:
    town.by_smtp(free_port(), papers)
    log = scheduled(town, weeks)
    assert "de mailserver is niet bereikbaar" in log
    assert "Traceback" not in log
    assert statuses(town) == Counter({Status.KLAAR: 4})
