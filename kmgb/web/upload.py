"""The body of a request -> the file that is coming in, piece by piece, at a pace that is not too slow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.requests import Request

from kmgb.run.reception import Reception
from kmgb.web.desk import Pace
from kmgb.web.problems import RefusalError

_PIECE = 2**20  # bytes that are written at once, by a thread: a slow disk must not hold up the others


async def upload(request: Request, reception: Reception, pace: Pace) -> None:
    """Every byte of the body, in the file. Raises: RefusalError, TooLargeError, NoRoomError, ClientDisconnect."""
    piece = bytearray()
    async for chunk in _paced(request, pace):
        piece += chunk
        if len(piece) >= _PIECE:
            await asyncio.to_thread(reception.write, bytes(piece))
            piece.clear()
    await asyncio.to_thread(reception.write, bytes(piece))
    if not reception.size:
        raise RefusalError(
            "verzoek", "Er is niets ontvangen (0 bytes). Verstuur het bestand als inhoud van het verzoek."
        )


async def _paced(request: Request, pace: Pace) -> AsyncIterator[bytes]:
    """The chunks as they come. Raises: RefusalError when nothing comes any more, or too little for too long."""
    began, size, stream = time.monotonic(), 0, aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(pace.idle):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise _too_slow() from None
        if chunk is None:
            return
        size += len(chunk)
        elapsed = time.monotonic() - began
        if elapsed > pace.grace and size < elapsed * pace.slowest:
            raise _too_slow()
        yield chunk


def _too_slow() -> RefusalError:
    what = "De inhoud kwam te langzaam of bleef uit. Er is niets bewaard; verstuur de aanlevering opnieuw."
    return RefusalError("te-langzaam", what, headers={"Connection": "close"})
