"""What is kept with a run beside its findings: the facts that explain the outcome, and the outcome's counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.metadata import version
from typing import Any

from kmgb.catalogue.fields import Entity
from kmgb.compare.comparison import Comparison
from kmgb.crosscheck.evaluate import Judged
from kmgb.landing import Manifest
from kmgb.mapping.model import Mapping
from kmgb.run.coverage import FieldCoverage, coverage
from kmgb.run.municipality import Municipality
from kmgb.run.texts import settings_of, texts_of
from kmgb.store.runs import StoredDelivery

# Raised by hand when the rules of comparing change in a way that can change an outcome; kept with every run.
RULE_VERSION = "2026.2"


def facts_of(
    municipality: Municipality,
    source: Mapping,
    mapping: Mapping,
    entity: Entity,
    warnings: Sequence[str] = (),
    references: Collection[Manifest] = (),
) -> dict[str, Any]:
    """Who, what was expected, what was compared, by which versions; and what went wrong on the way (`warnings`).

    `references` are the aanleveringen of the distribution that its kruiscontroles looked at.
    """
    ours, theirs = source.entiteit[entity.name], mapping.entiteit[entity.name]
    return {
        "titel": mapping.afnemer.titel,
        "rol": mapping.afnemer.rol,
        "eigenaar": mapping.afnemer.eigenaar,
        "contact": mapping.afnemer.contact,
        "population": theirs.populatie.omschrijving,
        "population_text": [theirs.populatie.distributie, theirs.populatie.applicatie],
        "coverage": [_answer(answer) for answer in coverage(entity, ours, theirs)],
        "warnings": list(warnings),
        "references": {manifest.entity: manifest.id for manifest in references},
        "settings": settings_of(municipality.settings),
        "texts": texts_of(municipality, entity.name),
        "versions": {
            "kmgb": version("kmgb"),
            "catalogus": municipality.catalogue.version,
            "regels": RULE_VERSION,
            "veldtoewijzing": mapping.version,
            "veldtoewijzing_distributie": source.version,
            "kruiscontroles": municipality.crosschecks.version,
        },
    }


def outcome_of(comparison: Comparison, judged: Sequence[Judged]) -> dict[str, Any]:
    """The counts of a run: its figures, and its findings per severity, cause and next step."""
    findings = comparison.findings
    return figures_of(comparison, judged) | {
        plural: dict(findings.group_by(name).len().sort(name).iter_rows())
        for name, plural in (("severity", "severities"), ("cause", "causes"), ("next_step", "next_steps"))
    }


def figures_of(comparison: Comparison, judged: Sequence[Judged]) -> dict[str, Any]:
    """What follows from the rows alone: rows, kinds, fields, the total, and the books of the kruiscontroles."""
    return {
        "rows": comparison.rows,
        "kinds": comparison.counts(),
        "fields": comparison.fields.to_dicts(),
        "total": comparison.findings.height,
        "crosschecks": [book for one in judged for book in one.books.to_dicts()],
        "crosschecks_skipped": [
            {"code": skipped.code, "kant": skipped.kant, "reason": skipped.reason}
            for one in judged
            for skipped in one.skipped
        ],
    }


def stored(manifest: Manifest) -> StoredDelivery:
    """An aanlevering as the history keeps it."""
    names = ("id", "afnemer", "entity", "status", "peildatum", "arrived", "sha256", "rows")
    return StoredDelivery(**{name: getattr(manifest, name) for name in names}, manifest=manifest.to_document())


def _answer(answer: FieldCoverage) -> dict[str, Any]:
    deadline = answer.deadline.isoformat() if answer.deadline else None
    return {
        "field": answer.field.name,
        "coverage": answer.coverage.value,
        "explanation": answer.explanation,
        "deadline": deadline,
        "alternative": answer.alternative,
    }
