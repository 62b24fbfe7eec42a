"""The voorvoegsels of Dutch surnames."""

from __future__ import annotations

from typing import Final

# Source: the values seen in Landelijke Tabel 36 (Voorvoegsels); the longest first, so that "van de" wins from "van".
PREFIXES: Final = tuple(
    sorted(
        (
            "a", "a la", "aan", "aan de", "aan den", "aan der", "aan het", "aan 't", "af", "al", "am", "auf dem",
            "auf der", "aus", "aus dem", "bij", "bij de", "bij den", "bij het", "bij 't", "d'", "da", "dal", "de",
            "de la", "de las", "de le", "de los", "degli", "del", "della", "den", "der", "des", "di", "do", "don",
            "dos", "du", "el", "het", "'t", "im", "in", "in de", "in den", "in der", "in het", "in 't", "l'", "la",
            "las", "le", "les", "lo", "los", "of", "onder", "onder de", "onder den", "onder het", "onder 't", "op",
            "op de", "op den", "op der", "op het", "op 't", "op ten", "over", "over de", "over den", "over het",
            "over 't", "'s", "s'", "te", "ten", "ter", "tho", "thor", "to", "toe", "tot", "uit", "uit de", "uit den",
            "uit het", "uit 't", "uit te de", "uit ten", "uijt", "uijt de", "uijt den", "uijt ten", "unter", "van",
            "van de", "van de l'", "van den", "van der", "van het", "van 't", "van la", "van ter", "van van de",
            "vom", "von", "von dem", "von den", "von der", "von 't", "voor", "voor de", "voor den", "vor", "vor der",
            "zu", "zum", "zur",
        ),
        key=lambda prefix: (-len(prefix), prefix),
    )
)  # fmt: skip
