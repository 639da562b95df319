"""What goes out with a fact and its topic does not take waits by itself: the fact is sent once, nobody else waits."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from contracts.event import Event, headers_of
from services.chassis import telemetry, withheld
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.outbox import SendFailed
from services.chassis.service import Service
from services.chassis.store import Store
from services.chassis.withheld import COLLECTION, PAUSES, TROUBLES, Refusing, shown
from tests.kit.engine.engines import LONG_AGO, Make, outbox
from tests.kit.engine.tiny import LANGUAGE, Broker, Clock, Crash, Hooked, Note, Topic, claimed, crash, tiny_service
from tests.kit.tracing import trace_of, traced

OTHER, MINE = "pilots.receipts.other.v1", "pilots.receipts.mine.v1"


def receipts(event: Event) -> list[Message]:
    """A receipt for each fact: subjects whose name begins with `o` belong to another agency."""
    topic = OTHER if event.subject.startswith("o") else MINE
    return [Message(topic, event.subject, f"{event.subject}/{event.sequence}".encode())]


SERVICE: Service = tiny_service(own=LANGUAGE, publications=receipts)


@pytest.fixture
async def engine(make: Make, store: Store) -> Engine:
    """A replica of a service that sends receipts."""
    await store.prepare({})
    return make(SERVICE)


def told(broker: Broker, topic: str = MINE) -> list[str]:
    """What stands in a topic of receipts."""
    return [message.value.decode() for message in broker.log if message.topic == topic]


async def waiting(store: Store, collection: str = COLLECTION) -> int:
    """How much is withheld."""
    return await store.count(collection, {}, 1000)


async def test_a_topic_that_refuses_everything_for_two_minutes_makes_no_copy_of_any_fact(
    engine: Engine, broker: Broker, clock: Clock, store: Store
) -> None:
    broker.refuse = lambda message: message.topic == MINE
    records, left = Topic("left"), [f"p{n}" for n in range(5)]
    for second in range(120):
        if second % 20 == 0:
            await engine.records([records.record(subject, second // 20 + 1, f"w{second}") for subject in left])
        clock.forward(seconds=1)
        await engine.sweep(LONG_AGO)
        await engine.withheld.again()
    for subject in left:
        assert broker.series(subject) == [1, 2, 3, 4, 5, 6] and await outbox(engine, subject) == []
    assert told(broker) == [] and await waiting(store) == 30


async def test_what_was_withheld_goes_in_its_order_when_its_topic_takes_it_again_and_nothing_is_left(
    engine: Engine, broker: Broker, clock: Clock, store: Store
) -> None:
    topic = Topic("left")
    broker.refuse = lambda message: message.topic == MINE
    await engine.records([topic.record("p1", 1, "a+b"), topic.record("p2", 1, "x")])
    with pytest.raises(Refusing):
        await engine.withheld.check()
    assert [(row["takes_nothing"], row["messages"]) for row in await shown(store)] == [(True, 3)], "at once"
    broker.refuse = lambda _message: False
    await engine.records([topic.record("p1", 2, "c")])
    assert told(broker) == [], "what comes later does not overtake"
    clock.forward(seconds=PAUSES[0])
    await engine.withheld.again()
    assert told(broker) == ["p1/1", "p1/2", "p1/3", "p2/1"]
    await engine.withheld.check()
    assert await waiting(store) == 0 and await waiting(store, TROUBLES) == 0
    await engine.records([topic.record("p1", 3, "d")])
    assert told(broker)[-1] == "p1/4", "it goes at once again"


async def test_another_topic_and_the_batch_and_its_offset_do_not_wait(
    engine: Engine, broker: Broker, store: Store
) -> None:
    broker.refuse = lambda message: message.topic == MINE
    topic = Topic("left")
    await engine.records([topic.record("p1", 1, "a"), topic.record("o1", 1, "x")])
    await engine.command(claimed("p1", "k", Note(("b",))))
    await engine.outbox.flush()
    assert told(broker, OTHER) == ["o1/1"] and broker.series("p1") == [1, 2]
    assert {row["key"] for row in await store.rows(COLLECTION, {}, sort=[("_id", 1)], limit=9)} == {"p1"}


async def test_a_topic_that_takes_nothing_is_not_asked_before_its_time_and_pauses_grow(
    engine: Engine, broker: Broker, clock: Clock
) -> None:
    tried = list[float]()
    began = clock()

    def refuse(message: Message) -> bool:
        if message.topic == MINE:
            tried.append((clock() - began).total_seconds())
        return message.topic == MINE

    broker.refuse = refuse
    topic = Topic("left")
    for second in range(200):
        await engine.records([topic.record("p1", second + 1, "a")])
        await engine.withheld.again()
        clock.forward(seconds=1)
    assert tried[:5] == [0, 2, 7, 22, 82] and tried[5:] == [142], "each try is one message: the first that waits"


async def test_a_message_that_is_too_large_holds_up_its_own_key_alone(
    engine: Engine, broker: Broker, clock: Clock, store: Store
) -> None:
    broker.large = lambda message: message.value == b"p1/1"
    topic = Topic("left")
    await engine.records([topic.record("p1", 1, "a"), topic.record("p2", 1, "x")])
    await engine.records([topic.record("p1", 2, "b"), topic.record("p2", 2, "y")])
    for _ in range(3):
        clock.forward(minutes=2)
        await engine.withheld.again()
    assert told(broker) == ["p2/1", "p2/2"] and await waiting(store) == 2
    [trouble] = await shown(engine.store)
    assert trouble["topic"] == MINE and not trouble["takes_nothing"] and trouble["messages"] == 2
    broker.large = lambda _message: False
    clock.forward(minutes=2)
    await engine.withheld.again()
    assert told(broker) == ["p2/1", "p2/2", "p1/1", "p1/2"]


async def test_a_receipt_that_went_is_not_sent_again_because_its_fact_was_refused(
    engine: Engine, broker: Broker, clock: Clock
) -> None:
    broker.refuse = lambda message: message.topic == "pilots.tiny.v1"
    with pytest.raises(SendFailed):
        await engine.records([Topic("left").record("p1", 1, "a+b")])
    for _ in range(5):
        clock.forward(seconds=10)
        with pytest.raises(SendFailed):
            await engine.sweep(timedelta(0))
    assert told(broker) == ["p1/1", "p1/2"]
    broker.refuse = lambda _message: False
    clock.forward(seconds=10)
    await engine.sweep(timedelta(0))
    assert broker.series("p1") == [1, 2] and told(broker) == ["p1/1", "p1/2"]


async def test_two_replicas_send_what_is_withheld_once_and_neither_overtakes_the_other(
    engine: Engine, make: Make, broker: Broker, clock: Clock
) -> None:
    broker.refuse = lambda message: message.topic == MINE
    topic = Topic("left")
    await engine.records([topic.record("p1", 1, "a"), topic.record("p2", 1, "x")])
    second = make(SERVICE)
    broker.refuse = lambda _message: False
    await second.records([topic.record("p1", 2, "b")])
    assert told(broker) == [], "it finds what the first withheld"
    clock.forward(seconds=PAUSES[0])
    await second.withheld.again()
    await engine.withheld.again()
    assert told(broker) == ["p1/1", "p1/2", "p2/1"]
    await engine.records([topic.record("p2", 2, "y")])
    assert told(broker)[-1] == "p2/2"


async def test_a_process_that_ends_while_it_withholds_loses_and_doubles_nothing(
    store: Store, make: Make, broker: Broker, clock: Clock
) -> None:
    await store.prepare({})
    broker.refuse = lambda message: message.topic == MINE
    record = Topic("left").record("p1", 1, "a")
    hooked = Hooked(store)
    hooked.before["clear"] = crash
    with pytest.raises(Crash):
        await make(SERVICE, on=hooked).records([record])
    broker.refuse = lambda _message: False
    again = make(SERVICE)
    await again.withheld.again()
    await again.records([record])
    clock.forward(seconds=PAUSES[0])
    await again.withheld.again()
    assert told(broker) == ["p1/1"] and await waiting(store) == 0


async def test_what_was_kept_by_a_process_that_could_not_say_why_is_found(
    store: Store, make: Make, broker: Broker, clock: Clock
) -> None:
    await store.prepare({})
    broker.refuse = lambda message: message.topic == MINE
    engine = make(SERVICE)
    await engine.records([Topic("left").record("p1", 1, "a")])
    await store.remove(TROUBLES, [MINE])
    broker.refuse = lambda _message: False
    second = make(SERVICE)
    await second.withheld.again()
    assert (await shown(second.store))[0]["cause"] == "unknown"
    await second.withheld.again()
    assert told(broker) == ["p1/1"] and await waiting(store) == 0 and await shown(second.store) == []


@pytest.mark.parametrize("call", ["distinct", "rows", "remove", "rows again"])
async def test_what_is_withheld_while_it_is_asked_what_is_withheld_is_known(
    store: Store, make: Make, broker: Broker, call: str
) -> None:
    await store.prepare({})
    hooked = Hooked(store)
    engine = make(SERVICE, on=hooked)
    broker.refuse = lambda message: message.topic == MINE

    async def meanwhile() -> None:
        await engine.records([Topic("left").record("p1", 1, "a")])

    async def next_time() -> None:
        hooked.after["rows"] = meanwhile

    if call == "rows again":  # what is left is asked for at the end, too
        hooked.after["rows"] = next_time
    else:
        hooked.after[call] = meanwhile
    await engine.withheld.again()
    with pytest.raises(Refusing):
        await engine.withheld.check()


async def test_what_is_withheld_is_measured_until_it_went(
    engine: Engine, broker: Broker, clock: Clock, store: Store
) -> None:
    added = telemetry.WITHHELD_ADDED._value.get()
    broker.refuse = lambda message: message.topic == MINE
    await engine.records([Topic("left").record("p1", 1, "a+b"), Topic("left").record("p2", 1, "x")])
    assert telemetry.WITHHELD_ADDED._value.get() - added == 3
    for seconds in (7, 11):
        clock.forward(seconds=seconds)
        await engine.withheld.again()
    assert telemetry.WITHHELD._value.get() == 3 and telemetry.WITHHELD_OLDEST._value.get() == 18
    broker.refuse = lambda _message: False
    for _ in range(2):
        clock.forward(seconds=100)
        await engine.withheld.again()
    assert telemetry.WITHHELD._value.get() == 0 and telemetry.WITHHELD_OLDEST._value.get() == 0
    assert telemetry.WITHHELD_ADDED._value.get() - added == 3


async def test_what_is_withheld_goes_out_later_as_it_would_have_gone_with_its_headers(
    store: Store, make: Make, broker: Broker, clock: Clock
) -> None:
    headers = {"ce_id": "r-1", "ce_type": "t", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    service = tiny_service(own=LANGUAGE, publications=lambda event: [Message(MINE, event.subject, b"told", headers)])
    engine = make(service)
    broker.refuse = lambda message: message.topic == MINE
    await engine.records([Topic("left").record("p1", 1, "a")])
    broker.refuse = lambda _message: False
    clock.forward(seconds=PAUSES[0])
    await engine.withheld.again()
    [sent] = [message for message in broker.log if message.topic == MINE]
    assert sent == Message(MINE, "p1", b"told", headers)


async def test_each_try_of_what_is_withheld_is_a_span_in_the_trace_of_its_fact_and_what_waits_unasked_has_none(
    store: Store, make: Make, broker: Broker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = traced(monkeypatch)
    service = tiny_service(
        own=LANGUAGE, publications=lambda event: [Message(MINE, event.subject, b"told", headers_of(event))]
    )
    engine, topic = make(service), Topic("left")
    broker.refuse = lambda message: message.topic == MINE
    await engine.records([topic.record("p1", 1, "a")])
    await engine.records([topic.record("p1", 2, "b")])
    tried = [one for one in exporter.get_finished_spans() if one.name == f"send {MINE}"]
    assert [(one.attributes or {})["error.type"] for one in tried] == ["ConnectionError"], "the second was not tried"
    broker.refuse = lambda _message: False
    clock.forward(seconds=PAUSES[0])
    await engine.withheld.again()
    facts = broker.events()
    spans = [one for one in exporter.get_finished_spans() if one.name == f"send {MINE}"][1:]
    sent = [message.headers["traceparent"] for message in broker.log if message.topic == MINE]
    ids = [f"{one.context.trace_id:032x}-{one.context.span_id:016x}" for one in spans if one.context]
    assert [one[3:52] for one in sent] == ids
    assert [trace_of(one) for one in sent] == [trace_of(fact["traceparent"]) for fact in facts]


async def test_all_pages_of_what_waits_go_at_once_and_of_a_fact_its_parts_in_their_order(
    store: Store, make: Make, broker: Broker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withheld, "PAGE", 3)

    def parts(event: Event) -> list[Message]:
        return [Message(MINE, event.subject, f"{event.subject}/{event.sequence}.{n}".encode()) for n in range(2)]

    engine = make(tiny_service(own=LANGUAGE, publications=parts))
    broker.refuse = lambda message: message.topic in (MINE, OTHER)
    await engine.records([Topic("left").record("p1", n, "a") for n in range(1, 12)])
    await make(SERVICE).records([Topic("right").record("o1", 1, "x")])
    broker.refuse = lambda _message: False
    clock.forward(seconds=PAUSES[0])
    await engine.withheld.again()
    assert told(broker, OTHER) == ["o1/1"], "and all topics"
    assert told(broker) == [f"p1/{sequence}.{n}" for sequence in range(1, 12) for n in range(2)]
    assert await waiting(store) == 0 and await shown(store) == []


async def test_of_many_keys_that_are_all_refused_about_a_page_is_tried_at_a_time(
    store: Store, make: Make, broker: Broker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withheld, "PAGE", 3)
    engine, tried = make(SERVICE), list[str]()
    broker.large = lambda message: message.topic == MINE
    topic = Topic("left")
    await engine.records([topic.record(f"p{n}", 1, "a") for n in range(5)])
    real = engine.withheld._send

    async def noting(messages: Sequence[Message]) -> list[BaseException | None]:
        tried.extend(message.key for message in messages)
        return [*await real(messages)]

    engine.withheld._send = noting
    clock.forward(seconds=PAUSES[0])
    await engine.withheld.again()
    assert tried == ["p0", "p1", "p2", "p3", "p4"]
    await engine.records([topic.record(f"q{n}", 1, "a") for n in range(4)])
    clock.forward(seconds=PAUSES[1])
    await engine.withheld.again()
    assert len(tried) == 5 + 6, "two pages without one that went are enough for now"


async def test_two_replicas_that_come_at_the_same_moment_send_what_is_withheld_once(
    store: Store, make: Make, broker: Broker, clock: Clock
) -> None:
    broker.refuse = lambda message: message.topic == MINE
    await make(SERVICE).records([Topic("left").record("p1", 1, "a"), Topic("left").record("p2", 1, "x")])
    broker.refuse = lambda _message: False
    clock.forward(seconds=PAUSES[0])
    sending, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly(messages: Sequence[Message]) -> list[BaseException | None]:
        sending.set()
        await goes_on.wait()
        return await broker(messages)

    first, second = make(SERVICE), make(SERVICE, on=(hooked := Hooked(store)))
    first.withheld._send = slowly
    works = list[asyncio.Task[None]]()

    async def meanwhile() -> None:
        clock.forward(milliseconds=7)
        works.append(asyncio.create_task(first.withheld.again()))
        await sending.wait()

    hooked.before["mark"] = meanwhile  # both have seen that its time has come
    async with asyncio.timeout(60):
        await second.withheld.again()
        assert told(broker) == [], "the first has the turn"
        goes_on.set()
        await works[0]
    assert told(broker) == ["p1/1", "p2/1"]
