"""What can be noteworthy about a delivery or its absence: a kind, a Dutch sentence, and whether it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

TITLES: Final = MappingProxyType(
    {
        "te_laat": "te laat",
        "ontbreekt": "ontbreekt",
        "tweemaal_hetzelfde": "tweemaal hetzelfde",
        "gekrompen": "gekrompen buiten de band",
        "kolom_leeg": "kolom plotseling leeg",
        "schema_gewijzigd": "schema gewijzigd",
        "andere_codering": "andere codering dan vorige keer",
        "minder_geldig": "minder geldige waarden",
        "ouder": "ouder dan de vorige",
        "leeg": "geen rijen",
        "onleesbaar": "niet goed te lezen",
    }
)
_REFUSALS = MappingProxyType(
    {
        "codering": "andere_codering",
        "kolom_ontbreekt": "schema_gewijzigd",
        "kolom_dubbel": "schema_gewijzigd",
        "leeg": "leeg",
        "alleen_kop": "leeg",
        "geen_records": "leeg",
    }
)


@dataclass(frozen=True, slots=True)
class Signal:
    """One noteworthy thing. `kind` is one of TITLES. `refuses`: the delivery goes into quarantaine because of it."""

    kind: str
    sentence: str
    refuses: bool

    @property
    def title(self) -> str:
        """The kind as stewards name it."""
        return TITLES.get(self.kind, self.kind)


def of_refusal(reason: str, sentence: str) -> Signal:
    """The signal of a file that could not be read as agreed; `reason` is the short code of the refusal."""
    return Signal(_REFUSALS.get(reason, "onleesbaar"), sentence, refuses=True)
