"""One parked record, masked, with its trace: tried, fed again alone or with all of its pilot, and proposed to be
changed or discarded, which a second person approves."""

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from services.chassis.masking import MASK
from services.desk import forms
from services.desk.clients import Away
from services.desk.pages.ops.group import fed, key_after, said_of
from services.desk.pages.ops.parked import HERE, REPAIRS
from services.desk.pages.ops.seen import OpsPosted, OpsVisit, as_json, card_and_form, need_service, since
from services.desk.visit import Posted, Visit, new_key

KINDS: Final = ("edit", "discard")
PLACE: Final = "/{language}/ops/parked/{service}/record/{topic}/{partition}/{offset}"
FIELDS: Final = ("event", "why")
OF_PILOT: Final = 500
"""So many records of one pilot are fed by one press."""


def make_router() -> APIRouter:
    """`/ops/parked/{service}/record/...`."""
    router = APIRouter()

    @router.get(PLACE, response_class=HTMLResponse)
    async def record(service: str, topic: str, partition: str, offset: str, visit: OpsVisit) -> Response:
        """All that may be shown of it."""
        return await _shown(visit, need_service(service), f"{topic}/{partition}/{offset}")

    @router.post(PLACE, response_class=HTMLResponse)
    async def feed(service: str, topic: str, partition: str, offset: str, posted: OpsPosted) -> Response:
        """Feeds it again, alone or with all of its pilot, or only tries that."""
        place, subject = f"{topic}/{partition}/{offset}", posted.get("subject")
        chosen: dict[str, Any] = {"subjects": [subject], "limit": OF_PILOT} if subject else {"ids": [place]}
        outcome, faults, status = await fed(posted, need_service(service), chosen)
        again = {"pilot": subject or None, "key": key_after(posted, status)}
        return await _shown(posted.visit, service, place, outcome=outcome, faults=faults, status=status, **again)

    @router.get(PLACE + "/{kind}", response_class=HTMLResponse)
    async def proposal(service: str, topic: str, partition: str, offset: str, kind: str, visit: OpsVisit) -> Response:
        """The form by which a change, or discarding it, is proposed."""
        place = f"{topic}/{partition}/{offset}"
        return await _form(visit, need_service(service), place, _need_kind(kind))

    @router.post(PLACE + "/{kind}", response_class=HTMLResponse)
    async def propose(service: str, topic: str, partition: str, offset: str, kind: str, posted: OpsPosted) -> Response:
        """Proposes it. Nothing is done before a second person approves."""
        place = f"{topic}/{partition}/{offset}"
        body, faults = _body(posted, place, _need_kind(kind))
        trouble = forms.Trouble(faults, 422) if faults else None
        if trouble is None:
            trouble = await forms.sent(posted, need_service(service), REPAIRS, body, _field)
        if trouble is None:
            return forms.done(posted.visit, f"{HERE}/{service}/repairs", "proposed")
        return await _form(posted.visit, service, place, kind, posted=posted, trouble=trouble)

    return router


def _need_kind(kind: str) -> str:
    if kind not in KINDS:
        raise HTTPException(404)
    return kind


def _body(posted: Posted, place: str, kind: str) -> tuple[dict[str, Any], dict[str, str]]:
    """What is proposed, and what is wrong with it before anybody is asked."""
    words, faults = posted.visit.words, dict[str, str]()
    body: dict[str, Any] = {"record": place, "kind": kind, "why": posted.get("why")}
    if kind == "edit":
        try:
            body["event"] = json.loads(posted.get("event"))
            if not isinstance(body["event"], dict):
                faults["event"] = words.say("ops.fault-object")
        except RecursionError:
            faults["event"] = words.say("ops.fault-object")
        except json.JSONDecodeError as error:
            faults["event"] = words.say("ops.fault-json", line=error.lineno, column=error.colno)
    if not body["why"]:
        faults["why"] = words.say("ops.fault-why")
    return body, faults


def _field(pointer: str) -> str | None:
    first = pointer.strip("/").partition("/")[0]
    return first if first in FIELDS else None


async def _shown(
    visit: Visit,
    service: str,
    place: str,
    *,
    outcome: Mapping[str, Any] | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    pilot: str | None = None,
    key: str | None = None,
) -> HTMLResponse:
    try:
        card = await visit.ask_if_there(service, f"/v1/parked/records/{place}")
    except Away:
        if not faults:
            raise
        card = None
    if card is None and outcome is None and not faults:
        raise HTTPException(404)
    return visit.page(
        "ops/record.html",
        status,
        service=service,
        place=place,
        card=card,
        pilot=card["subject"] if card and card["subject"] != MASK else pilot,
        event=as_json(card["event"]) if card else "",
        age=since(visit.words, card["at"], visit.desk.now()) if card else "",
        outcome=outcome,
        faults=faults or {},
        key=key or new_key(),
        said=said_of(visit.words, outcome),
    )


async def _form(
    visit: Visit,
    service: str,
    place: str,
    kind: str,
    *,
    posted: Posted | None = None,
    trouble: forms.Trouble | None = None,
) -> HTMLResponse:
    card, again = await card_and_form(visit, service, f"/v1/parked/records/{place}", posted, trouble)
    return visit.page(
        "ops/proposal.html",
        trouble.status if trouble else 200,
        service=service,
        place=place,
        kind=kind,
        card=card,
        event=as_json(card["event"]) if card else "",
        **again,
    )
