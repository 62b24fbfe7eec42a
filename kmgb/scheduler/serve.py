"""Keeps the schedules until it is told to stop: APScheduler says when, the table of the planning says the rest.

A due moment first becomes a row (`kmgb.store.planning`); whoever claims the row does the work. So a moment survives a
crash, and any number of these processes may share one database. One thread owns everything here that changes: it
reads its inbox, writes the rows and renews the leases. The worker threads only do the work and report to the inbox.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from queue import Empty, SimpleQueue

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from kmgb.errors import KmgbError
from kmgb.scheduler.clock import Clock, callbacks, running_clock
from kmgb.scheduler.moments import Moment
from kmgb.scheduler.plan import Schedule
from kmgb.store import planning
from kmgb.store.planning import Execution, Status

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
# A clock that is set back a little just after APScheduler looked at it must not make a moment lie in the future.
_CLOCK_STEP = timedelta(seconds=30)
CRASHED = "het proces dat deze controle uitvoerde is gestopt zonder iets te melden; zie het logboek."


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def serve(
    schedules: Mapping[str, Schedule],
    work: Callable[[Schedule], None],
    engine: Engine,
    *,
    stop: threading.Event,
    now: Callable[[], datetime] = utc_now,
    lease: timedelta = LEASE,
    tick: float = 15.0,
    workers: int = 2,
) -> None:
    """Run the active schedules in the foreground until `stop`, ctrl-C or SIGTERM; work that runs is then finished.

    `stop` is set on return. All processes on one database must be given the same schedules and agree on the time to
    well within the `lease`: that is how long a process may be silent before another takes over its work. `now` is the
    clock of the planning; APScheduler reads that of the machine.
    Units: `tick` in seconds, the pause between two looks at the planning.
    Raises: StoreError when the planning cannot be read at the start. Later failures are logged and tried again.
    """
    service = _Service(
        schedules={name: schedule for name, schedule in schedules.items() if schedule.actief},
        work=work,
        engine=engine,
        stop=stop,
        now=now,
        lease=lease,
        tick=tick,
        workers=workers,
    )
    fired = {name: partial(service.fired, name) for name in service.schedules}
    with callbacks(fired), _signals(service), running_clock(service.schedules, engine, now, tick) as clock:
        service.run(clock)


@dataclass(frozen=True, slots=True)
class _Due:
    schedule: str
    moment: Moment


@dataclass(frozen=True, slots=True)
class _Done:
    execution: Execution
    status: Status
    error: str = ""
    transient: bool = False


class _Stop:
    """Told by a signal: a handler may interrupt the very lock that `Event.set` needs, a SimpleQueue it may use."""


class _Service:
    """The state of one serve(). All methods but `fired`, `interrupt` and `_do` belong to the thread of serve()."""

    def __init__(
        self,
        *,
        schedules: Mapping[str, Schedule],
        work: Callable[[Schedule], None],
        engine: Engine,
        stop: threading.Event,
        now: Callable[[], datetime],
        lease: timedelta,
        tick: float,
        workers: int,
    ) -> None:
        self.schedules, self.engine, self.stop, self.now = schedules, engine, stop, now
        self._work, self._lease, self._tick, self._workers = work, lease, tick, workers
        self._owner = f"{socket.gethostname()[:80]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._inbox: SimpleQueue[_Due | _Done | _Stop | None] = SimpleQueue()
        self._due: list[_Due] = []
        self._done: list[_Done] = []
        self._running: dict[int, Execution] = {}
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="planning")

    def fired(self, name: str) -> None:
        """Note that schedule `name` is due; the moment becomes a row in the thread of serve()."""
        moment = self.schedules[name].clock.latest(self.now() + _CLOCK_STEP)
        if moment is not None:
            self._inbox.put(_Due(name, moment))

    def interrupt(self) -> None:
        """Ask for the end. Safe in a signal handler."""
        self._inbox.put(_Stop())

    def run(self, clock: Clock) -> None:
        """Look at the planning at every message and at least every tick; afterwards let running work finish."""
        threading.Thread(target=self._wait_for_stop, name="planning-stop", daemon=True).start()
        try:
            while not self.stop.is_set():
                # Also after a jump of the clock or a pause of the machine, which APScheduler would sleep through.
                clock.wakeup()
                self._look(claiming=True)
                self._receive(self._tick)
        finally:
            self.stop.set()
            # First the clock, so that every moment it took as fired is in the inbox and becomes a row.
            clock.shutdown(wait=True)
            self._receive(0.0)
            self._look(claiming=False)
            while self._running:
                self._receive(self._tick)
                self._look(claiming=False)
            self._pool.shutdown()

    def _wait_for_stop(self) -> None:
        self.stop.wait()
        self._inbox.put(None)

    def _receive(self, timeout: float) -> None:
        """Wait for a message, at most `timeout` seconds, and put away all there are."""
        while True:
            try:
                message = self._inbox.get(timeout=timeout)
            except Empty:
                return
            timeout = 0.0
            if isinstance(message, _Stop):
                self.stop.set()
            elif isinstance(message, _Due):
                self._due.append(message)
            elif isinstance(message, _Done):
                self._done.append(message)
                del self._running[message.execution.id]

    def _look(self, *, claiming: bool) -> None:
        """Write down what is known and take on what can be; what the database refuses now is kept for the next look."""
        try:
            while self._done:
                self._record(self._done[0])
                del self._done[0]
            while self._due:
                due = self._due[0]
                planning.register(self.engine, due.schedule, due.moment.local, due.moment.due)
                del self._due[0]
            for execution in self._running.values():
                if not planning.heartbeat(self.engine, execution, self.now()):
                    log.warning("schedule %s: another process took over what still runs here", execution.schedule)
            if claiming:
                self._settle()
        except SQLAlchemyError:
            log.exception("the planning cannot be read or written; trying again in %s s", self._tick)

    def _settle(self) -> None:
        """Per schedule: bury the dead, drop what a later moment replaced, start the latest."""
        rows = sorted(planning.unfinished(self.engine), key=lambda row: (row.schedule, row.moment_due))
        for name, group in groupby(rows, key=lambda row: row.schedule):
            unfinished = list(group)
            running = [row for row in unfinished if row.status is Status.BEZIG]
            for row in running:
                self._bury(row)
            waiting = [row for row in unfinished if row.status is not Status.BEZIG]
            chosen = waiting.pop() if waiting and name in self.schedules else None
            for row in waiting:
                planning.skip(self.engine, row, self.now())
            if chosen is not None and not running and chosen.next_attempt <= self.now():
                self._start(chosen)

    def _bury(self, row: Execution) -> None:
        """End an execution whose process has been silent for a whole lease; it counts as a failed attempt."""
        cutoff = self.now() - self._lease
        if row.id in self._running or row.heartbeat is None or row.heartbeat > cutoff:
            return
        retry = self._retry(row, row.heartbeat)
        status = Status.AFGEBROKEN if retry is None else Status.WACHT
        if planning.finish(self.engine, row, self.now(), status, CRASHED, next_attempt=retry, silent_since=cutoff):
            log.warning("schedule %s: the process %s is gone; %s", row.schedule, row.owner, status)

    def _retry(self, row: Execution, since: datetime) -> datetime | None:
        """When to try again after attempt `row.attempt` ended; None when no attempt is left."""
        schedule = self.schedules.get(row.schedule)
        if schedule is None or row.attempt > schedule.pogingen:
            return None
        return since + timedelta(minutes=schedule.wachttijd)

    def _start(self, row: Execution) -> None:
        if len(self._running) >= self._workers:
            return
        claimed = planning.claim(self.engine, row, self._owner, self.now())
        if claimed is not None:
            log.info("schedule %s: attempt %s of %s starts", row.schedule, claimed.attempt, row.moment_local)
            self._running[claimed.id] = claimed
            self._pool.submit(self._do, claimed, self.schedules[row.schedule])

    def _do(self, execution: Execution, schedule: Schedule) -> None:
        """Do the work in a worker thread and report how it ended, whatever happens."""
        try:
            self._work(schedule)
            done = _Done(execution, Status.GELUKT)
        except KmgbError as error:
            log.warning("schedule %s failed: %s", schedule.naam, error)
            done = _Done(execution, Status.MISLUKT, str(error), error.transient)
        except BaseException as bug:  # a panic of polars is no Exception, and an execution must never stay unended
            log.exception("schedule %s: unexpected error", schedule.naam)
            done = _Done(execution, Status.MISLUKT, _unexpected(bug))
        self._inbox.put(done)

    def _record(self, done: _Done) -> None:
        retry = self._retry(done.execution, self.now()) if done.transient else None
        status = done.status if retry is None else Status.WACHT
        if not planning.finish(self.engine, done.execution, self.now(), status, done.error, next_attempt=retry):
            log.warning("schedule %s ended (%s), but another process took it over", done.execution.schedule, status)


def _unexpected(bug: BaseException) -> str:
    """What a steward reads about a failure nobody foresaw; the log has the rest."""
    match bug:
        case MemoryError():
            what = "het geheugen was vol"
        case SQLAlchemyError():
            what = "de database gaf geen antwoord of weigerde"
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            what = "de schijf was vol"
        case PermissionError():
            what = "een bestand of map mocht niet gelezen of geschreven worden"
        case FileNotFoundError():
            what = "een bestand of map was er niet"
        case OSError():
            what = "een bestand of verbinding was niet te gebruiken"
        case _:
            what = "onverwachte fout"
    return f"{what}; zie het logboek."


@contextmanager
def _signals(service: _Service) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask for the end; only the main thread may listen."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: service.interrupt())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
