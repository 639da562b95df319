"""The registry's HTTP side over a store, as its process has it, with keys that every test may sign with."""

import json
import time
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from jwt.algorithms import ECAlgorithm

from services.chassis.auth import Keys
from services.chassis.engine import Engine
from services.chassis.outbox import Message
from services.chassis.run import utc_now
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.chassis.web import make_app
from services.registry.api import make_router
from services.registry.service import SERVICE
from tests.kit.calendars import CALENDARS

PRIVATE = ec.generate_private_key(ec.SECP256R1())
ISSUER = "https://id.example"


def app_of(store: Store, settings: Settings) -> FastAPI:
    """The app; what it would send goes nowhere."""

    async def send(messages: list[Message]) -> list[BaseException | None]:
        return [None] * len(messages)

    engine = Engine(SERVICE, store, send, now=utc_now, new_id=lambda: str(uuid4()), calendars=CALENDARS)  # type: ignore[arg-type]
    app = make_app("Lotsman registry", _keys(), engine, {}, settings)
    app.include_router(make_router())
    return app


def _keys() -> Keys:
    public = ECAlgorithm.to_jwk(PRIVATE.public_key(), as_dict=True)
    path = Path(mkdtemp()) / "jwks.json"
    path.write_text(json.dumps({"keys": [{**public, "kid": "k", "use": "sig"}]}))
    return Keys(str(path), ISSUER, "lotsman")


def bearer(*roles: str) -> dict[str, str]:
    """The header of a caller with these roles."""
    now = int(time.time())
    claims = {"sub": "u-1", "iss": ISSUER, "aud": "lotsman", "iat": now, "exp": now + 600, "roles": list(roles)}
    return {"Authorization": f"Bearer {jwt.encode(claims, PRIVATE, algorithm='ES256', headers={'kid': 'k'})}"}
