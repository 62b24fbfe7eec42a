"""`[entiteit.<naam>.bron]` with `soort = "https"`: a file or a paged JSON endpoint. Secrets are only named.

`docs/bronnen-https.md` explains every key.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from kmgb.geheim import Geheim, only_a_name

_NAME_OF_SECRET = re.compile(r"auth|cookie|key|token|secret|passw|wachtwoord|geheim|credential|signature", re.I)
_SECRET_IN_QUERY = re.compile(
    r"((api|access|auth|subscription|client|x)[-_]?)*(key|token|secret|sig|signature|password|wachtwoord|geheim)", re.I
)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# What kmgb says itself, and what would make a request mean something else.
_OURS = {
    *("host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"),
    *("range", "if-range", "if-match", "if-none-match", "if-modified-since", "accept-encoding"),
}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address. Raises: ValueError when it is none."""
    parts = urlsplit(url)
    return parts.scheme.lower(), (parts.hostname or "").rstrip("."), parts.port or 443


def _address(url: str) -> str:
    """An address with https, without a secret in it. What is refused is not repeated."""
    try:
        scheme, host, _ = origin(url)
    except ValueError:
        raise ValueError("is geen adres, zoals 'https://server.example/pad'") from None
    if scheme != "https" or not host or not url.isprintable() or " " in url:
        raise ValueError("moet met https:// beginnen en een server noemen, zoals 'https://server.example/pad'")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("mag geen gebruiker of wachtwoord bevatten: gebruik oauth of geheime_headers")
    if any(_SECRET_IN_QUERY.fullmatch(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise ValueError("mag geen geheim bevatten (achter het vraagteken): gebruik geheime_headers")
    return url


def _header(name: str) -> str:
    if name and not _HEADER.fullmatch(name):
        raise ValueError("moet de naam van een header zijn, zoals 'X-Peildatum'")
    return name


Adres = Annotated[str, AfterValidator(_address)]
Header = Annotated[str, AfterValidator(_header)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Oauth(_Part):
    """Client credentials: where a token is asked, by whom, with which secret."""

    token_url: Adres
    client_id: str = Field(min_length=1)
    geheim: Annotated[Geheim, Field(min_length=1)]
    scope: str = ""


class Paginas(_Part):
    """Where the records of a page are, and how the next page is found: told by the server, or counted by us."""

    records: str = ""
    volgende: str = ""
    parameter: str = ""
    telt: Literal["paginas", "records"] = "paginas"
    begin: int | None = Field(default=None, ge=0)
    totaal: str = ""
    totaal_header: Header = ""

    @model_validator(mode="after")
    def _one_way(self) -> Paginas:
        if self.volgende == "link" and self.parameter:
            raise ValueError("volgende = 'link' noemt hele adressen: daar hoort geen parameter bij")
        if not self.counted and self.model_fields_set & {"telt", "begin"}:
            raise ValueError("telt en begin horen bij een parameter zonder volgende")
        if self.totaal and self.totaal_header:
            raise ValueError("geef hoogstens één van totaal en totaal_header")
        return self

    @property
    def counted(self) -> bool:
        """True when we count the pages or the records ourselves."""
        return bool(self.parameter) and not self.volgende

    @property
    def first(self) -> int:
        """The number of the first page or record."""
        if self.begin is not None:
            return self.begin
        return 1 if self.telt == "paginas" else 0


class HttpsBron(_Part):
    """One address: a file as it is, or with `paginas` the records of a JSON endpoint."""

    soort: Literal["https"]
    url: Adres
    bestand: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    geheime_headers: dict[str, Annotated[str, AfterValidator(only_a_name), Field(min_length=1)]] = Field(
        default_factory=dict, repr=False
    )
    certificaten: Path | None = None
    clientcertificaat: Path | None = None
    clientsleutel: Path | None = None
    sleutelwachtwoord: Geheim = ""
    oauth: Oauth | None = None
    paginas: Paginas | None = None
    controlesom: Literal["", "sha256", "sha512"] = ""
    peildatum_header: Header = ""
    peildatum_pad: str = ""
    pogingen: int = Field(default=3, ge=1, le=10)
    time_out: float = Field(default=30.0, gt=0, le=3600)
    tijdslimiet: float = Field(default=3600.0, gt=0, le=86_400)
    grootste: int = Field(default=20 * 2**30, ge=1)

    @field_validator("bestand")
    @classmethod
    def _only_a_name(cls, bestand: str) -> str:
        if "/" in bestand or "\\" in bestand or bestand.startswith(".") or not bestand.isprintable():
            raise ValueError("is alleen een bestandsnaam, zonder map en zonder punt vooraan")
        return bestand

    @field_validator("headers")
    @classmethod
    def _no_secret(cls, headers: dict[str, str]) -> dict[str, str]:
        _known_headers(headers)
        for name, value in headers.items():
            if _NAME_OF_SECRET.search(name):
                raise ValueError(f"{name!r} is een geheim: gebruik geheime_headers, met de naam van het geheim")
            if not value.isascii() or not value.isprintable():
                raise ValueError(f"de waarde van {name!r} mag alleen gewone tekens bevatten")
        return headers

    @field_validator("geheime_headers")
    @classmethod
    def _headers_of_ours(cls, headers: dict[str, str]) -> dict[str, str]:
        _known_headers(headers)
        return headers

    @model_validator(mode="after")
    def _whole(self) -> HttpsBron:
        if self.clientsleutel is not None and self.clientcertificaat is None:
            raise ValueError("een clientsleutel hoort bij een clientcertificaat")
        if self.sleutelwachtwoord and self.clientcertificaat is None:
            raise ValueError("een sleutelwachtwoord hoort bij een clientcertificaat")
        names = [name.lower() for name in (*self.headers, *self.geheime_headers)]
        if len(set(names)) < len(names):
            raise ValueError("een header staat er twee keer")
        if self.oauth is not None and "authorization" in names:
            raise ValueError("oauth vult zelf Authorization: haal die uit geheime_headers")
        if self.peildatum_header and self.peildatum_pad:
            raise ValueError("geef hoogstens één van peildatum_header en peildatum_pad")
        if self.peildatum_pad and self.paginas is None:
            raise ValueError("peildatum_pad hoort bij paginas; van een bestand telt peildatum_header of de naam")
        if self.controlesom and self.paginas is not None:
            raise ValueError("controlesom hoort bij een bestand, niet bij paginas")
        return self

    @property
    def place(self) -> str:
        """The address for a sentence: without what stands behind the question mark."""
        return without_query(self.url)


def without_query(url: str) -> str:
    """The address as far as a message may repeat it: a query may hold the key of a person."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def _known_headers(headers: dict[str, str]) -> None:
    for name in headers:
        if not _HEADER.fullmatch(name):
            raise ValueError("bevat een naam die geen header kan zijn")
        if name.lower() in _OURS:
            raise ValueError(f"{name!r} vult kmgb zelf")
