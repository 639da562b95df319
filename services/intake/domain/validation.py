"""Whether an agency's event can be taken: every fault at once, each with its place, its rule and what to do.

The shape is checked by the contract, the rest by the rule edition and by how the pilot stands. A pilot keeps the
edition of its first application.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts.agency import AGENCY, ApplicationSubmittedV2, ClarificationProvidedV1
from contracts.event import Envelope, json_pointer
from contracts.expertise import RequestOutcome
from contracts.reference import Application, ItemAnswer, Problem, RequestItem
from contracts.rules import Edition
from services.intake.domain import application
from services.intake.domain.commands import Later
from services.intake.domain.shape import Read, data_of, held, listed, problem, read, rows_of, unless_covered
from services.intake.domain.state import FINAL, Pilot, Request, Status

STANDS: Final = {
    Status.REGISTERED: ("registered and is being looked over", "зарегистрирована и рассматривается"),
    Status.REFUSED: ("refused", "не принята"),
    Status.ACCEPTED: ("accepted and in expertise", "принята и находится на экспертизе"),
    Status.RETURNED: ("returned", "возвращена"),
    Status.CONCLUDED: ("concluded on", "рассмотрена, по ней есть заключение"),
    Status.DECIDED: ("decided on by the Council", "рассмотрена, по ней есть решение Совета"),
    Status.LAPSED: ("lapsed", "утратила силу"),
    Status.WITHDRAWN: ("withdrawn", "отозвана"),
    Status.STOPPED: ("stopped", "снята, её рассмотрение прекращено"),
    Status.REFUSED_IN_EXPERTISE: ("refused by the expertise", "отклонена по итогам экспертизы"),
}
"""How an application stands, in the words of both languages."""
CLOSED: Final[Mapping[str, str]] = {
    RequestOutcome.ANSWERED: "все ответы получены",
    RequestOutcome.CANCELLED: "он отозван",
    RequestOutcome.EXPIRED: "его срок истёк",
    RequestOutcome.CLOSED: "рассмотрение, к которому он относился, окончено",
}
"""How a request ended."""
Words = tuple[str, str]
"""The same in English and in Russian."""
AGAIN: Final[Words] = (
    "it cannot come again. With changes it is a new application.",
    "подать её повторно нельзя. С изменениями это новая заявка.",
)
FALLEN_AWAY: Final[Words] = ("the request has fallen away, and needs no answer.", "запрос отпал, ответ не нужен.")
TO_STOP: Final[Words] = (
    "the registrar alone can end it now, on a document: that there is no agreement, or an early stop.",
    "прекратить пилот теперь может только регистратор на основании документа: соглашение не достигнуто либо реализация "
    "прекращена досрочно.",
)
OVER: Final[Words] = (
    "carrying out is over, or will never be, so that there is nothing to take back or to stop.",
    "реализация окончена либо её не будет, поэтому отзывать и прекращать нечего.",
)
"""What follows from the Council's decision for what is asked of intake after it."""
MOVES: Final = {"planned_end": "planned_start"}
"""Where a rule finds fault with a field because of another one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What an event was found to be: an application, or problems. Never both."""

    problems: tuple[Problem, ...]
    envelope: Envelope | None = None
    submission: ApplicationSubmittedV2 | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What answers were found to be: answers and the application as it stands with them, or problems."""

    problems: tuple[Problem, ...]
    answers: tuple[ItemAnswer, ...] = ()
    application: Application | None = None


def judge(event: Mapping[str, Any], agency: str, edition: Edition | None, now: datetime) -> Judged:
    """Checks an application of an agency against the contract and an edition."""
    found = read(event, agency, now)
    problems = list(found.problems)
    if edition is None:
        problems.append(
            problem(
                "/time",
                "edition.none",
                "No rule edition holds at this time.",
                "На эту дату нет действующей редакции правил.",
            )
        )
    else:
        problems += unless_covered(_by_edition(event, edition), problems)
    return _judged(problems, found)


def judge_unknown(command: Later, now: datetime) -> tuple[Problem, ...]:
    """What is wrong with an event about a pilot that the agency does not have; another agency's is no different."""
    found = read(command.event, command.agency, now).problems
    if command.named is None:
        en = "The subject must be the id of your application, as its receipts name it."
        ru = "В subject должен стоять номер вашей заявки (pilot), как он указан в квитанциях."
        unknown = problem("/subject", "pilot.unknown", en, ru)
    else:
        en = "You have no such application. If it is on its way, send this later, under a new id."
        ru = "У вас нет такой заявки. Если она ещё в пути, отправьте это событие позже под новым id."
        unknown = problem("/subject", "pilot.unknown", en, ru, "retry")
    return (*found, *unless_covered([unknown], found))


