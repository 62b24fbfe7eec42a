"""Findings + what is known around them -> each with its cause, the evidence in a sentence, and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from kmgb.catalogue.masking import OWN_DAY
from kmgb.compare.kinds import INVALID, INVALID_SOURCE, Kind
from kmgb.explain.columns import proposals, wrong_columns
from kmgb.explain.context import EXPLAINED_COLUMNS, Cause, Context
from kmgb.explain.formats import formats
from kmgb.explain.history import LATER, seen_values, stale
from kmgb.explain.outside import left_population
from kmgb.explain.sent import indications_fit, sent_or_not
from kmgb.explain.steps import next_step
from kmgb.explain.tables import table_changes
from kmgb.explain.unknown import unknown

_MANY: Final = 20
_MANY_SHARE: Final = 0.05  # more of a column than this is not the work of hands
_LOWER: Final = {"kritiek": "hoog", "hoog": "normaal", "normaal": "laag"}
_CLAIM: Final = ("nr", "cause", "cause_evidence", "transform")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one comparison says of its findings by itself, without its rows; what the other applications have is told
    last, when all of them have been compared.

    `missed` columns: nr, key, field, kind, afnemer_value, after, until, day, under_way. `before` and `behind` are
    claims that go before and behind a missed change. `context` no longer gives values.
    """

    work: pl.DataFrame
    missed: pl.DataFrame
    doubted: pl.DataFrame
    before: pl.DataFrame
    behind: pl.DataFrame
    context: Context
    indications_fit: bool

    @property
    def pending(self) -> pl.DataFrame:
        """The cells and rows of which it matters what the other applications have. Columns: key, field."""
        return self.missed.filter(~pl.col("under_way")).select("key", "field").unique(maintain_order=True)


