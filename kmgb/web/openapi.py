"""What OpenAPI says of the push door, beside what the documents themselves say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Response
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from kmgb.web.declared import MEDIA_TYPES, NAME, PEILDATUM, ROWS
from kmgb.web.documents import Aanlevering, Probleem
from kmgb.web.problems import KINDS, MEDIA_TYPE

URL = "/api/v1/openapi.json"
ABOUT: dict[str, Any] = {
    "title": "kmgb",
    "version": "1",
    "description": "Aanleveren van dumps aan kmgb, en opvragen hoe een aanlevering ervoor staat.",
    "openapi_url": URL,
    "docs_url": None,
    "redoc_url": None,
}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_XML = {"schema": {"type": "string"}}
_SOAP = ("text/xml", "application/soap+xml")


def _header(name: str, what: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": what, "schema": {"type": kind}}


def _query(name: str, what: str, kind: str = "string") -> dict[str, Any]:
    return {**_header(name, what, kind), "in": "query"}


def _refusals(*kinds: str, soap: bool) -> dict[int | str, dict[str, Any]]:
    """The responses of these kinds, by status."""
    titles: dict[int, list[str]] = {}
    for kind in kinds:
        titles.setdefault(KINDS[kind].status, []).append(KINDS[kind].title)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Probleem"}}}
    envelopes = dict.fromkeys(_SOAP, _XML) if soap else {}
    return {
        status: {"description": " / ".join(said), "content": content | envelopes} for status, said in titles.items()
    }


_DIGEST = "sha-256 en/of sha-512 (RFC 9530): `sha-256=:<base64>:`. Klopt zij niet, dan wordt niets bewaard."
_DELIVERED = {"model": Aanlevering, "content": dict.fromkeys(_SOAP, _XML)}
DELIVER: dict[str, Any] = {
    "summary": "Lever een dump aan",
    "description": (
        "De inhoud van het verzoek is het bestand, in het formaat dat in de veldtoewijzing is afgesproken. "
        "Bij formaat xml mogen de records ook in een SOAP-envelop (1.1 of 1.2) staan; dan is het antwoord er ook een: "
        "een Bv03 met het nummer of een Fault met de redenen. Bij een Fault over de inhoud is de status 500 (SOAP 1.1) "
        "of 400 (SOAP 1.2)."
    ),
    "response_class": Response,
    "status_code": 201,
    "responses": {
        201: {"description": "Geaccepteerd en vastgelegd.", **_DELIVERED},
        200: {"description": "Deze inhoud was er al: hetzelfde nummer.", **_DELIVERED},
        422: {"description": "Vastgelegd, maar in quarantaine; de redenen staan erbij.", **_DELIVERED},
        **_refusals(*(kind for kind in KINDS if kind != "methode"), soap=True),
    },
    "openapi_extra": {
        "security": [{"token": []}, {"certificaat": []}],
        "requestBody": {"required": True, "content": dict.fromkeys(MEDIA_TYPES, _BYTES)},
        "parameters": [
            _query("peildatum", "Het moment waarover de gegevens spreken: jjjj-mm-dd, of ISO 8601 met tijd."),
            _query("rijen", "Het aantal rijen; klopt het niet, dan wordt niets bewaard.", "integer"),
            _query("bestandsnaam", "De naam van het bestand; een peildatum kan eruit gelezen worden."),
            _header(PEILDATUM, "Als peildatum in het adres."),
            _header(ROWS, "Als rijen in het adres.", "integer"),
            _header(NAME, "Als bestandsnaam in het adres; procent-gecodeerd (UTF-8)."),
            _header("Content-Digest", _DIGEST),
            _header("Repr-Digest", _DIGEST),
            _header("Digest", "Als Content-Digest, in de oudere schrijfwijze: `SHA-256=<base64>`."),
            _header("X-Checksum-Sha256", "De sha256 als 64 hexadecimale cijfers."),
            _header("X-Checksum-Sha512", "De sha512 als 128 hexadecimale cijfers."),
        ],
    },
}
STATE: dict[str, Any] = {
    "summary": "Hoe een aanlevering ervoor staat",
    "response_class": Response,
    "responses": {
        200: {"description": "De aanlevering, met de redenen en het besluit van de gemeente.", "model": Aanlevering},
        **_refusals("aanmelden", "andere-afnemer", "onbekend", "fout", soap=False),
    },
    "openapi_extra": {"security": [{"token": []}, {"certificaat": []}]},
}
_SCHEMES = {"token": {"type": "http", "scheme": "bearer"}, "certificaat": {"type": "mutualTLS"}}


def described(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The whole document."""
    about = {name: ABOUT[name] for name in ("title", "version", "description")}
    document = get_openapi(**about, routes=routes)
    document["components"]["schemas"]["Probleem"] = Probleem.model_json_schema()
    document["components"]["securitySchemes"] = _SCHEMES
    return document
