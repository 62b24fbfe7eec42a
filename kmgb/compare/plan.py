"""What one comparison must know: fields with their agreements and rules, keys, populations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from kmgb.catalogue.fields import Field, Severity
from kmgb.compare.kinds import Kind


@dataclass(frozen=True, slots=True)
class Agreements:
    """How the application writes a field, where something is lost in the writing. The default loses nothing."""

    without_diacritics: bool = False
    letters: str = ""  # "", "hoofdletters" or "kleine letters"
    without_blanks: bool = False
    width: int | None = None
    empty_when: tuple[str, ...] = ()
    without_leading_zeros: bool = False

    @property
    def any(self) -> bool:
        """True when the application's way of writing loses something."""
        return self != Agreements()


@dataclass(frozen=True, slots=True)
class CellPlan:
    """One field to compare. `tolerance` is the agreed distance; `tolerant` are the rules that make cosmetisch.

    `codes` is the field's closed code list: two different codes of it are two meanings, however alike they look.
    """

    field: Field
    codes: tuple[str, ...] = ()
    agreements: Agreements = Agreements()
    tolerance: float | None = None
    tolerant: tuple[str, ...] = ()
    severity: Severity = "normaal"

    @property
    def name(self) -> str:
        """The field's catalogue name: its column on both sides."""
        return self.field.name


@dataclass(frozen=True, slots=True)
class Plan:
    """One comparison: which fields, by which keys, and who is expected.

    `population` and `participates` are expressions on normalised columns: who the distribution should have delivered,
    and which rows of the application take part. `whole` is False for a partial delivery.
    """

    cells: tuple[CellPlan, ...]
    key: tuple[str, ...]
    alternatives: tuple[tuple[str, ...], ...] = ()
    population: pl.Expr = field(default_factory=lambda: pl.lit(value=True))
    participates: pl.Expr = field(default_factory=lambda: pl.lit(value=True))
    whole: bool = True

    @property
    def key_field(self) -> str:
        """The names of the key's fields, joined as the keys themselves are."""
        return "|".join(self.key)

    @property
    def compared(self) -> tuple[CellPlan, ...]:
        """The fields judged cell by cell: all but the key, which decided that the rows belong together."""
        return tuple(cell for cell in self.cells if cell.name not in self.key)


ROW_SEVERITY: Mapping[Kind, Severity] = {
    Kind.ONTBREEKT: "hoog",
    Kind.OVERTOLLIG: "normaal",
    Kind.BUITEN_POPULATIE: "laag",
    Kind.DUBBEL: "normaal",
    Kind.SLEUTELVERSCHIL: "hoog",
}
