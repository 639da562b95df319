"""The agencies' second door: one CloudEvent is published, and what became of it is asked for (квитанция)."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers

from contracts.agency import AGENCY, ReceiptOutcome
from contracts.event import Actor, NewerVersion
from contracts.freeze import example, frozen, inlined
from contracts.reference import Role
from contracts.words import Language, problem
from services.chassis.auth import Caller, allow
from services.chassis.bounds import Bounds, bounded
from services.chassis.described import GONE, SAME_AGAIN
from services.chassis.engine import Engine
from services.chassis.problems import Problematic, answer, language_of
from services.chassis.sight import hides
from services.chassis.subject import Absent, Broken, Claimed, Conflict, Document, Duplicate, Input
from services.chassis.web import EngineOf, card, document, not_found
from services.intake import queries
from services.intake.api.access import AgencyAsked
from services.intake.api.answers import Receipt
from services.intake.domain.agency import subject_of
from services.intake.domain.state import KIND as PILOT_KIND
from services.intake.door import owner, submission

Publisher = Annotated[Caller, Depends(allow(Role.PUBLISHER))]
ReceiptReader = Annotated[Caller, Depends(allow(Role.PUBLISHER, Role.OFFICER, Role.AUDITOR))]
ATTRIBUTE: Final = "ce-"
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


def add(router: APIRouter) -> None:
    """Publishing, and receipts."""
    entered = set[str]()

    @router.post(
        "/events",
        tags=["agencies"],
        status_code=201,
        openapi_extra=CLOUD_EVENT,
        response_model=Receipt,
        responses={
            200: {"model": Receipt, "description": SAME_AGAIN},
            **{status: {} for status in (404, 409, 410, 415)},
        },
    )
    @bounded(Bounds(json_body=False))  # what is wrong with an event is said in its receipt
    async def publish(
        request: Request,
        engine: EngineOf,
        caller: Publisher,
    ) -> Response:
        """Publishes one CloudEvent. 201 with a receipt, 200 for the same again, 422 with every fault, 409 for an
        id used for something else. Nothing is answered before it is durable."""
        agency = _agency_of(caller)
        body = await request.body()
        _as_it_is(request.headers)
        actor = Actor(id=caller.id, organisation=agency, role=Role.PUBLISHER)
        one = _input(agency, body, _attributes(request.headers), actor)
        # What a conflict hides from the person is not there to be published on, whoever the person publishes for.
        one = replace(one, sees=lambda state: not hides(state, caller.id))
        if "traceparent" in request.headers:
            one = replace(one, trace={})  # the request itself continues a trace, and it is the nearer one
        return await _published(engine, one, entered, language_of(request.headers))

    @router.get("/receipts/{event_id:path}", tags=["agencies"], response_model=Receipt, responses=GONE)
    async def receipt(event_id: str, engine: EngineOf, caller: ReceiptReader, agency: AgencyAsked = None) -> Response:
        """What became of an event, by the id that its agency gave it. Officers and auditors name the agency."""
        code = agency if agency and caller.roles & {Role.OFFICER, Role.AUDITOR} else _agency_of(caller)
        found, body = await _receipt(engine, code, event_id)
        if hides(found.state, caller.id):
            raise Problematic(404, "receipt.unknown", action="retry")
        return card(body, found.rev)


def _agency_of(caller: Caller) -> str:
    if not caller.organisation:
        raise Problematic(403, "auth.organisation")
    return caller.organisation


def _as_it_is(headers: Headers) -> None:
    """Raises Problematic 415 for a body that is packed, which nothing here unpacks (RFC 9110, 8.4 and 15.5.16)."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problematic(415, "http.415", headers={"Accept-Encoding": "identity"})


def _attributes(headers: Headers) -> dict[str, str]:
    """The attributes that a request's headers carry (HTTP binding of CloudEvents, 3.1.3: percent-encoded)."""
    found = {name[len(ATTRIBUTE) :]: unquote(value) for name, value in headers.items() if name.startswith(ATTRIBUTE)}
    return {**found, **{name: value for name, value in headers.items() if name == "content-type"}}


def _input(agency: str, body: bytes, attributes: Mapping[str, str], actor: Actor) -> Input:
    place = f"http:{hashlib.sha256(body).hexdigest()}"
    try:
        return submission(agency, body, place, attributes=attributes, actor=actor)
    except NewerVersion as error:
        fault = problem("/type", "type.newer-version", action="retry")
        raise Problematic(422, "event.newer-version", problems=[fault]) from error


async def _published(engine: Engine, one: Input, entered: set[str], language: Language) -> Response:
    """The agency's entry is another document than the pilot that is decided on: who is in no directory is let in to
    nothing, before an id is claimed. The pilot itself is looked at once, in the decision, and the receipt says what
    stood there after it. An entry is never taken out of the directory: who was found there is not looked for again.
    Events that come together are decided together."""
    agency = one.actor.organisation or ""
    if agency not in entered:
        if await _entry(engine, agency) is None:
            raise Problematic(403, "agency.unknown", action="retry")
        entered.add(agency)
    outcome, found = await engine.gathering.take(one)
    if isinstance(outcome, Conflict):
        raise Problematic(409, "id.reused")
    if isinstance(outcome, Absent):
        raise not_found()
    if isinstance(outcome, Broken) or found is None:
        raise Problematic(500, "engine.broken")
    body = _receipt_of(found, agency, one.cause_id)
    return _receipt_answer(found, body, language, again=isinstance(outcome, Duplicate))


async def _receipt(engine: Engine, agency: str, event_id: str) -> tuple[Document, dict[str, Any]]:
    """What became of an agency's event, wherever it was led to. Raises Problematic 404, and like `_receipt_of`."""
    claim = await engine.store.claimed(_key(agency, event_id))
    if claim is None:
        raise Problematic(404, "receipt.unknown", action="retry")
    found = await document(engine, claim.subject, PILOT_KIND)
    return found, _receipt_of(found, agency, event_id)


def _receipt_of(found: Document, agency: str, event_id: str) -> dict[str, Any]:
    """What a pilot says of an event of its agency. Raises Problematic 404, and 410 for one whose outcome is kept in the
    receipts topic alone."""
    body = queries.receipt(found, event_id)
    if body is None and _key(agency, event_id) in found.ids:
        raise Problematic(410, "receipt.gone")
    if body is None:
        raise Problematic(404, "receipt.unknown", action="retry")
    return body


def _key(agency: str, event_id: str) -> str:
    return Claimed(owner(agency), event_id, "").key


def _receipt_answer(found: Document, body: dict[str, Any], language: Language, *, again: bool) -> Response:
    headers = {"ETag": f'"{found.rev}"', "Location": f"/v1/receipts/{quote(body['event_id'], safe='')}"}
    if again:
        headers["Idempotent-Replayed"] = "true"
    if body["outcome"] != ReceiptOutcome.REFUSED:
        return JSONResponse(body, 200 if again else 201, headers=headers)
    blocking = [one for one in body["problems"] if one["severity"] == "block"]  # the others are only told
    actions = {one["action"] for one in blocking}
    refused = Problematic(
        422,
        "event.refused",
        action="retry" if actions == {"retry"} else "fix",
        headers=headers,
        # The problems are those of the receipt, word for word: by either door they are the same.
        extra={name: said for name, said in body.items() if name != "status"},
        count=len(blocking),
    )
    return answer(refused, language)


async def _entry(engine: Engine, code: str) -> Document | None:
    return (await engine.documents([subject_of(code)])).get(subject_of(code))
