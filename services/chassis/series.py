"""Which facts of each subject a topic of facts has: what its records say of themselves, held together. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.event import peek, service_source
from services.chassis.cluster import Place
from services.chassis.turns import in_turns

MOST_MISSING: Final = 1000
"""A record that claims a place further behind the one before it in its series has none there: its readers have it
parked, and it is passed by."""
_NUMBER: Final = re.compile("[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Placed:
    """A fact and where it stands, or should: in which partition of a topic, at which offset (None: at none)."""

    at: Place
    offset: int | None
    subject: str
    sequence: int

    @property
    def place(self) -> str:
        """Where it stands: `topic/partition/offset`."""
        topic, partition = self.at
        return f"{topic}/{partition}/{self.offset}"


async def facts_in(writer: str, at: Place, values: Mapping[int, bytes]) -> list[Placed]:
    """The facts of this writer among some records, in their order; what is none is parked by who reads it."""
    found = list[Placed]()
    async for offset in in_turns(sorted(values)):
        said = peek(values[offset])
        subject, sequence = said.get("subject"), _number(said.get("sequence"))
        if said.get("source") == service_source(writer) and isinstance(subject, str) and subject and sequence:
            found.append(Placed(at, offset, subject, sequence))
    return found


def _number(said: Any) -> int:
    return int(said) if isinstance(said, str) and _NUMBER.fullmatch(said) else 0


class Series:
    """The facts of each subject that were met, as the last of them and those that are missing before it: what was sent
    twice, and what comes behind a later one, is told of rightly, and a subject takes up one number."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._missing: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return len(self._last)

    def add(self, fact: Placed, *, whole: bool) -> None:
        """Adds a fact; facts are added as they stand in their topic, from its beginning. `whole`: nothing was thrown
        away there; else those before the first of a subject may have stood there."""
        last = self._last.get(fact.subject, 0 if whole else fact.sequence - 1)
        if fact.sequence > last + MOST_MISSING:
            return
        if fact.sequence > last + 1:
            self._missing.setdefault(fact.subject, set()).update(range(last + 1, fact.sequence))
        elif fact.sequence <= last and (missing := self._missing.get(fact.subject)):
            missing.discard(fact.sequence)
        self._last[fact.subject] = max(last, fact.sequence)

    def without(self, subject: str, until: int, *, whole: bool) -> list[int]:
        """Which facts of a subject up to this one were not met, a thousand at most; of a subject of which none was met
        all, if the topic is `whole`."""
        if subject not in self._last and not whole:
            return []
        last = self._last.get(subject, 0)
        before = sorted(one for one in self._missing.get(subject, ()) if one <= until)
        return [*before, *range(last + 1, min(until, last + MOST_MISSING) + 1)][:MOST_MISSING]


def left_outbox(row: Mapping[str, Any] | None) -> int:
    """Up to which fact a stored document says that its facts left its outbox; none, where it is not there."""
    if row is None:
        return 0
    waits: Iterator[int] = (entry["sequence"] for entry in row.get("outbox", ()))
    return int(min(waits, default=row["version"] + 1)) - 1
