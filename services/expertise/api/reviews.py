"""Reading cases: the queues and their counts, a case, its clock, who could review it, its conclusions on paper."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from contracts.expertise import PaperForm
from contracts.reference import Role, Standing
from contracts.rules import RuleBook
from contracts.text import sought
from services.chassis.answers import Named
from services.chassis.auth import Caller, allow
from services.chassis.bounds import Bounds, bounded
from services.chassis.described import files
from services.chassis.engine import Engine
from services.chassis.gate import ShareOf, in_turn
from services.chassis.problems import Problematic, language_of
from services.chassis.sight import hidden_pilots, hides
from services.chassis.store import SUBJECTS
from services.chassis.web import PAGE, After, EngineOf, Limit, card, document, not_found
from services.expertise import cards, rows
from services.expertise.api import persons
from services.expertise.api.access import AnOperator, Overseer, Reader, seen
from services.expertise.api.answers import (
    CaseClock,
    CaseLine,
    Counted,
    ExpertCard,
    LaidPaper,
    OperatorCard,
    Proposals,
)
from services.expertise.api.directory import MOST_EXPERTS, active_experts
from services.expertise.api.lists import FiltersOf, need_own, paged, teams_for
from services.expertise.documents import shelf
from services.expertise.documents.language import said
from services.expertise.documents.press import Press
from services.expertise.domain.concluding import as_approved
from services.expertise.domain.parts import Conclusion, Round
from services.expertise.domain.state import CLARIFICATION, KIND, Case, View
from services.expertise.proposals import propose, today
from services.expertise.queries import FOR_EXPERTS, OPEN, Filters, Teams, cases, of_open
from services.expertise.sight import Sight, sight
from services.law.explanation import explain
from services.law.terms import CountedTerm

log = logging.getLogger(__name__)

LOST: Final[Mapping[type[Exception], str]] = {shelf.Missing: "paper.missing", shelf.Altered: "paper.altered"}
A_FILE: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
COUNTED: Final = 1_000
"""How far a queue is counted: an exact count of a large one would cost more than it tells."""


MEDIA: Final = {
    PaperForm.PDF: "application/pdf",
    PaperForm.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
STANDINGS: Final[Mapping[Standing, str]] = {
    Standing.REPLACED: "paper.standing.replaced",
    Standing.ANNULLED: "paper.standing.annulled",
    Standing.SUPERSEDED: "paper.standing.superseded",
}
"""What the name of a file says of a conclusion that lost its force; its paper stays as it was signed."""


def add(router: APIRouter, rules: RuleBook) -> None:
    """The reading half of `/reviews`."""
    _queues(router)
    _case(router, rules)
    _documents(router, rules)


def _queues(router: APIRouter) -> None:
    @router.get("/reviews", tags=["reviews"], response_model=Named[CaseLine])
    async def reviews(
        engine: EngineOf,
        caller: Reader,
        wanted: FiltersOf,
        view: View | None = None,
        after: After = None,
        limit: Limit = PAGE,
    ) -> Named[Any]:
        """A queue, what is due first coming first; without `view` all cases, the newest first. Experts see only
        what they are on."""
        eyes, now = sight(caller), engine.now()
        need_own(eyes, view, wanted)
        teams = await teams_for(engine.store, caller.id) if view is View.TEAM else Teams()
        found = await paged(
            engine.store,
            cases(eyes, view, wanted, now, teams),
            after=after,
            limit=limit,
            show=lambda row: rows.case_row(row, now, eyes, engine.calendars),
            fields=rows.ROW,
        )
        return Named[Any](items=found.items, next=found.next, persons=await persons.names(engine, caller, found.items))

    @router.get("/reviews/counts", tags=["reviews"], response_model=dict[View, Counted])
    async def counts(engine: EngineOf, caller: Reader, wanted: FiltersOf) -> dict[str, Any]:
        """How many cases stand in each queue, counted up to a bound (`exact: false`: there are more)."""
        eyes = sight(caller)
        need_own(eyes, None, wanted)
        # Every counted case would be fetched to see that it is not hidden; for most people no case is.
        eyes = replace(eyes, hidden=await hidden_pilots(engine.store, caller.id))
        teams = await teams_for(engine.store, caller.id) if eyes.all_cases else Teams()
        views = tuple(View) if eyes.all_cases else FOR_EXPERTS
        open_ = of_open(eyes, wanted, engine.now())
        together = await _together(engine, *open_) if open_ else {}
        others = [view for view in views if view not in together]
        counted = await asyncio.gather(*(_count(engine, eyes, view, wanted, teams) for view in others))
        found = {**together, **dict(zip(others, counted, strict=True))}
        return {str(view): found[view] for view in views}


async def _together(engine: Engine, query: Mapping[str, Any], parts: Mapping[View, Any]) -> dict[View, dict[str, Any]]:
    """Queues that are parts of one, counted in one pass: each by itself would go through the whole of it."""
    found = await engine.store.fitting(SUBJECTS, query, {str(view): one for view, one in parts.items()}, OPEN)
    return {view: _bounded(found[str(view)]) for view in parts}


def _bounded(found: int) -> dict[str, Any]:
    return {"count": min(found, COUNTED), "exact": found <= COUNTED}


async def _count(engine: Engine, eyes: Sight, view: View, wanted: Filters, teams: Teams) -> dict[str, Any]:
    asked = cases(eyes, view, wanted, engine.now(), teams)
    found = await engine.store.count(SUBJECTS, asked.query, COUNTED + 1, hint=asked.index)
    return _bounded(found)


def _case(router: APIRouter, rules: RuleBook) -> None:
    @router.get("/reviews/{pilot}", tags=["reviews"], response_model=OperatorCard | ExpertCard)
    async def review(pilot: str, engine: EngineOf, caller: Reader) -> Response:
        """One case. Who sits on it as an expert sees it as an expert: blind until all opinions are in."""
        found, case = await seen(engine, pilot, caller)
        edition, now = rules.edition(case.edition), engine.now()
        if sight(caller).as_expert(case):
            return card(cards.expert_card(found, edition, now, engine.calendars, caller.id), found.rev)
        shown = cards.operator_card(found, edition, now, engine.calendars)
        return card({**shown, "persons": await persons.names(engine, caller, shown)}, found.rev)

    @router.get("/reviews/{pilot}/clock", tags=["reviews"], response_model=CaseClock)
    async def clock(
        pilot: str,
        engine: EngineOf,
        caller: Reader,
        term: Annotated[str | None, Query(max_length=60), sought(60)] = None,
        round: Annotated[int | None, Query(ge=1, le=1000)] = None,
    ) -> Response:
        """How the numbers of a term come about, day by day: of the one that bounds the work, or of the newest one of
        a kind, in this round or in one before."""
        found, case = await seen(engine, pilot, caller)
        as_expert = sight(caller).as_expert(case)
        running = _term(case, term, round, own_round=as_expert)
        told = explain(running.ledger, engine.now(), engine.calendars[running.ledger.term.calendar])
        shown = {"number": case.number, "title": case.application.title, **told.model_dump(mode="json")}
        return card({**shown, "persons": {} if as_expert else await persons.names(engine, caller, shown)}, found.rev)

    @router.get("/reviews/{pilot}/proposals", tags=["reviews"], response_model=Proposals)
    async def proposals(
        pilot: str,
        engine: EngineOf,
        caller: AnOperator,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MOST_EXPERTS)] = 200,
    ) -> Response:
        """Experts for the case, the best first; who cannot be assigned now comes last, with every reason. `more` of
        them fit no more into the answer; `whole` says whether all active experts were looked at."""
        found, case = await seen(engine, pilot, caller)
        if sight(caller).as_expert(case):  # who sits on the case does not learn here who else does
            return card({"items": [], "more": 0, "whole": False, "persons": {}}, found.rev)
        experts, whole = await active_experts(engine.store, sight(caller))
        edition = rules.edition(case.edition)
        ranked = await in_turn(request, propose, case, edition, experts, caller.id, engine.now())
        items = [one.shown(language_of(request.headers)) for one in ranked[:limit]]
        named = await persons.names(engine, caller, items)
        shown = {"items": items, "more": max(0, len(ranked) - limit), "whole": whole, "persons": named}
        return card(shown, found.rev)


def _term(case: Case, kind: str | None, number: int | None, *, own_round: bool) -> CountedTerm:
    """The term that is asked for. Raises Problematic 404 where there is none; experts have this round's alone."""
    rounds: list[Round] = [case] if own_round else [*case.past, case]
    among = [one for one in rounds if number in (None, one.round)]
    main = case.main() if kind is None and number in (None, case.round) else None
    found = [term for one in among for term in one.terms if kind in (None, term.kind)]
    if kind is None and main is None:
        found = [term for term in found if term.kind != CLARIFICATION]
    if main is None and not found:
        raise not_found()
    return main or found[-1]


