"""The pilot after a fact: pure and total. One small function for each type of fact."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from contracts.event import Dated, Fact, Moment
from contracts.reference import Effectiveness, Expediency, Standing
from contracts.registry import (
    AgreementFailedV1,
    AgreementRecordedV1,
    AnnulmentRecordedV1,
    ApplicationAmendedV1,
    ApplicationOutcome,
    ApplicationOutcomeRecordedV1,
    CommissionNamedV1,
    ConclusionRecordedV1,
    ConflictNotedV1,
    CreditDecidedV1,
    EffectivenessJudgedV1,
    EffectivenessProposedV1,
    EntryCorrectedV1,
    ExpediencyDecidedV1,
    PilotCompletedV1,
    PilotEnteredV1,
    PilotExtendedV1,
    PilotLaunchedV1,
    PilotResumedV1,
    PilotStoppedV1,
    PilotSuspendedV1,
    ProgressRecordedV1,
    ReplicaLinkedV1,
    ReplicaResultNotedV1,
    ResultRecordedV1,
    RiskRecordedV1,
    ScalingDecidedV1,
    SpendingRecordedV1,
    TermBreachedV1,
    TermEndedV1,
    TermExtendedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermRecordedV1,
    TermResumedV1,
    TermStage,
    TermStartedV1,
    TermSuspendedV1,
)
from contracts.steps import (
    AgreementEntry,
    Commission,
    Correctable,
    CreditDecision,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotExtension,
    Proposal,
    Scaling,
    ScalingDecision,
)
from contracts.topics import INTAKE
from services.law import terms
from services.law.hiding import hidden_after
from services.registry.domain.corrections import corrected
from services.registry.domain.reported import Entries, Telling
from services.registry.domain.stages import CONCLUDED, SETTLED, Stage
from services.registry.domain.state import (
    Ending,
    OwnTerm,
    PastTerms,
    Pause,
    Pilot,
    Replica,
    RunningTerm,
    StandingConclusion,
    Stay,
    counted,
    past_of,
)

Changes = dict[str, Any]
"""Fields of the pilot and what they become."""
AFTER_OUTCOME: Final = {
    ApplicationOutcome.ACCEPTED: Stage.EXPERTISE,
    ApplicationOutcome.RETURNED: Stage.RETURNED,
    ApplicationOutcome.RESUBMITTED: Stage.LOOK_OVER,
    ApplicationOutcome.WITHDRAWN: Stage.WITHDRAWN,
    ApplicationOutcome.STOPPED: Stage.STOPPED,
    ApplicationOutcome.LAPSED: Stage.LAPSED,
    ApplicationOutcome.REFUSED: Stage.REFUSED,
}
AFTER_COUNCIL: Final = {
    Expediency.EXPEDIENT: Stage.EXPEDIENT,
    Expediency.NOT_EXPEDIENT: Stage.NOT_EXPEDIENT,
    Expediency.POSTPONED: Stage.COUNCIL,
}
AFTER_JUDGEMENT: Final = {
    Effectiveness.EFFECTIVE: Stage.EFFECTIVE,
    Effectiveness.PARTLY: Stage.PARTLY_EFFECTIVE,
    Effectiveness.INEFFECTIVE: Stage.INEFFECTIVE,
}
AFTER_SCALING: Final = {
    Scaling.SCALE: Stage.SCALED,
    Scaling.DO_NOT_SCALE: Stage.NOT_SCALED,
    Scaling.CATALOGUE_ONLY: Stage.CATALOGUED,
}


def evolve(state: Pilot | None, fact: Fact) -> Pilot | None:
    """The pilot after a fact."""
    if isinstance(fact, PilotEnteredV1):
        return _entered(fact)
    change = CHANGES.get(type(fact))
    if state is None or change is None:
        return state
    after = state.model_copy(update=change(state, fact))
    return after.model_copy(update={"history": _history(after, fact.at)}) if isinstance(fact, Dated) else after


def _entered(fact: PilotEnteredV1) -> Pilot:
    first = Stay(stage=Stage.LOOK_OVER, sector=fact.application.sector, since=fact.entered)
    return Pilot.made_of(fact, stage=Stage.LOOK_OVER, turn=_turn(fact), history=(first,), entries=Entries())


def _history(state: Pilot, at: Moment) -> tuple[Stay, ...]:
    """The stays with a new one, if the fact of this moment moved the pilot to another stage or sector."""
    if not state.history:
        # What an earlier program has stored.
        return (Stay(stage=state.stage, sector=state.application.sector, since=at),)
    *before, last = state.history
    at = max(at, last.since)  # the clocks of two replicas may differ, the order of the facts does not
    if (last.stage, last.sector) == (state.stage, state.application.sector):
        return state.history
    now = Stay(stage=state.stage, sector=state.application.sector, since=at)
    return (*before, last.model_copy(update={"until": at}), now)


def _turn(fact: Fact) -> int:
    # What the engine stamps on a fact of this service: how far in intake's series it was with it.
    return fact.after.get(INTAKE, 0)


# ---- what the other services say


def _became(state: Pilot, fact: ApplicationOutcomeRecordedV1) -> Changes:
    if state.stage in SETTLED:
        return {}
    return {
        "stage": AFTER_OUTCOME[fact.outcome],
        "turn": _turn(fact),
        "reasons": fact.reasons,
        "text": fact.text,
        "basis": fact.basis,
        "application": fact.application or state.application,
    }


def _amended(state: Pilot, fact: ApplicationAmendedV1) -> Changes:
    return {} if state.stage in SETTLED else {"application": fact.application}


def _foreign_term(state: Pilot, fact: TermRecordedV1) -> Changes:
    # In the order of their kinds: the terms of two services may come to be known in any order.
    others = [one for one in state.foreign_terms if one.kind != fact.kind]
    if fact.stage is TermStage.ENDED:
        return {"foreign_terms": tuple(others), "past_terms": _past_terms(state, fact.kind)}
    changed = RunningTerm(kind=fact.kind, due_at=fact.due_at, breached=fact.stage is TermStage.BREACHED)
    return {"foreign_terms": tuple(sorted([*others, changed], key=lambda one: one.kind))}


def _past_terms(state: Pilot, kind: str) -> tuple[PastTerms, ...]:
    ended = next((one for one in state.foreign_terms if one.kind == kind), None)
    return state.past_terms if ended is None else counted(state.past_terms, kind, broken=ended.breached)


def _concluded(state: Pilot, fact: ConclusionRecordedV1) -> Changes:
    earlier = _overtaken(_standing(state.conclusions, fact.replaces, Standing.REPLACED), fact.round)
    # An amendment of what was concluded before does not end a round that has begun since.
    ends_round = state.stage is Stage.EXPERTISE and (fact.replaces is None or state.conclusion is None)
    moves = not fact.overtaken and (ends_round or state.stage in CONCLUDED)
    stage = Stage.COUNCIL if fact.to_council else Stage.NEGATIVE
    return {"conclusions": (*earlier, StandingConclusion.made_of(fact)), "stage": stage if moves else state.stage}


def _annulled(state: Pilot, fact: AnnulmentRecordedV1) -> Changes:
    # Where the application has taken a turn since, the pilot stands at no conclusion any more.
    in_force = state.conclusion is not None and state.conclusion.number == fact.number
    moves = in_force and state.stage in CONCLUDED
    return {
        "conclusions": _standing(state.conclusions, fact.number, Standing.ANNULLED),
        "stage": Stage.EXPERTISE if moves else state.stage,
    }


def _standing(
    conclusions: tuple[StandingConclusion, ...], number: str | None, standing: Standing
) -> tuple[StandingConclusion, ...]:
    return tuple(c.model_copy(update={"standing": standing}) if c.number == number else c for c in conclusions)


def _overtaken(conclusions: tuple[StandingConclusion, ...], round: int) -> tuple[StandingConclusion, ...]:
    """The conclusions once one of this round is there: after a repeat that of the round before holds no more."""
    return tuple(
        c.model_copy(update={"standing": Standing.SUPERSEDED})
        if c.standing is Standing.IN_FORCE and c.round < round
        else c
        for c in conclusions
    )


def _reported(state: Pilot, fact: Telling) -> Changes:
    """What the reports come to; and all entries, where they were asked for."""
    entries = None if state.entries is None else state.entries.after(fact)
    return {"reported": state.reported.after(fact), "entries": entries}


def _risks(state: Pilot, fact: RiskRecordedV1) -> Changes:
    """The same id again replaces what was said before."""
    known = {risk.id: risk for risk in (*state.risks, *fact.risks)}
    return {"risks": tuple(known.values())}


def _completed(state: Pilot, fact: PilotCompletedV1) -> Changes:
    return {
        "stage": Stage.FINISHED,
        "ending": Ending(on=fact.finished, text=fact.summary),
        **_reported(state, fact),
        "pauses": _closed(state.pauses, fact.finished),
    }


def _closed(pauses: tuple[Pause, ...], on: date) -> tuple[Pause, ...]:
    """The pauses, none of them open: what stood still to the end did so until that day."""
    return tuple(
        one if one.until is not None else one.model_copy(update={"until": max(one.since, on)}) for one in pauses
    )


# ---- what officials enter


def _expediency(state: Pilot, fact: ExpediencyDecidedV1) -> Changes:
    return {
        "stage": AFTER_COUNCIL[fact.decision],
        "decisions": (*state.decisions, ExpediencyDecision.made_of(fact)),
        "executor": fact.executor,
    }


def _credited(_state: Pilot, fact: CreditDecidedV1) -> Changes:
    stage = Stage.CREDITED if fact.granted else Stage.NOT_CREDITED
    return {"stage": stage, "credit": CreditDecision.made_of(fact)}


def _agreed(_state: Pilot, fact: AgreementRecordedV1) -> Changes:
    agreement = AgreementEntry.made_of(fact)
    return {"stage": Stage.AGREED, "agreement": agreement, "executor": fact.agreement.executor}


def _not_agreed(_state: Pilot, fact: AgreementFailedV1) -> Changes:
    return {"stage": Stage.NOT_AGREED, "text": fact.why, "basis": fact.basis}


def _launched(_state: Pilot, fact: PilotLaunchedV1) -> Changes:
    return {"stage": Stage.RUNNING, "launch": Launch.made_of(fact)}


def _suspended(state: Pilot, fact: PilotSuspendedV1) -> Changes:
    return {"stage": Stage.SUSPENDED, "pauses": (*state.pauses, Pause.made_of(fact))}


def _resumed(state: Pilot, fact: PilotResumedV1) -> Changes:
    if not state.pauses:
        return {"stage": Stage.RUNNING}
    over = state.pauses[-1].model_copy(update={"until": fact.since, "resumed": fact.basis})
    return {"stage": Stage.RUNNING, "pauses": (*state.pauses[:-1], over)}


def _prolonged(state: Pilot, fact: PilotExtendedV1) -> Changes:
    return {"prolongations": (*state.prolongations, PilotExtension.made_of(fact))}


def _stopped(state: Pilot, fact: PilotStoppedV1) -> Changes:
    return {
        "stage": Stage.STOPPED_EARLY,
        "ending": Ending(on=fact.stopped, text=fact.why, basis=fact.basis),
        "pauses": _closed(state.pauses, fact.stopped),
    }


def _commission(_state: Pilot, fact: CommissionNamedV1) -> Changes:
    return {"commission": Commission.made_of(fact)}


def _proposed(_state: Pilot, fact: EffectivenessProposedV1) -> Changes:
    return {"stage": Stage.AT_COMMISSION, "proposal": Proposal.made_of(fact)}


def _judged(_state: Pilot, fact: EffectivenessJudgedV1) -> Changes:
    return {"stage": AFTER_JUDGEMENT[fact.outcome], "judgement": Judgement.made_of(fact)}


def _scaled(_state: Pilot, fact: ScalingDecidedV1) -> Changes:
    return {"stage": AFTER_SCALING[fact.decision], "scaling": ScalingDecision.made_of(fact)}


def _corrected(state: Pilot, fact: EntryCorrectedV1) -> Changes:
    return {**corrected(state, Correctable(fact.what), fact.place, fact.now), **_reported(state, fact)}


def _replica(state: Pilot, fact: ReplicaLinkedV1) -> Changes:
    replica = Replica(pilot=fact.replica, number=fact.replica_number, adaptation=fact.adaptation)
    return {"replicas": (*state.replicas, replica)}


def _hiding(state: Pilot, fact: ConflictNotedV1) -> Changes:
    return {**hidden_after(state, fact)}


def _replica_result(state: Pilot, fact: ReplicaResultNotedV1) -> Changes:
    return {
        "replicas": tuple(
            one.model_copy(update={"outcome": fact.outcome}) if one.pilot == fact.replica else one
            for one in state.replicas
        )
    }


def _of_term(state: Pilot, fact: Fact) -> Changes:
    own = terms.evolve(state.own_terms, fact, OwnTerm)
    return {
        "own_terms": tuple(one for one in own if one.open),
        "past_own_terms": past_of(own, state.past_own_terms),
    }


CHANGES: Final[Mapping[type[Fact], Callable[[Pilot, Any], Changes]]] = {
    ApplicationOutcomeRecordedV1: _became,
    ApplicationAmendedV1: _amended,
    TermRecordedV1: _foreign_term,
    ConclusionRecordedV1: _concluded,
    AnnulmentRecordedV1: _annulled,
    ProgressRecordedV1: _reported,
    SpendingRecordedV1: _reported,
    RiskRecordedV1: _risks,
    ResultRecordedV1: _reported,
    PilotCompletedV1: _completed,
    ExpediencyDecidedV1: _expediency,
    CreditDecidedV1: _credited,
    AgreementRecordedV1: _agreed,
    AgreementFailedV1: _not_agreed,
    PilotLaunchedV1: _launched,
    PilotSuspendedV1: _suspended,
    PilotResumedV1: _resumed,
    PilotExtendedV1: _prolonged,
    PilotStoppedV1: _stopped,
    CommissionNamedV1: _commission,
    EffectivenessProposedV1: _proposed,
    EffectivenessJudgedV1: _judged,
    ScalingDecidedV1: _scaled,
    EntryCorrectedV1: _corrected,
    ReplicaLinkedV1: _replica,
    ReplicaResultNotedV1: _replica_result,
    ConflictNotedV1: _hiding,
    TermStartedV1: _of_term,
    TermSuspendedV1: _of_term,
    TermResumedV1: _of_term,
    TermExtendedV1: _of_term,
    TermNearingV1: _of_term,
    TermBreachedV1: _of_term,
    TermRecalendaredV1: _of_term,
    TermEndedV1: _of_term,
}
"""Every fact of a pilot but its entry, with the function that says what it changes."""
