"""Agencies as the register knows them: who is let in, and by which keys."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from contracts.event import Contract, Moment
from contracts.forms import AGENCY
from contracts.reference import Role
from contracts.registry import AgencyAccess
from services.chassis.auth import allow
from services.chassis.described import called
from services.chassis.directory import last_uses
from services.chassis.web import EngineOf, document
from services.law.standing import KIND
from services.registry.api.operations import OPERATIONS
from services.registry.domain.agencies import Agency


class KeyUse(Contract):
    """A key of an agency as the register knows it, and when it was last used here, to the minute."""

    id: str
    scopes: list[str]
    until: Moment | None
    revoked: Moment | None
    last_used: Moment | None


class AgencyKnown(AgencyAccess):
    """Whether the register lets an agency in, and which keys of it."""

    code: str
    keys: list[KeyUse]


def routes() -> APIRouter:
    """`/v1/agencies/{code}`."""
    router = APIRouter(prefix="/v1", tags=["agencies"], generate_unique_id_function=called(OPERATIONS))

    @router.get("/agencies/{code}", dependencies=[Depends(allow(Role.AUDITOR, Role.ADMIN))])
    async def agency(code: Annotated[str, Path(pattern=AGENCY)], engine: EngineOf) -> AgencyKnown:
        """What the register knows of an agency's access. It follows intake's directory, where it is changed."""
        found = await document(engine, f"{KIND}:{code}", KIND)
        assert isinstance(found.state, Agency)
        state = found.state
        used = await last_uses(engine.store, [one.id for one in state.keys])
        keys = [
            KeyUse(
                id=one.id,
                scopes=[*one.scopes],
                until=one.until,
                revoked=one.revoked,
                last_used=used.get(one.id),
            )
            for one in state.keys
        ]
        return AgencyKnown.made_of(state, keys=keys)

    return router
