"""One group of parked records: each of them, what would come of feeding some of them again, and doing it."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from services.desk.clients import Away, Refused
from services.desk.pages.ops.parked import HERE, NAMED, verdicts
from services.desk.pages.ops.seen import OpsPosted, OpsVisit, need_service, since
from services.desk.visit import Posted, Visit, new_key
from services.desk.words import Words

ROWS: Final = 50
REDRIVE: Final = "/v1/parked/redrive"
AT_ONCE: Final = (1, 10, 100, 500)
"""How many records may be fed by one press: each answer must be there while the page waits for it."""
FIRST: Final = 10
DAYS: Final = ("since", "until")
"""From which day on, and until which, what is fed was parked; none: whenever."""
TOLD: Final = 100
"""So many verdicts are shown one by one; all of them are counted."""
Group = Mapping[str, str]


def make_router() -> APIRouter:
    """`/ops/parked/{service}`."""
    router = APIRouter()

    @router.get("/{language}/ops/parked/{service}", response_class=HTMLResponse)
    async def group(
        service: str, visit: OpsVisit, status: str = "", cause: str = "", topic: str = "", after: str = ""
    ) -> Response:
        """The records of a group, or all of a service where none is named."""
        named = {"status": status, "cause": cause, "topic": topic}
        return await _shown(visit, need_service(service), named, after=after)

    @router.post("/{language}/ops/parked/{service}", response_class=HTMLResponse)
    async def feed(service: str, posted: OpsPosted) -> Response:
        """Feeds some of them again, or only tries it."""
        service, named = need_service(service), {name: posted.get(name) for name in NAMED}
        if not all(named.values()):
            return await _shown(posted.visit, service, named)
        many = int(posted.get("many")) if posted.get("many") in map(str, AT_ONCE) else FIRST
        days = {name: posted.get(name) for name in DAYS}
        try:
            between = _between(days, posted.visit.words.zone)
        except (ValueError, OverflowError):
            no_day = posted.visit.words.say("ops.fault-day")
            return await _shown(posted.visit, service, named, many=many, days=days, fault=no_day, status=422)
        outcome, fault, status = await fed(posted, service, {**named, **between, "limit": many})
        return await _shown(
            posted.visit, service, named, many=many, days=days, outcome=outcome, fault=fault, status=status
        )

    return router


def _between(days: Mapping[str, str], zone: ZoneInfo) -> dict[str, str]:
    """Moments between which records were parked, of days in the desk's zone, the last one with all of it. Raises
    ValueError, OverflowError for what is no day."""
    begun = {name: date.fromisoformat(said) + timedelta(days=name == "until") for name, said in days.items() if said}
    return {name: datetime.combine(day, time(), zone).isoformat() for name, day in begun.items()}


async def fed(
    posted: Posted, service: str, chosen: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, str | None, int]:
    """What came of feeding what is chosen again, or would: the answer, or what stands in the way; and the status."""
    visit, body = posted.visit, {**chosen, "dry_run": posted.get("do") != "feed"}
    try:
        answer = await visit.send(service, REDRIVE, body, key=posted.key)
    except Refused as error:
        if error.status == 401:
            raise
        return None, error.detail or visit.words.say("told.unforeseen"), error.status
    except Away as away:
        return None, visit.is_away(away), 503
    records = answer.body["records"]
    return {**answer.body, "verdicts": verdicts(records), "told": records[:TOLD]}, None, 200


def said_of(words: Words, outcome: Mapping[str, Any] | None) -> str:
    """What came of it in one line."""
    if outcome is None:
        return ""
    numbers = {"went": words.number(outcome["went"]), "of": words.number(len(outcome["records"]))}
    return words.say("ops.said-would", **numbers) if outcome["dry_run"] else words.say("ops.said-went", **numbers)


async def _shown(
    visit: Visit,
    service: str,
    named: Group,
    *,
    after: str = "",
    many: int = FIRST,
    days: Mapping[str, str] | None = None,
    outcome: Mapping[str, Any] | None = None,
    fault: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    asked = {name: value for name, value in named.items() if value}
    try:
        found = (await visit.ask(service, "/v1/parked", **asked, after=after, limit=ROWS)).body
    except Away:
        if fault is None:
            raise
        found = {"items": [], "next": None}
    rows = [{**row, "age": since(visit.words, row["at"], visit.desk.now())} for row in found["items"]]
    return visit.page(
        "ops/group.html",
        status,
        service=service,
        named=named,
        whole=all(named.values()),
        rows=rows,
        next=f"{HERE}/{service}?{urlencode({**asked, 'after': found['next']})}" if found["next"] else "",
        choices=AT_ONCE,
        many=many,
        days=days or {},
        outcome=outcome,
        faults={"-": fault} if fault else {},
        key=new_key(),
        said=said_of(visit.words, outcome),
    )
