"""Keys for agencies' programs (ключи): what is kept of them, and what may be done. The key itself is never here.

A key is good from its issue until it ends, is revoked, or the time beside its successor is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from contracts.event import Actor, Moment
from contracts.intake import AgencyKey, AgencyKeyIssuedV1, AgencyKeyRevokedV1
from contracts.reference import KeyEnding
from contracts.steps import KeyOrder, KeyRevocation
from services.law.decision import Refusal

MOST_LIVING: Final = 20
"""So many keys of an agency may be good at once (assumption: each of its programs has one, and some are rotated)."""
MOST_KEPT: Final = 60
"""So many are shown, the last ones; what became of all stands in the journal (technical)."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A key that was just made: its id, and the SHA-256 of all of it."""

    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class IssueKey:
    """Give the agency a key."""

    order: KeyOrder
    fresh: Fresh


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Give the agency a key like another one, which ends after the overlap."""

    key: str
    fresh: Fresh
    overlap: timedelta


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """End a key at once."""

    key: str
    revocation: KeyRevocation


KeyCommand = IssueKey | RotateKey | RevokeKey
AgencyKeyFact = AgencyKeyIssuedV1 | AgencyKeyRevokedV1


class ApiKey(AgencyKey, KeyEnding):
    """A key as it stands, by its id."""

    id: str
    issued: Moment
    issued_by: str


Keys = tuple[ApiKey, ...]


def decide_key(keys: Keys, command: KeyCommand, code: str, actor: Actor, now: datetime) -> Sequence[AgencyKeyFact]:
    """What follows from a command about an agency's keys. Raises Refusal."""
    match command:
        case IssueKey(order, fresh):
            if order.until is not None and order.until <= now:
                raise Refusal("key.until-past", status=422)
            return (_issued(keys, order, fresh, code, actor, now, until=order.until),)
        case RotateKey(key, fresh, overlap):
            old = _known(keys, key)
            if not old.good(now):
                raise Refusal("key.ended")
            ends = now + overlap if old.until is None else min(old.until, now + overlap)
            new = _issued(keys, old, fresh, code, actor, now, until=_end(keys, old))
            return (new.model_copy(update={"replaces": key, "replaced_until": ends}),)
        case RevokeKey(key, revocation):
            if _known(keys, key).revoked is not None:
                return ()
            return (AgencyKeyRevokedV1.made_of(revocation, actor=actor, code=code, key=key, at=now),)
        case _:
            assert_never(command)


def evolve_keys(keys: Keys, fact: AgencyKeyFact) -> Keys:
    """The keys after a fact about one of them."""
    match fact:
        case AgencyKeyIssuedV1():
            ended = tuple(_until(one, fact) if one.id == fact.replaces else one for one in keys)
            new = ApiKey.made_of(fact, id=fact.key, issued=fact.at, issued_by=fact.actor.id)
            return _kept((*ended, new), fact.at)
        case AgencyKeyRevokedV1():
            return tuple(_revoked(one, fact) if one.id == fact.key else one for one in keys)
        case _:
            assert_never(fact)


def _issued(
    keys: Keys,
    said: KeyOrder | ApiKey,
    fresh: Fresh,
    code: str,
    actor: Actor,
    now: datetime,
    *,
    until: datetime | None,
) -> AgencyKeyIssuedV1:
    if sum(one.good(now) for one in keys) >= MOST_LIVING:
        raise Refusal("key.too-many", most=MOST_LIVING)
    return AgencyKeyIssuedV1(
        actor=actor,
        code=code,
        at=now,
        key=fresh.id,
        label=said.label,
        scopes=tuple(dict.fromkeys(said.scopes)),
        digest=fresh.digest,
        until=until,
    )


def _end(keys: Keys, key: ApiKey) -> datetime | None:
    """Until when a key was given out: one that was replaced ends sooner, and its end went over to the one behind it."""
    behind = next((one for one in keys if one.replaces == key.id), None)
    return key.until if behind is None else _end(keys, behind)


def _known(keys: Keys, key: str) -> ApiKey:
    found = next((one for one in keys if one.id == key), None)
    if found is None:
        raise Refusal("key.unknown", status=404)
    return found


def _kept(keys: Keys, now: datetime) -> Keys:
    """Those that are good, and the last ones of those that ended."""
    spare = len(keys) - MOST_KEPT
    ended = [one.id for one in keys if not one.good(now)][: max(0, spare)]
    return tuple(one for one in keys if one.id not in ended)


def _until(key: ApiKey, fact: AgencyKeyIssuedV1) -> ApiKey:
    return key.model_copy(update={"until": fact.replaced_until})


def _revoked(key: ApiKey, fact: AgencyKeyRevokedV1) -> ApiKey:
    return key.model_copy(update={"revoked": fact.at})
