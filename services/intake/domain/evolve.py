"""How facts change what intake keeps of a pilot. Total: no fact that happened is refused."""

from datetime import datetime
from typing import Any, Final, assert_never

from contracts.agency import ReceiptConclusion, ReceiptDecision, ReceiptOutcome, ReceiptStep
from contracts.event import Fact
from contracts.expertise import Closure, RequestOutcome
from contracts.intake import (
    ApplicationAcceptedV1,
    ApplicationLapsedV1,
    ApplicationRegisteredV1,
    ApplicationReturnedV1,
    ApplicationStoppedV1,
    CarryingOutNotedV1,
    ClarificationRegisteredV1,
    CompletionRegisteredV1,
    ConclusionAnnulmentForwardedV1,
    ConclusionForwardedV1,
    ConflictNotedV1,
    ContactErasedV1,
    DecisionForwardedV1,
    EventRefusedV1,
    ExpertiseClosedV1,
    ExpertiseTermNotedV1,
    InformationRequestClosedV1,
    InformationRequestForwardedV1,
    PilotFact,
    ProgressRegisteredV1,
    ResubmissionRegisteredV1,
    ResultRegisteredV1,
    RiskRegisteredV1,
    SpendingRegisteredV1,
    StepForwardedV1,
    SubmissionRefusedV1,
    TermBreachedV1,
    TermEndedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermReminderForwardedV1,
    TermStartedV1,
    WithdrawalRegisteredV1,
)
from contracts.reference import Clock, ItemId, Problem
from contracts.steps import ApplicationStop
from services.intake.domain.report_history import with_correction, with_report
from services.intake.domain.state import (
    ANSWERED,
    FINAL,
    LOOK_OVER,
    CarryingOut,
    ExpertiseTerm,
    KeptContact,
    Pilot,
    Request,
    Status,
    Told,
)
from services.law import terms
from services.law.hiding import hidden_after

OUTCOMES_KEPT: Final = 100
"""Of how many of an agency's later events a pilot tells the outcome; older receipts stand in the topic alone."""
PROBLEMS_KEPT: Final = 10
"""Of how many of these it tells the problems too."""
FALLEN_AWAY: Final = RequestOutcome.CLOSED
"""The outcome of a request that has nobody to ask any more."""


def evolve(state: Pilot | None, fact: Fact) -> Pilot | None:
    """The submission after a fact. One that only a newer program knows changes nothing that this one keeps."""
    if isinstance(fact, ApplicationRegisteredV1):
        return Pilot.made_of(fact, status=Status.REGISTERED, contacts=_kept(fact), events=_told_before(state))
    if isinstance(fact, SubmissionRefusedV1):
        return Pilot.made_of(fact, status=Status.REFUSED, events=_told_before(state))
    if isinstance(fact, ContactErasedV1) and state is not None:
        left = tuple(one for one in state.contacts if one.person_id not in fact.person_ids)
        asked = None if state.contact_person_id in fact.person_ids else state.contact_person_id
        return _with(state, contacts=left, contact_person_id=asked)
    return _evolve(state, fact) if state is not None and isinstance(fact, PilotFact) else state


def _told_before(state: Pilot | None) -> tuple[Told, ...]:
    """What was told of later events while the application stood refused: it may be judged anew."""
    return () if state is None else state.events


def _kept(fact: ApplicationRegisteredV1 | ResubmissionRegisteredV1) -> tuple[KeptContact, ...]:
    if fact.contact_person_id is None or fact.contact_until is None:
        return ()
    return (KeptContact(person_id=fact.contact_person_id, until=fact.contact_until),)


