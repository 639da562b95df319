"""Who is calling and in which role: JWTs checked against a JWKS. Every route is closed unless a role opens it."""

import hashlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Protocol, Self

import jwt
from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import State
from starlette.types import Scope

from contracts.event import Actor
from contracts.reference import ROLES, Role
from contracts.reference import Scope as KeyScope
from contracts.words import Wording, wordings
from services.chassis.jwks import KeysAway, key_set
from services.chassis.problems import Problematic
from services.chassis.settings import Settings
from services.chassis.tokens import Expected, TooLong, kid_of, read

log = logging.getLogger(__name__)

BEARER: Final = HTTPBearer(auto_error=False, description="A JWT of the identity provider, or the key of an agency")
REMEMBERED_FOR: Final = 5.0
"""Seconds for which a token that was checked is not checked again; so long a withdrawn key may still be good."""
REMEMBERED: Final = 1000
"""How many such tokens are known at most."""
IDENTIFIED: Final = "lotsman.identified"
"""Under what name a request's scope says who its token was found to speak for, or why it was refused."""
KEY_BEGINS: Final = "lotsman_"
"""How every key of an agency begins, and no token."""
CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: an opaque id, the roles the token gives, the organisation or agency acted for."""

    id: str
    roles: frozenset[str]
    organisation: str | None
    scopes: frozenset[str] | None = None
    """What a key opens; None for the bearer of a token, whose roles say that."""
    until: float | None = None
    """When the token ends, in seconds since 1970; None for the bearer of a key."""

    @property
    def share(self) -> str:
        """Whose share of the service the caller takes: the agency's, for who publishes for one, else the own."""
        if Role.PUBLISHER in self.roles and self.organisation:
            return f"agency:{self.organisation}"
        return f"person:{self.id}"

    def acting(self, roles: frozenset[Role]) -> Actor:
        """The caller as the actor of a command, in the first of these roles that the token gives."""
        role = next(r for r in ROLES if r in roles & self.roles)
        return Actor(id=self.id, organisation=self.organisation, role=role)


WHY: Final[dict[type[jwt.PyJWTError], str]] = {
    jwt.ExpiredSignatureError: "token.expired",
    jwt.ImmatureSignatureError: "token.early",
    jwt.InvalidAudienceError: "token.not-for-us",
    jwt.InvalidIssuerError: "token.not-for-us",
    jwt.InvalidSignatureError: "token.unsigned",
    TooLong: "token.too-long",
}
"""What is said of a token that is refused, by what was found."""


class Agencies(Protocol):
    """The agencies of a service that keeps their directory."""

    async def bearer(self, key: str) -> Caller:
        """Whose program has this key. Raises Problematic: 401 for one that opens nothing, 503 where nobody can say."""
        ...

    def remembered(self, key: str) -> Caller | None:
        """Whose program has this key, where it opens something, as far as that is known. Never waits."""
        ...

    async def need_open(self, code: str) -> None:
        """Raises Problematic 403 for an agency that is cut off, and StoreAway."""
        ...

    def counts(self, method: str, path: str) -> bool:
        """Whether requests like this count in a quota."""
        ...

    def need_room(self, caller: Caller, method: str, path: str) -> None:
        """Raises Problematic 429 for a request of an agency that has used up what it may have, before anything is made
        of it. Never waits."""

    def rate(self, code: str) -> float:
        """How many events a second of an agency's topic are read at most, as far as that is known. Never waits."""
        ...

    def beside(self, crowds: Callable[[str], bool]) -> None:
        """Is told by what it learns whether an agency's topic gives more than its rate."""
        ...

    def ends(self) -> Mapping[str, datetime]:
        """When a key ends that has no successor, by the agency's code, as far as that is known. Never waits."""
        ...


class NoDirectory:
    """A service that keeps no directory: whoever has a token of the identity provider is let in by it."""

    async def bearer(self, _key: str) -> Caller:
        """Keys of agencies open what has a door for them."""
        raise bad_key("key.elsewhere")

    def remembered(self, _key: str) -> Caller | None:
        """Nobody has a key here."""
        return None

    async def need_open(self, code: str) -> None:
        """Nobody is cut off here."""

    def counts(self, _method: str, _path: str) -> bool:
        """Nobody has a quota here."""
        return False

    def need_room(self, _caller: Caller, _method: str, _path: str) -> None:
        """Nobody has a quota here."""

    def rate(self, _code: str) -> float:
        """Nobody is held up here."""
        return math.inf

    def beside(self, _crowds: Callable[[str], bool]) -> None:
        """Nobody has a quota here."""

    def ends(self) -> Mapping[str, datetime]:
        """Nobody has a key here."""
        return {}


