"""The register's interface for everybody, handed on by the desk: files, answers and their description, as they come.

So a browser asks one host alone, and an address of a page and one of its data are of the same site. What may be had,
and how much of it, the register says; who asks is counted here.
"""

from typing import Final

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from contracts.topics import REGISTRY
from services.chassis.problems import Problematic, answer, language_of
from services.desk.clients import LATER, Away
from services.desk.reading import API
from services.desk.visit import desk_of

PASSED_ON: Final = ("Accept", "Accept-Language", "If-None-Match", "Access-Control-Request-Method")
KEPT: Final = (
    "Content-Type",
    "Content-Disposition",
    "Cache-Control",
    "Retry-After",
    "Allow",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
)
"""What of the register's answer is said on: nothing that tells of what stands behind the desk."""
FROM_ANYWHERE: Final = {"Cross-Origin-Resource-Policy": "cross-origin"}
OUT_OF_PLACE: Final = frozenset({".", ".."})


def make_router() -> APIRouter:
    """`/public/v1/...`."""
    router = APIRouter()

    async def handed(request: Request, path: str) -> Response:
        """What the register answers to everybody."""
        language = language_of(request.headers)
        if OUT_OF_PLACE & {*path.split("/")}:
            return answer(Problematic(404, "http.404"), language)
        exceeded = None if request.method == "OPTIONS" else desk_of(request).readers.refused(request.scope)
        if exceeded is not None:
            return answer(exceeded, language)
        try:
            return await _answer(request)
        except Away:
            again = {"Retry-After": "5"}
            return answer(Problematic(503, "service.busy", action="retry", headers=again), language)

    router.add_api_route(f"{API}/{{path:path}}", handed, methods=["GET", "HEAD", "OPTIONS"])
    return router


async def _answer(request: Request) -> Response:
    """Raises Away."""
    asked = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
    raw = request.scope.get("raw_path") or request.url.path.encode()
    found = await desk_of(request).clients.handed(
        REGISTRY, request.method, raw.decode("ascii"), request.scope["query_string"], asked
    )
    if found.status_code in LATER and "json" not in found.headers.get("Content-Type", ""):
        await found.aclose()
        raise Away(REGISTRY, desk_of(request).now())
    headers = {name: found.headers[name] for name in KEPT if name in found.headers} | FROM_ANYWHERE
    if tag := found.headers.get("ETag"):
        headers["ETag"] = tag if tag.startswith("W/") else f"W/{tag}"  # it is packed on the way
    if found.status_code == 304 or request.method == "HEAD":
        await found.aclose()
        return Response(status_code=found.status_code, headers=headers)
    return StreamingResponse(
        found.aiter_bytes(), found.status_code, headers=headers, background=BackgroundTask(found.aclose)
    )
