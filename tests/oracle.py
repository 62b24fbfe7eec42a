"""A second opinion: normalise and compare worked out row by row in plain Python, from the domain notes.

Slow and short on purpose, and written without looking at how `kmgb` does it: where the two disagree, one is wrong.
Covers the datatypes text, identifier, date, partial date, boolean, code, integer and decimal, the agreements, sets and
the tolerant rules that the differential test uses.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

UNREADABLE = object()
SENTINELS = {0, 10101, 17530101, 19000101, 99991231}
CUTS = {10, 17, 20, 24, 30, 40, 45, 80}
_LETTERS = dict(
    zip(
        "łŁıøØßðÐđĐĸŧŦæÆœŒþÞŋŊħĦ",
        [
            "l",
            "L",
            "i",
            "o",
            "O",
            "ss",
            "d",
            "D",
            "d",
            "D",
            "k",
            "t",
            "T",
            "ae",
            "AE",
            "oe",
            "OE",
            "th",
            "TH",
            "n",
            "N",
            "h",
            "H",
        ],
        strict=True,
    )
)
_QUOTES = dict.fromkeys("‘’‛´`", "'") | dict.fromkeys("“”", '"')
YES, NO = {"j", "ja", "y", "yes", "1", "-1", "true", "waar", "x", "t"}, {"n", "nee", "no", "0", "false", "onwaar", "f"}


@dataclass(frozen=True)
class Rule:
    """One field: how it is read, how the application writes it, which differences are only a way of writing."""

    name: str
    kind: str  # text, identifier, date, partial_date, boolean, code, integer, decimal
    width: int = 0
    steps: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)  # what the application writes -> our code
    known: tuple[tuple[str, str], ...] = ()  # (code, label) of a closed list
    empty: tuple[str, ...] = ()
    empty_when: tuple[str, ...] = ()
    flat: bool = False
    upper: bool = False
    without_blanks: bool = False
    cut: int = 0
    tolerance: float | None = None
    tolerant: tuple[str, ...] = ()
    zero_is_empty: bool = False
    nullable: bool = True


def flat(text: str) -> str:
    """The text as a system without accents writes it."""
    plain = "".join(_LETTERS.get(letter, _QUOTES.get(letter, letter)) for letter in text)
    return "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.category(c).startswith("M"))


def clean(text: str | None) -> str | None:
    """NFC, single blanks, nothing at the ends; empty is None."""
    if text is None:
        return None
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip() or None


def read_date(text: str) -> Any:
    """jjjjmmdd as a number with 00 for what is unknown, or UNREADABLE."""
    bare = re.sub(r"[T ][0-9:.,Z+ -]*$", "", text)
    if text == "0":
        return 0
    for pattern, order in (
        (r"(\d{4})(\d\d)(\d\d)", "jmd"),
        (r"(\d{4})[-/.](\d\d)[-/.](\d\d)", "jmd"),
        (r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})", "dmj"),
        (r"(\d{4})-(\d\d)", "jm"),
        (r"(\d{4})", "j"),
    ):
        if found := re.fullmatch(pattern, bare):
            part = dict(zip(order, map(int, found.groups()), strict=True))
            month, day = part.get("m", 0), part.get("d", 0)
            return part["j"] * 10000 + month * 100 + day if month <= 12 and day <= 31 else UNREADABLE
    return UNREADABLE


def read(rule: Rule, delivered: str | None, *, theirs: bool) -> Any:
    """The value of one cell: None when empty, UNREADABLE when it cannot be read."""
    text = clean(delivered)
    if text is None or (theirs and text in rule.empty):
        return None
    agreed = {written.strip().casefold(): ours for written, ours in rule.codes.items()} if theirs else {}
    return _READERS[rule.kind](rule, agreed.get(text.casefold(), text))


def _read_text(rule: Rule, text: str) -> Any:
    for step in rule.steps:
        text = {
            "remove_dots": lambda t: t.replace(".", "").replace(" ", ""),
            "remove_blanks": lambda t: t.replace(" ", ""),
            "upper": str.upper,
            "lower": str.lower,
        }[step](text)
    return text


def _read_code(rule: Rule, text: str) -> Any:
    table = {label.casefold(): code for code, label in rule.known} | {c.casefold(): c for c, _ in rule.known}
    return table.get(text.casefold(), text)


def _read_identifier(rule: Rule, text: str) -> Any:
    bare = re.sub(r"[.,]00?$", "", re.sub(r"^NL\.IMBAG\.[A-Za-z]+\.", "", text))
    bare = re.sub(r"[ .\-/]", "", bare)
    return bare.zfill(rule.width) if re.fullmatch(r"[0-9]+", bare) else UNREADABLE


def _read_boolean(_: Rule, text: str) -> Any:
    return "J" if text.lower() in YES else "N" if text.lower() in NO else UNREADABLE


def _read_whole_date(_: Rule, text: str) -> Any:
    value = read_date(text)
    return None if value == 0 else value


def _read_integer(rule: Rule, text: str) -> Any:
    found = re.fullmatch(r"([+-]?\d+)(?:[.,]0*)?", text)
    if not found:
        return UNREADABLE
    return None if rule.zero_is_empty and int(found[1]) == 0 else int(found[1])


def _read_decimal(rule: Rule, text: str) -> Any:
    found = re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?", text)
    if not found:
        return UNREADABLE
    value = round(float(text.replace(",", ".")), 3)
    return None if rule.zero_is_empty and value == 0 else value


_READERS: Mapping[str, Callable[[Rule, str], Any]] = {
    "text": _read_text,
    "code": _read_code,
    "identifier": _read_identifier,
    "boolean": _read_boolean,
    "date": _read_whole_date,
    "partial_date": lambda _, text: read_date(text),
    "integer": _read_integer,
    "decimal": _read_decimal,
}


def expected(rule: Rule, value: Any) -> Any:
    """What the application should hold by its agreements."""
    if value is None or value is UNREADABLE or str(value) in rule.empty_when:
        return None if value is not UNREADABLE else UNREADABLE
    if not isinstance(value, str):
        return value
    value = flat(value) if rule.flat else value
    value = value.upper() if rule.upper else value
    value = value.replace(" ", "") if rule.without_blanks else value
    return value[: rule.cut].rstrip() if rule.cut else value


_FOLDS: Mapping[str, Callable[[str], str]] = {
    "hoofdletters": str.lower,
    "diakrieten": flat,
    "leestekens": lambda t: "".join(c if c.isalnum() else " " for c in t),
    "spaties": lambda t: t.replace(" ", ""),
    "voorloopnullen": lambda t: re.sub(r"^0+(.)", r"\1", t),
    "haakjes": lambda t: re.sub(r"\s*\([^)]*\)$", "", t),
}


def _fold(names: Sequence[str], text: str) -> str:
    for name in names:
        text = _FOLDS[name](text)
        if name == "leestekens":
            text = " ".join(text.split())
    return text


def only_writing(rule: Rule, ours: Any, theirs: Any) -> bool:
    """True where a tolerant rule explains the difference."""
    if rule.kind in ("date", "partial_date"):
        return _only_date(rule, ours, theirs)
    if ours is None or theirs is None:
        return False
    if rule.kind == "decimal":
        near = "coordinaat_afstand" in rule.tolerant
        return near and abs(ours - theirs) <= max(rule.tolerance or 0, 0.5)
    if not isinstance(ours, str) or theirs in {code for code, _ in rule.known}:
        return False
    folds = [name for name in rule.tolerant if name in _FOLDS]
    sizes = {1, 2, len(folds)} & set(range(1, len(folds) + 1))
    if any(_same(some, ours, theirs) for n in sizes for some in combinations(folds, n)):
        return True
    words = [name for name in folds if name != "spaties"]
    cut = "afgekapt" in rule.tolerant
    return cut and (_cut(ours, theirs) or _cut(_fold(words, ours), _fold(words, theirs)))


def _same(names: Sequence[str], ours: str, theirs: str) -> bool:
    """Two different remarks in brackets are two meanings; a remark beside none is one."""
    if "haakjes" in names:
        remarks = [
            re.sub(r"\W", "", found[0].lower()) for t in (ours, theirs) if (found := re.findall(r"\(([^)]*)\)$", t))
        ]
        if len(set(remarks)) > 1:
            return False
    return _fold(names, ours) == _fold(names, theirs)


def _cut(ours: str, theirs: str) -> bool:
    n = len(theirs)
    word = len(ours) > n and (ours[n - 1].isalnum() and ours[n].isalnum())
    return n in CUTS and ours.startswith(theirs) and word


def _only_date(rule: Rule, ours: Any, theirs: Any) -> bool:
    if theirs in SENTINELS and ours in (None, 0):
        return True
    if not rule.nullable and ours in SENTINELS and theirs in (None, 0):
        return True
    if ours is None or theirs is None:
        return False
    (a, b), known = (divmod(value, 10000) for value in (ours, theirs)), ours // 10000
    months, days = (a[1] // 100, b[1] // 100), (a[1] % 100, b[1] % 100)
    if "precisieverlies" in rule.tolerant and a[0] == b[0] and known:
        agree = all(x == y or 0 in (x, y) for x, y in (months, days))
        return agree and (0 in months or 0 in days)
    if "einddatum_inclusief" in rule.tolerant and 0 not in (*months, *days):
        try:
            first, last = (dt.date(v // 10000, v // 100 % 100, v % 100) for v in (ours, theirs))
        except ValueError:
            return False
        return (first - last).days == 1
    return False


def cell_kind(rule: Rule, ours: Any, theirs: Any) -> str | None:
    """The kind of finding of one cell, or None when it is equal. Checks of values are not looked at."""
    if ours is UNREADABLE or theirs is UNREADABLE:
        return "ongeldig"
    should = expected(rule, ours)
    if theirs in (should, ours):
        return None
    if rule.tolerance is not None and None not in (should, theirs) and abs(should - theirs) <= rule.tolerance:
        return None
    if only_writing(rule, should, theirs):
        return "cosmetisch"
    if theirs is None:
        return "leeg_in_applicatie"
    return "leeg_in_bron" if ours is None else "afwijkend"


Row = Mapping[str, str | None]
Finding = tuple[str, str, str]  # key, field, kind


def compare(ours: Sequence[Row], theirs: Sequence[Row], key: Rule, rules: Sequence[Rule]) -> set[Finding]:
    """All findings but those on values that fail a check. Rows without a readable key are named by their place."""
    found: set[Finding] = set()
    sides = []
    for rows, afnemer, name in ((ours, False, "rij {} van de distributie"), (theirs, True, "rij {}")):
        keyed = [(read(key, row[key.name], theirs=afnemer), row) for row in rows]
        for place, (value, _) in enumerate(keyed, 1):
            if value is None or value is UNREADABLE:
                found.add((name.format(place), key.name, "ongeldig"))
        keyed = [(value, row) for value, row in keyed if value is not None and value is not UNREADABLE]
        twice = {value for value, count in Counter(value for value, _ in keyed).items() if count > 1}
        found |= {(value, "", "dubbel") for value in twice}
        sides.append((dict(keyed), twice))
    (a, twice_a), (b, twice_b) = sides
    found |= {(k, "", "ontbreekt") for k in a.keys() - b.keys() - twice_a}
    found |= {(k, "", "overtollig") for k in b.keys() - a.keys() - twice_b}
    for k in (a.keys() & b.keys()) - twice_a - twice_b:
        for rule in rules:
            pair = read(rule, a[k][rule.name], theirs=False), read(rule, b[k][rule.name], theirs=True)
            if kind := cell_kind(rule, *pair):
                found.add((k, rule.name, kind))
    return found
