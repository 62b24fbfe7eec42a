"""What does a week cost the history? 20,000 open findings, of which 100 change: SQL rows written, and seconds.

    python bench/history.py [--findings 20000] [--changes 100]

Of the changes a quarter are solved, a quarter are new, a quarter have another value and a quarter another cause. SQLite
in a folder of its own. Rows are counted where the database is told to write them, per table.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Engine, event

from kmgb.explain import EXPLAINED_COLUMNS
from kmgb.store.database import open_database
from kmgb.store.runs import DONE, History, NewRun, StoredDelivery
from kmgb.store.secrets import Vault

START = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)


def main() -> None:
    """Three weeks: all findings are new, 100 change, nothing changes; and the history asked afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--findings", type=int, default=20_000)
    parser.add_argument("--changes", type=int, default=100)
    options = parser.parse_args()
    first = _findings(range(options.findings))
    second = _week_later(first, options.changes // 4)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'kmgb.sqlite'}")
        history = History(engine, Vault(bytes(32)))
        for week, (what, found) in enumerate(
            [("all new", first), (f"{options.changes} changes", second), ("the same again", second)]
        ):
            run_id = _write(history, engine, week, what, found)
        begun = time.perf_counter()
        told = history.findings(history.run(run_id))
        print(f"findings as of the last run: {told.height} in {time.perf_counter() - begun:.2f} s")
        begun = time.perf_counter()
        told = history.findings(history.run(run_id), key=second["key"][-1])
        print(f"findings of one key: {told.height} in {time.perf_counter() - begun:.3f} s")
        begun = time.perf_counter()
        stood = history.stood(("bench", "personen"), START, second)
        print(f"which of {stood.len()} stood in the first week: {stood.sum()} in {time.perf_counter() - begun:.2f} s")
        engine.dispose()


def _write(history: History, engine: Engine, week: int, what: str, found: pl.DataFrame) -> int:
    moment = START + timedelta(weeks=week)
    # The distribution's aanlevering only; it is the one that says of which moment a run speaks.
    delivery = StoredDelivery(f"{week:032d}", "dds", "personen", "geaccepteerd", moment, moment, "", 1, {})
    facts = {"coverage": [{"field": "voornamen", "coverage": "vergeleken"}]}
    new = NewRun("bench", "personen", DONE, moment, moment, delivery.id, None, facts)
    begun = time.perf_counter()
    with _written(engine) as rows:
        run_id, changes = history.write(new, [delivery], found, None)
    took = time.perf_counter() - begun
    tables = ", ".join(f"{table} {number}" for table, number in sorted(rows.items()))
    print(f"{what}: {rows.total()} rows written in {took:.2f} s ({tables}); {changes}")
    return run_id


@contextmanager
def _written(engine: Engine) -> Iterator[Counter[str]]:
    """Rows that are inserted or changed while this is open, by table."""
    rows: Counter[str] = Counter()

    def count(_: object, cursor: Any, statement: str, parameters: Any, ___: object, many: bool) -> None:
        if found := re.match(r"(INSERT INTO|UPDATE) (\w+)", statement):
            # Of an update the database says how many rows it touched.
            rows[found[2]] += cursor.rowcount if found[1] == "UPDATE" else len(parameters) if many else 1

    event.listen(engine, "after_cursor_execute", count)
    yield rows
    event.remove(engine, "after_cursor_execute", count)


def _findings(numbers: range) -> pl.DataFrame:
    frame = pl.DataFrame({"key": [f"{number:09d}" for number in numbers]}).with_columns(
        key_field=pl.lit("bsn"), field=pl.lit("voornamen"), kind=pl.lit("afwijkend"), severity=pl.lit("normaal"),
        distributie=pl.lit("Jan"), distributie_raw=pl.lit("Jan"), afnemer_value=pl.lit("Piet"),
        afnemer_raw=pl.lit("PIET"), cause=pl.lit("onbekend"), next_step=pl.lit("herstellen_applicatie"),
        cause_evidence=pl.lit("Geen oorzaak bewezen: van eerdere aanleveringen zijn geen wijzigingen bekend."),
    )  # fmt: skip
    absent = [pl.lit(None, pl.String).alias(name) for name in EXPLAINED_COLUMNS if name not in frame.columns]
    return frame.with_columns(absent).select(*EXPLAINED_COLUMNS)


def _week_later(first: pl.DataFrame, quarter: int) -> pl.DataFrame:
    """The same findings without the first quarter, with other values and causes in the next, and new ones."""
    size, place = first.height, pl.int_range(pl.len())
    kept = first.with_columns(
        pl.when(place.is_between(quarter, 2 * quarter - 1)).then(pl.lit("Klaas")).otherwise("afnemer_value").alias(
            "afnemer_value"
        ),
        pl.when(place.is_between(2 * quarter, 3 * quarter - 1)).then(pl.lit("handmatig")).otherwise("cause").alias(
            "cause"
        ),
    ).slice(quarter)  # fmt: skip
    return pl.concat([kept, _findings(range(size, size + quarter))])


if __name__ == "__main__":
    main()
