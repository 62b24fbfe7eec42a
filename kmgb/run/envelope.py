"""A SOAP envelope around the records: which SOAP it is, and what its stuurgegevens say.

Only what stands before the first record is looked at here; the records themselves are what the reader of the mapping
finds in the same file (`formaat = "xml"`, `record = "..."`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

from lxml import etree

from kmgb.sources.delivered import RefusedError
from kmgb.sources.dumps import as_utc
from kmgb.sources.trees import events, forget, local

Soap = Literal["1.1", "1.2"]
NAMESPACES: Mapping[Soap, str] = MappingProxyType(
    {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}
)
_REFERENCE, _LONGEST = "referentienummer", 80
_MOST = 2_000  # elements before the first record: a header, not a hiding place


@dataclass(frozen=True, slots=True)
class Envelope:
    """`reference` is the supplier's own number of the message, `moment` of when it speaks; empty when not said."""

    soap: Soap
    reference: str = ""
    moment: datetime | None = None


def read_envelope(path: Path, record: str, moment: str, zone: str) -> Envelope | None:
    """The envelope of the file; None when it is another kind of file. `moment`: the element with the peildatum.

    Raises: RefusedError when it is an envelope that breaks off, or that has a DOCTYPE: SOAP allows none.
    """
    found = _Found(path, record.rpartition("/")[2], moment, zone)
    try:
        with path.open("rb") as stream:
            for event, element in events(stream.read, kinds=("start", "end")):
                if not found.goes_on(event, element):
                    break
    except etree.XMLSyntaxError as error:
        if found.envelope is None:
            return None  # the reader says what is wrong with it
        what = f"de SOAP-envelop is geen geldige XML of breekt af, bij regel {error.lineno}."
        raise RefusedError(path, "soap", what, "Verstuur het bericht opnieuw.") from None
    return found.envelope


class _Found:
    """What was seen so far. Everything is forgotten at its end, so memory stays bounded."""

    def __init__(self, path: Path, record: str, moment: str, zone: str) -> None:
        self.envelope: Envelope | None = None
        self._path, self._record, self._moment, self._zone = path, record, moment, zone
        self._seen = 0

    def goes_on(self, event: str, element: etree._Element) -> bool:
        """False when there is nothing more to know."""
        if self.envelope is None:
            self.envelope = self._root(element)
            return self.envelope is not None
        if event == "start":
            self._seen += 1
            return local(element) != self._record and self._seen < _MOST
        self._take(element)
        forget(element)
        return True

    def _root(self, element: etree._Element) -> Envelope | None:
        known = (soap for soap, space in NAMESPACES.items() if element.tag == f"{{{space}}}Envelope")
        soap = next(known, None)
        if soap is not None and element.getroottree().docinfo.internalDTD is not None:
            what = "het bericht heeft een DOCTYPE; dat mag in SOAP niet."
            raise RefusedError(self._path, "xml_entiteiten", what, "Verstuur het zonder DOCTYPE.")
        return None if soap is None else Envelope(soap)

    def _take(self, element: etree._Element) -> None:
        envelope, text = cast("Envelope", self.envelope), (element.text or "").strip()
        reference, moment = envelope.reference, envelope.moment
        if local(element) == _REFERENCE and not reference:
            reference = text[:_LONGEST]
        if local(element) == self._moment and moment is None and text:
            moment = self._parsed(text)
        self.envelope = Envelope(envelope.soap, reference, moment)

    def _parsed(self, text: str) -> datetime:
        """20261124, 20261124093000 or with thousandths, as StUF writes it; or ISO 8601."""
        digits = re.fullmatch(r"(\d{8})(\d{6})?\d{0,3}", text)
        try:
            if digits is None:
                return as_utc(datetime.fromisoformat(text), self._zone)
            return as_utc(datetime.strptime(digits[1] + (digits[2] or "000000"), "%Y%m%d%H%M%S"), self._zone)  # noqa: DTZ007 (as_utc adds the zone)
        except ValueError:
            what = f"in {self._moment} staat geen tijdstip."
            raise RefusedError(self._path, "soap", what, "Schrijf jjjjmmdduummss, of ISO 8601.") from None
