"""The contracts of what agencies send, and of what they are sent: for programs that are written against them."""

from typing import Any, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from contracts.agency import AGENCY, RECEIPTS
from contracts.beyond import BEYOND_SCHEMA
from contracts.freeze import example, published
from contracts.reference import ROLES, ProblemSeverity
from contracts.severities import DEFAULTS
from contracts.words import LANGUAGES, Language, wordings
from services.chassis.auth import allow
from services.chassis.problems import Problematic


class EventType(BaseModel):
    """A type of event, in one version. `by_agency`: agencies send it; else they are sent it. `newest` is the newest
    version of the same; older ones are taken all the same."""

    type: str
    by_agency: bool
    newest: str
    about: str


class EventTypes(BaseModel):
    """The types of events that agencies send and are sent."""

    items: list[EventType]


class Rule(BaseModel):
    """A rule that no schema can say: its id, whether an event that breaks it is refused (`block`) or taken and told
    (`warn`), whether that is for the edition to say, and its words, with names in the place of values."""

    rule: str
    severity: ProblemSeverity
    set_by_edition: bool
    words: dict[Language, str]


class Contract(EventType):
    """A type of event with its JSON Schema (2020-12), as the door takes it today, a whole example, and the `rules` that
    the door asks beside the schema."""

    json_schema: dict[str, Any]
    example: dict[str, Any]
    rules: list[Rule]


ONLY_TOLD: Final = frozenset({"problems.more"})
TYPES = {
    name: EventType(
        type=name,
        by_agency=language is AGENCY,
        newest=language.newest_type(name),
        about=" ".join((cls.__doc__ or "").split()),
    )
    for language in (AGENCY, RECEIPTS)
    for name, cls in language.classes.items()
}


def add(router: APIRouter) -> None:
    """The contracts, for all who sign in."""

    @router.get("/contracts", tags=["agencies"], dependencies=[Depends(allow(*ROLES))])
    async def contracts() -> EventTypes:
        """The types of events that agencies send and are sent."""
        return EventTypes(items=[*TYPES.values()])

    @router.get("/contracts/{type}", tags=["agencies"], dependencies=[Depends(allow(*ROLES))])
    async def contract(type: str) -> Contract:
        """A type of event: its JSON Schema as it is today and an example. What was valid by an earlier one is valid by
        it."""
        if type not in TYPES:
            raise Problematic(404, "contract.unknown", types=sorted(TYPES))
        rules = [_rule(one) for one in BEYOND_SCHEMA.get(type, ())]
        return Contract(**TYPES[type].model_dump(), json_schema=published(type), example=example(type), rules=rules)


def _rule(id_: str) -> Rule:
    words = {language: wordings()[id_].text(language) for language in LANGUAGES}
    severity = DEFAULTS.get(id_, "block" if id_ not in ONLY_TOLD else "warn")
    return Rule(rule=id_, severity=severity, set_by_edition=id_ in DEFAULTS, words=words)
