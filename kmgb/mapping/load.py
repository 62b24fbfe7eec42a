"""Read a mapping file and list every fault in it at once, each with the nearest known names."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

import polars as pl
from pydantic import ValidationError

from kmgb.catalogue.fields import Catalogue, Entity
from kmgb.errors import MappingError, PopulationError, Problem, nearest
from kmgb.mapping.bronnen.overdracht import FtpsBron, MapBron, SftpBron
from kmgb.mapping.form import faulty_places, form_problems, without_faults
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
    """The mapping written in `content`; `path` is only named in messages. Raises: MappingError.

    Where a part has the right form, its meaning is judged too, whatever is wrong elsewhere.
    """
    document = _document(content, path)
    problems = list(_unknown_entities(document, catalogue))
    reader, inherited, faults = _general_reader(document.pop("aanlevering", {}))
    problems += faults
    problems += _inherit_source(document, document.pop("bron", {}))
    _inherit(document, inherited)
    document |= {"path": path, "version": hashlib.sha256(content).hexdigest(), "content": content}
    try:
        mapping = Mapping.model_validate(document)
    except ValidationError as error:
        problems += form_problems(error, document, Mapping)
        rest = without_faults(document, error, Mapping)
        meant = _meaning_problems(cast("Mapping", rest), catalogue, reader) if rest else []
        known = faulty_places(error, document)
        raise MappingError(path, [*problems, *(p for p in meant if not _follows(p, known))]) from None
    problems += _meaning_problems(mapping, catalogue, reader)
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


def _document(content: bytes, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise MappingError(path, [Problem("", "het bestand is geen UTF-8. Sla het op als UTF-8.")]) from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+), column (\d+)", str(error))
        place = f" bij regel {found[1]}, teken {found[2]}" if found else ", of afgebroken"
        hint = "Tekst staat tussen aanhalingstekens, en elke sleutel komt één keer voor."
        raise MappingError(path, [Problem("", f"geen geldige TOML{place}.", hint)]) from error


def _unknown_entities(document: dict[str, Any], catalogue: Catalogue) -> Iterator[Problem]:
    entities = document.get("entiteit")
    for name in entities if isinstance(entities, dict) else {}:
        if name not in catalogue.entities:
            hint = nearest(name, list(catalogue.entities))
            yield Problem(f"entiteit.{name}", "is geen entiteit van de catalogus.", hint)


def _general_reader(general: object) -> tuple[Aanlevering, dict[str, Any], list[Problem]]:
    """What holds for the whole afnemer as far as it can be read, also as written, and its faults."""
    if not isinstance(general, dict):
        return Aanlevering(), {}, [Problem("aanlevering", "moet een tabel zijn.")]
    try:
        return Aanlevering.model_validate(general), general, []
    except ValidationError as error:
        problems = [
            Problem(f"aanlevering.{p.where}", p.what, p.hint) for p in form_problems(error, general, Aanlevering)
        ]
        rest = without_faults(general, error, Aanlevering)
        reader = rest if isinstance(rest, Aanlevering) else Aanlevering()
        return reader, {key: general[key] for key in general if key in reader.model_fields_set}, problems


def _inherit(document: dict[str, Any], general: dict[str, Any]) -> None:
    """What holds for the whole afnemer holds for each entity, unless the entity says otherwise."""
    entities = document.get("entiteit")
    for entity in entities.values() if isinstance(entities, dict) else ():
        if isinstance(entity, dict):
            own = entity.get("aanlevering", {})
            entity["aanlevering"] = {**general, **own} if isinstance(own, dict) else own
            for field in (entity.get("velden"), entity.get("hulp")):
                _short_forms(field)


def _inherit_source(document: dict[str, Any], general: object) -> list[Problem]:
    """The `[bron]` of the whole afnemer holds for each entity, key by key, unless that has another kind of source.

    It is judged there: alone it may be half.
    """
    if not isinstance(general, dict):
        return [Problem("bron", "moet een tabel zijn.")]
    entities = document.get("entiteit")
    for entity in entities.values() if general and isinstance(entities, dict) else ():
        if isinstance(entity, dict):
            own = entity.get("bron", {})
            if isinstance(own, dict) and own.get("soort") in (None, general.get("soort")):
                entity["bron"] = {**general, **own}
    return []


def _short_forms(fields: object) -> None:
    """`bsn = "SOFINR"` is short for `bsn = { kolom = "SOFINR" }`."""
    if isinstance(fields, dict):
        fields.update({name: {"kolom": veld} for name, veld in fields.items() if isinstance(veld, str)})


def _meaning_problems(mapping: Mapping, catalogue: Catalogue, general: Aanlevering) -> list[Problem]:
    problems = list(name_problems("afnemer.naam", mapping.naam))
    shared = {problem.what: problem for problem in _reader_problems("aanlevering", general)}
    for name, entity in mapping.entiteit.items():
        if mapping.afnemer.rol == "register" and not entity.volledig:
            hint = "Zeg met populatie welke rijen meedoen."
            problems.append(Problem(f"entiteit.{name}.volledig", "een register levert al zijn rijen.", hint))
        if name in catalogue.entities:
            problems += _entity_problems(f"entiteit.{name}", entity, catalogue[name], catalogue)
            # A fault that is that of the whole afnemer stands there, once.
            own = _reader_problems(f"entiteit.{name}.aanlevering", entity.aanlevering)
            problems += [shared.get(problem.what, problem) for problem in own]
    problems += _shared_files(mapping)
    return list(dict.fromkeys(problems))


def _shared_files(mapping: Mapping) -> Iterator[Problem]:
    """A file that is moved or deleted for one entity does not reach another that wants it too."""
    seen: dict[tuple[str, str], str] = {}
    for name, entity in mapping.entiteit.items():
        bron = entity.bron
        if not isinstance(bron, MapBron | SftpBron | FtpsBron):
            continue
        place = (bron.map, bron.bestand or entity.bestand)
        if place in seen and bron.na_afloop != "laten":
            what = f"haalt hetzelfde bestand weg dat ook voor {seen[place]} nodig is."
            yield Problem(f"entiteit.{name}.bron", what, 'Kies na_afloop = "laten" of een ander bestand.')
        seen.setdefault(place, name)


def _follows(problem: Problem, places: Sequence[str]) -> bool:
    """True for what only follows from a fault of form: at or below its place, or a key without the fields it names."""
    entity = ".".join(problem.where.split(".")[:2])
    if f"{entity}.velden" in places and "velden" in problem.what:
        return True
    whole = (place.partition(" (waarde")[0] for place in places)  # of a list with a fault nothing is left to judge
    return any(f"{problem.where}.".startswith(f"{place}.") for place in whole)


def _entity_problems(where: str, mapping: EntiteitMapping, entity: Entity, catalogue: Catalogue) -> Iterator[Problem]:
    yield from pattern_problems(f"{where}.peildatum_uit_naam", mapping.peildatum_uit_naam)
    yield from _field_problems(f"{where}.velden", mapping, entity, catalogue)
    yield from _key_problems(where, mapping, entity)
    yield from _absent_problems(where, mapping, entity)
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
            for problem in form_problems(error, lookup.aanlevering, Aanlevering):
                yield Problem(f"{where}.{name}.aanlevering.{problem.where}", problem.what, problem.hint)
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
