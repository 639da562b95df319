"""Changing or discarding a parked record, which takes two people: one proposes and says why, another approves.

The proposal is kept here with both versions until it is settled, and then without what is personal; that it was made,
approved or declined are facts (`services/law/handling.py`). What is approved is done at once: the changed record is
fed again, a discarded one passed over, and what waited behind follows by itself. Where a process ended in between, the
same approval finishes it.
"""

import hashlib
import json
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, JsonValue, model_validator

from contracts.event import peek
from contracts.reference import Role
from contracts.steps import RecordAction, RecordHandling
from contracts.text import prose
from contracts.topics import AGENCY_MAX_BYTES
from services.chassis.answers import RedrivenRecord, Repairs, RepairState, ShownRepair
from services.chassis.auth import Caller
from services.chassis.body import Body
from services.chassis.choosing import Asked
from services.chassis.counting import counted
from services.chassis.engine import Engine
from services.chassis.hand import Hand, hand
from services.chassis.masking import masked, shows
from services.chassis.parking import COLLECTION, PERSONAL_KEPT
from services.chassis.problems import Problematic
from services.chassis.redriving import left
from services.chassis.sight import Sight, seeing
from services.chassis.store import REPAIRS, Keys, Row, Store
from services.chassis.web import PAGE, After, EngineOf, Limit, not_found, page
from services.law.handling import APPROVED, KIND, Approve, Decline, Handle, Handling, subject_of

NEWEST: Final[Keys] = (("at", -1), ("_id", 1))
"""The index of all proposals, the newest first."""
OF_STATE: Final[Keys] = (("state", 1), *NEWEST)
"""The index of those that stand in some way, the newest first."""
SAME: Final = ("id", "source", "subject", "sequence")
"""What of an event a change leaves alone: by these it is known, here and at every other reader. Of what is shown masked
nothing is compared, for the answer would say whether a guess is right: it stays, whatever the change says."""
Kind = Literal["edit", "discard"]
Ops = Annotated[Hand, Depends(hand(Role.OPS))]
Eyes = Annotated[Sight, Depends(seeing(Role.OPS))]
States = Annotated[list[RepairState], Query(max_length=3, description="Those that stand so; none named: all")]


class Repair(BaseModel):
    """What shall become of a parked record: `edit` puts another event in its place, whole, `discard` passes it over."""

    # Not in contracts.steps: a word to this service about its own records; the fact has fingerprints alone.

    record: Asked = Field(description="Where it stands: `topic/partition/offset`")
    kind: Kind
    event: dict[str, JsonValue] | None = Field(default=None, description="The event as it shall be, for an edit")
    why: Annotated[str, prose(500)]

    @model_validator(mode="after")
    def _fits(self) -> "Repair":
        if (self.event is not None) != (self.kind == "edit"):
            raise ValueError("an edit has an event, and nothing else has")
        return self


class Declining(BaseModel):
    """Why a proposal is declined."""

    why: Annotated[str, prose(500)]


def shown(row: Row) -> dict[str, Any]:
    """A proposal as it is shown."""
    named = ("kind", "why", "by", "state", "settled_by", "verdict")
    at = {name: None if row[name] is None else row[name].isoformat() for name in ("at", "settled_at")}
    becomes = None if row["becomes"] is None else masked(row["becomes"])
    return {
        "id": row["_id"],
        "place": row["record"],
        **{name: row[name] for name in named},
        **at,
        "was": masked(row["was"]),
        "becomes": becomes,
    }


async def proposed(by: Hand, what: Repair, eyes: Sight) -> dict[str, Any]:
    """Keeps a proposal, and the fact that it was made. Raises Problematic: 404 for what is not parked, 422 for a change
    of what an event is known by, and like `Hand.put`."""
    store = by.engine.store
    row = await _there(store, COLLECTION, what.record, eyes)
    becomes = None if what.event is None else _changed(row["value"], what.event)
    id_ = hashlib.sha256(f"{by.caller.id}\0{by.key}\0{what.record}".encode()).hexdigest()[:16]
    action = RecordAction.EDIT_PROPOSED if becomes is not None else RecordAction.DISCARD_PROPOSED
    said = RecordHandling(
        action=action, records=(what.record,), why=what.why, was=_digest(row["value"]), becomes=_digest(becomes)
    )
    kept = {
        "_id": id_,
        "record": what.record,
        "subject": row["subject"],
        "topic": row["topic"],
        "kind": what.kind,
        "why": what.why,
        "by": by.caller.id,
        "at": by.engine.now(),
        "state": "proposed",
        "settled_by": None,
        "settled_at": None,
        "verdict": None,
        "was": row["value"],
        "becomes": becomes,
        "type": (dict(row["headers"]).get("ce_type") or b"").decode("utf-8", "replace") or None,
        "personal_until": by.engine.now() + PERSONAL_KEPT,
    }
    await by.put(subject_of(id_), Handle(said))
    await store.put_new(REPAIRS, [kept])
    return shown(await store.get(REPAIRS, id_) or kept)


async def approved(by: Hand, id_: str, eyes: Sight) -> RedrivenRecord:
    """Approves a proposal of somebody else, and does what it says. Raises Problematic: 404 where there is none, 403 for
    one's own, 409 for one that is settled or whose record is another by now, and like `Hand.give`."""
    store = by.engine.store
    row = await _there(store, REPAIRS, id_, eyes)
    if not await _approved_before(by.engine, id_):
        await _need_as_it_was(by.engine, row)
    await by.give(subject_of(id_), KIND, Approve(), at_once=True)
    if row["verdict"] is None:
        await _carried_out(by.engine, row)
    [told] = await left(store, [row["record"]])
    await _settle(by.engine, row, "approved", by.caller, told.verdict)
    return told


