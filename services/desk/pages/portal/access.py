"""Access: the agency's keys and quota, and its webhooks with every attempt of each message."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response

from contracts.event import wire_moment
from contracts.topics import INTAKE
from services.desk import forms
from services.desk.clients import Answer, Away, Refused
from services.desk.pages.portal import agency
from services.desk.visit import Posted, PostedOf, Visit, VisitOf, new_key

HERE: Final = "/portal/access"
ROWS: Final = 50
STATES: Final = ("waiting", "sent", "failed")
TURNS: Final = ("on", "off")
FIELDS: Final = ("address", "note")
OF_ADDRESS: Final = ("webhook.address", "webhook.https", "webhook.private")
"""Why an address is not taken."""

Shown = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """What is told on the page of something that was done: a secret, which is shown this once; what went wrong."""

    secret: str = ""
    faults: Mapping[str, str] | None = None
    status: int = 200
    said: str = ""


NOTHING: Final = Told()


def make_router() -> APIRouter:
    """`/portal/access`."""
    router = APIRouter()

    @router.get("/{language}/portal/access", response_class=HTMLResponse)
    async def access(visit: VisitOf, done: str = "") -> Response:
        """Keys, quota, webhooks."""
        return await _access(visit, Told(said=visit.words.code("hook-done", done) if done == "removed" else ""))

    @router.post("/{language}/portal/access", response_class=HTMLResponse)
    async def register(posted: PostedOf) -> Response:
        """A webhook is registered; its secret is in this answer and never again."""
        return await _registered(posted)

    @router.get("/{language}/portal/access/hooks/{hook}", response_class=HTMLResponse)
    async def one(hook: str, visit: VisitOf, state: str = "", after: str = "", done: str = "") -> Response:
        """A webhook and its messages, the newest first."""
        said = visit.words.code("hook-done", done) if done else ""
        return await _hook(visit, hook, state if state in STATES else "", after, Told(said=said))

    @router.post("/{language}/portal/access/hooks/{hook}", response_class=HTMLResponse)
    async def turn(hook: str, posted: PostedOf) -> Response:
        """It is switched on or off, gets another secret, is asked to send again what was given up, or is removed."""
        return await _turned(posted, hook)

    @router.get("/{language}/portal/access/hooks/{hook}/{delivery}", response_class=HTMLResponse)
    async def delivery(hook: str, delivery: str, visit: VisitOf, done: str = "") -> Response:
        """A message with every attempt to deliver it."""
        said = visit.words.code("hook-done", done) if done else ""
        return await _delivery(visit, hook, delivery, Told(said=said))

    @router.post("/{language}/portal/access/hooks/{hook}/{delivery}", response_class=HTMLResponse)
    async def again(hook: str, delivery: str, posted: PostedOf) -> Response:
        """It is sent once more."""
        answer = await _sent(posted, f"{_path(hook, delivery)}/again")
        if isinstance(answer, Told):
            return await _delivery(posted.visit, hook, delivery, answer)
        return RedirectResponse(posted.visit.address(f"{HERE}/hooks/{hook}/{delivery}", done="again"), 303)

    return router


def _path(hook: str, delivery: str = "") -> str:
    path = f"/v1/hooks/{quote(hook, safe='')}"
    return f"{path}/deliveries/{quote(delivery, safe='')}" if delivery else path


# ---- keys, quota, webhooks


async def _access(visit: Visit, told: Told, posted: Posted | None = None) -> HTMLResponse:
    at = f"/v1/agencies/{agency.of(visit)}"
    entry = await agency.entry(visit)
    keys, quota, hooks, notices = await asyncio.gather(
        visit.ask(INTAKE, f"{at}/keys"),
        visit.ask(INTAKE, f"{at}/quota"),
        visit.ask(INTAKE, "/v1/hooks", limit=ROWS),
        visit.ask(INTAKE, "/v1/hooks/notices", limit=ROWS),
    )
    kept = await forms.opened(visit, "", ())
    return visit.page(
        "portal/access.html",
        told.status,
        entry=entry,
        keys=[{**one, "state": _state(visit, one)} for one in keys.body["items"]],
        quota=quota.body,
        hooks=hooks.body["items"],
        notices=notices.body["items"],
        filled=forms.typed_in(posted) if posted and told.faults else kept,
        secret=told.secret,
        faults=told.faults or {},
        said=told.said or next(iter((told.faults or {}).values()), ""),
    )


def _state(visit: Visit, key: Shown) -> str:
    """How a key stands: good, ended, or revoked."""
    if key["revoked"]:
        return "revoked"
    return "ended" if key["until"] and key["until"] <= wire_moment(visit.desk.now()) else "good"


async def _registered(posted: Posted) -> Response:
    visit = posted.visit
    agency.of(visit)
    if not posted.get("address"):
        return await _access(visit, Told(faults={"address": visit.words.say("hook.no-address")}, status=422), posted)
    body = {name: posted.get(name) for name in FIELDS if posted.get(name)}
    answer = await _sent(posted, "/v1/hooks", body)
    if isinstance(answer, Told):
        return await _access(visit, answer, posted)
    await posted.done()
    return await _access(visit, Told(secret=answer.body["secret"], said=visit.words.code("hook-done", "registered")))


async def _sent(posted: Posted, path: str, body: Any = None, method: str = "POST") -> Answer | Told:
    """What was answered, or what stands in the way; what is typed is kept. Raises Refused 401 and 404."""
    visit = posted.visit
    try:
        return await visit.send(INTAKE, path, body, key=posted.key, method=method)
    except Away as away:
        await posted.keep()
        return Told(faults={"-away": visit.is_away(away)}, status=503)
    except Refused as error:
        if error.status in (401, 404):
            raise
        await posted.keep()
        if error.rule.startswith(OF_ADDRESS) and not error.problem.get("problems"):
            return Told(faults={"address": error.detail}, status=error.status)
        return Told(faults=forms.faults_of(error, _place, visit.words), status=error.status)


def _place(pointer: str) -> str | None:
    last = pointer.strip("/")
    return last if last in FIELDS else None


# ---- one webhook


async def _hook(visit: Visit, hook: str, state: str, after: str, told: Told) -> HTMLResponse:
    agency.of(visit)
    shown, found = await asyncio.gather(
        visit.ask(INTAKE, _path(hook)),
        visit.ask(INTAKE, f"{_path(hook)}/deliveries", state=state, after=after, limit=ROWS),
    )
    further = found.body["next"]
    return visit.page(
        "portal/hook.html",
        told.status,
        hook=shown.body,
        rows=found.body["items"],
        states=STATES,
        wanted=state,
        first=urlencode({"state": state}) if after else "",
        next=urlencode({"state": state, "after": further}) if further else "",
        secret=told.secret,
        faults=told.faults or {},
        said=told.said or next(iter((told.faults or {}).values()), ""),
        key=new_key(),
    )


async def _turned(posted: Posted, hook: str) -> Response:
    visit, what = posted.visit, posted.get("do")
    agency.of(visit)
    if what == "remove":
        answer = await _sent(posted, _path(hook), method="DELETE")
        gone = visit.address(HERE, done="removed")
        return await _hook(visit, hook, "", "", answer) if isinstance(answer, Told) else RedirectResponse(gone, 303)
    if what == "recover":
        shown = (await visit.ask(INTAKE, _path(hook))).body
        answer = await _sent(posted, f"{_path(hook)}/recovery", {"since": shown["since"]})
    elif what in (*TURNS, "secret"):
        answer = await _sent(posted, f"{_path(hook)}/{what}")
    else:
        raise Refused(404, {})
    if isinstance(answer, Told):
        return await _hook(visit, hook, "", "", answer)
    if what == "secret":
        return await _hook(
            visit, hook, "", "", Told(secret=answer.body["secret"], said=visit.words.code("hook-done", what))
        )
    return RedirectResponse(visit.address(f"{HERE}/hooks/{hook}", done=what), 303)


async def _delivery(visit: Visit, hook: str, delivery: str, told: Told) -> HTMLResponse:
    agency.of(visit)
    found = (await visit.ask(INTAKE, _path(hook, delivery))).body
    about = await visit.ask_if_there(INTAKE, f"/v1/applications/{quote(found['pilot'], safe='')}")
    return visit.page(
        "portal/delivery.html",
        told.status,
        hook=hook,
        delivery=found,
        about=about,
        faults=told.faults or {},
        said=told.said or next(iter((told.faults or {}).values()), ""),
    )
