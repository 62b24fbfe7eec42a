"""Blocking calls of a driver, with a limit in time: they run in a thread of their own.

A driver that waits for a server that has gone silent cannot be interrupted. The thread is then left behind (it is a
daemon and holds nothing that we still use), and the caller gets its error in time. Reading and writing also overlap.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")
_DEPTH = 1
_POLL = 0.2


class SilentError(Exception):
    """Nothing came within the time that was given."""


class Pump(Generic[T]):
    """Items of `source`, made in another thread. An error of the source is raised here, at its place."""

    def __init__(self, source: Callable[[], Iterator[T]]) -> None:
        self._items: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(_DEPTH)
        self._stop = threading.Event()
        threading.Thread(target=self._run, args=(source,), name="kmgb-database", daemon=True).start()

    def next(self, seconds: float) -> tuple[T | None, bool]:
        """The next item and True, or (None, False) at the end. Raises: SilentError, or what the source raised."""
        try:
            item, error, more = self._items.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            raise SilentError from None
        if error is not None:
            raise error
        return item, more

    def rest(self, end: float) -> Iterator[T]:
        """Every item until `end` (monotonic seconds)."""
        while True:
            item, more = self.next(end - time.monotonic())
            if not more:
                return
            yield item  # type: ignore[misc]  # an item that may be None is the source's own

    def close(self) -> None:
        """Nobody listens any more: the thread ends at its next item."""
        self._stop.set()
        with suppress(queue.Empty):
            while True:
                self._items.get_nowait()

    def _run(self, source: Callable[[], Iterator[T]]) -> None:
        try:
            for item in source():
                if not self._put((item, None, True)):
                    return
        except BaseException as error:
            self._put((None, error, False))
        else:
            self._put((None, None, False))

    def _put(self, item: tuple[T | None, BaseException | None, bool]) -> bool:
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._items.put(item, timeout=_POLL)
                return True
        return False
