"""Mine: the agency's submissions, what needs an answer first; each with whose move it is, and by when.

The whole state of the list is in its address.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response

from contracts.event import wire_moment
from contracts.topics import EXPERTISE, INTAKE
from services.desk.pages.portal import agency, onward
from services.desk.visit import Visit, VisitOf

HERE: Final = "/portal/mine"
ROWS: Final = 50
MOST_NAMED: Final = 20
"""So many submissions of one own number are shown."""
APPLICANT: Final = "applicant"
OFFICER: Final = "officer"
EXECUTOR: Final = "executor"
"""Who carries the pilot out; by when the move is due, the register says (`onward`)."""
WAITS: Final = (APPLICANT, OFFICER, EXPERTISE, "council", EXECUTOR)
"""Who may have the next move."""

Row = Mapping[str, Any]


def make_router() -> APIRouter:
    """`/portal` and `/portal/mine`."""
    router = APIRouter()

    @router.get("/{language}/portal", response_class=HTMLResponse)
    async def portal(visit: VisitOf) -> Response:
        """Leads to the agency's submissions."""
        return RedirectResponse(visit.address(HERE), 303)

    @router.get("/{language}/portal/mine", response_class=HTMLResponse)
    async def mine(visit: VisitOf, waits: str = "", named: str = "", after: str = "") -> Response:
        """The agency's submissions: those that wait for somebody, those of a number, or all."""
        agency.of(visit)
        if named.strip():
            return await _named(visit, named.strip())
        return await _listed(visit, waits if waits in WAITS else "", after)

    return router


async def _listed(visit: Visit, waits: str, after: str) -> HTMLResponse:
    asked = [visit.ask(INTAKE, "/v1/applications", waits_for=waits, after=after, limit=ROWS)]
    first = not waits and not after
    if first:
        asked.append(visit.ask(INTAKE, "/v1/applications", waits_for=APPLICANT, limit=ROWS))
    found, *needing = await asyncio.gather(*asked)
    needed = needing[0].body if needing else {"items": [], "next": None}
    urgent = by_due(needed["items"])
    ids = {one["id"] for one in urgent}
    rows, there = await onward.joined(visit, [one for one in found.body["items"] if one["id"] not in ids])
    ordered = by_due(rows) if waits in (APPLICANT, EXECUTOR) else rows
    groups = [("needs", urgent), ("others", rows)] if first else [("", ordered)]
    return _page(
        visit,
        there=there,
        waits=waits,
        groups=[(name, some) for name, some in groups if some],
        more_needed=bool(needed["next"]),
        first=urlencode({"waits": waits}) if after else "",
        next=urlencode({"waits": waits, "after": found.body["next"]}) if found.body["next"] else "",
        said=visit.words.say("work.further") if after else visit.words.count("portal.found", len(urgent) + len(rows)),
    )


async def _named(visit: Visit, named: str) -> Response:
    """The submission of a registration number or id, or those of one of the agency's own numbers."""
    found = await visit.ask_if_there(INTAKE, f"/v1/applications/{quote(named, safe='')}")
    if found is not None:
        return RedirectResponse(visit.address(f"{HERE}/{found['id']}"), 303)
    receipts = await visit.ask(INTAKE, "/v1/receipts", own_number=named, limit=ROWS)
    pilots = list(dict.fromkeys(one["pilot"] for one in receipts.body["items"]))
    if len(pilots) == 1:
        return RedirectResponse(visit.address(f"{HERE}/{pilots[0]}"), 303)
    cards = await asyncio.gather(
        *(visit.ask_if_there(INTAKE, f"/v1/applications/{one}") for one in pilots[:MOST_NAMED])
    )
    rows, there = await onward.joined(visit, [line_of(card) for card in cards if card is not None])
    said = visit.words.count("portal.found", len(rows))
    return _page(visit, there=there, named=named, groups=[("", rows)] if rows else [], said=said)


def _page(visit: Visit, **values: Any) -> HTMLResponse:
    words = visit.words
    return visit.page(
        "portal/mine.html",
        waiting=WAITS,
        move=lambda row: row.get("move") or onward.move(words, row["waits_for"]),
        late=lambda row: is_late(visit, row["next_due"]),
        **values,
    )


def is_late(visit: Visit, due: str | None) -> bool:
    """Whether a move is overdue."""
    return due is not None and due <= wire_moment(visit.desk.now())


def by_due(rows: Sequence[Row]) -> list[Row]:
    """What is due first, first; what has no day, last."""
    return sorted(rows, key=lambda one: (one["next_due"] is None, one["next_due"] or ""))


def line_of(card: Mapping[str, Any]) -> dict[str, Any]:
    """A card as a line of the list."""
    asked = card["application"] or {}
    return {**card, "title": asked.get("title"), "own_number": asked.get("own_number"), "next_due": next_due(card)}


def next_due(card: Mapping[str, Any]) -> str | None:
    """When the next move on a submission is due, whoever has it."""
    waits, asked, due = card["waits_for"], card["open_requests"], None
    if waits == APPLICANT and asked:
        due = min((one["due_at"] for one in asked if one["due_at"]), default=None)
    elif waits in (APPLICANT, OFFICER):
        due = card["due_at"]
    elif waits == EXPERTISE:
        due = (card[EXPERTISE] or {}).get("due_at")
    return None if due is None else str(due)
