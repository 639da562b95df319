"""The copies of a pilot (тиражирование): every public one, however many there are, page by page; its card has the
first. As of a day those of then."""

import asyncio
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.desk.pages.register import said
from services.desk.reading import Reader, ReaderOf
from services.desk.visit import REGISTER

ROWS: Final = 50


def make_router() -> APIRouter:
    """`/register/{pilot}/copies`."""
    router = APIRouter()

    async def copies(reader: ReaderOf, pilot: str) -> Response:
        """A page of them."""
        return await _shown(reader, pilot)

    router.add_api_route(f"/{{language}}{REGISTER}/{{pilot}}/copies", copies, methods=["GET", "HEAD"])
    return router


async def _shown(reader: Reader, pilot: str) -> Response:
    params, path = reader.request.query_params, f"/pilots/{quote(pilot, safe='')}"
    day, after = params.get("as_of", "").strip(), params.get("after", "")
    card, found = await asyncio.gather(
        reader.ask(path, as_of=day), reader.ask(f"{path}/replicas", as_of=day, after=after, limit=ROWS)
    )
    then = {"as_of": day} if day else {}
    return reader.page(
        "register/copies.html",
        card=card,
        rows=found["items"],
        complete=found["complete"],
        said=said.then(reader.words, card, day),
        first=urlencode(then),
        further=bool(after),
        next=urlencode({**then, "after": found["next"]}) if found["next"] else "",
        **said.shown(reader),
    )
