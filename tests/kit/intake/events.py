"""Applications and other events as an agency sends them, what is wrong with them, and values of any kind."""

import copy
from datetime import date, datetime
from typing import Any

from hypothesis import strategies as st

from contracts.agency import ApplicationSubmittedV1, ApplicationSubmittedV2
from contracts.freeze import example
from contracts.intake import EventRefusedV1
from contracts.rules import Edition
from contracts.severities import Severities
from contracts.steps import EditionFrom
from deploy.samples.common import BOOK, NOW, SUBJECT
from services.intake.domain.agency import Agency, Given
from services.intake.domain.decide import decide
from services.intake.domain.shape import blocks
from services.intake.domain.validation import judge
from services.law.decision import Context
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY
from tests.kit.intake.story import ENTRY as LATER_ENTRY
from tests.kit.wording import in_every_language

CODE = "vedomstvo-primer"
BY = BOOK.edition("by-2024")
US = BOOK.edition("demo-us")
V1, V2 = ApplicationSubmittedV1.TYPE, ApplicationSubmittedV2.TYPE
SECRETS = ("Образцова Проба Примеровна", "contact@primer.example", "+375 00 000-00-00")


def event(kind: str = V2, **data: Any) -> dict[str, Any]:
    """The example with changes to its data (None: left out)."""
    found = copy.deepcopy(example(kind))
    found["data"] = {k: v for k, v in {**found["data"], **data}.items() if v is not None}
    return found


def with_severities(edition: Edition, rules: dict[str, str]) -> Edition:
    """The edition with other severities of these rules."""
    said = {**edition.severities.model_dump(), "rules": {**edition.severities.rules, **rules}}
    return edition.model_copy(update={"severities": Severities.model_validate(said)})


def us_event(kind: str = V2, **data: Any) -> dict[str, Any]:
    """An application by the rules of the demonstration edition."""
    agency = {"id": {"scheme": "US-FED", "value": "HHS/CDC"}}
    others = {"costs": None, "total_cost": None, "participants": None}
    return event(
        kind, **{**others, "executor": None, "initiator": agency, "customer": agency, "sector": "science", **data}
    )


def faults(found: dict[str, Any], edition: Edition | None = BY, now: datetime = NOW) -> list[tuple[str, str]]:
    """The place and the rule of everything that is wrong with an event."""
    judged = judge(found, CODE, edition, now)
    assert (judged.submission is None) == blocks(judged.problems)
    for problem in judged.problems:
        in_every_language(problem)
    return [(p.pointer, p.rule) for p in judged.problems]


def unp(value: str) -> dict[str, Any]:
    return {"id": {"scheme": "BY-UNP", "value": value}}


def refused(state: Any, command: Any, now: datetime = NOW, book: Any = BOOK) -> list[tuple[str, str]]:
    """The place and the rule of everything that is wrong with a later event; none where it is taken."""
    context = Context(now, SUBJECT, SOMEBODY, Given(book, LATER_ENTRY), CALENDARS)
    facts = decide(state, command, context)
    found = [p for fact in facts if isinstance(fact, EventRefusedV1) for p in fact.problems]
    assert bool(found) == any(isinstance(fact, EventRefusedV1) for fact in facts)
    for one in found:
        in_every_language(one)
    return [(p.pointer, p.rule) for p in found]


ENTRY = Agency(code=CODE, name="Ведомство", editions=(EditionFrom(edition="by-2024", since=date(2024, 4, 1)),))
US_ENTRY = ENTRY.model_copy(update={"editions": (EditionFrom(edition="demo-us", since=date.min),)})
LONG_AGO_AND_FAR = ("0001-01-01T00:00:00+23:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1e308, -1, 10**400)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=10)
    | st.sampled_from([*SECRETS, *LONG_AGO_AND_FAR, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all parts of an event."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """The event with another value at a place."""
    if not path:
        return by
    changed = copy.deepcopy(value)
    part = changed
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = by
    return changed
