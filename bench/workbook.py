"""What does the workbook of a week cost? 200,000 findings with every column; judged: under 15 s and under 1 GB.

python bench/workbook.py [--findings 200000] [--out workbook.xlsx]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

import polars as pl
from week import NOW, filled

from kmgb.compare.kinds import Kind
from kmgb.report.workbook import write_workbook
from kmgb.run.week import week_report


def main() -> None:
    """Make, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--findings", type=int, default=200_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kmgb-bench-") as folder:
        week = week_report(filled(Path(folder), 40, 4_000), NOW)
        findings = _findings(options.findings)
        path = options.out or Path(folder) / "week.xlsx"
        start = time.perf_counter()
        write_workbook(week, findings, path)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{findings.height} findings: {seconds:.1f} s, {path.stat().st_size / 1e6:.1f} MB, peak {peak:.0f} MB")


def _findings(count: int) -> pl.DataFrame:
    place = pl.int_range(count)
    kinds = pl.Series([kind.value for kind in Kind])
    return pl.select(
        place.alias("id"),
        (pl.lit("Applicatie ") + (place % 40).cast(pl.String)).alias("titel"),
        pl.lit("Personen").alias("entity_label"),
        (pl.lit("•••") + (place % 1000).cast(pl.String)).alias("key"),
        pl.lit("Verblijfsadres & meer").alias("label"),
        (pl.lit("Straat van de <Gemeente> ") + place.cast(pl.String)).alias("distributie"),
        (pl.lit("=Straat ") + place.cast(pl.String)).alias("afnemer_value"),
        pl.lit("normaal").alias("severity"),
        pl.lit("niet ontvangen").alias("cause"),
        pl.lit("herzenden").alias("next_step"),
        pl.lit(date(2026, 11, 16)).alias("first_seen"),
        pl.lit("open").alias("status"),
        pl.lit(kinds).gather(place % kinds.len()).alias("kind"),
    )


if __name__ == "__main__":
    main()
