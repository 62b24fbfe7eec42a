"""Read the schedule files and list every fault in one at once. `docs/planning.md` explains every key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from apscheduler.triggers.cron import CronTrigger
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kmgb.errors import Problem, ScheduleError, nearest
from kmgb.scheduler.moments import WallClock

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NAMES = {
    **dict(zip(("ma", "di", "wo", "do", "vr", "za", "zo"), _DAYS, strict=True)),
    **dict(zip(("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"), _DAYS, strict=True)),
    **{day: day for day in _DAYS},
}
_DAY_SETS = {"alle": _DAYS, "werkdagen": _DAYS[:5]}
_MONTH_NAMES = {"mrt": "mar", "mei": "may", "okt": "oct"}
_CRON_FIELDS = {"minuut": "minute", "uur": "hour", "dag": "day", "maand": "month", "weekdag": "day_of_week"}
# APScheduler 3.11 reads the beginning of a name and drops the rest: "last5" is to it the last day of the month.
_CRON_PART = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?|last|[a-z]{3}(-[a-z]{3})?")

_NUMBERS_REFUSED = (
    "weekdagen in cijfers worden niet aangenomen: 0 en 1 betekenen niet in elk programma dezelfde dag "
    "(1 is in Unix-cron maandag en in andere planners dinsdag of zondag). Schrijf namen, zoals ma of ma-vr."
)
# pydantic speaks English and the files are written by application owners.
_SENTENCES = {
    "missing": "ontbreekt en is verplicht.",
    "string_type": "moet tekst tussen aanhalingstekens zijn.",
    "int_type": "moet een geheel getal zijn, zonder aanhalingstekens.",
    "bool_type": "moet true of false zijn, zonder aanhalingstekens.",
    "greater_than_equal": "moet ten minste {ge} zijn.",
    "less_than_equal": "mag ten hoogste {le} zijn.",
    "string_too_long": "mag ten hoogste {max_length} tekens lang zijn.",
    "string_pattern_mismatch": "begint met een letter of cijfer en bevat alleen kleine letters, cijfers, - en _.",
}


def _names(value: object) -> tuple[str, ...]:
    """A single name where a list is allowed: owners write `dagen = "ma"` as readily as a list."""
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError("moet een lijst van namen zijn")
    return tuple(dict.fromkeys(names))


def _days(value: object) -> tuple[str, ...]:
    """English names in the order given. Raises: ValueError naming every day that is none."""
    if isinstance(value, str) and value in _DAY_SETS:
        return _DAY_SETS[value]
    if isinstance(value, int) or (isinstance(value, list | tuple) and any(isinstance(day, int) for day in value)):
        raise ValueError(_NUMBERS_REFUSED)
    days, faults = [], []
    for name in _names(value):
        try:
            days.append(_day(name))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError(" ".join(faults))
    return tuple(dict.fromkeys(days))


def _day(name: str) -> str:
    day = _DAY_NAMES.get(name.strip().lower())
    if day is None and any(sign.isdigit() for sign in name):
        raise ValueError(_NUMBERS_REFUSED)
    if day is None:
        raise ValueError(f"{name!r} is geen weekdag. {nearest(name, list(_DAY_NAMES)) or 'Schrijf ma t/m zo.'}")
    return day


def _tijd(value: object) -> str:
    """`06:00`, from text or from a TOML time; seconds are refused because a moment is a whole minute."""
    if isinstance(value, time):
        value = f"{value:%H:%M}" if not (value.second or value.microsecond) else ""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", value.strip()) if isinstance(value, str) else None
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise ValueError('is geen tijdstip; schrijf uren en minuten, zoals "06:00"')
    return f"{int(match[1]):02}:{match[2]}"


def _cron(value: str) -> str:
    """A cron text whose weekdays are English names, one by one; APScheduler knows no other names and no wrap-around."""
    fields = value.lower().split()
    if len(fields) != len(_CRON_FIELDS):
        raise ValueError(f"telt {len(fields)} velden en moet er vijf hebben: {', '.join(_CRON_FIELDS)}")
    fields[3] = re.sub(r"[a-z]+", lambda match: _MONTH_NAMES.get(match[0], match[0]), fields[3])
    fields[4] = fields[4] if fields[4] == "*" else ",".join(_weekdays(fields[4]))
    for (name, keyword), field in zip(_CRON_FIELDS.items(), fields, strict=True):
        try:
            CronTrigger(**{keyword: field}, timezone=UTC)
            readable = all(_CRON_PART.fullmatch(part) for part in field.split(","))
        except ValueError:
            readable = False
        if not readable:
            raise ValueError(f"het veld {name} ({field!r}) is niet te lezen")
    cron = " ".join(fields)
    # 29 February can be eight years away; what does not come in nine never comes.
    trigger, start = CronTrigger.from_crontab(cron, timezone=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    trigger.end_date = start + timedelta(days=9 * 366)
    if trigger.get_next_fire_time(None, start) is None:
        raise ValueError("komt op geen enkele dag uit; die dag bestaat niet in die maand")
    return cron


def _weekdays(text: str) -> Iterator[str]:
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = _DAYS.index(_day(first))
        end = _DAYS.index(_day(last)) if dash else start
        for offset in range((end - start) % 7 + 1):
            yield _DAYS[(start + offset) % 7]


def _zone(value: str) -> str:
    if value not in available_timezones():
        hint = nearest(value, sorted(available_timezones())) or "Schrijf bijvoorbeeld Europe/Amsterdam."
        raise ValueError(f"{value!r} is geen bekende tijdzone. {hint}")
    return value


class Schedule(BaseModel):
    """When which afnemers are checked. The names of the keys are those of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    naam: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)
    titel: str = ""
    dagen: Annotated[tuple[str, ...], BeforeValidator(_days)] = ()
    tijd: Annotated[str, BeforeValidator(_tijd)] = ""
    cron: Annotated[str, AfterValidator(_cron)] = ""
    tijdzone: Annotated[str, AfterValidator(_zone)] = "Europe/Amsterdam"
    afnemers: Annotated[tuple[str, ...], BeforeValidator(_names)]
    entiteiten: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    pogingen: int = Field(default=2, ge=0, le=10)
    wachttijd: int = Field(default=15, ge=1, le=1440)
    actief: bool = True

    @property
    def clock(self) -> WallClock:
        """The moments of this schedule."""
        hour, _, minute = self.tijd.partition(":")
        return WallClock(self.cron or f"{int(minute)} {int(hour)} * * {','.join(self.dagen)}", self.tijdzone)

    def chosen(self, known: Iterable[str]) -> tuple[str, ...]:
        """The afnemers of `known` that this schedule checks, in the order of `known`."""
        return tuple(name for name in known if self.afnemers == ("alle",) or name in self.afnemers)


