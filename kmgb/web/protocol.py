"""HTTP/1.1 by uvicorn, with what it lacks: the client's certificate for the application, and an end to waiting.

Written against uvicorn 0.54. The certificate goes in the scope as the ASGI TLS extension says; uvicorn fills none.
Without an end to waiting, who opens connections and sends nothing, or never finishes, would keep them for ever.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import h11
from cryptography import x509
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from kmgb.web.problems import RefusalError

HEADERS_WITHIN = 15.0  # seconds in which the headers of a request must be there
READ_THE_ANSWER = 5.0  # seconds that somebody who was answered early may go on sending
_VERSIONS = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


class Protocol(H11Protocol):
    """One connection."""

    headers_within = HEADERS_WITHIN

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._headers_due: asyncio.TimerHandle | None = None
        self._answer_read: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tunnel = transport.get_extra_info("ssl_object")
        if tunnel is not None:
            self.app = _telling(self.app, tls_facts(tunnel))
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            _cancel(self._answer_read)
            self._wait_for_headers()
        elif self._headers_due is not None:
            _cancel(self._headers_due)
            self._headers_due = None

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        what = "Dit is geen geldig HTTP-verzoek, of de kop is te lang. Er is niets bewaard; controleer het verzoek."
        answer = RefusalError("verzoek", what, headers={"Connection": "close"}).response()
        head = h11.Response(status_code=answer.status_code, headers=answer.raw_headers)
        for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def on_response_complete(self) -> None:
        if self.conn.their_state is h11.SEND_BODY:
            self._answer_read = self.loop.call_later(READ_THE_ANSWER, self.transport.abort)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._headers_due)
        _cancel(self._answer_read)
        super().connection_lost(exc)

    def _wait_for_headers(self) -> None:
        if self._headers_due is None:
            self._headers_due = self.loop.call_later(self.headers_within, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def tls_facts(tunnel: ssl.SSLObject) -> dict[str, Any]:
    """The ASGI TLS extension of one connection. What Python's ssl does not tell is None."""
    shown = tunnel.getpeercert(binary_form=True)
    chain = [ssl.DER_cert_to_PEM_cert(shown)] if shown else []
    return {
        "server_cert": None,
        "client_cert_chain": chain,
        "client_cert_name": x509.load_der_x509_certificate(shown).subject.rfc4514_string() if shown else None,
        "client_cert_error": None,
        "tls_version": _VERSIONS.get(tunnel.version() or ""),
        "cipher_suite": None,
    }


def _telling(app: Any, tls: dict[str, Any]) -> ASGIApp:
    """The application, told of every request over which connection it came."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})["tls"] = tls
        await app(scope, receive, send)

    return told
