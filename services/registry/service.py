"""The registry put together from its domain, its handlers and the engine."""

from contracts.expertise import EXPERTISE
from contracts.intake import INTAKE
from contracts.rules import load
from services.chassis.service import Service, given_to_all
from services.chassis.subject import Aggregate
from services.registry import handlers, queries
from services.registry.domain import pilot

SERVICE = Service(
    name="registry",
    aggregates={pilot.KIND: Aggregate(pilot.KIND, pilot.Pilot, pilot.decide, pilot.evolve)},
    reads={"intake": INTAKE, "expertise": EXPERTISE},
    translate=handlers.translate,
    prepare=given_to_all(load()),
    journal=handlers.journal,
    indexes=queries.INDEXES,
)
