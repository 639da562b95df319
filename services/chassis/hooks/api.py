"""Hooks over HTTP: registered by whose they are, shown with every attempt, sent again, recovered, switched on and off.

The same in every service that has some. An administrator sees all of them, and may switch off or remove one; who
registers is known by the organisation that the token, or by the agency that the key is for.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel

from contracts.event import wire_moment
from contracts.reference import Role
from services.chassis.answers import Page
from services.chassis.auth import Caller, allow
from services.chassis.body import Body
from services.chassis.described import called
from services.chassis.hooks.address import Allowed
from services.chassis.hooks.answers import (
    Again,
    DeliveryLine,
    DeliveryShown,
    HookOrder,
    NewSecret,
    Notice,
    Recovery,
    RegisteredWebhook,
    WebhookShown,
    delivery_line,
    notice,
    shown,
)
from services.chassis.hooks.following import deliver_earlier
from services.chassis.hooks.kind import Kind
from services.chassis.hooks.rows import (
    DELIVERIES,
    HOOKS,
    LATEST,
    LINES,
    NEWEST,
    OF_HOOK,
    OF_OWNER,
    OF_STATE,
    OF_WHOM,
    SAID,
    Hook,
    State,
    send_anew,
    wake,
)
from services.chassis.hooks.schedule import Off
from services.chassis.hooks.signing import NoKey, Sealer, new_secret
from services.chassis.problems import Problematic
from services.chassis.settings import Settings
from services.chassis.sight import Sight, seeing
from services.chassis.store import BY_ID, Row, Store
from services.chassis.web import PAGE, After, EngineOf, Limit, not_found, page

OPERATIONS: Final[Mapping[str, str]] = {
    "GET:/v1/hooks": "listWebhooks",
    "POST:/v1/hooks": "registerWebhook",
    "GET:/v1/hooks/notices": "listWebhookNotices",
    "GET:/v1/hooks/{hook}": "getWebhook",
    "DELETE:/v1/hooks/{hook}": "removeWebhook",
    "POST:/v1/hooks/{hook}/secret": "rotateSecret",
    "POST:/v1/hooks/{hook}/on": "switchWebhookOn",
    "POST:/v1/hooks/{hook}/off": "switchWebhookOff",
    "GET:/v1/hooks/{hook}/deliveries": "listDeliveries",
    "GET:/v1/hooks/{hook}/deliveries/{delivery}": "getDelivery",
    "POST:/v1/hooks/{hook}/deliveries/{delivery}/again": "sendAgain",
    "POST:/v1/hooks/{hook}/recovery": "recoverDeliveries",
}
OVER: Final = (State.SENT, State.FAILED, State.HIDDEN)
MISSED: Final = (State.FAILED, State.HIDDEN)


def routes(kind: Kind) -> APIRouter:
    """The routes of a kind of messages, with what is sent in the place of a callback."""
    router = APIRouter(prefix="/v1/hooks", tags=["webhooks"], generate_unique_id_function=called(OPERATIONS))
    _registering(router, kind)
    _looking(router, kind)
    _switching(router, kind)
    _delivered(router, kind)
    return router


def _registering(router: APIRouter, kind: Kind) -> None:
    mine = allow(kind.role, scope=kind.scope)

    @router.post("", status_code=201, callbacks=_sent(kind).routes, responses={409: {}})
    async def register(
        engine: EngineOf, request: Request, order: Body[HookOrder], caller: Annotated[Caller, Depends(mine)]
    ) -> RegisteredWebhook:
        """Registers an address, to which is sent from now on; its secret is shown this once. The address is https and
        public, but for networks that the operator of this service allows."""
        settings, now, owner = _settings(request), engine.now(), kind.owner(caller)
        if owner is None:
            raise Problematic(403, "auth.organisation")
        secret = new_secret()
        sealed = _sealer(settings).seal(secret)
        Allowed(settings.hook_networks).check(order.address)
        own = await engine.store.rows(
            HOOKS, {"owner": owner}, sort=OF_OWNER, limit=settings.hooks_of_owner, hint=OF_OWNER
        )
        if any(row["address"] == order.address for row in own):
            raise Problematic(409, "webhook.known")
        if len(own) >= settings.hooks_of_owner:
            raise Problematic(409, "webhook.too-many", most=settings.hooks_of_owner)
        row: Row = {
            "_id": uuid4().hex,
            "owner": owner,
            "by": caller.id,
            "address": order.address,
            "note": order.note,
            "since": now,
            "secrets": [{"sealed": sealed, "until": None}],
            "failing_since": None,
            "off": None,
        }
        await engine.store.put(HOOKS, [row])
        _stir(request)
        return RegisteredWebhook.model_validate({**shown(row, now), "secret": secret})

    @router.post("/{hook}/secret")
    async def rotate(
        hook: str, engine: EngineOf, request: Request, caller: Annotated[Caller, Depends(mine)]
    ) -> NewSecret:
        """Gives the hook a new secret, shown this once. For a while the one before signs beside it, so that the
        receiver can change over; older ones do not sign any more."""
        row, settings = await _hook(engine.store, kind, caller, hook), _settings(request)
        secret, until = new_secret(), engine.now() + timedelta(seconds=settings.hook_overlap)
        before = {**row["secrets"][0], "until": until}
        secrets = [{"sealed": _sealer(settings).seal(secret), "until": None}, before]
        await engine.store.mark(HOOKS, {"_id": hook}, {"secrets": secrets})
        return NewSecret(secret=secret, before_until=until)


def _looking(router: APIRouter, kind: Kind) -> None:
    readers = allow(kind.role, Role.ADMIN, scope=kind.scope)

    @router.get("")
    async def hooks(
        engine: EngineOf, caller: Annotated[Caller, Depends(readers)], after: After = None, limit: Limit = PAGE
    ) -> Page[WebhookShown]:
        """The own hooks, or all of them for an administrator; where one was switched off, a notice says why."""
        query, now = _own(kind, caller), engine.now()
        order = OF_OWNER if query else BY_ID
        return await page(engine.store, HOOKS, query, order, after=after, limit=limit, show=lambda row: shown(row, now))

    @router.get("/notices")
    async def notices(
        engine: EngineOf, caller: Annotated[Caller, Depends(readers)], after: After = None, limit: Limit = PAGE
    ) -> Page[Notice]:
        """That hooks of one's own were switched off, why and when, the latest first; an administrator's are all."""
        query = _own(kind, caller)
        index = OF_WHOM if query else LATEST
        return await page(engine.store, SAID, query, LATEST, after=after, limit=limit, show=notice, hint=index)

    @router.get("/{hook}")
    async def one(hook: str, engine: EngineOf, caller: Annotated[Caller, Depends(readers)]) -> WebhookShown:
        """A hook."""
        row = await _hook(engine.store, kind, caller, hook)
        return WebhookShown.model_validate(shown(row, engine.now()))

    @router.delete("/{hook}", status_code=204)
    async def remove(hook: str, engine: EngineOf, caller: Annotated[Caller, Depends(readers)]) -> None:
        """Removes a hook with its secrets and all of its deliveries; nothing more is sent to it."""
        row = await _hook(engine.store, kind, caller, hook)
        await engine.store.remove(HOOKS, [row["_id"]])
        for collection in (DELIVERIES, LINES):
            await engine.store.remove_where(collection, {"hook": row["_id"]})


def _switching(router: APIRouter, kind: Kind) -> None:
    readers, mine = allow(kind.role, Role.ADMIN, scope=kind.scope), allow(kind.role, scope=kind.scope)

    @router.post("/{hook}/on")
    async def switch_on(
        hook: str, engine: EngineOf, request: Request, caller: Annotated[Caller, Depends(mine)]
    ) -> WebhookShown:
        """Switches a hook on again. What waited meanwhile is sent now, in order; what was given up before is asked for
        by its recovery. Of one that is on only what waits is sent: since when it fails stays as it is."""
        row, now = await _hook(engine.store, kind, caller, hook), engine.now()
        said = {"off": None, "failing_since": None}
        if await engine.store.mark(HOOKS, {"_id": hook, "off": {"$ne": None}}, said):
            row = {**row, **said}
        await wake(engine.store, {"hook": hook}, now)
        _stir(request)
        return WebhookShown.model_validate(shown(row, now))

    @router.post("/{hook}/off")
    async def switch_off(hook: str, engine: EngineOf, caller: Annotated[Caller, Depends(readers)]) -> WebhookShown:
        """Switches a hook off. What is told meanwhile waits for it, as long as deliveries are kept."""
        row, now = await _hook(engine.store, kind, caller, hook), engine.now()
        said: Row = {"off": row["off"] or {"why": Off.BY_HAND, "at": now}}
        await engine.store.mark(HOOKS, {"_id": hook}, said)
        return WebhookShown.model_validate(shown({**row, **said}, now))


def _delivered(router: APIRouter, kind: Kind) -> None:
    readers, mine = allow(kind.role, Role.ADMIN, scope=kind.scope), allow(kind.role, scope=kind.scope)
    looking = seeing(kind.role, Role.ADMIN, scope=kind.scope)

    @router.get("/{hook}/deliveries")
    async def deliveries(
        hook: str,
        engine: EngineOf,
        caller: Annotated[Caller, Depends(readers)],
        eyes: Annotated[Sight, Depends(looking)],
        state: State | None = None,
        after: After = None,
        limit: Limit = PAGE,
    ) -> Page[DeliveryLine]:
        """What was sent to a hook or is to be, the newest first, each with its last attempt."""
        row = await _hook(engine.store, kind, caller, hook)
        query = {"hook": row["_id"], **({"state": state} if state else {}), **eyes.but("pilot")}
        index = OF_STATE if state else OF_HOOK
        return await page(
            engine.store, DELIVERIES, query, NEWEST, after=after, limit=limit, show=delivery_line, hint=index
        )

    @router.get("/{hook}/deliveries/{delivery}")
    async def one_delivery(
        hook: str,
        delivery: str,
        engine: EngineOf,
        caller: Annotated[Caller, Depends(readers)],
        eyes: Annotated[Sight, Depends(looking)],
    ) -> DeliveryShown:
        """A message to a hook, with every attempt: when, with what status, and the first of what was answered."""
        row = await _delivery(engine.store, kind, caller, eyes, hook, delivery)
        return DeliveryShown.model_validate({**delivery_line(row), "attempts": row["attempts"]})

    @router.post("/{hook}/deliveries/{delivery}/again")
    async def send_again(
        hook: str,
        delivery: str,
        engine: EngineOf,
        request: Request,
        caller: Annotated[Caller, Depends(mine)],
        eyes: Annotated[Sight, Depends(looking)],
    ) -> Again:
        """Sends a message again, under the same `webhook-id`, before what waits of its pilot; one that waits for its
        next attempt is tried now."""
        row = await _delivery(engine.store, kind, caller, eyes, hook, delivery)
        await send_anew(engine.store, {"hook": hook, "_id": row["_id"]}, engine.now())
        _stir(request)
        return Again(messages=1)

    @router.post("/{hook}/recovery")
    async def recover(
        hook: str,
        engine: EngineOf,
        request: Request,
        span: Body[Recovery],
        caller: Annotated[Caller, Depends(mine)],
    ) -> Again:
        """Sends again what was given up of a time, or all of it, each pilot's in order and under the same ids; also
        what happened before the hook was registered, which was never sent."""
        row, now, days = await _hook(engine.store, kind, caller, hook), engine.now(), _settings(request).hook_days
        to, until = Hook.of(row), span.until or now
        new, more = await deliver_earlier(engine.store, kind, to, span.since, until, now, days)
        at = {"$gte": wire_moment(span.since), "$lt": wire_moment(until)}
        states = OVER if span.all else MISSED
        count = await send_anew(engine.store, {"hook": hook, "state": {"$in": [*states]}, "at": at}, now)
        _stir(request)
        return Again.model_validate({"messages": new + count, "next": more})


def _sent(kind: Kind) -> APIRouter:
    """What is sent, as a route of the receiver: for the document alone."""
    router = APIRouter(generate_unique_id_function=lambda _route: kind.name)

    async def message(
        _body: BaseModel,
        _id: Annotated[str, Header(alias="webhook-id", description="The same for every attempt")],
        _at: Annotated[int, Header(alias="webhook-timestamp", description="Of this attempt, in seconds since 1970")],
        _signature: Annotated[str, Header(alias="webhook-signature", description="`v1,` and base64, by each secret")],
    ) -> None:
        """Sent by this service to each registered address. 2xx: it is taken. 410: nothing more is sent there. Whatever
        else: it is tried again, and what follows of its pilot waits. One that came before is known by `webhook-id`."""

    message.__annotations__["_body"] = kind.message
    said: dict[str, Any] = {"name": kind.name, "summary": kind.title, "tags": ["webhooks"]}
    router.add_api_route("/", message, methods=["POST"], status_code=204, **said)
    return router


def _own(kind: Kind, caller: Caller) -> dict[str, Any]:
    """The query of the hooks that a caller looks after: an administrator's are all."""
    return {} if Role.ADMIN in caller.roles else {"owner": kind.owner(caller)}


async def _hook(store: Store, kind: Kind, caller: Caller, id_: str) -> Row:
    """A hook that the caller looks after. Raises Problematic 404 for any other."""
    row = await store.get(HOOKS, id_)
    owner = _own(kind, caller).get("owner", row and row["owner"])
    if row is None or row["owner"] != owner:
        raise not_found()
    return row


async def _delivery(store: Store, kind: Kind, caller: Caller, eyes: Sight, hook: str, id_: str) -> Row:
    """A delivery of such a hook, about a pilot that is not hidden from the caller. Raises Problematic 404."""
    row = await store.get(DELIVERIES, id_)
    await _hook(store, kind, caller, hook)
    if row is None or row["hook"] != hook or eyes.passes_by(row["pilot"]):
        raise not_found()
    return row


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _sealer(settings: Settings) -> Sealer:
    """What seals secrets. Raises Problematic 503 where this service has no key for that."""
    try:
        return Sealer(settings.hook_key.get_secret_value())
    except NoKey:
        raise Problematic(503, "webhook.no-key") from None


def _stir(request: Request) -> None:
    """Has it looked at once, where this process sends."""
    stir = getattr(request.app.state, "stir_hooks", None)
    if stir is not None:
        stir()
