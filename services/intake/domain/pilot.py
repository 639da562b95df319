"""A submission and what became of it: registered or refused, then accepted or returned within its term."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts.event import Contract, Fact, Moment
from contracts.intake import (
    ApplicationAcceptedV1,
    ApplicationRegisteredV1,
    ApplicationReturnedV1,
    SubmissionRefusedV1,
    TermBreachedV1,
    TermEndedV1,
    TermStartedV1,
)
from contracts.reference import Application, Problem, ReturnReason
from services.chassis import term
from services.chassis.calendar import calendar
from services.chassis.subject import Context, Refusal
from services.intake.domain.agency import Given, edition_for
from services.intake.domain.validation import judge, time_of

KIND = "pilot"
LOOK_OVER = "look-over"
NAMESPACE = uuid5(NAMESPACE_URL, "urn:lotsman:pilots")


class Status(StrEnum):
    """Where a submission stands in intake: зарегистрирована, отказано, принята, возвращена."""

    REGISTERED = "registered"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    RETURNED = "returned"


class Pilot(Contract):
    """A submission as it stands. `look_over` is the ledger of the look-over term (срок рассмотрения)."""

    status: Status
    agency: str
    event_id: str
    received: Moment
    number: str | None = None
    edition: str | None = None
    application: Application | None = None
    contact_person_id: str | None = None
    submitted: Moment | None = None
    look_over: term.Ledger | None = None
    due_at: Moment | None = None
    decided: Moment | None = None
    problems: tuple[Problem, ...] = ()
    reasons: tuple[ReturnReason, ...] = ()


@dataclass(frozen=True, slots=True)
class Submit:
    """An agency's event as it was sent."""

    agency: str
    event_id: str
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refuse:
    """A submission that is refused for what was found on reading it, before any rule is asked."""

    agency: str
    event_id: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Accept:
    """The officer finds the application complete."""


