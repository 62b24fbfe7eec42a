"""Was the missed mutation never sent, or sent and not received? What tells them apart, and what cannot."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

from kmgb.compare.kinds import Kind
from kmgb.explain.context import Cause, Context, known_mutations
from kmgb.mutations.derive import VANISHED

_SENT: Final = ("ok", "fout")
_NOTHING = pl.lit(None, dtype=pl.String)
# A list of indications in which fewer of the pairs occur than this is another list, or has keys of another form.
_KNOWN_SHARE: Final = 0.5
_DAY: Final = timedelta(days=1)


def sent_or_not(missed: pl.DataFrame, context: Context, *, fit: bool) -> pl.DataFrame:
    """The cause of every missed mutation, with the reason as the end of a sentence.

    Columns in: nr, key, field, kind, afnemer_value, after, until. Out: nr, cause (niet_verzonden, niet_ontvangen or
        onbekend), reason.
    `fit`: the list of indications speaks of these keys (see `indications_fit`).
    The message log decides, then the list of indications, then what the other applications have, then what is told of
    another field of the same row.
    """
    judged = missed.join(_by_messages(missed, context), on="nr", how="left")
    judged = judged.join(_by_indication(missed, context, fit=fit), on="nr", how="left")
    judged = judged.join(_by_others(missed, context), on="nr", how="left")
    ways = ("message", "indication", "other")
    judged = judged.with_columns(
        pl.coalesce(*(f"{way}_cause" for way in ways)).alias("own_cause"),
        pl.coalesce(*(f"{way}_reason" for way in ways)).alias("own_reason"),
    )
    judged = judged.join(_by_same_change(judged), on=["key", "after", "until"], how="left")
    cause = pl.coalesce("own_cause", "row_cause", pl.lit(Cause.ONBEKEND.value))
    reason = pl.coalesce("own_reason", "row_reason", pl.lit(_untold(context, fit=fit)))
    return judged.select("nr", cause.alias("cause"), reason.alias("reason"))


def _by_same_change(judged: pl.DataFrame) -> pl.DataFrame:
    """What is told of another field of the same row and step: one message carries the row.

    Columns: key, after, until, row_cause, row_reason; only where all that is told says the same.
    """
    told = judged.filter(pl.col("own_cause").is_not_null()).group_by("key", "after", "until", maintain_order=True)
    first = pl.col("own_reason").first()
    agreed = told.agg(
        pl.col("own_cause").n_unique().alias("causes"),
        pl.col("own_cause").first().alias("row_cause"),
        pl.format("van een ander veld van deze rij, in dezelfde stap gewijzigd, is bekend: {}", first).alias(
            "row_reason"
        ),
    )
    return agreed.filter(pl.col("causes") == 1).drop("causes")


def _by_messages(missed: pl.DataFrame, context: Context) -> pl.DataFrame:
    """By the broker's log, for mutations in a time the log covers. Columns: nr, message_cause, message_reason."""
    shape = {"nr": pl.UInt32, "message_cause": pl.String, "message_reason": pl.String}
    sent = aware_messages(context.messages)
    if sent is None:
        return pl.DataFrame(schema=shape)
    first, last = sent["moment"].min(), sent["moment"].max()
    logged = sent.with_columns(pl.lit(value=True).alias("logged"))
    asked = missed.select("nr", "key", "kind", "after", "until").join(_windows(missed, context), on="nr")
    told = asked.join(logged, on="key", how="left")
    later = (pl.col("moment") > pl.col("from")) & (pl.col("moment") <= context.peildatum_afnemer)
    ambiguous = (pl.col("moment") > pl.col("after")) & (pl.col("moment") <= pl.col("from")) & pl.col("partly")
    # A message of which the moment cannot be read may be the one that is looked for.
    unread = pl.col("logged") & pl.col("moment").is_null()
    status = pl.when(later).then(pl.col("status").str.strip_chars().str.to_lowercase())
    grouped = told.group_by("nr", "kind", "after", "until").agg(
        *((status == word).any().alias(word) for word in _SENT),
        (unread | ambiguous | (later & ~status.is_in(_SENT).fill_null(value=False)))
        .fill_null(value=False)
        .any()
        .alias("unclear"),
    )
    # At a quiet hour the last message is older than the peildatum; a day is no hole.
    covered = (pl.lit(first) <= pl.col("after")) & (pl.lit(last) >= pl.col("until") - _DAY)
    absent = covered & _still_known() & ~pl.col("ok") & ~pl.col("fout") & ~pl.col("unclear")
    cause = (
        pl.when(pl.col("ok") | pl.col("fout"))
        .then(pl.lit(Cause.NIET_ONTVANGEN.value))
        .when(absent)
        .then(pl.lit(Cause.NIET_VERZONDEN.value))
    )
    reason = (
        pl.when("ok")
        .then(pl.lit("volgens het berichtenlog is er daarna wel een bericht afgeleverd; het is niet verwerkt"))
        .when("fout")
        .then(pl.lit("volgens het berichtenlog is er daarna een bericht verzonden, met een fout"))
        .when(absent)
        .then(pl.lit("in het berichtenlog, dat die tijd beslaat, staat geen bericht voor deze sleutel"))
    )
    return grouped.select("nr", cause.alias("message_cause"), reason.alias("message_reason"))


