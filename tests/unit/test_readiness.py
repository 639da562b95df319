"""What is said of a service's checks: at once, and never more than was found a short while ago."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from services.chassis import bus, readiness
from services.chassis.readiness import (
    DEGRADED,
    NO_ANSWER,
    NOT_READY,
    OK,
    NotReady,
    Started,
    Watched,
    in_a_word,
    serves,
    told,
)
from services.chassis.settings import Settings

AS_SET = readiness.ANSWERED_WITHIN


class Asked:
    """A check that answers when it is let, and counts how often it is asked."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.times = 0
        self.fails = False

    async def __call__(self) -> None:
        self.times += 1
        await self.gate.wait()
        if self.fails:
            raise ConnectionError("a secret of the driver")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "ANSWERED_WITHIN", 0.05)
    monkeypatch.setattr(readiness, "TRUSTED", 0.3)


async def test_a_check_is_asked_anew_each_time_and_told_by_the_kind_of_its_error() -> None:
    check = Asked()
    one = Watched(check)
    assert await one.told() == OK
    check.fails = True
    assert await one.told() == "ConnectionError"
    assert check.times == 2


async def test_work_that_stands_still_is_told_in_words_and_only_who_is_at_fault_is_not_to_be_asked() -> None:
    async def check() -> None:
        if faults:
            raise faults[0]

    words = "70 facts of other services are not taken yet"
    one = Watched(check)
    for fault, expected, word, asked in (
        (NotReady(words, at_fault=True), words, NOT_READY, False),
        (NotReady(words), words, NOT_READY, True),
        (ConnectionError("a secret of the driver"), "ConnectionError", DEGRADED, True),
    ):
        faults = [fault]
        found = await told({"lag": one})
        assert (found, in_a_word(found, (), {"lag": one}), serves(found, (), {"lag": one})) == (
            {"lag": expected},
            word,
            asked,
        )
    faults = []
    assert (await one.told(), one.stops, one.faulty) == (OK, False, False)


async def test_a_process_has_started_once_all_of_its_checks_held_and_stays_so() -> None:
    mongo, reading = Asked(), Asked()
    reading.fails = True
    started = Started({"mongo": Watched(mongo), "reading": Watched(reading)})
    assert await started.told() == {"mongo": OK, "reading": "ConnectionError"}
    reading.fails = False
    assert set((await started.told()).values()) == {OK}
    mongo.fails = True
    assert set((await started.told()).values()) == {OK}, "what comes after is told by readiness"


async def test_a_check_that_hangs_is_believed_for_a_while_and_asked_only_once() -> None:
    check = Asked()
    one = Watched(check)
    assert await one.told() == OK
    check.gate.clear()
    assert await one.told() == OK, "it was so a moment ago"
    await asyncio.sleep(0.4)
    assert await one.told() == NO_ANSWER
    assert await one.told() == NO_ANSWER
    assert check.times == 2, "those that do not come back do not pile up"
    check.gate.set()
    assert await one.told() == OK


async def test_what_was_found_long_ago_is_not_told_of_a_check_that_hangs() -> None:
    check = Asked()
    one = Watched(check)
    assert await one.told() == OK
    await asyncio.sleep(0.4)
    check.gate.clear()
    assert await one.told() == NO_ANSWER


async def test_a_check_that_never_answered_is_not_ok() -> None:
    check = Asked()
    check.gate.clear()
    assert await Watched(check).told() == NO_ANSWER


async def test_checks_are_waited_for_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "ANSWERED_WITHIN", 1.0)
    hung = [Asked() for _ in range(20)]
    for check in hung:
        check.gate.clear()
    began = time.monotonic()
    found = await told({str(n): Watched(check) for n, check in enumerate(hung)} | {"fine": Watched(Asked())})
    assert time.monotonic() - began < 10, "twenty one after the other would take as many seconds"
    assert found == {str(n): NO_ANSWER for n in range(20)} | {"fine": OK}


async def test_who_goes_away_while_waiting_does_not_end_the_check() -> None:
    check = Asked()
    check.gate.clear()
    one = Watched(check)
    asking = asyncio.create_task(one.told())
    await asyncio.sleep(0.01)
    asking.cancel()
    check.gate.set()
    assert await one.told() == OK
    assert check.times == 1


async def test_whatever_hangs_it_is_told_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "ANSWERED_WITHIN", AS_SET)
    check = Asked()
    check.gate.clear()
    hung = {name: Watched(check) for name in ("mongo", "kafka", "reading", "sending", "standing")}
    took = list[float]()
    for _ in range(5):
        began = time.monotonic()
        assert set((await told(hung)).values()) == {NO_ANSWER}
        took.append(time.monotonic() - began)
    assert min(took) < 1.0, "a busy machine may be late, but not each time"


async def test_a_reader_that_is_silent_is_not_ready_and_at_fault_only_where_kafka_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def take(_records: object) -> None:
        """Takes them."""

    one = bus.Bus(Settings(), "tiny", ["left"], take, lambda: None)
    check = Watched(one.reading)
    assert (await check.told(), check.stops) == ("ConnectionError", False), "it does not read yet"
    monkeypatch.setattr(one, "_made_at", time.monotonic() - bus.SILENT - 1)
    assert await check.told() == "a subscription has read nothing for 31 s"
    assert (check.stops, check.faulty) == (True, False), "it never began"
    reader = SimpleNamespace(last_read=time.monotonic() - bus.SILENT - 1)
    monkeypatch.setattr(one, "_consumers", {"tiny.left": reader})
    answer = True

    async def ping(timeout: float) -> bool:
        return answer

    monkeypatch.setattr(one.broker, "ping", ping)
    assert await check.told() == "a subscription has read nothing for 31 s"
    assert (check.stops, check.faulty) == (True, False), "nothing is known of Kafka: requests are answered"
    await one.ping()
    assert (await check.told()).startswith("a subscription has read nothing for 31 s, though") and check.faulty
    answer = False
    with pytest.raises(ConnectionError):
        await one.ping()
    assert await check.told() == "a subscription has read nothing for 31 s", "Kafka is away"
    assert (check.stops, check.faulty) == (True, False)
    reader.last_read = time.monotonic()
    assert await check.told() == OK, "it asks, and Kafka may come back"
    monkeypatch.setattr(one, "_away_since", time.monotonic() - bus.SILENT - 1)
    with pytest.raises(ConnectionError):
        await one.ping()
    assert await check.told() == "nothing is read: Kafka has not answered for 31 s", "however often it asks"
    assert (check.stops, check.faulty) == (True, False)
    one.held = ["tiny.left"]
    assert "members of tiny.left" in await check.told() and (check.stops, check.faulty) == (True, False)
    one.held = ()
    answer = True
    await one.ping()
    assert await check.told() == OK
