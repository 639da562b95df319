"""The directory of agencies (справочник ведомств): who may publish, by which rule edition, and who is cut off."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse

from contracts.forms import AGENCY
from contracts.reference import Role, Scope
from contracts.rules import RuleBook
from contracts.steps import AgencyDisabling, AgencyEnabling, AgencyEntry
from services.chassis.answers import Page
from services.chassis.auth import Caller, allow
from services.chassis.body import Body
from services.chassis.engine import Engine
from services.chassis.hand import REPLAYED, Hand
from services.chassis.sight import agency_of
from services.chassis.store import SUBJECTS
from services.chassis.web import PAGE, After, EngineOf, Limit, card, document, not_found, page
from services.intake import at_kafka, queries
from services.intake.api.access import READERS, Admin
from services.intake.api.answers import AgencyCard, AgencyLine, EntryChanged, QuotaShown
from services.intake.directory import Directory
from services.intake.domain.agency import Agency, subject_of
from services.law.standing import KIND as AGENCY_KIND

AgencyCode = Annotated[str, Path(pattern=AGENCY)]
AgencysReader = Annotated[Caller, Depends(allow(Role.PUBLISHER, *READERS))]
"""Officials, who read every entry, and an agency's own person, who reads its own."""
QuotasReader = Annotated[Caller, Depends(allow(Role.PUBLISHER, *READERS, scope=Scope.PUBLISH))]
"""The same, and an agency's program that publishes."""


def add(router: APIRouter, rules: RuleBook) -> None:
    """The directory."""

    @router.get("/agencies", tags=["directory"], dependencies=[Depends(allow(*READERS))])
    async def agencies(engine: EngineOf, after: After = None, limit: Limit = PAGE) -> Page[AgencyLine]:
        """The agencies that may publish, and those that are cut off; for each whether Kafka has followed."""
        query, order = queries.agencies()
        found = await page(engine.store, SUBJECTS, query, order, after=after, limit=limit, show=dict)
        entries = [Agency.model_validate(row["state"]) for row in found.items]
        kafka = await at_kafka.told(engine.store, entries)
        return Page[Any](items=[queries.agency_row(one, kafka[one.code]) for one in entries], next=found.next)

    @router.get("/agencies/{code}", tags=["directory"], response_model=AgencyCard)
    async def agency(code: AgencyCode, engine: EngineOf, caller: AgencysReader) -> Response:
        """One agency's entry, the edition by which an application is judged that it sends now, and whether Kafka has
        followed the entry. An agency sees its own."""
        entry, rev = await entry_of(engine, own_entry(code, caller))
        kafka = await at_kafka.told(engine.store, [entry])
        return card(queries.agency_card(entry, engine.now(), rules, kafka[code]), rev)

    @router.get("/agencies/{code}/quota", tags=["directory"])
    async def quota(code: AgencyCode, engine: EngineOf, request: Request, caller: QuotasReader) -> QuotaShown:
        """How much of the door an agency may have in a minute, and whether its entry says so or it is what all have;
        null: there is no bound. An agency sees its own."""
        entry, _ = await entry_of(engine, own_entry(code, caller))
        directory: Directory = request.app.state.agencies
        most = entry.quota or directory.quotas.most
        said = {"events_a_minute": None, "bytes_a_minute": None} if most is None else most.model_dump()
        return QuotaShown(**said, own=entry.quota is not None)

    @router.put("/agencies/{code}", tags=["directory"], response_model=EntryChanged)
    async def enter(code: AgencyCode, body: Body[AgencyEntry], by: Admin) -> Response:
        """Enters an agency or changes its entry. Its topics, its rights and its quota at Kafka follow within seconds:
        `kafka` says whether they have. A password for its user there: `POST /v1/agencies/{code}/kafka-password`."""
        return await _changed(by, code, await by.put(subject_of(code), body))

    @router.post("/agencies/{code}/disabling", tags=["directory"], response_model=EntryChanged)
    async def disable(code: AgencyCode, body: Body[AgencyDisabling], by: Admin) -> Response:
        """Cuts an agency off at both doors, whatever its entry says (If-Match is not needed): within a second nothing
        of it is let in over HTTP, and what stands in its topic is refused, with receipts. Its rights at Kafka are taken
        within seconds: `kafka` says whether they have been."""
        return await _changed(by, code, await by.give(subject_of(code), AGENCY_KIND, body, at_once=True))

    @router.post("/agencies/{code}/enabling", tags=["directory"], response_model=EntryChanged)
    async def enable(code: AgencyCode, body: Body[AgencyEnabling], by: Admin) -> Response:
        """Lets an agency in again that was cut off. What was refused meanwhile it sends again as it was, under the same
        ids: it is judged anew."""
        return await _changed(by, code, await by.give(subject_of(code), AGENCY_KIND, body))


async def _changed(by: Hand, code: str, answer: Response) -> Response:
    told = {**json.loads(bytes(answer.body)), "kafka": await followed(by, code, answer)}
    return known_here(by.request, JSONResponse(told, headers=_going_on(answer)))


async def followed(by: Hand, code: str, answer: Response) -> dict[str, Any]:
    """How an agency stands at Kafka by now, when a command about its entry was answered so. Raises StoreAway."""
    entry, _ = await entry_of(by.engine, subject_of(code))
    changed = None if REPLAYED in answer.headers else by.engine.now()
    kafka = await at_kafka.told(by.engine.store, [entry], changed)
    return kafka[code]


def told_once(answer: Response, told: Mapping[str, Any], **secret: str) -> Response:
    """The answer to a command that makes a secret, which is told in it and never again: null where the same was asked
    before."""
    again = REPLAYED in answer.headers
    shown = {**told, **(dict.fromkeys(secret) if again else secret)}
    headers = {"Cache-Control": "private, no-store", **_going_on(answer)}
    return JSONResponse(shown, 200 if again else 201, headers=headers)


def _going_on(answer: Response) -> dict[str, str]:
    """What of the headers of a command's answer stays, whatever is told beside it."""
    return {name: answer.headers[name] for name in ("ETag", REPLAYED) if name in answer.headers}


async def entry_of(engine: Engine, subject: str) -> tuple[Agency, int]:
    """An entry as it stands, and its revision. Raises Problematic 404."""
    found = await document(engine, subject, AGENCY_KIND)
    assert isinstance(found.state, Agency)
    return found.state, found.rev


def own_entry(code: str, caller: Caller) -> str:
    """The subject of an entry that the caller may read. Raises Problematic 404 for any other."""
    if agency_of(caller, Role.PUBLISHER, *READERS) not in (None, code):
        raise not_found()
    return subject_of(code)


def known_here(request: Request, answer: Response) -> Response:
    """What this process has changed in the directory, it knows at once."""
    directory: Directory = request.app.state.agencies
    directory.forget()
    return answer
