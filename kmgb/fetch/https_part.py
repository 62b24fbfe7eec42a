"""What is there of a file that is being fetched over HTTPS, and the mark that tells what it is a part of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kmgb.fetch.complete import Promise
from kmgb.fetch.https_receive import private
from kmgb.fetch.transfer import PART
from kmgb.mapping.bronnen.https import HttpsBron


@dataclass(frozen=True, slots=True)
class Told:
    """What the headers say of a file. They are kept: with the rest of a file a server need not repeat them.

    `changed`: when the file at the source changed last, in seconds since 1970; 0 when the server does not tell.
    """

    etag: str
    name: str
    encoding: str
    promise: Promise
    peildatum: datetime | None
    remarks: tuple[str, ...]
    changed: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """The hidden file of one source. Without a mark nobody knows whether the rest still fits: none of it counts."""

    path: Path
    mark: Path
    source: str

    def had(self) -> tuple[int, Told | None]:
        """How many bytes count, and of what."""
        if not self.path.exists() or not self.mark.exists():
            return 0, None
        told = self._read()
        size = self.path.stat().st_size
        return (size, told) if size and told is not None else (0, None)

    def begin(self, told: Told) -> None:
        """From here on the part is one of this. Killed at any point between, what is there does not count."""
        self.forget()
        with private(self.path):
            pass
        if told.etag:
            with private(self.mark) as sink:
                sink.write(self._written(told))

    def forget(self) -> None:
        """Nothing is left of it."""
        self.mark.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _written(self, told: Told) -> bytes:
        day = told.peildatum.isoformat() if told.peildatum else ""
        facts = [told.etag, told.name, told.encoding, dict(told.promise.sums), day, told.remarks, told.changed]
        return json.dumps({"bron": self.source, "gezegd": facts}).encode()

    def _read(self) -> Told | None:
        """The mark; None when it was cut off, or was made for a source that was described otherwise."""
        try:
            mark = json.loads(self.mark.read_bytes())
        except ValueError:
            return None
        if mark["bron"] != self.source:
            return None
        etag, name, encoding, sums, day, remarks, changed = mark["gezegd"]
        moment = datetime.fromisoformat(day) if day else None
        return Told(etag, name, encoding, Promise(sums), moment, tuple(remarks), changed)


def part_of(bron: HttpsBron, into: Path) -> Part:
    """The part of this source in the folder."""
    stem = f"{PART}{hashlib.sha256(bron.url.encode()).hexdigest()[:16]}"
    return Part(into / stem, into / f"{stem}-kenmerk", f"{bron.bestand}/{bron.peildatum_header}")
