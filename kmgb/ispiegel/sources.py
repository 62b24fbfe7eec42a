"""How i-Spiegel reaches an application -> a `bron` of ours, without its password, and what a person must still do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kmgb.ispiegel.tables import Databron
from kmgb.mapping.bronnen.database import DatabaseBron

_SYSTEMS = {
    "oracle": "oracle",
    "oraoledb": "oracle",
    "msdaora": "oracle",
    "mysql": "mariadb",  # before sqlclient, which MySqlClient also ends in
    "sqlclient": "sqlserver",
    "sqloledb": "sqlserver",
    "sqlncli": "sqlserver",
    "msoledbsql": "sqlserver",
    "npgsql": "postgresql",
    "sqlite": "sqlite",
    "odbc": "odbc",
}
_FILES = (".accdb", ".mdb", ".xls", ".xlsx", ".csv", ".txt")
_SELECT_ALL = re.compile(r"^\s*select\s+\*\s+from\s+([\w.]+)\s*;?\s*$", re.IGNORECASE)
_ORACLE_PLACE = re.compile(r"^(?://)?(?P<host>[^:/]+)(?::(?P<port>\d+))?/(?P<service>[\w.$#-]+)$")


@dataclass(frozen=True, slots=True)
class Connection:
    """The `bron` as it is written in a mapping (None when there is none), and Dutch sentences on what remains."""

    bron: dict[str, Any] | None
    remarks: tuple[str, ...]


def connection(source: Databron) -> Connection:
    """The `bron` of this source. What is in its connection string never comes out in a remark."""
    given = _settings(source.connection)
    provider = f"{source.provider} {given.get('provider', '')}".lower()
    system = next((ours for theirs, ours in _SYSTEMS.items() if theirs in provider), "")
    # Oracle's short form has the account and the password before the place: they stay behind.
    place = _first(given, "data source", "server", "host", "address", "dsn").rpartition("@")[2]
    if not system or (place.lower().endswith(_FILES) and system != "sqlite"):
        what = "Office- of tekstbestand" if place.lower().endswith(_FILES) else "leverancier van verbindingen"
        hint = "Lever een csv aan, en schrijf de kolomnamen zoals in het bestand: hoofdletters tellen mee."
        return Connection(None, (f"geen bron: kmgb kent dit {what} niet als database. {hint}",))
    bron, remarks = _place(system, place, given)
    user = _first(given, "user id", "uid", "user", "username")
    if user:
        bron |= {"gebruiker": user, "wachtwoord": secret_name(source.name)}
        remarks.append(f"zet het wachtwoord als geheim {secret_name(source.name)!r}; het is niet overgenomen.")
    table = _SELECT_ALL.match(source.query)
    # A query of several lines ends in a new line: so it can be written as it stands.
    bron |= {"tabel": table[1]} if table else {"query": source.query + ("\n" if "\n" in source.query else "")}
    try:
        DatabaseBron.model_validate(bron)
    except ValidationError as error:
        reasons = "; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())
        return Connection(None, (f"geen bron: {reasons}.",))
    return Connection(bron, tuple(remarks))


def secret_name(name: str) -> str:
    """The name under which the password of this source is kept."""
    return f"ispiegel-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}"


def column_name(source: Databron, name: str) -> str:
    """The name as the database gives it: Oracle writes what is not between quotes in capitals."""
    folded = "ora" in source.provider.lower() and f'"{name}"' not in source.query
    return name.upper() if folded else name


def _place(system: str, place: str, given: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    bron: dict[str, Any] = {"soort": "database", "systeem": system}
    database = _first(given, "initial catalog", "database")
    if system == "oracle":
        found = _ORACLE_PLACE.match(place)
        if found is None:
            remark = f"{place!r} is een naam uit tnsnames.ora: vul de server, de poort en de service in."
            return bron | {"server": place, "database": place}, [remark]
        return bron | _port({"server": found["host"], "database": found["service"]}, found["port"]), []
    if system == "sqlite":
        return bron | {"database": place}, []
    if system == "odbc":
        driver = _first(given, "driver").strip("{}")
        chosen = {"stuurprogramma": driver, "server": place} if driver else {"opties": {"DSN": place}}
        return bron | chosen | ({"database": database} if database else {}), []
    host, _, port = place.removeprefix("tcp:").replace(",", ":").partition(":")
    return bron | _port({"server": host, "database": database}, port or _first(given, "port")), []


def _port(settings: dict[str, Any], port: str | None) -> dict[str, Any]:
    return settings | ({"poort": int(port)} if port and port.isdigit() else {})


def _settings(connection: str) -> dict[str, str]:
    parts = (part.partition("=") for part in connection.split(";") if "=" in part)
    return {name.strip().lower(): value.strip() for name, _, value in parts}


def _first(given: dict[str, str], *names: str) -> str:
    return next((given[name] for name in names if given.get(name)), "")
