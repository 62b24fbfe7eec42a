"""The mutation log: every change of the distribution, exactly once, in whole steps, and never a doubtful one."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lxml import etree
from sides import Row, delivered, mapped
from test_real_registers import (
    GBAV_2020,
    GBAV_2022,
    MUTATED,
    MUTATIES,
    REGISTERS,
    RESIDENCE,
    RUBRICS,
    by_bsn,
    leaves,
    members,
    persons,
    value,
)

from kmgb.catalogue.fields import load_catalogue
from kmgb.errors import StoreError
from kmgb.landing import Landed, land
from kmgb.mapping.load import load_mapping
from kmgb.mapping.model import Mapping as Veldtoewijzing
from kmgb.mutations.derive import mutations
from kmgb.mutations.log import MUTATION_COLUMNS, ROW_GROUP, MutationLog
from kmgb.run.municipality import Municipality
from kmgb.run.mutations import keep_mutations, mutation_log, mutation_plan
from kmgb.run.plan import comparison_key
from kmgb.run.prepare import prepare
from kmgb.settings import Settings
from kmgb.sources.delivered import Limits
from kmgb.sources.entity import read_entity

ROOT = Path(__file__).parents[1]
START = datetime(2026, 11, 2, tzinfo=UTC)
WEEKS = [START + timedelta(weeks=week) for week in range(9)]
Change = tuple[str, str, str, str | None, str | None]  # key, field, change, old, new


def changes(frame: pl.DataFrame, *, left_behind: bool = False) -> list[Change]:
    """The changes, by default without what stood in the rows that went."""
    if not left_behind:
        frame = frame.filter((pl.col("change") != "vervallen") | (pl.col("field") == ""))
    return list(frame.select("key", "field", "change", "old", "new").iter_rows())


def derived(entity: str, old: Sequence[Row], new: Sequence[Row], **said: Any) -> list[Change]:
    """What changed between two deliveries of text."""
    left_behind = said.pop("left_behind", False)
    catalogue = load_catalogue()
    names = list(dict.fromkeys(name for row in (*old, *new) for name in row))
    plan = mapped(entity, names, said.pop("velden", None), **said)
    key, history = comparison_key(catalogue[entity], plan), plan.historie == "historie"
    sides = [
        prepare(
            delivered([{name: row.get(name) for name in names} for row in rows]).lazy(),
            plan, catalogue[entity], catalogue, key=key, history=history, day=moment.date(),
        ).side
        for rows, moment in ((old, WEEKS[0]), (new, WEEKS[1]))
    ]  # fmt: skip
    found = mutations(*sides, mutation_plan(catalogue[entity], plan), WEEKS[0], WEEKS[1])
    return changes(found, left_behind=left_behind)


# What is a change

A, B, C, D = "999990019", "999990020", "999990032", "999990044"


@pytest.mark.parametrize(
    ("field", "old", "new", "logged"),
    [
        ("voornamen", "Jan", "Piet", ("Jan", "Piet")),
        ("voornamen", "Jan", "", ("Jan", None)),
        ("voornamen", None, "Jan", (None, "Jan")),
        ("voornamen", "JAN", "Jan", ("JAN", "Jan")),
        ("voornamen", "José", "Jose", ("José", "Jose")),
        ("voornamen", "Jan", " Jan ", None),
        ("geboortedatum", "19800000", "19800101", ("1980-00-00", "1980-01-01")),
        ("geboortedatum", "19800101", "1980-01-01", None),
        ("geboortedatum", "19800101", "19800231", ("1980-01-01", "1980-02-31")),
        ("geboortedatum", "19800101", "morgen", None),
        ("datum_overlijden", None, "00000000", (None, "0000-00-00")),
        ("indicatie_geheim", "0", "7", ("0", "7")),
    ],
)
def test_a_cell_is_logged_when_the_source_wrote_another_value(
    field: str, old: str | None, new: str | None, logged: tuple[str | None, str | None] | None
) -> None:
    got = derived("personen", [{"bsn": A, field: old}], [{"bsn": A, field: new}])
    assert got == ([] if logged is None else [(A, field, "gewijzigd", *logged)])


def test_rows_that_came_and_went() -> None:
    row = {"voornamen": "Jan"}
    old = [{"bsn": A, **row}, {"bsn": B, **row}, {"bsn": C, **row}, {"bsn": C, **row}]
    new = [{"bsn": A, **row}, {"bsn": C, **row}, {"bsn": D, **row}, {"bsn": "", **row}]
    assert derived("personen", old, new) == [(B, "", "vervallen", None, None), (D, "", "nieuw", None, None)]


def test_a_row_that_went_leaves_what_stood_in_it() -> None:
    old = [{"bsn": A, "voornamen": "Jan", "geboortedatum": "19800500", "geslacht": ""}, {"bsn": B, "voornamen": "Piet"}]
    assert derived("personen", old, old[1:], left_behind=True) == [
        (A, "", "vervallen", None, None),
        (A, "geboortedatum", "vervallen", "1980-05-00", None),
        (A, "voornamen", "vervallen", "Jan", None),
    ]


def test_numbers_as_people_write_them() -> None:
    old = {"id_verblijfsobject": "0363010000000001", "oppervlakte": "80"}
    new = old | {"oppervlakte": "81"}
    assert derived("verblijfsobject", [old], [new]) == [("0363010000000001", "oppervlakte", "gewijzigd", "80", "81")]


def test_a_member_of_a_set_is_named_after_the_column_it_has_now() -> None:
    doel = ["gebruiksdoel_1", "gebruiksdoel_2"]
    old = {"id_verblijfsobject": "0363010000000001", doel[0]: "woonfunctie", doel[1]: "winkelfunctie"}
    new = old | {doel[0]: "winkelfunctie", doel[1]: "kantoorfunctie"}
    got = derived("verblijfsobject", [old], [new])
    assert [(field, change) for _, field, change, _, _ in got] == [("gebruiksdoel_2", "gewijzigd")]
    assert derived("verblijfsobject", [old], [old | {doel[0]: old[doel[1]], doel[1]: old[doel[0]]}]) == []


PAND = {"id_pand": "0363100000000001", "datum_begin_geldigheid_cyclus": "20200101", "bouwjaar_pand": "1900"}
LATER = PAND | {"datum_begin_geldigheid_cyclus": "20261105", "bouwjaar_pand": "1901"}
CLOSED = PAND | {"datum_einde_geldigheid_cyclus": "20261105"}


def test_the_voorkomen_current_on_each_peildatum_is_compared() -> None:
    got = derived("pand", [PAND | {"datum_einde_geldigheid_cyclus": ""}, LATER], [CLOSED, LATER], historie="actueel")
    assert got == [
        (PAND["id_pand"], "bouwjaar_pand", "gewijzigd", "1900", "1901"),
        (PAND["id_pand"], "datum_begin_geldigheid_cyclus", "gewijzigd", "2020-01-01", "2026-11-05"),
    ]


def test_with_history_the_begin_belongs_to_the_key() -> None:
    got = derived("pand", [PAND], [CLOSED, LATER], historie="historie")
    assert got == [
        (f"{PAND['id_pand']}|20200101", "datum_einde_geldigheid_cyclus", "gewijzigd", None, "2026-11-05"),
        (f"{PAND['id_pand']}|20261105", "", "nieuw", None, None),
    ]


# The log on disk


def step(rows: Sequence[Change], after: datetime, until: datetime) -> pl.DataFrame:
    names = ["key", "field", "change", "old", "new"]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    facts = {"key_field": pl.lit("bsn"), "after": pl.lit(after), "until": pl.lit(until)}
    return frame.with_columns(**facts).select(pl.col(name).cast(dtype) for name, dtype in MUTATION_COLUMNS.items())


@pytest.fixture
def log(tmp_path: Path) -> MutationLog:
    return MutationLog(tmp_path / "mutaties")


def fill(log: MutationLog, *weeks: int, entity: str = "personen") -> None:
    """Steps that end at these weeks."""
    for week in weeks:
        after, until = WEEKS[week - 1], WEEKS[week]
        rows = [(B, "voornamen", "gewijzigd", f"v{week - 1}", f"v{week}"), (A, "", "nieuw", None, None)]
        log.append("ddd", entity, after, until, step(rows, after, until))


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_a_lookup_gives_what_is_known_of_the_keys_and_fields(log: MutationLog) -> None:
    fill(log, 1, 2)
    assert changes(log.lookup("ddd", "personen", pl.Series([B, None, "onbekend"]))) == [
        (B, "voornamen", "gewijzigd", "v0", "v1"),
        (B, "voornamen", "gewijzigd", "v1", "v2"),
    ]
    got = log.lookup("ddd", "personen", pl.Series([A, B]), [""])
    assert got.schema == pl.Schema(MUTATION_COLUMNS)
    assert got.select("key", "after", "until").rows() == [(A, WEEKS[0], WEEKS[1]), (A, WEEKS[1], WEEKS[2])]
    nothing = pl.DataFrame(schema=MUTATION_COLUMNS)
    assert log.lookup("ddd", "pand", pl.Series([A])).equals(nothing)
    assert log.lookup("ddd", "personen", pl.Series([], dtype=pl.String)).equals(nothing)


def test_a_kept_step_is_never_written_again(log: MutationLog) -> None:
    fill(log, 1)
    before = files(log.folder)
    log.append("ddd", "personen", WEEKS[0], WEEKS[1], step([], WEEKS[0], WEEKS[1]))
    assert files(log.folder) == before
    assert list(before) == ["ddd/personen/20261109T000000.000000Z.parquet"]


def test_coverage_shows_steps_that_do_not_join(log: MutationLog) -> None:
    assert log.coverage("ddd", "personen").since is None
    fill(log, 1, 2, 4, 5, 7)
    got = log.coverage("ddd", "personen")
    assert (got.since, got.until) == (WEEKS[0], WEEKS[7])
    assert got.gaps == ((WEEKS[2], WEEKS[3]), (WEEKS[5], WEEKS[6]))


@pytest.mark.parametrize(
    ("moment", "since"),
    [(0, 0), (2, 0), (3, 3), (5, 3), (7, 6), (8, None)],
)
def test_what_is_known_without_a_gap(log: MutationLog, moment: int, since: int | None) -> None:
    fill(log, 1, 2, 4, 5, 7)
    expected = None if since is None else WEEKS[since]
    assert log.coverage("ddd", "personen").known_since(WEEKS[moment]) == expected
    assert log.coverage("ddd", "personen").known_since(WEEKS[2] + timedelta(days=1)) is None


def test_a_step_without_changes_is_known_too(log: MutationLog) -> None:
    log.append("ddd", "personen", WEEKS[0], WEEKS[1], step([], WEEKS[0], WEEKS[1]))
    fill(log, 2)
    assert log.coverage("ddd", "personen").gaps == ()
    assert log.lookup("ddd", "personen", pl.Series([A])).height == 1


def test_a_removed_or_broken_file_is_a_gap_and_can_be_kept_anew(log: MutationLog) -> None:
    fill(log, 1, 2, 3)
    second = log.steps("ddd", "personen")[1].path
    whole = second.read_bytes()
    second.write_bytes(whole[: len(whole) // 2])
    assert log.coverage("ddd", "personen").gaps == ((WEEKS[1], WEEKS[2]),)
    assert log.lookup("ddd", "personen", pl.Series([B]))["new"].to_list() == ["v1", "v3"]
    fill(log, 2)
    assert log.coverage("ddd", "personen").gaps == ()


def test_a_file_damaged_inside_is_an_error_that_names_no_value(log: MutationLog) -> None:
    fill(log, 1)
    (path,) = (one.path for one in log.steps("ddd", "personen"))
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="het mutatielog is niet te lezen") as error:
        log.lookup("ddd", "personen", pl.Series([B]))
    assert B not in str(error.value)


def test_what_a_crash_left_halfway_is_no_step(log: MutationLog) -> None:
    fill(log, 1)
    (log.folder / "ddd/personen/.bezig-abc").write_bytes(b"PAR1")
    assert [one.until for one in log.steps("ddd", "personen")] == [WEEKS[1]]
    assert log.clean() == 1
    assert len(files(log.folder)) == 1


def test_a_process_killed_while_writing_leaves_whole_steps(log: MutationLog) -> None:
    """What it did not come to is written by whoever comes next, and nothing else changes."""
    writer = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_mutations import B, START, MutationLog, step, timedelta
log = MutationLog(Path({str(log.folder)!r}))
for n in range(500):
    after, until = START + timedelta(hours=n), START + timedelta(hours=n + 1)
    rows = [(f"{{k:09d}}", "voornamen", "gewijzigd", "a", "b") for k in range(3000)]
    log.append("ddd", "personen", after, until, step(rows, after, until))
    print(n, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [next(process.stdout) for _ in range(3)] == ["0\n", "1\n", "2\n"]
        process.kill()
    log.clean()
    steps, coverage = log.steps("ddd", "personen"), log.coverage("ddd", "personen")
    assert 3 <= len(steps) < 500
    assert len(files(log.folder)) == len(steps)
    assert (coverage.since, coverage.gaps) == (START, ())
    assert log.lookup("ddd", "personen", pl.Series(["000002999"])).height == len(steps)


def test_other_fields_than_before_are_a_gap_without_length(log: MutationLog) -> None:
    for week, scope in ((1, "bsn"), (2, "bsn"), (3, "a_nummer"), (4, "a_nummer")):
        after, until = WEEKS[week - 1], WEEKS[week]
        log.append("ddd", "personen", after, until, step([], after, until), scope=scope)
    coverage = log.coverage("ddd", "personen")
    assert coverage.gaps == ((WEEKS[2], WEEKS[2]),)
    assert coverage.known_since(WEEKS[4]) == WEEKS[2]


def test_retention_removes_whole_steps(log: MutationLog) -> None:
    fill(log, 1, 2, 3)
    fill(log, 1, entity="pand")
    assert log.prune(WEEKS[2], "ddd", "personen") == 1
    assert log.coverage("ddd", "personen").since == WEEKS[1]
    assert log.prune(WEEKS[2]) == 1
    assert log.steps("ddd", "pand") == ()


def test_no_folder_outside_the_log(log: MutationLog) -> None:
    with pytest.raises(StoreError, match="kan geen map van het mutatielog zijn"):
        fill(log, 1, entity="../personen")


def test_a_lookup_reads_only_the_row_groups_that_can_hold_a_key(
    log: MutationLog, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [(f"{n:09d}", "voornamen", "gewijzigd", "a", "b") for n in range(20 * ROW_GROUP)]
    for week in (1, 2):
        log.append("ddd", "personen", WEEKS[week - 1], WEEKS[week], step(rows, WEEKS[week - 1], WEEKS[week]))
    keys = pl.Series([rows[5][0], rows[-5][0]])
    with pl.Config(verbose=True):
        found = log.lookup("ddd", "personen", keys)
    assert found["key"].to_list() == [rows[5][0]] * 2 + [rows[-5][0]] * 2
    assert re.findall(r"reading (\d+) / (\d+) row groups", capfd.readouterr().err) == [("2", "20")] * 2


# A run

Delivers = Callable[..., list[str]]


@pytest.fixture
def municipality(tmp_path: Path) -> Municipality:
    return Municipality(Settings(data=tmp_path / "data", mutation_days=30))


def system(velden: Mapping[str, Any] | None = None, version: str = "v1", **entity: Any) -> Veldtoewijzing:
    names = velden or {"bsn": {"kolom": "B"}, "voornamen": {"kolom": "N"}}
    document = {"afnemer": {"naam": "ddd", "titel": "Distributie", "rol": "distributie"}, "path": "ddd.toml"}
    plan = {"sleutel": "bsn", "velden": names, **entity}
    return Veldtoewijzing.model_validate({**document, "version": version, "entiteit": {"personen": plan}})


def dump(name: str, *extra: str) -> str:
    """Ten people of whom one is called `name`; every dump differs from the others."""
    people = [f"{n:09d},{name if n == 3 else 'x'}" for n in range(1, 11)]
    return "\n".join(["B,N", *people, *extra]) + "\n"


@pytest.fixture
def lands(tmp_path: Path, municipality: Municipality) -> Callable[..., Landed]:
    def _lands(text: str, moment: datetime, mapping: Veldtoewijzing | None = None) -> Landed:
        source = tmp_path / "dump.csv"
        source.write_text(text, encoding="utf-8")
        return land(
            source, mapping or system(), "personen", municipality.landing,
            now=moment, limits=Limits(), band=20.0, peildatum=moment,
        )  # fmt: skip

    return _lands


@pytest.fixture
def delivers(municipality: Municipality, lands: Callable[..., Landed]) -> Delivers:
    def _delivers(text: str, moment: datetime, mapping: Veldtoewijzing | None = None) -> list[str]:
        return keep_mutations(municipality, mapping or system(), "personen", lands(text, moment, mapping))

    return _delivers


def kept(municipality: Municipality) -> list[Change]:
    keys = pl.Series([f"{n:09d}" for n in range(20)])
    return changes(mutation_log(municipality).lookup("ddd", "personen", keys))


def test_week_after_week(municipality: Municipality, delivers: Delivers) -> None:
    assert [delivers(dump(name), WEEKS[week]) for week, name in enumerate("abc")] == [[], [], []]
    three = "000000003"
    assert kept(municipality) == [
        (three, "voornamen", "gewijzigd", "a", "b"),
        (three, "voornamen", "gewijzigd", "b", "c"),
    ]
    coverage = mutation_log(municipality).coverage("ddd", "personen")
    assert (coverage.since, coverage.until, coverage.gaps) == (WEEKS[0], WEEKS[2], ())


def test_repeating_changes_nothing(municipality: Municipality, delivers: Delivers) -> None:
    for week, name in enumerate("ab"):
        delivers(dump(name), WEEKS[week])
    before = files(mutation_log(municipality).folder)
    assert delivers(dump("b"), WEEKS[1]) == []
    assert files(mutation_log(municipality).folder) == before


def test_a_missing_week_is_told_and_kept_as_one_step(municipality: Municipality, delivers: Delivers) -> None:
    delivers(dump("a"), WEEKS[0])
    delivers(dump("b"), WEEKS[1])
    warning = (
        "ddd, personen: tussen 2026-11-09 01:00 en 2026-11-23 01:00 is een aanlevering gemist (gewoonlijk om de 7 dagen). "
        "Wat daartussen kwam en ging, staat niet in het mutatielog."
    )
    assert delivers(dump("c"), WEEKS[3]) == [warning]
    assert delivers(dump("c"), WEEKS[3]) == [warning]
    assert mutation_log(municipality).coverage("ddd", "personen").gaps == ()
    assert delivers(dump("d"), WEEKS[4]) == []


def test_the_weekend_of_who_delivers_on_working_days_is_no_missed_delivery(delivers: Delivers) -> None:
    days = [day for day in (START + timedelta(days=n) for n in range(23)) if day.weekday() < 5]
    warned = [bool(delivers(dump(f"n{n}"), day)) for n, day in enumerate(days)]
    assert [day for day, warning in zip(days, warned, strict=True) if warning] == [WEEKS[1], WEEKS[2]]


def test_a_missing_file_of_the_log_is_told(municipality: Municipality, delivers: Delivers) -> None:
    for week, name in enumerate("abcd"):
        delivers(dump(name), WEEKS[week])
    log = mutation_log(municipality)
    log.steps("ddd", "personen")[1].path.unlink()
    gap = (
        "ddd, personen: het mutatielog heeft een gat van 2026-11-09 01:00 tot 2026-11-16 01:00. "
        "Oorzaken van voor die tijd blijven onbekend."
    )
    assert delivers(dump("e"), WEEKS[4]) == [gap]
    assert log.coverage("ddd", "personen").known_since(WEEKS[4]) == WEEKS[2]


def test_what_the_run_made_ready_is_not_made_again(
    municipality: Municipality, lands: Callable[..., Landed], delivers: Delivers
) -> None:
    delivers(dump("a"), WEEKS[0])
    landed, rules = lands(dump("b"), WEEKS[1]), system().entiteit["personen"]
    person = municipality.catalogue["personen"]
    ready = prepare(
        landed.frame.filter(pl.col("B") != "000000010"), rules, person, municipality.catalogue,
        key=("bsn",), history=False, day=WEEKS[1].date(),
    )  # fmt: skip
    assert keep_mutations(municipality, system(), "personen", landed, ready) == []
    assert ("000000010", "", "vervallen", None, None) in kept(municipality)


def test_a_peildatum_that_runs_back_is_not_kept(municipality: Municipality, delivers: Delivers) -> None:
    delivers(dump("a"), WEEKS[1])
    delivers(dump("b"), WEEKS[2])
    before = files(mutation_log(municipality).folder)
    assert delivers(dump("c"), WEEKS[0]) == [
        "ddd, personen: de peildatum loopt terug, van 2026-11-16 01:00 naar 2026-11-02 01:00. "
        "Van deze stap staat niets in het mutatielog; controleer de peildatum."
    ]
    assert files(mutation_log(municipality).folder) == before


def test_two_deliveries_of_one_peildatum_leave_a_gap(municipality: Municipality, delivers: Delivers) -> None:
    for week, name in enumerate("abc"):
        delivers(dump(name), WEEKS[week])
    twice = (
        "ddd, personen: er zijn verschillende aanleveringen met peildatum 2026-11-16 01:00. Wat daarvoor en "
        "daarna veranderde, staat niet in het mutatielog; lever per peildatum één bestand aan."
    )
    log = mutation_log(municipality)
    assert delivers(dump("C"), WEEKS[2]) == [twice]
    assert log.coverage("ddd", "personen").known_since(WEEKS[2]) is None
    assert delivers(dump("d"), WEEKS[3]) == [twice]
    gap = (
        "ddd, personen: het mutatielog heeft een gat van 2026-11-09 01:00 tot 2026-11-23 01:00. "
        "Oorzaken van voor die tijd blijven onbekend."
    )
    assert delivers(dump("e"), WEEKS[4]) == [twice, gap]
    assert delivers(dump("e"), WEEKS[4]) == [gap]
    assert log.coverage("ddd", "personen").gaps == ((WEEKS[1], WEEKS[3]),)
    assert [change[3:] for change in kept(municipality)] == [("a", "b"), ("d", "e")]


def test_a_quarantined_delivery_is_no_step(municipality: Municipality, delivers: Delivers) -> None:
    delivers(dump("a"), WEEKS[0])
    assert delivers("B,N\n000000001,x\n", WEEKS[1]) == []
    assert delivers(dump("b"), WEEKS[2]) == []
    assert mutation_log(municipality).coverage("ddd", "personen").gaps == ()


def test_a_mapping_with_a_new_column_leaves_a_gap(municipality: Municipality, delivers: Delivers) -> None:
    delivers(dump("a"), WEEKS[0])
    wider = {"bsn": {"kolom": "B"}, "voornamen": {"kolom": "N"}, "voorvoegsel": {"kolom": "V"}}
    text = dump("b").replace("\n", ",van\n").replace("B,N,van", "B,N,V")
    assert delivers(text, WEEKS[1], system(wider, "v2")) == [
        "ddd, personen: van 2026-11-02 01:00 tot 2026-11-09 01:00 staat niets in het mutatielog, "
        "want dump.csv mist kolommen van de veldtoewijzing: 'V'. "
        "Oorzaken van voor die tijd blijven onbekend."
    ]
    assert kept(municipality) == []


def test_a_file_read_anew_by_another_mapping_is_the_same_delivery(
    municipality: Municipality, delivers: Delivers
) -> None:
    wider = {"bsn": {"kolom": "B"}, "voornamen": {"kolom": "N"}, "voorvoegsel": {"kolom": "V"}}
    text = dump("a").replace("\n", ",van\n").replace("B,N,van", "B,N,V")
    delivers(text, WEEKS[0])
    delivers(text, WEEKS[0], system(wider, "v2"))
    assert delivers(text.replace(",a,", ",b,"), WEEKS[1], system(wider, "v2")) == []
    assert [change[3:] for change in kept(municipality)] == [("a", "b")]


def test_a_delivery_read_by_another_date_format_leaves_a_gap(delivers: Delivers) -> None:
    delivers(dump("a"), WEEKS[0])
    (warning,) = delivers(dump("b"), WEEKS[1], system(version="v2", aanlevering={"datum": "dd-mm-jjjj"}))
    assert "want dump.csv werd anders gelezen dan nu in de veldtoewijzing staat: datum." in warning


def test_rows_may_not_vanish_beside_a_key_that_cannot_be_read(municipality: Municipality, delivers: Delivers) -> None:
    broken = "onleesbaar,x"
    delivers(dump("a", broken), WEEKS[0])
    assert delivers(dump("b", broken).replace("000000007,x\n", ""), WEEKS[1]) == []
    (warning,) = delivers(dump("c", broken).replace("000000007,x\n", "").replace("000000008", "8?"), WEEKS[2])
    assert "want van 1 rijen is de sleutel niet te lezen" in warning
    assert ("000000007", "", "vervallen", None, None) in kept(municipality)
    assert mutation_log(municipality).coverage("ddd", "personen").until == WEEKS[1]


def test_a_step_that_an_earlier_run_did_not_come_to_is_kept_by_the_next(
    municipality: Municipality, delivers: Delivers, lands: Callable[..., Landed]
) -> None:
    delivers(dump("a"), WEEKS[0])
    lands(dump("b"), WEEKS[1])
    lands(dump("c"), WEEKS[2])
    assert delivers(dump("d"), WEEKS[3]) == []
    assert [change[3:] for change in kept(municipality)] == [("a", "b"), ("b", "c"), ("c", "d")]
    assert mutation_log(municipality).coverage("ddd", "personen").gaps == ()


def test_a_field_taken_from_another_column_is_no_change_of_everyone(
    municipality: Municipality, delivers: Delivers
) -> None:
    def people(name: str) -> str:
        return "B,N,M\n" + "".join(f"{n:09d},{name}{n},ander{n}\n" for n in range(300))

    both = {"bsn": {"kolom": "B"}, "voornamen": {"kolom": "N"}, "voorvoegsel": {"kolom": "M"}}
    delivers(people("a"), WEEKS[0], system(both))
    swapped = people("a").replace("B,N,M", "B,M,N")
    (warning,) = delivers(swapped, WEEKS[1], system(both, "v2"))
    assert "veranderde meer dan de helft van de rijen in voornamen, voorvoegsel" in warning
    assert kept(municipality) == []


def test_a_partial_distribution_is_not_kept(municipality: Municipality, delivers: Delivers) -> None:
    delivers(dump("a"), WEEKS[0])
    (warning,) = delivers(dump("b"), WEEKS[1], system(volledig=False))
    assert "niet volledig is (volledig = false)" in warning


def test_steps_past_their_retention_go(municipality: Municipality, delivers: Delivers) -> None:
    for week, name in enumerate("abcdefgh"):
        delivers(dump(name), WEEKS[week])
    assert mutation_log(municipality).coverage("ddd", "personen").since == WEEKS[2]


@pytest.mark.parametrize("entity", ["personen", "nnp", "pand", "verblijfsobject"])
def test_the_log_holds_what_the_sample_dumps_changed(entity: str, tmp_path: Path) -> None:
    """Against plain Python on the same files; fields whose text is their value."""
    municipality = Municipality(Settings(data=tmp_path, mappings=ROOT / "mappings"))
    mapping = municipality.mappings["distributie"]
    sources = sorted((ROOT / "sample_dumps").glob(f"distributie_{entity}_*.csv"))
    for source in sources:
        landed = land(source, mapping, entity, municipality.landing, now=START, limits=Limits(), band=20.0)
        assert keep_mutations(municipality, mapping, entity, landed) == []
    plan = mapping.entiteit[entity]
    key = plan.velden[plan.sleutel[0]].kolom
    text = {
        name: veld.kolom for name, veld in plan.velden.items()
        if veld.kolom and veld == type(veld)(kolom=veld.kolom) and name not in plan.sleutel
        and load_catalogue()[entity][name].datatype == "string"
    }  # fmt: skip
    voorkomen = [getattr(load_catalogue()[entity], name) for name in ("version", "version_end")]
    lasts = [plan.velden[field.name].kolom for field in voorkomen if field is not None]
    tables = [_table(source, key, lasts) for source in sources]
    assert all(tables)
    expected = set()
    for old, new in pairwise(tables):
        expected |= {(k, "", "vervallen", None, None) for k in old.keys() - new.keys()}
        expected |= {(k, "", "nieuw", None, None) for k in new.keys() - old.keys()}
        expected |= {
            (k, name, "gewijzigd", old[k][column] or None, new[k][column] or None)
            for k in old.keys() & new.keys()
            for name, column in text.items()
            if old[k][column] != new[k][column]
        }
    everyone = pl.Series([k for table in tables for k in table])
    got = changes(mutation_log(municipality).lookup("distributie", entity, everyone))
    assert {change for change in got if change[1] in ("", *text)} == expected
    assert {change[1] for change in expected} > {""}


def _table(source: Path, key: str, lasts: Sequence[str]) -> dict[str, dict[str, str]]:
    """The rows of a dump by key; of the BAG those not withdrawn whose begin and end (`lasts`) enclose its day."""
    stamp = source.stem[-8:]
    day = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}"
    with source.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter=";") if row[key]]
    rows = [row for row in rows if not any(name.endswith("INDICATIE_ACTIEF") and row[name] == "N" for name in row)]
    return {row[key]: row for row in rows if not lasts or row[lasts[0]] <= day < (row[lasts[1]] or "9999")}


# Published registers


@pytest.mark.shared
def test_two_editions_of_person_lists_as_consecutive_deliveries(shared: Path, tmp_path: Path) -> None:
    data, catalogue = shared / "data", load_catalogue()
    municipality = Municipality(Settings(data=tmp_path, dumps=data))
    editions = [("personen_gbav_2020", GBAV_2020, 2020), ("personen_gbav_2022", GBAV_2022, 2022)]
    for name, file, year in editions:
        mapping = load_mapping(REGISTERS / f"{name}.toml", catalogue)
        mapping = mapping.model_copy(update={"afnemer": mapping.afnemer.model_copy(update={"naam": "gbav"})})
        landed = land(
            data / file, mapping, "personen", municipality.landing, now=START, limits=Limits(), band=99.0,
            peildatum=datetime(year, 5, 2, tzinfo=UTC), dumps=data,
        )  # fmt: skip
        assert landed.accepted, landed.manifest.reasons
        assert keep_mutations(municipality, mapping, "personen", landed) == []
    old, new = persons(data / GBAV_2020, ","), persons(data / GBAV_2022, ";")
    before, after = by_bsn(old), by_bsn(new)
    expected = {
        (bsn, field, "gewijzigd", *values)
        for bsn in before.keys() & after.keys()
        for field, rubric in (RUBRICS | RESIDENCE).items()
        if (values := [shown(field, value(side[bsn], field, rubric)) for side in (before, after)])[0] != values[1]
    }
    expected |= {(bsn, "", "vervallen", None, None) for bsn in before.keys() - {p["01.01.20"] for p in new}}
    expected |= {(bsn, "", "nieuw", None, None) for bsn in after.keys() - {p["01.01.20"] for p in old}}
    everyone = pl.Series([*before, *after])
    got = changes(mutation_log(municipality).lookup("gbav", "personen", everyone))
    assert {change for change in got if change[1] in ("", *RUBRICS, *RESIDENCE)} == expected
    assert len({change[1] for change in expected}) > 4


def shown(field: str, text: str) -> str | None:
    """A value as the log writes it."""
    if field.startswith("datum") or field == "geboortedatum":
        return f"{text[:4]}-{text[4:6]}-{text[6:]}" if text else None
    return (text.zfill(16) if field.startswith("id_codes") and text else text) or None


@pytest.mark.shared
@pytest.mark.parametrize(("entity", "code", "record", "fields"), MUTATED, ids=[row[0] for row in MUTATED])
def test_the_national_mutation_file_of_the_bag(
    shared: Path, tmp_path: Path, entity: str, code: str, record: str, fields: dict[str, str]
) -> None:
    catalogue, source, day = load_catalogue(), shared / "data" / MUTATIES, date(2021, 11, 14)
    plans = [
        load_mapping(REGISTERS / f"bag_mutaties_{side}.toml", catalogue).entiteit[entity] for side in ("was", "nieuw")
    ]
    sides = []
    for number, plan in enumerate(plans):
        _, frame, _ = read_entity(source, plan, Limits(), tmp_path / str(number), source.parent)
        ready = prepare(frame, plan, catalogue[entity], catalogue, key=plan.sleutel, history=False, day=day)
        sides.append(ready.side)
    got = mutations(*sides, mutation_plan(catalogue[entity], plans[0]), WEEKS[0], WEEKS[1])
    root = etree.fromstring(next(members(source)))
    raw = [
        [leaves(e) for e in root.iterfind(f".//{{*}}{path}/{{*}}bagObject/{{*}}{record}")]
        for path in ("was", "toevoeging/{*}wordt")
    ]
    count = [Counter(o["identificatie"] for o in side) for side in raw]
    single = [
        {o["identificatie"]: o for o in side if times[o["identificatie"]] == 1}
        for side, times in zip(raw, count, strict=True)
    ]
    before, after = single
    plain_text = {name: leaf for name, leaf in fields.items() if "gebruiksdoel" not in name}
    expected = {
        (key, name, "gewijzigd", before[key].get(leaf) or None, after[key].get(leaf) or None)
        for key in before.keys() & after.keys()
        for name, leaf in plain_text.items()
        if before[key].get(leaf, "") != after[key].get(leaf, "")
    }
    expected |= {(key, "", "vervallen", None, None) for key in before.keys() - count[1].keys()}
    expected |= {(key, "", "nieuw", None, None) for key in after.keys() - count[0].keys()}
    assert {change for change in changes(got) if change[1] in ("", *plain_text)} == expected
    assert {change[2] for change in expected} >= {"gewijzigd"}
