"""Commands over HTTP: a role, an Idempotency-Key, the revision that was seen; an outcome becomes an answer."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, assert_never
from uuid import uuid4

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse

from contracts.reference import Role
from contracts.words import Language
from services.chassis import not_decided
from services.chassis.auth import Caller, allow
from services.chassis.described import CommandAnswer
from services.chassis.engine import Engine
from services.chassis.problems import Problematic, language_of, refused
from services.chassis.problems import document as problem_document
from services.chassis.sight import hides
from services.chassis.subject import (
    Absent,
    Broken,
    Claimed,
    Conflict,
    Done,
    Duplicate,
    Input,
    Outcome,
    Refused,
    Stale,
    Waiting,
)
from services.chassis.web import EngineOf, document, not_found, unreadable

REPLAYED: Final = "Idempotent-Replayed"
"""The header of an answer that says that the same was asked before, and nothing was done now."""
Sees = Callable[[Any], bool]
"""Whether the caller may know of a subject in a state."""

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


@dataclass(frozen=True, slots=True)
class Hand:
    """A caller about to act in a role, with all that a command needs besides itself."""

    request: Request
    engine: Engine
    caller: Caller
    roles: tuple[Role, ...]
    if_match: str | None
    key: str | None

    async def give(
        self, subject: str, kind: str, what: object, *, sees: Sees | None = None, at_once: bool = False
    ) -> Response:
        """A command to a subject that is there as this kind, and that the caller may know of in the state that is
        decided on; what must be done `at_once` needs no If-Match, whatever stands there. Raises Problematic: 404 if it
        is not, 428 without If-Match, and like `put`."""
        try:
            key = _needed(self.key)
            seen = None if at_once and self.if_match is None else _revision_needed(self.if_match)
        except Problematic:  # what is not there for the caller is not there, before a word about headers
            found = await document(self.engine, subject, kind)
            if not self._sees(sees)(found.state):
                raise not_found() from None
            raise
        return await self._settle(subject, what, key, seen, existing=kind, sees=sees)

    async def put(self, subject: str, what: object) -> Response:
        """A command that may create its subject; without If-Match it must be the one that does.

        Raises Problematic: 400 for a missing Idempotency-Key or a bad If-Match, 409 and 422 for a refusal or a key
        used for something else, 412 for a revision that is gone.
        """
        return await self._settle(subject, what, _needed(self.key), _revision(self.if_match))

    async def give_if_there(self, subject: str, kind: str, what: object) -> bool:
        """A command to a subject whatever stands there: without If-Match at the revision that is decided on, without
        Idempotency-Key under a new one. False where there is none of this kind. Raises Problematic like `put` but for
        what is missing.
        """
        seen = None if self.if_match is None else _revision(self.if_match)
        key, content = self.key or str(uuid4()), await self.content(subject)
        outcome = await self.engine.command(self._input(subject, key, content, what, seen, kind, None))
        if isinstance(outcome, Absent):
            return False
        _good(outcome)
        return True

    async def record(self, subject: str, what: object) -> None:
        """A command to a subject whatever stands there, or nothing yet, at the revision that is decided on; without
        Idempotency-Key under a new one. Raises Problematic like `put` but for what is missing."""
        key, content = f"{self.key or uuid4()}:{subject}", await self.content(subject)
        _good(await self.engine.command(self._input(subject, key, content, what, None, None, None)))

    async def give_many(
        self, items: Sequence[tuple[str, int, object]], kind: str, *, sees: Sees | None = None
    ) -> list[dict[str, Any]]:
        """Commands to many subjects at once, each with the revision that was seen: an answer for each, in order.

        One that cannot be done, or is not there for the caller (as in `give`), says why and is in nobody's way; sending
        the same again gives the same answers. Raises Problematic 400 for a missing Idempotency-Key, 422 for a subject
        that is named twice.
        """
        key = _needed(self.key)
        subjects = [subject for subject, _, _ in items]
        if len(set(subjects)) != len(subjects):
            raise Problematic(422, "subject.twice")
        content, language = await self.content(), self.language
        inputs = [self._input(s, f"{key}:{s}", content, what, rev, kind, sees) for s, rev, what in items]
        outcomes = await self.engine.commands(inputs)
        return [_told(s, outcome, language) for s, outcome in zip(subjects, outcomes, strict=True)]

    @property
    def language(self) -> Language:
        """The language that the caller is answered in."""
        return language_of(self.request.headers)

    async def content(self, subject: str = "") -> str:
        """A fingerprint of what is asked for: the same for every resend of it."""
        return await _content(self.request, subject)

    def _input(
        self,
        subject: str,
        key: str,
        content: str,
        what: object,
        if_match: int | None,
        existing: str | None,
        sees: Sees | None,
    ) -> Input:
        not_decided.asked(self.request.scope)
        return Input(
            subject=subject,
            mark=Claimed(f"person:{self.caller.id}", key, content),
            command=what,
            actor=self.caller.acting(frozenset(self.roles)),
            cause_id=f"{self.caller.id}:{key}",
            if_match=if_match,
            existing=existing,
            sees=self._sees(sees),
        )

    def _sees(self, sees: Sees | None) -> Sees:
        """What a conflict of interest hides from the caller is hidden from every command; `sees` may hide more."""
        who = self.caller.id
        return lambda state: not hides(state, who) and (sees is None or sees(state))

    async def _settle(
        self,
        subject: str,
        what: object,
        key: str,
        seen: int | None,
        *,
        existing: str | None = None,
        sees: Sees | None = None,
    ) -> Response:
        content = await self.content(subject)
        one = self._input(subject, key, content, what, seen, existing, sees)
        version, rev, again = _good(await self.engine.command(one))
        headers = {"ETag": f'"{rev}"'} | ({REPLAYED: "true"} if again else {})
        return JSONResponse(CommandAnswer(subject=subject, version=version).model_dump(), headers=headers)


def hand(*roles: Role) -> Callable[..., Awaitable[Hand]]:
    """A command route's dependency: lets in callers with one of these roles, and hands over what acts for them.

    One who has several of them acts in the first, in the order of `contracts.reference.Role`.
    """

    async def ready(
        request: Request,
        engine: EngineOf,
        caller: Annotated[Caller, Depends(allow(*roles))],
        if_match: IfMatch = None,
        key: Key = None,
    ) -> Hand:
        return Hand(request, engine, caller, roles, if_match, key)

    return ready


def _told(subject: str, outcome: Outcome, language: Language) -> dict[str, Any]:
    """The answer for one of many: done with its version, or the problem that a command of its own would get."""
    try:
        version, rev, again = _good(outcome)
    except Problematic as error:
        return {"subject": subject, "done": False, "problem": problem_document(error, language)}
    return {"subject": subject, "done": True, "version": version, "etag": f'"{rev}"', "replayed": again}


def _good(outcome: Outcome) -> tuple[int, int, bool]:
    """Version, revision, and whether it is an answer given before. Raises Problematic for every other outcome."""
    match outcome:
        case Done(version, rev, _):
            return version, rev, False
        case Duplicate(version, rev):
            return version, rev, True
        case Stale(rev, version):
            raise Problematic(
                412,
                "revision.gone",
                headers={"ETag": f'"{rev}"'},
                extra={"version": version, "etag": f'"{rev}"'},
            )
        case Absent():
            raise not_found()
        case Conflict():
            raise Problematic(409, "idempotency-key.reused")
        case Refused(refusal):
            raise refused(refusal)
        case Broken(unreadable=True):
            raise unreadable()
        case Broken():
            raise Problematic(500, "engine.broken")
        case Waiting():
            raise AssertionError("a command waits for nothing")
        case _:
            assert_never(outcome)


def _needed(key: str | None) -> str:
    if not key:
        raise Problematic(400, "idempotency-key.missing")
    return key


def _revision_needed(if_match: str | None) -> int:
    if if_match is None:
        raise Problematic(428, "if-match.missing")
    return _revision(if_match)


def _revision(if_match: str | None) -> int:
    """The revision that the caller saw; 0, that nothing is there yet, for one who saw none."""
    if if_match is None:
        return 0
    etag = re.fullmatch(r'(?:W/)?"?([0-9]{1,18})"?', if_match.strip())
    if etag is None:
        raise Problematic(400, "if-match.bad")
    return int(etag.group(1))


async def _content(request: Request, subject: str) -> str:
    """A fingerprint of what is asked for: the route, the subject and the body, in whatever order its keys came."""
    try:
        body = json.loads(await request.body() or b"null")
    except (ValueError, RecursionError):
        body = None
    asked = [request.method, request.url.path, subject, body]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
