"""An agency's later events about its own pilot: a resubmission, answers to a request, a withdrawal, reports."""

from collections.abc import Sequence
from typing import Any, assert_never

from contracts.agency import (
    ApplicationResubmittedV1,
    ApplicationWithdrawnV1,
    ClarificationProvidedV1,
    ReceiptOutcome,
)
from contracts.event import Fact, Harmless
from contracts.intake import (
    ClarificationRegisteredV1,
    CompletionRegisteredV1,
    EventRefused,
    EventRefusedV1,
    ProgressRegisteredV1,
    ResubmissionRegisteredV1,
    ResultRegisteredV1,
    RiskRegisteredV1,
    SpendingRegisteredV1,
    SubmissionRefusedV1,
    WithdrawalRegisteredV1,
)
from contracts.reference import Problem
from contracts.rules import Edition
from contracts.steps import Completion, Progress, Results, Risks, Spending
from services.intake.domain import contacts, terms
from services.intake.domain.agency import Given, shut
from services.intake.domain.clarification import judge_clarification
from services.intake.domain.commands import Later
from services.intake.domain.reports import REPORTS, Reported, judge_report
from services.intake.domain.shape import bounded, data_of, other_reasons
from services.intake.domain.state import LOOK_OVER, Pilot, person_id, pilot_id
from services.intake.domain.validation import judge_resubmission, judge_unknown, judge_withdrawal
from services.law.decision import Context


class UnknownAgency(Harmless, LookupError):
    """The agency writes to its topic but is not in the directory yet: enter it, then redrive."""


class NotTheirs(Harmless, LookupError):
    """An event stands at a pilot that is not there (yet), or not its agency's: a hand must look why."""


def decide_event(state: Pilot | None, command: Later, context: Context[Given]) -> Sequence[Fact]:
    """What follows from a later event. Where it named no pilot of its agency, it is a subject of its own. One that was
    refused before and comes again is judged anew; no fact where it is refused for the same.

    Raises UnknownAgency, and NotTheirs for an event that was led to a pilot whose application could not be
    decided yet: a fact there would take the application's place.
    """
    if context.subject == pilot_id(command.agency, command.event_id):
        facts, known = _unknown(command, context), None if state is None else state.problems
    else:
        facts = _at_pilot(state, command, context)
        told = None if state is None else state.told(command.event_id)
        known = told.problems if told is not None and told.outcome is ReceiptOutcome.REFUSED else None
    if known is None or not isinstance(facts[0], EventRefused):
        return facts
    # Of one long ago the problems are not kept: nobody could say whether they are others now.
    return facts if known and other_reasons(known, facts[0].problems) else ()


def _at_pilot(state: Pilot | None, command: Later, context: Context[Given]) -> Sequence[Fact]:
    if state is None or state.agency != command.agency:
        raise NotTheirs("the pilot of this event is not there, or not its agency's")
    if (closed := _closed(context)) is not None:
        return _refused(command, (closed,), context)
    if state.edition is None or state.application is None or state.number is None:
        return _refused(command, judge_unknown(command, context.now), context)
    edition = context.given.rules.edition(state.edition)
    match command.event.get("type"):
        case ApplicationResubmittedV1.TYPE:
            return _resubmitted(state, command, edition, context)
        case ClarificationProvidedV1.TYPE:
            return _clarified(state, command, edition, context)
        case ApplicationWithdrawnV1.TYPE:
            return _withdrawn(state, command, edition, context)
        case kind if kind in REPORTS:
            return _reported(state, command, edition, context)
        case kind:
            raise AssertionError(f"{kind} is no later event")


def _unknown(command: Later, context: Context[Given]) -> Sequence[Fact]:
    if context.given.agency is None:
        raise UnknownAgency(f"agency {command.agency} is not in the directory")
    return (
        SubmissionRefusedV1(
            actor=context.actor,
            agency=command.agency,
            event_id=command.event_id,
            received=context.now,
            problems=bounded((closed,) if (closed := _closed(context)) else judge_unknown(command, context.now)),
        ),
    )


