"""What keeps people's steps in their order (порядок шагов): where a pilot stands, and which day may follow which.

Each step stands on a document with body, kind, number and date, and each comes in its order. All functions here, and
those that use them, raise Refusal for a step out of order, a date that has not come or lies before the step it follows,
and for what the edition does not know.
"""

from datetime import date

from contracts.reference import Problem
from services.law.decision import Refusal
from services.registry.domain.state import Stage
from services.registry.domain.terms import PilotDecision


def at(decision: PilotDecision, *stages: Stage) -> None:
    """The pilot stands at one of these stages."""
    if decision.state.stage not in stages:
        wanted = " or ".join(stages)
        raise Refusal(
            "pilot.out-of-order", f"The pilot stands at {decision.state.stage}; this step belongs to {wanted}."
        )


def day(decision: PilotDecision, said: date, after: date | None, what: str) -> None:
    """A day that has come, and not before the step that it follows."""
    if said > decision.today:
        raise Refusal("date.future", f"{said} has not come yet.", status=422)
    if after is not None and said < after:
        raise Refusal("date.before-the-step-before", f"{what} of {said} lies before {after}.", status=422)


def decided_on(decision: PilotDecision) -> date | None:
    """The date of the last step that carried a document."""
    state = decision.state
    entries = (state.judgement, state.proposal, state.agreement, *state.decisions[-1:])
    last = next((one for one in entries if one is not None), None)
    return last.basis.date if last is not None else None


def launched_on(decision: PilotDecision) -> date | None:
    """The first day of carrying out."""
    return decision.state.launch.started if decision.state.launch else None


def went_on(decision: PilotDecision) -> date | None:
    """The first day of the stretch that the pilot is in: of its last pause, resumption, launch, or agreement."""
    paused = decision.state.pauses[-1:]
    return next((one.until or one.since for one in paused), launched_on(decision) or decided_on(decision))


def problem(pointer: str, rule: str, message: str, message_ru: str) -> Problem:
    """One thing that is wrong with what was entered."""
    return Problem(pointer=pointer, rule=rule, message=message, message_ru=message_ru)
