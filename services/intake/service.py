"""Intake put together from its domain, its handlers and the engine."""

from contracts.rules import load
from services.chassis.run import utc_now
from services.chassis.service import Service
from services.chassis.subject import Aggregate
from services.intake import handlers, queries
from services.intake.domain import agency, pilot

RULES = load()
SERVICE = Service(
    name="intake",
    aggregates={
        pilot.KIND: Aggregate(pilot.KIND, pilot.Pilot, pilot.decide, pilot.evolve, pilot.due, pilot.Tick),
        agency.KIND: Aggregate(agency.KIND, agency.Agency, agency.decide, agency.evolve),
    },
    prepare=handlers.preparing(RULES, utc_now),
    read_agency=handlers.read_agency,
    on_conflict=handlers.on_conflict,
    keep=handlers.keep,
    copies=handlers.copies,
    arrived=handlers.arrived,
    settled=handlers.settled,
    indexes=queries.INDEXES,
)
