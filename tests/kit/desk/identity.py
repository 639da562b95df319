"""A small OpenID Connect provider on a port of this machine: code flow with PKCE, refresh, sign-out, one person.

It refuses what a real one refuses: a code that is used twice, a verifier that is not that of the challenge, a refresh
token that was exchanged already.
"""

import asyncio
import base64
import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT: Final = "lotsman-desk"
AUDIENCE: Final = "lotsman"
STARTS_WITHIN: Final = 60.0


@dataclass
class Identity:
    """The provider. `life` is that of its access tokens, in seconds."""

    url: str
    life: int = 300
    claims: dict[str, Any] = field(default_factory=lambda: {"realm": {"roles": ["operator"]}, "unit": "op"})
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refreshes: set[str] = field(default_factory=set)
    exchanged: list[str] = field(default_factory=list)

    def jwks(self, folder: Path) -> str:
        """Its public key as a file."""
        public = {**ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": "k1", "alg": "ES256", "use": "sig"}
        path = folder / "provider-jwks.json"
        path.write_text(json.dumps({"keys": [public]}))
        return str(path)

    def app(self) -> Starlette:
        """Its addresses."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/auth", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _configuration(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/auth",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "end_session_endpoint": f"{self.url}/leave",
            }
        )

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked["client_id"] != CLIENT or asked["code_challenge_method"] != "S256":
            return Response(status_code=400)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}", 303)

    async def _token(self, request: Request) -> Response:
        said = {name: value[0] for name, value in parse_qs((await request.body()).decode()).items()}
        self.exchanged.append(said["grant_type"])
        if said["grant_type"] == "refresh_token":
            if said["refresh_token"] not in self.refreshes:
                return JSONResponse({"error": "invalid_grant"}, 400)
            self.refreshes.remove(said["refresh_token"])
            return self._tokens("")
        asked = self.codes.pop(said["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(said["code_verifier"].encode()).digest()).decode().rstrip("=")
        if asked is None or proof != asked["code_challenge"] or said["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return self._tokens(asked["nonce"])

    def _tokens(self, nonce: str) -> Response:
        refresh = secrets.token_urlsafe(16)
        self.refreshes.add(refresh)
        access = self._signed({"aud": AUDIENCE, **self.claims}, self.life)
        identity = self._signed({"aud": CLIENT, "nonce": nonce, "name": "Ольга Пробная"}, 300)
        tokens = {"access_token": access, "id_token": identity, "refresh_token": refresh, "token_type": "Bearer"}
        return JSONResponse({**tokens, "expires_in": self.life})

    def _signed(self, claims: dict[str, Any], life: int) -> str:
        now = int(time.time())
        said = {"iss": self.url, "sub": "op-77", "iat": now, "exp": now + life, **claims}
        return jwt.encode(said, self.key, algorithm="ES256", headers={"kid": "k1"})


@contextmanager
def provided() -> Iterator[Identity]:
    """The provider for as long as the block lasts."""
    listening = socket.create_server(("127.0.0.1", 0))
    identity = Identity(f"http://127.0.0.1:{listening.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(identity.app(), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
    thread.start()
    deadline = time.monotonic() + STARTS_WITHIN
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield identity
    finally:
        server.should_exit = True
        thread.join(STARTS_WITHIN)
