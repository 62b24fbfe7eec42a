"""The push door when things go wrong: cut off, killed, slow, full, much at once. Whole or not at all, every time."""

from __future__ import annotations

import gzip
import hashlib
import resource
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import polars as pl
import pytest
from filelock import FileLock
from servers_web import PATH, TOKEN, Kmgb, client, dump, in_thread, kmgb, left, make_town, until

from kmgb.landing import manifests
from kmgb.mapping.model import Mapping
from kmgb.run.municipality import Municipality
from kmgb.run.receive import BusyError, Declared, open_reception, received, safe_name, sweep_all, take_in
from kmgb.settings import load_settings
from kmgb.web.desk import Pace
from kmgb.web.protocol import Protocol

NOW = datetime(2026, 3, 9, tzinfo=UTC)


@pytest.fixture
def town(tmp_path: Path) -> Path:
    return make_town(tmp_path)


def landed(town: Path) -> list[int]:
    """The rows of every delivery, newest first."""
    return [m.rows for m in manifests(town.parent / "data" / "aanleveringen", "sociaal", "personen")]


def connected(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), 20)


def head(length: int | None, *more: str) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", f"Authorization: Bearer {TOKEN}", size, *more]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def answered(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    got = b""
    while chunk := connection.recv(65536):
        got += chunk
    return got


def ended(connection: socket.socket) -> bool:
    """True when the other side goes away without a word, orderly or not."""
    try:
        return answered(connection) == b""
    except ConnectionResetError:
        return True


def arriving(town: Path, size: int) -> bool:
    """True when a file with so many bytes is coming in."""
    paths = received(Municipality(load_settings(town))).rglob(".bezig-*/*")
    return any(path.stat().st_size >= size for path in paths)


@pytest.mark.parametrize("length", [3 * 2**20, None], ids=["declared", "chunked"])
def test_an_upload_that_is_cut_off_leaves_nothing(town: Path, length: int | None) -> None:
    part = dump(200_000)[: 2**21]
    with kmgb(town) as served:
        with connected(served.address) as connection:
            piece = part if length else b"%x\r\n%b\r\n" % (len(part), part)
            connection.sendall(head(length) + piece)
            until(lambda: arriving(town, 2**20))
        until(lambda: not arriving(town, 0))
        assert landed(town) == [] and left(town) == []
        with client(served.address) as caller:
            assert caller.post(PATH, content=dump(3)).status_code == 201
        until(lambda: "Afgebroken" in (town.parent / "data" / "audit.jsonl").read_text())


def test_a_server_that_is_killed_leaves_nothing_half_and_the_next_push_succeeds(town: Path) -> None:
    with kmgb(town) as served, connected(served.address) as connection:
        connection.sendall(head(3 * 2**20) + dump(200_000)[: 2**21])
        until(lambda: arriving(town, 2**20))
        assert served.stop(signal.SIGKILL) == -signal.SIGKILL
    assert landed(town) == [] and len(left(town)) == 1
    with kmgb(town) as served:
        assert left(town) == []
        with client(served.address) as caller:
            assert caller.post(PATH, content=dump(3)).json()["rijen"] == 3
    assert landed(town) == [3]


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_a_server_that_is_killed_while_it_lands_has_it_whole_or_not_at_all(town: Path, moment: float) -> None:
    content = dump(400_000)
    with kmgb(town) as served, connected(served.address) as connection:
        connection.sendall(head(len(content)) + content)
        until(lambda: arriving(town, len(content)))
        deadline = time.monotonic() + moment
        until(lambda: time.monotonic() >= deadline)
        served.stop(signal.SIGKILL)
    assert landed(town) in ([], [400_000])
    with kmgb(town) as served, client(served.address) as caller:
        assert left(town) == []
        assert caller.post(PATH, content=content).json()["rijen"] == 400_000
    assert landed(town) == [400_000]


def test_a_stop_lets_a_running_upload_finish(town: Path) -> None:
    content = dump(200_000)
    with kmgb(town) as served, connected(served.address) as connection:
        connection.sendall(head(len(content)) + content[: 2**20])
        until(lambda: arriving(town, 2**20))
        served.process.send_signal(signal.SIGTERM)
        until(lambda: _refuses(served))
        connection.sendall(content[2**20 :])
        assert answered(connection).startswith(b"HTTP/1.1 201 Created")
        assert served.process.wait(20) == 0
    assert landed(town) == [200_000] and left(town) == []


def _refuses(served: Kmgb) -> bool:
    try:
        connected(served.address).close()
    except ConnectionRefusedError:
        return True
    return False


