"""What goes out with a fact and its topic did not take, while the fact itself went: a receipt above all.

It is kept here in its order and tried again for that topic alone, with growing pauses, by whichever replica's turn it
is. So the fact is cleared and never sent once more because its neighbour was refused, and no other subject, batch or
offset waits for it. Of one key nothing overtakes what is withheld. When all of a topic went, nothing of it
is left here.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.topics import RECEIPTS_PREFIX
from services.chassis import business, telemetry
from services.chassis.message import Message, Send, acknowledged
from services.chassis.store import IN_TURN, SUBJECTS, WITHHELD, Row, Store

log = logging.getLogger(__name__)

COLLECTION: Final = WITHHELD
"""What waits, a row for each message."""
TROUBLES: Final = "withheld_topics"
"""For each topic of which something waits: why, since when, how often it was tried, when it is tried next."""
PAGE: Final = 200
"""So many messages are tried together."""
COUNTED: Final = 1000
"""Further than this nothing is counted."""
OF_OTHERS: Final[Mapping[str, Any]] = {"own": {"$ne": True}}
"""The troubles of what goes out with facts; those of the facts' own topic are noted beside them (`own_topic.py`)."""
PAUSES: Final = (2.0, 5.0, 15.0, 60.0)
"""Seconds until a topic is tried again, by how often it was tried; the last holds for ever."""


class Refusing(Exception):
    """Topics do not take what is sent to them; all else goes on."""


class Behind(Exception):
    """It was not tried, because others of its topic and key, or all of its topic, wait already."""


BEHIND: Final = Behind()


@dataclass(frozen=True, slots=True)
class Part:
    """A message that goes out with the fact `id`, the `number`-th of them; `sequence` is the fact's."""

    id: str
    sequence: int
    number: int
    message: Message


class Withheld:
    """The withheld messages of a service. `now` is the clock (UTC); `large` tells the error of a message that is too
    large from those by which a topic takes nothing at all."""

    def __init__(
        self, store: Store, send: Send, now: Callable[[], datetime], large: tuple[type[BaseException], ...] = ()
    ) -> None:
        self._store = store
        self._send = send
        self._now = now
        self._large = large
        self._topics = set[str]()
        self._closed = set[str]()

    async def behind(self, parts: Sequence[Part]) -> set[int]:
        """The places of those that must not be sent now: others of their key wait already, or their topic takes
        nothing. Whatever replica withheld those others did so before it cleared their facts, so who sends later facts
        finds them. Raises StoreAway."""
        messages = [one.message for one in parts]
        keys = sorted({m.key for m in messages if m.topic not in self._closed})
        query = {"topic": {"$in": sorted({m.topic for m in messages})}, "key": {"$in": keys}}
        waiting = set(await self._store.distinct(COLLECTION, "key", query)) if keys else set[str]()
        return {place for place, m in enumerate(messages) if m.topic in self._closed or m.key in waiting}

    async def add(self, some: Sequence[tuple[Part, BaseException]]) -> None:
        """Keeps messages with why they did not go. When it returns, they are in MongoDB with `w=majority`.
        Raises StoreAway."""
        if not some:
            return
        now = self._now()
        await self._store.put_new(COLLECTION, [_row(part, now) for part, _ in some])
        telemetry.WITHHELD_ADDED.inc(len(some))
        for topic in sorted({part.message.topic for part, _ in some}):
            errors = [error for part, error in some if part.message.topic == topic and error is not BEHIND]
            if errors or topic not in self._topics:
                await self._note(topic, errors, now)
            self._topics.add(topic)

    async def _note(self, topic: str, errors: Sequence[BaseException], now: datetime) -> None:
        cause = type(errors[0]).__name__ if errors else "behind others"
        closed = self._takes_nothing(errors)
        if closed:
            self._closed.add(topic)
        next_at = now + timedelta(seconds=PAUSES[0])
        fresh = {"_id": topic, "cause": cause, "closed": closed, "since": now, "tries": 0, "next_at": next_at}
        await self._store.put_new(TROUBLES, [fresh])
        log.error("%s does not take what is sent to it: %s", bounded(topic), cause)

    def _takes_nothing(self, errors: Iterable[BaseException]) -> bool:
        """Whether a topic that told these errors refuses more than what is too large."""
        return any(not isinstance(error, self._large) for error in errors)

    # ---- trying again

    async def again(self) -> None:
        """Tries the topics whose time has come, and learns what other replicas withheld. Raises StoreAway."""
        # A trouble is noted after its rows, so it is read before them.
        known = {row["_id"]: row for row in await troubles(self._store, OF_OTHERS)}
        topics = await self._store.distinct(COLLECTION, "topic", {})
        now = self._now()
        await self._store.put_new(TROUBLES, [_unknown(topic, now) for topic in topics if topic not in known])
        for topic in topics:
            trouble = known.get(topic)
            if trouble is not None and trouble["next_at"] <= now and await self._is_mine(trouble, now):
                await self._drain(topic)
        await self._store.remove(TROUBLES, sorted(known.keys() - set(topics)))
        await self._learn(now)

    async def _learn(self, now: datetime) -> None:
        """What is withheld now, by whatever replica; what this one withholds while it asks is not forgotten."""
        topics, closed = set(self._topics), set(self._closed)
        left = await troubles(self._store, OF_OTHERS)
        self._topics = {row["_id"] for row in left} | (self._topics - topics)
        self._closed = {row["_id"] for row in left if row["closed"]} | (self._closed - closed)
        counted = await self._store.count(COLLECTION, {}, COUNTED) if left else 0
        telemetry.WITHHELD.set(counted)
        since = min((row["since"] for row in left), default=now)
        telemetry.WITHHELD_OLDEST.set((now - since).total_seconds())

    async def _is_mine(self, trouble: Row, now: datetime) -> bool:
        """Whether this replica has the turn: it moves the next try, under the time that it has seen."""
        pause = PAUSES[min(trouble["tries"] + 1, len(PAUSES) - 1)]
        seen = {"_id": trouble["_id"], "next_at": trouble["next_at"]}
        moved = {"next_at": now + timedelta(seconds=pause), "tries": trouble["tries"] + 1}
        return await self._store.mark(TROUBLES, seen, moved) == 1

    async def _drain(self, topic: str) -> None:
        """Sends what waits for a topic, key by key in its order; a key of which one is refused waits on."""
        stuck, failures = list[str](), list[BaseException]()
        while rows := await self._page(topic, stuck):
            messages = [_message(row) for row in rows]
            answers = await self._send(messages)
            business.sent_beside(acknowledged(messages, answers))
            pairs = list(zip(rows, answers, strict=True))
            await self._store.remove(COLLECTION, _gone(pairs))
            stuck += sorted({row["key"] for row, answer in pairs if answer is not None})
            failures += [answer for answer in answers if answer is not None]
            if self._takes_nothing(failures) or len(stuck) > PAGE:
                break
        if failures:
            told = {"cause": type(failures[0]).__name__, "closed": self._takes_nothing(failures)}
            await self._store.mark(TROUBLES, {"_id": topic}, told)
        else:
            await self._store.remove(TROUBLES, [topic])
            log.info("%s takes what is sent to it again", bounded(topic))

    async def _page(self, topic: str, but: Sequence[str]) -> list[Row]:
        query: Row = {"topic": topic} | ({"key": {"$nin": list(but)}} if but else {})
        return await self._store.rows(COLLECTION, query, sort=IN_TURN, limit=PAGE, hint=IN_TURN)

    async def ahead(self) -> float | None:
        """In how many seconds a topic is to be tried: soon, while anything is withheld as far as this process knows."""
        return 0.0 if self._topics else None

    async def check(self) -> None:
        """Raises Refusing where something is withheld, as far as this process knows."""
        if self._topics:
            raise Refusing(f"{len(self._topics)} topics do not take what is sent to them: GET /v1/withheld")


