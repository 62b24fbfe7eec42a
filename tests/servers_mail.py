"""Throw-away mail servers on free ports: aiosmtpd with STARTTLS and AUTH, a raw one, and Graph behind mutual TLS."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from servers_files import free_port
from servers_https import App, Asked, Papers, as_json, serving
from starlette.responses import Response

USER, PASSWORD = "kmgb", "Geheim-4711"


@dataclass
class Sink:
    """What an SMTP server was given. `answers`: per recipient the replies to RCPT, of which the last remains.

    `before` is called with the recipient before RCPT is answered, `after` before the message is; both in a thread of
    their own, so that they may wait.
    """

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    logins: list[str] = field(default_factory=list)
    before: Callable[[str], object] = str
    after: Callable[[str], object] = str
    reply: str = "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.to_thread(self.before, address)
        listed = self.answers.get(address, ["250 OK"])
        answer = listed.pop(0) if len(listed) > 1 else listed[0]
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert session.ssl is not None or not server.require_starttls
        assert isinstance(envelope.content, bytes)
        if self.reply.startswith("250"):
            self.taken += [(recipient, envelope.content) for recipient in envelope.rcpt_tos]
        await asyncio.to_thread(self.after, envelope.rcpt_tos[0])
        return self.reply

    def authenticated(self, server: SMTP, session: Session, envelope: Envelope, how: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)  # a refusal that is "handled" is one that nobody sends

    @property
    def messages(self) -> list[EmailMessage]:
        return [parsed(content) for _, content in self.taken]

    @property
    def recipients(self) -> list[str]:
        return sorted(recipient for recipient, _ in self.taken)


def parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def words(content: bytes) -> str:
    """All that a message says, decoded: headers, text and HTML."""
    message = parsed(content)
    parts = [f"{name}: {value}" for name, value in message.items()]
    parts += [part.get_content() for part in message.walk() if not part.is_multipart()]
    return "\n".join(parts)


@contextmanager
def smtp(sink: Sink, papers: Papers, *, starttls: bool = True, auth: bool = True) -> Iterator[int]:
    """aiosmtpd in a thread; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.server)
    tls: dict[str, Any] = {"tls_context": context, "require_starttls": True} if starttls else {}
    known: dict[str, Any] = {"auth_required": True, "authenticator": sink.authenticated} if auth and starttls else {}
    controller = Controller(sink, hostname="127.0.0.1", port=free_port(), ready_timeout=20, **tls, **known)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@contextmanager
def raw_smtp(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server without TLS that lets `script` speak with every connection; its port."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    script(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(20)


def talk(connection: socket.socket, *, body: Callable[[socket.socket], None]) -> None:
    """SMTP up to and with 354; then `body` has the connection."""
    lines = connection.makefile("rb")
    connection.sendall(b"220 raw\r\n")
    for line in lines:
        word = line[:4].upper().strip()
        if word == b"DATA":
            connection.sendall(b"354 go on\r\n")
            body(connection)
            return
        connection.sendall(b"250 OK\r\n")


class GraphStub(App):
    """The two endpoints of the gateway. `token` is the one it accepts now; empty asks for none.

    It may send nothing to whom it `refuses`.
    """

    SEND, TOKEN = "/graph/v1.0/users/kmgb@grootezijl.example/sendMail", "/login/oauth2/v2.0/token"

    def __init__(self, token: str = "") -> None:
        super().__init__()
        self.token, self.given = token, 0
        self.statuses: list[Response] = []
        self.answers = {self.SEND: self._send, self.TOKEN: self._give}
        self.taken: list[bytes] = []
        self.refuses: tuple[str, ...] = ()

    def _give(self, asked: Asked) -> Response:
        self.given += 1
        return as_json({"token_type": "Bearer", "expires_in": 3599, "access_token": self.token})

    def _send(self, asked: Asked) -> Response:
        if asked.method != "POST":
            return Response(status_code=405)
        if self.token and asked.headers.get("authorization") != f"Bearer {self.token}":
            return as_error(401, "InvalidAuthenticationToken")
        if self.statuses:
            return self.statuses.pop(0)
        if parsed(b64decode(asked.body))["To"] in self.refuses:
            return as_error(403, "ErrorAccessDenied")
        self.taken.append(b64decode(asked.body, validate=True))
        return Response(status_code=202)


def as_error(status: int, code: str, **headers: str) -> Response:
    body = {"error": {"code": code, "message": "planted@example.org is not wanted"}}
    return Response(json.dumps(body), status, headers={name.replace("_", "-"): text for name, text in headers.items()})


@contextmanager
def graph(stub: GraphStub, papers: Papers) -> Iterator[int]:
    """The stub behind TLS that asks for a client certificate; its port."""
    with serving(stub, papers, ssl_ca_certs=str(papers.ca), ssl_cert_reqs=ssl.CERT_REQUIRED) as port:
        yield port


def certificates(folder: Path) -> Papers:
    return Papers(folder / "papieren")
