"""A paged JSON endpoint: every record as delivered in one file, or nothing; and what pages cannot all be is refused."""

# ruff: noqa: F401, F811 (the fixtures are those of test_fetch_https)
from __future__ import annotations

import gzip
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tracemalloc
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from servers_https import App, Asked, Papers, Talk, as_json, file, raw, serving
from test_fetch_https import PERSON, PLAN, TERMS, Peer, _nothing_leaks, answers, app, left_in, papers

from kmgb.catalogue.fields import load_catalogue
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.https import probe_https
from kmgb.fetch.https_pages import as_lines
from kmgb.fetch.transfer import InterruptedTransferError, NotYetError
from kmgb.sources.delivered import Limits
from kmgb.sources.read import read, reading

PATH = "/personen"
PEOPLE = [{"BSN": f"{n:09}"} for n in range(10)]
HAL = {"records": "_embedded.personen", "volgende": "_links.next.href"}


def lines(found: Fetched) -> list[str]:
    return found.path.read_text(encoding="utf-8").splitlines()


def people(found: Fetched) -> list[dict[str, str]]:
    return [json.loads(line) for line in lines(found)]


def hal(one: Asked) -> Any:
    """Four a page, the next one in the body."""
    at = int(one.query.get("vanaf", 0))
    links = {"next": {"href": f"{PATH}?vanaf={at + 4}"}} if at + 4 < len(PEOPLE) else {}
    return as_json({"_links": links, "_embedded": {"personen": PEOPLE[at : at + 4]}, "page": {"totalElements": 10}})


def by_header(one: Asked) -> Any:
    at = int(one.query.get("vanaf", 0))
    after = f'<{PATH}?vanaf={at + 4}>; title="a=b, <c>; d"; rel="prefetch next"' if at + 4 < len(PEOPLE) else ""
    link = ", ".join(filter(None, [f'<{PATH}?vanaf=0>; rel="first"', after]))
    return as_json(PEOPLE[at : at + 4], link=link, x_total_count="10")


def by_page(one: Asked) -> Any:
    at = (int(one.query["page"]) - 1) * 4
    return as_json({"personen": PEOPLE[at : at + 4], "totaal": 10})


def by_offset(one: Asked) -> Any:
    at = int(one.query["offset"])
    return as_json({"personen": PEOPLE[at : at + int(one.query["limit"])]})


def by_cursor(one: Asked) -> Any:
    at = int(one.query.get("cursor", "c=0&").strip("c=&"))
    return as_json({"personen": PEOPLE[at : at + 4], "cursor": f"c={at + 4}&" if at + 4 < len(PEOPLE) else None})


def by_odata(one: Asked) -> Any:
    at = int(one.query.get("$skip", 0))
    rest = {"@odata.nextLink": f"?$skip={at + 4}"} if at + 4 < len(PEOPLE) else {}
    return as_json({"value": PEOPLE[at : at + 4], "@odata.count": 10} | rest)


STYLES: dict[str, tuple[Any, str, dict[str, Any], int]] = {
    "hal": (hal, PATH, HAL | {"totaal": "page.totalElements"}, 3),
    "header": (by_header, PATH, {"volgende": "link", "totaal_header": "X-Total-Count"}, 3),
    "page": (by_page, PATH, {"records": "personen", "parameter": "page"}, 4),
    "page with total": (by_page, PATH, {"records": "personen", "parameter": "page", "totaal": "totaal"}, 3),
    "offset": (by_offset, f"{PATH}?limit=4", {"records": "personen", "parameter": "offset", "telt": "records"}, 4),
    "cursor": (by_cursor, PATH, {"records": "personen", "volgende": "cursor", "parameter": "cursor"}, 3),
    "odata": (by_odata, PATH, {"records": "value", "volgende": "@odata.nextLink", "totaal": "@odata.count"}, 3),
    "one page": (lambda one: as_json({"personen": PEOPLE}), PATH, {"records": "personen"}, 1),
}


