"""The small safe language that says who is expected: text in, polars expression out. No `eval`, no Python.

Grammar (words are not case-sensitive; field names are those of the catalogue or of a helper column `hulp.<naam>`):

    expression := term { "of" term }
    term       := factor { "en" factor }
    factor     := [ "niet" ] ( "(" expression ")" | condition )
    condition  := field "is" [ "niet" ] "leeg"
                | field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) ( value | field )
                | field [ "niet" ] "in" "(" value { "," value } ")"
                | field [ "niet" ] "begint" "met" value
    value      := 'text' | number | jjjj-mm-dd | "peildatum" [ ( "-" | "+" ) number ( "dagen" | "jaar" ) ]

A comparison with an empty field is never true: "niet (a = 'x')" is true where a is empty, "a != 'x'" is not.
A comparison with a date of which parts are unknown is true only if it is true for every day that it may be.
A judgement reads the same text with three outcomes: what cannot be told is null, and so is its opposite.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NoReturn

import polars as pl

from kmgb.catalogue.calendar import days_in_month, jjjjmmdd
from kmgb.catalogue.fields import Catalogue, Entity, Field
from kmgb.catalogue.literals import literal_fault
from kmgb.errors import PopulationError, nearest

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<date>\d{4}-\d{2}-\d{2})|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<sign><=|>=|!=|=|<|>|\(|\)|,|\+|-)|(?P<word>[^\W\d][\w.]*))"
)
_COMPARE: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_OPPOSITE: Mapping[str, str] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_DATE = pl.Int32()
_WORDS = frozenset(["of", "en", "niet", "is", "leeg", "in", "begint", "met", "peildatum", "dagen", "jaar"])


@dataclass(frozen=True, slots=True)
class Population:
    """A parsed expression: the polars expression and the fields it reads."""

    text: str
    expr: pl.Expr
    fields: frozenset[str]


def parse_population(
    text: str,
    dtypes: Mapping[str, pl.DataType],
    peildatum: date,
    catalogue: Catalogue | None = None,
    entity: Entity | None = None,
) -> Population:
    """The expression that is true for every row inside the population; null counts as outside.

    Columns: the expression reads the normalised columns named in `fields`. `dtypes` lists the known names. With
    `catalogue` and `entity`, a value that its field can never have is a fault as well.
    Raises: PopulationError with the position (characters from 0) and the nearest known name or code.
    """
    if not text.strip():
        return Population(text, pl.lit(True), frozenset())
    parser = _Parser(text, dtypes, peildatum, catalogue, entity)
    expr = parser.expression()
    parser.end()
    return Population(text, expr.fill_null(False), frozenset(parser.used))


def parse_judgement(
    text: str, fields: Mapping[str, Field], peildatum: date, catalogue: Catalogue, helpers: Iterable[str] = ()
) -> Population:
    """The expression that is true, false, or null where that cannot be told: a field is empty, a date partly unknown.

    Columns: the expression reads those named in `fields`; `helpers` are further names, of columns that hold text.
    Unlike in a population, "niet" turns around only what is known.
    Raises: PopulationError, as for a population.
    """
    dtypes = {name: field.dtype for name, field in fields.items()} | dict.fromkeys(helpers, pl.String())
    if not text.strip():
        return Population(text, pl.lit(True), frozenset())
    parser = _Parser(text, dtypes, peildatum, catalogue, fields, three=True)
    expr = parser.expression()
    parser.end()
    return Population(text, expr, frozenset(parser.used))


class _Parser:
    def __init__(
        self,
        text: str,
        dtypes: Mapping[str, pl.DataType],
        peildatum: date,
        catalogue: Catalogue | None,
        entity: Entity | Mapping[str, Field] | None,
        *,
        three: bool = False,
    ) -> None:
        self.text, self.dtypes, self.peildatum = text, dtypes, peildatum
        self.catalogue, self.entity, self.three = catalogue, entity, three
        self.tokens = _tokens(text)
        self.at = 0
        self.used: set[str] = set()

    def expression(self) -> pl.Expr:
        expr = self._term()
        while self._word("of"):
            expr = expr | self._term()
        return expr

    def end(self) -> None:
        if self.at < len(self.tokens):
            self._fail("verwacht 'en', 'of' of het einde")

    def _term(self) -> pl.Expr:
        expr = self._factor()
        while self._word("en"):
            expr = expr & self._factor()
        return expr

    def _factor(self) -> pl.Expr:
        negate = self._word("niet")
        if self._sign("("):
            expr = self.expression()
            self._expect(")")
        else:
            expr = self._condition()
        if not negate:
            return expr
        return ~expr if self.three else ~expr.fill_null(False)

    def _condition(self) -> pl.Expr:
        name = self._field()
        column = pl.col(name)
        if self._word("is"):
            negate = self._word("niet")
            self._expect("leeg")
            return column.is_not_null() if negate else column.is_null()
        negate = self._word("niet")
        if self._word("in"):
            return self._among(name, negate=negate)
        if self._word("begint"):
            self._expect("met")
            expr = column.cast(pl.String).str.starts_with(str(self._value(name, start=True)))
        elif not negate and (sign := self._peek()[1]) in _COMPARE:
            self.at += 1
            return self._compared(name, sign, self._operand(name))
        else:
            self._fail("verwacht 'is leeg', 'in (...)', 'begint met' of een vergelijking zoals =")
        return ~expr if negate else expr

    def _compared(self, name: str, sign: str, other: pl.Expr) -> pl.Expr:
        column = pl.col(name)
        if self.dtypes[name] != _DATE:
            return _COMPARE[sign](column, other)
        certain = _certain(column, sign, other)
        if not self.three:
            return certain
        return pl.when(certain).then(True).when(_certain(column, _OPPOSITE[sign], other)).then(False)

    def _among(self, name: str, *, negate: bool) -> pl.Expr:
        values = self._values(name)
        if self.dtypes[name] == _DATE and (negate or self.three):
            if negate:
                return pl.all_horizontal(self._compared(name, "!=", pl.lit(value)) for value in values)
            return pl.any_horizontal(self._compared(name, "=", pl.lit(value)) for value in values)
        expr = pl.col(name).is_in(values)
        return ~expr if negate else expr

    def _operand(self, name: str) -> pl.Expr:
        """What a field is compared with: another field of its type, or a value."""
        kind, token, _ = self._peek()
        if kind != "word" or token.lower() == "peildatum" or token not in self.dtypes:
            return pl.lit(self._value(name))
        if self.dtypes[token] != self.dtypes[name]:
            self._fail(f"{token} is niet van dezelfde soort als {name}")
        self.at += 1
        self.used.add(token)
        return pl.col(token)

    def _field(self) -> str:
        kind, token, _ = self._peek()
        if kind != "word" or token in _WORDS:
            self._fail("verwacht een veldnaam")
        if token not in self.dtypes:
            self._fail(f"{token!r} is geen bekend veld", nearest(token, list(self.dtypes)))
        self.at += 1
        self.used.add(token)
        return token

    def _values(self, name: str) -> list[str | int | float]:
        self._expect("(")
        values = [self._value(name)]
        while self._sign(","):
            values.append(self._value(name))
        self._expect(")")
        return values

    def _value(self, name: str, *, start: bool = False) -> str | int | float:
        """The value at this place, as the column of `name` holds it; with `start`, text that a value begins with."""
        kind, token, _ = self._peek()
        dtype = pl.String() if start else self.dtypes[name]
        began = self.at
        value: str | int | float
        if self._word("peildatum"):
            value = self._day(self._moment(), dtype)
        elif kind == "date":
            self.at += 1
            value = self._day(_as_date(token, self), dtype)
        elif kind in ("text", "number"):
            self.at += 1
            value = self._typed(token[1:-1].replace("''", "'") if kind == "text" else token, dtype)
        else:
            self._fail("verwacht een waarde: 'tekst', een getal, een datum, peildatum of een ander veld")
        if self.catalogue and self.entity and name in self.entity and isinstance(value, str):
            field = self.entity[name]
            fault = literal_fault(field, self.catalogue.codes(field), value, start=start)
            if fault is not None:
                self.at = began
                self._fail(*fault)
        return value

    def _moment(self) -> date:
        sign = -1 if self._sign("-") else 1 if self._sign("+") else 0
        if not sign:
            return self.peildatum
        kind, token, _ = self._peek()
        if kind != "number" or "." in token:
            self._fail("verwacht een geheel getal")
        self.at += 1
        count = sign * int(token)
        days = self._word("dagen")
        if not days:
            self._expect("jaar")
        try:
            return self.peildatum + timedelta(days=count) if days else _shift_years(self.peildatum, count)
        except (ValueError, OverflowError):
            self._fail("deze dag ligt buiten de kalender")

    def _day(self, day: date, dtype: pl.DataType) -> str | int:
        if dtype == _DATE:
            return jjjjmmdd(day)
        if dtype != pl.String():
            self.at -= 1
            self._fail("verwacht een getal, want dit veld is geen datum")
        return day.isoformat()

    def _typed(self, token: str, dtype: pl.DataType) -> str | int | float:
        if dtype == pl.String():
            return token
        if dtype == _DATE:
            return self._whole_date(token)
        try:
            return float(token) if dtype == pl.Float64() else int(token)
        except ValueError:
            self.at -= 1
            self._fail("verwacht een getal, want dit veld is geen tekst")

    def _whole_date(self, token: str) -> int:
        try:
            if not re.fullmatch(r"\d{8}|\d{4}-\d{2}-\d{2}", token):
                raise ValueError(token)
            return jjjjmmdd(date.fromisoformat(token))
        except ValueError:
            self.at -= 1
            self._fail("verwacht een bestaande datum als jjjj-mm-dd, want dit veld is een datum")

    def _peek(self) -> tuple[str, str, int]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "", len(self.text))

    def _word(self, word: str) -> bool:
        kind, token, _ = self._peek()
        found = kind == "word" and token.lower() == word
        self.at += found
        return found

    def _sign(self, sign: str) -> bool:
        kind, token, _ = self._peek()
        found = kind == "sign" and token == sign
        self.at += found
        return found

    def _expect(self, what: str) -> None:
        if not (self._word(what) or self._sign(what)):
            self._fail(f"verwacht {what!r}")

    def _fail(self, what: str, hint: str = "") -> NoReturn:
        position = self._peek()[2]
        near = self.text[position : position + 20] or "einde van de uitdrukking"
        raise PopulationError(f"{what}, bij {near!r} (teken {position + 1}). {hint}".rstrip(), position)


def _tokens(text: str) -> list[tuple[str, str, int]]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise PopulationError(f"onbegrijpelijk teken bij {text[at : at + 20].strip()!r} (teken {at + 1}).", at)
        kind = match.lastgroup
        tokens.append((kind, match.group(kind), match.start(kind)))
        at = match.end()
    return tokens


def _as_date(token: str, parser: _Parser) -> date:
    try:
        return date.fromisoformat(token)
    except ValueError:
        parser.at -= 1
        raise PopulationError(f"{token} is geen bestaande datum.", parser._peek()[2]) from None


def _shift_years(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February in a year without one
        return day.replace(year=day.year + years, day=28)


def _known(column: pl.Expr) -> pl.Expr:
    """The date, null where not even the year is known."""
    return pl.when(column >= 10000).then(column)


def _certain(left: pl.Expr, sign: str, right: pl.Expr) -> pl.Expr:
    """True where two dates compare so whatever their unknown parts may be.

    What is before (<) must be so even on the latest day it may be, what is after on the first. A date with unknown
    parts is never equal to a day.
    """
    match sign:
        case "<" | "<=":
            return _COMPARE[sign](_latest(left), _earliest(right))
        case ">" | ">=":
            return _COMPARE[sign](_earliest(left), _latest(right))
        case "!=":
            return (_latest(left) < _earliest(right)) | (_earliest(left) > _latest(right))
        case _:
            return (_earliest(left) == _latest(right)) & (_latest(left) == _earliest(right))


def _earliest(column: pl.Expr) -> pl.Expr:
    """The first day that a date with unknown parts (00) may be; without its month, its day says nothing."""
    whole = pl.when(column % 100 == 0).then(column + 1).otherwise(column)
    return _known(pl.when(column // 100 % 100 == 0).then(column // 10000 * 10000 + 101).otherwise(whole))


def _latest(column: pl.Expr) -> pl.Expr:
    """The last day that a date with unknown parts (00) may be."""
    year, month = column // 10000, column // 100 % 100
    whole = pl.when(column % 100 == 0).then(column + days_in_month(year, month)).otherwise(column)
    return _known(pl.when(month == 0).then(year * 10000 + 1231).otherwise(whole))
