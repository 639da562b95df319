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
from services.registry.domain import terms as clock
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
from services.registry.domain.terms import PilotCourse

WHILE_SUSPENDED: Final = "carrying out is suspended"


def launch(course: PilotCourse, command: Launch) -> None:
    """Carrying out begins: its term runs until the agreed day, the first report is owed."""
    order.at(course, Stage.AGREED)
    agreed = course.state.agreement
    assert agreed is not None, "what is agreed has an agreement"
    together(
        lambda: order.day(course, command.basis.date, agreed.basis.date, "The document"),
        lambda: order.day(course, command.started, agreed.basis.date, "The launch"),
        lambda: within(agreed, command.started),
    )
    course.then(PilotLaunchedV1(actor=course.actor, at=course.now, started=command.started, basis=command.basis))
    clock.end(course, LAUNCHING)
    clock.start_until(course, CARRYING_OUT, agreed.agreement.until, command.started)
    clock.start(course, REPORT, command.started)


def within(agreed: AgreementEntry, started: date) -> None:
    """The first day lies within the time that was agreed on."""
    first, last = agreed.agreement.starts, agreed.agreement.until
    if started < first:
        raise Refusal("launch.before-start", f"It was agreed to start on {first}.", status=422)
    if started > last:
        raise Refusal("launch.after-end", f"It was agreed to end on {last}.", status=422)


def suspend(course: PilotCourse, command: Suspend) -> None:
    """Carrying out stands still: so do its clocks."""
    order.at(course, Stage.RUNNING)
    together(
        lambda: order.day(course, command.basis.date, order.launched_on(course), "The document"),
        lambda: order.day(course, command.since, order.went_on(course), "The suspension"),
    )
    course.then(
        PilotSuspendedV1(actor=course.actor, at=course.now, since=command.since, why=command.why, basis=command.basis)
    )
    for kind in (CARRYING_OUT, REPORT):
        clock.stop(course, kind, command.since, WHILE_SUSPENDED)
    clock.start(course, SUSPENSION, command.since)


def resume(course: PilotCourse, command: Resume) -> None:
    """Carrying out goes on."""
    order.at(course, Stage.SUSPENDED)
    paused = course.state.pauses[-1]
    together(
        lambda: order.day(course, command.basis.date, paused.basis.date, "The document"),
        lambda: order.day(course, command.since, paused.since, "The resumption"),
    )
    course.then(PilotResumedV1(actor=course.actor, at=course.now, since=command.since, basis=command.basis))
    clock.end(course, SUSPENSION)
    for kind in (CARRYING_OUT, REPORT):
        clock.resume(course, kind, command.since)


def prolong(course: PilotCourse, command: Prolong) -> None:
    """Carrying out may take longer: as often, and by as much, as the edition allows."""
    order.at(course, *CARRIED_OUT)
    until = course.state.until
    assert until is not None, "what is carried out has an agreed end"
    if len(course.state.prolongations) >= course.number("pilot_extensions_max"):
        raise Refusal("pilot.cannot-be-extended", "The edition allows no further extension.")
    if clock.expired(course, CARRYING_OUT):
        raise Refusal("term.expired", "The term has run out; it can no longer be extended.")
    together(
        lambda: order.day(course, command.basis.date, order.launched_on(course), "The document"),
        lambda: need_bounds(course, until, command.until),
    )
    course.then(
        PilotExtendedV1(actor=course.actor, at=course.now, until=command.until, why=command.why, basis=command.basis)
    )
    clock.extend_until(course, CARRYING_OUT, until, command.until, command.why)


def need_bounds(course: PilotCourse, before: date, until: date) -> None:
    """An extension ends later than what it extends, and by no more than the edition allows."""
    longest = before + relativedelta(months=course.number("pilot_extension_months"))
    if not before < until <= longest:
        raise Refusal("pilot.extension-bounds", f"After {before} and until {longest} at most.", status=422)


def stop_early(course: PilotCourse, command: StopEarly) -> None:
    """Carrying out is stopped for good; what was spent and measured stays in the register."""
    order.at(course, Stage.AGREED, *CARRIED_OUT)
    together(
        lambda: order.day(course, command.basis.date, order.decided_on(course), "The document"),
        lambda: order.day(course, command.stopped, order.went_on(course), "The stop"),
    )
    course.then(
        PilotStoppedV1(actor=course.actor, at=course.now, stopped=command.stopped, why=command.why, basis=command.basis)
    )
    clock.end_all(course)
