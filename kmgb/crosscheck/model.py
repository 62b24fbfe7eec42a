"""What the file with kruiscontroles says, as frozen models. `docs/kruiscontroles.md` explains every key.

A kruiscontrole asks whether data agree with each other, where a comparison asks whether two sides agree: a reference
that must exist, a condition that must hold within one row, or one that must hold over both sides of a pair.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict

from kmgb.catalogue.fields import Severity

Soort = Literal["verwijzing", "voorwaarde", "paar"]
Kant = Literal["distributie", "applicatie", "paar"]
Zijde = Literal["distributie", "applicatie"]
Vervolg = Literal[
    "herstellen_applicatie",
    "herzenden",
    "herstellen_distributie",
    "terugmelden",
    "aanpassen_veldtoewijzing",
    "wachten",
    "geen",
]

RULE: Final = "kruiscontrole:"  # prefix of the rule of a finding; the code of the check follows
SIDES: Final[tuple[Zijde, ...]] = get_args(Zijde)  # in an expression over a pair, `<side>.<field>`


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Controle(BaseModel):
    """One check. `code` is its name in the file, and its identity in the history: it never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    titel: str
    omschrijving: str
    entiteit: str
    soort: Soort
    kant: Annotated[tuple[Kant, ...], BeforeValidator(_as_tuple)]
    veld: str
    ernst: Severity
    vervolg: Vervolg
    als: str = ""
    dan: str = ""
    verwijzing: str = ""
    scheidingsteken: str = ""
    verwijst_naar: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    waarbij: str = ""
    moet_bestaan: bool = True
    waarden_tonen: bool = True
    aan: bool = True

    @property
    def rule(self) -> str:
        """The rule that a finding of this check carries."""
        return RULE + self.code

    @property
    def reference(self) -> str:
        """The column that holds the reference: the judged field, or the one named apart."""
        return self.verwijzing or self.veld


@dataclass(frozen=True, slots=True)
class CrossChecks:
    """A whole file: the checks in its order. `version` is the sha256 of its bytes (`content`), kept with every run."""

    controles: tuple[Controle, ...]
    path: Path
    version: str
    content: bytes = field(default=b"", repr=False)

    @property
    def titles(self) -> dict[str, str]:
        """The title of every check by its rule, also of one that is off."""
        return {check.rule: check.titel for check in self.controles}

    def of(self, entity: str, kant: Kant) -> tuple[Controle, ...]:
        """The checks that are on, of one entity and judged on one side, in the order of the file."""
        return tuple(c for c in self.controles if c.aan and c.entiteit == entity and kant in c.kant)
