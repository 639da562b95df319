"""Names of persons: personal data of a service, in a collection of their own, where they can be erased for good.

They stand in no fact, no document and no log: what refers to a person is the opaque id. An answer for people names
those whom it mentions beside itself, as they are kept at that moment; who is erased is an id again.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from contracts.event import Event
from contracts.forms import PERSON
from contracts.reference import Role
from contracts.steps import MOST_PERSON, ErasedPerson, Erasure, Person
from services.chassis.answers import Page
from services.chassis.auth import Caller, allow
from services.chassis.body import Body
from services.chassis.engine import Engine
from services.chassis.hand import Hand, hand
from services.chassis.problems import Problematic, refused
from services.chassis.store import BY_ID, PERSONS, Store
from services.chassis.web import EngineOf, not_found
from services.law.decision import Refusal
from services.law.erasing import Erase, Erased, Erasures, need_begun, subject_of

Id = Annotated[str, Path(min_length=1, max_length=MOST_PERSON, pattern=PERSON)]
Eraser = Annotated[Hand, Depends(hand(Role.ADMIN))]
Controller = Annotated[Caller, Depends(allow(Role.AUDITOR, Role.ADMIN))]

OF_A_PILOT: Final = "pilot"
"""A row with this field is that of an applicant's contact person, who does not work here: the pilot's routes alone read
and erase it."""
PRIVATE: Final = {"Cache-Control": "private, no-store"}
MOST: Final = 1_000
"""Persons that one answer names: a page of cases with all who have to do with each."""


class ErasureDone(BaseModel):
    """Whether there was anything of a person to erase in this service."""

    person: str
    erased: bool


async def kept(store: Store, id_: str) -> dict[str, Any] | None:
    """What is kept of a person who works here, or None. Raises StoreAway."""
    row = await store.get(PERSONS, id_)
    return {name: row[name] for name in Person.model_fields} if row is not None and OF_A_PILOT not in row else None


async def keep(store: Store, id_: str, said: Person, now: datetime) -> None:
    """Keeps a person's data; the same twice is the same as once. Raises StoreAway."""
    await store.put(PERSONS, [{"_id": id_, **said.model_dump(), "since": now}])


async def names(store: Store, shown: Any, fields: Set[str]) -> dict[str, str]:
    """The display names of the persons whom an answer mentions in these fields, by their ids, with one query.

    Who is not kept, or no more, is not among them. Raises StoreAway.
    """
    ids = sorted(set(mentioned(shown, fields)))[:MOST]
    if not ids:
        return {}
    query = {"_id": {"$in": ids}, OF_A_PILOT: None}
    rows = await store.rows(PERSONS, query, sort=BY_ID, limit=len(ids), fields=["name"])
    return {str(row["_id"]): str(row["name"]) for row in rows if row.get("name")}


async def carry_out(store: Store, events: Sequence[Event]) -> None:
    """Erases whom own facts say to be erased, before they are sent; what was saved since stays, for a fact may wait
    long until it is sent. Raises StoreAway."""
    said = {one.person_id: event.time for event in events if isinstance(one := cast(object, event.fact), ErasedPerson)}
    if not said:
        return
    rows = await store.rows(PERSONS, {"_id": {"$in": sorted(said)}}, sort=BY_ID, limit=len(said), fields=["since"])
    old = [row["_id"] for row in rows if row.get("since") is None or row["since"] <= said[row["_id"]]]
    await store.remove(PERSONS, old)


async def erase(by: Hand, id_: str, said: Erasure) -> bool:
    """Erases what is kept of a person: first the fact that says who asked, when, and on what basis, then the data
    itself. False where nothing is kept: then nothing is done. Raises Problematic like `Hand.record`."""
    if await kept(by.engine.store, id_) is None:
        return False
    await by.record(subject_of(id_), Erase(id_, said))
    await by.engine.store.remove(PERSONS, [id_])
    return True


