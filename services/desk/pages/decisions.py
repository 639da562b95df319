"""Decisions: pilots that wait for a decision of officials, in groups by what they wait for; the register's card of one,
with what was recorded and the forms of its steps.

The whole state of the list is in its address. What waits for a thing comes in the order in which it is due.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.reference import Procedure, Role, TermKind
from contracts.topics import REGISTRY
from services.desk import fields, written
from services.desk.clients import Refused
from services.desk.pages import papers, steps
from services.desk.pages.case import plain
from services.desk.pages.papers import Card
from services.desk.pages.steps import AWAITED, HERE, STEP_OF, STEPS
from services.desk.pages.work import sectors
from services.desk.visit import PostedOf, Visit, VisitOf
from services.desk.words import Words

MINE, ALL, RUNNING = "mine", "all", "running"
QUEUES: Final[Mapping[str, tuple[str, ...]]] = {**AWAITED, RUNNING: ("running",)}
"""What pilots wait for, and those that are carried out and wait for nobody here."""
OWN: Final[Mapping[str, tuple[str, ...]]] = {
    Role.COUNCIL_SECRETARY: ("council", "scaling"),
    Role.HEAD_ORGANISATION: ("proposal",),
    Role.COMMISSION_SECRETARY: ("judgement",),
    Role.REGISTRAR: ("agreement", "launch", "resumption"),
}
FILTERS: Final = ("view", "sector", "agency", "number")
ROWS: Final = 50
SOME: Final = 10
"""How many of each group stand on a page of several."""
STEPS_OF_A_LIFE: Final = 200
"""How much of a timeline stands on one page."""
TOLD: Final = (
    "stage",
    "decision",
    "outcome",
    "verdict",
    "number",
    "round",
    "what",
    "place",
    "started",
    "since",
    "until",
)
CODED: Final = ("decision", "outcome", "verdict", "granted", "stage", "what")
"""What an entry says by a code, of which it says one."""
DAYS: Final = frozenset({"started", "since", "until", "stopped", "finished"})
REASONS: Final = ("why", "reason", "text")

Row = Mapping[str, Any]


def make_router() -> APIRouter:
    """`/decisions`."""
    router = APIRouter()

    @router.get("/{language}/decisions", response_class=HTMLResponse)
    async def decisions(visit: VisitOf) -> Response:
        """The list as its address says."""
        return await _listed(visit)

    @router.get("/{language}/decisions/{pilot}", response_class=HTMLResponse)
    async def pilot(pilot: str, visit: VisitOf, done: str = "", after: str = "") -> Response:
        """The register's card of a pilot."""
        what = visit.words.code("enter", done)
        said = visit.words.say("decision.recorded-now", what=what) if visit.words.has(f"enter.{done}") else ""
        return await _shown(visit, pilot, after=after, said=said)

    @router.get("/{language}/decisions/{pilot}/{step}", response_class=HTMLResponse)
    async def enter(pilot: str, step: str, visit: VisitOf, saved: str = "") -> Response:
        """The form of a step."""
        return await written.opened(visit, _page(step), pilot, saved=bool(saved))

    @router.post("/{language}/decisions/{pilot}/{step}", response_class=HTMLResponse)
    async def entered(pilot: str, step: str, posted: PostedOf) -> Response:
        """A step is entered."""
        return await written.sent(posted, _page(step), pilot)

    @router.get("/{language}/decisions/{pilot}/correction/{what}/{place}", response_class=HTMLResponse)
    async def correct(pilot: str, what: str, place: int, visit: VisitOf, saved: str = "") -> Response:
        """The form in which an entry is corrected."""
        return await written.opened(visit, _there(steps.correction(what, place)), pilot, saved=bool(saved))

    @router.post("/{language}/decisions/{pilot}/correction/{what}/{place}", response_class=HTMLResponse)
    async def corrected(pilot: str, what: str, place: int, posted: PostedOf) -> Response:
        """An entry is corrected."""
        return await written.sent(posted, _there(steps.correction(what, place)), pilot)

    return router


def _page(step: str) -> written.Written:
    return _there(steps.PAGES.get(step))


def _there(page: written.Written | None) -> written.Written:
    if page is None:
        raise Refused(404, {})
    return page


# ---- the list


