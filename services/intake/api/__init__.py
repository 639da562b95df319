"""Intake over HTTP: the agencies' second door, the officers' look-over, the directory of agencies, the rules."""

from fastapi import APIRouter

from contracts.rules import RuleBook
from services.intake.api import contacts, directory, editions, look_over, publishing


def make_router(rules: RuleBook) -> APIRouter:
    """All routes of intake."""
    router = APIRouter(prefix="/v1")
    publishing.add(router)
    look_over.add(router)
    contacts.add(router)
    directory.add(router)
    editions.add(router, rules)
    return router
