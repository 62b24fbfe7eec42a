"""Files through managed transfer: SFTP, FTPS and a drop folder. `docs/bronnen-overdracht.md` explains every key."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kmgb.geheim import Geheim


class Overdracht(BaseModel):
    """What all three have in common: where the files are, when one is whole, and what becomes of it afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    map: str = Field(min_length=1)
    bestand: str = ""
    heel: Literal["stabiel", "klaar", "controlesom", "manifest"] = "stabiel"
    rust: float = Field(default=5.0, ge=0, le=3600)
    na_afloop: Literal["laten", "verplaatsen", "verwijderen"] = "laten"
    verplaatsen_naar: str = Field(default="verwerkt", min_length=1)
    pogingen: int = Field(default=3, ge=1, le=10)
    pgp_sleutel: Path | None = None
    pgp_wachtwoord: Geheim = ""
    pgp_afzender: Path | None = None

    @field_validator("bestand")
    @classmethod
    def _only_a_name(cls, bestand: str) -> str:
        if "/" in bestand or "\\" in bestand:
            raise ValueError("is een patroon voor de bestandsnaam; de map staat in 'map'")
        return bestand

    @model_validator(mode="after")
    def _pgp_together(self) -> Overdracht:
        if self.pgp_sleutel is None and (self.pgp_wachtwoord or self.pgp_afzender):
            raise ValueError("pgp_wachtwoord en pgp_afzender horen bij een pgp_sleutel")
        return self


class MapBron(Overdracht):
    """A drop folder on this machine or a share that is mounted here."""

    soort: Literal["map"]


class _Server(Overdracht):
    server: str = Field(min_length=1)
    poort: int = Field(ge=1, le=65535)
    gebruiker: str = Field(min_length=1)
    wachtwoord: Geheim = ""
    time_out: float = Field(default=30.0, gt=0, le=3600)


class SftpBron(_Server):
    """An SFTP server: a private key (with the secret that opens it) or a password, and the servers that are known."""

    soort: Literal["sftp"]
    poort: int = Field(default=22, ge=1, le=65535)
    sleutel: Path | None = None
    sleutelwachtwoord: Geheim = ""
    bekende_servers: Path = Path("known_hosts")

    @model_validator(mode="after")
    def _one_way_in(self) -> SftpBron:
        if (self.sleutel is None) == (not self.wachtwoord):
            raise ValueError("geef precies één van sleutel of wachtwoord")
        if self.sleutelwachtwoord and self.sleutel is None:
            raise ValueError("een sleutelwachtwoord hoort bij een sleutel")
        return self


class FtpsBron(_Server):
    """An FTP server with TLS, on the ordinary port (`AUTH TLS`) or from the first byte (`impliciet`, port 990)."""

    soort: Literal["ftps"]
    poort: int = Field(default=21, ge=1, le=65535)
    wachtwoord: Geheim = Field(min_length=1)
    certificaten: Path | None = None
    impliciet: bool = False
