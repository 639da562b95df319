"""The registry put together from its domain, its handlers and the engine."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from contracts import topics
from contracts.expertise import EXPERTISE
from contracts.intake import INTAKE
from contracts.registry import REGISTRY, PersonErasedV1, RecordHandledV1, RecordSkippedV1
from contracts.rules import load
from services.chassis import persons
from services.chassis.directory import Directory, Note, not_noted, noting, stored
from services.chassis.exports import worker
from services.chassis.hooks import rows as hooks
from services.chassis.own_editions import need_stored
from services.chassis.service import Service, together
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.chassis.subject import Aggregate
from services.law import erasing, exporting, handling, skipping, standing
from services.registry import handlers, history, queries
from services.registry.domain import agencies, commands, erasures, experts, export
from services.registry.domain.decide import decide, due
from services.registry.domain.evolve import evolve
from services.registry.domain.state import KIND, Pilot

RULES = load()
Load = Callable[[], Awaitable[Sequence[agencies.Agency]]]


def let_in(load: Load, now: Callable[[], datetime], note: Note = not_noted) -> Directory[agencies.Agency]:
    """Who is let in, as the register has noted it."""
    return Directory(load, now, lambda agency, at: standing.shut(agency, at, agency.zone or "UTC"), note)


def directory(store: Store, now: Callable[[], datetime], _settings: Settings) -> Directory[agencies.Agency]:
    """The same of a store."""
    return let_in(stored(store, agencies.Agency), now, noting(store))


async def begin(store: Store, _now: datetime) -> None:
    """What is to be so before anything is read. Raises Behind and StoreAway."""
    await need_stored(store, KIND, RULES)


SERVICE = Service(
    name=topics.REGISTRY,
    aggregates={
        KIND: Aggregate(
            KIND,
            Pilot,
            decide,
            evolve,
            due,
            commands.Tick,
            recalendar=commands.Recalendar,
        ),
        exporting.KIND: Aggregate(exporting.KIND, exporting.Export, export.decide, exporting.evolve),
        standing.KIND: Aggregate(standing.KIND, agencies.Agency, agencies.decide, agencies.evolve),
        experts.KIND: Aggregate(experts.KIND, experts.Expert, experts.decide, experts.evolve),
        handling.KIND: Aggregate(handling.KIND, handling.Handling, handling.deciding(RecordHandledV1), handling.evolve),
        skipping.KIND: Aggregate(skipping.KIND, skipping.Skipped, skipping.deciding(RecordSkippedV1), skipping.evolve),
        erasing.KIND: Aggregate(erasing.KIND, erasing.Erasures, erasures.decide, erasing.evolve),
    },
    reads={topics.INTAKE: INTAKE, topics.EXPERTISE: EXPERTISE},
    soon=frozenset({topics.INTAKE}),
    translate=handlers.translate,
    came=handlers.came,
    own=REGISTRY,
    process_manager=handlers.process_manager,
    prepare=handlers.preparing(RULES),
    recall=history.recall,
    projection=handlers.projection,
    erase=persons.carry_out,
    erasures=(PersonErasedV1,),
    agencies=directory,
    terms=queries.terms,
    begin=begin,
    indexes=together(queries.INDEXES, worker.INDEXES, hooks.INDEXES),
)
