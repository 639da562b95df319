"""Sends facts from the head of their subject's outbox, in order, after the write, until Kafka acknowledges them.

A fact goes with what goes out with it, and each part is answered for by itself: what went is not sent again because its
neighbour was refused. Where a fact fails, those behind it may be in the topic already; they stay in the outbox with it
and are sent once more, but what went out with them is not. Where the fact went and a receipt did not, the receipt is
withheld (`withheld.py`). Two senders at once only make duplicates, which readers' watermarks drop: each sends in order,
so no reader ever meets n+1 before n.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from contracts.event import Event, Fact, Harmless, Language, headers_of, parse_own_fact
from services.chassis import business, telemetry
from services.chassis.apart import apart
from services.chassis.message import Message, Send, acknowledged
from services.chassis.own_topic import OwnTopic
from services.chassis.readiness import NotReady
from services.chassis.saying import why
from services.chassis.store import Row, Store, StoreAway
from services.chassis.subject import Document, Entry
from services.chassis.turns import in_turns
from services.chassis.withheld import BEHIND, Part, Withheld, bounded

log = logging.getLogger(__name__)

Documents = Callable[[Sequence[str]], Awaitable[Mapping[str, Document]]]

GATHER: Final = 0.2
"""Seconds between two sendings of what commands made. At a low rate a sending costs as much for one fact as for ten,
here and at whoever reads it, so what follows a first fact closely is let gather; nobody waits for it but a reader."""
REMEMBERED: Final = 10_000
"""Of how many subjects the last acknowledged sequence is kept in memory, to send less twice; and of how many messages,
whose facts did not go, that they went."""


class SendFailed(Harmless):
    """Kafka did not acknowledge everything; what it did acknowledge is cleared, the rest stays in the outbox."""


class Outbox:
    """The sending half of a service.

    `publications` are the further messages that go out with a fact (receipts); `projection` the rows that fold it into
    side collections, `erase` what they say is gone. All must be repeatable: a fact is cleared only when all of them are
    safe, in their topics or in `withheld`. They are given the fact as it was decided, or, where it comes from the
    store, as it is read once in the language `own`. `failed` is called where the pump leaves facts to the sweep.
    """

    def __init__(
        self,
        topic: str,
        store: Store,
        send: Send,
        withheld: Withheld,
        own_topic: OwnTopic,
        *,
        own: Language[Fact],
        publications: Callable[[Event], Sequence[Message]],
        projection: Callable[[Event], Sequence[tuple[str, Row]]],
        erase: Callable[[Store, Sequence[Event]], Awaitable[None]] | None = None,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._failed = failed
        self._topic = topic
        self._store = store
        self._send = send
        self._withheld = withheld
        self._own_topic = own_topic
        self._own = own
        self._publications = publications
        self._projection = projection
        self._erase = erase
        self._soon: dict[str, tuple[Entry, ...]] = {}
        self._acknowledged: OrderedDict[str, int] = OrderedDict()
        self._went: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._in_hand = Counter[str]()
        self._wake = asyncio.Event()

    async def check(self) -> None:
        """Raises Refusing where the own topic refuses facts."""
        await self._own_topic.check()

    async def drains(self, now: datetime, within: float, *, kafka: bool = True) -> None:
        """Raises NotReady where facts have waited for longer than so many seconds. It is this process's fault unless
        their topic is known to refuse them, or Kafka does not answer. Raises StoreAway."""
        oldest = await self._store.oldest_unsent()
        if oldest is None or (waits := (now - oldest).total_seconds()) <= within:
            return
        waited = f"facts have waited for {waits:.0f} s to be sent"
        if not kafka:
            raise NotReady(f"{waited}: Kafka does not answer")
        if self._own_topic.refuses:
            raise NotReady(f"{waited}: their topic refuses them")
        raise NotReady(f"{waited}, though Kafka answers", at_fault=True)

    def soon(self, document: Document) -> None:
        """Has the pump send this document's facts in a moment; for callers who must not wait for Kafka."""
        gathered = self._soon.get(document.subject)
        if document.outbox and (not gathered or gathered[-1].sequence < document.outbox[-1].sequence):
            self._soon[document.subject] = document.outbox
            self._wake.set()

    async def pump(self) -> None:
        """Sends what `soon` gathered, many subjects at a time, until cancelled: what comes after a while in which
        nothing came at once, what follows it together. Failures are left to the sweep."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()
            await asyncio.sleep(GATHER)

    async def flush(self) -> None:
        """Sends what `soon` has gathered so far; failures are logged and left to the sweep."""
        gathered, self._soon = self._soon, {}
        try:
            await self.deliver(gathered)
        except (SendFailed, StoreAway) as error:
            log.warning("facts stay in their outboxes for now: %s", error)
            self._failed()
        except Exception:  # the sweep finds out whose facts these are, and sends the others'
            log.exception("facts stay in their outboxes for now")
            self._failed()

    async def deliver(self, outboxes: Mapping[str, Sequence[Entry]]) -> None:
        """Sends the outboxes of these subjects and clears what was acknowledged.

        Raises SendFailed if anything was not acknowledged, and StoreAway if clearing failed.
        """
        self._in_hand.update(outboxes.keys())
        try:
            await self._deliver(outboxes)
        finally:
            self._in_hand -= Counter(outboxes.keys())

    async def _deliver(self, outboxes: Mapping[str, Sequence[Entry]]) -> None:
        waiting, sent = self._not_acknowledged(outboxes)
        entries = ((s, e) for s, some in waiting.items() for e in some)
        events = {(s, e.sequence): self._event(e) async for s, e in in_turns(entries)}
        await self._fold_into_side_collections(events.values())
        if self._erase is not None and events:
            await self._erase(self._store, list(events.values()))
        if self._own_topic.rests():
            await self._store.clear(sent)
            raise SendFailed(f"{self._topic} takes nothing, and is left alone for a while")
        for subject in waiting.keys() & self._own_topic.resting():
            del waiting[subject]
        acknowledged, failure = await self._send_from_heads(waiting, events)
        self._remember(acknowledged)
        await self._store.clear({**sent, **acknowledged})
        if failure is not None:
            raise SendFailed(why(failure)) from failure

    def _event(self, entry: Entry) -> Event:
        return entry.event or parse_own_fact(entry.value, self._own)

    def _not_acknowledged(
        self, outboxes: Mapping[str, Sequence[Entry]]
    ) -> tuple[dict[str, list[Entry]], dict[str, int]]:
        """What is to be sent, and of the rest, which this process knows to be sent, up to where it may be cleared.

        A document that was loaded while its facts were on their way still holds them. Forgetting is harmless.
        """
        waiting: dict[str, list[Entry]] = {}
        sent: dict[str, int] = {}
        for subject, entries in outboxes.items():
            last = self._acknowledged.get(subject, 0)
            if fresh := [entry for entry in entries if entry.sequence > last]:
                waiting[subject] = fresh
            if len(fresh) < len(entries):
                sent[subject] = last
        return waiting, sent

    def _remember(self, acknowledged: Mapping[str, int]) -> None:
        for subject, last in acknowledged.items():
            self._acknowledged[subject] = max(last, self._acknowledged.get(subject, 0))
            self._acknowledged.move_to_end(subject)
        while len(self._acknowledged) > REMEMBERED:
            self._acknowledged.popitem(last=False)

    async def _fold_into_side_collections(self, events: Iterable[Event]) -> None:
        rows: dict[str, list[Row]] = {}
        for event in events:
            for collection, row in self._projection(event):
                rows.setdefault(collection, []).append(row)
        for collection, some in rows.items():
            await self._store.add(collection, some)

    async def _send_from_heads(
        self, waiting: Mapping[str, Sequence[Entry]], events: Mapping[tuple[str, int], Event]
    ) -> tuple[dict[str, int], BaseException | None]:
        """Sends all at once, each subject's facts in order; up to where each is acknowledged, and what went wrong."""
        entries = [(subject, entry) for subject, some in waiting.items() for entry in some]
        with telemetry.measured(telemetry.SEND):
            failures = await self._all([(s, e, events[s, e.sequence]) for s, e in entries])
        sent: dict[str, int] = {}
        first: dict[str, BaseException | None] = dict.fromkeys(waiting)
        for (subject, entry), failed in zip(entries, failures, strict=True):
            if first[subject] is None and failed is not None:
                first[subject] = failed
            elif first[subject] is None:
                sent[subject] = entry.sequence
        if first:
            await self._own_topic.told(first)
        held = (failed for failed in first.values() if failed is not None and not self._own_topic.passes(failed))
        return sent, next(held, None)

    async def _all(self, facts: Sequence[tuple[str, Entry, Event]]) -> list[BaseException | None]:
        """Sends these facts with what goes out with them, and tells for each what failed of the fact itself."""
        own, parts = list[Message](), list[tuple[int, Part]]()
        async for place, (subject, entry, event) in in_turns(enumerate(facts)):
            own.append(Message(self._topic, subject, entry.value, headers_of(event)))
            parts += [(place, part) for part in self._parts(entry, event)]
        behind = await self._withheld.behind([part for _, part in parts])
        free = [part.message for at, (_, part) in enumerate(parts) if at not in behind]
        answers = await self._send([*own, *free]) if own else []
        _count([*own, *free], answers)
        failures, told = list(answers[: len(own)]), iter(answers[len(own) :])
        went = zip(facts, own, failures, strict=True)
        business.sent(self._topic, [(event, one.headers) for (_, _, event), one, failed in went if failed is None])
        business.sent_beside(acknowledged(free, answers[len(own) :]))
        errors = [BEHIND if at in behind else next(told) for at in range(len(parts))]
        await self._settle_parts(parts, errors, failures)
        return failures

    async def tell(self, told: Mapping[str, Message]) -> None:
        """Sends messages that go out with no fact, each under an id of its own; what does not go is withheld. Raises
        StoreAway."""
        parts = [Part(id_, 0, 0, message) for id_, message in told.items()]
        behind = await self._withheld.behind(parts)
        free = [part.message for at, part in enumerate(parts) if at not in behind]
        answers = await self._send(free) if free else []
        _count(free, answers)
        business.sent_beside(acknowledged(free, answers))
        left = iter(answers)
        errors = [BEHIND if at in behind else next(left) for at in range(len(parts))]
        await self._withheld.add([(part, one) for part, one in zip(parts, errors, strict=True) if one is not None])

    def _parts(self, entry: Entry, event: Event) -> list[Part]:
        """What goes out with a fact and did not go yet, as far as this process knows."""
        made = [Part(event.id, entry.sequence, n, message) for n, message in enumerate(self._publications(event))]
        return [part for part in made if (part.id, part.number) not in self._went]

    async def _settle_parts(
        self,
        parts: Sequence[tuple[int, Part]],
        errors: Sequence[BaseException | None],
        failures: Sequence[BaseException | None],
    ) -> None:
        """What did not go though its fact did is withheld; what went though its fact did not is remembered."""
        kept = list[tuple[Part, BaseException]]()
        for (place, part), error in zip(parts, errors, strict=True):
            if error is not None and failures[place] is None:
                kept.append((part, error))
            elif error is None and failures[place] is not None:
                self._went[part.id, part.number] = None
        while len(self._went) > REMEMBERED:
            self._went.popitem(last=False)
        await self._withheld.add(kept)

    async def sweep(self, now: datetime, age: timedelta, documents: Documents, page: int = 500) -> None:
        """Sends what a crash or an outage left behind, every subject of it but those that are being sent now, or are
        left alone for a while.

        Raises SendFailed at the end if some would not go: one that cannot is not in the way of the others.
        """
        if self._own_topic.rests():
            return
        stuck, failure = list[str](), None
        while subjects := await self._store.unsent(
            now - age, page, [*stuck, *self._in_hand, *self._own_topic.resting()]
        ):
            told = await apart(subjects, partial(self._swept, documents), self._cannot_go)
            if error := next((one for one in told if one is not None), None):
                failure = error
                stuck += subjects
        if failure is not None:
            raise failure
        if not self._own_topic.resting():
            await self._own_topic.swept()

    async def _swept(self, documents: Documents, subjects: Sequence[str]) -> SendFailed | None:
        """Sends what waits of these subjects and is not being sent by now; why not all of it went."""
        loaded = await documents(subjects)
        try:
            await self.deliver({s: d.outbox for s, d in loaded.items() if s not in self._in_hand})
        except SendFailed as error:
            return error
        return None

    async def _cannot_go(self, subject: str, error: Exception) -> SendFailed:
        log.exception("the facts of %s cannot be sent", subject)
        return SendFailed(f"the facts of {subject} cannot be sent: {why(error)}")


def _count(messages: Sequence[Message], answers: Sequence[BaseException | None]) -> None:
    told = Counter((message.topic, answer is None) for message, answer in zip(messages, answers, strict=True))
    for (topic, went), count in told.items():
        (telemetry.SENT if went else telemetry.SEND_FAILURES).labels(bounded(topic)).inc(count)
