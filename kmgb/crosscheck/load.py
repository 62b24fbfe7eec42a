"""Read the file with kruiscontroles and list every fault in it at once, each with the nearest known names."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from kmgb.catalogue.columns import HELPER
from kmgb.catalogue.fields import Catalogue, Entity, Field
from kmgb.crosscheck.model import SIDES, Controle, CrossChecks, Kant, Vervolg
from kmgb.errors import CrossCheckError, PopulationError, Problem, nearest
from kmgb.population import parse_judgement

# Inside the folder with mappings, in a folder of its own: every file beside the mappings is taken for an afnemer.
CROSSCHECK_FILE: Final = Path("kruiscontroles") / "kruiscontroles.toml"

_CODE = re.compile(r"[a-z][a-z0-9_]{2,59}")
_HELPER = re.compile(rf"\b(?:(?:{'|'.join(SIDES)})\.)?{re.escape(HELPER)}\w+")
_SOME_DAY = date(2000, 1, 1)
_ONLY_FOR = {
    "verwijst_naar": ("verwijzing",),
    "verwijzing": ("verwijzing",),
    "scheidingsteken": ("verwijzing",),
    "waarbij": ("verwijzing",),
    "dan": ("voorwaarde", "paar"),
}


def load_crosschecks(path: Path, catalogue: Catalogue) -> CrossChecks:
    """The checks in `path`. Raises: CrossCheckError listing every fault: TOML, unknown keys, names, expressions."""
    try:
        content = path.read_bytes()
    except OSError as error:
        kinds = {FileNotFoundError: "het bestand bestaat niet.", IsADirectoryError: "dit is een map, geen bestand."}
        raise CrossCheckError(path, [Problem("", kinds.get(type(error), "het bestand is niet te lezen."))]) from error
    return parse_crosschecks(content, path, catalogue)


def parse_crosschecks(content: bytes, path: Path, catalogue: Catalogue) -> CrossChecks:
    """The checks written in `content`; `path` is only named in messages. Raises: CrossCheckError."""
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CrossCheckError(path, [Problem("", f"geen geldige TOML: {error}.")]) from error
    problems = [
        Problem(name, "is geen bekende sleutel.", nearest(name, ["controle"]))
        for name in document
        if name != "controle"
    ]
    written = document.get("controle", {})
    if not isinstance(written, dict) or not written:
        problems.append(Problem("controle", "ontbreekt: schrijf elke controle als [controle.<code>]."))
        written = {}
    controles: list[Controle] = []
    for code, entry in written.items():
        read, faults = _read(code, entry)
        problems += faults
        if read is not None:
            controles.append(read)
            problems += _meaning_problems(f"controle.{code}", read, catalogue)
    if problems:
        raise CrossCheckError(path, problems)
    return CrossChecks(tuple(controles), path, hashlib.sha256(content).hexdigest(), content)


def fields_of(controle: Controle, entity: Entity) -> Mapping[str, Field]:
    """The catalogue fields that its expressions may name: those of the entity, in a pair those of both sides."""
    fields = {name: entity[name] for name in entity.names}
    if controle.soort != "paar":
        return fields
    return {f"{side}.{name}": field for side in SIDES for name, field in fields.items()}


def helpers_in(text: str) -> list[str]:
    """The helper columns (`hulp.<naam>`) an expression names; whether a mapping holds them is known only in a run."""
    return _HELPER.findall(text)


def _read(code: str, entry: object) -> tuple[Controle | None, list[Problem]]:
    where = f"controle.{code}"
    problems = []
    if not _CODE.fullmatch(code):
        hint = "Gebruik 3 tot 60 kleine letters, cijfers en _, en begin met een letter."
        problems.append(Problem(where, "kan geen code zijn.", hint))
    if not isinstance(entry, dict):
        return None, [*problems, Problem(where, "moet een tabel zijn: [controle.<code>].")]
    if "code" in entry:
        problems.append(Problem(f"{where}.code", "staat al in de kop van de tabel; laat deze sleutel weg."))
    try:
        return Controle.model_validate(entry | {"code": code}), problems
    except ValidationError as error:
        return _rest(entry | {"code": code}, error), problems + [
            _model_problem(where, fault) for fault in error.errors()
        ]


def _rest(entry: dict[str, Any], error: ValidationError) -> Controle | None:
    """The check without its surplus keys, so that its other faults are listed too; None when more is wrong."""
    faults = error.errors()
    if any(fault["type"] != "extra_forbidden" for fault in faults):
        return None
    surplus = {fault["loc"][0] for fault in faults}
    return Controle.model_validate({name: value for name, value in entry.items() if name not in surplus})


def _model_problem(where: str, fault: Any) -> Problem:
    name = str(fault["loc"][0])
    place = f"{where}.{name}"
    match fault["type"]:
        case "extra_forbidden":
            return Problem(
                place, "is geen bekende sleutel.", nearest(name, [k for k in Controle.model_fields if k != "code"])
            )
        case "missing":
            return Problem(place, "ontbreekt en is verplicht.")
        case "literal_error":
            known = {"kant": get_args(Kant), "vervolg": get_args(Vervolg)}.get(name, ())
            expected = str(fault["ctx"]["expected"]).replace(" or ", " of ")
            return Problem(place, f"moet een van deze zijn: {expected}.", nearest(str(fault["input"]), known))
        case "string_type":
            return Problem(place, "moet tekst zijn.")
        case "bool_parsing" | "bool_type":
            return Problem(place, "moet true of false zijn.")
        case _:
            return Problem(place, "heeft niet de juiste vorm.")


def _meaning_problems(where: str, controle: Controle, catalogue: Catalogue) -> Iterator[Problem]:
    yield from _kind_problems(where, controle)
    if controle.entiteit not in catalogue.entities:
        yield _unknown_entity(f"{where}.entiteit", controle.entiteit, catalogue)
        return
    entity = catalogue[controle.entiteit]
    yield from _field_problems(f"{where}.veld", controle.veld, entity)
    if controle.verwijzing and not controle.verwijzing.startswith(HELPER):
        yield from _field_problems(f"{where}.verwijzing", controle.verwijzing, entity)
    fields = fields_of(controle, entity)
    for key in ("als", "dan"):
        yield from _expression_problems(f"{where}.{key}", getattr(controle, key), fields, catalogue)
    for name in controle.verwijst_naar:
        if name not in catalogue.entities:
            yield _unknown_entity(f"{where}.verwijst_naar", name, catalogue)
            continue
        other = {field: catalogue[name][field] for field in catalogue[name].names}
        yield from _expression_problems(f"{where}.waarbij", controle.waarbij, other, catalogue)


def _kind_problems(where: str, controle: Controle) -> Iterator[Problem]:
    required = "verwijst_naar" if controle.soort == "verwijzing" else "dan"
    if not getattr(controle, required):
        yield Problem(f"{where}.{required}", f"ontbreekt en is verplicht bij soort {controle.soort!r}.")
    for key, kinds in _ONLY_FOR.items():
        if getattr(controle, key) and controle.soort not in kinds:
            yield Problem(f"{where}.{key}", f"hoort niet bij soort {controle.soort!r}; laat deze sleutel weg.")
    if not controle.kant:
        yield Problem(f"{where}.kant", "is leeg: noem ten minste één kant.")
    elif controle.soort == "paar" and controle.kant != ("paar",):
        yield Problem(f"{where}.kant", "moet 'paar' zijn bij soort 'paar'.")
    elif controle.soort != "paar" and "paar" in controle.kant:
        yield Problem(
            f"{where}.kant", f"kan niet 'paar' zijn bij soort {controle.soort!r}: noem distributie of applicatie."
        )
    if not controle.moet_bestaan and not controle.waarbij:
        yield Problem(f"{where}.moet_bestaan", "is alleen zinvol met waarbij: anders wordt er niets gecontroleerd.")


def _field_problems(where: str, name: str, entity: Entity) -> Iterator[Problem]:
    parts = [part.name for part in entity.parts if part.part_of == name]
    if parts:
        yield Problem(where, f"{name!r} bestaat uit onderdelen.", f"Noem {' of '.join(map(repr, parts))}.")
    elif name not in entity:
        yield Problem(where, f"{name!r} is geen veld van {entity.name}.", nearest(name, entity.names))


def _expression_problems(where: str, text: str, fields: Mapping[str, Field], catalogue: Catalogue) -> Iterator[Problem]:
    try:
        used = parse_judgement(text, fields, _SOME_DAY, catalogue, helpers_in(text)).fields
    except PopulationError as error:
        yield Problem(where, str(error))
        return
    for name in sorted(used):
        parts = [other for other in fields if other.startswith(f"{name}.")]
        if parts:
            yield Problem(where, f"{name!r} bestaat uit onderdelen.", f"Noem {' of '.join(map(repr, parts))}.")


def _unknown_entity(where: str, name: str, catalogue: Catalogue) -> Problem:
    known = list(catalogue.entities)
    return Problem(where, f"{name!r} is geen entiteit.", nearest(name, known) or f"Bekend zijn: {', '.join(known)}.")
