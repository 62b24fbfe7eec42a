"""A file over HTTPS, from real servers: whole or not at all, who is who, and every fault in a sentence."""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from servers_files import Server, free_port, needed, running
from servers_https import App, Asked, Papers, Static, Talk, as_json, file, raw, serving

from kmgb.catalogue.fields import load_catalogue
from kmgb.errors import SettingsError, SourceError
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.https import fetch_https, probe_https
from kmgb.fetch.transfer import InterruptedTransferError, Terms
from kmgb.mapping.bronnen.https import HttpsBron, Oauth, Paginas
from kmgb.mapping.model import Aanlevering, EntiteitMapping, Veld

PLAN = EntiteitMapping(sleutel=("bsn",), velden={"bsn": Veld(kolom="BSN")})
PERSON = "999990019"
CSV = f"BSN\n{PERSON}\n999990020\n".encode()
BIG = 32 * 2**20
SECRET, TOKEN = "Geheim-4711", "bewijs-0815"
TERMS = Terms(pause=lambda seconds: None)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture(autouse=True)
def _nothing_leaks(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is logged, by us or by a library, holds no secret and no value of a person."""
    monkeypatch.setenv("KMGB_GEHEIM_GATEWAY", SECRET)
    caplog.set_level(logging.DEBUG)
    yield
    assert [one for one in (SECRET, TOKEN, PERSON) if one in caplog.text] == []


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("papieren"))


class Peer:
    """A server that answers at `port`, and how it is fetched from."""

    def __init__(self, port: int, papers: Papers, tmp_path: Path) -> None:
        self.port, self.papers, self.into = port, papers, tmp_path / "in"

    def bron(self, path: str = "/personen.csv", **more: Any) -> HttpsBron:
        url = path if path.startswith("https:") else f"https://localhost:{self.port}{path}"
        right = {"soort": "https", "url": url, "certificaten": self.papers.ca, "pogingen": 1, "time_out": 20}
        return HttpsBron.model_validate(right | more)

    def fetch(self, path: str = "/personen.csv", terms: Terms = TERMS, **more: Any) -> Fetched:
        (found,) = fetch_https(self.bron(path, **more), PLAN, self.into, terms=terms)
        return found

    def refused(self, path: str = "/personen.csv", terms: Terms = TERMS, **more: Any) -> SourceError:
        """The error, which leaves nothing whole behind and tells nothing that nobody may know."""
        with pytest.raises(SourceError) as caught:
            self.fetch(path, terms, **more)
        error = caught.value
        assert (error.exit_code, error.__cause__) == (3, None)
        assert [one for one in (SECRET, TOKEN, PERSON) if one in str(error)] == []
        assert [name for name in left_in(self.into) if not name.startswith(".deel-")] == []
        return error


# --- a server with files: whole, or not at all ---


@pytest.fixture
def static(tmp_path: Path, papers: Papers) -> Iterator[tuple[Peer, Server, Path]]:
    drop = tmp_path / "uit"
    drop.mkdir()
    server = Static(drop, papers)
    with running(server):
        yield Peer(server.port, papers, tmp_path), server, drop


def test_a_file_lands_under_its_own_name_and_only_we_may_read_it(static: tuple[Peer, Server, Path]) -> None:
    peer, _, drop = static
    (drop / "personen.csv").write_bytes(CSV)
    os.utime(drop / "personen.csv", (1_790_000_000, 1_790_000_000))
    found = peer.fetch()
    assert (found.path, found.peildatum, found.formaat, found.remarks) == (peer.into / "personen.csv", None, None, ())
    assert found.path.read_bytes() == CSV
    assert found.path.stat().st_mode & 0o777 == 0o600
    assert int(found.path.stat().st_mtime) == int((drop / "personen.csv").stat().st_mtime)  # Last-Modified
    assert left_in(peer.into) == ["personen.csv"]


def dies_at(server: Server, at: int) -> Callable[[str, int, int], None]:
    return lambda name, done, total: server.kill() if done >= at else None


def test_the_server_dies_halfway_and_the_next_time_goes_on(static: tuple[Peer, Server, Path]) -> None:
    peer, server, drop = static
    content = os.urandom(BIG)
    (drop / "personen.csv").write_bytes(content)
    error = peer.refused(terms=replace(TERMS, progress=dies_at(server, BIG // 4)))
    assert isinstance(error, InterruptedTransferError)
    part = next(path for path in peer.into.iterdir() if not path.name.endswith("-kenmerk"))
    had = part.stat().st_size
    assert BIG // 4 <= had < BIG
    server.start()
    told: list[int] = []
    found = peer.fetch(terms=replace(TERMS, progress=lambda name, done, total: told.append(done)))
    assert found.path.read_bytes() == content
    assert min(told) > had
    assert left_in(peer.into) == ["personen.csv"]


def test_a_server_that_comes_back_in_time_is_not_noticed(static: tuple[Peer, Server, Path]) -> None:
    peer, server, drop = static
    content = os.urandom(BIG)
    (drop / "personen.csv").write_bytes(content)
    first = server.process.pid

    def progress(name: str, done: int, total: int) -> None:
        if done >= BIG // 4 and server.process.pid == first:
            server.kill()

    found = peer.fetch(terms=Terms(progress=progress, pause=lambda seconds: server.start()), pogingen=2)
    assert found.path.read_bytes() == content


def test_a_file_that_changed_between_two_attempts_starts_again(static: tuple[Peer, Server, Path]) -> None:
    peer, server, drop = static
    (drop / "personen.csv").write_bytes(os.urandom(BIG))
    peer.refused(terms=replace(TERMS, progress=dies_at(server, BIG // 4)))
    (drop / "personen.csv").write_bytes(CSV)
    server.start()
    assert peer.fetch().path.read_bytes() == CSV
    assert left_in(peer.into) == ["personen.csv"]


def test_a_part_that_was_damaged_is_found_by_its_checksum_and_fetched_again(static: tuple[Peer, Server, Path]) -> None:
    peer, server, drop = static
    content = os.urandom(BIG)
    (drop / "personen.csv").write_bytes(content)
    (drop / "personen.csv.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  personen.csv\n")
    peer.refused(terms=replace(TERMS, progress=dies_at(server, BIG // 4)), controlesom="sha256")
    part = next(path for path in peer.into.iterdir() if not path.name.endswith("-kenmerk"))
    with part.open("r+b") as stream:
        stream.write(b"beschadigd")
    server.start()
    assert peer.fetch(controlesom="sha256").path.read_bytes() == content


@pytest.mark.parametrize("share", [0.25, 1.0], ids=["halfway", "just before its name"])
def test_kmgb_is_killed_and_run_again(static: tuple[Peer, Server, Path], share: float) -> None:
    peer, _, drop = static
    content = os.urandom(BIG)
    (drop / "personen.csv").write_bytes(content)
    child = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from test_fetch_https import PLAN, HttpsBron, Terms, fetch_https\n"
        "share = float(sys.argv[3])\n"
        "die = lambda name, done, total: os.kill(os.getpid(), signal.SIGKILL) if done >= share * total else None\n"
        "fetch_https(HttpsBron.model_validate_json(sys.argv[1]), PLAN, Path(sys.argv[2]), terms=Terms(progress=die))\n"
    )
    command = [sys.executable, "-c", child, peer.bron().model_dump_json(), str(peer.into), str(share)]
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    assert subprocess.run(command, check=False, env=os.environ | {"PYTHONPATH": paths}).returncode == -signal.SIGKILL
    assert {name[:6] for name in left_in(peer.into)} == {".deel-"}
    assert peer.fetch().path.read_bytes() == content
    assert left_in(peer.into) == ["personen.csv"]


def test_a_server_that_falls_silent_is_given_up(static: tuple[Peer, Server, Path]) -> None:
    peer, server, drop = static
    (drop / "personen.csv").write_bytes(os.urandom(BIG))
    frozen: list[int] = []

    def progress(name: str, done: int, total: int) -> None:
        if done >= BIG // 4 and not frozen:
            frozen.append(done)
            server.freeze()

    error = peer.refused(terms=replace(TERMS, progress=progress), time_out=0.5)
    place = f"https://localhost:{peer.port}/personen.csv"
    assert str(error) == f"{place}: geen antwoord binnen 0.5 seconden. Haal later opnieuw op."
    assert error.transient


def test_nobody_listens(tmp_path: Path, papers: Papers) -> None:
    error = Peer(free_port(), papers, tmp_path).refused()
    hint = "Controleer 'url' in de bron, en of de firewall de verbinding toestaat."
    assert str(error).endswith(f": de server is niet bereikbaar. {hint}")


def test_a_disk_that_fills_leaves_nothing_behind(static: tuple[Peer, Server, Path]) -> None:
    peer, _, drop = static
    (drop / "personen.csv").write_bytes(bytes(3 * 2**20))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        error = peer.refused()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(error).endswith(f"de schijf met {peer.into} is vol. Maak ruimte en haal opnieuw op.")
    assert left_in(peer.into) == []
    assert peer.fetch().path.stat().st_size == 3 * 2**20


def test_a_disk_with_too_little_room_is_seen_beforehand(static: tuple[Peer, Server, Path]) -> None:
    peer, _, drop = static
    (drop / "personen.csv").write_bytes(bytes(3 * 2**20))
    peer.into.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(peer.into)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        assert "is vol" in str(peer.refused())
        assert left_in(peer.into) == []
    finally:
        subprocess.run(["umount", peer.into], check=True)


# --- cut in the middle, by a server that says what it likes ---

HALF = CSV[:10]


def starts(*headers: str, body: bytes = HALF, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


def answers(*headers: str, body: bytes = CSV, status: str = "200 OK") -> Callable[[Talk], None]:
    """This, and then away."""
    return lambda talk: talk.say(starts(*headers, body=body, status=status))


def cut(*headers: str) -> Callable[[Talk], None]:
    """Half of the file, and then away."""
    return answers(f"Content-Length: {len(CSV)}", *headers, body=HALF)


def test_a_machine_that_falls_over(tmp_path: Path, papers: Papers) -> None:
    def falls(talk: Talk) -> None:
        talk.say(starts(f"Content-Length: {len(CSV)}", 'ETag: "1"'))
        talk.reset()

    with raw(papers, falls, answers(f"Content-Length: {len(CSV)}")) as port:
        peer = Peer(port, papers, tmp_path)
        error = peer.refused()
        assert "de verbinding is verbroken." in str(error)
        assert error.transient
        assert peer.fetch().path.read_bytes() == CSV


def test_the_rest_of_a_file_keeps_the_name_the_day_and_the_checksum_that_its_begin_came_with(
    tmp_path: Path, papers: Papers
) -> None:
    ranges: list[tuple[str, str]] = []
    told = f"Repr-Digest: sha-256=:{b64encode(hashlib.sha256(CSV).digest()).decode()}:"

    def rest(talk: Talk) -> None:
        ranges.append((talk.header("range"), talk.header("if-range")))
        had = int(talk.header("range").removeprefix("bytes=").rstrip("-"))
        span = f"Content-Range: bytes {had}-{len(CSV) - 1}/{len(CSV)}"
        length = f"Content-Length: {len(CSV) - had}"
        talk.say(starts(span, length, body=CSV[had:], status="206 Partial Content"))

    begin = cut('ETag: "1"', "X-Dag: 2026-11-23", 'Content-Disposition: attachment; filename="p_20261123.csv"', told)
    with raw(papers, begin, rest) as port:
        peer = Peer(port, papers, tmp_path)
        broken = peer.refused("/dump", peildatum_header="X-Dag")
        found = peer.fetch("/dump", peildatum_header="X-Dag")
    assert broken.transient
    assert ranges == [(f"bytes={len(HALF)}-", '"1"')]
    assert (found.path.name, found.path.read_bytes()) == ("p_20261123.csv", CSV)
    assert found.peildatum == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert left_in(peer.into) == ["p_20261123.csv"]


@pytest.mark.parametrize("mark", ['ETag: W/"1"', "X: 1"], ids=["weak", "none"])
def test_without_a_strong_mark_a_file_starts_again(tmp_path: Path, papers: Papers, mark: str) -> None:
    asked: list[str] = []

    def whole(talk: Talk) -> None:
        asked.append(talk.header("range"))
        talk.say(starts(f"Content-Length: {len(CSV)}", body=CSV))

    with raw(papers, cut(mark), whole) as port:
        found = Peer(port, papers, tmp_path).fetch(pogingen=2)
    assert (asked, found.path.read_bytes()) == ([""], CSV)


@pytest.mark.parametrize(
    ("span", "status"),
    [("bytes 3-25/26", "206 Partial Content"), ("bytes */5", "416 Range Not Satisfiable"), ("", "206 Partial Content")],
)
def test_a_rest_that_is_not_the_rest_makes_it_start_again(
    tmp_path: Path, papers: Papers, span: str, status: str
) -> None:
    other = answers(f"Content-Range: {span}", "Content-Length: 3", "Connection: close", body=b"xxx", status=status)
    whole = answers(f"Content-Length: {len(CSV)}")
    with raw(papers, cut('ETag: "1"'), other, whole) as port:
        peer = Peer(port, papers, tmp_path)
        peer.refused()
        assert peer.fetch().path.read_bytes() == CSV


def test_a_body_without_a_length_counts_only_with_a_checksum(tmp_path: Path, papers: Papers) -> None:
    with raw(papers, answers("Connection: close")) as port:
        error = Peer(port, papers, tmp_path).refused()
    hint = "Vraag de beheerder om Content-Length of een controlesom."
    assert str(error).endswith(f"de server zegt niet hoe lang het bestand is. {hint}")
    told = f"Digest: SHA-256={b64encode(hashlib.sha256(CSV).digest()).decode()}"
    with raw(papers, answers("Connection: close", told)) as port:
        assert Peer(port, papers, tmp_path).fetch().path.read_bytes() == CSV
    with raw(papers, answers("Connection: close", told, body=HALF)) as port:
        assert "de sha256 is niet die van de leverancier" in str(Peer(port, papers, tmp_path / "x").refused())


def test_chunks_that_stop_before_the_last_are_not_a_file(tmp_path: Path, papers: Papers) -> None:
    body = f"{len(CSV):x}\r\n".encode() + CSV + b"\r\n"
    with raw(papers, answers("Transfer-Encoding: chunked", body=body)) as port:
        assert Peer(port, papers, tmp_path).refused().transient
    with raw(papers, answers("Transfer-Encoding: chunked", body=body + b"0\r\n\r\n")) as port:
        assert Peer(port, papers, tmp_path).fetch().path.read_bytes() == CSV


def test_a_server_that_trickles_is_cut_off_at_the_time_limit(tmp_path: Path, papers: Papers) -> None:
    def trickle(talk: Talk) -> None:
        talk.say(b"HTTP/1.1 200 OK\r\nX-Lang: ")
        talk.connection.settimeout(0.05)
        while True:
            talk.say(b"x")
            try:
                if not talk.connection.recv(1):
                    return
            except TimeoutError:
                continue

    begun = time.monotonic()
    with raw(papers, trickle) as port:
        error = Peer(port, papers, tmp_path).refused(tijdslimiet=0.5, pogingen=5)
    assert str(error).partition(": ")[2].startswith("niet klaar binnen 'tijdslimiet' (0.5 seconden).")
    assert time.monotonic() - begun < 10


def test_a_file_that_takes_longer_than_the_time_limit_goes_on_the_next_time(tmp_path: Path, papers: Papers) -> None:
    ranges: list[str] = []

    def slow(talk: Talk) -> None:
        talk.say(starts(f"Content-Length: {len(CSV)}", 'ETag: "1"'))
        talk.until_hung_up()

    def rest(talk: Talk) -> None:
        ranges.append(talk.header("range"))
        span = f"Content-Range: bytes {len(HALF)}-{len(CSV) - 1}/{len(CSV)}"
        length = f"Content-Length: {len(CSV) - len(HALF)}"
        talk.say(starts(span, length, body=CSV[len(HALF) :], status="206 Partial Content"))

    with raw(papers, slow, rest) as port:
        peer = Peer(port, papers, tmp_path)
        assert peer.refused(tijdslimiet=1.5, pogingen=3).transient
        assert peer.fetch().path.read_bytes() == CSV
    assert ranges == [f"bytes={len(HALF)}-"]


def test_a_black_hole_runs_into_the_read_timeout(tmp_path: Path, papers: Papers) -> None:
    with raw(papers, Talk.until_hung_up) as port:
        error = Peer(port, papers, tmp_path).refused(time_out=0.3)
    assert "geen antwoord binnen 0.3 seconden" in str(error)


# --- who is who: certificates ---


@pytest.fixture
def app(tmp_path: Path, papers: Papers) -> Iterator[tuple[Peer, App]]:
    made = App()
    made.answers["/personen.csv"] = file(CSV)
    with serving(made, papers) as port:
        yield Peer(port, papers, tmp_path), made


LONG_AGO = {"not_before": datetime(2019, 1, 1, tzinfo=UTC), "not_after": datetime(2020, 1, 1, tzinfo=UTC)}
LATER_ON = {"not_before": datetime(2120, 1, 1, tzinfo=UTC), "not_after": datetime(2121, 1, 1, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("names", "more", "what"),
    [
        (("localhost",), LONG_AGO, "is verlopen. Vraag de beheerder om een geldig certificaat."),
        (("localhost",), LATER_ON, "geldt nog niet. Controleer de klok van deze machine en die van de server."),
        (("elders.example",), {}, "staat op een andere naam. Controleer 'url' in de bron."),
    ],
    ids=["expired", "not yet", "wrong host"],
)
def test_a_certificate_that_is_not_good(
    tmp_path: Path, names: tuple[str, ...], more: dict[str, Any], what: str
) -> None:
    bad = Papers(tmp_path / "papieren", *names, **more)
    made = App()
    with serving(made, bad) as port:
        error = Peer(port, bad, tmp_path).refused()
    assert str(error) == f"https://localhost:{port}/personen.csv: het certificaat van de server {what}"
    assert (error.transient, made.asked) == (False, [])


def test_an_issuer_that_we_do_not_know(app: tuple[Peer, App], tmp_path: Path) -> None:
    error = app[0].refused(certificaten=Papers(tmp_path / "ander").ca)
    hint = "Zet het certificaat van de uitgever in 'certificaten'."
    assert str(error).endswith(f": het certificaat van de server wordt niet vertrouwd. {hint}")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("who", ["ours", "nobody", "a stranger"])
def test_mutual_tls(tmp_path: Path, papers: Papers, who: str, version: ssl.TLSVersion) -> None:
    made = App()
    made.answers["/personen.csv"] = file(CSV)
    more = {"ssl_ca_certs": papers.ca, "ssl_cert_reqs": 2}
    with serving(made, papers, newest=version, **more) as port:
        peer = Peer(port, papers, tmp_path)
        if who == "ours":
            found = peer.fetch(clientcertificaat=papers.client, clientsleutel=papers.client)
            assert found.path.read_bytes() == CSV
            return
        stranger = {"clientcertificaat": Papers(tmp_path / "vreemd").client}
        error = peer.refused(**(stranger if who == "a stranger" else {}))
    assert made.asked == []
    assert "clientcertificaat" in str(error)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_server_that_says_what_it_thinks_of_our_certificate(
    tmp_path: Path, papers: Papers, version: ssl.TLSVersion
) -> None:
    with raw(papers, answers(f"Content-Length: {len(CSV)}"), newest=version) as port:
        peer = Peer(port, papers, tmp_path)
        stranger = peer.refused(clientcertificaat=Papers(tmp_path / "vreemd").client)
        nobody = peer.refused()
        assert peer.fetch(clientcertificaat=papers.client).path.read_bytes() == CSV
    assert "de server kent de uitgever van ons clientcertificaat niet. Vraag de beheerder welke wel." in str(stranger)
    assert "Zet het met 'clientcertificaat'" in str(nobody) or "Zet dat dan met 'clientcertificaat'" in str(nobody)
    assert not stranger.transient and not nobody.transient


def test_a_client_key_behind_a_secret(tmp_path: Path, papers: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(papers.client.read_bytes(), None)
    locked = tmp_path / "slot.pem"
    locked.touch(0o600)
    locked.write_bytes(
        key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(SECRET.encode()))
    )
    made = App()
    made.answers["/personen.csv"] = file(CSV)
    with serving(made, papers, ssl_ca_certs=papers.ca, ssl_cert_reqs=2) as port:
        peer = Peer(port, papers, tmp_path)
        keys = {"clientcertificaat": papers.client, "clientsleutel": locked}
        assert peer.fetch(**keys, sleutelwachtwoord="gateway").path.name == "personen.csv"
        (peer.into / "personen.csv").unlink()
        hint = "Controleer 'clientsleutel', en het geheim van 'sleutelwachtwoord' als hij versleuteld is."
        assert str(peer.refused(**keys)) == f"{locked}: geen privésleutel (PEM) die zo opengaat. {hint}"
        monkeypatch.setenv("KMGB_GEHEIM_GATEWAY", "iets-anders")
        assert "iets-anders" not in str(peer.refused(**keys, sleutelwachtwoord="gateway"))
        locked.chmod(0o644)
        assert str(peer.refused(**keys)).endswith(f"ook voor anderen leesbaar. Doe: chmod 600 {locked}")


def test_what_is_wrong_with_our_own_certificate(app: tuple[Peer, App], tmp_path: Path, papers: Papers) -> None:
    peer, _ = app
    old = Papers(tmp_path / "oud", "localhost", **LONG_AGO).server
    old.chmod(0o600)
    what = "ons clientcertificaat is verlopen op 01-01-2020. Vraag een nieuw aan."
    assert str(peer.refused(clientcertificaat=old)) == f"{old}: {what}"
    other = Papers(tmp_path / "ander").client
    error = peer.refused(clientcertificaat=papers.client, clientsleutel=other)
    assert str(error) == f"{other}: deze sleutel hoort niet bij {papers.client}."
    assert "geen leesbaar certificaat" in str(peer.refused(clientcertificaat=tmp_path / "niets.pem"))
    assert "geen leesbare certificaten" in str(peer.refused(certificaten=tmp_path / "niets.pem"))


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_an_old_tls_is_refused(tmp_path: Path, papers: Papers, version: str) -> None:
    port = free_port()
    command = [
        needed("openssl"),
        "s_server",
        "-accept",
        str(port),
        "-cert",
        str(papers.server),
        version,
        "-www",
        "-quiet",
    ]
    with running(Server([*command, "-cipher", "ALL:@SECLEVEL=0"], port)):
        error = Peer(port, papers, tmp_path).refused()
    assert "een beveiligde verbinding komt niet tot stand. Vraag de beheerder om TLS 1.2 of 1.3" in str(error)
    assert not error.transient


def test_a_server_without_tls_gets_no_secret(tmp_path: Path, papers: Papers) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def plain() -> None:
            connection, _ = listening.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=plain)
        thread.start()
        error = Peer(port, papers, tmp_path).refused(geheime_headers={"X-Sleutel": "gateway"})
        thread.join(10)
    assert "een beveiligde verbinding komt niet tot stand" in str(error)
    assert SECRET.encode() not in heard[0]


def test_over_ipv6(tmp_path: Path, papers: Papers) -> None:
    made = App()
    made.answers["/personen.csv"] = file(CSV)
    with serving(made, papers, "::1") as port:
        peer = Peer(port, papers, tmp_path)
        assert peer.fetch(f"https://[::1]:{port}/personen.csv").path.read_bytes() == CSV
        assert made.asked[0].headers["host"] == f"[::1]:{port}"


# --- who we are: headers and tokens ---


def test_headers_and_secrets_are_sent_to_the_server_of_the_source_and_nobody_else(
    app: tuple[Peer, App], tmp_path: Path, papers: Papers
) -> None:
    peer, made = app
    elsewhere = App()
    with serving(elsewhere, papers) as other:
        made.answers["/weg"] = file(b"", 302, location=f"https://localhost:{other}/personen.csv")
        made.answers["/hier"] = file(b"", 307, location="personen.csv")
        who = {"headers": {"X-Afnemer": "parkeren"}, "geheime_headers": {"X-Api-Key": "gateway"}}
        error = peer.refused("/weg", **who)
        assert peer.fetch("/hier", **who).path.read_bytes() == CSV
    assert "de doorverwijzing wijst naar een andere server of is geen https-adres." in str(error)
    assert elsewhere.asked == []
    assert [one.path for one in made.asked] == ["/weg", "/hier", "/personen.csv"]
    assert {(one.headers["x-afnemer"], one.headers["x-api-key"]) for one in made.asked} == {("parkeren", SECRET)}


def test_redirects_without_end(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers["/rond"] = file(b"", 302, location="/rond")
    assert "de server blijft doorverwijzen" in str(peer.refused("/rond"))
    made.answers["/plat"] = file(b"", 302, location=f"http://localhost:{peer.port}/personen.csv")
    assert "geen https-adres" in str(peer.refused("/plat"))


def tokens(made: App, expires: int = 3600, good: int = 10**6) -> None:
    """A token server, and a file for whoever shows its newest token; each token is good so many times."""
    given: dict[str, int] = {}

    def token(one: Asked) -> Any:
        if one.headers["authorization"] != f"Basic {b64encode(f'kmgb:{SECRET}'.encode()).decode()}":
            return as_json({"error": "invalid_client", "error_description": SECRET}).__class__(
                '{"error": "invalid_client"}', 401
            )
        assert one.body == b"grant_type=client_credentials&scope=brp.lezen"
        given[f"{TOKEN}-{len(given)}"] = good
        return as_json({"access_token": list(given)[-1], "token_type": "bearer", "expires_in": expires})

    def guarded(one: Asked) -> Any:
        shown = one.headers.get("authorization", "").removeprefix("Bearer ")
        if given.get(shown, 0) <= 0:
            return file(b"", 401)
        given[shown] -= 1
        return file(CSV) if one.path == "/dicht.csv" else as_json({"r": [{"BSN": f"99999{len(made.asked)}"}]})

    made.answers |= {"/token": token, "/dicht.csv": guarded}


def oauth(peer: Peer, **more: str) -> dict[str, Any]:
    url = f"https://localhost:{peer.port}/token"
    return {"oauth": {"token_url": url, "client_id": "kmgb", "geheim": "gateway", "scope": "brp.lezen"} | more}


def test_a_token_is_asked_once_and_shown(app: tuple[Peer, App]) -> None:
    peer, made = app
    tokens(made)
    (made.answers["/dicht.csv.sha256"]) = lambda one: file(hashlib.sha256(CSV).hexdigest().encode())
    assert peer.fetch("/dicht.csv", controlesom="sha256", **oauth(peer)).path.read_bytes() == CSV
    assert [one.path for one in made.asked] == ["/token", "/dicht.csv.sha256", "/dicht.csv"]


def test_a_token_that_is_no_longer_accepted_is_renewed_once(app: tuple[Peer, App]) -> None:
    peer, made = app
    tokens(made, good=1)
    sums = file(hashlib.sha256(CSV).hexdigest().encode())
    guarded = made.answers["/dicht.csv"]
    made.answers["/dicht.csv.sha256"] = lambda one: sums if guarded(one).status_code == 200 else file(b"", 401)
    assert peer.fetch("/dicht.csv", controlesom="sha256", **oauth(peer)).path.read_bytes() == CSV
    paths = ["/token", "/dicht.csv.sha256", "/dicht.csv", "/token", "/dicht.csv"]
    assert [one.path for one in made.asked] == paths


def test_a_token_that_expires_is_renewed_before_it_is_shown(app: tuple[Peer, App]) -> None:
    peer, made = app
    tokens(made, expires=10)
    made.answers["/dicht.csv.sha256"] = file(hashlib.sha256(CSV).hexdigest().encode())
    peer.fetch("/dicht.csv", controlesom="sha256", **oauth(peer))
    assert [one.path for one in made.asked] == ["/token", "/dicht.csv.sha256", "/token", "/dicht.csv"]


def test_a_wrong_secret_gives_no_token(app: tuple[Peer, App], monkeypatch: pytest.MonkeyPatch) -> None:
    peer, made = app
    tokens(made)
    monkeypatch.setenv("KMGB_GEHEIM_GATEWAY", "Fout-4711")
    error = peer.refused("/dicht.csv", **oauth(peer))
    hint = "Controleer 'client_id' en het geheim 'gateway'."
    assert str(error) == f"https://localhost:{peer.port}/token: de server weigert client 'kmgb' (HTTP 401). {hint}"
    assert [one.path for one in made.asked] == ["/token"]


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (file(b'{"error": "invalid_scope"}', 400), "kent de scope 'brp.lezen' niet. Controleer 'scope' in 'oauth'."),
        (file(b'{"error": "unauthorized_client"}', 400), "client 'kmgb' mag zo geen token vragen."),
        (file(b"<html>", 404), "de server geeft geen token (HTTP 404). Controleer 'token_url' in 'oauth'."),
        (file(b"<html>"), "het antwoord is geen token. Controleer 'token_url' in 'oauth'."),
        (file(b'{"access_token": "a\\nb"}'), "het antwoord is geen token."),
        (as_json({"access_token": "a", "token_type": "mac"}), "een soort die kmgb niet kent (alleen Bearer)."),
        (file(b"", 503), "de server kan nu niet (HTTP 503). Haal later opnieuw op."),
        (file(b" " * 2**17), "meer dan 65536 bytes."),
    ],
)
def test_what_a_token_server_can_answer(app: tuple[Peer, App], answer: Any, what: str) -> None:
    peer, made = app
    made.answers["/token"] = answer
    assert what in str(peer.refused("/dicht.csv", **oauth(peer)))


def test_a_token_that_the_server_does_not_accept(app: tuple[Peer, App]) -> None:
    peer, made = app
    tokens(made, good=0)
    error = peer.refused("/dicht.csv", **oauth(peer))
    hint = "Controleer 'scope' in 'oauth', of vraag om rechten."
    assert str(error).endswith(f"/dicht.csv: de server weigert het token (HTTP 401). {hint}")


def test_a_secret_that_is_missing_or_cannot_be_sent(app: tuple[Peer, App], monkeypatch: pytest.MonkeyPatch) -> None:
    peer, made = app
    with pytest.raises(SettingsError, match="Geheim 'elders' ontbreekt"):
        peer.fetch(geheime_headers={"X-Key": "elders"})
    monkeypatch.setenv("KMGB_GEHEIM_GATEWAY", f"{SECRET}\r\nX-Kwaad: 1")
    with pytest.raises(SettingsError, match="past niet in een header") as caught:
        peer.fetch(geheime_headers={"X-Key": "gateway"})
    assert SECRET not in str(caught.value)
    assert made.asked == []


# --- what a server answers ---


@pytest.mark.parametrize(
    ("status", "more", "what"),
    [
        (401, {}, "de server vraagt om aanmelden (HTTP 401). Zet 'oauth' of 'geheime_headers' in de bron."),
        (
            401,
            {"geheime_headers": {"X-Key": "gateway"}},
            "weigert de aanmelding (HTTP 401). Controleer het geheim 'gat",
        ),
        (403, {}, "kmgb mag dit niet ophalen (HTTP 403). Vraag de beheerder om rechten op dit adres."),
        (404, {}, "op dit adres staat niets (HTTP 404). Controleer 'url' in de bron."),
        (406, {}, "niet in de gevraagde vorm (HTTP 406). Controleer 'Accept' in 'headers'."),
        (418, {}, "de server weigert dit (HTTP 418). Controleer 'url' in de bron"),
        (204, {}, "de server antwoordt zonder inhoud (HTTP 204)."),
    ],
)
def test_a_final_answer_is_not_asked_again(app: tuple[Peer, App], status: int, more: dict[str, Any], what: str) -> None:
    peer, made = app
    made.answers["/personen.csv"] = file(b"" if status == 204 else f"{PERSON} {SECRET}".encode(), status)
    error = peer.refused("/personen.csv?bsn=" + PERSON, pogingen=5, **more)
    assert what in str(error)
    assert (len(made.asked), error.transient) == (1, False)


def test_a_busy_server_is_asked_again_when_it_says(app: tuple[Peer, App]) -> None:
    peer, made = app
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    busy = [
        file(b"", 429, retry_after="7"),
        file(b"", 503, retry_after=soon),
        file(b"", 429, retry_after="99999"),
        file(b"", 500, retry_after="straks"),
        file(b"", 408),
        file(CSV),
    ]
    made.answers["/personen.csv"] = busy
    waits: list[float] = []
    found = peer.fetch(terms=Terms(pause=waits.append), pogingen=6)
    assert found.path.read_bytes() == CSV
    assert (waits[0], waits[2], waits[3], waits[4]) == (7, 300, 8, 16)
    assert 90 < waits[1] <= 100


def test_a_server_that_stays_busy(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers["/personen.csv"] = file(b"", 429, retry_after="20")
    error = peer.refused(pogingen=3)
    assert str(error).endswith("de server heeft het te druk (HTTP 429). Haal later opnieuw op.")
    assert (len(made.asked), error.transient) == (3, True)
    error = peer.refused(pogingen=3, tijdslimiet=10)
    assert "vraagt 20 seconden te wachten, en dat past niet meer in 'tijdslimiet'" in str(error)
    assert (len(made.asked), error.transient) == (4, True)


def test_too_large_is_refused_before_or_while_it_comes(app: tuple[Peer, App]) -> None:
    peer, made = app
    hint = "Verhoog 'grootste' in de bron als dat zo hoort; vraag het anders de leverancier."
    assert str(peer.refused(grootste=10)).endswith(f": meer dan 10 bytes. {hint}")
    packed = gzip.compress(bytes(64 * 2**20))
    made.answers["/personen.csv"] = file(packed, content_encoding="gzip")
    assert str(peer.refused(grootste=2**20)).endswith(f": meer dan {2**20} bytes. {hint}")
    assert left_in(peer.into) == []


def test_a_server_that_packs_anyway(app: tuple[Peer, App]) -> None:
    peer, made = app
    packed = gzip.compress(CSV)
    made.answers["/personen.csv"] = file(packed, content_encoding="gzip", repr_digest=digest(packed))
    assert peer.fetch().path.read_bytes() == CSV
    (peer.into / "personen.csv").unlink()
    made.answers["/personen.csv"] = file(packed[:-6], content_encoding="gzip")
    assert "wat de server inpakte (gzip), is beschadigd of afgebroken." in str(peer.refused())
    made.answers["/personen.csv"] = file(CSV, content_encoding="br")
    assert "op een manier die kmgb niet kent (alleen gzip)" in str(peer.refused())


def digest(content: bytes, kind: str = "sha256") -> str:
    return f"{kind[:3]}-{kind[3:]}=:{b64encode(hashlib.new(kind, content).digest()).decode()}:"


@pytest.mark.parametrize(
    "right",
    [
        {"repr_digest": f"unixsum=1, {digest(CSV, 'sha512')}"},
        {"content_digest": digest(CSV)},
        {"digest": digest(CSV).replace(":", "").replace("sha", "SHA")},
        {"etag": f'"sha256:{hashlib.sha256(CSV).hexdigest()}"'},
    ],
    ids=lambda right: next(iter(right)),
)
def test_a_checksum_in_the_headers_is_checked(app: tuple[Peer, App], right: dict[str, str]) -> None:
    peer, made = app
    made.answers["/personen.csv"] = [file(CSV, **right), file(CSV + b"x", **right)]
    assert peer.fetch().path.read_bytes() == CSV
    (peer.into / "personen.csv").unlink()
    assert "is niet die van de leverancier" in str(peer.refused())
    assert left_in(peer.into) == []


def test_a_checksum_that_cannot_be_read_or_differs_promises_nothing(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers["/personen.csv"] = file(CSV, repr_digest="sha-256=:abc:")
    assert "de sha256 in de headers is niet te lezen" in str(peer.refused())
    made.answers["/personen.csv"] = file(CSV, repr_digest=digest(CSV), content_digest=digest(b"x"))
    assert "de headers noemen verschillende controlesommen" in str(peer.refused())


def test_the_checksum_beside_the_file(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers["/personen.csv.sha256"] = file(f"{hashlib.sha256(CSV).hexdigest()} *personen.csv\n".encode())
    assert peer.fetch("/personen.csv?v=1", controlesom="sha256").path.read_bytes() == CSV
    (peer.into / "personen.csv").unlink()
    made.answers["/personen.csv.sha256"] = file(b"0" * 64)
    assert "de sha256 is niet die van de leverancier" in str(peer.refused(controlesom="sha256"))
    del made.answers["/personen.csv.sha256"]
    assert "/personen.csv.sha256: op dit adres staat niets" in str(peer.refused(controlesom="sha256"))


@pytest.mark.parametrize(
    ("path", "header", "bestand", "name"),
    [
        ("/uit/personen.csv", "", "", "personen.csv"),
        ("/uit/p%20x.csv?dag=1", "", "", "p x.csv"),
        ("/", "", "", "aanlevering"),
        ("/dump", 'attachment; filename="../../etc/p.csv"', "", "p.csv"),
        ("/dump", 'attachment; filename="C:\\\\uit\\\\p.csv"', "", "p.csv"),
        ("/dump", "attachment; filename*=UTF-8''p%C3%A9.csv", "", "pé.csv"),
        ("/dump", 'attachment; filename=".bashrc"', "", "dump"),
        ("/dump", 'attachment; filename=".."', "", "dump"),
        ("/%2e%2e%2f%2e%2e%2fx", "", "", "x"),
        ("/dump", f'attachment; filename="{"x" * 300}"', "", "dump"),
        ("/dump", 'attachment; filename="a.csv"', "eigen.csv", "eigen.csv"),
    ],
)
def test_the_name_is_never_a_path(app: tuple[Peer, App], path: str, header: str, bestand: str, name: str) -> None:
    peer, made = app
    answer = file(CSV, **({"content_disposition": header} if header else {}))
    made.answers = dict.fromkeys(("/uit/personen.csv", "/uit/p x.csv", "/", "/dump", "/../../x"), answer)
    assert peer.fetch(path, bestand=bestand).path == peer.into / name
    assert left_in(peer.into) == [name]


@pytest.mark.parametrize(
    ("text", "peildatum"),
    [
        ("2026-11-23", datetime(2026, 11, 22, 23, tzinfo=UTC)),
        ("2026-11-23T06:00:00Z", datetime(2026, 11, 23, 6, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 06:00:00 GMT", datetime(2026, 11, 23, 6, tzinfo=UTC)),
    ],
)
def test_the_peildatum_in_a_header(app: tuple[Peer, App], text: str, peildatum: datetime) -> None:
    peer, made = app
    made.answers["/personen.csv"] = file(CSV, x_peildatum=text)
    assert peer.fetch(peildatum_header="X-Peildatum").peildatum == peildatum


def test_a_peildatum_that_is_absent_or_cannot_be_read(app: tuple[Peer, App]) -> None:
    peer, made = app
    found = peer.fetch(peildatum_header="X-Peildatum")
    assert (found.peildatum, found.remarks) == (None, ("De header 'X-Peildatum' met de peildatum ontbrak.",))
    found.path.unlink()
    for text in (PERSON, "0001-01-01"):
        made.answers["/personen.csv"] = file(CSV, x_peildatum=text)
        assert "de peildatum in 'X-Peildatum' is niet te lezen" in str(peer.refused(peildatum_header="X-Peildatum"))


# --- looking without taking ---


def test_a_test_of_a_source_shows_a_few_masked_rows(app: tuple[Peer, App]) -> None:
    peer, made = app
    rows = "".join(f"{n:09}\n" for n in range(100_000))
    made.answers["/personen.csv"] = file(f"BSN\n{rows}".encode(), last_modified="Mon, 23 Nov 2026 06:00:00 GMT")
    seen = probe_https(peer.bron(), PLAN, load_catalogue()["personen"], terms=TERMS)
    assert (seen.place, seen.server) == (f"https://localhost:{peer.port}/personen.csv", "uvicorn")
    assert seen.security == "TLSv1.3, certificaat gecontroleerd"
    assert [(one.name, one.size, one.why_not) for one in seen.files] == [("personen.csv", 1_000_004, "")]
    assert seen.files[0].changed == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert (seen.sample, seen.columns, len(seen.rows), seen.rows[4]) == ("personen.csv", ("BSN",), 5, ("•••004",))


def test_a_test_of_a_packed_file_or_one_without_lines_takes_all_of_it(app: tuple[Peer, App]) -> None:
    peer, made = app
    personen = load_catalogue()["personen"]
    made.answers["/personen.csv"] = file(gzip.compress(CSV))
    assert probe_https(peer.bron(), PLAN, personen, terms=TERMS).rows == (("•••019",), ("•••020",))
    made.answers["/personen.csv"] = as_json({"p": [{"BSN": PERSON}]})
    plan = PLAN.model_copy(update={"aanlevering": Aanlevering(formaat="json", record="p")})
    assert probe_https(peer.bron(), plan, personen, terms=TERMS).rows == (("•••019",),)
    made.answers["/personen.csv"] = file(b"kapot")
    assert probe_https(peer.bron(), plan, personen, terms=TERMS).remarks[0].startswith("personen.csv: ")
    made.answers["/personen.csv"] = file(b"", 403)
    with pytest.raises(SourceError, match="HTTP 403"):
        probe_https(peer.bron(), plan, personen, terms=TERMS)


# --- what may be written in a mapping ---


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"url": "http://server.example/p"}, "moet met https:// beginnen"),
        ({"url": f"https://kmgb:{SECRET}@server.example/p"}, "mag geen gebruiker of wachtwoord bevatten"),
        ({"url": f"https://server.example/p?api_key={SECRET}"}, "mag geen geheim bevatten"),
        ({"url": "https://server.example:x/p"}, "is geen adres"),
        ({"url": "https://server.example/p q"}, "moet met https:// beginnen"),
        ({"headers": {"Authorization": f"Bearer {SECRET}"}}, "'Authorization' is een geheim: gebruik geheime_headers"),
        ({"headers": {"Cookie": SECRET}}, "'Cookie' is een geheim"),
        ({"headers": {"X-Api-Key": SECRET}}, "'X-Api-Key' is een geheim"),
        ({"headers": {"Range": "bytes=0-"}}, "'Range' vult kmgb zelf"),
        ({"headers": {"X\r\nY": "1"}}, "bevat een naam die geen header kan zijn"),
        ({"headers": {"X": "1\r\nY: 2"}}, "mag alleen gewone tekens bevatten"),
        ({"headers": {"X": "1"}, "geheime_headers": {"x": "gateway"}}, "een header staat er twee keer"),
        ({"geheime_headers": {"X-Key": SECRET}}, "moet de naam van een geheim zijn"),
        ({"geheime_headers": {"Authorization": "a"}, "oauth": "goed"}, "oauth vult zelf Authorization"),
        ({"bestand": "../p.csv"}, "is alleen een bestandsnaam"),
        ({"clientsleutel": "k.pem"}, "een clientsleutel hoort bij een clientcertificaat"),
        ({"sleutelwachtwoord": "gateway"}, "een sleutelwachtwoord hoort bij een clientcertificaat"),
        ({"peildatum_pad": "dag"}, "peildatum_pad hoort bij paginas"),
        ({"peildatum_pad": "a", "peildatum_header": "B", "paginas": {}}, "hoogstens één van peildatum_header en"),
        ({"controlesom": "sha256", "paginas": {}}, "controlesom hoort bij een bestand"),
        ({"paginas": {"volgende": "link", "parameter": "p"}}, "daar hoort geen parameter bij"),
        ({"paginas": {"volgende": "a", "begin": 0}}, "telt en begin horen bij een parameter"),
        ({"paginas": {"totaal": "a", "totaal_header": "B"}}, "hoogstens één van totaal en totaal_header"),
    ],
)
def test_a_source_that_cannot_be_right_is_refused_and_a_written_secret_not_repeated(
    wrong: dict[str, Any], what: str
) -> None:
    token = {"token_url": "https://a.example/t", "client_id": "k", "geheim": "gateway"}
    wrong = {key: token if value == "goed" else value for key, value in wrong.items()}
    with pytest.raises(ValidationError) as caught:
        HttpsBron.model_validate({"soort": "https", "url": "https://server.example/p"} | wrong)
    assert what in str(caught.value)
    assert SECRET not in str(caught.value)


def test_every_key_of_this_source_is_documented() -> None:
    text = (Path(__file__).parents[1] / "docs" / "bronnen-https.md").read_text(encoding="utf-8")
    for title, model in (("Instellingen", HttpsBron), ("Aanmelden", Oauth), ("Paginas", Paginas)):
        table = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
        assert [key for key in model.model_fields if f"`{key}`" not in table] == [], title