async def _listed(visit: Visit) -> HTMLResponse:
    params = visit.request.query_params
    asked: dict[str, str] = {name: params[name].strip() for name in FILTERS if params.get(name, "").strip()}
    own = [queue for role, queues in OWN.items() if visit.may(role) for queue in queues]
    view = asked.setdefault("view", MINE if own else ALL)
    narrowed: dict[str, str] = {name: asked[name] for name in ("sector", "agency") if name in asked}
    after, number, wanted = params.get("after", ""), asked.get("number"), _queues(view, own)
    counts, parts = await asyncio.gather(
        _counts(visit, narrowed), _numbered(visit, number) if number else _parts(visit, wanted, narrowed, after)
    )
    groups = [group for rows, more in parts for group in _groups(rows, more, counts)]
    words, single = visit.words, len(wanted) == 1 and not number
    found = sum(len(rows) for rows, _ in parts) if number else sum(counts[one] for one in wanted)
    further = parts[0][1].get(wanted[0], "") if single else ""
    return visit.page(
        "decisions.html",
        asked={name: asked.get(name, "") for name in FILTERS},
        views=[*([MINE] if own else []), ALL, *QUEUES],
        counts=counts | {MINE: sum(counts[one] for one in own), ALL: sum(counts[one] for one in AWAITED)},
        sectors=sectors(visit.language),
        groups=groups,
        single=single,
        more=lambda queue, cursor: urlencode({**asked, "view": queue, "after": cursor}),
        next=urlencode({**asked, "view": wanted[0], "after": further}) if further else "",
        first=urlencode(asked) if after else "",
        stage=lambda code: steps.stage(words, code),
        role=lambda queue: STEP_OF[queue].role if queue in STEP_OF else "",
        late=lambda term: bool(term["breached"]),
        term=steps.terms(visit.language).get,
        said=words.say("work.further") if after else words.count("decision.found", found),
    )


def _queues(view: str, own: Sequence[str]) -> Sequence[str]:
    if view in QUEUES:
        return (view,)
    return own if view == MINE and own else tuple(AWAITED)


async def _counts(visit: Visit, narrowed: Mapping[str, str]) -> dict[str, int]:
    """How many wait for each thing, under these filters."""
    found = (await visit.ask(REGISTRY, "/v1/facets", **narrowed)).body["facets"]["stage"]["values"]
    at = {one["value"]: one["count"] for one in found}
    return {queue: sum(at.get(one, 0) for one in stages) for queue, stages in QUEUES.items()}


Part = tuple[list[Row], dict[str, str]]
"""Rows, and for each thing that they wait for where it goes on."""


async def _parts(visit: Visit, queues: Sequence[str], narrowed: Mapping[str, str], after: str) -> list[Part]:
    """What waits for each of these things: a page of one, or the first of several."""
    limit = ROWS if len(queues) == 1 else SOME
    return await asyncio.gather(*(_part(visit, one, narrowed, after, limit) for one in queues))


async def _part(visit: Visit, queue: str, narrowed: Mapping[str, str], after: str, limit: int) -> Part:
    """What waits for one thing, what is due first coming first. The index may be a moment behind: what has gone on
    meanwhile is left out."""
    stages = QUEUES[queue]
    found = await visit.ask(
        REGISTRY, "/v1/search", stage=list(stages), sort="due", after=after, limit=limit, **narrowed
    )
    rows = [one for one in found.body["items"] if one["stage"] in stages]
    return rows, {queue: found.body["next"]} if found.body["next"] else {}


async def _numbered(visit: Visit, number: str) -> list[Part]:
    """The pilot of a number, wherever it stands."""
    return [((await visit.ask(REGISTRY, "/v1/pilots", number=number, limit=ROWS)).body["items"], {})]


