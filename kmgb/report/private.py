"""Files with values of persons: whole or not at all, and readable by whoever made them only."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from kmgb.errors import ReportError
from kmgb.report.files import harmless

_OWNER_ONLY = 0o600


def write_private(path: Path, content: bytes) -> None:
    """Write `content` with mode 0600; what stood there gives way in one step. Raises: ReportError."""
    busy = path.with_name(f".{path.name}.bezig")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        busy.unlink(missing_ok=True)
        descriptor = os.open(busy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        busy.replace(path)
    except OSError as error:
        what = f"{path}: het bestand is niet te schrijven. Controleer de rechten en de ruimte op de schijf."
        raise ReportError(f"{what} Kies met --out een map waarin u mag schrijven.") from error


def private_csv(frame: pl.DataFrame) -> bytes:
    """A frame as CSV for a spreadsheet: semicolons, a byte order mark, and no text that counts as a formula."""
    texts = frame.with_columns(harmless(name) for name in frame.columns if frame[name].dtype == pl.String)
    return texts.write_csv(separator=";", include_bom=True).encode()
