"""Now: the balance of each agency and between the services, what waits and for how long, what is parked by cause, late
timers, versions, and the desk's own figures. The page makes itself anew every two seconds where it may, without moving
the focus, and can be paused; its address says so."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.topics import SERVICES
from services.chassis.answers import Became, Flow, with_writers
from services.desk.pages.ops import seen
from services.desk.pages.ops.own import of_the_desk
from services.desk.pages.ops.parked import GROUPS, groups_of
from services.desk.pages.ops.seen import OpsVisit, Told
from services.desk.visit import Visit

HERE: Final = "/ops"
BALANCE: Final = "/v1/balance"
PARTS: Final = tuple(Became.model_fields)
FLOW: Final = tuple(name for name in Flow.model_fields if name not in ("writer", "reader", "events"))
WAITS: Final = {
    "outbox": "lotsman_outbox_oldest_seconds",
    "timer": "lotsman_timer_late_seconds",
    "loop": "lotsman_loop_late_seconds",
}
"""What is late, by the metric that says for how long."""
COUNTS: Final = {"lag": "lotsman_lag_records", "withheld": "lotsman_withheld", "held": "lotsman_held_pilots"}
TERMS: Final = ("running", "nearing", "breached", "suspended")
MOST_EVENTS: Final = 50
"""Of the events that make a difference so many are named on the page; the API names a thousand."""


def make_router() -> APIRouter:
    """`/ops`."""
    router = APIRouter()

    @router.get("/{language}/ops", response_class=HTMLResponse)
    async def now(visit: OpsVisit, paused: str = "") -> Response:
        """How everything stands."""
        told, own = await asyncio.gather(seen.told_by_all(visit, BALANCE, GROUPS), of_the_desk(visit))
        agencies = [dict(row) for one in told for row in (one.answers.get(BALANCE) or {}).get("agencies", ())]
        whole = {part: sum(row[part] for row in agencies) for part in PARTS}
        return visit.page(
            "ops/now.html",
            at=visit.desk.now(),
            paused=bool(paused),
            parts=PARTS,
            agencies=agencies,
            whole=whole,
            wrong=list(_wrong(agencies)),
            unsaid=seen.unsaid(told, BALANCE, GROUPS),
            all_balanced=all(BALANCE in one.answers for one in told),
            all_parked=all(GROUPS in one.answers for one in told),
            flow_parts=FLOW,
            flows=_flows(told),
            lost=list(_lost(told)),
            waits=[_waits(visit, one) for one in told],
            groups=groups_of(visit, told),
            own=own,
            terms=[row for one in told if (row := _terms(visit, one))],
            term_states=TERMS,
        )

    return router


def _wrong(agencies: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The events that make a difference."""
    for row in agencies:
        for event in row["events"][:MOST_EVENTS]:
            yield {"agency": row["agency"], **event}


def _flows(told: Sequence[Told]) -> list[dict[str, Any]]:
    """What each reader says of each writer's facts, with what the writer has not sent yet."""
    said = {one.service: one.answers[BALANCE] for one in told if one.answers.get(BALANCE)}
    return with_writers({name: said[name] for name in SERVICES if name in said})


def _lost(told: Sequence[Told]) -> Iterator[dict[str, Any]]:
    """The facts that are lost."""
    for said in (one.answers.get(BALANCE) for one in told):
        for row in (*said["services"], said["facts"]) if said else ():
            yield from row["events"][:MOST_EVENTS]


def _waits(visit: Visit, one: Told) -> dict[str, Any]:
    words = visit.words
    began = one.figure("process_start_time_seconds")
    return {
        "service": one.service,
        "state": one.state,
        "faults": one.faults,
        "version": one.version,
        "up": seen.age(words, None if not began else max(0.0, visit.desk.now().timestamp() - began)),
        **{name: seen.number(words, one.figure(metric)) for name, metric in COUNTS.items()},
        **{name: seen.age(words, one.figure(metric)) for name, metric in WAITS.items()},
        "counted": seen.age(words, old) if (old := one.counted) else "",
        "late": {name for name, metric in WAITS.items() if (one.figure(metric) or 0) > 60},
    }


def _terms(visit: Visit, one: Told) -> dict[str, str]:
    states = one.figures.by("lotsman_terms", "state")
    if not states:
        return {}
    return {"service": one.service, **{name: seen.number(visit.words, states.get(name)) for name in TERMS}}
