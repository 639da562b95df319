"""What the register's facts ask of other pilots, and what its decisions are given: found by planted faults. Pure: the
store is a stand-in of a few rows."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

import pytest

from contracts.event import Actor, Event, Fact, parse_own_fact
from contracts.freeze import example
from contracts.reference import Effectiveness
from contracts.registry import REGISTRY, EffectivenessJudgedV1, PilotEnteredV1
from deploy.samples.common import BOOK
from services.chassis.store import PERSONS, Row, Store
from services.chassis.subject import Claimed, Input
from services.registry import handlers
from services.registry.domain.commands import ForgetPerson, LinkReplica, NoteReplicaResult
from services.registry.handlers import preparing, process_manager


def pilot(id_: str, copies: str | None = None, judged: str | None = None) -> Row:
    """A pilot with the number `N-<id>`."""
    state: Row = {"number": f"N-{id_}", "application": {"replicates": copies, "adaptation": "Иначе."}}
    return {"_id": id_, "state": state | ({"judgement": {"outcome": judged}} if judged else {})}


class Shelf:
    """A store of these pilots; `gone` are the persons that were removed from it."""

    def __init__(self, *pilots: Row) -> None:
        self._pilots = sorted(pilots, key=lambda one: str(one["_id"]))
        self.gone = list[str]()

    async def rows(self, _name: str, where: Mapping[str, Any], limit: int, **_: Any) -> list[Row]:
        return [row for row in self._pilots if all(_fits(row, *one) for one in where.items())][:limit]

    async def scan(self, _name: str, _where: Mapping[str, Any], **_: Any) -> AsyncIterator[Row]:
        """No expert's entry is noted here."""
        for row in list[Row]():
            yield row

    async def remove(self, name: str, ids: Sequence[str]) -> None:
        assert name == PERSONS
        self.gone += ids


def _fits(row: Row, name: str, wanted: Any) -> bool:
    if name == "kind":
        return True
    found: Any = row
    for part in name.split("."):
        found = found[part]
    return found in wanted["$in"] if isinstance(wanted, dict) else bool(found == wanted)


def fact(kind: type[Fact], subject: str, **other: Any) -> Event:
    """The example of a fact of this pilot, with other data."""
    said = example(kind.TYPE)
    return parse_own_fact(
        json.dumps({**said, "subject": subject, "data": {**said["data"], **other}}).encode(), REGISTRY
    )


def entered(subject: str, copies: str | None = None) -> Event:
    application = {**example(PilotEnteredV1.TYPE)["data"]["application"], "replicates": copies, "adaptation": "Иначе."}
    return fact(PilotEnteredV1, subject, number=f"N-{subject}", application=application)


async def asked(event: Event, *pilots: Row) -> list[tuple[str, object]]:
    [told] = await process_manager(cast(Store, Shelf(*pilots)), [event])
    return list(told)


@pytest.mark.parametrize("name", ["old", "N-old"])
async def test_a_replica_is_linked_to_what_it_names_by_id_or_number_and_takes_those_that_came_before_it(
    name: str,
) -> None:
    told = await asked(
        entered("new", name),
        pilot("old"),
        pilot("new", name),
        pilot("first", "N-new"),
        pilot("second", "new", "effective"),
    )
    assert told == [
        ("old", LinkReplica("new", "N-new", "Иначе.")),
        ("new", LinkReplica("first", "N-first", "Иначе.")),
        ("new", LinkReplica("second", "N-second", "Иначе.")),
        ("new", NoteReplicaResult("second", Effectiveness.EFFECTIVE)),
    ]


@pytest.mark.parametrize("name", [None, "unknown", "new", "N-new"])
async def test_who_copies_nothing_known_or_itself_is_linked_to_nobody(name: str | None) -> None:
    assert await asked(entered("new", name), pilot("new", name)) == []


async def test_a_judgement_is_noted_where_the_pilot_is_a_replica() -> None:
    judged = fact(EffectivenessJudgedV1, "new")
    outcome = Effectiveness(judged.data["outcome"])
    assert await asked(judged, pilot("old"), pilot("new", "N-old")) == [("old", NoteReplicaResult("new", outcome))]
    assert await asked(judged, pilot("new")) == []


async def test_as_many_replicas_as_are_linked_of_one_pilot_are_none_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "MOST_REPLICAS", 3)
    copies = [pilot(f"a{n}", "p-a") for n in range(1, 5)]
    store = cast(Store, Shelf(*copies, pilot("b1", "N-p-b")))
    first, second = await process_manager(store, [entered("p-a"), entered("p-b")])
    assert first == [("p-a", LinkReplica(one, f"N-{one}", "Иначе.")) for one in ("a1", "a2", "a3")]
    assert second == [("p-b", LinkReplica("b1", "N-b1", "Иначе."))]


async def test_whom_the_expertise_erased_is_erased_before_anything_of_the_batch_is_decided() -> None:
    shelf, actor = Shelf(), Actor(id="expertise", role="service")
    inputs = [
        Input("p1", Claimed("o", str(n), "d"), command, actor, "c")
        for n, command in enumerate([ForgetPerson("person-1"), None, ForgetPerson("person-2")])
    ]
    assert await preparing(BOOK)(cast(Store, shelf), inputs, {}, None) == [BOOK] * 3
    assert shelf.gone == ["person-1", "person-2"]
