"""Intake over HTTP: the agencies' second door, the officers' look-over, the directory of agencies."""

import hashlib
from dataclasses import replace
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from contracts.agency import AGENCY
from contracts.event import Actor, Basis, NewerVersion
from contracts.freeze import example, frozen, inlined
from contracts.intake import EditionFrom
from contracts.reference import Problem, ReturnReason, TermKind
from contracts.rules import RuleBook, UnknownEdition
from contracts.topics import AGENCY_CODE, agency_topic, receipts_topic
from services.chassis.auth import Caller, allow
from services.chassis.engine import Engine
from services.chassis.hand import Hand, hand
from services.chassis.problems import MEDIA_TYPE, Problematic
from services.chassis.subject import Broken, Claimed, Conflict, Document, Duplicate, Input
from services.chassis.web import PAGE, After, EngineOf, Limit, Page, card, document, need_topics, page
from services.intake import queries
from services.intake.domain.agency import KIND as AGENCY_KIND
from services.intake.domain.agency import EnterAgency, subject_of
from services.intake.domain.state import KIND as PILOT_KIND
from services.intake.domain.state import Accept, Pilot, Return, Status, Stop
from services.intake.handlers import owner, submission
from services.law.calendar import calendar
from services.law.explanation import explain

Publisher = Annotated[Caller, Depends(allow("publisher"))]
Officer = Annotated[Hand, Depends(hand("officer"))]
Admin = Annotated[Hand, Depends(hand("admin"))]
ReceiptReader = Annotated[Caller, Depends(allow("publisher", "officer", "auditor"))]
Clocked = Literal[TermKind.LOOK_OVER, TermKind.FIXING_REMARKS]
READERS: Final = ("officer", "auditor", "admin")
AgencyCode = Annotated[str, Path(pattern=f"^{AGENCY_CODE}$")]
CLOUD_EVENT: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents+json": {
                "schema": {"oneOf": [inlined(frozen(name)) for name in AGENCY.classes]},
                "examples": {name: {"value": example(name)} for name in AGENCY.classes},
            }
        },
    }
}


class AgencyEntry(BaseModel):
    """An agency's entry: its name, and which rule edition holds for it since when."""

    name: str = Field(min_length=1, max_length=300)
    editions: list[EditionFrom] = Field(min_length=1, max_length=50)


class ReturnOf(BaseModel):
    """Why an application goes back."""

    reasons: list[ReturnReason] = Field(min_length=1, max_length=50)


class StopOf(BaseModel):
    """Why the procedure is stopped, and the document that it rests on."""

    reason: str = Field(min_length=1, max_length=4000)
    basis: Basis


def make_router(rules: RuleBook) -> APIRouter:
    """All routes of intake."""
    router = APIRouter(prefix="/v1")
    _publishing(router)
    _look_over(router)
    _directory(router)
    _editions(router, rules)
    return router


def _publishing(router: APIRouter) -> None:
    @router.post("/events", tags=["agencies"], status_code=201, openapi_extra=CLOUD_EVENT)
    async def publish(
        request: Request,
        engine: EngineOf,
        caller: Publisher,
    ) -> Response:
        """Publishes one CloudEvent. 201 with a receipt, 200 for the same again, 422 with every fault, 409 for an
        id used for something else. Nothing is answered before it is durable."""
        agency = _agency_of(caller)
        body = await request.body()
        one = _input(agency, body, Actor(id=caller.id, organisation=agency, role="publisher"))
        if "traceparent" in request.headers:
            one = replace(one, trace={})  # the request itself continues a trace, and it is the nearer one
        return await _published(engine, one)

    @router.get("/receipts/{event_id:path}", tags=["agencies"])
    async def receipt(event_id: str, engine: EngineOf, caller: ReceiptReader, agency: str | None = None) -> Response:
        """What became of an event, by the id that its agency gave it. Officers and auditors name the agency."""
        code = agency if agency and caller.roles & {"officer", "auditor"} else _agency_of(caller)
        found, body = await _receipt(engine, code, event_id)
        return card(body, found.rev)


def _agency_of(caller: Caller) -> str:
    if not caller.organisation:
        raise Problematic(403, "auth.organisation", "The token names no agency.")
    return caller.organisation


def _input(agency: str, body: bytes, actor: Actor) -> Input:
    try:
        return submission(agency, body, f"http:{hashlib.sha256(body).hexdigest()}", actor=actor)
    except NewerVersion as error:
        fault = Problem(
            pointer="/type",
            rule="type.newer-version",
            message="This version of the event is not known here yet.",
            message_ru="Эта версия события здесь пока не известна.",
            action="retry",
        )
        raise Problematic(
            422, "event.newer-version", "Send an older version, or the same later.", problems=[fault]
        ) from error


async def _published(engine: Engine, one: Input) -> Response:
    if await _entry(engine, one.actor.organisation or "") is None:
        raise Problematic(
            403, "agency.unknown", "The agency is not in the directory; ask the operator.", action="retry"
        )
    outcome = await engine.command(one)
    if isinstance(outcome, Conflict):
        raise Problematic(409, "id.reused", "This id was used before for a different event: use a new id.")
    if isinstance(outcome, Broken):
        raise Problematic(500, "engine.broken", "This could not be decided; the operators can see why.")
    found, body = await _receipt(engine, one.actor.organisation or "", one.cause_id)
    return _receipt_answer(found, body, again=isinstance(outcome, Duplicate))


