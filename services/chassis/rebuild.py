"""Folds a service's own topic into a NEW database, compares it with the old one, and says whether to switch.

Prepared means: no replica of the service runs, and its outboxes are drained. Folds of facts (documents, projections,
claims) are made anew; primary data (parked records, persons) is copied, never dropped; counters are copied, and raised
above what the facts know. So are rows that stand among those of facts and are made of none (receipts of parked events).
What the facts say is erased is erased from what was copied: an older backup brings nobody back.

A database that is `behind` its topic, lost or brought back from an older backup, has the result differ from it: then
only what the topic has beyond it may. What such a database took of its inputs is not known either, so the new one
begins its marks anew (`marks.py`), by which the service reads all its inputs once more and drops what it did already.

It is one thing, and so one file: a new database of the facts, and what of the old one goes with it.

Rows that facts make beside documents, such as timelines, are compared and told of, and stand in nobody's way: where the
old database lacks some, the new one mends it.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, assert_never

from contracts.event import (
    ClaimCause,
    Event,
    Fact,
    FactCause,
    Harmless,
    Language,
    NewerVersion,
    Skipped,
    TimerCause,
    parse_fact,
)
from contracts.topics import FACT_PARTITIONS, fact_topic
from services.chassis import marks, parking
from services.chassis.again import by_hand
from services.chassis.fold import Fold, state_json
from services.chassis.saying import why
from services.chassis.service import Service
from services.chassis.store import BALANCE, CLAIMS, COUNTERS, SUBJECTS, VERDICTS, Claim, Row, Store, Written
from services.chassis.subject import HTTP, KAFKA, Claimed, Document, Record, Remembered, place_of
from services.chassis.torn_rows import Torn, torn

PAGE: Final = 500
COMPARED: Final = ("version", "state", "seen")
"""The fields in which a document must be what it was."""
FOLDED: Final = frozenset({SUBJECTS, CLAIMS})
"""Collections that are made from facts; those that the service's projection writes are found by running it."""

Read = Callable[[str, int], AsyncIterator[Record]]
"""Every record of a partition of a topic, in order; of a foreign topic only those below the committed offset."""

Told = Callable[[str, int], None]
"""Hears of which step how many more records or rows are done."""
FOLDING: Final = "folding, records of all topics"
COPYING: Final = "copying what is not folded, rows"
COMPARING: Final = "comparing, documents"
COMPARING_ROWS: Final = "comparing what facts make beside them, rows"


class NotPrepared(Harmless):
    """The rebuild cannot start, or its source is not whole. The message says what to do."""


