"""What is entered into the directory: an expert's entry, the name and contact behind it, its erasure, a team.

The service decides who may: an own entry needs another person for all but absences and capacity.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter

from contracts.rules import load
from contracts.topics import EXPERTISE
from services.desk import forms, written
from services.desk.clients import Answer, Refused
from services.desk.drafts import Fields
from services.desk.forms import Filled
from services.desk.pages import directory, work
from services.desk.visit import Visit
from services.desk.words import Words
from services.desk.written import About, Card, Written

NUMBER: Final = re.compile(r"\d{1,6}")
NAMED: Final = re.compile(r"([A-Z][A-Z0-9-]*)[:\s]\s*(\S.*)")
"""A scheme and a number; without a scheme it is the first of the edition."""
BASIS: Final = ("body", "kind", "number", "date")
PERSON: Final = ("name", "email", "phone")
ENTRY: Final = ("organisation", "affiliated", "interests", "edition", "competences", "capacity")
CONFIRMED: Final = "confirmed"


def make_router() -> APIRouter:
    """Below `/directory`."""
    router = APIRouter()
    for page in (_ENTRY, _PERSON, _ERASURE, _TEAM):
        router.include_router(written.make_router(page))
    return router


async def _known(visit: Visit, id_: str) -> Answer:
    found = await visit.ask(EXPERTISE, f"/v1/experts/{quote(id_, safe='')}")
    return Answer({**found.body, "own": visit.person == id_}, found.etag)


async def _expert(visit: Visit, id_: str) -> Answer:
    """An entry, or an empty one where nobody is entered under this id."""
    try:
        return await _known(visit, id_)
    except Refused as error:
        if error.status != 404:
            raise
        return Answer({"id": id_, "new": True, "own": visit.person == id_})


async def _team(visit: Visit, code: str) -> Answer:
    try:
        return await visit.ask(EXPERTISE, f"/v1/teams/{quote(code, safe='')}")
    except Refused as error:
        if error.status != 404:
            raise
        return Answer({"code": code, "new": True})


# ---- an expert's entry


def _organisations(text: str, edition: str) -> list[dict[str, str]]:
    """Organisations, one a line."""
    return [_organisation(line, edition) for line in text.splitlines() if line.strip()]


def _organisation(text: str, edition: str) -> dict[str, str]:
    found, book = NAMED.fullmatch(text.strip()), load()
    if found is not None:
        return {"scheme": found[1], "value": found[2].strip()}
    schemes = book.edition(edition).schemes if edition in book else ()
    return {"scheme": schemes[0].scheme if schemes else "", "value": text.strip()}


def _entry(_card: Card, filled: Filled) -> dict[str, Any]:
    capacity, edition = filled["capacity"].strip(), filled["edition"]
    spells = [(filled[f"since-{n}"], filled[f"until-{n}"]) for n in range(1, written.rows_of(filled) + 1)]
    return {
        "organisation": _organisation(filled["organisation"], edition),
        "affiliated": _organisations(filled["affiliated"], edition),
        "interests": _organisations(filled["interests"], edition),
        "edition": edition,
        "competences": filled.all("competences"),
        "capacity": int(capacity) if NUMBER.fullmatch(capacity) else capacity,
        "absences": [{"since": since, "until": until} for since, until in spells if since or until],
        "active": bool(filled["active"]),
    }


def _lacks_entry(words: Words, _card: Card, filled: Filled) -> dict[str, str]:
    needed = ("organisation", "competences", "capacity")
    return {name: words.say(f"directory.lacks-{name}") for name in needed if not filled[name].strip()}


def _shows_entry(words: Words, _card: Card, filled: Filled) -> dict[str, Any]:
    """The sectors are those of the edition that is chosen."""
    language = words.language
    return {"sectors": directory.sectors(language, filled["edition"]), "editions": directory.editions(language)}


def _place_entry(pointer: str) -> str | None:
    name, *rest = pointer.strip("/").split("/")
    if name == "absences" and rest and rest[0].isdecimal():
        return f"{rest[1] if len(rest) > 1 and rest[1] in ('since', 'until') else 'since'}-{int(rest[0]) + 1}"
    return name if name in ENTRY else None


def _first_entry(_words: Words, card: Card) -> Fields:
    if card.get("new"):
        return (("active", "1"), ("edition", next(iter(load().digests))))
    said: list[tuple[str, str]] = [
        ("organisation", directory.organisation(card["organisation"])),
        ("affiliated", _lines(card["affiliated"])),
        ("interests", _lines(card["interests"])),
        ("edition", card["edition"]),
        ("capacity", str(card["capacity"])),
        ("rows", str(max(1, len(card["absences"])))),
        *(("competences", one) for one in card["competences"]),
    ]
    for n, one in enumerate(card["absences"], 1):
        said += [(f"since-{n}", one["since"]), (f"until-{n}", one["until"])]
    return (*said, *((("active", "1"),) if card["active"] else ()))


def _lines(some: Sequence[Mapping[str, str]]) -> str:
    return "\n".join(map(directory.organisation, some))


def _facts(words: Words, card: Card) -> forms.Facts:
    """An entry in a few words, by which two versions of it are told apart."""
    if card.get("new"):
        return (("directory.state", words.say("directory.not-entered")),)
    sector = dict(work.sectors(words.language))
    person = card.get("person") or {}
    return (
        ("directory.state", words.say("directory.active" if card["active"] else "directory.inactive")),
        ("directory.organisation", directory.organisation(card["organisation"])),
        ("directory.affiliated", ", ".join(map(directory.organisation, card["affiliated"]))),
        ("directory.interests", ", ".join(map(directory.organisation, card["interests"]))),
        ("directory.competences", ", ".join(sector.get(one, one) for one in card["competences"])),
        ("directory.capacity", str(card["capacity"])),
        ("directory.absences", "; ".join(directory.spell(words, one) for one in card["absences"])),
        ("directory.person", ", ".join(str(person[name]) for name in PERSON if person.get(name))),
    )


# ---- who the expert is: personal data


def _person(_card: Card, filled: Filled) -> dict[str, Any]:
    return {name: filled[name].strip() or None for name in PERSON}


def _lacks_person(words: Words, _card: Card, filled: Filled) -> dict[str, str]:
    return {} if filled["name"].strip() else {"name": words.say("directory.lacks-name")}


def _first_person(_words: Words, card: Card) -> Fields:
    kept = card.get("person") or {}
    return tuple((name, str(kept[name])) for name in PERSON if kept.get(name))


def _place(pointer: str) -> str | None:
    name, *rest = pointer.strip("/").split("/")
    if name == "basis":
        return rest[0] if rest and rest[0] in BASIS else "number"
    return name if name in (*PERSON, "members", "sectors") else None


def _basis(_card: Card, filled: Filled) -> dict[str, Any]:
    return {"basis": {name: filled[name].strip() for name in BASIS}}


def _lacks_basis(words: Words, _card: Card, filled: Filled) -> dict[str, str]:
    missing = {name: words.say(f"look-over.missing-{name}") for name in BASIS if not filled[name].strip()}
    return missing if filled[CONFIRMED] else {**missing, CONFIRMED: words.say("directory.lacks-confirmed")}


def _nothing(_words: Words, _card: Card, _filled: Filled) -> dict[str, Any]:
    return {}


# ---- a team


def _of_team(_card: Card, filled: Filled) -> dict[str, Any]:
    members = [line.strip() for line in filled["members"].splitlines() if line.strip()]
    return {"name": filled["name"].strip(), "members": members, "sectors": filled.all("sectors")}


def _lacks_team(words: Words, _card: Card, filled: Filled) -> dict[str, str]:
    return {} if filled["name"].strip() else {"name": words.say("directory.lacks-team-name")}


def _shows_team(words: Words, _card: Card, _filled: Filled) -> dict[str, Any]:
    return {"sector_options": directory.sectors(words.language)}


def _first_team(_words: Words, card: Card) -> Fields:
    if card.get("new"):
        return ()
    sectors = (("sectors", str(one)) for one in card["sectors"])
    return (("name", card["name"]), ("members", "\n".join(card["members"])), *sectors)


def _team_facts(words: Words, card: Card) -> forms.Facts:
    if card.get("new"):
        return (("directory.state", words.say("directory.not-entered")),)
    sector = dict(work.sectors(words.language))
    return (
        ("directory.team-name", card["name"]),
        ("directory.members", ", ".join(card["members"])),
        ("directory.sectors", ", ".join(sector.get(one, one) for one in card["sectors"])),
    )


_EXPERT: Final = About("/directory/experts/{id}", "/v1/experts/{id}", _expert, _facts, "/directory/experts/{id}")
_KNOWN: Final = About("/directory/experts/{id}", "/v1/experts/{id}", _known, _facts, "/directory/experts/{id}")
_TEAMS: Final = About("/directory/teams/{id}", "/v1/teams/{id}", _team, _team_facts, "/directory/teams")
_ENTRY: Final = Written(
    "entry", "", _entry, _lacks_entry, _shows_entry, lambda *_: _place_entry, _first_entry, of=_EXPERT, method="PUT"
)
_PERSON: Final = Written(
    "person", "person", _person, _lacks_person, _nothing, lambda *_: _place, _first_person, of=_KNOWN, method="PUT"
)
_ERASURE: Final = Written("erasure", "person/erasure", _basis, _lacks_basis, _nothing, lambda *_: _place, of=_KNOWN)
_TEAM: Final = Written(
    "team", "", _of_team, _lacks_team, _shows_team, lambda *_: _place, _first_team, of=_TEAMS, method="PUT"
)
