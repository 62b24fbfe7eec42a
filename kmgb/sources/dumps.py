"""Which file is the newest dump, and of which moment it speaks."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from kmgb.errors import SourceError

_ORDERS = ("%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d", "%d%m%Y", "%d%m%Y%H%M", "%d%m%Y%H%M%S", "%Y%m", "%y%m%d")
_YEARS = range(1990, 2100)


def find_dump(folder: Path, pattern: str, peildatum_from_name: str) -> Path:
    """The newest file that matches the glob `pattern` below `folder` (an absolute pattern stands by itself).

    Newest by the date that `peildatum_from_name` takes from the name, else by modification time; files whose name
    has the date go before those without. Raises: SourceError saying where was looked.
    """
    root, relative = _place(folder, pattern)
    found = _files(root, relative)
    if not found:
        where = root / relative
        hint = "Controleer 'bestand' in de veldtoewijzing en de instelling dumps."
        raise SourceError(f"Geen dump gevonden: niets past bij {where}. {hint}")
    return max(found, key=lambda path: _age(path, peildatum_from_name))


def earlier_dumps(folder: Path, pattern: str, peildatum_from_name: str) -> list[tuple[datetime, Path]]:
    """The dumps that `find_dump` passes over because a newer one is there, oldest first, with the moment in their name.

    A file without a moment in its name is not among them: nobody can tell where it belongs.
    """
    named = [(moment_in_name(path.name, peildatum_from_name), path) for path in _files(*_place(folder, pattern))]
    dated = sorted((moment, path) for moment, path in named if moment is not None)
    return dated[:-1]


def moment_in_name(name: str, pattern: str) -> datetime | None:
    """The date, with the time where there is one, that the regular expression `pattern` takes from a file name.

    The groups `jaar`, `maand` and `dag` count when the pattern has them; else the digits of its first group (or of the
    whole match), read as year-month-day or day-month-year, whichever is a date from 1990 on.
    """
    found = re.search(pattern, name) if pattern else None
    if found is None:
        return None
    groups = found.groupdict()
    if {"jaar", "maand", "dag"} <= groups.keys():
        return _parse("".join(groups[part] or "" for part in ("jaar", "maand", "dag")))
    return _parse(re.sub(r"\D", "", (found.group(1) if found.re.groups else found.group()) or ""))


def as_utc(moment: date | datetime, zone: str) -> datetime:
    """The moment as an aware UTC datetime; without a zone it is local time in `zone`, a date is its first moment.

    Raises: SourceError for a moment that has no UTC.
    """
    full = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    try:
        return (full if full.tzinfo else full.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except OverflowError:
        raise SourceError(
            f"{full:%Y-%m-%d} kan geen peildatum zijn. Geef het moment waarvan de gegevens zijn."
        ) from None


def _place(folder: Path, pattern: str) -> tuple[Path, str]:
    place = Path(pattern)
    return (Path(place.anchor), str(place.relative_to(place.anchor))) if place.is_absolute() else (folder, pattern)


def _files(root: Path, relative: str) -> list[Path]:
    return [path for path in root.glob(relative) if path.is_file()] if relative not in ("", ".") else []


def _age(path: Path, pattern: str) -> tuple[bool, datetime, float, str]:
    moment = moment_in_name(path.name, pattern)
    return moment is not None, moment or datetime.min, path.stat().st_mtime, path.name  # noqa: DTZ901 (only an order)


def _parse(digits: str) -> datetime | None:
    for order in _ORDERS:
        length = len(datetime(2000, 1, 1).strftime(order))  # noqa: DTZ001 (only its length counts)
        if len(digits) != length:
            continue
        try:
            moment = datetime.strptime(digits, order)  # noqa: DTZ007 (the caller adds the zone)
        except ValueError:
            continue
        if moment.year in _YEARS:
            return moment
    return None
