"""What a supplier pushed -> an aanlevering: as promised, landed one after the other, written in the audit log."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from filelock import FileLock, Timeout

from kmgb.arrival.audit import AUDIT_FILE, record
from kmgb.arrival.decisions import Decision, decisions
from kmgb.arrival.manifest import home_of, stored_manifests
from kmgb.errors import DISK_FULL, NoRoomError, SourceError
from kmgb.fetch.complete import Promise, check_content, check_meaning, is_candidate
from kmgb.landing import Landed, Manifest, open_landed
from kmgb.mapping.model import Mapping as Veldtoewijzing
from kmgb.run.distributie import land_dump
from kmgb.run.municipality import Municipality
from kmgb.run.reception import Reception, sweep
from kmgb.sources.delivered import fingerprint
from kmgb.sources.dumps import as_utc

REFUSED_FOLDER = "geweigerd"
_PATIENCE = 600.0  # seconds that one landing waits for another
_AHEAD = timedelta(days=1)  # a clock that is a little fast is no reason to refuse
_SUFFIXES: Mapping[str, str] = MappingProxyType({"vast": "txt", "lo3": "txt"})


class NotAsPromisedError(SourceError):
    """The length, a checksum, the rows or the peildatum are not what the supplier said."""


class BusyError(SourceError):
    """Another delivery of this entity is being landed, for longer than we wait."""

    transient = True


@dataclass(frozen=True, slots=True)
class Declared:
    """What the supplier said about one file, as it stood in his request. What he did not say is empty."""

    length: int | None = None
    sums: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    peildatum: datetime | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one delivery, in words for its supplier: no name of a colleague is in it.

    `new`: it was not there before. `readable`: there are rows; what could not be read is kept as it came.
    """

    manifest: Manifest
    accepted: bool
    reasons: tuple[str, ...]
    decision: Decision | None
    new: bool
    readable: bool


def received(municipality: Municipality) -> Path:
    """The folder in which pushed files come in."""
    return municipality.settings.data / "ontvangen"


def sweep_all(municipality: Municipality) -> int:
    """Take away what killed servers left halfway; the number of leftovers."""
    return sum(sweep(home) for home in received(municipality).glob("*/*"))


def open_reception(municipality: Municipality, mapping: Veldtoewijzing, entity: str, declared: Declared) -> Reception:
    """A place for the file that is coming. Raises: TooLargeError, NoRoomError."""
    door = mapping.afnemer.aanleveren
    assert door is not None, "only who may push gets this far"
    home = home_of(received(municipality), mapping.naam, entity)
    formaat = mapping.entiteit[entity].aanlevering.formaat
    name = safe_name(declared.name, f"{mapping.naam}_{entity}.{_SUFFIXES.get(formaat, formaat)}")
    return Reception(home, name, door.grootste, declared.length)


def safe_name(name: str, otherwise: str) -> str:
    """The name without a path and without what is no letter, figure, point or dash; else the other one."""
    last = name.replace("\\", "/").rpartition("/")[2].strip()
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in last)[-100:].lstrip(".")
    return plain if is_candidate(plain) else otherwise


def take_in(
    municipality: Municipality,
    mapping: Veldtoewijzing,
    entity: str,
    reception: Reception,
    declared: Declared,
    *,
    who: str,
    now: datetime,
    patience: float = _PATIENCE,
) -> Receipt:
    """The delivery that this whole file is, landed. The received file is gone afterwards, unless nobody could read it.

    Raises: NotAsPromisedError (nothing is kept), NoRoomError, BusyError; LandingError when the act cannot be recorded.
    """
    try:
        path = reception.finish()
        promise = _checked(municipality, mapping, entity, reception, declared, now)
        with _alone(reception.folder.parent, patience):
            receipt = _landed(municipality, mapping, entity, path, promise, now)
        why = "geaccepteerd" if receipt.accepted else "quarantaine"
        note(municipality, "aanlevering ontvangen", _subject(receipt.manifest), who=who, why=why, now=now)
        return receipt
    except OSError as error:
        raise (NoRoomError() if error.errno in DISK_FULL else error) from None
    finally:
        reception.drop()


def find_receipt(municipality: Municipality, mapping: Veldtoewijzing, entity: str, number: str) -> Receipt | None:
    """How the delivery with this number stands now; None when this entity has none of that number."""
    home = home_of(municipality.landing, mapping.naam, entity)
    for manifest in stored_manifests(home):
        if manifest.id == number:
            return _receipt(open_landed(municipality.landing, manifest), new=False)
    return None


