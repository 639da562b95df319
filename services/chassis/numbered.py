"""A pilot may be named by its registration number (ПП-2026-000123) wherever an address takes its id.

One dependency of the whole app leads a number to the id, after whoever may not ask at all was told so; everything
behind it, who may see the pilot among it, goes by the id. A number that is nobody's stays as it is, and is no id.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import AfterValidator

from contracts.event import PILOT
from contracts.forms import as_number
from services.chassis.asked import let_in
from services.chassis.store import BY_ID, NUMBERED, SUBJECTS, Store
from services.chassis.timed import NAMES_PILOT

_id: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _as_known(number: str | None) -> str | None:
    return number and (as_number(number) or number)


AS_KNOWN: Final = AfterValidator(_as_known)
"""The annotation of a registration number in the query of an address: with whatever dashes and letters it is typed."""


def as_id(named: str) -> str | None:
    """What names a pilot, in the form of an id, whatever letters it was typed with; None where it has not that form."""
    said = named.strip().lower()
    return said if _id.fullmatch(said) else None


async def pilots_of(store: Store, numbers: Iterable[str], **narrowed: str) -> Mapping[str, str]:
    """The ids of the pilots of these numbers, by number; `narrowed`: of those whose state says this."""
    wanted = sorted({*numbers})
    if not wanted:
        return {}
    query = {"state.number": {"$in": wanted, "$type": "string"}, "kind": PILOT}
    query |= {f"state.{name}": value for name, value in narrowed.items()}
    rows = await store.rows(SUBJECTS, query, sort=BY_ID, limit=len(wanted), fields=["state.number"], hint=NUMBERED)
    return {row["state"]["number"]: row["_id"] for row in rows}


async def ids_of(store: Store, named: Iterable[str]) -> Mapping[str, str]:
    """The ids of those of these names that lead to a pilot: a registration number that some pilot has, or an id in
    whatever letters. Raises StoreAway."""
    some = {*named}
    numbers = {one: number for one in some if (number := as_number(one))}
    known = await pilots_of(store, numbers.values())
    ids = {one: known.get(numbers.get(one, "")) or as_id(one) for one in some}
    return {one: id_ for one, id_ in ids.items() if id_}


async def named_by_number(request: Request) -> None:
    """The dependency of all routes."""
    named = request.path_params.get(NAMES_PILOT)
    number = as_number(named) if isinstance(named, str) else None
    if number is None:
        return
    if isinstance(route := request.scope.get("route"), APIRoute):
        await let_in(route, request)
    found = await pilots_of(request.app.state.engine.store, [number])
    if number in found:
        request.path_params[NAMES_PILOT] = found[number]
