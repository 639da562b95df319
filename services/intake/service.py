"""Intake put together from its domain, its handlers and the engine."""

from contracts.expertise import EXPERTISE
from contracts.registry import REGISTRY
from contracts.rules import load
from services.chassis.run import utc_now
from services.chassis.service import Service
from services.chassis.subject import Aggregate
from services.intake import handlers, queries, receipts
from services.intake.domain import agency
from services.intake.domain import state as pilot
from services.intake.domain.decide import decide
from services.intake.domain.evolve import due, evolve

RULES = load()
SERVICE = Service(
    name="intake",
    aggregates={
        pilot.KIND: Aggregate(pilot.KIND, pilot.Pilot, decide, evolve, due, pilot.Tick, pilot.Recalendar),
        agency.KIND: Aggregate(agency.KIND, agency.Agency, agency.decide, agency.evolve),
    },
    prepare=handlers.preparing(RULES, utc_now),
    reads={"expertise": EXPERTISE, "registry": REGISTRY},
    translate=handlers.translate,
    address=handlers.address,
    read_agency=handlers.read_agency,
    on_conflict=handlers.on_conflict,
    keep=handlers.keep,
    copies=receipts.copies,
    arrived=handlers.arrived,
    settled=handlers.settled,
    indexes=queries.INDEXES,
)