async def _receipt(engine: Engine, agency: str, event_id: str) -> tuple[Document, dict[str, Any]]:
    """What became of an agency's event, wherever it was led to. Raises Problematic 404, and 410 for one whose
    outcome is kept in the receipts topic alone."""
    key = Claimed(owner(agency), event_id, "").key
    claim = await engine.store.claimed(key)
    if claim is None:
        raise Problematic(404, "receipt.unknown", "No event with this id has been taken.", action="retry")
    found = await document(engine, claim.subject, PILOT_KIND)
    body = queries.receipt(found, event_id)
    if body is None and key in found.ids:
        raise Problematic(410, "receipt.gone", "It was answered long ago: the receipt went to your receipts topic.")
    if body is None:
        raise Problematic(404, "receipt.unknown", "The event is not decided yet.", action="retry")
    return found, body


def _receipt_answer(found: Document, body: dict[str, Any], *, again: bool) -> Response:
    headers = {"ETag": f'"{found.rev}"', "Location": f"/v1/receipts/{quote(body['event_id'], safe='')}"}
    if again:
        headers["Idempotent-Replayed"] = "true"
    if body["outcome"] == "refused":
        said = f"Refused, with {len(body['problems'])} problem(s); correct all of them and send it under a new id."
        later = bool(body["problems"]) and all(one["action"] == "retry" for one in body["problems"])
        body = {
            "type": "urn:lotsman:problem:event.refused",
            "title": "event.refused",
            "status": 422,
            "detail": said,
            "action": "retry" if later else "fix",
            **{k: v for k, v in body.items() if k != "status"},
        }
        return JSONResponse(body, 422, headers=headers, media_type=MEDIA_TYPE)
    return JSONResponse(body, 200 if again else 201, headers=headers)


async def _entry(engine: Engine, code: str) -> Document | None:
    return (await engine.documents([subject_of(code)])).get(subject_of(code))


def _look_over(router: APIRouter) -> None:
    @router.get("/applications", tags=["look-over"], dependencies=[Depends(allow(*READERS))])
    async def applications(
        engine: EngineOf,
        status: Status | None = None,
        agency: str | None = None,
        after: After = None,
        limit: Limit = PAGE,
    ) -> Page:
        """Applications: with a status by due date, else the newest first."""
        query, order = queries.applications(status, agency)
        return await page(
            engine.store, "subjects", query, order, after=after, limit=limit, show=queries.application_row
        )

    @router.get("/applications/{pilot}", tags=["look-over"], dependencies=[Depends(allow(*READERS))])
    async def application(pilot: str, engine: EngineOf) -> Response:
        """One application with its look-over term."""
        found = await document(engine, pilot, PILOT_KIND)
        return card(queries.application_card(found), found.rev)

    @router.post("/applications/{pilot}/acceptance", tags=["look-over"])
    async def accept(pilot: str, by: Officer) -> Response:
        """The application is complete and goes to expertise (принять к рассмотрению)."""
        return await by.give(pilot, PILOT_KIND, Accept())

    @router.post("/applications/{pilot}/return", tags=["look-over"])
    async def give_back(pilot: str, body: ReturnOf, by: Officer) -> Response:
        """The application goes back with coded reasons (вернуть)."""
        return await by.give(pilot, PILOT_KIND, Return(tuple(body.reasons)))

    @router.post("/applications/{pilot}/stop", tags=["look-over"])
    async def stop(pilot: str, body: StopOf, by: Officer) -> Response:
        """The procedure is stopped on a document, wherever it stands (прекратить рассмотрение)."""
        return await by.give(pilot, PILOT_KIND, Stop(body.reason, body.basis))

    @router.get("/applications/{pilot}/clock", tags=["look-over"], dependencies=[Depends(allow(*READERS))])
    async def clock(pilot: str, engine: EngineOf, term: Clocked = TermKind.LOOK_OVER) -> Response:
        """How the due date of a term comes about, day by day, in words of both languages."""
        found = await document(engine, pilot, PILOT_KIND)
        assert isinstance(found.state, Pilot)
        ledger = found.state.ledger(term)
        if ledger is None:
            raise Problematic(404, "term.none", "This term has not begun.")
        told = explain(ledger, engine.now(), calendar(ledger.term.calendar))
        return card(told.model_dump(mode="json"), found.rev)


def _directory(router: APIRouter) -> None:
    @router.get("/agencies", tags=["directory"], dependencies=[Depends(allow(*READERS))])
    async def agencies(engine: EngineOf, after: After = None, limit: Limit = PAGE) -> Page:
        """The agencies that may publish."""
        query, order = queries.agencies()
        return await page(engine.store, "subjects", query, order, after=after, limit=limit, show=queries.agency_row)

    @router.get("/agencies/{code}", tags=["directory"], dependencies=[Depends(allow(*READERS))])
    async def agency(code: AgencyCode, engine: EngineOf) -> Response:
        """One agency's entry."""
        found = await document(engine, subject_of(code), AGENCY_KIND)
        return card(queries.agency_card(found), found.rev)

    @router.put("/agencies/{code}", tags=["directory"])
    async def enter(code: AgencyCode, body: AgencyEntry, by: Admin) -> Response:
        """Enters an agency or changes its entry. Its topics must be there: `./lotsman agency add` makes both."""
        await need_topics(by.request, (agency_topic(code).name, receipts_topic(code).name))
        return await by.put(subject_of(code), EnterAgency(code, body.name, tuple(body.editions)))


def _editions(router: APIRouter, rules: RuleBook) -> None:
    everyone = Depends(allow("publisher", "officer", "operator", "auditor", "admin"))

    @router.get("/editions/{edition}", tags=["rules"], dependencies=[everyone])
    async def edition(edition: str) -> dict[str, Any]:
        """A rule edition: every number and list of it, each with its origin (law or assumption)."""
        try:
            return rules.edition(edition).model_dump(mode="json")
        except UnknownEdition as error:
            raise Problematic(404, "edition.unknown", str(error)) from error
