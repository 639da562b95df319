"""The traces that the collector of the embedded stack keeps, and the logs beside them: asked for with the reader's own
token, which must have the role ops."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from services.chassis.told_traces import Span
from services.desk.clients import Refused
from services.desk.traces import MOST, Lines, Listed, Listing, Whole

PATH: Final = "/v1/kept-traces"
Ask = Callable[..., Awaitable[Any]]
"""Asks for a path with a query; the body of the answer. Raises Away, Refused."""


@dataclass(frozen=True, slots=True)
class Collector:
    """The reader of the embedded stack's own traces."""

    ask: Ask

    async def listed(self, which: Listing) -> Listed:
        """The traces of a list, each without its spans."""
        order, failed = "slowest" if which.slowest else "newest", "1" if which.failed else ""
        found = await self.ask(PATH, order=order, failed=failed, after=which.after, limit=MOST)
        return Listed(found["items"], found["next"] or "")

    async def of(self, name: str) -> Listed:
        """The traces of a pilot or an event."""
        return Listed((await self.ask(PATH, of=name))["items"])

    async def whole(self, trace: str) -> Whole | None:
        """One trace."""
        found = await self._if_there(f"{PATH}/{trace}")
        if found is None:
            return None
        return Whole([Span(**one) for one in found["spans"]], found["before"], found["after"])

    async def lines(self, trace: str) -> Lines | None:
        """Its log lines, from the files of the embedded stack."""
        found = await self._if_there(f"{PATH}/{trace}/lines")
        return Lines([]) if found is None else Lines(found["items"], found["more"])

    async def _if_there(self, path: str) -> Any:
        try:
            return await self.ask(path)
        except Refused as error:
            if error.status != 404:
                raise
            return None