@pytest.mark.parametrize("style", list(STYLES))
def test_every_style_gives_every_record_once(app: tuple[Peer, App], style: str) -> None:
    peer, made = app
    answer, path, paginas, requests = STYLES[style]
    made.answers[PATH] = answer
    found = peer.fetch(path, paginas=paginas)
    assert people(found) == PEOPLE
    assert (found.path, found.formaat, found.remarks) == (peer.into / "personen.jsonl", "jsonl", ())
    assert found.path.stat().st_mode & 0o777 == 0o600
    assert left_in(peer.into) == ["personen.jsonl"]
    assert len(made.asked) == requests


def test_records_stay_as_they_were_delivered_and_can_be_read(app: tuple[Peer, App]) -> None:
    peer, made = app
    text = '\ufeff{"n": {"x": [1, {"r": []}]}, "r": [\n {"BSN":\t"01",\r\n  "g": 7.10, "\u00e9": "\\n\\ud83d\\ude00" },{ }\n], "m": null}'
    made.answers[PATH] = file(text.encode())
    found = peer.fetch(PATH, paginas={"records": "r"})
    assert lines(found) == ['{"BSN":\t"01",    "g": 7.10, "\u00e9": "\\n\\ud83d\\ude00" }', "{ }"]
    plan = as_lines(PLAN.model_copy(update={"aanlevering": PLAN.aanlevering.model_copy(update={"codering": "cp1252"})}))
    delivered = read(found.path, plan.aanlevering, ["BSN", "g", "\u00e9"], Limits(), peer.into / "lees")
    with reading(found.path):
        first = delivered.frame.select("BSN", "g", "\u00e9").collect().rows()[0]
    assert first == ("01", "7.10", "\n\U0001f600")


def test_a_large_page_is_never_held_whole(app: tuple[Peer, App]) -> None:
    """64 MiB of records in one packed page, with no more than 32 MiB of memory that we could take besides."""
    peer, made = app
    record = json.dumps({"BSN": "1", "naam": "x" * 1000}).encode()
    body = gzip.compress(b'{"r": [' + b",".join([record] * 65_000) + b"]}", 1)
    made.answers[PATH] = file(body, content_encoding="gzip")
    tracemalloc.start()
    try:
        found = peer.fetch(PATH, paginas={"records": "r"})
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.path.stat().st_size == 65_000 * (len(record) + 1)
    assert most < 32 * 2**20
    found.path.unlink()
    error = peer.refused(PATH, paginas={"records": "r"}, grootste=2**20)
    assert f": meer dan {2**20} bytes." in str(error)
    assert left_in(peer.into) == []


