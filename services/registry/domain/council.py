"""The Council's decisions (решения Совета): on expediency, and on a credit (зачёт)."""

from datetime import date

from contracts.reference import Expediency, Standing
from contracts.registry import (
    CreditDecidedV1,
    ExpediencyDecidedV1,
)
from contracts.steps import CreditDecision, ExpediencyDecision
from services.law.decision import Refusal, together
from services.registry.domain import order
from services.registry.domain.recording import council_clock
from services.registry.domain.stages import Stage
from services.registry.domain.state import AGREEING, COUNCIL_ALARM
from services.registry.domain.terms import TERMS, PilotDecision


def _brought_on(decision: PilotDecision) -> date | None:
    """The day from which the Council could decide: of the conclusion before it, or of its postponement."""
    standing = [one.date for one in decision.state.conclusions if one.standing is Standing.IN_FORCE]
    return max([*standing, *(one.basis.date for one in decision.state.decisions)], default=None)


def expediency(decision: PilotDecision, command: ExpediencyDecision) -> None:
    """The council's decision; expedient makes the initiator the executor (Regulation on pilots, as published)."""
    order.at(decision, Stage.COUNCIL)
    if decision.state.credits and decision.edition.switches.credit.on:
        raise Refusal("council.credit")
    together(
        lambda: order.day(decision, command.basis.date, _brought_on(decision)),
        lambda: _may_postpone(decision, command.decision),
    )
    expedient = command.decision is Expediency.EXPEDIENT
    decision.then(
        ExpediencyDecidedV1.made_of(
            command,
            actor=decision.actor,
            at=decision.now,
            executor=decision.state.application.initiator if expedient else None,
        )
    )
    if command.decision is Expediency.POSTPONED:
        TERMS.end(decision, COUNCIL_ALARM)  # and begins anew: the pilot still lies before the Council
    council_clock(decision)
    if expedient:
        TERMS.start(decision, AGREEING)


def _may_postpone(decision: PilotDecision, said: Expediency) -> None:
    if said is Expediency.POSTPONED and not decision.edition.switches.council_may_postpone.on:
        raise Refusal("council.cannot-postpone", status=422)


def credit(decision: PilotDecision, command: CreditDecision) -> None:
    """Whether a product in use counts as a pilot (зачёт): only where the edition switches it on (assumption)."""
    order.at(decision, Stage.COUNCIL)
    if not decision.edition.switches.credit.on or not decision.state.credits:
        raise Refusal("credit.off")
    order.day(decision, command.basis.date, _brought_on(decision))
    decision.then(CreditDecidedV1.made_of(command, actor=decision.actor, at=decision.now))
    council_clock(decision)
