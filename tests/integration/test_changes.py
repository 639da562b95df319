"""The change feed on Kafka itself: order, no gap, duplicates, waiting, restarts, cursors that were never given out."""

import asyncio
import base64
import json
import random
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI

from contracts.registry import TermRecordedV1
from contracts.topics import FOR_EVER, fact_topic
from contracts.topics import Topic as TopicRule
from deploy import topics
from deploy.local.backends import Backends
from services.chassis.engine import Engine
from services.chassis.problems import Problematic
from services.chassis.run import serving
from services.chassis.settings import Settings
from services.chassis.shares import Turns
from services.chassis.store import Row, Store
from services.chassis.web import MOST, make_app
from services.registry import feed as changes
from services.registry import views
from services.registry.api import make_router
from services.registry.api.changes import LONGEST_CURSOR
from services.registry.feed import Changes, Cursor, Feed, cursor_of, text_of
from tests.conftest import Eventually
from tests.kit.engine.tiny import wire
from tests.kit.people import Tokens

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(180)]


def settings_of(backends: Backends) -> Settings:
    login = backends.kafka_as("registry")
    return Settings(kafka_url=login.bootstrap, kafka_username=login.username, kafka_password=login.password)


@pytest.fixture
def topic(backends: Backends) -> str:
    """A topic of its own, as the register's is: its name begins with that of a service's topic."""
    name = fact_topic(f"registry-{uuid4().hex[:8]}")
    rule = TopicRule(name=name, partitions=12, retention_ms=FOR_EVER, max_bytes=1 << 22, writers=(), readers=())
    topics.ensure(backends.kafka.admin(), [rule])
    return name


@pytest.fixture
async def producer(backends: Backends) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(**backends.kafka.aiokafka(), acks="all", linger_ms=1, max_request_size=1 << 22)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def feed(backends: Backends, topic: str) -> AsyncIterator[Feed]:
    made = feed_on(backends, topic)
    yield made
    await made.close()


def feed_on(backends: Backends, topic: str) -> Feed:
    login = backends.kafka
    return Feed(
        Settings(
            kafka_url=login.bootstrap,
            kafka_username=login.username,
            kafka_password=login.password,
        ),
        topic,
    )


def fact(subject: str, sequence: int, **other: Any) -> tuple[str, bytes]:
    data = {"kind": "look-over", "stage": "started", "due_at": None}
    return subject, wire("registry", subject, sequence, {**data, **other}, type_=TermRecordedV1.TYPE)


async def publish(producer: AIOKafkaProducer, topic: str, *some: tuple[str, bytes]) -> None:
    sent = [await producer.send(topic, value, key=key.encode()) for key, value in some]
    await asyncio.gather(*sent)


async def here() -> bool:
    """The caller has not gone."""
    return False


class NothingHidden:
    """A store in which nothing is hidden from anybody."""

    async def rows(self, *_: Any, **__: Any) -> list[Row]:
        return []


