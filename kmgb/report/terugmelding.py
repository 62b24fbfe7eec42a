"""Justified doubt about a register -> the filled package its bronhouder asks for: JSON, CSV and a text to go with it.

The values of persons are in it, for without them the receiver cannot look. Of a shielded person no address is given.
Source: Wet BRP art. 2.34, Wet BAG art. 37, Handelsregisterwet art. 32; the elements follow Digimelding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from kmgb.catalogue.fields import Catalogue, Field
from kmgb.report.private import private_csv
from kmgb.report.steps import REPORT_BACK, due
from kmgb.report.words import kind_words, rule_words

WITHHELD = "(niet vermeld: geheimhouding)"
WHOLE_OBJECT = "(het hele object)"
MELDING = {
    "register": pl.String,
    "object": pl.String,
    "sleutelveld": pl.String,
    "sleutel": pl.String,
    "veld": pl.String,
    "element": pl.String,
    "bronelement": pl.String,
    "betwijfelde_waarde": pl.String,
    "voorgestelde_waarde": pl.String,
    "motivatie": pl.String,
    "afnemers": pl.String,
    "runs": pl.String,
    "peildatum": pl.String,
    "afgeschermd": pl.String,
    "bevindingen": pl.String,
}
_ADDRESS = ("verblijfsadres", "correspondentieadres")
_UNREAD = "onleesbaar"


@dataclass(frozen=True, slots=True)
class Register:
    """A register to which doubt is reported: through what, and by which law. `elements` recognises its own names."""

    name: str
    title: str
    channel: str
    law: str
    elements: tuple[str, ...]


REGISTERS: Mapping[str, Register] = {
    "brp": Register(
        "BRP", "Basisregistratie Personen", "Digimelding, terugmeldvoorziening TMV", "Wet BRP art. 2.34",
        (r"LO BRP [\w. -]+",),
    ),
    "bag": Register(
        "BAG", "Basisregistratie Adressen en Gebouwen", "BAG-terugmelding", "Wet BAG art. 37",
        (r"LV BAG extract XSD [a-zA-Z]+", r"Catalogus BAG 2018[\w. -]*", r"LV BAG extract XSD"),
    ),
    "nhr": Register(
        "NHR", "Handelsregister", "Digimelding, terugmelding handelsregister", "Handelsregisterwet art. 32",
        (r"KVK API \w+", r"NHR \w+", r"StUF-BG 2\.04 (?!extra)[\w. -]+"),
    ),
}  # fmt: skip
_REGISTER_OF = {"personen": "brp", "nnp": "nhr"}


@dataclass(frozen=True, slots=True)
class Doubts:
    """The findings of one controle as it stands. `shielded`: keys of persons with a secret address; None = unknown."""

    titel: str
    entity: str
    run_id: int
    peildatum: date | None
    findings: pl.DataFrame
    shielded: frozenset[str] | None = None


def register_of(entity: str) -> str:
    """The register that answers for an entity."""
    return _REGISTER_OF.get(entity, "bag")


def meldingen(doubts: Sequence[Doubts], catalogue: Catalogue) -> pl.DataFrame:
    """One row per element that is doubted, however many applications doubt it; sorted by register, object, key, field.

    Columns: MELDING. Nulls: none; what is not known is empty.
    """
    chosen = [frame for one in doubts if not (frame := _doubted(one)).is_empty()]
    if not chosen:
        return pl.DataFrame(schema=MELDING)
    by = ("entity", "key", "key_field", "field")
    ordered = pl.concat(chosen).sort(by, maintain_order=True).iter_rows(named=True)
    rows = [_melding(list(found), catalogue) for _, found in groupby(ordered, itemgetter(*by))]
    return pl.DataFrame(rows, schema=MELDING).sort("register", "object", "sleutel", "veld", maintain_order=True)


# The catalogue's source column is written in English; a register is not.
_DUTCH = {
    "category": "categorie",
    "groups": "groepen",
    "group": "groep",
    "elements": "elementen",
    "and": "en",
    "or": "of",
}


def source_element(field: Field, register: Register) -> str:
    """The name of a field in the register itself, as the catalogue's source column has it; empty when it has none."""
    parts = [part.strip() for part in re.sub(r"\s*\([^)]*\)", "", field.source).split(";")]
    found = (match.group().strip() for mark in register.elements for part in parts if (match := re.match(mark, part)))
    element = _of_part(field, next(found, ""))
    for english, dutch in _DUTCH.items():
        element = re.sub(rf"\b{english}\b", dutch, element)
    return element


def package(rows: pl.DataFrame, register: Register, made: datetime, reference: str) -> dict[str, bytes]:
    """The three files of one register by their ending. `rows` are the meldingen of this register alone."""
    document = {
        "register": register.name,
        "naam": register.title,
        "kenmerk": reference,
        "kanaal": register.channel,
        "grondslag": register.law,
        "gemaakt": made.isoformat(timespec="seconds"),
        "aantal": rows.height,
        "meldingen": rows.to_dicts(),
    }
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return {"json": text.encode(), "csv": private_csv(rows), "txt": _cover(rows, register, made, reference).encode()}


def _of_part(field: Field, elements: str) -> str:
    """The element of a part, where the catalogue names those of the whole: `LO BRP 08.11.80 ... and 08.11.90 ...`."""
    first, both, second = elements.partition(" and ")
    if not both or not field.part_of:
        return elements
    return f"LO BRP {second}" if field.name.endswith(".nummeraanduiding") else first