def load_schedules(folder: Path, known: Collection[str], *, entities: Collection[str] = ()) -> dict[str, Schedule]:
    """Every schedule in `folder`, by name; `known` are the afnemers that have a mapping.

    Raises: ScheduleError listing the faults of all files together. `entities`, when given, are checked likewise.
    """
    schedules: dict[str, Schedule] = {}
    files: dict[str, str] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            schedule = load_schedule(path, known, entities=entities)
        except ScheduleError as error:
            problems += [Problem(f"{path.name} {p.where}".strip(), p.what, p.hint) for p in error.problems]
            continue
        if schedule.naam in files:
            problems.append(Problem(path.name, f"planning {schedule.naam!r} staat al in {files[schedule.naam]}."))
        schedules[schedule.naam] = schedule
        files[schedule.naam] = path.name
    if problems:
        raise ScheduleError(folder, problems)
    return schedules


def check_file(path: Path, known: Collection[str], *, entities: Collection[str] = ()) -> tuple[Problem, ...]:
    """Every fault in the file; empty when it can be used."""
    try:
        load_schedule(path, known, entities=entities)
    except ScheduleError as error:
        return error.problems
    return ()


def load_schedule(path: Path, known: Collection[str], *, entities: Collection[str] = ()) -> Schedule:
    """The schedule in `path`. Raises: ScheduleError listing every fault: TOML, unknown keys, names, moments."""
    try:
        document = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ScheduleError(path, [Problem("", f"het bestand is niet te lezen ({error.strerror}).")]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScheduleError(path, [Problem("", f"geen geldige TOML: {error}.")]) from error
    problems = [*_when_problems(document), *_name_problems(document, known, entities)]
    try:
        schedule = Schedule.model_validate(document)
    except ValidationError as error:
        raise ScheduleError(path, [*_model_problems(error), *problems]) from None
    if problems:
        raise ScheduleError(path, problems)
    return schedule


def next_moments(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """The first `count` moments later than `after`, in the schedule's own time zone."""
    zone = ZoneInfo(schedule.tijdzone)
    return [moment.due.astimezone(zone) for moment in islice(schedule.clock.after(after), count)]


def _model_problems(error: ValidationError) -> Iterator[Problem]:
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            yield Problem(where, "is geen bekende sleutel.", nearest(where, list(Schedule.model_fields)))
        elif fault["type"] in _SENTENCES:
            yield Problem(where, _SENTENCES[fault["type"]].format(**fault.get("ctx", {})))
        else:
            message = fault["msg"].removeprefix("Value error, ")
            yield Problem(where, message if message.endswith(("?", ".")) else f"{message}.")


def _when_problems(document: dict[str, Any]) -> Iterator[Problem]:
    given = [key for key in ("dagen", "tijd") if document.get(key)]
    if document.get("cron") and given:
        yield Problem("cron", f"staat naast {' en '.join(given)}.", "Kies een van beide manieren.")
    elif not document.get("cron") and not given:
        yield Problem("", "er staat niet wanneer de controle loopt.", "Geef dagen en tijd, of cron.")
    elif len(given) == 1:
        missing = "tijd" if given == ["dagen"] else "dagen"
        yield Problem(missing, f"ontbreekt: {given[0]} staat er wel.")


def _name_problems(document: dict[str, Any], known: Collection[str], entities: Collection[str]) -> Iterator[Problem]:
    afnemers = _listed(document.get("afnemers"))
    if afnemers == ():
        yield Problem("afnemers", "is leeg.", 'Noem ten minste één afnemer, of schrijf "alle".')
    for name in afnemers or ():
        if name == "alle" and len(afnemers or ()) > 1:
            yield Problem("afnemers", "'alle' staat naast andere namen.", "Kies een van beide.")
        elif name not in known and name != "alle":
            hint = nearest(name, sorted(known)) or "Registreer eerst de veldtoewijzing van die afnemer."
            yield Problem("afnemers", f"{name!r} is geen bekende afnemer.", hint)
    for name in _listed(document.get("entiteiten")) or ():
        if entities and name not in entities:
            yield Problem("entiteiten", f"{name!r} is geen entiteit van de catalogus.", nearest(name, sorted(entities)))


def _listed(value: object) -> tuple[str, ...] | None:
    """The names under a key; None when the key is absent or holds no list of names, which the model reports."""
    try:
        return _names(value)
    except ValueError:
        return None
