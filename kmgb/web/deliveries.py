"""`/api/v1/aanleveringen`: a supplier pushes a delivery, or asks how it stands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from kmgb.errors import KmgbError, SourceError
from kmgb.run.envelope import Envelope, read_envelope
from kmgb.run.receive import Declared, Receipt, find_receipt, open_reception, take_in
from kmgb.run.reception import Reception
from kmgb.run.suppliers import Supplier
from kmgb.web import openapi
from kmgb.web.answers import Answers, Json, Soaps
from kmgb.web.declared import declared, media_type, refuse_other_kind
from kmgb.web.desk import MOST, Desk, who_is
from kmgb.web.documents import Aanlevering, document
from kmgb.web.problems import RefusalError, as_refusal
from kmgb.web.upload import upload

PATH = "/api/v1/aanleveringen/{afnemer}/{entity}"


@dataclass
class _Visit:
    """One request: from whom, about what, and in which form he is answered. What is not known yet is empty."""

    desk: Desk
    request: Request
    afnemer: str
    entity: str
    answers: Answers
    supplier: Supplier | None = None
    admitted: bool = False

    def admit(self) -> Supplier:
        """Raises: RefusalError."""
        self.supplier = self.desk.recognise(self.request)
        self.desk.admit(self.supplier, self.afnemer, self.entity)
        self.admitted = True
        return self.supplier

    @property
    def plan(self) -> tuple[str, str]:
        """The format and the record element of what was agreed."""
        reader = self.desk.municipality.mappings[self.afnemer].entiteit[self.entity].aanlevering
        return reader.formaat, reader.record

    async def refuse(self, error: KmgbError | ClientDisconnect) -> Response:
        """The answer to who is refused, once that is in the audit log."""
        refusal = as_refusal(error)
        subject = f"{self.afnemer}/{self.entity}" if self.admitted else "aanleveringen"
        try:
            await self.desk.note_refusal(self.supplier, subject, refusal, self.request)
        except KmgbError as unwritten:
            refusal = as_refusal(unwritten)
        return self.answers.refused(refusal)


def routes(desk: Desk) -> APIRouter:
    """The endpoints, served from this desk."""
    router = APIRouter(tags=["aanleveringen"])

    @router.post(PATH, **openapi.DELIVER)
    async def deliver(request: Request, afnemer: str, entity: str) -> Response:
        visit = _Visit(desk, request, afnemer, entity, _answers(request))
        try:
            return await _deliver(visit)
        except (KmgbError, ClientDisconnect) as error:
            return await visit.refuse(error)

    @router.get(PATH + "/{nummer}", **openapi.STATE)
    async def state(request: Request, afnemer: str, entity: str, nummer: str) -> Response:
        visit = _Visit(desk, request, afnemer, entity, Json())
        try:
            visit.admit()
            return await _state(visit, nummer)
        except KmgbError as error:
            return await visit.refuse(error)

    return router


def _answers(request: Request) -> Answers:
    """SOAP to who says so in his headers. An envelope in text/xml may still show that later."""
    given = media_type(request.headers)
    if given == "application/soap+xml":
        return Soaps(Envelope("1.2"))
    return Soaps(Envelope("1.1")) if given == "text/xml" and "soapaction" in request.headers else Json()


async def _deliver(visit: _Visit) -> Response:
    desk, request = visit.desk, visit.request
    supplier = visit.admit()
    refuse_other_kind(request.headers, visit.plan[0])
    said = declared(request)
    if desk.receiving >= MOST:
        what = "Er komen al te veel aanleveringen tegelijk binnen. Verstuur deze over enkele minuten."
        raise RefusalError("druk", what, headers={"Retry-After": "300"})
    desk.receiving += 1
    mapping = desk.municipality.mappings[visit.afnemer]
    try:
        opened = partial(open_reception, desk.municipality, mapping, visit.entity, said)
        reception = await asyncio.to_thread(opened)
        try:
            await upload(request, reception, desk.pace)
            said = await asyncio.to_thread(_opened, visit, reception, said)
        except BaseException:
            reception.drop()
            raise
        receipt = await _landed(visit, supplier, reception, said)
    finally:
        desk.receiving -= 1
    return _answered(visit, receipt)


def _opened(visit: _Visit, reception: Reception, said: Declared) -> Declared:
    """What is said, with what the envelope adds when there is one. Raises: RefusalError on one that is not right."""
    (formaat, record), municipality = visit.plan, visit.desk.municipality
    door = municipality.mappings[visit.afnemer].afnemer.aanleveren
    if formaat != "xml" or door is None:
        return said
    try:
        path, zone = reception.finish(), municipality.settings.timezone
        envelope = read_envelope(path, record, door.peildatum_element, zone)
    except SourceError as error:
        raise RefusalError("bericht", str(error)) from None
    if envelope is None:
        if isinstance(visit.answers, Soaps):
            raise RefusalError(
                "bericht", "De inhoud is geen geldige SOAP-envelop. Verstuur een Envelope met een Body, zonder DOCTYPE."
            )
        return said
    visit.answers = Soaps(envelope)
    return replace(said, peildatum=said.peildatum or envelope.moment)


async def _landed(visit: _Visit, supplier: Supplier, reception: Reception, said: Declared) -> Receipt:
    """The receipt. Of one entity one delivery is landed at a time; who waits keeps no thread busy.

    From here on the file belongs to the thread: it lands it whole and cleans up, also when nobody waits any more.
    """
    desk = visit.desk
    who = who_is(replace(supplier, afnemers=(visit.afnemer,)))
    begun = False
    try:
        async with desk.turns[visit.afnemer, visit.entity], desk.landings:
            mapping, now = desk.municipality.mappings[visit.afnemer], datetime.now(UTC)
            work = partial(take_in, desk.municipality, mapping, visit.entity, reception, said, who=who, now=now)
            begun = True
            return await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, work))
    finally:
        if not begun:
            reception.drop()


def _answered(visit: _Visit, receipt: Receipt) -> Response:
    found = _document(visit, receipt)
    place = visit.request.url_for("state", afnemer=visit.afnemer, entity=visit.entity, nummer=found.nummer).path
    status = 422 if not receipt.accepted else 201 if receipt.new else 200
    return visit.answers.delivered(found, status, {"Location": place})


async def _state(visit: _Visit, nummer: str) -> Response:
    municipality = visit.desk.municipality
    mapping = municipality.mappings[visit.afnemer]
    receipt = await asyncio.to_thread(find_receipt, municipality, mapping, visit.entity, nummer)
    if receipt is None:
        raise RefusalError(
            "onbekend", "Van deze entiteit is er geen aanlevering met dit nummer. Controleer het nummer."
        )
    return visit.answers.delivered(_document(visit, receipt), 200, {})


def _document(visit: _Visit, receipt: Receipt) -> Aanlevering:
    return document(receipt, visit.desk.municipality.settings.timezone)