async def erase_for(by: Hand, id_: str, said: Erasure) -> ErasureDone:
    """The same for somebody else, on the document that asks for it. Raises Problematic 422 without one, and for one of
    a day that has not come, whether anything is kept or not."""
    if said.basis is None:
        raise Problematic(422, "erasure.basis")
    try:
        need_begun(said, by.engine.now())
    except Refusal as refusal:
        raise refused(refusal) from None
    return ErasureDone(person=id_, erased=await erase(by, id_, said))


async def nothing_more(_by: Hand, _person: str) -> None:
    """Nothing else follows an erasure."""


def routes(then: Callable[[Hand, str], Awaitable[None]] = nothing_more) -> APIRouter:
    """Erasing for a person, and who did, the same in every service that keeps names."""
    router = APIRouter(prefix="/v1/persons", tags=["personal data"])

    @router.post("/{person}/erasure")
    async def for_a_person(person: Id, body: Body[Erasure], by: Eraser) -> ErasureDone:
        """Erases what is kept of a person in this service, on the document that asks for it; the opaque id stays. That
        it was done is a fact with who did it and the document, and no name. Safe to repeat."""
        done = await erase_for(by, person, body)
        await then(by, person)
        return done

    @router.get("/{person}/erasures")
    async def erasures(person: Id, engine: EngineOf, _caller: Controller) -> Page[Erased]:
        """When a person's data was erased here, by whom, and on what basis; the last one first."""
        found = (await engine.documents([subject_of(person)])).get(subject_of(person))
        state = found.state if found is not None else None
        rows = state.erasures if isinstance(state, Erasures) else ()
        return Page[Any](items=[one.model_dump(mode="json") for one in reversed(rows)])

    return router


def of_oneself(*roles: Role, then: Callable[[Hand, str], Awaitable[None]] = nothing_more) -> APIRouter:
    """What is kept of oneself, for whoever has one of these roles."""
    router = APIRouter(prefix="/v1/me", tags=["personal data"])
    oneself, acting = Depends(allow(*roles)), Depends(hand(*roles))

    @router.get("/person", response_model=Person, responses={404: {}})
    async def own(engine: EngineOf, caller: Caller = oneself) -> Response:
        """What is kept of oneself."""
        found = await kept(engine.store, caller.id)
        if found is None:
            raise not_found()
        return JSONResponse(found, headers=PRIVATE)

    @router.put("/person", response_model=Person)
    async def save(body: Body[Person], engine: EngineOf, caller: Caller = oneself) -> Response:
        """Saves one's own name and contact."""
        return await saved(engine, caller.id, body)

    @router.delete("/person", status_code=204)
    async def erase_own(by: Hand = acting) -> None:
        """Erases one's own name and contact for good, with a fact that says so; the opaque id stays. Safe to repeat."""
        await erase(by, by.caller.id, Erasure())
        await then(by, by.caller.id)

    return router


async def saved(engine: Engine, id_: str, said: Person) -> Response:
    """Keeps a person's data, and answers with it. Raises StoreAway."""
    await keep(engine.store, id_, said, engine.now())
    return JSONResponse(said.model_dump(), headers=PRIVATE)


def mentioned(shown: Any, fields: Set[str]) -> Iterator[str]:
    """The ids of persons in an answer: what stands in a field of one of these names, by itself, in a list, or as the
    `id` of an object."""
    if isinstance(shown, Mapping):
        for name, value in shown.items():
            if name in fields:
                yield from _ids(value)
            yield from mentioned(value, fields)
    elif isinstance(shown, (list, tuple)):
        for one in shown:
            yield from mentioned(one, fields)


def _ids(value: Any) -> Iterator[str]:
    found = value if isinstance(value, (list, tuple)) else [value]
    for one in found:
        known = one.get("id") if isinstance(one, Mapping) else one
        if isinstance(known, str):
            yield known
