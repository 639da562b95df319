"""Records that cannot be applied now: `waiting` behind something that has not arrived, `broken` until a hand helps.

A parked record keeps its original bytes, so that redriving feeds this reader's own engine exactly what was read;
no topic and no other reader is touched. `_id` is where the record stands, so reading it again parks it once.

It is one thing, and so one file: what is written of a record when it is parked is what it is fed by again.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from contracts.event import is_usable_id, peek
from contracts.topics import AGENCY_KEPT_DAYS, agency_of
from services.chassis import whose
from services.chassis.apart import apart
from services.chassis.fold import Writer, ready
from services.chassis.message import Message
from services.chassis.numbered import ids_of
from services.chassis.outbox import SendFailed
from services.chassis.saying import why
from services.chassis.store import BY_ID, IN_SERIES, PARKED, Claim, Keys, Row, Store
from services.chassis.subject import (
    Absent,
    Broken,
    Claimed,
    Conflict,
    Document,
    Done,
    Duplicate,
    Input,
    Outcome,
    Record,
    Refused,
    Sequenced,
    Stale,
    Waiting,
    service_actor,
)

log = logging.getLogger(__name__)

WAITING: Final = "waiting"
BROKEN: Final = "broken"
COLLECTION: Final = PARKED
MOST: Final = 2**63 - 1
"""The largest number that MongoDB holds; a record that claims a higher place in its series is never next."""
KIND: Final = re.compile(r"(?:gap|after): [a-z-]+", re.ASCII)
"""The kind of a cause for which a record waits: what is missing, without its number, which a record itself says."""
_WORDS: Final = {"$split": ["$cause", " "]}
KINDS: Final[Mapping[str, Any]] = {
    "cause": {
        "$cond": [
            {"$regexMatch": {"input": "$cause", "regex": f"^{KIND.pattern} [0-9]"}},
            {"$concat": [{"$arrayElemAt": [_WORDS, 0]}, " ", {"$arrayElemAt": [_WORDS, 1]}]},
            "$cause",
        ]
    }
}
"""As what a cause stands in a group: those that wait for the same service are one, whatever number each waits for."""
PAGE: Final = 1000
FEED: Final = 100
"""How many parked records, each of some megabytes at most, are in memory at once."""
LARGEST: Final = 12 * 1024 * 1024
"""Bytes of a record that a document can hold; only a topic that compresses could hold a larger one."""
KEY_LARGEST: Final = 16 * 1024
HEADERS_LARGEST: Final = 512 * 1024
"""The same of a record's key, and of all its headers: what is above is left out, so that each record can be parked."""
SUBJECT_LARGEST: Final = 1000
PERSONAL_KEPT: Final = timedelta(days=AGENCY_KEPT_DAYS)
"""How long personal data stays in a parked record."""
PERSONAL: Final[Keys] = (("personal_until", 1),)
"""The index of the parked records from which personal data is still to go."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A record to park, with what is known of it. `sequence` is None for an agency's event."""

    record: Record
    status: str
    cause: str
    subject: str | None = None
    source: str | None = None
    sequence: int | None = None
    event_id: str | None = None
    """As what an agency knows its event: by the id that it gave it, or by where it stands."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """What carries on the trace in which it was read."""


@dataclass(frozen=True, slots=True)
class Aside:
    """What who sent a record is told of that it is parked, under an id of its own, and the row that keeps it; `told`
    says there whether it went."""

    id: str
    message: Message
    row: tuple[str, Row]


Begins = Callable[[str, str], str | None]
"""The subject that an agency's event with this id begins, where it names none."""


def begins_nothing(_agency: str, _event_id: str) -> None:
    """Of a service that reads no agency's events."""


def unreadable(record: Record, cause: str, begins: Begins = begins_nothing) -> Parked:
    """A record that could not be parsed, with as much as its text and key still tell. The key of an agency's record
    tells nothing: it is whatever the agency likes."""
    event = peek(record.value)
    event_id, agency = _event_id(record, event.get("id")), agency_of(record.topic)
    key = record.key.decode("utf-8", "replace") if record.key else None
    otherwise = key if agency is None or event_id is None else begins(agency, event_id)
    return Parked(
        record,
        BROKEN,
        cause,
        subject=_text(event.get("subject")) or _header(record, "ce_subject") or otherwise,
        source=(_text(event.get("source")) or "").rsplit("/", 1)[-1] or None,
        sequence=_number(event.get("sequence")),
        event_id=event_id,
    )


