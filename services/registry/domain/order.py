"""What keeps people's steps in their order (порядок шагов): where a pilot stands, and which day may follow which.

Each step stands on a document with body, kind, number and date, and each comes in its order. All functions here, and
those that use them, raise Refusal for a step out of order, a date that has not come or lies before the step it follows,
and for what the edition does not know.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from contracts.words import Wording, problem, wordings
from services.law.decision import Refusal
from services.law.faults import need_come
from services.registry.domain.stages import NAMES, Stage
from services.registry.domain.terms import PilotDecision

DOCUMENT: Final = "/basis/date"
"""Where a step says the date of its document."""


def at(decision: PilotDecision, *stages: Stage) -> None:
    """The pilot stands at one of these stages."""
    if decision.state.stage not in stages:
        raise Refusal("pilot.out-of-order", stage=_named([decision.state.stage]), wanted=_named(stages))


def _named(stages: Sequence[Stage]) -> Wording:
    names = [wordings()[NAMES[one]] for one in stages]
    ru, be, en = (" / ".join(names) for names in zip(*((one.ru, one.be, one.en) for one in names), strict=True))
    return Wording(ru=ru, be=be, en=en)


def day(decision: PilotDecision, said: date, after: date | None, pointer: str = DOCUMENT) -> None:
    """A day that has come, and not before the step that it follows. `pointer` says where it was entered."""
    need_come(said, pointer, decision.today)
    if after is not None and said < after:
        found = problem(pointer, "date.before-the-step-before", day=said, after=after)
        raise Refusal("date.before-the-step-before", status=422, problems=[found], day=said, after=after)


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
