"""kmgb's own web door as a running server: the real command in a process of its own, or uvicorn in a thread."""

from __future__ import annotations

import hashlib
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import trustme

from kmgb.run.municipality import Municipality
from kmgb.settings import load_settings
from kmgb.web.app import create_app
from kmgb.web.desk import Pace
from kmgb.web.protocol import Protocol
from kmgb.web.serve import Door, bound
from kmgb.web.server import server

TOKEN, OTHER_TOKEN = "sociaal-4711-abcdefghijklmnopqrs", "parkeren-0815-abcdefghijklmnopqr"
TOKENS = {"KMGB_GEHEIM_SOCIAAL_PUSH": TOKEN, "KMGB_GEHEIM_PARKEREN_PUSH": OTHER_TOKEN}
PATH = "/api/v1/aanleveringen/sociaal/personen"
_FIELDS = """
sleutel = ["bsn"]
peildatum_uit_naam = '(\\d{8})'
velden = { bsn = "BSN", voornamen = "NAAM" }
"""


def make_town(folder: Path, *, door: str = "", reader: str = "", settings: str = "") -> Path:
    """A settings file with two afnemers that push; `door` and `reader` are added for the first of them."""
    (folder / "mappings").mkdir(exist_ok=True)
    for name in ("sociaal", "parkeren"):
        own = name == "sociaal"
        text = f'[afnemer]\nnaam = "{name}"\ntitel = "{name.title()}"\n[afnemer.aanleveren]\ntoken = "{name}-push"\n'
        text += f"{door if own else ''}\n[aanlevering]\n{reader if own else ''}\n[entiteit.personen]{_FIELDS}"
        (folder / "mappings" / f"{name}.toml").write_text(text, encoding="utf-8")
    path = folder / "kmgb.toml"
    folders = {"mappings": folder / "mappings", "data": folder / "data", "dumps": folder, "secrets": folder / "geen"}
    path.write_text("".join(f'{name} = "{place}"\n' for name, place in folders.items()) + settings, encoding="utf-8")
    return path


def until(done: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("it never became so")
        time.sleep(0.01)


class Issued:
    """A certificate with its key, as files, and its fingerprint."""

    def __init__(self, folder: Path, issuer: trustme.CA, name: str) -> None:
        made = issuer.issue_cert(name, common_name=name)
        self.pem, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        made.cert_chain_pems[0].write_to_path(self.pem)
        made.private_key_pem.write_to_path(self.key)
        self.text = made.cert_chain_pems[0].bytes().decode()
        self.fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.text)).hexdigest()


class Secured:
    """A server with TLS where `sociaal` has a certificate besides its token."""

    def __init__(self, folder: Path, issuer: trustme.CA) -> None:
        self.own, self.other = Issued(folder, issuer, "sociaal"), Issued(folder, issuer, "vreemd")
        self.stray = Issued(folder, trustme.CA(), "zwerver")
        self.server, self.ca = Issued(folder, issuer, "localhost"), folder / "ca.pem"
        issuer.cert_pem.write_to_path(self.ca)
        pairs = [self.own.fingerprint.upper()[place : place + 2] for place in range(0, 64, 2)]
        self.town = make_town(folder, door=f'certificaat = ["sha256:{":".join(pairs)}"]')
        self.options = ["--host", "localhost", "--certificaat", str(self.server.pem)]
        self.options += ["--sleutel", str(self.server.key), "--vertrouwd", str(self.ca)]

    def caller(self, running: Kmgb, shown: Issued | None, token: str = "") -> httpx2.Client:
        context = ssl.create_default_context(cafile=str(self.ca))
        if shown is not None:
            context.load_cert_chain(shown.pem, shown.key)
        return client(running.address, token, verify=context)


class Kmgb:
    """`kmgb serve` in a process of its own."""

    def __init__(self, town: Path, *options: str) -> None:
        command = [sys.executable, "-c", "from kmgb.cli.main import main; main()", "--instellingen", str(town)]
        self.log = town.parent / "serve.log"
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen(
                [*command, "serve", "--poort", "0", *options],
                stdout=subprocess.PIPE, stderr=sink, text=True, env=os.environ | TOKENS,
            )  # fmt: skip
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if "luistert" not in said:
            self.process.wait(10)
            raise RuntimeError(self.log.read_text())
        self.address = said.split()[3].rstrip(".")
        self.port = int(self.address.rpartition(":")[2])

    def peak(self) -> int:
        """The most memory it ever had, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def kmgb(town: Path, *options: str) -> Iterator[Kmgb]:
    running = Kmgb(town, *options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGKILL)
        assert running.process.stdout is not None
        running.process.stdout.close()


@contextmanager
def in_thread(town: Path, pace: Pace, protocol: type[Protocol] = Protocol) -> Iterator[str]:
    """The application under uvicorn in this process, for what no option of the command sets. Gives its address."""
    os.environ.update(TOKENS)
    listening = bound(Door(port=0))
    running = server(create_app(Municipality(load_settings(town)), pace=pace), None, finish=1, protocol=protocol)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        until(lambda: running.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(20)
        for name in TOKENS:
            del os.environ[name]


def client(address: str, token: str = TOKEN, **options: object) -> httpx2.Client:
    """A client that shows this token; empty is none."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.Client(base_url=address, headers=headers, trust_env=False, timeout=60, **options)


def dump(rows: int, name: str = "x") -> bytes:
    return b"BSN,NAAM\n" + b"".join(b"%09d,%s\n" % (row, name.encode()) for row in range(rows))


def left(town: Path) -> list[str]:
    """The files that are in the folder where pushed files come in, by name; its lock is not one."""
    found = (town.parent / "data" / "ontvangen").rglob("*")
    return sorted(path.name for path in found if path.is_file() and path.name != ".slot")
