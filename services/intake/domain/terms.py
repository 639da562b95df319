"""Intake's two terms: the look-over (срок рассмотрения), and the time for changes (устранение замечаний)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from contracts.event import Fact
from contracts.intake import (
    ApplicationLapsedV1,
    TermBreachedV1,
    TermEndedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermStartedV1,
)
from contracts.reference import TermKind
from contracts.rules import Edition
from services.intake.domain.agency import Given
from services.intake.domain.evolve import evolve
from services.intake.domain.state import FIXING, Pilot, Status
from services.law.decision import Context, Decision
from services.law.terms import TermFacts, Terms

TERMS: Final = Terms[Pilot](
    of=lambda pilot: pilot.terms,
    facts=TermFacts(
        started=TermStartedV1,
        nearing=TermNearingV1,
        breached=TermBreachedV1,
        recalendared=TermRecalendaredV1,
        ended=TermEndedV1,
    ),
    lapsing=frozenset({FIXING}),
)


def started(kind: TermKind, edition: Edition, context: Context[Given]) -> TermStartedV1:
    """A term of the edition begins now."""
    begun = TERMS.started(Decision(None, evolve, edition, context), kind)
    assert isinstance(begun, TermStartedV1), "by which the terms of intake are told"
    return begun


def ended(state: Pilot, context: Context[Given]) -> Sequence[Fact]:
    """The term that runs, if any, ends now."""
    if state.running is None:
        return ()
    decision = _decision(state, context)
    TERMS.end_all(decision)
    return tuple(decision.facts)


def ticked(state: Pilot | None, moment: datetime, context: Context[Given]) -> Sequence[Fact]:
    """What must be announced at the moment of a timer: a reminder, a breach, or that a returned application lapsed.

    A conclusion stands when the time for changes is over: only that time has ended.
    """
    if state is None or state.running is None:
        return ()
    decision = _decision(state, context)
    ran_out = TERMS.announce(decision, moment)
    if ran_out and decision.state.running is None and state.status is Status.RETURNED:
        assert state.number
        decision.then(ApplicationLapsedV1(actor=context.actor, agency=state.agency, number=state.number))
    return tuple(decision.facts)


def recalendared(state: Pilot | None, context: Context[Given]) -> Sequence[Fact]:
    """The running term counted anew, where the calendar that it was counted by is no longer the present one."""
    if state is None or state.running is None:
        return ()
    decision = _decision(state, context)
    TERMS.recalendar(decision)
    return tuple(decision.facts)


def _decision(state: Pilot, context: Context[Given]) -> Decision[Pilot]:
    assert state.edition, "a term runs by an edition"
    return Decision(state, evolve, context.given.rules.edition(state.edition), context)
