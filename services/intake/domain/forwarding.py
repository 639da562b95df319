"""What the expertise does and the applicant must hear of: requests, conclusions, the end of a review.

What happened there happened: nothing is refused here. What does not fit how the application stands makes no fact.
"""

from collections.abc import Sequence
from typing import assert_never

from contracts.agency import ToldConclusion
from contracts.event import Fact
from contracts.expertise import (
    Closure,
    ConclusionAnnulledV1,
    ConclusionIssuedV1,
    InformationRequestedV1,
    RequestClosedV1,
    ReviewClosedV1,
    TermExtendedV1,
)
from contracts.intake import (
    ConclusionAnnulmentForwardedV1,
    ConclusionForwardedV1,
    ExpertiseClosedV1,
    InformationRequestClosedV1,
    InformationRequestForwardedV1,
    TermStartedV1,
)
from contracts.reference import Verdict
from services.intake.domain import terms
from services.intake.domain.agency import Given
from services.intake.domain.commands import CLARIFICATION, Forwarded
from services.intake.domain.state import ANSWERED, FINAL, FIXING, Pilot, Status
from services.law.decision import Context


def forwarded(state: Pilot | None, fact: Forwarded, context: Context[Given]) -> Sequence[Fact]:
    """What follows here from a fact of the expertise."""
    if state is None or state.number is None or state.status in FINAL:
        return ()
    match fact:
        case InformationRequestedV1():
            return _requested(state, fact, context)
        case TermExtendedV1():
            return _extended(state, fact, context)
        case RequestClosedV1():
            return _request_closed(state, fact, context)
        case ConclusionIssuedV1():
            return _concluded(state, fact, context)
        case ConclusionAnnulledV1():
            return _annulled(state, fact, context)
        case ReviewClosedV1():
            return _closed(state, fact, context)
        case _:
            assert_never(fact)


def _of_this(state: Pilot, submission: int, *statuses: Status) -> bool:
    """Whether a fact speaks of the submission that stands here; one of an older submission moves nothing."""
    return state.status in statuses and state.submission == submission


def _extended(state: Pilot, fact: TermExtendedV1, context: Context[Given]) -> Sequence[Fact]:
    """The request again, with its new due time and what is still to be answered. One that was answered in full here
    has nothing left that could be late."""
    if fact.kind != CLARIFICATION or state.status is not Status.ACCEPTED:
        return ()
    due = fact.clock.due_at
    return tuple(
        InformationRequestForwardedV1(
            actor=context.actor,
            agency=state.agency,
            number=state.number or "",
            request=one.id,
            items=tuple(item for item in one.items if item.id in one.open_items),
            on_expiry=one.on_expiry,
            due_at=due,
        )
        for one in state.open_requests[-1:]
        if one.due_at != due
    )


def _requested(state: Pilot, fact: InformationRequestedV1, context: Context[Given]) -> Sequence[Fact]:
    if not _of_this(state, fact.submission, Status.ACCEPTED) or state.request(fact.request) is not None:
        return ()
    return (
        InformationRequestForwardedV1(
            actor=context.actor,
            agency=state.agency,
            number=state.number or "",
            request=fact.request,
            items=fact.items,
            on_expiry=fact.on_expiry,
            due_at=fact.due_at,
        ),
    )


def _request_closed(state: Pilot, fact: RequestClosedV1, context: Context[Given]) -> Sequence[Fact]:
    """The last answer closed it here already; where it came too late there, the applicant hears of that."""
    known, outcome = state.request(fact.request), fact.outcome.value
    if known is None or known.outcome not in (None, ANSWERED) or known.outcome == outcome:
        return ()
    closed = InformationRequestClosedV1(
        actor=context.actor, agency=state.agency, number=state.number or "", request=known.id, outcome=outcome
    )
    return (closed,)


def _concluded(state: Pilot, fact: ConclusionIssuedV1, context: Context[Given]) -> Sequence[Fact]:
    """The time for changes begins with a negative conclusion, where a round is left. A conclusion on what was
    sent anew meanwhile (an appeal amended it) is told, and moves nothing."""
    awaited = _of_this(state, fact.submission, Status.ACCEPTED, Status.CONCLUDED)
    again = awaited and fact.verdict is Verdict.NEGATIVE and fact.rounds_left > 0
    fixing = (_time_for_changes(state, context),) if again else ()
    told = ConclusionForwardedV1.made_of(
        ToldConclusion.made_of(fact),
        actor=context.actor,
        agency=state.agency,
        number=state.number or "",
        conclusion_number=fact.number,
        may_resubmit=again,
        overtaken=not awaited,
        due_at=fixing[0].due_at if fixing else None,
    )
    over = terms.ended(state, context) if awaited else ()
    return (*over, told, *fixing)


def _annulled(state: Pilot, fact: ConclusionAnnulledV1, context: Context[Given]) -> Sequence[Fact]:
    if state.conclusion is None or state.conclusion.number != fact.number:
        return ()
    over = terms.ended(state, context) if state.status is Status.CONCLUDED else ()
    told = ConclusionAnnulmentForwardedV1(
        actor=context.actor, agency=state.agency, number=state.number or "", conclusion_number=fact.number
    )
    return *over, told


def _closed(state: Pilot, fact: ReviewClosedV1, context: Context[Given]) -> Sequence[Fact]:
    """Withdrawn, stopped and overtaken reviews were ended from here."""
    if fact.outcome not in (Closure.RETURNED, Closure.REFUSED):
        return ()
    if not _of_this(state, fact.submission, Status.ACCEPTED):
        return ()
    fixing = (_time_for_changes(state, context),) if fact.outcome is Closure.RETURNED else ()
    closed = ExpertiseClosedV1(
        actor=context.actor,
        agency=state.agency,
        number=state.number or "",
        outcome=fact.outcome.value,
        reasons=fact.reasons,
        due_at=fixing[0].due_at if fixing else None,
    )
    return (closed, *fixing)


def _time_for_changes(state: Pilot, context: Context[Given]) -> TermStartedV1:
    assert state.edition, "what was registered has an edition"
    edition = context.given.rules.edition(state.edition)
    return terms.started(FIXING, edition, context)
