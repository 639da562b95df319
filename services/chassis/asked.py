"""What is asked by the query of an address: a name that no route takes is refused, never dropped without a word.

One dependency of the whole app stands before every route that there is or will be. Whoever may not ask at all is told
that first.
"""

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.reference import Problem
from contracts.words import problem, problems_of
from services.chassis.auth import BEARER
from services.chassis.problems import Problematic
from services.law.names import meant, pointer_of, told

MOST: Final = 20
"""How many names of one query are told: as many as a reader can use."""
TAKES: Final = "lotsman_takes"
SEVERAL: Final = (list, tuple, set, frozenset)
"""The types of a parameter that may be given more than once."""
SHOWN: Final = 40
"""So many characters of a value are repeated: more than a moment has."""
FREE: Final = frozenset({"q"})
"""Parameters in which people write words, and a `+` stands for a blank as it should."""
LOST: Final = re.compile(r" [0-9].*|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+ [0-9]{2}(:?[0-9]{2})?")
"""A number, a telephone or the zone of a moment whose `+` came as a blank: in a query `+` stands for one (WHATWG URL,
application/x-www-form-urlencoded)."""


async def known_query(request: Request) -> None:
    """The dependency of all routes. Raises Problematic 422 with everything that is wrong with the query, where it has
    a name that its route does not take, gives a parameter twice that is taken once, or lost the `+` of a value."""
    if not request.query_params:
        return
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    wrong = [*_wrong(request, _takes(route)), *_lost_plus(request, _takes(route))]
    if not wrong:
        return
    await let_in(route, request)
    _, others = request_params_to_args(_parameters(route.dependant), request.query_params)
    said = {one.pointer for one in wrong}
    more = [one for one in problems_of(others) if one.pointer not in said]  # one mistake is told once
    raise Problematic(422, "request.invalid", problems=[*wrong[:MOST], *more])


def take_no_query(app: FastAPI) -> None:
    """Has the framework's own routes, the document and the page that shows it, refuse a query as all others do: no
    dependency stands before them."""
    for route in app.routes:
        if type(route) is Route and route.path in (app.openapi_url, app.docs_url):
            route.app = _without_query(route.app)


def _without_query(answer: ASGIApp) -> ASGIApp:
    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if wrong := [*_wrong(Request(scope), {})]:
            raise Problematic(422, "request.invalid", problems=wrong[:MOST])
        await answer(scope, receive, send)

    return asked


def _wrong(request: Request, takes: Mapping[str, bool]) -> Iterator[Problem]:
    given = [name for name, _ in request.query_params.multi_items()]
    for name in dict.fromkeys(given):
        where, times = pointer_of(("query", name)), given.count(name)
        if name not in takes:
            yield problem(where, "query.unknown", name=told(name), meant=meant(name, takes))
        elif times > 1 and not takes[name]:
            yield problem(where, "query.repeated", name=name, times=times)


def _lost_plus(request: Request, takes: Mapping[str, bool]) -> Iterator[Problem]:
    """Values of which the query has made a blank of the `+`, so that they are not what was meant."""
    for name, value in request.query_params.multi_items():
        if name in takes and name not in FREE and "+" in request.url.query and LOST.fullmatch(value):
            written = quote(value[:SHOWN].replace(" ", "+"), safe=":")
            yield problem(pointer_of(("query", name)), "query.plus", name=name, written=written)


def _takes(route: APIRoute) -> Mapping[str, bool]:
    """The names of a route's query parameters; of each, whether it may be given more than once."""
    kept: dict[str, Any] = vars(route)  # a route is the same as long as its app lives, and cannot be hashed
    if TAKES not in kept:
        fields = _parameters(route.dependant)
        kept[TAKES] = {one.alias: _several(one.field_info.annotation) for one in fields}
    takes: Mapping[str, bool] = kept[TAKES]
    return takes


def _several(annotation: Any) -> bool:
    """Whether a parameter of this type may be given more than once."""
    origin = get_origin(annotation)
    return origin in SEVERAL or (origin in (Union, UnionType) and any(map(_several, get_args(annotation))))


def _parameters(dependant: Dependant) -> list[Any]:
    """The query parameters of a route, and of all that it depends on."""
    return [*dependant.query_params, *(one for part in dependant.dependencies for one in _parameters(part))]


async def let_in(route: APIRoute, request: Request) -> None:
    """Raises Problematic for a caller whom the route would not let in."""
    for allowed in doors(route.dependant):
        await allowed(request, await BEARER(request))


def doors(dependant: Dependant) -> Iterator[Any]:
    """What a route asks of its caller: the dependencies that `allow` has made."""
    for one in dependant.dependencies:
        if "roles" in getattr(one.call, "__dict__", {}):
            yield one.call
        yield from doors(one)