@dataclass(frozen=True, slots=True)
class Return:
    """The officer sends the application back."""

    reasons: tuple[ReturnReason, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """The term may have run out."""

    due: datetime


Command = Submit | Refuse | Accept | Return | Tick


class UnknownAgency(LookupError):
    """The agency writes to its topic but is not in the directory yet: enter it, then redrive."""


def pilot_id(agency: str, event_id: str) -> str:
    """The id of the pilot that a submission is about: the same for every resend of it."""
    return str(uuid5(uuid5(NAMESPACE, agency), event_id))


def person_id(pilot: str) -> str:
    """The opaque id under which a pilot's contact person is kept."""
    return str(uuid5(UUID(pilot), "contact"))


def decide(state: Pilot | None, command: Command, context: Context[Given]) -> Sequence[Fact]:
    """What follows from a command. Raises Refusal for what an officer cannot do now."""
    match command:
        case Submit():
            return () if state is not None else _submitted(command, context)
        case Refuse(agency, event_id, problems):
            refused = SubmissionRefusedV1(
                actor=context.actor, agency=agency, event_id=event_id, received=context.now, problems=problems
            )
            return () if state is not None else (refused,)
        case Accept():
            return _accepted(_registered(state), context)
        case Return(reasons):
            return _returned(_registered(state), reasons, context)
        case Tick(due):
            return _ticked(state, due, context)
        case _:
            assert_never(command)


def _submitted(command: Submit, context: Context[Given]) -> Sequence[Fact]:
    given = context.given
    if given.agency is None:
        raise UnknownAgency(f"agency {command.agency} is not in the directory")
    sent = time_of(command.event) or context.now
    edition = edition_for(given.agency, sent, given.rules)
    judged = judge(command.event, command.agency, edition, context.now)
    if judged.submission is None or judged.envelope is None or edition is None:
        return (
            SubmissionRefusedV1(
                actor=context.actor,
                agency=command.agency,
                event_id=command.event_id,
                received=context.now,
                edition=edition.id if edition else None,
                problems=judged.problems,
            ),
        )
    assert given.number is not None, "a submission is always given a number"
    rule = edition.terms[LOOK_OVER]
    days = calendar(rule.calendar)
    begun = term.start(rule, days, LOOK_OVER, context.now, edition.zone)
    due = term.due_at(term.open_ledger(begun), days)
    assert due is not None, "a term that has just started runs"
    registered = ApplicationRegisteredV1(
        actor=context.actor,
        agency=command.agency,
        event_id=command.event_id,
        event_type=judged.envelope.type,
        submitted=judged.envelope.time,
        received=context.now,
        edition=edition.id,
        number=given.number,
        look_over_due_at=due,
        application=judged.submission.application(),
        contact_person_id=person_id(context.subject) if judged.submission.contact else None,
    )
    return registered, TermStartedV1(actor=context.actor, term=begun, due_at=due)


def _registered(state: Pilot | None) -> Pilot:
    if state is None or state.status is not Status.REGISTERED:
        stands = "unknown" if state is None else state.status
        raise Refusal("application.not-open", f"The application is {stands}; it can be decided on once.")
    return state


def _accepted(state: Pilot, context: Context[Given]) -> Sequence[Fact]:
    assert state.number and state.edition and state.application
    accepted = ApplicationAcceptedV1(
        actor=context.actor,
        agency=state.agency,
        number=state.number,
        edition=state.edition,
        application=state.application,
    )
    return _term_ended(state, context), accepted


def _returned(state: Pilot, reasons: tuple[ReturnReason, ...], context: Context[Given]) -> Sequence[Fact]:
    assert state.number and state.edition
    known = context.given.rules.edition(state.edition).return_reasons
    problems = [
        Problem(
            pointer=f"/reasons/{place}/code",
            rule="reason.unknown",
            message=f"Reasons: {', '.join(known.codes)}.",
            message_ru=f"Причины: {', '.join(known.codes)}.",
        )
        for place, reason in enumerate(reasons)
        if reason.code not in known
    ]
    if problems or not reasons:
        raise Refusal("reasons.invalid", "A return needs coded reasons.", status=422, problems=problems)
    returned = ApplicationReturnedV1(actor=context.actor, agency=state.agency, number=state.number, reasons=reasons)
    return _term_ended(state, context), returned


def _term_ended(state: Pilot, context: Context[Given]) -> TermEndedV1:
    late = state.due_at is not None and context.now >= state.due_at
    return TermEndedV1(actor=context.actor, kind=LOOK_OVER, ended=context.now, late=late)


def _ticked(state: Pilot | None, due: datetime, context: Context[Given]) -> Sequence[Fact]:
    ledger = state.look_over if state is not None else None
    if state is None or ledger is None or ledger.breached or ledger.ended is not None or state.due_at != due:
        return ()
    return (TermBreachedV1(actor=context.actor, kind=LOOK_OVER, due_at=due),)


def evolve(state: Pilot | None, fact: Fact) -> Pilot | None:
    """The submission after a fact."""
    match fact:
        case ApplicationRegisteredV1():
            return Pilot(
                status=Status.REGISTERED,
                agency=fact.agency,
                event_id=fact.event_id,
                received=fact.received,
                number=fact.number,
                edition=fact.edition,
                application=fact.application,
                contact_person_id=fact.contact_person_id,
                submitted=fact.submitted,
            )
        case SubmissionRefusedV1():
            return Pilot(
                status=Status.REFUSED,
                agency=fact.agency,
                event_id=fact.event_id,
                received=fact.received,
                edition=fact.edition,
                problems=fact.problems,
            )
    return None if state is None else _evolve(state, fact)


def _evolve(state: Pilot, fact: Fact) -> Pilot:
    ledger = state.look_over
    match fact:
        case TermStartedV1():
            return _with(state, look_over=term.open_ledger(fact.term), due_at=fact.due_at)
        case TermEndedV1() if ledger is not None:
            return _with(state, look_over=ledger.model_copy(update={"ended": fact.ended}), decided=fact.ended)
        case TermBreachedV1() if ledger is not None:
            return _with(state, look_over=term.breach(ledger))
        case ApplicationAcceptedV1():
            return _with(state, status=Status.ACCEPTED)
        case ApplicationReturnedV1():
            return _with(state, status=Status.RETURNED, reasons=fact.reasons)
    return state


def _with(state: Pilot, **changes: Any) -> Pilot:
    return state.model_copy(update=changes)


def due(state: Pilot) -> datetime | None:
    """When the look-over's timer must fire: at its due time, once, while it runs."""
    ledger = state.look_over
    if ledger is None or ledger.ended is not None or ledger.breached:
        return None
    return state.due_at
