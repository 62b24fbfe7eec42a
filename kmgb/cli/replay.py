"""`kmgb check --replay`: runs done again from what was kept, each beside the history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kmgb.cli.output import advance, fail, progress, say
from kmgb.errors import KmgbError
from kmgb.run.municipality import Municipality
from kmgb.run.replay import Replayed, replay

EQUAL, UNEQUAL = 0, 3
_NOT_AGAIN = "Oorzaken, ernst en volgende stappen zijn niet opnieuw bepaald: zij rusten ook op het mutatielog van toen."


def replay_runs(municipality: Municipality, numbers: Sequence[str], entities: Sequence[str]) -> int:
    """Say of every run whether it gives the same figure again; the exit code. Raises: KmgbError on a wrong number."""
    wrong = [number for number in numbers if not number.isdecimal() or len(number) > 9]
    if wrong or not numbers or entities:
        what = f"{wrong[0]!r} is geen nummer van een run." if wrong else "Noem nummers van runs, en geen entiteit."
        raise KmgbError(f"{what} Bijvoorbeeld: kmgb check --replay 12. De nummers toont: kmgb history list")
    runs = [municipality.history.run(int(number)).id for number in numbers]
    results = []
    with progress("Opnieuw", len(runs)) as bar:
        for number in runs:
            results.append(replay(municipality, number))
            advance(bar, f"run {number}")
    for result in results:
        for line in _lines(result):
            (say if result.equal else fail)(line)
    if any(not result.quarantined and not result.reasons for result in results):
        say(_NOT_AGAIN)
    return EQUAL if all(result.equal for result in results) else UNEQUAL


def _lines(result: Replayed) -> Iterator[str]:
    """How one replay ended, without values."""
    name = f"Run {result.run_id}"
    if result.reasons:
        yield from (f"{name}: niet te bewijzen; {reason}" for reason in result.reasons)
    elif result.quarantined:
        yield f"{name}: in quarantaine; er is niets vergeleken en niets veranderd, zoals de geschiedenis zegt."
    else:
        count = f"{result.found} {'bevinding' if result.found == 1 else 'bevindingen'}"
        yield f"{name}: {count}, {'gelijk' if result.equal else 'NIET gelijk'} aan de geschiedenis"
    for one in result.differences:
        yield f"  {one.kind}: {one.history} alleen in de geschiedenis, {one.replay} alleen nu"
    if result.counts:
        yield f"  Andere tellingen: {', '.join(result.counts)}."
    if result.other:
        yield f"  Nu is er iets anders dan bij deze run: {', '.join(result.other)}."
    if result.unproven:
        yield (
            f"  Van {', '.join(result.unproven)} is geen sha256 van data.parquet bewaard: dat dit bestand niet "
            "veranderd is, blijkt alleen uit de gelijke uitkomst."
        )
