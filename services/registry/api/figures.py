"""Figures over HTTP: one path for each question. An answer is cached no longer than it is true.

The ETag is made of the answer, and says whether the view knew every fact but the newest. So it is the same from every
replica, and moves with what the caller sees alone: the name of a commit would tell that something happened to others.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import StringConstraints

from contracts.forms import CURRENCY, MONEY_YEAR
from contracts.reference import UNSPECIFIED, Scope
from services.chassis.auth import allow
from services.chassis.gate import in_turn
from services.chassis.problems import Problematic
from services.chassis.sight import Sight
from services.chassis.web import After, cursor_text, cursor_values
from services.registry.api.access import Eyes
from services.registry.api.answers import (
    Funnel,
    MoneyFigures,
    OverpaidFigures,
    ResultFigures,
    ScalingFigures,
    TermFigures,
)
from services.registry.api.asked import Value, Values
from services.registry.domain.money import MoneyStage
from services.registry.figures import questions
from services.registry.figures.figures import Answer, Figures, Question, building
from services.registry.figures.questions import Axis, Filters, MoneyAsked, MoneyFilters, PilotFilter, Seen
from services.registry.projections.progress import Progress
from services.registry.sight import READERS

if TYPE_CHECKING:  # at run time no type of the binding is held, or it calls them leaked when the process ends
    from duckdb import DuckDBPyConnection

Year = Annotated[str, StringConstraints(pattern=MONEY_YEAR)]
Years = Annotated[list[Year], Query(max_length=20, description=f"A year, or `{UNSPECIFIED}`")]
Currencies = Annotated[list[Annotated[str, StringConstraints(pattern=CURRENCY)]], Query(max_length=20)]
Rows = Annotated[int, Query(ge=1, le=1000)]
ROWS: Final = 200


async def figures_of(request: Request) -> Figures:
    """The figures of this replica. Raises Problematic 503 before they are opened."""
    found: Figures | None = getattr(request.app.state, "figures", None)
    if found is None:
        raise building(Progress())
    return found


FiguresOf = Annotated[Figures, Depends(figures_of)]


async def chosen(
    sector: Value | None = None, agency: Value | None = None, region: Value | None = None, office: Value | None = None
) -> Filters:
    """Which pilots a question is about. `sector` is a pilot's main one."""
    named: dict[PilotFilter, str | None] = {"sector": sector, "agency": agency, "region": region, "office": office}
    return {name: value for name, value in named.items() if value is not None}


Chosen = Annotated[Filters, Depends(chosen)]


async def money_filters(
    sector: Values = [],  # noqa: B006  FastAPI copies it
    agency: Values = [],  # noqa: B006
    region: Values = [],  # noqa: B006
    source: Values = [],  # noqa: B006
    year: Years = [],  # noqa: B006
    stage: Annotated[list[MoneyStage], Query()] = [],  # noqa: B006
    currency: Currencies = [],  # noqa: B006
) -> MoneyFilters:
    """Which money a question is about: any of a filter's values will do."""
    stages = [one.value for one in stage]
    return {
        "sector": sector,
        "agency": agency,
        "region": region,
        "source": source,
        "year": year,
        "stage": stages,
        "currency": currency,
    }


MoneyOf = Annotated[MoneyFilters, Depends(money_filters)]