@pytest.mark.parametrize(
    ("answers", "paginas", "what"),
    [
        ({"r": [1], "next": PATH}, {"volgende": "next"}, "pagina 2: deze pagina was er al, zo komt er geen einde aan."),
        ({"r": [1]}, {"parameter": "page"}, "pagina 2: deze pagina was er al"),
        ({"r": [1], "c": "x"}, {"volgende": "c", "parameter": "cursor"}, "pagina 2: deze pagina was er al"),
        (
            {"r": [1], "next": "https://elders.example/p"},
            {"volgende": "next"},
            "de volgende pagina wijst naar een ander",
        ),
        (
            {"r": [1], "next": "//elders.example/p"},
            {"volgende": "next"},
            "de volgende pagina wijst naar een andere ser",
        ),
        ({"r": [1], "next": "https://localhost:1/p"}, {"volgende": "next"}, "de volgende pagina wijst naar een andere"),
        ({"r": [1], "next": "http://localhost/p"}, {"volgende": "next"}, "of is geen https-adres."),
        ({"r": [1], "next": "file:///etc/passwd"}, {"volgende": "next"}, "of is geen https-adres."),
        ({"r": [1], "next": {"href": PATH}}, {"volgende": "next"}, "op de plaats 'next' staat geen tekst."),
        ({"r": {"a": 1}}, {}, "pagina 1: op de plaats 'r' staat geen lijst. Controleer 'records' in 'paginas'."),
        ({"fout": PERSON}, {}, "pagina 1: op de plaats 'r' staat geen lijst."),
        ({"r": [1], "t": "veel"}, {"totaal": "t"}, "pagina 1: het totaal is geen getal."),
        ({"r": [1]}, {"totaal": "t"}, "pagina 1: het totaal 't' staat op geen pagina."),
        ([{"r": [1], "t": 2}, {"r": [2], "t": 3}], {"parameter": "p", "totaal": "t"}, "het totaal werd 3 en was 2: de"),
        (
            [{"r": [1], "t": 3}, {"r": [], "t": 3}],
            {"parameter": "p", "totaal": "t"},
            "er kwamen 1 records, en de serve",
        ),
        ({"r": [1, 2], "t": 1}, {"totaal": "t"}, "er kwamen 2 records, en de server telt er 1"),
    ],
)
def test_pages_that_cannot_be_right(app: tuple[Peer, App], answers: Any, paginas: dict[str, Any], what: str) -> None:
    peer, made = app
    made.answers[PATH] = [as_json(one) for one in (answers if isinstance(answers, list) else [answers])]
    error = peer.refused(PATH, paginas={"records": "r"} | paginas)
    assert what in str(error)
    assert error.transient == isinstance(error, NotYetError)
    assert left_in(peer.into) == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b'{"r": [{"BSN": "999990019"}, {"BSN', "een waarde is onvolledig of ongeldig"),
        (b'{"r": [{"BSN": "999990019"}', "een komma of ] ontbreekt"),
        (b'{"r": [{"BSN": "999990019"}]', "een komma of } ontbreekt"),
        (b'{"r": []} x', "na het einde staat nog meer"),
        (b'{"r": [], "r": [1]}', "een object noemt een sleutel twee keer"),
        (b'{"r" []}', "een dubbele punt ontbreekt"),
        (b"{r: []}", "een sleutel ontbreekt"),
        (b"<html>Meld u aan</html>", "een waarde is onvolledig of ongeldig"),
        (b"", "een waarde is onvolledig of ongeldig"),
        (b'{"r": ["\xff"]}', "utf-8"),
    ],
)
def test_a_page_that_is_no_json(app: tuple[Peer, App], body: bytes, what: str) -> None:
    peer, made = app
    made.answers[PATH] = [as_json({"r": [1]}), file(body)]
    error = peer.refused(PATH, paginas={"records": "r", "parameter": "page"})
    assert str(error).startswith("personen.jsonl pagina 2: ")
    assert what in str(error).lower()
    assert left_in(peer.into) == []


