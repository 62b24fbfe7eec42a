"""Two aanleveringen laid side by side: by an application's mapping, or a register before the distribution.

What a run compares and what a replay compares again is this same step.
"""

from __future__ import annotations

from dataclasses import dataclass

from kmgb.catalogue.fields import Entity
from kmgb.compare.comparison import Comparison
from kmgb.compare.plan import Plan
from kmgb.landing import Landed
from kmgb.mapping.model import EntiteitMapping, Mapping, Populatie
from kmgb.run.distributie import Distributie, day_of, make_ready
from kmgb.run.outcome import compare_prepared
from kmgb.run.plan import comparison_key, comparison_plan
from kmgb.run.prepare import Prepared


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides as they were made ready (the source first), how they were laid side by side, and what came out."""

    prepared: tuple[Prepared, Prepared]
    plan: Plan
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Link:
    """A register, the distribution it feeds, and how their rows are laid side by side."""

    register: Mapping
    source: Mapping
    entity: Entity

    @property
    def name(self) -> tuple[str, str]:
        """What its runs are called in the history."""
        return self.register.naam, self.entity.name

    @property
    def ours(self) -> EntiteitMapping:
        """How the register is read."""
        return self.register.entiteit[self.entity.name]

    @property
    def theirs(self) -> EntiteitMapping:
        """How the distribution is judged: as it is delivered, for the rows and fields that the register agrees on."""
        ours, theirs = self.ours, self.source.entiteit[self.entity.name]
        said = ours.populatie
        turned = Populatie(distributie=said.applicatie, applicatie=said.distributie, omschrijving=said.omschrijving)
        keys = dict.fromkeys([*theirs.alternatieve_sleutels, *ours.alternatieve_sleutels])
        agreed = theirs.uitgesloten | ours.uitgesloten
        return theirs.model_copy(
            update={"populatie": turned, "uitgesloten": agreed, "alternatieve_sleutels": tuple(keys)}
        )

    @property
    def beside(self) -> Mapping:
        """The distribution as an application under the register's name."""
        return self.register.model_copy(update={"entiteit": {self.entity.name: self.theirs}})


def application_sides(
    shared: Distributie, source: Mapping, mapping: Mapping, entity: Entity, landed: tuple[Landed, Landed]
) -> Sides:
    """An application beside the distribution that feeds it."""
    municipality, ours, theirs = shared.municipality, source.entiteit[entity.name], mapping.entiteit[entity.name]
    left = shared.ready(source, entity, theirs)
    key, history = comparison_key(entity, theirs), theirs.historie == "historie"
    right = make_ready(municipality, landed[1], theirs, entity, key=key, history=history)
    day = day_of(municipality, landed[0].manifest)
    plan = comparison_plan(municipality.catalogue, entity, ours, theirs, day)
    return Sides((left, right), plan, compare_prepared(left, right, plan))


def register_sides(shared: Distributie, link: Link) -> Sides:
    """The distribution beside the register that feeds it."""
    entity, theirs = link.entity, link.theirs
    left, right = shared.ready(link.register, entity, theirs), shared.ready(link.source, entity, theirs)
    day = day_of(shared.municipality, shared.land(link.register, entity.name).manifest)
    plan = comparison_plan(shared.municipality.catalogue, entity, link.ours, theirs, day)
    return Sides((left, right), plan, compare_prepared(left, right, plan))
