"""Values in a mapping that can be read but do not fit: a code outside its list, a tolerance on text, a bad pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from kmgb.catalogue.fields import Catalogue, Field
from kmgb.errors import Problem, nearest
from kmgb.mapping.model import Veld

# Which fields can be derived in which way; see `Veld.afleiden`.
_DERIVED = {
    "voorletters": ("voorletters",),
    "voorvoegsel_uit_naam": ("voorvoegsel",),
    "naam_zonder_voorvoegsel": ("geslachtsnaam_diacriet", "geslachtsnaam_partner"),
    "burgerlijke_staat": ("burgerlijke_staat",),
}
_CIVIL_STATUS = ("soort", "begin", "eind", "reden")
_FOLDER = re.compile(r"\w(?:[\w.-]*\w)?")
FOLDER_HINT = "Gebruik letters, cijfers, - en _, en binnenin een punt; geen spaties."
_READ_WITHOUT_CODES = ("date", "partial_date", "decimal")


def is_folder_name(name: str) -> bool:
    """True when a folder may be called so, on every system: aanleveringen stand in a folder per afnemer and entity."""
    return _FOLDER.fullmatch(name) is not None


def name_problems(where: str, naam: str) -> Iterator[Problem]:
    """A name that cannot be a folder's."""
    if not is_folder_name(naam):
        yield Problem(where, "kan geen naam van een map zijn.", FOLDER_HINT)


def pattern_problems(where: str, pattern: str) -> Iterator[Problem]:
    """A pattern that is no regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        place = f" (teken {error.pos + 1})" if error.pos is not None else ""
        yield Problem(where, f"is geen geldige reguliere expressie{place}.", r"Bijvoorbeeld: '(\d{8})'.")
    except (OverflowError, RecursionError):
        yield Problem(where, "is als reguliere expressie te groot.", r"Bijvoorbeeld: '(\d{8})'.")


def agreement_problems(where: str, veld: Veld, field: Field, catalogue: Catalogue) -> Iterator[Problem]:
    """Every agreement of `veld` that says nothing about `field`, or something its code list does not know."""
    if veld.codes:
        yield from _code_problems(f"{where}.codes", veld, field, catalogue)
    if veld.vaste_waarde is not None:
        yield from _constant_problems(f"{where}.vaste_waarde", veld.vaste_waarde, veld, field, catalogue)
    if veld.tolerantie is not None and field.dtype not in (pl.Float64(), pl.Int64()):
        yield Problem(f"{where}.tolerantie", f"{field.name} is geen getal; laat deze sleutel weg.")
    if veld.afleiden:
        yield from _derivation_problems(f"{where}.afleiden", veld, field)


def _derivation_problems(where: str, veld: Veld, field: Field) -> Iterator[Problem]:
    fitting = _DERIVED[veld.afleiden]
    if field.name not in fitting:
        yield Problem(where, f"{veld.afleiden!r} past niet bij {field.name}, wel bij {' of '.join(fitting)}.")
    elif veld.afleiden == "burgerlijke_staat" and len(veld.columns) != len(_CIVIL_STATUS):
        yield Problem(where, f"vraagt vier kolommen: {', '.join(_CIVIL_STATUS)}.")
    elif veld.afleiden != "burgerlijke_staat" and len(veld.columns) > 1:
        yield Problem(where, f"{veld.afleiden!r} vraagt één kolom.")


def _code_problems(where: str, veld: Veld, field: Field, catalogue: Catalogue) -> Iterator[Problem]:
    if field.datatype in _READ_WITHOUT_CODES:
        kind = "getal" if field.datatype == "decimal" else "datum"
        yield Problem(where, f"{field.name} is een {kind} en kent geen codes; laat deze sleutel weg.")
        return
    # What an application writes may differ in case, our own code may not: it is what the distribution delivers.
    known = [code.code for code in catalogue.codes(field)]
    for theirs, ours in veld.codes.items():
        if known and ours not in known:
            yield Problem(f"{where}.{theirs}", _unlisted(ours, field), _choice(ours, known))


def _constant_problems(where: str, value: str, veld: Veld, field: Field, catalogue: Catalogue) -> Iterator[Problem]:
    known = catalogue.codes(field)
    # J and N may be written in many ways, and a text that means empty is no code.
    if field.datatype != "code" or not known or not value.strip() or value in veld.leeg:
        return
    readable = {_plain(word) for code in known for word in (code.code, code.label)} | {_plain(c) for c in veld.codes}
    if _plain(value) not in readable:
        yield Problem(where, _unlisted(value, field), _choice(value, [code.code for code in known]))


def _unlisted(value: str, field: Field) -> str:
    return f"{value!r} staat niet in de waardelijst van {field.name}."


def _choice(value: str, known: list[str]) -> str:
    near = nearest(value, known)
    return near or (f"Kies uit: {', '.join(known)}." if len(known) <= 12 else "Zie: kmgb catalogue --format json.")


def _plain(word: str) -> str:
    return " ".join(word.split()).lower()
