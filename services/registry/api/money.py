"""Money over HTTP: sums by any axes over all pilots, and one pilot's money with the proof that nothing counts twice."""

from collections.abc import Iterable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from contracts.reference import WHOLE, Scope
from services.chassis.auth import allow
from services.chassis.described import SAME
from services.chassis.problems import Problematic
from services.chassis.web import After, EngineOf
from services.registry import views
from services.registry.api import answers
from services.registry.api.access import Eyes, answer, own, with_entries
from services.registry.api.answers import MoneyFigures
from services.registry.api.figures import ROWS, FiguresOf, MoneyOf, Rows, money_told
from services.registry.domain.money import MoneyStage
from services.registry.figures.questions import AXES, Axis
from services.registry.sight import READERS

By = Annotated[
    str, Query(max_length=60, description="Axes in the order wanted, with commas between them: " + ", ".join(AXES))
]


PARTS: Final = ("number", "title", "sector", "application", "agreement", "spending", "money")
"""What of a pilot its money is shown from."""
Key = tuple[str, str, int | None, str]
"""Stage, source, year and currency of an amount."""


async def axes(group_by: By = "sector") -> tuple[Axis, ...]:
    """The axes to sum by. Raises Problematic 422 for one that there is not, or that is named twice."""
    named = [one.strip() for one in group_by.split(",")] if group_by else []
    known = [axis for one in named for axis in AXES if axis == one]
    if len(known) != len(named) or len(set(known)) != len(known):
        raise Problematic(422, "group-by.unknown", axes=AXES)
    return tuple(known)


def routes() -> APIRouter:
    """Money, for all who read the register."""
    router = APIRouter(
        prefix="/v1/money", tags=["money"], dependencies=[Depends(allow(*READERS, scope=Scope.REGISTER))]
    )

    @router.get("", response_model=MoneyFigures, responses=SAME)
    async def money(
        request: Request,
        figures: FiguresOf,
        eyes: Eyes,
        by: Annotated[tuple[Axis, ...], Depends(axes)],
        of: MoneyOf,
        after: After = None,
        limit: Rows = ROWS,
    ) -> Response:
        """Exact sums in minor units by these axes, always by currency and by stage; no pilot's money counts twice."""
        return await money_told(request, figures, eyes, by, of, after, limit)

    @router.get("/{pilot}", response_model=answers.MoneyOf, responses=SAME)
    async def pilots_money(request: Request, pilot: str, engine: EngineOf, eyes: Eyes) -> Response:
        """One pilot's money, each amount whole and in its sectors' parts."""
        found = await with_entries(engine, await own(engine, pilot, eyes))
        return answer(request, eyes, {"id": pilot, **proof(views.internal_part(found, *PARTS))}, found.rev)

    return router


def proof(pilot: views.View) -> views.View:
    """Each amount of a pilot as its documents say it, beside the parts that are counted to its sectors.

    `pilot` is what the register shows of it inside the house. `whole_minor` is added up from the application, the
    agreement and the payments, `parts` are what the sums over all pilots are made of; `exact` says whether they agree.
    """
    agreed = pilot["agreement"]["agreement"] if pilot["agreement"] else {"sector_shares": [], "costs": []}
    shares = agreed["sector_shares"] or pilot["application"]["sector_shares"]
    shares = shares or [{"sector": pilot["sector"], "basis_points": WHOLE}]
    points = {share["sector"]: share["basis_points"] for share in shares}
    parts: dict[Key, list[views.View]] = {}
    for line in pilot["money"]:
        sector = line["sector"]
        part = {"sector": sector, "basis_points": points.get(sector), "amount_minor": line["amount_minor"]}
        parts.setdefault(_key(line["stage"], line), []).append(part)
    lines = []
    for key, whole in _wholes(pilot, agreed["costs"]).items():
        stage, source, year, currency = key
        mine = parts.pop(key, [])
        added = sum(part["amount_minor"] for part in mine)
        said = {"stage": stage, "source": source, "year": year, "currency": currency}
        lines.append({**said, "whole_minor": whole, "parts": mine, "parts_minor": added, "exact": added == whole})
    exact = not parts and all(line["exact"] for line in lines)
    return {"number": pilot["number"], "title": pilot["title"], "shares": shares, "lines": lines, "exact": exact}


def _key(stage: str, said: views.View) -> Key:
    return (stage, said["source"], said["year"], said["currency"])


def _wholes(pilot: views.View, committed: Iterable[views.View]) -> dict[Key, int]:
    said: tuple[tuple[MoneyStage, Iterable[views.View]], ...] = (
        (MoneyStage.PLANNED, pilot["application"]["costs"]),
        (MoneyStage.COMMITTED, committed),
        (MoneyStage.PAID, [payment for one in pilot["spending"] for payment in one["payments"]]),
    )
    sums: dict[Key, int] = {}
    for stage, amounts in said:
        for one in amounts:
            key = _key(stage.value, one)
            sums[key] = sums.get(key, 0) + one["amount_minor"]
    return sums
