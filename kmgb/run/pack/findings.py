"""What the pack says of a controle over its period: findings, their versions, decisions, and what those hid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.catalogue.masking import HIDDEN, masked
from kmgb.report.files import RECORD, mask_findings
from kmgb.report.pack.tables import TABLES
from kmgb.run.municipality import Municipality
from kmgb.run.pack.runs import framed
from kmgb.run.publish import finding_record
from kmgb.store.decisions import Decision
from kmgb.store.spans import Span

Part = tuple[str, pl.DataFrame]


def parts_of(municipality: Municipality, span: Span, end: datetime, *, opened: bool) -> Iterator[Part]:
    """The rows of a controle, part by part, each with the name of its table; masked unless `opened`."""
    spans, entity = municipality.history.spans, municipality.catalogue[span.entity]
    last = municipality.history.run(span.last)
    more = [name for name in TABLES["bevindingen"].schema if name not in RECORD]
    for findings in spans.findings(span):
        record = finding_record(municipality, last, findings, more)
        yield "bevindingen", record if opened else mask_findings(record, entity)
    for versions in spans.versions(span):
        told = versions.with_columns(pl.col("since").dt.replace_time_zone("UTC"))
        yield "versies", told if opened else mask_findings(told, entity)
    decisions = [_decision(one, entity, opened=opened) for one in spans.decisions(span, end)]
    yield "besluiten", framed("besluiten", decisions)
    for number in spans.runs(span):
        held = [
            {
                "run_id": number,
                "decision": one.decision.id,
                "about": "bevinding" if one.decision.pattern is None else "patroon",
                "last_day": str(one.decision.last_day),
                "hidden": one.hidden,
            }
            for one in spans.suppressions(span, number)
        ]
        yield "onderdrukkingen", framed("onderdrukkingen", held)


def _decision(decision: Decision, entity: Entity, *, opened: bool) -> dict[str, Any]:
    pattern = decision.pattern
    names = ("id", "action", "made", "afnemer", "entity", "finding", "subject", "state", "reference", "who", "text")
    told: dict[str, Any] = {name: getattr(decision, name) for name in names}
    told["last_day"] = str(decision.last_day) if decision.last_day else None
    if pattern is None:
        return told
    told |= {name: getattr(pattern, name) for name in ("field", "kind", "rule", "cause")}
    ours, theirs = pattern.values or (None, None)
    for name, value in (("distributie", ours), ("afnemer_value", theirs)):
        told[name] = value if opened or value is None else _shown(value, pattern.field, entity)
    return told


def _shown(value: str, field: str | None, entity: Entity) -> str:
    """A value of a pattern as every reader may see it: of a pattern without a known field it may be of any field."""
    return masked(value, entity[field]) if field in entity and field else HIDDEN if value else ""