def test_an_upload_that_does_not_finish_after_a_stop_is_dropped_whole(town: Path) -> None:
    with in_thread(town, Pace()) as address:
        connection = connected(address)
        connection.sendall(head(3 * 2**20) + dump(200_000)[: 2**21])
        until(lambda: arriving(town, 2**20))
    with connection:
        assert b" 503 " in answered(connection).partition(b"\r\n")[0]
    assert landed(town) == [] and left(town) == []


class Impatient(Protocol):
    headers_within = 0.3


@pytest.fixture
def impatient(town: Path) -> Iterator[str]:
    with in_thread(town, Pace(idle=0.3, grace=0.5, slowest=10_000.0), Impatient) as address:
        yield address


def test_who_sends_no_headers_is_shown_out(impatient: str) -> None:
    for begin in (b"", f"POST {PATH} HTTP/1.1\r\nHost: ".encode()):
        with connected(impatient) as connection:
            connection.sendall(begin)
            assert ended(connection)


def test_who_drips_headers_is_shown_out(impatient: str) -> None:
    began = time.monotonic()
    with connected(impatient) as connection, pytest.raises(OSError):
        connection.sendall(f"POST {PATH} HTTP/1.1\r\n".encode())
        while time.monotonic() - began < 10:
            connection.sendall(b"X-A: b\r\n")
            time.sleep(0.05)  # the drip itself
    assert time.monotonic() - began < 5


def test_who_stops_sending_is_answered_and_nothing_is_kept(impatient: str, town: Path) -> None:
    with connected(impatient) as connection:
        connection.sendall(head(1000) + b"BSN,NAAM\n")
        answer = answered(connection)
    assert answer.startswith(b"HTTP/1.1 408 ") and b"urn:kmgb:probleem:te-langzaam" in answer
    assert landed(town) == [] and left(town) == []


def test_who_drips_the_body_is_answered(impatient: str, town: Path) -> None:
    with connected(impatient) as connection:
        connection.sendall(head(1_000_000))
        connection.settimeout(0.05)
        answer, deadline = b"", time.monotonic() + 10
        while not answer and time.monotonic() < deadline:
            connection.sendall(b"x")
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                continue  # the drip itself
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert left(town) == []


def test_a_stranger_may_not_go_on_sending_for_ever(town: Path) -> None:
    with in_thread(town, Pace()) as address, connected(address) as connection:
        connection.sendall(head(2**40).replace(TOKEN.encode(), b"niemand"))
        began = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began < 30:
                connection.sendall(b"x" * 4096)
        assert time.monotonic() - began < 20


def test_a_length_and_chunks_that_disagree_are_refused(town: Path) -> None:
    """Two ways to say how long it is: who reads the other one than we do could be made to see another request."""
    content = dump(3)
    with kmgb(town) as served, connected(served.address) as connection:
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
        connection.sendall(head(None, "Content-Length: 5", "Connection: close") + chunked)
        assert answered(connection).startswith(b"HTTP/1.1 400 ")
        assert landed(town) == []


def limit_files(served: Kmgb, size: int) -> None:
    """From now on no file of the server can become larger, as on a disk that is full."""
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


