"""A token, read with suspicion: what it is made of is bounded and of the right types before anything is done with it.

A token is a JWT (RFC 7519), signed with a key of the provider's set and never trusted about how (RFC 8725).
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt

from services.chassis.jwks import ALGORITHMS, MOST_KID

MOST_TOKEN: Final = 16 * 1024
"""How many characters a token has at most: Keycloak's are of one to four thousand."""
MOST_ID: Final = 128
"""How many characters the id of a person and the code of an organisation have at most."""
SEGMENT: Final = re.compile("[A-Za-z0-9_-]+", re.ASCII)
REQUIRED: Final = ("exp", "iat", "sub", "aud", "iss")
MOMENTS: Final = ("exp", "iat", "nbf")
LATEST: Final = 2**40
"""The last second that a claim may name: far beyond what any calendar here holds."""
LIFE: Final = 12 * 3600
"""The longest life of a token, in seconds. Not law: a working day with its evening (assumption). RFC 8725 asks for
short lives and names none; Keycloak gives access tokens five minutes."""


class TooLong(jwt.InvalidTokenError):
    """The token is good for longer than a token may be."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say, and where it says what is asked of it.

    `roles` and `organisation` are names of claims; where there is no claim of the whole name, dots lead into objects:
    `realm_access.roles`. `life`: the longest time from its issue to its end, in seconds.
    """

    issuer: str
    audience: str
    roles: str = "roles"
    organisation: str = "org"
    life: float = LIFE


@dataclass(frozen=True, slots=True)
class Said:
    """What a token says of its bearer; `until` is when it ends, in seconds since 1970."""

    subject: str
    roles: frozenset[str]
    organisation: str | None
    until: float


def kid_of(token: str) -> str:
    """The name of the key that a token says it is signed with. Raises jwt.InvalidTokenError for what is no token."""
    header, _ = _parts(token)
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MOST_KID:
        raise jwt.InvalidTokenError("the token names no key")
    if header.get("alg") not in ALGORITHMS.values() or "crit" in header or "b64" in header:
        raise jwt.InvalidAlgorithmError("the token is signed in a way that is not taken")
    return kid


def read(token: str, key: jwt.PyJWK, expected: Expected) -> Said:
    """What a token says, once it is found to be signed with the key, for us, and in time. Raises jwt.PyJWTError."""
    _, claims = _parts(token)
    _of_right_types(claims)
    try:
        # The whole key, not its material alone: it is then used with its own algorithm, whatever the token says.
        jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=expected.audience,
            issuer=expected.issuer,
            options={"require": list(REQUIRED)},
        )
    except jwt.PyJWTError:
        raise
    except Exception as error:  # a library that stumbles over a token has not found it good
        raise jwt.DecodeError("the token cannot be read") from error
    if claims["exp"] - claims["iat"] > expected.life:
        raise TooLong("the token is good for too long")
    return Said(
        subject=claims["sub"],
        roles=_roles(_claim(claims, expected.roles)),
        organisation=_organisation(_claim(claims, expected.organisation)),
        until=claims["exp"],
    )


def _parts(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The header and the claims of a token, by no more than its form."""
    segments = token.split(".") if len(token) <= MOST_TOKEN else []
    if len(segments) != 3 or not all(map(SEGMENT.fullmatch, segments)):
        raise jwt.DecodeError("this has not the form of a token")
    return _object(segments[0]), _object(segments[1])


def _object(segment: str) -> Mapping[str, Any]:
    """A part of a token as an object of JSON, each name once, and nothing in it that cannot be encoded."""
    try:
        text = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode()
        found = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_constant)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError, binascii.Error) as error:
        raise jwt.DecodeError("a part of the token is no JSON") from error
    if not isinstance(found, dict):
        raise jwt.DecodeError("a part of the token is no object")
    return found


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _no_constant(_name: str) -> None:
    raise ValueError("this is no JSON")


def _of_right_types(claims: Mapping[str, Any]) -> None:
    for name in MOMENTS:
        moment = claims.get(name)
        number = isinstance(moment, (int, float)) and not isinstance(moment, bool)
        if moment is not None and not (number and 0 <= moment < LATEST):
            raise jwt.InvalidTokenError("a time in the token is no number of seconds")
    subject, issuer, audience = claims.get("sub"), claims.get("iss"), claims.get("aud")
    if not _is_id(subject):
        raise jwt.InvalidTokenError(f"the subject is no id of 1 to {MOST_ID} characters")
    audiences = audience if isinstance(audience, list) else [audience]
    if not isinstance(issuer, str) or not all(isinstance(one, str) for one in audiences):
        raise jwt.InvalidTokenError("issuer and audience are texts")


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST_ID and value.isprintable() and value.strip() == value


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its whole name, or by the names that lead to it; None if it is not there."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _roles(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(role, str) for role in value):
        raise jwt.InvalidTokenError("the token has no list of roles")
    return frozenset(value)


def _organisation(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not _is_id(value):
        raise jwt.InvalidTokenError("the organisation is no code")
    return str(value)
