"""In which form an answer goes back: JSON, or a SOAP envelope to who sent one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

from lxml import etree
from starlette.responses import JSONResponse, Response

from kmgb.run.envelope import NAMESPACES, Envelope, Soap
from kmgb.web.documents import Aanlevering
from kmgb.web.problems import RefusalError

STUF = "http://www.egem.nl/StUF/StUF0301"
OURS = "urn:kmgb:aanlevering"
_MEDIA: Mapping[Soap, str] = MappingProxyType({"1.1": "text/xml", "1.2": "application/soap+xml"})
# SOAP over HTTP has its own statuses for what is wrong in the message; those of HTTP itself stay.
_OF_CONTENT = frozenset({400, 422, 500, 507})
_STAMP = "%Y%m%d%H%M%S"


class Answers(Protocol):
    """One form of answer."""

    def delivered(self, found: Aanlevering, status: int, headers: Mapping[str, str]) -> Response:
        """What became of the delivery."""

    def refused(self, refusal: RefusalError) -> Response:
        """Why there is none."""


class Json:
    """The form of the API itself."""

    def delivered(self, found: Aanlevering, status: int, headers: Mapping[str, str]) -> Response:
        return JSONResponse(found.model_dump(mode="json"), status, headers)

    def refused(self, refusal: RefusalError) -> Response:
        return refusal.response()


class Soaps:
    """StUF-like messages: a Bv03 with the number, or a fault with an Fo03 in which the reasons are."""

    def __init__(self, envelope: Envelope) -> None:
        self._soap, self._reference = envelope.soap, envelope.reference

    def delivered(self, found: Aanlevering, status: int, headers: Mapping[str, str]) -> Response:
        if found.status == "quarantaine":
            text = "De aanlevering staat in quarantaine: zij wordt niet vergeleken tot de gemeente anders besluit."
            return self._fault(status, "quarantaine", text, found.redenen, found, headers)
        root, body = self._envelope()
        message = etree.SubElement(body, f"{{{STUF}}}Bv03Bericht", nsmap={"StUF": STUF})
        self._stuurgegevens(message, "Bv03")
        message.append(_aanlevering(found))
        return self._response(root, status, headers)

    def refused(self, refusal: RefusalError) -> Response:
        return self._fault(refusal.status, refusal.kind, refusal.detail, [], None, refusal.headers)

    def _fault(
        self,
        status: int,
        code: str,
        text: str,
        reasons: list[str],
        found: Aanlevering | None,
        headers: Mapping[str, str],
    ) -> Response:
        root, body = self._envelope()
        theirs = status < 500
        detail = self._fault_11(body, text, theirs) if self._soap == "1.1" else self._fault_12(body, text, theirs)
        message = etree.SubElement(detail, f"{{{STUF}}}Fo03Bericht", nsmap={"StUF": STUF})
        self._stuurgegevens(message, "Fo03")
        inside = etree.SubElement(message, f"{{{STUF}}}body")
        _put(inside, f"{{{STUF}}}code", code)
        _put(inside, f"{{{STUF}}}plek", "client" if theirs else "server")
        _put(inside, f"{{{STUF}}}omschrijving", text)
        for reason in reasons:
            _put(inside, f"{{{STUF}}}details", reason)
        if found is not None:
            inside.append(_aanlevering(found))
        if status in _OF_CONTENT:
            status = 400 if self._soap == "1.2" and theirs else 500
        return self._response(root, status, headers)

    def _fault_11(self, body: etree._Element, text: str, theirs: bool) -> etree._Element:
        fault = etree.SubElement(body, self._named("Fault"))
        _put(fault, "faultcode", "soap:Client" if theirs else "soap:Server")
        _put(fault, "faultstring", text)
        return etree.SubElement(fault, "detail")

    def _fault_12(self, body: etree._Element, text: str, theirs: bool) -> etree._Element:
        fault = etree.SubElement(body, self._named("Fault"))
        code = etree.SubElement(fault, self._named("Code"))
        _put(code, self._named("Value"), "soap:Sender" if theirs else "soap:Receiver")
        reason = etree.SubElement(fault, self._named("Reason"))
        said = etree.SubElement(reason, self._named("Text"))
        said.set("{http://www.w3.org/XML/1998/namespace}lang", "nl")
        said.text = text
        return etree.SubElement(fault, self._named("Detail"))

    def _envelope(self) -> tuple[etree._Element, etree._Element]:
        root = etree.Element(self._named("Envelope"), nsmap={"soap": NAMESPACES[self._soap]})
        return root, etree.SubElement(root, self._named("Body"))

    def _stuurgegevens(self, message: etree._Element, kind: str) -> None:
        header = etree.SubElement(message, f"{{{STUF}}}stuurgegevens")
        _put(header, f"{{{STUF}}}berichtcode", kind)
        _put(header, f"{{{STUF}}}tijdstipBericht", datetime.now(UTC).astimezone().strftime(_STAMP))
        if self._reference:
            _put(header, f"{{{STUF}}}crossRefnummer", self._reference)

    def _named(self, name: str) -> str:
        return f"{{{NAMESPACES[self._soap]}}}{name}"

    def _response(self, root: etree._Element, status: int, headers: Mapping[str, str]) -> Response:
        content = etree.tostring(root, xml_declaration=True, encoding="utf-8")
        return Response(content, status, headers, f"{_MEDIA[self._soap]}; charset=utf-8")


def _aanlevering(found: Aanlevering) -> etree._Element:
    """The same facts as in JSON, under the same names."""
    element = etree.Element(f"{{{OURS}}}aanlevering", nsmap={None: OURS})  # type: ignore[dict-item]  # the stubs know no default namespace
    for name, value in found.model_dump(mode="json", exclude_none=True).items():
        for one in value if isinstance(value, list) else [value]:
            _put(element, f"{{{OURS}}}{name}", str(one))
    return element


def _put(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text
