"""Per database system: how we connect, what we set first, how its types become the text that a person sees there.

A driver loses things (a time zone, `infinity`, 0000-00-00), so what is not text is made text by the server itself
(PostgreSQL, MariaDB, SQLite). SQL Server and unknown systems get their query untouched; there the driver writes the
text and `Shown` says what is mended. `docs/bronnen-databases.md` defines the text of every type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mssql.base import MSDialect
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.oracle.base import OracleDialect
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from kmgb.mapping.bronnen.database import DatabaseBron

BRON = "kmgb_bron"
_SYSTEM_CAS = "/etc/ssl/certs/ca-certificates.crt"


class Shown(StrEnum):
    """What remains to be done to a column when it arrives."""

    AS_IS = "tekst"
    RTRIM = "opvulling"  # char(n): the filling is not part of the value
    DECIMAL = "decimaal"  # a driver writes .50 where the database shows 0.50
    FLOAT = "drijvend"
    HEX = "hexadecimaal"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the result: the name as delivered and the type as the system calls it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class System:
    """What differs between systems. `facts` gives version and UTC moment; `describe` the statement that gives types.

    `describe` is None when the driver's own description serves. `text` is None when the query runs as it is written.
    """

    driver: str
    dialect: sa.Dialect
    opening: Callable[[DatabaseBron], Sequence[str]]
    options: Callable[[DatabaseBron], Mapping[str, str]]
    facts: sa.Select[Any] | None
    types: Callable[[sa.Subquery, Sequence[str]], sa.Select[Any]] | None = None
    text: Callable[[Column, sa.ColumnElement[Any]], sa.ColumnElement[Any]] | None = None
    shown: Callable[[str], Shown] = lambda _: Shown.AS_IS

    def sql(self, statement: sa.Select[Any]) -> str:
        """The statement in this system's own words, values written in."""
        return str(statement.compile(dialect=self.dialect, compile_kwargs={"literal_binds": True}))

    def inner(self, bron: DatabaseBron) -> str:
        """The query of the mapping, or the one that reads the whole table."""
        if bron.query:
            return bron.query.strip().rstrip(";").rstrip()
        schema, _, name = bron.tabel.rpartition(".")
        return self.sql(sa.select(sa.text("*")).select_from(sa.table(name, schema=schema or None)))

    def empty(self, bron: DatabaseBron) -> str:
        """The statement that only tells the columns."""
        return self.sql(sa.select(sa.text("*")).select_from(nested(self.inner(bron), ())).limit(0))

    def asked_types(self, bron: DatabaseBron, names: Sequence[str]) -> str:
        """The statement that gives the type of every column, in the order of the columns."""
        assert self.types is not None
        return self.sql(self.types(nested(self.inner(bron), names), names))

    def reading(self, bron: DatabaseBron, columns: Sequence[Column], rows: int | None = None) -> str:
        """The statement that delivers: every column as text where the server must make it so."""
        if self.text is None:
            return self.inner(bron)
        within = nested(self.inner(bron), [column.name for column in columns])
        chosen = [self.text(column, within.c[column.name]).label(quoted(column.name)) for column in columns]
        return self.sql(sa.select(*chosen).limit(rows))


def quoted(name: str) -> sa.quoted_name:
    """A name is written exactly as the database gave it."""
    return sa.quoted_name(name, quote=True)


def nested(query: str, names: Sequence[str]) -> sa.Subquery:
    """The query as a table. A colon is no parameter of ours; the line end closes a comment behind the query."""
    columns: list[sa.ColumnClause[Any]] = [sa.column(quoted(name)) for name in names]
    return sa.text(query.replace(":", "\\:") + "\n").columns(*columns).subquery(BRON)


def _text(value: Any, kind: Any = sa.Text) -> sa.Cast[Any]:
    return sa.cast(value, kind)


# PostgreSQL: the server's own text. Types of known length keep a short column, the fetch buffer is as wide as they are.
_PG_TEXT = ("text", "character varying", "character", "name")
_PG_LENGTH = {
    "boolean": 5,
    "smallint": 20,
    "integer": 20,
    "bigint": 20,
    "real": 32,
    "double precision": 32,
    "date": 32,
    "time without time zone": 32,
    "time with time zone": 32,
    "timestamp without time zone": 48,
    "timestamp with time zone": 48,
    "uuid": 36,
}


