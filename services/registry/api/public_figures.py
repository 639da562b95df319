"""Figures of the register that are open to all: sums of money, and how terms were kept; and the pilots behind each.

Of public pilots, and of what the public may know of them. A figure and the list behind it are counted the same way, so
whoever follows one finds the rows that it is made of.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from services.chassis.engine import Engine
from services.chassis.gate import in_turn
from services.chassis.problems import Problematic
from services.chassis.public import conditional_response
from services.chassis.web import PAGE, After, EngineOf, Limit, cursor_text, cursor_values
from services.registry.amounts import in_units
from services.registry.api.answers import PilotsBehind, PublicMoneyFigures, PublicTermFigures
from services.registry.api.asked import Value
from services.registry.api.figures import ROWS, FiguresOf, MoneyOf, Rows, filters_key, money_question
from services.registry.api.money import axes
from services.registry.api.public import lines_of, opened
from services.registry.figures import behind
from services.registry.figures.behind import PUBLIC, How, Part
from services.registry.figures.figures import Answer, Figures, Question
from services.registry.figures.questions import Axis

if TYPE_CHECKING:  # at run time no type of the binding is held, or it calls them leaked when the process ends
    from duckdb import DuckDBPyConnection

INSIDE: Final = "left_out"
"""How many documents cannot be read: of any pilots, so it is said in the house alone."""


def routes() -> APIRouter:
    """Money and terms, for everyone."""
    router = APIRouter(prefix="/public/v1", tags=["public"])
    opened(router, "/money", _money, PublicMoneyFigures)
    opened(router, "/money/pilots", _money_pilots, PilotsBehind)
    opened(router, "/terms", _terms, PublicTermFigures)
    opened(router, "/terms/pilots", _terms_pilots, PilotsBehind)
    return router


async def money(
    request: Request, figures: Figures, by: tuple[Axis, ...], of: Mapping[Any, Any], after: str | None, limit: int
) -> Answer:
    """A page of sums of the money of public pilots. Raises Problematic."""
    key, question = money_question(PUBLIC, by, of, after, limit)
    found = await _asked(request, figures, key, question)
    return {name: value for name, value in found.items() if name != INSIDE}


async def _money(
    request: Request,
    figures: FiguresOf,
    by: Annotated[tuple[Axis, ...], Depends(axes)],
    of: MoneyOf,
    after: After = None,
    limit: Rows = ROWS,
) -> Response:
    """Exact sums in minor units by these axes, always by currency and by stage: sums in different currencies, or of
    different stages, are not to be added up. Of public pilots; no pilot's money counts twice."""
    return conditional_response(request, await money(request, figures, by, of, after, limit))


async def _money_pilots(
    request: Request, engine: EngineOf, figures: FiguresOf, of: MoneyOf, after: After = None, limit: Limit = PAGE
) -> Response:
    """The pilots whose money a sum of one currency and one stage is made of, `part` of it each, in minor units."""
    if len(of["currency"]) != 1 or len(of["stage"]) != 1:
        raise Problematic(422, "figures.no-sum")
    part = _part(after, limit)

    def question(cursor: "DuckDBPyConnection") -> Answer:
        return behind.of_money(cursor, of, part)

    amount = partial(in_units, currency=of["currency"][0])
    return await _behind(request, engine, figures, ("money behind", filters_key(of), part), question, amount)


async def _terms(request: Request, figures: FiguresOf) -> Response:
    """How many terms (сроки) of each kind were kept and broken in public pilots; of those that public bodies have to
    keep, and once they have ended or are late."""
    return conditional_response(request, await _asked(request, figures, ("terms",), behind.terms))


async def _terms_pilots(
    request: Request,
    engine: EngineOf,
    figures: FiguresOf,
    kind: Value,
    how: Annotated[How, Query(description="Which of them are counted")],
    after: After = None,
    limit: Limit = PAGE,
) -> Response:
    """The public pilots in which terms of a kind were kept, or broken; `part` says how many."""
    if kind not in behind.TERMS:
        raise Problematic(422, "figures.no-term", kinds=behind.TERMS)
    part = _part(after, limit)

    def question(cursor: "DuckDBPyConnection") -> Answer:
        return behind.of_terms(cursor, kind, how, part)

    return await _behind(request, engine, figures, ("terms behind", kind, how, part), question)


def _part(after: str | None, limit: int) -> Part:
    if after is None:
        return Part(limit=limit)
    match cursor_values(after, 2):
        case [int(part), str(pilot)]:
            return Part((part, pilot), limit)
    raise Problematic(400, "cursor.bad")


async def _asked(request: Request, figures: Figures, key: tuple[Any, ...], question: Question) -> Answer:
    answer = await in_turn(request, figures.ask, (PUBLIC, *key), question)
    return {**answer, "complete": figures.complete}


async def _behind(
    request: Request,
    engine: Engine,
    figures: Figures,
    key: tuple[Any, ...],
    question: Question,
    amount: Callable[[int], str | None] = lambda _count: None,
) -> Response:
    found = await _asked(request, figures, key, question)
    parts = dict(found["parts"])
    lines = await lines_of(engine, [*parts])
    shown = {name: found[name] for name in ("pilots", "whole", "complete")}
    items = [{**line, "part": (part := parts[line["id"]]), "amount": amount(part)} for line in lines]
    shown["amount"] = amount(found["whole"])
    return conditional_response(
        request, {"items": items, "next": cursor_text(found["next"]) if found["next"] else None, **shown}
    )
