"""Experts and teams: the directory, who is away and when, how much each may have at once; one expert's entry with what
is kept of the person, for those who may see it."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response

from contracts.forms import CODE, PERSON
from contracts.reference import Role
from contracts.rules import load
from contracts.topics import EXPERTISE
from contracts.words import Language
from services.desk.clients import Refused
from services.desk.pages import work
from services.desk.visit import Visit, VisitOf
from services.desk.words import Words

HERE: Final = "/directory"
FILTERS: Final = ("sector", "active", "organisation")
ROWS: Final = 50
FORMS: Final[Mapping[str, str]] = {"experts": PERSON, "teams": CODE}
"""What can be entered, and how each is known."""
PAGES: Final[Mapping[str, str]] = {"experts": "entry", "teams": "team"}
"""On which page each is entered."""
INVALID: Final = 422


def make_router() -> APIRouter:
    """`/directory`."""
    router = APIRouter()

    @router.get("/{language}/directory", response_class=HTMLResponse)
    async def experts(visit: VisitOf, after: str = "") -> Response:
        """The experts that the address asks for."""
        if visit.may(Role.ADMIN) and not visit.may(*work.OVERSEERS):
            return RedirectResponse(visit.address(f"{HERE}/teams"), 303)
        return await _experts(visit, after)

    @router.get("/{language}/directory/teams", response_class=HTMLResponse)
    async def teams(visit: VisitOf, after: str = "", done: str = "") -> Response:
        """All teams."""
        return await _teams(visit, after, said=visit.words.code("act-done", done) if done else "")

    @router.get("/{language}/directory/{what}/enter", response_class=HTMLResponse)
    async def enter(what: str, visit: VisitOf, id: str = "") -> Response:
        """On to the form in which somebody is entered who is not there yet, or to the entry that is there."""
        known, wanted = FORMS.get(what), id.strip()
        if known is None or not re.fullmatch(known, wanted):
            faults = {"id": visit.words.say(f"directory.missing-{'team' if what == 'teams' else 'expert'}")}
            shown = _teams if what == "teams" else _experts
            return await shown(visit, "", faults=faults)
        return RedirectResponse(visit.address(f"{HERE}/{what}/{quote(wanted, safe='')}/{PAGES[what]}"), 303)

    @router.get("/{language}/directory/experts/{id}", response_class=HTMLResponse)
    async def expert(id: str, visit: VisitOf, done: str = "") -> Response:
        """One expert's entry."""
        card = (await visit.ask(EXPERTISE, f"/v1/experts/{quote(id, safe='')}")).body
        words = visit.words
        return visit.page(
            "expert.html",
            card=card,
            sector=dict(work.sectors(visit.language)).get,
            edition=dict(editions(visit.language)).get,
            organisation=organisation,
            affiliated=", ".join(map(organisation, card["affiliated"])),
            interests=", ".join(map(organisation, card["interests"])),
            absences=[spell(words, one) for one in card["absences"]],
            away=away(words, _today(visit), card["absences"]),
            own=visit.person == id,
            said=words.code("act-done", done) if done else "",
        )

    return router


async def _experts(visit: Visit, after: str, *, faults: Mapping[str, str] | None = None) -> HTMLResponse:
    params, words = visit.request.query_params, visit.words
    asked = {name: params[name].strip() for name in FILTERS if params.get(name, "").strip()}
    found: Mapping[str, Any] = {"items": [], "next": None, "persons": {}}
    try:
        found = (await visit.ask(EXPERTISE, "/v1/experts", **asked, after=after, limit=ROWS)).body
    except Refused as error:
        if error.status != INVALID:
            raise
        faults = {"organisation": work.why_not(words, error)}
    names: Mapping[str, str] = found["persons"]
    return visit.page(
        "directory.html",
        INVALID if faults else 200,
        rows=found["items"],
        asked={name: asked.get(name, "") for name in FILTERS},
        sectors=sectors(visit.language),
        sector=dict(work.sectors(visit.language)).get,
        name=lambda id_: names.get(id_, id_),
        away=lambda one: away(words, _today(visit), one["absences"]),
        organisation=organisation,
        faults=faults or {},
        typed_id=params.get("id", ""),
        first=urlencode(asked) if after else "",
        after=after,
        next=urlencode({**asked, "after": found["next"]}) if found["next"] else "",
        said=words.say("work.further") if after else words.count("directory.found", len(found["items"])),
    )


async def _teams(visit: Visit, after: str, *, said: str = "", faults: Mapping[str, str] | None = None) -> HTMLResponse:
    found = (await visit.ask(EXPERTISE, "/v1/teams", after=after, limit=ROWS)).body
    return visit.page(
        "teams.html",
        INVALID if faults else 200,
        rows=found["items"],
        sector=dict(work.sectors(visit.language)).get,
        faults=faults or {},
        typed_id=visit.request.query_params.get("id", ""),
        next=urlencode({"after": found["next"]}) if found["next"] else "",
        told=said,
        said=said or visit.words.count("directory.found-teams", len(found["items"])),
    )


# ---- what an entry says, in words


def organisation(one: Mapping[str, str]) -> str:
    """An organisation as it is typed and found: its scheme and number."""
    return f"{one['scheme']}:{one['value']}"


def spell(words: Words, absence: Mapping[str, str]) -> str:
    """When somebody is away, both days included."""
    return words.say("directory.from-to", since=words.day(absence["since"]), until=words.day(absence["until"]))


def away(words: Words, today: date, absences: Iterable[Mapping[str, str]]) -> str:
    """That somebody is away now, until when; or when next; empty where nothing of that is known."""
    coming = sorted((one for one in absences if one["until"] >= str(today)), key=lambda one: one["since"])
    if not coming:
        return ""
    if coming[0]["since"] <= str(today):
        return words.say("directory.away-until", until=words.day(coming[0]["until"]))
    return spell(words, coming[0])


def sectors(language: Language, edition: str = "") -> list[tuple[str, str]]:
    """The sectors of an edition, or of all; two that are called alike are told apart by their codes."""
    book = load()
    known = set(book.edition(edition).sectors.codes) if edition in book else None
    found = [one for one in work.sectors(language) if known is None or one[0] in known]
    alike = Counter(name for _, name in found)
    return [(code, name if alike[name] == 1 else f"{name} ({code})") for code, name in found]


def editions(language: Language) -> list[tuple[str, str]]:
    """The editions of the rule book, in a language."""
    book = load()
    return [(id_, str(getattr(book.edition(id_), f"title_{language}"))) for id_ in book.digests]


def _today(visit: Visit) -> date:
    return visit.desk.now().astimezone(visit.words.zone).date()
