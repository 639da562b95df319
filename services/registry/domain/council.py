"""The Council's decisions (решения Совета): on expediency, and on a credit (зачёт)."""

from datetime import date

from contracts.reference import Expediency
from contracts.registry import (
    CreditDecidedV1,
    ExpediencyDecidedV1,
)
from services.law.decision import Refusal, together
from services.registry.domain import order
from services.registry.domain import terms as clock
from services.registry.domain.commands import DecideCredit, DecideExpediency
from services.registry.domain.recording import council_clock
from services.registry.domain.state import AGREEING, COUNCIL_ALARM, Stage
from services.registry.domain.terms import PilotCourse


def _brought_on(course: PilotCourse) -> date | None:
    """The day from which the Council could decide: of the conclusion before it, or of its postponement."""
    standing = [one.date for one in course.state.conclusions if one.standing == "in-force"]
    return max([*standing, *(one.basis.date for one in course.state.decisions)], default=None)


def expediency(course: PilotCourse, command: DecideExpediency) -> None:
    """The council's decision; expedient makes the initiator the executor (Regulation on pilots, as published)."""
    order.at(course, Stage.COUNCIL)
    if course.state.credits and course.edition.on("credit"):
        raise Refusal("council.credit", "This application asks for a credit (зачёт): decide on that.")
    together(
        lambda: order.day(course, command.basis.date, _brought_on(course), "The decision"),
        lambda: _may_postpone(course, command.decision),
    )
    expedient = command.decision is Expediency.EXPEDIENT
    course.then(
        ExpediencyDecidedV1(
            actor=course.actor,
            at=course.now,
            decision=command.decision,
            basis=command.basis,
            executor=course.state.application.initiator if expedient else None,
        )
    )
    if command.decision is Expediency.POSTPONED:
        clock.end(course, COUNCIL_ALARM)  # and begins anew: the pilot still lies before the Council
    council_clock(course)
    if expedient:
        clock.start(course, AGREEING)


def _may_postpone(course: PilotCourse, decision: Expediency) -> None:
    if decision is Expediency.POSTPONED and not course.edition.on("council_may_postpone"):
        raise Refusal("council.cannot-postpone", "This edition knows no postponement.", status=422)


def credit(course: PilotCourse, command: DecideCredit) -> None:
    """Whether a product in use counts as a pilot (зачёт): only where the edition switches it on (assumption)."""
    order.at(course, Stage.COUNCIL)
    if not course.edition.on("credit") or not course.state.credits:
        raise Refusal("credit.off", "No credit is asked for here, or this edition knows none.")
    order.day(course, command.basis.date, _brought_on(course), "The decision")
    course.then(
        CreditDecidedV1(
            actor=course.actor,
            at=course.now,
            granted=command.granted,
            evidence=command.evidence,
            basis=command.basis,
        )
    )
    council_clock(course)
