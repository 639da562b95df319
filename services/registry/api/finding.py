"""Finding over HTTP, inside the house: search, facets, pilots that are like another, or like a text not yet sent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from contracts.reference import Scope
from contracts.text import line, prose, sought
from services.chassis.answers import Count
from services.chassis.auth import allow
from services.chassis.body import Body
from services.chassis.bounds import Bounds, bounded
from services.chassis.engine import Engine
from services.chassis.gate import ShareOf
from services.chassis.problems import Problematic
from services.chassis.shares import Threads
from services.chassis.sight import Sight
from services.chassis.store import Row, Store
from services.chassis.web import PAGE, After, EngineOf, Limit, cursor_text, cursor_values
from services.registry import sight
from services.registry.api.access import Eyes, known
from services.registry.api.answers import FacetCount, Found, FoundPilots, LikePilots, Likes
from services.registry.api.asked import Value, Values
from services.registry.finding import questions
from services.registry.finding.entries import SHOWN, Facet, Flag, Order
from services.registry.finding.finding import Finding, building
from services.registry.finding.index import guarded
from services.registry.finding.questions import Among, Asked, Hits, Where
from services.registry.finding.text import MOST_CHARACTERS
from services.registry.projections.follower import FIELDS, documents
from services.registry.projections.progress import Progress
from services.registry.queries import ROW
from services.registry.sight import READERS
from services.registry.views import View

Words = Annotated[
    str | None,
    Query(description="Words, numbers, organisations; `*` after the beginning of a word"),
    sought(MOST_CHARACTERS, least=0),
]
LIKE: Final = 10
MOST_DRAFT: Final = 400_000
"""Bytes of a draft: its texts at their bounds, with every character escaped."""
HIT: Final = (*ROW, "state.hidden_from")
"""What a hit is shown from: what a line of a list is, and what says who may know of it."""
CURSOR_LENGTHS: Final = {"relevance": 4, "entered": 3, "due": 3, "amount": 3, "published": 3}


async def asked(
    q: Words = None,
    sector: Values = [],  # noqa: B006  FastAPI copies it
    stage: Values = [],  # noqa: B006
    region: Values = [],  # noqa: B006
    agency: Values = [],  # noqa: B006
    source: Values = [],  # noqa: B006
    year: Values = [],  # noqa: B006
    office: Values = [],  # noqa: B006
) -> Asked:
    """What a request looks for. Several values of one filter: any of them will do."""
    named: dict[Facet, Sequence[str]] = {
        "sector": sector,
        "stage": stage,
        "region": region,
        "agency": agency,
        "source": source,
        "year": year,
        "office": office,
    }
    return Asked(q, {name: values for name, values in named.items() if values})


AskedOf = Annotated[Asked, Depends(asked)]


async def asked_inside(
    what: AskedOf,
    flag: Annotated[list[Flag], Query(max_length=20)] = [],  # noqa: B006
) -> Asked:
    """What a request inside the house looks for: also by what somebody should look at."""
    return replace(what, filters={**what.filters, "flag": flag}) if flag else what


AskedInside = Annotated[Asked, Depends(asked_inside)]


@dataclass(frozen=True, slots=True)
class Asking:
    """The indexes of this replica, and in whose turn they are asked."""

    finding: Finding
    threads: Threads
    who: str


async def asking_of(request: Request, who: ShareOf) -> Asking:
    """The indexes of this replica. Raises Problematic 503 before they are opened."""
    found: Finding | None = getattr(request.app.state, "finding", None)
    if found is None:
        raise building(Progress())
    return Asking(found, request.app.state.questions, who)


AskingOf = Annotated[Asking, Depends(asking_of)]


class FacetCounts(BaseModel):
    """How many hits have each value, most first; `others` have a value that is not named."""

    values: list[FacetCount]
    others: int


class Facets(BaseModel):
    """The counts of every facet under the same filters."""

    facets: dict[str, FacetCounts]
    count: Count
    complete: bool


Prose = Annotated[str, prose(20_000, least=0)]
"""What a draft says at length, or not yet."""


class Draft(BaseModel):
    """What is known of an application that was not sent yet."""

    # Not in contracts.steps: a question to the index, with bounds of its own, of which nothing is recorded.

    title: Annotated[str, Field(min_length=1, max_length=500), line()]
    problem: Prose = ""
    solution: Prose = ""
    expected_effect: Prose = ""
    sector: Value | None = None
    region: Value | None = None

    def view(self) -> View:
        """The draft in the form in which pilots are compared."""
        said = self.model_dump(exclude={"title", "sector", "region"})
        return {"title": self.title, "sector": self.sector, "region": self.region, "application": said}


def routes() -> APIRouter:
    """Search, facets and similar pilots, for all who read the register."""
    router = APIRouter(prefix="/v1", tags=["finding"], dependencies=[Depends(allow(*READERS, scope=Scope.REGISTER))])

    @router.get("/search", response_model=FoundPilots)
    async def search(
        what: AskedInside,
        engine: EngineOf,
        asking: AskingOf,
        eyes: Eyes,
        sort: Order = "relevance",
        after: After = None,
        limit: Limit = PAGE,
    ) -> Found:
        """What fits the words and the filters, the best first, or in the order asked for."""
        hits = await found_in(asking, where_of(asking.finding, eyes), what, sort, after, limit)
        # What has come to be hidden, or ceased to be public, since it was indexed is left out at once.
        rows = [row for row in await rows_of(engine.store, hits.ids, HIT) if sight.sees(eyes, row)]
        return found(hits, await sight.lines(engine.store, eyes, rows), asking)

    @router.get("/facets")
    async def facets(what: AskedInside, asking: AskingOf, eyes: Eyes) -> Facets:
        """How many pilots there are by sector, stage, region, agency, money source, year, office and flag."""
        return await counted(asking, where_of(asking.finding, eyes), what)

    @router.get("/pilots/{pilot}/similar", response_model=LikePilots)
    async def similar(
        pilot: str, engine: EngineOf, asking: AskingOf, eyes: Eyes, limit: Annotated[int, Query(ge=1, le=50)] = LIKE
    ) -> Likes:
        """What has been tried elsewhere before: the nearest pilots entered earlier, whatever became of them."""
        view = sight.part(eyes, await known(engine, pilot, eyes), *SHOWN)
        before = int(datetime.fromisoformat(view["entered"]).timestamp() * 1000)
        return await _likes(asking, engine, eyes, view, limit, before)

    @router.post("/similar", response_model=LikePilots)
    @bounded(Bounds(bytes=MOST_DRAFT))
    async def similar_to(
        draft: Body[Draft],
        engine: EngineOf,
        asking: AskingOf,
        eyes: Eyes,
        limit: Annotated[int, Query(ge=1, le=50)] = LIKE,
    ) -> Likes:
        """The nearest pilots to an application that was not sent yet, by its first 2,000 words. Nothing of it is
        kept."""
        return await _likes(asking, engine, eyes, draft.view(), limit, None)

    return router


def where_of(finding: Finding, eyes: Sight) -> list[Among]:
    """What is looked through for a caller: the internal index; for a publisher the own agency's part of it, and of the
    public index the others'. Raises Problematic 503 while it is being made."""
    hidden = eyes.hidden or frozenset()
    inside = Among(finding.answering(finding.internal), agency=eyes.agency, hidden=hidden)
    if eyes.agency is None:
        return [inside]
    public = finding.answering(finding.public)
    # What others have that is not public must not be told by how well the own pilots fit, either.
    return [replace(inside, public=public), Among(public, but=eyes.agency, hidden=hidden)]


