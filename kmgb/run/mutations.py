"""What changed in the distribution since its previous aanlevering, kept in the mutation log.

A step of which anything is doubtful is not kept: the log then shows a gap, and a warning says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low
from zoneinfo import ZoneInfo

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.compare.comparison import Side
from kmgb.compare.plan import CellPlan, Plan
from kmgb.landing import Landed, Manifest, manifests, open_landed
from kmgb.mapping.model import EntiteitMapping, Mapping
from kmgb.mutations.derive import APPEARED, CHANGED, VANISHED, mutations, unnamed_rows
from kmgb.mutations.log import MutationLog
from kmgb.normalise.frame import normalised_fields
from kmgb.run.municipality import Municipality
from kmgb.run.mutation_words import Words
from kmgb.run.plan import comparison_key
from kmgb.run.prepare import Prepared, prepare

_LATE = 1.5  # times the usual step: from here on an aanlevering was missed
_RHYTHM = 0.1  # part of the earlier steps that makes a longer one usual
_READ_LATER = ("datum", "decimaalteken", "decodering", "leeg")  # keys of a reader that also steer normalising
_FEW = 100  # so few rows may all have changed in a week


@dataclass(frozen=True, slots=True)
class _Task:
    """One step to keep: from `previous` to `this`."""

    previous: Manifest
    this: Manifest

    @property
    def both(self) -> tuple[Manifest, Manifest]:
        return self.previous, self.this


def mutation_log(municipality: Municipality) -> MutationLog:
    """The mutation log of this municipality."""
    return MutationLog(municipality.settings.data / "mutaties")


def keep_mutations(
    municipality: Municipality, mapping: Mapping, entity: str, landed: Landed, ready: Prepared | None = None
) -> list[str]:
    """Keep what changed between the previous accepted aanlevering of the distribution and this one; Dutch warnings.

    Steps that an earlier run did not come to are kept as well. A step that is kept already stays as it is. Steps
    past their retention go. `ready`: this aanlevering, when it was made ready before by the distribution's own key
    and history. Raises: StoreError when the log cannot be read or written.
    """
    this, log = landed.manifest, mutation_log(municipality)
    known = manifests(municipality.landing, mapping.naam, entity)
    accepted = [manifest for manifest in known if manifest.status == "geaccepteerd"]
    words = Words(mapping.naam, entity, ZoneInfo(municipality.settings.timezone))
    reached = log.coverage(mapping.naam, entity).until or this.peildatum
    newest = max([reached, *(manifest.peildatum for manifest in accepted)])
    if this.peildatum < newest:
        return [words.backwards(this.peildatum, newest)]
    if not landed.accepted:
        return []
    sides = {} if ready is None else {this.id: ready.side}
    keeper = _Keeper(municipality, mapping, municipality.catalogue[entity], log, accepted, words, sides)
    before = min(this.peildatum, this.arrived) - timedelta(days=municipality.settings.mutation_days)
    warnings = [warning for moment in keeper.pending(this.peildatum, before) for warning in keeper.keep(moment)]
    log.prune(before, mapping.naam, entity)
    gaps = [gap for gap in log.coverage(mapping.naam, entity).gaps if gap[0] < gap[1]]
    return list(dict.fromkeys([*warnings, *([words.gap(gaps)] if gaps else [])]))


def mutation_plan(entity: Entity, mapping: EntiteitMapping) -> Plan:
    """The distribution beside itself: every field it delivers, literally, and everyone expected."""
    key = comparison_key(entity, mapping)
    fields = dict.fromkeys([*(entity[name] for name in key), *normalised_fields(mapping, entity)])
    return Plan(cells=tuple(CellPlan(field) for field in fields), key=key)


@dataclass(frozen=True, slots=True)
class _Keeper:
    """Keeps the steps of one entity of the distribution.

    `accepted`: its accepted aanleveringen, newest first. `sides`: those made ready already, by the id of the manifest.
    """

    municipality: Municipality
    mapping: Mapping
    entity: Entity
    log: MutationLog
    accepted: Sequence[Manifest]
    words: Words
    sides: dict[str, Side]

    @property
    def rules(self) -> EntiteitMapping:
        return self.mapping.entiteit[self.entity.name]

    @property
    def plan(self) -> Plan:
        return mutation_plan(self.entity, self.rules)

    def pending(self, last: datetime, before: datetime) -> list[datetime]:
        """The peildatums that end a step which is not kept yet, oldest first, and always the last one."""
        reached = self.log.coverage(self.mapping.naam, self.entity.name).until or before
        moments = {manifest.peildatum for manifest in self.accepted}
        return [*sorted(moment for moment in moments if max(reached, before) < moment < last), last]

    def keep(self, until: datetime) -> Iterator[str]:
        """Keep the step that ends here where nothing is doubtful; every warning about it."""
        name = (self.mapping.naam, self.entity.name)
        here = self._of(until)
        if _contents(here) > 1:
            # Which of them the applications received, nobody knows: what was kept about the first is disputed as well.
            self.log.withdraw(*name, until)
            yield self.words.twice(until)
            return
        earlier = sorted({one.peildatum for one in self.accepted if one.peildatum < until})
        if not earlier:
            return
        there = self._of(earlier[-1])
        if _contents(there) > 1:
            yield self.words.twice(earlier[-1])
            return
        if usual := _unusually_long(until - earlier[-1], earlier):
            yield self.words.missed(earlier[-1], until, usual)
        if self.log.has(*name, until):
            return
        task = _Task(self._fullest(there), self._fullest(here))
        if reason := self._hindrance(task) or self._derive(task):
            yield self.words.not_kept(earlier[-1], until, reason)

    def _of(self, moment: datetime) -> list[Manifest]:
        return [manifest for manifest in self.accepted if manifest.peildatum == moment]

    def _fullest(self, alike: Sequence[Manifest]) -> Manifest:
        """Of one file that was read more than once, the reading with all columns."""
        needed = _columns(self.rules)
        return next((manifest for manifest in alike if needed <= set(manifest.kept)), alike[0])

    def _hindrance(self, task: _Task) -> str:
        """Why these two cannot be laid side by side by one mapping; empty when they can."""
        if not self.rules.volledig:
            return "de veldtoewijzing zegt dat de aanlevering niet volledig is (volledig = false)"
        reader = self.rules.aanlevering.model_dump(mode="json", exclude_defaults=True)
        for manifest in task.both:
            if not open_landed(self.municipality.landing, manifest).has_data:
                return f"de gegevens van {manifest.file} zijn er niet meer"
            if absent := sorted(_columns(self.rules) - set(manifest.kept)):
                return f"{manifest.file} mist kolommen van de veldtoewijzing: {', '.join(map(repr, absent))}"
            if other := [name for name in _READ_LATER if manifest.reader.get(name) != reader.get(name)]:
                return f"{manifest.file} werd anders gelezen dan nu in de veldtoewijzing staat: {', '.join(other)}"
        return ""

    def _derive(self, task: _Task) -> str:
        """Keep the step; or the reason why not."""
        plan, (old, new) = self.plan, [self._side(manifest) for manifest in task.both]
        after, until = task.previous.peildatum, task.this.peildatum
        self.sides[task.this.id] = new
        frame = mutations(old, new, plan, after, until)
        for change, side, other in ((APPEARED, old, new), (VANISHED, new, old)):
            if change in frame["change"] and (unnamed := unnamed_rows(side, other, plan)):
                return f"van {unnamed} rijen is de sleutel niet te lezen: welke rijen kwamen of gingen, staat niet vast"
        remapped = task.previous.mapping_version != task.this.mapping_version
        if remapped and (shifted := _shifted(frame, min(old.accepted.height, new.accepted.height))):
            return f"met een andere veldtoewijzing veranderde meer dan de helft van de rijen in {shifted}"
        scope = "|".join([*plan.key, "", *sorted(cell.name for cell in plan.compared)])
        self.log.append(self.mapping.naam, self.entity.name, after, until, frame, scope=scope)
        return ""

    def _side(self, manifest: Manifest) -> Side:
        """The aanlevering made ready; taken out of `sides`, so that it does not stay in memory."""
        if manifest.id in self.sides:
            return self.sides.pop(manifest.id)
        day = manifest.peildatum.astimezone(self.words.zone).date()
        frame, history = open_landed(self.municipality.landing, manifest).frame, self.rules.historie == "historie"
        catalogue = self.municipality.catalogue
        ready = prepare(frame, self.rules, self.entity, catalogue, key=self.plan.key, history=history, day=day)
        return ready.side


def _shifted(frame: pl.DataFrame, rows: int) -> str:
    """The fields that changed in so many rows that it must be the mapping, not the data."""
    cells = frame.filter(change=CHANGED).group_by("field").len()
    return ", ".join(sorted(cells.filter(cells["len"] > max(_FEW, rows / 2))["field"]))


def _columns(rules: EntiteitMapping) -> set[str]:
    return {column for veld in (*rules.velden.values(), *rules.hulp.values()) for column in veld.columns}


def _contents(deliveries: Sequence[Manifest]) -> int:
    """How many different contents these are: one file read again by another mapping is the same."""
    return len({(one.sha256, *(lookup.sha256 for lookup in one.lookups)) for one in deliveries})


def _unusually_long(step: timedelta, earlier: Sequence[datetime]) -> timedelta | None:
    """The usual time between aanleveringen when this step is clearly longer than that; None when it is not.

    A longer step that comes back now and then is part of the rhythm: the weekend of who delivers on working days.
    """
    steps = [two - one for one, two in pairwise(earlier)]
    if not steps or step <= _LATE * (usual := median_low(steps)):
        return None
    alike = sum(other >= 0.9 * step for other in steps)
    return None if alike > 1 and alike >= _RHYTHM * len(steps) else usual
