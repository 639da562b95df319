"""The officers' look-over (рассмотрение на комплектность): applications, and what an officer decides on them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from contracts.reference import Role, TermKind
from contracts.steps import ApplicationReturn, ApplicationStop
from contracts.text import sought
from services.chassis.answers import Page
from services.chassis.body import Body
from services.chassis.problems import Problematic
from services.chassis.sight import Sight, seeing
from services.chassis.store import BY_ID, SUBJECTS
from services.chassis.web import MOST, PAGE, After, EngineOf, Limit, card, page
from services.intake import queries
from services.intake.api.access import AgencyAsked, AgencysEyes, Officer, seen
from services.intake.api.answers import ApplicationCard, ApplicationClock, ApplicationLine, NamedApplication
from services.intake.domain.commands import Accept
from services.intake.domain.state import KIND as PILOT_KIND
from services.intake.domain.state import Pilot, Status
from services.intake.following import WaitsFor
from services.law.explanation import explain

Ids = Annotated[
    list[Annotated[str, sought(128)]], Query(max_length=MOST, description="These applications alone, by their ids")
]
Clocked = Literal[TermKind.LOOK_OVER, TermKind.FIXING_REMARKS]


def add(router: APIRouter) -> None:
    """Applications, and the officers' decisions."""

    @router.get("/applications", tags=["look-over"])
    async def applications(
        engine: EngineOf,
        eyes: AgencysEyes,
        status: Status | None = None,
        agency: AgencyAsked = None,
        waits_for: WaitsFor | None = None,
        id: Ids = [],  # noqa: B006  FastAPI copies it
        after: After = None,
        limit: Limit = PAGE,
    ) -> Page[ApplicationLine]:
        """Applications: with a status by due date, of those that wait for somebody by status and due date, with `id`
        these alone by their ids, else the newest first. An agency sees its own."""
        query, order = queries.applications(status, agency, eyes, waits_for, id)
        return await page(
            engine.store,
            SUBJECTS,
            query,
            order,
            after=after,
            limit=limit,
            show=queries.application_row,
            hint=BY_ID if id else None,
        )

    @router.get("/applications/{pilot}", tags=["look-over"], response_model=ApplicationCard)
    async def application(pilot: str, engine: EngineOf, eyes: AgencysEyes) -> Response:
        """One application with its look-over term. An agency sees its own."""
        found = await seen(engine, pilot, eyes)
        return card(queries.application_card(found), found.rev)

    @router.get("/applications/{pilot}/id", tags=["operations"], response_model=NamedApplication)
    async def named(pilot: str, engine: EngineOf, eyes: Annotated[Sight, Depends(seeing(Role.OPS))]) -> Response:
        """By what traces, logs and parked records know an application that people name by its registration number."""
        found = await seen(engine, pilot, eyes)
        assert isinstance(found.state, Pilot)
        return card({"id": found.subject, "number": found.state.number}, found.rev)

    @router.post("/applications/{pilot}/acceptance", tags=["look-over"])
    async def accept(pilot: str, by: Officer) -> Response:
        """The application is complete and goes to expertise (принять к рассмотрению)."""
        return await by.give(pilot, PILOT_KIND, Accept())

    @router.post("/applications/{pilot}/return", tags=["look-over"])
    async def give_back(pilot: str, body: Body[ApplicationReturn], by: Officer) -> Response:
        """The application goes back with coded reasons (вернуть)."""
        return await by.give(pilot, PILOT_KIND, body)

    @router.post("/applications/{pilot}/stop", tags=["look-over"])
    async def stop(pilot: str, body: Body[ApplicationStop], by: Officer) -> Response:
        """The procedure is stopped on a document, wherever it stands (прекратить рассмотрение)."""
        return await by.give(pilot, PILOT_KIND, body)

    @router.get("/applications/{pilot}/clock", tags=["look-over"], response_model=ApplicationClock)
    async def clock(pilot: str, engine: EngineOf, eyes: AgencysEyes, term: Clocked = TermKind.LOOK_OVER) -> Response:
        """How the due date of a term comes about, day by day, in words of three languages."""
        found = await seen(engine, pilot, eyes)
        assert isinstance(found.state, Pilot)
        ledger = found.state.ledger(term)
        if ledger is None:
            raise Problematic(404, "term.none")
        told = explain(ledger, engine.now(), engine.calendars[ledger.term.calendar])
        asked = found.state.application
        called = {"number": found.state.number, "title": asked.title if asked is not None else None}
        return card({**called, **told.model_dump(mode="json")}, found.rev)
