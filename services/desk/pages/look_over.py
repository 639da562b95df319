"""Look-over: intake's applications by due day, and what an officer decides on one: accept, return with coded reasons,
stop on a document."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.reference import Role
from contracts.rules import load
from contracts.topics import INTAKE
from services.desk import forms
from services.desk.pages.case import plain, sources
from services.desk.visit import Posted, PostedOf, Visit, VisitOf

HERE: Final = "/look-over"
REGISTERED: Final = "registered"
STATUSES: Final = (REGISTERED, "returned", "accepted", "stopped")
ROWS: Final = 50
FIELDS: Final = ("reason", "body", "kind", "number", "date")
PATHS: Final = {"take": "acceptance", "return": "return", "stop": "stop"}
TYPED: Final = {"return": ("code", "text"), "stop": FIELDS}
"""What is typed for a decision."""

Card = Mapping[str, Any]


def make_router() -> APIRouter:
    """`/look-over`."""
    router = APIRouter()

    @router.get("/{language}/look-over", response_class=HTMLResponse)
    async def applications(visit: VisitOf, status: str = REGISTERED, after: str = "") -> Response:
        """The applications of a status, what is due first coming first."""
        found = (await visit.ask(INTAKE, "/v1/applications", status=status, after=after, limit=ROWS)).body
        return visit.page(
            "look_over.html",
            rows=found["items"],
            wanted=status,
            statuses=STATUSES,
            next=urlencode({"status": status, "after": found["next"]}) if found["next"] else "",
            said=visit.words.count("work.found", len(found["items"])) if not after else visit.words.say("work.further"),
        )

    @router.get("/{language}/look-over/{pilot}", response_class=HTMLResponse)
    async def application(pilot: str, visit: VisitOf, done: str = "") -> Response:
        """One application with its term, and with what somebody began to type there."""
        said = visit.words.code("act-done", done) if done else ""
        return await _shown(visit, pilot, said=said, begun=await forms.begun(visit))

    @router.post("/{language}/look-over/{pilot}", response_class=HTMLResponse)
    async def decide(pilot: str, posted: PostedOf) -> Response:
        """What an officer decides on it."""
        what = _meant(posted)
        if what not in PATHS:
            return await _shown(posted.visit, pilot, posted=posted)
        missing = _missing(posted, what)
        trouble = forms.Trouble(missing, 422) if missing else None
        if trouble is None:
            path = f"/v1/applications/{pilot}/{PATHS[what]}"
            trouble = await forms.sent(posted, INTAKE, path, _body(posted, what), _place, part=what)
        if trouble is None:
            return forms.done(posted.visit, f"{HERE}/{pilot}", what)
        page = await _shown(posted.visit, pilot, posted=posted, trouble=trouble)
        return await forms.not_taken(posted, trouble, page)

    return router


def _begun(filled: forms.Filled | None, what: str) -> bool:
    return forms.is_begun(filled, what, TYPED[what])


def _meant(posted: Posted) -> str:
    """Which decision: that of the button; with Enter in a field the one of which something is typed, if of no other."""
    if posted.get("do") in PATHS:
        return posted.get("do")
    begun = [what for what in TYPED if _begun(forms.typed_in(posted), what)]
    return begun[0] if len(begun) == 1 else ""


def _missing(posted: Posted, what: str) -> dict[str, str]:
    words = posted.visit.words
    if what == "return" and not posted.all("code"):
        return {"code": words.say("look-over.missing-code")}
    if what == "stop":
        return {name: words.say(f"look-over.missing-{name}") for name in FIELDS if not posted.get(name)}
    return {}


def _body(posted: Posted, what: str) -> dict[str, Any] | None:
    if what == "return":
        text = posted.get("text") or None
        return {"reasons": [{"code": code, **({"text": text} if text else {})} for code in posted.all("code")]}
    if what == "stop":
        basis = {name: posted.get(name) for name in ("body", "kind", "number", "date")}
        return {"reason": posted.get("reason"), "basis": basis}
    return None


def _place(pointer: str) -> str | None:
    last = pointer.rstrip("/").rsplit("/", 1)[-1]
    return last if last in (*FIELDS, "code", "text") else None


async def _shown(
    visit: Visit,
    pilot: str,
    *,
    said: str = "",
    posted: Posted | None = None,
    trouble: forms.Trouble | None = None,
    begun: forms.Filled | None = None,
) -> HTMLResponse:
    path = f"/v1/applications/{pilot}"
    found, clock = await asyncio.gather(visit.ask(INTAKE, path), visit.ask_if_there(INTAKE, f"{path}/clock"))
    card: Card = found.body
    words, facts = visit.words, (("case.status", visit.words.code("application", card["status"])),)
    again = forms.again(posted, trouble, facts, begun)
    return visit.page(
        "application.html",
        trouble.status if trouble else 200,
        card=card,
        clock=clock,
        etag=found.etag,
        plain=lambda value, field="": plain(words, value, field),
        sources=sources(card["edition"], visit.language) if card["edition"] else {},
        reasons=_reasons(visit, card),
        may_decide=visit.may(Role.OFFICER) and card["status"] == REGISTERED,
        said=said,
        begun=lambda what: _begun(again["filled"], what),
        **again,
    )


def _reasons(visit: Visit, card: Card) -> list[tuple[str, str]]:
    """The reasons for which the application's edition lets it go back."""
    edition = load().edition(card["edition"]) if card["edition"] else None
    entries = edition.return_reasons.entries if edition else ()
    return [(one.code, str(getattr(one, visit.language))) for one in entries]
