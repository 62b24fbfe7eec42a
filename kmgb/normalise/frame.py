"""One delivered frame -> the catalogue's names and types, with the delivered text beside every value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import polars as pl

from kmgb.catalogue.columns import FAULT, HELPER, RAW, ROW, UNREADABLE
from kmgb.catalogue.fields import Catalogue, Entity, Field
from kmgb.mapping.load import COMBINED
from kmgb.mapping.model import EntiteitMapping, Veld
from kmgb.normalise import addresses, names, numbers
from kmgb.normalise.convert import Convention, convert
from kmgb.normalise.text import clean

_TEXT = "__tekst"

# `afleiden`: from which delivered columns a field that the application does not hold as such is made.
_DERIVATIONS: Mapping[str, Callable[..., pl.Expr]] = {
    "voorletters": names.initials,
    "voorvoegsel_uit_naam": names.surname_prefix,
    "naam_zonder_voorvoegsel": names.surname_without_prefix,
    "burgerlijke_staat": names.civil_status,
}


def normalise(frame: pl.LazyFrame, mapping: EntiteitMapping, entity: Entity, catalogue: Catalogue) -> pl.LazyFrame:
    """Every mapped field under its catalogue name.

    Columns in: String columns as delivered, `__rij` and `__fout`. Columns out: `__rij`, `__fout`, and per field `f`
        (catalogue type), `f__raw` (delivered text) and, where reading can fail, `f__onleesbaar`; helper columns as
        `hulp.<naam>`. Composite fields whose parts are compared come out as their parts, `gebruiksdoelen` as five.
    Nulls: empty on this side, by its own agreements.
    """
    texts, columns = [], []
    for name, veld in mapping.velden.items():
        convention = Convention(veld.datum or mapping.aanlevering.datum, _decimal_sign(veld, mapping), veld.codes)
        for field, text in _texts(name, veld, mapping, entity):
            texts.append(text.alias(field.name + _TEXT))
            value = convert(field, pl.col(field.name + _TEXT), convention, catalogue.codes(field))
            columns += [value.value.alias(field.name), _raw(veld).alias(field.name + RAW)]
            if value.unreadable is not None:
                columns.append(value.unreadable.alias(field.name + UNREADABLE))
    helpers = [_clean(_raw(veld), veld, mapping).alias(HELPER + name) for name, veld in mapping.hulp.items()]
    return frame.with_columns(texts).select(ROW, FAULT, *columns, *helpers)


def normalised_fields(mapping: EntiteitMapping, entity: Entity) -> tuple[Field, ...]:
    """The fields `normalise` gives for this mapping, in the mapping's order."""
    return tuple(field for name in mapping.velden for field in _fields(name, entity))


def _fields(name: str, entity: Entity) -> tuple[Field, ...]:
    if name in COMBINED:
        return tuple(entity[part] for part in COMBINED[name])
    parts = tuple(part for part in entity.parts if part.part_of == name)
    return parts or (entity[name],)


def _texts(name: str, veld: Veld, mapping: EntiteitMapping, entity: Entity) -> Iterator[tuple[Field, pl.Expr]]:
    fields = _fields(name, entity)
    if len(fields) == 1:
        yield fields[0], _single_text(fields[0], veld, mapping)
    elif name in COMBINED:
        yield from zip(fields, _members(len(fields), veld, mapping), strict=True)
    else:
        text = _clean(_raw(veld), veld, mapping)
        for field in fields:
            yield field, _identifier_of_type(text, field)


def _single_text(field: Field, veld: Veld, mapping: EntiteitMapping) -> pl.Expr:
    if isinstance(veld.kolommen, dict):
        parts = {part: _clean(pl.col(column), veld, mapping) for part, column in veld.kolommen.items()}
        return _date_text(parts) if field.datatype in ("date", "partial_date") else _address_text(parts)
    if veld.afleiden:
        columns = [pl.col(column) for column in veld.columns]
        return _DERIVATIONS[veld.afleiden](*(_clean(column, veld, mapping) for column in columns))
    return _clean(_raw(veld), veld, mapping)


def _clean(raw: pl.Expr, veld: Veld, mapping: EntiteitMapping) -> pl.Expr:
    text = clean(raw, veld.decodering or mapping.aanlevering.decodering)
    empty = [*veld.leeg, *mapping.aanlevering.leeg]
    return pl.when(~text.is_in(empty)).then(text) if empty else text


def _raw(veld: Veld) -> pl.Expr:
    if veld.vaste_waarde is not None:
        return pl.lit(veld.vaste_waarde)
    if veld.kolom:
        return pl.col(veld.kolom)
    return pl.concat_str(list(veld.columns), separator=" ", ignore_nulls=True)


def _members(count: int, veld: Veld, mapping: EntiteitMapping) -> list[pl.Expr]:
    """The members of a set kept in one column, or in a column each."""
    if not veld.kolom:
        columns = [_clean(pl.col(column), veld, mapping) for column in veld.columns]
        return [*columns, *([pl.lit(None, dtype=pl.String)] * count)][:count]
    members = _clean(pl.col(veld.kolom), veld, mapping).str.split(veld.scheidingsteken or "|")
    return [clean(members.list.get(index, null_on_oob=True)) for index in range(count)]


def _identifier_of_type(text: pl.Expr, part: Field) -> pl.Expr:
    """The BAG id of this part out of a text that holds several: they are told apart by their object type."""
    types = next(check for check in part.checks if check.startswith("bag_id:")).partition(":")[2].split(",")
    digits = text.str.replace_all(r"[^0-9]+", " ").str.strip_chars().str.replace(r"^([0-9]{16})([0-9]{16})$", "$1 $2")
    ids = digits.str.split(" ").list.eval(numbers.zero_filled(pl.element(), 16))
    return ids.list.eval(pl.element().filter(pl.element().str.slice(4, 2).is_in(types))).list.first()


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


def _decimal_sign(veld: Veld, mapping: EntiteitMapping) -> str:
    return veld.decimaalteken or mapping.aanlevering.decimaalteken
