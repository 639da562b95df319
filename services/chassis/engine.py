"""The engine: one call for every input, whether it came as a record, an HTTP command or a timer.

Claims, all documents and what decisions are given side by side, then fold, then one guarded bulk write; losers load
again and decide again. A command to what must be there already has its document loaded before its claim, for one that
is not there for who asks leaves nothing behind. What must wait is parked, what became next is taken up, outboxes are
sent: only then may the caller commit or go on.

It is one thing, and so one file: every door ends in the same call, and who reads one reads what all of them share.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from opentelemetry.trace import INVALID_SPAN, Span

from contracts.event import Actor
from contracts.topics import FACT_MAX_BYTES, fact_topic
from services.chassis import arrival, business, parking, telemetry, whose
from services.chassis.again import Again
from services.chassis.apart import apart
from services.chassis.fold import Fold, Writer, fold, is_absent
from services.chassis.gathering import Gathering
from services.chassis.message import Send
from services.chassis.outbox import Outbox, SendFailed
from services.chassis.own_topic import NO_KINDS, Kinds, OwnTopic
from services.chassis.pace import Pace
from services.chassis.parking import Handled, Parked, Parking, to_park, why_parked
from services.chassis.reading import Reader, tell_unreadable
from services.chassis.saying import why
from services.chassis.sent_spans import in_spans
from services.chassis.service import Service, Taken
from services.chassis.stalled import skips
from services.chassis.store import BY_ID, PARKED, REPAIRS, Claim, Row, Store, StoreAway
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
    Timed,
)
from services.chassis.turns import in_turns, side_by_side
from services.chassis.withheld import Withheld
from services.law.calendar import Calendars
from services.law.decision import Context

log = logging.getLogger(__name__)

ATTEMPTS: Final = 60
"""How often a guard may be missed before the input is given back as if MongoDB were away."""
OVERTAKEN: Final = 3
"""How often a subject may find that another has what it claims for itself before it is written without it: what it is
given since the first time knows of the other, unless who asks may not, or the other has let it go in between."""
PAUSE: Final = 0.008
"""Seconds between two batches of commands at least, where some wait already: so long more come to them, and a batch
costs little more than a command (decision 24)."""
CROWDED: Final = 0.05
"""The same of commands of those who send more than they may: they stand in nobody's way but each other's."""
MOST_POSTED: Final = 1000
"""So many commands that came in batches are decided together at most; a single batch may be larger."""
REHEARSED: Final = 100
"""So many subjects are thought out together where nothing is to be done to them."""
MOST_RECORDS: Final = 500
"""So many records of several sources are taken together at most; a batch of one source may be larger."""
STUCK_TIMER_PAUSE: Final = timedelta(minutes=5)
TIMER: Final = Actor(id="timer", role="timer")
NOTHING_KNOWN: Final[Mapping[str, Document]] = {}


T = TypeVar("T")
Told = Callable[[Input, Outcome, Document | None], T]
"""What is made of an input, its outcome, and its subject as it stands then; None where that was not looked at."""


@dataclass(slots=True)
class _Run:
    """One call's inputs and what has come of them so far."""

    inputs: list[Input]
    spans: list[Span]
    outcomes: list[Outcome | None]
    documents: dict[str, Document] = field(default_factory=dict)
    then: dict[int, Document] = field(default_factory=dict)
    """Of each input that was decided on, its subject as it stood then: others of the run may come behind it."""
    found: Any = None
    """What was looked for already of what the first decisions are given."""


