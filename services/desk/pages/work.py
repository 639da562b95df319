"""Work: one list of open cases in groups of severity, what one may do with many of them at once, and saved views.

The whole state of the list is in its address. What is done with many cases is answered for each of them: what failed
stays selected, with its reason.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response

from contracts.expertise import ReviewKind
from contracts.reference import Role
from contracts.rules import load
from contracts.topics import EXPERTISE
from contracts.words import Language
from services.desk import forms
from services.desk.clients import Answer, Away, Refused
from services.desk.forms import Filled
from services.desk.shown import home_of
from services.desk.visit import Posted, PostedOf, Visit, VisitOf, new_key
from services.desk.words import Words

HERE: Final = "/work"
FILTERS: Final = ("view", "sector", "agency", "kind", "status", "expert", "number")
OPEN: Final = "open"
SOON: Final = 2
"""Days left, within which something is due soon."""
ROWS: Final = 50
MOST_AT_ONCE: Final = 500
"""How many cases one request may be about: what the service takes at once."""
PAGE_OF_ALL: Final = 200
SIDE_BY_SIDE: Final = 8
GROUPS: Final = ("breached", "soon", "later", "stopped")
STATUSES: Final = ("unassigned", "with-experts", "to-conclude", "to-approve", "numbering", "appealed")
ASSIGN, HAND_OVER, RELEASE = "assign", "handover", "release"
OVERSEERS: Final = (Role.OPERATOR, Role.APPROVER, Role.AUDITOR)
READERS: Final = (*OVERSEERS, Role.EXPERT)

Row = Mapping[str, Any]


@dataclass
class Outcome:
    """What became of many cases: how many were done, and of each other one why not."""

    done: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    more: bool = False
    most: int = MOST_AT_ONCE


def make_router() -> APIRouter:
    """`/work`."""
    router = APIRouter()

    @router.get("/{language}/work", response_class=HTMLResponse)
    async def work(visit: VisitOf) -> Response:
        """The list as its address says; whoever has no cases is led to the own first page."""
        if visit.may(*READERS):
            begun = await forms.begun(visit, once=True)  # the list goes on: what was chosen is not chosen for long
            return await _shown(visit, filled=begun)
        home = home_of(visit.may)
        return RedirectResponse(visit.address(home), 303) if home else visit.page("nothing_yet.html")

    @router.post("/{language}/work", response_class=HTMLResponse)
    async def act(posted: PostedOf) -> Response:
        """Something done with the chosen cases, or with all that are found now."""
        filled, faults = forms.typed_in(posted), _faults(posted)
        if faults:
            return await _shown(posted.visit, faults=faults, filled=filled, status=422)
        try:
            outcome = await _carried_out(posted)
        except Away as away:
            lost = {"-": posted.visit.is_away(away)}
            return await _shown(posted.visit, faults=lost, filled=filled, status=503)
        except Refused as error:
            if error.status == 401:
                raise
            refused = {"-": why_not(posted.visit.words, error)}
            return await _shown(posted.visit, faults=refused, filled=filled, status=error.status)
        return await _shown(posted.visit, outcome=outcome, filled=filled)

    _views(router)
    return router


def _views(router: APIRouter) -> None:
    @router.get("/{language}/views")
    @router.get("/{language}/views/drop")
    async def list_again(visit: VisitOf) -> Response:
        """Where somebody is led whose sign-in had run out: to the list."""
        return RedirectResponse(visit.address(HERE), 303)

    @router.post("/{language}/views")
    async def save(posted: PostedOf) -> Response:
        """Keeps the list under a name."""
        name, query = posted.get("view_name")[:60], posted.get("list_query")
        if name:
            await posted.visit.desk.drafts.save_view(posted.visit.person, name, urlencode(filters(query)))
        return _back(posted, query)

    @router.post("/{language}/views/drop")
    async def drop(posted: PostedOf) -> Response:
        """Keeps a list no more."""
        await posted.visit.desk.drafts.drop_view(posted.visit.person, posted.get("view_id"))
        return _back(posted, posted.get("back"))


def _back(posted: Posted, query: str) -> Response:
    asked = urlencode(place(query))
    return RedirectResponse(posted.visit.address(HERE) + (f"?{asked}" if asked else ""), 303)


def filters(query: str) -> dict[str, str]:
    """The filters of a list's address; whatever else stands there is nobody's."""
    return {name: value.strip() for name, value in parse_qsl(query) if name in FILTERS and value.strip()}


def place(query: str) -> dict[str, str]:
    """The same with the page of the list at which somebody is."""
    after = dict(parse_qsl(query)).get("after")
    return filters(query) | ({"after": after} if after else {})


# ---- the page


async def _shown(
    visit: Visit,
    *,
    outcome: Outcome | None = None,
    faults: Mapping[str, str] | None = None,
    filled: Filled | None = None,
    status: int = 200,
) -> HTMLResponse:
    """The page. Raises Away, Refused."""
    asked, after = filters(visit.request.url.query), visit.request.query_params.get("after", "")
    view = asked.setdefault("view", OPEN)
    others = {name: value for name, value in asked.items() if name != "view"}
    overseer = visit.may(*OVERSEERS)
    found, counts, people = await asyncio.gather(
        visit.ask(EXPERTISE, "/v1/reviews", **asked, after=after, limit=ROWS),
        visit.ask(EXPERTISE, "/v1/reviews/counts", **others),
        visit.ask(EXPERTISE, "/v1/board/experts", limit=PAGE_OF_ALL) if overseer else _nobody(),
    )
    words, rows, load_of = visit.words, found.body["items"], people.body["items"]
    names = {visit.person: visit.session.who.name, **people.body["persons"], **found.body["persons"]}
    count = counted(words, counts.body.get(view))
    query = urlencode(asked)
    return visit.page(
        "work.html",
        status,
        said=words.say("work.further") if after else _found(words, counts.body.get(view)),
        asked={name: asked.get(name, "") for name in FILTERS},
        queues=[{"code": code, "count": counted(words, one)} for code, one in counts.body.items()],
        selects=_selects(visit.language, words, load_of, names),
        groups=list(grouped(rows)),
        count=count,
        first=query if after else "",
        next=urlencode({**asked, "after": found.body["next"]}) if found.body["next"] else "",
        experts=[{**one, "name": names.get(one["id"], one["id"])} for one in load_of],
        name=lambda id_: called(visit, names, id_),
        moves=lambda row: moves(words, row, names),
        stopped=lambda row: stopped(words, row, visit.desk.now()),
        SOON=SOON,
        views=await visit.desk.drafts.views(visit.person),
        shared=f"{visit.desk.settings.origin}{visit.address(HERE)}?{query}",
        takes_out=overseer,
        taken=query,
        outcome=outcome,
        faults=faults or {},
        filled=filled,
        typed=dict(filled.fields) if filled and not (outcome and not outcome.failed) else {},
        chosen=_still_chosen(outcome, filled),
        key=filled.key if filled and not outcome else new_key(),
    )


def called(visit: Visit, names: Mapping[str, str], id_: str | None) -> str:
    """What a person is called; who has no name here by the id to those who oversee cases, and to others as what that
    person is to a case: its operator."""
    if not id_:
        return visit.words.say("work.nobody")
    return names.get(id_) or (id_ if visit.may(*OVERSEERS) else visit.words.code("by", "operator"))


async def _nobody() -> Answer:
    """Who oversees nothing is told of nobody's load."""
    return Answer({"items": [], "persons": {}})


