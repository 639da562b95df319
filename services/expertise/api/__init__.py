"""Expertise over HTTP: queues and cases, the work on them, the board, the directory, what is one's own."""

from fastapi import APIRouter

from contracts.rules import RuleBook, load
from services.chassis import persons as names
from services.chassis import repairing
from services.chassis.described import called
from services.expertise.api import board, experts, exports, me, persons, reviews, teams, work
from services.expertise.api.access import EVERYONE
from services.expertise.api.operations import OPERATIONS


def make_router(rules: RuleBook | None = None) -> APIRouter:
    """All routes of expertise, by the rule book of the package or another one."""
    book = rules or load()
    router = APIRouter(generate_unique_id_function=called(OPERATIONS))
    router.include_router(_own(book))
    router.include_router(names.of_oneself(*EVERYONE, then=persons.retire))
    router.include_router(names.routes(persons.retire))
    router.include_router(repairing.routes())
    return router


def _own(book: RuleBook) -> APIRouter:
    router = APIRouter(prefix="/v1")
    reviews.add(router, book)
    work.add(router)
    board.add(router)
    experts.add(router, book)
    teams.add(router)
    me.add(router)
    exports.add(router)
    return router