class Engine:
    """A service at work on its store. `now` is the clock (UTC), `new_id` the source of event ids, `calendars` are those
    that terms are counted by; `refusals` are what `send` tells where a topic refuses for good; `pace` is stirred by
    inputs."""

    def __init__(
        self,
        service: Service,
        store: Store,
        send: Send,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        calendars: Calendars,
        refusals: Kinds = NO_KINDS,
        pace: Pace | None = None,
    ) -> None:
        self.pace = pace or Pace()
        self.service = service
        self.store = store
        self.now = now
        self.calendars = calendars
        self._writer = Writer(service.name, frozenset(service.reads), new_id, FACT_MAX_BYTES)
        reader = Reader(service, store, now)
        self._again = Again(service, store, reader.inputs, self.documents)
        self.closed = False
        """Whether nothing is decided yet: StoreAway is raised by whatever would."""
        send = in_spans(send)
        self.withheld = Withheld(store, send, now, large=refusals.large)
        own_topic = OwnTopic(fact_topic(service.name), store, now, refusals)
        self.outbox = Outbox(
            fact_topic(service.name),
            store,
            send,
            self.withheld,
            own_topic,
            own=service.own,
            publications=service.publications,
            projection=lambda event: [*skips(event), *service.projection(event)],
            erase=service.erase,
            failed=self.pace.stir,
        )
        self.gathering = Gathering(self.commands_and_documents, "http", travelling=_with_trace, pause=PAUSE)
        self._posted = Gathering(self._post, "batch", most=MOST_POSTED, weight=len, travelling=_all_with_trace)
        self.batches = Gathering(self._batches, "records", most=MOST_RECORDS, weight=len)
        first = self.gathering, self.batches
        self.crowded = Gathering(
            self.commands_and_documents, "http", travelling=_with_trace, pause=CROWDED, all_wait=True, behind=first
        )
        self.parking = Parking(
            store, self._writer, partial(reader.inputs, again=True), self._handle, self.documents, service.discarded
        )
        self._whose = whose.Filling(store)

    # ---- the three doors

    async def records(self, records: Sequence[Record]) -> None:
        """Takes a batch from Kafka. When it returns, the batch may be committed.

        Raises StoreAway or SendFailed when it must be read again; what was done already is then met as duplicate.
        What nobody foresaw is looked for record by record, and the one that raises it is parked.
        """
        await apart(records, self._records, self._park, SendFailed)

    async def _park(self, record: Record, error: Exception) -> None:
        log.exception("record %s cannot be taken", record.id)
        parked = await self._unread([parking.unreadable(record, why(error), self.service.begins)])
        await parking.park(self.store, parked, self.now())
        await self.service.taken(self.store, (), parked)
        await self._tell(parked)

    async def _batches(self, batches: Sequence[Sequence[Record]]) -> list[None]:
        """Takes batches of several sources as one."""
        await self.records([record for batch in batches for record in batch])
        return [None] * len(batches)

    async def _records(self, records: Sequence[Record]) -> None:
        with telemetry.measured(telemetry.PARSE):
            read = await self._again.inputs(records)
        handled = await self._handle(*read)
        await self._tell(handled.parked)
        # In a database that was older than its facts they may stand parked still.
        await self.store.remove(PARKED, [row["_id"] for row in await parking.standing_of(self.store, handled.before)])
        await self.parking.take_up(handled.subjects)

    async def _tell(self, parked: Sequence[Parked]) -> None:
        """Tells who sent it what is parked; one that is parked again when it is fed or read again is told of already:
        its row says that it went, or is of a program that wrote none before it had."""
        now = self.now()
        known = await parking.in_first_traces(self.store, parked)
        aside = [told for one in known if (told := self.service.parked(one, now)) is not None]
        for collection in sorted({told.row[0] for told in aside}):
            some = {told.row[1]["_id"]: told for told in aside if told.row[0] == collection}
            query = {"_id": {"$in": sorted(some)}, "told": {"$ne": False}}
            went = await self.store.rows(collection, query, sort=BY_ID, limit=len(some), fields=["_id"], hint=BY_ID)
            fresh = [some[id_] for id_ in sorted(some.keys() - {row["_id"] for row in went})]
            await self.store.add(collection, [{**told.row[1], "told": False} for told in fresh])
            await self.outbox.tell({told.id: told.message for told in fresh})
            ids = [told.row[1]["_id"] for told in fresh]
            await self.store.mark(collection, {"_id": {"$in": ids}}, {"told": True})

    async def _handle(self, inputs: Sequence[Input], unreadable: Sequence[Parked]) -> Handled:
        """Decides on what came as records, parks what cannot go now, and sends what stands in the outboxes."""
        run = await self._run(inputs)
        parked = [*await self._unread(unreadable), *await parking.led_to_ids(self.store, _to_park(run))]
        await parking.park(self.store, parked, self.now())
        await self.outbox.deliver({s: d.outbox for s, d in run.documents.items()})
        await self.service.taken(self.store, _taken(run), parked)
        return Handled(run.inputs, parked, list(run.documents), _done_before(run))

    async def _unread(self, some: Sequence[Parked]) -> list[Parked]:
        """What cannot be read and is parked, under the ids of its pilots: told of, and counted."""
        led = await parking.led_to_ids(self.store, some)
        for one in led:
            self.service.unread(one.record)
        return tell_unreadable(led)

    async def command(self, one: Input) -> Outcome:
        """Takes one HTTP command; when it returns, its outcome is in MongoDB with `w=majority`.

        Its facts are sent in a moment: by the pump, or after a crash by the sweep. Raises StoreAway.
        """
        return (await self.command_and_document(one))[0]

    async def command_and_document(self, one: Input) -> tuple[Outcome, Document | None]:
        """Like `command`, with the subject as it stands after it, so that who answers need not look again; None where
        it was not looked at, as after a conflict."""
        return (await self.commands_and_documents([one]))[0]

    async def commands_and_documents(self, inputs: Sequence[Input]) -> list[tuple[Outcome, Document | None]]:
        """Like `command_and_document` for many commands together, each with an answer of its own, in their order."""
        run = await self._commands(inputs)
        return [(outcome, run.then.get(place)) for place, outcome in enumerate(run.outcomes) if outcome is not None]

    async def posted(self, inputs: Sequence[Input]) -> list[tuple[Outcome, Document | None]]:
        """Like `commands_and_documents` for many that came in one batch. Of what nobody foresaw in one of them the
        others are not held up: it is looked for one by one, and that one is broken."""
        return [answer for some in await apart(inputs, self._posted.take, self._broken) for answer in some]

    async def _broken(self, _one: Input, error: Exception) -> list[tuple[Outcome, Document | None]]:
        log.exception("a command of a batch cannot be taken")
        return [(Broken(why(error)), None)]

    async def _post(self, batches: Sequence[Sequence[Input]]) -> list[list[tuple[Outcome, Document | None]]]:
        answers = iter(await self.commands_and_documents([one for batch in batches for one in batch]))
        return [[next(answers) for _ in batch] for batch in batches]

    async def rehearsed(
        self, inputs: Sequence[Input], told: Told[T], known: Mapping[str, Document] = NOTHING_KNOWN
    ) -> list[T]:
        """What `told` makes of what would come of these commands together, in their order, with the subject as it would
        stand then: nothing is claimed, drawn, written, sent or counted. It is thought out for some subjects at a time,
        and nothing else is kept of them. `known` are subjects as they would stand by then. Raises StoreAway."""
        if self.service.address is not None:
            inputs = await self.service.address(self.store, inputs)
        run = _Run([*inputs], [INVALID_SPAN] * len(inputs), [None] * len(inputs))
        mine = _claims(run, range(len(inputs)))
        for place in self._at_odds(run, mine, {**_first(mine), **await self.store.claimed(*_first(mine))}):
            run.outcomes[place] = Conflict()
        found = {n: told(run.inputs[n], one, None) for n, one in enumerate(run.outcomes) if one is not None}
        pending = _by_subject(run)
        subjects = list(pending)
        for first in range(0, len(subjects), REHEARSED):
            piece = {subject: pending[subject] for subject in subjects[first : first + REHEARSED]}
            for subject, done in (await self._folds(run, piece, {}, known, self.store.looked_at())).items():
                for place, outcome, then in zip(piece[subject], done.outcomes, done.then, strict=True):
                    found[place] = told(run.inputs[place], outcome, then)
        return [found[place] for place in range(len(found))]

    async def commands(self, inputs: Sequence[Input]) -> list[Outcome]:
        """Takes many commands together, with an outcome for each in their order; otherwise like `command`."""
        return [outcome for outcome in (await self._commands(inputs)).outcomes if outcome is not None]

    async def _commands(self, inputs: Sequence[Input]) -> _Run:
        run = await self._run(inputs)
        for document in run.documents.values():
            self.outbox.soon(document)
        await self.service.taken(self.store, _taken(run), ())
        return run

    async def timers(self, limit: int = 500) -> int:
        """Fires the timers that are due; returns how many there were. Two replicas may both try: one wins."""
        found = await self.store.due(self.now(), limit)
        inputs = [one for subject, due in found if (one := self._tick(subject, due)) is not None]
        await apart(inputs, self._fire, self._put_off, SendFailed)
        return len(found)

    async def _fire(self, ticks: Sequence[Input]) -> None:
        run = await self._run(ticks)
        for one, outcome in zip(run.inputs, run.outcomes, strict=True):
            if isinstance(outcome, (Broken, Refused)):
                await self._postpone(one)
        await self.outbox.deliver({s: d.outbox for s, d in run.documents.items()})

    async def _put_off(self, tick: Input, _error: Exception) -> None:
        log.exception("the timer of %s cannot be fired", tick.subject)
        await self._postpone(tick)

    async def _postpone(self, tick: Input) -> None:
        if isinstance(tick.mark, Timed):
            await self.store.postpone(tick.subject, tick.mark.due, self.now() + STUCK_TIMER_PAUSE)

    async def next_timer(self) -> float | None:
        """In how many seconds the next timer must fire; None where none is set. Raises StoreAway."""
        due = await self.store.next_due()
        return None if due is None else (due - self.now()).total_seconds()

    def _tick(self, subject: str, due: datetime) -> Input | None:
        tick = self.service.aggregate_of(subject).tick
        cause = f"timer:{subject}:{due.isoformat()}"
        return None if tick is None else Input(subject, Timed(due), tick(due), TIMER, cause_id=cause)

    async def sends(self) -> None:
        """Raises Refusing where topics do not take what is sent to them, as far as this process knows."""
        await self.outbox.check()
        await self.withheld.check()

    async def sweep(self, age: timedelta) -> None:
        """Finds what a crash or a race left: unsent facts, waiting records whose turn has come, and whose pilot a
        parked record is about, where that is known by now."""
        try:
            await self.outbox.sweep(self.now(), age, self.documents)
        finally:
            await self.parking.sweep()
            await self._whose.go_on()
            await self.service.tidy(self.store, self.now())
            await self.store.remove_where(REPAIRS, {"personal_until": {"$lte": self.now()}})

    # ---- deciding

    async def opened(self) -> None:
        """Raises StoreAway while nothing is decided."""
        if self.closed:
            raise StoreAway("the database is not held against its topic yet")

    async def _run(self, inputs: Sequence[Input]) -> _Run:
        await self.opened()
        if self.service.address is not None:
            inputs = await self.service.address(self.store, inputs)
        spans = telemetry.open_spans(inputs)
        run = _Run([_traced(one, span) for one, span in zip(inputs, spans, strict=True)], spans, [None] * len(inputs))
        for one in inputs:
            self.service.arrived(one)
        try:
            known = await self._known(run)
            await self._decide(run, known | await self._needed(run, known))
            if instead := self._refusing(run):
                await self._settle_claims(run, instead)
                await self._decide(run, {})
        finally:
            if inputs:
                self.pace.stir()
            now = self.now()
            for span, one, outcome in zip(spans, inputs, run.outcomes, strict=True):
                telemetry.close_span(span, one, outcome)
                arrival.registered(one, outcome, now)
                self.service.settled(one, outcome)
            business.tell(run.inputs, run.outcomes)
        return run

    async def _known(self, run: _Run) -> dict[str, Document]:
        """The subjects that must be there already, loaded before anything is claimed; an input for which its subject
        is not there ends here, and leaves no claim.

        They are decided on as they were loaded: who wrote one in between is met at the guard. What is hidden from who
        asks only then, after the claim, keeps its claim: a resend may be under way that has met it.
        """
        needed = {one.subject for one in run.inputs if one.existing is not None}
        if not needed:
            return {}
        loaded = await self.documents(needed)
        known = {subject: loaded.get(subject) or self._nothing(subject) for subject in needed}
        for place, one in enumerate(run.inputs):
            if one.existing is not None and is_absent(known[one.subject], one):
                run.outcomes[place] = Absent()
        return known

    async def _needed(self, run: _Run, known: Mapping[str, Document]) -> dict[str, Document]:
        """Settles the claims, loads what is needed and not known yet, and looks for what decisions are given: none of
        the three waits for another, for each is a way to MongoDB and back.

        What is written between the load and the claim is met at the guard, like all that is written after a load.
        Raises StoreAway.
        """
        places = [place for place, outcome in enumerate(run.outcomes) if outcome is None]
        inputs = [run.inputs[place] for place in places]
        named = {subject for one in inputs for subject in (one.subject, self.service.beside(one)) if subject}
        missing = named - known.keys()
        loaded, run.found, _ = await side_by_side(
            self.documents(missing), self.service.look(self.store, inputs), self._settle_claims(run, places)
        )
        return {subject: loaded.get(subject) or self._nothing(subject) for subject in missing}

    def _nothing(self, subject: str) -> Document:
        return Document(subject, self.service.aggregate_of(subject).kind)

    async def _settle_claims(self, run: _Run, places: Iterable[int]) -> None:
        """Inserts the claims of agencies' and people's ids; who finds another digest there is a conflict.

        Where inputs are addressed, the claim of the same content decides where one belongs: it was addressed when less
        was known, and a second try must meet the first one's answer.
        """
        for place in await self._conflicts(run, places):
            run.outcomes[place] = Conflict()

    def _refusing(self, run: _Run) -> list[int]:
        """Puts the input that refuses it in the place of each conflict that can be told to nobody else."""
        places = []
        for place, outcome in enumerate(run.outcomes):
            instead = self.service.on_conflict(run.inputs[place]) if isinstance(outcome, Conflict) else None
            if instead is not None:
                run.inputs[place], run.outcomes[place] = instead, None
                places.append(place)
        return places

    async def _conflicts(self, run: _Run, places: Iterable[int]) -> list[int]:
        mine = _claims(run, places)
        first = _first(mine)
        with telemetry.measured(telemetry.CLAIM):
            stored = await self.store.claim(list(first.values()))
        return self._at_odds(run, mine, {**first, **stored})

    def _at_odds(self, run: _Run, mine: Mapping[int, Claim], stored: Mapping[str, Claim]) -> list[int]:
        """Where what is claimed is not what is stored; who claims the same content belongs where that was led to."""
        if self.service.address is None:
            return [place for place, claim in mine.items() if stored[claim.key] != claim]
        for place, claim in mine.items():
            run.inputs[place] = replace(run.inputs[place], subject=stored[claim.key].subject)
        return [place for place, claim in mine.items() if stored[claim.key].digest != claim.digest]

    async def _decide(self, run: _Run, known: Mapping[str, Document]) -> None:
        pending = _by_subject(run)
        given: dict[int, Any] = {}
        overtaken = Counter[str]()
        for attempt in range(ATTEMPTS):
            if not pending:
                return
            if attempt:
                await asyncio.sleep(random.uniform(0, min(0.005 * 2**attempt, 0.2)))
            pending = await self._attempt(run, pending, given, {} if attempt else known, overtaken)
        raise StoreAway(f"{len(pending)} subjects were taken by others {ATTEMPTS} times")

    async def _attempt(
        self,
        run: _Run,
        pending: Mapping[str, list[int]],
        given: dict[int, Any],
        known: Mapping[str, Document],
        overtaken: Counter[str],
    ) -> dict[str, list[int]]:
        folds = await self._folds(run, pending, given, known, self.store)
        changed = [f for f in folds.values() if f.changed]
        await self._write_side_rows(run, pending, folds)
        with telemetry.measured(telemetry.WRITE):
            written = await self.store.write(changed, {s for s, times in overtaken.items() if times >= OVERTAKEN})
        overtaken.update(written.overtaken)
        for place in (place for subject in written.overtaken for place in pending[subject]):
            del given[place]
        again: dict[str, list[int]] = {}
        for subject, done in folds.items():
            if subject in written.lost:
                again[subject] = pending[subject]
            elif (unfit := written.unfit.get(subject)) is not None:
                _settle(run, pending[subject], [Broken(unfit)] * len(pending[subject]))
            else:
                _settle(run, pending[subject], done.outcomes)
                run.documents[subject] = done.after
                run.then.update(zip(pending[subject], done.then, strict=True))
        return again

    async def _folds(
        self,
        run: _Run,
        pending: Mapping[str, list[int]],
        given: dict[int, Any],
        known: Mapping[str, Document],
        store: Store,
    ) -> dict[str, Fold]:
        """What comes of the inputs, by subject; nothing is written."""
        unknown = [subject for subject in pending if subject not in known]
        places = [place for some in pending.values() for place in some]
        fresh = [place for place in places if place not in given]
        asked = {s for p in fresh if (s := self.service.beside(run.inputs[p]))} - known.keys()
        loaded = {**known, **(await self.documents({*unknown, *asked}) if unknown or asked else {})}
        if fresh:  # once: who loses the guard decides again by the same, and draws no second number
            inputs = [run.inputs[place] for place in fresh]
            answers = await self.service.given(store, inputs, loaded, run.found)
            run.found = None
            given.update(zip(fresh, answers, strict=True))
        if (recall := self.service.recall) is not None:  # in each attempt anew: the guard holds for it, too
            for subject, places in pending.items():
                if subject in loaded:
                    loaded[subject] = await recall(store, loaded[subject], [run.inputs[p] for p in places])
        now = self.now()
        folds = dict[str, Fold]()
        with telemetry.measured(telemetry.DECIDE):
            async for subject, places in in_turns(pending.items()):
                folds[subject] = self._fold(run, places, loaded.get(subject), given, now, subject)
        return folds

    def _fold(
        self,
        run: _Run,
        places: Sequence[int],
        document: Document | None,
        given: Mapping[int, Any],
        now: datetime,
        subject: str,
    ) -> Fold:
        aggregate = self.service.aggregate_of(subject)
        start = document or self._nothing(subject)
        asked = [(run.inputs[place], given[place]) for place in places]
        contexts = [Context(now, subject, one.actor, its, self.calendars, one.came) for one, its in asked]
        for place in places:
            telemetry.link_to_cause(run.spans[place], run.inputs[place], start.trace)
        return fold(start, [run.inputs[p] for p in places], aggregate, self._writer, contexts)

    async def _write_side_rows(self, run: _Run, pending: Mapping[str, list[int]], folds: Mapping[str, Fold]) -> None:
        rows: dict[str, list[Row]] = {}
        for subject, done in folds.items():
            for place, outcome in zip(pending[subject], done.outcomes, strict=True):
                if isinstance(outcome, Done):
                    for collection, row in self.service.side_rows(run.inputs[place], outcome.facts):
                        rows.setdefault(collection, []).append(row)
        for collection, some in rows.items():
            await self.store.put_new(collection, some)

    async def documents(self, subjects: Iterable[str]) -> dict[str, Document]:
        """The stored documents of these subjects."""
        with telemetry.measured(telemetry.LOAD):
            return await self.store.load(subjects, lambda s: self.service.aggregate_of(s).state)


