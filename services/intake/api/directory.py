"""The directory of agencies (справочник ведомств): who may publish, by which rule edition, and who is cut off."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from contracts.forms import AGENCY
from contracts.reference import Role, Scope
from contracts.rules import RuleBook
from contracts.steps import AgencyDisabling, AgencyEnabling, AgencyEntry
from contracts.topics import agency_topic, receipts_topic
from services.chassis.answers import Page
from services.chassis.auth import Caller, allow
from services.chassis.body import Body
from services.chassis.sight import agency_of
from services.chassis.store import SUBJECTS
from services.chassis.web import PAGE, After, EngineOf, Limit, card, document, need_topics, not_found, page
from services.intake import queries
from services.intake.api.access import READERS, Admin
from services.intake.api.answers import AgencyCard, AgencyLine, QuotaShown
from services.intake.directory import Directory
from services.intake.domain.agency import Agency, subject_of
from services.law.standing import KIND as AGENCY_KIND

AgencyCode = Annotated[str, Path(pattern=AGENCY)]
AgencysReader = Annotated[Caller, Depends(allow(Role.PUBLISHER, *READERS))]
"""Officials, who read every entry, and an agency's own person, who reads its own."""
QuotasReader = Annotated[Caller, Depends(allow(Role.PUBLISHER, *READERS, scope=Scope.PUBLISH))]
"""The same, and an agency's program that publishes."""


def add(router: APIRouter, rules: RuleBook) -> None:
    """The directory."""

    @router.get("/agencies", tags=["directory"], dependencies=[Depends(allow(*READERS))])
    async def agencies(engine: EngineOf, after: After = None, limit: Limit = PAGE) -> Page[AgencyLine]:
        """The agencies that may publish, and those that are cut off."""
        query, order = queries.agencies()
        return await page(engine.store, SUBJECTS, query, order, after=after, limit=limit, show=queries.agency_row)

    @router.get("/agencies/{code}", tags=["directory"], response_model=AgencyCard)
    async def agency(code: AgencyCode, engine: EngineOf, caller: AgencysReader) -> Response:
        """One agency's entry, and the edition by which an application is judged that it sends now. An agency sees its
        own."""
        found = await document(engine, own_entry(code, caller), AGENCY_KIND)
        return card(queries.agency_card(found, engine.now(), rules), found.rev)

    @router.get("/agencies/{code}/quota", tags=["directory"])
    async def quota(code: AgencyCode, engine: EngineOf, request: Request, caller: QuotasReader) -> QuotaShown:
        """How much of the door an agency may have in a minute, and whether its entry says so or it is what all have;
        null: there is no bound. An agency sees its own."""
        found = await document(engine, own_entry(code, caller), AGENCY_KIND)
        assert isinstance(found.state, Agency)
        directory: Directory = request.app.state.agencies
        most = found.state.quota or directory.quotas.most
        said = {"events_a_minute": None, "bytes_a_minute": None} if most is None else most.model_dump()
        return QuotaShown(**said, own=found.state.quota is not None)

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


def own_entry(code: str, caller: Caller) -> str:
    """The subject of an entry that the caller may read. Raises Problematic 404 for any other."""
    if agency_of(caller, Role.PUBLISHER, *READERS) not in (None, code):
        raise not_found()
    return subject_of(code)


def known_here(request: Request, answer: Response) -> Response:
    """What this process has changed in the directory, it knows at once."""
    directory: Directory = request.app.state.agencies
    directory.forget()
    return answer
