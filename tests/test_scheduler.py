"""The promises of the scheduler: every moment once, never beside itself, whatever dies or fails in between."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.dialects import mssql, mysql, postgresql, sqlite
from sqlalchemy.schema import CreateTable

from kmgb.errors import KmgbError, ScheduleError, SourceError, StoreError
from kmgb.scheduler.moments import WallClock
from kmgb.scheduler.plan import Schedule, check_file, load_schedules, next_moments
from kmgb.scheduler.serve import CRASHED, serve, utc_now
from kmgb.store import planning
from kmgb.store.planning import Execution, Status
from kmgb.store.schema import metadata

ROOT = Path(__file__).parents[1]
KNOWN = ("belasting", "geo", "havenbeheer", "vergunningen", "zaaksysteem")
AMSTERDAM = "Europe/Amsterdam"
MONDAY = datetime(2026, 3, 2, 6, 0)  # noqa: DTZ001 - a wall clock
MONDAY_UTC = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)


def schedule(naam: str = "week", **keys: object) -> Schedule:
    return Schedule.model_validate({"naam": naam, "cron": "0 6 * * ma", "afnemers": ["geo"]} | keys)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'kmgb.sqlite'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def wait_until(reached: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "the wait took too long"
        time.sleep(0.005)


@contextmanager
def serving(
    schedules: list[Schedule],
    work: Callable[[Schedule], None],
    engine: Engine,
    *,
    now: Callable[[], datetime] = utc_now,
    lease: float = 60.0,
) -> Iterator[None]:
    """A scheduler in a thread, from its first look at the jobs to its graceful end."""
    stop = threading.Event()
    options = {"stop": stop, "now": now, "lease": timedelta(seconds=lease), "tick": 0.02}
    named = {one.naam: one for one in schedules}
    thread = threading.Thread(target=serve, args=(named, work, engine), kwargs=options)
    thread.start()
    try:
        wait_until(lambda: jobs(engine) == sum(one.actief for one in schedules))
        yield
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def jobs(engine: Engine) -> int | None:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(planning.planning_taak))


def last(engine: Engine, name: str = "week") -> Execution:
    return planning.history(engine, name, 1)[0]


def statuses(engine: Engine, name: str = "week") -> list[tuple[datetime, str, int]]:
    return [(row.moment_local, row.status.value, row.attempt) for row in planning.history(engine, name, 99)]


class Frozen:
    """A clock that stands still until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


# --- the files ---------------------------------------------------------------------------------------------------


def test_the_schedules_of_the_example_municipality_have_no_faults() -> None:
    schedules = load_schedules(ROOT / "schedules", KNOWN)
    assert list(schedules) == ["maandelijks", "nachtelijks", "wekelijks"]
    assert schedules["wekelijks"].chosen(KNOWN) == KNOWN
    assert schedules["nachtelijks"].chosen(KNOWN) == ("belasting", "zaaksysteem")


def test_every_key_and_every_status_is_explained() -> None:
    explained = (ROOT / "docs" / "planning.md").read_text(encoding="utf-8")
    assert [name for name in (*Schedule.model_fields, *Status) if f"\n| `{name}` |" not in explained] == []


