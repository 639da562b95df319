"""Parked: what all services have set aside, in groups of one cause, the largest first."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.topics import SERVICES
from services.chassis import whose
from services.desk.pages.ops import seen
from services.desk.pages.ops.seen import OpsVisit, Told
from services.desk.visit import Visit

HERE: Final = "/ops/parked"
GROUPS: Final = "/v1/parked/groups"
REPAIRS: Final = "/v1/parked/repairs"
NAMED: Final = ("status", "cause", "topic")
CHOSEN: Final = (*NAMED, "agency")
"""By what a group is known within its service; whose it is may not be said."""
STATUSES: Final = ("broken", "waiting")
WAITS: Final = "proposed"
"""How a proposal stands that waits for a second person."""
SHOWN: Final = 20
"""So many of them stand here of each service; all of them stand in its list of proposals."""
WAITING: Final = f"{REPAIRS}?{urlencode({'state': WAITS, 'count': 'true', 'limit': SHOWN})}"


def make_router() -> APIRouter:
    """`/ops/parked`."""
    router = APIRouter()

    @router.get("/{language}/ops/parked", response_class=HTMLResponse)
    async def parked(visit: OpsVisit, service: str = "", status: str = "", agency: str = "") -> Response:
        """All groups, or those of a service, a status or an agency."""
        agency = agency.strip()[: whose.LONGEST]
        groups = f"{GROUPS}?{urlencode({'agency': agency})}" if agency else GROUPS
        told = await seen.told_by_all(visit, groups, WAITING)
        every = groups_of(visit, told, groups)
        rows = [one for one in every if service in ("", one["service"]) and status in ("", one["status"])]
        waiting = [_waiting(visit, one) for one in told if one.rows(WAITING)]
        some, missing = [one for one in told if service in ("", one.service)], seen.unsaid(told, groups, WAITING)
        records = sum(one["records"] for one in rows) if status else sum(_records(one, groups) for one in some)
        return visit.page(
            "ops/parked.html",
            rows=rows,
            services=SERVICES,
            statuses=STATUSES,
            asked={"service": service, "status": status, "agency": agency},
            unsaid=missing,
            waiting=waiting,
            said=visit.words.count("ops.parked-records-known" if missing else "ops.parked-records", records),
        )

    return router


def _records(told: Told, groups: str) -> int:
    """How many records are parked at a service, also in groups that it does not tell of, for they are too many."""
    return int((told.answers.get(groups) or {}).get("records", 0))


def _waiting(visit: Visit, told: Told) -> dict[str, Any]:
    """What waits for a second person in a service: the newest, how much in all, and where all of it stands."""
    return {
        "service": told.service,
        "rows": told.rows(WAITING),
        "all": f"{HERE}/{told.service}/repairs?{urlencode({'state': WAITS})}",
        "found": proposals_found(visit, told.answers[WAITING]["count"]),
    }


def proposals_found(visit: Visit, count: Mapping[str, Any]) -> str:
    """How many proposals there are; a count is bounded: 10,000+."""
    many = visit.words.number(count["value"]) + ("" if count["exact"] else "+")
    return visit.words.count("ops.proposals-found", count["value"], n=many)


def groups_of(visit: Visit, told: Sequence[Told], path: str = GROUPS) -> list[dict[str, Any]]:
    """The groups that the services tell of, the largest first, each with its address on the desk."""
    found = [
        {
            "service": one.service,
            **row,
            "id": sha256(repr([one.service, *_named(row).values()]).encode()).hexdigest()[:12],
            "address": f"{HERE}/{one.service}?{urlencode(_named(row))}",
            "age": seen.since(visit.words, row["oldest"], visit.desk.now()),
        }
        for one in told
        for row in one.rows(path)
    ]
    return sorted(found, key=lambda row: -row["records"])


def _named(row: Mapping[str, Any]) -> dict[str, str]:
    """By what a group is asked for."""
    return {name: row[name] for name in NAMED} | {"agency": row["agency"] or whose.UNKNOWN}


def verdicts(records: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many records have which verdict, in the order in which they came."""
    found = dict[str, int]()
    for one in records:
        found[one["verdict"]] = found.get(one["verdict"], 0) + 1
    return found
