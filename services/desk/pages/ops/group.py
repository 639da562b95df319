"""One group of parked records: each of them, what would come of feeding some of them again, and doing it."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

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
        outcome, fault, status = await fed(posted, service, {**named, "limit": many})
        return await _shown(posted.visit, service, named, many=many, outcome=outcome, fault=fault, status=status)

    return router


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
        outcome=outcome,
        faults={"-": fault} if fault else {},
        key=new_key(),
        said=said_of(visit.words, outcome),
    )
