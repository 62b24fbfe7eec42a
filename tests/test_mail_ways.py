"""How mail leaves: real servers that refuse, stall, hang up or have no right to be trusted."""

from __future__ import annotations

import socket
import struct
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from servers_files import free_port
from servers_https import Papers, file
from servers_mail import (
    PASSWORD,
    USER,
    GraphStub,
    Sink,
    as_error,
    certificates,
    graph,
    parsed,
    raw_smtp,
    smtp,
    talk,
    words,
)

from kmgb.errors import MailError, MailServerError, SettingsError
from kmgb.notify.address import mailbox, sender
from kmgb.notify.graph import GraphWay, open_graph
from kmgb.notify.message import message, message_id
from kmgb.notify.outcome import Ending
from kmgb.notify.smtp import SmtpWay, open_smtp
from kmgb.settings import Graph, Mail, Oauth, load_settings
from kmgb.store.outbox import Status

ROOT = Path(__file__).parents[1]
OWN = sender("Consistentiecontrole Súdwest <kmgb@grootezijl.example>")
assert OWN is not None
TO, OTHER = "fb@grootezijl.example", "ander@grootezijl.example"
MADE = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
LOGIN = {"gebruiker": USER, "geheim": "mail"}


def letter(text: str = "Tekst", subject: str = "Onderwerp") -> bytes:
    assert OWN is not None
    return message(OWN, TO, subject, text, f"<p>{text}</p>", made=MADE, name=message_id(OWN, (text,)))


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return certificates(tmp_path_factory.mktemp("mail"))


def by_smtp(port: int, papers: Papers | None = None, **keys: object) -> AbstractContextManager[SmtpWay]:
    known = {"van": str(OWN), "smtp": f"smtp://localhost:{port}", "wachttijd": 20.0}
    mail = Mail.model_validate(known | ({"certificaten": papers.ca} if papers else {}) | keys)
    return open_smtp(mail, SecretStr(PASSWORD) if mail.geheim else None)


def test_a_message_arrives_encrypted_and_as_it_was(papers: Papers) -> None:
    sink = Sink()
    content = letter(".\r\n.. met een punt vooraan\r\nén een ë", "Súdwest: 3 nieuw")
    with smtp(sink, papers) as port, by_smtp(port, papers, **LOGIN) as way:
        assert way.send(content, "kmgb@grootezijl.example", TO).ending is Ending.TAKEN
    assert sink.logins == [USER]
    assert sink.taken == [(TO, content)]


def test_headers_say_who_and_that_no_answer_is_wanted() -> None:
    mail = parsed(letter("x", "Súdwest: 3 nieuw"))
    assert letter("x").isascii()
    assert str(mail["From"]) == "Consistentiecontrole Súdwest <kmgb@grootezijl.example>"
    assert (mail["Auto-Submitted"], mail["List-Id"]) == (
        "auto-generated",
        "consistentiecontrole <kmgb.grootezijl.example>",
    )
    assert (mail["Subject"], mail["To"]) == ("Súdwest: 3 nieuw", TO)
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert list(mail.iter_attachments()) == []


def test_nothing_breaks_out_of_a_header() -> None:
    mail = parsed(letter("x", "Titel\r\nBcc: dief@example.org\r\n\r\nen dan \u202e tekst " + "lang " * 80))
    assert mail["Bcc"] is None
    assert "Titel Bcc: dief@example.org en dan [U+202E] tekst" in mail["Subject"]
    assert len(mail["Subject"]) == 200


def test_the_same_parts_give_the_same_name() -> None:
    assert OWN is not None
    assert message_id(OWN, ("a", 1)) == message_id(OWN, ("a", 1)) != message_id(OWN, ("a1", ""))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fb@gemeente.example", "fb@gemeente.example"),
        ("Team Zaken <fb@gemeente.example>", "fb@gemeente.example"),
        ("Team.Zaken@Gemeente.Example", "team.zaken@gemeente.example"),
        ("fb@Gemeente-Súdwest.example", "fb@xn--gemeente-sdwest-cvb.example"),
        ("", None),
        ("Jan Jansen, toestel 1234", None),
        ("a@b", None),
        ("a@b.nl, c@d.nl", None),
        ("a@b.nl\r\nBcc: x@y.nl", None),
        ("jan de vries@gemeente.example", None),
        ("a@-b.nl", None),
        (f"{'a' * 65}@b.nl", None),
    ],
)
def test_only_one_address_is_an_address(text: str, found: str | None) -> None:
    assert mailbox(text) == found


