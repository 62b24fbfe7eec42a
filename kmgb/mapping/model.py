"""What one mapping file says, as frozen models. The names of the keys are those of the file: they are what an
application owner reads and writes. `docs/veldtoewijzing.md` explains every key; a test keeps the two in step.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from kmgb.mapping.aanleveren import Aanleveren
from kmgb.mapping.bronnen.database import DatabaseBron
from kmgb.mapping.bronnen.https import HttpsBron
from kmgb.mapping.bronnen.overdracht import FtpsBron, MapBron, SftpBron
from kmgb.mapping.norm import Norm
from kmgb.mapping.verwacht import Verwacht

Formaat = Literal["csv", "vast", "jsonl", "json", "xlsx", "xml", "parquet", "lo3"]
Datumnotatie = Literal[
    "", "jjjjmmdd", "jjjj-mm-dd", "dd-mm-jjjj", "mm-dd-jjjj", "mm-dd-jj", "dd-mm-jj", "ddmmjjjj", "excel"
]
Decodering = Literal["teletex", "centric", "html", "mojibake"]
Entiteitnaam = Literal["personen", "nummeraanduiding", "verblijfsobject", "ligplaats", "standplaats", "pand", "nnp"]


def _as_tuple(value: object) -> object:
    """A single value where a list is allowed: owners write `leeg = "onbekend"` as readily as a list."""
    return (value,) if isinstance(value, str) else value


def _as_title(value: object) -> object:
    """`parkeren = "Parkeerapplicatie"` is short for `parkeren = { titel = "Parkeerapplicatie" }`."""
    return {"titel": value} if isinstance(value, str) else value


def _named_columns(value: object) -> object:
    """`kolommen = ["BSN", "NAAM"]` is short for a list of tables with a `naam`."""
    if isinstance(value, list | tuple):
        return [{"naam": column} if isinstance(column, str) else column for column in value]
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


# Where the dumps of an entity are fetched; `soort` says which of these it is.
Bron = Annotated[DatabaseBron | MapBron | SftpBron | FtpsBron | HttpsBron, Field(discriminator="soort")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)


class Lijst(_Model):
    """A file beside the dumps: where it is and how it is written."""

    bestand: str
    formaat: Literal["csv", "jsonl", "json", "xlsx", "parquet"] = "csv"
    codering: str = "utf-8"
    scheidingsteken: str = Field(default=",", min_length=1, max_length=1)


class Indicaties(Lijst):
    """The list of afnemersindicaties. Without `kolom` the key stands in `key`, `sleutel` or the name of the field."""

    kolom: str = ""


class Berichten(Lijst):
    """The message log of the broker. `applicatie`: what it calls this application; `tijdzone`: its zone.

    `statussen`: what it writes = whether the message was delivered (`ok`) or not (`fout`).
    """

    kolom: str = ""
    kolom_moment: str = "moment"
    kolom_applicatie: str = "applicatie"
    kolom_status: str = "status"
    applicatie: Names = ()
    statussen: dict[str, Literal["ok", "fout"]] = Field(default_factory=dict)
    tijdzone: str = ""


class Gekoppeld(_Model):
    """An application that the distribution system feeds; without `entiteiten` it is not said with what."""

    titel: str = ""
    contact: str = ""
    entiteiten: Annotated[tuple[Entiteitnaam, ...], BeforeValidator(_as_tuple)] = ()


class Afnemer(_Model):
    """Who holds the data and who answers for it. A `register` is the export of a base register itself."""

    naam: str
    titel: str
    eigenaar: str = ""
    contact: str = ""
    leverancier: str = ""
    rol: Literal["afnemer", "distributie", "register"] = "afnemer"
    aanleveren: Aanleveren | None = None
    indicaties: Indicaties | None = None
    berichten: Berichten | None = None
    norm: Norm | None = None


class Kolom(_Model):
    """One column of a fixed-width or headerless file. `breedte` counts characters; only for `formaat = "vast"`."""

    naam: str
    breedte: int | None = Field(default=None, ge=1)


class Aanlevering(_Model):
    """How a file is written, and when it is expected. Every key can be given for the whole afnemer and overridden per
    entity. When it is expected says nothing about how it is read: `model_dump` leaves that out.
    """

    formaat: Formaat = "csv"
    codering: str = "utf-8"
    scheidingsteken: str = Field(default=",", min_length=1, max_length=1)
    aanhalingsteken: str = Field(default='"', max_length=1)
    kop: bool = True
    overslaan: int = Field(default=0, ge=0)
    decimaalteken: Literal[".", ","] = "."
    datum: Datumnotatie = ""
    leeg: Names = ()
    decodering: Annotated[tuple[Decodering, ...], BeforeValidator(_as_tuple)] = ()
    blad: str = ""
    record: str = ""
    binnen: str = ""
    kolommen: Annotated[tuple[Kolom, ...], BeforeValidator(_named_columns)] = ()
    verwacht: Verwacht | None = Field(default=None, exclude=True)


class Veld(_Model):
    """Which column feeds one catalogue field, and by which agreements (conventions) the application writes it.

    Agreements in which something is lost (`diakrieten`, `letters`, `spaties`, `breedte`, `leeg_bij`,
    `voorloopnullen`) are applied to the value of the distribution, never to what the application delivered.
    """

    kolom: str = ""
    kolommen: tuple[str, ...] | dict[str, str] = ()
    vaste_waarde: str | None = None
    afleiden: Literal["", "voorletters", "burgerlijke_staat", "voorvoegsel_uit_naam", "naam_zonder_voorvoegsel"] = ""
    datum: Datumnotatie = ""
    codes: dict[str, str] = Field(default_factory=dict)
    leeg: Names = ()
    leeg_bij: Names = ()
    decodering: Annotated[tuple[Decodering, ...], BeforeValidator(_as_tuple)] = ()
    decimaalteken: Literal[".", ",", ""] = ""
    voorloopnullen: Literal["behouden", "weg"] = "behouden"
    diakrieten: Literal["behouden", "weg"] = "behouden"
    letters: Literal["behouden", "hoofdletters", "kleine letters"] = "behouden"
    spaties: Literal["behouden", "weg"] = "behouden"
    breedte: int | None = Field(default=None, ge=1)
    scheidingsteken: str = ""
    tolerantie: float | None = Field(default=None, ge=0)
    regels_uit: Names = ()
    regels_aan: Names = ()
    vergelijken: bool = True
    ernst: Literal["", "kritiek", "hoog", "normaal", "laag"] = ""
    norm: Norm | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Veld:
        given = [bool(self.kolom), bool(self.kolommen), self.vaste_waarde is not None]
        if sum(given) != 1:
            raise ValueError("geef precies één van kolom, kolommen of vaste_waarde")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The delivered columns this field needs."""
        if self.kolom:
            return (self.kolom,)
        return tuple(self.kolommen.values()) if isinstance(self.kolommen, dict) else self.kolommen


