"""Persons who act in the register, or sit on its commissions, by their names: kept here alone, and erased for good.

The name stands beside what mentions the opaque id, for those who work in the house; an agency sees the ids' roles and
organisations only, and the public nothing. What is erased from the expertise's directory is erased here, too.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from contracts.reference import ROLES, Role
from contracts.steps import Erasure, Person
from services.chassis import persons
from services.chassis.auth import Caller, allow
from services.chassis.body import Body
from services.chassis.engine import Engine
from services.chassis.hand import Hand, hand
from services.chassis.store import Store
from services.chassis.web import EngineOf, not_found

KNOWERS: Final = tuple(role for role in ROLES if role not in (Role.PUBLISHER, Role.EXPERT, Role.OPS, Role.SUBSCRIBER))
"""Who may know the names: whoever reads the register and is not of an agency."""
FIELDS: Final = frozenset({"actor", "by", "members", "secretary", "present", "who"})
"""Where persons stand in what the register shows."""

Oneself = Annotated[Caller, Depends(allow(*KNOWERS))]
Namer = Annotated[Caller, Depends(allow(Role.HEAD_ORGANISATION, Role.ADMIN))]
Own = Annotated[Hand, Depends(hand(*KNOWERS))]
PRIVATE: Final = {"Cache-Control": "private, no-store"}


@dataclass(frozen=True, slots=True)
class Naming:
    """Whom an answer may name to its caller."""

    store: Store
    allowed: bool

    async def of(self, shown: Any) -> dict[str, str]:
        """The names of those whom it mentions, by their ids; none for a caller who may not know them."""
        return await persons.names(self.store, shown, FIELDS) if self.allowed else {}


async def naming(
    engine: EngineOf, caller: Annotated[Caller, Depends(allow(*KNOWERS, Role.PUBLISHER, Role.SUBSCRIBER))]
) -> Naming:
    """Whom answers to this caller may name."""
    return Naming(engine.store, bool(caller.roles & set(KNOWERS)))


NamingOf = Annotated[Naming, Depends(naming)]


def routes() -> APIRouter:
    """What is kept of oneself and of others."""
    router = APIRouter(prefix="/v1", tags=["personal data"])

    @router.get("/me/person", response_model=Person, responses={404: {}})
    async def own(engine: EngineOf, caller: Oneself) -> Response:
        """What is kept of oneself."""
        found = await persons.kept(engine.store, caller.id)
        if found is None:
            raise not_found()
        return JSONResponse(found, headers=PRIVATE)

    @router.put("/me/person", response_model=Person)
    async def save_own(body: Body[Person], engine: EngineOf, caller: Oneself) -> Response:
        """Saves one's own name and contact."""
        return await _saved(engine, caller.id, body)

    @router.delete("/me/person", status_code=204)
    async def erase_own(by: Own) -> None:
        """Erases one's own name and contact for good, with a fact that says so; the opaque id stays. Safe to repeat."""
        await persons.erase(by, by.caller.id, Erasure())

    @router.put("/persons/{person}", response_model=Person)
    async def save(person: persons.Id, body: Body[Person], engine: EngineOf, _caller: Namer) -> Response:
        """Saves the name of somebody who has no account: a member of a commission."""
        return await _saved(engine, person, body)

    return router


async def _saved(engine: Engine, id_: str, said: Person) -> Response:
    await persons.keep(engine.store, id_, said, engine.now())
    return JSONResponse(said.model_dump(), headers=PRIVATE)
