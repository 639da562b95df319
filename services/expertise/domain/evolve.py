"""The case after a fact: pure and total. One small function for each type of fact."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from contracts.event import Fact
from contracts.expertise import (
    AnswersTakenV1,
    AppealDecidedV1,
    AppealOpenedV1,
    ApprovedConclusion,
    CaseClaimedV1,
    CaseReleasedV1,
    ConclusionAnnulledV1,
    ConclusionApprovedV1,
    ConclusionDraftedV1,
    ConclusionIssuedV1,
    ConclusionSentBackV1,
    ConflictConfirmedV1,
    ConflictDismissedV1,
    ConflictFoundV1,
    Ended,
    ExpertAcceptedV1,
    ExpertAssignedV1,
    ExpertDeclinedV1,
    ExpertRecheckedV1,
    ExpertReleasedV1,
    FurtherOpinionCalledV1,
    InformationRequestedV1,
    OpinionGivenV1,
    RequestClosedV1,
    ReviewClosedV1,
    ReviewOpenedV1,
    TermBreachedV1,
    TermEndedV1,
    TermExtendedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermResumedV1,
    TermStartedV1,
    TermSuspendedV1,
    TiesCheckedV1,
)
from contracts.reference import Standing
from services.expertise.domain.parts import (
    Conclusion,
    ConflictStatus,
    Draft,
    GivenOpinion,
    KnownAppeal,
    KnownConflict,
    KnownTies,
    Place,
    PlaceStatus,
    Request,
    Round,
)
from services.expertise.domain.state import Case
from services.law import terms

Changes = dict[str, Any]
"""Fields of the case and what they become."""


def evolve(state: Case | None, fact: Fact) -> Case | None:
    """The case after a fact."""
    if isinstance(fact, ReviewOpenedV1):
        return _opened(state, fact)
    change = CHANGES.get(type(fact))
    if state is None or change is None:
        return state
    return state.model_copy(update=change(state, fact))


def _opened(state: Case | None, fact: ReviewOpenedV1) -> Case:
    if state is None:
        return Case.made_of(fact)
    kept = ("agency", "number", "edition", "conclusions", "appeals", "conflicts", "ties", "approved")
    past = (*state.past, Round.made_of(state))
    return Case.made_of(fact, **{name: getattr(state, name) for name in kept}, past=past)


def _of_term(state: Case, fact: Fact) -> Changes:
    return {"terms": terms.evolve(state.terms, fact, terms.CountedTerm)}


# ---- people


def _with_place(state: Case, expert: str, **changes: Any) -> Changes:
    """An expert's standing assignment, changed."""
    return {
        "places": tuple(
            place.model_copy(update=changes) if place.active and place.expert == expert else place
            for place in state.places
        )
    }


def _claimed(_state: Case, fact: CaseClaimedV1) -> Changes:
    return {"operator": fact.operator_id}


def _released(_state: Case, _fact: CaseReleasedV1) -> Changes:
    return {"operator": None}


def _assigned(state: Case, fact: ExpertAssignedV1) -> Changes:
    return {"places": (*state.places, Place(seat=fact.seat, assigned=fact.at, assigned_by=fact.actor.id))}


def _accepted(state: Case, fact: ExpertAcceptedV1) -> Changes:
    return _with_place(state, fact.expert_id, status=PlaceStatus.ACCEPTED)


def _declined(state: Case, fact: ExpertDeclinedV1) -> Changes:
    return _with_place(state, fact.expert_id, status=PlaceStatus.DECLINED)


def _expert_released(state: Case, fact: ExpertReleasedV1) -> Changes:
    return _with_place(state, fact.expert_id, status=PlaceStatus.RELEASED)


def _rechecked(state: Case, fact: ExpertRecheckedV1) -> Changes:
    return _with_place(state, fact.seat.expert_id, seat=fact.seat)


# ---- conflicts


