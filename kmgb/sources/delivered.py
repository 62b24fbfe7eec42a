"""What a reader gives: the needed columns exactly as delivered, a record number and a fault per record.

Also what every reader shares: the limits, the refusal, the choice of columns and the checks on single cells.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.errors import SourceError, nearest

# Tab, line feed and carriage return belong to text; every other control character means a damaged export.
CONTROLS = bytes([*range(9), 11, 12, *range(14, 32), 127])
_CONTROL_PATTERN = r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SIGNATURES = {
    b"PK\x03\x04": "een zip- of xlsx-bestand",
    _OLD_OFFICE: "een Office-bestand",
    b"\x1f\x8b": "een gzip-bestand",
    b"\x28\xb5\x2f\xfd": "een zstd-bestand",
    b"PAR1": "een Parquet-bestand",
    b"%PDF": "een PDF-bestand",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest cell (characters), unpacked archive (bytes) and ratio of unpacked to packed that is accepted.

    Without `fingerprint` a reader may leave out the sha256: hashing a file takes as long as a third of reading it, and
    where nothing is kept nobody asks for it.
    """

    max_cell: int = 32_768
    max_unpacked: int = 20 * 2**30
    max_ratio: int = 200
    fingerprint: bool = True


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file as delivered.

    Columns: `frame` holds the needed columns (String, in delivered order), `__rij` (UInt32, from 1) and `__fout`
        (String, null when the record is whole). `columns` names every delivered column, in file order.
    """

    frame: pl.LazyFrame
    columns: tuple[str, ...]
    sha256: str
    size: int
    remarks: tuple[str, ...]


class RefusedError(SourceError):
    """A file that cannot be read as agreed. `reason` is a short code; the message never holds a value of a cell."""

    def __init__(self, path: Path, reason: str, what: str, hint: str = "") -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path.name}: {what} {hint}".rstrip())


def fingerprint(path: Path) -> tuple[str, int]:
    """The sha256 of the file and its size in bytes. Raises: RefusedError when the file is absent or empty."""
    size = size_of(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), size


def size_of(path: Path) -> int:
    """The size in bytes. Raises: RefusedError when the file cannot be opened or holds nothing."""
    try:
        size = path.stat().st_size if path.is_file() else -1
    except OSError:
        size = -1
    if size < 0:
        raise RefusedError(path, "onvindbaar", "het bestand is er niet of is niet te openen.", f"Gezocht: {path}.")
    if size == 0:
        raise RefusedError(path, "leeg", "het bestand is leeg (0 bytes).", "Vraag een nieuwe aanlevering.")
    return size


def refuse_other_format(path: Path, expected: str) -> None:
    """Raises: RefusedError when the first bytes are those of an archive or office format, not of `expected`."""
    with path.open("rb") as stream:
        head = stream.read(8)
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            hint = "Corrigeer 'formaat' in de veldtoewijzing of lever het bestand anders aan."
            raise RefusedError(path, "formaat", f"dit is {name}, geen {expected}.", hint)


def is_old_office(path: Path) -> bool:
    """True for an OLE container: an old .xls, or an .xlsx behind a password."""
    with path.open("rb") as stream:
        return stream.read(8) == _OLD_OFFICE


def choose(path: Path, delivered: Sequence[str], needed: Collection[str], *, hint: str = "") -> list[int]:
    """The positions of the needed columns, in delivered order.

    Raises: RefusedError naming every missing column with the nearest delivered names, or every needed column whose
        name occurs more than once.
    """
    missing = [name for name in dict.fromkeys(needed) if name not in set(delivered)]
    if missing:
        parts = [f"{name!r} ({nearest(name, delivered) or 'geen gelijkende naam'})" for name in missing]
        what = f"{_count(len(missing), 'kolom ontbreekt', 'kolommen ontbreken')}: {'; '.join(parts)}."
        raise RefusedError(path, "kolom_ontbreekt", what, hint or "Pas de veldtoewijzing of de export aan.")
    counts = Counter(delivered)
    double = [name for name in dict.fromkeys(needed) if counts[name] > 1]
    if double:
        what = f"kolomnaam komt meer dan eens voor: {', '.join(map(repr, double))}."
        raise RefusedError(path, "kolom_dubbel", what, "Welke bedoeld is, is niet te zeggen; pas de export aan.")
    reserved = [name for name in needed if name in (ROW, FAULT)]
    if reserved:
        what = f"kolomnaam {reserved[0]!r} is gereserveerd voor kmgb."
        raise RefusedError(path, "kolom_gereserveerd", what, "Geef de kolom in de export een andere naam.")
    return [position for position, name in enumerate(delivered) if name in set(needed)]


def column_remarks(delivered: Sequence[str], needed: Collection[str]) -> list[str]:
    """Dutch sentences on delivered columns nobody asked for and on names that occur more than once."""
    remarks = []
    extra = [name for name in dict.fromkeys(delivered) if name not in set(needed)]
    if extra:
        shown = ", ".join(map(repr, extra[:10])) + (" ..." if len(extra) > 10 else "")
        remarks.append(f"{_count(len(extra), 'kolom', 'kolommen')} zonder veldtoewijzing: {shown}.")
    double = [name for name, count in Counter(delivered).items() if count > 1]
    if double:
        remarks.append(f"Kolomnaam komt meer dan eens voor: {', '.join(map(repr, double))}.")
    return remarks


def check_cells(columns: Sequence[str], limits: Limits, *, long: bool = True, control: bool = True) -> pl.Expr:
    """The fault of a record as seen in its cells: too long, a NUL, another control character. Null when there is none.

    `long` and `control` are False when the bytes have already shown that no cell can be so.
    """
    faults: list[pl.Expr] = [pl.lit(None, pl.String)]
    for name in columns:
        cell = pl.col(name)
        if long:
            faults.append(_when(cell.str.len_chars() > limits.max_cell, f"langer dan {limits.max_cell} tekens", name))
        if control:
            faults.append(_when(cell.str.contains("\x00", literal=True), "met een NUL-teken", name))
            faults.append(_when(cell.str.contains(_CONTROL_PATTERN), "met een stuurteken", name))
    return pl.coalesce(faults)


def _when(condition: pl.Expr, what: str, name: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(f"waarde {what} in kolom {name!r}"))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