BROKEN = {
    "no http": b"dit is geen http\r\n\r\n",
    "a head too long": head(3, f"X-A: {'a' * 20_000}")[:-4],
    "a chunk that is none": head(None) + b"10\r\nBSN,NAAM\n000000001,x\r\nzz\r\n",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_what_is_no_http_is_answered_like_all_else(town: Path, content: bytes) -> None:
    with in_thread(town, Pace()) as address, connected(address) as connection:
        connection.sendall(content)
        answer = answered(connection)
    assert answer.startswith(b"HTTP/1.1 400 ") and b"urn:kmgb:probleem:verzoek" in answer
    assert b"application/problem+json" in answer
    assert landed(town) == [] and left(town) == []


def test_a_full_disk_is_told_and_nothing_is_kept(town: Path) -> None:
    with kmgb(town) as served, client(served.address) as caller:
        limit_files(served, 2**20)
        answer = caller.post(PATH, content=dump(200_000))
        assert answer.status_code == 507
        assert answer.json()["type"] == "urn:kmgb:probleem:schijf-vol"
        assert int(answer.headers["retry-after"]) > 0
        assert landed(town) == [] and left(town) == []
        assert caller.post(PATH, content=dump(3)).status_code == 201


def test_a_disk_that_fills_up_while_landing_is_not_blamed_on_the_delivery(town: Path) -> None:
    """The packed file fits, unpacked it does not."""
    names = (hashlib.sha256(b"%d" % row).hexdigest() for row in range(25_000))
    rows = "".join(f"{row:09d},{name}\n" for row, name in enumerate(names))
    content = gzip.compress(f"BSN,NAAM\n{rows}".encode())
    with kmgb(town) as served, client(served.address) as caller:
        limit_files(served, len(content) + 1000)
        assert caller.post(PATH, content=content).status_code == 507
        assert landed(town) == [] and left(town) == []
        limit_files(served, resource.RLIM_INFINITY)
        assert caller.post(PATH, content=content).status_code == 201


def test_rows_that_do_not_fit_are_not_blamed_on_the_delivery(tmp_path: Path) -> None:
    """Parquet is read as it is: here only the rows that are landed do not fit, and polars is the one to meet that."""
    town = make_town(tmp_path, reader='formaat = "parquet"')
    names = [hashlib.sha256(b"%d" % (row % 1000)).hexdigest() * 20 for row in range(100_000)]
    frame = pl.DataFrame({"BSN": [f"{row:09d}" for row in range(100_000)], "NAAM": names})
    frame.write_parquet(tmp_path / "klein.parquet", compression="brotli")
    content = (tmp_path / "klein.parquet").read_bytes()
    with kmgb(town) as served, client(served.address) as caller:
        limit_files(served, len(content) + 1000)
        assert caller.post(PATH, content=content).status_code == 507
        assert landed(town) == [] and left(town) == []


def test_a_declared_size_that_cannot_fit_is_refused_before_it_is_sent(town: Path) -> None:
    settings = make_town(town.parent, door=f"grootste = {2**62}")
    with kmgb(settings) as served, connected(served.address) as connection:
        connection.sendall(head(2**61, "Expect: 100-continue", "Connection: close"))
        assert answered(connection).startswith(b"HTTP/1.1 507 ")


def test_two_hundred_megabytes_go_through_in_bounded_memory(town: Path) -> None:
    with kmgb(town) as served, client(served.address) as caller:
        assert caller.post(PATH, content=dump(3)).status_code == 201
        before = served.peak()
        sent = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            for number in range(200):
                piece = (b"BSN,NAAM\n" if number == 0 else b"") + b"%09d,Jan\n" % number * (2**20 // 14)
                sent.update(piece)
                yield piece

        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(caller.post, PATH, content=pieces(), timeout=300)
            until(lambda: arriving(town, 190 * 2**20), 120)
            receiving = served.peak()
            document = answer.result().json()
        assert document["sha256"] == sent.hexdigest()
        assert document["bytes"] > 190 * 2**20
        assert receiving - before < 40, "receiving holds a few pieces, not the file"
        assert served.peak() < 1000


def test_pushes_at_the_same_time_are_landed_one_after_the_other(town: Path) -> None:
    contents = [dump(rows) for rows in range(1000, 1006)]
    with kmgb(town) as served:

        def post(content: bytes) -> httpx2.Response:
            with client(served.address) as caller:
                return caller.post(PATH, content=content, params={"peildatum": "2026-03-01"})

        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(post, contents * 2))
    assert sorted(answer.status_code for answer in answers) == [200] * 6 + [201] * 6
    assert sorted(landed(town)) == list(range(1000, 1006))
    assert left(town) == []


@pytest.fixture
def home(town: Path) -> tuple[Municipality, Mapping]:
    municipality = Municipality(load_settings(town))
    return municipality, municipality.mappings["sociaal"]


def test_who_waits_too_long_for_another_landing_is_told_to_come_back(
    home: tuple[Municipality, Mapping], town: Path
) -> None:
    municipality, mapping = home
    reception = open_reception(municipality, mapping, "personen", Declared())
    reception.write(dump(3))
    with FileLock(reception.folder.parent / ".slot"), pytest.raises(BusyError, match="later opnieuw") as raised:
        take_in(municipality, mapping, "personen", reception, Declared(), who="sociaal", now=NOW, patience=0.05)
    assert raised.value.transient
    assert landed(town) == [] and left(town) == []


def test_a_sweep_leaves_what_is_still_being_written(home: tuple[Municipality, Mapping]) -> None:
    municipality, mapping = home
    reception = open_reception(municipality, mapping, "personen", Declared(name="a.csv"))
    reception.write(b"BSN")
    assert sweep_all(municipality) == 0
    assert reception.path.read_bytes() == b"BSN"
    reception.drop()
    reception.write(b"too late")
    assert sweep_all(municipality) == 0 and not reception.folder.exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("dump_20260301.csv", "dump_20260301.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\uit\\dump 1.csv", "dump_1.csv"),
        (".verborgen.csv", "verborgen.csv"),
        ("dump.csv.klaar", "anders.csv"),
        ("", "anders.csv"),
        ("..", "anders.csv"),
        ("a\x00b\n.csv", "a_b_.csv"),
        ("x" * 300 + ".csv", "x" * 96 + ".csv"),
    ],
)
def test_a_name_from_outside_is_only_ever_a_name(given: str, expected: str) -> None:
    assert safe_name(given, "anders.csv") == expected
