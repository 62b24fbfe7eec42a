"""How much dearer than reading is comparing? Persons, all 27 fields, from two CSV files to findings.

    python bench/compare.py [--rows 1000000] [--rounds 3]

Makes (once, in bench/data) an invented distribution and an application's dump of it: dd-mm-jjjj, lost zeros, codes in
words, addresses in capitals without accents, and 1 % of the rows with a changed cell. Every round reads both
files with polars alone, and compares them with kmgb; what counts is the ratio within a round. Each step is a process
of its own, so that memory is measured too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import polars as pl

from kmgb import ALLOCATOR
from kmgb.demo.world import build_world
from kmgb.run.files import compare_files
from kmgb.run.municipality import Municipality
from kmgb.settings import Settings

HERE = Path(__file__).parent
_WORDS = {
    "geslacht": {"M": "man", "V": "vrouw", "O": "onbekend"},
    "aanduiding_naamgebruik": {"E": "1", "P": "2", "V": "3", "N": "4"},
}
_FAULTS = ("voornamen", "geslachtsnaam_diacriet", "datum_inschrijving", "gemeentecode", "verblijfsadres")


def main() -> None:
    """Make the data when absent, run the rounds, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", choices=["read", "compare"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = HERE / "data" / str(options.rows)
    if options.step:
        print(json.dumps(_step(options.step, folder)))
        return
    if not (folder / "app.csv").exists():
        make(folder, options.rows)
    sizes = [(folder / name).stat().st_size / 1e6 for name in ("dds.csv", "app.csv")]
    print(f"{options.rows} persons, {sizes[0]:.0f} + {sizes[1]:.0f} MB")
    ratios = []
    for number in range(1, options.rounds + 1):
        read, compare = (_run(step, options.rows) for step in ("read", "compare"))
        ratios.append(compare["seconds"] / read["seconds"])
        print(
            f"round {number}: polars reads both {read['seconds']:.2f} s ({read['peak_mb']:.0f} MB), kmgb compare "
            f"{compare['seconds']:.2f} s ({compare['peak_mb']:.0f} MB, {compare['findings']} findings), "
            f"ratio {ratios[-1]:.2f}"
        )
    print(f"median ratio {statistics.median(ratios):.2f}")


def _run(step: str, rows: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--rows", str(rows), "--step", step]
    # polars reads as it comes; kmgb runs as its command does, which sets the allocator before polars is there.
    environment = os.environ | {"_RJEM_MALLOC_CONF": ALLOCATOR if step == "compare" else ""}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _step(step: str, folder: Path) -> dict[str, float]:
    begun, findings = time.perf_counter(), 0
    if step == "read":
        pl.scan_csv(folder / "dds.csv", infer_schema=False).collect()
        pl.scan_csv(folder / "app.csv", infer_schema=False, separator=";").collect()
    else:
        municipality = Municipality(Settings(data=folder / "kmgb"))
        findings = compare_files(
            municipality, HERE / "personen.toml", "personen", folder / "dds.csv", folder / "app.csv", folder / "uit",
            distributie_mapping=None, day=date(2026, 11, 16),
        ).findings.height  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"seconds": time.perf_counter() - begun, "peak_mb": peak, "findings": findings}


def make(folder: Path, rows: int) -> None:
    """Write the two files of so many persons to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    persons = build_world(rows, 1).timelines["personen"].delivered(2)
    persons = persons.with_columns(_address("verblijfsadres"), _address("correspondentieadres"))
    persons = persons.drop([name for name in persons.columns if name.partition(".")[0].endswith("adres") and "." in name
                            and not name.startswith("id_codes")])  # fmt: skip
    persons = persons.unique("bsn", keep="first", maintain_order=True).sample(fraction=1, shuffle=True, seed=1)
    persons.write_csv(folder / "dds.csv")
    text = _faulty(persons).sample(fraction=1, shuffle=True, seed=2).write_csv(separator=";", line_terminator="\r\n")
    (folder / "app.csv").write_text(text, encoding="utf-8", newline="")


def _address(name: str) -> pl.Expr:
    def part(which: str) -> pl.Expr:
        return pl.col(f"{name}.{which}")

    house = pl.concat_str(part("huisnummer"), part("huisletter"), ignore_nulls=True)
    street = pl.concat_str(part("straat"), house, separator=" ", ignore_nulls=True)
    place = pl.concat_str(part("postcode"), part("woonplaats"), separator=" ", ignore_nulls=True)
    return pl.concat_str(street, place, separator=", ", ignore_nulls=True).str.strip_chars(", ").alias(name)


def _faulty(persons: pl.DataFrame) -> pl.DataFrame:
    turn = pl.int_range(pl.len()) % (100 * len(_FAULTS))
    changed = persons.with_columns(
        pl.when(turn == 100 * place).then(pl.col(name).shift(1)).otherwise(name).alias(name)
        for place, name in enumerate(_FAULTS)
    )
    dates = [name for name in persons.columns if name.startswith(("datum", "geboorte")) or "_datum_" in name]
    numbers = [name for name in persons.columns if name.startswith("id_codes") or name in ("bsn", "gemeentecode")]
    plain = pl.col("verblijfsadres", "correspondentieadres").str.to_uppercase().str.normalize("NFKD")
    return changed.with_columns(
        *(pl.col(n).str.replace(r"^(....)(..)(..)$", "$3-$2-$1").alias(n) for n in dates),
        *(pl.col(n).str.strip_chars_start("0").alias(n) for n in numbers),
        *(pl.col(n).replace(words).alias(n) for n, words in _WORDS.items()),
        plain.str.replace_all(r"\p{M}", ""),
        pl.when(pl.col("indicatie_geheim") != "0").then("indicatie_geheim").alias("indicatie_geheim"),
    ).rename(str.upper)


if __name__ == "__main__":
    main()
