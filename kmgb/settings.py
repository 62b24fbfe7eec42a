"""File and environment -> frozen settings. Secrets are absent from every `repr`.

Read from `kmgb.toml` in the working folder and from the environment (`KMGB_...`, which wins).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, IPvAnyNetwork, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from kmgb.errors import SettingsError, nearest


def _listed(value: object) -> object:
    """A list, or text with commas: what an environment variable can hold."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class Settings(BaseSettings):
    """Where things stand and how a run behaves. Every setting is explained in the README."""

    model_config = SettingsConfigDict(env_prefix="KMGB_", frozen=True, extra="forbid")

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
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))} {_expected(e['type'])}" for e in error.errors())
        raise SettingsError(f"{chosen}: {faults}.") from None


def _expected(kind: str) -> str:
    """What a setting must be, by the beginning of pydantic's name for the fault."""
    words = {
        "int": "moet een geheel getal zijn",
        "float": "moet een getal zijn",
        "greater": "is te klein",
        "ip_": "is geen IP-adres of reeks (10.0.0.0/24)",
        "tuple": "moet een lijst van IP-adressen zijn",
    }
    found = (text for name, text in words.items() if kind.startswith(name))
    return next(found, "moet een tekst tussen aanhalingstekens zijn")
