"""Findings as they stand -> files for whoever has to act: terugmeldingen per register, keys to resend per afnemer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from kmgb.compare.match import key_text
from kmgb.errors import SettingsError
from kmgb.explain.steps import next_step
from kmgb.landing import manifests, open_landed
from kmgb.mapping.model import EntiteitMapping
from kmgb.normalise.frame import normalise
from kmgb.report.herzenden import RESENT, keys_to_resend
from kmgb.report.private import private_csv, write_private
from kmgb.report.steps import REPORT_BACK, due
from kmgb.report.terugmelding import REGISTERS, Doubts, meldingen, package, register_of
from kmgb.run.municipality import Municipality
from kmgb.store.decisions import Reported
from kmgb.store.runs import DONE, StoredRun

_SHIELD = "indicatie_geheim"
_PERSONAL = ("brp", "nhr")


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written (`path`; a package has others beside it), how much is in it, and whether of persons.

    `reference` names a package, `recorded` is the number of findings whose terugmelding it wrote in the history.
    """

    path: Path
    count: int
    private: bool
    reference: str = ""
    recorded: int = 0


def export_terugmeldingen(
    municipality: Municipality, out: Path, registers: Collection[str], afnemer: str, *, who: str, now: datetime
) -> list[Written]:
    """A package per register that has something to be told, in `out`, and its findings marked as ready to be reported.

    An empty `who` marks nothing. The files come first: what is marked and not written would never be sent.
    Raises: KmgbError on a wrong name or folder.
    """
    made = now.astimezone(ZoneInfo(municipality.settings.timezone))
    runs = [stored for stored in _newest(municipality, afnemer) if register_of(stored.entity) in registers]
    doubts = [_doubts(municipality, stored, now) for stored in runs]
    rows = meldingen(doubts, municipality.catalogue)
    written = []
    for name in registers:
        register = REGISTERS[name]
        own = rows.filter(pl.col("register") == register.name)
        if own.is_empty():
            continue
        reference = f"{register.name}-{made:%Y%m%d-%H%M%S}"
        for ending, content in package(own, register, made, reference).items():
            write_private(out / f"terugmelding-{name}.{ending}", content)
        chosen = [one for one in doubts if register_of(one.entity) == name]
        recorded = _record(municipality, chosen, reference, who, now) if who else 0
        path = out / f"terugmelding-{name}.json"
        written.append(Written(path, own.height, name in _PERSONAL, reference, recorded))
    return written


def export_herzenden(municipality: Municipality, afnemer: str, out: Path, *, now: datetime) -> Written | None:
    """The keys to send to this application again, in `out`; None when there are none. Raises: KmgbError."""
    municipality.afnemer(afnemer)
    lists = [
        keys_to_resend(
            _findings(municipality, stored, now), municipality.catalogue[stored.entity], municipality.settings.timezone
        )
        for stored in _newest(municipality, afnemer)
    ]
    keys = pl.concat([pl.DataFrame(schema=RESENT), *lists])
    if keys.is_empty():
        return None
    path = out / f"herzenden-{afnemer}.csv"
    write_private(path, private_csv(keys))
    return Written(path, keys.height, private="personen" in keys["entiteit"] or "nnp" in keys["entiteit"])


def shielded_persons(municipality: Municipality, stored: StoredRun, findings: pl.DataFrame) -> frozenset[str] | None:
    """Keys (as in `findings`) of persons whose address is secret on either side; None when that cannot be known."""
    mapping = municipality.mappings.get(stored.afnemer)
    if stored.entity != "personen" or mapping is None or stored.entity not in mapping.entiteit:
        return None
    source = mapping if mapping.afnemer.rol == "register" else municipality.distributie(mapping)
    key = mapping.entiteit[stored.entity].sleutel
    known = manifests(municipality.landing, source.naam, stored.entity)
    manifest = next((one for one in known if one.id == stored.distributie_id), None)
    reduced = _reduced(source.entiteit.get(stored.entity), key)
    if manifest is None or reduced is None or set(findings["key_field"].unique()) - {"|".join(key)}:
        return None
    entity = municipality.catalogue[stored.entity]
    persons = normalise(
        open_landed(municipality.landing, manifest).frame.collect(), reduced, entity, municipality.catalogue
    )
    shielded = persons.filter(_secret(_SHIELD)).select(key_text(key)).to_series()
    seen = findings.filter((pl.col("field") == _SHIELD) & (_secret("distributie") | _secret("afnemer_value")))
    return frozenset([*shielded.drop_nulls(), *seen["key"]])


def _secret(name: str) -> pl.Expr:
    return pl.col(name).is_not_null() & (pl.col(name) != "0")


def _reduced(mapping: EntiteitMapping | None, key: tuple[str, ...]) -> EntiteitMapping | None:
    """The mapping of the key and the shield alone; None when one of them is not delivered."""
    wanted = (*key, _SHIELD)
    if mapping is None or not set(wanted) <= set(mapping.velden):
        return None
    return mapping.model_copy(update={"velden": {name: mapping.velden[name] for name in wanted}, "hulp": {}})


def _newest(municipality: Municipality, afnemer: str) -> list[StoredRun]:
    """The newest run of every controle. Raises: SettingsError when there is none, or no such afnemer."""
    if afnemer:
        municipality.controle(afnemer)
    runs = municipality.history.newest()
    if not runs:
        raise SettingsError("Er is nog geen run. Begin met: kmgb check")
    return [stored for stored in runs if afnemer in ("", stored.afnemer)]


def _doubts(municipality: Municipality, stored: StoredRun, now: datetime) -> Doubts:
    """The findings as they stand now, named after the last run that judged: one in quarantaine judged nothing."""
    judged = stored
    if stored.status != DONE:
        last = municipality.history.runs(stored.afnemer, 1, entity=stored.entity, status=DONE)
        judged = next(iter(last), stored)
    findings = _findings(municipality, stored, now)
    return Doubts(
        titel=stored.facts["titel"],
        entity=stored.entity,
        run_id=judged.id,
        peildatum=_day(municipality, judged),
        findings=findings,
        shielded=shielded_persons(municipality, judged, findings),
    )


def _findings(municipality: Municipality, stored: StoredRun, now: datetime) -> pl.DataFrame:
    """The findings of a controle as they stand now; one that nobody explained gets the step of its kind."""
    findings = municipality.history.findings(stored, now)
    return findings.with_columns(pl.coalesce("next_step", next_step()).alias("next_step"))


def _record(municipality: Municipality, doubts: list[Doubts], reference: str, who: str, now: datetime) -> int:
    """Mark the findings of a package as ready to be reported back, under its reference also when they were before."""
    numbers = [number for one in doubts for number in due(one.findings, REPORT_BACK)["id"]]
    if numbers:
        decisions = municipality.history.decisions
        decisions.report_back(numbers, reference=reference, state=Reported.GEREED.value, who=who, now=now)
    return len(numbers)


def _day(municipality: Municipality, stored: StoredRun) -> date | None:
    if stored.distributie_id is None:
        return None
    moment = municipality.history.delivery(stored.distributie_id).peildatum
    return moment.astimezone(ZoneInfo(municipality.settings.timezone)).date()
