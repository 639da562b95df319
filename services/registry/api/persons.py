"""Persons who act in the register, or sit on its commissions, by their names: kept here alone, and erased for good.

The name stands beside what mentions the opaque id, for those who work in the house; an agency sees the ids' roles and
organisations only, and the public nothing. What is erased from the expertise's directory is erased here, too.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from contracts.reference import ROLES, Role, Scope
from contracts.steps import Person
from services.chassis import persons
from services.chassis.answers import Page
from services.chassis.auth import Caller, allow
from services.chassis.body import Body
from services.chassis.store import BY_ID, PERSONS, Row, Store
from services.chassis.web import PAGE, After, EngineOf, Limit, page
from services.registry.api.answers import KnownPerson

KNOWERS: Final = tuple(role for role in ROLES if role not in (Role.PUBLISHER, Role.EXPERT, Role.OPS, Role.SUBSCRIBER))
"""Who may know the names: whoever reads the register and is not of an agency."""
FIELDS: Final = frozenset({"actor", "by", "members", "secretary", "present", "who"})
"""Where persons stand in what the register shows."""

Namer = Annotated[Caller, Depends(allow(Role.HEAD_ORGANISATION, Role.ADMIN))]


@dataclass(frozen=True, slots=True)
class Naming:
    """Whom an answer may name to its caller."""

    store: Store
    allowed: bool

    async def of(self, shown: Any) -> dict[str, str]:
        """The names of those whom it mentions, by their ids; none for a caller who may not know them."""
        return await persons.names(self.store, shown, FIELDS) if self.allowed else {}


async def naming(
    engine: EngineOf,
    caller: Annotated[Caller, Depends(allow(*KNOWERS, Role.PUBLISHER, Role.SUBSCRIBER, scope=Scope.REGISTER))],
) -> Naming:
    """Whom answers to this caller may name."""
    return Naming(engine.store, bool(caller.roles & set(KNOWERS)))


NamingOf = Annotated[Naming, Depends(naming)]


def _named(row: Row) -> dict[str, Any]:
    return {"id": row["_id"], "name": row["name"]}


def routes() -> APIRouter:
    """Names of others."""
    router = APIRouter(prefix="/v1", tags=["personal data"])

    @router.get("/persons", response_model=Page[KnownPerson])
    async def known(engine: EngineOf, _caller: Namer, after: After = None, limit: Limit = PAGE) -> Page[Any]:
        """Who is known by name, in the order of their ids: those from whom a commission is chosen. Contacts are not
        told."""
        return await page(
            engine.store, PERSONS, {}, BY_ID, after=after, limit=limit, show=_named, fields=["name"], hint=BY_ID
        )

    @router.put("/persons/{person}", response_model=Person)
    async def save(person: persons.Id, body: Body[Person], engine: EngineOf, _caller: Namer) -> Response:
        """Saves the name of somebody who has no account: a member of a commission. A contact that is left out stays as
        it is kept, for whoever corrects a name is not told it; null takes it out."""
        kept = await persons.kept(engine.store, person) or {}
        stays = {name: kept[name] for name in kept if name not in body.model_fields_set}
        await persons.keep(engine.store, person, body.model_copy(update=stays), engine.now())
        return JSONResponse(body.model_dump(), headers=persons.PRIVATE)  # what was said: what stayed is not told

    return router
