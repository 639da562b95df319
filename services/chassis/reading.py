"""Records of Kafka as inputs of this service: an agency's event, another service's fact, a fact of its own."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from contracts.event import TRACE_HEADERS, BrokenEvent, Event, parse_fact
from contracts.topics import AGENCY_PREFIX, fact_topic
from services.chassis import telemetry
from services.chassis.fold import why
from services.chassis.parking import Parked, unreadable
from services.chassis.service import Service
from services.chassis.store import Store, StoreAway
from services.chassis.subject import Claimed, Input, Record, Sequenced, service_actor

log = logging.getLogger(__name__)


class Reader:
    """Reads what a service is given. `now` is the clock (UTC)."""

    def __init__(self, service: Service, store: Store, now: Callable[[], datetime]) -> None:
        self._service = service
        self._store = store
        self._now = now
        self._own_topic = fact_topic(service.name)
        self._sources = {fact_topic(source): source for source in service.reads}

    async def inputs(self, records: Sequence[Record]) -> tuple[list[Input], list[Parked]]:
        """All that these records ask, and those that cannot be read, to be parked. Raises StoreAway."""
        inputs, parked = list[Input](), list[Parked]()
        for record in records:
            try:
                inputs += await self._asked_by(record) if record.topic == self._own_topic else [self._one(record)]
            except StoreAway:
                raise
            except Exception as error:
                parked.append(unreadable(record, why(error)))
                with telemetry.about(record=record.id, pilot=str(parked[-1].subject)):
                    log.warning("a record is broken: %s", type(error).__name__)
        return inputs, parked

    def _one(self, record: Record) -> Input:
        """What stands in another's topic. Raises BrokenEvent (NewerVersion if it only needs a newer program)."""
        trace = _trace_headers(record)
        if self._service.read_agency is not None and record.topic.startswith(AGENCY_PREFIX):
            one = self._service.read_agency(record, self._now())
            return replace(one, trace=trace or one.trace)
        source = self._sources.get(record.topic)
        if source is None:
            raise BrokenEvent(f"{self._service.name} does not read {record.topic}")
        event = parse_fact(record.value, self._service.reads[source])
        if event.source != source:
            raise BrokenEvent(f"a fact of {event.source} stands in the topic of {source}", "/source")
        if not isinstance(event, Event):
            telemetry.UNKNOWN_TYPES.labels(source).inc()
            passing = Sequenced(source, event.sequence, event.after)
            actor = service_actor(source)
            return Input(event.subject, passing, None, actor, record.id, record=record, event_type=event.type)
        mark = Sequenced(source, event.sequence, event.fact.after)
        return _asked(event.subject, mark, self._service.translate(event), event, record)

    async def _asked_by(self, record: Record) -> list[Input]:
        """What a fact of this service itself asks other subjects of it, each under a claim of that fact.

        So a fact that is read again is a duplicate there, and facts of many subjects may reach one in any order.
        """
        assert self._service.process_manager is not None
        event = parse_fact(record.value, self._service.own)
        if not isinstance(event, Event):
            telemetry.UNKNOWN_TYPES.labels(self._service.name).inc()
            return []
        owner, place = f"fact:{self._service.name}", f"{event.subject}/{event.sequence}"
        times = Counter[str]()
        inputs = list[Input]()
        for subject, command in await self._service.process_manager(self._store, event):
            # One fact may ask several things of one subject: each has a claim of its own.
            again = f"#{times[subject]}" if times[subject] else ""
            times[subject] += 1
            mark = Claimed(owner, f"{place}>{subject}{again}", event.id)
            inputs.append(_asked(subject, mark, command, event, record))
        return inputs


def _asked(subject: str, mark: Sequenced | Claimed, command: object | None, event: Event, record: Record) -> Input:
    """What a fact asks of a subject."""
    return Input(
        subject=subject,
        mark=mark,
        command=command,
        actor=event.fact.actor,
        cause_id=event.id,
        correlation=event.correlation,
        trace=_trace_headers(record) or event.trace,
        record=record,
        event_type=event.type,
    )


def _trace_headers(record: Record) -> dict[str, str]:
    found = {name: value for name, value in record.headers if name in TRACE_HEADERS and value}
    return {name: value.decode("ascii", "replace") for name, value in found.items()}
