"""ODBC in a process of its own: requests come in as lines of JSON, frames go out. See database_apart."""

from __future__ import annotations

import ctypes
import json
import signal
import struct
import sys
from collections.abc import Iterator
from typing import Any

from kmgb.fetch.odbc import ColumnNamesError, DriverError, Here, Read, Result, Rows, TooWideError

# A letter, the length, and the content: JSON (`J`) or one record batch as an Arrow stream (`B`).
HEAD = struct.Struct(">cQ")
_ABSENT: Any = None  # what Python takes for a module that cannot be had
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
ERRORS: dict[str, type[Exception]] = {"driver": DriverError, "kolommen": ColumnNamesError, "breed": TooWideError}


def main() -> None:
    """Carry out every request on standard input until it closes."""
    _die_with_parent()
    sys.modules.setdefault("numpy", _ABSENT)  # pyarrow would load it, a tenth of a second for nothing
    odbc = Here()
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        try:
            for letter, content in _answer(odbc, asked):
                _send(letter, content)
        except tuple(ERRORS.values()) as error:
            _send(b"J", _said(next(name for name, kind in ERRORS.items() if isinstance(error, kind)), text=str(error)))


def _die_with_parent() -> None:
    """Nobody kills us when kmgb is killed itself, and a driver that waits does not see that nobody listens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _answer(odbc: Here, asked: dict[str, Any]) -> Iterator[tuple[bytes, Any]]:
    if asked["do"] == "connect":
        odbc.connect(asked["string"], asked["timeout"])
    else:
        yield from _batches(odbc.read(Read(**asked["read"])) if asked["do"] == "read" else odbc.rows(_rows(asked)))
    yield b"J", _said("einde")


def _rows(asked: dict[str, Any]) -> Rows:
    return Rows(**asked["rows"] | {"opening": tuple(asked["rows"]["opening"])})


def _batches(result: Result) -> Iterator[tuple[bytes, Any]]:
    import pyarrow  # noqa: PLC0415  `Here` has it by now

    yield b"J", _said("kolommen_zijn", described=result.described)
    for batch in result.batches:
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        yield b"B", sink.getvalue()


def _said(what: str, **more: Any) -> bytes:
    return json.dumps({"what": what, **more}).encode()


def _send(letter: bytes, content: Any) -> None:
    sys.stdout.buffer.write(HEAD.pack(letter, len(content)))
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
