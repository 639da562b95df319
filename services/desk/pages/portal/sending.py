"""Check and send: a new application in a form, or any event as it is, pasted or from a file.

*Check* has intake say what would become of it, changes nothing, and shows pilots that are like it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.agency import ApplicationSubmittedV2
from services.desk import forms
from services.desk.clients import Away
from services.desk.pages.portal import agency, contract_form, events, forms_of_events, pointers
from services.desk.pages.portal.events import Tried
from services.desk.pages.portal.forms_of_events import SEND, EventForm
from services.desk.visit import Posted, PostedOf, UploadedOf, Visit, VisitOf

HERE: Final = "/portal/send"
TEXT: Final = "event"
NONE_OF_SEVERAL: Final = "[] \t\r\n"
"""A list without an event is made of these: intake takes it, and there is nothing to say about it."""
MOST_LINES: Final = 2_000
"""So many lines of an event are shown with its faults marked."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a pasted event: where, in words, and what to do about it."""

    pointer: str
    line: int | None
    text: str
    action: str
    warning: bool


def make_router() -> APIRouter:
    """`/portal/send`."""
    router = APIRouter()

    @router.get("/{language}/portal/send", response_class=HTMLResponse)
    async def form(visit: VisitOf, saved: str = "") -> Response:
        """A new application, in a form."""
        return await forms_of_events.opened(visit, await _form(visit), saved=bool(saved))

    @router.post("/{language}/portal/send", response_class=HTMLResponse)
    async def send(posted: PostedOf) -> Response:
        """It is checked, or sent."""
        try:
            made = await _form(posted.visit)
        except Away:
            await posted.keep()
            raise
        return await forms_of_events.sent(posted, made)

    @router.get("/{language}/portal/send/event", response_class=HTMLResponse)
    async def paste(visit: VisitOf, saved: str = "") -> Response:
        """Any event, as it is."""
        agency.of(visit)
        filled = await forms.opened(visit, "", ())
        return _shown(visit, filled, Tried(), said=visit.words.say("form.saved") if saved else "")

    @router.post("/{language}/portal/send/event", response_class=HTMLResponse)
    async def pasted(posted: UploadedOf) -> Response:
        """It is checked, or sent. A file that was chosen stands in the place of what was pasted."""
        return await _pasted(posted)

    return router


async def _form(visit: Visit) -> EventForm:
    edition = await agency.edition(visit)
    parts = contract_form.parts_of(ApplicationSubmittedV2.TYPE, edition)
    title = visit.words.say("portal.new-application")
    back = ("/portal/mine", visit.words.say("page.mine"))
    return EventForm(ApplicationSubmittedV2.TYPE, parts, title, back, likes=True, template="portal/send.html")


# ---- an event as it is


async def _pasted(posted: Posted) -> Response:
    visit, text = posted.visit, posted.get(TEXT)
    agency.of(visit)
    if not text.strip(NONE_OF_SEVERAL):
        file = posted.files.get(TEXT)
        missing = visit.words.say("portal.file-no-text" if file and file.content else "portal.no-event")
        return _shown(visit, forms.typed_in(posted), Tried(422, detail=missing))
    media = events.BATCH if text.startswith("[") else events.EVENT
    sending = posted.get("do") == SEND
    outcome = await (events.sent if sending else events.tried)(visit, text.encode(), posted.key, media)
    if sending and outcome.good and outcome.receipt:
        await posted.done()
        return forms.done(visit, f"/portal/mine/{outcome.receipt['pilot']}", "sent")
    await (posted.done() if sending and outcome.good else posted.keep())
    return _shown(visit, forms.typed_in(posted), outcome, await _similar(visit, text, outcome))


async def _similar(visit: Visit, text: str, outcome: Tried) -> Sequence[Mapping[str, Any]] | None:
    """Pilots that are like a single application that could be read."""
    if outcome.verdicts or outcome.away:
        return ()
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    data = event.get("data") if isinstance(event, dict) else None
    applies = isinstance(data, dict) and "application-" in str(event.get("type"))
    return await events.similar(visit, data) if applies and isinstance(data, dict) else ()


def _faults(visit: Visit, text: str, outcome: Tried) -> Iterator[Fault]:
    lines = pointers.lines(text)
    for one in (*outcome.faults, *outcome.told):
        yield _fault(visit, lines, one)


def _fault(visit: Visit, lines: Mapping[str, int], problem: Mapping[str, Any], within: str = "") -> Fault:
    """A problem at its place in an event, which is itself `within` what was pasted."""
    pointer, warning = str(problem["pointer"]), problem.get("severity") == "warn"
    line = pointers.nearest(lines, f"{within}{pointer}")
    return Fault(pointer, line, events.said(problem, visit.words), str(problem["action"]), warning)


def _shown(
    visit: Visit,
    filled: forms.Filled,
    outcome: Tried,
    similar: Sequence[Mapping[str, Any]] | None = (),
    *,
    said: str = "",
) -> HTMLResponse:
    words, text = visit.words, filled[TEXT].strip()
    found = list(_faults(visit, text, outcome)) if text else []
    blocking = [one for one in found if not one.warning]
    faults = {f"-{n}": one.text for n, one in enumerate(blocking)}
    if outcome.away or (not faults and not outcome.good):
        faults = {TEXT if not outcome.away else "-away": outcome.away or outcome.detail or words.say("told.unforeseen")}
    checked = outcome.good and bool(outcome.receipt)
    verdicts = list(_verdicts(visit, text, outcome))
    marked = {one.line for one in (*found, *(each for verdict in verdicts for each in verdict["problems"])) if one.line}
    shown = text.splitlines()[:MOST_LINES] if marked else []
    return visit.page(
        "portal/paste.html",
        outcome.status if outcome.status != 207 else 200,
        filled=filled,
        faults=faults,
        problems=blocking,
        warned=[one for one in found if one.warning],
        lines=[(n, line, n in marked) for n, line in enumerate(shown, 1)],
        checked=checked,
        verdicts=verdicts,
        published=outcome.published,
        similar=similar,
        said=said or (words.say("portal.would-be-taken") if checked else next(iter(faults.values()), "")),
    )


def _verdicts(visit: Visit, text: str, outcome: Tried) -> Iterator[dict[str, Any]]:
    """What became, or would become, of each event of several."""
    lines = pointers.lines(text) if outcome.verdicts else {}
    for one in outcome.verdicts:
        receipt, problem = one["receipt"] or {}, one["problem"] or {}
        problems = receipt.get("problems") or problem.get("problems") or ()
        told = [_fault(visit, lines, each, f"/{one['index']}") for each in problems]
        if not told and problem.get("detail"):  # of the event as a whole
            told = [Fault("", lines.get(f"/{one['index']}"), problem["detail"], str(one["action"]), warning=False)]
        yield {
            "index": one["index"],
            "event": one["event_id"],
            "good": one["verdict"] in events.GOOD,
            "verdict": visit.words.code("verdict-of-event", one["verdict"]),
            "pilot": receipt.get("pilot") if receipt.get("number") else None,
            "number": receipt.get("number"),
            "problems": told,
        }
