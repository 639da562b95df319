"""The service's own topic of facts, as far as it refuses for good what is sent to it.

Facts stay in their outboxes until it takes them. A topic that takes nothing, because it is missing or closed to this
service, is left alone with growing pauses, and what comes in meanwhile waits: the readers do not run ahead of a journal
that takes nothing. A single fact that is larger than its topic takes holds up its own subject, no batch and no offset.
Either is shown with its cause, and goes by itself when the topic takes it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.chassis import telemetry
from services.chassis.saying import why
from services.chassis.store import Store, StoreAway
from services.chassis.withheld import PAUSES, TROUBLES, Refusing

log = logging.getLogger(__name__)

MOST_LARGE: Final = 500
"""With more subjects that have a fact which is too large, the topic is left alone as a whole."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """The errors by which a topic refuses for good: a record that is too large for it, or whatever it is sent."""

    large: tuple[type[BaseException], ...] = ()
    closed: tuple[type[BaseException], ...] = ()


NO_KINDS: Final = Kinds()


@dataclass(slots=True)
class _Pause:
    tries: int
    until: datetime

    @classmethod
    def after(cls, before: "_Pause | None", now: datetime) -> "_Pause":
        tries = before.tries + 1 if before else 0
        return cls(tries, now + timedelta(seconds=PAUSES[min(tries, len(PAUSES) - 1)]))


class OwnTopic:
    """What this process knows of its own topic. `now` is the clock (UTC)."""

    def __init__(self, topic: str, store: Store, now: Callable[[], datetime], kinds: Kinds) -> None:
        self._topic = topic
        self._store = store
        self._now = now
        self._kinds = kinds
        self._closed: _Pause | None = None
        self._large: dict[str, _Pause] = {}
        self._since: datetime | None = None
        self._noted: bool | None = None  # it is not known yet what an earlier process left

    def rests(self) -> bool:
        """Whether the topic is left alone now."""
        return self._closed is not None and self._now() < self._closed.until

    def resting(self) -> set[str]:
        """The subjects that are left alone now, because a fact of theirs is too large."""
        now = self._now()
        return {subject for subject, pause in self._large.items() if now < pause.until}

    def passes(self, error: BaseException) -> bool:
        """Whether an error holds up nothing but its own subject."""
        return isinstance(error, self._kinds.large) and self._closed is None

    async def told(self, failures: Mapping[str, BaseException | None]) -> None:
        """Learns what became of the facts of some subjects, of each the first that failed. Raises nothing: what cannot
        be written now is written with the next."""
        now = self._now()
        refused = {s: error for s, error in failures.items() if isinstance(error, self._kinds.large)}
        for subject in failures.keys() - refused.keys():
            if failures[subject] is None:
                self._large.pop(subject, None)
        for subject in refused:
            self._large[subject] = _Pause.after(self._large.get(subject), now)
        closed = [error for error in failures.values() if isinstance(error, self._kinds.closed)]
        if closed or len(self._large) > MOST_LARGE:
            self._closed = _Pause.after(self._closed, now)
        elif None in failures.values() or refused:
            self._closed = None
        cause = next(iter([*closed, *refused.values()]), None)
        try:
            await self._keep(cause, now)
        except StoreAway as error:
            log.warning("what %s refuses is noted later: %s", self._topic, why(error))

    async def _keep(self, cause: BaseException | None, now: datetime) -> None:
        if self._closed is None and not self._large:
            self._since = None
            telemetry.FACTS_REFUSED.set(0)
            if self._noted:
                await self._store.remove(TROUBLES, [self._topic])
                self._noted = False
            return
        self._since = self._since or now
        telemetry.FACTS_REFUSED.set((now - self._since).total_seconds())
        if cause is None:
            return
        pause = self._closed or max(self._large.values(), key=lambda one: one.tries)
        row = {"_id": self._topic, "own": True, "since": self._since, "tries": pause.tries, "next_at": pause.until}
        row |= {"cause": type(cause).__name__, "closed": self._closed is not None}
        self._noted = True
        await self._store.put_new(TROUBLES, [row], renewed=("cause", "closed", "tries", "next_at"))
        log.error("%s does not take what is sent to it: %s", self._topic, row["cause"])

    async def swept(self) -> None:
        """Everything went: what an earlier process has noted is over. Raises StoreAway."""
        if self._noted is None:
            await self._store.remove(TROUBLES, [self._topic])
            self._noted = False

    @property
    def refuses(self) -> bool:
        """Whether the topic refuses facts, as far as this process knows."""
        return self._since is not None

    async def check(self) -> None:
        """Raises Refusing where the topic refuses facts, as far as this process knows."""
        if self.refuses:
            raise Refusing(f"{self._topic} does not take what is sent to it: GET /v1/withheld")