def _groups(rows: Sequence[Row], more: Mapping[str, str], counts: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """The rows by what they wait for. Where they are not all, their number is that of all."""
    for code in ("council", "credit", *(one for one in QUEUES if one != "council"), "nothing"):
        own = [row for row in rows if group_of(row) == code]
        if own:
            queue = "council" if code == "credit" else code
            shared = {group_of(row) for row in rows} >= {"council", "credit"}
            further = "" if shared and code == "council" else more.get(queue, "")
            count = counts[queue] if further and not shared else len(own)
            yield {"code": code, "queue": queue, "rows": own, "next": further, "count": count}


def group_of(row: Row) -> str:
    """What a pilot waits for."""
    if row["stage"] == "council" and row.get("procedure") == Procedure.CREDIT:
        return "credit"
    return next((queue for queue, stages in QUEUES.items() if row["stage"] in stages), "nothing")


# ---- the card


async def _shown(visit: Visit, pilot: str, *, after: str, said: str) -> HTMLResponse:
    path = f"/v1/pilots/{pilot}"
    found, clock, life = await asyncio.gather(
        visit.ask(REGISTRY, path),
        visit.ask_if_there(REGISTRY, f"{path}/clock"),
        visit.ask(REGISTRY, f"{path}/timeline", after=after, limit=STEPS_OF_A_LIFE),
    )
    card, words = found.body, visit.words
    names: Mapping[str, str] = {**(life.body.get("persons") or {}), **(card.get("persons") or {})}
    barred = {one.name: steps.why_not(card, one, visit) for one in STEPS}
    return visit.page(
        "pilot.html",
        card=card,
        clock=clock,
        awaited=steps.awaited(card),
        allowed=[one for one in STEPS if not barred[one.name]],
        not_allowed=[(one, barred[one.name]) for one in STEPS if barred[one.name]],
        may_correct=visit.may(Role.REGISTRAR),
        records=list(_records(card, words, names)),
        stage=lambda code: steps.stage(words, code),
        mover=lambda code: _mover(words, code),
        plain=lambda value, field="": plain(words, value, field),
        money=list(_sums(words, card)),
        conclusion=fields.contract(words, "fact.conclusion-recorded", ""),
        entry=lambda row: told(row, card, words, names),
        life=list(reversed(life.body["items"])),
        later=urlencode({"after": life.body["next"]}) if life.body["next"] else "",
        said=said,
    )


def _sums(words: Words, card: Card) -> Iterator[tuple[str, str]]:
    """The pilot's money: what each sum is called, and the amounts by currency."""
    for name in ("planned", "committed", "paid"):
        if found := card["totals"][name]:
            said = [words.money(one["amount_minor"], one["currency"]) for one in found]
            yield fields.contract(words, f"money.{name}", name), "; ".join(said)


def _mover(words: Words, code: str | None) -> str:
    if code is None:
        return ""
    return fields.contract(words, f"mover.{code}", "") or fields.contract(words, f"role.{code}", code)


def _records(card: Card, words: Words, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Everything that was recorded, in words, each with where it is corrected."""
    for record, place, entry in steps.recorded_of(card):
        several = len(record.entries(card)) > 1
        title = fields.capital(fields.contract(words, f"said.{record.what}", record.what))
        yield {
            "id": f"{record.what}-{place}",
            "title": f"{title} {place}" if several else title,
            "told": fields.told(
                _inner(record.parts(card, entry)), _flat(entry), words, lambda id_: names.get(id_, id_)
            ),
            "correct": f"{HERE}/{card['id']}/{steps.CORRECTION}/{record.what}/{place}",
        }


def _inner(parts: fields.Parts) -> fields.Parts:
    """The parts of an entry, an agreement's own among the others."""
    return tuple(
        inner
        for one in parts
        for inner in (one.parts if isinstance(one, fields.Group) and one.name == "agreement" else (one,))
    )


def _flat(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**entry, **(entry.get("agreement") or {})}


def told(row: Row, card: Card, words: Words, names: Mapping[str, str]) -> dict[str, str]:
    """An entry of the timeline: what, who, on which document, and the most telling of what it says."""
    fact = row["type"].split(".")[2]
    actor = row.get("actor")
    who = ""
    if actor:
        role = fields.contract(words, f"role.{actor['role']}", actor["role"])
        who = f"{role}: {names[actor['id']]}" if actor["id"] in names else role
    what = row["what"] if isinstance(row["what"], Mapping) else {}
    parts, sentence, whole = [*_term(what, card, words)], *_sentence(words, fact, what)
    parts += [
        _word(words, name, what[name]) for name in TOLD if name != whole and isinstance(what.get(name), str | int)
    ]
    parts += [str(what.get(f"{name}_{words.language}") or what[name]) for name in REASONS if what.get(name)]
    return {
        "what": sentence or fields.contract(words, f"fact.{fact}", fact),
        "who": who,
        "says": "; ".join(parts),
        "basis": fields.document(words, row["basis"]) if row.get("basis") else "",
    }


def _sentence(words: Words, fact: str, what: Mapping[str, Any]) -> tuple[str, str]:
    """An entry that says a code, as one sentence, and which of its fields the sentence tells: codes agree with other
    words in each entry (решение принято, проект эффективен), so that they are not put behind the name of a field."""
    for name in CODED:
        value = what.get(name)
        code = ("granted" if value else "not-granted") if isinstance(value, bool) else value
        if words.has(f"life.{fact}-{code}"):
            return words.say(f"life.{fact}-{code}"), name
    return "", ""


def _term(what: Mapping[str, Any], card: Card, words: Words) -> Iterator[str]:
    """Which term an entry speaks of, as the edition calls it."""
    kind = what.get("kind") or (what.get("term") or {}).get("kind")
    if kind in set(TermKind):
        yield str(getattr(papers.edition_of(card).terms[TermKind(kind)], words.language))


def _word(words: Words, name: str, value: Any) -> str:
    if name in DAYS:
        said = words.moment(value) if "T" in str(value) else words.day(value)
    else:
        said = fields.contract(words, f"said.{value}", str(value))
    return f"{fields.contract(words, f'what.{name}', name)} {said}"
