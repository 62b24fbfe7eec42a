"""`[entiteit.<naam>.bron]` with `soort = "database"`: which database, which table or query. Secrets are only named."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from kmgb.geheim import Geheim

Systeem = Literal["sqlserver", "oracle", "mariadb", "postgresql", "sqlite", "odbc"]

# What hides words and semicolons in SQL: texts, quoted names, comments. A comment that speaks to the database stays.
_COMMENT = r"(?P<comment>--[^\n]*|/\*(?![+!]).*?\*/)"
_OTHERS = r"`[^`]*`|\[[^\]]*\]|/\*.*?\*/|(?P<dollar>\$\w*\$).*?(?P=dollar)"
_HIDING = re.compile(rf"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|{_COMMENT}|{_OTHERS}", re.DOTALL)
_HIDING_MARIADB = re.compile(rf"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|{_COMMENT}|{_OTHERS}", re.DOTALL)
_SECRET_OPTIONS = {"pwd", "password", "wachtwoord", "uid", "user", "accesstoken"}


def _reads_only(query: str, info: ValidationInfo) -> str:
    """The query without its comments and what follows its end; it must be one statement that only reads."""
    hiding = _HIDING_MARIADB if info.data.get("systeem") == "mariadb" else _HIDING
    # A driver (SQLite's) may take a semicolon in a comment for the end of the statement.
    query = hiding.sub(lambda hidden: " " if hidden["comment"] else hidden[0], query)
    blank = hiding.sub(lambda hidden: " " * len(hidden[0]), query).rstrip()
    while blank.endswith(";"):
        query = query[: len(blank) - 1]
        blank = blank[:-1].rstrip()
    bare = blank.strip()
    words = re.findall(r"\w+", bare.upper())
    if query and (not words or words[0] not in ("SELECT", "WITH")):
        raise ValueError("de query moet met SELECT of WITH beginnen: kmgb leest alleen")
    if ";" in bare:
        raise ValueError("de query mag maar één opdracht zijn: haal ';' weg")
    if set(words) & {"INTO", "INSERT", "UPDATE", "DELETE", "MERGE", "DROP", "ALTER", "CREATE", "TRUNCATE", "EXEC"}:
        raise ValueError("de query mag alleen lezen; zet een kolom die zo heet tussen aanhalingstekens")
    return query


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is geen tijdzone, zoals 'Europe/Amsterdam'")
    return name


class DatabaseBron(BaseModel):
    """One table or query of one database. `docs/bronnen-databases.md` explains every key."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    soort: Literal["database"] = "database"
    systeem: Systeem
    server: str = ""
    poort: int | None = Field(default=None, ge=1, le=65_535)
    database: str = ""
    gebruiker: str = ""
    wachtwoord: Geheim = ""
    stuurprogramma: str = ""
    opties: dict[str, str] = Field(default_factory=dict)
    versleuteld: Literal["verplicht", "nee"] = "verplicht"
    certificaat: str = ""
    tabel: str = ""
    query: Annotated[str, AfterValidator(_reads_only)] = ""
    lezen: Literal["momentopname", "herhaalbaar"] = "momentopname"
    peildatum_kolom: str = ""
    tijdzone: Annotated[str, AfterValidator(_known_zone)] = "Europe/Amsterdam"
    wachttijd: int = Field(default=30, ge=1, le=3600)
    tijdslimiet: int = Field(default=3600, ge=1, le=604_800)

    @model_validator(mode="after")
    def _whole(self) -> DatabaseBron:
        if bool(self.tabel) == bool(self.query):
            raise ValueError("geef precies één van tabel en query")
        if self.systeem in ("sqlserver", "oracle", "mariadb", "postgresql") and not self.server:
            raise ValueError("server ontbreekt")
        if self.systeem in ("oracle", "postgresql", "sqlite") and not self.database:
            raise ValueError("database ontbreekt (bij sqlite het pad van het bestand, bij oracle de service)")
        if self.systeem == "odbc" and not self.stuurprogramma and not self.opties:
            raise ValueError("geef stuurprogramma, of in opties een DSN")
        if self.systeem in ("sqlserver", "oracle") and self.certificaat:
            raise ValueError("certificaat kan hier niet: zet de uitgever in het certificaatarchief van deze machine")
        secret = sorted(key for key in self.opties if key.lower() in _SECRET_OPTIONS)
        if secret:
            raise ValueError(
                f"{', '.join(secret)} hoort niet in opties: gebruik gebruiker, wachtwoord (naam van geheim)"
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The zone of a peildatum that names none."""
        return ZoneInfo(self.tijdzone)

    @property
    def place(self) -> str:
        """Which database, for a sentence: never a user or a secret."""
        where = self.server or self.database or self.stuurprogramma or "ODBC"
        name = f", database {self.database}" if self.server and self.database else ""
        return f"{self.systeem} {where}{f':{self.poort}' if self.poort else ''}{name}"
