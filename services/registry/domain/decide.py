"""A pilot of the register: what follows from each command, and when its timer must fire."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from contracts.event import Fact
from contracts.registry import ReplicaLinkedV1, ReplicaResultNotedV1
from contracts.rules import RuleBook
from services.law.decision import Context, Decision, Refusal
from services.law.terms import next_alarm
from services.registry.domain import agreeing, carrying_out, correcting, council, judging, recording
from services.registry.domain.commands import (
    Agree,
    Command,
    Correct,
    DecideCredit,
    DecideExpediency,
    DecideScaling,
    Deciding,
    Enter,
    FailToAgree,
    Judge,
    Launch,
    LinkReplica,
    NameCommission,
    NoteReplicaResult,
    Prolong,
    Propose,
    Recalendar,
    RecordAmendment,
    RecordAnnulment,
    RecordCompletion,
    RecordConclusion,
    Recording,
    RecordOutcome,
    RecordProgress,
    RecordResults,
    RecordRisks,
    RecordSpending,
    RecordTerm,
    Resume,
    StopEarly,
    Suspend,
    Tick,
)
from services.registry.domain.evolve import evolve
from services.registry.domain.state import KIND, Pilot, Stage, next_move
from services.registry.domain.terms import TERMS, PilotDecision

__all__ = ["KIND", "Pilot", "Stage", "decide", "due", "evolve", "next_move"]


def decide(state: Pilot | None, command: Command, context: Context[RuleBook]) -> Sequence[Fact]:
    """What follows from a command. What other services say is recorded; people's steps must be in order."""
    if state is None:
        if isinstance(command, Enter):
            decision = Decision[Pilot](None, evolve, context.given.edition(command.edition), context)
            recording.enter(decision, command)
            return decision.facts
        if isinstance(command, Deciding):
            raise Refusal("pilot.unknown", "There is no such pilot.", status=404)
        return ()
    decision = Decision(state, evolve, context.given.edition(state.edition), context)
    _carry_out(decision, command)
    return decision.facts


def _carry_out(decision: PilotDecision, command: Command) -> None:
    match command:
        case LinkReplica(replica, number, adaptation):
            if all(one.pilot != replica for one in decision.state.replicas):
                linked = ReplicaLinkedV1(
                    actor=decision.actor, replica=replica, replica_number=number, adaptation=adaptation
                )
                decision.then(linked)
        case NoteReplicaResult(replica, outcome):
            if any(one.pilot == replica and one.outcome is not outcome for one in decision.state.replicas):
                decision.then(ReplicaResultNotedV1(actor=decision.actor, replica=replica, outcome=outcome))
        case Tick(moment):
            TERMS.announce(decision, moment)
        case Recalendar():
            TERMS.recalendar(decision)
        case _ if isinstance(command, Deciding):
            _decide(decision, command)
        case _:
            _record(decision, command)


def _record(decision: PilotDecision, command: Recording) -> None:
    match command:
        case Enter():
            return
        case RecordOutcome():
            recording.outcome(decision, command)
        case RecordAmendment():
            recording.amendment(decision, command)
        case RecordTerm():
            recording.foreign_term(decision, command)
        case RecordConclusion():
            recording.conclusion(decision, command)
        case RecordAnnulment(round, number):
            recording.annulment(decision, round, number)
        case RecordProgress():
            recording.progress(decision, command)
        case RecordSpending():
            recording.spending(decision, command)
        case RecordRisks():
            recording.risks(decision, command)
        case RecordResults():
            recording.results(decision, command)
        case RecordCompletion():
            recording.completion(decision, command)
        case _:
            assert_never(command)


def _decide(decision: PilotDecision, command: Deciding) -> None:
    match command:
        case DecideExpediency():
            council.expediency(decision, command)
        case DecideCredit():
            council.credit(decision, command)
        case Agree():
            agreeing.agree(decision, command)
        case FailToAgree():
            agreeing.fail_to_agree(decision, command)
        case Launch():
            carrying_out.launch(decision, command)
        case Suspend():
            carrying_out.suspend(decision, command)
        case Resume():
            carrying_out.resume(decision, command)
        case Prolong():
            carrying_out.prolong(decision, command)
        case StopEarly():
            carrying_out.stop_early(decision, command)
        case NameCommission():
            judging.name_commission(decision, command)
        case Propose():
            judging.propose(decision, command)
        case Judge():
            judging.judge(decision, command)
        case DecideScaling():
            judging.scaling(decision, command)
        case Correct():
            correcting.correct(decision, command)
        case _:
            assert_never(command)


def due(state: Pilot) -> datetime | None:
    """When the timer must fire: at the first announcement that any of the register's open terms asks for."""
    return next_alarm(state.own_terms)
