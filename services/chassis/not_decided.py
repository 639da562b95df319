"""The line of business of a request that is refused before anything is decided on.

What comes to the engine has its line there. What is refused before (a body of another form, a role or a key that does
not open this door, a version that is not known yet) has it here: one line a request at most, of who is known to us. Who
is not could fill a disk with lines, and is counted. So is who is told to come again: nothing is decided of it yet.
"""

from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from services.chassis import business, telemetry
from services.chassis.business import NotDecided
from services.chassis.timed import ADDRESS, CALLER, NAMES_PILOT, SHARE, TOLD_TO_COME_AGAIN, route_of

CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
ASKED: Final = "lotsman.asked"
"""Under what name a request's scope says that the engine was asked: it tells what became of it."""
ABOUT: Final = "lotsman.about"
"""Under what name it has the event that it brings, as soon as that is read."""


def asked(scope: Scope) -> None:
    """From now on the engine tells what becomes of a request."""
    scope[ASKED] = True


def brings(scope: Scope, pilot: str, event: str, type_name: str) -> None:
    """Says what event a request brings, and of which pilot."""
    scope[ABOUT] = pilot, event, type_name


def tell(request: Request, rule: str, status: int) -> None:
    """Writes the line of a request that is refused by this rule, if it is one of those that have it here."""
    scope = request.scope
    of_business = request.method in CHANGING and 400 <= status < 500 and status != TOLD_TO_COME_AGAIN
    if not of_business or ASKED in scope or (who := known(scope)) is None:
        return
    key, named = request.headers.get("idempotency-key"), request.path_params.get(NAMES_PILOT)
    pilot, event, type_name = scope.get(ABOUT) or (named, key and f"{scope[CALLER]}:{key}", None)
    trace = trace_of(request)
    business.not_decided([NotDecided(rule, who, asked_for(request), pilot, event, type_name, trace)])


def known(scope: Scope) -> str | None:
    """Whose share a request takes, where its caller is known."""
    share: str = scope.get(SHARE, ADDRESS)
    return None if share.partition(":")[0] == ADDRESS else share


def asked_for(request: Request) -> str:
    """What a request asks for, without a word of its caller's: its method and its route."""
    return f"{request.method} {route_of(request.scope)}".strip()


def trace_of(request: Request) -> dict[str, str]:
    """The trace that a request stands in, or the one that it brought."""
    return telemetry.carrier_of_current() or {"traceparent": request.headers.get("traceparent", "")}
