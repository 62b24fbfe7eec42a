"""The body of an answer into a file of ours: bounded, on disk before it counts, and unpacked in pieces."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from kmgb.errors import SourceError
from kmgb.fetch.https_errors import too_large
from kmgb.fetch.https_session import Session
from kmgb.mapping.bronnen.https import HttpsBron

if TYPE_CHECKING:
    import httpx2

_CHUNK = 2**20


def receive(session: Session, response: httpx2.Response, path: Path, had: int, tell: Callable[[int], None]) -> int:
    """The size of `path` once the whole body stands in it behind the first `had` bytes. Only we may read it.

    Raises: SourceError when it becomes too large or takes too long; OSError of our own disk.
    """
    expected, largest = int(response.headers.get("content-length", 0)), session.bron.grootste
    if had + expected > largest:
        raise too_large(session.bron.place, largest)
    if shutil.disk_usage(path.parent).free < expected:
        raise OSError(errno.ENOSPC, "")
    with private(path, had) as sink:
        done = had
        for chunk in response.iter_raw():
            done += len(chunk)
            if done > largest:
                raise too_large(session.bron.place, largest)
            sink.write(chunk)
            tell(done)
    session.check_time()
    return done


@contextmanager
def private(path: Path, had: int = 0) -> Iterator[IO[bytes]]:
    """The file to write behind its first `had` bytes; what stood there further on is gone. Only we may read it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as sink:
        sink.seek(had)
        sink.truncate()
        yield sink
        sink.flush()
        os.fsync(descriptor)


class Unpacked:
    """A file that may be packed, read in pieces and bounded. Raises on read: SourceError."""

    def __init__(self, stream: IO[bytes], bron: HttpsBron) -> None:
        self._stream, self._bron, self._done = stream, bron, 0

    def read(self, size: int = _CHUNK, /) -> bytes:
        """At most `size` bytes; none at the end."""
        try:
            chunk = self._stream.read(min(size, _CHUNK))
        except (gzip.BadGzipFile, EOFError, zlib.error):
            what = "wat de server inpakte (gzip), is beschadigd of afgebroken."
            raise SourceError(f"{self._bron.place}: {what} Haal opnieuw op, of vraag de beheerder ernaar.") from None
        self._done += len(chunk)
        if self._done > self._bron.grootste:
            raise too_large(self._bron.place, self._bron.grootste)
        return chunk


@contextmanager
def unpacked(path: Path, encoding: str, session: Session) -> Iterator[Unpacked]:
    """The bytes of `path` as they were before the server packed them."""
    with cast("IO[bytes]", gzip.open(path)) if encoding else path.open("rb") as stream:
        yield Unpacked(stream, session.bron)
