"""Receipts (квитанции): what became of what an agency sent, asked for over HTTP."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from contracts.agency import ReceiptIssuedV1, ReceiptOutcome
from contracts.event import AskedMoment, Moment
from contracts.forms import as_number
from contracts.reference import Role, Scope
from contracts.text import sought
from contracts.topics import agency_topic
from services.chassis.auth import Caller, allow
from services.chassis.described import GONE
from services.chassis.engine import Engine
from services.chassis.numbered import pilots_of
from services.chassis.parking import record_of
from services.chassis.problems import Problematic
from services.chassis.sight import Sight, hides, seeing
from services.chassis.store import BY_ID, PARKED, SUBJECTS
from services.chassis.subject import Document
from services.chassis.web import MOST, PAGE, After, EngineOf, Limit, card, page
from services.intake.api.access import AgencyAsked
from services.intake.api.verdicts import key_of, receipt_of
from services.intake.domain.state import KIND as PILOT_KIND
from services.intake.following import Receipt, parked, receipt
from services.intake.queries import OWN_NUMBER, of_own_number
from services.intake.receipts import IN_ORDER, JOURNAL, index_of, journal

READERS: Final = (Role.PUBLISHER, Role.OFFICER, Role.AUDITOR)
Eyes = Annotated[Sight, Depends(seeing(*READERS, scope=Scope.RECEIPTS))]
Outcomes = Annotated[list[ReceiptOutcome], Query(max_length=len(ReceiptOutcome))]
ReceiptReader = Annotated[Caller, Depends(allow(*READERS, scope=Scope.RECEIPTS))]


class Issued(ReceiptIssuedV1):
    """A receipt as it was issued, and when."""

    at: Moment


class Receipts(BaseModel):
    """A part of the list of receipts. `next` fetches the following part; it is null at the end."""

    items: list[Issued]
    next: str | None


def add(router: APIRouter) -> None:
    """Receipts, by the ids of the events."""

    @router.get("/receipts", tags=["agencies"])
    async def receipts(
        engine: EngineOf,
        eyes: Eyes,
        caller: ReceiptReader,
        agency: AgencyAsked = None,
        own_number: Annotated[str | None, sought(128)] = None,
        pilot: Annotated[str | None, sought(128)] = None,
        status: Outcomes = [],  # noqa: B006  FastAPI copies it
        since: AskedMoment | None = None,
        newest: Annotated[bool, Query(description="The newest first, instead of last")] = False,
        after: After = None,
        limit: Limit = PAGE,
    ) -> Receipts:
        """All receipts of an agency in the order in which they were issued, word for word as in its receipts topic: of
        the application with this `own_number`, of this `pilot` (id or registration number), with one of these outcomes,
        since this moment. Who reads on asks from a little before the last one that came."""
        code = _agency(caller, agency)
        pilots = await _pilots(engine, code, own_number, pilot)
        found = await page(
            engine.store,
            JOURNAL,
            {"$and": [journal(code, pilots=pilots, outcomes=status, since=since), eyes.but("pilot")]},
            [(name, -way) for name, way in IN_ORDER] if newest else IN_ORDER,
            after=after,
            limit=limit,
            show=lambda row: {"at": row["at"], **row["receipt"]},
            hint=index_of(pilots, status),
        )
        return Receipts.model_validate(found.model_dump())

    @router.get("/receipts/{event_id:path}", tags=["agencies"], response_model=Receipt, responses=GONE)
    async def one_receipt(
        event_id: str, engine: EngineOf, caller: ReceiptReader, agency: AgencyAsked = None
    ) -> Response:
        """What became of an event, by the id that its agency gave it. Officers and auditors name the agency."""
        code = _agency(caller, agency)
        found = await _found(engine, code, event_id)
        if found is None or found.fault is not None:
            return await _parked(engine, code, event_id, caller.id)
        if hides(found.state, caller.id):
            raise Problematic(404, "receipt.unknown", action="retry")
        return card(receipt_of(found, code, event_id).model_dump(mode="json"), found.rev)


def _agency(caller: Caller, asked: str | None) -> str:
    """Whose receipts are asked for. Raises Problematic 403 for who names none and has none."""
    code = asked if asked and caller.roles & {Role.OFFICER, Role.AUDITOR} else caller.organisation
    if code is None:
        raise Problematic(403, "auth.organisation")
    return code


async def _pilots(engine: Engine, agency: str, own_number: str | None, pilot: str | None) -> list[str] | None:
    """The pilots that are asked for; None: all of the agency's. An own number that was used twice is two. Raises
    Problematic 422 for one that was used so often that its receipts could not be put in order."""
    named = None if pilot is None else [await _by_number(engine, pilot)]
    if own_number is None:
        return named
    query = of_own_number(agency, own_number)
    rows = await engine.store.rows(SUBJECTS, query, sort=BY_ID, limit=MOST + 1, fields=["_id"], hint=OWN_NUMBER)
    if len(rows) > MOST and named is None:
        raise Problematic(422, "receipts.too-many-pilots", most=MOST)
    return [row["_id"] for row in rows if named is None or row["_id"] in named]


async def _by_number(engine: Engine, pilot: str) -> str:
    number = as_number(pilot)
    return pilot if number is None else (await pilots_of(engine.store, [number])).get(number, pilot)


async def _found(engine: Engine, agency: str, event_id: str) -> Document | None:
    """Where an agency's event was led to, and decided on."""
    key = key_of(agency, event_id)
    claim = (await engine.store.claimed(key)).get(key)
    found = (await engine.documents([claim.subject])).get(claim.subject) if claim else None
    if found is None or found.kind != PILOT_KIND or found.version == 0:
        return None
    decided = found.fault is not None or key in found.ids or receipt(found, event_id) is not None
    return found if decided else None


async def _parked(engine: Engine, agency: str, event_id: str, person: str) -> Response:
    """What is told of an event that is parked; one that names a pilot which is hidden from who asks is not there, as
    the pilot is not. Raises Problematic 404."""
    query = {"event_id": event_id, "topic": agency_topic(agency).name}
    rows = await engine.store.rows(PARKED, query, sort=BY_ID, limit=1)
    named = {row["subject"] for row in rows if row["subject"]}
    known = await engine.documents(named) if named else {}
    if not rows or any(one.state is not None and hides(one.state, person) for one in known.values()):
        raise Problematic(404, "receipt.unknown", action="retry")
    return JSONResponse(parked(agency, event_id, record_of(rows[0])).model_dump(mode="json"))