class Populatie(_Model):
    """Who is expected: an expression on catalogue fields for each side, and the Dutch sentence saying whom it means."""

    distributie: str = ""
    applicatie: str = ""
    omschrijving: str = ""


class Wens(_Model):
    """A field that should be delivered but is not (TA 5.2.4): by when it will be, and what is done until then."""

    wens: str
    ingediend: date
    deadline: date
    alternatief: str = ""

    @model_validator(mode="after")
    def _within_a_year(self) -> Wens:
        if (self.deadline - self.ingediend).days > 366:
            raise ValueError("de deadline ligt meer dan een jaar na de indiening (TA 5.2.4: maximaal 1 jaar)")
        return self


class Opzoeken(_Model):
    """A second file whose columns are joined to every row: `met` (ours) meets `op` (theirs)."""

    bestand: str
    aanlevering: dict[str, object] = Field(default_factory=dict)
    met: str
    op: str
    kolommen: Names
    alleen_als: dict[str, str] = Field(default_factory=dict)
    nieuwste_op: str = ""


class EntiteitMapping(_Model):
    """One entity of one afnemer: where the dump is, which row is which, who is expected, and every field's column."""

    bestand: str = ""
    bron: Bron | None = None
    aanlevering: Aanlevering = Aanlevering()
    sleutel: Names
    alternatieve_sleutels: tuple[tuple[str, ...], ...] = ()
    historie: Literal["geen", "actueel", "historie"] = "geen"
    peildatum: datetime | date | None = None
    peildatum_uit_naam: str = ""
    volledig: bool = True
    onveranderd: bool = False
    bandbreedte: float | None = Field(default=None, gt=0, le=100)
    norm: Norm | None = None
    populatie: Populatie = Populatie()
    velden: dict[str, Veld]
    hulp: dict[str, Veld] = Field(default_factory=dict)
    opzoeken: dict[str, Opzoeken] = Field(default_factory=dict)
    niet_aangeleverd: dict[str, Wens] = Field(default_factory=dict)
    niet_gevoerd: Names = ()
    uitgesloten: dict[str, str] = Field(default_factory=dict)
    indicaties: Indicaties | None = None
    berichten: Berichten | None = None


class Mapping(_Model):
    """A whole mapping file. `path` says where it stands; `version` is the sha256 of its bytes, `content`."""

    afnemer: Afnemer
    entiteit: dict[str, EntiteitMapping]
    path: Path
    version: str
    content: bytes = Field(default=b"", repr=False)
    distributie: str = ""
    gekoppeld: dict[str, Annotated[Gekoppeld, BeforeValidator(_as_title)]] = Field(default_factory=dict)

    @field_validator("gekoppeld")
    @classmethod
    def _of_the_distribution(cls, gekoppeld: dict[str, Gekoppeld], info: ValidationInfo) -> dict[str, Gekoppeld]:
        afnemer = info.data.get("afnemer")
        if gekoppeld and afnemer is not None and afnemer.rol != "distributie":
            raise ValueError("hoort in de veldtoewijzing van de distributie: die weet wie zij voedt")
        return gekoppeld

    @property
    def naam(self) -> str:
        """The short name of the afnemer: its identity everywhere."""
        return self.afnemer.naam
