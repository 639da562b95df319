"""The contact persons of an application over HTTP: read by officers, with a fact that says so; erased by who may."""

from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from contracts.agency import ContactPerson
from contracts.event import wire_moment
from contracts.reference import Role
from services.chassis import persons
from services.chassis.answers import Named
from services.chassis.auth import Caller, allow
from services.chassis.engine import Engine
from services.chassis.hand import Hand, hand
from services.chassis.problems import Problematic
from services.chassis.sight import Sight, hides, seeing
from services.chassis.subject import Claimed, Document, Done, Input
from services.chassis.web import PAGE, After, EngineOf, Limit, document, not_found, page
from services.intake import contacts
from services.intake.api.answers import ContactReading, Contacts
from services.intake.domain.commands import EraseContacts
from services.intake.domain.reading import ReadContacts, subject_of
from services.intake.domain.state import KIND, Pilot
from services.intake.importing import asked as sheets

AnOfficer = Annotated[Caller, Depends(allow(Role.OFFICER))]
Controller = Annotated[Sight, Depends(seeing(Role.AUDITOR, Role.ADMIN))]
READERS: Final = frozenset({"by"})
"""Where persons who work here stand in a reading."""
Eraser = Annotated[Hand, Depends(hand(Role.PUBLISHER, Role.ADMIN))]


def add(router: APIRouter) -> None:
    """`/applications/{pilot}/contact`."""

    @router.get("/applications/{pilot}/contact", tags=["personal data"], response_model=Contacts)
    async def read(pilot: str, engine: EngineOf, caller: AnOfficer) -> Response:
        """The contact persons of an application, the one to be asked first. Each reading is a fact with who read, and
        that fact is safe before anything is answered."""
        found = await _seen(engine, pilot, caller)
        assert isinstance(found.state, Pilot)
        rows = await contacts.kept(engine.store, found.state.persons)
        if not rows:
            raise Problematic(404, "contact.none")
        await _noted(engine, caller, found, tuple(row["_id"] for row in rows))
        until = {one.person_id: wire_moment(one.until) for one in found.state.contacts}
        items = [{"person_id": row["_id"], **_said(row), "until": until.get(row["_id"])} for row in rows]
        return JSONResponse({"items": items}, headers={"Cache-Control": "private, no-store"})

    @router.get("/applications/{pilot}/contact/readings", tags=["personal data"])
    async def readings(
        pilot: str, engine: EngineOf, eyes: Controller, after: After = None, limit: Limit = PAGE
    ) -> Named[ContactReading]:
        """Who read the contact persons of an application, the last reading first, and how those are called."""
        found = await page(
            engine.store,
            contacts.READINGS,
            {"$and": [contacts.readings(pilot), eyes.but("pilot")]},
            contacts.LATEST[1:],
            after=after,
            limit=limit,
            show=_reading,
        )
        named = await persons.names(engine.store, found.items, READERS)
        return Named[Any](items=found.items, next=found.next, persons=named)

    @router.delete("/applications/{pilot}/contact", tags=["personal data"], status_code=204)
    async def erase(pilot: str, by: Eraser) -> Response:
        """Erases the contact persons' data for good, from parked records too, and the spreadsheets that the agency has
        sent, but those in work: by the application's own agency, or an administrator. The fact that says so comes
        first. Safe to repeat."""
        found = await _seen(by.engine, pilot, by.caller)
        assert isinstance(found.state, Pilot)
        if Role.ADMIN not in by.caller.roles and by.caller.organisation != found.state.agency:
            raise not_found()
        await by.give_if_there(pilot, KIND, EraseContacts())
        await contacts.forget(by.engine.store, [pilot], found.state.persons, by.engine.now())
        await sheets.forget(by.engine.store, found.state.agency, by.engine.now())
        return Response(status_code=204)


async def _seen(engine: Engine, pilot: str, caller: Caller) -> Document:
    """An application that no conflict hides from the caller. Raises Problematic 404 for any other."""
    found = await document(engine, pilot, KIND)
    if hides(found.state, caller.id):
        raise not_found()
    return found


async def _noted(engine: Engine, caller: Caller, found: Document, persons: tuple[str, ...]) -> None:
    """The fact that the caller reads. Raises Problematic 500 where it cannot be made, and StoreAway."""
    assert isinstance(found.state, Pilot)
    id_ = str(uuid4())
    one = Input(
        subject=subject_of(found.subject),
        mark=Claimed(f"person:{caller.id}", id_, id_),
        command=ReadContacts(pilot=found.subject, agency=found.state.agency, person_ids=persons),
        actor=caller.acting(frozenset({Role.OFFICER})),
        cause_id=f"{caller.id}:{id_}",
        correlation=found.correlation,
    )
    if not isinstance(await engine.command(one), Done):
        raise Problematic(500, "engine.broken")


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in ContactPerson.model_fields}


def _reading(row: dict[str, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in ("by", "role", "organisation", "person_ids")}
    return {"at": wire_moment(row["at"]), **shown}