def explain(findings: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The findings, in their order, with their causes.

    Columns in: FINDING_COLUMNS. Out: EXPLAINED_COLUMNS; the severity of what the source itself doubts is one lower,
        whatever the cause.
    Nulls: `former_until` is null where the application holds no earlier value; `transform` where it is no formaat.
    The first cause that is proven holds, in the order of docs/oorzaken.md; without proof it is `onbekend`, and the
    sentence says what is missing.
    """
    return conclude(gather(findings, context), context.others)


def gather(findings: pl.DataFrame, context: Context) -> Evidence:
    """All that can be said of the findings without the other applications; the last use of the compared rows."""
    every = findings.with_row_index("nr")
    # What the source itself has wrong is nobody's missed change or slip of the pen, also where the old value is still
    # there.
    invalid = pl.col("rule").fill_null("").str.starts_with(INVALID_SOURCE)
    work = every.filter(~invalid)
    seen = seen_values(every, context)
    outside = left_population(work, context)
    missed = _missed(every, seen, outside.filter(~pl.col("received")), context)
    written, fitting = formats(work, context)
    tables = table_changes(work, context)
    doubted = _doubted(work, context)
    before = [
        _source_invalid(every.filter(invalid)),
        _under_way(missed, context),
        _tables(tables.filter(pl.col("step").is_not_null())),
        _columns(work, context),
    ]
    behind = [
        _tables(tables.filter(pl.col("step").is_null())),
        _formats(written),
        _in_onderzoek(doubted, context),
        _by_hand(work, seen, fitting, context),
        _still_there(outside.filter("received"), context),
        unknown(work, fitting, context),
    ]
    return Evidence(
        work=every,
        missed=missed,
        doubted=doubted,
        before=_in_order(before),
        behind=_in_order(behind),
        context=replace(context, values=_no_rows),
        indications_fit=indications_fit(context),
    )


def conclude(evidence: Evidence, others: pl.DataFrame | None = None) -> pl.DataFrame:
    """The findings with their causes; see `explain`. `others` as in Context."""
    context = evidence.context if others is None else replace(evidence.context, others=others)
    outdated = _outdated(evidence, context)
    unproven, doubted = pl.col("cause") == Cause.ONBEKEND, evidence.doubted
    told = [outdated.filter(~unproven), outdated.filter(unproven).join(doubted, on="nr", how="anti")]
    first = _in_order([evidence.before, *told, evidence.behind])
    last = evidence.missed.select("nr", context.day(pl.col("after")).alias("former_until"))
    named = evidence.work.join(first, on="nr", how="left", maintain_order="left")
    dated = named.join(last, on="nr", how="left", maintain_order="left")
    lower = pl.when(pl.col("nr").is_in(doubted["nr"].implode())).then(pl.col("severity").replace(_LOWER))
    return dated.with_columns(lower.otherwise("severity").alias("severity"), next_step()).select(*EXPLAINED_COLUMNS)


def _in_order(claims: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The first claim about every finding."""
    return pl.concat([claim.select(_CLAIM) for claim in claims]).unique("nr", keep="first", maintain_order=True)


def _no_rows(field: str) -> pl.DataFrame:
    raise AssertionError(f"the rows of the comparison are gone; {field} was asked for too late")


def _missed(work: pl.DataFrame, seen: pl.DataFrame, outside: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The findings that are an earlier state of the source. Columns: nr, key, field, kind, afnemer_value,
    after, until, day, under_way.
    """
    every = stale(work, seen, outside.select("nr", "after", "until"), context)
    return every.join(work.select("nr", "key", "field", "kind", "afnemer_value"), on="nr")


def _source_invalid(rows: pl.DataFrame) -> pl.DataFrame:
    evidence = (
        "Geen oorzaak bewezen: de waarde in de distributie voldoet niet aan haar controle, die van de applicatie wel."
    )
    return _claim(rows, Cause.ONBEKEND, pl.lit(evidence))


def _still_there(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Rows that left the population by a change that the application did receive: no cause, but a clear story."""
    evidence = pl.format(
        "Geen oorzaak bewezen: de rij ging tussen {} en {} uit de populatie; de applicatie heeft die wijziging, maar "
        "de rij staat er nog.",
        context.day(pl.col("after")),
        context.day(pl.col("until")),
    )
    return _claim(rows, Cause.ONBEKEND, evidence)


def _claim(rows: pl.DataFrame, cause: Cause, evidence: pl.Expr, transform: pl.Expr | None = None) -> pl.DataFrame:
    named = pl.lit(None, dtype=pl.String) if transform is None else transform
    return rows.select(
        "nr",
        pl.lit(cause.value).alias("cause"),
        evidence.alias("cause_evidence"),
        named.alias("transform"),
    )


def _doubted(work: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The cells that the source itself doubts. Columns: nr."""
    doubted = context.in_onderzoek.select("key", "field").unique()
    return work.filter(pl.col("field") != "").join(doubted, on=["key", "field"], how="semi").select("nr")


def _in_onderzoek(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Doubt is a circumstance: a cause that is proven goes before it."""
    others = f", net als dat van {rows.height - 1} andere bevindingen" if rows.height > 2 else ""
    day = context.peildatum_distributie.astimezone(context.timezone)
    evidence = f"De bron heeft dit gegeven op {day:%Y-%m-%d} zelf in onderzoek{others}."
    return _claim(rows, Cause.BRON_IN_ONDERZOEK, pl.lit(evidence))


def _under_way(missed: pl.DataFrame, context: Context) -> pl.DataFrame:
    rows = missed.filter("under_way")
    edge = f"{context.edge.astimezone(context.timezone):%Y-%m-%d}"
    named = pl.format(f" ({OWN_DAY}{{}})", pl.col("day").dt.strftime("%Y-%m-%d"))
    evidence = pl.format(
        "De bron wijzigde dit tussen {} en {}{}, niet eerder dan {}: zo kort voor de dump, of erna, dat het bericht "
        "onderweg kan zijn; de applicatie heeft nog wat daarvoor gold. Is dat bij de volgende controle nog zo, dan "
        "krijgt het een andere oorzaak.",
        context.day(pl.col("after")),
        context.day(pl.col("until")),
        pl.when(pl.col("day").is_not_null()).then(named).otherwise(pl.lit("")),
        pl.lit(edge),
    )
    return _claim(rows, Cause.ONDERWEG, evidence)


def _columns(work: pl.DataFrame, context: Context) -> pl.DataFrame:
    wrong = wrong_columns(work, context)
    rows = wrong.join(proposals(work, wrong, context), on="nr")
    evidence = pl.format(
        "De kolom verschilt in {} van de {} rijen waarin dat kan. Voorstel: {}", "count", "class", "proposal"
    )
    return _claim(rows, Cause.VELDTOEWIJZING, evidence)


def _tables(rows: pl.DataFrame) -> pl.DataFrame:
    log = pl.when(pl.col("step").is_not_null()).then(
        pl.format("; de distributie kreeg deze code in een keer, {}", "step")
    )
    evidence = pl.format(
        "Van de {} rijen met deze code heeft de applicatie er {} met een andere code", "class", "count"
    )
    return _claim(rows, Cause.TABELWIJZIGING, evidence + log.otherwise(pl.lit("")) + pl.lit("."))


def _outdated(evidence: Evidence, context: Context) -> pl.DataFrame:
    """verouderd: never sent, not received, or not to be told which."""
    rows = evidence.missed.filter(~pl.col("under_way"))
    told = rows.join(sent_or_not(rows, context, fit=evidence.indications_fit), on="nr")
    alike = pl.len().over("cause")
    window = pl.format(
        "Zo zijn er in deze vergelijking {} gemiste wijzigingen, alle tussen {} en {}.",
        alike,
        context.day(pl.col("after").min().over("cause")),
        context.day(pl.col("until").max().over("cause")),
    )
    sentence = pl.format(
        "Verouderd: zo was het in de distributie nog op {}, en op {} niet meer; {}. {}",
        context.day(pl.col("after")),
        context.day(pl.col("until")),
        "reason",
        pl.when(alike > 1).then(window).otherwise(pl.lit("Het is hier de enige gemiste wijziging.")),
    )
    return told.select("nr", "cause", sentence.alias("cause_evidence"), pl.lit(None, pl.String).alias("transform"))


def _formats(written: pl.DataFrame) -> pl.DataFrame:
    evidence = pl.format(
        "In {} van de {} waarden waarin dat kan, is dit veld op dezelfde manier veranderd: {}.",
        "count",
        "class",
        "transform",
    )
    return _claim(written, Cause.FORMAAT, evidence, pl.col("transform"))


def _by_hand(work: pl.DataFrame, seen: pl.DataFrame, fitting: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Values and rows that came after the log began, that the source never had since, and that no way of writing makes.

    A dump much later than the distribution's may hold what the distribution has not shown yet: then nothing is claimed.
    """
    since = context.log_since
    later = context.peildatum_afnemer - context.peildatum_distributie
    if since is None or since >= context.peildatum_distributie or later > LATER:
        return _claim(work.head(0), Cause.HANDMATIG, pl.lit(""))
    # A reason that the comparison found (axes exchanged, degrees) is not the work of a hand; failing a check may be.
    plain = pl.col("rule").is_null() | pl.col("rule").str.starts_with(INVALID)
    other_value = pl.col("kind").is_in([Kind.AFWIJKEND, Kind.LEEG_IN_BRON]) & pl.col("afnemer_value").is_not_null()
    surplus = pl.col("kind") == Kind.OVERTOLLIG
    misspelt = work.filter((pl.col("kind") == Kind.ONGELDIG) & (pl.col("field") != "")).select("key")
    moved = context.mutations.filter(pl.col("field") == "").select("key")
    # A row that came under this key has its history under another.
    renamed = work.filter(pl.col("kind") == Kind.SLEUTELVERSCHIL).select("key")
    unknown_rows = work.filter(surplus).join(pl.concat([misspelt, moved]), on="key", how="anti")
    values = work.filter(other_value & plain).join(pl.concat([moved, renamed]), on="key", how="anti")
    rows = pl.concat([values, unknown_rows])
    rows = rows.join(pl.concat([seen.select("nr"), fitting.select("nr")]), on="nr", how="anti")
    rows = rows.filter(~_too_many(context))
    rows = rows.filter(~context.stood(rows))
    period = (since.astimezone(context.timezone), context.peildatum_distributie.astimezone(context.timezone))
    evidence = (
        "Dit kwam in de distributie niet voor van {:%Y-%m-%d} tot en met {:%Y-%m-%d}, de tijd waarvan alle wijzigingen "
        "bekend zijn, en past bij geen bekende schrijffout."
    ).format(*period)
    return _claim(rows, Cause.HANDMATIG, pl.lit(evidence))


def _too_many(context: Context) -> pl.Expr:
    """True for a column (or the rows) in which more differs without a reason than hands can have done."""
    pairs = context.fields.select(pl.col("vergeleken").max()).item() or 0
    compared = dict(context.fields.select("field", "vergeleken").iter_rows()) | {"": pairs}
    size = pl.col("field").replace_strict(compared, default=None, return_dtype=pl.Int64)
    alike = pl.len().over("field")
    return (alike > _MANY) & (alike > _MANY_SHARE * size)
