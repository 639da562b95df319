"""Carrying out (реализация): launched, suspended, resumed, extended, stopped early, each on a document."""

from datetime import date
from typing import Final

from dateutil.relativedelta import relativedelta

from contracts.registry import (
    PilotExtendedV1,
    PilotLaunchedV1,
    PilotResumedV1,
    PilotStoppedV1,
    PilotSuspendedV1,
)
from services.law.decision import Refusal, together
from services.registry.domain import order
from services.registry.domain.commands import Launch, Prolong, Resume, StopEarly, Suspend
from services.registry.domain.state import (
    CARRIED_OUT,
    CARRYING_OUT,
    LAUNCHING,
    REPORT,
    SUSPENSION,
    AgreementEntry,
    Stage,
)
from services.registry.domain.terms import TERMS, PilotDecision

WHILE_SUSPENDED: Final = "carrying out is suspended"


def launch(decision: PilotDecision, command: Launch) -> None:
    """Carrying out begins: its term runs until the agreed day, the first report is owed."""
    order.at(decision, Stage.AGREED)
    agreed = decision.state.agreement
    assert agreed is not None, "what is agreed has an agreement"
    together(
        lambda: order.day(decision, command.basis.date, agreed.basis.date, "The document"),
        lambda: order.day(decision, command.started, agreed.basis.date, "The launch"),
        lambda: within(agreed, command.started),
    )
    decision.then(PilotLaunchedV1(actor=decision.actor, at=decision.now, started=command.started, basis=command.basis))
    TERMS.end(decision, LAUNCHING)
    TERMS.start_until(decision, CARRYING_OUT, agreed.agreement.until, command.started)
    TERMS.start(decision, REPORT, command.started)


def within(agreed: AgreementEntry, started: date) -> None:
    """The first day lies within the time that was agreed on."""
    first, last = agreed.agreement.starts, agreed.agreement.until
    if started < first:
        raise Refusal("launch.before-start", f"It was agreed to start on {first}.", status=422)
    if started > last:
        raise Refusal("launch.after-end", f"It was agreed to end on {last}.", status=422)


def suspend(decision: PilotDecision, command: Suspend) -> None:
    """Carrying out stands still: so do its clocks."""
    order.at(decision, Stage.RUNNING)
    together(
        lambda: order.day(decision, command.basis.date, order.launched_on(decision), "The document"),
        lambda: order.day(decision, command.since, order.went_on(decision), "The suspension"),
    )
    decision.then(
        PilotSuspendedV1(
            actor=decision.actor, at=decision.now, since=command.since, why=command.why, basis=command.basis
        )
    )
    for kind in (CARRYING_OUT, REPORT):
        TERMS.stop_since(decision, kind, command.since, WHILE_SUSPENDED)
    TERMS.start(decision, SUSPENSION, command.since)


def resume(decision: PilotDecision, command: Resume) -> None:
    """Carrying out goes on."""
    order.at(decision, Stage.SUSPENDED)
    paused = decision.state.pauses[-1]
    together(
        lambda: order.day(decision, command.basis.date, paused.basis.date, "The document"),
        lambda: order.day(decision, command.since, paused.since, "The resumption"),
    )
    decision.then(PilotResumedV1(actor=decision.actor, at=decision.now, since=command.since, basis=command.basis))
    TERMS.end(decision, SUSPENSION)
    for kind in (CARRYING_OUT, REPORT):
        TERMS.resume(decision, kind, command.since)


def prolong(decision: PilotDecision, command: Prolong) -> None:
    """Carrying out may take longer: as often, and by as much, as the edition allows."""
    order.at(decision, *CARRIED_OUT)
    until = decision.state.until
    assert until is not None, "what is carried out has an agreed end"
    if len(decision.state.prolongations) >= decision.edition.numbers.pilot_extensions_max.value:
        raise Refusal("pilot.cannot-be-extended", "The edition allows no further extension.")
    if TERMS.expired(decision, CARRYING_OUT):
        raise Refusal("term.expired", "The term has run out; it can no longer be extended.")
    together(
        lambda: order.day(decision, command.basis.date, order.launched_on(decision), "The document"),
        lambda: need_bounds(decision, until, command.until),
    )
    decision.then(
        PilotExtendedV1(
            actor=decision.actor, at=decision.now, until=command.until, why=command.why, basis=command.basis
        )
    )
    TERMS.extend_until(decision, CARRYING_OUT, until, command.until, command.why)


def need_bounds(decision: PilotDecision, before: date, until: date) -> None:
    """An extension ends later than what it extends, and by no more than the edition allows."""
    longest = before + relativedelta(months=decision.edition.numbers.pilot_extension_months.value)
    if not before < until <= longest:
        raise Refusal("pilot.extension-bounds", f"After {before} and until {longest} at most.", status=422)


def stop_early(decision: PilotDecision, command: StopEarly) -> None:
    """Carrying out is stopped for good; what was spent and measured stays in the register."""
    order.at(decision, Stage.AGREED, *CARRIED_OUT)
    together(
        lambda: order.day(decision, command.basis.date, order.decided_on(decision), "The document"),
        lambda: order.day(decision, command.stopped, order.went_on(decision), "The stop"),
    )
    decision.then(
        PilotStoppedV1(
            actor=decision.actor, at=decision.now, stopped=command.stopped, why=command.why, basis=command.basis
        )
    )
    TERMS.end_all(decision)
