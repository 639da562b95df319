"""Services: whether each, and the desk itself, can do its work now, and where it cannot, why; which partitions stand
still, which topics take nothing, which program runs, and whether all of them know the same rules."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts import VERSION
from contracts.topics import DESK
from services.chassis import readiness
from services.desk.pages.ops import seen
from services.desk.pages.ops.seen import OpsVisit, Told
from services.desk.readiness import NEEDED
from services.desk.visit import Visit

HERE: Final = "/ops/services"
READING: Final = "/v1/reading"
WITHHELD: Final = "/v1/withheld"
SKIPPED: Final = "/v1/reading/skipped?limit=20"
NAMES: Final = {READING: "reading", WITHHELD: "withheld", SKIPPED: "skipped"}
"""What is asked for beside readiness, as a word of `ops-told`."""


def make_router() -> APIRouter:
    """`/ops/services`."""
    router = APIRouter()

    @router.get("/{language}/ops/services", response_class=HTMLResponse)
    async def services(visit: OpsVisit) -> Response:
        """Each service with its readiness."""
        told, own = await asyncio.gather(seen.told_by_all(visit, *NAMES), readiness.told(visit.desk.checks))
        return visit.page(
            "ops/services.html",
            at=visit.desk.now(),
            cards=[*(_card(visit, one) for one in told), _of_the_desk(visit, own)],
            differing=_differing(told),
        )

    return router


def _card(visit: Visit, one: Told) -> dict[str, Any]:
    began = one.figure("process_start_time_seconds")
    places = one.rows(READING)
    return {
        "service": one.service,
        "state": one.state,
        "since": one.since,
        "checks": one.figures.ready.get("checks", {}),
        "untold": [visit.words.code("ops-told", NAMES[path]) for path in NAMES if path not in one.answers],
        "why": next(iter(one.why.values()), ""),
        "version": one.version,
        "up": seen.age(visit.words, None if not began else max(0.0, visit.desk.now().timestamp() - began)),
        "editions": one.figures.ready.get("editions", {}),
        "standing": [row for row in places if row["stands_since"]],
        "behind": _behind(places),
        "withheld": one.rows(WITHHELD),
        "skipped": one.rows(SKIPPED),
    }


def _of_the_desk(visit: Visit, found: Mapping[str, str]) -> dict[str, Any]:
    """The desk's own readiness: these pages are there, so its process runs."""
    desk = visit.desk
    return {
        "service": DESK,
        "own": True,
        "state": readiness.in_a_word(found, NEEDED, desk.checks).replace(" ", "-"),
        "checks": found,
        "version": VERSION,
        "up": seen.since(visit.words, desk.began, desk.now()),
    }


def _behind(places: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By topic, how many records are still to be read."""
    found: dict[str, dict[str, Any]] = {}
    for row in places:
        one = found.setdefault(row["topic"], {"topic": row["topic"], "partitions": 0, "behind": 0})
        one["partitions"] += 1
        one["behind"] += row["behind"]
    return sorted(found.values(), key=lambda one: (-one["behind"], one["topic"]))


def _differing(told: Sequence[Told]) -> list[str]:
    """The editions that the services know differently: rules that are not the same everywhere."""
    known: dict[str, set[str]] = {}
    for one in told:
        for edition, digest in one.figures.ready.get("editions", {}).items():
            known.setdefault(edition, set()).add(digest)
    asked = [one for one in told if one.figures.ready]
    return sorted(
        edition
        for edition, digests in known.items()
        if len(digests) > 1 or any(edition not in one.figures.ready.get("editions", {}) for one in asked)
    )
