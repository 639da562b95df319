"""A pilot of the register: what follows from each command, and when its timer must fire."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from contracts.event import Fact
from contracts.registry import Entry, Outcome, ReplicaLinkedV1, ReplicaResultNotedV1
from contracts.rules import RuleBook
from contracts.steps import (
    AgreementEntry,
    AgreementFailure,
    Commission,
    Correction,
    CreditDecision,
    EarlyStop,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotExtension,
    PilotResumption,
    PilotSuspension,
    Proposal,
    ScalingDecision,
)
from services.law.decision import Context, Decision, Refusal
from services.law.terms import next_alarm
from services.law.years import need_years
from services.registry.domain import agreeing, carrying_out, correcting, council, judging, recording
from services.registry.domain.commands import (
    Command,
    Deciding,
    Linking,
    LinkReplica,
    NoteReplicaResult,
    Recalendar,
    RecordAmendment,
    RecordAnnulment,
    RecordConclusion,
    RecordHiding,
    Recording,
    RecordReport,
    RecordTerm,
    RecordTies,
    Tick,
    Timed,
)
from services.registry.domain.evolve import evolve
from services.registry.domain.state import Pilot
from services.registry.domain.terms import TERMS, PilotDecision


def decide(state: Pilot | None, command: Command, context: Context[RuleBook]) -> Sequence[Fact]:
    """What follows from a command. What other services say is recorded; people's steps must be in order."""
    if state is None:
        if isinstance(command, Entry):
            decision = Decision[Pilot](None, evolve, context.given.edition(command.edition), context)
            recording.enter(decision, command)
            return decision.facts
        if isinstance(command, Deciding):
            raise Refusal("pilot.unknown", status=404)
        return ()
    decision = Decision(state, evolve, context.given.edition(state.edition), context)
    _carry_out(decision, command)
    return decision.facts


def _carry_out(decision: PilotDecision, command: Command) -> None:
    if isinstance(command, Recording):
        _record(decision, command)
    elif isinstance(command, Deciding):
        need_years(command, decision.edition)
        _decide(decision, command)
    elif isinstance(command, Linking):
        _link(decision, command)
    else:
        _in_time(decision, command)


def _link(decision: PilotDecision, command: Linking) -> None:
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
        case _:
            assert_never(command)


def _in_time(decision: PilotDecision, command: Timed) -> None:
    match command:
        case Tick(moment):
            TERMS.announce(decision, moment)
        case Recalendar():
            TERMS.recalendar(decision)
        case _:
            assert_never(command)


def _record(decision: PilotDecision, command: Recording) -> None:
    match command:
        case Entry():
            return
        case Outcome():
            recording.outcome(decision, command)
        case RecordAmendment():
            recording.amendment(decision, command)
        case RecordTerm():
            recording.foreign_term(decision, command)
        case RecordConclusion():
            recording.conclusion(decision, command)
        case RecordAnnulment(round, number):
            recording.annulment(decision, round, number)
        case RecordReport():
            recording.report(decision, command)
        case RecordHiding():
            recording.hiding(decision, command)
        case RecordTies():
            recording.ties(decision, command)
        case _:
            assert_never(command)


def _decide(decision: PilotDecision, command: Deciding) -> None:
    match command:
        case ExpediencyDecision():
            council.expediency(decision, command)
        case CreditDecision():
            council.credit(decision, command)
        case AgreementEntry():
            agreeing.agree(decision, command)
        case AgreementFailure():
            agreeing.fail_to_agree(decision, command)
        case Launch():
            carrying_out.launch(decision, command)
        case PilotSuspension():
            carrying_out.suspend(decision, command)
        case PilotResumption():
            carrying_out.resume(decision, command)
        case PilotExtension():
            carrying_out.prolong(decision, command)
        case EarlyStop():
            carrying_out.stop_early(decision, command)
        case Commission():
            judging.name_commission(decision, command)
        case Proposal():
            judging.propose(decision, command)
        case Judgement():
            judging.judge(decision, command)
        case ScalingDecision():
            judging.scaling(decision, command)
        case Correction():
            correcting.correct(decision, command)
        case _:
            assert_never(command)


def due(state: Pilot) -> datetime | None:
    """When the timer must fire: at the first announcement that any of the register's open terms asks for."""
    return next_alarm(state.own_terms)
