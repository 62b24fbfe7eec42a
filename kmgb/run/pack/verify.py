"""Prove that a pack is whole, from the pack alone: no settings, no database, no key."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kmgb.arrival.audit import fingerprint_of, first_break
from kmgb.report.pack.forms import form_names
from kmgb.report.pack.manifest import AUDIT, PackManifest, is_sum
from kmgb.report.pack.tables import TABLES
from kmgb.run.pack.figures import figure_faults, limited
from kmgb.run.pack.inputs import audit_rows
from kmgb.run.pack.same import read_table, table_faults
from kmgb.run.pack.tied import TABLES_READ, tied_faults
from kmgb.run.pack.unpack import shown, unpack

_NOT_OURS = "de inhoud is niet na te gaan: zo schrijft kmgb haar niet."
_UNREADABLE = (
    pl.exceptions.PolarsError, pl.exceptions.PanicException, ArithmeticError, LookupError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a pack, in Dutch and without values; nothing when it is whole. Then also how much is in it."""

    faults: tuple[str, ...]
    manifest_sha256: str = ""
    files: int = 0
    runs: int = 0
    findings: int = 0


def verify_pack(path: Path, manifest_sha256: str = "") -> Verdict:
    """Judge the pack; `manifest_sha256` is what its manifest's sum must be, when that is known from elsewhere."""
    with tempfile.TemporaryDirectory(prefix="kmgb-bewijs-") as scratch:
        folder = Path(scratch)
        unpacked = unpack(path, folder)
        faults, manifest = list(unpacked.faults), unpacked.manifest
        expected = manifest_sha256.strip().lower()
        if expected and unpacked.manifest_sha256 and unpacked.manifest_sha256 != expected:
            faults.append(f"manifest.json is veranderd: de sha256 is {unpacked.manifest_sha256}, niet {expected}.")
        if manifest is None:
            return Verdict(tuple(faults), unpacked.manifest_sha256)
        told = list(_said(folder, manifest, unpacked.right))
        return Verdict(
            faults=(*faults, *told),
            manifest_sha256=unpacked.manifest_sha256,
            files=len(manifest.bestanden) + 1,
            runs=len(manifest.runs),
            findings=next((f.rijen or 0 for f in manifest.bestanden if f.naam == "parquet/bevindingen.parquet"), 0),
        )


def _said(folder: Path, manifest: PackManifest, right: frozenset[str]) -> Iterator[str]:
    """What is wrong with what the files say, as far as they are what they were."""
    rows = {file.naam: file.rijen for file in manifest.bestanden}
    sound = set()
    for name, table in TABLES.items():
        if right.issuperset(form_names(table).values()):
            faults = list(table_faults(folder, table, rows))
            sound |= set() if faults else {name}
            yield from faults
    if "audit" in sound and AUDIT in right:
        yield from _judged(_audit(folder, manifest))
    if "documenten" in sound:
        yield from _judged(_texts(folder, manifest))
    if sound.issuperset(TABLES_READ):
        tied = list(_judged(limited(tied_faults(folder))))
        yield from tied
        if tied:
            return
    if sound.issuperset({"runs", "bevindingen", "versies", "onbekend", "tellingen"}):
        yield from _judged(figure_faults(folder, manifest))


def _judged(faults: Iterator[str]) -> Iterator[str]:
    """The same; what was made to be unreadable is a fault too, whatever it does to who reads it."""
    try:
        yield from faults
    except _UNREADABLE:
        yield _NOT_OURS


def _audit(folder: Path, manifest: PackManifest) -> Iterator[str]:
    cut, content = manifest.audit, (folder / AUDIT).read_bytes()
    lines = content.splitlines()
    broken = first_break(lines, cut.na)
    if broken is not None:
        yield f"{AUDIT}: regel {broken} sluit niet aan op de regel ervoor."
    if len(lines) != cut.regels or (content and not content.endswith(b"\n")):
        yield f"{AUDIT} telt {len(lines)} regels; het manifest zegt {cut.regels}."
    if (fingerprint_of(lines[-1]) if lines else cut.na) != cut.laatste:
        yield f"{AUDIT}: de laatste regel is niet die van het manifest."
    if not audit_rows(lines, cut.eerste_regel).equals(read_table(folder, TABLES["audit"]).collect()):
        yield f"audit: de tabel zegt iets anders dan {AUDIT}."


def _texts(folder: Path, manifest: PackManifest) -> Iterator[str]:
    """Every text that the runs name is listed, and what is listed as kept is the text of that sum."""
    sums = {file.naam: file.sha256 for file in manifest.bestanden}
    listed = read_table(folder, TABLES["documenten"]).collect()
    for sha256, file in listed.filter(pl.col("file").is_not_null()).select("sha256", "file").iter_rows():
        if sums.get(file) != sha256:
            said = sha256[:12] if is_sum(sha256 or "") else "zonder som"
            yield f"documenten: de tekst {said} is niet wat er in het pakket staat."
    texts = {name for name in sums if name.partition("/")[0] in ("veldtoewijzingen", "kruiscontroles", "catalogus")}
    for name in sorted(texts - set(listed["file"])):
        yield f"documenten: {shown(name)} staat niet in de lijst."