def routes() -> APIRouter:
    """Figures, for all who read the register."""
    router = APIRouter(
        prefix="/v1/figures", tags=["figures"], dependencies=[Depends(allow(*READERS, scope=Scope.REGISTER))]
    )

    @router.get("/funnel", response_model=Funnel)
    async def funnel(request: Request, figures: FiguresOf, eyes: Eyes, of: Chosen) -> Response:
        """How many pilots stand at each stage, and how long stays at each stage took."""
        return await _told_of(request, figures, eyes, questions.funnel, of)

    @router.get("/terms", response_model=TermFigures)
    async def terms(request: Request, figures: FiguresOf, eyes: Eyes, of: Chosen) -> Response:
        """How many terms were kept, and how many broken, by their kinds."""
        return await _told_of(request, figures, eyes, questions.terms, of)

    @router.get("/money", response_model=MoneyFigures)
    async def money(
        request: Request, figures: FiguresOf, eyes: Eyes, of: MoneyOf, after: After = None, limit: Rows = ROWS
    ) -> Response:
        """Money by sector, source and year: planned, committed, paid."""
        return await money_told(request, figures, eyes, ("sector", "source", "year"), of, after, limit)

    @router.get("/overpaid", response_model=OverpaidFigures)
    async def overpaid(request: Request, figures: FiguresOf, eyes: Eyes, of: Chosen) -> Response:
        """Payments above what was committed, by source and currency."""
        return await _told_of(request, figures, eyes, questions.overpaid, of)

    @router.get("/results", response_model=ResultFigures)
    async def results(request: Request, figures: FiguresOf, eyes: Eyes, of: Chosen) -> Response:
        """How many targets were reached, by sector."""
        return await _told_of(request, figures, eyes, questions.results, of)

    @router.get("/scaling", response_model=ScalingFigures)
    async def scaling(request: Request, figures: FiguresOf, eyes: Eyes, of: Chosen) -> Response:
        """How many pilots were judged effective, how many are scaled, and what became of their replicas."""
        return await _told_of(request, figures, eyes, questions.scaling, of)

    return router


def _seen(eyes: Sight) -> Seen:
    return Seen(eyes.agency, tuple(sorted(eyes.hidden or ())))


async def _told_of(
    request: Request, figures: Figures, eyes: Sight, question: Callable[..., Answer], of: Filters
) -> Response:
    seen = _seen(eyes)
    key = (question.__name__, *sorted(of.items()))
    return await told(request, figures, seen, key, lambda cursor: question(cursor, of, seen))


async def money_told(
    request: Request,
    figures: Figures,
    eyes: Sight,
    by: tuple[Axis, ...],
    filters: MoneyFilters,
    after: str | None,
    limit: int,
) -> Response:
    """A page of sums of money. Raises Problematic 400 for a cursor that is not of this question."""
    seen = _seen(eyes)
    key, question = money_question(seen, by, filters, after, limit)
    return await told(request, figures, seen, key, question)


def money_question(
    seen: Seen, by: tuple[Axis, ...], filters: MoneyFilters, after: str | None, limit: int
) -> tuple[tuple[Any, ...], Question]:
    """What is asked for a page of sums, and by what the answer is known. Raises Problematic 400 for a cursor that is
    not of this question."""
    asked = MoneyAsked(by, filters, limit=limit, seen=seen)
    if after is not None:
        asked = replace(asked, after=_cursor(after, asked))

    def question(cursor: "DuckDBPyConnection") -> Answer:
        answer = questions.money(cursor, asked)
        return {**answer, "next": cursor_text(answer["next"]) if answer["next"] else None}

    return ("money", by, filters_key(filters), after, limit), question


def filters_key(filters: MoneyFilters) -> tuple[tuple[str, ...], ...]:
    """Filters as a part of what an answer is known by."""
    return tuple((name, *values) for name, values in filters.items())


def _cursor(after: str, asked: MoneyAsked) -> tuple[Any, ...]:
    values = cursor_values(after, len(asked.key))
    fit = [isinstance(v, int if name == "year" else str) for name, v in zip(asked.key, values, strict=True)]
    if not all(fit):
        raise Problematic(400, "cursor.bad")
    return tuple(values)


async def told(request: Request, figures: Figures, seen: Seen, key: tuple[Any, ...], question: Question) -> Response:
    """The answer with an ETag made of it; 304 where the caller has it."""
    answer = await in_turn(request, figures.ask, (seen, *key), question)
    complete, named = figures.complete, _named(answer)
    tag = f'"{named}"' if complete else f'"{named}-behind"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if tag in [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return JSONResponse({**answer, "complete": complete}, headers=headers)


def _named(answer: Answer) -> str:
    return hashlib.blake2b(json.dumps(answer, sort_keys=True).encode(), digest_size=12).hexdigest()
