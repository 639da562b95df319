"""How much of the agencies' door each agency may have in a minute over HTTP: events, and bytes of bodies.

A request is let in as long as the minute is not used up, and then counted whole, so that a batch that is larger than
what is left is not refused for ever. Nor does a minute come all at once: after what two seconds would have, events come
as fast as the quota says, half a second's together, and who sent a batch waits until its events would have come so.
Who floods Kafka's door as well has half of it at each.

Each process counts by itself, and no request waits for MongoDB: once a second a process adds what it has counted of an
agency to that agency's row, and is told what all have together. It begins with that when an agency has used a tenth of
its quota here, which hardly any ever does. So all replicas together let in at most the quota, a tenth of it for each
replica but one, and what each takes within a second.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.steps import Quota
from services.chassis import telemetry
from services.chassis.allowance import AT_ONCE, TOGETHER, Allowance
from services.chassis.problems import Problematic
from services.chassis.settings import Settings
from services.chassis.store import Store, StoreAway

log = logging.getLogger(__name__)

COLLECTION: Final = "door_quotas"
"""The collection of what each agency has used in the last minute in which it came near its quota."""
EVERY: Final = 1.0
"""Seconds between two exchanges."""
HALF: Final = 0.5
"""What part of its quota an agency has at either door while it sends more than that at both."""
UNSAID: Final = 10
"""What is less than this part of a quota is not exchanged."""
MOST_AGENCIES: Final = 10_000
"""So many agencies are counted; above it, those of earlier minutes are forgotten (technical)."""

Used = tuple[int, int]
"""Events and bytes."""
Exchange = Callable[[str, int, Used], Awaitable[Used | None]]
"""Adds what was used in a minute to an agency's row; what all have used in it, None where that minute is over."""


def stored(store: Store) -> Exchange:
    """The exchange by a store."""

    async def exchange(agency: str, minute: int, used: Used) -> Used | None:
        row = await store.add_up(COLLECTION, agency, minute, {"events": used[0], "bytes": used[1]})
        return (row["events"], row["bytes"]) if row["window"] == minute else None

    return exchange


async def nothing_shared(_agency: str, _minute: int, _used: Used) -> Used | None:
    """This process is the only one."""
    return None


def most_of(settings: Settings) -> Quota | None:
    """The quota of an agency that has none of its own; None where either number is switched off."""
    events, size = settings.agency_events_a_minute, settings.agency_bytes_a_minute
    return Quota(events_a_minute=events, bytes_a_minute=size) if events and size else None


@dataclass(slots=True)
class _Count:
    """What an agency has used in a minute: by all that is known, and of that what is not exchanged yet."""

    minute: int
    events: int = 0
    bytes: int = 0
    new_events: int = 0
    new_bytes: int = 0


class Quotas:
    """The quotas of all agencies; `most` is that of an agency that has none of its own, None is no bound. So many
    seconds of it may come `at_once`."""

    def __init__(
        self, exchange: Exchange, most: Quota | None, now: Callable[[], datetime], at_once: float = AT_ONCE
    ) -> None:
        self._rates = dict[str, float]()
        self._allowance = Allowance(self._rates.__getitem__, at_once=at_once, together=TOGETHER)
        self._exchange = exchange
        self.most = most
        self._now = now
        self._counts = dict[str, _Count]()
        self._tending: asyncio.Task[None] | None = None
        self.elsewhere: Callable[[str], bool] = lambda _agency: False
        """Whether an agency sends more than its quota at the other door as well, as far as this process knows."""

    def need_room(self, agency: str, own: Quota | None) -> None:
        """Raises Problematic 429 for an agency whose minute is used up."""
        quota = own or self.most
        if quota is not None and (wait := self._wait(agency, quota)) > 0:
            telemetry.SHARES_REFUSED.labels("quota").inc()
            raise Problematic(
                429,
                "quota.used",
                action="retry",
                headers={"Retry-After": str(math.ceil(wait))},
                events=quota.events_a_minute,
                bytes=quota.bytes_a_minute,
            )

    def tried(self, agency: str, own: Quota | None, events: int, size: int) -> float:
        """Counts what is let in, and returns 0; or counts nothing and returns in how many seconds there may be room."""
        quota = own or self.most
        if quota is not None and (wait := self._wait(agency, quota)) > 0:
            return wait
        self.take(agency, own, events, size)
        return 0.0

    def crowds(self, agency: str) -> bool:
        """Whether an agency sends more than its quota, so that whoever does not has precedence."""
        return self._allowance.crowds(agency)

    def _wait(self, agency: str, quota: Quota) -> float:
        """Seconds until an agency may send more; 0 where it may now."""
        self._rates[agency] = quota.events_a_minute / 60 * (HALF if self.elsewhere(agency) else 1)
        count = self._counts.get(agency)
        if count is None or count.minute != self._minute():
            used_up = False
        else:
            used_up = count.events >= quota.events_a_minute or count.bytes >= quota.bytes_a_minute
        over = 60 - self._now().timestamp() % 60 if used_up else 0.0
        return max(over, self._allowance.wait(agency))

    def take(self, agency: str, own: Quota | None, events: int, size: int) -> None:
        """Counts what is let in. Raises Problematic 429 where the minute is used up already."""
        self.need_room(agency, own)
        quota, minute = own or self.most, self._minute()
        if quota is None:
            return
        count = self._counts.get(agency)
        if count is None or count.minute != minute:
            if len(self._counts) >= MOST_AGENCIES:
                self._counts = {code: one for code, one in self._counts.items() if one.minute == minute}
            self._counts[agency] = count = _Count(minute)
        self._allowance.spend(agency, events)
        count.events += events
        count.bytes += size
        count.new_events += events
        count.new_bytes += size
        if count.events * UNSAID >= quota.events_a_minute or count.bytes * UNSAID >= quota.bytes_a_minute:
            self._tend()

    def _minute(self) -> int:
        return int(self._now().timestamp() // 60)

    def _tend(self) -> None:
        running = self._tending
        if running is None or running.done() or running.get_loop() is not asyncio.get_running_loop():
            self._tending = asyncio.create_task(self._tends(), context=Context())  # of no one request

    async def _tends(self) -> None:
        """Exchanges what was counted until nothing more is."""
        while some := [(code, one) for code, one in self._counts.items() if self._is_due(one)]:
            for code, count in some:
                await self._told(code, count)
            await asyncio.sleep(EVERY)

    def _is_due(self, count: _Count) -> bool:
        return count.minute == self._minute() and bool(count.new_events or count.new_bytes)

    async def _told(self, agency: str, count: _Count) -> None:
        used = count.new_events, count.new_bytes
        count.new_events, count.new_bytes = 0, 0
        try:
            all_used = await self._exchange(agency, count.minute, used)
        except StoreAway as error:
            count.new_events, count.new_bytes = count.new_events + used[0], count.new_bytes + used[1]
            log.warning("quotas are exchanged later: %s", error)
            return
        if all_used is not None:  # what came meanwhile is not among it
            count.events, count.bytes = all_used[0] + count.new_events, all_used[1] + count.new_bytes
