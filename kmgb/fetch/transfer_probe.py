"""`kmgb sources test` for files: who answers, what stands there, and what a few rows look like. Nothing is changed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.catalogue.fields import Entity, Field
from kmgb.catalogue.masking import HIDDEN, masked
from kmgb.errors import SourceError, nearest
from kmgb.fetch.complete import Remote
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.folder import open_folder
from kmgb.fetch.ftps import open_ftps
from kmgb.fetch.pgp import decrypted, is_encrypted, plain_name
from kmgb.fetch.sftp import open_sftp
from kmgb.fetch.transfer import Opener, Terms, download, fetch_from, look, retried
from kmgb.mapping.bronnen.overdracht import FtpsBron, MapBron, Overdracht, SftpBron
from kmgb.mapping.model import Aanlevering, EntiteitMapping
from kmgb.sources.delivered import Limits
from kmgb.sources.lookup import own_columns
from kmgb.sources.read import read, reading

SAMPLE_ROWS = 5
_BEGIN = 2**18
LARGEST_SAMPLE = 2**29
_LINES = ("csv", "vast", "jsonl", "lo3")
_PACKED = (b"PK\x03\x04", b"\x1f\x8b")
_STANDARD = Terms()


@dataclass(frozen=True, slots=True)
class Seen:
    """A file at the source. `why_not`: why it would not be taken now, in Dutch; empty when it would."""

    name: str
    size: int
    changed: datetime
    why_not: str


@dataclass(frozen=True, slots=True)
class TransferProbe:
    """What a test of a source saw. `rows` are masked: nothing in them is a value of a person."""

    place: str
    server: str
    security: str
    files: tuple[Seen, ...]
    sample: str
    columns: tuple[str, ...]
    shown: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...]


def opener_of(bron: MapBron | SftpBron | FtpsBron, secrets: Path | None = None) -> Opener:
    """How a connection to this source is opened."""
    if isinstance(bron, MapBron):
        return partial(open_folder, bron)
    return partial(open_sftp, bron, secrets) if isinstance(bron, SftpBron) else partial(open_ftps, bron, secrets)


def fetch_transfer(
    bron: MapBron | SftpBron | FtpsBron,
    plan: EntiteitMapping,
    into: Path,
    *,
    terms: Terms = _STANDARD,
) -> list[Fetched]:
    """The whole files that are due at a source of any of the three kinds, in `into`. Raises: SourceError."""
    return fetch_from(opener_of(bron, terms.secrets), bron, plan, into, terms)


def probe_transfer(
    bron: MapBron | SftpBron | FtpsBron,
    plan: EntiteitMapping,
    entity: Entity,
    *,
    terms: Terms = _STANDARD,
) -> TransferProbe:
    """Connect, look, and read the begin of the newest whole file. Raises: SourceError; SettingsError."""
    opener = opener_of(bron, terms.secrets)
    view = retried(bron, terms, lambda: look(opener, bron, plan, terms))
    ready = {file.name for file in view.ready}
    files = [view.listing[name] for name in sorted({*ready, *view.waiting})]
    seen = tuple(_seen(file, view.waiting.get(file.name, "")) for file in files)
    empty = TransferProbe(view.place, *view.server, seen, "", (), (), (), ())
    if not view.ready:
        return replace(empty, remarks=("Er is nu geen heel bestand om in te kijken.",))
    newest = view.ready[-1]
    with tempfile.TemporaryDirectory(prefix="kmgb-test-") as scratch:
        try:
            path = _begin(opener, bron, newest, plan, Path(scratch), terms)
            return looked_into(empty, path, newest.name, plan, entity, terms.limits)
        except SourceError as error:
            return replace(empty, sample=newest.name, remarks=(str(error),))


def _seen(file: Remote, why_not: str) -> Seen:
    return Seen(file.name, file.size, datetime.fromtimestamp(file.changed, UTC), why_not)


def _begin(opener: Opener, bron: Overdracht, file: Remote, plan: EntiteitMapping, scratch: Path, terms: Terms) -> Path:
    """Enough of the file to read some rows: whole lines from its begin, or all of it where a begin says nothing."""
    if not is_encrypted(file.name) and begin_says_enough(plan.aanlevering):
        with opener() as site, closing(site.read(file.name, 0)) as chunks:
            path = keep_begin(chunks, scratch / file.name)
        if path is not None:
            return path
    check_sample_size(file.name, file.size)
    with opener() as site:
        part, _ = download(site, file, scratch, terms.progress)
    if is_encrypted(file.name):
        part = decrypted(part, file.name, bron, terms.secrets)
    return part.rename(scratch / plain_name(file.name))


def begin_says_enough(reader: Aanlevering) -> bool:
    """True when some rows can be read from the begin of a file: it has lines, and a line feed is one byte."""
    wide = ("utf-16", "utf-32", "utf16", "utf32")
    return reader.formaat in _LINES and not reader.codering.lower().startswith(wide)


def keep_begin(chunks: Iterable[bytes], path: Path) -> Path | None:
    """The file `path` with whole lines from the begin of what comes; None when that is packed."""
    begin, whole = b"", True
    for chunk in chunks:
        begin += chunk
        if len(begin) >= _BEGIN or begin.startswith(_PACKED):
            whole = False
            break
    if begin.startswith(_PACKED):
        return None
    path.write_bytes(begin if whole else begin[: begin.rfind(b"\n") + 1])
    return path


def check_sample_size(name: str, size: int) -> None:
    """Raises: SourceError when a file is too large to fetch whole just to look into it."""
    if size > LARGEST_SAMPLE:
        hint = "Haal het met 'kmgb pull' op om erin te kijken."
        raise SourceError(f"{name}: {size} bytes is voor een test te groot om over te halen. {hint}")


def looked_into(
    probe: TransferProbe, path: Path, name: str, plan: EntiteitMapping, entity: Entity, limits: Limits
) -> TransferProbe:
    """The probe with the columns and some masked rows of the file `path`. Raises: SourceError."""
    columns = read(path, plan.aanlevering, (), limits, path.parent / "kolommen").columns
    wanted = own_columns(plan)
    shown = [column for column in wanted if column in columns]
    absent = [f"Kolom {c!r} ontbreekt. {nearest(c, columns)}".rstrip() for c in wanted if c not in columns]
    delivered = read(path, plan.aanlevering, shown, limits, path.parent / "rijen")
    with reading(path):
        rows = delivered.frame.drop(ROW, FAULT).select(shown).head(SAMPLE_ROWS).collect().rows()
    fields = [_fields(column, plan, entity) for column in shown]
    hidden = tuple(tuple(_masked(cell, known) for cell, known in zip(row, fields, strict=True)) for row in rows)
    return replace(probe, sample=name, columns=tuple(columns), shown=tuple(shown), rows=hidden, remarks=tuple(absent))


def _fields(column: str, plan: EntiteitMapping, entity: Entity) -> list[Field]:
    return [entity[name] for name, veld in plan.velden.items() if column in veld.columns and name in entity]


def _masked(cell: str | None, fields: list[Field]) -> str:
    """What a test may show: of a person only how a value is written, of a column that feeds no field nothing at all."""
    if not cell:
        return ""
    if not fields or any(field.sensitive for field in fields):
        return masked(cell, fields[0]) if len(fields) == 1 else HIDDEN
    if any(field.personal for field in fields):
        return re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "9", cell))
    return cell
