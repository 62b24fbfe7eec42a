"""The documents of the API: what a supplier reads about a delivery, and about a refusal. OpenAPI is made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from kmgb.run.receive import Receipt


class Besluit(BaseModel):
    """What the municipality decided about a delivery in quarantine."""

    uitspraak: Literal["vrijgegeven", "afgekeurd"]
    moment: datetime


class Aanlevering(BaseModel):
    """One delivery, as its supplier may see it."""

    nummer: str = Field(description="Nummer van de aanlevering; dezelfde inhoud houdt hetzelfde nummer.")
    status: Literal["geaccepteerd", "quarantaine"]
    afnemer: str
    entiteit: str
    bestand: str = Field(description="De naam waaronder het bestand is vastgelegd.")
    peildatum: datetime = Field(description="Het moment waarover de gegevens spreken.")
    peildatum_uit: str = Field(description="opgegeven, veldtoewijzing, bestandsnaam of bestandsdatum (de ontvangst).")
    ontvangen: datetime
    rijen: int
    foute_rijen: int = Field(description="Rijen die niet heel te lezen zijn.")
    bytes: int
    sha256: str = Field(description="Van het bestand zoals het binnenkwam.")
    opmerkingen: list[str] = Field(description="Wat opviel maar geen bezwaar was, zoals kolommen die niemand gebruikt.")
    redenen: list[str] = Field(description="Waarom zij in quarantaine staat; leeg als zij geaccepteerd is.")
    besluit: Besluit | None = None


class Probleem(BaseModel):
    """A refusal as RFC 9457 tells it: nothing was recorded, and there is no number."""

    type: str = Field(description="urn:kmgb:probleem:<soort>", pattern="^urn:kmgb:probleem:[a-z-]+$")
    title: str
    status: int
    detail: str = Field(description="Wat er aan de hand is en wat de volgende stap is.")


def document(receipt: Receipt, zone: str) -> Aanlevering:
    """The delivery with its moments on the clock of the municipality."""
    manifest, decision, place = receipt.manifest, receipt.decision, ZoneInfo(zone)
    return Aanlevering(
        nummer=manifest.id,
        status="geaccepteerd" if receipt.accepted else "quarantaine",
        afnemer=manifest.afnemer,
        entiteit=manifest.entity,
        bestand=manifest.file,
        peildatum=manifest.peildatum.astimezone(place),
        peildatum_uit=manifest.peildatum_from,
        ontvangen=manifest.arrived.astimezone(place),
        rijen=manifest.rows,
        foute_rijen=manifest.faulty_rows,
        bytes=manifest.size,
        sha256=manifest.sha256,
        opmerkingen=list(manifest.remarks),
        redenen=list(receipt.reasons),
        besluit=None if decision is None else Besluit(uitspraak=decision.verdict, moment=decision.made),
    )
