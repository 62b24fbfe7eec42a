"""Repeatable draws, and identifying numbers that pass their own check but belong to nobody.

Draws are counters run through multiplicative congruences in 64-bit whole numbers (never more than 62 bits used): the
same on every platform, Python and polars version, which `hash()` and polars' own hashes do not promise.
"""

from __future__ import annotations

import polars as pl

from kmgb.demo.words import GEMEENTE

_PRIME = 2_147_483_647
_SMALL_SET = 8_000  # so many persons fit in the test series 9999xxxxx
_TEST_SERIES_WITH_ZEROS = 97  # 8-digit beginnings 00000980..00000989 give the few numbers with leading zeros


class Dice:
    """Draws of one seed. Each call uses the next stream, so the order of calls is part of the promise."""

    def __init__(self, seed: int) -> None:
        self._seed, self._stream = seed % _PRIME, 0

    def draw(self, count: int, bound: int) -> pl.Series:
        """`count` whole numbers from 0 up to `bound`, as Int64."""
        self._stream += 1
        start = (self._seed * 7919 + self._stream * 1_000_003) % _PRIME
        value = (pl.int_range(0, count, dtype=pl.Int64, eager=True) * 48_271 + start) % _PRIME
        for multiplier in (69_621, 40_692, 1_220_703_125):
            value = ((value ^ (value // 32_768)) % _PRIME * multiplier + self._stream) % _PRIME
        return (value // 64) % bound

    def chance(self, count: int, one_in: int) -> pl.Series:
        """True for about one in `one_in` of `count`."""
        return self.draw(count, one_in) == 0


def pick(words: tuple[str, ...] | list[str], numbers: pl.Series) -> pl.Series:
    """The words at the drawn numbers."""
    return pl.Series(words, dtype=pl.String).gather(numbers)


def bsns(count: int) -> list[str]:
    """`count` valid BSNs that are issued to nobody we could know.

    Small sets use the published test series: 9999xxxxx, and for a lost leading zero 0000098xx. Larger sets need more
    numbers than those hold and count on from 900000000.
    """
    if count > _SMALL_SET:
        return _elfproef(90_000_000, count)
    zeros = [bsn for bsn in _elfproef(980, 10) if bsn < "000009900"]
    return [*zeros, *_elfproef(99_990_000, count)][:count]


def spare_bsns(count: int) -> list[str]:
    """Valid BSNs outside those of `bsns`, for people whom only an application knows."""
    return _elfproef(99_970_000, count)


def rsins(count: int) -> list[str]:
    """Valid RSINs, counted from 998000000 (small sets) or 950000000."""
    return _elfproef(99_800_000 if count <= _SMALL_SET else 95_000_000, count)


def spoiled(number: str) -> str:
    """The same number with another last digit: readable, but it fails the elfproef."""
    return number[:-1] + str((int(number[-1]) + 3) % 10)


def a_nummers(count: int) -> list[str]:
    """`count` different A-nummers that pass the check of the catalogue.

    For eight free digits the last two follow from the two sums: modulo 11 there is one answer per allowed digit sum.
    """
    series: list[pl.Series] = []
    found, start, step = 0, 0, max(1000, count * 2)
    while found < count:
        series.append(_a_nummers_from(start, step))
        found, start = found + len(series[-1]), start + step
    return pl.concat(series).head(count).to_list()


def bag_ids(kind: str, count: int, *, first: int = 1) -> list[str]:
    """BAG identifications of the invented municipality: gemeentecode, object type, ten digits."""
    return [f"{GEMEENTE}{kind}{number:010d}" for number in range(first, first + count)]


def _elfproef(first: int, count: int) -> list[str]:
    """Nine-digit numbers whose weighted sum (9..2, -1) is divisible by 11, the eight-digit beginning counting up."""
    found: list[str] = []
    start = first
    while len(found) < count:
        size = count - len(found) + count // 8 + 16
        frame = pl.DataFrame({"n": pl.int_range(start, start + size, dtype=pl.Int64, eager=True)})
        total = pl.sum_horizontal(*((pl.col("n") // 10**place % 10) * (place + 2) for place in range(8)))
        valid = frame.with_columns(check=total % 11).filter(pl.col("check") < 10)
        text = pl.col("n").cast(pl.String).str.zfill(8) + pl.col("check").cast(pl.String)
        found += valid.select(text).to_series().to_list()
        start += size
    return found[:count]


def _a_nummers_from(start: int, count: int) -> pl.Series:
    # 7919317 shares no factor with 9e7: every beginning of eight digits comes once.
    counter = pl.int_range(start, start + count, dtype=pl.Int64, eager=True)
    frame = pl.DataFrame({"head": (counter * 7_919_317 + 4_242_424) % 90_000_000 + 10_000_000})
    digits = [(pl.col("head") // 10 ** (7 - place) % 10).alias(f"d{place}") for place in range(8)]
    frame = frame.with_columns(digits).filter(
        pl.all_horizontal(*(pl.col(f"d{place}") != pl.col(f"d{place + 1}") for place in range(7)))
    )
    total = pl.sum_horizontal(*(pl.col(f"d{place}") for place in range(8)))
    weighted = pl.sum_horizontal(*(pl.col(f"d{place}") * 2**place for place in range(8)))
    frame = frame.with_columns(pl.lit([0, 5]).alias("rest"), total=total, weighted=weighted).explode("rest")
    # d8 + d9 = rest - total and 3*d8 + 6*d9 = -weighted, modulo 11; the inverse of 3 is 4.
    last = (-pl.col("weighted") - 3 * (pl.col("rest") - pl.col("total"))) * 4 % 11
    frame = frame.with_columns(((last + 11) % 11).alias("d9"))
    frame = frame.with_columns(((pl.col("rest") - pl.col("total") - pl.col("d9")) % 11 + 11).mod(11).alias("d8"))
    good = (pl.col("d8") < 10) & (pl.col("d9") < 10) & (pl.col("d8") != pl.col("d7")) & (pl.col("d8") != pl.col("d9"))
    return (
        frame.filter(good).select((pl.col("head") * 100 + pl.col("d8") * 10 + pl.col("d9")).cast(pl.String)).to_series()
    )
