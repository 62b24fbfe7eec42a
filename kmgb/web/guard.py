"""Around every answer: the headers that protect it, and no traceback for whoever asked."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from kmgb.web.problems import RefusalError, mishap

log = logging.getLogger(__name__)

# A page that needs more than nothing sets its own policy.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HTTPS_ONLY = "max-age=31536000"


class Guard:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def protected(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _protect(MutableHeaders(scope=message), scope)
            await send(message)

        try:
            await self._app(scope, receive, protected)
        except (Exception, asyncio.CancelledError) as error:
            if begun:
                raise
            await _told(error).response()(scope, receive, protected)


def _protect(headers: MutableHeaders, scope: Scope) -> None:
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    if scope["scheme"] == "https":
        headers.setdefault("Strict-Transport-Security", _HTTPS_ONLY)


def _told(error: BaseException) -> RefusalError:
    if isinstance(error, asyncio.CancelledError):
        what = "De server van de gemeente stopt. Er is niets bewaard; verstuur de aanlevering later opnieuw."
        return RefusalError("druk", what, headers={"Retry-After": "60", "Connection": "close"})
    # The text of an unexpected error may quote a value: only its kind and place are logged.
    log.error("%s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    return mishap()