def _with_trace(one: Input) -> Input:
    """A command with what it belongs to, which is otherwise told by the context that it is given in."""
    return replace(one, trace=one.trace or telemetry.carrier_of_current())


def _all_with_trace(some: Sequence[Input]) -> Sequence[Input]:
    return [_with_trace(one) for one in some]


def _claims(run: _Run, places: Iterable[int]) -> dict[int, Claim]:
    """What the inputs at these places claim."""
    marks = {place: one.mark for place in places if isinstance((one := run.inputs[place]).mark, Claimed)}
    return {
        place: Claim(mark.key, mark.digest, run.inputs[place].subject)
        for place, mark in marks.items()
        if isinstance(mark, Claimed)
    }


def _first(claims: Mapping[int, Claim]) -> dict[str, Claim]:
    """Of the claims of one id the first."""
    first: dict[str, Claim] = {}
    for claim in claims.values():
        first.setdefault(claim.key, claim)
    return first


def _traced(one: Input, span: Span) -> Input:
    carried = telemetry.carried(span, one.trace)
    return one if carried is one.trace else replace(one, trace=carried)


def _by_subject(run: _Run) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for place, one in enumerate(run.inputs):
        if run.outcomes[place] is None:
            groups.setdefault(one.subject, []).append(place)
    return groups


def _settle(run: _Run, places: Sequence[int], outcomes: Sequence[Outcome]) -> None:
    for place, outcome in zip(places, outcomes, strict=True):
        run.outcomes[place] = outcome


def _taken(run: _Run) -> list[Taken]:
    told = zip(run.inputs, run.outcomes, strict=True)
    return [(one, outcome, run.then.get(place)) for place, (one, outcome) in enumerate(told)]


def _done_before(run: _Run) -> list[str]:
    """The records of which all was done before."""
    told = [(one.record.id, what) for one, what in zip(run.inputs, run.outcomes, strict=True) if one.record is not None]
    others = {id_ for id_, what in told if not isinstance(what, Duplicate)}
    return sorted({id_ for id_, _ in told} - others)


def _to_park(run: _Run) -> list[Parked]:
    pairs = zip(run.inputs, run.outcomes, strict=True)
    return [to_park(one, *why_not) for one, outcome in pairs if (why_not := why_parked(outcome)) is not None]
