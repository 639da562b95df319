"""Money of the public register: planned, committed and paid by sector and year. Each currency has pictures and tables
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

HERE: Final = f"{REGISTER}/money"
FILTERS: Final = ("sector", "year", "region", "source")
AXES: Final = "sector,year"
MOST: Final = 1000
"""Rows that are asked for at once; a table has them all."""
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
    picture = "year" if "sector" in asked else "sector"
    return reader.page(
        "register/money.html",
        asked=asked,
        choices=list(_choices(reader, facets["facets"] if facets else {}, asked, items)),
        currencies=[
            _currency(reader, one, items, picture, asked) for one in sorted({row["currency"] for row in items})
        ],
        picture=picture,
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
    reader: Reader, currency: str, items: Iterable[Mapping[str, Any]], picture: str, asked: Mapping[str, str]
) -> dict[str, Any]:
    own = [one for one in items if one["currency"] == currency]
    return {
        "currency": currency,
        "bars": _table(reader, currency, own, (picture,), asked),
        "cells": _table(reader, currency, own, ("sector", "year"), asked),
        "whole": _row(reader, currency, own, {}, asked),
    }


def _table(
    reader: Reader, currency: str, own: Sequence[Mapping[str, Any]], axes: Sequence[str], asked: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The rows of a table by these axes; a bar is measured by the longest of its table."""
    keys = {tuple(one[axis] for axis in axes) for one in own}
    rows = []
    for key in keys:
        place = dict(zip(axes, key, strict=True))
        rows.append(
            _row(reader, currency, [one for one in own if all(one[a] == v for a, v in place.items())], place, asked)
        )
    rows.sort(key=lambda row: [*row["names"].values()])
    amounts = [cell["amount"] for row in rows for cell in row["cells"]]
    for cell in (cell for row in rows for cell in row["cells"]):
        cell["share"] = said.share(cell["amount"], amounts)
    return rows


def _row(
    reader: Reader,
    currency: str,
    lines: Sequence[Mapping[str, Any]],
    place: Mapping[str, Any],
    asked: Mapping[str, str],
) -> dict[str, Any]:
    """What was planned, committed and paid at a place, each with the address of the pilots behind it."""
    words = reader.words
    at = {**asked, **{axis: UNSPECIFIED if value is None else str(value) for axis, value in place.items()}}
    cells = [
        {
            "stage": stage,
            "amount": sum(one["amount_minor"] for one in lines if one["stage"] == stage),
            "there": any(one["stage"] == stage for one in lines),
            "query": urlencode({"currency": currency, "stage": stage, **at}),
        }
        for stage in STAGES_OF_MONEY
    ]
    names = {
        axis: said.title(words, axis, value) if axis != "year" else str(value or words.say("register.unspecified"))
        for axis, value in place.items()
    }
    return {"names": names, "codes": {axis: at[axis] for axis in place}, "cells": cells}
