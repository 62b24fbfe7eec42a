"""Own TDS 7.4 test server, written from the public MS-TDS description: Microsoft's real driver talks to it, SQLite answers.

Prelogin, TLS, LOGIN7, SQL batches, and RPC with parameters (sp_executesql, sp_prepexec, sp_execute). `dbo` is the same
database file. What it cannot show is SQL Server itself: its locks, isolation, collations.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
import socket
import socketserver
import sqlite3
import ssl
import struct
import threading
import uuid
from pathlib import Path
from typing import Any

COLLATION = bytes.fromhex("0904d00034")  # SQL_Latin1_General_CP1_CI_AS
VERSION = "Microsoft SQL Server 2022 (RTM) - 16.0.1000.6 (X64)\n\tTest server"
_SILENT = ("set ", "use ", "if @@trancount", "begin tran", "commit", "rollback")
_DESCRIBE = re.compile(r"dm_exec_describe_first_result_set\(N'(.*)', NULL, 0\)", re.DOTALL)
# What `types` may say of a column: the type as SQL Server calls it.
_TYPES = {
    "int": b"\x26\x04",
    "bigint": b"\x26\x08",
    "float": b"\x6d\x08",
    "real": b"\x6d\x04",
    "decimal(38,4)": b"\x6a\x11\x26\x04",
    "money": b"\x6e\x08",
    "datetime2(7)": b"\x2a\x07",
    "datetimeoffset(7)": b"\x2b\x07",
    "date": b"\x28",
    "time(7)": b"\x29\x07",
    "datetime": b"\x6f\x08",
    "bit": b"\x68\x01",
    "uniqueidentifier": b"\x24\x10",
    "nchar(5)": b"\xef" + struct.pack("<H", 10) + COLLATION,
    "binary(3)": b"\xad\x03\x00",
    "varbinary(20)": b"\xa5\x14\x00",
    "nvarchar(4000)": b"\xe7" + struct.pack("<H", 8000) + COLLATION,
}


def _b(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("utf-16-le")


def _us(text: str) -> bytes:
    return struct.pack("<H", len(text)) + text.encode("utf-16-le")


def done(status: int = 0, rows: int = 0, token: int = 0xFD) -> bytes:
    return bytes([token]) + struct.pack("<HHQ", status, 0xC1, rows)


def _environment(kind: int, new: str, old: str) -> bytes:
    body = bytes([kind]) + _b(new) + _b(old)
    return b"\xe3" + struct.pack("<H", len(body)) + body


def error(number: int, text: str, severity: int = 14) -> bytes:
    body = struct.pack("<IBB", number, 1, severity) + _us(text) + _b("TEST") + _b("") + struct.pack("<I", 1)
    return b"\xaa" + struct.pack("<H", len(body)) + body


def _columns(names: list[str], types: list[str]) -> bytes:
    one = [struct.pack("<IH", 0, 9) + _TYPES[kind] + _b(name) for name, kind in zip(names, types, strict=True)]
    return b"\x81" + struct.pack("<H", len(types)) + b"".join(one)


def _ticks(moment: dt.time) -> bytes:
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return (seconds * 10**7 + moment.microsecond * 10).to_bytes(5, "little")


def _day(day: dt.date) -> bytes:
    return (day.toordinal() - 1).to_bytes(3, "little")


def _offset(text: str) -> bytes:
    moment = dt.datetime.fromisoformat(text)
    utc, shift = moment.astimezone(dt.UTC), moment.utcoffset()
    return (
        _ticks(utc.time()) + _day(utc.date()) + struct.pack("<h", int((shift or dt.timedelta()).total_seconds() // 60))
    )


def _datetime(text: str) -> bytes:
    moment = dt.datetime.fromisoformat(text)
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return struct.pack("<iI", moment.date().toordinal() - dt.date(1900, 1, 1).toordinal(), seconds * 300)


def _money(value: Any) -> bytes:
    scaled = int(decimal.Decimal(str(value)).scaleb(4))
    return struct.pack("<i", scaled >> 32) + struct.pack("<I", scaled & 0xFFFFFFFF)


def _decimal(value: Any) -> bytes:
    scaled = int(decimal.Decimal(str(value)).scaleb(4))
    return bytes([scaled >= 0]) + abs(scaled).to_bytes(16, "little")


_PACK: dict[str, Any] = {
    "int": lambda v: struct.pack("<i", v),
    "bigint": lambda v: struct.pack("<q", v),
    "float": lambda v: struct.pack("<d", v),
    "real": lambda v: struct.pack("<f", v),
    "decimal(38,4)": _decimal,
    "money": _money,
    "datetime2(7)": lambda v: _ticks(dt.datetime.fromisoformat(v).time()) + _day(dt.datetime.fromisoformat(v).date()),
    "datetimeoffset(7)": _offset,
    "date": lambda v: _day(dt.date.fromisoformat(v)),
    "time(7)": lambda v: _ticks(dt.time.fromisoformat(v)),
    "datetime": _datetime,
    "bit": lambda v: bytes([bool(v)]),
    "uniqueidentifier": lambda v: uuid.UUID(v).bytes_le,
}


def _value(kind: str, value: Any) -> bytes:
    if kind.startswith(("nvarchar", "nchar", "binary", "varbinary")):
        if value is None:
            return b"\xff\xff"
        content = value if isinstance(value, bytes) else str(value).encode("utf-16-le")
        return struct.pack("<H", len(content)) + content
    if value is None:
        return b"\0"
    content = _PACK[kind](value)
    return bytes([len(content)]) + content


class _Parameters:
    """The parameters of an RPC request, read from its bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, struct.unpack_from("<I", data)[0]

    def take(self, form: str) -> Any:
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def some(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def procedure(self) -> str:
        size = self.take("H")
        if size == 0xFFFF:
            return {10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec", 15: "sp_unprepare"}.get(
                self.take("H"), "?"
            )
        return self.some(2 * size).decode("utf-16-le").rsplit(".", 1)[-1]

    def values(self) -> list[Any]:
        self.take("H")
        found = []
        while self.at < len(self.data) and self.data[self.at] not in (0x80, 0xFF):
            self.some(2 * self.take("B"))
            self.take("B")
            found.append(self.value())
        return found

    def value(self) -> Any:
        kind = self.take("B")
        if kind in (0xE7, 0xEF, 0xA7, 0xAF, 0xA5, 0xAD):
            longest = self.take("H")
            self.some(5 if kind not in (0xA5, 0xAD) else 0)
            content = self._long() if longest == 0xFFFF else self._short()
            if content is None or kind in (0xA5, 0xAD):
                return content
            return content.decode("utf-16-le" if kind in (0xE7, 0xEF) else "cp1252")
        self.some({0x6A: 3, 0x6C: 3, 0x28: 0}.get(kind, 1))
        scale = self.data[self.at - 1]
        content = self.some(self.take("B"))
        if not content:
            return None
        if kind == 0x6D:
            return struct.unpack("<d" if len(content) == 8 else "<f", content)[0]
        if kind in (0x6A, 0x6C):
            number = int.from_bytes(content[1:], "little") * (1 if content[0] else -1)
            return str(decimal.Decimal(number).scaleb(-scale))
        if kind in (0x28, 0x2A):
            day = dt.date.fromordinal(int.from_bytes(content[-3:], "little") + 1)
            return day.isoformat()
        return int.from_bytes(content, "little", signed=kind != 0x68)

    def _short(self) -> bytes | None:
        size = self.take("H")
        return None if size == 0xFFFF else self.some(size)

    def _long(self) -> bytes | None:
        if self.take("Q") == 2**64 - 1:
            return None
        content = b""
        while size := self.take("I"):
            content += self.some(size)
        return content


class _Handler(socketserver.BaseRequestHandler):
    server: TdsServer

    def fill(self, size: int) -> None:
        while len(self.buffer) < size:
            if self.tls and self.up:
                try:
                    self.buffer += self.tls.read(65536)
                    continue
                except ssl.SSLWantReadError:
                    pass
            data = self.request.recv(65536)
            if not data:
                raise ConnectionError
            if self.tls and self.up:
                self.incoming.write(data)
            else:
                self.buffer += data

    def take(self, size: int) -> bytes:
        self.fill(size)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def message(self) -> tuple[int, bytes]:
        out = b""
        while True:
            head = self.take(8)
            out += self.take(struct.unpack(">H", head[2:4])[0] - 8)
            if head[1] & 1:
                return head[0], out

    def raw(self, data: bytes) -> None:
        if self.tls and self.up:
            self.tls.write(data)
            data = self.outgoing.read()
        self.request.sendall(data)

    def reply(self, data: bytes, kind: int = 4) -> None:
        size = 4088
        for number, at in enumerate(range(0, max(len(data), 1), size), 1):
            part = data[at : at + size]
            last = 1 if at + size >= len(data) else 0
            self.raw(struct.pack(">BBHHBB", kind, last, len(part) + 8, 0, number & 255, 0) + part)

    def start_tls(self) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        assert self.server.context is not None
        self.tls = self.server.context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        whole = False
        while not whole:
            try:
                self.tls.do_handshake()
                whole = True
            except ssl.SSLWantReadError:
                pass
            if out := self.outgoing.read():
                self.reply(out, 0x12)
            if not whole:
                self.incoming.write(self.message()[1])
        self.up = True

    def handle(self) -> None:
        self.buffer, self.tls, self.up = b"", None, False
        self.prepared: dict[int, str] = {}
        try:
            self.message()
            encrypt = 1 if self.server.context else 2  # ENCRYPT_ON, ENCRYPT_NOT_SUP
            offsets = bytes([0]) + struct.pack(">HH", 11, 6) + bytes([1]) + struct.pack(">HH", 17, 1) + b"\xff"
            self.reply(offsets + bytes([16, 0, 4, 85, 0, 0]) + bytes([encrypt]))
            if self.server.context:
                self.start_tls()
            if self.login(self.message()[1]):
                self.serve()
        except (ConnectionError, OSError, ssl.SSLError):
            pass

    def login(self, data: bytes) -> bool:
        def part(number: int) -> bytes:
            at, size = struct.unpack_from("<HH", data, 36 + 4 * number)
            return data[at : at + 2 * size]

        user = part(1).decode("utf-16-le")
        password = bytes((((b ^ 0xA5) << 4) & 0xF0) | ((b ^ 0xA5) >> 4) for b in part(2)).decode("utf-16-le")
        if (user, password) != self.server.login:
            self.reply(error(18456, f"Login failed for user '{user}'.") + done(2))
            return False
        database = part(8).decode("utf-16-le") or "master"
        name = b"\x01" + bytes.fromhex("74000004") + _b("Microsoft SQL Server") + bytes([16, 0, 4, 85])
        collation = b"\xe3\x08\x00\x07\x05" + COLLATION + b"\0"
        acknowledged = b"\xad" + struct.pack("<H", len(name)) + name
        self.reply(
            _environment(1, database, "master") + collation + acknowledged + _environment(4, "4096", "4096") + done()
        )
        return True

    def serve(self) -> None:
        connection = sqlite3.connect(self.server.path)
        connection.execute("ATTACH ? AS dbo", (str(self.server.path),))
        connection.create_function("schema_name", 0, lambda: "dbo")
        while True:
            kind, data = self.message()
            if kind == 1:
                self.batch(connection, data[struct.unpack_from("<I", data)[0] :].decode("utf-16-le"))
            elif kind == 3:
                self.call(connection, _Parameters(data))
            elif kind == 6:
                self.reply(done(0x20))
            else:
                self.reply(done())

    def batch(self, connection: sqlite3.Connection, sql: str) -> None:
        self.server.log.append(sql)
        if self.server.waits:
            threading.Event().wait(self.server.waits)
        if sql.strip().lower().startswith(_SILENT):
            self.reply(done())
            return
        self.answer(connection, sql, {}, done)

    def call(self, connection: sqlite3.Connection, asked: _Parameters) -> None:
        procedure, values = asked.procedure(), asked.values()
        self.server.log.append(f"{procedure} {values[:3]}")
        returned = b"\x79\0\0\0\0"
        if procedure == "sp_executesql":
            self.answer(connection, values[0], _named(values[2:]), _done_in_procedure, returned)
        elif procedure in ("sp_prepexec", "sp_prepare"):
            handle = len(self.prepared) + 1
            self.prepared[handle] = values[2]
            returned += b"\xac\0\0\0\1" + struct.pack("<IH", 0, 0) + b"\x26\x04\x04" + struct.pack("<i", handle)
            self.answer(connection, values[2], _named(values[3:]), _done_in_procedure, returned)
        elif procedure == "sp_execute":
            self.answer(connection, self.prepared[values[0]], _named(values[1:]), _done_in_procedure, returned)
        else:
            self.reply(returned + done(0, 0, 0xFE))

    def answer(self, connection: Any, sql: str, values: dict[str, Any], end: Any, behind: bytes = b"") -> None:
        try:
            names, types, rows = self.look_up(connection, sql, values)
        except sqlite3.Error as fault:
            number = 207 if "no such column" in str(fault) else 208 if "no such table" in str(fault) else 102
            self.reply(error(number, f"Invalid: {fault}", 16) + done(2))
            return
        tail = behind + (done(0, 0, 0xFE) if behind else b"")
        if not names:
            self.reply(end(0x10, 0) + tail)
            return
        out, count = [_columns(names, types)], 0
        for row in rows:
            out.append(b"\xd1" + b"".join(_value(kind, value) for kind, value in zip(types, row, strict=True)))
            count += 1
            if count == self.server.dies_after:
                self.reply(b"".join(out)[:-3])
                self.request.shutdown(socket.SHUT_RDWR)
                return
        self.reply(b"".join(out) + end(0x10, count) + tail)

    def look_up(self, connection: Any, sql: str, values: dict[str, Any]) -> tuple[list[str], list[str], Any]:
        text = "nvarchar(4000)"
        if found := _DESCRIBE.search(sql):
            query = found[1].replace("''", "'")
            names = [one[0] for one in connection.execute(f"SELECT * FROM ({query})").description]
            rows = [(name, self.server.types.get(name, text)) for name in names]
            self.server.described()
            return ["name", "system_type_name"], [text, text], rows
        if "SYSUTCDATETIME()" in sql:
            return ["versie", "moment"], [text, text], [(VERSION, "2026-11-24 12:00:00.1234567")]
        cursor = connection.execute(sql, values)
        names = [one[0] for one in cursor.description or ()]
        if not names:
            connection.commit()
        return names, [self.server.types.get(name, text) for name in names], cursor


def _named(values: list[Any]) -> dict[str, Any]:
    return {f"P{number}": value for number, value in enumerate(values, 1)}


def _done_in_procedure(status: int, rows: int) -> bytes:
    return done(status | 1, rows, 0xFF)


class TdsServer(socketserver.ThreadingTCPServer):
    """Serves the SQLite file `path` as SQL Server. `types`: column name -> type; other columns are nvarchar.

    `dies_after` rows the connection is cut; `waits` seconds before every answer; `described` is called when the columns
    have been told. `log` keeps what was asked.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, path: Path, types: dict[str, str], login: tuple[str, str], context: ssl.SSLContext | None = None
    ) -> None:
        self.path, self.types, self.login, self.context = path, types, login, context
        self.dies_after: int | None = None
        self.waits = 0.0
        self.described: Any = lambda: None
        self.log: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = int(self.server_address[1])
        threading.Thread(target=self.serve_forever, daemon=True).start()
