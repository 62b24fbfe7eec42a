"""What goes wrong over HTTPS, in Dutch. Of a server only numbers are told: its text may repeat what we sent."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from kmgb.errors import SourceError
from kmgb.fetch.https_deadline import Deadline
from kmgb.fetch.tls import certificate_fault
from kmgb.fetch.transfer import InterruptedTransferError, NotYetError
from kmgb.mapping.bronnen.https import HttpsBron

if TYPE_CHECKING:
    import httpx2

LATER = "Haal later opnieuw op."
LONGEST_WAIT = 300.0  # seconds: what a server may ask us to wait at most
_OK = 200
_BUSY = (408, 429)
_REFUSED: Mapping[int, str] = MappingProxyType(
    {
        403: "kmgb mag dit niet ophalen. Vraag de beheerder om rechten op dit adres.",
        404: "op dit adres staat niets. Controleer 'url' in de bron.",
        405: "dit adres is niet om op te halen (GET). Controleer 'url' in de bron.",
        406: "de server heeft dit niet in de gevraagde vorm. Controleer 'Accept' in 'headers'.",
        407: "er staat een proxy tussen die om aanmelden vraagt. Vraag netwerkbeheer om een rechtstreekse weg.",
        410: "dit adres is opgeheven. Vraag de leverancier om het nieuwe, en zet dat in 'url'.",
        431: "de server vindt de headers te lang. Controleer 'headers' en 'geheime_headers'.",
        495: "de server weigert het clientcertificaat. Controleer 'clientcertificaat'.",
        496: "de server vraagt een clientcertificaat. Zet het met 'clientcertificaat' in de bron.",
    }
)
_NO_TLS = "een beveiligde verbinding komt niet tot stand. Vraag de beheerder om TLS 1.2 of 1.3, en controleer 'url'."
# By a part of OpenSSL's name for the fault: what the server thinks of our side.
_ALERTS = (
    ("CERTIFICATE_REQUIRED", "de server vraagt een clientcertificaat. Zet het met 'clientcertificaat' in de bron."),
    (
        "ALERT_UNKNOWN_CA",
        "de server kent de uitgever van ons clientcertificaat niet. Vraag de beheerder welke wel.",
    ),
    ("CERTIFICATE_EXPIRED", "de server vindt ons clientcertificaat verlopen. Vraag een nieuw aan."),
    ("CERTIFICATE_REVOKED", "de server vindt ons clientcertificaat ingetrokken. Vraag een nieuw aan."),
    ("ALERT_BAD_CERTIFICATE", "de server weigert ons clientcertificaat. Controleer 'clientcertificaat'."),
    ("ALERT_CERTIFICATE_UNKNOWN", "de server weigert ons clientcertificaat. Controleer 'clientcertificaat'."),
    ("ALERT_UNSUPPORTED_CERTIFICATE", "de server weigert ons clientcertificaat. Controleer 'clientcertificaat'."),
    ("ALERT_ACCESS_DENIED", "de server weigert ons clientcertificaat. Controleer 'clientcertificaat'."),
    ("EOF", ""),
)


def refusal(response: httpx2.Response, bron: HttpsBron, place: str) -> SourceError:
    """What a status that is no answer means. Only a busy server is worth another try."""
    status = response.status_code
    if status in _BUSY or status >= 500:
        wait = asked_wait(response.headers.get("retry-after", ""))
        what = "de server heeft het te druk" if status in _BUSY else "de server kan nu niet"
        return InterruptedTransferError(f"{place}: {what} (HTTP {status}). {LATER}", wait)
    if status == 401:
        return SourceError(f"{place}: {_not_let_in(bron)}")
    if _OK <= status < 300:
        return SourceError(f"{place}: de server antwoordt zonder inhoud (HTTP {status}). Controleer 'url' in de bron.")
    what = _REFUSED.get(status, "de server weigert dit. Controleer 'url' in de bron, en vraag de beheerder wat er is.")
    return SourceError(f"{place}: {what.replace('.', f' (HTTP {status}).', 1)}")


@contextmanager
def said(bron: HttpsBron, place: str, deadline: Deadline, broken: str = "") -> Iterator[None]:
    """What happens on the way to `place`, in Dutch; `broken`: what more to say when it breaks. Raises: SourceError."""
    import httpx2  # noqa: PLC0415 (an extra)

    try:
        yield
    except httpx2.TransportError as error:
        raise _meaning(error, bron, place, deadline, broken) from None
    except httpx2.InvalidURL:
        raise SourceError(f"{place}: dit is geen adres. Controleer 'url' in de bron.") from None


def hung_up(bron: HttpsBron) -> str:
    """What to think of when a server hangs up before its first word: many do so on a client that they do not know."""
    if bron.clientcertificaat is None:
        return "Vraagt de server een clientcertificaat? Zet dat dan met 'clientcertificaat' in de bron. "
    return "Kent de server de uitgever van 'clientcertificaat'? Vraag dat de beheerder. "


def too_late(bron: HttpsBron, place: str) -> SourceError:
    """The whole fetch takes longer than it may."""
    what = f"niet klaar binnen 'tijdslimiet' ({bron.tijdslimiet:g} seconden)."
    return NotYetError(f"{place}: {what} Haal opnieuw op, of verhoog 'tijdslimiet' in de bron.")


def too_large(place: str, largest: int) -> SourceError:
    """More comes than may."""
    hint = "Verhoog 'grootste' in de bron als dat zo hoort; vraag het anders de leverancier."
    return SourceError(f"{place}: meer dan {largest} bytes. {hint}")


def _not_let_in(bron: HttpsBron) -> str:
    if bron.oauth is not None:
        return "de server weigert het token (HTTP 401). Controleer 'scope' in 'oauth', of vraag om rechten."
    if bron.geheime_headers:
        names = ", ".join(repr(name) for name in bron.geheime_headers.values())
        return f"de server weigert de aanmelding (HTTP 401). Controleer het geheim {names}."
    return "de server vraagt om aanmelden (HTTP 401). Zet 'oauth' of 'geheime_headers' in de bron."


def asked_wait(text: str) -> float:
    """The seconds of a Retry-After, which is a number or a moment; bounded, and 0 when it cannot be read."""
    if re.fullmatch(r"\d{1,9}", text.strip()):
        return min(float(text), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT)


def _meaning(error: httpx2.TransportError, bron: HttpsBron, place: str, deadline: Deadline, broken: str) -> SourceError:
    import httpx2  # noqa: PLC0415

    if deadline.passed:
        return too_late(bron, place)
    found = list(causes(error))
    told = _tls_fault(found, broken, isinstance(error, httpx2.ConnectError))
    if told:
        return SourceError(f"{place}: {told}")
    if isinstance(error, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol):
        return SourceError(f"{place}: deze vraag is niet te stellen. Controleer 'url', 'headers' en 'geheime_headers'.")
    if isinstance(error, httpx2.TimeoutException):
        what = f"geen antwoord binnen {bron.time_out:g} seconden. {LATER}"
    elif isinstance(error, httpx2.ConnectError) and not any(isinstance(cause, ssl.SSLError) for cause in found):
        what = "de server is niet bereikbaar. Controleer 'url' in de bron, en of de firewall de verbinding toestaat."
    else:
        what = f"de verbinding is verbroken. {broken}{LATER}"
    return InterruptedTransferError(f"{place}: {what}")


def _tls_fault(causes: list[BaseException], broken: str, connecting: bool) -> str:
    """What is wrong with TLS, in Dutch; empty when it is not that, or when the connection just broke."""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return certificate_fault(cause, "url")
        if isinstance(cause, ssl.SSLError):
            other = f"{_NO_TLS} {broken}".rstrip() if connecting else ""
            return next((told for part, told in _ALERTS if part in (cause.reason or "")), other)
    return ""


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the last first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