def _conflict_found(state: Case, fact: ConflictFoundV1) -> Changes:
    found = tuple(
        KnownConflict(expert_id=fact.expert_id, conflict=one, found=fact.at, raised_by=fact.actor.id)
        for one in fact.conflicts
    )
    return {"conflicts": (*state.conflicts, *found)}


def _conflict_dismissed(state: Case, fact: ConflictDismissedV1) -> Changes:
    """Marks those that are known; one that was dismissed before it was found is remembered as dismissed."""
    decided = {"status": ConflictStatus.DISMISSED, "decided_by": fact.actor.id, "why": fact.why}
    known = [one.conflict for one in state.conflicts if one.expert_id == fact.expert_id]
    marked = tuple(
        one.model_copy(update=decided)
        if one.expert_id == fact.expert_id and one.status is ConflictStatus.OPEN and one.conflict in fact.conflicts
        else one
        for one in state.conflicts
    )
    ahead = tuple(
        KnownConflict(expert_id=fact.expert_id, conflict=one, found=fact.at, raised_by=fact.actor.id, **decided)
        for one in fact.conflicts
        if one not in known
    )
    return {"conflicts": (*marked, *ahead)}


def _conflict_confirmed(state: Case, fact: ConflictConfirmedV1) -> Changes:
    decided = {"status": ConflictStatus.CONFIRMED, "decided_by": fact.actor.id, "why": fact.why}
    marked = tuple(
        one.model_copy(update=decided) if one.expert_id == fact.expert_id and one.status is ConflictStatus.OPEN else one
        for one in state.conflicts
    )
    # What was written on that expert's opinion must be written anew; an amendment was written on an appeal.
    counted, draft = state.place_of(fact.expert_id), state.draft
    rested = counted is not None and bool(counted.opinions) and draft is not None and draft.replaces is None
    return {
        "conflicts": marked,
        **_with_place(state, fact.expert_id, status=PlaceStatus.REMOVED),
        "draft": None if rested else draft,
    }


def _ties(state: Case, fact: TiesCheckedV1) -> Changes:
    others = tuple(one for one in state.ties if one.seat.expert_id != fact.expert_id)
    return {"ties": (*others, KnownTies.made_of(fact)) if fact.ties else others}


# ---- opinions and requests


def _opinion(state: Case, fact: OpinionGivenV1) -> Changes:
    place = state.place_of(fact.expert_id)
    if place is None:
        return {}
    given = GivenOpinion.made_of(fact, given=fact.at)
    return _with_place(state, fact.expert_id, opinions=(*place.opinions, given))


def _further(_state: Case, fact: FurtherOpinionCalledV1) -> Changes:
    return {"needed": fact.needed}


def _requested(state: Case, fact: InformationRequestedV1) -> Changes:
    asked = Request.made_of(
        fact, id=fact.request, asked=fact.at, asked_by=fact.actor.id, stopped_clock=fact.stops_clock
    )
    return {"requests": (*state.requests, asked)}


def _with_request(state: Case, id_: str, **changes: Any) -> Changes:
    return {"requests": tuple(one.model_copy(update=changes) if one.id == id_ else one for one in state.requests)}


def _answers(state: Case, fact: AnswersTakenV1) -> Changes:
    known = next((one.answers for one in state.requests if one.id == fact.request), ())
    return {"application": fact.application, **_with_request(state, fact.request, answers=(*known, *fact.answers))}


def _request_closed(state: Case, fact: RequestClosedV1) -> Changes:
    return _with_request(state, fact.request, outcome=fact.outcome)


# ---- conclusions, appeals, the end


def _drafted(state: Case, fact: ConclusionDraftedV1) -> Changes:
    wrote = state.wrote if fact.replaces is not None else _with_one(state.wrote, fact.actor.id)
    return {"draft": Draft.made_of(fact, author=fact.actor.id, written=fact.at), "wrote": wrote}


def _with_one(known: tuple[str, ...], person: str) -> tuple[str, ...]:
    return known if person in known else (*known, person)


