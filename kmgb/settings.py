"""File and environment -> frozen settings. Secrets are absent from every `repr`.

Read from `kmgb.toml` in the working folder and from the environment (`KMGB_...`, which wins; `KMGB_MAIL__...` for what
stands in the table `[mail]`).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from kmgb.errors import SettingsError, nearest
from kmgb.geheim import Geheim


def _listed(value: object) -> object:
    """A list, or text with commas: what an environment variable can hold."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
_HERE = ("localhost", "127.0.0.1", "::1")
_SMTP = {"smtp": 587, "smtps": 465}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Oauth(_Part):
    """Where we ask a token for Graph ourselves; without it the gateway adds one. Keys as of an HTTPS source."""

    token_url: str
    client_id: str
    geheim: Annotated[Geheim, Field(min_length=1)]
    scope: str = "https://graph.microsoft.com/.default"


class Graph(_Part):
    """Microsoft Graph behind the municipality's gateway. `docs/mail.md` explains every key."""

    url: str
    gebruiker: str
    certificaten: Path | None = None
    clientcertificaat: Path | None = None
    clientsleutel: Path | None = None
    sleutelwachtwoord: Geheim = ""
    oauth: Oauth | None = None


class Mail(_Part):
    """By which way mail leaves, and for whom besides the owners. Off without a way. `docs/mail.md` explains it all."""

    van: str = ""
    smtp: str = ""
    tls: bool = True
    gebruiker: str = ""
    geheim: Geheim = ""
    certificaten: Path | None = None
    graph: Graph | None = None
    link: str = ""
    gegevensbeheerders: Listed = ()
    managers: Listed = ()
    wachttijd: float = Field(default=30.0, gt=0, le=300)

    @property
    def on(self) -> bool:
        """True when there is a way for mail to leave."""
        return bool(self.smtp) or self.graph is not None

    @property
    def server(self) -> tuple[str, str, int]:
        """Scheme (smtp or smtps), host and port of `smtp`."""
        parts = urlsplit(self.smtp)
        return parts.scheme, parts.hostname or "", parts.port or _SMTP.get(parts.scheme, 0)

    @field_validator("smtp")
    @classmethod
    def _address(cls, smtp: str) -> str:
        try:
            parts = urlsplit(smtp)
            (parts.hostname or "").encode("idna")  # what no name server can be asked
            fitting = parts.scheme in _SMTP and parts.hostname and parts.port != 0 and not parts.path.strip("/")
        except ValueError:
            fitting = False
        if smtp and (not fitting or "@" in smtp or not smtp.isprintable()):
            raise ValueError("moet een mailserver zijn zonder gebruiker, zoals 'smtp://mail.gemeente.example:587'")
        return smtp

    @field_validator("link")
    @classmethod
    def _page(cls, link: str) -> str:
        """The name of a page is put behind it."""
        try:
            parts = urlsplit(link)
            fitting = (
                parts.scheme in ("https", "http") and parts.hostname and "@" not in parts.netloc and parts.port != 0
            )
        except ValueError:
            fitting = False
        if link and (not fitting or not link.isprintable() or set(link) & set(' "<>?#')):
            raise ValueError("moet het adres van de rapporten zijn, zoals 'https://kmgb.gemeente.example/rapporten'")
        return link.rstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> Mail:
        if self.on and not self.van:
            raise ValueError("van ontbreekt: noem het adres van de afzender")
        if self.smtp and self.graph is not None:
            raise ValueError("kies één weg: smtp of graph")
        if bool(self.gebruiker) != bool(self.geheim):
            raise ValueError("gebruiker en geheim horen bij elkaar (geheim is de naam van een geheim)")
        if not self.tls and (self.server[1] not in _HERE or self.gebruiker or self.smtp.startswith("smtps")):
            raise ValueError("tls = false mag alleen naar een mailserver op deze machine, zonder gebruiker")
        return self


