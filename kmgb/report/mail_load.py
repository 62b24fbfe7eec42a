"""The store, and the mail before -> what a new mail says. Only counts are read; a value only to judge a decision by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import polars as pl

from kmgb.catalogue.fields import Catalogue
from kmgb.report.causes import advice
from kmgb.report.mail import AfnemerNews, Audience, ControleNews, MailPage, Signaal
from kmgb.report.tally import ACCEPTED, COLUMN, COSMETIC, UNDER_WAY, WRONG, parted
from kmgb.report.week_counts import (
    CRITICAL,
    count_controles,
    decided_findings,
    new_columns,
    not_accepted,
    opened_since,
    with_decisions,
)
from kmgb.store.runs import QUARANTINE, History, StoredRun
from kmgb.store.weekly import Weekly

_NEVER = datetime(1900, 1, 1, tzinfo=UTC)
Names = tuple[str, str]


class News:
    """What is new at one moment, for any number of recipients. `place` gives where the page of an application is, and
    that of the whole week for None.

    `titles` are the applications that may be spoken of; `signals` what is the matter with their deliveries and norms.
    """

    def __init__(
        self,
        history: History,
        catalogue: Catalogue,
        made: datetime,
        titles: Mapping[str, str],
        signals: Sequence[Signaal],
        place: Callable[[str | None], str],
    ) -> None:
        self._history, self._catalogue, self._made = history, catalogue, made
        self._titles, self._signals, self._place = titles, signals, place
        self._runs = {(run.afnemer, run.entity): run for run in history.as_of(moment=made) if run.afnemer in titles}
        self._weekly = _Once(history.weekly(made))
        self._decided = decided_findings(self._weekly, self._runs)
        # What was accepted is no news, and asks nothing of anybody.
        self._left = not_accepted(with_decisions(self._weekly.standing(), self._decided.values()))
        self._known: dict[tuple[Names, int], ControleNews] = {}
        self._refused = tuple(self._refusals())

    def page(
        self, voor: Audience, afnemers: Collection[str], covers: Mapping[str, Any], place: str, *, link: bool
    ) -> MailPage:
        """The mail about these applications to whoever was told `covers` before (empty: nothing)."""
        told: Mapping[str, int] = covers.get("runs", {})
        runs = {names: run for names, run in self._runs.items() if names[0] in afnemers}
        signals = [one for one in (*self._signals, *self._refused) if one.afnemer in afnemers]
        keys = {one.key: one.soort for one in signals}
        return MailPage(
            voor=voor,
            made=self._made,
            afnemers=tuple(self._afnemers(runs, told, signals)),
            plaats=place,
            link=link,
            nieuwe_signalen=tuple(sort for key, sort in keys.items() if key not in covers.get("signals", ())),
            covers={
                "runs": {**told, **{_written(names): run.id for names, run in runs.items()}},
                "signals": list(keys),
            },
        )

    def _afnemers(
        self, runs: Mapping[Names, StoredRun], told: Mapping[str, int], signals: Iterable[Signaal]
    ) -> Iterable[AfnemerNews]:
        listed = list(signals)
        named = {names[0] for names in runs} | {one.afnemer for one in listed}
        for naam in sorted(named, key=lambda naam: self._titles[naam].casefold()):
            own = [names for names in runs if names[0] == naam]
            yield AfnemerNews(
                naam=naam,
                titel=self._titles[naam],
                plaats=self._place(naam if any(map(self._has_page, own)) else None),
                controles=tuple(self._controle(names, told.get(_written(names), 0)) for names in own),
                # What is in quarantine is said with its controle, and not twice.
                signalen=tuple(one for one in listed if one.afnemer == naam and one not in self._refused),
            )

    def _has_page(self, names: Names) -> bool:
        """False for the distribution's own rows: they have a part in the page of the week."""
        run = self._runs[names]
        return run.afnemer_id is not None or run.distributie_id is None

    def _controle(self, names: Names, before: int) -> ControleNews:
        if (names, before) not in self._known:
            self._known[names, before] = self._counted(self._runs[names], before)
        return self._known[names, before]

    def _counted(self, run: StoredRun, before: int) -> ControleNews:
        names = (run.afnemer, run.entity)
        since = self._history.run(before).finished if before else _NEVER
        decided = {names: self._decided[names]} if names in self._decided else {}
        counts = count_controles(self._weekly, {names: run}, decided, since)[names]
        started, graver = self._turned(names, before, run.id)
        open_ = self._left.filter(afnemer=run.afnemer, entity=run.entity)
        return ControleNews(
            afnemer=run.afnemer,
            titel=self._titles[run.afnemer],
            entity=run.entity,
            entity_label=self._catalogue[run.entity].label,
            run_id=run.id,
            counts=replace(counts, nieuw=counts.nieuw + started),
            kritieker=graver,
            velden=new_columns(open_, since).height,
            eerste=not before,
            quarantaine=run.status == QUARANTINE,
            doen=_to_do(opened_since(open_, since)) or _to_do(open_),
        )

    def _turned(self, names: Names, before: int, run_id: int) -> tuple[int, int]:
        """Of what stood before: how many count only since then, and how many others have become critical."""
        if not before or before == run_id:
            return 0, 0
        started, graver = _turned(self._weekly.turned(names, before, run_id))
        held = self._decided.get(names)
        if held is not None:
            accepted = parted(held).filter(pl.col("part") == ACCEPTED)["id"].to_list()
            less = _turned(self._weekly.turned(names, before, run_id, accepted))
            started, graver = started - less[0], graver - less[1]
        return started, graver

    def _refusals(self) -> Iterable[Signaal]:
        """The deliveries in quarantine that the newest runs had before them."""
        for run in self._runs.values():
            for number in (run.distributie_id, run.afnemer_id):
                if run.status == QUARANTINE and number and self._history.delivery(number).status == QUARANTINE:
                    label = self._catalogue[run.entity].label
                    yield Signaal(f"quarantaine/{number}", run.afnemer, label, "een aanlevering staat in quarantaine")


class _Once(Weekly):
    """The same counts, read once for all recipients."""

    def __init__(self, weekly: Weekly) -> None:
        super().__init__(weekly._engine, weekly._vault, weekly.moment)

    def standing(self) -> pl.DataFrame:
        return self._standing

    @cached_property
    def _standing(self) -> pl.DataFrame:
        return super().standing()


def _turned(turned: pl.DataFrame) -> tuple[int, int]:
    """How many of these count only now, and how many others have become critical."""
    now = turned.filter(_counts("kind_now", "cause_now"))
    counted = now.filter(_counts("kind", "cause"))
    graver = counted.filter(pl.col("severity_now") == CRITICAL, pl.col("severity") != CRITICAL)
    return _sum(now) - _sum(counted), _sum(graver)


def _to_do(left: pl.DataFrame) -> str:
    """What most of these ask, the critical first."""
    counted = left.filter(pl.col("part").is_in([WRONG, COLUMN]))
    grave = counted.filter(severity=CRITICAL)
    by = (grave if grave.height else counted).group_by("kind", "cause", "next_step").agg(pl.col("left").sum())
    most = by.sort("left", "kind", "cause", "next_step", descending=[True, False, False, False]).head(1)
    return next((advice(kind, cause, step) for kind, cause, step, _ in most.iter_rows()), "")


def _sum(lines: pl.DataFrame) -> int:
    return int(lines["count"].sum())


def _counts(kind: str, cause: str) -> pl.Expr:
    """True for what counts as wrong."""
    return (pl.col(kind) != COSMETIC) & (pl.col(cause) != UNDER_WAY)


def _written(names: Names) -> str:
    return "/".join(names)
