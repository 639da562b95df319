"""The agencies' second door: CloudEvents are published, one or many at once, or only looked at as they would be."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Annotated, Final
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import Headers

from contracts.agency import AGENCY
from contracts.event import JSON, Actor, NewerVersion, is_usable_id, traced
from contracts.freeze import example
from contracts.reference import Role, Scope
from contracts.topics import AGENCY_MAX_BYTES
from contracts.words import Language
from services.chassis import arrival, business, not_decided
from services.chassis.auth import Caller, allow
from services.chassis.bounds import Bounds, bounded
from services.chassis.business import NotDecided
from services.chassis.described import SAME_AGAIN, SCHEMAS
from services.chassis.engine import Engine
from services.chassis.problems import Problematic, language_of
from services.chassis.shares import Turns
from services.chassis.sight import hides
from services.chassis.store import StoreAway
from services.chassis.subject import Document, Input, Outcome
from services.chassis.turns import aside, in_turns
from services.chassis.web import EngineOf
from services.intake import taken
from services.intake.api.access import AgencyAsked
from services.intake.api.event_schemas import AN_EVENT, EVENT_SCHEMAS, ITS_DATA
from services.intake.api.verdicts import (
    PROBLEMS_TOLD,
    Judgement,
    Links,
    Rehearsed,
    RehearsedVerdicts,
    Verdict,
    Verdicts,
    alone,
    judged,
    together,
    told_of_each,
)
from services.intake.directory import Directory
from services.intake.domain.commands import Submit
from services.intake.domain.state import pilot_id
from services.intake.door import named_as, newer_version, owner, submitted
from services.intake.following import Receipt
from services.intake.parsing import BATCH_MAX_BYTES, MOST_EVENTS, SPECVERSION, NoBatch, Parsed, batch, parsed
from services.intake.receipts import REJECTED

Publisher = Annotated[Caller, Depends(allow(Role.PUBLISHER, scope=Scope.PUBLISH))]
Trying = Annotated[Caller, Depends(allow(Role.PUBLISHER, Role.AUDITOR, scope=Scope.VALIDATE))]
Taking = Callable[[int, int], None]
"""Counts so many events and bytes as an agency's. Raises Problematic 429 where it has used up its minute."""
ATTRIBUTE: Final = "ce-"
CLOUD_EVENTS: Final = "application/cloudevents"
EVENT_TYPE: Final = f"{CLOUD_EVENTS}+json"
BATCH_TYPE: Final = f"{CLOUD_EVENTS}-batch+json"
TAKEN: Final = (EVENT_TYPE, BATCH_TYPE, JSON)
"""What may be sent, as it is said where something else is."""
_examples: Final = {name: {"value": example(name)} for name in AGENCY.classes}
CLOUD_EVENT: Final = {
    "requestBody": {
        "required": True,
        "content": {
            EVENT_TYPE: {"schema": AN_EVENT, "examples": _examples},
            BATCH_TYPE: {
                "schema": {"type": "array", "maxItems": MOST_EVENTS, "items": AN_EVENT},
                "example": [example(name) for name in AGENCY.classes][:2],
            },
            JSON: {"schema": {"anyOf": [AN_EVENT, ITS_DATA]}, "examples": _examples},
        },
    },
    SCHEMAS: EVENT_SCHEMAS,
}
_escaped: Final = re.compile(r"\\(.)")
"""A character behind a stroke within a quoted header (RFC 9110, 5.6.4)."""
PIECE: Final = 100
"""So many events of a batch are decided on together (technical: the largest outboxes of so many are a fifth of the
largest document)."""
BOUNDS: Final = Bounds(bytes=BATCH_MAX_BYTES, json_body=False)
"""What is wrong with an event is said in its receipt."""


