"""Data of the public register: files, feeds and the description of its interface, for programs and for research."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.desk.pages.register import said
from services.desk.pages.register.money import AXES
from services.desk.reading import Reader, ReaderOf
from services.desk.visit import REGISTER

HERE: Final = f"{REGISTER}/data"
CODES: Final = ("sector", "region", "source", "office")


def make_router() -> APIRouter:
    """`/register/data`."""
    router = APIRouter()

    async def data(reader: ReaderOf) -> Response:
        """What there is to take."""
        facets = await reader.ask_if_it_answers("/facets")
        return reader.page(
            "register/data.html",
            keep=facets is not None,
            pilots=urlencode({"sort": "entered", "language": reader.language}),
            lines=urlencode({"sort": "entered"}),
            sums=urlencode({"group_by": AXES, "language": reader.language}),
            years=list(_years(reader, facets["facets"] if facets else {})),
            feeds=[(one["value"], one["count"]) for one in facets["facets"]["sector"]["values"]] if facets else [],
            codes=[(one, sorted(said.titles(one, reader.language).items())) for one in CODES],
            **said.shown(reader),
        )

    router.add_api_route(f"/{{language}}{HERE}", data, methods=["GET", "HEAD"])
    return router


def _years(reader: Reader, facets: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The files of each year of entry."""
    for one in sorted(facets.get("year", {}).get("values", ()), key=lambda each: each["value"], reverse=True):
        asked = {"year": one["value"], "sort": "entered"}
        yield {
            "year": one["value"],
            "count": one["count"],
            "csv": urlencode({**asked, "language": reader.language}),
            "jsonl": urlencode(asked),
        }