@dataclass(slots=True)
class Report:
    """What a rebuild did. `different` names subjects whose fold is not what the old database holds, `missing` those
    that it alone has; `added` those that it has not, and `further` those of which the topic has more facts than it.
    `torn` are the rows that it has not as facts make them, by collection; not of a database that is behind."""

    facts: int = 0
    duplicates: int = 0
    subjects: int = 0
    copied: dict[str, int] = field(default_factory=dict)
    different: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    further: list[str] = field(default_factory=list)
    torn: dict[str, Torn] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether the new database is the same as the old one, and may take its place."""
        return self.covers and not self.added and not self.further

    @property
    def covers(self) -> bool:
        """Whether the new database has all that the old one has, and may take its place if that is behind."""
        return not self.different and not self.missing


@dataclass(slots=True)
class _Made:
    """What the facts made beside documents: the collections of their rows, the last number of each series, and the
    erasures among them."""

    projections: set[str] = field(default_factory=set)
    erasures: list[Event] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Subject:
    """One document on its way, with a short fingerprint of the id under each sequence."""

    document: Document
    ids: list[bytes] = field(default_factory=list)


async def rebuild(
    service: Service,
    language: Language[Fact],
    old: Store,
    new: Store,
    own: Read,
    foreign: Read,
    told: Told = lambda _step, _more: None,
    *,
    behind: bool = False,
) -> Report:
    """Runs a prepared rebuild into `new`, which must be empty; `old` is only read. `behind`: that one is behind the
    topic, so that its outboxes and what is committed say nothing.

    What is about one subject has the same key in every topic of facts, and so stands in the same partition of each:
    one partition of all of them is folded after the other, so that a twelfth of the subjects is in memory at once.

    Raises NotPrepared for facts still in outboxes, a target that is not empty, a record that cannot be read or
    applied, a hole in a series, or two ids under one sequence.
    """
    await _prepared(old, new, behind)
    report, made = Report(), _Made()
    parked = {row["_id"] async for row in old.scan(parking.COLLECTION, {}, fields=["_id"])}
    settled = (await by_hand(old)).settled

    async def counted(records: AsyncIterator[Record]) -> AsyncIterator[Record]:
        async for record in records:
            told(FOLDING, 1)
            yield record

    for partition in range(FACT_PARTITIONS):
        records = counted(own(fact_topic(service.name), partition))
        subjects = await _folded(service, language, new, records, report, made)
        for source in [] if behind else sorted(service.reads):
            records = counted(foreign(fact_topic(source), partition))
            await _watermarks(service, subjects, parked, settled, source, records)
        report.added += await _write(old, new, subjects)
        report.subjects += len(subjects)
    begun_anew = {marks.COLLECTION, BALANCE, VERDICTS} if behind else set[str]()
    await _copy(old, new, leave_out=FOLDED | made.projections | begun_anew, report=report, told=told)
    await _copy_aside(service, old, new, made.projections, report, told)
    if service.erase is not None:
        for erasure in made.erasures:  # one by one: what was saved after one of them may stand before another
            await service.erase(new, [erasure])
    if behind:
        await marks.begin(new)
    for series, last in made.numbers.items():
        await new.raise_to(COUNTERS, series, {"last": last})
    await _take_over_marks(service, old, new)
    await _compare(service, old, new, report, told, behind)
    if not behind:
        report.torn = await torn(old, new, made.projections, service.marked, lambda more: told(COMPARING_ROWS, more))
    return report


async def _folded(
    service: Service,
    language: Language[Fact],
    new: Store,
    records: AsyncIterator[Record],
    report: Report,
    made: _Made,
) -> dict[str, _Subject]:
    """The subjects of a partition. The rows that the service projects are written on the way; to which collections they
    went is noted, and so are the numbers that the facts give out."""
    subjects: dict[str, _Subject] = {}
    projected: list[tuple[str, Row]] = []
    async for record in records:
        event = _read(record, language)
        if not isinstance(event, Event):
            raise NotPrepared(f"{record.id} is a fact of an unknown type: this program is older than the topic")
        try:
            if _take(service, subjects, event, report):
                rows = service.projection(event)
                projected += rows
                made.projections |= {name for name, _ in rows}
                made.erasures += [event] if isinstance(event.fact, service.erasures) else []
        except NotPrepared:
            raise
        except Exception as error:
            raise NotPrepared(
                f"{record.id} ({event.type}) cannot be applied to {event.subject}: {why(error)}"
            ) from error
        if service.number is not None and (number := service.number(event.data)) is not None:
            series, n = number
            made.numbers[series] = max(n, made.numbers.get(series, 0))
        if len(projected) >= PAGE:
            await _put(new, projected)
            projected = []
    await _put(new, projected)
    return subjects


def _read(record: Record, language: Language[Fact]) -> Event | Skipped:
    """A fact of a topic, or of a type that this program does not know. Raises NotPrepared for any other record."""
    try:
        return parse_fact(record.value, language)
    except NewerVersion as error:
        raise NotPrepared(
            f"{record.id} is a fact in a version that this program does not know: take a newer one"
        ) from error
    except Exception as error:
        raise NotPrepared(f"{record.id} cannot be read as a fact ({why(error)}): nobody can fold past it") from error


async def _prepared(old: Store, new: Store, behind: bool) -> None:
    if not behind and await old.rows(
        SUBJECTS, {"outbox.0": {"$exists": True}}, sort=[("_id", 1)], limit=1, fields=["_id"]
    ):
        raise NotPrepared("facts wait in outboxes: run the service until they are sent, then stop it")
    if await new.rows(SUBJECTS, {}, sort=[("_id", 1)], limit=1, fields=["_id"]):
        raise NotPrepared("the target database is not empty")


def _take(service: Service, subjects: dict[str, _Subject], event: Event, report: Report) -> bool:
    """Folds one own fact; False for a duplicate."""
    aggregate = service.aggregate_of(event.subject)
    one = subjects.setdefault(event.subject, _Subject(Document(event.subject, aggregate.kind)))
    mark = hashlib.sha256(event.id.encode()).digest()[:8]
    if event.sequence <= len(one.ids):
        if one.ids[event.sequence - 1] != mark:
            raise NotPrepared(f"{event.subject} has two ids under sequence {event.sequence}")
        report.duplicates += 1
        return False
    if event.sequence != len(one.ids) + 1:
        raise NotPrepared(f"{event.subject} has a hole before sequence {event.sequence}")
    one.ids.append(mark)
    report.facts += 1
    state = aggregate.evolve(one.document.state, event.fact)
    one.document = _after(one.document, event, state, aggregate.due(state) if state is not None else None)
    return True


def _after(document: Document, event: Event, state: Any, due: Any) -> Document:
    seen, ids = dict(document.seen), dict(document.ids)
    for source, sequence in event.fact.after.items():
        seen[source] = max(seen.get(source, 0), sequence)
    match event.fact.cause:
        case FactCause(source=source, sequence=sequence):
            seen[source] = max(seen.get(source, 0), sequence)
        case ClaimCause(owner=owner, id=id_, digest=digest):
            mark, door = Claimed(owner, id_, digest), KAFKA if event.fact.actor.id == owner else HTTP
            ids[mark.key] = Remembered(digest, event.sequence, place_of(mark, door=door))
        case TimerCause() | None:
            pass  # the due time comes from the state; only the last fact of a command carries a cause
        case _:
            assert_never(event.fact.cause)
    return replace(
        document,
        version=event.sequence,
        state=state,
        seen=seen,
        ids=ids,
        due=due,
        correlation=document.correlation or event.correlation,
        trace=dict(event.trace),
    )


async def _watermarks(
    service: Service,
    subjects: dict[str, _Subject],
    parked: set[str],
    settled: frozenset[str],
    source: str,
    records: AsyncIterator[Record],
) -> None:
    """Moves `seen` over foreign facts that were read, also those that made no own fact, and over those that somebody
    has settled by hand, whether they can be read or not; not over parked ones."""
    async for record in records:
        if record.id in parked:
            continue
        told = parking.unreadable(record, "") if record.id in settled else _read(record, service.reads[source])
        if told.subject is None or told.sequence is None:
            continue  # it says nothing of itself, and nothing waits for it
        kind = service.aggregate_of(told.subject).kind
        one = subjects.setdefault(told.subject, _Subject(Document(told.subject, kind)))
        seen = {**one.document.seen}
        seen[source] = max(seen.get(source, 0), told.sequence)
        one.document = replace(one.document, seen=seen)


async def _write(old: Store, new: Store, subjects: Mapping[str, _Subject]) -> list[str]:
    """Writes the documents of these subjects; returns those that the old database has not at all."""
    documents, added = [one.document for one in subjects.values()], list[str]()
    for start in range(0, len(documents), PAGE):
        some = documents[start : start + PAGE]
        revisions = await _revisions(old, [d.subject for d in some])
        added += [d.subject for d in some if d.subject not in revisions]
        folds = [_fold(d, revisions.get(d.subject, d.version)) for d in some]
        written = await new.write(folds)
        if written.overtaken:  # of an earlier program, which held nobody to what a subject has for itself
            sharing = {d.subject: f for d, f in zip(some, folds, strict=True) if d.subject in written.overtaken}
            again = await new.write([*sharing.values()], sharing.keys())
            written = Written(written.lost - written.overtaken | again.lost, unfit={**written.unfit, **again.unfit})
        if written.lost or written.unfit:
            raise NotPrepared(f"the target took not all: {sorted(written.lost | set(written.unfit))[:5]}")
        await new.claim([c for d in some for c in _claims(d)])
    return added


async def _revisions(old: Store, subjects: Sequence[str]) -> dict[str, int]:
    query = {"_id": {"$in": list(subjects)}}
    rows = await old.rows(SUBJECTS, query, sort=[("_id", 1)], limit=len(subjects), fields=["rev"])
    return {row["_id"]: row["rev"] for row in rows}


def _fold(document: Document, rev: int) -> Fold:
    """A first write whose revision lies above the old one, so that no ETag given out before fits by chance."""
    return Fold(Document(document.subject, document.kind), replace(document, rev=rev + 1, moved=rev + 1), (), ())


def _claims(document: Document) -> Iterable[Claim]:
    return (Claim(key, known.digest, document.subject) for key, known in document.ids.items())


async def _copy(old: Store, new: Store, *, leave_out: frozenset[str] | set[str], report: Report, told: Told) -> None:
    for name in await old.collections():
        if name in leave_out or name.startswith("system."):
            continue
        await _copy_rows(old, new, name, {}, report, told)


async def _copy_aside(service: Service, old: Store, new: Store, made: set[str], report: Report, told: Told) -> None:
    """Rows that stand among those that facts make and are made of none, such as the receipts of parked events."""
    for name in service.aside.keys() & made:
        await _copy_rows(old, new, name, {"_id": {"$regex": f"^{re.escape(service.aside[name])}"}}, report, told)


async def _copy_rows(old: Store, new: Store, name: str, query: Mapping[str, Any], report: Report, told: Told) -> None:
    rows: list[Row] = []
    async for row in old.scan(name, query):
        rows.append(row)
        report.copied[name] = report.copied.get(name, 0) + 1
        told(COPYING, 1)
        if len(rows) == PAGE:
            await new.put(name, rows)
            rows = []
    await new.put(name, rows)


async def _take_over_marks(service: Service, old: Store, new: Store) -> None:
    """What people set on projected rows (a notice that was read) stands in no fact: it is taken over."""
    for name, fields in service.marked.items():
        set_since = {"$or": [{one: {"$ne": None}} for one in fields]}
        rows: list[Row] = []
        async for row in old.scan(name, set_since):
            rows.append(row)
            if len(rows) == PAGE:
                await new.put_new(name, rows, renewed=fields)
                rows = []
        await new.put_new(name, rows, renewed=fields)


async def _put(new: Store, rows: Sequence[tuple[str, Row]]) -> None:
    by_name: dict[str, list[Row]] = {}
    for name, row in rows:
        by_name.setdefault(name, []).append(row)
    for name, some in by_name.items():
        await new.add(name, some)


async def _compare(service: Service, old: Store, new: Store, report: Report, told: Told, behind: bool) -> None:
    """Each old document must be there anew with the same version, state and watermarks; with what `behind` leaves of
    them, for there watermarks come by reading anew.

    A remembered id without a fact of its own (a command that changed nothing) is not in any topic and may go.
    """
    rows: list[Row] = []
    async for row in old.scan(SUBJECTS, {}, fields=COMPARED):
        rows.append(row)
        told(COMPARING, 1)
        if len(rows) == PAGE:
            await _compare_some(service, old, new, rows, report, behind)
            rows = []
    await _compare_some(service, old, new, rows, report, behind)


async def _compare_some(
    service: Service, old: Store, new: Store, rows: Sequence[Row], report: Report, behind: bool
) -> None:
    """What is stored alike is alike; only the rest is read, as this program reads it."""
    query = {"_id": {"$in": [row["_id"] for row in rows]}}
    made = await new.rows(SUBJECTS, query, sort=[("_id", 1)], limit=max(1, len(rows)), fields=COMPARED)
    alike = {row["_id"]: row for row in made}
    subjects = [row["_id"] for row in rows if alike.get(row["_id"]) != row]
    before = await old.load(subjects, lambda s: service.aggregate_of(s).state)
    after = await new.load(subjects, lambda s: service.aggregate_of(s).state)
    for subject, was in before.items():
        now = after.get(subject)
        if now is None:
            if was.version or (was.seen and not behind):
                report.missing.append(subject)
        elif was.version < now.version:
            report.further.append(subject)
        elif _essence(was, behind) != _essence(now, behind):
            report.different.append(subject)


def _essence(document: Document, behind: bool) -> tuple[object, ...]:
    state = None if document.state is None else state_json(document.state)
    return document.version, state, {} if behind else {k: v for k, v in document.seen.items() if v}
