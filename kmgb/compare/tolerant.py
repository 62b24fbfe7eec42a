"""The tolerant rules: each names a difference in the way of writing that leaves the meaning whole.

A cell that is equal only after a rule is never gelijk but cosmetisch, and the finding keeps the rule's name. Two sorts:
a *fold* takes the difference away on both sides, and folds add up; a *test* looks at the two values together.
Source: catalogue.csv, column tolerant; domain notes sections 4, 5 and 12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

import polars as pl

from kmgb.catalogue.voorvoegsels import PREFIXES
from kmgb.compare.folding import ADDRESS_PARTS, address_parts, strip_diacritics
from kmgb.compare.plan import CellPlan

CUT_WIDTHS = (10, 17, 20, 24, 30, 40, 45, 80)
DEFAULT_DISTANCE = 0.5  # metres
_ON_MEANING = ("rechtsvorm_groep",)
# What these folds take away has a meaning: it may stand on one side only, or on both sides alike.
_ADDITIONS = ("haakjes", "plaats_achtervoegsel", "rechtsvorm_in_naam", "voorvoegsel_in_naam", "gebeurtenis_voorvoegsel")
SENTINEL_DATES = (0, 10101, 17530101, 19000101, 99991231)

_STREETS = {
    r"str\.?$": "straat", r"str\.? ": "straat ", r"ln\.?$": "laan", r"\bpl\.?$": "plein", r"pln\.?$": "plein",
    r"\bwg\.?$": "weg", r"\bsngl\.?$": "singel", r"\bkd\.?$": "kade", r"\bdr\.? ": "doctor ",
    r"\bburg\.? ": "burgemeester ", r"\bprof\.? ": "professor ", r"\bst\.? ": "sint ", r"\bv\.? ?d\.? ": "van der ",
}  # fmt: skip
_PREFIXES = {r"^v\.? ?d\.?$": "van der", r"^v\.?$": "van", r"^d\.?$": "de", r"^v\.? ?'?t\.?$": "van 't"}
_PLACES = {"den bosch": "'s-hertogenbosch", "den haag": "'s-gravenhage", "s-hertogenbosch": "'s-hertogenbosch"}
_LEGAL_FORMS = r"(?i)[\s,]+(?:b\.?\s?v\.?|n\.?\s?v\.?|v\.?\s?o\.?\s?f\.?|c\.?\s?v\.?|u\.?a\.?|w\.?a\.?|stichting)$"
_PROVINCE = r"(?i)\s+(?:lb|gld|nb|nh|zh|ut|ov|fr|gn|dr|zld|fl)\.?$"
_ADDRESS_FOLDS = ("hoofdletters", "diakrieten", "leestekens", "spaties", "voorloopnullen")
_PREFIX_IN_FRONT = rf"(?i)^(?:(?:{'|'.join(PREFIXES)})\s+|d'|l'|s')(\S.*)$"
_PREFIX_BEHIND = rf"(?i)\s*,\s*(?:{'|'.join(PREFIXES)})$"
_GROUPS = {
    "EMZ": ("01", "02", "03"), "VOF": ("11", "12"), "CV": ("21", "22", "23"), "BV": ("41", "42"),
    "NV": ("51", "52", "53", "54"), "COOP": ("61", "62", "63", "64", "65", "66"), "VER": ("71", "72"),
    "OWM": ("81", "82", "83", "84", "85", "86"), "BUI": ("91", "92", "93", "94", "95", "96", "97"),
}  # fmt: skip


def _replaced(table: Mapping[str, str]) -> Callable[[pl.Expr], pl.Expr]:
    def fold(text: pl.Expr) -> pl.Expr:
        lowered = text.str.to_lowercase()
        for pattern, replacement in table.items():
            lowered = lowered.str.replace_all(pattern, replacement)
        return lowered

    return fold


def _place(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().replace(_PLACES)


def _legal_group(code: pl.Expr) -> pl.Expr:
    return code.replace({code: group for group, codes in _GROUPS.items() for code in codes})


def _punctuation(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"[\p{P}\p{S}\s]+", " ").str.strip_chars()


def _place_suffix(text: pl.Expr) -> pl.Expr:
    return text.str.replace(r"(?i)\s*\([^)]*\)$", "").str.replace(_PROVINCE, "")


def _without_prefix(name: pl.Expr) -> pl.Expr:
    return name.str.replace(_PREFIX_IN_FRONT, "$1").str.replace(_PREFIX_BEHIND, "")


FOLDS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "hoofdletters": lambda text: text.str.to_lowercase(),
    "diakrieten": strip_diacritics,
    "leestekens": _punctuation,
    "spaties": lambda text: text.str.replace_all(" ", "", literal=True),
    "haakjes": lambda text: text.str.replace(r"\s*\([^)]*\)$", ""),
    "voorloopnullen": lambda text: text.str.replace(r"^0+(.)", "$1"),
    "straat_afkorting": _replaced(_STREETS),
    "voorvoegsel_afkorting": _replaced(_PREFIXES),
    "plaats_achtervoegsel": _place_suffix,
    "plaats_alias": _place,
    "rechtsvorm_in_naam": lambda text: text.str.replace(_LEGAL_FORMS, "").str.replace(r"(?i)^stichting ", ""),
    "rechtsvorm_groep": _legal_group,
    "gebeurtenis_voorvoegsel": lambda text: text.str.replace(r"^(?:BAG|BGR|BRA)-", ""),
    "voorvoegsel_in_naam": _without_prefix,
    "digraaf": lambda text: text.str.replace_all(r"(\p{Lu})\p{Ll}+", "$1").str.replace_all("IJ", "I", literal=True),
}


def tolerant_rule(cell: CellPlan, distributie: pl.Expr, afnemer: pl.Expr) -> pl.Expr:
    """The name of the first rule (or rules joined by +) that makes two differing values one; null when none does.

    Both values are present and differ. The cheapest explanation wins: one rule, then two folds, then all folds, then
    a cut on top of all folds.
    """
    explained = _explanations(cell, distributie, afnemer)
    found = [pl.when(same & _may(name, cell, afnemer)).then(pl.lit(name)) for name, same in explained]
    return pl.coalesce(*found) if found else pl.lit(None, dtype=pl.String)


def _may(rule: str, cell: CellPlan, afnemer: pl.Expr) -> pl.Expr:
    """False where the application holds another code of the list: only a rule on meaning may overrule that."""
    if not cell.codes or rule in _ON_MEANING:
        return pl.lit(value=True)
    return ~afnemer.is_in(cell.codes)


def _explanations(cell: CellPlan, distributie: pl.Expr, afnemer: pl.Expr) -> Iterator[tuple[str, pl.Expr]]:
    folds = [name for name in cell.tolerant if name in FOLDS]
    tests = [name for name in cell.tolerant if name in TESTS]

    def same(names: Sequence[str]) -> pl.Expr:
        equal = _folded(names, distributie) == _folded(names, afnemer)
        for name in set(names) & set(_ADDITIONS):
            equal = equal & _agree(_addition(name, distributie), _addition(name, afnemer))
        if cell.field.datatype == "composite" and "spaties" in names:
            equal = equal & (_numbers(distributie) == _numbers(afnemer))
        return equal

    yield from ((name, same((name,))) for name in folds)
    yield from ((name, TESTS[name](cell, distributie, afnemer)) for name in tests)
    for count in sorted({2, len(folds)} & set(range(2, len(folds) + 1))):
        for names in combinations(folds, count):
            yield "+".join(names), same(names)
    # Without its blanks a text has no words left to be cut in.
    words = [name for name in folds if name != "spaties"]
    if "afgekapt" in tests and words:
        cut = _cut(cell, _folded(words, distributie), _folded(words, afnemer))
        yield "+".join([*words, "afgekapt"]), cut


def _addition(name: str, text: pl.Expr) -> pl.Expr:
    """The letters and digits that this fold takes away; null when it takes nothing."""
    whole, rest = (
        value.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]", "") for value in (text, FOLDS[name](text))
    )
    taken = whole.str.strip_prefix(rest).str.strip_suffix(rest)
    return pl.when(whole != rest).then(taken)


def _numbers(text: pl.Expr) -> pl.Expr:
    """The numbers of an address one by one: without blanks 12 2 would be 122."""
    return text.str.extract_all(r"[0-9]+").list.join(" ")


def _agree(ours: pl.Expr, theirs: pl.Expr) -> pl.Expr:
    return (ours == theirs).fill_null(value=True)


def _folded(names: Sequence[str], text: pl.Expr) -> pl.Expr:
    for name in names:
        text = FOLDS[name](text)
    return text


def _cut(_: CellPlan, distributie: pl.Expr, afnemer: pl.Expr) -> pl.Expr:
    """Cut at a common column width, inside a word: a cut between words may as well be another, shorter value."""
    length = afnemer.str.len_chars()
    inside = distributie.str.slice(length - 1, 2).str.contains(r"^[\p{L}\p{N}]{2}$")
    return length.is_in(CUT_WIDTHS) & distributie.str.starts_with(afnemer) & inside


def _lost_precision(_: CellPlan, distributie: pl.Expr, afnemer: pl.Expr) -> pl.Expr:
    """One side knows less of the date, and what both know is equal. Source: domain notes section 4, rule 2."""
    years = (distributie // 10000 == afnemer // 10000) & (distributie >= 10000)
    month_d, month_a = distributie // 100 % 100, afnemer // 100 % 100
    day_d, day_a = distributie % 100, afnemer % 100
    months = (month_d == month_a) | (month_d == 0) | (month_a == 0)
    less = (month_d == 0) | (month_a == 0) | (day_d == 0) | (day_a == 0)
    return years & months & less & ((day_d == day_a) | (day_d == 0) | (day_a == 0))


def _inclusive_end(_: CellPlan, distributie: pl.Expr, afnemer: pl.Expr) -> pl.Expr:
    """The application writes the last day a row was valid, the register the first day it was not."""

    def as_day(value: pl.Expr) -> pl.Expr:
        # Through text: pl.date stops the whole run at a day that does not exist (polars 2.1).
        return value.cast(pl.String).str.zfill(8).str.to_date("%Y%m%d", strict=False)

    return (as_day(distributie).dt.offset_by("-1d") == as_day(afnemer)).fill_null(value=False)


def _near(cell: CellPlan, distributie: pl.Expr, afnemer: pl.Expr) -> pl.Expr:
    return (distributie - afnemer).abs() <= max(cell.tolerance or 0.0, DEFAULT_DISTANCE)


def _same_address(_: CellPlan, distributie: pl.Expr, afnemer: pl.Expr) -> pl.Expr:
    """Part by part: number and postcode exact, the rest without case, accents, punctuation and leading zeros."""
    ours, theirs = address_parts(distributie), address_parts(afnemer)

    def same(part: str) -> pl.Expr:
        a, b = (_folded(_ADDRESS_FOLDS, side.struct.field(part).fill_null("")) for side in (ours, theirs))
        return a == b

    return ours.struct.field("huisnummer").is_not_null() & pl.all_horizontal(*(same(part) for part in ADDRESS_PARTS))


def _one_of(_: CellPlan, distributie: pl.Expr, afnemer: pl.Expr) -> pl.Expr:
    """A vestiging may carry several trade names: the application holds one of them. Source: catalogue, handelsnaam."""
    names = distributie.str.split("|").list.eval(pl.element().str.strip_chars())
    return distributie.str.contains("|", literal=True) & names.list.contains(afnemer)


TESTS: Mapping[str, Callable[[CellPlan, pl.Expr, pl.Expr], pl.Expr]] = {
    "afgekapt": _cut,
    "precisieverlies": _lost_precision,
    "einddatum_inclusief": _inclusive_end,
    "coordinaat_afstand": _near,
    "adres_onderdelen": _same_address,
    "een_van": _one_of,
}
