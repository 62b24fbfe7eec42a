"""How a value of a sensitive field is shown to someone who may not see it."""

from __future__ import annotations

from kmgb.catalogue.fields import Entity, Field

HIDDEN = "•••"
_TAIL = 3


def masked(value: str | None, field: Field | None) -> str:
    """The value as every reader may see it: hidden where the field is sensitive, with the end of an identifier left.

    An empty value stays visibly empty: that nothing is there is the finding, not the secret.
    """
    if value is None or value == "":
        return ""
    if field is None or not field.sensitive:
        return value
    if field.key_role in ("primary", "alternative"):
        return HIDDEN + value[-_TAIL:]
    return HIDDEN


def masked_key(key: str, key_field: str, entity: Entity) -> str:
    """A row's key, part by part. A rejected row has no key but its place (`rij 17`), which hides nothing."""
    if key.startswith("rij "):
        return key
    parts = zip(key.split("|"), key_field.split("|"), strict=False)
    return "|".join(masked(part, entity[name]) for part, name in parts)
