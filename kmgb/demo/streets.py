"""The streets of the invented municipality: official and short name, postcode, codes, woonplaats, wijk and buurt."""

from __future__ import annotations

import polars as pl

from kmgb.demo.numbers import bag_ids
from kmgb.demo.words import LONG_STREETS, ORDINALS, STREET_HEADS, STREET_TAILS, WOONPLAATSEN

_LETTERS = "ABCDEGHJKLMNPRTVWXZ"  # without S no SA, SD or SS can arise: PostNL issues none of those
_PAIRS = [a + b for a in _LETTERS for b in _LETTERS]
PER_STREET = 12


def street_table(count: int) -> pl.DataFrame:
    """`count` streets, one row each. Postcodes start at 1993 AA, a range that to our knowledge is not issued; only sets
    of some 600.000 addresses run out of it.
    """
    rows = [_street(number) for number in range(count)]
    return pl.DataFrame(rows, schema=[*_COLUMNS], orient="row").with_columns(pl.all().cast(pl.String))


_COLUMNS = (
    "straatnaam", "naam_or", "postcode", "straatcode", "identificatie_or", "identificatie_woonplaats",
    "naam_woonplaats", "woonplaats", "woonplaats_nummer", "wijkcode", "buurtcode",
)  # fmt: skip


def _street(number: int) -> tuple[str, ...]:
    short, official = _names(number)
    code, place = WOONPLAATSEN[number % len(WOONPLAATSEN)]
    postcode = f"{1993 + number // len(_PAIRS)}{_PAIRS[number % len(_PAIRS)]}"
    (identification,) = bag_ids("30", 1, first=number + 1)
    wijk, buurt = f"{number // 9 % 5 + 1:02d}", f"{number % 9 + 1:02d}"
    return (short, official, postcode, str(100 + number * 3), identification, code, place, place, str(number % 3 + 1),
            wijk, buurt)  # fmt: skip


def _names(number: int) -> tuple[str, str]:
    if number % 11 == 5:
        official, short = LONG_STREETS[number // 11 % len(LONG_STREETS)]
        again = number // (11 * len(LONG_STREETS))
        return (short, official) if not again else (f"{short[:20]} {again}"[:24], f"{official} {again}")
    head = STREET_HEADS[number * 7 % len(STREET_HEADS)]
    tail = STREET_TAILS[number // len(STREET_HEADS) % len(STREET_TAILS)]
    round_trip = number // (len(STREET_HEADS) * len(STREET_TAILS))
    name = f"{head.lower() if round_trip else head}{tail}"
    ordinal = ORDINALS[min(round_trip, len(ORDINALS) - 1)]
    name = f"{ordinal}{name.capitalize() if ordinal else name}"
    return (name if len(name) <= 24 else name[:23].rstrip() + ".", name)