async def found_in(asking: Asking, where: Where, what: Asked, sort: Order, after: str | None, limit: int) -> Hits:
    """One page of ids. Without words there is no relevance: the newest come first."""
    order: Order = "entered" if sort == "relevance" and not what.words else sort
    cursor = cursor_values(after, CURSOR_LENGTHS[order]) if after else None
    hits: Hits = await _asked(asking, questions.search, where, what, order, cursor, limit)
    return hits


async def counted(asking: Asking, where: Where, what: Asked) -> Facets:
    """The facets of what is looked through."""
    found, count = await _asked(asking, questions.facets, where, what)
    named = {name: FacetCounts(**one) for name, one in found.items()}
    return Facets(facets=named, count=Count(value=count, exact=True), complete=asking.finding.complete)


async def _asked(asking: Asking, question: Any, *about: Any) -> Any:
    """Asks an index off the event loop. An index that cannot be read is made anew, and that is the answer."""
    try:
        return await asking.threads.run(asking.who, guarded, question, *about)
    except Problematic:
        raise
    except ValueError as error:
        asking.finding.damaged = True
        raise building(asking.finding.progress) from error


async def rows_of(store: Store, ids: Sequence[str], fields: Sequence[str] = FIELDS) -> list[Row]:
    """The documents of hits, in their order, as they stand now: an answer is never older than the index."""
    known = {row["_id"]: row for row in await documents(store, ids, fields)} if ids else {}
    return [known[one] for one in ids if one in known]


def found(hits: Hits, items: list[View], asking: Asking) -> Found:
    """The answer to a search."""
    return Found(
        items=items,
        next=cursor_text(hits.next) if hits.next else None,
        count=Count(value=hits.count, exact=True),
        complete=asking.finding.complete,
    )


async def _likes(asking: Asking, engine: Engine, eyes: Sight, view: View, limit: int, before: int | None) -> Likes:
    where = where_of(asking.finding, eyes)
    near = await _asked(asking, questions.similar, where, view, limit, before)
    scores = dict(near)
    rows = [row for row in await rows_of(engine.store, [one for one, _ in near]) if sight.sees(eyes, row)]
    # The index that each was found in, by which it is told which words tell most.
    known = [(where[0 if sight.is_whole(eyes, row) else -1], sight.part(eyes, row, *SHOWN)) for row in rows]
    common = await _asked(asking, _in_common, view, known)
    lines = await sight.lines(engine.store, eyes, rows)
    items = [
        {**line, "score": scores[row["_id"]], "common": shared}
        for row, line, shared in zip(rows, lines, common, strict=True)
    ]
    return Likes(items=items, complete=asking.finding.complete)


def _in_common(view: View, known: Sequence[tuple[Among, View]]) -> list[dict[str, Any]]:
    words = {among: questions.telling(among, view) for among in {among for among, _ in known}}
    return [questions.in_common(words[among], view, other) for among, other in known]
