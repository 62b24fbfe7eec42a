"""What one delivery was, as its manifest says, and where the deliveries of an entity of an afnemer stand."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from kmgb.arrival.decisions import Decision, decisions
from kmgb.errors import LandingError
from kmgb.mapping.values import FOLDER_HINT, is_folder_name
from kmgb.sources.entity import LookedUp

Status = Literal["geaccepteerd", "quarantaine"]
MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one delivery was. `id` follows from content, afnemer, entity, peildatum and how it was read.

    `columns` are all delivered columns, `kept` those in the Parquet, `filled` those of `kept` with any value.
    `data_sha256` is that of the Parquet; empty when there is none, or when it came before this was kept.
    `reasons` say in Dutch why it is in quarantaine. Times are aware and in UTC.
    """

    id: str
    afnemer: str
    entity: str
    file: str
    sha256: str
    size: int
    rows: int
    faulty_rows: int
    columns: tuple[str, ...]
    kept: tuple[str, ...]
    filled: tuple[str, ...]
    peildatum: datetime
    peildatum_from: str
    arrived: datetime
    reader: dict[str, Any]
    lookups: tuple[LookedUp, ...]
    mapping_version: str
    kmgb_version: str
    status: Status
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]
    data_sha256: str = ""

    def to_json(self) -> str:
        """The manifest as JSON text."""
        return json.dumps(asdict(self), default=datetime.isoformat, ensure_ascii=False, indent=2)

    def to_document(self) -> dict[str, Any]:
        """The manifest as JSON values."""
        document: dict[str, Any] = json.loads(self.to_json())
        return document

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The manifest that `to_json` wrote."""
        return cls.from_document(json.loads(text))

    @classmethod
    def from_document(cls, values: dict[str, Any]) -> Manifest:
        """The manifest of which `to_document` gave the values."""
        document = dict(values)
        for name in ("columns", "kept", "filled", "reasons", "remarks"):
            document[name] = tuple(document[name])
        for name in ("peildatum", "arrived"):
            document[name] = datetime.fromisoformat(document[name])
        document["lookups"] = tuple(LookedUp(**lookup) for lookup in document["lookups"])
        return cls(**document)


def home_of(folder: Path, afnemer: str, entity: str) -> Path:
    """The folder with the deliveries of one entity of one afnemer. Raises: LandingError on a name that is none."""
    for name in (afnemer, entity):
        if not is_folder_name(name):
            raise LandingError(f"{name!r} kan geen naam van een map zijn. {FOLDER_HINT}")
    return folder / afnemer / entity


def stored_manifests(home: Path) -> list[Manifest]:
    """Every manifest below `home` as it was written, newest peildatum first, then newest arrival."""
    paths = home.glob(f"*/{MANIFEST_FILE}")
    found = [Manifest.from_json(path.read_text(encoding="utf-8")) for path in paths if path.parent.name[0] != "."]
    return sorted(found, key=lambda m: (m.peildatum, m.arrived, m.id), reverse=True)


def standing(manifest: Manifest, decision: Decision | None) -> Manifest:
    """The manifest with what was decided later: a released delivery counts as accepted, a rejected one never does."""
    if decision is None:
        return manifest
    if decision.verdict == "vrijgegeven" and manifest.status == "quarantaine":
        remark = f"Vrijgegeven uit quarantaine door {decision.who} op {decision.made:%d-%m-%Y}."
        return replace(manifest, status="geaccepteerd", remarks=(*manifest.remarks, remark))
    if decision.verdict == "afgekeurd":
        remark = f"Afgekeurd door {decision.who} op {decision.made:%d-%m-%Y}."
        return replace(manifest, status="quarantaine", reasons=(*manifest.reasons, remark))
    return manifest


def manifests(folder: Path, afnemer: str, entity: str) -> list[Manifest]:
    """Every manifest of one entity of one afnemer with what was decided about it, newest peildatum first."""
    home = home_of(folder, afnemer, entity)
    decided = decisions(home)
    return [standing(manifest, decided.get(manifest.id)) for manifest in stored_manifests(home)]


def last_accepted(folder: Path, afnemer: str, entity: str) -> Manifest | None:
    """The accepted (or released) delivery with the newest peildatum."""
    return next((m for m in manifests(folder, afnemer, entity) if m.status == "geaccepteerd"), None)
