"""Reports of undeliverable mail, read from files and noted with our messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kmgb.errors import MailError
from kmgb.notify.bounce import LARGEST, read_bounce
from kmgb.run.mail_post import outbox_of
from kmgb.run.municipality import Municipality


@dataclass(frozen=True, slots=True)
class Returned:
    """What was read: the numbers of our messages that came back, and how many files were something else.

    `known` are reports about messages that are not ours or were marked before; `others` are no reports of a failure.
    """

    marked: tuple[int, ...]
    known: int
    others: int


def note_bounces(municipality: Municipality, path: Path, now: datetime) -> Returned:
    """Mark what came back, by the reports in a file or folder. Raises: MailError when there is nothing to read."""
    outbox = outbox_of(municipality)
    marked: list[int] = []
    known = others = 0
    for content in _contents(path):
        bounce = read_bounce(content)
        if bounce is None:
            others += 1
            continue
        status = f" (status {bounce.status})" if bounce.status else ""
        one = outbox.bounced(bounce.message_id, now, f"onbestelbaar{status}: controleer het adres van de ontvanger")
        if one is None:
            known += 1
        else:
            marked.append(one.id)
    return Returned(tuple(marked), known, others)


def _contents(path: Path) -> Iterator[bytes]:
    try:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.name.startswith("."):
                continue
            with file.open("rb") as stream:
                yield stream.read(LARGEST)
    except OSError:
        raise MailError(f"{path}: niet te lezen. Geef een bestand of map met teruggekomen mails (.eml).") from None
