"""The list of afnemersindicaties: for which keys the distribution system sends changes to an application.

A list that cannot be trusted is no list: who stands on a wrong list would seem not to be subscribed.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from kmgb.catalogue.columns import FAULT
from kmgb.catalogue.fields import Field
from kmgb.errors import SourceError
from kmgb.mapping.model import Indicaties
from kmgb.sources.delivered import Limits
from kmgb.sources.listed import KEY, columns_of, key_column, plain_key, read_list, whole_rows

WITHOUT = "Zonder de lijst van afnemersindicaties zegt de oorzaak niet of er een indicatie is."


def read_indications(
    path: Path, how: Indicaties, field: Field, limits: Limits, known: pl.Series | None = None
) -> tuple[pl.DataFrame | None, list[str]]:
    """The keys with an afnemersindicatie, and Dutch warnings without a value.

    Columns: `key` (String, as the catalogue writes it), unique and sorted. `field`: the field that is the key.
        `known`: keys of the distribution; others stay in the list and are counted.
    Nulls: None instead of a frame when the list cannot be read or knows none of the known keys.
    """
    name = path.name
    try:
        column = key_column(path, columns_of(path, how, limits), how.kolom, field)
        delivered = read_list(path, how, [column], limits)
    except SourceError as error:
        return None, [f"{error} {WITHOUT}"]
    keyed, warnings = whole_rows(delivered.select(plain_key(pl.col(column), field).alias(KEY), FAULT), name)
    keys = keyed.select(KEY).unique().sort(KEY)
    if keys.is_empty():
        return None, [*warnings, f"{name}: er staat geen enkele sleutel in. {WITHOUT}"]
    strangers = 0 if known is None else keys.join(known.alias(KEY).to_frame(), on=KEY, how="anti").height
    if strangers == keys.height:
        what = f"{name}: geen van de {strangers} sleutels is bekend bij de distributie; controleer de kolom {column!r}."
        return None, [*warnings, f"{what} {WITHOUT}"]
    if strangers:
        warnings.append(f"{name}: {strangers} van {keys.height} sleutels zijn niet bekend bij de distributie.")
    return keys, warnings
