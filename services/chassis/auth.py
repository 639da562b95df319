"""Who is calling and in which role: JWTs checked against a JWKS. Every route is closed unless a role opens it."""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import jwt
from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from contracts.event import Actor
from contracts.reference import ROLES, Role
from contracts.words import Wording, wordings
from services.chassis.problems import Problematic

log = logging.getLogger(__name__)

BEARER: Final = HTTPBearer(auto_error=False, description="A JWT of the identity provider")
REFRESH_AT_MOST_EVERY: Final = 10.0
"""Seconds between two fetches of the provider's keys because of an unknown one."""
REMEMBERED_FOR: Final = 5.0
"""Seconds for which a token that was checked is not checked again; so long a withdrawn key may still be good."""
REMEMBERED: Final = 1000
"""How many such tokens are known at most."""
CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
ALGORITHMS: Final = ("ES256", "RS256", "EdDSA")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: an opaque id, the roles the token gives, the organisation or agency acted for."""

    id: str
    roles: frozenset[str]
    organisation: str | None

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
}
"""What is said of a token that is refused, by what was found."""


class Keys:
    """The identity provider's public keys, from an https address (cached) or a JWKS file."""

    def __init__(self, where: str, issuer: str, audience: str) -> None:
        self._issuer, self._audience = issuer, audience
        self._remote = jwt.PyJWKClient(where, timeout=5) if where.startswith("https://") else None
        self._ask_again_from = 0.0
        self._local = None if self._remote else _from_file(where)
        self._remembered: dict[bytes, tuple[Caller, float]] = {}

    def remembered(self, token: str) -> Caller | None:
        """Who the token speaks for, where it was checked a moment ago and has not run out since. Never blocks."""
        caller, until = self._remembered.get(_mark(token), (None, 0.0))
        return caller if time.time() < until else None

    def caller(self, token: str) -> Caller:
        """Who the token speaks for. Raises jwt.PyJWTError unless it is signed by a known key, for us, and in time."""
        claims: dict[str, Any] = jwt.decode(
            token,
            self._key(token),
            algorithms=list(ALGORITHMS),
            audience=self._audience,
            issuer=self._issuer,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
        roles = claims.get("roles")
        if not isinstance(roles, list) or not all(isinstance(r, str) for r in roles):
            raise jwt.InvalidTokenError("the token has no list of roles")
        if not 0 < len(claims["sub"]) <= 128:
            raise jwt.InvalidTokenError("the subject is no id of 1 to 128 characters")
        organisation = claims.get("org")
        caller = Caller(str(claims["sub"]), frozenset(roles), str(organisation) if organisation else None)
        if len(self._remembered) >= REMEMBERED:
            self._remembered = {}
        self._remembered[_mark(token)] = caller, min(int(claims["exp"]), time.time() + REMEMBERED_FOR)
        return caller

    def _key(self, token: str) -> jwt.PyJWK:
        # The whole key, not its material alone: it is then used with its own algorithm, whatever the token says.
        kid = str(jwt.get_unverified_header(token).get("kid"))
        key = self._local.get(kid) if self._local is not None else self._remote_key(kid)
        if key is None:
            raise jwt.InvalidTokenError("the token is signed with an unknown key")
        return key

    def _remote_key(self, kid: str) -> jwt.PyJWK | None:
        """A key of the provider's set; for an unknown one the set is fetched anew, but not at every stranger's call."""
        assert self._remote is not None
        found = _named(self._remote.get_signing_keys(), kid)
        if found is None and time.monotonic() >= self._ask_again_from:
            self._ask_again_from = time.monotonic() + REFRESH_AT_MOST_EVERY
            found = _named(self._remote.get_signing_keys(refresh=True), kid)
        return found


def _mark(token: str) -> bytes:
    """What a token is known by, so that none is kept."""
    return hashlib.sha256(token.encode()).digest()


def _named(keys: Sequence[jwt.PyJWK], kid: str) -> jwt.PyJWK | None:
    return next((key for key in keys if key.key_id == kid), None)


def _from_file(path: str) -> dict[str, jwt.PyJWK]:
    if not path:
        return {}
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    return {str(k.key_id): k for k in jwt.PyJWKSet.from_dict(found).keys}


def _why(error: jwt.PyJWTError) -> Wording:
    """What is wrong with a token, in words; what the library says is for the log."""
    log.info("a token was refused: %s", error)
    rule = next((rule for kind, rule in WHY.items() if isinstance(error, kind)), "token.faulty")
    return wordings()[rule]


def allow(*roles: Role) -> Callable[..., Awaitable[Caller]]:
    """A route's dependency: lets in callers with one of these roles, and hands the caller over.

    Raises 401 without a valid token, 403 without the role, 503 when the key set cannot be fetched.
    """
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError(f"no such roles: {sorted(unknown)}")

    async def opened(
        request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
    ) -> Caller:
        if bearer is None:
            raise Problematic(401, "auth.missing", headers=CHALLENGE)
        keys: Keys = request.app.state.keys
        try:
            # Fetching a remote key set blocks, so it must not run on the event loop.
            token = bearer.credentials
            caller = keys.remembered(token)
            if caller is None:
                caller = await asyncio.to_thread(keys.caller, token)
        except jwt.PyJWKClientConnectionError as error:
            raise Problematic(503, "auth.away", action="retry", headers={"Retry-After": "2"}) from error
        except jwt.PyJWTError as error:
            raise Problematic(401, "auth.invalid", why=_why(error), headers=CHALLENGE) from error
        if not caller.roles & frozenset(roles):
            raise Problematic(403, "auth.role", roles=roles)
        return caller

    opened.__dict__["roles"] = roles
    return opened
