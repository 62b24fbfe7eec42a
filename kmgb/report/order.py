"""In which order a steward wants to see findings: who may be harmed first, the way of writing last."""

from __future__ import annotations

from kmgb.catalogue.fields import Entity

# Groups of the catalogue: geheim, overleden, verhuisd, then who or what it is (BSN, whole rows), address, name.
_ORDER: tuple[tuple[str, ...], ...] = (
    ("geheim",),
    ("overlijden",),
    ("verblijfsadres", "inschrijving"),
    ("identiteit",),
    ("adres", "openbare ruimte en woonplaats", "correspondentieadres"),
    ("naam", "partner"),
)
_ROW = 3  # a whole row is about who or what it is
_REST = len(_ORDER)


def rank(field: str, entity: Entity) -> int:
    """The place of a field in that order, 0 first; "" is a whole row."""
    if not field:
        return _ROW
    group = entity[field].group
    return next((place for place, groups in enumerate(_ORDER) if group in groups), _REST)
