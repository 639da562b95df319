"""Commands over HTTP: a role, an Idempotency-Key, the revision that was seen; an outcome becomes an answer."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from services.chassis.auth import Caller, allow
from services.chassis.engine import Engine
from services.chassis.problems import Problematic
from services.chassis.subject import Broken, Claimed, Conflict, Done, Duplicate, Input, Outcome, Refused, Stale
from services.chassis.web import EngineOf, document

IfMatch = Annotated[
    str | None, Header(alias="If-Match", description='The ETag that the caller saw, e.g. `"7"`; required')
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=128,
        description="The caller's own id of this command: sending the same again gives the same answer; required",
    ),
]


class CommandAnswer(BaseModel):
    """A command was carried out: the subject stands at `version`. The ETag header is its present revision."""

    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class Hand:
    """A caller about to act in a role, with all that a command needs besides itself."""

    request: Request
    engine: Engine
    caller: Caller
    role: str
    if_match: str | None
    key: str | None

    async def give(self, subject: str, kind: str, what: object) -> Response:
        """A command to a subject that exists. Raises Problematic: 404 if it does not, 428 without If-Match, and
        like `put`."""
        await document(self.engine, subject, kind)
        key = _needed(self.key)
        if self.if_match is None:
            raise Problematic(428, "if-match.missing", "Send If-Match with the ETag of what you saw.")
        return await self._settle(subject, what, key)

    async def put(self, subject: str, what: object) -> Response:
        """A command that may create its subject; without If-Match it must be the one that does.

        Raises Problematic: 400 for a missing Idempotency-Key or a bad If-Match, 409 and 422 for a refusal or a key
        used for something else, 412 for a revision that is gone.
        """
        return await self._settle(subject, what, _needed(self.key))

    async def _settle(self, subject: str, what: object, key: str) -> Response:
        one = Input(
            subject=subject,
            mark=Claimed(f"person:{self.caller.id}", key, await _content(self.request, subject)),
            command=what,
            actor=self.caller.acting(frozenset({self.role})),
            cause_id=f"{self.caller.id}:{key}",
            if_match=_revision(self.if_match),
        )
        version, rev, again = _good(await self.engine.command(one))
        headers = {"ETag": f'"{rev}"'} | ({"Idempotent-Replayed": "true"} if again else {})
        return JSONResponse(CommandAnswer(subject=subject, version=version).model_dump(), headers=headers)


def hand(role: str) -> Callable[..., Awaitable[Hand]]:
    """A command route's dependency: lets in callers with this role alone, and hands over what acts for them."""

    async def ready(
        request: Request,
        engine: EngineOf,
        caller: Annotated[Caller, Depends(allow(role))],
        if_match: IfMatch = None,
        key: Key = None,
    ) -> Hand:
        return Hand(request, engine, caller, role, if_match, key)

    return ready


def _good(outcome: Outcome) -> tuple[int, int, bool]:
    match outcome:
        case Done(version, rev, _):
            return version, rev, False
        case Duplicate(version, rev):
            return version, rev, True
        case Stale(rev):
            raise Problematic(
                412,
                "revision.gone",
                "Somebody changed it meanwhile. Read it again, then decide again.",
                headers={"ETag": f'"{rev}"'},
            )
        case Conflict():
            raise Problematic(409, "idempotency-key.reused", "This Idempotency-Key was used for something else.")
        case Refused(refusal):
            raise Problematic(refusal.status, refusal.code, refusal.detail, problems=refusal.problems)
        case Broken():
            raise Problematic(500, "engine.broken", "This could not be decided; the operators can see why.")
        case _:
            raise AssertionError(f"a command cannot end as {outcome}")


def _needed(key: str | None) -> str:
    if not key:
        raise Problematic(400, "idempotency-key.missing", "Send an Idempotency-Key header.")
    return key


def _revision(if_match: str | None) -> int:
    """The revision that the caller saw; 0, that nothing is there yet, for one who saw none."""
    if if_match is None:
        return 0
    etag = re.fullmatch(r'(?:W/)?"?([0-9]{1,18})"?', if_match.strip())
    if etag is None:
        raise Problematic(400, "if-match.bad", "If-Match must be one ETag of this resource.")
    return int(etag.group(1))


async def _content(request: Request, subject: str) -> str:
    """A fingerprint of what is asked for: the route, the subject and the body, in whatever order its keys came."""
    try:
        body = json.loads(await request.body() or b"null")
    except (ValueError, RecursionError):
        body = None
    asked = [request.method, request.url.path, subject, body]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
