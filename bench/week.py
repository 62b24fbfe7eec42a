"""What does a weekly report cost? Many applications with many open findings, from the store to the pages.

    python bench/week.py [--afnemers 40] [--findings 200000]

Judged: under 5 s to render, and the first page under 300 kB.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from kmgb.catalogue.fields import load_catalogue
from kmgb.compare.kinds import FINDING_COLUMNS, Kind
from kmgb.explain import clusters
from kmgb.run.municipality import Municipality
from kmgb.run.week import publish_week, week_report
from kmgb.settings import Settings
from kmgb.store.runs import DONE, NewRun

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
FIELDS = ("voornamen", "gemeentecode", "datum_overlijden", "verblijfsadres", "indicatie_geheim", "geboortedatum")
KINDS = (Kind.AFWIJKEND, Kind.LEEG_IN_APPLICATIE, Kind.COSMETISCH, Kind.LEEG_IN_BRON)
SEVERITIES = ("normaal", "hoog", "laag", "normaal", "kritiek")


def main() -> None:
    """Fill, render twice (the second time nothing is new to this process), print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--afnemers", type=int, default=40)
    parser.add_argument("--findings", type=int, default=200_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kmgb-bench-") as folder:
        municipality = filled(Path(folder), options.afnemers, options.findings)
        for turn in (1, 2):
            start = time.perf_counter()
            week = week_report(municipality, NOW + timedelta(hours=1))
            loaded = time.perf_counter()
            page = publish_week(municipality, week, Path(folder) / "uit")
            done = time.perf_counter()
            size = page.stat().st_size / 1000
            print(
                f"turn {turn}: {loaded - start:.2f} s to load, {done - loaded:.2f} s to write, first page {size:.0f} kB"
            )
        print(week.zin)


def filled(folder: Path, afnemers: int, findings: int) -> Municipality:
    """Two weeks of runs: all but a tenth of the findings in the first, the rest in the second."""
    settings = Settings(mappings=ROOT / "mappings", templates=ROOT / "reports", data=folder / "data")
    municipality = Municipality(settings)
    entity = load_catalogue()["personen"]
    each = findings // afnemers
    for number in range(afnemers):
        found = _findings(each)
        fields = [
            {"field": field.name, "paren": 10_000, "beide_leeg": 0, "vergeleken": 10_000, "gelijk": 9_900 - number,
             "afwijkend": 60 + number, "leeg_in_applicatie": 30, "leeg_in_bron": 10, "cosmetisch": 0, "onbeslist": 0,
             "ongeldig": 0}
            for field in entity.fields
        ]  # fmt: skip
        facts = {
            "titel": f"Applicatie {number:02}", "eigenaar": f"Afdeling {number % 7}", "contact": "", "population": "",
            "coverage": [{"field": one.name, "coverage": "vergeleken", "deadline": None} for one in entity.fields],
            "versions": {},
        }  # fmt: skip
        outcome = {"total": each, "fields": fields, "rows": {"gekoppeld": 10_000}, "kinds": {}}
        for back, part in ((8, found.head(each * 9 // 10)), (0, found)):
            when = NOW - timedelta(days=back)
            new = NewRun(f"applicatie-{number:02}", "personen", DONE, when, when, None, None, facts, outcome)
            municipality.history.write(new, [], part, clusters(part))
    return municipality


def _findings(count: int) -> pl.DataFrame:
    place = pl.int_range(count)

    def turns(values: tuple[str, ...]) -> pl.Expr:
        return (place % len(values)).replace_strict(dict(enumerate(map(str, values))), return_dtype=pl.String)

    return pl.select(
        (place + 900_000_000).cast(pl.String).alias("key"),
        pl.lit("bsn").alias("key_field"),
        turns(FIELDS).alias("field"),
        turns(tuple(kind.value for kind in KINDS)).alias("kind"),
        (pl.lit("Naam ") + (place % 50).cast(pl.String)).alias("distributie"),
        (pl.lit("naam ") + (place % 70).cast(pl.String)).alias("afnemer_value"),
        turns(SEVERITIES).alias("severity"),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in ("rule", "distributie_raw", "afnemer_raw")),
    ).select(*FINDING_COLUMNS)


if __name__ == "__main__":
    main()
