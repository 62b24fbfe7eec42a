"""Throw-away database servers for the tests: an own folder, a free port, no service of the machine.

A missing server is a failure where KMGB_REQUIRE_SERVERS=1 (the build server) and a loud skip elsewhere.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyodbc
import pytest
import trustme
from servers_files import free_port

from kmgb.mapping.bronnen.database import DatabaseBron

SECRET = "Ge;heim}{1 23"
VARIABLE = "KMGB_GEHEIM_DB_TEST"


@dataclass
class Server:
    """A running server; `bron` makes a source of it, `admin` changes things in it."""

    system: str
    port: int
    user: str
    database: str
    process: subprocess.Popen[bytes]
    admin_string: str
    folder: Path
    restart: Any = field(default=None)

    def bron(self, **keys: Any) -> DatabaseBron:
        known = {
            "systeem": self.system,
            "server": "127.0.0.1",
            "poort": self.port,
            "database": self.database,
            "gebruiker": self.user,
            "wachtwoord": "db-test",
            "versleuteld": "nee",
        }
        return DatabaseBron(**{**known, **keys})

    def certify(self, issuer: trustme.CA, *names: str, not_after: datetime | None = None) -> None:
        """From now on the server shows this certificate."""
        write_certificate(self.folder, issuer, *names, not_after=not_after)
        if self.system == "mariadb":
            self.admin("flush ssl")
        else:
            self.admin(
                f"alter system set ssl_cert_file = '{self.folder}/cert.pem'",
                f"alter system set ssl_key_file = '{self.folder}/key.pem'",
                "alter system set ssl = on",
                "select pg_reload_conf()",
            )

    def admin(self, *statements: str) -> None:
        connection = pyodbc.connect(self.admin_string, autocommit=True)
        for statement in statements:
            connection.execute(statement)
        connection.close()


def write_certificate(folder: Path, issuer: trustme.CA, *names: str, not_after: datetime | None = None) -> None:
    issued = issuer.issue_cert(*names, not_after=not_after)
    (folder / "cert.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    (folder / "key.pem").write_bytes(issued.private_key_pem.bytes())
    for name in ("cert.pem", "key.pem"):
        (folder / name).chmod(0o600)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder / name, nobody.pw_uid, nobody.pw_gid)


def need(*found: str | None) -> None:
    """Skip aloud, or fail where servers are required, when a part is missing."""
    if all(found):
        return
    why = "een databaseserver of ODBC-stuurprogramma ontbreekt (zie docs/bronnen-databases.md)"
    if os.environ.get("KMGB_REQUIRE_SERVERS") == "1":
        pytest.fail(why)
    pytest.skip(why)


def _driver(name: str) -> str | None:
    return name if name in pyodbc.drivers() else None


def _as_nobody() -> dict[str, Any]:
    """A database server refuses to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def _folder(name: str) -> Path:
    """Short: the path of a socket may be no longer than 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix=f"kmgb-{name}-", dir="/tmp"))
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return folder


def _start(command: list[str], folder: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}
    log = (folder / "log").open("ab")
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, **_as_nobody())
    log.close()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"server stopte: {(folder / 'log').read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return process
    raise TimeoutError(command[0])


def _run(command: list[str], folder: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True, **_as_nobody())


def stop(server: Server, number: int) -> None:
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGCONT)
        server.process.send_signal(number)
        server.process.wait(60)
    shutil.rmtree(server.folder, ignore_errors=True)


def start_postgresql() -> Server:
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    need(binaries and str(binaries), _driver("PostgreSQL Unicode"))
    folder, port = _folder("pg"), free_port()
    (folder / "pw").write_text(SECRET)
    (folder / "pw").chmod(0o644)
    _run(
        [f"{binaries}/initdb", "-D", f"{folder}/data", "-U", "kmgb", "-A", "scram-sha-256", "--pwfile", f"{folder}/pw",
         "-E", "UTF8", "--no-sync"],
        folder,
    )  # fmt: skip
    command = [
        f"{binaries}/postgres",
        "-D",
        f"{folder}/data",
        "-p",
        str(port),
        "-k",
        str(folder),
        "-h",
        "127.0.0.1",
        "-F",
    ]
    process = _start(command, folder, port)
    quoted = SECRET.replace("}", "}}")
    string = f"Driver={{PostgreSQL Unicode}};Server=127.0.0.1;Port={port};UID=kmgb;PWD={{{quoted}}};Database=postgres;"
    server = Server("postgresql", port, "kmgb", "postgres", process, string, folder)
    server.restart = lambda: _ready(_start(command, folder, port), string)
    return server


def _ready(process: subprocess.Popen[bytes], string: str) -> subprocess.Popen[bytes]:
    """After a kill a server listens before it has repaired its data."""
    end = time.monotonic() + 60
    while True:
        try:
            pyodbc.connect(string).close()
        except pyodbc.Error:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return process


def start_mariadb() -> Server:
    need(shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin"), _driver("MariaDB Unicode"))
    folder, port = _folder("my"), free_port()
    _run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal",
         "--skip-test-db"],
        folder,
    )  # fmt: skip
    write_certificate(folder, trustme.CA(), "127.0.0.1")
    mariadbd = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    command = [
        mariadbd, "--no-defaults", f"--datadir={folder}/data", f"--port={port}", "--bind-address=127.0.0.1",
        f"--socket={folder}/s", f"--pid-file={folder}/pid", "--innodb-flush-log-at-trx-commit=0",
        "--skip-name-resolve", "--character-set-server=utf8mb4", f"--ssl-cert={folder}/cert.pem",
        f"--ssl-key={folder}/key.pem",
    ]  # fmt: skip
    process = _start(command, folder, port)
    string = f"Driver={{MariaDB Unicode}};Server=127.0.0.1;Port={port};UID=root;"
    connection = pyodbc.connect(string, autocommit=True)
    connection.execute("create database kmgb")
    connection.execute(f"create user kmgb@'%' identified by '{SECRET}'")
    connection.execute("grant select on kmgb.* to kmgb@'%'")
    connection.close()
    server = Server("mariadb", port, "kmgb", "kmgb", process, string + "Database=kmgb;", folder)
    server.restart = lambda: _ready(_start(command, folder, port), string)
    return server


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    server = start_postgresql()
    yield server
    stop(server, signal.SIGINT)


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    server = start_mariadb()
    yield server
    stop(server, signal.SIGTERM)


@pytest.fixture(autouse=True)
def db_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)


def sqlserver_driver() -> str:
    """Microsoft's own driver, out of the wheel mssql-python-odbc."""
    try:
        import mssql_python_odbc
    except ImportError:
        return ""
    folder = Path(mssql_python_odbc.__file__).parent / "libs/linux/debian_ubuntu/x86_64/lib"
    return str(next(folder.glob("libmsodbcsql*"), ""))
