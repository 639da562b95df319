"""Whether the event loop comes round: one that is held by a long call answers nobody, and cannot say so itself.

A thread beside the loop sees that it does not come round, and writes where it is; when it has come round again, its
lateness is told for a while, so that who could not ask meanwhile learns why.
"""

import asyncio
import logging
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Final

from prometheus_client import Gauge

from services.chassis.readiness import NotReady
from services.chassis.saying import ROOT

log = logging.getLogger(__name__)

LATE: Final = Gauge(
    "lotsman_loop_late_seconds", "How late the event loop came round, the worst of the last half minute"
)

EVERY: Final = 0.5
"""Seconds between two beats."""
TOLD_FOR: Final = 30.0
"""Seconds for which a late beat is told."""
MOST_FRAMES: Final = 12


class Pulse:
    """The pulse of the loop that it is made in. A beat that is more than `most` seconds late is told of."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._beat_at = time.monotonic()
        self._late: list[tuple[float, float]] = []
        """By when it came: how many seconds late the beats of the last half minute were, of those that were."""
        self._loop_thread = threading.get_ident()
        self._ended = threading.Event()

    async def beat(self) -> None:
        """Beats until it is cancelled."""
        watcher = threading.Thread(target=self._watch, name="pulse", daemon=True)
        watcher.start()
        try:
            while True:
                self._beat_at = time.monotonic()
                await asyncio.sleep(EVERY)
                self._came(time.monotonic())
        finally:
            self._ended.set()

    def _came(self, now: float) -> None:
        late = now - self._beat_at - EVERY
        self._late = [(at, was) for at, was in self._late if now - at < TOLD_FOR]
        if late > EVERY:
            self._late.append((now, late))
        LATE.set(self._worst())

    def _worst(self) -> float:
        return max((late for _, late in self._late), default=0.0)

    async def check(self) -> None:
        """Raises NotReady where the loop was held lately for longer than it may be."""
        if (worst := self._worst()) > self._most:
            raise NotReady(f"the event loop was held for {worst:.0f} s", at_fault=True)

    def _watch(self) -> None:
        told_of = 0.0
        while not self._ended.wait(EVERY):
            beat_at = self._beat_at
            held = time.monotonic() - beat_at - EVERY
            if held > self._most and beat_at != told_of:
                told_of = beat_at
                log.critical("the event loop has been held for %.0f s in %s", held, self._where())

    def _where(self) -> str:
        """The lines in which the loop is, the innermost last; of this project's, by their place in it."""
        frame = sys._current_frames().get(self._loop_thread)
        lines = traceback.extract_stack(frame)[-MOST_FRAMES:] if frame is not None else []
        return " > ".join(f"{_short(one.filename)}:{one.lineno} {one.name}" for one in lines)


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
