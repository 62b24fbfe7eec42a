"""APScheduler as we use it: it keeps the time of every schedule in the database and says when one is due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from kmgb.errors import StoreError
from kmgb.scheduler.plan import Schedule
from kmgb.store import planning

log = logging.getLogger(__name__)

UNUSABLE = (
    "De planning is niet te lezen of te schrijven in de database. Controleer de instelling `database` en werk de "
    "tabellen bij."
)

# Filled by `callbacks`: what APScheduler finds in its job store is only `fire` and the name of a schedule.
_fired: dict[str, Callable[[], None]] = {}


def fire(name: str) -> None:
    """What APScheduler calls when schedule `name` is due. Must stay importable: the job store holds this name."""
    if name in _fired:
        _fired[name]()
    else:
        log.warning("schedule %s is due but not known to this process; restart it to read the schedules again", name)


@contextmanager
def callbacks(by_name: Mapping[str, Callable[[], None]]) -> Iterator[None]:
    """Let `fire` find what to call. One serve() per process: APScheduler keeps names, not objects."""
    if _fired:
        raise RuntimeError("serve() already runs in this process")  # a bug of the caller, hence no KmgbError
    _fired.update(by_name)
    try:
        yield
    finally:
        _fired.clear()


class Clock(BackgroundScheduler):  # type: ignore[misc]  # APScheduler 3 has no types
    """APScheduler 3.11 without two ways of losing a moment.

    One failing statement of the job store ends its thread without a word. And a thread that is about to look for due
    jobs while another shuts it down finds no executor, yet moves those jobs on to their next moment.
    """

    def _process_jobs(self) -> float | None:
        try:
            with self._jobstores_lock:
                stopped = self.state == STATE_STOPPED
                seconds: float | None = None if stopped else super()._process_jobs()
        except (SQLAlchemyError, JobLookupError):
            log.exception("the job store cannot be used; trying again in %s s", self.jobstore_retry_interval)
            return float(self.jobstore_retry_interval)
        return seconds


@contextmanager
def running_clock(
    schedules: Mapping[str, Schedule], engine: Engine, now: Callable[[], datetime], tick: float
) -> Iterator[Clock]:
    """APScheduler at work on `schedules`. Raises: StoreError when the planning cannot be read or written.

    Missed moments fire once, however long ago (no grace time, coalesced), and no schedule fires beside itself.
    """
    clock = Clock(
        jobstores={"default": SQLAlchemyJobStore(engine=engine, tablename=planning.planning_taak.name)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        jobstore_retry_interval=tick,
        timezone=UTC,
    )
    try:
        try:
            planning.unfinished(engine)
            clock.start(paused=True)
            _adopt(clock, schedules, engine, now())
            clock.resume()
        except SQLAlchemyError as error:
            raise StoreError(UNUSABLE) from error
        yield clock
    finally:
        if clock.running:
            clock.shutdown(wait=True)


def _adopt(clock: Clock, schedules: Mapping[str, Schedule], engine: Engine, now: datetime) -> None:
    """Bring the job store in line with the schedules, without losing a moment that passed while we were away.

    Adding a job anew would count from now, so an unchanged job keeps its time; of a changed one that is overdue the
    missed moment is registered.
    """
    jobs = {job.id: job for job in clock.get_jobs()}
    for name in jobs.keys() - schedules.keys():
        with suppress(JobLookupError):
            clock.remove_job(name)
    for name, schedule in schedules.items():
        job = jobs.get(name)
        if job is not None and job.trigger == schedule.clock:
            continue
        if job is not None and (missed := job.trigger.latest(now)) and job.next_run_time <= missed.due:
            planning.register(engine, name, missed.local, missed.due)
        clock.add_job(fire, schedule.clock, args=[name], id=name, name=name, replace_existing=True)
