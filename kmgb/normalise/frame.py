"""One delivered frame -> the catalogue's names and types, with the delivered text beside every value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain

import polars as pl

from kmgb.catalogue.columns import FAULT, HELPER, RAW, ROW, UNREADABLE
from kmgb.catalogue.fields import Catalogue, Code, Entity, Field
from kmgb.mapping.load import COMBINED
from kmgb.mapping.model import EntiteitMapping, Veld
from kmgb.normalise import addresses, names, numbers
from kmgb.normalise.convert import Convention, convert
from kmgb.normalise.distinct import read_text

_ID_TYPES = ("01", "02", "03", "20")  # the types of BAG objects that an address is made of

# `afleiden`: from which delivered columns a field that the application does not hold as such is made.
_DERIVATIONS: Mapping[str, Callable[..., pl.Expr]] = {
    "voorletters": names.initials,
    "voorvoegsel_uit_naam": names.surname_prefix,
    "naam_zonder_voorvoegsel": names.surname_without_prefix,
    "burgerlijke_staat": names.civil_status,
}


def normalise(frame: pl.DataFrame, mapping: EntiteitMapping, entity: Entity, catalogue: Catalogue) -> pl.DataFrame:
    """Every mapped field under its catalogue name.

    Columns in: String columns as delivered, `__rij` and `__fout`. Columns out: `__rij`, `__fout`, and per field `f`
        (catalogue type), `f__raw` (delivered text) and, where reading can fail, `f__onleesbaar`; helper columns as
        `hulp.<naam>`. Composite fields whose parts are compared come out as their parts, `gebruiksdoelen` as five.
    Nulls: empty on this side, by its own agreements.
    """

    def entry(named: tuple[str, Veld]) -> list[pl.Series]:
        name, veld = named
        source = _Source(frame, veld, mapping)
        convention = Convention(veld.datum or mapping.aanlevering.datum, source.decimal_sign, veld.codes)
        columns: list[pl.Series] = []
        for field, text in _texts(name, source, entity):
            columns += _converted(field, text, convention, catalogue.codes(field))
            columns.append(source.raw.alias(field.name + RAW))
        return columns

    def helper(named: tuple[str, Veld]) -> pl.Series:
        source = _Source(frame, named[1], mapping)
        return source.read(source.raw, _unchanged).alias(HELPER + named[0])

    # Most steps on one column keep one core busy: the columns go side by side.
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        fields = list(pool.map(entry, mapping.velden.items()))
        helpers = list(pool.map(helper, mapping.hulp.items()))
    return pl.DataFrame([frame[ROW], frame[FAULT], *chain.from_iterable(fields), *helpers])


def _converted(field: Field, text: _Text, convention: Convention, known: Sequence[Code]) -> list[pl.Series]:
    fallible = convert(field, pl.lit(None, dtype=pl.String), convention, known).fallible

    def build(delivered: pl.Expr, /, *, whole_digits: bool) -> pl.Expr:
        refined = text.refine(delivered)
        value = convert(field, refined, replace(convention, whole_digits=whole_digits), known)
        if not fallible:
            return value.read.cast(field.dtype)
        parts = pl.struct(refined.is_not_null().alias("delivered"), value.read.alias("read"))
        return parts.struct.with_fields(
            value.finish(pl.field("read")).cast(field.dtype).alias("value"),
            (pl.field("delivered") & pl.field("read").is_null()).alias("unreadable"),
        )

    digits = text.plain and not convention.codes and "digits" in field.steps
    names = {"value": field.name, "unreadable": field.name + UNREADABLE} if fallible else {"": field.name}
    wanted = tuple(names) if fallible else ()
    read = read_text(text.series, text.decoders, build, digits=digits, fields=wanted)
    return [series.alias(name) for series, name in zip(read, names.values(), strict=True)]


@dataclass(frozen=True, slots=True)
class _Text:
    """The text a field is read from: a delivered column (or several put together) and what is still to be done.

    `plain`: refining takes nothing from a text that is all digits but what means empty.
    """

    series: pl.Series
    refine: Callable[[pl.Expr], pl.Expr]
    decoders: Sequence[str] = ()
    plain: bool = False


@dataclass(frozen=True)
class _Source:
    """The delivered columns of one entry of the mapping, with the agreements on what is empty and how it is decoded."""

    frame: pl.DataFrame
    veld: Veld
    mapping: EntiteitMapping

    @property
    def decoders(self) -> Sequence[str]:
        return self.veld.decodering or self.mapping.aanlevering.decodering

    @property
    def decimal_sign(self) -> str:
        return self.veld.decimaalteken or self.mapping.aanlevering.decimaalteken

    @cached_property
    def raw(self) -> pl.Series:
        """The text as delivered; several columns joined by a blank."""
        if self.veld.vaste_waarde is not None:
            return pl.Series([self.veld.vaste_waarde], dtype=pl.String).new_from_index(0, self.frame.height)
        if self.veld.kolom:
            return self.frame[self.veld.kolom]
        joined = pl.concat_str(list(self.veld.columns), separator=" ", ignore_nulls=True)
        return self.frame.select(joined.alias("raw")).to_series()

    def filled(self, text: pl.Expr) -> pl.Expr:
        """The text, null where it is one of the values that mean empty."""
        empty = [*self.veld.leeg, *self.mapping.aanlevering.leeg]
        return pl.when(~text.is_in(empty)).then(text) if empty else text

    def read(self, series: pl.Series, refine: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
        """A column as clean text, refined."""
        return read_text(series, self.decoders, lambda text, whole_digits: refine(self.filled(text)))[0]

    def text(self, refine: Callable[[pl.Expr], pl.Expr], series: pl.Series | None = None) -> _Text:
        """What a field is read from, when that is this source or one of its columns."""
        chosen = self.raw if series is None else series
        return _Text(chosen, lambda text: refine(self.filled(text)), self.decoders, plain=refine is _unchanged)

    def combined(self, combine: Callable[[Mapping[str, pl.Expr]], pl.Expr], columns: Mapping[str, str]) -> _Text:
        """What a field is read from, when several columns must be clean before they can be put together."""
        parts = pl.DataFrame({part: self.read(self.frame[column], _unchanged) for part, column in columns.items()})
        return _Text(
            parts.select(combine({part: pl.col(part) for part in columns}).alias("text")).to_series(), _unchanged
        )


def normalised_fields(mapping: EntiteitMapping, entity: Entity) -> tuple[Field, ...]:
    """The fields `normalise` gives for this mapping, in the mapping's order."""
    return tuple(field for name in mapping.velden for field in _fields(name, entity))


