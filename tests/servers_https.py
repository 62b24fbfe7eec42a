"""Throw-away HTTPS servers on free ports: a folder behind uvicorn in a process, an app of the test, and a raw one."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
import uvicorn
from servers_files import Server, free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles


class Papers:
    """One issuer with the PEM files of a server and a client; `ca` is what who trusts them needs."""

    def __init__(self, folder: Path, *names: str, **more: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        issuer = trustme.CA()
        self.ca, self.server, self.client = folder / "ca.pem", folder / "server.pem", folder / "client.pem"
        issuer.cert_pem.write_to_path(str(self.ca))
        leaf = issuer.issue_cert(*(names or ("localhost", "127.0.0.1", "::1")), **more)
        leaf.private_key_and_cert_chain_pem.write_to_path(str(self.server))
        client = issuer.issue_cert("kmgb@example.org", common_name="kmgb")
        client.private_key_and_cert_chain_pem.write_to_path(str(self.client))
        self.client.chmod(0o600)


class Static(Server):
    """A folder with files, in a process of its own that can be killed, frozen and started again."""

    def __init__(self, folder: Path, papers: Papers) -> None:
        port = free_port()
        super().__init__([sys.executable, __file__, str(port), str(folder), str(papers.server)], port)


@dataclass(frozen=True)
class Asked:
    """What a server was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class App:
    """An app whose answers, per path, the test writes: one for always, or a list of which the last remains."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[Asked] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        one = Asked(
            request.method, request.url.path, dict(request.query_params), dict(request.headers), await request.body()
        )
        self.asked.append(one)
        answer = self.answers.get(one.path, Response(status_code=404))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        await (answer(one) if not isinstance(answer, Response) else answer)(scope, receive, send)


def as_json(document: object, **headers: str) -> Response:
    return Response(json.dumps(document), headers={"content-type": "application/json"} | _dashed(headers))


def file(content: bytes, status: int = 200, **headers: str) -> Response:
    return Response(content, status, headers=_dashed(headers))


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@contextmanager
def serving(
    app: App, papers: Papers, host: str = "127.0.0.1", newest: ssl.TLSVersion | None = None, **more: Any
) -> Iterator[int]:
    """The app behind TLS in a thread, of no newer version than `newest`; its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.bind((host, 0))
        listening.listen()
        config = uvicorn.Config(
            app, ssl_certfile=papers.server, lifespan="off", ws="none", log_config=None, access_log=False, **more
        )
        config.load()
        if newest is not None:
            config.ssl.maximum_version = newest
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            thread.join(20)


class Talk:
    """One connection to the raw server, after its request was read."""

    def __init__(self, connection: ssl.SSLSocket, request: str) -> None:
        self.connection, self.request = connection, request

    def header(self, name: str) -> str:
        lines = [line.partition(":") for line in self.request.split("\r\n")[1:]]
        return next((value.strip() for key, _, value in lines if key.lower() == name), "")

    def say(self, content: bytes) -> None:
        self.connection.sendall(content)

    def reset(self) -> None:
        """Away without a goodbye, as when a machine falls over."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def until_hung_up(self) -> None:
        """Stay silent until the other side has had enough."""
        with suppress(OSError):
            self.connection.recv(1)


@contextmanager
def raw(papers: Papers, *scripts: Callable[[Talk], None], newest: ssl.TLSVersion | None = None) -> Iterator[int]:
    """A server that lets each script answer one connection, the last one all that follow; its port.

    With `newest` it speaks no newer TLS, and asks for a certificate of the client.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.server)
    if newest is not None:
        context.maximum_version = newest
        context.load_verify_locations(papers.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    left = list(scripts)
    talking: list[threading.Thread] = []

    def talk(plain: socket.socket, script: Callable[[Talk], None]) -> None:
        with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as connection:
            request = b""
            while b"\r\n\r\n" not in request and (chunk := connection.recv(65536)):
                request += chunk
            script(Talk(connection, request.decode("latin-1")))

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listening.accept()
                script = left.pop(0) if len(left) > 1 else left[0]
                talking.append(threading.Thread(target=talk, args=(plain, script)))
                talking[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(20)
            for one in talking:
                one.join(20)


def _serve(port: str, folder: str, certificate: str) -> None:
    app = Starlette(routes=[Mount("/", StaticFiles(directory=folder))])
    uvicorn.run(app, host="127.0.0.1", port=int(port), ssl_certfile=certificate, log_config=None)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
