"""What is the matter with the mail, in sentences for the overview. They name no recipient: any reader may see them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine

from kmgb.report.figures import plural
from kmgb.store.outbox import PROBLEMS, Outbox, Status

_LONG = timedelta(days=1)
_SENTENCES = {
    Status.ONZEKER: (
        "is misschien verzonden: het proces stopte of de mailserver zweeg",
        "zijn misschien verzonden: het proces stopte of de mailserver zweeg",
    ),
    Status.MISLUKT: ("is niet verzonden", "zijn niet verzonden"),
    Status.GEWEIGERD: ("is door de mailserver geweigerd", "zijn door de mailserver geweigerd"),
    Status.TERUGGEKOMEN: ("is teruggekomen als onbestelbaar", "zijn teruggekomen als onbestelbaar"),
}


def open_problems(engine: Engine, now: datetime) -> tuple[str, ...]:
    """What a person must look at, one sentence per sort; empty when all mail went well."""
    outbox = Outbox(engine)
    counts = outbox.problems(now)
    said = [
        f"{plural(counts[status], *_words(status))}. Bekijk ze met: kmgb mail list --alleen-problemen"
        for status in PROBLEMS
        if counts[status]
    ]
    waiting = outbox.waiting_since(now - _LONG)
    if waiting:
        words = plural(waiting, "mail wacht al meer dan een dag", "mails wachten al meer dan een dag")
        said.append(f"{words} op verzending. Bekijk waarom met: kmgb mail list")
    return tuple(said)


def _words(status: Status) -> tuple[str, str]:
    one, more = _SENTENCES[status]
    return f"mail {one}", f"mails {more}"
