"""How the offering of one message to a server ended. Nothing here repeats what a server said but its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol


class Ending(Enum):
    """What we know afterwards."""

    TAKEN = "verzonden"
    REFUSED = "geweigerd"  # for good
    NOT_NOW = "later"  # certainly not taken, and perhaps later it will be
    UNKNOWN = "onzeker"  # it was on its way when the connection was lost


@dataclass(frozen=True, slots=True)
class Outcome:
    """One end. `reason` in Dutch; `wait` is what the server asks; `closed`: the connection is of no more use."""

    ending: Ending
    reason: str = ""
    wait: timedelta = timedelta()
    closed: bool = False


class Way(Protocol):
    """An open way to a server that takes mail."""

    def send(self, content: bytes, sender: str, recipient: str) -> Outcome:
        """Offer one message. Raises: MailError when no message can be taken as things stand."""
        ...
