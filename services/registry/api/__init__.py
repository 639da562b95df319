"""The register over HTTP, one file for each kind of caller's affair."""

from fastapi import APIRouter

from services.chassis import persons as names
from services.chassis import repairing
from services.chassis.described import called
from services.chassis.hooks import api as hooks
from services.registry.api import (
    agencies,
    changes,
    exports,
    figures,
    finding,
    life,
    money,
    persons,
    pilots,
    public,
    public_figures,
    public_files,
)
from services.registry.api.operations import OPERATIONS
from services.registry.hooks import KIND

PARTS = (
    pilots,
    life,
    money,
    figures,
    exports,
    changes,
    finding,
    persons,
    agencies,
    public,
    public_figures,
    public_files,
)


def make_router() -> APIRouter:
    """All routes of the registry."""
    router = APIRouter(generate_unique_id_function=called(OPERATIONS))
    for part in PARTS:
        router.include_router(part.routes())
    router.include_router(names.of_oneself(*persons.KNOWERS))
    router.include_router(repairing.routes())
    router.include_router(names.routes())
    router.include_router(hooks.routes(KIND))
    return router
