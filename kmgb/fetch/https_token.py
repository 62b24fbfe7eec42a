"""OAuth client credentials (RFC 6749, 4.4): a token for a name and a secret."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode

from pydantic import SecretStr

from kmgb.errors import SourceError
from kmgb.mapping.bronnen.https import Oauth, without_query

_EARLY = 30.0  # seconds before its end a token is no longer begun with
_LONGEST = 3600.0


@dataclass(frozen=True, slots=True)
class Token:
    """What opens the door, until `end` (monotonic seconds)."""

    text: SecretStr
    end: float

    @property
    def stale(self) -> bool:
        """True when another one is needed."""
        return time.monotonic() >= self.end


def asked(oauth: Oauth, secret: SecretStr) -> tuple[dict[str, str], bytes]:
    """The headers and the form of the request. Source: RFC 6749, 2.3.1: every server knows this way of saying who."""
    pair = f"{quote_plus(oauth.client_id)}:{quote_plus(secret.get_secret_value())}"
    form = {"grant_type": "client_credentials"} | ({"scope": oauth.scope} if oauth.scope else {})
    headers = {
        "Authorization": f"Basic {b64encode(pair.encode()).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    return headers, urlencode(form).encode()


def given(oauth: Oauth, content: bytes) -> Token:
    """The token in an answer. Raises: SourceError."""
    place = without_query(oauth.token_url)
    hint = "Controleer 'token_url' in 'oauth'."
    try:
        answer = json.loads(content)
        text, kind = answer["access_token"], answer.get("token_type") or "Bearer"
        seconds = float(answer.get("expires_in") or _LONGEST)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SourceError(f"{place}: het antwoord is geen token. {hint}") from None
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text.strip():
        raise SourceError(f"{place}: het antwoord is geen token. {hint}")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise SourceError(f"{place}: het token is van een soort die kmgb niet kent (alleen Bearer). {hint}")
    return Token(SecretStr(text), time.monotonic() + max(min(seconds, _LONGEST) - _EARLY, 0.0))


def denied(oauth: Oauth, status: int, content: bytes) -> SourceError:
    """Why there is no token. Of the answer only the code of the standard is looked at."""
    place = without_query(oauth.token_url)
    try:
        code = json.loads(content).get("error", "")
    except (ValueError, AttributeError, RecursionError):
        code = ""
    if code == "invalid_scope":
        return SourceError(f"{place}: de server kent de scope {oauth.scope!r} niet. Controleer 'scope' in 'oauth'.")
    if code in ("unauthorized_client", "unsupported_grant_type"):
        hint = "Vraag de beheerder client credentials aan te zetten voor deze client."
        return SourceError(f"{place}: client {oauth.client_id!r} mag zo geen token vragen. {hint}")
    if code == "invalid_client" or status in (400, 401, 403):
        hint = f"Controleer 'client_id' en het geheim {oauth.geheim!r}."
        return SourceError(f"{place}: de server weigert client {oauth.client_id!r} (HTTP {status}). {hint}")
    return SourceError(f"{place}: de server geeft geen token (HTTP {status}). Controleer 'token_url' in 'oauth'.")
