"""What the register says of the findings of an application: at which hop of the chain the value broke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from kmgb.compare.cells import UNDECIDED
from kmgb.compare.chain import Hop, hops
from kmgb.compare.kinds import FINDING_COLUMNS, Kind
from kmgb.explain.context import Cause
from kmgb.explain.steps import APPLICATION, DISTRIBUTION, REPORT, RESEND

CELL: Final = ["key", "field"]
_ACTS = (APPLICATION, RESEND, REPORT)  # steps that follow from the value; waiting or another mapping does not
_ALONE = (Kind.ONTBREEKT, Kind.OVERTOLLIG)

Moved = Callable[[pl.Series], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class FirstHop:
    """What one register says, for the findings of applications by the same key.

    `fields` were compared, all but the keys of `unjudged`. `moved` gives of keys the cells (columns: key, field; the
    field of a whole row is "") that changed between the peildatums of the two: nothing can be said of those.
    """

    title: str
    day: date
    key: tuple[str, ...]
    fields: frozenset[str]
    findings: pl.DataFrame
    unjudged: pl.Series
    moved: Moved


def with_hop(explained: pl.DataFrame, firsts: Sequence[FirstHop]) -> pl.DataFrame:
    """The findings of an application, with the hop at which the value broke.

    Columns in: EXPLAINED_COLUMNS. Added: hop (see Hop). Where it broke before the distribution or at both hops, the
        evidence says so at its end and the distribution is first to act.
    Nulls: `hop` is null where no register can say anything of the key and field.
    """
    told = explained.with_columns(pl.lit(None, dtype=pl.String).alias("hop"))
    for first in firsts:
        told = _with_hop(told, first)
    return told


def _with_hop(explained: pl.DataFrame, first: FirstHop) -> pl.DataFrame:
    known = pl.col("field").is_in(["", *first.fields]) & ~pl.col("key").is_in(first.unjudged.implode())
    asked = explained.filter(known & pl.col("hop").is_null() & ~pl.col("key").str.starts_with("rij "))
    moved, unread = first.moved(asked["key"]), first.findings.filter(pl.col("rule") == UNDECIDED)
    asked = asked.join(pl.concat([one.select(CELL) for one in (moved, unread)]), on=CELL, how="anti")
    asked = asked.join(moved.filter(pl.col("field") == ""), on="key", how="anti")
    # Of a row that only one of the two has, no cells were compared.
    alone = first.findings.filter(pl.col("kind").is_in(_ALONE))["key"]
    asked = asked.filter((pl.col("field") == "") | ~pl.col("key").is_in(alone.implode()))
    asked = asked.select(FINDING_COLUMNS.keys())
    before = first.findings.join(asked.select(CELL).unique(), on=CELL, how="semi").select(FINDING_COLUMNS.keys())
    broke = hops(before, asked).select(*CELL, pl.col("hop").alias("__hop"), "als_register")
    joined = explained.join(broke, on=CELL, how="left", maintain_order="left")
    hop, mine = pl.col("__hop"), pl.col("hop").is_null()
    upstream = hop.is_in([Hop.REGISTER_DISTRIBUTIE.value, Hop.BEIDE.value])
    copied = (hop == Hop.REGISTER_DISTRIBUTIE.value) & ~pl.col("als_register") & (pl.col("next_step") != REPORT)
    first_to_act = mine & upstream & ~copied & pl.col("next_step").is_in(_ACTS)
    # Who has what the register has did nothing wrong: whatever the distribution's own past seemed to say of it.
    right = mine & (hop == Hop.REGISTER_DISTRIBUTIE.value) & pl.col("als_register").fill_null(value=False)
    evidence = pl.when(right).then(pl.lit("")).otherwise(pl.col("cause_evidence").fill_null(""))
    return joined.with_columns(
        pl.when(mine).then(hop).otherwise("hop").alias("hop"),
        pl.when(right).then(pl.lit(Cause.ONBEKEND.value)).otherwise("cause").alias("cause"),
        pl.when(~right).then("former_until").alias("former_until"),
        pl.when(~right).then("transform").alias("transform"),
        pl.when(first_to_act).then(pl.lit(DISTRIBUTION)).otherwise("next_step").alias("next_step"),
        (evidence + pl.when(mine).then(_sentence(first)).fill_null("")).str.strip_chars_start().alias("cause_evidence"),
    ).select(explained.columns)


def _sentence(first: FirstHop) -> pl.Expr:
    """What the chain adds to the evidence; null where it adds nothing. It never holds a value."""
    register = f"het register ({first.title}, {first.day:%Y-%m-%d})"
    start = " Keten: het brak bij de stap register -> distributie; "
    told = {
        Hop.DISTRIBUTIE_APPLICATIE: " Keten: het brak bij de stap distributie -> applicatie; tussen "
        f"{register} en de distributie is geen verschil gevonden.",
        Hop.BEIDE: " Keten: het brak bij beide stappen, register -> distributie en distributie -> applicatie; "
        f"{register}, de distributie en de applicatie verschillen alle drie. Herstel eerst de distributie.",
    }
    restored = f"{start}de applicatie heeft wat {register} heeft. Herstel alleen de distributie."
    followed = f"{start}{register} heeft iets anders dan de distributie."
    at_first = pl.when(pl.col("als_register")).then(pl.lit(restored)).otherwise(pl.lit(followed))
    other = pl.col("__hop").replace_strict({hop.value: text for hop, text in told.items()}, default=None)
    return pl.when(pl.col("__hop") == Hop.REGISTER_DISTRIBUTIE.value).then(at_first).otherwise(other)
