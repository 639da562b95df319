"""The directory of agencies (справочник ведомств): who may publish, by which rule edition, and who is cut off."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from contracts.forms import AGENCY
from contracts.steps import AgencyDisabling, AgencyEnabling, AgencyEntry
from contracts.topics import agency_topic, receipts_topic
from services.chassis.answers import Page
from services.chassis.auth import allow
from services.chassis.body import Body
from services.chassis.store import SUBJECTS
from services.chassis.web import PAGE, After, EngineOf, Limit, card, document, need_topics, page
from services.intake import queries
from services.intake.api.access import READERS, Admin
from services.intake.api.answers import AgencyCard, AgencyLine
from services.intake.directory import Directory
from services.intake.domain.agency import subject_of
from services.law.standing import KIND as AGENCY_KIND

AgencyCode = Annotated[str, Path(pattern=AGENCY)]


def add(router: APIRouter) -> None:
    """The directory."""

    @router.get("/agencies", tags=["directory"], dependencies=[Depends(allow(*READERS))])
    async def agencies(engine: EngineOf, after: After = None, limit: Limit = PAGE) -> Page[AgencyLine]:
        """The agencies that may publish, and those that are cut off."""
        query, order = queries.agencies()
        return await page(engine.store, SUBJECTS, query, order, after=after, limit=limit, show=queries.agency_row)

    @router.get(
        "/agencies/{code}", tags=["directory"], response_model=AgencyCard, dependencies=[Depends(allow(*READERS))]
    )
    async def agency(code: AgencyCode, engine: EngineOf) -> Response:
        """One agency's entry."""
        found = await document(engine, subject_of(code), AGENCY_KIND)
        return card(queries.agency_card(found), found.rev)

    @router.put("/agencies/{code}", tags=["directory"])
    async def enter(code: AgencyCode, body: Body[AgencyEntry], by: Admin) -> Response:
        """Enters an agency or changes its entry. Its topics must be there: `./lotsman agency add` makes both."""
        await need_topics(by.request, (agency_topic(code).name, receipts_topic(code).name))
        return known_here(by.request, await by.put(subject_of(code), body))

    @router.post("/agencies/{code}/disabling", tags=["directory"])
    async def disable(code: AgencyCode, body: Body[AgencyDisabling], by: Admin) -> Response:
        """Cuts an agency off at both doors, whatever its entry says (If-Match is not needed): within a second nothing
        of it is let in over HTTP, and what stands in its topic is refused, with receipts. `./lotsman agency disable`
        takes its rights at Kafka, too."""
        return known_here(by.request, await by.give(subject_of(code), AGENCY_KIND, body, at_once=True))

    @router.post("/agencies/{code}/enabling", tags=["directory"])
    async def enable(code: AgencyCode, body: Body[AgencyEnabling], by: Admin) -> Response:
        """Lets an agency in again that was cut off. What was refused meanwhile it sends again, under new ids."""
        return known_here(by.request, await by.give(subject_of(code), AGENCY_KIND, body))


def known_here(request: Request, answer: Response) -> Response:
    """What this process has changed in the directory, it knows at once."""
    directory: Directory = request.app.state.agencies
    directory.forget()
    return answer