def test_all_faults_of_a_file_are_listed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "week.toml"
    path.write_text(
        'naam = "Week"\ndagn = ["ma"]\ntijd = "25:00"\ncron = "0 6 * * 1"\ntijdzone = "Europa/Amsterdam"\n'
        'afnemers = ["belastign", "geo"]\nentiteiten = ["persoon"]\npogingen = "3"\nwachttijd = 0\n',
        encoding="utf-8",
    )
    assert [str(problem) for problem in check_file(path, KNOWN, entities=["personen"])] == [
        "naam: begint met een letter of cijfer en bevat alleen kleine letters, cijfers, - en _.",
        'tijd: is geen tijdstip; schrijf uren en minuten, zoals "06:00".',
        "cron: weekdagen in cijfers worden niet aangenomen: 0 en 1 betekenen niet in elk programma dezelfde dag "
        "(1 is in Unix-cron maandag en in andere planners dinsdag of zondag). Schrijf namen, zoals ma of ma-vr.",
        "tijdzone: 'Europa/Amsterdam' is geen bekende tijdzone. "
        "Bedoelde u 'Europe/Amsterdam' of 'Europe/Astrakhan' of 'Europe/Athens'?",
        "pogingen: moet een geheel getal zijn, zonder aanhalingstekens.",
        "wachttijd: moet ten minste 1 zijn.",
        "dagn: is geen bekende sleutel. Bedoelde u 'dagen'?",
        "cron: staat naast tijd. Kies een van beide manieren.",
        "afnemers: 'belastign' is geen bekende afnemer. Bedoelde u 'belasting'?",
        "entiteiten: 'persoon' is geen entiteit van de catalogus. Bedoelde u 'personen'?",
    ]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("", "er staat niet wanneer de controle loopt. Geef dagen en tijd, of cron."),
        ('dagen = "ma"', "tijd: ontbreekt: dagen staat er wel."),
        (
            'dagen = ["maa", "xx"]\ntijd = "6:00"',
            "dagen: 'maa' is geen weekdag. Bedoelde u 'ma' of 'maandag'? 'xx' is geen weekdag.",
        ),
        ("dagen = [1]\ntijd = 06:00:00", "dagen: weekdagen in cijfers worden niet aangenomen"),
        ('cron = "0 6 * *"', "cron: telt 4 velden en moet er vijf hebben: minuut, uur, dag, maand, weekdag."),
        ('cron = "60 6 * * ma"', "cron: het veld minuut ('60') is niet te lezen."),
        ('cron = "0 6 last5 * *"', "cron: het veld dag ('last5') is niet te lezen."),
        ('cron = "0 6 31 2 *"', "cron: komt op geen enkele dag uit; die dag bestaat niet in die maand."),
        ('cron = "0 6 * * ma/2"', "cron: weekdagen in cijfers worden niet aangenomen"),
    ],
)
def test_a_moment_that_cannot_be_read_is_refused(keys: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "week.toml"
    path.write_text(f'naam = "week"\nafnemers = "alle"\n{keys}\n', encoding="utf-8")
    (found,) = check_file(path, KNOWN)
    assert str(found).startswith(problem)


@pytest.mark.parametrize(
    ("keys", "cron"),
    [
        ({"dagen": ["ma", "vrijdag"], "tijd": "6:05"}, "5 6 * * mon,fri"),
        ({"dagen": "werkdagen", "tijd": "23:30"}, "30 23 * * mon,tue,wed,thu,fri"),
        ({"cron": "0 6 * mei,okt VR-ma"}, "0 6 * may,oct fri,sat,sun,mon"),
        ({"cron": "*/15 6-8 last * *"}, "*/15 6-8 last * *"),
    ],
)
def test_days_are_kept_by_name(keys: dict[str, object], cron: str) -> None:
    model = Schedule.model_validate({"naam": "week", "afnemers": ["geo"]} | keys)
    assert model.clock == WallClock(cron, AMSTERDAM)


def test_the_faults_of_a_folder_name_their_file(tmp_path: Path) -> None:
    good = 'naam = "week"\nafnemers = "alle"\ndagen = "ma"\ntijd = "06:00"\n'
    (tmp_path / "a.toml").write_text(good, encoding="utf-8")
    (tmp_path / "b.toml").write_text(good, encoding="utf-8")
    (tmp_path / "c.toml").write_text(good.replace('"alle"', "[]").replace("week", "c"), encoding="utf-8")
    (tmp_path / "d.toml").write_text("naam = ", encoding="utf-8")
    with pytest.raises(ScheduleError) as caught:
        load_schedules(tmp_path, KNOWN)
    assert [str(problem) for problem in caught.value.problems][:2] == [
        "b.toml: planning 'week' staat al in a.toml.",
        'c.toml afnemers: is leeg. Noem ten minste één afnemer, of schrijf "alle".',
    ]
    assert str(caught.value.problems[2]).startswith("d.toml: geen geldige TOML")


# --- the moments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("30 2 * * *", "2026-03-28", ["2026-03-28T02:30+01:00", "2026-03-29T03:30+02:00", "2026-03-30T02:30+02:00"]),
        ("30 2 * * *", "2026-10-24", ["2026-10-24T02:30+02:00", "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
        ("0 6 * * ma", "2026-03-27", ["2026-03-30T06:00+02:00", "2026-04-06T06:00+02:00", "2026-04-13T06:00+02:00"]),
        ("0 6 1-7 * ma", "2026-03-27", ["2026-04-06T06:00+02:00", "2026-05-04T06:00+02:00", "2026-06-01T06:00+02:00"]),
    ],
    ids=["spring", "autumn", "weekly over the change", "first monday"],
)
def test_next_moments_keep_the_wall_clock(cron: str, after: str, expected: list[str]) -> None:
    start = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(AMSTERDAM))
    moments = next_moments(schedule(cron=cron), start, 3)
    assert [moment.isoformat(timespec="minutes") for moment in moments] == expected


