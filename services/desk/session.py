"""Who is signed in: kept here, never in the browser, which has a name for it alone.

That name (the cookie) is also what the session is sealed by: whoever reads the database finds no token in it. From it
come the tokens of forms, too, so that a form that was open when the sign-in ran out is still known to be ours.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

from services.chassis.store import Keys, Store

SESSIONS: Final = "sessions"
OPEN: Final[Keys] = (("over", 1), ("ends", 1))
MOST: Final = 10_000
"""Sessions beyond which they are counted no further."""
KEPT_AFTER: Final = timedelta(days=7)
"""How long it is known whose a session was that has ended: for the words that were typed in it (assumption)."""
MASK_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person as the provider told of them, with the tokens that it gave. `until`: when the access token ends."""

    person: str
    name: str
    roles: tuple[str, ...]
    organisation: str | None
    token: str
    until: float
    refresh: str = ""
    identity: str = ""
    """The ID token: asked for when the person signs out at the provider."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody at work in one browser. `cookie` is the secret that the browser names it by."""

    cookie: str
    who: SignedIn
    ends: datetime

    def may(self, *roles: str) -> bool:
        """Whether the person has one of these roles."""
        return bool(set(roles) & set(self.who.roles))


class Sessions:
    """All sessions of the desk."""

    def __init__(self, store: Store, life: float, now: Callable[[], datetime]) -> None:
        self._store, self._life, self._now = store, timedelta(seconds=life), now

    async def begin(self, who: SignedIn) -> Session:
        """A new session under a new name. Raises StoreAway."""
        session = Session(secrets.token_urlsafe(32), who, self._now() + self._life)
        await self._write(session)
        return session

    async def find(self, cookie: str) -> Session | None:
        """The session of a cookie, unless it has ended. Raises StoreAway."""
        row = await self._store.get(SESSIONS, _name(cookie)) if cookie else None
        if row is None or row["over"] or row["ends"] <= self._now():
            return None
        who = _opened(row["sealed"], cookie)
        return None if who is None else Session(cookie, who, row["ends"])

    async def renewed(self, session: Session, who: SignedIn) -> Session:
        """The same session with newer tokens. Raises StoreAway."""
        session = replace(session, who=who)
        await self._write(session)
        return session

    async def person_of(self, cookie: str) -> str | None:
        """Whose session a cookie names or named, also a while after it ended. Raises StoreAway."""
        row = await self._store.get(SESSIONS, _name(cookie)) if cookie else None
        return None if row is None else str(row["person"])

    async def end(self, cookie: str) -> None:
        """Ends a session: its tokens are gone, and whose it was is known for a while. Raises StoreAway."""
        await self._store.mark(SESSIONS, {"_id": _name(cookie)}, {"over": True, "sealed": ""})

    async def open(self) -> int:
        """How many have not ended. Raises StoreAway."""
        return await self._store.count(SESSIONS, {"over": False, "ends": {"$gt": self._now()}}, MOST)

    async def sweep(self) -> None:
        """Forgets what ended long ago. Raises StoreAway."""
        await self._store.remove_where(SESSIONS, {"ends": {"$lt": self._now() - KEPT_AFTER}})

    async def _write(self, session: Session) -> None:
        row: dict[str, Any] = {
            "_id": _name(session.cookie),
            "person": session.who.person,
            "ends": session.ends,
            "over": False,
            "sealed": _seal(session.cookie).encrypt(json.dumps(asdict(session.who)).encode()).decode(),
        }
        await self._store.put(SESSIONS, [row])


def _name(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _seal(cookie: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"seal:{cookie}".encode()).digest()))


def _opened(sealed: str, cookie: str) -> SignedIn | None:
    try:
        said: Mapping[str, Any] = json.loads(_seal(cookie).decrypt(sealed.encode()))
    except (InvalidToken, ValueError):
        return None
    return SignedIn(**{**said, "roles": tuple(said["roles"])})


# ---- the tokens of forms


def form_token(cookie: str) -> str:
    """A token that only a page of this browser's session has; masked anew each time, so that the length of compressed
    answers tells nothing of it."""
    mask = secrets.token_bytes(MASK_BYTES)
    return base64.urlsafe_b64encode(mask + _mixed(mask, _mark(cookie))).decode()


def is_form_token(cookie: str, token: str) -> bool:
    """Whether a form is one of ours, for this browser."""
    try:
        raw = base64.urlsafe_b64decode(token.encode())
    except ValueError:
        return False
    mask, mixed = raw[:MASK_BYTES], raw[MASK_BYTES:]
    if not cookie or len(mixed) != MASK_BYTES:
        return False
    return hmac.compare_digest(_mixed(mask, mixed), _mark(cookie))


def _mark(cookie: str) -> bytes:
    return hmac.new(cookie.encode(), b"form", hashlib.sha256).digest()


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
