"""A list that comes beside the dumps, read whole: rows as delivered, keys written as the catalogue has them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from kmgb.catalogue.columns import FAULT
from kmgb.catalogue.fields import Field
from kmgb.errors import nearest
from kmgb.mapping.model import Aanlevering, Lijst
from kmgb.sources.delivered import Limits, RefusedError
from kmgb.sources.read import read, reading

KEY = "key"
_KEY_NAMES = (KEY, "sleutel")


def read_list(path: Path, how: Lijst, needed: Collection[str], limits: Limits) -> pl.DataFrame:
    """The needed columns (String) with `__rij` and `__fout`. Raises: RefusedError, without a value of a cell."""
    reader = _reader(how)
    with TemporaryDirectory() as scratch:
        delivered = read(path, reader, needed, limits, Path(scratch))
        with reading(path):
            return delivered.frame.collect()


def columns_of(path: Path, how: Lijst, limits: Limits) -> tuple[str, ...]:
    """The names of all columns. Raises: RefusedError."""
    with TemporaryDirectory() as scratch:
        return read(path, _reader(how), (), limits, Path(scratch)).columns


def key_column(path: Path, columns: Sequence[str], chosen: str, field: Field) -> str:
    """The column with the key: the chosen one, else `key`, `sleutel` or the field's own name. Raises: RefusedError."""
    by_name = {column.casefold(): column for column in reversed(columns)}
    names = (chosen,) if chosen else (*_KEY_NAMES, field.name)
    found = next((by_name[name.casefold()] for name in names if name.casefold() in by_name), None)
    if found is None:
        wanted = " of ".join(map(repr, names))
        hint = nearest(names[-1], columns) or "Noem de kolom met `kolom` in de veldtoewijzing."
        raise RefusedError(path, "kolom_ontbreekt", f"kolom {wanted} ontbreekt.", hint)
    return found


def plain_key(text: pl.Expr, field: Field) -> pl.Expr:
    """The key as the catalogue writes it: no blanks, no namespace, lost zeros back. Nulls: what is empty is null."""
    bare = text.str.strip_chars().str.replace(r"^NL\.IMBAG\.[A-Za-z]+\.", "")
    if field.width is not None:
        digits = bare.str.replace(r"[.,]00?$", "").str.replace_all(r"[ .\-]", "")
        numeric = digits.str.contains(r"^[0-9]+$")
        bare = pl.when(numeric).then(digits.str.zfill(field.width)).otherwise(bare)
    return pl.when(bare != "").then(bare)


def whole_rows(frame: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[str]]:
    """The rows that are whole and have a key, and a warning with the number of those left out."""
    whole = frame.filter(pl.col(FAULT).is_null() & pl.col(KEY).is_not_null())
    lost = frame.height - whole.height
    if not lost:
        return whole, []
    rows = "rij heeft geen sleutel of is" if lost == 1 else "rijen hebben geen sleutel of zijn"
    return whole, [f"{name}: {lost} {rows} niet goed te lezen; overgeslagen."]


def _reader(how: Lijst) -> Aanlevering:
    return Aanlevering(formaat=how.formaat, codering=how.codering, scheidingsteken=how.scheidingsteken)
