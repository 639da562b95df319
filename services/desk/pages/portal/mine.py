"""Mine: the agency's submissions, what needs an answer first, then what is overdue; each with whose move it is, and by
when.

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
from services.desk.clients import Away, Refused
from services.desk.pages.portal import agency, onward
from services.desk.visit import Visit, VisitOf

HERE: Final = "/portal/mine"
ROWS: Final = 50
MOST_NAMED: Final = 20
"""So many submissions of one own number are shown."""
APPLICANT: Final = "applicant"
OFFICER: Final = "officer"
WAITS: Final = (APPLICANT, OFFICER, EXPERTISE, "council", onward.EXECUTOR)
"""Who may have the next move; where it is the executor's, and by when, the register says (`onward`)."""

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
    if waits == onward.EXECUTOR:
        rows, next_ = await onward.of_executor(visit, after, ROWS)
        return _part(visit, waits, after, rows, next_)
    if not waits and not after:
        return await _begun(visit)
    found = (await visit.ask(INTAKE, "/v1/applications", waits_for=waits, after=after, limit=ROWS)).body
    rows, there = await onward.joined(visit, found["items"])
    return _part(visit, waits, after, by_due(rows) if waits == APPLICANT else rows, found["next"], there=there)


def _part(
    visit: Visit, waits: str, after: str, rows: Sequence[Row], next_: str | None, *, there: bool = True
) -> HTMLResponse:
    """A page of those that wait for somebody, or a later one of all."""
    return _page(
        visit,
        there=there,
        waits=waits,
        groups=[("", rows)] if rows else [],
        first=urlencode({"waits": waits}) if after else "",
        next=_leading(waits, next_),
        said=visit.words.say("work.further") if after else visit.words.count("portal.found", len(rows)),
    )


def _leading(waits: str, after: str | None) -> str:
    return urlencode({"waits": waits, "after": after}) if after else ""


async def _begun(visit: Visit) -> HTMLResponse:
    """The first page of all: what needs an answer, of all pages; then where the executor is late, of all pages; then
    the newest of the others."""
    found, needed, (late, more_late, there) = await asyncio.gather(
        visit.ask(INTAKE, "/v1/applications", limit=ROWS),
        visit.ask(INTAKE, "/v1/applications", waits_for=APPLICANT, limit=ROWS),
        _overdue(visit),
    )
    urgent = by_due(needed.body["items"])
    above = {one["id"] for one in (*urgent, *late)}
    rows, known = await onward.joined(visit, [one for one in found.body["items"] if one["id"] not in above])
    groups = [("needs", urgent), ("overdue", late), ("others", rows)]
    return _page(
        visit,
        there=there and known,
        groups=[(name, some) for name, some in groups if some],
        more={"needs": bool(needed.body["next"]), "overdue": more_late},
        next=_leading("", found.body["next"]),
        said=visit.words.count("portal.found", sum(len(some) for _, some in groups)),
    )


async def _overdue(visit: Visit) -> tuple[list[dict[str, Any]], bool, bool]:
    """Where the executor is late, what was due first coming first; whether there may be more of them, and whether the
    register says so at all."""
    try:
        rows, next_ = await onward.of_executor(visit, "", ROWS)
    except (Away, Refused):
        return [], False, False
    late = [row for row in rows if is_late(visit, row["next_due"])]
    return late, bool(next_) and len(late) == len(rows), True


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
