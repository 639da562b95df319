"""When an agency's event came, what says so, and what is told of how long it took until the register has it."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord

from contracts.event import Actor, Event
from contracts.intake import INTAKE, EventReceived
from deploy.samples.common import NOW, SUBJECT
from services.chassis import arrival
from services.chassis.bus import record_of
from services.chassis.subject import Claimed, Done, Duplicate, Input, Outcome, Sequenced, Waiting
from services.chassis.timed import BEGAN
from services.intake.domain.decide import decide
from services.law.decision import Context
from services.registry.handlers import came
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY
from tests.kit.intake import story
from tests.kit.intake.story import STATES

FACT = Input("p", Sequenced("intake", 1, {}), None, Actor(id="intake", role="service"), "f-1", came=NOW)
DONE = Done(1, 1)


def record(type_: int, milliseconds: int) -> Any:
    """A record that has this time, of this kind."""
    return ConsumerRecord("pilots.agency.demo.v1", 0, 7, milliseconds, type_, None, b"{}", None, -1, 2, ())


def test_a_record_came_when_kafka_took_it() -> None:
    assert record_of(record(1, 1_776_326_400_123)).came == datetime(2026, 4, 16, 8, 0, 0, 123_000, UTC)


@pytest.mark.parametrize("said", [-1, 0, 1, 1_776_326_400_123, 2**62], ids=str)
def test_what_its_senders_clock_says_is_not_believed(said: int) -> None:
    assert record_of(record(0, said)).came is None


@pytest.mark.parametrize("said", [-(2**62), -1, 0])
def test_a_record_without_a_time_has_none(said: int) -> None:
    assert record_of(record(1, said)).came is None


@pytest.mark.parametrize("said", [2**62, int((time.time() + 3600) * 1000)], ids=["for ever", "an hour"])
def test_no_record_came_later_than_now_though_kafkas_clock_is_ahead(said: int) -> None:
    came = record_of(record(1, said)).came
    assert came is not None and came <= datetime.now(UTC)


def test_a_request_came_when_its_head_did() -> None:
    scope = {BEGAN: time.perf_counter() - 90}
    assert timedelta(seconds=90) <= NOW - arrival.of_request(scope, NOW) < timedelta(seconds=95)


class Noted:
    """What a histogram is told."""

    def __init__(self) -> None:
        self.seconds = list[float]()

    def observe(self, seconds: float, _exemplar: Mapping[str, str] | None = None) -> None:
        """One time."""
        self.seconds.append(seconds)


@pytest.mark.parametrize(
    ("one", "outcome", "told"),
    [
        (FACT, DONE, [40.0]),
        (replace(FACT, came=NOW + timedelta(hours=1)), DONE, [0.0]),
        (replace(FACT, came=None), DONE, []),
        (FACT, Duplicate(1, 1), []),
        (FACT, Waiting("gap: intake 1 has not arrived"), []),
        (FACT, None, []),
        (replace(FACT, mark=Claimed("agency:demo", "demo-1", "d")), DONE, []),
    ],
    ids=["written", "a clock that is behind", "of no event", "again", "waits", "given back", "taken by intake"],
)
def test_how_long_it_took_is_told_once_what_follows_is_written_and_never_twice(
    monkeypatch: pytest.MonkeyPatch, one: Input, outcome: Outcome | None, told: list[float]
) -> None:
    noted = Noted()
    monkeypatch.setattr(arrival, "TO_REGISTER", noted)
    arrival.registered(one, outcome, NOW + timedelta(seconds=40))
    assert noted.seconds == told


TAKEN: list[tuple[Any, Any]] = [
    (None, story.submit()),
    (STATES["returned"], story.resubmit()),
    (STATES["asked"], story.clarify(("why", "Потому что."))),
    (STATES["registered"], story.withdraw()),
    (STATES["carried out"], story.progress()),
    (STATES["carried out"], story.spent()),
    (STATES["carried out"], story.risks()),
    (STATES["carried out"], story.measured()),
    (STATES["carried out"], story.completed()),
]


def taken(came: datetime | None) -> list[EventReceived]:
    """The facts that take an agency's events, where these came then."""
    context = Context(NOW, SUBJECT, SOMEBODY, story.pilots.given_, CALENDARS, came)
    facts = [fact for state, command in TAKEN for fact in decide(state, command, context)]
    return [fact for fact in facts if isinstance(fact, EventReceived)]


def test_every_fact_that_takes_an_event_says_when_that_came_and_changes_nothing_else_by_it() -> None:
    long_ago = NOW - timedelta(days=3)
    said, silent = taken(long_ago), taken(None)
    assert {type(fact) for fact in said} == {cls for cls in INTAKE.classes.values() if issubclass(cls, EventReceived)}
    assert {(fact.came, fact.received) for fact in said} == {(long_ago, NOW)}
    assert [fact.model_copy(update={"came": None}) for fact in said] == silent, "terms are counted from the decision"


def test_the_register_counts_from_when_an_event_came_or_from_its_decision_where_a_fact_says_no_more() -> None:
    for fact in taken(NOW - timedelta(days=3)):
        assert came(cast(Event, SimpleNamespace(fact=fact))) == NOW - timedelta(days=3)
    for fact in taken(None):
        assert came(cast(Event, SimpleNamespace(fact=fact))) == NOW
