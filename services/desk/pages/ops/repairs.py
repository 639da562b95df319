"""What was proposed for parked records, by whom and why, and what came of it; a second person approves or declines."""

from typing import Any, Final, get_args
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from services.chassis.answers import RepairState
from services.desk import forms
from services.desk.pages.ops.parked import HERE, REPAIRS, proposals_found
from services.desk.pages.ops.seen import OpsPosted, OpsVisit, as_json, card_and_form, need_service
from services.desk.visit import Posted, Visit

ROWS: Final = 50
STATES: Final[tuple[str, ...]] = get_args(RepairState)
ONE: Final = "/{language}/ops/parked/{service}/repairs/{repair}"


def make_router() -> APIRouter:
    """`/ops/parked/{service}/repairs`."""
    router = APIRouter()

    @router.get("/{language}/ops/parked/{service}/repairs", response_class=HTMLResponse)
    async def repairs(service: str, visit: OpsVisit, state: str = "", after: str = "", done: str = "") -> Response:
        """The proposals of a service, the newest first: all, or those that stand so."""
        asked = {"state": state} if state in STATES else {}
        found = (await visit.ask(need_service(service), REPAIRS, **asked, after=after, limit=ROWS, count="true")).body
        here, many = f"{HERE}/{service}/repairs", proposals_found(visit, found["count"])
        outcome = visit.words.code("ops-done", done) if done else ""
        return visit.page(
            "ops/repairs.html",
            service=service,
            rows=found["items"],
            states=STATES,
            asked=asked,
            at=here,
            next=f"{here}?{urlencode(asked | {'after': found['next']})}" if found["next"] else "",
            outcome=outcome,
            found=many,
            said=outcome or many,
        )

    @router.get(ONE, response_class=HTMLResponse)
    async def repair(service: str, repair: str, visit: OpsVisit, done: str = "") -> Response:
        """One proposal with both versions, masked."""
        said = visit.words.code("ops-done", done) if done else ""
        return await _shown(visit, need_service(service), repair, said=said)

    @router.post(ONE, response_class=HTMLResponse)
    async def settle(service: str, repair: str, posted: OpsPosted) -> Response:
        """Approves it, which does at once what it says, or declines it with a reason."""
        path = f"{REPAIRS}/{repair}"
        if posted.get("do") != "decline":
            trouble = await forms.sent(posted, need_service(service), f"{path}/approval", None)
            what = "approved"
        elif not posted.get("why"):
            trouble, what = forms.Trouble({"why": posted.visit.words.say("ops.fault-why")}, 422), ""
        else:
            body = {"why": posted.get("why")}
            trouble = await forms.sent(posted, need_service(service), f"{path}/refusal", body, _field)
            what = "declined"
        if trouble is None:
            return forms.done(posted.visit, f"{HERE}/{service}/repairs/{repair}", what)
        return await _shown(posted.visit, service, repair, posted=posted, trouble=trouble)

    return router


def _field(pointer: str) -> str | None:
    return "why" if pointer.strip("/") == "why" else None


async def _shown(
    visit: Visit,
    service: str,
    repair: str,
    *,
    said: str = "",
    posted: Posted | None = None,
    trouble: forms.Trouble | None = None,
) -> HTMLResponse:
    card, again = await card_and_form(visit, service, f"{REPAIRS}/{repair}", posted, trouble)
    return visit.page(
        "ops/repair.html",
        trouble.status if trouble else 200,
        service=service,
        repair=repair,
        card=card,
        was=_text(card and card["was"]),
        becomes=_text(card and card["becomes"]),
        own=card is not None and card["by"] == visit.person,
        said=said,
        **again,
    )


def _text(event: Any) -> str:
    return "" if event is None else event if isinstance(event, str) else as_json(event)
