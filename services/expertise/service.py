"""Expertise put together from its domain, its handlers and the engine."""

from contracts.intake import INTAKE
from contracts.rules import load
from services.chassis.service import Service, given_to_all
from services.chassis.subject import Aggregate
from services.expertise import handlers, queries
from services.expertise.domain import pilot

SERVICE = Service(
    name="expertise",
    aggregates={pilot.KIND: Aggregate(pilot.KIND, pilot.Review, pilot.decide, pilot.evolve)},
    reads={"intake": INTAKE},
    translate=handlers.translate,
    prepare=given_to_all(load()),
    indexes=queries.INDEXES,
)
