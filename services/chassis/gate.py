"""The gate before every route: how much of the process one caller may have at once, and how much a body may hold.

A caller is whoever the token speaks for, and for a publisher the agency; without a good token it is the address. Each
has a share of the requests that are worked on and of the bytes that are in hand, and those who wait for a turn get it
in turn. A body is read as soon as it is asked for, as a whole, and counted before anything is made of it; who has no
good token is refused before that. Health is asked whatever else goes on.

Who says how long an answer is waited for (`Prefer: wait=4`, seconds, RFC 7240, 4.3) waits no longer for a turn either.
"""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Final, ParamSpec, TypeVar

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.extent import Extent, beyond
from services.chassis.asked import doors
from services.chassis.auth import Agencies, identified
from services.chassis.bounds import Bounds, bounds_of
from services.chassis.problems import Problematic, answer, language_of
from services.chassis.public import OPEN, client_of
from services.chassis.settings import Settings
from services.chassis.shares import Threads, Turns, patience
from services.chassis.timed import CALLER, SHARE, Timed

P = ParamSpec("P")
R = TypeVar("R")

FREE: Final = "/health/"
"""What is answered without a place."""
WAITS: Final = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?([0-9]{1,6})', re.IGNORECASE)


async def share_of(request: Request) -> str:
    """Whose share a request takes: a dependency of routes that give out what there is not enough of."""
    return str(request.scope[SHARE])


async def in_turn(request: Request, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What a question returns that takes a thread, when it is the turn of who asks it. Raises Problematic as `Turns`
    does, and what it raises."""
    threads: Threads = request.app.state.questions
    return await threads.run(await share_of(request), call, *args, **kwargs)


ShareOf = Annotated[str, Depends(share_of)]


class Gate:
    """Lets requests in by turns, and their bodies within bounds. 429 with Retry-After: a caller's own share is used up;
    503: nobody is let in now; 413, 408 and 422: a body that is too large, too slow, or makes too much."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self.within = settings.body_within
        self._all = Bounds(bytes=settings.body_bytes, elements=settings.json_elements, depth=settings.json_depth)
        self._bounds = dict[object, Bounds]()
        turns = partial(Turns, waiting=settings.requests_waiting, within=settings.turn_within)
        self._requests = turns("requests", settings.requests, settings.requests_of_one)
        self.bytes = turns("bytes", settings.bytes_in_flight, settings.bytes_of_one)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets health through untouched."""
        if scope["type"] != "http" or scope["path"].startswith(FREE):
            await self._app(scope, receive, send)
            return
        with Timed(scope, send) as timed, patience(_waits(scope)):
            await self._let_in(scope, receive, timed.send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = await self._known(scope)
        who: str = scope[SHARE]
        try:
            if refused is None:
                await _need_room(scope)
            place = await self._requests.take(who)
        except Problematic as error:
            await answer(error, language_of(Headers(scope=scope)))(scope, receive, send)
            return
        body = _Body(self, scope, receive, refused)
        try:
            await self._app(scope, body.received, send)
        finally:
            self._requests.give_back(who, place)
            if body.held:  # only now: what was made of it is held as long
                self.bytes.give_back(who, body.held)

    async def _known(self, scope: Scope) -> Problematic | None:
        """Notes whose share a request takes; why its caller is not known, where a route could ask who it is."""
        refused = None
        if not scope["path"].startswith(OPEN):
            try:
                caller = await identified(scope, scope["app"].state)
                scope[SHARE], scope[CALLER] = caller.share, caller.id
                return None
            except Problematic as error:
                refused = error
        scope[SHARE] = f"address:{client_of(scope, self._settings.trusted_hops)}"
        return refused

    def bounds(self, scope: Scope) -> Bounds:
        """The bounds of the route that asks: the settings' own for it, then its own, then those of all."""
        route = scope.get("route")
        endpoint = getattr(route, "endpoint", None)
        if (known := self._bounds.get(endpoint)) is None:
            named = f"{scope['method']} {getattr(route, 'path', '')}"
            own = bounds_of(endpoint).over(self._all)
            self._bounds[endpoint] = known = self._settings.routes.get(named, Bounds()).over(own)
        return known


async def _need_room(scope: Scope) -> None:
    """Raises Problematic 429 for a request of an agency whose quota is used up."""
    state = scope["app"].state
    if not scope["path"].startswith(OPEN):
        agencies: Agencies = state.agencies
        agencies.need_room(await identified(scope, state), scope["method"], scope["path"])


class _Body:
    """The body of a request, handed over whole at the first call, within its bounds; `held` are the bytes of it that
    are to be given back."""

    def __init__(self, gate: Gate, scope: Scope, receive: Receive, refused: Problematic | None) -> None:
        self.held = 0
        self._gate = gate
        self._scope = scope
        self._receive = receive
        self._refused = refused
        self._asked = False

    async def received(self) -> Message:
        """What the app gets. Raises Problematic for a body that it shall not get."""
        if self._asked or (length := _announced(Headers(scope=self._scope))) == 0:
            return await self._receive()
        self._asked = True
        if self._refused is not None and _closed(self._scope):
            raise self._refused
        bounds = self._gate.bounds(self._scope)
        most = bounds.bytes or 0
        if length is not None and length > most:
            raise Problematic(413, "request.too-large", most=most)
        self.held = await self._gate.bytes.take(self._scope[SHARE], most if length is None else length)
        message = await self._whole(most)
        if message["type"] == "http.request" and bounds.json_body:
            _refuse_beyond(message["body"], bounds)
        return message

    async def _whole(self, most: int) -> Message:
        parts, came, more = list[bytes](), 0, True
        try:
            async with asyncio.timeout(self._gate.within):
                while more:
                    message = await self._receive()
                    if message["type"] != "http.request":
                        return message
                    parts.append(message.get("body", b""))
                    more = message.get("more_body", False)
                    if (came := came + len(parts[-1])) > most:
                        raise Problematic(413, "request.too-large", most=most)
        except TimeoutError:
            late = {"Connection": "close"}
            seconds = int(self._gate.within)
            raise Problematic(408, "request.too-slow", action="retry", headers=late, seconds=seconds) from None
        return {"type": "http.request", "body": b"".join(parts), "more_body": False}


def _closed(scope: Scope) -> bool:
    """Whether the route that asks for the body lets in nobody without a token."""
    route = scope.get("route")
    return isinstance(route, APIRoute) and any(doors(route.dependant))


def _waits(scope: Scope) -> float:
    """For how many seconds a caller waits for an answer; who does not say it, as long as there is patience here."""
    said = WAITS.search(Headers(scope=scope).get("prefer", ""))
    return float(said[1]) if said else float("inf")


def _announced(headers: Headers) -> int | None:
    """How many bytes a body has; None where only its end will say."""
    if "transfer-encoding" in headers:
        return None
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else None


def _refuse_beyond(body: bytes, bounds: Bounds) -> None:
    assert bounds.elements is not None and bounds.depth is not None
    match beyond(body, Extent(bounds.elements, bounds.depth)):
        case "elements":
            raise Problematic(422, "json.too-many", most=bounds.elements)
        case "depth":
            raise Problematic(422, "json.too-deep", most=bounds.depth)
        case None:
            return