async def troubles(store: Store, some: Mapping[str, Any]) -> list[Row]:
    """The topics that do not take what is sent to them, by name: at most a thousand. Raises StoreAway."""
    return await store.rows(TROUBLES, some, sort=[("_id", 1)], limit=COUNTED)


async def shown(store: Store) -> list[dict[str, Any]]:
    """The same as ops see them, each with how many messages wait (counted up to a thousand) and since when; of the own
    topic, how many subjects have facts that wait: none, where a process noted it that ended before it went.
    Raises StoreAway."""
    counted = [(row, await _waiting(store, row)) for row in await troubles(store, {})]
    return [
        {
            "topic": row["_id"],
            "cause": row["cause"],
            "takes_nothing": row["closed"],
            "since": row["since"].isoformat(),
            "tries": row["tries"],
            "next_at": row["next_at"].isoformat(),
            "messages": messages,
        }
        for row, messages in counted
        if messages or not row.get("own")
    ]


async def _waiting(store: Store, row: Row) -> int:
    if row.get("own"):
        return await store.count(SUBJECTS, {"outbox.at": {"$type": "date"}}, COUNTED)
    return await store.count(COLLECTION, {"topic": row["_id"]}, COUNTED, hint=IN_TURN)


def _row(one: Part, now: datetime) -> Row:
    message = one.message
    return {
        "_id": f"{one.id}/{one.number}",
        "topic": message.topic,
        "key": message.key,
        "sequence": one.sequence,
        "number": one.number,
        "value": message.value,
        "headers": dict(message.headers),
        "at": now,
    }


def _message(row: Row) -> Message:
    return Message(row["topic"], row["key"], bytes(row["value"]), row["headers"])


def _gone(pairs: Iterable[tuple[Row, BaseException | None]]) -> list[str]:
    return [row["_id"] for row, answer in pairs if answer is None]


def _unknown(topic: str, now: datetime) -> Row:
    """What is noted of a topic whose messages were kept by a process that ended before it could say why."""
    return {"_id": topic, "cause": "unknown", "closed": False, "since": now, "tries": 0, "next_at": now}


def bounded(topic: str) -> str:
    """A topic as metrics and logs name it: those of agencies all alike."""
    return RECEIPTS_PREFIX.rstrip(".") if topic.startswith(RECEIPTS_PREFIX) else topic
