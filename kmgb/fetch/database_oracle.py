"""Oracle with its own thin client (no ODBC driver, no Oracle software needed). Not tested against a server.

The session writes dates, times and numbers in one fixed way (NLS), so that the server's own TO_CHAR gives the text.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from kmgb.fetch.database_odbc import DriverError, Opened, check_names, library
from kmgb.fetch.database_systems import BRON, ORACLE, Column, nested, quoted
from kmgb.fetch.odbc_groups import grouped
from kmgb.mapping.bronnen.database import DatabaseBron

_ROWS = 20_000
_TIMES = ("DB_TYPE_DATE", "DB_TYPE_TIMESTAMP", "DB_TYPE_TIMESTAMP_TZ", "DB_TYPE_TIMESTAMP_LTZ")
_LARGE = ("DB_TYPE_CLOB", "DB_TYPE_NCLOB", "DB_TYPE_LONG", "DB_TYPE_LONG_NVARCHAR")

OPENING = (
    "SET TRANSACTION READ ONLY",
    "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",
    "ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'",
    "ALTER SESSION SET NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6'",
    "ALTER SESSION SET NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM'",
)


def moment() -> str:
    """The moment (UTC) of the server."""
    utc = sa.func.to_char(sa.func.sys_extract_utc(sa.literal_column("SYSTIMESTAMP")), "YYYY-MM-DD HH24:MI:SS.FF6")
    return _sql(sa.select(utc.label("moment")).select_from(sa.table("dual")))


def inner(bron: DatabaseBron) -> str:
    """The query of the mapping, or the one that reads the whole table."""
    if bron.query:
        return bron.query.strip().rstrip(";").rstrip()
    schema, _, name = bron.tabel.rpartition(".")
    return _sql(sa.select(sa.text("*")).select_from(sa.table(name, schema=schema or None)))


def reading(bron: DatabaseBron, columns: Sequence[Column], rows: int | None = None) -> str:
    """The statement that delivers: numbers, dates and raw bytes as the server writes them."""
    within = nested(inner(bron), [column.name for column in columns])
    chosen = [_text(column, within.c[column.name]).label(quoted(column.name)) for column in columns]
    return _sql(sa.select(*chosen).limit(rows))


def _text(column: Column, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if column.type in _TIMES or column.type in ("DB_TYPE_NUMBER", "DB_TYPE_BINARY_FLOAT", "DB_TYPE_BINARY_DOUBLE"):
        return sa.func.to_char(value)
    if column.type == "DB_TYPE_RAW":
        return sa.func.rawtohex(value)
    return sa.func.rtrim(value) if column.type in ("DB_TYPE_CHAR", "DB_TYPE_NCHAR") else value


def _sql(statement: sa.Select[Any]) -> str:
    return str(statement.compile(dialect=ORACLE, compile_kwargs={"literal_binds": True}))


def open_and_read_oracle(
    bron: DatabaseBron, password: str, *, rows: int | None = None, wide: bool = False
) -> Iterator[Opened | Any | None]:
    """None once connected, then `Opened`, then Arrow record batches; `wide` changes nothing: any length fits."""
    oracledb, arrow = library("oracledb"), library("pyarrow")
    try:
        with oracledb.connect(**_where(bron), user=bron.gebruiker, password=password) as connection:
            connection.call_timeout = bron.tijdslimiet * 1000
            yield None
            opened = _opened(bron, connection)
            yield opened
            statement = reading(bron, opened.columns, rows)
            frames = connection.fetch_df_batches(statement=statement, size=rows or _ROWS)
            yield from grouped(batch for frame in frames for batch in arrow.table(frame).to_batches())
    except oracledb.Error as error:
        raise DriverError(str(error)) from None


def _where(bron: DatabaseBron) -> dict[str, Any]:
    secure: dict[str, Any] = {"protocol": "tcp"}
    if bron.versleuteld == "verplicht":
        secure = {"protocol": "tcps", "ssl_server_dn_match": True, "ssl_context": ssl.create_default_context()}
    place = {"host": bron.server, "port": bron.poort or 1521, "service_name": bron.database}
    return {**place, **secure, "tcp_connect_timeout": bron.wachttijd, "retry_count": 0}


def _opened(bron: DatabaseBron, connection: Any) -> Opened:
    with connection.cursor() as cursor:
        for statement in OPENING:
            cursor.execute(statement)
        (now,) = cursor.execute(moment()).fetchone()
        cursor.execute(f"SELECT * FROM ({inner(bron)}\n) {BRON} WHERE 1 = 0")  # noqa: S608  the mapping's own query
        columns = tuple(Column(one.name, one.type_code.name) for one in cursor.description)
    check_names([column.name for column in columns])
    return Opened(f"Oracle {connection.version}", datetime.fromisoformat(now).replace(tzinfo=UTC), columns)