def _found(words: Words, one: Mapping[str, Any] | None) -> str:
    """How many cases there are, in one short sentence."""
    if one is not None and not one["exact"]:
        return words.say("work.found-more", count=counted(words, one))
    return words.count("work.found", one["count"] if one else 0)


def counted(words: Words, one: Mapping[str, Any] | None) -> str:
    """A count that is bounded: 1,000+."""
    if one is None:
        return ""
    return words.number(one["count"]) + ("" if one["exact"] else "+")


def grouped(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """The rows in groups of severity, the worst first; each group keeps the order of the list."""
    for code in GROUPS:
        own = [row for row in rows if group_of(row) == code]
        if own:
            yield {"code": code, "rows": own}


def group_of(row: Row) -> str:
    """How severe it is."""
    if row["breached"]:
        return "breached"
    if row["suspended"]:
        return "stopped"
    return "soon" if row["left"] is not None and row["left"] <= SOON else "later"


def moves(words: Words, row: Row, names: Mapping[str, str]) -> Iterator[str]:
    """Whose move it is, and which."""
    for one in row["owed"]:
        who = names.get(one["who"], "") if one["who"] else ""
        yield f"{who or words.code('by', one['by'])}: {words.code('debt', one['what'])}"


def stopped(words: Words, row: Row, now: datetime) -> str:
    """For whom the clock stands, and for how many days."""
    since = row["stopped_since"]
    days = max(0, (now - datetime.fromisoformat(since)).days) if since else 0
    whose = next((one["by"] for one in row["owed"] if one["what"] == "answers"), "service")
    return words.count("due.stopped", days, by=words.code("by", whose))


def _selects(
    language: Language, words: Words, experts: Sequence[Row], names: Mapping[str, str]
) -> dict[str, list[tuple[str, str]]]:
    found = {
        "status": [(code, words.code("status", code)) for code in STATUSES],
        "kind": [(str(code), words.code("kind", code)) for code in ReviewKind],
        "sector": sectors(language),
    }
    people = [(one["id"], names.get(one["id"], one["id"])) for one in experts]
    return {**found, **({"expert": people} if people else {})}


def sectors(language: Language) -> list[tuple[str, str]]:
    """The sectors of all editions, in a language."""
    book = load()
    found = {one.code: one for id_ in book.digests for one in book.edition(id_).sectors.entries}
    return sorted(((code, str(getattr(one, language))) for code, one in found.items()), key=lambda one: one[1])


# ---- what is done with many


def _faults(posted: Posted) -> dict[str, str]:
    words, what = posted.visit.words, posted.get("do")
    needed = {ASSIGN: ("expert_to",), HAND_OVER: ("expert_from", "expert_to", "why"), RELEASE: ("expert_from", "why")}
    missing = {name: words.say(f"work.missing-{name}") for name in needed.get(what, ()) if not posted.get(name)}
    if not posted.all("case") and not posted.get("all"):
        missing["cases"] = words.say("work.nothing-chosen")
    return missing


def _still_chosen(outcome: Outcome | None, filled: Filled | None) -> set[str]:
    if filled is None:
        return set()
    if outcome is not None:
        return {one["pilot"] for one in outcome.failed}
    return {one.partition("|")[0] for one in filled.all("case")}


async def _carried_out(posted: Posted) -> Outcome:
    """Does it, in one request to the desk; a verdict for each case. Raises Away, Refused."""
    items, more = await _items(posted)
    done = await (_assigned if posted.get("do") == ASSIGN else _one_by_one)(posted, items)
    outcome = Outcome(more=more)
    for one in done:
        if one["done"]:
            outcome.done += 1
        else:
            outcome.failed.append({"pilot": one["pilot"], "why": one["why"]})
    await named(posted.visit, outcome.failed)
    return outcome


async def _items(posted: Posted) -> tuple[list[tuple[str, str]], bool]:
    """The cases that are meant, each with the revision that was seen: those chosen, or all that the list's filters find
    now; and whether there are more than can be done at once."""
    if not posted.get("all"):
        chosen = [(pilot, etag) for pilot, _, etag in (one.partition("|") for one in posted.all("case"))]
        return chosen[:MOST_AT_ONCE], len(chosen) > MOST_AT_ONCE
    asked = {"view": OPEN, **filters(posted.visit.request.url.query)}
    found, after = list[tuple[str, str]](), ""
    while len(found) <= MOST_AT_ONCE:
        page = (await posted.visit.ask(EXPERTISE, "/v1/reviews", **asked, after=after, limit=PAGE_OF_ALL)).body
        found += [(row["id"], row["etag"]) for row in page["items"]]
        after = page["next"] or ""
        if not after:
            break
    return found[:MOST_AT_ONCE], len(found) > MOST_AT_ONCE


async def _assigned(posted: Posted, items: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    wanted = [{"pilot": pilot, "etag": etag, "expert_id": posted.get("expert_to")} for pilot, etag in items]
    if not wanted:
        return []
    answer = await posted.visit.send(EXPERTISE, "/v1/assignments", {"items": wanted}, key=posted.key)
    return [
        {"pilot": one["pilot"], "done": one["done"], "why": "" if one["done"] else one["problem"]["detail"]}
        for one in answer.body["items"]
    ]


async def _one_by_one(posted: Posted, items: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Handing over and taking back: the service takes them one by one; each has a key of its own, so that sending all
    of it again does nothing twice."""
    turns, expert = asyncio.Semaphore(SIDE_BY_SIDE), posted.get("expert_from")
    body = {"why": posted.get("why")} | ({"to": posted.get("expert_to")} if posted.get("do") == HAND_OVER else {})

    async def one(pilot: str, etag: str) -> dict[str, Any]:
        path = f"/v1/reviews/{pilot}/assignments/{expert}/{posted.get('do')}"
        async with turns:
            try:
                await posted.visit.send(EXPERTISE, path, body, key=f"{posted.key}:{pilot}", etag=etag)
            except Refused as error:
                return {"pilot": pilot, "done": False, "why": why_not(posted.visit.words, error)}
        return {"pilot": pilot, "done": True, "why": ""}

    return await asyncio.gather(*(one(pilot, etag) for pilot, etag in items))


def why_not(words: Words, error: Refused) -> str:
    """Why something was not done, all of it, in words."""
    return error.whole or words.say("told.unforeseen")


async def named(visit: Visit, cases: Sequence[dict[str, str]]) -> None:
    """Says of each case what people call it. Raises Away."""
    turns = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(case: dict[str, str]) -> None:
        case |= {"number": case["pilot"], "title": ""}
        async with turns:
            try:
                card = (await visit.ask(EXPERTISE, f"/v1/reviews/{case['pilot']}")).body
            except Refused:
                return
        case |= {"number": card["number"], "title": card["application"]["title"]}

    await asyncio.gather(*(one(case) for case in cases))
