"""Whether answers to a request for information can be taken (ответ на запрос), and the application as it stands with
them: held against the contract and the edition as a whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.agency import AGENCY, ApplicationSubmittedV2, ClarificationProvidedV1
from contracts.event import json_pointer
from contracts.expertise import RequestOutcome
from contracts.reference import Application, ItemAnswer, Problem, RequestItem
from contracts.rules import Edition
from contracts.words import problem, wording
from services.intake.domain import application
from services.intake.domain.application import NOTHING_USED, Used
from services.intake.domain.shape import (
    all_told,
    blocks,
    data_of,
    door_of,
    held,
    read,
    rows_of,
    unless_covered,
    with_codes,
)
from services.intake.domain.standing import FALLEN_AWAY, decided, not_open
from services.intake.domain.state import Pilot, Request, Status

CLOSED: Final = {
    RequestOutcome.ANSWERED: "request.closed.answered",
    RequestOutcome.CANCELLED: "request.closed.cancelled",
    RequestOutcome.EXPIRED: "request.closed.expired",
    RequestOutcome.CLOSED: "request.closed.closed",
}
"""How a request ended, as the id of its words."""
MOVES: Final = {"planned_end": "planned_start"}
"""Where a rule finds fault with a field because of another one."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What answers were found to be: answers and the application as it stands with them, with problems that are only
    told, or problems that they are refused for."""

    problems: tuple[Problem, ...]
    answers: tuple[ItemAnswer, ...] = ()
    application: Application | None = None


def judge_clarification(
    event: Mapping[str, Any], state: Pilot, edition: Edition, now: datetime, used: Used = NOTHING_USED
) -> Answered:
    """Checks answers to a request for information, and the whole application as it stands with them."""
    found = read(event, state.agency, now, edition)
    request = state.request(data_of(event).get("request"))
    rules, changes = _answers(data_of(event), request)
    today = now.astimezone(ZoneInfo(edition.zone)).date()
    updated, faulty, unknown = _updated(state, changes, edition, today, used)
    waiting = [one.id for one in state.open_requests]
    rules = [*_request(data_of(event), request, waiting), *rules, *faulty, *unknown]
    problems = all_told(found, rules, edition)
    if state.status is Status.DECIDED:
        problems.append(decided(wording(FALLEN_AWAY)))
    elif state.status is not Status.ACCEPTED:
        problems.append(not_open(state.status))
    if blocks(problems) or updated is None or not isinstance(found.payload, ClarificationProvidedV1):
        return Answered(tuple(problems))
    assert request is not None
    return Answered(tuple(problems), _normal(found.payload.answers, request, updated), updated)


def _request(data: Mapping[str, Any], request: Request | None, open_now: Sequence[str]) -> Iterator[Problem]:
    if request is None:
        yield problem("/data/request", "request.unknown", requests=open_now or ["-"])
    elif request.outcome is not None:
        yield problem("/data/request", "request.closed", how=wording(CLOSED[RequestOutcome(request.outcome)]))


Changes = dict[str, tuple[str, Any]]
"""New content of an application's fields: by field, where it stands in the event, and what it is."""


def _answers(data: Mapping[str, Any], request: Request | None) -> tuple[list[Problem], Changes]:
    """What is wrong with the answers to an open request, and what they change."""
    problems, changes, seen = list[Problem](), Changes(), set[str]()
    if request is None or request.outcome is not None:
        return problems, changes
    items = {item.id: item for item in request.items}
    for n, raw in rows_of(data, "answers"):
        id_ = raw.get("item")
        if not isinstance(id_, str):
            continue
        where, item, twice = f"/data/answers/{n}", items.get(id_), id_ in seen
        problems += _item(where, id_, request, items, seen)
        seen.add(id_)
        if item is not None and raw.get("value") is not None:
            problems += () if twice else _value(where, item, changes)
            if item.field is not None:
                changes.setdefault(item.field, (f"{where}/value", raw["value"]))
    return problems, changes


def _item(
    where: str, id_: str, request: Request, items: Mapping[str, RequestItem], seen: set[str]
) -> Iterator[Problem]:
    if id_ not in items:
        yield problem(f"{where}/item", "item.unknown", items=list(items))
    elif id_ in seen:
        yield problem(f"{where}/item", "item.twice")
    elif id_ not in request.open_items:
        yield problem(f"{where}/item", "item.answered")


def _value(where: str, item: RequestItem, changes: Changes) -> Iterator[Problem]:
    if item.field is None:
        yield problem(f"{where}/value", "value.no-field")
    elif item.field in changes:
        yield problem(f"{where}/value", "value.twice")


def _updated(
    state: Pilot, changes: Changes, edition: Edition, today: date, used: Used
) -> tuple[Application | None, list[Problem], list[Problem]]:
    """The application with the changes, held against the contract and then, as a whole, against the edition; what is
    wrong with it, and the names in it that are not known."""
    assert state.application is not None
    before = state.application.model_dump(mode="json")
    after = {**before, **{field: value for field, (_, value) in changes.items()}}
    kind = ApplicationSubmittedV2.TYPE
    found = held(kind, after, door_of(edition))
    # What an answer did not touch was taken before, and is not held against it.
    faulty = [one for one in found.problems if _field(one.pointer) in changes]
    payload = found.payload if found.payload is not None or faulty else AGENCY.classes[kind].model_validate(after)
    updated = payload.application() if isinstance(payload, ApplicationSubmittedV2) else None
    unknown = [_placed(one, changes) for one in found.unknown]
    known = {(one.pointer, one.rule) for one in application.faults(before, kind, edition)}
    new = [
        one
        for one in application.faults(after, kind, edition)
        if _field(one.pointer) in changes or (one.pointer, one.rule) not in known
    ]
    new += [one for one in application.circumstances(after, edition, today, used) if _field(one.pointer) in changes]
    rules = [_placed(one, changes) for one in new]
    problems = with_codes([_placed(one, changes) for one in faulty], rules)
    return updated, [*problems, *unless_covered(rules, problems)], unknown


def _field(pointer: str) -> str:
    return pointer.split("/")[2]


def _placed(one: Problem, changes: Changes) -> Problem:
    """A problem of the application, where the sender can see it: at the answer that makes it."""
    field = _field(one.pointer)
    if field in changes:
        place = changes[field][0] + one.pointer[len(json_pointer(("data", field))) :]
    else:
        place = changes[MOVES[field]][0] if MOVES.get(field) in changes else "/data/answers"
    return one.model_copy(update={"pointer": place})


def _normal(answers: tuple[ItemAnswer, ...], request: Request, updated: Application) -> tuple[ItemAnswer, ...]:
    """The answers with their values as the application carries them: what the contract does not know is not kept."""
    content = updated.model_dump(mode="json")
    fields = {item.id: item.field for item in request.items}
    return tuple(
        one if one.value is None else one.model_copy(update={"value": content[fields[one.item] or ""]})
        for one in answers
    )