def _postgresql_types(within: sa.Subquery, names: Sequence[str]) -> sa.Select[Any]:
    """One row also when the query has none: a join that never matches is not carried out."""
    one = sa.select(sa.literal_column("1")).subquery("een")
    types = [_text(sa.func.pg_typeof(within.c[name])).label(f"t{place}") for place, name in enumerate(names)]
    return sa.select(*types).select_from(one.outerjoin(within, sa.false()))


def _postgresql_text(column: Column, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if column.type in _PG_TEXT:
        return value
    length = _PG_LENGTH.get(column.type)
    return _text(value, sa.String(length) if length else sa.Text)


def _postgresql_options(bron: DatabaseBron) -> dict[str, str]:
    options = {"UseDeclareFetch": "1", "Fetch": "2000", "SSLmode": "prefer", "MaxLongVarcharSize": "32768"}
    if bron.versleuteld == "verplicht":
        options |= {"SSLmode": "verify-full", "pqopt": f"sslrootcert={bron.certificaat or _SYSTEM_CAS}"}
    return options


# MariaDB: CAST AS CHAR is what the mariadb client shows; the driver makes 0000-00-00 null, the server does not.
def _mariadb_text(column: Column, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if column.type == "string":
        return value
    if "binary" in column.type:
        return sa.func.concat(sa.literal("0x"), sa.func.hex(_text(value, mysql.BINARY)))
    if column.type == "bool":
        return _text(value.op("+")(sa.literal_column("0")), mysql.CHAR)
    return _text(value, mysql.CHAR)


def _mariadb_options(bron: DatabaseBron) -> dict[str, str]:
    options = {"FORWARDONLY": "1", "NO_CACHE": "1"}  # together they stream, from driver 3.1.17 on
    options |= {"CONN_TIMEOUT": str(bron.wachttijd), "READ_TIMEOUT": str(bron.tijdslimiet + 3)}
    if bron.versleuteld == "verplicht":
        options |= {"FORCETLS": "1", "SSLVERIFY": "1", "SSLCA": bron.certificaat or _SYSTEM_CAS}
    return options


# SQLite: any column may hold any type, so only columns declared as text are left to the driver.
def _sqlite_text(column: Column, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if column.type == "string":
        return value
    blob = sa.literal("0x").concat(sa.func.hex(value))
    return sa.case((sa.func.typeof(value) == "blob", blob), else_=_text(value))


# SQL Server: the query runs as written (a WITH or ORDER BY cannot stand in a derived table there).
def sqlserver_types(query: str) -> sa.Select[Any]:
    """Name and type of every column of a query, without carrying it out."""
    result = sa.func.sys.dm_exec_describe_first_result_set(
        sa.literal(query, sa.Unicode), sa.null(), sa.literal_column("0")
    ).table_valued("name", "system_type_name", "is_hidden", "column_ordinal", name="kolommen")
    columns = sa.select(result.c.name, result.c.system_type_name).where(result.c.is_hidden == sa.literal_column("0"))
    return columns.order_by(result.c.column_ordinal)


def _sqlserver_opening(bron: DatabaseBron) -> list[str]:
    level = "SNAPSHOT" if bron.lezen == "momentopname" else "REPEATABLE READ"
    milliseconds = min(bron.tijdslimiet * 1000, 2**31 - 1)
    return [f"SET TRANSACTION ISOLATION LEVEL {level}", f"SET LOCK_TIMEOUT {milliseconds}", "BEGIN TRANSACTION"]


def _sqlserver_shown(kind: str) -> Shown:
    name = kind.split("(", maxsplit=1)[0]
    if name in ("char", "nchar"):
        return Shown.RTRIM
    if name in ("binary", "varbinary", "image", "timestamp", "rowversion"):
        return Shown.HEX
    if name in ("decimal", "numeric", "money", "smallmoney"):
        return Shown.DECIMAL
    return Shown.FLOAT if name in ("float", "real") else Shown.AS_IS


def _odbc_shown(kind: str) -> Shown:
    """From the Arrow type in which the driver would deliver."""
    if kind.startswith("decimal"):
        return Shown.DECIMAL
    return Shown.FLOAT if kind in ("float", "double") else Shown.AS_IS


def _sqlserver_options(bron: DatabaseBron) -> dict[str, str]:
    encrypt = (
        {"Encrypt": "yes", "TrustServerCertificate": "no"} if bron.versleuteld == "verplicht" else {"Encrypt": "no"}
    )
    return {**encrypt, "ApplicationIntent": "ReadOnly", "APP": "kmgb"}


_UTC_ISO = "YYYY-MM-DD HH24:MI:SS.US"
SYSTEMS: Mapping[str, System] = {
    "postgresql": System(
        driver="PostgreSQL Unicode",
        dialect=PGDialect(paramstyle="qmark"),  # type: ignore[no-untyped-call]
        opening=lambda bron: [
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            f"SET LOCAL statement_timeout = '{bron.tijdslimiet}s'",
        ],
        options=_postgresql_options,
        facts=sa.select(
            sa.func.version().label("versie"),
            sa.func.to_char(sa.func.timezone("UTC", sa.func.now()), _UTC_ISO).label("moment"),
        ),
        types=_postgresql_types,
        text=_postgresql_text,
        shown=lambda kind: Shown.RTRIM if kind == "character" else Shown.AS_IS,
    ),
    "mariadb": System(
        driver="MariaDB Unicode",
        dialect=MySQLDialect(paramstyle="qmark"),
        opening=lambda bron: [
            f"SET SESSION max_statement_time = {bron.tijdslimiet}",
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ],
        options=_mariadb_options,
        facts=sa.select(
            sa.func.version().label("versie"),
            _text(sa.func.utc_timestamp(sa.literal_column("6")), mysql.CHAR).label("moment"),
        ),
        text=_mariadb_text,
    ),
    "sqlite": System(
        driver="SQLite3",
        dialect=SQLiteDialect(paramstyle="qmark"),
        opening=lambda _: ["PRAGMA query_only = 1", "BEGIN"],
        options=lambda bron: {"Database": str(Path(bron.database)), "StepAPI": "1", "NoCreat": "1", "Timeout": "10000"},
        facts=sa.select(
            sa.literal("SQLite ").concat(sa.func.sqlite_version()).label("versie"),
            sa.func.strftime("%Y-%m-%d %H:%M:%f", "now").label("moment"),
        ),
        text=_sqlite_text,
    ),
    "sqlserver": System(
        driver="ODBC Driver 18 for SQL Server",
        dialect=MSDialect(paramstyle="qmark"),  # type: ignore[no-untyped-call]
        opening=_sqlserver_opening,
        options=_sqlserver_options,
        facts=sa.select(
            sa.literal_column("@@VERSION").label("versie"),
            sa.func.convert(
                sa.literal_column("nvarchar(33)"), sa.func.SYSUTCDATETIME(), sa.literal_column("121")
            ).label("moment"),
        ),
        shown=_sqlserver_shown,
    ),
    "odbc": System(
        driver="",
        dialect=SQLiteDialect(paramstyle="qmark"),
        opening=lambda _: [],
        options=lambda _: {},
        facts=None,
        shown=_odbc_shown,
    ),
}
ORACLE = OracleDialect(paramstyle="named")


def connection_string(bron: DatabaseBron, password: str) -> str:
    """The ODBC connection string; it holds the secret, so it is passed on and never kept or shown."""
    system = SYSTEMS[bron.systeem]
    parts: dict[str, str] = {}
    if driver := bron.stuurprogramma or system.driver:
        parts["Driver"] = driver
    if bron.systeem == "sqlserver":
        parts["Server"] = f"{bron.server},{bron.poort}" if bron.poort else bron.server
    elif bron.server:
        parts["Server"] = bron.server
        parts |= {"Port": str(bron.poort)} if bron.poort else {}
    if bron.database:
        parts["Database"] = bron.database
    parts |= system.options(bron)
    if bron.gebruiker:
        parts |= {"UID": bron.gebruiker, "PWD": password}
    plain = "Database" if bron.systeem == "sqlite" else ""  # its driver (0.9998) takes the braces for part of the path
    return "".join(
        f"{key}={value if key == plain else _braced(key, value)};" for key, value in (parts | bron.opties).items()
    )


def _braced(key: str, value: str) -> str:
    """Braces where the value has a meaning to ODBC; a driver's name always stands in them."""
    if key == "Driver" or any(sign in value for sign in "[]{}(),;?*=!@ "):
        return "{" + value.replace("}", "}}") + "}"
    return value
