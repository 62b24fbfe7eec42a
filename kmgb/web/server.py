"""uvicorn as we run it: our protocol, no banner, no log of requests, and signals that end in an ordinary return."""

from __future__ import annotations

import ssl
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from kmgb.web.protocol import Protocol


class Server(uvicorn.Server):
    """A server whose signals are the business of who started it."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def server(
    app: ASGIApp,
    context: ssl.SSLContext | None,
    *,
    finish: int,
    connections: int = 1000,
    protocol: type[Protocol] = Protocol,
) -> Server:
    """A server of this application, not yet running. `finish`: seconds that running requests get after a stop."""
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # the address of the sender is that of the connection, whatever a header says
        server_header=False,
        limit_concurrency=connections,
        timeout_graceful_shutdown=finish,
        ssl_context_factory=None if context is None else lambda _config, _default: context,
    )
    return Server(config)
