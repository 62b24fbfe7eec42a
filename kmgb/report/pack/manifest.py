"""What the pack says of itself: what was asked, which files it holds, and the figures of its runs."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
README: Final = "LEESMIJ.md"
AUDIT: Final = "audit/audit.jsonl"
_SUM: Final = re.compile(r"[0-9a-f]{64}")

# What every program that reads JSON still takes for a whole number.
_Number = Annotated[int, Field(ge=0, lt=2**53)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(_Part):
    """What the pack is about. Empty lists are all; days are those of `tijdzone`, both included."""

    van: str
    tot: str
    afnemers: tuple[str, ...]
    rollen: tuple[str, ...]
    waarden: Literal["afgedekt", "open"]
    tijdzone: str


class Cut(_Part):
    """Where the audit log was cut: the lines from `eerste_regel` on (`regels` of them).

    `na` is the sha256 of the line before them (64 zeros when there is none), `laatste` that of the last line up to the
    end of the period: the `na` of the pack of the next period.
    """

    eerste_regel: _Number
    regels: _Number
    na: str
    laatste: str


class File(_Part):
    """One file of the pack. `rijen` is None for what is no table."""

    naam: str
    sha256: str
    bytes: _Number
    rijen: _Number | None = None


class Figure(_Part):
    """The outcome of a run as its report has it; `soorten` is empty and `totaal` None for a run in quarantaine."""

    run: _Number
    afnemer: str
    entity: str
    status: str
    totaal: _Number | None
    soorten: dict[str, _Number]


class PackManifest(_Part):
    """The whole manifest. `gemaakt`, `door` and `reden` are the only parts that another export has otherwise."""

    soort: Literal["kmgb bewijspakket"] = "kmgb bewijspakket"
    versie: Literal[1] = 1
    gemaakt: datetime
    door: str
    reden: str
    kmgb: str
    regels: str
    gevraagd: Asked
    audit: Cut
    bestanden: tuple[File, ...]
    runs: tuple[Figure, ...]

    def to_json(self) -> bytes:
        """The manifest as it stands in the pack."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def read_manifest(content: bytes) -> PackManifest | None:
    """The manifest that `to_json` wrote; None when this is none."""
    try:
        return PackManifest.model_validate_json(content)
    except ValidationError:
        return None


def sums_of(files: tuple[File, ...]) -> bytes:
    """The file that `sha256sum -c` reads; it names every file but the manifest and itself."""
    lines = (f"{file.sha256}  {file.naam}\n" for file in files if file.naam != SUMS)
    return "".join(lines).encode()


def is_sum(text: str) -> bool:
    """True for a sha256 as it is written here."""
    return _SUM.fullmatch(text) is not None


def sha256_of(content: bytes) -> str:
    """The sha256 of these bytes."""
    return hashlib.sha256(content).hexdigest()