def judge_resubmission(event: Mapping[str, Any], state: Pilot, edition: Edition, now: datetime) -> Judged:
    """Checks an application that comes again: the rules of a first one, and what it answers to."""
    found = read(event, state.agency, now)
    data = data_of(event)
    rules = [*_by_edition(event, edition), *_same_initiator(data, state), *_met(data, state)]
    problems = [*found.problems, *unless_covered(rules, found.problems)]
    if state.status is Status.DECIDED:
        problems.append(decided("/subject", AGAIN))
    elif not state.may_resubmit(now):
        lapsed = state.status is Status.RETURNED
        problems.append(_not_open(Status.LAPSED if lapsed else state.status))
    return _judged(problems, found)


def judge_clarification(event: Mapping[str, Any], state: Pilot, edition: Edition, now: datetime) -> Answered:
    """Checks answers to a request for information, and the whole application as it stands with them."""
    found = read(event, state.agency, now)
    request = state.request(data_of(event).get("request"))
    rules, changes = _answers(data_of(event), request)
    updated, faulty = _updated(state, changes, edition)
    problems = [*found.problems, *unless_covered([*_request(data_of(event), request), *rules, *faulty], found.problems)]
    if state.status is Status.DECIDED:
        problems.append(decided("/subject", FALLEN_AWAY))
    elif state.status is not Status.ACCEPTED:
        problems.append(_not_open(state.status))
    if problems or updated is None or not isinstance(found.payload, ClarificationProvidedV1):
        return Answered(tuple(problems))
    assert request is not None
    return Answered((), _normal(found.payload.answers, request, updated), updated)


def judge_withdrawal(event: Mapping[str, Any], state: Pilot, now: datetime) -> tuple[Problem, ...]:
    """What is wrong with a withdrawal."""
    problems = list(read(event, state.agency, now).problems)
    if state.status is Status.DECIDED:
        problems.append(decided("/subject", to_stop(state)))
    elif state.status in FINAL:
        problems.append(_not_open(state.status))
    return tuple(problems)


def decided(pointer: str, follows: Words) -> Problem:
    """That the Council has decided on the application, and what follows."""
    en, ru = follows
    return problem(
        pointer,
        "pilot.decided",
        f"The Council has decided on this application: {en}",
        f"Совет принял решение по этой заявке: {ru}",
    )


def to_stop(state: Pilot) -> Words:
    """Who can end what the Council has decided on, where there is something to end."""
    return OVER if state.carrying_out is not None and state.carrying_out.over else TO_STOP


