"""Teams of operators over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from contracts.forms import CODE
from contracts.reference import Role
from contracts.steps import TeamEntry
from services.chassis.answers import Page
from services.chassis.auth import allow
from services.chassis.body import Body
from services.chassis.hand import Hand, hand
from services.chassis.web import PAGE, After, EngineOf, Limit, card, document
from services.expertise import queries, rows
from services.expertise.api.answers import TeamLine
from services.expertise.api.lists import paged
from services.expertise.domain.team import KIND, EnterTeam, Team, subject_of

READERS = [Depends(allow(Role.OPERATOR, Role.APPROVER, Role.AUDITOR, Role.ADMIN))]
Admin = Annotated[Hand, Depends(hand(Role.ADMIN))]
TeamCode = Annotated[str, Path(pattern=CODE, max_length=60)]


def add(router: APIRouter) -> None:
    """`/teams`."""

    @router.get("/teams", tags=["directory"], dependencies=READERS)
    async def teams(engine: EngineOf, after: After = None, limit: Limit = PAGE) -> Page[TeamLine]:
        """All teams."""
        return await paged(engine.store, queries.teams(), after=after, limit=limit, show=rows.team_row)

    @router.get("/teams/{code}", tags=["directory"], response_model=Team, dependencies=READERS)
    async def team(code: TeamCode, engine: EngineOf) -> Response:
        """One team."""
        found = await document(engine, subject_of(code), KIND)
        assert isinstance(found.state, Team)
        return card(found.state.model_dump(mode="json"), found.rev)

    @router.put("/teams/{code}", tags=["directory"])
    async def enter(code: TeamCode, body: Body[TeamEntry], by: Admin) -> Response:
        """Enters a team or changes its entry."""
        return await by.put(subject_of(code), EnterTeam(code, body))
