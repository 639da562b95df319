"""What follows from a command: submitting, the officer's look-over, and the way to all other decisions."""

from collections.abc import Sequence
from typing import assert_never
from zoneinfo import ZoneInfo

from contracts.event import Fact
from contracts.intake import (
    ApplicationAcceptedV1,
    ApplicationRegisteredV1,
    ApplicationReturnedV1,
    ApplicationStoppedV1,
    ConflictNotedV1,
    SubmissionRefusedV1,
)
from contracts.steps import ApplicationReturn, ApplicationStop
from services.intake.domain import contacts, expertise_term, terms
from services.intake.domain.agency import Given, edition_for, first_day, shut
from services.intake.domain.carrying import noted, reminded
from services.intake.domain.commands import (
    Accept,
    Command,
    EraseContacts,
    Forward,
    Later,
    Note,
    NoteHiding,
    NoteTerm,
    Recalendar,
    Refuse,
    Remind,
    Submit,
    Tick,
)
from services.intake.domain.forwarding import forwarded
from services.intake.domain.later import UnknownAgency, decide_event
from services.intake.domain.shape import bounded, other_reasons, time_of
from services.intake.domain.standing import decided, stands, to_stop
from services.intake.domain.state import FINAL, FIXING, LOOK_OVER, LOOKED_OVER, Pilot, Status, person_id, refused
from services.intake.domain.validation import Judged, judge
from services.law.decision import Context, Refusal
from services.law.faults import need_come, need_reasons
from services.law.hiding import says_anew
from services.law.years import need_years


def decide(state: Pilot | None, command: Command, context: Context[Given]) -> Sequence[Fact]:
    """What follows from a command. Raises Refusal for what an officer cannot do now."""
    match command:
        case Submit():
            return _submitted(command, context) if state is None else _again(state, command, context)
        case Later():
            return decide_event(state, command, context)
        case Refuse():
            return () if state is not None else (_refused(command, context),)
        case Accept():
            return _accepted(_registered(state), context)
        case ApplicationReturn():
            return _returned(_registered(state), command, context)
        case ApplicationStop():
            return _stopped(state, command, context)
        case Tick(due):
            return *contacts.expired(state, due, context), *terms.ticked(state, due, context)
        case EraseContacts():
            return contacts.erased(state, context)
        case Recalendar():
            return terms.recalendared(state, context)
        case Forward(fact):
            return forwarded(state, fact, context)
        case Note(fact):
            return noted(state, fact, context)
        case NoteTerm(fact):
            return expertise_term.noted(state, fact, context)
        case NoteHiding():
            return _hiding(state, command, context)
        case Remind():
            return reminded(state, command, context)
        case _:
            assert_never(command)


def anew(state: object, command: object, context: Context[Given]) -> bool:
    """Whether an agency's event that was decided on before is judged anew when it comes again: one that was refused
    made nothing, and what it was refused for may be over."""
    if not isinstance(state, Pilot) or not isinstance(command, Submit | Later):
        return False
    return context.given.comes_again and refused(state, command.event_id)


def _again(state: Pilot, command: Submit, context: Context[Given]) -> Sequence[Fact]:
    """An application that comes again. One that stands refused is judged anew, once in a batch; no fact where it is
    refused for the same."""
    if context.given.judged is None or not anew(state, command, context):
        return ()
    facts = _submitted(command, context)
    same = isinstance(facts[0], SubmissionRefusedV1) and not other_reasons(state.problems, facts[0].problems)
    return () if same else facts


def _refused(command: Refuse, context: Context[Given]) -> SubmissionRefusedV1:
    return SubmissionRefusedV1.made_of(
        command, actor=context.actor, received=context.now, problems=bounded(command.problems)
    )


def _submitted(command: Submit, context: Context[Given]) -> Sequence[Fact]:
    given = context.given
    if given.agency is None:
        raise UnknownAgency(f"agency {command.agency} is not in the directory")
    sent = time_of(command.event) or context.now
    edition = edition_for(given.agency, sent, given.rules)
    judged = given.judged
    if judged is None and (closed := shut(given.agency, context.now, given.rules)) is not None:
        judged = Judged((closed,))  # whatever else is wrong with it: nothing of it is taken
    judged = judged or judge(command.event, command.agency, edition, context.now, given.used, first_day(given.agency))
    if judged.submission is None or judged.envelope is None or edition is None:
        return (
            SubmissionRefusedV1(
                actor=context.actor,
                agency=command.agency,
                event_id=command.event_id,
                received=context.now,
                edition=edition.id if edition else None,
                problems=bounded(judged.problems),
            ),
        )
    assert given.number is not None, "a submission that can be registered is given a number"
    started = terms.started(LOOK_OVER, edition, context)
    registered = ApplicationRegisteredV1(
        actor=context.actor,
        agency=command.agency,
        event_id=command.event_id,
        event_type=judged.envelope.type,
        submitted=judged.envelope.time,
        received=context.now,
        came=context.arrived,
        edition=edition.id,
        agency_name=given.agency.name,
        problems=bounded(judged.problems),
        number=given.number,
        look_over_due_at=started.due_at,
        application=judged.submission.application(),
        contact_person_id=person_id(context.subject) if judged.submission.contact else None,
        contact_until=contacts.kept_until(edition, context.now) if judged.submission.contact else None,
    )
    return registered, started


def _registered(state: Pilot | None) -> Pilot:
    if state is None or state.status is not Status.REGISTERED:
        raise Refusal("application.not-open", stands=stands(state))
    return state


def _accepted(state: Pilot, context: Context[Given]) -> Sequence[Fact]:
    assert state.number and state.edition and state.application
    accepted = ApplicationAcceptedV1.made_of(state, actor=context.actor)
    return *terms.ended(state, context), accepted


def _returned(state: Pilot, command: ApplicationReturn, context: Context[Given]) -> Sequence[Fact]:
    assert state.number and state.edition
    edition = context.given.rules.edition(state.edition)
    need_reasons(command.reasons, edition)
    fixing = terms.started(FIXING, edition, context)
    returned = ApplicationReturnedV1.made_of(state, command, actor=context.actor, due_at=fixing.due_at)
    return *terms.ended(state, context), returned, fixing


def _stopped(state: Pilot | None, command: ApplicationStop, context: Context[Given]) -> Sequence[Fact]:
    if state is None or state.number is None or state.status in FINAL:
        raise Refusal("application.not-open", stands=stands(state))
    if state.status is Status.DECIDED:
        follows = to_stop(state)
        raise Refusal("pilot.decided", follows=follows, problems=(decided(follows, ""),))
    assert state.edition
    edition = context.given.rules.edition(state.edition)
    need_years(command, edition)
    need_come(command.basis.date, "/basis/date", context.now.astimezone(ZoneInfo(edition.zone)).date())
    stopped = ApplicationStoppedV1.made_of(state, command, actor=context.actor)
    return *terms.ended(state, context), stopped


def _hiding(state: Pilot | None, command: NoteHiding, context: Context[Given]) -> Sequence[Fact]:
    """What the expertise says of a conflict of interest is noted wherever the application stands, once; what an entry
    of the directory says alone, while the application is not there yet."""
    if state is None or not says_anew(state, command):
        return ()
    if command.by_entry and command.hidden and state.status not in LOOKED_OVER:
        return ()
    return (ConflictNotedV1.made_of(command, actor=context.actor),)
