"""A file on its way in: it grows in a hidden folder that disappears with it, unless it came whole and was landed.

The file is locked as long as its process lives. What a killed process left can be locked by another, and is taken away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

from kmgb.errors import DISK_FULL, NoRoomError, SourceError

_BUSY = ".bezig-"


class TooLargeError(SourceError):
    """More bytes than the mapping allows."""


class Reception:
    """One file in `home`, under the name its supplier gave it. `write` and `drop` may be called from any thread."""

    def __init__(self, home: Path, name: str, largest: int, declared: int | None) -> None:
        """Raises: TooLargeError, NoRoomError, when the declared length says so beforehand."""
        self.size, self._largest = 0, largest
        self._guard = threading.Lock()
        self._refuse_too_large(declared or 0)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        sweep(home)
        if shutil.disk_usage(home).free < (declared or 0):
            raise NoRoomError
        self.folder, self._handle = _opened(home, name)
        self.path = self.folder / name

    def write(self, chunk: bytes) -> None:
        """Add what came in. Raises: TooLargeError, NoRoomError."""
        self._refuse_too_large(self.size + len(chunk))
        with self._guard:
            rest = memoryview(chunk)
            while rest and self._handle >= 0:
                rest = rest[_written(self._handle, rest) :]
        self.size += len(chunk)

    def finish(self) -> Path:
        """The file with every byte of it on disk. Raises: NoRoomError."""
        try:
            os.fsync(self._handle)
        except OSError as error:
            raise _on_our_side(error) from None
        return self.path

    def drop(self) -> None:
        """Take the file away, and its folder; once is enough."""
        with self._guard:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1
        shutil.rmtree(self.folder, ignore_errors=True)

    def _refuse_too_large(self, size: int) -> None:
        if size > self._largest:
            hint = "Lever een kleiner bestand (ingepakt met gzip), of spreek met de gemeente een hogere grens af."
            raise TooLargeError(f"De aanlevering is groter dan {self._largest} bytes. {hint}")


def sweep(home: Path) -> int:
    """Take away what killed processes left in `home`; the number of leftovers. What others still write stays."""
    swept = 0
    for folder in home.glob(f"{_BUSY}*"):
        # The lock is held until all is gone: who waits for it then sees that the file is.
        with suppress(FileNotFoundError), ExitStack() as held:
            if all(_forsaken(path, held) for path in folder.iterdir() if path.is_file()):
                shutil.rmtree(folder, ignore_errors=True)
                swept += 1
    return swept


def _opened(home: Path, name: str) -> tuple[Path, int]:
    """A new folder with the empty file, locked. Tried again when a sweep came in between."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_BUSY, dir=home))
        with suppress(FileNotFoundError):
            handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:
                return folder, handle
            os.close(handle)


def _forsaken(path: Path, held: ExitStack) -> bool:
    """True when no living process holds the file; then we do, as long as `held`."""
    try:
        fcntl.flock(held.enter_context(path.open("rb")), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _written(handle: int, chunk: memoryview) -> int:
    try:
        return os.write(handle, chunk)
    except OSError as error:
        raise _on_our_side(error) from None


def _on_our_side(error: OSError) -> Exception:
    return NoRoomError() if error.errno in DISK_FULL else error
