"""The public keys of the identity provider: a set in a file, or one that is fetched from an address and may change.

What is taken into the set is pinned here: kinds and sizes of keys, and how many. Where the address is away, keys that
were fetched before are good for a bounded time; what comes from it is bounded in size and time, and it leads nowhere
else.
"""

import asyncio
import ipaddress
import json
import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from contracts.event import Harmless
from services.chassis.ends import KEYS_FETCHED, tell_signing_keys

log = logging.getLogger(__name__)

ALGORITHMS: Final[Mapping[tuple[str, str | None], str]] = {
    ("EC", "P-256"): "ES256",
    ("RSA", None): "RS256",
    ("OKP", "Ed25519"): "EdDSA",
}
"""By type and curve of a key: the one algorithm that it is used with, whatever a token says."""
RSA_BITS: Final = range(2048, 8193)
"""The sizes of an RSA key: below it is weak, above it costs whoever checks more than it should (assumption)."""
MOST_KEYS: Final = 100
MOST_BYTES: Final = 256 * 1024
MOST_KID: Final = 256
"""How many keys a set has at most, how many bytes, and how many characters a key's name."""
FETCH_WITHIN: Final = 5.0
"""Seconds for one fetch, from its beginning to the last byte."""
FRESH: Final = 300.0
"""Seconds after which a fetched set is fetched again; so long a withdrawn key may still be good."""
STALE: Final = 3600.0
"""Seconds for which a set is good where no other can be fetched (assumption: an hour of the provider being away)."""
ASK_AT_MOST_EVERY: Final = 10.0
"""Seconds between two fetches, whatever keys strangers name."""
FIRST_AT_MOST_EVERY: Final = 1.0
"""The same, as long as there is no key that could be used."""


class KeysAway(Harmless):
    """The keys cannot be fetched now, and none that were fetched before are good any more."""


class FaultyKeys(Harmless, ValueError):
    """What should be a set of keys is none, or has no key that may be used; or its address is none."""


class KeySet(Protocol):
    """Where keys come from."""

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of this name; None if there is none. Raises KeysAway."""
        ...


class FileKeys:
    """A set that was read once; without a path it is empty, and lets nobody in."""

    def __init__(self, path: str) -> None:
        self._keys = usable(Path(path).read_bytes()) if path else {}

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of this name; None if there is none."""
        return self._keys.get(kid)


class RemoteKeys:
    """A set at an https address (or http on this machine), fetched when it is asked for and again as it grows old.

    `now` are seconds of a clock that only goes on. Raises FaultyKeys for an address that is not allowed.
    """

    def __init__(self, url: str, now: Callable[[], float] = time.monotonic) -> None:
        self._url = _allowed(url)
        self._now = now
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched = self._asked = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of this name; None if there is none. Raises KeysAway.

        A set that grows old is fetched behind the back of who asks; only for a name that is not known is it waited for.
        """
        found = self._found(kid)
        if self._age() > FRESH or found is None:
            task = self._fetch()
            if task is not None and found is None:
                await asyncio.shield(task)
                found = self._found(kid)
        if found is None and (self._failed or self._age() > STALE):
            raise KeysAway("the key set cannot be fetched")
        return found

    def _found(self, kid: str) -> jwt.PyJWK | None:
        return self._keys.get(kid) if self._age() <= STALE else None

    def _age(self) -> float:
        return self._now() - self._fetched

    def _fetch(self) -> asyncio.Task[None] | None:
        """The one fetch that is under way, or begins now; None where it is too soon for another."""
        running = self._fetching
        if running is not None and not running.done() and running.get_loop() is asyncio.get_running_loop():
            return running
        if self._now() - self._asked < (ASK_AT_MOST_EVERY if self._age() <= STALE else FIRST_AT_MOST_EVERY):
            return None
        self._asked = self._now()
        self._fetching = asyncio.create_task(self._renew())
        return self._fetching

    async def _renew(self) -> None:
        try:
            self._keys = usable(await _fetched(self._url))
            self._fetched, self._failed = self._now(), False
            KEYS_FETCHED.set_to_current_time()
        except Exception as error:  # of whatever kind: the next one who asks tries again
            self._failed = True
            log.warning("the key set cannot be fetched: %s", type(error).__name__)


def key_set(where: str) -> KeySet:
    """The keys from an address or a file. Raises FaultyKeys, and OSError for a file that is not there."""
    return RemoteKeys(where) if where.lower().startswith(("https://", "http://")) else FileKeys(where)


def usable(text: bytes) -> dict[str, jwt.PyJWK]:
    """The keys of a set that may be used, by their names. Raises FaultyKeys if it is no set or has none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FaultyKeys("the key set is no JSON") from error
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise FaultyKeys(f"the key set is no list of at most {MOST_KEYS} keys")
    taken: dict[str, jwt.PyJWK] = {}
    for kid, key in _taken(keys):
        taken.setdefault(kid, key)
    if not taken:
        raise FaultyKeys("the key set has no key that may be used")
    tell_signing_keys(key for key in keys if isinstance(key, dict) and key.get("kid") in taken)
    return taken


def _taken(keys: list[Any]) -> Iterator[tuple[str, jwt.PyJWK]]:
    for one in keys:
        if isinstance(one, dict) and (algorithm := _algorithm(one)) is not None:
            try:
                key = jwt.PyJWK.from_dict(one, algorithm=algorithm)
            except Exception:  # whatever a library finds in a key that is none: the others are good
                log.warning("a key of the set cannot be read")
                continue
            if not isinstance(key.key, RSAPublicKey) or key.key.key_size in RSA_BITS:
                yield one["kid"], key


def _algorithm(key: Mapping[str, Any]) -> str | None:
    """With which algorithm a key is used; None if it is not: it has no name, is secret, or is for something else."""
    kid, kind, curve = key.get("kid"), key.get("kty"), key.get("crv")
    if not isinstance(kid, str) or not 0 < len(kid) <= MOST_KID or "d" in key or "k" in key:
        return None
    operations = key.get("key_ops")
    if key.get("use", "sig") != "sig" or not (operations is None or "verify" in operations):
        return None
    named = isinstance(kind, str) and (curve is None or isinstance(curve, str))
    algorithm = ALGORITHMS.get((str(kind), curve)) if named else None
    return algorithm if key.get("alg", algorithm) == algorithm else None


async def _fetched(url: str) -> bytes:
    """What stands at an address. Raises httpx.HTTPError, TimeoutError, and FaultyKeys for another answer than a set."""
    came = bytearray()
    async with (
        asyncio.timeout(FETCH_WITHIN),
        # No proxy and no redirect: the address that was set is asked, and nobody else.
        httpx.AsyncClient(
            verify=ssl.create_default_context(), follow_redirects=False, trust_env=False, timeout=FETCH_WITHIN
        ) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise FaultyKeys(f"the address of the key set answers {answer.status_code}")
        async for part in answer.aiter_bytes():
            came += part
            if len(came) > MOST_BYTES:
                raise FaultyKeys(f"the key set has more than {MOST_BYTES} bytes")
    return bytes(came)


def _allowed(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise FaultyKeys("the address of the key set cannot be read") from error
    if not host or parts.username is not None:
        raise FaultyKeys("the address of the key set names a host, and no user")
    if parts.scheme.lower() != "https" and not _loopback(host):
        raise FaultyKeys("the address of the key set is https, or on this machine")
    return url


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