async def _publish(request: Request, engine: Engine, caller: Caller, taking: Taking) -> Response:
    read = await _read(request, taking)
    language, came = language_of(request.headers), arrival.of_request(request.scope, engine.now())
    if isinstance(read, Parsed):
        try:
            one = replace(_ready(read, caller, request.headers), came=came)
        except Problematic:
            not_decided.brings(request.scope, *_named(read, caller))
            await _counted(engine, caller, 1)
            raise
        directory: Directory = request.app.state.agencies
        crowds = directory.quotas.crowds(caller.organisation or "")
        told = _judgement(one, await (engine.crowded if crowds else engine.gathering).take(one))
        await _counted(engine, caller, _refused([told]))
        return alone(told, language)
    inputs, answers = await _inputs(read, caller)
    inputs = {place: replace(one, came=came) for place, one in inputs.items()}
    _tell(request, caller, read, answers)
    answers |= await _posted(engine, inputs, told_of_each(len(read)))
    await _counted(engine, caller, _refused(answers.values()))
    return await _together(answers, language)


def _tell(request: Request, caller: Caller, read: Sequence[Parsed], refused: Mapping[int, Judgement]) -> None:
    """Tells of the events of a batch on which nothing is decided."""
    who, asked = owner(caller.organisation or ""), not_decided.asked_for(request)
    around = not_decided.trace_of(request)
    business.not_decided(
        NotDecided(one.problem.code, who, asked, *_named(read[place], caller), traced(read[place].event) or around)
        for place, one in refused.items()
        if one.problem is not None
    )


def _named(read: Parsed, caller: Caller) -> tuple[str, str, str]:
    """The pilot, the id and the type of an event that was read, as the engine would be told them."""
    named = named_as(read.event, _place(read))
    return pilot_id(caller.organisation or "", named), named, str(read.event.get("type"))[:120]


def _place(read: Parsed) -> str:
    """What names an event without a usable id: what it says."""
    return f"http:{read.fingerprint}"


def _refused(told: Iterable[Judgement]) -> int:
    """How many of these are refused by what no fact tells of."""
    return sum(one.verdict is Verdict.REFUSED and one.receipt is None for one in told)


async def _counted(engine: Engine, caller: Caller, refused: int) -> None:
    """Counts for the balance what is refused and of which nothing else is kept."""
    if refused:
        await taken.answered(engine.store, {(caller.organisation or "", REJECTED): refused})


async def _rehearse(request: Request, engine: Engine, caller: Caller, taking: Taking) -> Response:
    read = await _read(request, taking)
    language = language_of(request.headers)
    if isinstance(read, Parsed):
        try:
            one = _ready(read, caller, request.headers)
        except Problematic as refused:
            return alone(Judgement(None, Verdict.REFUSED, problem=refused), language, Links())
        [told] = await engine.rehearsed([one], lambda one, *told: _undrawn(one, told))
        return alone(told, language, Links())
    inputs, answers = await _inputs(read, caller)
    most = told_of_each(len(read))
    judged = await engine.rehearsed([*inputs.values()], lambda one, *told: _undrawn(one, told, most))
    answers |= dict(zip(inputs, judged, strict=True))
    return await _together(answers, language, Links())


async def _quota(request: Request, caller: Caller) -> Taking:
    """What counts the events and bytes that the agency publishes.

    The agency's entry is another document than the pilot that is decided on: who is in no directory, is cut off, or
    whose time it is not, is let in to nothing, before a body is read. Raises Problematic 403, and 429 for an agency
    whose minute is used up.
    """
    directory: Directory = request.app.state.agencies
    entry = await directory.need_publisher(_actor(caller).organisation or "")
    directory.quotas.need_room(entry.code, entry.quota)
    return partial(directory.quotas.take, entry.code, entry.quota)


def _uncounted(_events: int, _bytes: int) -> None:
    """Who looks publishes nothing."""