class Keys:
    """The identity provider's public keys, from an address or a file, and what its tokens must say.

    Raises FaultyKeys or OSError for keys that cannot be used.
    """

    def __init__(self, where: str, issuer: str, audience: str, expected: Expected | None = None) -> None:
        self._keys = key_set(where)
        self._expected = expected or Expected(issuer, audience)
        self._remembered: dict[bytes, tuple[Caller, float]] = {}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As it is set for a process."""
        expected = Expected(
            settings.issuer, settings.audience, settings.roles_claim, settings.organisation_claim, settings.token_life
        )
        return cls(settings.jwks, settings.issuer, settings.audience, expected)

    def remembered(self, token: str) -> Caller | None:
        """Who the token speaks for, where it was checked a moment ago and has not run out since. Never blocks."""
        caller, until = self._remembered.get(_mark(token), (None, 0.0))
        return caller if time.time() < until else None

    async def caller(self, token: str) -> Caller:
        """Who the token speaks for. Raises jwt.PyJWTError unless it is signed by a known key, for us, and in time;
        KeysAway where the keys cannot be asked."""
        key = await self._keys.key(kid_of(token))
        if key is None:
            raise jwt.InvalidTokenError("the token is signed with an unknown key")
        said = read(token, key, self._expected)
        caller = Caller(said.subject, said.roles, said.organisation, until=said.until)
        if len(self._remembered) >= REMEMBERED:
            self._remembered = {}
        self._remembered[_mark(token)] = caller, min(said.until, time.time() + REMEMBERED_FOR)
        return caller


def _mark(token: str) -> bytes:
    """What a token is known by, so that none is kept."""
    return hashlib.sha256(token.encode()).digest()


def _why(error: jwt.PyJWTError) -> Wording:
    """What is wrong with a token, in words; what the library says is for the log."""
    log.info("a token was refused: %s", type(error).__name__)
    rule = next((rule for kind, rule in WHY.items() if isinstance(error, kind)), "token.faulty")
    return wordings()[rule]


def bad_key(rule: str) -> Problematic:
    """What is said of a key that opens nothing."""
    return Problematic(401, "auth.invalid", why=wordings()[rule], headers=CHALLENGE)


async def identified(scope: Scope, state: State) -> Caller:
    """Who a request's token or key speaks for, found once for each request; `state` is the app's.

    Raises Problematic: 401 without a valid token, 503 when the key set cannot be fetched.
    """
    if IDENTIFIED not in scope:
        try:
            scope[IDENTIFIED] = await _identified(bearer_of(scope["headers"]), state)
        except Problematic as error:
            scope[IDENTIFIED] = error
    found: Caller | Problematic = scope[IDENTIFIED]
    if isinstance(found, Problematic):
        raise found
    return found


def bearer_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The token of a request; nothing where it brings none (RFC 6750, 2.1)."""
    said = next((value for name, value in headers if name == b"authorization"), b"")
    kind, _, token = said.decode("latin-1").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


async def _identified(token: str, state: State) -> Caller:
    if not token:
        raise Problematic(401, "auth.missing", headers=CHALLENGE)
    if token.startswith(KEY_BEGINS):
        agencies: Agencies = state.agencies
        return await agencies.bearer(token)
    keys: Keys = state.keys
    try:
        return keys.remembered(token) or await keys.caller(token)
    except KeysAway as error:
        raise Problematic(503, "auth.away", action="retry", headers={"Retry-After": "2"}) from error
    except jwt.PyJWTError as error:
        raise Problematic(401, "auth.invalid", why=_why(error), headers=CHALLENGE) from error


def allow(*roles: Role, scope: KeyScope | None = None) -> Callable[..., Awaitable[Caller]]:
    """A route's dependency: lets in callers with one of these roles, and hands the caller over. Keys of agencies open
    it by their `scope`, also where publishers' tokens do not; where all roles do, every key does, and where there is
    none, no key.

    Raises 401 without a valid token, 403 without the role or, for who is a publisher alone, without an organisation to
    publish for or for one that is cut off, 503 when the key set cannot be fetched.
    """
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError(f"no such roles: {sorted(unknown)}")

    async def opened(
        request: Request, _shown: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
    ) -> Caller:
        caller = await identified(request.scope, request.app.state)
        opening, by_key = caller.roles & frozenset(roles), caller.scopes is not None
        if not opening and not (by_key and scope is not None):
            raise Problematic(403, "auth.role", roles=roles)
        if opening <= {Role.PUBLISHER}:
            if not caller.organisation:
                raise Problematic(403, "auth.organisation")
            agencies: Agencies = request.app.state.agencies
            await agencies.need_open(caller.organisation)
        if caller.scopes is not None and len(roles) < len(ROLES):
            _need_scope(caller.scopes, scope)
        return caller

    opened.__dict__["roles"] = roles
    return opened


def _need_scope(scopes: frozenset[str], needed: KeyScope | None) -> None:
    if needed is None:
        raise Problematic(403, "key.closed")
    if needed not in scopes:
        raise Problematic(403, "key.scope", needs=needed, scopes=sorted(scopes))
