"""The copies of a pilot (тиражирование): every public one, however many there are, page by page; its card has the
first."""

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
    after, path = reader.request.query_params.get("after", ""), f"/pilots/{quote(pilot, safe='')}"
    card, found = await asyncio.gather(reader.ask(path), reader.ask(f"{path}/replicas", after=after, limit=ROWS))
    return reader.page(
        "register/copies.html",
        card=card,
        rows=found["items"],
        further=bool(after),
        next=urlencode({"after": found["next"]}) if found["next"] else "",
        **said.shown(reader),
    )