def add(router: APIRouter) -> None:
    """Publishing, and trying it."""

    @router.post(
        "/events",
        tags=["agencies"],
        status_code=201,
        response_model=Receipt,
        responses={
            200: {"model": Receipt, "description": SAME_AGAIN},
            207: {"model": Verdicts},
            **{status: {} for status in (400, 404, 409, 410, 415)},
        },
        openapi_extra=CLOUD_EVENT,
    )
    @bounded(BOUNDS)
    async def publish(request: Request, engine: EngineOf, caller: Publisher) -> Response:
        """Publishes CloudEvents: one, structured or binary, or a batch of up to 1,000.

        One: 201 with a receipt, 200 for the same again, 422 with every fault, 409 for an id used for something else.
        What was refused and comes again as it was is judged anew: what it was refused for may be over. Mended it needs
        a new id.
        A batch: 207 with a verdict for each of its events in their order, which are taken independently of one another;
        those about one pilot in their order. 503 where nothing could be saved: send the same again, what was saved all
        the same is a duplicate then. Nothing is answered before it is durable."""
        taking = await _quota(request, caller)
        async with _turn(request, caller):
            return await _publish(request, engine, caller, taking)

    @router.post(
        "/events/validate",
        tags=["agencies"],
        response_model=Rehearsed,
        responses={207: {"model": RehearsedVerdicts}, **{status: {} for status in (400, 404, 409, 410, 415)}},
        openapi_extra=CLOUD_EVENT,
    )
    @bounded(BOUNDS)
    async def validate(request: Request, engine: EngineOf, caller: Trying, agency: AgencyAsked = None) -> Response:
        """What would be answered if these CloudEvents were published now. Nothing is taken: no number is drawn, and no
        id is used up. Which pilots an application is like is told by the register, at `links.similar`. An auditor names
        the agency whose they would be; that counts in no quota."""
        looks = agency is not None and Role.AUDITOR in caller.roles
        caller = replace(caller, organisation=agency) if looks else caller
        taking = _uncounted if looks else await _quota(request, caller)
        async with _turn(request, caller):
            return await _rehearse(request, engine, caller, taking)


def _turn(request: Request, caller: Caller) -> AbstractAsyncContextManager[None]:
    """The turn of an agency's batch, of which nothing is read before; one event needs none."""
    batches: Turns = request.app.state.batches
    agency = caller.organisation or caller.id
    return batches.of(agency) if _kind(request.headers) == BATCH_TYPE else nullcontext()


# ---- what came


async def _read(request: Request, taking: Taking) -> Parsed | list[Parsed]:
    """One event, or a batch, counted as its agency's. Raises Problematic 400, 413, 415 and 429."""
    headers = request.headers
    _as_it_is(headers)
    kind = _kind(headers)
    body = await request.body()
    if kind == BATCH_TYPE:
        some = await aside(len(body), _batch, body)
        taking(len(some), len(body))
        return some
    _need_kind(kind, headers)
    if len(body) > AGENCY_MAX_BYTES:
        raise Problematic(413, "request.too-large", most=AGENCY_MAX_BYTES)
    taking(1, len(body))
    return await aside(len(body), parsed, body, _attributes(headers))