def test_a_wrong_password_is_told_without_it(papers: Papers) -> None:
    sink = Sink()
    mail = Mail(van="a@b.nl", smtp="smtp://localhost:1", certificaten=papers.ca, **LOGIN)
    with (
        smtp(sink, papers) as port,
        pytest.raises(MailError, match=r"weigert gebruiker 'kmgb' \(SMTP 535\)") as refused,
        open_smtp(mail.model_copy(update={"smtp": f"smtp://localhost:{port}"}), SecretStr("Fout-0815")),
    ):
        pass
    assert "Fout-0815" not in str(refused.value)
    assert (refused.value.exit_code, refused.value.transient, sink.taken) == (2, False, [])


def test_a_server_that_cannot_be_trusted_gets_nothing(papers: Papers, tmp_path: Path) -> None:
    sink, elsewhere = Sink(), Papers(tmp_path, "elders.example")
    with smtp(sink, papers) as port, pytest.raises(MailError, match="niet vertrouwd"), by_smtp(port, **LOGIN):
        pass
    said = r"andere naam. Controleer 'smtp' in \[mail\]"
    with smtp(sink, elsewhere) as port, pytest.raises(MailError, match=said), by_smtp(port, elsewhere, **LOGIN):
        pass
    assert (sink.logins, sink.taken) == ([], [])


def test_without_starttls_nothing_is_sent(papers: Papers) -> None:
    sink = Sink()
    said = "biedt geen STARTTLS"
    with smtp(sink, papers, starttls=False) as port, pytest.raises(MailError, match=said), by_smtp(port, **LOGIN):
        pass
    assert (sink.logins, sink.taken) == ([], [])


def test_a_mailserver_on_this_machine_may_do_without_tls(papers: Papers) -> None:
    sink = Sink()
    with smtp(sink, papers, starttls=False) as port, by_smtp(port, tls=False) as way:
        assert way.send(letter(), "kmgb@grootezijl.example", TO).ending is Ending.TAKEN
    assert sink.recipients == [TO]


def test_nobody_at_home_may_pass() -> None:
    with pytest.raises(MailServerError, match="niet bereikbaar") as refused, by_smtp(free_port()):
        pass
    assert (refused.value.exit_code, refused.value.transient) == (3, True)


def test_a_refused_recipient_stops_no_other(papers: Papers) -> None:
    sink = Sink(answers={OTHER: ["550 5.1.1 planted@example.org unknown"]})
    with smtp(sink, papers) as port, by_smtp(port, papers, **LOGIN) as way:
        refused, taken = (way.send(letter(), "kmgb@grootezijl.example", to) for to in (OTHER, TO))
    assert (refused.ending, refused.reason) == (Ending.REFUSED, "de mailserver weigert de ontvanger (SMTP 550)")
    assert (taken.ending, sink.recipients) == (Ending.TAKEN, [TO])


def test_greylisting_is_for_later(papers: Papers) -> None:
    sink = Sink(answers={TO: ["451 4.7.1 later", "250 OK"]})
    with smtp(sink, papers) as port, by_smtp(port, papers, **LOGIN) as way:
        ends = [way.send(letter(), "kmgb@grootezijl.example", TO).ending for _ in range(2)]
    assert ends == [Ending.NOT_NOW, Ending.TAKEN]


@pytest.mark.parametrize(("reply", "ending"), [("554 5.7.1 no", Ending.REFUSED), ("452 full", Ending.NOT_NOW)])
def test_a_refused_message_was_not_taken(papers: Papers, reply: str, ending: Ending) -> None:
    with smtp(Sink(reply=reply), papers) as port, by_smtp(port, papers, **LOGIN) as way:
        assert way.send(letter(), "kmgb@grootezijl.example", TO).ending is ending


def swallow(connection: socket.socket) -> None:
    """Take the whole message and say nothing."""
    content = b""
    while not content.endswith(b"\r\n.\r\n"):
        content += connection.recv(65536)


