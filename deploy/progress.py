"""Progress of long work: what is being done, and every few seconds how far it is.

A verb that may take longer than ten seconds wraps each step in `task`, so that nobody has to wonder whether it hangs:

    with task(say, "filling the register", pilots) as filling:
        ...
        filling.advance(500)
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Final

Say = Callable[[str], None]
"""Shows one line to whoever waits."""
EVERY: Final = 5.0
"""Seconds between two words about the same step."""
BAR: Final = 20
"""Characters of the bar that shows how far a step is."""


def silent(_text: str) -> None:
    """Shows nothing."""


@dataclass(slots=True)
class Task:
    """One step of long work, and how much of it is done; `total` is None where it cannot be counted."""

    what: str
    total: int | None = None
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def advance(self, by: int = 1) -> None:
        """So much more is done."""
        self.done += by

    def go_on(self, what: str, by: int) -> None:
        """So much more of a part of the step is done; of another part than before it is counted anew."""
        if what != self.what:
            self.what, self.total, self.done, self.began = what, None, 0, time.monotonic()
        self.done += by

    def how_far(self) -> str:
        """A bar and words; the seconds and the speed count from the beginning of the step."""
        spent = max(time.monotonic() - self.began, 0.001)
        if not self.total and not self.done:
            return f"{self.what}: {spent:.0f} s so far"
        speed = f", {self.done / spent:,.0f}/s" if self.done > spent else ""
        if not self.total:
            return f"{self.what}: {self.done:,}{speed}"
        bar = "#" * min(BAR, BAR * self.done // self.total)
        part = f"{self.done:,} of {self.total:,} ({100 * self.done // self.total} %)"
        return f"{self.what}: [{bar:.<{BAR}}] {part}{speed}"


@contextmanager
def task(say: Say, what: str, total: int | None = None, every: float = EVERY) -> Iterator[Task]:
    """Says what begins now, and while the block lasts every few seconds how far it is, whatever the block waits for."""
    one, ended = Task(what, total), Event()

    def tell() -> None:
        while not ended.wait(every):
            say(one.how_far())

    say(what if total is None else f"{what}: {total:,}")
    teller = Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        yield one
    finally:
        ended.set()
        teller.join()
