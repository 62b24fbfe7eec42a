"""What each registry field *is*: type, key role, code list, checks, tolerant rules, sensitivity, label and source.

The catalogue is data (`data/catalogue.csv`, the 171 fields of Bijlage 2, and `data/code_lists.csv`). Everything that
differs per field derives from one `Field`: masking, polars type, report label, pandera check.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, get_args

import polars as pl

from kmgb.errors import CatalogueError, nearest

Datatype = Literal["string", "code", "boolean", "date", "partial_date", "integer", "decimal", "composite"]
Sensitivity = Literal["geen", "gewoon", "gevoelig"]
Severity = Literal["kritiek", "hoog", "normaal", "laag"]
KeyRole = Literal["primary", "alternative", "alternative_part", "version", "foreign", "no"]

SEVERITIES: tuple[Severity, ...] = get_args(Severity)

# Dates travel as Int32 jjjjmmdd with 00 for unknown parts. A pl.Date cannot hold 1980-00-00 and would round it.
_DTYPES: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "string": pl.String(),
        "code": pl.String(),
        "boolean": pl.String(),
        "composite": pl.String(),
        "date": pl.Int32(),
        "partial_date": pl.Int32(),
        "integer": pl.Int64(),
        "decimal": pl.Float64(),
    }
)

# Parts of the composite fields: field name -> (part name, part label). A part is mapped, compared and reported as
# `<field>.<part>`; its label is `<Field label> (<part label>)`.
_ID_CODES = (("adresseerbaar_object", "adresseerbaar object"), ("nummeraanduiding", "nummeraanduiding"))
_PARTS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {"id_codes_verblijfadres": _ID_CODES, "id_codes_correspondentieadres": _ID_CODES}
)
_PART_CHECKS = {"adresseerbaar_object": "bag_id:01,02,03", "nummeraanduiding": "bag_id:20"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the catalogue, or one part of a composite field (then `part_of` names the whole)."""

    entity: str
    position: int
    label: str
    name: str
    key_role: KeyRole
    datatype: Datatype
    format: str
    max_length: int | None
    code_list: str
    validation: str
    rules: str
    nullable: bool
    history: str
    sensitivity: Sensitivity
    source: str
    notes: str
    group: str
    steps: tuple[str, ...]
    tolerant: tuple[str, ...]
    checks: tuple[str, ...]
    severity: Severity
    part_of: str = ""

    @property
    def dtype(self) -> pl.DataType:
        """The polars type of a normalised value."""
        return _DTYPES[self.datatype]

    @property
    def sensitive(self) -> bool:
        """True when the value must be masked and encrypted."""
        return self.sensitivity == "gevoelig"

    @property
    def personal(self) -> bool:
        """True when the value says something about a person."""
        return self.sensitivity != "geen"

    @property
    def width(self) -> int | None:
        """Number of digits of a fixed-width number; None when the field is not one."""
        return next((int(step.partition(":")[2]) for step in self.steps if step.startswith("zfill:")), None)


@dataclass(frozen=True, slots=True)
class Entity:
    """One of the seven entities of Bijlage 2, with its fields in catalogue order and the parts of composites."""

    name: str
    label: str
    fields: tuple[Field, ...]
    parts: tuple[Field, ...] = ()
    _by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    _by_label: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        every = (*self.fields, *self.parts)
        object.__setattr__(self, "_by_name", {f.name: f for f in every})
        labels = {plain_label(f.label): f for f in reversed(every)} | {plain_label(f.name): f for f in reversed(every)}
        object.__setattr__(self, "_by_label", labels)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Field:
        """The field or part called `name`. Raises: CatalogueError with the nearest known names."""
        try:
            return self._by_name[name]
        except KeyError:
            hint = nearest(name, self.names)
            raise CatalogueError(f"{name!r} is geen veld van {self.name}. {hint}".rstrip()) from None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of fields and parts."""
        return tuple(self._by_name)

    @property
    def primary(self) -> Field:
        """The field that identifies a row of this entity."""
        return next(f for f in self.fields if f.key_role == "primary")

    @property
    def version(self) -> Field | None:
        """The field that tells the voorkomens of one object apart (begin geldigheid); None outside the BAG."""
        return next((f for f in self.fields if f.key_role == "version"), None)

    @property
    def version_end(self) -> Field | None:
        """The field that ends a voorkomen: the first day it is no longer valid; None outside the BAG."""
        return next((f for f in self.fields if re.match(r"datum_einde?_geldigheid", f.name)), None)

    def by_label(self, label: str) -> Field | None:
        """The field or part whose label (or name) is `label`, ignoring case, signs and eind/einde; else None."""
        return self._by_label.get(plain_label(label))


@dataclass(frozen=True, slots=True)
class Code:
    """One row of a code list."""

    code: str
    label: str
    notes: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entities and code lists. `version` is the catalogue's own version, kept with every run."""

    version: str
    entities: Mapping[str, Entity]
    code_lists: Mapping[str, tuple[Code, ...]]

    def __getitem__(self, entity: str) -> Entity:
        """The entity called `entity`. Raises: CatalogueError with the nearest known names."""
        try:
            return self.entities[entity]
        except KeyError:
            known = ", ".join(self.entities)
            raise CatalogueError(f"{entity!r} is geen entiteit. Bekend zijn: {known}.") from None

    def codes(self, field: Field) -> tuple[Code, ...]:
        """The allowed codes of a field with a closed list; empty when its list is open."""
        name = next((c.partition(":")[2] for c in field.checks if c.startswith("in_list:")), "")
        return self.code_lists.get(name, ())

    def meaning(self, field: Field, value: str | None) -> str:
        """What a code of the field's list stands for; empty for what is no code, or says so itself."""
        labels = {code.code: code.label for code in self.code_lists.get(field.code_list, ())}
        label = labels.get(value or "", "")
        return "" if label.casefold() == (value or "").casefold() else label


