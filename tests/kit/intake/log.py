"""An agency's topic in memory, and the balance that a real intake strikes of it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from contracts.topics import agency_topic
from services.chassis.answers import AgencyBalance
from services.chassis.cluster import Place
from services.chassis.store import Store
from services.chassis.subject import Record
from services.intake import balance
from tests.kit.engine.tiny import Clock
from tests.kit.intake.sides import sent

TOPIC = agency_topic("demo").name


class Log:
    """An agency's topic, and how far it is committed."""

    def __init__(self) -> None:
        self.values: dict[int, bytes] = {}
        self.begin = self.end = self.taken = 0

    def put(self, *events: Mapping[str, Any] | bytes) -> list[Record]:
        """Events at its end, as they are read."""
        found = []
        for event in events:
            record = replace(sent(event) if isinstance(event, Mapping) else sent({}), offset=self.end)
            record = replace(record, value=event) if isinstance(event, bytes) else record
            self.values[self.end] = record.value
            self.end += 1
            found.append(record)
        return found

    async def names(self) -> frozenset[str]:
        """This topic, and another service's."""
        return frozenset({TOPIC, "pilots.intake.v1"})

    async def committed(self, _group: str) -> Mapping[Place, int]:
        """What is committed of it."""
        return {(TOPIC, 0): self.taken}

    async def bounds(self, places: Iterable[Place]) -> Mapping[Place, tuple[int, int]]:
        """Where it begins and ends."""
        assert [*places] == [(TOPIC, 0)]
        return {(TOPIC, 0): (self.begin, self.end)}

    async def records(self, place: Place, first: int, until: int) -> Mapping[int, bytes]:
        """What stands there."""
        assert place == (TOPIC, 0) and self.begin <= first < until <= self.end
        return {at: value for at, value in self.values.items() if first <= at < until}


async def struck(store: Store, log: Log, clock: Clock) -> AgencyBalance:
    """The balance of the agency; that of another one shows nothing."""
    found = {one.agency: one for one in await balance.struck(store, log, clock())}
    assert found.keys() <= {"demo", "evil"}
    return found["demo"]