def slam(connection: socket.socket) -> None:
    """Away in the middle of the message, as when a machine falls over."""
    connection.recv(1000)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize(
    ("body", "size", "ending"),
    [(swallow, 10, Ending.UNKNOWN), (slam, 20_000_000, Ending.NOT_NOW)],
    ids=["behind the dot nobody knows", "before the dot it was not taken"],
)
def test_a_connection_that_breaks(body: Callable[[socket.socket], None], size: int, ending: Ending) -> None:
    content = b"Subject: x\r\n\r\n" + b"x" * 70 + (b"\r\n" + b"y" * 70) * (size // 72) + b"\r\n"
    with raw_smtp(lambda connection: talk(connection, body=body)) as port, by_smtp(port, tls=False) as way:
        outcome = way.send(content, "kmgb@grootezijl.example", TO)
    assert (outcome.ending, outcome.closed) == (ending, True)


# Graph


def by_graph(port: int, papers: Papers, **keys: object) -> AbstractContextManager[GraphWay]:
    known = {"url": f"https://localhost:{port}/graph", "gebruiker": "kmgb@grootezijl.example"}
    known |= {"certificaten": papers.ca, "clientcertificaat": papers.client}
    settings = Graph.model_validate(known | keys)
    mail = Mail(van="a@b.nl", graph=settings, wachttijd=20)
    return open_graph(mail, settings, Path("geen"))


def oauth(port: int) -> dict[str, object]:
    token = f"https://localhost:{port}/login/oauth2/v2.0/token"
    return {"oauth": {"token_url": token, "client_id": "kmgb", "geheim": "graph"}}


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KMGB_GEHEIM_GRAPH", "client-4711")
    yield


def test_the_gateway_adds_the_token(papers: Papers) -> None:
    stub, content = GraphStub(), letter()
    with graph(stub, papers) as port, by_graph(port, papers) as way:
        assert way.send(content, "x", TO).ending is Ending.TAKEN
    assert stub.taken == [content]
    assert [one.method for one in stub.asked] == ["GET", "POST"]
    assert "authorization" not in stub.asked[-1].headers
    assert stub.asked[-1].headers["content-type"] == "text/plain"


def test_a_token_is_asked_once_and_renewed_when_refused(papers: Papers, secret: None) -> None:
    stub = GraphStub(token="eerste")
    with graph(stub, papers) as port, by_graph(port, papers, **oauth(port)) as way:
        ends = [way.send(letter(), "x", TO).ending for _ in range(2)]
        stub.token = "tweede"
        ends.append(way.send(letter(), "x", TO).ending)
    assert ends == [Ending.TAKEN] * 3
    assert stub.given == 2
    asked = next(one for one in stub.asked if one.path == stub.TOKEN)
    assert b"scope=https%3A%2F%2Fgraph.microsoft.com%2F.default" in asked.body
    assert b64decode(asked.headers["authorization"].removeprefix("Basic ")) == b"kmgb:client-4711"


def test_a_token_that_stays_refused_is_a_setting(papers: Papers, secret: None) -> None:
    stub = GraphStub(token="goed")
    stub.answers[stub.TOKEN] = file(b'{"access_token": "fout", "token_type": "Bearer"}')
    with (
        graph(stub, papers) as port,
        by_graph(port, papers, **oauth(port)) as way,
        pytest.raises(MailError, match=r"weigert ons token \(HTTP 401\)"),
    ):
        way.send(letter(), "x", TO)
    assert stub.taken == []


def test_a_refused_client_is_told_without_its_secret(papers: Papers, secret: None) -> None:
    stub = GraphStub(token="goed")
    stub.answers[stub.TOKEN] = file(b'{"error": "invalid_client", "error_description": "client-4711"}', 401)
    said = "weigert client 'kmgb'"
    with graph(stub, papers) as port, pytest.raises(MailError, match=said) as refused:
        by_graph(port, papers, **oauth(port)).__enter__()
    assert "client-4711" not in str(refused.value)


def test_no_token_where_the_gateway_should_add_one(papers: Papers) -> None:
    stub = GraphStub(token="van de gateway")
    with (
        graph(stub, papers) as port,
        by_graph(port, papers) as way,
        pytest.raises(MailError, match="gateway het toe te voegen"),
    ):
        way.send(letter(), "x", TO)


@pytest.mark.parametrize(
    ("status", "headers", "ending", "wait"),
    [
        (429, {"retry_after": "120"}, Ending.NOT_NOW, 120),
        (503, {}, Ending.NOT_NOW, 0),
        (408, {"retry_after": "7"}, Ending.NOT_NOW, 7),
        (500, {"retry_after": "7"}, Ending.UNKNOWN, 0),
        (504, {"retry_after": "7"}, Ending.UNKNOWN, 0),
        (504, {}, Ending.UNKNOWN, 0),
        (400, {}, Ending.REFUSED, 0),
    ],
)
def test_every_status_has_its_meaning(
    papers: Papers, status: int, headers: dict[str, str], ending: Ending, wait: int
) -> None:
    stub = GraphStub()
    stub.statuses = [as_error(status, "ErrorInvalidRecipients", **headers)]
    with graph(stub, papers) as port, by_graph(port, papers) as way:
        outcome = way.send(letter(), "x", TO)
    assert (outcome.ending, outcome.wait) == (ending, timedelta(seconds=wait))
    assert "planted" not in outcome.reason


def test_without_our_certificate_nothing_is_offered(papers: Papers, tmp_path: Path) -> None:
    stub, stranger = GraphStub(), Papers(tmp_path / "vreemd")
    wrong: tuple[tuple[dict[str, object], str], ...] = (
        ({"clientcertificaat": None}, "uitgever van 'clientcertificaat'"),
        ({"clientcertificaat": stranger.client}, "uitgever van 'clientcertificaat'"),
        ({"certificaten": stranger.ca}, "niet vertrouwd"),
    )
    with graph(stub, papers) as port:
        for keys, said in wrong:
            with pytest.raises(MailError, match=said), by_graph(port, papers, **keys):
                pass
    assert stub.asked == []


def test_no_gateway_may_pass(papers: Papers) -> None:
    with pytest.raises(MailServerError, match="gateway is niet bereikbaar"), by_graph(free_port(), papers):
        pass


def test_an_address_of_a_gateway_is_judged_before_anything_is_sent(papers: Papers) -> None:
    with pytest.raises(MailError, match="https://"), by_graph(1, papers, url="http://gateway.example"):
        pass


# Settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('smtp = "smtp://x.nl"', "van ontbreekt"),
        ('van = "a@b.nl"\nsmtp = "http://x.nl"', "moet een mailserver zijn"),
        ('van = "a@b.nl"\nsmtp = "smtp://jan:geheim4711@x.nl"', "moet een mailserver zijn"),
        ('van = "a@b.nl"\nsmtp = "smtp://mail..x.nl"', "moet een mailserver zijn"),
        (f'van = "a@b.nl"\nsmtp = "smtp://{"m" * 64}.nl"', "moet een mailserver zijn"),
        ('van = "a@b.nl"\nsmtp = "smtp://x.nl"\ntls = false', "tls = false mag alleen"),
        ('van = "a@b.nl"\nsmtp = "smtp://x.nl"\ngebruiker = "jan"', "horen bij elkaar"),
        ('link = "javascript:alert(1)"', "adres van de rapporten"),
        ('link = "https://"', "adres van de rapporten"),
        ('link = "https://x.nl/?map=1"', "adres van de rapporten"),
        ('link = "https://jan:geheim4711@x.nl/"', "adres van de rapporten"),
        ('van = "a@b.nl"\nsmtp = "smtp://x.nl"\ngebruiker = "jan"\ngeheim = "Geheim4711!"', "naam van een geheim"),
        ('lnik = "https://x.nl"', "mail.lnik is geen instelling"),
        ('van = "a@b.nl"\nsmtp = "smtp://x.nl"\n[mail.graph]\nurl = "https://x"\ngebruiker = "a@b.nl"', "kies één weg"),
        ('van = "a@b.nl"\n[mail.graph]\nurl = "https://x"', "mail.graph.gebruiker ontbreekt"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "kmgb.toml"
    path.write_text(f"[mail]\n{text}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=said) as refused:
        load_settings(path)
    assert "geheim4711" not in str(refused.value).lower()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kmgb.toml"
    path.write_text('timezone = "Europe/Paris"\n[mail]\nvan = "a@b.nl"\nsmtp = "smtp://bestand.nl"\n', encoding="utf-8")
    monkeypatch.setenv("KMGB_TIMEZONE", "UTC")
    monkeypatch.setenv("KMGB_MAIL__SMTP", "smtp://omgeving.nl:25")
    monkeypatch.setenv("KMGB_MAIL__MANAGERS", "a@b.nl, c@d.nl")
    settings = load_settings(path)
    assert (settings.timezone, settings.mail.server) == ("UTC", ("smtp", "omgeving.nl", 25))
    assert (settings.mail.van, settings.mail.managers) == ("a@b.nl", ("a@b.nl", "c@d.nl"))


def test_settings_are_frozen_and_off_by_default() -> None:
    assert not Mail().on
    with pytest.raises(ValidationError):
        Mail(van="a@b.nl").van = "x@y.nl"  # type: ignore[misc]


def test_words_find_what_is_hidden_in_an_encoding() -> None:
    assert "één naam" in words(letter("één naam"))


def test_every_key_of_mail_is_documented() -> None:
    text = (ROOT / "docs" / "mail.md").read_text(encoding="utf-8")
    keys = {*Mail.model_fields, *Graph.model_fields, *Oauth.model_fields}
    assert sorted(key for key in keys if f"`{key}`" not in text) == []
    assert sorted(status for status in Status if f"| `{status}` |" not in text) == []


def test_the_examples_of_the_document_are_settings(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "mail.md").read_text(encoding="utf-8")
    examples = [part.partition("```")[0] for part in text.split("```toml\n")[1:]]
    for place, example in enumerate(examples):
        path = tmp_path / f"{place}.toml"
        path.write_text(example, encoding="utf-8")
        assert load_settings(path).mail.on
    assert len(examples) == 2
