"""Carrying out (реализация): launched, suspended, resumed, extended, stopped early, each on a document."""

from datetime import date

from dateutil.relativedelta import relativedelta

from contracts.registry import (
    PilotExtendedV1,
    PilotLaunchedV1,
    PilotResumedV1,
    PilotStoppedV1,
    PilotSuspendedV1,
)
from contracts.steps import AgreementEntry, EarlyStop, Launch, PilotExtension, PilotResumption, PilotSuspension
from services.law import reasons
from services.law.decision import Refusal, together
from services.registry.domain import order
from services.registry.domain.stages import CARRIED_OUT, Stage
from services.registry.domain.state import CARRYING_OUT, LAUNCHING, REPORT, SUSPENSION
from services.registry.domain.terms import TERMS, PilotDecision


def launch(decision: PilotDecision, command: Launch) -> None:
    """Carrying out begins: its term runs until the agreed day, the first report is owed."""
    order.at(decision, Stage.AGREED)
    agreed = decision.state.agreement
    assert agreed is not None, "what is agreed has an agreement"
    together(
        lambda: order.day(decision, command.basis.date, agreed.basis.date),
        lambda: order.day(decision, command.started, agreed.basis.date, "/started"),
        lambda: within(agreed, command.started),
    )
    decision.then(PilotLaunchedV1.made_of(command, actor=decision.actor, at=decision.now))
    TERMS.end(decision, LAUNCHING)
    TERMS.start_until(decision, CARRYING_OUT, agreed.agreement.until, command.started)
    TERMS.start(decision, REPORT, command.started)


def within(agreed: AgreementEntry, started: date) -> None:
    """The first day lies within the time that was agreed on."""
    first, last = agreed.agreement.starts, agreed.agreement.until
    if started < first:
        raise Refusal("launch.before-start", status=422, day=first)
    if started > last:
        raise Refusal("launch.after-end", status=422, day=last)


def suspend(decision: PilotDecision, command: PilotSuspension) -> None:
    """Carrying out stands still: so do its clocks."""
    order.at(decision, Stage.RUNNING)
    together(
        lambda: order.day(decision, command.basis.date, order.launched_on(decision)),
        lambda: order.day(decision, command.since, order.went_on(decision), "/since"),
    )
    decision.then(PilotSuspendedV1.made_of(command, actor=decision.actor, at=decision.now))
    for kind in (CARRYING_OUT, REPORT):
        TERMS.stop_since(decision, kind, command.since, reasons.SUSPENDED)
    TERMS.start(decision, SUSPENSION, command.since)


def resume(decision: PilotDecision, command: PilotResumption) -> None:
    """Carrying out goes on."""
    order.at(decision, Stage.SUSPENDED)
    paused = decision.state.pauses[-1]
    together(
        lambda: order.day(decision, command.basis.date, paused.basis.date),
        lambda: order.day(decision, command.since, paused.since, "/since"),
    )
    decision.then(PilotResumedV1.made_of(command, actor=decision.actor, at=decision.now))
    TERMS.end(decision, SUSPENSION)
    for kind in (CARRYING_OUT, REPORT):
        TERMS.resume(decision, kind, command.since)


def prolong(decision: PilotDecision, command: PilotExtension) -> None:
    """Carrying out may take longer: as often, and by as much, as the edition allows."""
    order.at(decision, *CARRIED_OUT)
    until = decision.state.until
    assert until is not None, "what is carried out has an agreed end"
    most = decision.edition.numbers.pilot_extensions_max.value
    if len(decision.state.prolongations) >= most:
        raise Refusal("pilot.cannot-be-extended", most=most)
    if TERMS.expired(decision, CARRYING_OUT):
        raise Refusal("term.expired")
    together(
        lambda: order.day(decision, command.basis.date, order.launched_on(decision)),
        lambda: need_bounds(decision, until, command.until),
    )
    decision.then(PilotExtendedV1.made_of(command, actor=decision.actor, at=decision.now))
    TERMS.extend_until(decision, CARRYING_OUT, until, command.until, command.why)


def need_bounds(decision: PilotDecision, before: date, until: date) -> None:
    """An extension ends later than what it extends, and by no more than the edition allows."""
    longest = before + relativedelta(months=decision.edition.numbers.pilot_extension_months.value)
    if not before < until <= longest:
        raise Refusal("pilot.extension-bounds", status=422, before=before, longest=longest)


def stop_early(decision: PilotDecision, command: EarlyStop) -> None:
    """Carrying out is stopped for good; what was spent and measured stays in the register."""
    order.at(decision, Stage.AGREED, *CARRIED_OUT)
    together(
        lambda: order.day(decision, command.basis.date, order.decided_on(decision)),
        lambda: order.day(decision, command.stopped, order.went_on(decision), "/stopped"),
    )
    decision.then(PilotStoppedV1.made_of(command, actor=decision.actor, at=decision.now))
    TERMS.end_all(decision)
