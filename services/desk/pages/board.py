"""Board: everything that is owed, by whom and by when; where more was paid than was agreed; each expert's load against
the capacity, as a picture and as a table; an expert's whole work handed over at once."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.reference import Role
from contracts.topics import EXPERTISE, REGISTRY
from services.desk import forms
from services.desk.clients import Away, Refused
from services.desk.forms import Filled
from services.desk.pages.work import named, stopped, why_not
from services.desk.visit import PostedOf, Visit, VisitOf, new_key
from services.desk.words import Words

HERE: Final = "/board"
DEBTORS: Final = ("operator", "expert", "approver", "applicant")
STATES: Final = ("nearing", "breached", "suspended")
FILTERS: Final = ("by", "state", "who")
ROWS: Final = 50
LOADS: Final = 200
OVERPAID: Final = 20
WIDTH, BAR, NAME = 240, 14, 24
"""Of the picture: its breadth, the height of a bar, and of the name above it."""


def make_router() -> APIRouter:
    """`/board`."""
    router = APIRouter()

    @router.get("/{language}/board", response_class=HTMLResponse)
    async def board(visit: VisitOf) -> Response:
        """The board as its address says, with what somebody began to type there."""
        return await _shown(visit, filled=await forms.begun(visit))

    @router.post("/{language}/board", response_class=HTMLResponse)
    async def hand_over(posted: PostedOf) -> Response:
        """An expert's work goes to others: to those named, or to whom each case fits best."""
        words, filled = posted.visit.words, forms.typed_in(posted)
        faults = {name: words.say(f"board.missing-{name}") for name in ("expert", "why") if not posted.get(name)}
        if faults:
            return await _shown(posted.visit, filled=filled, faults=faults, status=422)
        to = [one for one in posted.all("to") if one]
        body = {"why": posted.get("why"), **({"to": to} if to else {})}
        path = f"/v1/experts/{posted.get('expert')}/handover"
        try:
            answer = await posted.visit.send(EXPERTISE, path, body, key=posted.key)
        except Refused as error:
            if error.status == 401:
                raise
            return await _shown(posted.visit, filled=filled, faults={"-": why_not(words, error)}, status=error.status)
        except Away as away:
            told = posted.visit.is_away(away)
            return await _shown(posted.visit, filled=filled, faults={"-": told}, status=503)
        await posted.done()
        return await _shown(posted.visit, outcome=answer.body)

    return router


async def _shown(
    visit: Visit,
    *,
    filled: Filled | None = None,
    faults: Mapping[str, str] | None = None,
    outcome: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HTMLResponse:
    params = visit.request.query_params
    asked = {name: params[name].strip() for name in FILTERS if params.get(name, "").strip()}
    after = params.get("after", "")
    overpaid, found, people = await asyncio.gather(
        visit.rows_if_let_in(REGISTRY, "/v1/search", flag="overpaid", sort="amount", limit=OVERPAID),
        visit.ask(EXPERTISE, "/v1/board", **asked, after=after, limit=ROWS),
        visit.ask(EXPERTISE, "/v1/board/experts", limit=LOADS),
    )
    words, loads = visit.words, people.body["items"]
    stayed = [
        {"pilot": one["pilot"], "why": one["problem"]["detail"] if one["problem"] else one["why"]}
        for one in (outcome or {}).get("stayed", ())
    ]
    await named(visit, stayed)
    names = {**people.body["persons"], **found.body["persons"]}
    return visit.page(
        "board.html",
        status,
        rows=found.body["items"],
        asked={name: asked.get(name, "") for name in FILTERS},
        debtors=DEBTORS,
        states=STATES,
        name=lambda id_: names.get(id_, id_),
        stopped=lambda row: stopped(words, row, visit.desk.now()),
        overpaid=[{**one, "sums": list(_above(words, one))} for one in overpaid],
        next=urlencode({**asked, "after": found.body["next"]}) if found.body["next"] else "",
        loads=loads,
        bars=bars(loads, names),
        may_act=visit.may(Role.OPERATOR),
        outcome=outcome,
        stayed=stayed,
        query=visit.request.url.query,
        filled=filled,
        faults=faults or {},
        key=filled.key if filled else new_key(),
        said=words.say("board.moved", moved=len(outcome["moved"]), stayed=len(outcome["stayed"]))
        if outcome
        else words.count("work.found", len(found.body["items"])),
    )


def _above(words: Words, pilot: Mapping[str, Any]) -> Iterator[str]:
    """By how much the payments of each source are above what was committed."""
    for one in pilot["overpaid"]:
        yield words.money(one["paid_minor"] - one["committed_minor"], one["currency"])


def bars(loads: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, Any]:
    """The picture of the loads: for each expert how long the bar is, and where the capacity stands."""
    most = max([1, *(max(one["load"], one["capacity"]) for one in loads)])
    lines = [
        {
            "name": names.get(one["id"], one["id"]),
            "y": number * (BAR + NAME) + NAME,
            "width": round(WIDTH * one["load"] / most, 1),
            "capacity": round(WIDTH * one["capacity"] / most, 1),
            "over": one["over"] > 0,
        }
        for number, one in enumerate(loads)
    ]
    return {"lines": lines, "width": WIDTH, "height": max(1, len(loads)) * (BAR + NAME), "bar": BAR}
