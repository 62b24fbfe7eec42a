"""The message log of the broker: which key was sent when to this application, and how that ended.

A log that cannot be trusted is no log: a message that seems absent would be called not sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import available_timezones

import polars as pl

from kmgb.catalogue.columns import FAULT
from kmgb.catalogue.fields import Field
from kmgb.errors import SourceError
from kmgb.mapping.model import Berichten
from kmgb.sources.delivered import Limits
from kmgb.sources.listed import KEY, columns_of, key_column, plain_key, read_list, whole_rows
from kmgb.sources.moments import Moments, parse_moments

WITHOUT = "Zonder het berichtenlog zegt de oorzaak niet of een bericht is verzonden."
# What brokers commonly write for a message that was delivered, and for one that was not.
_STATUSES = {
    **dict.fromkeys(("ok", "verwerkt", "afgeleverd", "ontvangen", "geslaagd", "success", "delivered", "200"), "ok"),
    **dict.fromkeys(("fout", "mislukt", "geweigerd", "error", "failed", "rejected", "nok"), "fout"),
}
MESSAGES = {"key": pl.String, "moment": pl.Datetime("us", "UTC"), "status": pl.String}


def read_messages(
    path: Path,
    how: Berichten,
    field: Field,
    limits: Limits,
    *,
    afnemer: str,
    zone: str,
    now: datetime,
    known: pl.Series | None = None,
) -> tuple[pl.DataFrame | None, list[str]]:
    """The messages to this application, and Dutch warnings without a value.

    Columns: MESSAGES, sorted by key and moment. `field`: the field that is the key; `afnemer`: what the log calls the
        application unless `how` says otherwise; `zone`: of the clock here. A moment without a zone counts only when
        `how` names that of the log.
        `known`: keys of the distribution; messages on other keys (of another entity) are left out.
        `status` is ok or fout, else what the log writes.
    Nulls: `moment` is null where it cannot be read: that there was a message is known, when is not. None instead of a
        frame when the log cannot be read, or says nothing of this application and these keys.
    """
    if how.tijdzone and how.tijdzone not in available_timezones():
        return None, [f"{path.name}: de tijdzone van het log in de veldtoewijzing is geen bekende naam. {WITHOUT}"]
    try:
        delivered = _delivered(path, how, field, limits)
    except SourceError as error:
        return None, [f"{error} {WITHOUT}"]
    whole, warnings = whole_rows(delivered, path.name)
    chosen, reason = _chosen(whole, how.applicatie or (afnemer,), known)
    if chosen.is_empty():
        return None, [*warnings, f"{path.name}: {reason} {WITHOUT}"]
    moments = parse_moments(chosen["moment"], how.tijdzone or zone)
    warnings += _warnings(path.name, moments, chosen.height, how.tijdzone, zone, now)
    statuses, unclear = _statuses(chosen["status"], how)
    if unclear and how.kolom_status:
        what = "hebben een status die niet zegt of het bericht is afgeleverd; vul `statussen` aan."
        warnings.append(f"{path.name}: {unclear} van {chosen.height} berichten {what}")
    # Read in the wrong zone a message would be an hour or a day beside itself, and decide wrongly.
    moment = moments.moment if how.tijdzone else moments.moment.set(moments.local, None)
    if moment.null_count() == chosen.height:
        return None, [*warnings, f"{path.name}: van geen enkel bericht is te zeggen wanneer het was. {WITHOUT}"]
    messages = chosen.select(KEY, moment.alias("moment"), statuses)
    return messages.unique().sort(*MESSAGES, nulls_last=True), warnings


def _delivered(path: Path, how: Berichten, field: Field, limits: Limits) -> pl.DataFrame:
    """The needed columns under our names; a column that the mapping says is not there is null."""
    key = key_column(path, columns_of(path, how, limits), how.kolom, field)
    named = {"moment": how.kolom_moment, "applicatie": how.kolom_applicatie, "status": how.kolom_status}
    needed = [key, *(column for column in named.values() if column)]
    frame = read_list(path, how, list(dict.fromkeys(needed)), limits)
    ours = [pl.col(column).str.strip_chars().alias(name) for name, column in named.items() if column]
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name, column in named.items() if not column]
    return frame.select(plain_key(pl.col(key), field).alias(KEY), *ours, *absent, FAULT)


def _chosen(frame: pl.DataFrame, names: tuple[str, ...], known: pl.Series | None) -> tuple[pl.DataFrame, str]:
    """The messages to this application on known keys; the reason counts when nothing is left."""
    folded = [name.casefold() for name in names]
    ours = frame.filter(pl.col("applicatie").is_null() | pl.col("applicatie").str.to_lowercase().is_in(folded))
    if ours.is_empty():
        others = frame["applicatie"].n_unique()
        return ours, f"geen enkel bericht aan deze applicatie; het log noemt {others} andere. Vul `applicatie` in."
    if known is None:
        return ours, ""
    keyed = ours.join(known.alias(KEY).to_frame(), on=KEY, how="semi", maintain_order="left")
    return keyed, "geen enkele sleutel van deze entiteit."


def _statuses(written: pl.Series, how: Berichten) -> tuple[pl.Series, int]:
    """What each status means, and of how many it is not known; those stay as they were written."""
    agreed = _STATUSES | {theirs.strip().lower(): ours for theirs, ours in how.statussen.items()}
    meant = written.str.to_lowercase().replace_strict(agreed, default=None, return_dtype=pl.String)
    return meant.fill_null(written).alias("status"), meant.null_count()


def _warnings(name: str, moments: Moments, total: int, of_log: str, zone: str, now: datetime) -> Iterator[str]:
    here = of_log or zone
    future = int((moments.moment > now).sum())
    if moments.unreadable:
        yield f"{name}: {moments.unreadable} van {total} momenten zijn niet te lezen; wanneer dat was, blijft onbekend."
    if moments.without_zone and not of_log:
        hint = "wanneer dat was, blijft onbekend. Zet `tijdzone` in de veldtoewijzing."
        yield f"{name}: {moments.without_zone} van {total} momenten zonder tijdzone; {hint}"
    if moments.elsewhere:
        yield f"{name}: {moments.elsewhere} van {total} momenten staan in een andere tijdzone dan {here}; omgerekend."
    if moments.twice:
        what = "vallen in het uur dat de klok twee keer aanwijst; gelezen als de eerste keer."
        yield f"{name}: {moments.twice} van {total} momenten {what}"
    if future:
        yield f"{name}: {future} van {total} momenten liggen in de toekomst: klopt de tijdzone van het log?"