def _by_edition(event: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    kind, data = str(event.get("type")), event.get("data")
    if isinstance(data, dict) and AGENCY.knows(kind):
        yield from application.faults(data, kind, edition)


def _judged(problems: list[Problem], found: Read) -> Judged:
    if problems or found.envelope is None or found.payload is None:
        return Judged(tuple(problems))
    assert isinstance(found.payload, ApplicationSubmittedV2)
    return Judged((), found.envelope, found.payload)


def _not_open(status: Status) -> Problem:
    en, ru = STANDS[status]
    return problem(
        "/subject",
        "application.not-open",
        f"The application is {en}: this cannot be done now.",
        f"Заявка {ru}: сейчас это невозможно.",
    )


# ---- a resubmission


def _same_initiator(data: Mapping[str, Any], state: Pilot) -> Iterator[Problem]:
    assert state.application is not None
    given = data.get("initiator")
    number = given.get("id") if isinstance(given, dict) else None
    if isinstance(number, dict):
        before = state.application.initiator.id
        if (number.get("scheme"), number.get("value")) != (before.scheme, before.value):
            yield problem(
                "/data/initiator/id",
                "initiator.changed",
                "With another initiator it is another application.",
                "С другим инициатором это другая заявка.",
            )


def _met(data: Mapping[str, Any], state: Pilot) -> Iterator[Problem]:
    """Each remark of the last conclusion is answered once at most, and none that was not made."""
    remarks = len(state.conclusion.remarks) if state.conclusion else 0
    seen = set[int]()
    for n, raw in rows_of(data, "met"):
        place = raw.get("place")
        if not isinstance(place, int) or isinstance(place, bool):
            continue
        if place > remarks:
            en = f"The last conclusion has {remarks} remark(s)."
            ru = f"В последнем заключении замечаний: {remarks}."
            yield problem(f"/data/met/{n}/place", "met.unknown", en, ru)
        elif place in seen:
            en, ru = "This remark is answered twice.", "На это замечание отвечено дважды."
            yield problem(f"/data/met/{n}/place", "met.twice", en, ru)
        seen.add(place)


# ---- answers to a request


def _request(data: Mapping[str, Any], request: Request | None) -> Iterator[Problem]:
    if request is None:
        en, ru = "There is no such request for information.", "Такого запроса сведений нет."
        yield problem("/data/request", "request.unknown", en, ru)
    elif request.outcome is not None:
        en, ru = (
            f"This request is closed: {request.outcome}.",
            f"Этот запрос закрыт: {CLOSED.get(request.outcome, request.outcome)}.",
        )
        yield problem("/data/request", "request.closed", en, ru)


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
        where, item = f"/data/answers/{n}", items.get(id_)
        problems += _item(where, id_, request, items, seen)
        seen.add(id_)
        if item is not None and raw.get("value") is not None:
            problems += _value(where, item, changes)
            if item.field is not None:
                changes.setdefault(item.field, (f"{where}/value", raw["value"]))
    return problems, changes


def _item(
    where: str, id_: str, request: Request, items: Mapping[str, RequestItem], seen: set[str]
) -> Iterator[Problem]:
    if id_ not in items:
        known = listed(list(items))
        yield problem(f"{where}/item", "item.unknown", f"Items here: {known}.", f"Пункты запроса: {known}.")
    elif id_ in seen:
        yield problem(f"{where}/item", "item.twice", "This item is answered twice.", "На этот пункт отвечено дважды.")
    elif id_ not in request.open_items:
        en, ru = "This item was answered before.", "На этот пункт уже получен ответ."
        yield problem(f"{where}/item", "item.answered", en, ru)


def _value(where: str, item: RequestItem, changes: Changes) -> Iterator[Problem]:
    if item.field is None:
        en, ru = "This item opens no field: answer in words.", "Этот пункт не открывает поле: ответьте текстом."
        yield problem(f"{where}/value", "value.no-field", en, ru)
    elif item.field in changes:
        en, ru = f"The field {item.field} is changed twice.", f"Поле {item.field} меняется дважды."
        yield problem(f"{where}/value", "value.twice", en, ru)


def _updated(state: Pilot, changes: Changes, edition: Edition) -> tuple[Application | None, list[Problem]]:
    """The application with the changes, held against the contract and then, as a whole, against the edition."""
    assert state.application is not None
    before = state.application.model_dump(mode="json")
    after = {**before, **{field: value for field, (_, value) in changes.items()}}
    kind = ApplicationSubmittedV2.TYPE
    payload, faulty = held(kind, after)
    updated = payload.application() if isinstance(payload, ApplicationSubmittedV2) else None
    problems = [_placed(one, changes) for one in faulty]
    known = {(one.pointer, one.rule) for one in application.faults(before, kind, edition)}
    # What an answer did not touch was taken before, and is not held against it.
    new = [
        one
        for one in application.faults(after, kind, edition)
        if _field(one.pointer) in changes or (one.pointer, one.rule) not in known
    ]
    return updated, [*problems, *unless_covered([_placed(one, changes) for one in new], problems)]


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
