"""How long requests take and who is told to come again: by method, route, status and caller, each of few values.

A request that is refused before any route is looked for is counted by the route that it asked for all the same: who is
woken by refusals is to see of what they are.
"""

import re
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from prometheus_client import Counter
from starlette.routing import compile_path
from starlette.types import Message, Scope, Send

from contracts.topics import AGENCY_CODE
from services.chassis import telemetry

TURNED_AWAY: Final = Counter(
    "lotsman_http_turned_away",
    "Requests told to come again (429), by what they asked for and the kind of who asked; of agencies by their codes",
    ["http_route", "caller", "agency"],
)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "_OTHER"
"""What stands for every method that is none of these, by OpenTelemetry's conventions."""
SHARE: Final = "lotsman.share"
"""Under what name a request's scope says whose share it takes: `agency:CODE`, `person:ID` or `address:NETWORK`."""
CALLER: Final = "lotsman.caller"
"""Under what name it says who asks, by an opaque id, where that is known."""
BEGAN: Final = "lotsman.began"
"""Under what name it says when its head came, by `time.perf_counter`."""
NAMES_PILOT: Final = "pilot"
"""What every route calls the part of its address that names a pilot."""
ADDRESS: Final = "address"
AGENCY: Final = "agency"
TOLD_TO_COME_AGAIN: Final = 429
NOT_THERE: Final = 404

Template = tuple[re.Pattern[str], frozenset[str], str]


class Timed:
    """Measures a request by its method, its route and the status of its answer. One whose trace is kept is named beside
    its time."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._status = 499  # it went away before it was answered
        self._began = scope[BEGAN] = time.perf_counter()

    def __enter__(self) -> "Timed":
        return self

    async def send(self, message: Message) -> None:
        """Sends a part of the answer."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)

    def __exit__(self, *_: object) -> None:
        method = self._scope["method"] if self._scope["method"] in METHODS else OTHER
        route = route_of(self._scope, self._status)
        took = time.perf_counter() - self._began
        telemetry.HTTP_SECONDS.labels(method, route, self._status).observe(took, telemetry.exemplar())
        if self._status == TOLD_TO_COME_AGAIN:
            TURNED_AWAY.labels(route, *_caller(self._scope)).inc()


def turned_away(method: str, route: str, share: str, took: float) -> None:
    """Counts a request that was told to come again before it came to the app."""
    telemetry.HTTP_SECONDS.labels(method, route, TOLD_TO_COME_AGAIN).observe(took)
    TURNED_AWAY.labels(route, *_caller({SHARE: share})).inc()


def route_of(scope: Scope, status: int = 0) -> str:
    """The template of the route that answered, or of the one that was asked for; nothing where there is none."""
    if (found := scope.get("route")) is not None or status == NOT_THERE:
        return str(getattr(found, "path", ""))
    asked, method = scope["path"], scope["method"]
    near = [(methods, path) for pattern, methods, path in _templates_of(scope["app"]) if pattern.match(asked)]
    return next((path for methods, path in near if method in methods), near[0][1] if near else "")


def _templates_of(app: FastAPI) -> list[Template]:
    """The routes of an app as they are when this is first asked."""
    known: list[Template] | None = getattr(app.state, "templates", None)
    if known is None:
        app.state.templates = known = [*_templates(app.routes)]
    return known


def _templates(routes: Iterable[Any], under: str = "") -> Iterator[Template]:
    for one in iter_route_contexts([*routes]):
        path = f"{under}{getattr(one, 'path', None) or ''}"
        if inner := getattr(one, "routes", None):  # of what is mounted
            yield from _templates(inner, path.rstrip("/"))
        else:
            yield compile_path(path)[0], frozenset(getattr(one, "methods", None) or ()), path


def _caller(scope: Scope) -> tuple[str, str]:
    """The kind of a caller and, of an agency, its code: those are as few as the directory has. Nobody can make up
    another one, for it is taken of a token or key that holds, and in the form of a code alone."""
    kind, _, who = scope.get(SHARE, ADDRESS).partition(":")
    return kind, who if kind == AGENCY and re.fullmatch(AGENCY_CODE, who) else ""
