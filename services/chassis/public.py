"""What is open without a token: reading alone, so often for each address, from any page, kept by caches for a while.

One middleware stands before every path under `/public/`, also those that do not exist, so that no route can forget
it. It never looks at a token: with one or without, the answer is the same.
"""

import hashlib
import ipaddress
import json
import math
import re
import time
from collections.abc import Collection, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final

from fastapi import Request, Response
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.words import Language
from services.chassis.problems import Problematic, answer, language_of
from services.chassis.settings import Settings
from services.chassis.timed import Timed

OPEN: Final = "/public/"
METHODS: Final = ("GET", "HEAD")
ANY_ORIGIN: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag, Retry-After"}
PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": ", ".join(METHODS),
    "Access-Control-Allow-Headers": "If-None-Match",
    "Access-Control-Max-Age": "86400",
}
PORT: Final = re.compile(r"^(?:\[([^\[\]]*)\](?::\d{1,5})?|(\d+(?:\.\d+){3}):\d{1,5})$", re.ASCII)
"""An address with a port, or in the brackets that one needs before it."""
IPV6_OF_ONE: Final = 64
"""Bits of an IPv6 address that one client has for itself alone: it can change the others at will."""


class Callers:
    """How often each address asks, and whether it may now."""

    def __init__(self, limit: str, hops: int, uncounted: Collection[IPv4Network | IPv6Network] = ()) -> None:
        self._hops = hops
        self._limit = parse(limit)
        self._uncounted = uncounted
        self._counted = SlidingWindowCounterRateLimiter(MemoryStorage())

    def refused(self, scope: Scope) -> Problematic | None:
        """Counts a request. 429 with Retry-After above the limit."""
        address = client_of(scope, self._hops)
        if self._is_uncounted(address) or self._counted.hit(self._limit, address):
            return None
        wait = math.ceil(self._counted.get_window_stats(self._limit, address).reset_time - time.time())
        return Problematic(
            429,
            "rate.exceeded",
            action="retry",
            headers={"Retry-After": str(max(1, wait))},
            most=self._limit.amount,
            seconds=self._limit.get_expiry(),
        )

    def _is_uncounted(self, address: str) -> bool:
        if not self._uncounted:
            return False
        try:
            found = ipaddress.ip_network(address)
        except ValueError:
            return False
        return any(found.version == one.version and found.network_address in one for one in self._uncounted)


class OpenDoor:
    """Guards the paths under `/public/`: 405 for what is not reading, 429 with Retry-After above the limit."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._age = settings.public_age
        self._callers = Callers(settings.public_limit, settings.trusted_hops, settings.public_uncounted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets other paths through untouched."""
        if scope["type"] != "http" or not scope["path"].startswith(OPEN):
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope, language_of(Headers(scope=scope)))

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._say(MutableHeaders(scope=message), message["status"])
            await send(message)

        if refused is None:
            await self._app(scope, receive, sent)
            return
        with Timed(scope, sent) as timed:  # it stands before the gate, which measures all others
            await refused(scope, receive, timed.send)

    def _refused(self, scope: Scope, language: Language) -> Response | None:
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers=PREFLIGHT)
        if scope["method"] not in METHODS:
            allow = {"Allow": ", ".join(METHODS)}
            return answer(Problematic(405, "method.not-allowed", headers=allow), language)
        exceeded = self._callers.refused(scope)
        return None if exceeded is None else answer(exceeded, language)

    def _say(self, headers: MutableHeaders, status: int) -> None:
        headers.update(ANY_ORIGIN)
        kept = status in (200, 304)
        headers["Cache-Control"] = f"public, max-age={self._age}" if kept else "no-store"


def client_of(scope: Scope, hops: int) -> str:
    """The address that a request comes from, an IPv6 one cut to what one client has for itself.

    `hops` proxies of one's own are believed: the address is the one that the outermost of them saw, so many entries
    from the end of X-Forwarded-For. What stands before it the client may have written itself, and is not looked at.
    Nor is a shorter chain: who sent it came another way than through those proxies. An entry may have a port, as some
    proxies write it. No other header is asked (Forwarded, X-Real-IP): a proxy that writes one passes the others on as
    the client wrote them.
    """
    peer = str((scope.get("client") or ("",))[0])
    said = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",") if hops else []
    entries = [one.strip() for one in said if one.strip()]
    named = entries[-hops] if 0 < hops <= len(entries) else peer
    return _network(named) or network_of(peer)


def network_of(peer: str) -> str:
    """The address of a peer, an IPv6 one cut to what one client has for itself."""
    return _network(peer) or peer


def _network(address: str) -> str | None:
    bare = PORT.sub(r"\1\2", address)
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, IPV6_OF_ONE), strict=False))
    return str(found)


def tag_of(content: bytes) -> str:
    """The strong tag of an answer (RFC 9110, 8.8.3), made of its content."""
    return f'"{hashlib.sha256(content).hexdigest()[:20]}"'


def is_known(request: Request, tag: str) -> bool:
    """Whether the caller has the answer of this strong tag already (If-None-Match, compared weakly)."""
    asked = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return tag in asked or asked == ["*"]


def conditional_response(request: Request, body: Mapping[str, Any]) -> Response:
    """A public answer with an ETag made of its content; 304 where the caller has it already."""
    text = json.dumps(dict(body), ensure_ascii=False, separators=(",", ":")).encode()
    tag = tag_of(text)
    if is_known(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(text, media_type="application/json", headers={"ETag": tag})
