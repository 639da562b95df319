"""Start of the public register: where pilots stand, what they cost, how terms are kept, what is new. Each figure leads
to the rows that it counts."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from services.chassis.problems import language_of
from services.desk.pages.register import said
from services.desk.pages.register.said import STAGES_OF_MONEY, WAY
from services.desk.reading import Reader, ReaderOf, local
from services.desk.visit import REGISTER

NEWEST: Final = 5
ONE: Final = 1


def make_router() -> APIRouter:
    """`/register`."""
    router = APIRouter()

    async def start(reader: ReaderOf) -> Response:
        """The start."""
        return await _shown(reader)

    async def in_own_language(request: Request) -> Response:
        """The address without a language leads to the reader's own."""
        return RedirectResponse(local(language_of(request.headers)), 303, {"Vary": "Accept-Language"})

    router.add_api_route(f"/{{language}}{REGISTER}", start, methods=["GET", "HEAD"])
    router.add_api_route(REGISTER, in_own_language, methods=["GET", "HEAD"])
    return router


async def _shown(reader: Reader) -> Response:
    newest, facets, money, terms = await asyncio.gather(
        _newest(reader),
        reader.ask_if_it_answers("/facets"),
        reader.ask_if_it_answers("/money", limit=ONE),
        reader.ask_if_it_answers("/terms"),
    )
    whole = all(one is not None for one in (facets, money, terms))
    return reader.page(
        "register/start.html",
        keep=whole,
        whole=whole,
        q=reader.request.query_params.get("q", ""),
        count=facets["count"]["value"] if facets else None,
        ways=_funnel(facets["facets"]["stage"]["values"]) if facets else (),
        currencies=_money(money["totals"]) if money else (),
        kinds=[one for one in terms["kinds"] if one["kept"] or one["broken"]] if terms else (),
        newest=newest,
        **said.shown(reader),
    )


async def _newest(reader: Reader) -> Sequence[Mapping[str, Any]]:
    """What the public came to see last, as the feed has it; while the index is being made, what was entered last.
    Raises Away where nothing answers."""
    found = await reader.ask_if_it_answers("/search", sort="published", limit=NEWEST)
    items: Sequence[Mapping[str, Any]] = (found or await reader.ask("/pilots", limit=NEWEST))["items"]
    return items


def _funnel(values: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The stages at which there are pilots: on the way, and the outcomes."""
    counts = {one["value"]: one["count"] for one in values}
    ordered = said.in_order(counts, WAY)
    return [
        {
            "id": id_,
            "rows": [
                {"stage": one, "count": counts[one], "share": said.share(counts[one], counts.values())} for one in own
            ],
        }
        for id_, own in (
            ("way", [one for one in ordered if one in WAY]),
            ("outcomes", [one for one in ordered if one not in WAY]),
        )
        if own
    ]


def _money(totals: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Planned, committed and paid in each currency: bars of one currency, for no other has its measure."""
    found = []
    for currency in sorted({one["currency"] for one in totals}):
        own = {one["stage"]: one for one in totals if one["currency"] == currency}
        amounts = [one["amount_minor"] for one in own.values()]
        rows = [
            {
                "stage": stage,
                "amount": own[stage]["amount_minor"],
                "pilots": own[stage]["pilots"],
                "share": said.share(own[stage]["amount_minor"], amounts),
                "query": urlencode({"currency": currency, "stage": stage}),
            }
            for stage in STAGES_OF_MONEY
            if stage in own
        ]
        found.append({"currency": currency, "rows": rows})
    return found
