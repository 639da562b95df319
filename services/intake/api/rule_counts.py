"""How many events of which agency broke which rule: whether a rule that only warns could refuse."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import BaseModel

from contracts.event import AskedMoment, Moment
from contracts.reference import ProblemSeverity
from contracts.text import sought
from services.chassis.web import EngineOf
from services.intake.api.access import AgencyAsked, AgencysEyes
from services.intake.broken import RuleCount, counts

USUALLY: Final = timedelta(days=30)
"""So far back is counted where nobody says since when."""


class RuleCounts(BaseModel):
    """The rules that were broken since a moment, by agency and rule."""

    since: Moment
    items: list[RuleCount]


def add(router: APIRouter) -> None:
    """The counts."""

    @router.get("/rule-counts", tags=["rules"])
    async def rule_counts(
        engine: EngineOf,
        eyes: AgencysEyes,
        agency: AgencyAsked = None,
        rule: Annotated[str | None, sought(100)] = None,
        severity: ProblemSeverity | None = None,
        since: AskedMoment | None = None,
    ) -> RuleCounts:
        """How many events of each agency broke each rule since a moment, 30 days ago if none is said: `warn` were taken
        and told, `block` were refused. An agency sees its own. Before a rule is made to block, this is what it would
        have refused."""
        began = since or engine.now() - USUALLY
        found = await counts(engine.store, eyes, agency=agency, rule=rule, severity=severity, since=began)
        return RuleCounts(since=began, items=found)
