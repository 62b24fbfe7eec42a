"""The push door, over HTTP to the running `kmgb serve`: what is answered, what is kept, what is told to nobody."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import polars as pl
import pytest
from servers_web import OTHER_TOKEN, PATH, TOKEN, Kmgb, client, dump, kmgb, left, make_town

from kmgb.arrival.audit import AUDIT_FILE, broken_line
from kmgb.arrival.decide import decide
from kmgb.landing import manifests
from kmgb.run.distributie import land_dump
from kmgb.run.municipality import Municipality
from kmgb.settings import load_settings

NOW = datetime(2026, 3, 9, tzinfo=UTC)
MARCH = {"peildatum": "2026-03-01"}


@pytest.fixture
def town(tmp_path: Path) -> Path:
    return make_town(tmp_path)


@pytest.fixture
def served(town: Path) -> Iterator[Kmgb]:
    with kmgb(town) as running:
        yield running


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kmgb, Path]]:
    """One server for all that is refused: nothing may ever be landed there."""
    town = make_town(tmp_path_factory.mktemp("streng"))
    with kmgb(town) as running:
        yield running, town


def push(served: Kmgb, content: bytes, token: str = TOKEN, path: str = PATH, **more: Any) -> httpx2.Response:
    with client(served.address, token) as caller:
        return caller.post(path, content=content, **more)


def problem(answer: httpx2.Response) -> tuple[int, str]:
    """The status and the kind, of an answer that is a problem with a sentence and nothing of the program in it."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert set(document) == {"type", "title", "status", "detail"}
    assert document["status"] == answer.status_code
    assert document["detail"].endswith((".", "?"))
    assert "Traceback" not in answer.text and "kmgb/" not in answer.text
    return answer.status_code, document["type"].removeprefix("urn:kmgb:probleem:")


def landed(town: Path) -> list[str]:
    return [manifest.id for manifest in manifests(town.parent / "data" / "aanleveringen", "sociaal", "personen")]


