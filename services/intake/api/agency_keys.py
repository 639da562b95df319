"""Keys for agencies' programs over HTTP: given out once, rotated with an overlap, revoked at once."""

import hashlib
import secrets
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from contracts.forms import KEY_ID
from contracts.steps import KeyOrder, KeyRevocation, KeyRotation
from services.chassis.auth import KEY_BEGINS
from services.chassis.body import Body
from services.chassis.described import SAME_AGAIN
from services.chassis.directory import digest_of, last_uses
from services.chassis.hand import Hand
from services.chassis.settings import Settings
from services.chassis.web import EngineOf
from services.intake import queries
from services.intake.api.access import Admin
from services.intake.api.answers import AgencyKeys, NewKey
from services.intake.api.directory import AgencyCode, AgencysReader, entry_of, known_here, own_entry, told_once
from services.intake.domain.agency import subject_of
from services.intake.domain.agency_keys import Fresh, IssueKey, RevokeKey, RotateKey
from services.law.standing import KIND

KeyId = Annotated[str, Path(pattern=KEY_ID)]
ONCE: Final[dict[int | str, dict[str, Any]]] = {200: {"model": NewKey, "description": SAME_AGAIN}}


def add(router: APIRouter) -> None:
    """`/agencies/{code}/keys`."""

    @router.get("/agencies/{code}/keys", tags=["directory"], response_model=AgencyKeys)
    async def keys(code: AgencyCode, engine: EngineOf, caller: AgencysReader) -> Response:
        """The keys of an agency: what each opens, until when, and when it was last used at intake, to the minute;
        at the register: `GET /v1/agencies/{code}` there. The keys themselves are nowhere. An agency sees its own."""
        entry, _ = await entry_of(engine, own_entry(code, caller))
        used = await last_uses(engine.store, [one.id for one in entry.keys])
        return JSONResponse({"items": [queries.key_row(one, used.get(one.id)) for one in entry.keys]})

    @router.post("/agencies/{code}/keys", tags=["directory"], status_code=201, response_model=NewKey, responses=ONCE)
    async def issue(code: AgencyCode, body: Body[KeyOrder], by: Admin) -> Response:
        """Gives an agency a key, which is in this answer and never again: the same asked again tells which it was, and
        not the key. If-Match is not needed."""
        key, fresh = _made(by, code)
        return await _given(by, code, key, fresh, IssueKey(body, fresh))

    @router.post(
        "/agencies/{code}/keys/{key_id}/rotation",
        tags=["directory"],
        status_code=201,
        response_model=NewKey,
        responses=ONCE,
    )
    async def rotate(code: AgencyCode, key_id: KeyId, body: Body[KeyRotation], by: Admin) -> Response:
        """Gives an agency a key like this one, which is good beside it for so many hours more."""
        settings: Settings = by.request.app.state.settings
        hours = settings.key_overlap_hours if body.overlap_hours is None else body.overlap_hours
        text, fresh = _made(by, code)
        return await _given(by, code, text, fresh, RotateKey(key_id, fresh, timedelta(hours=hours)))

    @router.post("/agencies/{code}/keys/{key_id}/revocation", tags=["directory"])
    async def revoke(code: AgencyCode, key_id: KeyId, body: Body[KeyRevocation], by: Admin) -> Response:
        """Has a key open nothing more, within a second at every replica. If-Match is not needed."""
        answer = await by.give(subject_of(code), KIND, RevokeKey(key_id, body), at_once=True)
        return known_here(by.request, answer)


def _made(by: Hand, code: str) -> tuple[str, Fresh]:
    """A key that nobody has seen yet. Its id follows from the command, so that a resend of that speaks of the same."""
    said = f"{by.caller.id}\0{by.key}\0{code}"
    id_ = hashlib.sha256(said.encode()).hexdigest()[:12]
    key = f"{KEY_BEGINS}{id_}_{secrets.token_hex(32)}"
    return key, Fresh(id_, digest_of(key))


async def _given(by: Hand, code: str, key: str, fresh: Fresh, command: IssueKey | RotateKey) -> Response:
    answer = known_here(by.request, await by.give(subject_of(code), KIND, command, at_once=True))
    told = {"agency": code, "id": fresh.id, "begins": f"{KEY_BEGINS}{fresh.id}"}
    return told_once(answer, told, key=key)
