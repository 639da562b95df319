"""Money of the public register: planned, committed and paid by sector and year. Each currency has a chart and a table
of its own: nothing is added up across currencies, nor across stages, for it is largely the same money."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from contracts.reference import UNSPECIFIED
from services.desk.pages.register import said
from services.desk.pages.register.said import STAGES_OF_MONEY
from services.desk.reading import Reader, ReaderOf
from services.desk.visit import REGISTER
from services.desk.words import Words

HERE: Final = f"{REGISTER}/money"
FILTERS: Final = ("sector", "year", "region", "source")
AXES: Final = "sector,year"
MOST: Final = 1000
"""Rows that are asked for at once; a table has them all."""
BAR: Final = 10
"""How wide a column of the chart is."""
PITCH: Final = 3 * BAR + 18
"""How far it is from one year to the next."""
HIGH: Final = 100
"""How high the highest column of a currency is."""
PAGES: Final = 20
"""So many times it is asked for more: twenty sectors, and a hundred years in ten currencies."""


def make_router() -> APIRouter:
    """`/register/money`."""
    router = APIRouter()

    async def money(reader: ReaderOf) -> Response:
        """The money that the address asks for."""
        return await _shown(reader)

    router.add_api_route(f"/{{language}}{HERE}", money, methods=["GET", "HEAD"])
    return router


async def _shown(reader: Reader) -> Response:
    params, words = reader.request.query_params, reader.words
    asked = {name: params[name].strip() for name in FILTERS if params.get(name, "").strip()}
    items, complete = await _every(reader, asked)
    facets = await reader.ask_if_it_answers("/facets")
    return reader.page(
        "register/money.html",
        asked=asked,
        choices=list(_choices(reader, facets["facets"] if facets else {}, asked, items)),
        currencies=[_currency(reader, one, items, asked) for one in sorted({row["currency"] for row in items})],
        query=urlencode(asked),
        file=urlencode({**asked, "group_by": AXES, "language": reader.language}),
        lines=urlencode({**asked, "group_by": AXES, "limit": MOST}),
        complete=complete,
        said=words.count("register.sums", len(items)),
        **said.shown(reader),
    )


async def _every(reader: Reader, asked: Mapping[str, str]) -> tuple[list[Mapping[str, Any]], bool]:
    items, after, complete = list[Mapping[str, Any]](), "", True
    for _ in range(PAGES):
        found = await reader.ask("/money", group_by=AXES, limit=MOST, after=after, **asked)
        items += found["items"]
        complete = complete and found["complete"]
        if not (after := found["next"]):
            break
    return items, complete


def _choices(
    reader: Reader, facets: Mapping[str, Any], asked: Mapping[str, str], items: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """What may be narrowed by. Years are those of the money, not of the entry."""
    words = reader.words
    years = {str(one["year"]) if one["year"] else UNSPECIFIED for one in items}
    for name in FILTERS:
        codes = years if name == "year" else {one["value"] for one in facets.get(name, {}).get("values", ())}
        known = sorted(codes | ({asked[name]} if name in asked else set()))
        yield name, [(one, said.title(words, name, one)) for one in known]


def _currency(
    reader: Reader, currency: str, items: Iterable[Mapping[str, Any]], asked: Mapping[str, str]
) -> dict[str, Any]:
    own = [one for one in items if one["currency"] == currency]
    years = sorted({one["year"] or 0 for one in own}, key=lambda year: (not year, year))
    most = max(one["amount_minor"] for one in own)
    sectors = [_sector(reader, currency, code, own, asked) for code in {one["sector"] for one in own}]
    sectors.sort(key=lambda one: str(one["name"]))
    for one in sectors:
        one["columns"] = list(_columns(reader.words, currency, one, years, most))
    return {
        "currency": currency,
        "sectors": sectors,
        "rows": sum(len(one["years"]) for one in sectors),
        "width": max(3, len(years)) * PITCH + 1,
        "undated": 0 in years,
        "most": most,
        "whole": _cells(currency, own, {}, asked),
    }


def _sector(
    reader: Reader, currency: str, code: str, own: Iterable[Mapping[str, Any]], asked: Mapping[str, str]
) -> dict[str, Any]:
    """A sector: its sums, and those of each of its years."""
    lines = [one for one in own if one["sector"] == code]
    years = sorted({one["year"] or 0 for one in lines}, key=lambda year: (not year, year))
    return {
        "code": code,
        "name": said.title(reader.words, "sector", code),
        "cells": _cells(currency, lines, {"sector": code}, asked),
        "years": [
            {
                "year": year,
                "name": str(year) if year else reader.words.say("register.unspecified"),
                "cells": _cells(
                    currency,
                    [one for one in lines if (one["year"] or 0) == year],
                    {"sector": code, "year": str(year) if year else UNSPECIFIED},
                    asked,
                ),
            }
            for year in years
        ],
    }


def _cells(
    currency: str, lines: Sequence[Mapping[str, Any]], place: Mapping[str, str], asked: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What was planned, committed and paid at a place, each with the address of the pilots behind it."""
    return [
        {
            "stage": stage,
            "amount": sum(one["amount_minor"] for one in lines if one["stage"] == stage),
            "there": any(one["stage"] == stage for one in lines),
            "query": urlencode({"currency": currency, "stage": stage, **asked, **place}),
        }
        for stage in STAGES_OF_MONEY
    ]


def _columns(
    words: Words, currency: str, sector: Mapping[str, Any], years: Sequence[int], most: int
) -> Iterator[dict[str, Any]]:
    """A sector's part of the chart: for each year of the currency three columns, measured by the highest of all."""
    known = {one["year"]: one for one in sector["years"]}
    for place, year in enumerate(years):
        begin = place * PITCH + 1
        columns = []
        for n, cell in enumerate(known[year]["cells"] if year in known else ()):
            high = round(HIGH * cell["amount"] / most, 2) if most > 0 and cell["there"] else 0.0
            about = f"{sector['name']}, {known[year]['name']}, {said.money_stage(words, cell['stage'])}"
            title = f"{about}: {words.money(cell['amount'], currency)}"
            columns.append(
                {
                    "stage": cell["stage"],
                    "x": begin + n * (BAR + 1),
                    "high": high,
                    "y": round(HIGH - high, 2),
                    "title": title,
                }
            )
        yield {"x": begin, "middle": begin + (3 * BAR + 2) / 2, "name": str(year) if year else "–", "columns": columns}
