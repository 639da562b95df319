"""Leased work on rows: who takes a row has it until its lease is over, so who dies gives it back by doing nothing.

A row says of itself, in a field of it or at its top:

    by      who has it; null: nobody
    until   until when it is had, or put off: it is free again from then on; null: nobody has looked at it yet
    tries   how often it was tried in vain

Each mark is made under the guard of what was there, so of two that want a row one gets it. A lease keeps others from
doing the same work; it cannot keep them from having begun it. Who works longer than a lease renews it, and asks whether
it still holds before the work is given out.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from contracts.event import Harmless
from services.chassis.store import Row, Store, StoreAway

log = logging.getLogger(__name__)
T = TypeVar("T")


class Lost(Harmless):
    """Somebody else has this row now, or it is gone: nothing more is to be done here."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """The rows of a collection as jobs of one worker, whose `name` is its own.

    `pauses` are those after the first, second ... try in vain; the last one repeats. `under` is the field of a row that
    holds the lease, None: the row itself; `written` is how moments stand there. `now` is the clock (UTC).
    """

    store: Store
    collection: str
    now: Callable[[], datetime]
    lease: timedelta
    pauses: Sequence[timedelta]
    under: str | None = None
    written: Callable[[datetime], Any] = lambda moment: moment
    name: str = field(default_factory=lambda: uuid4().hex)

    def tries(self, row: Row) -> int:
        """How often this row was tried in vain."""
        return int(self._said(row).get("tries", 0))

    async def take(self, row: Row, /, **more: Any) -> bool:
        """Takes a row, as it was read, if it is free; False where another has it or was first. Raises StoreAway."""
        until = self._said(row).get("until")
        if until is not None and until > self.written(self.now()):
            return False
        said = {"by": self.name, "until": self._from_now(self.lease), "tries": self.tries(row), **more}
        return await self.mark_seen(row, said)

    async def renew(self, id_: str) -> None:
        """Renews the lease. Raises Lost where another has taken the row, and StoreAway."""
        row = await self.store.get(self.collection, id_)
        if row is None or self._said(row).get("by") != self.name:
            raise Lost
        until = {self._name("until"): self._from_now(self.lease)}
        await self.store.mark(self.collection, self._mine(id_), until)

    async def beside(self, id_: str, step: Callable[[], T]) -> T:
        """What a long step in a thread returns, with the lease renewed beside it.

        It may be lost all the same: who goes on asks.
        """
        renewing = asyncio.create_task(self._renewing(id_))
        try:
            return await asyncio.to_thread(step)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renewing(self, id_: str) -> None:
        """Renews the lease until it is lost. An outage is waited out: it may be over before the lease is."""
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            try:
                await self.renew(id_)
            except StoreAway as error:
                log.warning("the lease of %s is not renewed: %s", id_, error)

    async def failed(self, id_: str) -> int:
        """Counts a try in vain, whoever has the row by now; returns how many there were. Raises StoreAway."""
        row = await self.store.get(self.collection, id_)
        tries = (self.tries(row) if row is not None else 0) + 1
        name = self._name("tries")
        await self.store.mark(self.collection, {"_id": id_, name: tries - 1}, {name: tries})
        return tries

    async def put_off(self, id_: str, tries: int, /, **more: Any) -> bool:
        """Gives a row back that this worker has: free again after the pause for so many tries, which stay counted.
        Raises StoreAway."""
        pause = self.pauses[min(tries, len(self.pauses)) - 1]
        return await self.mark_mine(id_, {"by": None, "until": self._from_now(pause), "tries": tries, **more})

    async def mark_mine(self, id_: str, said: Mapping[str, Any]) -> bool:
        """Says this of a row if this worker has it. Raises StoreAway."""
        return await self._mark(self._mine(id_), said)

    async def mark_seen(self, row: Row, said: Mapping[str, Any]) -> bool:
        """Says this of a row if nobody has touched it since it was read. Raises StoreAway."""
        return await self._mark({"_id": row["_id"], self._name("until"): self._said(row).get("until")}, said)

    async def _mark(self, where: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
        values = dict(said) if self.under is None else {self.under: dict(said)}
        return await self.store.mark(self.collection, where, values) == 1

    def _mine(self, id_: str) -> Mapping[str, Any]:
        return {"_id": id_, self._name("by"): self.name}

    def _name(self, part: str) -> str:
        return part if self.under is None else f"{self.under}.{part}"

    def _said(self, row: Row) -> Mapping[str, Any]:
        return row if self.under is None else row.get(self.under) or {}

    def _from_now(self, span: timedelta) -> Any:
        return self.written(self.now() + span)