def _event_id(record: Record, said: object) -> str | None:
    """Under which id an agency's event can be asked for; one whose value is its data alone has it in a header."""
    if agency_of(record.topic) is None:
        return None
    named = said if said is not None else _header(record, "ce_id")
    return named if isinstance(named, str) and is_usable_id(named) else f"kafka:{record.id}"


def _header(record: Record, name: str) -> str | None:
    """An attribute of an event whose value is its data alone."""
    said = dict(record.headers).get(name) or b""
    return _text(said.decode("utf-8", "replace"))


def why_parked(outcome: Outcome | None) -> tuple[str, str] | None:
    """As what, and why, a record with this outcome is parked; None: it is done with."""
    match outcome:
        case Done() | Duplicate():
            return None
        case Waiting(cause):
            return WAITING, cause
        case Broken(cause):
            return BROKEN, cause
        case Refused() | Conflict() | Stale() | Absent() | None:  # a person's outcomes: no record has them by right
            return BROKEN, type(outcome).__name__
        case _:
            assert_never(outcome)


def to_park(one: Input, status: str, cause: str) -> Parked:
    """An input's record, to be parked."""
    assert one.record is not None
    mark = one.mark
    source, sequence = (mark.source, mark.sequence) if isinstance(mark, Sequenced) else (None, None)
    event_id = None if agency_of(one.record.topic) is None else one.cause_id
    return Parked(one.record, status, cause, one.subject, source, sequence, event_id, one.trace)


async def led_to_ids(store: Store, some: Sequence[Parked]) -> list[Parked]:
    """The same records, those of agencies that name a pilot by its registration number, or its id in capital letters,
    under its id: so it is found by what asks for the pilot, and hidden from whom the pilot is hidden. Raises StoreAway.
    """
    sent = {n: one.subject for n, one in enumerate(some) if one.subject and agency_of(one.record.topic) is not None}
    ids = await ids_of(store, sent.values())
    return [replace(one, subject=ids.get(sent.get(n, ""), one.subject)) for n, one in enumerate(some)]


async def park(store: Store, some: Sequence[Parked], now: datetime) -> None:
    """Writes parked records, each with the agency whose it is; one that is parked already only gets its new status and
    cause, and its agency, which may be known by now."""
    agencies = await whose.agencies(store, [(one.record.topic, one.record.value, one.subject) for one in some])
    rows = [{**_row(one, now), "agency": agency} for one, agency in zip(some, agencies, strict=True)]
    await store.put_new(COLLECTION, rows, renewed=("status", "cause", "agency"))


async def in_first_traces(store: Store, some: Sequence[Parked]) -> list[Parked]:
    """The same parked records, those of agencies in the traces in which they were parked first: one that is read again,
    because its batch was not committed, may have begun another. Raises StoreAway."""
    ids = [one.record.id for one in some if one.event_id is not None]
    query = {"_id": {"$in": ids}}
    rows = await store.rows(COLLECTION, query, sort=BY_ID, limit=len(ids), fields=["trace"]) if ids else []
    known = {row["_id"]: carrier for row in rows if (carrier := _carrier(row))}
    return [replace(one, trace=known.get(one.record.id, one.trace)) for one in some]


def of_cause(cause: str) -> Any:
    """The condition of the records of a cause, as it stands in a record or in a group."""
    return {"$regex": f"^{re.escape(cause)} [0-9]"} if KIND.fullmatch(cause) else cause


async def places(store: Store, query: Mapping[str, Any]) -> list[Row]:
    """Where parked records stand in their series, in the order in which they must be fed; one page of them."""
    shown = ("subject", "source", "sequence")
    return await store.rows(COLLECTION, query, sort=list(IN_SERIES), limit=PAGE, fields=shown)


async def standing_of(store: Store, ids: Sequence[str]) -> list[Row]:
    """Those of these records that are parked, by their ids alone; in no order that means anything."""
    query = {"_id": {"$in": list(ids)}}
    return await store.rows(COLLECTION, query, sort=BY_ID, limit=len(ids), fields=["_id"], hint=BY_ID) if ids else []


