"""Read a mapping file and list every fault in it at once, each with the nearest known names."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any, cast

import polars as pl
from pydantic import BaseModel, ValidationError

from kmgb.catalogue.fields import Catalogue, Entity
from kmgb.errors import MappingError, PopulationError, Problem, nearest
from kmgb.mapping.model import Aanlevering, EntiteitMapping, Mapping, Veld
from kmgb.mapping.values import agreement_problems, name_problems, pattern_problems
from kmgb.population import parse_population

# Fields that together are one column in many applications, but separate fields in the catalogue.
COMBINED = {"gebruiksdoelen": tuple(f"gebruiksdoel_{n}" for n in range(1, 6))}

# Parts from which an address field may be put together when the application keeps them in columns of their own.
ADDRESS_PARTS = ("straat", "huisnummer", "huisletter", "toevoeging", "aanduiding", "postcode", "woonplaats", "regels")
DATE_PARTS = ("jaar", "maand", "dag")
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1", "iso-8859-15", "cp850", "ascii")


def load_mapping(path: Path, catalogue: Catalogue) -> Mapping:
    """The mapping in `path`. Raises: MappingError listing every fault: TOML, unknown keys, names, expressions."""
    try:
        content = path.read_bytes()
    except OSError as error:
        kinds = {FileNotFoundError: "het bestand bestaat niet.", IsADirectoryError: "dit is een map, geen bestand."}
        raise MappingError(path, [Problem("", kinds.get(type(error), "het bestand is niet te lezen."))]) from error
    return parse_mapping(content, path, catalogue)


def parse_mapping(content: bytes, path: Path, catalogue: Catalogue) -> Mapping:
    """The mapping written in `content`; `path` is only named in messages. Raises: MappingError."""
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(path, [Problem("", f"geen geldige TOML: {error}.")]) from error
    problems = list(_unknown_entities(document, catalogue))
    _inherit(document)
    document |= {"path": path, "version": hashlib.sha256(content).hexdigest()}
    try:
        mapping = Mapping.model_validate(document)
    except ValidationError as error:
        problems += _model_problems(error, document)
        rest = _without_faults(document, error)
        raise MappingError(path, [*problems, *(_meaning_problems(rest, catalogue) if rest else [])]) from None
    problems += _meaning_problems(mapping, catalogue)
    if problems:
        raise MappingError(path, problems)
    return mapping


def load_mappings(folder: Path, catalogue: Catalogue) -> dict[str, Mapping]:
    """Every mapping in `folder`, by name. Raises: MappingError listing the faults of all files together."""
    mappings: dict[str, Mapping] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            mapping = load_mapping(path, catalogue)
        except MappingError as error:
            problems += [Problem(f"{path.name} {p.where}".strip(), p.what, p.hint) for p in error.problems]
            continue
        if mapping.naam in mappings:
            problems.append(Problem(path.name, f"afnemer {mapping.naam!r} staat al in {mappings[mapping.naam].path}."))
        mappings[mapping.naam] = mapping
    if problems:
        raise MappingError(folder, problems)
    return mappings


def population_dtypes(mapping: EntiteitMapping, entity: Entity) -> dict[str, pl.DataType]:
    """Names an expression may use: all catalogue fields of the entity and the helper columns of this mapping."""
    known = {name: entity[name].dtype for name in entity.names}
    return known | {f"hulp.{name}": pl.String() for name in mapping.hulp}


def _unknown_entities(document: dict[str, Any], catalogue: Catalogue) -> Iterator[Problem]:
    for name in document.get("entiteit") or {}:
        if name not in catalogue.entities:
            hint = nearest(name, list(catalogue.entities))
            yield Problem(f"entiteit.{name}", "is geen entiteit van de catalogus.", hint)


def _inherit(document: dict[str, Any]) -> None:
    """What holds for the whole afnemer holds for each entity, unless the entity says otherwise."""
    general = document.pop("aanlevering", {})
    for entity in (document.get("entiteit") or {}).values():
        if isinstance(entity, dict) and isinstance(general, dict):
            own = entity.get("aanlevering", {})
            entity["aanlevering"] = {**general, **own} if isinstance(own, dict) else own
            for field in (entity.get("velden"), entity.get("hulp")):
                _short_forms(field)


def _short_forms(fields: object) -> None:
    """`bsn = "SOFINR"` is short for `bsn = { kolom = "SOFINR" }`."""
    if isinstance(fields, dict):
        fields.update({name: {"kolom": veld} for name, veld in fields.items() if isinstance(veld, str)})


def _model_problems(error: ValidationError, document: dict[str, Any]) -> Iterator[Problem]:
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            hint = nearest(str(fault["loc"][-1]), _siblings(fault["loc"]))
            yield Problem(where, "is geen bekende sleutel.", hint)
        elif fault["type"] == "missing":
            yield Problem(where, "ontbreekt en is verplicht.")
        elif fault["type"] == "literal_error":
            yield Problem(where, f"moet een van deze zijn: {str(fault['ctx']['expected']).replace(' or ', ' of ')}.")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            yield Problem(where, f"{message}.")


def _meaning_problems(mapping: Mapping, catalogue: Catalogue) -> Iterator[Problem]:
    yield from name_problems("afnemer.naam", mapping.naam)
    for name, entity in mapping.entiteit.items():
        if name in catalogue.entities:
            yield from _entity_problems(f"entiteit.{name}", entity, catalogue[name], catalogue)


def _without_faults(document: dict[str, Any], error: ValidationError) -> Mapping | None:
    """The mapping as far as it can be read, so that its other faults are listed in the same breath; None if too little.

    What is faulty is taken out; a field stays, with a column of no name, so that it does not also count as absent.
    """
    rest = deepcopy(document)
    for fault in error.errors():
        *parents, last = fault["loc"]
        place: Any = rest
        for part in parents:
            place = place.get(part, {}) if isinstance(place, dict) else {}
        if not isinstance(place, dict) or last not in place:
            continue
        if parents[-1:] == ["velden"]:
            place[last] = {"kolom": "?"}
        else:
            del place[last]
    try:
        return Mapping.model_validate(rest)
    except ValidationError:
        return None


def _siblings(location: Sequence[str | int]) -> list[str]:
    """The keys the model allows at the place of an unknown key."""
    model: Any = Mapping
    for part in location[:-1]:
        annotation = model.model_fields[part].annotation if _is_model(model) and part in model.model_fields else None
        if annotation is not None:
            model = _inner_model(annotation) or model
    return [name for name in model.model_fields if name not in ("path", "version")] if _is_model(model) else []


def _is_model(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if _is_model(annotation):
        return cast("type[BaseModel]", annotation)
    inner = [_inner_model(argument) for argument in getattr(annotation, "__args__", ())]
    return next((model for model in inner if model is not None), None)


def _entity_problems(where: str, mapping: EntiteitMapping, entity: Entity, catalogue: Catalogue) -> Iterator[Problem]:
    yield from pattern_problems(f"{where}.peildatum_uit_naam", mapping.peildatum_uit_naam)
    yield from _field_problems(f"{where}.velden", mapping, entity, catalogue)
    yield from _key_problems(where, mapping, entity)
    yield from _absent_problems(where, mapping, entity)
    yield from _reader_problems(f"{where}.aanlevering", mapping.aanlevering)
    yield from _lookup_problems(f"{where}.opzoeken", mapping)
    dtypes = population_dtypes(mapping, entity)
    for side in ("distributie", "applicatie"):
        text = getattr(mapping.populatie, side)
        try:
            parse_population(text, dtypes, date(2000, 1, 1), catalogue, entity)
        except PopulationError as error:
            yield Problem(f"{where}.populatie.{side}", str(error))
    if (mapping.populatie.distributie or mapping.populatie.applicatie) and not mapping.populatie.omschrijving:
        yield Problem(f"{where}.populatie.omschrijving", "ontbreekt: zeg in één zin wie de populatie is.")


def _field_problems(where: str, mapping: EntiteitMapping, entity: Entity, catalogue: Catalogue) -> Iterator[Problem]:
    combined = {name for name, fields in COMBINED.items() if all(f in entity for f in fields)}
    for name, veld in mapping.velden.items():
        if name not in entity and name not in combined:
            yield Problem(
                f"{where}.{name}", f"is geen veld van {entity.name}.", nearest(name, [*entity.names, *combined])
            )
            continue
        yield from _rule_problems(f"{where}.{name}", veld, entity)
        field = entity[COMBINED[name][0] if name in combined else name]
        yield from agreement_problems(f"{where}.{name}", veld, field, catalogue)
        if isinstance(veld.kolommen, dict):
            yield from _part_problems(f"{where}.{name}", veld, name, entity)


def _rule_problems(where: str, veld: Veld, entity: Entity) -> Iterator[Problem]:
    known = sorted({rule for field in entity.fields for rule in field.tolerant})
    for label, rules in (("regels_aan", veld.regels_aan), ("regels_uit", veld.regels_uit)):
        for rule in rules:
            if rule not in known:
                yield Problem(f"{where}.{label}", f"{rule!r} is geen regel van {entity.name}.", nearest(rule, known))


def _part_problems(where: str, veld: Veld, name: str, entity: Entity) -> Iterator[Problem]:
    date_field = name in entity and entity[name].datatype in ("date", "partial_date")
    known = DATE_PARTS if date_field else ADDRESS_PARTS
    for part in veld.kolommen:
        if part not in known:
            yield Problem(f"{where}.kolommen.{part}", "is geen bekend onderdeel.", nearest(part, known))


def _key_problems(where: str, mapping: EntiteitMapping, entity: Entity) -> Iterator[Problem]:
    for keys, label in [
        (mapping.sleutel, "sleutel"),
        *((k, "alternatieve_sleutels") for k in mapping.alternatieve_sleutels),
    ]:
        if not keys:
            yield Problem(f"{where}.{label}", "is leeg: noem ten minste één veld.")
        for name in keys:
            if name not in entity:
                yield Problem(
                    f"{where}.{label}", f"{name!r} is geen veld van {entity.name}.", nearest(name, entity.names)
                )
            elif name not in mapping.velden:
                yield Problem(f"{where}.{label}", f"{name!r} heeft geen kolom onder velden.", "Voeg die toe.")
    if mapping.historie != "geen" and entity.version is None:
        yield Problem(f"{where}.historie", f"{entity.name} kent geen voorkomens; laat deze sleutel weg.")
    elif mapping.historie != "geen" and entity.version and entity.version.name not in mapping.velden:
        yield Problem(f"{where}.historie", f"vraagt het veld {entity.version.name!r} onder velden.")


def _absent_problems(where: str, mapping: EntiteitMapping, entity: Entity) -> Iterator[Problem]:
    stated = {
        "niet_aangeleverd": mapping.niet_aangeleverd,
        "niet_gevoerd": mapping.niet_gevoerd,
        "uitgesloten": mapping.uitgesloten,
    }
    for label, names in stated.items():
        for name in names:
            if name not in entity:
                yield Problem(
                    f"{where}.{label}", f"{name!r} is geen veld van {entity.name}.", nearest(name, entity.names)
                )
            elif name in mapping.velden and label != "uitgesloten":
                yield Problem(f"{where}.{label}", f"{name!r} staat ook onder velden.", "Kies een van beide.")


def _reader_problems(where: str, reader: Aanlevering) -> Iterator[Problem]:
    try:
        "".encode(reader.codering)
    except LookupError:
        yield Problem(
            f"{where}.codering", f"{reader.codering!r} is geen bekende codering.", nearest(reader.codering, _ENCODINGS)
        )
    if reader.formaat == "vast" and not (reader.kolommen and all(kolom.breedte for kolom in reader.kolommen)):
        yield Problem(f"{where}.kolommen", "formaat 'vast' vraagt kolommen met naam en breedte.")
    if reader.formaat == "xml" and not reader.record:
        yield Problem(f"{where}.record", "formaat 'xml' vraagt de naam van het element dat één record is.")
    if not reader.kop and reader.formaat == "csv" and not reader.kolommen:
        yield Problem(f"{where}.kolommen", "zonder kopregel zijn de namen van de kolommen nodig.")
    if reader.formaat == "lo3" and not reader.kop:
        yield Problem(f"{where}.kop", "formaat 'lo3' vraagt een kopregel met rubrieknummers.")
    if reader.aanhalingsteken == reader.scheidingsteken:
        yield Problem(f"{where}.aanhalingsteken", "is gelijk aan scheidingsteken.")


def _lookup_problems(where: str, mapping: EntiteitMapping) -> Iterator[Problem]:
    known: list[str] = []
    for name, lookup in mapping.opzoeken.items():
        try:
            reader = Aanlevering.model_validate({**mapping.aanlevering.model_dump(), **lookup.aanlevering})
        except ValidationError as error:
            for fault in error.errors():
                key = ".".join(map(str, fault["loc"]))
                yield Problem(f"{where}.{name}.aanlevering.{key}", "is geen bekende sleutel of waarde.")
        else:
            yield from _reader_problems(f"{where}.{name}.aanlevering", reader)
        if lookup.met.partition(".")[0] in mapping.opzoeken and lookup.met not in known:
            hint = nearest(lookup.met, known)
            yield Problem(f"{where}.{name}.met", f"{lookup.met!r} is geen kolom van een eerdere opzoeking.", hint)
        known += [f"{name}.{column}" for column in lookup.kolommen]
    for label, fields in (("velden", mapping.velden), ("hulp", mapping.hulp)):
        for name, veld in fields.items():
            for column in veld.columns:
                if column.partition(".")[0] in mapping.opzoeken and column not in known:
                    hint = nearest(column, known)
                    yield Problem(f"{where.removesuffix('.opzoeken')}.{label}.{name}", f"{column!r} is er niet.", hint)