class Settings(BaseSettings):
    """Where things stand and how a run behaves. Every setting is explained in the README."""

    model_config = SettingsConfigDict(env_prefix="KMGB_", env_nested_delimiter="__", frozen=True, extra="forbid")

    mappings: Path = Field(default=Path("mappings"), description="folder with the mapping files")
    schedules: Path = Field(default=Path("schedules"), description="folder with the schedule files")
    templates: Path = Field(default=Path("reports"), description="folder with the report templates")
    dumps: Path = Field(default=Path("sample_dumps"), description="folder in which the applications' dumps arrive")
    data: Path = Field(default=Path("data"), description="folder for aanleveringen, key file and the embedded database")
    output: Path = Field(default=Path("uitvoer"), description="folder for reports and findings")
    database: str = Field(default="", description="SQLAlchemy URL; empty is SQLite in the data folder")
    secrets: Path = Field(
        default=Path("geheimen.toml"), description="file with the secrets that mappings name; only we may read it"
    )
    fresh_minutes: int = Field(
        default=60, ge=0, description="minutes that what was pulled from a source serves later controles as well"
    )
    key: SecretStr = Field(
        default=SecretStr(""), description="base64 key for identities and encryption; empty is data/sleutel"
    )
    proxy_header: str = Field(
        default="", description="header in which a reverse proxy tells the client certificate; empty is none"
    )
    proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_listed)] = Field(
        default=(), description="addresses of the reverse proxies that may use that header"
    )
    timezone: str = Field(default="Europe/Amsterdam", description="time zone of reports and schedules")
    quarantine_drop: float = Field(
        default=20.0, description="percent fewer rows than last time that sends a dump to quarantine"
    )
    max_cell: int = Field(default=32_768, description="longest accepted cell, in characters")
    max_unpacked: int = Field(default=20 * 2**30, description="largest accepted size of an unpacked archive, in bytes")
    max_ratio: int = Field(default=200, description="largest accepted ratio of unpacked to packed size of an archive")
    grace_days: int = Field(
        default=2, ge=0, description="working days before a dump in which a change may still be on its way (onderweg)"
    )
    mutation_days: int = Field(
        default=400, ge=1, description="days that changes of the distribution are kept in the mutation log"
    )
    mail: Mail = Field(default=Mail(), description="by which way mail leaves, and for whom; off without one")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before what was given: the file is handed over as arguments."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.database or f"sqlite:///{self.data / 'kmgb.sqlite'}"


def load_settings(path: Path | None = None) -> Settings:
    """Settings from `path` (default `kmgb.toml`, when present) and the environment. Raises: SettingsError."""
    chosen = path or Path("kmgb.toml")
    values: dict[str, Any] = {}
    if path is not None or chosen.exists():
        try:
            values = tomllib.loads(chosen.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{chosen}: de instellingen zijn niet te lezen ({error}).") from error
    unknown = [name for name in values if name not in Settings.model_fields]
    if unknown:
        known = list(Settings.model_fields)
        hints = " ".join(f"{name!r} is geen instelling. {nearest(name, known)}" for name in unknown)
        raise SettingsError(f"{chosen}: {hints}".rstrip())
    try:
        return Settings(**values)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))} {_expected(e)}" for e in error.errors())
        raise SettingsError(f"{chosen}: {faults}.") from None


def _expected(fault: ErrorDetails) -> str:
    """What a setting must be, by the beginning of pydantic's name for the fault; our own words for our own."""
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    words = {
        "int": "moet een geheel getal zijn",
        "float": "moet een getal zijn",
        "greater": "is te klein",
        "ip_": "is geen IP-adres of reeks (10.0.0.0/24)",
        "tuple": "moet een lijst zijn",
        "bool": "moet true of false zijn",
        "model": "moet een tabel zijn",
        "missing": "ontbreekt",
        "extra": "is geen instelling",
    }
    found = (text for name, text in words.items() if fault["type"].startswith(name))
    return next(found, "moet een tekst tussen aanhalingstekens zijn")