def test_two_links_to_different_next_pages(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers[PATH] = as_json([1], link=f'<{PATH}?a>; rel=next, <{PATH}?b>; rel="next"')
    assert "meer dan één volgende pagina" in str(peer.refused(PATH, paginas={"volgende": "link"}))


def test_one_page_where_more_were_expected_is_remarked(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers[PATH] = as_json({"r": [1], "_links": {"self": {"href": PATH}}})
    found = peer.fetch(PATH, paginas={"records": "r", "volgende": "_links.nxt.href"})
    assert found.remarks == ("Er was één pagina: een volgende stond niet op de plaats '_links.nxt.href'.",)


# --- broken off ---


def test_a_page_that_fails_is_asked_again_and_only_that_one(app: tuple[Peer, App]) -> None:
    peer, made = app
    failed: list[str] = []

    def sometimes(one: Asked) -> Any:
        if one.query.get("vanaf") == "4" and len(failed) < 2:
            failed.append(one.path)
            return file(b"", 503)
        return hal(one)

    made.answers[PATH] = sometimes
    assert people(peer.fetch(PATH, paginas=HAL, pogingen=3)) == PEOPLE
    assert [one.query.get("vanaf") for one in made.asked] == [None, "4", "4", "4", "8"]


def test_a_page_that_keeps_failing_leaves_nothing_and_the_next_time_succeeds(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers[PATH] = lambda one: file(b"", 500) if one.query.get("vanaf") == "8" else hal(one)
    error = peer.refused(PATH, paginas=HAL, pogingen=2)
    assert (isinstance(error, InterruptedTransferError), left_in(peer.into)) == (True, [])
    made.answers[PATH] = hal
    assert people(peer.fetch(PATH, paginas=HAL)) == PEOPLE


def test_a_page_that_is_cut_off_does_not_count_twice(tmp_path: Path, papers: Papers) -> None:
    whole = json.dumps({"r": PEOPLE}).encode()
    length = f"Content-Length: {len(whole)}"
    chunked = b"%x\r\n%s\r\n" % (len(whole) // 2, whole[: len(whole) // 2])
    scripts = [answers(length, body=whole[:90]), answers("Transfer-Encoding: chunked", body=chunked)]
    with raw(papers, *scripts, answers(length, body=whole)) as port:
        found = Peer(port, papers, tmp_path).fetch(PATH, paginas={"records": "r"}, pogingen=3)
    assert people(found) == PEOPLE


def test_a_page_without_a_length_is_whole_when_its_json_is(tmp_path: Path, papers: Papers) -> None:
    whole = json.dumps({"r": PEOPLE}).encode()
    with raw(papers, answers("Connection: close", body=whole[:-5]), answers("Connection: close", body=whole)) as port:
        peer = Peer(port, papers, tmp_path)
        assert "geen geldige JSON" in str(peer.refused(PATH, paginas={"records": "r"}))
        assert people(peer.fetch(PATH, paginas={"records": "r"})) == PEOPLE


def test_a_server_that_falls_silent_between_pages(tmp_path: Path, papers: Papers) -> None:
    body = json.dumps({"r": [1], "next": "?p=2"}).encode()
    first = answers(f"Content-Length: {len(body)}", "Connection: close", body=body)
    with raw(papers, first, Talk.until_hung_up) as port:
        peer = Peer(port, papers, tmp_path)
        error = peer.refused(PATH, paginas={"records": "r", "volgende": "next"}, time_out=0.3)
    assert "geen antwoord binnen 0.3 seconden" in str(error)
    assert left_in(peer.into) == []


def test_kmgb_is_killed_between_pages_and_run_again(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers[PATH] = hal
    child = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from test_fetch_https import PLAN, HttpsBron, Terms, fetch_https\n"
        "seen = []\n"
        "def die(name, done, total):\n"
        "    seen.append(done)\n"
        "    if len(seen) == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "fetch_https(HttpsBron.model_validate_json(sys.argv[1]), PLAN, Path(sys.argv[2]), terms=Terms(progress=die))\n"
    )
    bron = peer.bron(PATH, paginas=HAL).model_dump_json(exclude_unset=True)
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    command = [sys.executable, "-c", child, bron, str(peer.into)]
    assert subprocess.run(command, check=False, env=os.environ | {"PYTHONPATH": paths}).returncode == -signal.SIGKILL
    left = left_in(peer.into)
    assert left and all(name.startswith((".deel-", ".lees-")) for name in left)
    assert people(peer.fetch(PATH, paginas=HAL)) == PEOPLE
    assert left_in(peer.into) == ["personen.jsonl"]


def test_a_disk_that_fills_leaves_nothing_behind(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers[PATH] = lambda one: as_json(
        {"r": [{"n": one.query["p"], "x": "x" * 600_000}]} if one.query["p"] < "4" else {"r": []}
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        error = peer.refused(PATH, paginas={"records": "r", "parameter": "p"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(error) == f"personen.jsonl: de schijf met {peer.into} is vol. Maak ruimte en haal opnieuw op."
    assert left_in(peer.into) == []
    assert len(lines(peer.fetch(PATH, paginas={"records": "r", "parameter": "p"}))) == 3


# --- promises and moments ---


def test_a_checksum_of_a_page_is_checked(app: tuple[Peer, App]) -> None:
    peer, made = app
    body = gzip.compress(json.dumps({"r": PEOPLE}).encode())
    right = f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"
    made.answers[PATH] = file(body, content_encoding="gzip", content_digest=right)
    assert people(peer.fetch(PATH, paginas={"records": "r"})) == PEOPLE
    (peer.into / "personen.jsonl").unlink()
    made.answers[PATH] = file(body, content_encoding="gzip", content_digest=f"sha-256=:{'A' * 43}=:")
    assert "personen.jsonl pagina 1: de sha256 is niet" in str(peer.refused(PATH, paginas={"records": "r"}))


def test_the_peildatum_is_that_of_every_page(app: tuple[Peer, App]) -> None:
    peer, made = app
    paginas = {"records": "r", "parameter": "p"}
    days = ["2026-11-23", "2026-11-23", "2026-11-23"]
    made.answers[PATH] = lambda one: as_json(
        {"r": [one.query["p"]] if one.query["p"] < "3" else [], "meta": {"dag": days[int(one.query["p"]) - 1]}},
        x_dag=f"2026-11-2{one.query['p']}",
    )
    day = datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert peer.fetch(PATH, paginas=paginas, peildatum_pad="meta.dag").peildatum == day
    first = peer.fetch(PATH, paginas=paginas, peildatum_header="X-Dag")
    assert first.peildatum == datetime(2026, 11, 20, 23, tzinfo=UTC)
    first.path.unlink()
    days[1] = "2026-11-24"
    error = peer.refused(PATH, paginas=paginas, peildatum_pad="meta.dag")
    assert "de peildatum werd een andere: de gegevens veranderden tijdens het ophalen." in str(error)
    days[1] = PERSON
    assert "de peildatum in 'meta.dag' is niet te lezen" in str(
        peer.refused(PATH, paginas=paginas, peildatum_pad="meta.dag")
    )
    days[1] = ""
    found = peer.fetch(PATH, paginas=paginas, peildatum_pad="meta.dag")
    assert (found.peildatum, found.remarks) == (day, ("De peildatum 'meta.dag' ontbrak op een pagina.",))


def test_a_cursor_with_the_key_of_a_person_is_not_told(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers[PATH] = [as_json({"r": [1], "next": f"?na={PERSON}"}), file(b"", 404)]
    error = peer.refused(PATH, paginas={"records": "r", "volgende": "next"})
    assert str(error).startswith(f"https://localhost:{peer.port}{PATH}: op dit adres staat niets")


def test_a_test_of_a_source_asks_for_the_first_page_only(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers[PATH] = hal
    bron = peer.bron(PATH, paginas=HAL | {"totaal": "page.totalElements"})
    seen = probe_https(bron, PLAN, load_catalogue()["personen"], terms=TERMS)
    assert (seen.sample, seen.columns, len(seen.rows), seen.remarks) == ("personen.jsonl", ("BSN",), 4, ())
    assert {one.query.get("vanaf") for one in made.asked} == {None}
    made.answers[PATH] = as_json({"r": 1})
    assert "staat geen lijst" in probe_https(bron, PLAN, load_catalogue()["personen"], terms=TERMS).remarks[0]


def test_progress_is_told(app: tuple[Peer, App]) -> None:
    peer, made = app
    made.answers[PATH] = hal
    told: list[tuple[str, int, int]] = []
    peer.fetch(PATH, replace(TERMS, progress=lambda *step: told.append(step)), paginas=HAL)
    assert [name for name, _, _ in told] == ["personen.jsonl"] * 3
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
