"""Intake over HTTP: the agencies' second door, the officers' look-over, the directory of agencies, the rules."""

from fastapi import APIRouter

from contracts.rules import RuleBook
from services.chassis import persons, repairing
from services.chassis.described import called
from services.chassis.hooks import api as hooks
from services.intake.api import (
    agency_keys,
    contacts,
    directory,
    editions,
    event_types,
    imports,
    kafka_passwords,
    look_over,
    publishing,
    receipts,
    rule_counts,
)
from services.intake.api.access import READERS
from services.intake.api.operations import OPERATIONS
from services.intake.hooks import KIND


def make_router(rules: RuleBook) -> APIRouter:
    """All routes of intake."""
    inside = APIRouter(prefix="/v1")
    publishing.add(inside)
    receipts.add(inside)
    look_over.add(inside)
    contacts.add(inside)
    directory.add(inside, rules)
    agency_keys.add(inside)
    kafka_passwords.add(inside)
    event_types.add(inside)
    editions.add(inside, rules)
    rule_counts.add(inside)
    imports.add(inside)
    router = APIRouter(generate_unique_id_function=called(OPERATIONS))
    router.include_router(inside)
    router.include_router(hooks.routes(KIND))
    router.include_router(editions.open_routes(rules))
    router.include_router(persons.of_oneself(*READERS))
    router.include_router(persons.routes())
    router.include_router(repairing.routes())
    return router
