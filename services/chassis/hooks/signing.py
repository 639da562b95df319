"""Secrets of hooks, and signatures by them as Standard Webhooks has them (version `v1`, HMAC-SHA256).

A secret has to sign, so it cannot be kept as a hash: it is kept sealed (Fernet: AES-128-CBC and HMAC-SHA256) by a key
that the database never sees. Of several keys, separated by commas, the first seals and all open: so the key itself can
be changed.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from contracts.event import Harmless

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
"""Standard Webhooks asks for 24 to 64."""
LEAST_KEY: Final = 32
"""Characters of the key that seals; less is no key (assumption: 24 random bytes in hexadecimal are 48)."""


class NoKey(Harmless):
    """There is no key that secrets can be sealed by, or none that opens this one."""


class Sealer:
    """Seals and opens secrets. Raises NoKey for keys that are none."""

    def __init__(self, keys: str) -> None:
        named = [one.strip() for one in keys.split(",") if one.strip()]
        if not named or any(len(one) < LEAST_KEY for one in named):
            raise NoKey(f"LOTSMAN_HOOK_KEY must be {LEAST_KEY} characters at least, several keys separated by commas")
        self._keys = MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(k.encode()).digest())) for k in named])

    def seal(self, secret: str) -> str:
        """A secret as it is kept."""
        return self._keys.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The secret. Raises NoKey where no key of this process sealed it."""
        try:
            return self._keys.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise NoKey("a secret was sealed by a key that LOTSMAN_HOOK_KEY does not name") from None


def new_secret() -> str:
    """A secret as it is shown, once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed(secrets_: Iterable[str], id_: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that a message goes with, signed by each of these secrets."""
    stamp = str(int(at.timestamp()))
    content = f"{id_}.{stamp}.".encode() + body
    signatures = [_signature(secret, content) for secret in secrets_]
    return {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": " ".join(signatures)}


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
