"""The family of expected failures: what stops a run, with what, where and what to do next.

Discrepancies between two registers are data, never errors. Each error carries the exit code of the command line
(design: 2 wrong use or configuration, 3 source or delivery refused) and says whether trying again may help.
No message holds a value of a person.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a file: `where` is the path inside the file, `what` the sentence, `hint` what to do next."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} {self.hint}".rstrip()


class KmgbError(Exception):
    """An expected failure. `exit_code` is a promise of the command line; `transient` decides on a retry."""

    exit_code = 2
    transient = False


class SettingsError(KmgbError):
    """A setting is missing or unusable."""


class ProblemsError(KmgbError):
    """A file with several faults: all of them are listed, not the first."""

    def __init__(self, source: object, problems: Sequence[Problem]) -> None:
        self.source, self.problems = source, tuple(problems)
        count = len(self.problems)
        head = f"{source}: {count} {'fout' if count == 1 else 'fouten'} gevonden."
        super().__init__("\n".join([head, *(f"  - {problem}" for problem in self.problems)]))


class CatalogueError(KmgbError):
    """A name is not in the catalogue."""


class MappingError(ProblemsError):
    """A mapping file does not say what it must say."""


class CrossCheckError(ProblemsError):
    """A file with kruiscontroles does not say what it must say."""


class PopulationError(KmgbError):
    """A population expression cannot be read. `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        self.position = position
        super().__init__(message)


class ScheduleError(ProblemsError):
    """A schedule file does not say what it must say."""


class SourceError(KmgbError):
    """A dump cannot be fetched or read."""

    exit_code = 3


class LandingError(KmgbError):
    """A delivery is refused: it is kept in quarantine with the reason."""

    exit_code = 3


class NoRoomError(KmgbError):
    """Our own disk is full, which says nothing about a delivery. `DISK_FULL` are the numbers of the system for it."""

    exit_code = 3
    transient = True

    def __init__(self) -> None:
        super().__init__("De schijf van kmgb is vol. Maak ruimte en herhaal de opdracht.")


DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class StoreError(KmgbError):
    """The history cannot be read or written."""

    exit_code = 2


class ReportError(KmgbError):
    """A report cannot be rendered or written."""


class MailError(KmgbError):
    """Mail cannot be made or sent as things stand: a setting, or a message that is not there."""


class MailServerError(MailError):
    """The mail server cannot be reached or does not answer as it should; a message stays where it was."""

    exit_code = 3
    transient = True


def nearest(name: str, known: Sequence[str], *, count: int = 3) -> str:
    """The Dutch hint that offers the nearest known names; empty when nothing comes near."""
    close = get_close_matches(name, list(known), n=count, cutoff=0.55)
    if not close:
        lowered = {candidate.casefold(): candidate for candidate in known}
        close = [lowered[match] for match in get_close_matches(name.casefold(), list(lowered), n=count, cutoff=0.55)]
    return f"Bedoelde u {' of '.join(repr(match) for match in close)}?" if close else ""
