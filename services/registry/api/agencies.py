"""Agencies as the register knows them: who is let in, and by which keys."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from contracts.event import Contract, Day, Moment
from contracts.forms import AGENCY
from contracts.reference import Role
from services.chassis.auth import allow
from services.chassis.described import called
from services.chassis.directory import last_uses
from services.chassis.web import EngineOf, document
from services.registry.api.operations import OPERATIONS
from services.registry.domain.agencies import KIND, Agency


class KeyUse(Contract):
    """A key of an agency as the register knows it, and when it was last used here, to the minute."""

    id: str
    scopes: list[str]
    until: Moment | None
    revoked: Moment | None
    last_used: Moment | None


class AgencyKnown(Contract):
    """Whether the register lets an agency in, as intake's directory told it: since when it is cut off, and its days."""

    code: str
    disabled: Moment | None
    active_from: Day | None
    active_to: Day | None
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
        days = {"active_from": state.active_from, "active_to": state.active_to}
        return AgencyKnown(code=code, disabled=state.disabled, keys=keys, **days)

    return router
