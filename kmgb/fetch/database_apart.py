"""Reading in a process of its own, for a driver that takes its process down with it or fills its memory.

psqlodbc (13.02, Debian 12) ends in a segmentation fault when its connection is cut inside a cursor; MariaDB's driver
before 3.1.17 holds the whole result. Here the first is an error as any other, and the memory is given back.

The request, with the secret, goes in over standard input. Frames come back: a letter, the length, and JSON (`J`) or
rows as an Arrow stream (`B`).
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import IO, Any

from kmgb.errors import SourceError
from kmgb.fetch.database_odbc import ColumnNamesError, DriverError, Opened, TooWideError, library, open_and_read
from kmgb.fetch.database_systems import Column
from kmgb.mapping.bronnen.database import DatabaseBron

APART = ("postgresql", "mariadb")
_HEAD = struct.Struct(">cQ")
# Its words are those of a connection that was lost, which is what a driver that dies nearly always is.
_DIED = "State: 08S01, Native error: 0, the process of the driver ended"
_KINDS = {"driver": DriverError, "kolommen": ColumnNamesError, "breed": TooWideError, "bron": SourceError}


class Apart:
    """One reading elsewhere. Calling it gives what `open_and_read` gives; `stop` ends the other process."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __call__(
        self, bron: DatabaseBron, password: str, *, rows: int | None = None, wide: bool = False
    ) -> Iterator[Opened | Any | None]:
        """None once connected, then `Opened`, then Arrow record batches. Raises: as `open_and_read`."""
        command = [sys.executable, "-m", __name__]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as self._child:
            assert self._child.stdin is not None and self._child.stdout is not None
            asked = {"bron": bron.model_dump_json(), "password": password, "rows": rows, "wide": wide}
            try:
                with suppress(BrokenPipeError):
                    self._child.stdin.write(json.dumps(asked).encode())
                    self._child.stdin.close()
                yield from _received(self._child.stdout)
            finally:
                self.stop()

    def stop(self) -> None:
        """Nobody waits for it any more."""
        if self._child is not None:
            self._child.kill()


def _received(stream: IO[bytes]) -> Iterator[Opened | Any | None]:
    arrow = library("pyarrow")
    while head := stream.read(_HEAD.size):
        if len(head) < _HEAD.size:
            break
        letter, length = _HEAD.unpack(head)
        content = stream.read(length)
        if len(content) < length:
            break
        if letter == b"B":
            yield from arrow.ipc.open_stream(content)
            continue
        told = json.loads(content)
        if told["what"] == "einde":
            return
        yield _opened_or_raised(told)
    raise DriverError(_DIED)


def _opened_or_raised(told: dict[str, Any]) -> Opened | None:
    """Raises: what was raised there."""
    if told["what"] == "verbonden":
        return None
    if told["what"] == "geopend":
        moment = datetime.fromisoformat(told["moment"]) if told["moment"] else None
        return Opened(told["version"], moment, tuple(Column(**column) for column in told["columns"]))
    raise _KINDS[told["what"]](told["text"])


def main() -> None:
    """Carry out the request on standard input."""
    asked = json.load(sys.stdin)
    bron = DatabaseBron.model_validate_json(asked["bron"])
    try:
        for item in open_and_read(bron, asked["password"], rows=asked["rows"], wide=asked["wide"]):
            _tell_item(item)
    except (DriverError, ColumnNamesError, TooWideError, SourceError) as error:
        _tell(next(name for name, kind in _KINDS.items() if isinstance(error, kind)), text=str(error))
    else:
        _tell("einde")


def _tell_item(item: Opened | Any | None) -> None:
    if item is None:
        _tell("verbonden")
    elif isinstance(item, Opened):
        moment = item.moment.isoformat() if item.moment else ""
        _tell("geopend", version=item.version, moment=moment, columns=[asdict(column) for column in item.columns])
    else:
        arrow = library("pyarrow")
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(sink, item.schema) as writer:
            writer.write_batch(item)
        _send(b"B", sink.getvalue())


def _tell(what: str, **more: Any) -> None:
    _send(b"J", json.dumps({"what": what, **more}).encode())


def _send(letter: bytes, content: Any) -> None:
    sys.stdout.buffer.write(_HEAD.pack(letter, len(content)))
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
