"""A case: where it stands, whose move it is and until when, what was applied for, by whom it is judged, and what may be
done with it now.

The services decide what is allowed. Which actions are offered follows from the state that they tell; of the others it
is said why not, and who may.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.reference import Role
from contracts.rules import load
from contracts.topics import EXPERTISE, REGISTRY
from contracts.words import Language
from services.desk import forms
from services.desk.clients import Answer, Refused
from services.desk.pages import acts, allowed, timeline, work
from services.desk.visit import OWN, Posted, PostedOf, Visit, VisitOf
from services.desk.words import Words

DAYS: Final = ("planned_start", "planned_end")
MEDIA: Final = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
MOST_SIMILAR: Final = 5
MOST_PROPOSED: Final = 10

Card = Mapping[str, Any]


def make_router() -> APIRouter:
    """`/case/{pilot}`."""
    router = APIRouter()

    @router.get("/{language}/case/{pilot}", response_class=HTMLResponse)
    async def case(pilot: str, visit: VisitOf, done: str = "") -> Response:
        """The case as it stands, with what somebody began to type there."""
        said = visit.words.code("act-done", done) if done else ""
        return await shown(visit, pilot, said=said, begun=await forms.begun(visit))

    @router.post("/{language}/case/{pilot}", response_class=HTMLResponse)
    async def act(pilot: str, posted: PostedOf) -> Response:
        """One of the actions that stand on the page."""
        what, _, on = posted.get("do").partition(":")
        chosen = acts.BY_NAME.get(what)
        if chosen is None:
            return await shown(posted.visit, pilot, posted=posted)
        faults = missing(posted, chosen, on)
        if not faults:
            path = f"/v1/reviews/{pilot}/{chosen.at(on)}"
            said = {name: text for name in chosen.fields if (text := posted.get(chosen.field(name, on)))}
            trouble = await forms.sent(
                posted,
                EXPERTISE,
                path,
                said if chosen.fields else None,
                lambda pointer: chosen.field_at(pointer, on),
                part=chosen.button(on),
            )
            if trouble is None:
                await _keep_others(posted, {chosen.field(name, on) for name in chosen.fields})
                return forms.done(posted.visit, f"/case/{pilot}", chosen.name)
        else:
            trouble = forms.Trouble(faults, 422)
        page = await shown(posted.visit, pilot, posted=posted, trouble=trouble)
        return await forms.not_taken(posted, trouble, page)

    @router.get("/{language}/case/{pilot}/paper/{number}.{form}")
    async def paper(pilot: str, number: str, form: str, visit: VisitOf) -> Response:
        """A conclusion as it was signed."""
        path = f"/v1/reviews/{pilot}/conclusions/{number}/document"
        found = await visit.ask_for_file(EXPERTISE, path, format=form)
        name = quote(f"{number}.{form}")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(found.body, media_type=MEDIA.get(form, "application/octet-stream"), headers=headers)

    @router.get("/{language}/case/{pilot}/draft.pdf")
    async def draft(pilot: str, visit: VisitOf) -> Response:
        """The draft of the conclusion as its paper will look."""
        found = await visit.ask_for_file(EXPERTISE, f"/v1/reviews/{pilot}/conclusion/document")
        return Response(found.body, media_type=MEDIA["pdf"], headers={"Content-Disposition": "inline"})

    return router


async def _keep_others(posted: Posted, done: set[str]) -> None:
    """What was typed for other actions than the one that was done."""
    visit, gone = posted.visit, forms.NO_WORDS | OWN | done
    others = tuple((name, text) for name, text in posted.fields if name not in gone and text.strip())
    if others:
        await visit.desk.drafts.keep(visit.person, visit.here, others)


def missing(posted: Posted, chosen: acts.Act, on: str) -> dict[str, str]:
    """The fields of an action in which nothing stands."""
    words = posted.visit.words
    needed = {name: chosen.field(name, on) for name in chosen.fields if name not in acts.OPTIONAL}
    return {field: words.say(f"case.missing-{name}") for name, field in needed.items() if not posted.get(field)}


async def read(visit: Visit, pilot: str) -> Answer:
    """The case as its reader may see it. Raises Away, Refused."""
    return await visit.ask(EXPERTISE, f"/v1/reviews/{pilot}")


async def shown(
    visit: Visit,
    pilot: str,
    *,
    said: str = "",
    posted: Posted | None = None,
    trouble: forms.Trouble | None = None,
    begun: forms.Filled | None = None,
) -> HTMLResponse:
    """The page. Raises Away, Refused."""
    found, clock, similar, proposed = await asyncio.gather(
        read(visit, pilot),
        visit.ask_if_there(EXPERTISE, f"/v1/reviews/{pilot}/clock"),
        _similar(visit, pilot),
        _proposed(visit, pilot),
    )
    card: Card = found.body
    names = {visit.person: visit.session.who.name, **proposed.get("persons", {}), **card.get("persons", {})}
    words, facts = visit.words, facts_of(visit.words, card)
    operator = work.called(visit, names, card["operator"])
    return visit.page(
        "case.html",
        trouble.status if trouble else 200,
        card=card,
        etag=found.etag,
        name=lambda id_: work.called(visit, names, id_),
        clock=clock,
        why_this_day=_why_this_day(clock, visit.language, {**names, card["operator"]: operator}) if clock else "",
        similar=similar,
        proposed=proposed.get("items", []),
        allowed=[one for one in acts.ACTS if one.why_not(card, visit) is None],
        not_allowed=[(one, one.why_not(card, visit)) for one in acts.ACTS if one.shown(card, visit)],
        pages=[*acts.pages(card, visit), *allowed.offered(card, visit)],
        debts=card["owed"],
        plain=lambda value, field="": plain(words, value, field),
        sources=sources(card["edition"], visit.language),
        steps=timeline.of(card, words, names),
        said=said,
        **forms.again(posted, trouble, facts, begun),
    )


def _why_this_day(clock: Card, language: Language, names: Mapping[str | None, str]) -> str:
    """How the day came about; who stopped the clock is called by name."""
    said = str(clock[language])
    for id_, name in names.items():
        said = said.replace(f"({id_})", f"({name})")
    return said


def sources(edition: str, language: Language) -> dict[str, str]:
    """What an edition calls the sources of money."""
    money = load().edition(edition).money
    return {one.code: str(getattr(one, language)) for one in money.sources.entries} if money else {}


def plain(words: Words, value: Any, field: str = "") -> str:
    """A value of an application as one reads it: a party by its name and number, a day, a sector."""
    match value:
        case None:
            return "–"
        case {"id": {"scheme": _, "value": number}}:
            return " ".join(str(one) for one in (value.get("name"), f"({number})") if one)
        case list():
            return "; ".join(plain(words, one, field) for one in value)
        case dict():
            return ", ".join(f"{name}: {plain(words, one)}" for name, one in value.items() if one is not None)
        case str() if field in DAYS:
            return words.day(value)
        case str() if field == "sector":
            return dict(work.sectors(words.language)).get(value, value)
        case _:
            return str(value)


def facts_of(words: Words, card: Card) -> forms.Facts:
    """A case in a few words, by which two versions of it are told apart."""
    experts = [one["seat"]["expert_id"] for one in card.get("places", ()) if one["status"] in ("offered", "accepted")]
    opinions = sum(bool(one["opinions"]) for one in card.get("places", ()))
    draft = card.get("draft")
    return (
        ("case.status", words.code("status", card["status"])),
        ("case.operator", str(card["operator"] or "")),
        ("case.experts", ", ".join(experts)),
        ("case.opinions-in", str(opinions)),
        ("case.requests", str(len(card["requests"]))),
        ("case.draft", f"{words.code('verdict', draft['verdict'])}: {draft['text']}" if draft else ""),
        ("case.conclusions", ", ".join(one["number"] for one in card["conclusions"])),
    )


async def _similar(visit: Visit, pilot: str) -> Sequence[Mapping[str, Any]]:
    """Earlier pilots like this one, from the register; nothing where it is away, or does not let the reader in."""
    return await visit.rows_if_let_in(REGISTRY, f"/v1/pilots/{pilot}/similar", limit=MOST_SIMILAR)


async def _proposed(visit: Visit, pilot: str) -> Mapping[str, Any]:
    """Experts for the case, the best first, with what stands in the way of each; for operators alone."""
    if not visit.may(Role.OPERATOR):
        return {}
    try:
        found: Mapping[str, Any] = (
            await visit.ask(EXPERTISE, f"/v1/reviews/{pilot}/proposals", limit=MOST_PROPOSED)
        ).body
    except Refused:
        return {}
    return found