def _evolve(state: Pilot, fact: PilotFact) -> Pilot:
    match fact:
        case TermStartedV1() | TermEndedV1() | TermBreachedV1() | TermNearingV1() | TermRecalendaredV1():
            return _counted(state, fact)
        case ApplicationAcceptedV1():
            return _with(state, status=Status.ACCEPTED)
        case ApplicationReturnedV1():
            return _with(state, status=Status.RETURNED, reasons=fact.reasons)
        case ApplicationStoppedV1():
            return _with(_over(state, Status.STOPPED), stopped=ApplicationStop.made_of(fact))
        case ApplicationLapsedV1():
            return _over(state, Status.LAPSED)
        case ResubmissionRegisteredV1() | ClarificationRegisteredV1() | WithdrawalRegisteredV1() | EventRefusedV1():
            return _after_event(state, fact)
        case ProgressRegisteredV1() | SpendingRegisteredV1() | RiskRegisteredV1() | ResultRegisteredV1():
            taken = _with(state, taken=with_report(state.taken, fact))
            return _tell(taken, fact.event_id, ReceiptOutcome.REPORTED, fact.problems)
        case CompletionRegisteredV1():
            finished = _with(state, finished=fact.finished, taken=with_report(state.taken, fact))
            return _tell(finished, fact.event_id, ReceiptOutcome.REPORTED, fact.problems)
        case CarryingOutNotedV1():
            return _noted(state, fact)
        case ConflictNotedV1():
            return _with(state, **hidden_after(state, fact))
        case InformationRequestForwardedV1() | InformationRequestClosedV1():
            return _asked(state, fact)
        case ConclusionForwardedV1() | ConclusionAnnulmentForwardedV1() | ExpertiseClosedV1():
            return _concluded(state, fact)
        case DecisionForwardedV1():
            return _with(state, decision=ReceiptDecision.made_of(fact))
        case StepForwardedV1():
            others = tuple(one for one in state.steps if one.step != fact.step)
            return _with(state, steps=(*others, ReceiptStep.made_of(fact)))
        case ExpertiseTermNotedV1():
            return _with(state, expertise=ExpertiseTerm.made_of(fact))
        case ApplicationRegisteredV1() | SubmissionRefusedV1() | TermReminderForwardedV1():
            return state
        case _:
            assert_never(fact)


def _noted(state: Pilot, fact: CarryingOutNotedV1) -> Pilot:
    """Out of intake's hands: the Council has decided. What had ended here before that was known stays ended."""
    taken = state.taken if fact.corrected is None else with_correction(state.taken, fact.corrected)
    noted = _with(state, carrying_out=CarryingOut.made_of(fact), taken=taken)
    return noted if state.status in FINAL else _over(noted, Status.DECIDED)


def _after_event(
    state: Pilot,
    fact: ResubmissionRegisteredV1 | ClarificationRegisteredV1 | WithdrawalRegisteredV1 | EventRefusedV1,
) -> Pilot:
    """After a later event of the agency."""
    match fact:
        case ResubmissionRegisteredV1():
            again = _with(
                _over(state, Status.REGISTERED),
                submission=fact.submission,
                resubmitted=fact.received,
                application=fact.application,
                met=fact.met,
                # Who was to be asked before is still the one to ask, where nobody else is named (assumption).
                contact_person_id=fact.contact_person_id or state.contact_person_id,
                contacts=(*state.contacts, *_kept(fact)),
                decided=None,
                reasons=(),
            )
            return _tell(again, fact.event_id, ReceiptOutcome.RESUBMITTED, fact.problems)
        case ClarificationRegisteredV1():
            outcome = None if fact.open_items else ANSWERED
            answered = _with_request(state, fact.request, outcome, fact.open_items)
            return _tell(
                _with(answered, application=fact.application),
                fact.event_id,
                ReceiptOutcome.ANSWERS_TAKEN,
                fact.problems,
            )
        case WithdrawalRegisteredV1():
            return _tell(_over(state, Status.WITHDRAWN), fact.event_id, ReceiptOutcome.WITHDRAWN, fact.problems)
        case EventRefusedV1():
            return _tell(state, fact.event_id, ReceiptOutcome.REFUSED, fact.problems)
        case _:
            assert_never(fact)


def _asked(state: Pilot, fact: InformationRequestForwardedV1 | InformationRequestClosedV1) -> Pilot:
    """After what the expertise asks the applicant: a request that is open already has a new due time alone."""
    if isinstance(fact, InformationRequestClosedV1):
        return _with_request(state, fact.request, fact.outcome)
    known = state.request(fact.request)
    if known is not None and known.outcome is None:
        later = known.model_copy(update={"due_at": fact.due_at})
        return _with(state, requests=tuple(later if one is known else one for one in state.requests))
    open_items = tuple(item.id for item in fact.items)
    asked = Request.made_of(fact, id=fact.request, open_items=open_items)
    others = tuple(one for one in state.requests if one.id != fact.request)
    return _with(state, requests=(*others, asked))


