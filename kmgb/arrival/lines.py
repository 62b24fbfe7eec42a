"""Files to which lines are only ever added: a line is there whole or not at all, also with several writers at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from kmgb.errors import LandingError


def append_line(path: Path, line: Callable[[bytes], str]) -> None:
    """Add one line. `line` makes it from the last line that is there (without its end; empty when there is none).

    Raises: LandingError when it cannot be written; the file is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:  # a crash cut the last line off before its end: nobody was told that it was there
            os.ftruncate(handle, len(whole))
        _write(handle, len(whole), line(whole[:-1].rpartition(b"\n")[2]).encode() + b"\n")
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        os.close(handle)


def whole_lines(path: Path) -> list[bytes]:
    """The lines of the file, without one that a crash cut off before its end."""
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1].splitlines()


def _write(handle: int, size: int, content: bytes) -> None:
    try:
        if os.write(handle, content) != len(content):
            raise OSError("no room")
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise


def _unwritten(path: Path, error: OSError) -> LandingError:
    what = f"{path}: hier kan niet worden bijgeschreven ({error.strerror or 'schijf vol'})."
    return LandingError(f"{what} Er is niets vastgelegd. Maak ruimte of herstel de rechten en herhaal de opdracht.")
