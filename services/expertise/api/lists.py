"""What the routes with lists of cases share: their filters, and pages of a listing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Query

from contracts.event import wire_moment
from contracts.expertise import ReviewKind
from contracts.text import sought
from services.chassis.answers import Page
from services.chassis.engine import Engine
from services.chassis.numbered import AS_KNOWN
from services.chassis.problems import Problematic
from services.chassis.store import SUBJECTS, Row, Store
from services.chassis.web import page
from services.expertise.domain.state import KIND, Status, View
from services.expertise.queries import FOR_EXPERTS, Filters, Listing, Teams, teams_of
from services.expertise.sight import Sight

MOST_TEAMS = 100
Text = Annotated[str | None, Query(max_length=128), sought(128)]


async def filters(
    sector: Text = None,
    agency: Text = None,
    kind: ReviewKind | None = None,
    round: Annotated[int | None, Query(ge=1, le=1000)] = None,
    expert: Text = None,
    status: Status | None = None,
    number: Annotated[Text, AS_KNOWN] = None,
) -> Filters:
    """The filters of the queues. `expert` is who sits on the case."""
    return Filters(sector, agency, kind, round, expert, status, number)


FiltersOf = Annotated[Filters, Depends(filters)]


async def paged(
    store: Store,
    listing: Listing,
    *,
    after: str | None,
    limit: int,
    show: Callable[[Row], dict[str, Any]],
    collection: str = SUBJECTS,
    fields: Sequence[str] | None = None,
) -> Page[Any]:
    """A page of a listing. Raises Problematic for a bad cursor."""
    return await page(
        store,
        collection,
        listing.query,
        listing.order,
        after=after,
        limit=limit,
        show=show,
        fields=fields,
        hint=listing.index,
    )


def need_own(eyes: Sight, view: View | None, wanted: Filters) -> None:
    """Raises Problematic 403 for an expert who asks for others' queues, or who else is on a case."""
    if eyes.all_cases:
        return
    if view is not None and view not in FOR_EXPERTS:
        raise Problematic(403, "view.not-yours", views=FOR_EXPERTS)
    if wanted.expert not in (None, eyes.id):
        raise Problematic(403, "expert.not-you")


async def teams_for(store: Store, person: str) -> Teams:
    """Of whom a person's teams consist, and what they look after."""
    asked = teams_of(person)
    rows = await store.rows(SUBJECTS, asked.query, sort=asked.order, limit=MOST_TEAMS, hint=asked.index)
    states: list[Mapping[str, Any]] = [row["state"] for row in rows]
    members = {member for state in states for member in state["members"]}
    sectors = {sector for state in states for sector in state["sectors"]}
    return Teams(tuple(sorted(members)), tuple(sorted(sectors)))


async def loads(store: Store, eyes: Sight, experts: Sequence[str]) -> dict[str, int]:
    """How many reviews wait for each of these experts (нагрузка), of those that the caller may see."""
    return await store.tally(SUBJECTS, {"kind": KIND, **eyes.where()}, "state.working", experts) if experts else {}


def wired(engine: Engine) -> str:
    """The present moment as it stands in what is stored."""
    return wire_moment(engine.now())
