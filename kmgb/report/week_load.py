"""The store, at one moment -> the frozen data of the weekly report. What the store does not know is handed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from kmgb.catalogue.fields import SEVERITIES, Catalogue, Entity
from kmgb.catalogue.masking import masked_key
from kmgb.report.causes import advice
from kmgb.report.figures import judged_rows, standing_of
from kmgb.report.files import report_name
from kmgb.report.load import titles_of
from kmgb.report.order import rank
from kmgb.report.tally import ACCEPTED, COLUMN, UNDER_WAY, WRONG, parted
from kmgb.report.tasks import Known, tasks
from kmgb.report.week import (
    AfnemerWeek,
    ControleLine,
    Coverage,
    DeliveryState,
    Expiring,
    HeatCell,
    NormLine,
    Role,
    WeekCluster,
    WeekFinding,
    WeekReport,
)
from kmgb.report.week_counts import CRITICAL, WEEK, WEEKS, by_names, count_controles, decided_findings, together, trend
from kmgb.report.week_words import afnemer_sentence, controle_sentence, week_sentence
from kmgb.report.words import kind_words
from kmgb.store.decisions import Action
from kmgb.store.life import LIFE_COLUMNS
from kmgb.store.runs import DONE, QUARANTINE, History, StoredRun
from kmgb.store.weekly import Weekly

SHOWN_CRITICAL, SHOWN_TASKS, SHOWN_CLUSTERS, SOON = 60, 25, 15, timedelta(days=30)
_CLUSTERS = 60  # of one controle are looked at
_OWN_TASKS = 500  # of the own application, for whoever works through them
_COMPARED = ("sleutel", "vergeleken")
# What a finding is about that may harm somebody, by the rank of its field.
_SIGNALS = ("geheim", "overleden", "verhuisd")


@dataclass(frozen=True, slots=True)
class Beside:
    """What a weekly report needs beside the store.

    `titles` of the applications that should have a controle, `mapped`: those that have a mapping, `states` of the
    deliveries, `norms` and how they are met, and what is the matter with the `mail`.
    """

    zone: str
    titles: Mapping[str, str]
    mapped: frozenset[str]
    states: tuple[DeliveryState, ...] = ()
    norms: tuple[NormLine, ...] = ()
    mail: tuple[str, ...] = ()


def load_week(
    history: History,
    catalogue: Catalogue,
    made: datetime,
    beside: Beside,
    role: Role = Role.GEGEVENSBEHEERDER,
    afnemer: str | None = None,
) -> WeekReport:
    """The report of the week that ends at `made`, for a reader of this role.

    A functioneel beheerder sees his own application (`afnemer`) only, with the values as they are.
    """
    page = _Week(history, catalogue, made, beside, role, afnemer)
    return page.report()


_AT_ONCE = 2  # questions to the database


class _Week:
    """The making of one report: what is read once and used in several places."""

    def __init__(
        self,
        history: History,
        catalogue: Catalogue,
        made: datetime,
        beside: Beside,
        role: Role,
        afnemer: str | None,
    ) -> None:
        self.history, self.catalogue, self.beside, self.role = history, catalogue, beside, role
        self.made, self.since, self.zone = made, made - WEEK, ZoneInfo(beside.zone)
        self.only = afnemer
        self.weekly: Weekly = history.weekly(made)
        self.stored = self._runs_at(made)
        self.decided = decided_findings(self.weekly, self.stored)
        earlier, then = self._runs_at(self.since), history.weekly(self.since)
        with ThreadPoolExecutor(_AT_ONCE) as threads:  # the database counts outside Python
            counts = threads.submit(count_controles, self.weekly, self.stored, self.decided, self.since)
            intervals = threads.submit(self.weekly.intervals, self.made - WEEK * (WEEKS + 1))
            before = threads.submit(count_controles, then, earlier, decided_findings(then, earlier), self.since - WEEK)
            self.counts, self.before, self.intervals = counts.result(), before.result(), intervals.result()

    def _runs_at(self, moment: datetime) -> dict[tuple[str, str], StoredRun]:
        """The newest run of every controle of this reader."""
        runs = self.history.as_of(moment=moment)
        return {(one.afnemer, one.entity): one for one in runs if self.only in (None, one.afnemer)}

    def report(self) -> WeekReport:
        lines = [self._controle(stored) for stored in self.stored.values()]
        own, others = [one for one in lines if one.own], [one for one in lines if not one.own]
        names = {(one.afnemer, one.entity) for one in others}
        total = together(count for name, count in self.counts.items() if name in names)
        earlier = [count for name, count in self.before.items() if name in names]
        before = together(earlier)
        findings = self._findings(others)
        clusters = self._clusters(others)
        critical = sorted((one for one in findings if one.severity == CRITICAL), key=_gravest)
        afnemers = self._afnemers(others, findings, clusters)
        return WeekReport(
            made=self.made,
            since=self.since,
            role=self.role,
            zin=week_sentence(afnemers, total, before if earlier else None, self.since, self.zone),
            counts=total,
            vorige=before,
            afnemers=afnemers,
            own=tuple(own),
            critical=tuple(critical[:SHOWN_CRITICAL]),
            critical_total=total.kritiek,
            clusters=tuple(sorted(clusters, key=_heaviest)[:SHOWN_CLUSTERS]),
            heat=self._heat(),
            trend=trend(self._intervals(names), self.weekly.began(), self.made, self.beside.zone),
            deliveries=self._deliveries(),
            expiring=self._expiring(),
            norms=tuple(one for one in self.beside.norms if self.only in (None, one.naam)),
            coverage=self._coverage(others),
            fingerprints=self._fingerprints() if self.role == Role.AUDITOR else (),
            mail=self.beside.mail if self.role in (Role.GEGEVENSBEHEERDER, Role.AUDITOR) else (),
            afnemer=self.only or "",
        )

    # Controles and applications

    def _controle(self, stored: StoredRun) -> ControleLine:
        entity, counts = self.catalogue[stored.entity], self.counts[stored.afnemer, stored.entity]
        own = stored.afnemer_id is None and stored.distributie_id is not None
        outcome, fields = stored.outcome, stored.outcome.get("fields", ())
        books = outcome.get("crosschecks", ())
        among = (
            max((book["rijen"] for book in books), default=0)
            if own
            else judged_rows(outcome.get("rows", {}), outcome.get("kinds", {}))
        )
        quarantined = stored.status == QUARANTINE
        answers = stored.facts["coverage"]
        compared = {_whole(one["field"], entity) for one in answers if one["coverage"] in _COMPARED}
        return ControleLine(
            afnemer=stored.afnemer,
            titel=stored.facts["titel"],
            entity=entity.name,
            entity_label=entity.label,
            run_id=stored.id,
            finished=stored.finished,
            stand=standing_of(quarantined=quarantined, grave=counts.kritiek, wrong=counts.open, among=among),
            zin=controle_sentence(counts, among, entity.name, quarantined=quarantined),
            counts=counts,
            vergeleken=sum(int(line["vergeleken"]) for line in fields),
            gelijk=sum(int(line["gelijk"]) for line in fields),
            objecten=among,
            velden=len(compared),
            velden_totaal=len({_whole(one["field"], entity) for one in answers}),
            page=report_name(stored),
            peildatums=self._peildatums(stored),
            own=own,
            ooit=not quarantined or self._ever_compared(stored),
        )

    def _ever_compared(self, stored: StoredRun) -> bool:
        done = self.history.runs(stored.afnemer, 1, entity=stored.entity, status=DONE, until=self.made)
        return bool(done)

    def _peildatums(self, stored: StoredRun) -> tuple[datetime, ...]:
        ids = dict.fromkeys(one for one in (stored.distributie_id, stored.afnemer_id) if one is not None)
        return tuple(self.history.delivery(number).peildatum for number in ids)

    def _afnemers(
        self, lines: Sequence[ControleLine], findings: Sequence[WeekFinding], clusters: Sequence[WeekCluster]
    ) -> tuple[AfnemerWeek, ...]:
        facts = {stored.afnemer: stored.facts for stored in self.stored.values()}
        found = []
        for naam in dict.fromkeys(line.afnemer for line in lines):
            own = tuple(line for line in lines if line.afnemer == naam)
            counts = together(by_names(self.counts, naam))
            earlier = by_names(self.before, naam)
            before = together(earlier)
            stand = min((line.stand for line in own), key=_gravity)
            tasks_of = sorted((one for one in findings if one.afnemer == naam), key=_gravest)
            of = sorted((one for one in clusters if one.afnemer == naam), key=_heaviest)
            one = AfnemerWeek(
                naam=naam,
                titel=facts[naam]["titel"],
                eigenaar=facts[naam]["eigenaar"],
                contact=facts[naam]["contact"],
                stand=stand,
                zin="",
                counts=counts,
                vorige=before,
                controles=own,
                clusters=tuple(of),
                taken=tuple(tasks_of[: self._most]),
                taken_totaal=counts.open,
                kolommen=tuple(dict.fromkeys(line.line.field for line in of if line.line.cause == COLUMN)),
                ingericht=naam in self.beside.mapped,
            )
            said = afnemer_sentence(one, before if earlier else None, self.since, self.zone)
            found.append(replace(one, zin=said))
        return tuple(sorted(found, key=lambda one: (_gravity(one.stand), -one.counts.kritiek, one.titel.casefold())))

    # Findings and clusters

    @property
    def _most(self) -> int:
        return _OWN_TASKS if self.role == Role.BEHEERDER else SHOWN_TASKS

    def _findings(self, lines: Sequence[ControleLine]) -> list[WeekFinding]:
        """The worst of every controle; none for who sees numbers only."""
        if self.role == Role.MANAGER:
            return []
        accepted = {
            number
            for held in self.decided.values()
            for number in parted(held).filter(pl.col("part") == ACCEPTED)["id"].to_list()
        }
        most = max(self._most, SHOWN_CRITICAL)
        chosen = self.weekly.worst(most, self._first(), (UNDER_WAY, COLUMN), accepted)
        ids: dict[tuple[str, str], list[int]] = {}
        for afnemer, entity, number in chosen.select("afnemer", "entity", "id").iter_rows():
            ids.setdefault((afnemer, entity), []).append(number)
        found: list[WeekFinding] = []
        for line in lines:
            if (line.afnemer, line.entity) in ids:
                names = (line.afnemer, line.entity)
                opened = parted(self.weekly.opened(names, line.run_id, ids[names])).filter(pl.col("part") == WRONG)
                found += [self._finding(row, line) for row in opened.iter_rows(named=True)]
        return found

    def _first(self) -> dict[tuple[str, str], int]:
        """What may harm somebody comes first: the place of every field that says so."""
        return {
            (entity.name, field.name): rank(field.name, entity)
            for entity in self.catalogue.entities.values()
            for field in entity.fields
            if rank(field.name, entity) < len(_SIGNALS)
        }

    def _finding(self, row: Mapping[str, Any], line: ControleLine) -> WeekFinding:
        entity = self.catalogue[line.entity]
        known = Known(self.catalogue, entity, {})
        field, key_field = known.field(row["field"]), row["key_field"]
        bare = self.role == Role.BEHEERDER
        values = (row["distributie"], row["afnemer_value"])
        shown = values if bare else tuple(known.shown(value, row["kind"], field, key_field) for value in values)
        return WeekFinding(
            id=row["id"],
            afnemer=line.afnemer,
            titel=line.titel,
            entity=line.entity,
            entity_label=line.entity_label,
            key=row["key"] if bare else masked_key(row["key"], key_field, entity),
            field=field.label if field else "",
            kind=row["kind"],
            rule=row["rule"] or "",
            severity=row["severity"],
            distributie=shown[0] or "",
            afnemer_value=shown[1] or "",
            cause=row["cause"],
            next_step=row["next_step"] or "",
            advies=advice(row["kind"], row["cause"], row["next_step"] or ""),
            signaal=_signal(row, entity),
            first_seen=row["first_seen"],
            age=row["age"],
            status=row["status"],
            assigned=row["assigned"] or "",
            reference=row["reference"] or "",
        )

    def _clusters(self, lines: Sequence[ControleLine]) -> list[WeekCluster]:
        """What asks something of somebody, as clusters; examples only for who may see objects."""
        found = []
        for line in lines:
            entity = self.catalogue[line.entity]
            names = (line.afnemer, line.entity)
            decided = parted(self.decided[names] if names in self.decided else pl.DataFrame(schema=LIFE_COLUMNS))
            known = Known(self.catalogue, entity, titles_of(self.stored[names]))
            for one in tasks(self.history.clusters(line.run_id, _CLUSTERS), decided, known):
                if one.kind != "cosmetisch" and one.next_step != "wachten" and one.accepted < one.count:
                    shown = replace(one, examples=(), pattern="") if self.role == Role.MANAGER else one
                    found.append(WeekCluster(line.afnemer, line.titel, line.entity_label, line.run_id, shown))
        return found

    # Heat, deliveries, acceptances, coverage

    def _heat(self) -> tuple[HeatCell, ...]:
        cells = []
        for stored in self.stored.values():
            entity = self.catalogue[stored.entity]
            for line in stored.outcome.get("fields", ()):
                wrong = sum(int(line[name]) for name in ("afwijkend", "leeg_in_applicatie", "leeg_in_bron"))
                field, titel = entity[line["field"]], stored.facts["titel"]
                counted = (int(line["vergeleken"]), wrong)
                cells.append(
                    HeatCell(stored.afnemer, titel, entity.name, entity.label, field.name, field.label, *counted)
                )
        return tuple(cells)

    def _intervals(self, names: set[tuple[str, str]]) -> pl.DataFrame:
        afnemers = {afnemer for afnemer, _ in names}
        return self.intervals.filter(pl.col("afnemer").is_in(sorted(afnemers)))

    def _deliveries(self) -> tuple[DeliveryState, ...]:
        return tuple(one for one in self.beside.states if self.only in (None, one.naam))

    def _expiring(self) -> tuple[Expiring, ...]:
        """Acceptances that hold now and end within a month."""
        today = self.made.astimezone(ZoneInfo(self.beside.zone)).date()
        found = []
        for names, held in self.decided.items():
            decisions = self.weekly.decisions(names)
            withdrawn = {decision.subject for decision in decisions}
            hides = dict(held["decision"].value_counts().iter_rows())
            for decision in decisions:
                if (
                    decision.action == Action.ACCEPTEREN
                    and decision.id not in withdrawn
                    and decision.last_day is not None
                    and today <= decision.last_day <= today + SOON
                ):
                    about = self._about(decision.pattern, names[1])
                    found.append(self._expiring_line(decision.id, self.stored[names], about, hides, decision.last_day))
        return tuple(sorted(found, key=lambda one: (one.last_day, one.titel)))

    def _expiring_line(
        self, number: int, stored: StoredRun, about: str, hides: Mapping[int, int], last_day: date
    ) -> Expiring:
        label = self.catalogue[stored.entity].label
        count = hides.get(number, 0)
        return Expiring(number, stored.afnemer, stored.facts["titel"], label, about, count, last_day)

    def _about(self, pattern: Any, entity: str) -> str:
        """What an acceptance is about, without a value."""
        if pattern is None:
            return "één bevinding"
        field = self.catalogue[entity][pattern.field].label if pattern.field else ""
        kind = kind_words(pattern.kind).label if pattern.kind else ""
        return " ".join(part for part in (field, kind) if part) or "een patroon"

    def _coverage(self, lines: Sequence[ControleLine]) -> Coverage:
        rows = [stored.outcome.get("rows", {}) for stored in self.stored.values() if stored.afnemer_id is not None]
        fields = [line for stored in self.stored.values() for line in stored.outcome.get("fields", ())]
        seen = {stored.afnemer for stored in self.stored.values()}
        today = self.made.astimezone(ZoneInfo(self.beside.zone)).date()
        answers = [one for stored in self.stored.values() for one in stored.facts["coverage"]]
        return Coverage(
            velden=sum(line.velden for line in lines),
            velden_totaal=sum(line.velden_totaal for line in lines),
            waarden=sum(line.vergeleken for line in lines),
            afgekeurd=sum(one.get(f"{side}_afgekeurd", 0) for one in rows for side in ("distributie", "afnemer")),
            onbeslist=sum(int(line["onbeslist"]) for line in fields),
            in_quarantaine=sum(line.stand == "quarantaine" for line in lines),
            zonder_controle=tuple(
                title for name, title in self.beside.titles.items() if name not in seen and self.only in (None, name)
            ),
            wensen_verlopen=sum(
                one["deadline"] is not None and date.fromisoformat(one["deadline"]) < today for one in answers
            ),
        )

    def _fingerprints(self) -> tuple[tuple[str, str, str, int, str], ...]:
        ids = dict.fromkeys(
            number
            for one in self.stored.values()
            for number in (one.distributie_id, one.afnemer_id)
            if number is not None
        )
        found = [self.history.delivery(number) for number in ids]
        return tuple((one.afnemer, one.entity, one.manifest["file"], one.rows, one.sha256) for one in found)


def _whole(name: str, entity: Entity) -> str:
    return entity[name].part_of or name


def _signal(row: Mapping[str, Any], entity: Entity) -> str:
    """What a critical finding is about, as a steward asks for it first."""
    place = rank(row["field"], entity)
    if place < len(_SIGNALS):
        return _SIGNALS[place]
    of_key = entity.name == "personen" and (row["field"] == "bsn" or row["kind"] in ("sleutelverschil", "dubbel"))
    return "bsn" if of_key else ""


_ORDER = ("geheim", "overleden", "verhuisd", "bsn", "")
_STANDS = ("kritiek", "quarantaine", "afwijkend", "niets", "in_orde")


def _gravest(one: WeekFinding) -> tuple[int, int, int]:
    return SEVERITIES.index(one.severity), _ORDER.index(one.signaal), one.age


def _heaviest(one: WeekCluster) -> tuple[bool, int, int]:
    """What one act mends most of: a wrong column, then by size."""
    return one.line.cause != COLUMN, -one.line.count, SEVERITIES.index(one.line.severity)


def _gravity(stand: str) -> int:
    return _STANDS.index(stand)