_FILES = {"catalogus": "catalogue.csv", "codelijsten": "code_lists.csv"}
_LABELS = {
    "personen": "Personen",
    "nummeraanduiding": "Nummeraanduiding",
    "verblijfsobject": "Verblijfsobject",
    "ligplaats": "Ligplaatsen",
    "standplaats": "Standplaatsen",
    "pand": "Pand",
    "nnp": "Niet-natuurlijke personen",
}


def plain_label(label: str) -> str:
    """A label reduced to what people mean by it: letters and digits, no case, no accents, eind = einde."""
    folded = unicodedata.normalize("NFKD", label).casefold()
    words = re.findall(r"[a-z0-9]+", "".join(c for c in folded if not unicodedata.combining(c)))
    return "".join("eind" if word == "einde" else word for word in words)


def catalogue_files() -> dict[str, bytes]:
    """The files of the packaged catalogue, as they are: the fields (`catalogus`) and the code lists (`codelijsten`)."""
    data = files("kmgb.catalogue") / "data"
    return {name: (data / file).read_bytes() for name, file in _FILES.items()}


@cache
def load_catalogue() -> Catalogue:
    """The packaged catalogue. Source: TA Bijlage 2, corrected and extended as its `source` column says."""
    texts = {name: content.decode() for name, content in catalogue_files().items()}
    rows = list(csv.DictReader(texts["catalogus"].splitlines()))
    fields = [_field(row) for row in rows]
    entities = {
        name: Entity(name, label, members := tuple(f for f in fields if f.entity == name), _parts(members))
        for name, label in _LABELS.items()
    }
    lists: dict[str, list[Code]] = {}
    for row in csv.DictReader(texts["codelijsten"].splitlines()):
        lists.setdefault(row["list"], []).append(Code(row["code"], row["label"], row["notes"]))
    return Catalogue(
        version="2026.1",
        entities=MappingProxyType(entities),
        code_lists=MappingProxyType({name: tuple(codes) for name, codes in lists.items()}),
    )


def _field(row: Mapping[str, str]) -> Field:
    return Field(
        entity=row["entity"],
        position=int(row["position"]),
        label=row["label"],
        name=row["field"],
        key_role=row["is_key"],  # type: ignore[arg-type]
        datatype=row["datatype"],  # type: ignore[arg-type]
        format=row["format"],
        max_length=int(row["max_length"]) if row["max_length"] else None,
        code_list=row["code_list"],
        validation=row["validation"],
        rules=row["normalisation"],
        nullable=row["nullable"] == "yes",
        history=row["history"],
        sensitivity=row["privacy"],  # type: ignore[arg-type]
        source=row["source"],
        notes=row["notes"],
        group=row["group"],
        steps=_tokens(row["steps"]),
        tolerant=_tokens(row["tolerant"]),
        checks=_tokens(row["checks"]),
        severity=row["severity"],  # type: ignore[arg-type]
    )


def _tokens(cell: str) -> tuple[str, ...]:
    # A pattern may contain the separator: it is always the last token of its cell.
    head, pattern, tail = cell.partition("pattern:")
    tokens = [token for token in head.split("|") if token]
    return tuple([*tokens, pattern + tail] if pattern else tokens)


def _parts(fields: Sequence[Field]) -> tuple[Field, ...]:
    return tuple(_part(whole, name, label) for whole in fields for name, label in _PARTS.get(whole.name, ()))


def _part(whole: Field, name: str, label: str) -> Field:
    facts = {slot: getattr(whole, slot) for slot in Field.__slots__}
    facts |= {
        "name": f"{whole.name}.{name}",
        "label": f"{whole.label} ({label})",
        "datatype": "string",
        "max_length": 16,
        "steps": ("bag_id", "digits", "zfill:16"),
        "checks": (_PART_CHECKS[name],),
        "part_of": whole.name,
    }
    return Field(**facts)