def _kind(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _batch(body: bytes) -> list[Parsed]:
    if len(body) > BATCH_MAX_BYTES:
        raise Problematic(413, "request.too-large", most=BATCH_MAX_BYTES)
    try:
        found = batch(body)
    except NoBatch as error:
        raise Problematic(400, "batch.invalid", problems=[error.fault]) from None
    if len(found) > MOST_EVENTS:
        raise Problematic(413, "batch.too-many", most=MOST_EVENTS, have=len(found))
    return found


def _as_it_is(headers: Headers) -> None:
    """Raises Problematic 415 for a body that is packed, which nothing here unpacks (RFC 9110, 8.4 and 15.5.16)."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problematic(415, "http.415", headers={"Accept-Encoding": "identity"})


def _need_kind(kind: str, headers: Headers) -> None:
    """What is an event's data alone says in its attributes what it is, and is judged by its contract. Raises
    Problematic 415."""
    if kind.startswith(CLOUD_EVENTS):
        good = kind in (CLOUD_EVENTS, EVENT_TYPE)
    else:
        good = kind in ("", JSON, "text/json") or kind.endswith("+json") or f"{ATTRIBUTE}{SPECVERSION}" in headers
    if not good:
        raise Problematic(415, "event.media-type", given=kind[:100], types=TAKEN, headers={"Accept": ", ".join(TAKEN)})


def _attributes(headers: Headers) -> dict[str, str]:
    """The attributes that a request's headers carry (HTTP binding of CloudEvents, 3.1.3)."""
    found = {name[len(ATTRIBUTE) :]: _attribute(value) for name, value in headers.items() if name.startswith(ATTRIBUTE)}
    return {**found, **{name: value for name, value in headers.items() if name == "content-type"}}


def _attribute(value: str) -> str:
    """What a header says: quoted, as older programs do, and percent-encoded once. Bytes that are no text are kept as
    halves of characters, for which an attribute is refused; UTF-8 that was not encoded is taken for what it is."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _escaped.sub(r"\1", value[1:-1])
    return unquote_to_bytes(value.encode("latin-1")).decode("utf-8", "surrogateescape")


# ---- what is asked of it


def _actor(caller: Caller) -> Actor:
    if not caller.organisation:
        raise Problematic(403, "auth.organisation")
    return Actor(id=caller.id, organisation=caller.organisation, role=Role.PUBLISHER)


def _ready(read: Parsed, caller: Caller, headers: Headers) -> Input:
    """An event that came alone. Raises Problematic 422 for a version that is not known yet."""
    one = _input(read, caller)
    if "traceparent" in headers:
        one = replace(one, trace={})  # the request itself continues a trace, and it is the nearer one
    return one


def _input(read: Parsed, caller: Caller) -> Input:
    actor = _actor(caller)
    try:
        one = submitted(actor.organisation or "", read, _place(read), actor=actor)
    except NewerVersion as error:
        fault = newer_version(str(read.event.get("type")))
        raise Problematic(422, "event.newer-version", action="retry", problems=[fault]) from error
    # What a conflict hides from the person is not there to be published on, whoever the person publishes for.
    return replace(one, sees=lambda state: not hides(state, caller.id))


async def _inputs(read: Sequence[Parsed], caller: Caller) -> tuple[dict[int, Input], dict[int, Judgement]]:
    """What is to be decided on, by place, and what is answered already."""
    inputs, answers = dict[int, Input](), dict[int, Judgement]()
    async for place, one in in_turns(enumerate(read)):
        try:
            inputs[place] = _input(one, caller)
        except Problematic as refused:
            named = one.event.get("id")
            event_id = named if isinstance(named, str) and is_usable_id(named) else None
            answers[place] = Judgement(event_id, Verdict.REFUSED, problem=refused)
    return inputs, answers


async def _posted(engine: Engine, inputs: Mapping[int, Input], most: int) -> dict[int, Judgement]:
    """What is answered to the events of a batch, by place; `most` problems of each.

    It is decided piece by piece, so that no pilot's document takes all of it at once, and nothing but the answers is
    kept of a piece. From where MongoDB is away on, nothing is known of any of them.
    """
    places, found = list(inputs), dict[int, Judgement]()
    try:
        for first in range(0, len(places), PIECE):
            piece = places[first : first + PIECE]
            told = await engine.posted([inputs[place] for place in piece])
            found |= {place: _judgement(inputs[place], one, most) for place, one in zip(piece, told, strict=True)}
    except StoreAway:
        away = Problematic(503, "event.not-saved", action="retry")
        left = (place for place in places if place not in found)
        found |= {place: Judgement(inputs[place].cause_id, Verdict.UNAVAILABLE, problem=away) for place in left}
    return found


async def _together(answers: Mapping[int, Judgement], language: Language, links: Links | None = None) -> Response:
    """The answer to a batch: what makes it long is made beside the loop."""
    return await asyncio.to_thread(together, [answers[place] for place in sorted(answers)], language, links)


def _judgement(one: Input, told: tuple[Outcome, Document | None], most: int = PROBLEMS_TOLD) -> Judgement:
    return judged(one.actor.organisation or "", one.cause_id, *told, most=most)


def _undrawn(one: Input, told: tuple[Outcome, Document | None], most: int = PROBLEMS_TOLD) -> Judgement:
    """The same without the number that an application would be given."""
    found = _judgement(one, told, most)
    if found.receipt is None or found.verdict is not Verdict.ACCEPTED or not isinstance(one.command, Submit):
        return found
    return replace(found, receipt=found.receipt.model_copy(update={"number": None}))
