"""Expertise put together from its domain, its handlers and the engine."""

from datetime import datetime

from contracts import topics
from contracts.expertise import EXPERTISE, PersonErasedV1, RecordHandledV1, RecordSkippedV1
from contracts.intake import INTAKE
from contracts.rules import load
from services.chassis import persons
from services.chassis.exports import worker
from services.chassis.own_editions import need_stored
from services.chassis.service import Service, together
from services.chassis.store import Store
from services.chassis.subject import Aggregate
from services.expertise import handlers, queries
from services.expertise.domain import commands, expert, export, series, team
from services.expertise.domain.decide import decide, due
from services.expertise.domain.evolve import evolve
from services.expertise.domain.state import KIND, Case
from services.law import erasing, exporting, handling, skipping

RULES = load()


async def begin(store: Store, _now: datetime) -> None:
    """What is to be so before anything is read. Raises Behind and StoreAway."""
    await need_stored(store, KIND, RULES)


SERVICE = Service(
    name=topics.EXPERTISE,
    aggregates={
        KIND: Aggregate(KIND, Case, decide, evolve, due, commands.Tick, recalendar=commands.Recalendar),
        expert.KIND: Aggregate(expert.KIND, expert.Expert, expert.decide, expert.evolve),
        team.KIND: Aggregate(team.KIND, team.Team, team.decide, team.evolve),
        handling.KIND: Aggregate(handling.KIND, handling.Handling, handling.deciding(RecordHandledV1), handling.evolve),
        skipping.KIND: Aggregate(skipping.KIND, skipping.Skipped, skipping.deciding(RecordSkippedV1), skipping.evolve),
        erasing.KIND: Aggregate(erasing.KIND, erasing.Erasures, erasing.deciding(PersonErasedV1), erasing.evolve),
        exporting.KIND: Aggregate(exporting.KIND, exporting.Export, export.decide, exporting.evolve),
        series.KIND: Aggregate(series.KIND, series.Series, series.decide, series.evolve),
    },
    reads={topics.INTAKE: INTAKE},
    translate=handlers.translate,
    own=EXPERTISE,
    process_manager=handlers.process_manager,
    look=handlers.look,
    prepare=handlers.preparing(RULES),
    projection=handlers.projection,
    erase=persons.carry_out,
    erasures=(PersonErasedV1,),
    marked={handlers.NOTICES: ("read", "mailed")},
    indexes=together(queries.INDEXES, worker.INDEXES),
    terms=queries.terms,
    begin=begin,
)