def _sent_back(state: Case, fact: ConclusionSentBackV1) -> Changes:
    """The draft goes; an amendment that was not approved leaves its appeal undecided."""
    replaced = state.draft.replaces if state.draft else None
    undecided = {"outcome": None, "why": None, "decided_by": None, "decided_basis": None}
    appeals = tuple(
        one.model_copy(update=undecided) if replaced is not None and one.number == replaced else one
        for one in state.appeals
    )
    return {"draft": None, "appeals": appeals, "sent_back_by": _with_one(state.sent_back_by, fact.actor.id)}


def _approved(_state: Case, fact: ConclusionApprovedV1) -> Changes:
    return {"draft": None, "approved": ApprovedConclusion.made_of(fact)}


def _issued(state: Case, fact: ConclusionIssuedV1) -> Changes:
    before = _with_standing(state, fact.replaces, Standing.REPLACED) if fact.replaces else state.conclusions
    # After a repeat expertise the conclusion of the round before it holds no more, whatever becomes of the new one.
    over = {"standing": Standing.SUPERSEDED}
    known = [
        one.model_copy(update=over) if one.standing is Standing.IN_FORCE and one.round < fact.round else one
        for one in before
    ]
    return {"approved": None, "conclusions": (*known, Conclusion.made_of(fact))}


def _with_standing(state: Case, number: str | None, standing: Standing) -> tuple[Conclusion, ...]:
    return tuple(
        one.model_copy(update={"standing": standing}) if one.number == number else one for one in state.conclusions
    )


def _appealed(state: Case, fact: AppealOpenedV1) -> Changes:
    return {"appeals": (*state.appeals, KnownAppeal.made_of(fact, opened=fact.at, opened_by=fact.actor.id))}


def _appeal_decided(state: Case, fact: AppealDecidedV1) -> Changes:
    decided = {
        "outcome": fact.outcome,
        "why": fact.why,
        "decided_by": fact.actor.id,
        "decided_basis": fact.basis,
    }
    return {
        "appeals": tuple(
            one.model_copy(update=decided) if one.number == fact.number and one.outcome is None else one
            for one in state.appeals
        )
    }


def _annulled(state: Case, fact: ConclusionAnnulledV1) -> Changes:
    return {"conclusions": _with_standing(state, fact.number, Standing.ANNULLED)}


def _closed(_state: Case, fact: ReviewClosedV1) -> Changes:
    return {"closed": Ended.made_of(fact), "draft": None}


CHANGES: Final[Mapping[type[Fact], Callable[[Case, Any], Changes]]] = {
    TermStartedV1: _of_term,
    TermSuspendedV1: _of_term,
    TermResumedV1: _of_term,
    TermExtendedV1: _of_term,
    TermNearingV1: _of_term,
    TermBreachedV1: _of_term,
    TermRecalendaredV1: _of_term,
    TermEndedV1: _of_term,
    CaseClaimedV1: _claimed,
    CaseReleasedV1: _released,
    ExpertAssignedV1: _assigned,
    ExpertAcceptedV1: _accepted,
    ExpertDeclinedV1: _declined,
    ExpertReleasedV1: _expert_released,
    ExpertRecheckedV1: _rechecked,
    ConflictFoundV1: _conflict_found,
    ConflictDismissedV1: _conflict_dismissed,
    ConflictConfirmedV1: _conflict_confirmed,
    TiesCheckedV1: _ties,
    OpinionGivenV1: _opinion,
    FurtherOpinionCalledV1: _further,
    InformationRequestedV1: _requested,
    AnswersTakenV1: _answers,
    RequestClosedV1: _request_closed,
    ConclusionDraftedV1: _drafted,
    ConclusionSentBackV1: _sent_back,
    ConclusionApprovedV1: _approved,
    ConclusionIssuedV1: _issued,
    AppealOpenedV1: _appealed,
    AppealDecidedV1: _appeal_decided,
    ConclusionAnnulledV1: _annulled,
    ReviewClosedV1: _closed,
}
"""Every fact of a case but its opening, with the function that says what it changes."""
