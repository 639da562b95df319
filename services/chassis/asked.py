"""What is asked by the query of an address: a name that no route takes is refused, never dropped without a word.

One dependency of the whole app stands before every route that there is or will be. Whoever may not ask at all is told
that first.
"""

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute

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


async def known_query(request: Request) -> None:
    """The dependency of all routes. Raises Problematic 422 with everything that is wrong with the query, where it has
    a name that its route does not take, or gives a parameter twice that is taken once."""
    if not request.query_params:
        return
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    wrong = list(_wrong(request, _takes(route)))
    if not wrong:
        return
    await let_in(route, request)
    _, others = request_params_to_args(_parameters(route.dependant), request.query_params)
    raise Problematic(422, "request.invalid", problems=[*wrong[:MOST], *problems_of(others)])


def _wrong(request: Request, takes: Mapping[str, bool]) -> Iterator[Problem]:
    given = [name for name, _ in request.query_params.multi_items()]
    for name in dict.fromkeys(given):
        where, times = pointer_of(("query", name)), given.count(name)
        if name not in takes:
            yield problem(where, "query.unknown", name=told(name), meant=meant(name, takes))
        elif times > 1 and not takes[name]:
            yield problem(where, "query.repeated", name=name, times=times)


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
