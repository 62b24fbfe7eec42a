"""The history of a period -> one zip with the auditor's evidence, whole or not there at all."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final

import polars as pl

from kmgb.arrival.audit import AUDIT_FILE, Cut, broken_line, cut, record
from kmgb.errors import KmgbError, nearest
from kmgb.report.pack.archive import files_below, put_in_place, taken, unwritable, write_archive
from kmgb.report.pack.forms import Forms, form_names
from kmgb.report.pack.manifest import README, SUMS, Asked, Figure, PackManifest, sha256_of, sums_of
from kmgb.report.pack.manifest import Cut as CutLine
from kmgb.report.pack.readme import readme
from kmgb.report.pack.tables import TABLES
from kmgb.run.facts import RULE_VERSION
from kmgb.run.municipality import Municipality
from kmgb.run.pack.findings import parts_of
from kmgb.run.pack.inputs import deliveries_of, texts_in, write_audit, write_texts
from kmgb.run.pack.runs import figure_of, role_of, tables_of
from kmgb.store.decisions import end_of_day
from kmgb.store.spans import Span

OPENED: Final = "waarden geopend voor bewijs"
EXPORTED: Final = "bewijs uitgevoerd"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: days in the municipality's own time zone, both included; empty `afnemers` and `roles` are all.

    `why` is the reason to open values; without one they are masked.
    """

    begin: date
    end: date
    afnemers: tuple[str, ...]
    roles: tuple[str, ...]
    who: str
    why: str = ""

    @property
    def opened(self) -> bool:
        """True when the values must not be masked."""
        return bool(self.why)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the pack, the sha256 of its manifest, how much is in it, and Dutch warnings."""

    path: Path
    manifest_sha256: str
    runs: int
    findings: int
    warnings: tuple[str, ...]


def export_pack(municipality: Municipality, request: Request, out: Path, *, now: datetime) -> Exported:
    """Write the pack to `out` and its sum in the audit log. Opening values is in the audit log before it is done.

    Raises: KmgbError when there is nothing to export, on an unknown name, or when `out` exists or cannot be written.
    """
    if out.exists():
        raise taken(out)
    zone, audit = municipality.settings.timezone, municipality.settings.data / AUDIT_FILE
    begin, end = _first_moment(request.begin, zone), end_of_day(request.end, zone)
    spans = _spans(municipality, request, begin, end)
    if request.opened:
        record(audit, OPENED, _about(request), who=request.who, why=request.why, now=now)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.bezig-", dir=out.parent) as scratch:
            pack = _Pack(municipality, request, (begin, end), Path(scratch) / "pakket")
            lines = cut(audit, begin, end)
            pack.write(spans, lines)
            manifest = pack.manifest(lines, now).to_json()
            write_archive(pack.folder, manifest, Path(scratch) / out.name)
            # Written down before the pack is there: none goes round of which the log does not know.
            what = f"{out.name}, {_about(request)}, manifest {sha256_of(manifest)}"
            record(audit, EXPORTED, what, who=request.who, why=request.why, now=now)
            put_in_place(Path(scratch) / out.name, out)
    except OSError as error:
        raise unwritable(out) from error
    return Exported(out, sha256_of(manifest), len(pack.figures), pack.rows["bevindingen"], tuple(_warnings(audit)))


def _spans(municipality: Municipality, request: Request, begin: datetime, end: datetime) -> list[Span]:
    """The controles that are asked. Raises: KmgbError."""
    if begin >= end:
        raise KmgbError("--van ligt na --tot: er is geen periode.")
    known = municipality.history.spans.between(begin, end)
    names = sorted({span.afnemer for span in known})
    for name in request.afnemers:
        if name not in names:
            raise KmgbError(f"Van {name!r} is er in deze periode geen run. {nearest(name, names)}".rstrip())
    chosen = [span for span in known if span.afnemer in (request.afnemers or names)]
    if request.roles:
        chosen = [
            span for span in chosen if role_of(municipality, municipality.history.run(span.last)) in request.roles
        ]
    if not chosen:
        raise KmgbError("In deze periode is er geen run die hierbij past. Bekijk de runs met: kmgb history list")
    return chosen


@dataclass
class _Pack:
    """A pack while its files are written in `folder`."""

    municipality: Municipality
    request: Request
    period: tuple[datetime, datetime]
    folder: Path
    figures: list[Figure] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)

    def write(self, spans: Sequence[Span], lines: Cut) -> None:
        """Every file but the manifest. Raises: OSError when there is no room."""
        self.folder.mkdir()
        with ExitStack() as stack:
            forms = {name: stack.enter_context(Forms(self.folder, table)) for name, table in TABLES.items()}
            for name, rows in self._parts(spans, lines):
                forms[name].add(rows)
        self.rows = {name: form.rows for name, form in forms.items()}
        (self.folder / README).write_text(readme(self._asked), encoding="utf-8")
        (self.folder / SUMS).write_bytes(sums_of(files_below(self.folder, {})))

    def manifest(self, lines: Cut, now: datetime) -> PackManifest:
        """The manifest of what was written."""
        rows = {file: self.rows[name] for name, table in TABLES.items() for file in form_names(table).values()}
        return PackManifest(
            gemaakt=now.astimezone(UTC),
            door=self.request.who,
            reden=self.request.why,
            kmgb=version("kmgb"),
            regels=RULE_VERSION,
            gevraagd=self._asked,
            audit=CutLine(eerste_regel=lines.first, regels=len(lines.lines), na=lines.after, laatste=lines.last),
            bestanden=files_below(self.folder, rows),
            runs=tuple(sorted(self.figures, key=lambda figure: figure.run)),
        )

    @property
    def _asked(self) -> Asked:
        return Asked(
            van=self.request.begin.isoformat(),
            tot=self.request.end.isoformat(),
            afnemers=self.request.afnemers,
            rollen=self.request.roles,
            waarden="open" if self.request.opened else "afgedekt",
            tijdzone=self.municipality.settings.timezone,
        )

    def _parts(self, spans: Sequence[Span], lines: Cut) -> Iterator[tuple[str, pl.DataFrame]]:
        """The rows of all tables, part by part."""
        history, opened = self.municipality.history, self.request.opened
        used: set[str] = set()
        texts: dict[str, str] = {}
        for span in spans:
            for number in history.spans.runs(span):
                stored = history.run(number)
                tables = tables_of(self.municipality, stored, opened=opened)
                self.figures.append(figure_of(stored))
                used.update(tables["gebruikt"]["aanlevering_id"])
                texts |= texts_in(stored)
                yield from tables.items()
            yield from parts_of(self.municipality, span, self.period[1], opened=opened)
        yield "aanleveringen", deliveries_of(self.municipality, used, _names(spans), *self.period)
        yield "documenten", write_texts(history.documents(texts), texts, self.folder)
        yield "audit", write_audit(lines, self.folder)


def _names(spans: Sequence[Span]) -> Collection[str]:
    return {span.afnemer for span in spans}


def _first_moment(day: date, zone: str) -> datetime:
    return end_of_day(day - timedelta(days=1), zone) if day > date.min else end_of_day(day, zone)


def _about(request: Request) -> str:
    whom = ", ".join((*request.afnemers, *request.roles)) or "alle afnemers"
    return f"{request.begin} t/m {request.end}, {whom}"


def _warnings(audit: Path) -> Iterator[str]:
    number = broken_line(audit)
    if number is not None:
        yield f"{audit}: het auditlog klopt niet meer vanaf regel {number}. Zoek uit wie het veranderde."