async def rows_of(store: Store, ids: Sequence[str]) -> list[Row]:
    """These parked records, whole, in this order."""
    found = await store.rows(COLLECTION, {"_id": {"$in": list(ids)}}, sort=BY_ID, limit=len(ids))
    rows = {row["_id"]: row for row in found}
    return [rows[one] for one in ids if one in rows]


async def in_turn(store: Store, ids: Sequence[str]) -> list[str]:
    """These parked records in the order in which they must be fed: what has no sequence, as agencies' events have none,
    as it stands in its topic, whatever subject it is for; the facts of a series as they follow one another."""
    shown = ("subject", "source", "sequence", "topic", "partition", "offset")
    found = await store.rows(COLLECTION, {"_id": {"$in": list(ids)}}, sort=BY_ID, limit=max(1, len(ids)), fields=shown)
    return [row["_id"] for row in sorted(found, key=_turn)]


def _turn(row: Row) -> tuple[Any, ...]:
    if row["sequence"] is None:
        return 0, row["topic"], row["partition"], row["offset"]
    return 1, row["subject"] or "", row["source"] or "", row["sequence"]


def beyond(page: Sequence[Row], subjects: Sequence[str]) -> Mapping[str, Any] | None:
    """Where the series behind a full page are; None if the page was the last.

    What the page left out of its last series cannot be next before what it holds of it.
    """
    if len(page) < PAGE:
        return None
    subject, source = page[-1]["subject"], page[-1]["source"]
    further = {"subject": subject, "source": {"$gt": source} if source is not None else {"$ne": None}}
    return {"$or": [further, {"subject": {"$in": [s for s in subjects if s > subject]}}]}


def record_of(row: Row) -> Record:
    """The record as it was read."""
    return Record(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        key=row["key"],
        value=row["value"],
        headers=tuple((name, value) for name, value in row["headers"]),
        digest=row.get("digest"),
        trace=row.get("trace"),
        came=row.get("came") or row["at"],  # what an earlier program parked came before that
    )


def passed(
    record: Record, subject: str | None, source: str | None, sequence: int | None, own: str, trace: Mapping[str, str]
) -> Input | None:
    """The input that passes a fact's place in its series, as that of a fact of no interest is; None where nothing waits
    for it, as behind a fact of the service `own` itself."""
    if subject is None or sequence is None or source is None or source == own:
        return None
    place = Sequenced(source, sequence, {})
    return Input(subject, place, None, service_actor(source), record.id, trace=trace, record=record)


def _carrier(row: Row) -> dict[str, str]:
    """What carries on the trace in which it was parked; nothing of a row of an earlier program."""
    return {"traceparent": row["trace"]} if row.get("trace") else {}


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of inputs that came as records: the inputs as they were decided on, what of them is parked, the
    subjects that they were for, and of which records all was done before."""

    inputs: Sequence[Input]
    parked: Sequence[Parked]
    subjects: Sequence[str]
    before: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class InHand:
    """Parked records as they would be fed: the inputs whose turn it is, what cannot be read, and what is not next."""

    inputs: Sequence[Input]
    unreadable: Sequence[Parked]
    not_next: frozenset[str]


Read = Callable[[Sequence[Record]], Awaitable[tuple[list[Input], list[Parked]]]]
"""Records as inputs, and those that cannot be read."""
Handle = Callable[[Sequence[Input], Sequence[Parked]], Awaitable[Handled]]
"""Decides on inputs, and parks these and what cannot go now."""
Load = Callable[[Iterable[str]], Awaitable[Mapping[str, Document]]]
Discarded = Callable[[Record, str], Input | None]
"""The input that refuses an agency's event, which has this id."""


