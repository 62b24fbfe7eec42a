"""The mail beside the schedules: a thread that sends what waits, so that a greylisted message need not wait a week."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from kmgb.errors import KmgbError

log = logging.getLogger(__name__)


@contextmanager
def postman(send: Callable[[], object], every: float = 60.0) -> Iterator[None]:
    """Call `send` at once and then every so many seconds, until the end of the block. What it raises is logged.

    A failure to mail never stops the schedules. Messages of KmgbError hold no value; of others only the kind is told.
    """
    stop = threading.Event()

    def walk() -> None:
        while True:
            guarded(send)
            if stop.wait(every):
                return

    thread = threading.Thread(target=walk, name="mail", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def guarded(send: Callable[[], object]) -> None:
    """Call `send`; what goes wrong is logged and goes no further."""
    try:
        send()
    except KmgbError as error:
        log.warning("mail: %s", error)
    except (SQLAlchemyError, OSError) as error:
        log.warning("mail: %s; it is tried again later", type(error).__name__)
    except Exception as bug:
        log.error("mail: unexpected %s", type(bug).__name__)  # its text and traceback may hold an address
