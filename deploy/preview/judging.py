"""Events that were sent, judged anew by the door's own code: as if each came now, and for the first time.

Nothing is written, claimed or drawn. An application is judged by itself; a later event by how its pilot stands now.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn

from contracts.event import BrokenEvent, Harmless
from contracts.intake import EventRefusedV1, SubmissionRefusedV1
from contracts.rules import RuleBook
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.store import Store
from services.chassis.subject import Document, Input, Record
from services.intake import door, handlers
from services.intake.domain.commands import Later
from services.intake.domain.state import pilot_id
from services.intake.service import SERVICE
from services.law.calendar import Calendars
from services.law.decision import Context


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of an event: the rules that it is refused for, none where it is taken. `undecided`: it would be
    parked, for its agency is not in the directory or its version is not known here."""

    event_id: str
    rules: tuple[str, ...] = ()
    undecided: bool = False


async def _send(_messages: Sequence[Message]) -> NoReturn:
    raise AssertionError("a preview sends nothing")


def engine_of(store: Store, rules: RuleBook, now: Callable[[], datetime]) -> Engine:
    """Intake on a store that is only looked at, by these rules."""
    service = replace(SERVICE, prepare=handlers.preparing(rules, now))
    return Engine(service, store.looked_at(), _send, now=now, new_id=lambda: "", calendars=Calendars.load())


async def judged(engine: Engine, records: Sequence[Record]) -> list[Judged]:
    """What would become of each of these records of agencies' topics, in their order. Raises StoreAway."""
    read = [_read(engine, record) for record in records]
    inputs = await door.address(engine.store, [one for one in read if isinstance(one, Input)])
    subjects = {one.subject for one in inputs} | {other for one in inputs if (other := handlers.beside(one))}
    loaded = await engine.documents(subjects)
    # What became of an event when it came is not looked at, only the pilot that a later one was led to.
    own = {one.subject for one in inputs if not _is_led(one)}
    before = {subject: document for subject, document in loaded.items() if subject not in own}
    given = await engine.service.given(engine.store, inputs, before)
    answers = iter(list(_answers(engine, inputs, given, loaded)))
    return [one if isinstance(one, Judged) else next(answers) for one in read]


def _read(engine: Engine, record: Record) -> Input | Judged:
    try:
        return door.read_agency(record, engine.now())
    except BrokenEvent:  # a version that is not known yet: it is parked until it is
        return Judged(f"kafka:{record.id}", undecided=True)


def _is_led(one: Input) -> bool:
    return isinstance(c := one.command, Later) and one.subject != pilot_id(c.agency, c.event_id)


def _without_answers(there: Document | None) -> Any:
    """How a pilot stands, without what was told of events about it: one that was refused is judged as a new one."""
    return there and there.state and there.state.model_copy(update={"events": ()})


def _answers(
    engine: Engine, inputs: Sequence[Input], given: Sequence[Any], loaded: Mapping[str, Document]
) -> Iterator[Judged]:
    sent_before: dict[str, Judged] = {}
    for one, more in zip(inputs, given, strict=True):
        if (same := sent_before.get(one.subject)) is not None and not _is_led(one):
            yield replace(
                same, event_id=one.cause_id
            )  # an application that was sent again among these is given nothing
            continue
        there = _without_answers(loaded.get(one.subject)) if _is_led(one) else None
        context = Context(engine.now(), one.subject, one.actor, more, engine.calendars)
        try:
            facts = engine.service.aggregate_of(one.subject).decide(there, one.command, context)
        except Harmless:
            yield Judged(one.cause_id, undecided=True)
            continue
        refused = [fact for fact in facts if isinstance(fact, SubmissionRefusedV1 | EventRefusedV1)]
        blocking = {p.rule for fact in refused for p in fact.problems if p.severity == "block"}
        found = Judged(one.cause_id, tuple(sorted(blocking)))
        if not _is_led(one):
            sent_before[one.subject] = found
        yield found