def _windows(missed: pl.DataFrame, context: Context) -> pl.DataFrame:
    """From when on a message of this key can be about the missed change. Columns: nr, from, partly.

    The change's own day says so. Without one, a message inside the step may be about another change of that row: where
    the application does have one of those (`partly`), only what was sent after the step counts.
    """
    steps = ["key", "after", "until"]
    fields = ["", *context.cells]
    changed = known_mutations(context).filter(pl.col("field").is_in(fields) & (pl.col("change") != VANISHED))
    lacking = missed.group_by(steps).agg(pl.len().alias("lacking"))
    both = changed.group_by(steps).agg(pl.len().alias("all")).join(lacking, on=steps)
    partly = both.filter(pl.col("all") > pl.col("lacking")).select(*steps, pl.lit(value=True).alias("partly"))
    own = pl.col("day").cast(pl.Datetime("us")).dt.replace_time_zone(context.zone).dt.convert_time_zone("UTC")
    asked = missed.join(partly, on=steps, how="left", maintain_order="left")
    mixed = pl.col("partly").fill_null(value=False) & pl.col("day").is_null()
    start = pl.when(mixed).then("until").otherwise("after")
    return asked.select("nr", pl.coalesce(own, start).alias("from"), mixed.alias("partly"))


def _by_indication(missed: pl.DataFrame, context: Context, *, fit: bool) -> pl.DataFrame:
    """Without an afnemersindicatie nothing is sent. Columns: nr, indication_cause, indication_reason."""
    shape = {"nr": pl.UInt32, "indication_cause": pl.String, "indication_reason": pl.String}
    if missed.is_empty() or not fit or context.indicaties is None:
        return pl.DataFrame(schema=shape)
    without = missed.filter(_still_known()).join(context.indicaties.select("key"), on="key", how="anti")
    reason = f"de lijst van {context.indicaties.height} afnemersindicaties heeft deze sleutel niet"
    return without.select(
        "nr",
        pl.lit(Cause.NIET_VERZONDEN.value).alias("indication_cause"),
        pl.lit(reason).alias("indication_reason"),
    )


def _still_known() -> pl.Expr:
    """False for a key that left the source: that a list does not have it any more proves nothing."""
    return pl.col("kind") != Kind.OVERTOLLIG


def indications_fit(context: Context) -> bool:
    """True when the list of indications speaks of the keys that both sides hold.

    A list of another application, or with keys written otherwise, has hardly any of them: it proves nothing.
    """
    if context.indicaties is None or not context.plan.compared:
        return False
    keys = context.values(context.plan.compared[0].name).select("key")
    listed = keys.join(context.indicaties.select("key"), on="key", how="semi").height
    return keys.height > 0 and listed >= _KNOWN_SHARE * keys.height


def _by_others(missed: pl.DataFrame, context: Context) -> pl.DataFrame:
    """By the other applications that should hold the cell. Columns: nr, other_cause, other_reason."""
    told = missed.select("nr", "key", "field", "until", "afnemer_value").join(context.others, on=["key", "field"])
    if "peildatum" in context.others.columns:
        told = told.filter(pl.col("peildatum") >= pl.col("until"))
    if "value" in context.others.columns:
        # Wrong there in another way says nothing of this change. What one writes as 0 the other may leave empty.
        other = pl.col("value").str.to_lowercase() != pl.col("afnemer_value").str.to_lowercase()
        told = told.filter(~pl.col("stale") | ~other.fill_null(value=False) | (pl.col("field") == ""))
    told = told.unique(["nr", "afnemer"], keep="first", maintain_order=True)
    counted = told.group_by("nr").agg(pl.len().alias("others"), pl.col("stale").sum().alias("stale"))
    all_stale = pl.col("stale") == pl.col("others")
    cause = pl.when(all_stale).then(pl.lit(Cause.NIET_VERZONDEN.value)).otherwise(pl.lit(Cause.NIET_ONTVANGEN.value))
    right = pl.col("others") - pl.col("stale")
    alone = pl.col("others") == 1
    reason = (
        pl.when(all_stale & alone)
        .then(pl.lit("ook de enige andere applicatie die dit gegeven hoort te hebben, mist de wijziging"))
        .when(all_stale)
        .then(
            pl.format("ook alle andere applicaties die dit gegeven horen te hebben ({}) missen de wijziging", "others")
        )
        .when(alone)
        .then(pl.lit("bij de andere applicatie die dit gegeven hoort te hebben, is de wijziging wel aangekomen"))
        .otherwise(pl.format("bij {} van de {} andere applicaties is de wijziging wel aangekomen", right, "others"))
    )
    return counted.select("nr", cause.alias("other_cause"), reason.alias("other_reason"))


def aware_messages(messages: pl.DataFrame | None) -> pl.DataFrame | None:
    """The messages with their moment in UTC; None when there are none or no time zone says when they were."""
    if messages is None or messages.is_empty():
        return None
    kind = messages.schema["moment"]
    if not isinstance(kind, pl.Datetime) or kind.time_zone is None:
        return None
    moment = pl.col("moment").dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    return messages.select("key", moment, "status")


def _untold(context: Context, *, fit: bool) -> str:
    missing = ["er is geen andere applicatie die dit gegeven hoort te hebben en een nieuwere dump heeft"]
    if context.messages is None:
        missing.append("er is geen berichtenlog")
    elif aware_messages(context.messages) is None:
        missing.append("het berichtenlog is leeg of noemt geen tijdzone")
    else:
        missing.append("het berichtenlog beslaat die tijd niet of is er niet duidelijk over")
    if context.indicaties is None:
        missing.append("er is geen lijst van afnemersindicaties")
    elif not fit:
        missing.append("de lijst van afnemersindicaties gaat over andere sleutels")
    return "of de wijziging niet is verzonden of niet is ontvangen, is niet te zeggen: " + ", ".join(missing)
