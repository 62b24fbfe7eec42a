"""Whether a value that someone wrote in an expression can be a value of its field, and which was meant if not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from kmgb.catalogue.fields import Code, Field

_LISTED = 12  # a code list no longer than this is named with its descriptions


def literal_fault(field: Field, codes: Sequence[Code], value: str, *, start: bool) -> tuple[str, str] | None:
    """Why the normalised field can never have this value, and a hint (Dutch); None when it can.

    `codes`: those of a closed list. `start`: the value is only what the field's value begins with.
    """
    if codes:
        return _code_fault(field, codes, value, start=start)
    right = _right_form(field, value, start=start)
    if "digits" in field.steps and not right.isdecimal():
        return f"{field.name} heeft alleen cijfers", ""
    if field.width and len(right) > field.width:
        return f"{field.name} heeft {field.width} cijfers", ""
    if right == value:
        return None
    form = f"heeft {field.width} cijfers" if field.width else "wordt anders geschreven"
    return f"{field.name} {form}", f"Bedoelde u {right!r}?"


def _code_fault(field: Field, codes: Sequence[Code], value: str, *, start: bool) -> tuple[str, str] | None:
    if any(code.code.startswith(value) if start else code.code == value for code in codes):
        return None
    what = "niet het begin van een code" if start else "geen code"
    return f"{value!r} is {what} van {field.name}", _nearest_codes(value, codes, field.width)


def _right_form(field: Field, value: str, *, start: bool) -> str:
    """The value as the normalised column holds it."""
    right = value.strip()
    for step in field.steps:
        match step.partition(":")[0]:
            case "digits":
                right = re.sub(r"[ ./-]", "", right)
            case "remove_blanks":
                right = "".join(right.split())
            case "upper":
                right = right.upper()
            case "lower":
                right = right.lower()
            case "zfill" if not start and field.width:
                right = right.zfill(field.width)
    return right


def _nearest_codes(value: str, codes: Sequence[Code], width: int | None) -> str:
    """The hint with the codes that were meant, by code or description; all of them when nothing comes near."""
    plain = value.strip().casefold()
    meant = [code for code in codes if plain in (code.code.casefold(), code.label.casefold())]
    meant = meant or [code for code in codes if width and code.code == plain.zfill(width)]
    if not meant:
        words = {word.casefold(): code for code in codes for word in (code.label, code.code) if word}
        meant = list(dict.fromkeys(words[word] for word in get_close_matches(plain, words, n=3, cutoff=0.55)))
    if meant:
        return f"Bedoelde u {' of '.join(map(_named, meant))}?"
    return f"Bekend zijn: {', '.join(_named(code) if len(codes) <= _LISTED else code.code for code in codes)}."


def _named(code: Code) -> str:
    return f"{code.code!r} ({code.label})" if code.label and code.label != code.code else repr(code.code)
