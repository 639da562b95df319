"""One submission: the way from sent to the register, each step with its day and document; what may be said about it
now, each as a form; and all of its receipts.

Of what may come any number of times, reports and receipts, a page is read at a time, the newest first; the other steps
of the way are all there, however many reports there are.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.agency import (
    AGENCY,
    ApplicationResubmittedV1,
    ApplicationWithdrawnV1,
    CompletionReportedV1,
    ProgressReportedV1,
    ReceiptOutcome,
    ResultReportedV1,
    RiskReportedV1,
    SpendingReportedV1,
)
from contracts.rules import Edition, load
from contracts.topics import EXPERTISE, INTAKE, REGISTRY
from services.desk import fields
from services.desk.clients import Away, Refused
from services.desk.pages import steps
from services.desk.pages.case import plain
from services.desk.pages.portal import (
    agency,
    answering,
    contract_form,
    contracts,
    events,
    forms_of_events,
    mine,
    onward,
)
from services.desk.pages.portal.forms_of_events import EventForm
from services.desk.visit import PostedOf, Visit, VisitOf
from services.desk.words import Words

HERE: Final = mine.HERE
RECEIPTS: Final = 100
"""So many receipts, and so many reports, stand on the page at once."""
ASKED_AT_ONCE: Final = 200
"""The largest page that intake gives."""
MOST_PAGES: Final = 10
"""So many of intake's pages are read for the steps of the way: an official had a part in each step, so that there are a
handful (assumption). The page says where there are more."""
KINDS: Final[Mapping[str, str]] = {
    "resubmission": ApplicationResubmittedV1.TYPE,
    "withdrawal": ApplicationWithdrawnV1.TYPE,
    "progress": ProgressReportedV1.TYPE,
    "spending": SpendingReportedV1.TYPE,
    "risks": RiskReportedV1.TYPE,
    "results": ResultReportedV1.TYPE,
    "completion": CompletionReportedV1.TYPE,
}
"""What may be said about a submission, and the event that says it."""
WRITTEN: Final[Mapping[str, str]] = {kind: what for what, kind in KINDS.items()}
REPORTS: Final = ("progress", "spending", "risks", "results", "completion")
LATE: Final = ("spending", "results")
"""What is still reported when carrying out is over."""
WITHDRAWN: Final = ("registered", "returned", "accepted", "concluded")
"""Where an application can be taken back."""
REPORTED: Final = ReceiptOutcome.REPORTED.value
ASIDE: Final = frozenset({"reminded", "parked", "refused", REPORTED})
"""Receipts that are no step of the way, or one that comes again and again."""
STEPS: Final = tuple(one.value for one in ReceiptOutcome if one not in ASIDE)
STAGE_OF: Final[Mapping[str, str]] = {"registered": "look-over", "returned": "returned", "accepted": EXPERTISE}
"""Where a submission stands of which the register does not tell."""

Card = Mapping[str, Any]
Receipt = Mapping[str, Any]


def make_router() -> APIRouter:
    """`/portal/mine/{pilot}`."""
    router = APIRouter()

    @router.get("/{language}/portal/mine/{pilot}", response_class=HTMLResponse)
    async def submission(pilot: str, visit: VisitOf, done: str = "", after: str = "", reports: str = "") -> Response:
        """The submission, with its newest receipts or those before the ones `after` which this page goes on; the way
        with the newest reports, or those before."""
        said = visit.words.say("portal.sent") if done == "sent" else ""
        return await _shown(visit, pilot, said=said, after=after, reports=reports)

    @router.get("/{language}/portal/mine/{pilot}/answer/{request}", response_class=HTMLResponse)
    async def answer(pilot: str, request: str, visit: VisitOf, saved: str = "") -> Response:
        """The form in which a request is answered."""
        return await forms_of_events.opened(visit, await _answer(visit, pilot, request), saved=bool(saved))

    @router.post("/{language}/portal/mine/{pilot}/answer/{request}", response_class=HTMLResponse)
    async def answered(pilot: str, request: str, posted: PostedOf) -> Response:
        """A request is answered, in all of its items or some."""
        return await _sent(posted, pilot, _answer, request)

    @router.get("/{language}/portal/mine/{pilot}/write/{what}", response_class=HTMLResponse)
    async def write(pilot: str, what: str, visit: VisitOf, saved: str = "") -> Response:
        """The form of what is said about it."""
        return await forms_of_events.opened(visit, await _form(visit, pilot, what), saved=bool(saved))

    @router.post("/{language}/portal/mine/{pilot}/write/{what}", response_class=HTMLResponse)
    async def written(pilot: str, what: str, posted: PostedOf) -> Response:
        """It is checked, or sent."""
        return await _sent(posted, pilot, _form, what)

    return router


async def _sent(posted: PostedOf, pilot: str, form_of: Any, what: str) -> Response:
    try:
        form = await form_of(posted.visit, pilot, what)
    except Away:
        await posted.keep()  # the page that says so opens the form again with what was typed
        raise
    return await forms_of_events.sent(posted, form)


async def read(visit: Visit, pilot: str) -> Card:
    """A submission of the own agency. Raises Away, Refused."""
    agency.of(visit)
    card: Card = (await visit.ask(INTAKE, f"/v1/applications/{quote(pilot, safe='')}")).body
    return card


def edition_of(card: Card) -> Edition:
    """The edition by which a submission is judged. Raises Refused 404 for one that came to none."""
    if not card["edition"]:
        raise Refused(404, {})
    return load().edition(card["edition"])


# ---- what may be said about it


async def _answer(visit: Visit, pilot: str, request: str) -> EventForm:
    """Raises Refused 404 for a request that does not wait for answers."""
    card = await read(visit, pilot)
    found = next((one for one in card["open_requests"] if one["id"] == request), None)
    if found is None:
        raise Refused(404, {})
    return answering.form_of(visit.words, card, found, edition_of(card), _back(card))


async def _form(visit: Visit, pilot: str, what: str) -> EventForm:
    card = await read(visit, pilot)
    kind = KINDS.get(what)
    if kind is None or not card["number"]:
        raise Refused(404, {})
    codes = {"indicator": await _indicators(visit, card)} if what in REPORTS else {}
    parts = contract_form.parts_of(kind, edition_of(card), codes)
    first = {**card["application"], "met": _remarks(card)} if what == "resubmission" else {}
    return EventForm(kind, parts, visit.words.code("write", what), _back(card), card["id"], first)


def _remarks(card: Card) -> list[Mapping[str, Any]]:
    """The remarks of the conclusion, for each of which is said what was done about it."""
    found = (card["conclusion"] or {}).get("remarks", ())
    return [{"place": n} for n in range(1, len(found) + 1)]


async def _indicators(visit: Visit, card: Card) -> fields.Options:
    """The indicators that were agreed on; none where the register cannot say: then the code is typed."""
    try:
        found = (await visit.ask(REGISTRY, f"/v1/pilots/{card['id']}/results")).body
    except (Away, Refused):
        return ()
    return [(one["code"], fields.same(one["title"])) for one in found["items"]]


def _back(card: Card) -> tuple[str, str]:
    title = (card["application"] or {}).get("title") or card["id"]
    return f"{HERE}/{card['id']}", f"{card['number'] or ''} {title}".strip()


def allowed(card: Card) -> list[str]:
    """What may be said about it where it stands; whether it is taken, intake says."""
    found = ["resubmission"] if card["status"] in ("returned", "concluded") and card["waits_for"] == "applicant" else []
    carried = card["carrying_out"] or {}
    if carried.get("started"):
        found += REPORTS if carried["reporting"] else LATE
    if card["finished"]:
        found = [one for one in found if one != "completion"]
    return found + (["withdrawal"] if card["status"] in WITHDRAWN else [])


# ---- the page


async def _shown(visit: Visit, pilot: str, *, said: str, after: str, reports: str) -> HTMLResponse:
    card = await read(visit, pilot)
    path, decided = f"/v1/applications/{card['id']}/clock", card["status"] == onward.DECIDED
    way, reported, receipts, clock, there, counted = await asyncio.gather(
        _steps(visit, card),
        _newest(visit, card, reports, status=[REPORTED]),
        _newest(visit, card, after),
        visit.ask_if_there(INTAKE, f"{path}?term=fixing-remarks" if card["fixing"] else path),
        _in_register(visit, card, ""),
        _in_register(visit, card, "/clock") if decided else _nothing(),
    )
    words = visit.words
    stage = str(there["stage"]) if there else STAGE_OF.get(card["status"], "")
    further = onward.told(words, there) if there and decided else {}
    due = further.get("next_due") or mine.next_due(card)
    return visit.page(
        "portal/submission.html",
        card=card,
        clock=clock if card["due_at"] else counted,
        due=due,
        further=further,
        there=there is not None or not decided,
        public=there is not None and decided,  # from the Council on the public sees it
        late=mine.is_late(visit, due),
        move=further.get("move") or onward.move(words, card["waits_for"]),
        stage=steps.stage(words, stage) if stage else "",
        allowed=allowed(card),
        decided=_decided(words, card["decision"]) if card["decision"] else None,
        way=list(way_of(words, card, way.items, reported)),
        ahead=list(ahead(words, card, stage)),
        most=words.number(ASKED_AT_ONCE * MOST_PAGES) if way.next else "",
        earlier=urlencode({"reports": reported.next}) if reported.next else "",
        newer=bool(reports),
        receipts=[_receipt(words, one) for one in receipts.items],
        older=urlencode({**({"reports": reports} if reports else {}), "after": receipts.next}) if receipts.next else "",
        newest=bool(after),
        told=[events.said(one, words) for one in card["problems"]],
        plain=lambda value, field="": plain(words, value, field),
        reason=lambda one: _reason(words, card, one),
        said=said,
    )


@dataclass(frozen=True, slots=True)
class Issued:
    """Receipts in an order, and what leads to those that follow, if there are any."""

    items: Sequence[Receipt]
    next: str


async def _steps(visit: Visit, card: Card) -> Issued:
    """The steps of the way without its reports, in the order in which they came. Raises Away, Refused."""
    found, after = list[Receipt](), ""
    for _ in range(MOST_PAGES):
        part = await _issued(visit, card, after, status=STEPS, limit=ASKED_AT_ONCE)
        found, after = [*found, *part.items], part.next
        if not after:
            break
    return Issued(found, after)


async def _newest(visit: Visit, card: Card, after: str, **chosen: Any) -> Issued:
    """A page of receipts, the newest first. Raises Away, Refused."""
    return await _issued(visit, card, after, newest="true", limit=RECEIPTS, **chosen)


async def _issued(visit: Visit, card: Card, after: str, **chosen: Any) -> Issued:
    part = (await visit.ask(INTAKE, "/v1/receipts", pilot=card["id"], after=after, **chosen)).body
    return Issued(part["items"], part["next"] or "")


async def _in_register(visit: Visit, card: Card, part: str) -> Any:
    """What the register knows of it, or a part of that; None where there is nothing, or it cannot be said just now."""
    try:
        return await visit.ask_if_there(REGISTRY, f"/v1/pilots/{card['id']}{part}")
    except (Away, Refused):
        return None


async def _nothing() -> None:
    """What nobody need be asked for."""


def way_of(words: Words, card: Card, steps_: Sequence[Receipt], reported: Issued) -> Iterator[dict[str, Any]]:
    """The steps of the way and a page of its reports, in the order in which they came; the first report is marked where
    there are `earlier` ones that stand on another page."""
    first = reported.items[-1] if reported.next else None
    for one in merge(steps_, reversed(reported.items), key=itemgetter("at")):
        yield {
            "what": what_of(words, one),
            "at": one["at"],
            "document": "; ".join(_documents(words, card, one)),
            "earlier": one is first,
        }


def what_of(words: Words, receipt: Receipt) -> str:
    """What a receipt says: of a report also which one was taken, where the receipt names its type."""
    kind = WRITTEN.get(receipt.get("event_type") or "")
    if receipt["outcome"] == REPORTED and kind:
        return words.code("reported", kind)
    return words.code("receipt", receipt["outcome"])


def _documents(words: Words, card: Card, receipt: Receipt) -> Iterator[str]:
    if receipt["outcome"] == "registered":
        yield words.say("portal.number", number=receipt["number"])
    for code in receipt["reasons"]:
        yield _reason(words, card, {"code": code})
    if found := receipt["conclusion"]:
        verdict = words.code("verdict", found["verdict"])
        yield words.say("portal.conclusion", number=found["number"], day=words.day(found["date"]), verdict=verdict)
    for one in (receipt["decision"], receipt["step"]):
        if one:
            said = _decided(words, one)
            yield ", ".join(filter(None, (said["what"], said["document"])))


def _decided(words: Words, one: Mapping[str, Any]) -> dict[str, str]:
    """What was decided, if anything was, and the document."""
    what = fields.contract(words, f"said.{one['decision']}", one["decision"]) if one.get("decision") else ""
    return {"what": what, "document": fields.document(words, one["basis"])}


def _reason(words: Words, card: Card, one: Mapping[str, Any]) -> str:
    """Why it went back, as its edition calls it, with the words that the officer added."""
    known = load().edition(card["edition"]).return_reasons.entries if card["edition"] else ()
    named = next((str(getattr(entry, words.language)) for entry in known if entry.code == one["code"]), one["code"])
    return f"{named}: {one['text']}" if one.get("text") else named


def ahead(words: Words, card: Card, stage: str) -> Iterator[tuple[str, str]]:
    """The steps that lie ahead on the usual way, and whose each is."""
    if not card["waits_for"] and card["status"] != onward.DECIDED:
        return
    seen = set[str]()
    while stage in steps.NEXT and stage not in seen:
        seen.add(stage)
        (id_, role), stage = steps.NEXT[stage]
        yield words.say(id_), words.code("role", role)


def _refused(words: Words, one: Receipt) -> str:
    """What it was that was not taken, where its receipt says so and it was a type that there is."""
    kind = one.get("event_type")
    known = one["outcome"] == ReceiptOutcome.REFUSED and kind in AGENCY.classes
    return words.code("event", contracts.kind_of(str(kind))) if known else ""


def _receipt(words: Words, one: Receipt) -> dict[str, Any]:
    problems: Sequence[Mapping[str, Any]] = one["problems"]
    return {
        "what": what_of(words, one),
        "of": _refused(words, one),
        "at": one["at"],
        "event": one["event_id"],
        "due": one["due_at"],
        "problems": [
            {"pointer": p["pointer"], "text": events.said(p, words), "action": p["action"], "severity": p["severity"]}
            for p in problems
        ],
    }
