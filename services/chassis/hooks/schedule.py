"""When a delivery is tried again, and when a hook is switched off. Pure: the time and the chance come from outside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

GONE: Final = 410
"""By this status a receiver says that nothing shall be sent to it any more."""


class Off(StrEnum):
    """Why a hook is off: nothing came through for too long, its receiver said that it is gone, or somebody did it."""

    FAILING = "failing"
    GONE = "gone"
    BY_HAND = "by-hand"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: a status, or why there is none (a code); the first of what was answered, masked; and in
    how many seconds the receiver asks to be tried again."""

    status: int | None = None
    why: str | None = None
    text: str = ""
    again_in: float | None = None

    @property
    def good(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Schedule:
    """Pauses in seconds after the first, second ... attempt in vain, each made longer by up to the part `jitter` of it;
    and after how long of failure a hook is switched off."""

    pauses: Sequence[float]
    jitter: float
    off_after: timedelta

    def again_at(self, tries: int, answer: Answer, now: datetime, chance: Callable[[], float]) -> datetime | None:
        """When to try again after so many attempts in vain; None: no more. `chance` gives numbers from 0 to 1. A
        receiver that asks for more time gets it, up to the longest pause."""
        if tries > len(self.pauses):
            return None
        pause = self.pauses[tries - 1]
        asked = min(answer.again_in or 0.0, max(self.pauses))
        return now + timedelta(seconds=max(pause, asked) * (1 + self.jitter * chance()))

    def off(self, failing_since: datetime, answer: Answer, now: datetime) -> Off | None:
        """Whether a hook is to be switched off after an attempt in vain, and why."""
        if answer.status == GONE:
            return Off.GONE
        return Off.FAILING if now - failing_since >= self.off_after else None
