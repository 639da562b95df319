"""Ten thousand parked records of three causes: one is mended, its group alone is fed again, the totals reconcile."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from contracts.agency import ApplicationResubmittedV1
from contracts.topics import agency_topic
from services.chassis.cluster import Place
from services.chassis.engine import Engine
from services.chassis.subject import Record
from services.intake import balance, queries
from tests.integration.intake.test_parked import NEWER
from tests.kit.engine.tiny import Broker, Clock
from tests.kit.intake.sides import Ask, entered, receipts, sent, submitted

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
CAUSES = {"demo": 4000, "late": 3000, "evil": 3000}
"""An agency for each cause: a version that is not known yet, an agency that is not in the directory, another type."""
BATCH = 500


class Ends:
    """Topics that are committed to their ends."""

    def __init__(self, ends: Mapping[str, int]) -> None:
        self.ends = {agency_topic(code).name: end for code, end in ends.items()}

    async def names(self) -> frozenset[str]:
        """All of them."""
        return frozenset(self.ends)

    async def committed(self, _group: str) -> Mapping[Place, int]:
        """All of them to their ends."""
        return {(topic, 0): end for topic, end in self.ends.items()}

    async def bounds(self, places: Iterable[Place]) -> Mapping[Place, tuple[int, int]]:
        """From the first record on."""
        return {place: (0, self.ends[place[0]]) for place in places}

    async def records(self, place: Place, first: int, until: int) -> Mapping[int, bytes]:
        """Nothing is missed, so nothing is looked at."""
        raise AssertionError((place, first, until))


def records(agency: str, count: int) -> list[Record]:
    """What an agency sent."""
    kinds = {"demo": NEWER, "evil": ApplicationResubmittedV1.TYPE.replace(".v1", ".v9")}
    made = (submitted(n, agency) for n in range(count))
    events = ({**one, "type": kinds.get(agency, one["type"])} for one in made)
    return [replace(sent(one, agency), offset=n) for n, one in enumerate(events)]


async def test_ten_thousand_parked_records_of_three_causes_of_which_one_is_mended(
    engine: Engine, ask: Ask, broker: Broker, clock: Clock
) -> None:
    await engine.store.prepare(queries.INDEXES)
    await balance.begin(engine.store, clock())
    topics, began = Ends(CAUSES), time.monotonic()
    for agency, count in CAUSES.items():
        some = records(agency, count)
        for first in range(0, count, BATCH):
            await engine.records(some[first : first + BATCH])
    parked_in = time.monotonic() - began

    async def groups() -> dict[str, int]:
        items = (await ask("get", "/v1/parked/groups", "ops")).json()["items"]
        return {one["topic"]: one["records"] for one in items}

    async def totals() -> dict[str, tuple[int, int, int, int]]:
        found = await balance.struck(engine.store, topics, clock())
        return {one.agency: (one.received, one.parked, one.registered, one.difference) for one in found}

    assert await groups() == {agency_topic(code).name: count for code, count in CAUSES.items()}
    assert await totals() == {code: (count, count, 0, 0) for code, count in CAUSES.items()}

    await entered(engine, "late")
    began, went, more = time.monotonic(), 0, True
    while more:
        told: dict[str, Any] = (
            await ask("post", "/v1/parked/redrive", "ops", json={"topic": agency_topic("late").name})
        ).json()
        assert {one["verdict"] for one in told["records"]} == {"went"}
        went, more = went + told["went"], told["more"]
    redriven_in = time.monotonic() - began
    assert went == 3000
    assert await groups() == {agency_topic(code).name: CAUSES[code] for code in ("demo", "evil")}
    assert await totals() == {
        "demo": (4000, 4000, 0, 0),
        "late": (3000, 0, 3000, 0),
        "evil": (3000, 3000, 0, 0),
    }
    assert [event for event, what in receipts(broker, "late") if what == "registered"] == [
        f"late-{n}" for n in range(3000)
    ], "in order"
    print(f"10000 records parked in {parked_in:.1f} s; 3000 of one cause fed again in {redriven_in:.1f} s")
