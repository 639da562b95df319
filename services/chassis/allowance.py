"""How many records of each topic may be taken now, where each has a rate of its own: what is above it stays in its
topic and is read later, so that a flood is nobody's but its sender's.
"""

import math
import time
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 2.0
"""Seconds of its rate that a topic may have at once, after it was quiet."""
LEAST: Final = 16.0
"""So many it may have at once in any case: a few records are taken together at little more than the cost of one."""

TOGETHER: Final = 0.5
"""Seconds in which what may be had of a flood gathers: a few together cost little more than one, and those who flood
nobody get what that saves."""

Rate = Callable[[str], float]
"""Records a second of a topic; infinity: no bound."""


def unbounded(_topic: str) -> float:
    """No topic is held up."""
    return math.inf


class Allowance:
    """What each topic has left, and so many seconds of its rate `at_once`. One that has used up all of it has nothing
    until there are so many seconds of it `together`; one that has used up half crowds the others until it has all of it
    again. `now` are seconds of a clock that only goes on."""

    def __init__(
        self,
        rate: Rate,
        now: Callable[[], float] = time.monotonic,
        at_once: float = AT_ONCE,
        together: float = 0.0,
    ) -> None:
        self._rate = rate
        self._now = now
        self._at_once = at_once
        self._together = together
        self._used_up = set[str]()
        self._crowding = set[str]()
        self._left: dict[str, tuple[float, float]] = {}

    def left(self, topic: str) -> float:
        """How many records of a topic may be taken now."""
        rate = self._rate(topic)
        if rate == math.inf:
            return math.inf
        most, now = self._most(rate), self._now()
        had, at = self._left.get(topic, (most, now))
        self._left[topic] = have, _ = min(most, had + (now - at) * rate), now
        if have >= most:
            self._crowding.discard(topic)
        if topic in self._used_up and have < self._gathered(rate):
            return min(0, math.floor(have))
        self._used_up.discard(topic)
        return math.floor(have)

    def crowds(self, topic: str) -> bool:
        """Whether a topic gives more than its rate, so that whoever does not has precedence."""
        if topic in self._crowding:
            self.left(topic)
        return topic in self._crowding

    def _most(self, rate: float) -> float:
        return max(LEAST, rate * self._at_once)

    def _gathered(self, rate: float) -> float:
        return min(LEAST, rate * self._together)

    def wait(self, topic: str) -> float:
        """Seconds until a record of a topic may be taken; 0 where one may be now."""
        if self.left(topic) >= 1:
            return 0.0
        rate, (have, _) = self._rate(topic), self._left[topic]
        return max(0.0, (max(1.0, self._gathered(rate) if topic in self._used_up else 0.0) - have) / rate)

    def spend(self, topic: str, records: int) -> None:
        """So many records of a topic were taken."""
        if topic in self._left:
            had, at = self._left[topic]
            self._left[topic] = had - records, at
            if had - records < 1:
                self._used_up.add(topic)
            if (had - records) * 2 < self._most(self._rate(topic)):
                self._crowding.add(topic)
