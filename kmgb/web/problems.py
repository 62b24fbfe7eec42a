"""What is refused over HTTP, and why: one table of kinds, told as RFC 9457 says (`application/problem+json`)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from kmgb.errors import KmgbError, NoRoomError
from kmgb.run.receive import BusyError, NotAsPromisedError
from kmgb.run.reception import TooLargeError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:kmgb:probleem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of refusal: its HTTP status and its title. The title never differs from one case to the next."""

    status: int
    title: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "verzoek": Kind(400, "Het verzoek klopt niet"),
        "niet-zoals-beloofd": Kind(400, "Niet zoals beloofd"),
        "bericht": Kind(400, "Het SOAP-bericht klopt niet"),
        "afgebroken": Kind(400, "Afgebroken"),
        "aanmelden": Kind(401, "Niet aangemeld"),
        "andere-afnemer": Kind(403, "Niet voor deze afnemer"),
        "onbekend": Kind(404, "Onbekend"),
        "methode": Kind(405, "Deze methode kan hier niet"),
        "te-langzaam": Kind(408, "Te langzaam"),
        "te-groot": Kind(413, "Te groot"),
        "soort": Kind(415, "Een ander soort bestand dan afgesproken"),
        "fout": Kind(500, "Fout bij de gemeente"),
        "druk": Kind(503, "Even te druk"),
        "schijf-vol": Kind(507, "Geen ruimte"),
    }
)
_OF_ERRORS: Mapping[type[KmgbError], str] = MappingProxyType(
    {
        NotAsPromisedError: "niet-zoals-beloofd",
        TooLargeError: "te-groot",
        BusyError: "druk",
    }
)
_LATER = MappingProxyType({"Retry-After": "300"})


class RefusalError(KmgbError):
    """A request that is refused. `detail` is a Dutch sentence with the next step."""

    def __init__(self, kind: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.kind, self.detail, self.headers = kind, detail, dict(headers or {})
        super().__init__(detail)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.kind].status

    @property
    def title(self) -> str:
        """What the kind is called."""
        return KINDS[self.kind].title

    def response(self) -> JSONResponse:
        """The refusal as a problem document."""
        document = {"type": TYPE + self.kind, "title": self.title, "status": self.status, "detail": self.detail}
        return JSONResponse(document, self.status, self.headers, MEDIA_TYPE)


def as_refusal(error: KmgbError | ClientDisconnect) -> RefusalError:
    """The refusal that this error is to whoever asked. What only we can mend is told in general, and logged."""
    if isinstance(error, RefusalError):
        return error
    if isinstance(error, ClientDisconnect):
        return RefusalError("afgebroken", "De verbinding brak af voordat alles binnen was. Er is niets bewaard.")
    if isinstance(error, NoRoomError):
        log.error("%s", error)
        what = "Bij de gemeente is de schijf vol; er is niets bewaard. Verstuur de aanlevering later opnieuw."
        return RefusalError("schijf-vol", what, headers=_LATER)
    kind = _OF_ERRORS.get(type(error))
    if kind is not None:
        return RefusalError(kind, str(error), headers=_LATER if error.transient else None)
    log.error("%s", error)
    return mishap()


def mishap() -> RefusalError:
    """What is told when something is wrong on our side, whatever it is."""
    what = "Bij de gemeente ging iets mis. Verstuur de aanlevering later opnieuw; blijft het misgaan, meld het dan."
    return RefusalError("fout", what)
