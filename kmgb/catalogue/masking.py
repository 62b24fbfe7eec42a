"""How a value of a sensitive field is shown to someone who may not see it."""

from __future__ import annotations

import re

import polars as pl

from kmgb.catalogue.fields import Entity, Field

HIDDEN = "•••"
# In a sentence of evidence these words stand before a day out of the row itself.
OWN_DAY = "de bron noemt zelf "
_TAIL = 3
# What cannot be a value of the field, and may be one of another that is sensitive: a column that is mapped wrongly must
# not show a BSN for initials, or an address for a birthday.
_STRAY_TEXT = r"[0-9]{8,}|[1-9][0-9]{3} ?[A-Za-z]{2}\b"
_STRAY_DAY = r"[A-Za-z]|[0-9]{9,}"


def masked(value: str | None, field: Field | None) -> str:
    """The value as every reader may see it: hidden where the field is sensitive, with the end of an identifier left.

    An empty value stays visibly empty: that nothing is there is the finding, not the secret.
    """
    if value is None or value == "":
        return ""
    if field is not None and not field.sensitive and field.personal and re.search(_strays(field), value):
        return HIDDEN
    if field is None or not field.sensitive:
        return value
    if field.key_role in ("primary", "alternative"):
        return HIDDEN + value[-_TAIL:]
    return HIDDEN


def hidden(value: pl.Expr, name: pl.Expr, entity: Entity) -> pl.Expr:
    """True where a value (text) of the field called `name` must not be shown; as `masked` has it."""
    fields = [field for field in (*entity.fields, *entity.parts) if field.personal]
    sensitive = name.is_in([field.name for field in fields if field.sensitive])
    patterns: dict[str, list[str]] = {}
    for field in fields:
        patterns.setdefault(_strays(field), []).append(field.name)
    stray = [name.is_in(names) & value.str.contains(pattern) for pattern, names in patterns.items()]
    return pl.any_horizontal(sensitive, *stray).fill_null(value=False)


def _strays(field: Field) -> str:
    return _STRAY_DAY if field.datatype in ("date", "partial_date") else _STRAY_TEXT


def masked_value(value: str | None, kind: str, field: Field | None, key_field: str, entity: Entity) -> str:
    """A value of a finding as every reader may see it.

    A finding about a whole row (no field) shows keys (dubbel: how often they occur); so does one about an invalid part
    of a key.
    """
    whole_key = field is None or (kind == "ongeldig" and field.name in key_field.split("|"))
    if not whole_key or kind == "dubbel" or not value:
        return masked(value, field)
    return masked_key(value, key_field, entity)


def masked_key(key: str, key_field: str, entity: Entity) -> str:
    """A row's key, part by part. A rejected row has no key but its place (`rij 17`), which hides nothing."""
    if key.startswith("rij "):
        return key
    parts = zip(key.split("|"), key_field.split("|"), strict=False)
    return "|".join(masked(part, entity[name]) for part, name in parts)
