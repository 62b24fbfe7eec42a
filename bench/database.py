"""How much dearer than reading is fetching? One table of 27 text columns, from a database to landed Parquet.

    python bench/database.py [--rows 1000000] [--rounds 3] [--systems postgresql mariadb sqlite]

Starts throw-away servers (tests/servers_db.py), fills them, and in every round reads the table with arrow-odbc alone
(32 MiB buffers, every batch looked at and thrown away), fetches it with kmgb into the Parquet of a landing, and pulls
it with kmgb: to an accepted aanlevering, judged and with its profile. What counts is the ratio within a round. Each
step is a process of its own, so that memory is measured too.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import arrow_odbc

from kmgb.catalogue.fields import load_catalogue
from kmgb.fetch.database import fetch_database
from kmgb.fetch.database_systems import connection_string
from kmgb.mapping.bronnen.database import DatabaseBron
from kmgb.run.municipality import Municipality
from kmgb.run.pull import pull
from kmgb.settings import Settings

HERE = Path(__file__).parent
SECRET = "KMGB_GEHEIM_DB_TEST"
COLUMNS = [f"veld_{number:02}" for number in range(27)]
TABLE = f"create table groot ({', '.join(f'{name} varchar(40)' for name in COLUMNS)})"
WORDS = ("Jansen", "de Vries", "van den Berg", "Ünal", "Kerkweg", "Rotterdam", "1983-01-02", "0599", "M", "V")


def main() -> None:
    """Start, fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", nargs="+", default=["postgresql", "mariadb", "sqlite"])
    parser.add_argument("--step", choices=["read", "land", "pull"], help=argparse.SUPPRESS)
    parser.add_argument("--bron", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(_step(options.step, DatabaseBron.model_validate_json(options.bron))))
        return
    with tempfile.TemporaryDirectory(prefix="kmgb-bench-") as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "groot.csv"
        make(data, options.rows)
        print(f"{options.rows} rows x {len(COLUMNS)} columns, {data.stat().st_size / 1e6:.0f} MB as CSV")
        for system in options.systems:
            _measure(system, data, options.rounds)


def make(path: Path, rows: int) -> None:
    """Invented values, the same every time."""
    chance = random.Random(1)
    pool = [chance.choice(WORDS) + str(chance.randrange(10 ** chance.randrange(1, 6))) for _ in range(5000)]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([f"{row:09}", *chance.choices(pool, k=26)] for row in range(rows))
    path.chmod(0o644)


def _measure(system: str, data: Path, rounds: int) -> None:
    bron, stop = _filled(system, data)
    ratios: dict[str, list[float]] = {"land": [], "pull": []}
    try:
        for number in range(1, rounds + 1):
            read = _run("read", bron)
            print(f"{system} round {number}: read {_said(read)}", end="")
            for step, found in ratios.items():
                done = _run(step, bron)
                found.append(done["seconds"] / read["seconds"])
                print(f"; {step} {_said(done)}, ratio {found[-1]:.2f}", end="")
            print(flush=True)
    finally:
        stop()
    medians = (f"{step} {statistics.median(found):.2f}" for step, found in ratios.items())
    print(f"{system}: median ratio {', '.join(medians)}", flush=True)


def _said(done: dict[str, float]) -> str:
    return f"{done['seconds']:.2f} s ({done['peak_mb']:.0f} MB)"


def _filled(system: str, data: Path) -> tuple[DatabaseBron, Any]:
    if system == "sqlite":
        path = data.with_suffix(".db")
        with sqlite3.connect(path) as connection, data.open(encoding="utf-8", newline="") as stream:
            connection.execute(TABLE)
            connection.executemany(f"insert into groot values ({', '.join('?' * 27)})", csv.reader(stream))  # noqa: S608
        connection.close()
        return DatabaseBron(systeem="sqlite", database=str(path), tabel="groot"), lambda: None
    sys.path.insert(0, str(HERE.parent / "tests"))
    import servers_db  # type: ignore[import-not-found]  # noqa: PLC0415  only where a server is started

    os.environ[SECRET] = servers_db.SECRET
    server = servers_db.start_postgresql() if system == "postgresql" else servers_db.start_mariadb()
    if system == "postgresql":
        server.admin(TABLE, f"copy groot from '{data}' csv")
    else:
        load = f"load data infile '{data}' into table groot fields terminated by ',' optionally enclosed by '\"'"
        server.admin(TABLE, load)
    number = signal.SIGINT if system == "postgresql" else signal.SIGTERM
    return server.bron(tabel="groot"), lambda: servers_db.stop(server, number)


def _run(step: str, bron: DatabaseBron) -> dict[str, float]:
    command = [sys.executable, __file__, "--step", step, "--bron", bron.model_dump_json()]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _step(step: str, bron: DatabaseBron) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="kmgb-bench-") as folder:
        municipality = _municipality(Path(folder), bron)
        start = time.perf_counter()
        if step == "read":
            _read(bron)
        elif step == "land":
            fetch_database(bron, "groot", Path(folder))
        else:
            (landed,) = pull(municipality, municipality.mappings["bench"], "personen", datetime.now(UTC)).landed
            assert landed.accepted
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mb": _peak()}


def _municipality(folder: Path, bron: DatabaseBron) -> Municipality:
    """One application of which every column feeds a field."""
    (folder / "mappings").mkdir()
    fields = [field.name for field in load_catalogue()["personen"].fields if not field.part_of][: len(COLUMNS)]
    velden = "".join(f'{name} = "{column}"\n' for name, column in zip(fields, COLUMNS, strict=True))
    settings = json.loads(bron.model_dump_json(exclude_defaults=True)) | {"soort": "database"}
    source = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    (folder / "mappings" / "bench.toml").write_text(
        f'[afnemer]\nnaam = "bench"\ntitel = "Bench"\n[bron]\n{source}\n'
        f'[entiteit.personen]\nsleutel = ["{fields[0]}"]\n[entiteit.personen.velden]\n{velden}',
        encoding="utf-8",
    )
    found = Municipality(Settings(mappings=folder / "mappings", data=folder / "data"))
    assert found.mappings  # read before the clock starts
    return found


def _peak() -> float:
    """MB; from the kernel's own count of this process, which leaves out what its parent was before it began."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    own, children = int(line.split()[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(own, children) / 1024


def _read(bron: DatabaseBron) -> None:
    """Bare arrow-odbc, with the same connection string and the query as the mapping gives it."""
    string = connection_string(bron, os.environ.get(SECRET, ""))
    connection = arrow_odbc.connect(string)
    rows = sum(
        batch.num_rows for batch in connection.read_arrow_batches("select * from groot", max_bytes_per_batch=32 * 2**20)
    )
    assert rows


if __name__ == "__main__":
    main()
