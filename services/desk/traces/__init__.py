"""Where traces are kept, as the pages read them: one reader for the collector of the embedded stack and one for the
query API of Jaeger, behind one small protocol.

What a page shows of a span are its ids, its times, and attributes that are known to be harmless; a store of traces may
hold what other systems sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from services.chassis.told_traces import Span

KEPT: Final = "traces"
"""Under which name the desk asks for them, as it asks the services under theirs."""
MOST: Final = 25
"""Traces of a list on one page."""
Summary = Mapping[str, Any]
"""A trace as it stands in a list (`Trace.summary`)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which traces are listed: the newest or the slowest, only those that failed, those behind a place."""

    slowest: bool = False
    failed: bool = False
    after: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """Some traces; `next` asks for the following ones, empty at the end."""

    items: Sequence[Summary]
    next: str = ""


@dataclass(frozen=True, slots=True)
class Whole:
    """One trace with all of its spans, the oldest first, the traces that it builds on and those that build on it."""

    spans: Sequence[Span]
    before: Sequence[Summary]
    after: Sequence[Summary]


@dataclass(frozen=True, slots=True)
class Lines:
    """The log lines of a trace, the oldest first; `more`: there are others beside them."""

    items: Sequence[Mapping[str, Any]]
    more: bool = False


class NotTold(Exception):
    """Where traces are to be kept, something else answered, or it refused; `status` is what it said."""

    def __init__(self, status: Any) -> None:
        super().__init__(status)
        self.status = status


class Kept(Protocol):
    """A place where traces are kept. Every call raises Away, Refused, NotTold."""

    async def listed(self, which: Listing) -> Listed:
        """The traces of a list."""
        ...

    async def of(self, name: str) -> Listed:
        """The traces of a pilot or an event in the order in which they began, each cut to what belongs to it."""
        ...

    async def whole(self, trace: str) -> Whole | None:
        """One trace; None where it is not kept."""
        ...

    async def lines(self, trace: str) -> Lines | None:
        """Its log lines; None where logs are kept elsewhere."""
        ...
