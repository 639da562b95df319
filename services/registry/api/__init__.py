"""The register over HTTP, one file for each kind of caller's affair."""

from fastapi import APIRouter

from services.registry.api import finding, pilots, public


def make_router() -> APIRouter:
    """All routes of the registry."""
    router = APIRouter()
    for routes in (pilots.routes, finding.routes, public.routes):
        router.include_router(routes())
    return router
