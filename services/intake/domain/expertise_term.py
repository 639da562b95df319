"""The term of the expertise as far as an applicant is told of it: whether it runs, and until when."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from contracts import expertise
from contracts.event import Fact
from contracts.intake import ExpertiseTermNotedV1
from services.intake.domain.agency import Given
from services.intake.domain.commands import OfExpertiseTerm
from services.intake.domain.state import ExpertiseTerm, Pilot
from services.law.decision import Context


def noted(state: Pilot | None, fact: OfExpertiseTerm, context: Context[Given]) -> Sequence[Fact]:
    """What is new of the term is noted. What happened there happened: nothing is refused here."""
    if state is None or state.number is None:
        return ()
    stands, due = _stands(fact)
    if state.expertise == ExpertiseTerm(state=stands, due_at=due):
        return ()
    return (ExpertiseTermNotedV1(actor=context.actor, state=stands, due_at=due),)


def _stands(fact: OfExpertiseTerm) -> tuple[str, datetime | None]:
    match fact:
        case (
            expertise.TermStartedV1(clock=clock)
            | expertise.TermResumedV1(clock=clock)
            | expertise.TermExtendedV1(clock=clock)
            | expertise.TermRecalendaredV1(clock=clock)
        ):
            return ("stopped" if clock.due_at is None else "running"), clock.due_at
        case expertise.TermSuspendedV1():
            return "stopped", None
        case expertise.TermEndedV1():
            return "ended", None
        case _:
            assert_never(fact)
