"""Intake put together from its domain, its handlers and the engine."""

from collections.abc import Callable, Sequence
from datetime import datetime

from contracts import topics
from contracts.event import Event, Fact
from contracts.expertise import EXPERTISE
from contracts.intake import INTAKE, ContactErasedV1, PersonErasedV1, RecordHandledV1, RecordSkippedV1
from contracts.registry import REGISTRY
from contracts.rules import load
from services.chassis import persons
from services.chassis.bus import AGENCIES
from services.chassis.directory import noting, stored
from services.chassis.run import utc_now
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.store import Row, Store
from services.chassis.subject import Aggregate, Input
from services.intake import (
    at_kafka,
    balance,
    broken,
    contacts,
    door,
    handlers,
    own_numbers,
    queries,
    quotas,
    receipts,
    sent,
    taken,
)
from services.intake.directory import Directory, need_editions
from services.intake.domain import agency, reading
from services.intake.domain.commands import Recalendar, Tick
from services.intake.domain.decide import anew, decide
from services.intake.domain.evolve import due, evolve
from services.intake.domain.state import KIND, Pilot, pilot_id
from services.law import erasing, handling, skipping, standing

RULES = load()


def projection(event: Event) -> list[tuple[str, Row]]:
    """The rows that a fact makes in side collections: readings of contact persons, receipts, rules that were broken,
    and when an agency's entry changed."""
    made = (contacts, receipts, broken, at_kafka)
    return [row for one in made for row in one.projection(event)]


def side_rows(one: Input, facts: Sequence[Fact]) -> list[tuple[str, Row]]:
    """What is kept of an event beside its facts: its contact person, and itself where they do not give it back."""
    return [*door.side_rows(one, facts), *sent.side_rows(one, facts)]


async def tidy(store: Store, now: datetime) -> None:
    """Throws away what was kept long enough. Raises StoreAway."""
    await contacts.tidy(store, now)
    await sent.tidy(store, now)


async def erase(store: Store, events: Sequence[Event]) -> None:
    """Erases what own facts say to be erased: contact persons, and persons who work here. Raises StoreAway."""
    await contacts.erase(store, events)
    await persons.carry_out(store, events)


def _directory(store: Store, now: Callable[[], datetime], settings: Settings) -> Directory:
    shared = quotas.Quotas(quotas.stored(store), quotas.most_of(settings), now)
    return Directory(stored(store, agency.Agency), now, RULES, noting(store), shared)


async def begin(store: Store, now: datetime) -> None:
    """What is to be so before anything is read. Raises Behind and StoreAway."""
    need_editions(await stored(store, agency.Agency)(), RULES)
    await balance.begin(store, now)


SERVICE = Service(
    name=topics.INTAKE,
    aggregates={
        KIND: Aggregate(KIND, Pilot, decide, evolve, due, Tick, Recalendar, anew),
        standing.KIND: Aggregate(standing.KIND, agency.Agency, agency.decide, agency.evolve),
        reading.KIND: Aggregate(reading.KIND, reading.Readings, reading.decide, reading.evolve),
        handling.KIND: Aggregate(handling.KIND, handling.Handling, handling.deciding(RecordHandledV1), handling.evolve),
        skipping.KIND: Aggregate(skipping.KIND, skipping.Skipped, skipping.deciding(RecordSkippedV1), skipping.evolve),
        erasing.KIND: Aggregate(erasing.KIND, erasing.Erasures, erasing.deciding(PersonErasedV1), erasing.evolve),
    },
    look=own_numbers.look,
    prepare=handlers.preparing(RULES, utc_now),
    beside=handlers.beside,
    own=INTAKE,
    reads={topics.EXPERTISE: EXPERTISE, topics.REGISTRY: REGISTRY},
    soon=frozenset({AGENCIES}),
    translate=handlers.translate,
    address=door.address,
    read_agency=door.read_agency,
    on_conflict=door.on_conflict,
    side_rows=side_rows,
    publications=receipts.publications,
    projection=projection,
    number=handlers.number,
    erase=erase,
    erasures=(ContactErasedV1, PersonErasedV1),
    tidy=tidy,
    agencies=_directory,
    arrived=door.arrived,
    settled=door.settled,
    begins=pilot_id,
    unread=door.unread,
    parked=receipts.parked,
    aside={receipts.JOURNAL: receipts.ASIDE},
    discarded=door.discarded,
    bare=contacts.without_contact,
    taken=taken.note,
    balance=balance.struck,
    through=balance.through,
    begin=begin,
    terms=queries.terms,
    indexes=queries.INDEXES,
)
