"""The small safe language that says who is expected: text in, polars expression out. No `eval`, no Python.

Grammar (words are not case-sensitive; field names are those of the catalogue or of a helper column `hulp.<naam>`):

    expression := term { "of" term }
    term       := factor { "en" factor }
    factor     := [ "niet" ] ( "(" expression ")" | condition )
    condition  := field "is" [ "niet" ] "leeg"
                | field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
                | field [ "niet" ] "in" "(" value { "," value } ")"
                | field [ "niet" ] "begint" "met" value
    value      := 'text' | number | jjjj-mm-dd | "peildatum" [ ( "-" | "+" ) number ( "dagen" | "jaar" ) ]

A comparison with an empty field is never true: "niet (a = 'x')" is true where a is empty, "a != 'x'" is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NoReturn

import polars as pl

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
_WORDS = frozenset(["of", "en", "niet", "is", "leeg", "in", "begint", "met", "peildatum", "dagen", "jaar"])


@dataclass(frozen=True, slots=True)
class Population:
    """A parsed expression: the polars expression and the fields it reads."""

    text: str
    expr: pl.Expr
    fields: frozenset[str]


def parse_population(text: str, dtypes: Mapping[str, pl.DataType], peildatum: date) -> Population:
    """The expression that is true for every row inside the population; null counts as outside.

    Columns: the expression reads the normalised columns named in `fields`. `dtypes` lists the known names.
    Raises: PopulationError with the position (characters from 0) and the nearest known name.
    """
    if not text.strip():
        return Population(text, pl.lit(True), frozenset())
    parser = _Parser(text, dtypes, peildatum)
    expr = parser.expression()
    parser.end()
    return Population(text, expr.fill_null(False), frozenset(parser.used))


class _Parser:
    def __init__(self, text: str, dtypes: Mapping[str, pl.DataType], peildatum: date) -> None:
        self.text, self.dtypes, self.peildatum = text, dtypes, peildatum
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
        return ~expr.fill_null(False) if negate else expr

    def _condition(self) -> pl.Expr:
        name = self._field()
        column = pl.col(name)
        if self._word("is"):
            negate = self._word("niet")
            self._expect("leeg")
            return column.is_not_null() if negate else column.is_null()
        negate = self._word("niet")
        if self._word("in"):
            expr = column.is_in(self._values(name))
        elif self._word("begint"):
            self._expect("met")
            expr = column.cast(pl.String).str.starts_with(str(self._value("", text=True)))
        elif not negate and (compare := _COMPARE.get(self._peek()[1])):
            self.at += 1
            return compare(column, pl.lit(self._value(name)))
        else:
            self._fail("verwacht 'is leeg', 'in (...)', 'begint met' of een vergelijking zoals =")
        return ~expr if negate else expr

    def _field(self) -> str:
        kind, token, _ = self._peek()
        if kind != "word" or token in _WORDS:
            self._fail("verwacht een veldnaam")
        if token not in self.dtypes:
            self._fail(f"{token!r} is geen bekend veld. {nearest(token, list(self.dtypes))}".rstrip())
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

    def _value(self, name: str, *, text: bool = False) -> str | int | float:
        kind, token, _ = self._peek()
        dtype = pl.String() if text else self.dtypes[name]
        if self._word("peildatum"):
            return self._day(self._moment(), dtype)
        if kind == "date":
            self.at += 1
            return self._day(_as_date(token, self), dtype)
        if kind == "text":
            self.at += 1
            return self._typed(token[1:-1].replace("''", "'"), dtype)
        if kind == "number":
            self.at += 1
            return self._typed(token, dtype)
        self._fail("verwacht een waarde: 'tekst', een getal, een datum of peildatum")

    def _moment(self) -> date:
        sign = -1 if self._sign("-") else 1 if self._sign("+") else 0
        if not sign:
            return self.peildatum
        kind, token, _ = self._peek()
        if kind != "number" or "." in token:
            self._fail("verwacht een geheel getal")
        self.at += 1
        count = sign * int(token)
        if self._word("dagen"):
            return self.peildatum + timedelta(days=count)
        self._expect("jaar")
        return _shift_years(self.peildatum, count)

    def _day(self, day: date, dtype: pl.DataType) -> str | int:
        if dtype == pl.Int32():
            return day.year * 10000 + day.month * 100 + day.day
        return day.isoformat()

    def _typed(self, token: str, dtype: pl.DataType) -> str | int | float:
        if dtype == pl.String():
            return token
        try:
            return float(token) if dtype == pl.Float64() else int(token)
        except ValueError:
            self.at -= 1
            self._fail("verwacht een getal, want dit veld is geen tekst")

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

    def _fail(self, what: str) -> NoReturn:
        position = self._peek()[2]
        near = self.text[position : position + 20] or "einde van de uitdrukking"
        raise PopulationError(f"{what}, bij {near!r} (teken {position + 1}).", position)


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