def _documents(router: APIRouter, rules: RuleBook) -> None:
    @router.get(
        "/reviews/{pilot}/conclusion/document",
        tags=["reviews"],
        response_class=Response,
        responses={200: files(MEDIA[PaperForm.PDF])},
    )
    async def draft(pilot: str, request: Request, who: ShareOf, engine: EngineOf, caller: Overseer) -> Response:
        """The draft as its paper will look, marked as a draft, for the second person to read before approving. It has
        no number yet, and is kept nowhere. 404 where there is none, and for who sits on the case."""
        found, case = await seen(engine, pilot, caller)
        if case.draft is None or sight(caller).as_expert(case):
            raise not_found()
        written = as_approved(case, case.draft, today(rules.edition(case.edition), engine.now()))
        content = await Press(engine, rules, request.app.state.papers, who).draft(case, written)
        name = f"{case.number} ({said('paper.draft')}).pdf"
        return _given(content, PaperForm.PDF, name, str(found.rev))

    @router.get(
        "/reviews/{pilot}/conclusions/{number}/document",
        tags=["reviews"],
        response_class=Response,
        responses={200: files(*MEDIA.values())},
    )
    async def conclusion(
        pilot: str,
        number: Annotated[str, Path(max_length=128)],
        request: Request,
        who: ShareOf,
        engine: EngineOf,
        caller: Reader,
        format: PaperForm = PaperForm.PDF,
    ) -> Response:
        """A conclusion as it was signed: the bytes that its fact has the digest of, which no later change of a name,
        erasure or appeal alters. The file's name says if it lost its force."""
        _, case = await seen(engine, pilot, caller)
        found = _conclusion(case, number)
        if not found.papers:  # issued by an earlier program: from now on this is its paper
            await Press(engine, rules, request.app.state.papers, who).printed(pilot, case, found)
        try:
            content = await shelf.take(engine.store, shelf.name_of(pilot, number), format, found.papers)
        except (shelf.Missing, shelf.Altered) as fault:
            log.critical("the paper of %s is %s", number, type(fault).__name__.lower())
            raise Problematic(500, LOST[type(fault)], number=number) from None
        lost = STANDINGS.get(found.standing)
        name = f"{number} ({said(lost)}).{format}" if lost else f"{number}.{format}"
        return _given(content, format, name, shelf.digest_of(format, content).sha256)

    @router.put(
        "/reviews/{pilot}/conclusions/{number}/document",
        tags=["reviews"],
        response_model=LaidPaper,
        openapi_extra=A_FILE,
    )
    @bounded(Bounds(json_body=False))
    async def lay_again(
        pilot: str,
        number: Annotated[str, Path(max_length=128)],
        engine: EngineOf,
        request: Request,
        caller: Annotated[Caller, Depends(allow(Role.ADMIN))],
    ) -> dict[str, str]:
        """Puts back the paper of a conclusion whose bytes were lost: any copy will do if it has the digest that the
        fact carries, and nothing else. Safe to repeat."""
        case = (await document(engine, pilot, KIND)).state
        assert isinstance(case, Case)
        if hides(case, caller.id):
            raise not_found()
        known, content = _conclusion(case, number).papers, await request.body()
        form = await shelf.lay_again(engine.store, shelf.name_of(pilot, number), content, known, engine.now())
        if form is None:
            raise Problematic(422, "paper.other", number=number)
        return {"number": number, "form": str(form)}


def _given(content: bytes, form: PaperForm, name: str, version: str) -> Response:
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "ETag": f'"{version}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=MEDIA[form], headers=headers)


def _conclusion(case: Case, number: str) -> Conclusion:
    """A conclusion of a case by its number. Raises Problematic 404."""
    found = next((one for one in case.conclusions if one.number == number), None)
    if found is None:
        raise not_found()
    return found
