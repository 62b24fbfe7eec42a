"""onbekend: no cause is proven, and the sentence says what is missing."""

from __future__ import annotations

from typing import Final

import polars as pl

from kmgb.compare.kinds import Kind
from kmgb.explain.context import Cause, Context

# What each kind lacks when the history of the source could be looked through, and says nothing.
_SAID: Final = {
    Kind.ONTBREEKT: "de rij is in die tijd niet nieuw in de distributie; of zij eerder is gemist of in de applicatie "
    "is verwijderd, is niet te zien",
    Kind.OVERTOLLIG: "de rij is in die tijd niet uit de distributie verdwenen",
    Kind.BUITEN_POPULATIE: "niet te zien is dat de rij in die tijd uit de populatie is gegaan",
    Kind.DUBBEL: "waardoor een sleutel meer dan eens voorkomt, is uit de gegevens niet te zien",
    Kind.SLEUTELVERSCHIL: "waardoor de sleutels verschillen, is uit de gegevens niet te zien",
    Kind.ONGELDIG: "waardoor de waarde ongeldig of onleesbaar is, is uit de gegevens niet te zien",
    Kind.LEEG_IN_APPLICATIE: "het gegeven was in die tijd niet leeg in de distributie; of het nooit is gevuld of later "
    "is leeggemaakt, is niet te zien",
    Kind.COSMETISCH: "dezelfde schrijfwijze komt voor bij te weinig van de waarden waarin dat kan",
}
_OTHERWISE: Final = "de waarde is geen eerdere waarde van de distributie, en bewijs voor handwerk ontbreekt"


def unknown(work: pl.DataFrame, fitting: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Every finding as onbekend. Columns: nr, cause, cause_evidence, transform (null)."""
    said = pl.col("kind").replace_strict({k.value: text for k, text in _SAID.items()}, default=_OTHERWISE)
    rows = work.select("nr", "kind").join(fitting, on="nr", how="left", maintain_order="left")
    of = pl.when(pl.col("class").is_not_null()).then(pl.format(" van de {}", "class")).otherwise(pl.lit(""))
    fits = pl.format(
        "Geen oorzaak bewezen: het past bij de schrijffout {}, maar die treft {}{} waarden waarin dat kan.",
        "transform",
        "count",
        of,
    )
    plain = pl.format("Geen oorzaak bewezen: {}{}.", pl.lit(_looked(context)), said)
    return rows.select(
        "nr",
        pl.lit(Cause.ONBEKEND.value).alias("cause"),
        pl.coalesce(fits, plain).alias("cause_evidence"),
        pl.lit(None, dtype=pl.String).alias("transform"),
    )


def _looked(context: Context) -> str:
    since = context.log_since
    if since is None or since >= context.peildatum_distributie:
        return "van eerdere aanleveringen van de distributie zijn geen aaneensluitende wijzigingen bekend; "
    return f"de wijzigingen van de distributie zijn bekend sinds {since.astimezone(context.timezone):%Y-%m-%d}; "
