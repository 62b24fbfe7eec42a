"""The form of a mapping file: what does not fit the model, in Dutch; and the rest, whose meaning can be judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from kmgb.errors import Problem, nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Place = tuple[str | int, ...]

# The kind of value that was expected, by the beginning of pydantic's name for the fault.
_EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "string_type": "een tekst tussen aanhalingstekens",
        "bool": "true of false",
        "int": "een geheel getal",
        "float": "een getal",
        "finite": "een getal",
        "dict": "een tabel",
        "model": "een tabel",
        "tuple": "een lijst tussen rechte haken",
        "list": "een lijst tussen rechte haken",
        "date": "een datum zonder aanhalingstekens (jjjj-mm-dd)",
    }
)
_LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "greater_than": "moet groter zijn dan {gt:g}.",
        "greater_than_equal": "moet ten minste {ge:g} zijn.",
        "less_than": "moet kleiner zijn dan {lt:g}.",
        "less_than_equal": "mag hoogstens {le:g} zijn.",
        "string_too_long": "mag niet langer zijn dan {max_length} teken.",
        "string_too_short": "moet ten minste {min_length} teken lang zijn.",
    }
)
# What stands in for a required key that is absent, so that the rest can be read; it is never judged itself.
_STAND_INS: Mapping[str, object] = MappingProxyType(
    {
        "afnemer": {},
        "entiteit": {},
        "velden": {},
        "sleutel": [],
        "kolommen": [],
        "ingediend": date(2000, 1, 1),
        "deadline": date(2000, 1, 1),
    }
)
_ROUNDS = 6  # a key taken out may leave its parent without something required, and so on up


def form_problems(error: ValidationError, document: Mapping[str, Any], model: type[BaseModel]) -> Iterator[Problem]:
    """One problem per place in the document that does not fit the model, with the nearest known names."""
    for place, faults in _by_place(error, document).items():
        yield Problem(written(place), *_said(faults, place, model))


def faulty_places(error: ValidationError, document: Mapping[str, Any]) -> list[str]:
    """Where the problems of `form_problems` are."""
    return [written(place) for place in _by_place(error, document)]


def without_faults(document: dict[str, Any], error: ValidationError, model: type[BaseModel]) -> BaseModel | None:
    """The document as far as it can be read; None when too little is left.

    What is faulty is taken out. A field stays, with a column of no name, so that it does not also count as absent.
    """
    rest = deepcopy(document)
    for _ in range(_ROUNDS):
        for place, faults in _by_place(error, rest).items():
            _repair(rest, place, absent=faults[0]["type"] == "missing")
        try:
            return model.model_validate(rest)
        except ValidationError as still:
            error = still
    return None


def written(place: Place) -> str:
    """A place as a steward reads it: `entiteit.personen.sleutel (waarde 2)`."""
    text = ""
    for part in place:
        text += f" (waarde {part + 1})" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _by_place(error: ValidationError, document: Mapping[str, Any]) -> dict[Place, list[ErrorDetails]]:
    """The faults of each place. Of a value that may be of several types, only the type that comes furthest counts."""
    places: dict[Place, list[ErrorDetails]] = {}
    for fault in error.errors(include_url=False):
        places.setdefault(_place(fault, document), []).append(fault)
    deeper = {place[:length] for place in places for length in range(len(place))}
    return {place: faults for place, faults in places.items() if place not in deeper or not _of_several(faults, place)}


def _place(fault: ErrorDetails, document: Mapping[str, Any]) -> Place:
    """The place in the document. Pydantic also names the type it tried, which stands nowhere in a file."""
    *parents, last = fault["loc"]
    at: Any = document
    place: list[str | int] = []
    for part in fault["loc"] if fault["type"] != "missing" else parents:
        if place[-1:] == ["bron"] and isinstance(at, dict) and at.get("soort") == part:
            continue  # the kind of source may be called as one of its keys: database
        inside = part in at if isinstance(at, dict) else isinstance(at, list) and isinstance(part, int)
        if inside:
            at = at[part]
            place.append(part)
    return (*place, last) if fault["type"] == "missing" else tuple(place)


def _of_several(faults: Sequence[ErrorDetails], place: Place) -> bool:
    return all(len(fault["loc"]) > len(place) for fault in faults)


def _said(faults: Sequence[ErrorDetails], place: Place, model: type[BaseModel]) -> tuple[str, str]:
    """The sentence and the hint."""
    fault, kind = faults[0], faults[0]["type"]
    context = fault.get("ctx", {})
    if kind == "extra_forbidden":
        return "is geen bekende sleutel.", nearest(str(place[-1]), _siblings(fault["loc"], model))
    if kind == "literal_error":
        return _of_no_word(str(context["expected"]), str(fault["input"]))
    if kind.startswith("union_tag"):
        return _of_no_kind(context)
    if kind == "value_error":
        return f"{fault['msg'].removeprefix('Value error, ')}.", ""
    if kind == "missing" or kind in _LIMITS:
        return _LIMITS.get(kind, "ontbreekt en is verplicht.").format(**context), ""
    expected_kinds = dict.fromkeys(filter(None, (_expected(fault["type"]) for fault in faults)))
    return (f"moet {' of '.join(expected_kinds)} zijn." if expected_kinds else "heeft niet de juiste vorm."), ""


def _of_no_word(expected: str, given: str) -> tuple[str, str]:
    known = [word for word in expected.replace(" or ", ", ").strip("'").split("', '") if word]
    return f"moet een van deze zijn: {expected.replace(' or ', ' of ')}.", nearest(given, known)


def _of_no_kind(context: Mapping[str, Any]) -> tuple[str, str]:
    if "tag" not in context:
        return "noemt geen 'soort': die zegt wat voor bron het is.", ""
    known = context["expected_tags"].strip("'").split("', '")
    return f"'soort' moet een van deze zijn: {', '.join(known)}.", nearest(context["tag"], known)


def _expected(kind: str) -> str:
    return next((words for start, words in _EXPECTED.items() if kind.startswith(start)), "")


def _siblings(loc: Place, model: type[BaseModel]) -> list[str]:
    """The keys the model allows at the place of an unknown key; `loc` is pydantic's, which names the kind of source."""
    models = [model]
    for part in loc[:-1]:
        of_kind = [one for one in models if part in _kinds(one)]
        inner = [one.model_fields[part].annotation for one in models if part in one.model_fields]
        if of_kind and len(models) > 1:
            models = of_kind
        elif inner:
            models = [one for annotation in inner for one in _models_in(annotation)] or models
    return [name for one in models for name in one.model_fields if name not in ("path", "version")]


def _kinds(model: type[BaseModel]) -> tuple[object, ...]:
    """Which `soort` of source this model is; empty when it is none."""
    return get_args(model.model_fields["soort"].annotation) if "soort" in model.model_fields else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _repair(document: dict[str, Any], place: Place, *, absent: bool) -> None:
    """Take out what stands at `place` (of a list: the whole list), or put in what is absent there."""
    keys = [part for part in place if isinstance(part, str)] if absent else _up_to_list(place)
    if not keys:
        return
    at: Any = document
    for key in keys[:-1]:
        at = at.get(key) if isinstance(at, dict) else None
    if not isinstance(at, dict):
        return
    last = keys[-1]
    if keys[-2:-1] in (["velden"], ["hulp"]):
        at[last] = {"kolom": "?"}
    elif absent:
        at[last] = deepcopy(_STAND_INS.get(last, "x"))
    else:
        at.pop(last, None)


def _up_to_list(place: Place) -> list[str]:
    keys: list[str] = []
    for part in place:
        if isinstance(part, int):
            break
        keys.append(part)
    return keys
