"""What the pack says of a run beside its findings: from its facts, its counts and its clusters to rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.catalogue.masking import HIDDEN, masked_value
from kmgb.report.evidence import shown_evidence
from kmgb.report.pack.manifest import Figure
from kmgb.report.pack.tables import TABLES
from kmgb.run.municipality import Municipality
from kmgb.store.runs import StoredRun

Row = dict[str, Any]
_GROUPS: Final = {
    "rows": "rijen", "kinds": "soorten", "severities": "ernst", "causes": "oorzaken", "next_steps": "vervolg",
}  # fmt: skip


def tables_of(municipality: Municipality, stored: StoredRun, *, opened: bool) -> dict[str, pl.DataFrame]:
    """The rows of one run by table; values of clusters are masked unless `opened`."""
    outcome, facts = stored.outcome, stored.facts
    entity = municipality.catalogue[stored.entity]
    rows: dict[str, list[Row]] = {
        "runs": [_run(municipality, stored)],
        "tellingen": list(_counts(outcome)),
        "velden": list(outcome.get("fields", ())),
        "dekking": list(facts.get("coverage", ())),
        "instellingen": [{"naam": name, "waarde": str(value)} for name, value in facts.get("settings", {}).items()],
        "gebruikt": list(_used(stored)),
        "kruiscontroles": [*outcome.get("crosschecks", ()), *map(_skipped, outcome.get("crosschecks_skipped", ()))],
        "clusters": [_cluster(one, entity, opened=opened) for one in municipality.history.clusters(stored.id)],
        "onbekend": [{"id": number} for number in municipality.history.spans.unknown(stored.id)],
    }
    return {name: framed(name, [row | {"run_id": stored.id} for row in found]) for name, found in rows.items()}


def framed(table: str, rows: list[Row]) -> pl.DataFrame:
    """Rows as a frame with the columns of a table; what a row does not tell is null."""
    return pl.DataFrame(
        [{name: row.get(name) for name in TABLES[table].schema} for row in rows], schema=TABLES[table].schema
    )


def figure_of(stored: StoredRun) -> Figure:
    """The outcome of a run for the manifest."""
    kinds, total = stored.outcome.get("kinds", {}), stored.outcome.get("total")
    return Figure(
        run=stored.id, afnemer=stored.afnemer, entity=stored.entity, status=stored.status, totaal=total, soorten=kinds
    )


def role_of(municipality: Municipality, stored: StoredRun) -> str:
    """Whose a run is: afnemer, register or distributie. Where the run does not tell, as its name is mapped now."""
    mapping = municipality.mappings.get(stored.afnemer)
    return str(stored.facts.get("rol") or (mapping.afnemer.rol if mapping else "afnemer"))


def _run(municipality: Municipality, stored: StoredRun) -> Row:
    changes, facts = municipality.history.changes(stored), stored.facts
    versions, texts = facts.get("versions", {}), facts.get("texts", {})
    population, held = facts.get("population_text", ("", ""))
    names = ("kmgb", "regels", "catalogus", "veldtoewijzing", "veldtoewijzing_distributie", "kruiscontroles")
    return {
        **{name: getattr(stored, name) for name in StoredRun.__dataclass_fields__},
        **{name: versions.get(name) for name in names},
        "titel": facts.get("titel"),
        "rol": role_of(municipality, stored),
        "total": stored.outcome.get("total"),
        "opened": changes.opened,
        "closed_solved": changes.solved,
        "closed_outside": changes.outside,
        "closed_dropped": changes.dropped,
        "changed": changes.changed,
        "unknown": changes.unknown,
        "population": facts.get("population"),
        "population_distributie": population,
        "population_afnemer": held,
        "catalogus_sha256": texts.get("catalogus"),
        "codelijsten_sha256": texts.get("codelijsten"),
        "warnings": "\n".join(facts.get("warnings", ())),
    }


def _counts(outcome: Mapping[str, Any]) -> Iterator[Row]:
    for part, group in _GROUPS.items():
        for name, count in sorted(outcome.get(part, {}).items()):
            yield {"groep": group, "naam": name, "aantal": count}


def _used(stored: StoredRun) -> Iterator[Row]:
    entity, references = stored.entity, stored.facts.get("references", {})
    for side, number in (("distributie", stored.distributie_id), ("afnemer", stored.afnemer_id)):
        if number is not None:
            yield {"kant": side, "entity": entity, "aanlevering_id": number}
    for name, number in sorted(references.items()):
        yield {"kant": "verwijzing", "entity": name, "aanlevering_id": number}


def _skipped(one: Mapping[str, Any]) -> Row:
    return {"code": one["code"], "kant": one["kant"], "reden": one["reason"]}


def _cluster(one: Row, entity: Entity, *, opened: bool) -> Row:
    if opened:
        return one
    known = one["field"] in entity
    field = entity[one["field"]] if known else None

    def shown(value: str | None) -> str | None:
        if value is None or (one["field"] and not known):
            return HIDDEN if value else value
        return masked_value(value, one["kind"], field, entity.primary.name, entity)

    street = HIDDEN if one["street"] and (field is None or field.sensitive) else one["street"]
    masked = {"from": shown(one["from"]), "to": shown(one["to"]), "street": street}
    return one | masked | {"evidence": shown_evidence(one["evidence"] or "", entity)}
