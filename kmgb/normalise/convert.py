"""One catalogue field: clean text -> its value of the catalogue's type, following the field's steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from kmgb.catalogue.fields import Code, Field
from kmgb.normalise import addresses, codes, dates, numbers


def _unchanged(value: pl.Expr) -> pl.Expr:
    return value


@dataclass(frozen=True, slots=True)
class Value:
    """How a value is read: `read` is null where the text cannot be read, `finish` makes the field's value of the rest.

    They are apart so that a value that cannot be read and one that means empty are told apart without reading twice.
    `fallible` is False for text, which can always be read.
    """

    read: pl.Expr
    finish: Callable[[pl.Expr], pl.Expr] = _unchanged
    fallible: bool = True


@dataclass(frozen=True, slots=True)
class Convention:
    """What the mapping says about the way of writing, and whether every text is known to be digits and nothing else."""

    date: str = ""
    decimal_sign: str = "."
    codes: Mapping[str, str] | None = None
    whole_digits: bool = False


def convert(field: Field, text: pl.Expr, convention: Convention, known: Sequence[Code]) -> Value:
    """The value of `field` read from clean text (null = empty). Source: catalogue.csv, column steps."""
    agreed = convention.codes or {}
    match field.datatype:
        case "boolean":
            return Value(codes.to_boolean(text, agreed))
        case "date" | "partial_date":
            return _date(field, text, convention)
        case "integer":
            return _integer(field, _looked_up(text, agreed))
        case "decimal":
            return _decimal(field, text, convention)
        case "code":
            return _stepped(field, codes.to_code(text, agreed, known), whole=convention.whole_digits and not known)
        case _:
            return _stepped(field, _looked_up(text, agreed), whole=convention.whole_digits and not agreed)


def _looked_up(text: pl.Expr, agreed: Mapping[str, str]) -> pl.Expr:
    return codes.to_code(text, agreed, ()) if agreed else text


def _date(field: Field, text: pl.Expr, convention: Convention) -> Value:
    value = dates.parse_date(text, convention.date)
    # The BAG knows no unknown dates: 0 and 00000000 are what systems write for an open end.
    return Value(value) if field.datatype == "partial_date" else Value(value, _without_zero)


def _integer(field: Field, text: pl.Expr) -> Value:
    options = _options(field, "integer")
    number = numbers.integer(text, unit="eenheid" in options)
    return Value(number, _without_zero) if "0_is_leeg" in options else Value(number)


def _decimal(field: Field, text: pl.Expr, convention: Convention) -> Value:
    number = numbers.decimal(text, convention.decimal_sign or ".")
    return Value(number, _without_zero) if "0_is_leeg" in _options(field, "decimal") else Value(number)


def _without_zero(number: pl.Expr) -> pl.Expr:
    return pl.when(number != 0).then(number)


def _stepped(field: Field, text: pl.Expr, *, whole: bool) -> Value:
    """Follow the steps of the field. Reading can fail up to the step `digits`; what comes after it finishes."""
    names = [step.partition(":")[0] for step in field.steps]
    if "digits" not in names:
        # Of a telephone number "-" or an address "," nothing is left: that is empty, not a text of no length.
        return Value(_emptied(_followed(text, field.steps), "") if field.steps else text, fallible=False)
    last = names.index("digits") + 1
    # Text that is all digits already has nothing in front of them to take away.
    read = text if whole else _followed(text, field.steps[:last])
    return Value(read, lambda value: _followed(value, field.steps[last:]))


def _followed(text: pl.Expr, steps: Sequence[str]) -> pl.Expr:
    for step in steps:
        name, _, argument = step.partition(":")
        text = _STEPS[name](text, argument)
    return text


def _emptied(text: pl.Expr, empty: str) -> pl.Expr:
    return pl.when(text != empty).then(text)


def _dossier(text: pl.Expr, _: str) -> pl.Expr:
    parts = text.str.extract_groups(r"^([0-9]{1,8})\D+([0-9]{1,4})$")
    glued = numbers.digits(text)
    short = pl.when(glued.str.len_bytes() <= 8).then(glued.str.zfill(8) + "0000").otherwise(glued.str.zfill(12))
    return pl.coalesce(parts.struct.field("1").str.zfill(8) + parts.struct.field("2").str.zfill(4), short)


def _composite(text: pl.Expr, kind: str) -> pl.Expr:
    return _dossier(text, kind) if kind == "dossier" else addresses.display(text)


_STEPS: Mapping[str, Callable[[pl.Expr, str], pl.Expr]] = {
    "digits": lambda text, _: numbers.digits(text),
    "zfill": lambda text, width: numbers.zero_filled(text, int(width)),
    "bag_id": lambda text, _: numbers.bag_identifier(text),
    "remove_dots": lambda text, _: text.str.replace_all(r"[. ]", ""),
    "remove_blanks": lambda text, _: text.str.replace_all(" ", "", literal=True),
    "lower": lambda text, _: text.str.to_lowercase(),
    "upper": lambda text, _: text.str.to_uppercase(),
    "strip_leading_zeros": lambda text, _: text.str.replace(r"^0+([0-9])", "$1"),
    "cbs": lambda text, width: numbers.statistical_code(text, int(width)),
    "prefix_kvk": lambda text, _: numbers.kvk_number(text),
    "btw_suffix": lambda text, _: numbers.fiscal_number(text),
    "telefoon": lambda text, _: numbers.phone_number(text),
    "url": lambda text, _: numbers.web_address(text),
    "leeg_bij": _emptied,
    "composite": _composite,
}


def _options(field: Field, name: str) -> tuple[str, ...]:
    step = next((step for step in field.steps if step.partition(":")[0] == name), "")
    return tuple(step.partition(":")[2].split(","))