class Parking:
    """Feeds parked records to their engine again, each when its turn has come."""

    def __init__(
        self, store: Store, writer: Writer, read: Read, handle: Handle, load: Load, discarded: Discarded
    ) -> None:
        self._store = store
        self._discarded = discarded
        self._writer = writer
        self._read = read
        self._handle = handle
        self._load = load

    async def take_up(self, subjects: Iterable[str], *, also_broken: bool = False) -> list[str]:
        """Feeds parked records of these subjects, in order, until none of them is next; returns which went.

        Only waiting ones, unless `also_broken`: those are a redrive, done by hand.
        """
        status = {} if also_broken else {"status": WAITING}
        names, went = list(subjects), list[str]()
        while names:
            moved = dict[str, str]()
            where: Mapping[str, Any] | None = {"subject": {"$in": names}}
            while where is not None:
                rows = await places(self._store, {**where, **status})
                moved |= await self._feed(await self._turn(rows))
                where = beyond(rows, names)
            went += moved
            names = sorted(set(moved.values()))
        return went

    async def _turn(self, rows: Sequence[Row]) -> list[str]:
        """The ids of those parked records that may be next, told by their places in their series alone."""
        loaded = await self._load({row["subject"] for row in rows}) if rows else {}
        expected: dict[tuple[str, str], int] = {}
        found = list[str]()
        for row in rows:
            subject, source, sequence = row["subject"], row["source"], row["sequence"]
            if sequence is not None and source != self._writer.service:  # own facts move no watermark here
                document = loaded.get(subject)
                seen = document.seen.get(source, 0) if document else 0
                following = expected.get((subject, source), seen + 1)
                if sequence > following:
                    continue
                expected[subject, source] = max(following, sequence + 1)
            found.append(row["_id"])
        return found

    async def redrive(self, ids: Sequence[str]) -> list[str]:
        """Feeds these parked records again, and then whatever waited behind them, until none of them is next; returns
        which went, both."""
        went, left = list[str](), list(ids)
        while left and (moved := await self._feed(left)):
            subjects = sorted(set(moved.values()))
            went += [*moved, *await self.take_up(subjects)]
            # One of them may have stood behind what waited: its turn may have come now.
            still = await places(self._store, {"_id": {"$in": list(ids)}, "subject": {"$in": subjects}})
            left = await self._turn(still)
        return went

    async def may_go(self, row: Row) -> bool:
        """Whether a parked record's place in its series has come; one without a place always may go."""
        return row["subject"] is None or bool(await self._turn([row]))

    async def discard(self, id_: str) -> None:
        """Passes over a parked record by hand: an agency's event is refused, a fact's place in its series is passed in
        its turn, as that of a fact of no interest is. What waited behind it goes on."""
        for row in await rows_of(self._store, [id_]):
            handled = await self._handle(self._instead(row), ())
            if not handled.parked:
                await self._store.remove(COLLECTION, [id_])
                await self.take_up({one.subject for one in handled.inputs})

    def _instead(self, row: Row) -> list[Input]:
        record, subject, source, sequence = record_of(row), row["subject"], row["source"], row["sequence"]
        if agency_of(record.topic) is not None:
            refusing = self._discarded(record, row["event_id"])
            return [] if refusing is None else [replace(refusing, trace=_carrier(row))]
        passing = passed(record, subject, source, sequence, self._writer.service, _carrier(row))
        return [] if passing is None else [passing]

    async def in_hand(self, ids: Sequence[str], known: Mapping[str, Document]) -> InHand:
        """These parked records as they would be fed in this order; nothing is done to them. `known` are subjects as
        they would stand by then."""
        inputs, unreadable = await self._read([record_of(row) for row in await rows_of(self._store, ids)])
        following = await self._next(inputs, known)
        turn = {one.record.id for one in following if one.record}
        not_next = frozenset(one.record.id for one in inputs if one.record and one.record.id not in turn)
        return InHand(following, unreadable, not_next)

    async def _feed(self, ids: Sequence[str]) -> dict[str, str]:
        """Runs those of these parked records whose turn it is; returns those that went, each with its subject."""
        went = dict[str, str]()
        ordered = await in_turn(self._store, ids) if len(ids) > 1 else ids
        for start in range(0, len(ordered), FEED):
            went |= await self._feed_some(await rows_of(self._store, ordered[start : start + FEED]))
        return went

    async def _feed_some(self, rows: Sequence[Row]) -> dict[str, str]:
        told = await apart(rows, self._fed, self._cannot_be_fed, SendFailed)
        return {id_: subject for some in told for id_, subject in some.items()}

    async def _cannot_be_fed(self, row: Row, error: Exception) -> dict[str, str]:
        log.exception("parked record %s cannot be fed", row["_id"])
        await self._store.mark(COLLECTION, {"_id": row["_id"]}, {"status": BROKEN, "cause": why(error)})
        return {}

    async def _fed(self, rows: Sequence[Row]) -> dict[str, str]:
        inputs, unreadable = await self._read([record_of(row) for row in rows])
        await self._let_go([one for one in inputs if one.record and agency_of(one.record.topic) is not None])
        handled = await self._handle(await self._next(inputs), unreadable)
        stayed = {one.record.id for one in handled.parked}
        went = {i.record.id: i.subject for i in handled.inputs if i.record and i.record.id not in stayed}
        asking = stayed | {i.record.id for i in inputs if i.record}
        idle = [row["_id"] for row in rows if row["_id"] not in asking]  # a fact that asks nothing of anybody now
        await self._store.remove(COLLECTION, [*went, *idle])
        return went

    async def let_go(self, id_: str) -> None:
        """Lets go of what a parked record claims, if nothing was decided under it, for it is to become another: that
        would be at odds with itself."""
        for row in await rows_of(self._store, [id_]):
            if agency_of(row["topic"]) is not None:
                inputs, _ = await self._read([record_of(row)])
                await self._let_go(inputs, led=True)

    async def _let_go(self, inputs: Sequence[Input], *, led: bool = False) -> None:
        """Lets go of the claims of agencies' events under which nothing was decided and which led nowhere, for they are
        parked: each belongs where it is led by what is known now. One that was `led` to a pilot stays with it, unless
        so is asked, and waits for its application."""
        marks = [(one.mark, one.subject) for one in inputs if isinstance(one.mark, Claimed)]
        own = {mark.key: Claim(mark.key, mark.digest, subject) for mark, subject in marks}
        stored = await self._store.claimed(*own)
        loaded = await self._load({claim.subject for claim in stored.values()}) if stored else {}
        undecided = [
            claim
            for key, claim in stored.items()
            if (claim == own[key] or (led and claim.digest == own[key].digest))
            and (claim.subject not in loaded or key not in loaded[claim.subject].ids)
        ]
        await self._store.unclaim(undecided)

    async def _next(self, inputs: Sequence[Input], known: Mapping[str, Document] | None = None) -> list[Input]:
        groups: dict[str, list[Input]] = {}
        for one in inputs:
            groups.setdefault(one.subject, []).append(one)
        known = known or {}
        missing = [subject for subject in groups if subject not in known]
        loaded = {**known, **(await self._load(missing) if missing else {})}
        return [
            one
            for subject, some in groups.items()
            for one in ready(loaded.get(subject) or Document(subject, ""), some, self._writer)
        ]

    async def sweep(self) -> None:
        """Takes up every waiting record whose turn has come."""
        subjects: list[str] = []
        async for row in self._store.scan(COLLECTION, {"status": WAITING}, fields=["subject"]):
            subjects.append(row["subject"])
            if len(subjects) >= 500:
                await self.take_up(set(subjects))
                subjects = []
        await self.take_up(set(subjects))