def _doubted(doubts: Doubts) -> pl.DataFrame:
    """The findings to report back, with what is known of their controle."""
    chosen = due(doubts.findings, REPORT_BACK)
    names = ("id", "key", "key_field", "field", "kind", "rule", "distributie_raw", "distributie", "afnemer_value")
    known = doubts.shielded
    shielded = pl.lit("onbekend")
    if known is not None:
        shielded = pl.when(pl.col("key").is_in(list(known))).then(pl.lit("ja")).otherwise(pl.lit("nee"))
    return chosen.select(
        pl.lit(doubts.entity).alias("entity"),
        *names,
        pl.lit(doubts.titel).alias("titel"),
        pl.lit(doubts.run_id).alias("run"),
        pl.lit(doubts.peildatum.isoformat() if doubts.peildatum else "", dtype=pl.String).alias("peildatum"),
        (shielded if doubts.entity == "personen" else pl.lit("nee")).alias("afgeschermd"),
    )


def _melding(found: Sequence[dict[str, Any]], catalogue: Catalogue) -> dict[str, str]:
    first = found[0]
    entity, name = catalogue[first["entity"]], register_of(first["entity"])
    field = entity[first["field"]] if first["field"] else None
    # Shielded for one is shielded for all: applications may have been checked on different days.
    shield = max((row["afgeschermd"] for row in found), key=("nee", "onbekend", "ja").index)
    doubted, proposed = _values(found, field, shield)
    return {
        "register": REGISTERS[name].name,
        "object": entity.name,
        "sleutelveld": first["key_field"],
        "sleutel": first["key"],
        "veld": first["field"],
        "element": field.label if field else WHOLE_OBJECT,
        "bronelement": source_element(field, REGISTERS[name]) if field else "",
        "betwijfelde_waarde": doubted,
        "voorgestelde_waarde": proposed,
        "motivatie": _motivation(found, entity.name),
        "afnemers": _joined(row["titel"] for row in found),
        "runs": _joined(str(row["run"]) for row in found),
        "peildatum": max(row["peildatum"] for row in found),
        "afgeschermd": shield,
        "bevindingen": _joined(str(row["id"]) for row in found),
    }


def _values(found: Sequence[dict[str, Any]], field: Field | None, shield: str) -> tuple[str, str]:
    """What is doubted and what is proposed; nothing is proposed when applications contradict each other."""
    if field is None:
        return "", ""
    if shield != "nee" and field.group in _ADDRESS:
        return WITHHELD, WITHHELD
    first = found[0]
    # What could not be read has no value but the text as it was delivered.
    raw = first["distributie_raw"] if first["rule"] == _UNREAD else None
    doubted = first["distributie"] or raw or ""
    proposals = _proposals(found)
    return doubted, proposals[0] if len(proposals) == 1 else ""


def _proposals(found: Sequence[dict[str, Any]]) -> list[str]:
    values = (row["afnemer_value"] for row in found if row["afnemer_value"] != row["distributie"])
    return list(dict.fromkeys(filter(None, values)))


def _motivation(found: Sequence[dict[str, Any]], entity: str) -> str:
    """Why, by whom and when, without a value: the values stand in fields of their own."""
    first = found[0]
    rule = rule_words(first["rule"] or "", first["kind"], entity)
    failed = first["kind"] == "ongeldig" and first["rule"] not in (None, _UNREAD)
    meaning = "De waarde voldoet niet aan een controle" if failed else kind_words(first["kind"]).meaning.rstrip(".")
    parts = [meaning, f": {rule}" if rule else "", "."]
    if len(_proposals(found)) > 1:
        parts.append(" Afnemers noemen verschillende waarden: welke juist is, staat niet vast.")
    day = max(row["peildatum"] for row in found)
    runs, titles = _joined(str(row["run"]) for row in found), _joined(row["titel"] for row in found)
    parts.append(f" Vastgesteld in de consistentiecontrole van {titles}, run {runs}")
    return "".join(parts) + (f", peildatum {day}." if day else ".")


def _joined(values: Any) -> str:
    return ", ".join(dict.fromkeys(values))


def _cover(rows: pl.DataFrame, register: Register, made: datetime, reference: str) -> str:
    """The text that goes with the files: to whom, by which law, and per object and element how many. No values."""
    counts = rows.group_by("object", "element").len().sort("object", "element")
    lines = [f"  {count:>6}  {kind}: {element}" for kind, element, count in counts.iter_rows()]
    withheld = rows.filter(pl.col("betwijfelde_waarde") == WITHHELD).height
    nameless = rows.filter((pl.col("bronelement") == "") & (pl.col("veld") != "")).height
    notes = [
        f"Van {withheld} melding(en) is het adres niet vermeld: indicatie geheim, of niet vast te stellen."
        if withheld
        else "",
        f"Van {nameless} melding(en) is het bronelement niet bekend in de catalogus." if nameless else "",
    ]
    text = [
        f"Terugmelding: {register.title} ({register.name})",
        "",
        f"Kenmerk:    {reference}",
        f"Kanaal:     {register.channel}",
        f"Grondslag:  {register.law}",
        f"Gemaakt:    {made:%d-%m-%Y %H:%M} ({made.tzname()})",
        f"Aantal:     {rows.height}",
        "",
        "Per object en element:",
        *lines,
        "",
        *(note for note in notes if note),
        "De waarden staan in de JSON en de CSV met dezelfde naam. Zij bevatten gegevens van personen of bedrijven:",
        "bewaar ze niet langer dan nodig en verstuur ze alleen over het genoemde kanaal.",
    ]
    return "\n".join(text) + "\n"
