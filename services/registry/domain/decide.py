"""A pilot of the register: what follows from each command, and when its timer must fire."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from contracts.event import Fact
from contracts.registry import ReplicaLinkedV1, ReplicaResultNotedV1
from contracts.rules import RuleBook
from services.law.decision import Context, Course, Refusal
from services.registry.domain import agreeing, carrying_out, correcting, council, judging, recording
from services.registry.domain import terms as clock
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
from services.registry.domain.terms import PilotCourse

__all__ = ["KIND", "Pilot", "Stage", "decide", "due", "evolve", "next_move"]


def decide(state: Pilot | None, command: Command, context: Context[RuleBook]) -> Sequence[Fact]:
    """What follows from a command. What other services say is recorded; people's steps must be in order."""
    if state is None:
        if isinstance(command, Enter):
            course = Course[Pilot](None, evolve, context.given.edition(command.edition), context)
            recording.enter(course, command)
            return course.facts
        if isinstance(command, Deciding):
            raise Refusal("pilot.unknown", "There is no such pilot.", status=404)
        return ()
    course = Course(state, evolve, context.given.edition(state.edition), context)
    _carry_out(course, command)
    return course.facts


def _carry_out(course: PilotCourse, command: Command) -> None:
    match command:
        case LinkReplica(replica, number, adaptation):
            if all(one.pilot != replica for one in course.state.replicas):
                linked = ReplicaLinkedV1(
                    actor=course.actor, replica=replica, replica_number=number, adaptation=adaptation
                )
                course.then(linked)
        case NoteReplicaResult(replica, outcome):
            if any(one.pilot == replica and one.outcome is not outcome for one in course.state.replicas):
                course.then(ReplicaResultNotedV1(actor=course.actor, replica=replica, outcome=outcome))
        case Tick():
            clock.announce(course)
        case Recalendar():
            clock.recalendar(course)
        case _ if isinstance(command, Deciding):
            _decide(course, command)
        case _:
            _record(course, command)


def _record(course: PilotCourse, command: Recording) -> None:
    match command:
        case Enter():
            return
        case RecordOutcome():
            recording.outcome(course, command)
        case RecordAmendment():
            recording.amendment(course, command)
        case RecordTerm():
            recording.foreign_term(course, command)
        case RecordConclusion():
            recording.conclusion(course, command)
        case RecordAnnulment(round, number):
            recording.annulment(course, round, number)
        case RecordProgress():
            recording.progress(course, command)
        case RecordSpending():
            recording.spending(course, command)
        case RecordRisks():
            recording.risks(course, command)
        case RecordResults():
            recording.results(course, command)
        case RecordCompletion():
            recording.completion(course, command)
        case _:
            assert_never(command)


def _decide(course: PilotCourse, command: Deciding) -> None:
    match command:
        case DecideExpediency():
            council.expediency(course, command)
        case DecideCredit():
            council.credit(course, command)
        case Agree():
            agreeing.agree(course, command)
        case FailToAgree():
            agreeing.fail_to_agree(course, command)
        case Launch():
            carrying_out.launch(course, command)
        case Suspend():
            carrying_out.suspend(course, command)
        case Resume():
            carrying_out.resume(course, command)
        case Prolong():
            carrying_out.prolong(course, command)
        case StopEarly():
            carrying_out.stop_early(course, command)
        case NameCommission():
            judging.name_commission(course, command)
        case Propose():
            judging.propose(course, command)
        case Judge():
            judging.judge(course, command)
        case DecideScaling():
            judging.scaling(course, command)
        case Correct():
            correcting.correct(course, command)
        case _:
            assert_never(command)


def due(state: Pilot) -> datetime | None:
    """When the timer must fire: at the first announcement that any of the register's open terms asks for."""
    alarms = [one.clock.alarm_at for one in state.own_terms if one.open and one.clock.alarm_at is not None]
    return min(alarms, default=None)