def _concluded(state: Pilot, fact: ConclusionForwardedV1 | ConclusionAnnulmentForwardedV1 | ExpertiseClosedV1) -> Pilot:
    """After what the expertise ended in, with a conclusion or without."""
    match fact:
        case ConclusionForwardedV1():
            conclusion = ReceiptConclusion.made_of(fact, number=fact.conclusion_number)
            concluded = not fact.overtaken and state.status in (Status.ACCEPTED, Status.CONCLUDED)
            return _with(state, status=Status.CONCLUDED if concluded else state.status, conclusion=conclusion)
        case ConclusionAnnulmentForwardedV1():
            back = state.status is Status.CONCLUDED
            gone = state.conclusion is not None and state.conclusion.number == fact.conclusion_number
            return _with(
                state,
                status=Status.ACCEPTED if back else state.status,
                conclusion=None if gone else state.conclusion,
            )
        case ExpertiseClosedV1(outcome=Closure.REFUSED):
            return _with(_over(state, Status.REFUSED_IN_EXPERTISE), reasons=fact.reasons)
        case ExpertiseClosedV1():
            return _with(_over(state, Status.RETURNED), reasons=fact.reasons)
        case _:
            assert_never(fact)


def _counted(
    state: Pilot, fact: TermStartedV1 | TermEndedV1 | TermBreachedV1 | TermNearingV1 | TermRecalendaredV1
) -> Pilot:
    """After something that happened to a term; of each kind the last one is kept."""
    if isinstance(fact, TermStartedV1) and fact.clock.due_at is None:
        # Facts from before clocks were in them say the due time alone.
        fact = fact.model_copy(update={"clock": Clock(due_at=fact.due_at, alarm_at=fact.due_at)})
    last = {one.kind: one for one in terms.evolve(state.terms, fact, terms.CountedTerm)}
    counted = _with(state, terms=tuple(last.values()))
    if isinstance(fact, TermEndedV1) and fact.kind == LOOK_OVER and state.look_over is not None:
        return _with(counted, decided=fact.ended)
    return counted


def _with_request(state: Pilot, id_: str, outcome: str | None, open_items: tuple[ItemId, ...] = ()) -> Pilot:
    def changed(one: Request) -> Request:
        if outcome is None:
            return one.model_copy(update={"open_items": open_items})
        return Request(id=one.id, on_expiry=one.on_expiry, outcome=outcome)

    return _with(state, requests=tuple(changed(one) if one.id == id_ else one for one in state.requests))


def _over(state: Pilot, status: Status) -> Pilot:
    """The expertise has nothing in hand any more, so what it asked for has fallen away."""
    closed = _with(state, status=status)
    for one in state.open_requests:
        closed = _with_request(closed, one.id, FALLEN_AWAY)
    return closed


def _tell(state: Pilot, event_id: str, outcome: ReceiptOutcome, problems: tuple[Problem, ...] = ()) -> Pilot:
    others = (one for one in state.events if one.event_id != event_id)  # it may have been refused before
    known = (*others, Told(event_id=event_id, outcome=outcome, problems=problems))[-OUTCOMES_KEPT:]
    old, new = known[:-PROBLEMS_KEPT], known[-PROBLEMS_KEPT:]
    bare = tuple(one.model_copy(update={"problems": ()}) if one.problems else one for one in old)
    return _with(state, events=(*bare, *new))


def _with(state: Pilot, **changes: Any) -> Pilot:
    return state.model_copy(update=changes)


def due(state: Pilot) -> datetime | None:
    """When the timer must fire next: at the running term's next reminder, at its end, or when a contact person's data
    goes."""
    moments = [terms.next_alarm(state.terms), *(one.until for one in state.contacts)]
    return min((one for one in moments if one is not None), default=None)
