"""Records in a SOAP envelope, pushed to the running server: a Bv03 with the number, or a fault with the reasons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from lxml import etree
from servers_web import OTHER_TOKEN, PATH, TOKEN, Kmgb, client, kmgb, left, make_town

from kmgb.landing import manifests

S11, S12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
NAMES = {"s11": S11, "s12": S12, "stuf": "http://www.egem.nl/StUF/StUF0301", "k": "urn:kmgb:aanlevering"}
XML_11 = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
XML_12 = {"Content-Type": "application/soap+xml; charset=utf-8"}


def message(rows: int = 2, *, space: str = S11, moment: str = "20260301063000", name: str = "Jansen & Zn") -> bytes:
    root = etree.Element(f"{{{space}}}Envelope", nsmap={"soapenv": space})
    body = etree.SubElement(root, f"{{{space}}}Body")
    outer = etree.SubElement(body, "{urn:leverancier}npsLa01")
    header = etree.SubElement(outer, f"{{{NAMES['stuf']}}}stuurgegevens")
    for tag, text in (("berichtcode", "La01"), ("referentienummer", "REF-0042"), ("tijdstipBericht", moment)):
        etree.SubElement(header, f"{{{NAMES['stuf']}}}{tag}").text = text
    for row in range(rows):
        record = etree.SubElement(outer, "{urn:leverancier}persoon")
        etree.SubElement(record, "{urn:leverancier}BSN").text = f"{row:09d}"
        etree.SubElement(record, "{urn:leverancier}NAAM").text = name
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kmgb, Path]]:
    """One server for all that is refused: nothing may ever be accepted there."""
    town = make_town(tmp_path_factory.mktemp("streng"), reader=READER)
    with kmgb(town) as running:
        yield running, town


READER = 'formaat = "xml"\nrecord = "persoon"'


@pytest.fixture
def town(tmp_path: Path) -> Path:
    return make_town(tmp_path, reader=READER)


@pytest.fixture
def served(town: Path) -> Iterator[Kmgb]:
    with kmgb(town) as running:
        yield running


def push(
    served: Kmgb, content: bytes, headers: dict[str, str], token: str = TOKEN
) -> tuple[httpx2.Response, etree._Element]:
    with client(served.address, token) as caller:
        answer = caller.post(PATH, content=content, headers=headers)
    return answer, etree.fromstring(answer.content)


def texts(document: etree._Element, path: str) -> list[str]:
    return [str(element.text) for element in document.findall(path, NAMES)]


def landed(town: Path) -> list[str]:
    known = manifests(town.parent / "data" / "aanleveringen", "sociaal", "personen")
    return [manifest.id for manifest in known if manifest.status == "geaccepteerd"]


@pytest.mark.parametrize(
    ("headers", "space", "prefix"),
    [(XML_11, S11, "s11"), ({"Content-Type": "text/xml"}, S11, "s11"), (XML_12, S12, "s12")],
    ids=["1.1", "1.1 without an action", "1.2"],
)
def test_records_in_an_envelope_get_a_confirmation_with_the_number(
    served: Kmgb, town: Path, headers: dict[str, str], space: str, prefix: str
) -> None:
    answer, document = push(served, message(space=space), headers)
    assert (answer.status_code, document.tag) == (201, f"{{{space}}}Envelope")
    assert answer.headers["content-type"].partition(";")[0] == headers["Content-Type"].partition(";")[0]
    bericht = f"{prefix}:Body/stuf:Bv03Bericht/"
    assert texts(document, f"{bericht}stuf:stuurgegevens/stuf:berichtcode") == ["Bv03"]
    assert texts(document, f"{bericht}stuf:stuurgegevens/stuf:crossRefnummer") == ["REF-0042"]
    assert texts(document, f"{bericht}k:aanlevering/k:nummer") == landed(town)
    assert texts(document, f"{bericht}k:aanlevering/k:rijen") == ["2"]
    assert texts(document, f"{bericht}k:aanlevering/k:peildatum") == ["2026-03-01T06:30:00+01:00"]
    again, same = push(served, message(space=space), headers)
    assert again.status_code == 200
    assert texts(same, f"{bericht}k:aanlevering/k:nummer") == landed(town)
    assert left(town) == []


def test_the_peildatum_may_stand_in_an_element_that_was_agreed(tmp_path: Path) -> None:
    town = make_town(tmp_path, door='peildatum_element = "peildatum"', reader=READER)
    content = message().replace(b"tijdstipBericht>20260301063000", b"tijdstipBericht>20260303063000")
    content = content.replace(b"</ns1:stuurgegevens>", b"<peildatum>2026-02-28</peildatum></ns1:stuurgegevens>", 1)
    assert b"<peildatum>" in content
    with kmgb(town) as served:
        _, document = push(served, content, XML_11)
    assert texts(document, ".//k:peildatum") == ["2026-02-28T00:00:00+01:00"]


@pytest.mark.parametrize(("headers", "space", "status"), [(XML_11, S11, 500), (XML_12, S12, 400)], ids=["1.1", "1.2"])
def test_quarantine_is_a_fault_with_the_number_and_the_reasons(
    served: Kmgb, town: Path, headers: dict[str, str], space: str, status: int
) -> None:
    push(served, message(100, space=space), headers)
    answer, document = push(served, message(10, space=space, moment="20260308063000"), headers)
    assert answer.status_code == status
    said = texts(document, ".//stuf:Fo03Bericht/stuf:body/stuf:details")
    assert said == ["10 rijen; de vorige keer 100. Dat is meer dan 20 % minder."]
    assert texts(document, ".//stuf:Fo03Bericht/stuf:stuurgegevens/stuf:crossRefnummer") == ["REF-0042"]
    (number,) = texts(document, ".//k:aanlevering/k:nummer")
    with client(served.address) as caller:
        assert caller.get(f"{PATH}/{number}").json()["status"] == "quarantaine"
    if space == S11:
        assert texts(document, "s11:Body/s11:Fault/faultcode") == ["soap:Client"]
        assert texts(document, "s11:Body/s11:Fault/faultstring")[0].startswith("De aanlevering staat in quarantaine")
    else:
        assert texts(document, "s12:Body/s12:Fault/s12:Code/s12:Value") == ["soap:Sender"]
        assert texts(document, "s12:Body/s12:Fault/s12:Reason/s12:Text")[0].startswith("De aanlevering staat in")


BOMB = b'<!DOCTYPE x [<!ENTITY a "lol">' + b"".join(
    b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(8)
)
HOSTILE = {
    "a file of ours": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "the network": b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    "billion laughs": BOMB + b"]>",
}


@pytest.mark.parametrize("prologue", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(("headers", "space"), [(XML_11, S11), (XML_12, S12)], ids=["1.1", "1.2"])
def test_hostile_envelopes_are_refused(
    strict: tuple[Kmgb, Path], prologue: bytes, headers: dict[str, str], space: str
) -> None:
    served, town = strict
    reference = b"&i;" if prologue.startswith(BOMB) else b"&e;"
    content = message(space=space, name="HIER").replace(b"HIER", reference)
    content = content.replace(b"?>\n", b"?>\n" + prologue, 1)
    answer, document = push(served, content, headers)
    assert answer.status_code == (500 if space == S11 else 400)
    (told,) = texts(document, ".//stuf:Fo03Bericht/stuf:body/stuf:omschrijving")
    assert "DOCTYPE" in told and "root:" not in answer.text
    assert landed(town) == [] and left(town) == []


def test_hostile_xml_without_an_envelope_is_kept_but_not_read(served: Kmgb, town: Path) -> None:
    content = HOSTILE["a file of ours"] + b"<l><persoon><BSN>&e;</BSN><NAAM>x</NAAM></persoon></l>"
    with client(served.address) as caller:
        answer = caller.post(PATH, content=content, headers={"Content-Type": "application/xml"})
    assert answer.status_code == 422
    assert "XML-entiteiten" in answer.json()["redenen"][0]
    assert "root:" not in answer.text and len(left(town)) == 1


CUT = {"in the header": 150, "in the records": -200, "in the last element": -8}


@pytest.mark.parametrize("place", CUT.values(), ids=CUT)
def test_an_envelope_that_breaks_off_is_refused(strict: tuple[Kmgb, Path], place: int) -> None:
    served, town = strict
    answer, document = push(served, message()[:place], XML_11)
    assert answer.status_code == 500
    assert len(texts(document, ".//stuf:Fo03Bericht/stuf:body/stuf:omschrijving")) == 1
    assert landed(town) == []


REFUSED = {
    "a moment that is none": (message(moment="vandaag"), XML_11, TOKEN, 500, "bericht"),
    "no envelope": (b"<l><persoon><BSN>1</BSN></persoon></l>", XML_12, TOKEN, 400, "bericht"),
    "a stranger": (message(), XML_11, "", 401, "aanmelden"),
    "another afnemer": (message(space=S12), XML_12, OTHER_TOKEN, 403, "andere-afnemer"),
}


@pytest.mark.parametrize(("content", "headers", "token", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_refusals_are_faults_too(
    strict: tuple[Kmgb, Path], content: bytes, headers: dict[str, str], token: str, status: int, code: str
) -> None:
    served, town = strict
    answer, document = push(served, content, headers, token)
    assert answer.status_code == status
    assert texts(document, ".//stuf:Fo03Bericht/stuf:body/stuf:code") == [code]
    assert texts(document, ".//stuf:Fo03Bericht/stuf:body/stuf:plek") == ["client"]
    assert landed(town) == [] and "Jansen" not in answer.text


def test_an_envelope_for_another_format_is_refused(tmp_path: Path) -> None:
    with kmgb(make_town(tmp_path)) as served:
        answer, document = push(served, message(), XML_11)
    assert (answer.status_code, texts(document, ".//stuf:body/stuf:code")) == (415, ["soort"])


def test_a_long_header_is_read_in_bounded_memory(served: Kmgb) -> None:
    content = message().replace(b"<ns0:npsLa01", b"<x>" + b"<y>z</y>" * 200_000 + b"</x><ns0:npsLa01", 1)
    assert len(content) > 1_600_000
    answer, document = push(served, content, XML_11)
    assert answer.status_code == 201
    assert texts(document, ".//k:aanlevering/k:rijen") == ["2"]