def test_the_missing_hour_of_spring_gives_no_instant_twice() -> None:
    start = datetime(2026, 3, 29, 0, 29, tzinfo=UTC)
    moments = [next(WallClock("*/30 * * * *", AMSTERDAM).after(start + timedelta(minutes=m))) for m in range(0, 180)]
    assert sorted({moment.due.strftime("%H:%M") for moment in moments}) == [
        "00:30", "01:00", "01:30", "02:00", "02:30", "03:00", "03:30",
    ]  # fmt: skip


@pytest.mark.parametrize("cron", ["*/30 * * * *", "30 2 * * *", "0 6 * * mon", "0 6 29 2 *"])
@pytest.mark.parametrize("now", ["2026-03-29T01:30", "2026-10-25T01:10", "2026-03-02T05:00", "2027-12-31T23:59"])
def test_the_latest_moment_is_the_one_before_the_next(cron: str, now: str) -> None:
    clock, instant = WallClock(cron, AMSTERDAM), datetime.fromisoformat(now).replace(tzinfo=UTC)
    latest = clock.latest(instant)
    assert latest is not None
    assert latest.due <= instant < next(clock.after(instant)).due == next(clock.after(latest.due)).due


# --- the table ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [mssql, mysql, postgresql, sqlite], ids=lambda module: module.__name__[-10:])
def test_the_tables_compile_for_every_database(dialect: object) -> None:
    for table in (planning.planning_uitvoering, planning.planning_taak):
        assert "NOT NULL" in str(CreateTable(table).compile(dialect=dialect.dialect()))  # type: ignore[attr-defined]


