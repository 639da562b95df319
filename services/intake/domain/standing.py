"""How an application stands, in words, and what that does not allow: it is not open, or the Council has decided."""

from typing import Final, assert_never

from contracts.reference import Problem
from contracts.words import Wording, problem, wording
from services.intake.domain.state import FINAL, CarryingOut, Pilot, Status

STANDS: Final = {
    Status.REGISTERED: "stands.registered",
    Status.REFUSED: "stands.refused",
    Status.ACCEPTED: "stands.accepted",
    Status.RETURNED: "stands.returned",
    Status.CONCLUDED: "stands.concluded",
    Status.DECIDED: "stands.decided",
    Status.LAPSED: "stands.lapsed",
    Status.WITHDRAWN: "stands.withdrawn",
    Status.STOPPED: "stands.stopped",
    Status.REFUSED_IN_EXPERTISE: "stands.refused-in-expertise",
}
"""The id of the words for each."""
AGAIN: Final = "pilot.decided.again"
FALLEN_AWAY: Final = "pilot.decided.fallen-away"
TO_STOP: Final = "pilot.decided.to-stop"
OVER: Final = "pilot.decided.over"
"""What follows from the Council's decision for what is asked of intake after it: a resubmission, answers, an end."""


def stands(state: Pilot | None) -> Wording:
    """How an application stands; None: there is none."""
    return wording("stands.unknown" if state is None else STANDS[state.status])


def not_open(status: Status) -> Problem:
    """That what was sent cannot be done with an application of this status."""
    return problem("/subject", "application.not-open", stands=wording(STANDS[status]))


def decided(follows: Wording, pointer: str = "/subject") -> Problem:
    """That the Council has decided on the application, and what follows."""
    return problem(pointer, "pilot.decided", follows=follows)


def to_stop(state: Pilot) -> Wording:
    """Who can end what the Council has decided on, where there is something to end."""
    return wording(OVER if state.carrying_out is not None and state.carrying_out.over else TO_STOP)


def not_carried_out(state: Pilot) -> Problem:
    """That no report can be taken; one that comes too early may come again, one that comes too late may not."""
    said, may_come = _carried(state)
    then = wording("pilot.not-carried-out.later" if may_come else "pilot.not-carried-out.never")
    return problem("/subject", "pilot.not-carried-out", action="retry" if may_come else "fix", stands=said, then=then)


def _carried(state: Pilot) -> tuple[Wording, bool]:
    """How the pilot stands, and whether it may still be carried out."""
    match state.carrying_out:
        case None:
            return stands(state), state.status not in FINAL
        case CarryingOut(over=True, started=started):
            return wording("stands.never" if started is None else "stands.judged"), False
        case CarryingOut(indicators=indicators):
            return wording("stands.agreed" if indicators else "stands.not-agreed"), True
        case _:
            assert_never(state.carrying_out)