async def told(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The caller sees everything."""
    return [{"subject": row["pilot"], **views.timeline(row)} for row in rows]


async def asked(
    feed: Feed, after: str | None = None, limit: int = 200, wait: float = 0, who: str = "person:u-1"
) -> Changes:
    return await feed.changes(who, after, limit, wait, here, told)


async def everything(feed: Feed, after: str | None = None, limit: int = 50) -> tuple[list[dict[str, Any]], str]:
    """All that there is after a cursor, in the order in which it was given, and the last cursor."""
    found = list[dict[str, Any]]()
    while True:
        some = await asked(feed, after, limit)
        found, after = [*found, *some.items], some.next
        assert len(some.items) <= limit
        if not some.more:
            return found, after


def items_of(items: list[dict[str, Any]], subject: str) -> list[dict[str, Any]]:
    return [item for item in items if item["subject"] == subject]


def series(items: list[dict[str, Any]]) -> dict[str, list[int]]:
    met = defaultdict(list)
    for item in items:
        met[item["subject"]].append(item["sequence"])
    return dict(met)


async def test_every_pilots_facts_come_in_order_and_none_is_left_out_over_pages(
    feed: Feed, topic: str, producer: AIOKafkaProducer
) -> None:
    facts = [fact(f"p{n}", s) for s in range(1, 11) for n in range(30)]
    await publish(producer, topic, *facts)
    items, after = await everything(feed, limit=7)
    assert series(items) == {f"p{n}": list(range(1, 11)) for n in range(30)}
    assert await everything(feed, after) == ([], after), "a cursor at the end stays what it is"
    some = items[0]
    assert (some["type"], some["what"]["kind"]) == (TermRecordedV1.TYPE, "look-over")
    assert set(some) == {
        "subject",
        "sequence",
        "time",
        "type",
        "date",
        "event",
        "actor",
        "basis",
        "correlation",
        "trace",
        "what",
    }


async def test_nothing_is_left_out_while_somebody_writes_and_the_service_starts_anew_in_between(
    backends: Backends, topic: str, producer: AIOKafkaProducer
) -> None:
    rng = random.Random(5)
    sequences = dict.fromkeys([f"p{n}" for n in range(25)], 0)

    async def write() -> None:
        for _ in range(120):
            some = []
            for subject in rng.sample(sorted(sequences), 5):
                sequences[subject] += 1
                some.append(fact(subject, sequences[subject]))
            await publish(producer, topic, *some)

    writing = asyncio.create_task(write())
    items, after, feeds = list[dict[str, Any]](), None, 0
    feed = feed_on(backends, topic)
    try:
        while not writing.done() or len(items) < 600:
            found = await asked(feed, after, limit=20, wait=1)
            items, after = [*items, *found.items], found.next
            if len(items) // 100 > feeds:
                feeds += 1
                await feed.close()
                feed = feed_on(backends, topic)
        assert series(items) == {subject: list(range(1, last + 1)) for subject, last in sequences.items() if last}
        assert feeds >= 5
    finally:
        await writing
        await feed.close()


async def test_what_was_sent_twice_comes_once_within_an_answer_and_between_answers(
    feed: Feed, topic: str, producer: AIOKafkaProducer
) -> None:
    one, two, three = (fact("p1", n) for n in (1, 2, 3))
    await publish(producer, topic, one, two, one, two, three, two, three)
    assert series((await asked(feed)).items) == {"p1": [1, 2, 3]}
    items, after = await everything(feed, limit=1)
    assert series(items) == {"p1": [1, 2, 3]}
    await publish(producer, topic, two, three, fact("p1", 4))
    assert series((await everything(feed, after))[0]) == {"p1": [4]}


async def test_a_cursor_remembers_the_latest_pilots_and_what_comes_again_later_has_the_same_name(
    feed: Feed, topic: str, producer: AIOKafkaProducer
) -> None:
    many = changes.REMEMBERED + 40
    await publish(producer, topic, *[fact(f"p{n:03}", 1) for n in range(many)])
    items, after = await everything(feed, limit=50)
    assert len(items) == many and len(after) <= LONGEST_CURSOR
    latest, first = [item["subject"] for item in items[-changes.REMEMBERED :]], items[0]["subject"]
    await publish(producer, topic, *[fact(subject, 1) for subject in latest])
    again, after = await everything(feed, after)
    assert again == []
    await publish(producer, topic, fact(first, 1))
    again, _ = await everything(feed, after)
    assert [(one["subject"], one["sequence"]) for one in again] == [(first, 1)]


async def test_the_largest_answer_given_again_is_known_as_a_whole(
    feed: Feed, topic: str, producer: AIOKafkaProducer
) -> None:
    facts = [fact(f"p{n:03}", 1) for n in range(MOST)]
    await publish(producer, topic, *facts)
    found = await asked(feed, limit=MOST)
    assert len(found.items) == MOST
    await publish(producer, topic, *facts)
    assert (await everything(feed, found.next, limit=MOST))[0] == []


async def test_who_waits_is_answered_as_soon_as_something_comes_and_empty_handed_at_the_end_of_his_time(
    feed: Feed, topic: str, producer: AIOKafkaProducer
) -> None:
    await publish(producer, topic, fact("p1", 1))
    begun = time.monotonic()
    found = await asked(feed, "now", wait=0.5)
    assert (found.items, found.more) == ([], False)
    assert 0.5 <= time.monotonic() - begun < 3
    waiting = [asyncio.create_task(asked(feed, found.next, wait=30, who=f"person:u-{n % 3}")) for n in range(20)]
    await asyncio.sleep(0.3)
    assert not any(one.done() for one in waiting)
    begun = time.monotonic()
    await publish(producer, topic, fact("p1", 2))
    answers = await asyncio.gather(*waiting)
    assert time.monotonic() - begun < 5
    assert {json.dumps(series(one.items)) for one in answers} == {'{"p1": [2]}'}
    assert len(feed._idle) <= changes.READERS


async def test_who_still_waits_when_the_service_stops_is_told_to_ask_again(feed: Feed) -> None:
    await asked(feed, "now")
    waiting = asyncio.create_task(asked(feed, "now", wait=30))
    await asyncio.sleep(0.3)
    await feed.close()
    with pytest.raises(Problematic) as refused:
        await waiting
    assert (refused.value.status, refused.value.code) == (503, "kafka.away")
    assert (feed._looker, feed._idle) == (None, []), "nothing was opened again"
    with pytest.raises(Problematic):
        await asked(feed, "now")


async def test_who_has_gone_waits_no_longer(feed: Feed) -> None:
    async def gone() -> bool:
        return True

    begun = time.monotonic()
    await feed.changes("person:u-1", "now", 10, 30, gone, told)
    assert time.monotonic() - begun < 10


async def test_one_caller_who_follows_too_often_at_once_is_told_to_come_again_and_others_follow(feed: Feed) -> None:
    feed._asking = Turns("polls", 5, 3)
    after = (await asked(feed, "now")).next
    waiting = [asyncio.create_task(asked(feed, after, wait=2)) for _ in range(100)]
    assert (await asked(feed, after, who="person:u-2")).items == []
    found = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [one for one in found if isinstance(one, Problematic)]
    assert len(refused) == 97
    assert {(one.status, one.code) for one in refused} == {(429, "share.used")}
    assert all(one.headers for one in refused)
    assert (await asked(feed, after)).items == []


async def test_more_than_there_is_room_for_are_told_to_come_again(feed: Feed) -> None:
    feed._asking = Turns("polls", 2, 1)
    after = (await asked(feed, "now")).next
    waiting = [asyncio.create_task(asked(feed, after, wait=2, who=who)) for who in "ab"]
    await asyncio.sleep(0)
    with pytest.raises(Problematic) as refused:
        await asked(feed, after, who="c")
    assert (refused.value.status, refused.value.code) == (503, "service.busy")
    await asyncio.gather(*waiting)
    assert (await asked(feed, after)).items == []


async def test_a_reader_that_is_left_in_the_middle_leaves_no_trace_in_the_next_answer(
    feed: Feed, topic: str, producer: AIOKafkaProducer
) -> None:
    await publish(producer, topic, *[fact(f"p{n}", s) for s in range(1, 21) for n in range(20)])
    for n in range(15):
        reading = asyncio.create_task(asked(feed, limit=200))
        await asyncio.sleep(0.005 * n)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    answers = await asyncio.gather(*(everything(feed, limit=limit) for limit in (3, 50, 200, 17, 90, 31)))
    assert all(series(items) == {f"p{n}": list(range(1, 21)) for n in range(20)} for items, _ in answers)


async def test_large_facts_end_an_answer_before_it_is_full_and_none_is_lost(
    feed: Feed, topic: str, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_BYTES", 3_000_000)
    large = "x" * 1_400_000
    await publish(producer, topic, *[fact(f"p{n}", 1, kind=large) for n in range(6)])
    first = await asked(feed)
    assert 1 <= len(first.items) <= 3 and first.more
    items, _ = await everything(feed)
    assert series(items) == {f"p{n}": [1] for n in range(6)}


async def test_what_is_no_fact_of_a_pilot_is_passed_over_and_holds_nobody_up(
    feed: Feed, topic: str, producer: AIOKafkaProducer
) -> None:
    strange = [("export:1", fact("export:1", 1)[1]), ("p1", b"no json"), ("p1", b"[]"), ("p1", b'{"subject":"p1"}')]
    await publish(producer, topic, *strange, fact("p1", 1))
    items, after = await everything(feed)
    assert series(items) == {"p1": [1]}
    assert (await asked(feed, after)).next == after


def test_what_no_longer_fits_into_an_answer_is_left_for_the_next() -> None:
    gathered = changes._Gathered(Cursor((0, 0)), limit=2)
    for offset, sequence in enumerate((1, 1, 2, 3, 4)):
        gathered.take(0, offset, fact("p1", sequence)[1])
    gathered.take(1, 0, fact("p2", 1)[1])
    assert [(row["pilot"], row["sequence"]) for row in gathered.rows] == [("p1", 1), ("p1", 2)]
    assert gathered.cursor(Cursor((0, 0)), [{"subject": "p1"}]).offsets == (3, 0)
    assert gathered.behind((5, 1)) == [0, 1]


def test_a_cursor_remembers_nothing_of_subjects_of_which_the_caller_was_not_told() -> None:
    before = Cursor((0,), {changes._mark("p2"): 1})
    gathered = changes._Gathered(before, limit=9)
    for offset, (subject, sequence) in enumerate((("p1", 1), ("p2", 2), ("p3", 1))):
        gathered.take(0, offset, fact(subject, sequence)[1])
    after = gathered.cursor(before, [{"subject": "p3"}])
    assert (after.offsets, after.seen) == ((3,), {changes._mark("p2"): 1, changes._mark("p3"): 1})


# ---- cursors

CURSOR = Cursor((5, 0, 7), {b"12345678": 4, b"87654321": 2**40})


def test_a_cursor_comes_back_as_it_was_given_out() -> None:
    assert cursor_of(text_of(CURSOR, "t"), "t") == CURSOR
    assert list(cursor_of(text_of(CURSOR, "t"), "t").seen) == list(CURSOR.seen), "in the order of their age"


def garbage() -> list[str]:
    good = text_of(CURSOR, "t")
    rng = random.Random(1)
    changed = [good[:n] + rng.choice("AZaz09-_") + good[n + 1 :] for n in range(len(good) - 1)]
    made_up = [base64.urlsafe_b64encode(rng.randbytes(n)).decode() for n in (0, 1, 8, 9, 50, 300)]
    return (
        [one for one in changed if one != good]
        + made_up
        + [good[:-4], good + good, "", "NOW", "ключ", "a b", "%00", text_of(CURSOR, "other")]
    )


@pytest.mark.parametrize("text", garbage())
def test_a_cursor_that_was_cut_changed_or_made_up_is_refused(text: str) -> None:
    with pytest.raises(Problematic) as refused:
        cursor_of(text, "t")
    assert (refused.value.status, refused.value.code) == (400, "cursor.bad")


async def test_a_whole_cursor_that_cannot_be_of_this_topic_is_refused(feed: Feed, topic: str) -> None:
    for cursor in (Cursor((0,) * 11), Cursor((0,) * 11 + (1,)), Cursor((2**64 - 1,) * 12)):
        with pytest.raises(Problematic) as refused:
            await asked(feed, text_of(cursor, topic))
        assert refused.value.code == "cursor.bad"


# ---- over HTTP

Ask = Callable[..., Coroutine[Any, Any, httpx.Response]]


def routed() -> FastAPI:
    """The register's HTTP side, without a feed yet."""
    made = make_app("Lotsman registry", Tokens(), cast(Engine, SimpleNamespace(store=NothingHidden())), {})
    made.include_router(make_router())
    return made


@pytest.fixture
async def app(backends: Backends) -> AsyncIterator[FastAPI]:
    """The register's HTTP side with its feed, on the register's own topic and with its own login."""
    made = routed()
    running = asyncio.create_task(changes.run(made, cast(Store, None), settings_of(backends)))
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert made.state.changes._closed


@pytest.fixture
def ask(app: FastAPI) -> Ask:
    return asking(app)


def asking(app: FastAPI) -> Ask:
    async def once(path: str = "", role: str = "auditor") -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get(f"/v1/changes{path}", headers={"Authorization": f"Bearer u-1|{role}"})

    return once


async def test_the_feed_over_http_goes_on_where_the_answer_before_ended(ask: Ask, producer: AIOKafkaProducer) -> None:
    pilot = f"pilot-{uuid4().hex[:8]}"
    begin = (await ask("?after=now")).json()
    assert (begin["items"], begin["more"]) == ([], False)
    waiting = asyncio.create_task(ask(f"?after={begin['next']}&wait=30"))
    await publish(producer, changes.TOPIC, fact(pilot, 1), fact(pilot, 2))
    found = (await waiting).json()
    items = found["items"]
    async with asyncio.timeout(20):
        while len(items_of(items, pilot)) < 2:  # other tests write to this topic at the same time
            found = (await ask(f"?after={found['next']}&limit=10&wait=5")).json()
            items += found["items"]
    rest = (await ask(f"?after={found['next']}&limit=200")).json()
    assert series(items_of([*items, *rest["items"]], pilot)) == {pilot: [1, 2]}


async def test_who_waits_is_answered_at_once_when_the_process_is_to_stop(feed: Feed) -> None:
    """On a topic of its own: what other tests write to the register's would be an answer too."""
    app = routed()
    app.state.changes, app.state.stopping = feed, asyncio.Event()
    waiting = asyncio.create_task(asking(app)("?after=now&wait=30"))
    await asyncio.sleep(1)
    assert not waiting.done(), "nothing comes, so it waits"
    app.state.stopping.set()
    begun = time.monotonic()
    found = (await waiting).json()
    assert found["items"] == [] and found["next"]
    assert time.monotonic() - begun < 10


def fullest(partitions: int) -> str:
    """A cursor that remembers as much as one ever does."""
    seen = {n.to_bytes(8): 2**63 for n in range(changes.REMEMBERED)}
    return text_of(Cursor((0,) * partitions, seen), changes.TOPIC)


async def test_the_fullest_cursor_passes_the_server_that_the_services_run_on(app: FastAPI) -> None:
    assert len(fullest(96)) <= LONGEST_CURSOR, "also where the topic has many more partitions"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = serving(app, Settings(http_host="127.0.0.1", http_port=port))
    running = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(20):
            while not server.started:
                await asyncio.sleep(0.01)
        headers = {"Authorization": f"Bearer u-1|auditor,{'o' * 4000}"}  # a token is long too
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
            full = await client.get("/v1/changes", params={"after": fullest(12), "limit": 1})
            longest = await client.get("/v1/changes", params={"after": "A" * LONGEST_CURSOR})
    finally:
        server.should_exit = True
        await running
    assert full.status_code == 200, full.text
    assert (longest.status_code, longest.json()["title"]) == (400, "cursor.bad")


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("?after=zq", 400, "cursor.bad"),
        ("?after=", 400, "cursor.bad"),
        ("?limit=0", 422, "request.invalid"),
        ("?limit=201", 422, "request.invalid"),
        ("?wait=31", 422, "request.invalid"),
        (f"?after={'A' * (LONGEST_CURSOR + 1)}", 422, "request.invalid"),
    ],
)
async def test_what_cannot_be_asked_is_refused(ask: Ask, path: str, status: int, title: str) -> None:
    answer = await ask(path)
    assert (answer.status_code, answer.json()["title"]) == (status, title)


