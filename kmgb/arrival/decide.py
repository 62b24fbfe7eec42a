"""Deciding about deliveries: found by number, released from quarantine or rejected, and written in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from kmgb.arrival.audit import record
from kmgb.arrival.decisions import Decision, Verdict, add_decision, decisions
from kmgb.arrival.manifest import Manifest, home_of, standing, stored_manifests
from kmgb.errors import KmgbError, nearest

_SHORTEST = 4  # characters of a number that is written shorter


def find_delivery(folder: Path, number: str) -> Manifest:
    """The delivery whose id is `number` or begins with it, as it was written. Raises: KmgbError."""
    known = {manifest.id: manifest for manifest in _every(folder)}
    if number in known:
        return known[number]
    begun = [identity for identity in known if len(number) >= _SHORTEST and identity.startswith(number)]
    if len(begun) == 1:
        return known[begun[0]]
    hint = f"Bedoeld kan zijn: {', '.join(sorted(begun))}." if begun else nearest(number, list(known))
    raise KmgbError(f"{number!r} is geen nummer van een aanlevering. {hint} Zie: kmgb aanleveringen list".strip())


def decide(
    folder: Path, audit: Path, numbers: Sequence[str], verdict: Verdict, *, who: str, why: str, now: datetime
) -> list[Manifest]:
    """The deliveries as they stand after this decision about them.

    The act is in the audit log before it takes effect. Raises: KmgbError when one of them has nothing to
    compare, or stands so already; none is decided on then.
    """
    if not who.strip() or not why.strip():
        raise KmgbError("Een besluit vraagt wie het neemt (--door) en waarom (--reden).")
    chosen = [find_delivery(folder, number) for number in numbers]
    for manifest in chosen:
        _refuse_senseless(folder, manifest, verdict)
    return [_decided(folder, audit, manifest, verdict, who, why, now) for manifest in chosen]


def _refuse_senseless(folder: Path, manifest: Manifest, verdict: Verdict) -> None:
    home = home_of(folder, manifest.afnemer, manifest.entity)
    known = decisions(home).get(manifest.id)
    name = f"Aanlevering {manifest.id} ({manifest.afnemer}, {manifest.entity}, {manifest.file})"
    if manifest.status != "quarantaine" and known is None and verdict == "vrijgegeven":
        raise KmgbError(f"{name} staat niet in quarantaine: zij wordt al vergeleken.")
    if known is not None and known.verdict == verdict:
        raise KmgbError(f"{name} is al {verdict} door {known.who} op {known.made:%d-%m-%Y}.")
    if verdict == "vrijgegeven" and not (home / manifest.id / "data.parquet").exists():
        raise KmgbError(f"{name} was niet te lezen en heeft geen gegevens om te vergelijken. Vraag een nieuwe.")


def _decided(
    folder: Path, audit: Path, manifest: Manifest, verdict: Verdict, who: str, why: str, now: datetime
) -> Manifest:
    record(
        audit,
        f"aanlevering {verdict}",
        f"{manifest.afnemer}/{manifest.entity}/{manifest.id}",
        who=who,
        why=why,
        now=now,
    )
    decision = Decision(manifest.id, verdict, who, why, now)
    add_decision(home_of(folder, manifest.afnemer, manifest.entity), decision)
    return standing(manifest, decision)


def _every(folder: Path) -> list[Manifest]:
    homes = (path for path in folder.glob("*/*") if path.is_dir())
    return [manifest for home in homes for manifest in stored_manifests(home)]
