"""Records that are read once more though they were parked, and dealt with since: what became of them then holds.

All is read again where a database was made anew of its facts, where what a group has committed was lost, and a little
of it behind a crash. What was decided on is met by its claim or its watermark; but of a record that cannot be read
nothing is asked of either, a changed one is another than what stands in the topic, and a discarded fact left nothing
behind. Who approved what is a fact, so it is known in a database that was made of the facts as well (decision 54).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from contracts.steps import RecordAction
from contracts.topics import agency_of, fact_topic
from services.chassis.parking import Parked, passed, unreadable
from services.chassis.service import Service
from services.chassis.store import REPAIRS, SUBJECTS, Row, Store
from services.chassis.subject import Claimed, Document, Input, Record
from services.law.handling import APPROVED, KIND

OF_HANDLING: Final[Row] = {"_id": {"$gte": f"{KIND}:", "$lt": f"{KIND};"}}
"""The condition of the documents of what was done by hand; behind a colon stands a semicolon among characters."""

Read = Callable[[Sequence[Record]], Awaitable[tuple[list[Input], list[Parked]]]]
Load = Callable[[Iterable[str]], Awaitable[Mapping[str, Document]]]


@dataclass(frozen=True, slots=True)
class ByHand:
    """Where the records stand that two people had changed or discarded: `approved` all of them, `settled` those of
    which nothing is left to be done: those that were discarded, and those that went once they were changed."""

    approved: frozenset[str]
    settled: frozenset[str]


async def by_hand(store: Store) -> ByHand:
    """What two people did. Raises StoreAway."""
    found: dict[str, set[str]] = {action: set() for action in APPROVED.values()}
    query = {**OF_HANDLING, "state.said.action": {"$in": [*found]}}
    async for row in store.scan(SUBJECTS, query, fields=["state.said"]):
        found[row["state"]["said"]["action"]].update(row["state"]["said"]["records"])
    changed, discarded = found[RecordAction.EDIT_APPROVED], found[RecordAction.DISCARD_APPROVED]
    went = {"kind": "edit", "verdict": "went"}
    rows = {row["record"] async for row in store.scan(REPAIRS, went, fields=["record"])} if changed else set[str]()
    return ByHand(frozenset(changed | discarded), frozenset(discarded | (changed & rows)))


class Again:
    """Reads records of Kafka as inputs, by `read` but for those that were dealt with before: what somebody does by hand
    while this process works is met by what its documents say."""

    def __init__(self, service: Service, store: Store, read: Read, load: Load) -> None:
        self._service = service
        self._store = store
        self._read = read
        self._load = load
        self._known: ByHand | None = None

    async def inputs(self, records: Sequence[Record]) -> tuple[list[Input], list[Parked]]:
        """All that these records ask, and those that cannot be read, to be parked. Raises StoreAway."""
        if self._known is None:
            self._known = await by_hand(self._store)
        dealt = await self._by_hand(self._known, records) if self._known.approved else {}
        inputs, broken = await self._read([one for one in records if one.id not in dealt])
        before = await self._before(broken) if broken else {}
        left = [one for one in broken if one.record.id not in before]
        beside = [one for one in (*dealt.values(), *before.values()) if one is not None]
        return [*beside, *inputs], left

    async def _by_hand(self, known: ByHand, records: Sequence[Record]) -> dict[str, Input | None]:
        """Of those of these records that people dealt with, by where they stand, what is asked in the place of what
        they say: of an agency's event the answer that it has, whatever it was changed to; of a fact that its place is
        passed, in its turn (None: nothing waits for it)."""
        some = [unreadable(one, "") for one in records if one.id in known.approved]
        found: dict[str, Input | None] = {}
        for one in some:
            if agency_of(one.record.topic) is None and one.record.id in known.settled:
                found[one.record.id] = self._passed(one)
        return found | await self._answered(some, changed=True)

    async def _before(self, broken: Sequence[Parked]) -> dict[str, Input | None]:
        """The same of those of these records, which cannot be read, that were done with: an event that was answered as
        it is, a fact whose place in its series is passed."""
        facts = [one for one in broken if self._is_foreign(one)]
        loaded = await self._load({one.subject for one in facts if one.subject is not None}) if facts else {}
        found: dict[str, Input | None] = {}
        for one in facts:
            document = loaded.get(one.subject or "")
            if document is not None and (one.sequence or 0) <= document.seen.get(one.source or "", 0):
                found[one.record.id] = self._passed(one)
        return found | await self._answered(broken, changed=False)

    def _is_foreign(self, one: Parked) -> bool:
        """Whether it says of itself which fact of another service it is, and stands in the topic of that."""
        said = one.subject is not None and one.sequence is not None and one.source in self._service.reads
        return said and one.source is not None and one.record.topic == fact_topic(one.source)

    def _passed(self, one: Parked) -> Input | None:
        return passed(one.record, one.subject, one.source, one.sequence, self._service.name, one.trace)

    async def _answered(self, some: Sequence[Parked], *, changed: bool) -> dict[str, Input]:
        """Those of these agencies' events under whose id something was decided on (unless they were `changed` the very
        same), as inputs that meet that answer."""
        asked = dict[str, tuple[Input, Claimed]]()
        for one in some:
            instead = None if one.event_id is None else self._service.discarded(one.record, one.event_id)
            if instead is not None and isinstance(instead.mark, Claimed):
                asked[one.record.id] = instead, instead.mark
        stored = await self._store.claimed(*(mark.key for _, mark in asked.values()))
        loaded = await self._load({claim.subject for claim in stored.values()}) if stored else {}
        found = dict[str, Input]()
        for id_, (instead, mark) in asked.items():
            claim = stored.get(mark.key)
            document = None if claim is None else loaded.get(claim.subject)
            if claim is None or document is None or mark.key not in document.ids:
                continue  # it was claimed, and never decided on
            if changed or claim.digest == mark.digest:
                found[id_] = replace(instead, subject=claim.subject, mark=replace(mark, digest=claim.digest))
        return found
