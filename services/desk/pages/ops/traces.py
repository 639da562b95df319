"""Traces: those of a pilot, an event or a receipt, or the newest, the slowest, and those in which something failed."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response

from contracts.forms import as_number, as_pilot_id
from contracts.topics import INTAKE
from services.chassis.masking import MASK
from services.chassis.told_traces import RECEIPT
from services.desk.clients import Away, Refused
from services.desk.pages.ops.seen import OpsVisit
from services.desk.traces import KEPT, Kept, Listed, Listing, NotTold
from services.desk.traces.collector import Collector
from services.desk.traces.jaeger import Jaeger
from services.desk.visit import Visit

HERE: Final = "/ops/traces"
TRACE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
LONGEST: Final = 200
ORDERS: Final = ("newest", "slowest")


def make_router() -> APIRouter:
    """`/ops/traces`."""
    router = APIRouter()

    @router.get("/{language}/ops/traces", response_class=HTMLResponse)
    async def traces(
        visit: OpsVisit, q: str = "", order: str = ORDERS[0], failed: str = "", after: str = ""
    ) -> Response:
        """The traces that are asked for; the id of one leads to it."""
        name = named(q[:LONGEST])
        if TRACE.fullmatch(name):
            return RedirectResponse(visit.address(f"{HERE}/{name}"), 303)
        kept, which = kept_of(visit), Listing(order == "slowest", bool(failed), after)
        found, trouble = Listed([]), ""
        if kept is not None:
            try:
                name = await _by_number(visit, name)
                found = await (kept.of(name) if name else kept.listed(which))
            except Away as away:
                trouble = visit.is_away(away, "ops.away-named")
            except NotTold as error:
                trouble = not_told(visit, error)
            except Refused as error:
                trouble = _refused(visit, error)
        asked = {"order": order if which.slowest else "", "failed": failed}
        return visit.page(
            "ops/traces.html",
            503 if trouble else 200,
            rows=[_row(visit, one) for one in found.items if not (name and which.failed and not one["failed"])],
            asked={"q": q[:LONGEST], "order": order, "failed": failed},
            orders=ORDERS,
            name=name,
            known=kept is not None,
            of_jaeger=isinstance(kept, Jaeger),
            faults={"-": trouble} if trouble else {},
            next=f"{HERE}?{urlencode({**_given(asked), 'after': found.next})}" if found.next else "",
            said=visit.words.count("ops.traces-found", len(found.items)) if kept and not trouble else "",
        )

    return router


def kept_of(visit: Visit) -> Kept | None:
    """Where traces are kept, asked for by this person; None where nobody said where. A Jaeger is told no token: it is
    not one of ours."""
    own = visit.desk.settings
    if own.traces_url:
        return Jaeger(partial(_ask, visit, ""), visit.desk.now)
    return Collector(partial(_ask, visit, visit.session.who.token)) if own.collector_url else None


async def _ask(visit: Visit, token: str, path: str, **params: Any) -> Any:
    answer = await visit.desk.clients.send(KEPT, "GET", path, token=token, language=visit.language, params=params)
    return answer.body


def _refused(visit: Visit, error: Refused) -> str:
    """What stands in the way; who has to sign in again is led there."""
    if error.status == 401:
        raise error
    return error.detail or visit.words.say("ops.traces-refused", status=error.status)


def not_told(visit: Visit, error: NotTold) -> str:
    """What answered in the place of a store of traces."""
    return visit.words.say("ops.traces-refused", status=error.status)


def named(text: str) -> str:
    """By what spans know what is asked for: ids of ours in small letters, a receipt's fact."""
    bare = text.strip().removesuffix(RECEIPT)
    return bare.lower() if TRACE.fullmatch(bare.lower()) else as_pilot_id(bare) or bare


async def _by_number(visit: Visit, name: str) -> str:
    """The id of the pilot that a registration number names; anything else, and a number that is nobody's, as it is.
    Raises Away, Refused."""
    number = as_number(name)
    found = await visit.ask_if_there(INTAKE, f"/v1/applications/{quote(number)}/id") if number else None
    return str(found["id"]) if found else name


def _given(asked: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value}


def _row(visit: Visit, one: Mapping[str, Any]) -> dict[str, Any]:
    words = visit.words
    pilots = [pilot for pilot in one["pilots"] if pilot != MASK]
    took, worked = (words.number(round(one[name])) for name in ("took_ms", "worked_ms"))
    return {**one, "pilots": pilots, "began": words.instant(one["began"]), "took": took, "worked": worked}
