"""ODBC in another process, for a driver that takes its process down with it or fills its memory.

psqlodbc (13.02, Debian 12) ends in a segmentation fault when its connection is cut inside a cursor; MariaDB's driver
before 3.1.17 holds the whole result. Here the first is an error as any other, and the memory is given back. The
request, with the secret, goes in over standard input.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from kmgb.fetch.database_odbc import library
from kmgb.fetch.odbc import DriverError, Read, Result, Rows
from kmgb.fetch.odbc_process import ERRORS, HEAD

# Its words are those of a connection that was lost, which is what a driver that dies nearly always is.
_DIED = "State: 08S01, Native error: 0, the process of the driver ended"


# Of Arrow's pools this one gives back soonest what it no longer needs: 414 MB against 446, for a million rows of which
# the driver holds 330.
_POOL = {"ARROW_DEFAULT_MEMORY_POOL": "jemalloc"}


# Bytes on their way between the two: with the 64 KiB of Linux itself, passing them on costs five times as much.
_PIPE = 2**20


class Apart:
    """ODBC in a process that is started here, and ends with `stop`."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "kmgb.fetch.odbc_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_POOL | os.environ,
        )
        _widen(self._child.stdout)

    def connect(self, string: str, timeout: int) -> None:
        self._ask(do="connect", string=string, timeout=timeout)
        self._next()

    def read(self, asked: Read) -> Result:
        return self._result(do="read", read=asdict(asked))

    def rows(self, asked: Rows) -> Result:
        return self._result(do="rows", rows=asdict(asked))

    def stop(self) -> None:
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                stream.close()

    def _result(self, **asked: Any) -> Result:
        self._ask(**asked)
        told = self._next()
        return Result([(name, kind) for name, kind in told["described"]], self._batches())

    def _batches(self) -> Iterator[Any]:
        arrow = library("pyarrow")
        while True:
            found = self._next()
            if isinstance(found, dict):
                return
            yield from arrow.ipc.open_stream(found)

    def _ask(self, **asked: Any) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(asked).encode() + b"\n")
            self._child.stdin.flush()
        except OSError:
            raise DriverError(_DIED) from None

    def _next(self) -> Any:
        """What was said, or the bytes of a batch. Raises: what was raised there; DriverError when it ended."""
        assert self._child.stdout is not None
        try:
            head = self._child.stdout.read(HEAD.size)
            letter, length = HEAD.unpack(head) if len(head) == HEAD.size else (b"", 1)
            content = self._child.stdout.read(length) if letter else b""
        except (OSError, ValueError):  # closed by `stop`
            raise DriverError(_DIED) from None
        if len(content) < length:
            raise DriverError(_DIED)
        if letter == b"B":
            return content
        told = json.loads(content)
        if told["what"] in ERRORS:
            raise ERRORS[told["what"]](told["text"])
        return told


def _widen(pipe: Any) -> None:
    """Give a pipe more room where that can be had."""
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415  not everywhere

        with suppress(OSError):  # a limit of this user
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