def _closed(context: Context[Given]) -> Problem | None:
    """Why the event's agency may not publish now, whatever it says."""
    given = context.given
    return None if given.agency is None else shut(given.agency, context.now, given.rules)


def _refused(command: Later, problems: Sequence[Problem], context: Context[Given]) -> Sequence[Fact]:
    return (
        EventRefusedV1(
            actor=context.actor,
            agency=command.agency,
            event_id=command.event_id,
            event_type=str(command.event["type"]),
            received=context.now,
            problems=bounded(problems),
        ),
    )


def _resubmitted(state: Pilot, command: Later, edition: Edition, context: Context[Given]) -> Sequence[Fact]:
    judged = judge_resubmission(command.event, state, edition, context.now, context.given.used)
    if judged.submission is None or judged.envelope is None:
        return _refused(command, judged.problems, context)
    assert isinstance(judged.submission, ApplicationResubmittedV1)
    assert state.number
    started = terms.started(LOOK_OVER, edition, context)
    person = person_id(context.subject, command.event_id) if judged.submission.contact else None
    registered = ResubmissionRegisteredV1(
        actor=context.actor,
        agency=state.agency,
        number=state.number,
        event_id=command.event_id,
        event_type=judged.envelope.type,
        submission=state.submission + 1,
        submitted=judged.envelope.time,
        received=context.now,
        came=context.arrived,
        look_over_due_at=started.due_at,
        problems=bounded(judged.problems),
        application=judged.submission.application(),
        met=judged.submission.met,
        contact_person_id=person,
        contact_until=contacts.kept_until(edition, context.now) if person else None,
    )
    return *terms.ended(state, context), registered, started


def _clarified(state: Pilot, command: Later, edition: Edition, context: Context[Given]) -> Sequence[Fact]:
    judged = judge_clarification(command.event, state, edition, context.now, context.given.used)
    request = state.request(data_of(command.event).get("request"))
    if judged.application is None or request is None:
        return _refused(command, judged.problems, context)
    assert state.number
    answered = {answer.item for answer in judged.answers}
    return (
        ClarificationRegisteredV1(
            actor=context.actor,
            agency=state.agency,
            number=state.number,
            event_id=command.event_id,
            received=context.now,
            came=context.arrived,
            problems=bounded(judged.problems),
            request=request.id,
            answers=judged.answers,
            open_items=tuple(item for item in request.open_items if item not in answered),
            application=judged.application,
        ),
    )


def _withdrawn(state: Pilot, command: Later, edition: Edition, context: Context[Given]) -> Sequence[Fact]:
    problems, withdrawal = judge_withdrawal(command.event, state, edition, context.now)
    if withdrawal is None:
        return _refused(command, problems, context)
    assert state.number
    registered = WithdrawalRegisteredV1(
        actor=context.actor,
        agency=state.agency,
        number=state.number,
        event_id=command.event_id,
        received=context.now,
        came=context.arrived,
        problems=bounded(problems),
        reason=withdrawal.reason,
    )
    return *terms.ended(state, context), registered


def _reported(state: Pilot, command: Later, edition: Edition, context: Context[Given]) -> Sequence[Fact]:
    judged = judge_report(command.event, state, edition, context.now)
    if judged.report is None:
        return _refused(command, judged.problems, context)
    assert state.number
    return (_registered(judged, state.number, command, context),)


def _registered(judged: Reported, number: str, command: Later, context: Context[Given]) -> Fact:
    of: dict[str, Any] = {
        "actor": context.actor,
        "agency": command.agency,
        "number": number,
        "event_id": command.event_id,
        "received": context.now,
        "came": context.arrived,
        "problems": bounded(judged.problems),
    }
    match report := judged.report:
        case Progress():
            return ProgressRegisteredV1.made_of(report, **of)
        case Spending():
            return SpendingRegisteredV1.made_of(report, **of)
        case Risks():
            return RiskRegisteredV1.made_of(report, **of)
        case Results():
            return ResultRegisteredV1.made_of(report, **of)
        case Completion():
            return CompletionRegisteredV1.made_of(report, **of)
        case None:
            raise AssertionError("nothing is registered of a report that is refused")
        case _:
            assert_never(report)