def _row(one: Parked, now: datetime) -> Row:
    record = one.record
    return {
        "_id": record.id,
        "status": one.status,
        "cause": _storable(one.cause[:2000]),
        "subject": one.subject and one.subject[:SUBJECT_LARGEST],
        "source": one.source and one.source[:SUBJECT_LARGEST],
        "event_id": one.event_id,
        "sequence": one.sequence if one.sequence is None or one.sequence <= MOST else None,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key and record.key[:KEY_LARGEST],
        "value": record.value[:LARGEST],
        "headers": _headers(record),
        "trace": one.trace.get("traceparent"),
        "came": record.came,
        "at": now,
        # An agency's event may hold personal data: it is kept no longer here than in the agency's topic.
        "personal_until": now + PERSONAL_KEPT if agency_of(record.topic) is not None else None,
    }


def _headers(record: Record) -> list[list[Any]]:
    """The first headers, as many as a document can hold beside the value."""
    found, left = list[list[Any]](), HEADERS_LARGEST
    for name, value in record.headers:
        left -= len(name) + len(value or b"") + 50
        if left < 0:
            break
        found.append([_storable(name), value])
    return found


def _text(value: object) -> str | None:
    return _storable(value) if isinstance(value, str) and value else None


def _storable(text: str) -> str:
    """Text without halves of surrogate pairs, which JSON can spell but UTF-8 and so MongoDB cannot."""
    return text.encode("utf-8", "replace").decode()


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,20}", value) else None
