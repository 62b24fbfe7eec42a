"""The weekly report for machines: its numbers as JSON, and every finding behind it as CSV and Parquet."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from kmgb.errors import ReportError
from kmgb.report.files import harmless
from kmgb.report.week import WeekReport


def week_json(week: WeekReport) -> bytes:
    """Everything the report says. Moments are ISO 8601 in UTC, days ISO 8601; names are those of kmgb.report.week."""
    return json.dumps(asdict(week), default=_iso, ensure_ascii=False, indent=1).encode()


def write_week_findings(frames: Iterator[pl.DataFrame], csv: Path, parquet: Path) -> int:
    """The record of design section 7 of all controles together, twice; how many findings there are. One frame at least.

    One frame is in memory at a time. Each file is there whole or not at all; only we may read it. In the CSV a text
    that a spreadsheet would take for a formula gets an apostrophe in front; the Parquet is exact.
    Raises: ReportError when they cannot be written.
    """
    try:
        csv.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".week-", dir=csv.parent) as scratch:
            parts, rows = _written(frames, Path(scratch))
            (Path(scratch) / "alles.csv").chmod(0o600)
            pl.scan_parquet(parts).sink_parquet(Path(scratch) / "alles.parquet", maintain_order=True)
            (Path(scratch) / "alles.parquet").chmod(0o600)
            (Path(scratch) / "alles.csv").replace(csv)
            (Path(scratch) / "alles.parquet").replace(parquet)
    except OSError as error:
        what = f"{csv.parent}: de bestanden zijn niet te schrijven."
        raise ReportError(f"{what} Controleer de rechten en de ruimte op de schijf.") from error
    return rows


def _written(frames: Iterator[pl.DataFrame], scratch: Path) -> tuple[list[Path], int]:
    parts: list[Path] = []
    rows = 0
    with (scratch / "alles.csv").open("wb") as stream:
        for frame in frames:
            texts = frame.with_columns(harmless(name) for name in frame.columns if frame[name].dtype == pl.String)
            first = not parts
            stream.write(texts.write_csv(separator=";", include_bom=first, include_header=first).encode())
            parts.append(scratch / f"deel-{len(parts):04}.parquet")
            frame.write_parquet(parts[-1])
            rows += frame.height
    return parts, rows


def _iso(value: object) -> str:
    """Moments and days, which JSON has not."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