def note(municipality: Municipality, act: str, subject: str, *, who: str, why: str, now: datetime) -> None:
    """One line in the audit log. Raises: LandingError."""
    record(municipality.settings.data / AUDIT_FILE, act, subject, who=who, why=why, now=now)


def _checked(
    municipality: Municipality,
    mapping: Veldtoewijzing,
    entity: str,
    reception: Reception,
    declared: Declared,
    now: datetime,
) -> Promise:
    """The promises, all of them kept. Raises: NotAsPromisedError."""
    again = "Er is niets bewaard; verstuur de aanlevering opnieuw."
    if declared.length not in (None, reception.size):
        what = f"er zijn {declared.length} bytes aangekondigd en {reception.size} ontvangen."
        raise NotAsPromisedError(f"{reception.path.name}: {what} {again}")
    zone, plan = municipality.settings.timezone, mapping.entiteit[entity]
    try:
        moment = None if declared.peildatum is None else as_utc(declared.peildatum, zone)
    except SourceError as error:
        raise NotAsPromisedError(f"{reception.path.name}: {error} {again}") from None
    if moment is not None and moment > now + _AHEAD:
        raise NotAsPromisedError(f"{reception.path.name}: de peildatum ligt in de toekomst. {again}")
    promise = Promise(declared.sums, declared.rows, moment, "het verzoek", again)
    try:
        check_content(reception.path, reception.path.name, promise)
        with tempfile.TemporaryDirectory(prefix="lees-", dir=reception.folder) as scratch:
            check_meaning(reception.path, reception.path.name, promise, plan, municipality.limits, Path(scratch), zone)
    except SourceError as error:
        raise NotAsPromisedError(str(error)) from None
    return promise


@contextmanager
def _alone(home: Path, patience: float) -> Iterator[None]:
    """One landing at a time per entity of an afnemer, whatever the number of servers. Raises: BusyError."""
    try:
        with FileLock(home / ".slot", timeout=patience):
            yield
    except Timeout:
        what = "Een andere aanlevering van deze entiteit wordt nog verwerkt."
        raise BusyError(f"{what} Er is niets bewaard; verstuur de aanlevering later opnieuw.") from None


def _landed(
    municipality: Municipality, mapping: Veldtoewijzing, entity: str, path: Path, promise: Promise, now: datetime
) -> Receipt:
    home = home_of(municipality.landing, mapping.naam, entity)
    known = {manifest.id for manifest in stored_manifests(home)}
    _dated(path, home, now)
    landed = land_dump(municipality, mapping, entity, now, path, peildatum=promise.peildatum)
    receipt = _receipt(landed, new=landed.manifest.id not in known)
    if not receipt.readable:
        refused = home_of(received(municipality), mapping.naam, entity) / REFUSED_FOLDER
        refused.mkdir(exist_ok=True, mode=0o700)
        path.replace(refused / f"{landed.manifest.id}-{path.name}")
    return receipt


def _dated(path: Path, home: Path, now: datetime) -> None:
    """Give the file the moment of receipt: where nothing else tells the peildatum, that is it.

    The same content again keeps the moment of the first time, so that it is the same delivery and not a newer one.
    """
    sha256 = fingerprint(path)[0] if path.stat().st_size else ""
    same = (m for m in stored_manifests(home) if m.sha256 == sha256 and m.peildatum_from == "bestandsdatum")
    first = next(same, None)
    seconds = (first.peildatum if first else now.replace(microsecond=0)).timestamp()
    os.utime(path, (seconds, seconds))


def _receipt(landed: Landed, *, new: bool) -> Receipt:
    written = landed.written
    decision = decisions(landed.folder.parent).get(written.id)
    accepted = written.status == "geaccepteerd" if decision is None else decision.verdict == "vrijgegeven"
    rejected = ("De gemeente heeft deze aanlevering afgekeurd.",) if decision and not accepted else ()
    reasons = () if accepted else (*written.reasons, *rejected)
    readable = landed.has_data
    return Receipt(written, accepted, reasons, decision, new, readable)


def _subject(manifest: Manifest) -> str:
    return f"{manifest.afnemer}/{manifest.entity}/{manifest.id}"
