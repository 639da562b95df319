"""Find: public pilots by words and filters, each value with how many it has; the same as files and as a feed."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.desk.clients import Refused
from services.desk.pages.register import said
from services.desk.pages.register.said import WAY
from services.desk.reading import Reader, ReaderOf
from services.desk.visit import REGISTER
from services.desk.words import Words

HERE: Final = f"{REGISTER}/find"
FACETS: Final = ("sector", "stage", "region", "agency", "source", "year", "office")
ORDERS: Final = ("relevance", "entered", "published", "amount")
ROWS: Final = 20
VALUES: Final = 30
"""So many values of a facet are offered, and whatever is chosen beside: more than any list of codes has, so each of its
codes can be chosen."""
OPENED: Final = ("sector", "stage")
"""The facets that are seen at once."""
INVALID: Final = 422
WORDS: Final = "/query/q"
"""The place of the words in what the register is asked."""
Asked = Mapping[str, list[str]]


def make_router() -> APIRouter:
    """`/register/find`."""
    router = APIRouter()

    async def find(reader: ReaderOf) -> Response:
        """What the address asks for."""
        return await _shown(reader)

    router.add_api_route(f"/{{language}}{HERE}", find, methods=["GET", "HEAD"])
    return router


def asked_of(reader: Reader) -> dict[str, list[str]]:
    """What an address looks for: words, values of facets, and the order where it is another one than the usual."""
    params = reader.request.query_params
    said_ = {name: [one for one in params.getlist(name) if one.strip()] for name in ("q", *FACETS)}
    asked = {name: [*dict.fromkeys(values)] for name, values in said_.items() if values}
    if words := asked.get("q"):
        asked["q"] = words[:1]
    sort = params.get("sort", "")
    if sort in ORDERS and sort != usual_of(asked) and (sort != "relevance" or "q" in asked):
        asked["sort"] = [sort]
    return asked


def usual_of(asked: Asked) -> str:
    """The order for which nobody has to ask: no address has it, so words that are asked for later stand in theirs."""
    return "relevance" if "q" in asked else "entered"


def order_of(asked: Asked) -> str:
    """The order in which what is found stands."""
    return asked["sort"][0] if "sort" in asked else usual_of(asked)


async def _shown(reader: Reader) -> Response:
    asked, words = asked_of(reader), reader.words
    after = reader.request.query_params.get("after", "")
    try:
        found, facets = await asyncio.gather(
            reader.ask("/search", **{**asked, "sort": order_of(asked)}, after=after, limit=ROWS), _facets(reader, asked)
        )
    except Refused as error:
        if error.status != INVALID:
            raise
        found, facets = {"items": [], "count": {"value": 0}, "next": None}, {}
        faults = _faults(error)
    else:
        faults = {}
    named = await _named(reader, asked, facets)
    count = found["count"]["value"]
    query = urlencode(asked, doseq=True)
    return reader.page(
        "register/find.html",
        INVALID if faults else 200,
        asked=asked,
        q="".join(asked.get("q", ())),
        sort=order_of(asked),
        usual=usual_of(asked),
        orders=ORDERS if "q" in asked else ORDERS[1:],
        facets=[_facet(words, name, facets[name], asked.get(name, []), named) for name in FACETS if name in facets],
        rows=found["items"],
        faults=faults,
        file=urlencode({**asked, "sort": order_of(asked), "language": reader.language}, doseq=True),
        lines=urlencode({**asked, "sort": order_of(asked)}, doseq=True),
        asking=query,
        next=urlencode({**asked, "after": found["next"]}, doseq=True) if found["next"] else "",
        first=query if after else "",
        further=bool(after),
        count=count,
        said=next(iter(faults.values()), "")
        or (words.say("work.further") if after else words.count("register.found", count)),
        chips=_chosen(words, asked, named),
        **said.shown(reader),
    )


def _faults(error: Refused) -> dict[str, str]:
    """What is wrong with what was asked for, in words: with the words that were typed at their field."""
    told = enumerate(error.problem.get("problems", ()))
    found = {"q" if one["pointer"] == WORDS else f"-{n}": str(one["message"]) for n, one in told}
    return found or {"q": error.detail}


async def _facets(reader: Reader, asked: Asked) -> dict[str, Mapping[str, Any]]:
    """How many each value has. Of a facet that is narrowed already: under the other filters, for its other values would
    all have none."""
    narrowed = [name for name in FACETS if name in asked]
    parts = [
        {name: values for name, values in asked.items() if name not in ("sort", without)} for without in ["", *narrowed]
    ]
    found = await asyncio.gather(*(reader.ask("/facets", **one) for one in parts))
    whole: dict[str, Mapping[str, Any]] = dict(found[0]["facets"])
    return whole | {name: one["facets"][name] for name, one in zip(narrowed, found[1:], strict=True)}


async def _named(reader: Reader, asked: Asked, facets: Mapping[str, Mapping[str, Any]]) -> Mapping[str, str]:
    """What agencies are called, by their codes. One that is chosen and has nothing under the other filters is asked
    for by itself: what is chosen is never told by its code alone, where it has a name."""
    names = {one["value"]: one["name"] for one in facets.get("agency", {}).get("values", ())}
    if facets and (left := [one for one in asked.get("agency", ()) if one not in names]):
        alone = await reader.ask("/facets", agency=left)
        names |= {one["value"]: one["name"] for one in alone["facets"]["agency"]["values"]}
    return {code: name for code, name in names.items() if name}


def _title(words: Words, name: str, code: str, named: Mapping[str, str]) -> str:
    return named.get(code, code) if name == "agency" else said.title(words, name, code)


def _facet(
    words: Words, name: str, counted: Mapping[str, Any], chosen: Sequence[str], named: Mapping[str, str]
) -> dict[str, Any]:
    counts = {one["value"]: one["count"] for one in counted["values"]}
    codes = (
        said.in_order(counts, WAY) if name == "stage" else sorted(counts, reverse=True) if name == "year" else [*counts]
    )
    offered = [one for place, one in enumerate(codes) if place < VALUES or one in chosen]
    values = [
        {"code": one, "title": _title(words, name, one, named), "count": counts.get(one, 0), "chosen": one in chosen}
        for one in [*offered, *(one for one in chosen if one not in counts)]
    ]
    return {
        "name": name,
        "values": values,
        "left_out": max(0, len(counts) - len(offered)) + (1 if counted["others"] else 0),
        "open": bool(chosen) or name in OPENED,
    }


def _chosen(words: Words, asked: Asked, named: Mapping[str, str]) -> list[dict[str, str]]:
    """What is narrowed by, each with the address without it."""
    return [
        {
            "title": _title(words, name, one, named),
            "query": urlencode({**asked, name: [other for other in asked[name] if other != one]}, doseq=True),
        }
        for name in FACETS
        for one in asked.get(name, ())
    ]
