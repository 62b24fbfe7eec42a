"""What does explaining add to comparing? Persons, all 27 fields, with a mutation log of eight weeks.

    python bench/explain.py [--rows 1000000] [--rounds 3]

Uses the data of bench/compare.py (made when absent), with more faults in the application's dump: about 20,000
findings. Of half of the cells that differ the log says that the application has what the distribution had before;
besides, 2 % of the persons changed every week. Compare is reading and preparing both sides and comparing them; explain
is all that comes after: the lookup in the log, what the source doubts, causes and clusters. What counts is their ratio
within a round. One process, so that both have the same memory to work in.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
from compare import HERE, make

from kmgb.catalogue.fields import Catalogue, Entity, load_catalogue
from kmgb.compare.comparison import Comparison
from kmgb.compare.kinds import KEY, OTHER
from kmgb.compare.match import key_text
from kmgb.compare.plan import Plan
from kmgb.explain import clusters
from kmgb.explain.causes import conclude, gather
from kmgb.explain.context import OTHERS_DTYPES, Context
from kmgb.explain.doubt import doubted_cells
from kmgb.mapping.load import load_mapping
from kmgb.mapping.model import EntiteitMapping
from kmgb.mutations.derive import CHANGED
from kmgb.mutations.log import MUTATION_COLUMNS, MutationLog
from kmgb.run.files import labelled_mapping
from kmgb.run.outcome import compare_prepared
from kmgb.run.plan import comparison_plan
from kmgb.run.prepare import Prepared, prepare
from kmgb.sources.delivered import Limits
from kmgb.sources.entity import read_entity

DAY = date(2026, 11, 16)
NOW = datetime(2026, 11, 16, tzinfo=UTC)
WEEKS = 8
_MOVING = 50  # every week one in so many persons changes
_MORE = "app_meer.csv"  # the application's dump with more faults
_WHO = ("bench", "personen")


def main() -> None:
    """Make the data and the log, run the rounds, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = HERE / "data" / str(options.rows)
    if not (folder / "app.csv").exists():
        make(folder, options.rows)
    if not (folder / _MORE).exists():
        _make_more(folder)
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        log = MutationLog(Path(scratch) / "mutaties")
        for number in range(1, options.rounds + 1):
            ratios.append(_round(number, folder, log, Path(scratch) / str(number)))
    print(f"median ratio {statistics.median(ratios):.2f}")


def _make_more(folder: Path) -> None:
    """The dump of bench/compare.py in which two more columns have the value of the row before, once in 160 rows."""
    rows, turn = pl.scan_csv(folder / "app.csv", infer_schema=False, separator=";"), pl.int_range(pl.len()) % 160
    columns = ("DATUM_INGANG_ADRESHOUDING", "GEBOORTEDATUM")
    rows.with_columns(
        pl.when(turn == 7 + place).then(pl.col(name).shift(1)).otherwise(name).alias(name)
        for place, name in enumerate(columns)
    ).sink_csv(folder / _MORE, separator=";")


def _round(number: int, folder: Path, log: MutationLog, scratch: Path) -> float:
    catalogue = load_catalogue()
    entity = catalogue["personen"]
    theirs = load_mapping(HERE / "personen.toml", catalogue).entiteit["personen"]
    ours = labelled_mapping(folder / "dds.csv", entity, theirs)
    begun = time.perf_counter()
    left = _ready(folder / "dds.csv", ours, entity, catalogue, scratch)
    right = _ready(folder / _MORE, theirs, entity, catalogue, scratch)
    plan = comparison_plan(catalogue, entity, ours, theirs, DAY)
    prepared = time.perf_counter() - begun
    comparison = compare_prepared(left, right, plan)
    compared = time.perf_counter() - begun
    if number == 1:
        _fill(log, left, comparison)
    del right
    begun = time.perf_counter()
    context = _context(log, left, comparison, plan)
    evidence = gather(comparison.findings, context)
    explained = conclude(evidence, _others(evidence.pending))
    grouped = clusters(explained)
    took = time.perf_counter() - begun
    causes = dict(explained.group_by("cause").len().sort("cause").iter_rows())
    print(
        f"round {number}: prepare {prepared:.2f} s, compare {compared - prepared:.2f} s, explain {took:.2f} s "
        f"({explained.height} findings, {context.mutations.height} mutations of their keys, "
        f"{grouped.height} clusters, {causes}), "
        f"ratio {took / compared:.2f}, to comparing without preparing {took / (compared - prepared):.2f}"
    )
    return took / compared


def _ready(path: Path, rules: EntiteitMapping, entity: Entity, catalogue: Catalogue, scratch: Path) -> Prepared:
    work = scratch / path.stem
    work.mkdir(parents=True)
    _, frame, _ = read_entity(path, rules, Limits(), work, path.parent)
    return prepare(frame, rules, entity, catalogue, key=rules.sleutel, history=False, day=DAY)


def _fill(log: MutationLog, left: Prepared, comparison: Comparison) -> None:
    """Eight steps: in every one a part of the former values, and persons who changed."""
    cells = comparison.findings.filter((pl.col("field") != "") & (pl.int_range(pl.len()) % 2 == 0))
    former = cells.select(
        "key", "key_field", "field", pl.col("afnemer_value").alias("old"), pl.col("distributie").alias("new")
    )
    keys = left.side.accepted.select(key_text(("bsn",)).alias("key"))
    for week in range(WEEKS):
        until = NOW - timedelta(weeks=WEEKS - 1 - week)
        others = keys.filter(pl.int_range(pl.len()) % _MOVING == week).with_columns(
            key_field=pl.lit("bsn"), field=pl.lit("datum_ingang_adreshouding"), old=pl.lit("2001-01-01"),
            new=pl.lit("2026-11-03"),
        )  # fmt: skip
        mine = former.filter(pl.int_range(pl.len()) % WEEKS == week)
        step = pl.concat([mine, others]).with_columns(
            change=pl.lit(CHANGED), after=pl.lit(until - timedelta(weeks=1)), until=pl.lit(until)
        )
        step = step.unique(["key", "field"]).select(
            pl.col(name).cast(dtype) for name, dtype in MUTATION_COLUMNS.items()
        )
        log.append(*_WHO, until - timedelta(weeks=1), until, step)


def _context(log: MutationLog, left: Prepared, comparison: Comparison, plan: Plan) -> Context:
    keys = comparison.findings["key"].unique()
    named = left.side.accepted.lazy().with_columns(key_text(plan.key).alias("key"))
    rows = named.join(keys.to_frame("key").lazy(), on="key", how="semi").collect()

    def values(field: str) -> pl.DataFrame:
        return comparison.pairs.beside([KEY, field], [field]).select(
            pl.col(KEY).alias("key"), pl.col(field).alias("distributie"), pl.col(field + OTHER).alias("afnemer")
        )

    return Context(
        plan=plan,
        peildatum_distributie=NOW,
        peildatum_afnemer=NOW,
        grace=timedelta(days=4),
        values=values,
        fields=comparison.fields,
        mutations=log.lookup(*_WHO, keys),
        log_since=log.coverage(*_WHO).known_since(NOW),
        in_onderzoek=doubted_cells(rows, [cell.name for cell in plan.compared], DAY),
    )


def _others(pending: pl.DataFrame) -> pl.DataFrame:
    """Another application that missed every second of the same changes."""
    told = pending.select("key", "field").with_columns(afnemer=pl.lit("andere"), stale=pl.int_range(pl.len()) % 2 == 0)
    return told.select(pl.col(name).cast(dtype) for name, dtype in OTHERS_DTYPES.items())


if __name__ == "__main__":
    main()
