"""One fetch over HTTPS: who we are, how long it may take, and answers that are worth reading."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

from cryptography import x509
from pydantic import SecretStr

from kmgb.errors import SettingsError, SourceError
from kmgb.fetch.https_deadline import Deadline
from kmgb.fetch.https_errors import LATER, hung_up, refusal, said, too_large, too_late
from kmgb.fetch.https_token import Token, asked, denied, given
from kmgb.fetch.secrets import check_private, secret
from kmgb.fetch.tls import tls_context
from kmgb.fetch.transfer import InterruptedTransferError, NotYetError, Terms, retried
from kmgb.mapping.bronnen.https import HttpsBron, Oauth, origin, without_query

if TYPE_CHECKING:
    import httpx2

_T = TypeVar("_T")
_REDIRECTS = (301, 302, 303, 307, 308)
_FOLLOWED = 5
_SMALL = 2**16
# They would log addresses with cursors, and the headers that a server answers with.
_LIBRARIES = ("httpx2", "httpcore2")


class Session:
    """An open way to the server of one source. Everything it raises is a SourceError without a secret in it."""

    def __init__(self, bron: HttpsBron, terms: Terms, client: httpx2.Client, deadline: Deadline) -> None:
        self.bron, self.terms = bron, terms
        self._client, self._deadline = client, deadline
        self._secrets = {name: _in_header(kind, terms.secrets) for name, kind in bron.geheime_headers.items()}
        self._token: Token | None = None

    @contextmanager
    def get(
        self, url: str, headers: Mapping[str, str], statuses: tuple[int, ...] = (200,)
    ) -> Iterator[httpx2.Response]:
        """The answer to GET, its body not read yet. Raises: SourceError; InterruptedTransferError for what may pass."""
        place = without_query(url)
        with said(self.bron, place, self._deadline, hung_up(self.bron)):
            response = self._followed(url, headers)
        try:
            if response.status_code not in statuses:
                raise self._refused(response, place)
            with said(self.bron, place, self._deadline):
                yield response
        finally:
            response.close()

    def small(self, url: str, largest: int = _SMALL) -> bytes:
        """The whole body of a small answer."""
        with self.get(url, {"Accept-Encoding": "identity"}) as response:
            return _body(response, largest, without_query(url))

    def retried(self, action: Callable[[], _T]) -> _T:
        """What `action` gives, tried again as long as it may help and there is time."""
        return retried(self.bron, replace(self.terms, pause=self._pause), action)

    def check_time(self) -> None:
        """Raises: SourceError when the time of the whole fetch is over."""
        if self._deadline.passed:
            raise too_late(self.bron, self.bron.place)

    def _pause(self, seconds: float) -> None:
        self.terms.pause(min(seconds, self._deadline.remaining))

    def _refused(self, response: httpx2.Response, place: str) -> SourceError:
        error = refusal(response, self.bron, place)
        if isinstance(error, InterruptedTransferError) and error.wait > self._deadline.remaining:
            what = f"de server vraagt {error.wait:.0f} seconden te wachten, en dat past niet meer in 'tijdslimiet'."
            return NotYetError(f"{place}: {what} {LATER}")
        return error

    def _followed(self, url: str, headers: Mapping[str, str]) -> httpx2.Response:
        """The answer after redirects, which never leave the server."""
        for _ in range(_FOLLOWED):
            response = self._authorised(url, headers)
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            url = same_server(self.bron, url, response.headers.get("location", ""), "de doorverwijzing")
        raise SourceError(f"{self.bron.place}: de server blijft doorverwijzen. Controleer 'url' in de bron.")

    def _authorised(self, url: str, headers: Mapping[str, str]) -> httpx2.Response:
        """The answer to whom we say we are; a token that is no longer accepted is renewed once."""
        oauth = self.bron.oauth
        if oauth is None:
            return self._send("GET", url, headers)
        fresh = self._token is None or self._token.stale
        if self._token is None or fresh:
            self._token = self._new_token(oauth)
        response = self._send("GET", url, headers, self._token)
        if response.status_code != 401 or fresh:
            return response
        response.close()
        self._token = self._new_token(oauth)
        return self._send("GET", url, headers, self._token)

    def _send(self, method: str, url: str, headers: Mapping[str, str], token: Token | None = None) -> httpx2.Response:
        own = dict(self.bron.headers)
        own |= {name: text.get_secret_value() for name, text in self._secrets.items()}
        if token is not None:
            own["Authorization"] = f"Bearer {token.text.get_secret_value()}"
        return self._exchange(self._client.build_request(method, url, headers=own | dict(headers)))

    def _exchange(self, request: httpx2.Request) -> httpx2.Response:
        self.check_time()
        seconds = min(self.bron.time_out, self._deadline.remaining)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        request.extensions = {**request.extensions, "timeout": timeouts, "trace": self._deadline.watch}
        return self._client.send(request, stream=True)

    def _new_token(self, oauth: Oauth) -> Token:
        place = without_query(oauth.token_url)
        headers, form = asked(oauth, secret(oauth.geheim, self.terms.secrets))
        request = self._client.build_request("POST", oauth.token_url, headers=headers, content=form)
        with said(self.bron, place, self._deadline, hung_up(self.bron)):
            response = self._exchange(request)
            try:
                if response.status_code == 429 or response.status_code >= 500:
                    raise self._refused(response, place)
                content = _body(response, _SMALL, place)
            finally:
                response.close()
        if response.status_code != 200:
            raise denied(oauth, response.status_code, content)
        return given(oauth, content)


@contextmanager
def open_session(bron: HttpsBron, terms: Terms) -> Iterator[Session]:
    """A way to the server; nothing is sent yet. Raises: SourceError; SettingsError when a secret is missing."""
    if find_spec("httpx2") is None:
        raise SourceError("HTTPS vraagt het pakket httpx2. Doe: pip install 'kmgb[https]'")
    import httpx2  # noqa: PLC0415 (an extra)

    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    context = client_context(bron, terms.secrets)
    client = httpx2.Client(
        verify=context, trust_env=False, follow_redirects=False, headers={"User-Agent": "kmgb", "Accept": "*/*"}
    )
    deadline = Deadline(bron.tijdslimiet)
    try:
        with client:
            yield Session(bron, terms, client, deadline)
    finally:
        deadline.close()


def same_server(bron: HttpsBron, base: str, target: str, what: str) -> str:
    """The address that `target` on the page `base` means. Raises: SourceError when it is at another server.

    A secret goes to nobody else; and where another server is meant, the source must say so itself.
    """
    try:
        url = urljoin(base, target.strip())
        fitting = origin(url) == origin(bron.url) and "@" not in url.partition("//")[2].partition("/")[0]
    except ValueError:
        url, fitting = "", False
    if not target.strip() or not fitting or not url.isprintable():
        hint = "kmgb volgt dat niet. Vraag de beheerder, en zet zo nodig het juiste adres in 'url'."
        raise SourceError(f"{bron.place}: {what} wijst naar een andere server of is geen https-adres. {hint}")
    return url


def client_context(bron: HttpsBron, secrets: Path | None) -> ssl.SSLContext:
    """TLS with our own certificate, when the source has one. Raises: SourceError; SettingsError."""
    context = tls_context(bron.certificaten)
    if bron.clientcertificaat is None:
        return context
    phrase = secret(bron.sleutelwachtwoord, secrets) if bron.sleutelwachtwoord else SecretStr("")
    key = bron.clientsleutel or bron.clientcertificaat
    _check_own_certificate(bron.clientcertificaat)
    try:
        check_private(key)
        # Without a function OpenSSL would ask for the password at the terminal.
        context.load_cert_chain(bron.clientcertificaat, key, password=phrase.get_secret_value)
    except OSError as error:
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            raise SourceError(f"{key}: deze sleutel hoort niet bij {bron.clientcertificaat}.") from None
        hint = "Controleer 'clientsleutel', en het geheim van 'sleutelwachtwoord' als hij versleuteld is."
        raise SourceError(f"{key}: geen privésleutel (PEM) die zo opengaat. {hint}") from None
    return context


def _check_own_certificate(path: Path) -> None:
    try:
        end = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        raise SourceError(f"{path}: geen leesbaar certificaat (PEM). Controleer 'clientcertificaat'.") from None
    if end < datetime.now(UTC):
        raise SourceError(f"{path}: ons clientcertificaat is verlopen op {end:%d-%m-%Y}. Vraag een nieuw aan.")


def _in_header(name: str, secrets: Path | None) -> SecretStr:
    found = secret(name, secrets)
    text = found.get_secret_value()
    if not text or not text.isascii() or not text.isprintable():
        raise SettingsError(f"Geheim {name!r} past niet in een header: alleen gewone tekens op één regel.")
    return found


def _body(response: Any, largest: int, place: str) -> bytes:
    content = b""
    for chunk in response.iter_raw():
        content += chunk
        if len(content) > largest:
            raise too_large(place, largest)
    return content
