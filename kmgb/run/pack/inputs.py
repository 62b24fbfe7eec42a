"""What the pack says of what went in: aanleveringen, texts and the audit log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from kmgb.arrival.audit import Cut, facts_in, fingerprint_of
from kmgb.arrival.decisions import Decision, decisions
from kmgb.arrival.manifest import Manifest, home_of, stored_manifests
from kmgb.report.pack.manifest import AUDIT
from kmgb.run.municipality import Municipality
from kmgb.run.pack.runs import framed
from kmgb.store.documents import Document
from kmgb.store.runs import StoredRun

_FOLDERS: Final = {
    "veldtoewijzing": ("veldtoewijzingen", ".toml"),
    "kruiscontroles": ("kruiscontroles", ".toml"),
    "catalogus": ("catalogus", "-catalogus.csv"),
    "codelijsten": ("catalogus", "-codelijsten.csv"),
}
_FACTS: Final = ("moment", "wie", "wat", "over", "waarom", "vorige")


def deliveries_of(
    municipality: Municipality, used: Collection[str], names: Collection[str], begin: datetime, end: datetime
) -> pl.DataFrame:
    """Every aanlevering that a run `used`, or that came in the period from one of `names` (afnemers); by number."""
    found = {manifest.id: manifest for manifest in _arrived(municipality, names, begin, end)}
    for number in used:
        delivery = municipality.history.delivery(number)
        found[number] = Manifest.from_document(delivery.manifest)
    homes = {(one.afnemer, one.entity) for one in found.values()}
    decided = {
        number: decision
        for home in homes
        for number, decision in decisions(home_of(municipality.landing, *home)).items()
        if decision.made < end
    }
    return framed("aanleveringen", [_delivery(found[number], decided.get(number)) for number in sorted(found)])


def texts_in(stored: StoredRun) -> dict[str, str]:
    """The sha256 of every text that a run was made with, and what kind of text it is."""
    versions, texts = stored.facts.get("versions", {}), stored.facts.get("texts", {})
    found = {versions.get(name): "veldtoewijzing" for name in ("veldtoewijzing", "veldtoewijzing_distributie")}
    found |= {sha256: "veldtoewijzing" for name, sha256 in texts.items() if name.startswith("register ")}
    found |= {versions.get("kruiscontroles"): "kruiscontroles"}
    found |= {texts.get(name): name for name in ("catalogus", "codelijsten")}
    return {sha256: kind for sha256, kind in found.items() if sha256}


def write_texts(kept: Mapping[str, Document], named: Mapping[str, str], folder: Path) -> pl.DataFrame:
    """Write the kept texts below `folder`; all that are `named` (sha256 and kind), kept or not, as rows by sha256."""
    rows = []
    for sha256, kind in sorted(named.items()):
        text = kept.get(sha256)
        place, ending = _FOLDERS[kind]
        file = f"{place}/{sha256}{ending}" if text else None
        if text and file:
            (folder / place).mkdir(exist_ok=True)
            (folder / file).write_bytes(text.content)
        rows.append({"sha256": sha256, "kind": kind, "file": file, "size": len(text.content) if text else None})
    return framed("documenten", rows)


def write_audit(cut: Cut, folder: Path) -> pl.DataFrame:
    """Write the lines of the period as they are below `folder`; the same lines as rows."""
    (folder / AUDIT).parent.mkdir(exist_ok=True)
    (folder / AUDIT).write_bytes(b"".join(line + b"\n" for line in cut.lines))
    return audit_rows(cut.lines, cut.first)


def audit_rows(lines: Iterable[bytes], first: int) -> pl.DataFrame:
    """Lines of the audit log as rows; `first` is the number of the first one."""
    return framed("audit", [_line(line, number) for number, line in enumerate(lines, first)])


def _line(line: bytes, number: int) -> dict[str, Any]:
    facts = facts_in(line)
    texts = {name: str(facts[name]) if name in facts else None for name in _FACTS}
    return texts | {"line": number, "sha256": fingerprint_of(line)}


def _arrived(municipality: Municipality, names: Collection[str], begin: datetime, end: datetime) -> Iterator[Manifest]:
    for home in sorted(municipality.landing.glob("*/*")):
        if home.parent.name in names:
            yield from (one for one in stored_manifests(home) if begin <= one.arrived < end)


def _delivery(manifest: Manifest, decision: Decision | None) -> dict[str, Any]:
    names = (
        "id", "afnemer", "entity", "file", "sha256", "data_sha256", "size", "rows", "faulty_rows", "peildatum",
        "peildatum_from", "arrived", "status",
    )  # fmt: skip
    told: dict[str, Any] = {name: getattr(manifest, name) for name in names}
    told |= {"veldtoewijzing": manifest.mapping_version, "kmgb": manifest.kmgb_version}
    told |= {"reasons": "\n".join(manifest.reasons), "remarks": "\n".join(manifest.remarks)}
    if decision is not None:
        told |= {"decision": decision.verdict, "decided": decision.made}
        told |= {"decided_by": decision.who, "decided_why": decision.why}
    return told