def audit(town: Path) -> list[dict[str, str]]:
    path = town.parent / "data" / AUDIT_FILE
    assert broken_line(path) is None
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_new_delivery_gets_a_number_and_the_same_content_keeps_it(served: Kmgb, town: Path) -> None:
    first, again = (push(served, dump(3), params=MARCH) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    document = first.json()
    assert again.json() == document
    assert landed(town) == [document["nummer"]]
    assert first.headers["location"] == f"{PATH}/{document['nummer']}"
    facts = {name: document[name] for name in ("status", "rijen", "peildatum", "peildatum_uit", "bytes", "redenen")}
    assert facts == {
        "status": "geaccepteerd", "rijen": 3, "peildatum": "2026-03-01T00:00:00+01:00", "peildatum_uit": "opgegeven",
        "bytes": len(dump(3)), "redenen": [],
    }  # fmt: skip
    assert document["sha256"] == hashlib.sha256(dump(3)).hexdigest()
    assert left(town) == []


def test_without_any_peildatum_the_same_content_is_still_the_same_delivery(served: Kmgb, town: Path) -> None:
    first, again, other = (push(served, content) for content in (dump(3), dump(3), dump(4)))
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert again.json()["nummer"] == first.json()["nummer"] != other.json()["nummer"]
    assert first.json()["peildatum_uit"] == "bestandsdatum"


def test_what_is_out_of_band_is_recorded_in_quarantine_and_can_be_released(served: Kmgb, town: Path) -> None:
    push(served, dump(100), params=MARCH)
    small, again = (push(served, dump(50), params={"peildatum": "2026-03-02"}) for _ in range(2))
    assert (small.status_code, again.status_code) == (422, 422)
    document = small.json()
    assert (document["status"], document["nummer"]) == ("quarantaine", again.json()["nummer"])
    assert document["redenen"] == ["50 rijen; de vorige keer 100. Dat is meer dan 20 % minder."]
    assert left(town) == []
    data = town.parent / "data"
    said: dict[str, Any] = {"who": "M. de Vries", "why": "klopt zo", "now": NOW}
    decide(data / "aanleveringen", data / AUDIT_FILE, [document["nummer"]], "vrijgegeven", **said)
    with client(served.address) as caller:
        state = caller.get(small.headers["location"]).json()
    assert (state["status"], state["redenen"], state["besluit"]["uitspraak"]) == ("geaccepteerd", [], "vrijgegeven")
    assert push(served, dump(50), params={"peildatum": "2026-03-02"}).status_code == 200
    assert "de Vries" not in json.dumps(state)


def test_a_rejected_delivery_stays_out_and_names_no_colleague(served: Kmgb, town: Path) -> None:
    push(served, dump(100), params=MARCH)
    number = push(served, dump(50), params={"peildatum": "2026-03-02"}).json()["nummer"]
    data = town.parent / "data"
    decide(data / "aanleveringen", data / AUDIT_FILE, [number], "afgekeurd", who="M. de Vries", why="half", now=NOW)
    again = push(served, dump(50), params={"peildatum": "2026-03-02"})
    assert (again.status_code, again.json()["redenen"][1:]) == (422, ["De gemeente heeft deze aanlevering afgekeurd."])
    assert "de Vries" not in again.text


def test_what_cannot_be_read_is_kept_as_it_came(served: Kmgb, town: Path) -> None:
    answers = [push(served, b"BSN,NAAM\n1,\xff\xfe\n") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    number = answers[0].json()["nummer"]
    assert answers[1].json()["nummer"] == number
    assert left(town) == [f"{number}-sociaal_personen.csv"]
    (kept,) = (town.parent / "data" / "ontvangen").rglob(f"geweigerd/{number}-*")
    assert kept.read_bytes() == b"BSN,NAAM\n1,\xff\xfe\n"


def test_a_pushed_delivery_is_what_the_controle_compares(served: Kmgb, town: Path) -> None:
    push(served, dump(3), params=MARCH)
    number = push(served, dump(4), params={"peildatum": "2026-03-08"}).json()["nummer"]
    municipality = Municipality(load_settings(town))
    assert land_dump(municipality, municipality.mappings["sociaal"], "personen", NOW).manifest.id == number


@pytest.mark.parametrize(
    ("token", "path", "expected"),
    [
        ("", PATH, (401, "aanmelden")),
        ("verzonnen-token-dat-niemand-heeft", PATH, (401, "aanmelden")),
        ("", "/api/v1/aanleveringen/bestaat/niet", (401, "aanmelden")),
        (OTHER_TOKEN, PATH, (403, "andere-afnemer")),
        (TOKEN, "/api/v1/aanleveringen/sociaaal/personen", (404, "onbekend")),
        (TOKEN, "/api/v1/aanleveringen/sociaal/persoon", (404, "onbekend")),
        (TOKEN, "/api/v1/iets-anders", (404, "onbekend")),
    ],
    ids=["no token", "wrong token", "a stranger learns nothing", "another's", "afnemer", "entity", "address"],
)
def test_who_may_not_is_refused(strict: tuple[Kmgb, Path], token: str, path: str, expected: tuple[int, str]) -> None:
    served, town = strict
    answer = push(served, dump(3), token, path)
    assert problem(answer) == expected
    assert landed(town) == [] and left(town) == []
    assert answer.headers.get("www-authenticate", "").startswith("Bearer") == (expected[0] == 401)


def test_names_are_offered_only_to_who_is_known(strict: tuple[Kmgb, Path]) -> None:
    served, _ = strict
    assert "'sociaal'" in push(served, b"x", TOKEN, "/api/v1/aanleveringen/sociaaal/personen").json()["detail"]
    assert "'personen'" in push(served, b"x", TOKEN, "/api/v1/aanleveringen/sociaal/persoon").json()["detail"]
    strangers = [push(served, b"x", "", f"/api/v1/aanleveringen/{name}/personen").text for name in ("sociaal", "niets")]
    assert strangers[0] == strangers[1]
    assert "sociaal" not in strangers[0]
    parked = push(served, b"x", OTHER_TOKEN, "/api/v1/aanleveringen/sociaaal/personen").json()["detail"]
    assert "sociaal" not in parked


def digest(kind: str, content: bytes) -> str:
    return base64.b64encode(hashlib.new(kind, content).digest()).decode()


SUMS = [
    ("Content-Digest", lambda content: f"sha-256=:{digest('sha256', content)}:"),
    ("Content-Digest", lambda content: f"md5=:AAAA:, sha-512=:{digest('sha512', content)}:"),
    ("Repr-Digest", lambda content: f"sha-256=:{digest('sha256', content)}:"),
    ("Digest", lambda content: f"SHA-256={digest('sha256', content)}"),
    ("X-Checksum-Sha256", lambda content: hashlib.sha256(content).hexdigest().upper()),
    ("X-Checksum-Sha512", lambda content: hashlib.sha512(content).hexdigest()),
]


@pytest.mark.parametrize(("header", "of"), SUMS, ids=["256", "512", "repr", "digest", "hex", "hex 512"])
def test_a_checksum_is_checked(served: Kmgb, town: Path, header: str, of: Any) -> None:
    wrong = push(served, dump(3), headers={header: of(dump(4))})
    assert problem(wrong) == (400, "niet-zoals-beloofd")
    assert landed(town) == [] and left(town) == []
    assert push(served, dump(3), headers={header: of(dump(3))}).status_code == 201


@pytest.mark.parametrize(
    ("headers", "params", "expected"),
    [
        ({"X-Checksum-Sha256": "abc"}, {}, (400, "verzoek")),
        ({"Content-Digest": "sha-256=:geen base64:"}, {}, (400, "verzoek")),
        ({"X-Checksum-Sha256": "0" * 64, "Digest": f"SHA-256={digest('sha256', b'')}"}, {}, (400, "verzoek")),
        ({}, {"peildatum": "vorige week"}, (400, "verzoek")),
        ({"X-Peildatum": "2026-03-02"}, {"peildatum": "2026-03-01"}, (400, "verzoek")),
        ({}, {"peildatum": "2999-01-01"}, (400, "niet-zoals-beloofd")),
        ({}, {"peildatum": "2026-03-01", "bestandsnaam": "dump_20260302.csv"}, (400, "niet-zoals-beloofd")),
        ({"X-Rijen": "4"}, {}, (400, "niet-zoals-beloofd")),
        ({"X-Rijen": "drie"}, {}, (400, "verzoek")),
        ({"Content-Type": "application/pdf"}, {}, (415, "soort")),
        ({"Content-Type": "application/json"}, {}, (415, "soort")),
        ({"Content-Type": "image/png"}, {}, (415, "soort")),
        ({"Content-Type": "multipart/form-data; boundary=x"}, {}, (415, "soort")),
        ({"Content-Encoding": "br"}, {}, (415, "soort")),
    ],
    ids=[
        "short sum", "no base64", "sums differ", "peildatum", "peildatums differ", "future", "name differs", "rows",
        "no number", "pdf", "json", "image", "form", "brotli",
    ],
)  # fmt: skip
def test_what_is_said_must_be_so(
    strict: tuple[Kmgb, Path], headers: dict[str, str], params: dict[str, str], expected: tuple[int, str]
) -> None:
    served, town = strict
    assert problem(push(served, dump(3), headers=headers, params=params)) == expected
    assert landed(town) == [] and left(town) == []


def test_promises_that_are_kept(served: Kmgb) -> None:
    headers = {"X-Rijen": "3", "X-Bestandsnaam": "../../etc/dump%20caf%C3%A9_20260301.csv", "Content-Type": "text/csv"}
    document = push(served, dump(3), headers=headers).json()
    assert (document["bestand"], document["peildatum_uit"]) == ("dump_café_20260301.csv", "bestandsnaam")
    assert document["peildatum"].startswith("2026-03-01T00:00")
    moment = push(served, dump(4), params={"peildatum": "2026-03-08T06:30:00+00:00"}).json()
    assert moment["peildatum"] == "2026-03-08T07:30:00+01:00"


def test_a_packed_file_and_one_without_a_declared_length(served: Kmgb) -> None:
    packed = gzip.compress(dump(3))
    headers = {"Content-Encoding": "gzip", "Content-Digest": f"sha-256=:{digest('sha256', packed)}:"}
    assert push(served, packed, headers=headers, params=MARCH).json()["rijen"] == 3
    with client(served.address) as caller:
        answer = caller.post(PATH, content=iter([dump(3)[:7], dump(3)[7:]]), params={"peildatum": "2026-03-08"})
    assert (answer.request.headers["transfer-encoding"], answer.json()["rijen"]) == ("chunked", 3)


def test_nothing_at_all_is_no_delivery(strict: tuple[Kmgb, Path]) -> None:
    served, town = strict
    assert problem(push(served, b"")) == (400, "verzoek")
    assert landed(town) == []


FORMATS = {
    "jsonl": ("application/x-ndjson", b'{"BSN": "1", "NAAM": "x"}\n{"BSN": "2", "NAAM": "y"}\n'),
    "json": ("application/json", b'[{"BSN": "1", "NAAM": "x"}, {"BSN": "2", "NAAM": "y"}]'),
    "xml": ("text/xml", b"<l><p><BSN>1</BSN><NAAM>x</NAAM></p><p><BSN>2</BSN><NAAM>y</NAAM></p></l>"),
    "parquet": ("application/vnd.apache.parquet", b""),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b""),
}


@pytest.mark.parametrize("formaat", FORMATS)
def test_every_format_that_was_agreed(tmp_path: Path, formaat: str) -> None:
    record = '\nrecord = "p"' if formaat == "xml" else ""
    town = make_town(tmp_path, reader=f'formaat = "{formaat}"{record}')
    kind, content = FORMATS[formaat]
    frame, path = pl.DataFrame({"BSN": ["1", "2"], "NAAM": ["x", "y"]}), tmp_path / f"made.{formaat}"
    if formaat == "parquet":
        frame.write_parquet(path)
    elif formaat == "xlsx":
        frame.write_excel(path)
    with kmgb(town) as served:
        answer = push(served, content or path.read_bytes(), headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["rijen"]) == (201, 2)
        assert answer.json()["bestand"] == f"sociaal_personen.{formaat}"


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_too_large_is_refused_however_it_comes(tmp_path: Path, declared: bool) -> None:
    town = make_town(tmp_path, door="grootste = 100")
    with kmgb(town) as served, client(served.address) as caller:
        content = dump(20)
        answer = caller.post(PATH, content=content if declared else iter([content[:90], content[90:]]))
        assert problem(answer) == (413, "te-groot")
        assert left(town) == []
        assert caller.post(PATH, content=dump(3)).status_code == 201


def test_the_state_of_a_delivery_is_for_its_own_supplier(served: Kmgb) -> None:
    place = push(served, dump(3)).headers["location"]
    with (
        client(served.address) as own,
        client(served.address, OTHER_TOKEN) as other,
        client(served.address, "") as none,
    ):
        assert own.get(place).json()["status"] == "geaccepteerd"
        assert problem(own.get(f"{PATH}/0123456789abcdef")) == (404, "onbekend")
        assert problem(own.get(f"{PATH}/..%2f..%2fmanifest")) == (404, "onbekend")
        assert problem(other.get(place)) == (403, "andere-afnemer")
        assert problem(none.get(place)) == (401, "aanmelden")
        assert problem(own.put(PATH)) == (405, "methode")


def test_every_push_is_in_the_audit_log_without_a_secret(served: Kmgb, town: Path) -> None:
    number = push(served, dump(3)).json()["nummer"]
    push(served, dump(3), headers={"X-Rijen": "4"})
    push(served, dump(3), OTHER_TOKEN)
    push(served, dump(3), "verkeerd-geheim-4711-abcdefghijkl", "/api/v1/aanleveringen/999990019/personen")
    lines = audit(town)
    assert [(line["wie"], line["wat"], line["over"], line["waarom"]) for line in lines] == [
        ("sociaal (token)", "aanlevering ontvangen", f"sociaal/personen/{number}", "geaccepteerd"),
        ("sociaal (token)", "aanlevering geweigerd", "sociaal/personen", "400 Niet zoals beloofd"),
        ("parkeren (token)", "aanlevering geweigerd", "aanleveringen", "403 Niet voor deze afnemer"),
        ("onbekend (127.0.0.1)", "aanlevering geweigerd", "aanleveringen", "401 Niet aangemeld"),
    ]
    everything = (town.parent / "data" / AUDIT_FILE).read_text() + served.log.read_text()
    for secret in (TOKEN, OTHER_TOKEN, "verkeerd-geheim", "999990019"):
        assert secret not in everything


def test_strangers_do_not_fill_the_audit_log(served: Kmgb, town: Path) -> None:
    with client(served.address, "") as stranger:
        assert {stranger.post(PATH, content=b"x").status_code for _ in range(40)} == {401}
    assert len(audit(town)) == 20


def test_answers_protect_themselves(strict: tuple[Kmgb, Path]) -> None:
    served, _ = strict
    answer = push(served, b"x", "")
    assert "server" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_openapi_tells_what_is_so(served: Kmgb) -> None:
    with client(served.address, "") as caller:
        told = caller.get("/api/v1/openapi.json").json()
    post = told["paths"]["/api/v1/aanleveringen/{afnemer}/{entity}"]["post"]
    answers = [
        push(served, dump(100), params=MARCH), push(served, dump(100), params=MARCH),
        push(served, dump(3), params={"peildatum": "2026-03-02"}), push(served, b"x", ""),
        push(served, b"x", OTHER_TOKEN), push(served, b"x", headers={"Content-Type": "text/html"}),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [201, 200, 422, 401, 403, 415]
    for answer in answers:
        content = post["responses"][str(answer.status_code)]["content"]
        schema = content[answer.headers["content-type"]]["schema"] | {"components": told["components"]}
        jsonschema.validate(answer.json(), schema)
    assert {"400", "404", "408", "413", "500", "503", "507"} <= set(post["responses"])
    assert post["security"] == [{"token": []}, {"certificaat": []}]
    assert {parameter["name"] for parameter in post["parameters"]} >= {
        "afnemer",
        "entity",
        "peildatum",
        "Content-Digest",
    }
