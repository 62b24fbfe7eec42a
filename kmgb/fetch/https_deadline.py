"""Until when a whole fetch may take. A server that sends a byte now and then never runs into a read timeout."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any


class Deadline:
    """At the end every connection is cut off, also inside a call that waits for the server."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._held: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut_all)
        self._timer.daemon = True
        self._timer.start()

    @property
    def remaining(self) -> float:
        """The seconds that are left; never below 0."""
        return max(self._end - time.monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        """True when the time is over."""
        return self.remaining == 0.0

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """What httpcore2 tells of a request (its `trace` extension): a connection is held, to cut it off in time."""
        if event != "connection.connect_tcp.complete":
            return
        # A copy: TLS takes the socket itself over, and the library closes it when it likes.
        held: socket.socket = info["return_value"].get_extra_info("socket").dup()
        with self._lock:
            self._held.append(held)
        if self.passed:
            _cut(held)

    def close(self) -> None:
        """Nobody waits any more."""
        self._timer.cancel()
        with self._lock:
            for held in self._held:
                held.close()
            self._held.clear()

    def _cut_all(self) -> None:
        with self._lock:
            for held in self._held:
                _cut(held)


def _cut(held: socket.socket) -> None:
    with suppress(OSError):
        held.shutdown(socket.SHUT_RDWR)
