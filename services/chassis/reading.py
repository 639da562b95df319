"""Records of Kafka as inputs of this service: an agency's event, another service's fact, a fact of its own."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from contracts.event import TRACE_HEADERS, BrokenEvent, Event, parse_fact, peek
from contracts.topics import AGENCY_PREFIX, fact_topic
from services.chassis import logs, telemetry
from services.chassis.parking import Parked, unreadable
from services.chassis.saying import why
from services.chassis.service import Service, Told
from services.chassis.store import Store, StoreAway
from services.chassis.subject import Claimed, Input, Record, Sequenced, service_actor
from services.chassis.turns import aside, in_turns

log = logging.getLogger(__name__)


class Reader:
    """Reads what a service is given. `now` is the clock (UTC)."""

    def __init__(self, service: Service, store: Store, now: Callable[[], datetime]) -> None:
        self._service = service
        self._store = store
        self._now = now
        self._own_topic = fact_topic(service.name)
        self._sources = {fact_topic(source): source for source in service.reads}

    async def inputs(self, records: Sequence[Record], *, again: bool = False) -> tuple[list[Input], list[Parked]]:
        """All that these records ask, and those that cannot be read, to be parked; what is read `again`, from where it
        is parked, is not measured once more. Raises StoreAway."""
        asked: dict[int, list[Input]] = {}
        own: dict[int, Event] = {}
        broken: dict[int, Exception] = {}
        async for place, record in in_turns(enumerate(records)):
            try:
                if record.fault is not None:
                    telemetry.UNREADABLE.labels(record.topic).inc(0 if again else 1)
                    raise BrokenEvent(record.fault)
                if record.topic != self._own_topic:
                    asked[place] = [await aside(len(record.value), self._one, record, again)]
                elif (event := await aside(len(record.value), self._own, record, again)) is not None:
                    own[place] = event
            except Exception as error:
                broken[place] = error
        for place, told in zip(own, await self._told(list(own.values())), strict=True):
            if isinstance(told, Exception):
                broken[place] = told
            else:
                asked[place] = list(_of_others(self._service.name, told, own[place], records[place]))
        parked = [unreadable(records[place], why(broken[place]), self._service.begins) for place in sorted(broken)]
        return [one for place in sorted(asked) for one in asked[place]], parked

    def _one(self, record: Record, again: bool) -> Input:
        """What stands in another's topic. Raises BrokenEvent (NewerVersion if it only needs a newer program)."""
        if self._service.read_agency is not None and record.topic.startswith(AGENCY_PREFIX):
            one = self._service.read_agency(record, self._now())
            return replace(one, trace=_trace_of(record, one.trace), came=record.came)
        source = self._sources.get(record.topic)
        if source is None:
            raise BrokenEvent(f"{self._service.name} does not read {record.topic}")
        event = parse_fact(record.value, self._service.reads[source])
        if event.source != source:
            raise BrokenEvent(f"a fact of {event.source} stands in the topic of {source}", "/source")
        if not isinstance(event, Event):
            telemetry.UNKNOWN_TYPES.labels(source).inc(0 if again else 1)
            passing = Sequenced(source, event.sequence, event.after)
            actor, trace = service_actor(source), _trace_of(record, {})
            return Input(
                event.subject, passing, None, actor, record.id, trace=trace, record=record, event_type=event.type
            )
        if not again:
            exemplar = telemetry.exemplar_of(_trace_of(record, event.trace))
            telemetry.FACT_AGE.labels(source).observe(max(0.0, (self._now() - event.time).total_seconds()), exemplar)
        mark = Sequenced(source, event.sequence, event.fact.after)
        one = _asked(event.subject, mark, self._service.translate(event), event, record)
        return replace(one, came=self._service.came(event))

    def _own(self, record: Record, again: bool) -> Event | None:
        """A fact of this service itself; None for one of a type that only a newer program of it knows."""
        event = parse_fact(record.value, self._service.own)
        if isinstance(event, Event):
            return event
        telemetry.UNKNOWN_TYPES.labels(self._service.name).inc(0 if again else 1)
        return None

    async def _told(self, events: Sequence[Event]) -> Sequence[Told | Exception]:
        """What each of these own facts asks of other subjects, or why that cannot be said. Raises StoreAway."""
        if not events:
            return []
        assert self._service.process_manager is not None
        try:
            return await self._service.process_manager(self._store, events)
        except StoreAway:
            raise
        except Exception as error:
            if len(events) == 1:
                return [error]
            return [told for event in events for told in await self._told([event])]


def _of_others(service: str, told: Told, event: Event, record: Record) -> Iterator[Input]:
    """What a fact of this service asks other subjects of it, each under a claim of that fact.

    So a fact that is read again is a duplicate there, and facts of many subjects may reach one in any order.
    """
    owner, place = f"fact:{service}", f"{event.subject}/{event.sequence}"
    times = Counter[str]()
    for subject, command in told:
        # One fact may ask several things of one subject: each has a claim of its own.
        again = f"#{times[subject]}" if times[subject] else ""
        times[subject] += 1
        mark = Claimed(owner, f"{place}>{subject}{again}", event.id)
        yield _asked(subject, mark, command, event, record)


def tell_unreadable(some: Iterable[Parked]) -> list[Parked]:
    """A span and a line of the log for each record that is parked because it cannot be read; the same records, with the
    traces of these spans. What is only tried, and not parked, is not told of."""
    told = list[Parked]()
    for one in some:
        said = peek(one.record.value)
        event = str(said.get("id") or one.event_id or one.record.id)
        came = _trace_of(one.record, {"traceparent": str(said.get("traceparent"))})
        with telemetry.unread(one.record, came, event, one.subject, one.cause) as carrier:
            about = {"pilot": str(one.subject), "event": event, **telemetry.trace_id(carrier)}
            with logs.about(record=one.record.id, **about):
                log.error("parked as broken: %s", one.cause)
        told.append(replace(one, trace=carrier))
    return told


def _asked(subject: str, mark: Sequenced | Claimed, command: object | None, event: Event, record: Record) -> Input:
    """What a fact asks of a subject."""
    return Input(
        subject=subject,
        mark=mark,
        command=command,
        actor=event.fact.actor,
        cause_id=event.id,
        correlation=event.correlation,
        trace=_trace_of(record, event.trace),
        record=record,
        event_type=event.type,
    )


def _trace_of(record: Record, said: Mapping[str, str]) -> Mapping[str, str]:
    """What carries on the trace that a record belongs to: what its headers say, or its event. Of one that names none
    and was parked it is that of its first reading, so that all of it is one trace."""
    named = _trace_headers(record) or said
    return named if record.trace is None or telemetry.trace_id(named) else {"traceparent": record.trace}


def _trace_headers(record: Record) -> dict[str, str]:
    found = {name: value for name, value in record.headers if name in TRACE_HEADERS and value}
    return {name: value.decode("ascii", "replace") for name, value in found.items()}