@pytest.mark.parametrize("role", ["expert", "ops"])
async def test_the_feed_is_open_to_those_who_read_the_register_alone(ask: Ask, role: str) -> None:
    assert (await ask("?after=now", role)).status_code == 403


async def test_before_the_feed_is_there_and_without_kafka_one_is_told_to_come_again(app: FastAPI, ask: Ask) -> None:
    there = app.state.changes
    try:
        del app.state.changes
        assert (await ask()).json()["title"] == "feed.starting"
        app.state.changes = away = Feed(Settings(kafka_url="127.0.0.1:1"))
        answer = await ask()
        assert (answer.status_code, answer.json()["title"], answer.headers["Retry-After"]) == (503, "kafka.away", "2")
        await away.close()
    finally:
        app.state.changes = there


async def test_behind_a_last_record_that_cannot_be_read_the_feed_is_at_its_end(
    backends: Backends, feed: Feed, topic: str, eventually: Eventually
) -> None:
    login = backends.kafka.aiokafka()
    # The broker's own marker stands behind the record.
    async with AIOKafkaProducer(**login, transactional_id=f"t-{uuid4().hex}") as writer, writer.transaction():
        await writer.send_and_wait(topic, b"{}", key=b"p", partition=0)

    async def at_its_end() -> bool:
        return cursor_of((await asked(feed, None)).next, topic).offsets[0] == 2

    await eventually(at_its_end, within=30)  # the marker is written after the writer is answered
    first = await asked(feed, None)
    assert not first.more and cursor_of(first.next, topic).offsets[0] == 2
    again = await asked(feed, first.next)
    assert again.items == [] and not again.more
    before = text_of(replace(cursor_of(first.next, topic), offsets=(1, *([0] * 11))), topic)
    assert cursor_of((await asked(feed, before)).next, topic).offsets[0] == 2, "from in front of the marker, too"