def test_the_second_half_past_two_of_the_autumn_night_is_known(engine: Engine) -> None:
    local = datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001 - a wall clock
    assert planning.register(engine, "nacht", local, datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert not planning.register(engine, "nacht", local, datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    assert last(engine, "nacht").moment_due == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_one_claim_wins_and_keeps_other_moments_of_the_schedule_out(engine: Engine) -> None:
    for days in (0, 7):
        planning.register(engine, "week", MONDAY + timedelta(days=days), MONDAY_UTC + timedelta(days=days))
    first, second = planning.unfinished(engine)
    now = MONDAY_UTC + timedelta(days=7)
    mine = planning.claim(engine, first, "een", now)
    assert mine == planning.unfinished(engine)[0]
    assert planning.claim(engine, first, "twee", now) is None
    assert planning.claim(engine, second, "twee", now) is None
    assert mine is not None
    assert planning.finish(engine, mine, now, Status.GELUKT)
    assert planning.claim(engine, second, "twee", now) is not None


def test_an_owner_that_lost_its_lease_cannot_write_the_end(engine: Engine) -> None:
    planning.register(engine, "week", MONDAY, MONDAY_UTC)
    mine = planning.claim(engine, last(engine), "een", MONDAY_UTC)
    assert mine is not None
    assert not planning.finish(engine, mine, MONDAY_UTC, Status.WACHT, silent_since=MONDAY_UTC - timedelta(minutes=1))
    assert planning.finish(engine, mine, MONDAY_UTC, Status.WACHT, next_attempt=MONDAY_UTC, silent_since=MONDAY_UTC)
    assert planning.claim(engine, last(engine), "twee", MONDAY_UTC) is not None
    assert not planning.heartbeat(engine, mine, MONDAY_UTC)
    assert not planning.finish(engine, mine, MONDAY_UTC, Status.GELUKT)


# --- running -----------------------------------------------------------------------------------------------------


def test_moments_missed_while_the_process_was_down_are_made_up_once(engine: Engine) -> None:
    done: list[str] = []
    with time_machine.travel(MONDAY_UTC - timedelta(days=1)) as traveller:
        with serving([schedule()], lambda one: done.append(one.naam), engine):
            pass
        traveller.move_to(MONDAY_UTC + timedelta(days=16))
        with serving([schedule()], lambda one: done.append(one.naam), engine):
            wait_until(lambda: done)
            traveller.move_to(MONDAY_UTC + timedelta(days=21, seconds=1))
            wait_until(lambda: len(done) == 2)
    assert statuses(engine) == [(MONDAY + timedelta(days=days), "gelukt", 1) for days in (21, 14)]


def test_a_new_schedule_does_not_make_up_moments_from_before_it_existed(engine: Engine) -> None:
    with time_machine.travel(MONDAY_UTC + timedelta(days=1)) as traveller, serving([schedule()], print, engine):
        traveller.move_to(MONDAY_UTC + timedelta(days=7, seconds=1))
        wait_until(lambda: planning.history(engine, "week", 1))
    assert statuses(engine) == [(MONDAY + timedelta(days=7), "gelukt", 1)]


def test_a_moment_missed_under_the_old_time_is_made_up_after_a_change(engine: Engine) -> None:
    with time_machine.travel(MONDAY_UTC - timedelta(days=1)) as traveller:
        with serving([schedule()], lambda one: None, engine):
            pass
        traveller.move_to(MONDAY_UTC + timedelta(hours=2))
        with serving([schedule(cron="0 7 * * di")], lambda one: None, engine):
            wait_until(lambda: statuses(engine) == [(MONDAY, "gelukt", 1)])
            traveller.move_to(MONDAY_UTC + timedelta(hours=25, seconds=1))
            wait_until(lambda: len(statuses(engine)) == 2 and not planning.unfinished(engine))
    assert [moment for moment, _, _ in statuses(engine)] == [MONDAY + timedelta(hours=25), MONDAY]


@pytest.mark.parametrize(
    ("before", "instants", "moments"),
    [
        ("2026-10-24T23:00", ["2026-10-25T00:30:01", "2026-10-25T01:30:01", "2026-10-26T01:30:01"], ["25", "26"]),
        ("2026-03-29T00:00", ["2026-03-29T01:00:01", "2026-03-29T01:30:01", "2026-03-30T00:30:01"], ["29", "30"]),
    ],
    ids=["autumn", "spring"],
)
def test_half_past_two_runs_once_on_a_night_of_clock_change(
    engine: Engine, before: str, instants: list[str], moments: list[str]
) -> None:
    done: list[datetime] = []
    nightly, marker = schedule("nacht", cron="30 2 * * *"), schedule("merk", cron="*/30 * * * *", tijdzone="UTC")

    def work(one: Schedule) -> None:
        if one == nightly:
            done.append(utc_now())

    with (
        time_machine.travel(datetime.fromisoformat(before).replace(tzinfo=UTC)) as traveller,
        serving([nightly, marker], work, engine),
    ):
        for number, instant in enumerate(instants, 1):
            traveller.move_to(datetime.fromisoformat(instant).replace(tzinfo=UTC))
            # The marker is due at every one of these instants, so APScheduler has looked at the clock since.
            wait_until(lambda n=number: len(statuses(engine, "merk")) == n)  # type: ignore[misc]
            wait_until(lambda: not planning.unfinished(engine))
        wait_until(lambda: len(done) == 2)
    assert [row[0].strftime("%d %H:%M") for row in reversed(statuses(engine, "nacht"))] == [
        f"{day} 02:30" for day in moments
    ]
    assert len(done) == 2


def test_a_run_never_overlaps_itself(engine: Engine) -> None:
    door, active, most = threading.Event(), [], []

    def work(one: Schedule) -> None:
        if one.naam == "week":
            active.append(1)
            most.append(len(active))
            assert door.wait(10)
            active.pop()

    planning.register(engine, "week", MONDAY, MONDAY_UTC)
    with serving([schedule(), schedule("ander")], work, engine):
        wait_until(lambda: active)
        planning.register(engine, "week", MONDAY + timedelta(days=7), MONDAY_UTC + timedelta(days=7))
        planning.register(engine, "ander", MONDAY, MONDAY_UTC)
        wait_until(lambda: last(engine, "ander").status is Status.GELUKT)
        assert [status for _, status, _ in statuses(engine)] == ["gepland", "bezig"]
        door.set()
        wait_until(lambda: not planning.unfinished(engine))
    assert most == [1, 1]


def test_of_several_waiting_moments_only_the_latest_runs(engine: Engine) -> None:
    for days in (0, 7, 14):
        planning.register(engine, "week", MONDAY + timedelta(days=days), MONDAY_UTC + timedelta(days=days))
    with serving([schedule()], lambda one: None, engine):
        wait_until(lambda: not planning.unfinished(engine))
    assert [status for _, status, _ in statuses(engine)] == ["gelukt", "overgeslagen", "overgeslagen"]


def test_what_is_switched_off_does_not_run(engine: Engine) -> None:
    planning.register(engine, "week", MONDAY, MONDAY_UTC)
    with serving([schedule(actief=False)], lambda one: None, engine):
        wait_until(lambda: not planning.unfinished(engine))
    assert statuses(engine) == [(MONDAY, "overgeslagen", 0)]


class UnreachableError(SourceError):
    transient = True


@pytest.mark.parametrize("fails", [1, 3], ids=["solved in time", "not solved"])
def test_a_transient_error_is_tried_again_after_the_waiting_time(engine: Engine, fails: int) -> None:
    clock, starts = Frozen(MONDAY_UTC), []

    def work(one: Schedule) -> None:
        starts.append(clock())
        if len(starts) <= fails:
            raise UnreachableError("belasting: de bron antwoordt niet.")

    planning.register(engine, "week", MONDAY, MONDAY_UTC)
    with serving([schedule(pogingen=2, wachttijd=10)], work, engine, now=clock):
        for attempt in range(1, min(fails, 2) + 1):
            wait_until(lambda n=attempt: statuses(engine)[0][1:] == ("wacht", n))  # type: ignore[misc]
            assert last(engine).next_attempt == clock() + timedelta(minutes=10)
            clock.moment += timedelta(minutes=10)
        wait_until(lambda: not planning.unfinished(engine))
    assert starts == [MONDAY_UTC + timedelta(minutes=10 * n) for n in range(min(fails, 2) + 1)]
    assert (last(engine).status.value, last(engine).error) == (
        ("gelukt", "") if fails == 1 else ("mislukt", "belasting: de bron antwoordt niet.")
    )


def test_errors_and_bugs_are_recorded_and_stop_nothing(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    failures: dict[str, BaseException] = {
        "fout": KmgbError("geo: kolom X ontbreekt."),
        "bug": ValueError("999990019"),
        "paniek": SystemExit(3),
        "vol": OSError(errno.ENOSPC, "No space left on device"),
        "rechten": PermissionError(errno.EACCES, "Permission denied"),
        "geheugen": MemoryError(),
    }

    def work(one: Schedule) -> None:
        if one.naam in failures:
            raise failures[one.naam]

    names = [*failures, "goed"]
    for name in names:
        planning.register(engine, name, MONDAY, MONDAY_UTC)
    with serving([schedule(name) for name in names], work, engine):
        wait_until(lambda: not planning.unfinished(engine))
    assert {name: (last(engine, name).status.value, last(engine, name).error) for name in names} == {
        "fout": ("mislukt", "geo: kolom X ontbreekt."),
        "bug": ("mislukt", "onverwachte fout; zie het logboek."),
        "paniek": ("mislukt", "onverwachte fout; zie het logboek."),
        "vol": ("mislukt", "de schijf was vol; zie het logboek."),
        "rechten": ("mislukt", "een bestand of map mocht niet gelezen of geschreven worden; zie het logboek."),
        "geheugen": ("mislukt", "het geheugen was vol; zie het logboek."),
        "goed": ("gelukt", ""),
    }
    logged = {record.exc_info[0] for record in caplog.records if record.exc_info}
    assert logged == {ValueError, SystemExit, OSError, PermissionError, MemoryError}


def test_the_clock_survives_a_job_store_that_cannot_be_written(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    refuse = "CREATE TRIGGER weiger BEFORE UPDATE ON planning_taak BEGIN SELECT RAISE(ABORT, 'vol'); END"
    with time_machine.travel(MONDAY_UTC - timedelta(hours=1)) as traveller, serving([schedule()], print, engine):
        for week, statement in enumerate((refuse, "DROP TRIGGER weiger")):
            with engine.begin() as connection:
                connection.execute(text(statement))
            traveller.move_to(MONDAY_UTC + timedelta(days=7 * week, seconds=1))
            wait_until(lambda n=week: len(statuses(engine)) > n)  # type: ignore[misc]
            wait_until(lambda: "the job store cannot be used" in caplog.text)
        wait_until(lambda: not planning.unfinished(engine))
    assert statuses(engine) == [(MONDAY + timedelta(days=days), "gelukt", 1) for days in (7, 0)]


def test_a_stop_at_the_very_moment_loses_nothing(engine: Engine) -> None:
    with time_machine.travel(MONDAY_UTC - timedelta(hours=1)) as traveller:
        for week in range(25):
            with serving([schedule(cron="0 5 * * ma", tijdzone="UTC")], print, engine):
                pass
            with engine.connect() as connection:
                next_run = connection.scalar(select(planning.planning_taak.c.next_run_time))
            due = MONDAY_UTC + timedelta(days=7 * (week - 1))
            # Lost is a moment that the planning has gone past without queueing it; stopped before that, it still comes.
            assert week == 0 or next_run <= due.timestamp() or last(engine).moment_due == due
            traveller.move_to(MONDAY_UTC + timedelta(days=7 * week, seconds=1))


def test_a_planning_that_cannot_be_read_at_the_start_is_said(tmp_path: Path) -> None:
    empty = create_engine(f"sqlite:///{tmp_path / 'leeg.sqlite'}")
    with pytest.raises(StoreError, match="De planning is niet te lezen"):
        serve({}, print, empty, stop=threading.Event())
    empty.dispose()


# --- several processes -------------------------------------------------------------------------------------------

PROCESS = """
import os, sys, threading, time
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
import time_machine
from sqlalchemy import create_engine
from kmgb.scheduler.plan import Schedule
from kmgb.scheduler.serve import serve

url, folder, mode, at, names = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
schedules = {
    name: Schedule.model_validate({"naam": name, "cron": "0 6 * * ma", "afnemers": ["geo"], "wachttijd": 1})
    for name in names.split(",")
}

def wait(reached):
    deadline = time.monotonic() + 20
    while not reached():
        if time.monotonic() > deadline:
            os._exit(9)
        time.sleep(0.005)

def work(schedule):
    with (folder / "gedaan").open("a") as file:
        file.write(f"{schedule.naam} {os.getpid()}\\n")
    if mode == "hang":
        threading.Event().wait()
    if mode == "door":
        wait((folder / "door").exists)
    if mode == "samen":
        wait(lambda: len({line.split()[1] for line in (folder / "gedaan").read_text().splitlines()}) == 2)

(folder / f"klaar-{os.getpid()}").touch()
wait((folder / "start").exists)
with time_machine.travel(datetime.fromisoformat(at)) if at else nullcontext():
    serve(schedules, work, create_engine(url), stop=threading.Event(), tick=0.02)
"""


@contextmanager
def process(
    engine: Engine, folder: Path, mode: str, at: datetime | None, *names: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler in a process of its own, at time `at` or now, which begins as soon as the file `start` is there."""
    arguments = [str(engine.url), str(folder), mode, at.isoformat() if at else "", ",".join(names)]
    with subprocess.Popen([sys.executable, "-c", PROCESS, *arguments], cwd=ROOT) as child:
        try:
            wait_until((folder / f"klaar-{child.pid}").exists, 20)
            yield child
        finally:
            child.kill()


def lines(folder: Path) -> list[str]:
    path = folder / "gedaan"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_two_processes_on_one_database_run_every_moment_once(engine: Engine, tmp_path: Path) -> None:
    names = [f"s{number:02}" for number in range(12)]
    with (
        time_machine.travel(MONDAY_UTC - timedelta(hours=1)),
        serving([schedule(name) for name in names], print, engine),
    ):
        pass
    at = MONDAY_UTC + timedelta(minutes=5)
    with (
        process(engine, tmp_path, "samen", at, *names) as one,
        process(engine, tmp_path, "samen", at, *names) as two,
    ):
        (tmp_path / "start").touch()
        ended = {name: [(MONDAY, "gelukt", 1)] for name in names}
        wait_until(lambda: {name: statuses(engine, name) for name in names} == ended, 20)
        for child in (one, two):
            child.send_signal(signal.SIGTERM)
            assert child.wait(10) == 0
    assert sorted(line.split()[0] for line in lines(tmp_path)) == names
    assert {line.split()[1] for line in lines(tmp_path)} == {str(one.pid), str(two.pid)}


def test_a_living_process_keeps_its_lease_however_long_it_works(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "start").touch()
    planning.register(engine, "week", MONDAY, MONDAY_UTC)
    with process(engine, tmp_path, "door", None, "week") as child:
        wait_until(lambda: lines(tmp_path))
        started = last(engine).started or utc_now()
        with serving([schedule()], print, engine, lease=1.0):
            wait_until(lambda: (last(engine).heartbeat or started) > started + timedelta(seconds=1.3))
            assert statuses(engine) == [(MONDAY, "bezig", 1)]
        (tmp_path / "door").touch()
        wait_until(lambda: not planning.unfinished(engine))
        assert lines(tmp_path) == [f"week {child.pid}"]


def test_what_a_killed_process_was_doing_is_done_again_by_another(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "start").touch()
    planning.register(engine, "week", MONDAY, MONDAY_UTC)
    with process(engine, tmp_path, "hang", MONDAY_UTC, "week") as child:
        wait_until(lambda: lines(tmp_path))
        child.kill()
        child.wait(10)
    clock, done = Frozen(MONDAY_UTC + timedelta(seconds=50)), []
    with serving([schedule(wachttijd=1), schedule("ander")], lambda one: done.append(one.naam), engine, now=clock):
        planning.register(engine, "ander", MONDAY, MONDAY_UTC)
        wait_until(lambda: done == ["ander"])  # the dead one blocks nobody, and its lease still holds
        assert statuses(engine) == [(MONDAY, "bezig", 1)]
        clock.moment += timedelta(minutes=2)
        wait_until(lambda: done == ["ander", "week"])
    assert statuses(engine) == [(MONDAY, "gelukt", 2)]


def test_what_kills_every_process_that_does_it_ends(engine: Engine) -> None:
    planning.register(engine, "week", MONDAY, MONDAY_UTC)
    assert planning.claim(engine, last(engine), "dood", MONDAY_UTC)
    with serving([schedule(pogingen=0)], print, engine, now=Frozen(MONDAY_UTC + timedelta(hours=1))):
        wait_until(lambda: not planning.unfinished(engine))
    assert (statuses(engine), last(engine).error) == ([(MONDAY, "afgebroken", 1)], CRASHED)


def test_sigterm_lets_running_work_finish_and_keeps_what_waits(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "start").touch()
    for name in ("a", "b", "c"):
        planning.register(engine, name, MONDAY, MONDAY_UTC)
    with process(engine, tmp_path, "door", MONDAY_UTC, "a", "b", "c") as child:
        wait_until(lambda: len(lines(tmp_path)) == 2)
        child.send_signal(signal.SIGTERM)
        (tmp_path / "door").touch()
        assert child.wait(10) == 0
    assert [last(engine, name).status.value for name in ("a", "b", "c")] == ["gelukt", "gelukt", "gepland"]