async def declined(by: Hand, id_: str, why: str, eyes: Sight) -> None:
    """Declines a proposal. Raises Problematic like `approved`."""
    row = await _there(by.engine.store, REPAIRS, id_, eyes)
    await by.give(subject_of(id_), KIND, Decline(why), at_once=True)
    await _settle(by.engine, row, "declined", by.caller, None)


async def _approved_before(engine: Engine, id_: str) -> bool:
    found = (await engine.documents([subject_of(id_)])).get(subject_of(id_))
    state = found.state if found is not None else None
    return isinstance(state, Handling) and state.said.action in APPROVED.values()


async def _need_as_it_was(engine: Engine, row: Row) -> None:
    parked = await engine.store.get(COLLECTION, row["record"])
    if parked is None or parked["value"] != row["was"]:
        raise Problematic(409, "handling.outdated")
    if row["kind"] == "discard" and not await engine.parking.may_go(parked):
        raise Problematic(409, "handling.not-next")


async def _carried_out(engine: Engine, row: Row) -> None:
    record = row["record"]
    if row["kind"] == "discard":
        await engine.parking.discard(record)
        return
    await engine.parking.let_go(record)
    said = {"value": row["becomes"], "digest": None, "tries": 0}
    await engine.store.mark(COLLECTION, {"_id": record, "value": row["was"]}, said)
    await engine.parking.redrive([record])


async def _settle(engine: Engine, row: Row, state: str, caller: Caller, verdict: str | None) -> None:
    """Both versions stay, without what is personal: as the fact's fingerprints say, they were others."""
    bare = engine.service.bare
    versions = {name: row[name] and bare(row[name], row["type"]) for name in ("was", "becomes")}
    said = {"state": state, "settled_by": caller.id, "settled_at": engine.now(), "verdict": verdict}
    where = {"_id": row["_id"], "verdict": None}
    await engine.store.mark(REPAIRS, where, {**said, **versions, "personal_until": None})


async def _there(store: Store, collection: str, id_: str, eyes: Sight) -> Row:
    row = await store.get(collection, id_)
    if row is None or eyes.passes_by(row["subject"]):
        raise not_found()
    return row


def _changed(before: bytes, event: dict[str, JsonValue]) -> bytes:
    was = {name: value for name, value in peek(before).items() if name in SAME}
    hidden = {name: value for name, value in was.items() if not shows(name, value)}
    if changed := [name for name in SAME if name in was and name not in hidden and was[name] != event.get(name)]:
        raise Problematic(422, "handling.identity", names=", ".join(changed))
    value = json.dumps({**event, **hidden}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if len(value) > AGENCY_MAX_BYTES:
        raise Problematic(413, "request.too-large", most=AGENCY_MAX_BYTES)
    return value


def _digest(value: bytes | None) -> str | None:
    return None if value is None else hashlib.sha256(value).hexdigest()


def routes() -> APIRouter:
    """Changing and discarding parked records, the same in every service."""
    router = APIRouter(prefix="/v1/parked", tags=["operations"])

    @router.post("/repairs", status_code=201, response_model=ShownRepair, responses={404: {}, 409: {}})
    async def propose(body: Body[Repair], by: Ops, eyes: Eyes) -> Response:
        """Proposes to put another event in the place of a parked one, or to discard it, and says why. Nothing is done
        before a second person approves. What an event is known by cannot be changed."""
        return JSONResponse(ShownRepair(**await proposed(by, body, eyes)).model_dump(mode="json"), 201)

    @router.get("/repairs")
    async def repairs(
        engine: EngineOf,
        eyes: Eyes,
        state: States = [],  # noqa: B006  FastAPI copies it
        after: After = None,
        limit: Limit = PAGE,
        count: Annotated[bool, Query(description="Also say how many there are, up to 10,000")] = False,
    ) -> Repairs:
        """What was proposed, by whom and why, and what came of it, the newest first; both versions are masked. With
        `state` only what stands so: `proposed` waits for a second person."""
        query = eyes.but("subject") | ({"state": {"$in": sorted(set(state))}} if state else {})
        by = OF_STATE if state else NEWEST
        found = await page(engine.store, REPAIRS, query, NEWEST, after=after, limit=limit, show=shown, hint=by)
        many = await counted(engine.store, REPAIRS, query, by) if count else None
        return Repairs(items=found.items, next=found.next, count=many)

    @router.get("/repairs/{repair}", response_model=ShownRepair, responses={404: {}})
    async def one_repair(repair: str, engine: EngineOf, eyes: Eyes) -> Response:
        """One proposal, with both versions masked."""
        return JSONResponse(shown(await _there(engine.store, REPAIRS, repair, eyes)))

    @router.post("/repairs/{repair}/approval", responses={404: {}, 409: {}})
    async def approve(repair: str, by: Ops, eyes: Eyes) -> RedrivenRecord:
        """Approves what somebody else proposed, and does it at once: the changed record is fed again; a discarded one
        is passed over in its turn, and its agency gets a receipt. What waited behind it follows by itself."""
        return await approved(by, repair, eyes)

    @router.post("/repairs/{repair}/refusal", status_code=204, responses={404: {}, 409: {}})
    async def decline(repair: str, body: Body[Declining], by: Ops, eyes: Eyes) -> None:
        """Declines what was proposed, also by who proposed it."""
        await declined(by, repair, body.why, eyes)

    return router
