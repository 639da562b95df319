"""Identity of the embedded stack: one ES256 key, its public half as a JWKS file, and tokens signed with it."""

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from contracts.reference import ROLES
from deploy.complaint import Complaint
from deploy.local.home import directory, write_private
from services.chassis.tokens import LIFE, Expected, read

ISSUER: Final = "lotsman-local"
AUDIENCE: Final = "lotsman"
KEY_ID: Final = "local-1"


def token(
    folder: Path,
    roles: list[str],
    org: str | None = None,
    sub: str | None = None,
    hours: float = 12,
) -> str:
    """A signed token for the stack whose files are in `folder`. Raises Complaint for an unknown role, and for a life
    that the services would refuse."""
    for role in roles:
        if role not in ROLES:
            raise Complaint(f"There is no role {role!r}; the roles are {', '.join(ROLES)}.")
    if hours * 3600 > LIFE:
        raise Complaint(f"A token is good for {LIFE // 3600} hours at most.")
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": sub or str(uuid.uuid4()),
        "roles": roles,
        "iat": now,
        "exp": now + int(hours * 3600),
    }
    if org:
        claims["org"] = org
    return jwt.encode(claims, _key(folder), algorithm="ES256", headers={"kid": KEY_ID})


def roles_of(folder: Path, token: str) -> frozenset[str] | None:
    """The roles of whom a token of this stack speaks for; None for any other token."""
    try:
        key = jwt.PyJWK.from_dict(json.loads((folder / "jwks.json").read_text())["keys"][0])
        return frozenset(read(token, key, Expected(ISSUER, AUDIENCE)).roles)
    except (OSError, ValueError, LookupError, jwt.PyJWTError):
        return None


def service_env(folder: Path) -> dict[str, str]:
    """What a service needs to check tokens; an identity provider of one's own is where the environment says."""
    _key(folder)
    own = {"LOTSMAN_JWKS": str(folder / "jwks.json"), "LOTSMAN_ISSUER": ISSUER, "LOTSMAN_AUDIENCE": AUDIENCE}
    return {name: os.environ.get(name) or value for name, value in own.items()}


def _key(folder: Path) -> ec.EllipticCurvePrivateKey:
    path = directory(folder) / "signing-key.pem"
    if not path.exists():
        private = ec.generate_private_key(ec.SECP256R1())
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(path, pem.decode())
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    public = {
        **ECAlgorithm.to_jwk(key.public_key(), as_dict=True),
        "kid": KEY_ID,
        "alg": "ES256",
        "use": "sig",
    }
    text = json.dumps({"keys": [public]}, indent=1) + "\n"
    jwks = folder / "jwks.json"
    if not jwks.exists() or jwks.read_text() != text:
        write_private(jwks, text)
    return key
