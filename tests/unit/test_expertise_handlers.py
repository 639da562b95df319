"""What the expertise's facts ask of other subjects and of the press, and what decisions are given: found by planted
faults. Pure: the store is a stand-in of a few rows."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from contracts.event import Actor, Event, parse_own_fact
from contracts.expertise import (
    EXPERTISE,
    Closure,
    ConclusionApprovedV1,
    ConclusionNumberedV1,
    ExpertAssignedV1,
    ExpertEnteredV1,
    Seat,
)
from contracts.freeze import example
from contracts.intake import INTAKE, ApplicationStoppedV1, WithdrawalRegisteredV1
from contracts.steps import ExpertEntry
from deploy.samples.common import BOOK
from services.chassis.store import Row, Store
from services.chassis.subject import Claimed, Document, Input
from services.expertise.documents.shelf import PRINTING
from services.expertise.domain.commands import Assign, CloseFor, HandOver, Recheck
from services.expertise.domain.expert import Expert, subject_of
from services.expertise.domain.series import TakeNumber
from services.expertise.handlers import look, preparing, process_manager, translate

ENTERED = example(ExpertEnteredV1.TYPE)["data"]
ONE = ENTERED["expert_id"]


def expert(id_: str, version: int = 1, **changes: Any) -> Expert:
    """An entry of the directory."""
    entry = ExpertEntry.model_validate({name: ENTERED[name] for name in ExpertEntry.model_fields if name in ENTERED})
    return Expert.made_of(entry, expert_id=id_, version=version).model_copy(update=changes)


@dataclass
class Shelf:
    """A store of these experts, cases and loads; `added` is what was put into it."""

    experts: list[Expert] = field(default_factory=list)
    cases: list[Row] = field(default_factory=list)
    added: dict[str, list[Row]] = field(default_factory=dict)

    async def load(self, subjects: Iterable[str], _shape: Any) -> dict[str, Document]:
        there = {subject_of(one.expert_id): one for one in self.experts}
        return {s: Document(s, "expert", version=1, state=there[s]) for s in subjects if s in there}

    async def tally(self, _name: str, _where: Any, _field: str, ids: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(ids, 0)

    async def add(self, name: str, rows: Sequence[Row]) -> None:
        self.added.setdefault(name, []).extend(rows)

    async def scan(
        self, _name: str, where: Mapping[str, Any], fields: Any = None, hint: Any = None
    ) -> AsyncIterator[Row]:
        asked = where.get("state.visible_to")
        for row in self.cases:
            # None of these cases has a party, or is hidden from anybody.
            if asked is not None and asked in row["state"]["visible_to"]:
                yield row


def store(**there: Any) -> tuple[Store, Shelf]:
    shelf = Shelf(**there)
    return cast(Store, shelf), shelf


def fact(kind: Any, **other: Any) -> Event:
    """The example of a fact, with other data."""
    said = example(kind.TYPE)
    return parse_own_fact(json.dumps({**said, "data": {**said["data"], **other}}).encode(), EXPERTISE)


def case(id_: str, *seats: Seat, visible_to: Sequence[str] = (ONE,)) -> Row:
    places = [{"seat": one.model_dump(mode="json")} for one in seats]
    return {"_id": id_, "state": {"visible_to": [*visible_to], "places": places}}


def of_intake(kind: Any) -> Event:
    """The example of a fact of intake."""
    return parse_own_fact(json.dumps(example(kind.TYPE)).encode(), INTAKE)


@pytest.mark.parametrize(
    ("kind", "how"), [(WithdrawalRegisteredV1, Closure.WITHDRAWN), (ApplicationStoppedV1, Closure.STOPPED)]
)
def test_a_case_is_closed_for_what_became_of_its_application(kind: Any, how: Closure) -> None:
    event = of_intake(kind)
    assert translate(event) == CloseFor(how, event.data["reason"])


async def test_the_load_of_an_expert_counts_what_the_same_batch_has_assigned_before() -> None:
    there, _ = store(experts=[expert("e-1"), expert("e-2")])
    commands = [
        Assign(expert_id="e-1"),
        Assign(expert_id="e-2"),
        HandOver(expert_id="e-2", to="e-1", why="Отпуск."),
        Assign(expert_id="e-1"),
        Assign(expert_id="e-9"),
    ]
    actor = Actor(id="u-3001", role="operator")
    inputs = [Input(f"p{n}", Claimed("o", str(n), "d"), one, actor, "c") for n, one in enumerate(commands)]
    given = await preparing(BOOK)(there, inputs, {}, await look(there, inputs))
    loads = [{id_: known.load for id_, known in one.experts.items()} for one in given]
    assert loads == [{"e-1": 0}, {"e-2": 0}, {"e-1": 1}, {"e-1": 2}, {}]


async def test_a_changed_entry_is_looked_at_where_a_case_knows_another_and_nowhere_else() -> None:
    now = expert(ONE, version=7)
    same, other = now.seat().model_copy(update={"entry": 2}), now.seat().model_copy(update={"interests": ()})
    somebody = expert("u-9", interests=()).seat()
    there, _ = store(
        experts=[now],
        cases=[
            case("differs", same, other),
            case("the same", same),
            case("another's", somebody),
            case("not seen", other, visible_to=["u-9"]),
        ],
    )
    [asked] = await process_manager(there, [fact(ExpertEnteredV1)])
    assert asked == [("differs", Recheck(now.seat()))]


async def test_an_assignment_that_was_decided_while_the_entry_changed_is_looked_at_again() -> None:
    now = expert(ONE, version=7)
    changed = fact(ExpertAssignedV1, expert_id=ONE, seat=now.seat().model_dump(mode="json") | {"interests": []})
    same = fact(ExpertAssignedV1, expert_id=ONE, seat=now.seat().model_dump(mode="json") | {"entry": 2})
    unknown = fact(ExpertAssignedV1, expert_id="u-9", seat=expert("u-9").seat().model_dump(mode="json"))
    there, _ = store(experts=[now])
    assert await process_manager(there, [changed, same, unknown]) == [[(changed.subject, Recheck(now.seat()))], [], []]


@pytest.mark.parametrize("date", ["2026-12-31", "2027-01-01"])
async def test_a_conclusion_asks_for_a_number_of_the_year_that_it_is_dated_in(date: str) -> None:
    event = fact(ConclusionApprovedV1, date=date)
    there, _ = store()
    [[(series, take)]] = await process_manager(there, [event])
    assert series == event.data["series"]
    assert take == TakeNumber(event.subject, event.sequence, event.data["edition"], int(date[:4]))


async def test_a_number_has_its_conclusion_printed_and_asks_nobody() -> None:
    there, shelf = store()
    event = fact(ConclusionNumberedV1)
    assert await process_manager(there, [event]) == [[]]
    [job] = shelf.added[PRINTING]
    assert (job["pilot"], job["number"], job["event"]) == (event.data["pilot"], event.data["number"], event.id)