def _fields(name: str, entity: Entity) -> tuple[Field, ...]:
    if name in COMBINED:
        return tuple(entity[part] for part in COMBINED[name])
    parts = tuple(part for part in entity.parts if part.part_of == name)
    return parts or (entity[name],)


def _texts(name: str, source: _Source, entity: Entity) -> Iterator[tuple[Field, _Text]]:
    fields = _fields(name, entity)
    if len(fields) == 1:
        yield fields[0], _single(fields[0], source)
    elif name in COMBINED:
        yield from _members(fields, source)
    else:
        for field in fields:
            yield field, source.text(partial(_identifier_of_type, part=field))


def _single(field: Field, source: _Source) -> _Text:
    veld = source.veld
    if isinstance(veld.kolommen, dict):
        combine = _date_text if field.datatype in ("date", "partial_date") else _address_text
        return source.combined(combine, veld.kolommen)
    if veld.afleiden and len(veld.columns) > 1:
        derive = _DERIVATIONS[veld.afleiden]
        return source.combined(lambda parts: derive(*parts.values()), {column: column for column in veld.columns})
    return source.text(_DERIVATIONS[veld.afleiden] if veld.afleiden else _unchanged)


def _members(fields: Sequence[Field], source: _Source) -> Iterator[tuple[Field, _Text]]:
    """The members of a set kept in one column, or in a column each."""
    veld = source.veld
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, source.frame.height)
    for index, field in enumerate(fields):
        if veld.kolom:
            yield field, source.text(partial(_member, sign=veld.scheidingsteken or "|", index=index))
        else:
            column = source.frame[veld.columns[index]] if index < len(veld.columns) else nothing
            yield field, source.text(_unchanged, column)


def _member(text: pl.Expr, *, sign: str, index: int) -> pl.Expr:
    member = text.str.split(sign).list.get(index, null_on_oob=True).str.strip_chars()
    return pl.when(member != "").then(member)


def _unchanged(text: pl.Expr) -> pl.Expr:
    return text


def _identifier_of_type(text: pl.Expr, *, part: Field) -> pl.Expr:
    """The BAG id of this part out of a text that holds several: they are told apart by their object type.

    What is no id of any type stands in for the part that has none: it fails its check instead of passing for empty.
    Only zeros are the standard value of the LO for an unknown id.
    """
    types = next(check for check in part.checks if check.startswith("bag_id:")).partition(":")[2].split(",")
    digits = text.str.replace_all(r"[^0-9]+", " ").str.strip_chars().str.replace(r"^([0-9]{16})([0-9]{16})$", "$1 $2")
    ids = digits.str.split(" ").list.eval(
        numbers.zero_filled(pl.element().filter(pl.element().str.contains("[1-9]")), 16)
    )
    kind = pl.element().str.slice(4, 2)
    own, strange = (ids.list.eval(pl.element().filter(of)) for of in (kind.is_in(types), ~kind.is_in(_ID_TYPES)))
    return pl.coalesce(own.list.first(), strange.list.first(), pl.when(~text.str.contains("[0-9]")).then(text))


def _date_text(parts: Mapping[str, pl.Expr]) -> pl.Expr:
    def part(name: str, width: int) -> pl.Expr:
        return parts[name].str.zfill(width).fill_null("0" * width) if name in parts else pl.lit("0" * width)

    text = pl.concat_str(part("jaar", 4), part("maand", 2), part("dag", 2), separator="-")
    return pl.when(pl.any_horizontal(*(p.is_not_null() for p in parts.values()))).then(text)


def _address_text(parts: Mapping[str, pl.Expr]) -> pl.Expr:
    readable = dict(parts)
    if "huisnummer" in readable:
        number = numbers.integer(readable["huisnummer"], zero_is_empty=True).cast(pl.String)
        readable["huisnummer"] = pl.coalesce(number, readable["huisnummer"])
    return addresses.compose(readable)
