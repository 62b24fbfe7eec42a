"""Mail by Microsoft Graph, through the municipality's gateway with our own certificate (technische architectuur, 5.3).

Without `oauth` the gateway adds the token; with it we ask one at the second endpoint. The message goes as MIME, so that
text, HTML and headers arrive as with SMTP. What was refused by a status is not taken; without an answer nobody knows.
"""

from __future__ import annotations

import json
import logging
import re
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import ValidationError

from kmgb.errors import KmgbError, MailError, MailServerError
from kmgb.fetch.https_errors import asked_wait, causes
from kmgb.fetch.https_session import client_context
from kmgb.fetch.https_token import Token, asked, denied, given
from kmgb.fetch.secrets import secret
from kmgb.fetch.tls import certificate_fault
from kmgb.mapping.bronnen.https import HttpsBron, Oauth
from kmgb.notify.outcome import Ending, Outcome
from kmgb.settings import Graph, Mail

if TYPE_CHECKING:
    import httpx2

_LATER = "Er is niets verzonden; kmgb probeert het later opnieuw."
_CODE = re.compile(r"[A-Za-z]{1,60}")
# By these a server says that it has not begun (RFC 9110, 15.5.9 and 15.6.4; RFC 6585, 4). Any other fault of a server
# may have come from behind the gateway, after the message was taken.
_BUSY = (408, 429, 503)
_LIBRARIES = ("httpx2", "httpcore2")


class GraphWay:
    """An open way to the gateway; a token is kept until it ends or is refused."""

    def __init__(self, bron: HttpsBron, client: httpx2.Client, secrets: Path) -> None:
        self._bron, self._client, self._secrets = bron, client, secrets
        self._token: Token | None = None

    def knock(self) -> None:
        """Ask something that sends nothing, before any message is offered: any answer shows that we are let in.

        With TLS 1.3 a server refuses a certificate after the handshake, and many just hang up: behind a message nobody
        could tell that from one that was taken. Raises: MailError; MailServerError.
        """
        import httpx2  # noqa: PLC0415 (an extra)

        try:
            self._client.get(self._bron.url)
        except httpx2.ConnectError as error:
            raise self._unreachable(error, self._bron.place) from None
        except httpx2.TransportError as error:
            self._refused_certificate(error)
            what = "de gateway hangt op zonder te antwoorden. Kent hij de uitgever van 'clientcertificaat'?"
            raise MailServerError(f"{self._bron.place}: {what} Vraag dat de beheerder. {_LATER}") from None
        self._renewed()

    def send(self, content: bytes, sender: str, recipient: str) -> Outcome:
        """Offer one message; sender and recipient stand in it. Raises: MailError; MailServerError when it may pass."""
        import httpx2  # noqa: PLC0415 (an extra)

        try:
            response = self._offered(content)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise self._unreachable(error, self._bron.place) from None
        except (httpx2.WriteError, httpx2.WriteTimeout) as error:
            self._refused_certificate(error)
            return Outcome(Ending.NOT_NOW, "de verbinding met de gateway viel weg", closed=True)
        except httpx2.TransportError as error:
            self._refused_certificate(error)
            reason = "de gateway gaf geen antwoord; of hij het bericht aannam, is niet bekend"
            return Outcome(Ending.UNKNOWN, reason, closed=True)
        return self._said(response)

    def _offered(self, content: bytes) -> httpx2.Response:
        fresh = self._renewed()
        response = self._posted(content)
        if response.status_code == 401 and self._token is not None and not fresh:
            self._token = None
            self._renewed()
            response = self._posted(content)
        return response

    def _posted(self, content: bytes) -> httpx2.Response:
        headers = {"Content-Type": "text/plain"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.text.get_secret_value()}"
        return self._client.post(self._bron.url, headers=headers, content=b64encode(content))

    def _renewed(self) -> bool:
        """True when a token was asked just now; without `oauth` there never is one."""
        oauth = self._bron.oauth
        if oauth is None or (self._token is not None and not self._token.stale):
            return False
        self._token = self._new_token(oauth)
        return True

    def _new_token(self, oauth: Oauth) -> Token:
        import httpx2  # noqa: PLC0415

        headers, form = asked(oauth, secret(oauth.geheim, self._secrets))
        try:
            response = self._client.post(oauth.token_url, headers=headers, content=form)
        except httpx2.TransportError as error:
            raise self._unreachable(error, oauth.token_url) from None
        if response.status_code in _BUSY or response.status_code >= 500:
            raise MailServerError(f"{oauth.token_url}: er is nu geen token (HTTP {response.status_code}). {_LATER}")
        try:
            if response.status_code != 200:
                raise denied(oauth, response.status_code, response.content)
            return given(oauth, response.content)
        except KmgbError as error:
            raise MailError(f"[mail.graph] {error}") from None

    def _said(self, response: httpx2.Response) -> Outcome:
        status, place = response.status_code, self._bron.place
        if status == 202:
            return Outcome(Ending.TAKEN)
        if status in _BUSY:
            wait = timedelta(seconds=asked_wait(response.headers.get("retry-after", "")))
            return Outcome(Ending.NOT_NOW, f"de gateway heeft het te druk (HTTP {status})", wait)
        if status >= 500:
            reason = f"de gateway antwoordt met een fout (HTTP {status}); of het bericht weg is, is niet bekend"
            return Outcome(Ending.UNKNOWN, reason)
        if status == 401 and self._token is None:
            hint = "Hoort de gateway het toe te voegen? Vraag dat de beheerder; zet anders 'oauth' in [mail.graph]."
            raise MailError(f"{place}: er is geen geldig token bij het bericht (HTTP 401). {hint}")
        if status == 401:
            hint = "Controleer 'scope' in 'oauth', en of deze client mag mailen (Mail.Send)."
            raise MailError(f"{place}: Graph weigert ons token (HTTP 401). {hint}")
        if status in (403, 404, 405) or 300 <= status < 400 or status == 200:
            hint = "Controleer 'url' en 'gebruiker' in [mail.graph], en vraag de beheerder van de gateway om Mail.Send."
            raise MailError(f"{place}: hier is mail verzenden niet mogelijk (HTTP {status}{_code(response)}). {hint}")
        return Outcome(Ending.REFUSED, f"Graph weigert het bericht (HTTP {status}{_code(response)})")

    def _unreachable(self, error: httpx2.TransportError, place: str) -> MailError:
        self._refused_certificate(error)
        what = "de gateway is niet bereikbaar. Controleer 'url' in [mail.graph], en of de firewall dit toestaat."
        return MailServerError(f"{place}: {what} {_LATER}")

    def _refused_certificate(self, error: httpx2.TransportError) -> None:
        """Raises: MailError when TLS is to blame: then no message was ever looked at."""
        for cause in causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise MailError(f"{self._bron.place}: {certificate_fault(cause, 'url', '[mail.graph]')}") from None
            if isinstance(cause, ssl.SSLError) and "EOF" not in (cause.reason or "EOF"):
                hint = "Controleer 'clientcertificaat' in [mail.graph], en of de gateway de uitgever ervan kent."
                raise MailError(f"{self._bron.place}: de gateway weigert de beveiligde verbinding. {hint}") from None


@contextmanager
def open_graph(mail: Mail, graph: Graph, secrets: Path) -> Iterator[GraphWay]:
    """A way to the gateway, which lets us in; no message is sent yet. Raises: MailError; SettingsError."""
    if find_spec("httpx2") is None:
        raise MailError("Mail via Graph vraagt het pakket httpx2. Doe: pip install 'kmgb[https]'")
    import httpx2  # noqa: PLC0415 (an extra)

    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    bron = _source(graph)
    try:
        context = client_context(bron, secrets)
    except KmgbError as error:
        raise MailError(f"[mail.graph] {error}") from None
    client = httpx2.Client(
        verify=context, trust_env=False, follow_redirects=False, timeout=mail.wachttijd, headers={"User-Agent": "kmgb"}
    )
    with client:
        way = GraphWay(bron, client, secrets)
        way.knock()
        yield way


def _source(graph: Graph) -> HttpsBron:
    """The same address, certificates and client credentials as of an HTTPS source, judged by the same rules."""
    url = f"{graph.url.rstrip('/')}/v1.0/users/{quote(graph.gebruiker, safe='@')}/sendMail"
    keys = graph.model_dump(exclude={"url", "gebruiker"})
    try:
        return HttpsBron(soort="https", url=url, **keys)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'tabel'}: {_why(e['msg'])}" for e in error.errors())
        raise MailError(f"[mail.graph] {faults}.") from None


def _why(said: str) -> str:
    return said.removeprefix("Value error, ")


def _code(response: httpx2.Response) -> str:
    """The code in an answer of Graph, and nothing else of it: its text may name a recipient."""
    try:
        code = json.loads(response.content)["error"]["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f", {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""
