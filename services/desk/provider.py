"""Signing in at an OpenID Connect provider: code flow with PKCE, refresh, sign-out (OpenID Connect Core 1.0, RFC 7636).

What opens the services is the access token. It is read here exactly as the services read it, with the claims that their
settings name: who could do nothing there is told so here.
"""

import hashlib
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import jwt
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from contracts.words import Language
from services.chassis.auth import Keys
from services.chassis.jwks import KeysAway, key_set
from services.chassis.problems import language_of
from services.chassis.run import utc_now
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.chassis.tokens import kid_of
from services.desk.clients import Away
from services.desk.session import SignedIn
from services.desk.settings import DeskSettings
from services.desk.visit import desk_of, show
from services.desk.way_in import Door
from services.desk.ways import signed_in, with_cookie

log = logging.getLogger(__name__)

BEGUN: Final = "sign_ins"
"""The collection of sign-ins that are under way at the provider."""
WITHIN: Final = timedelta(minutes=15)
"""How long somebody may take at the provider (assumption)."""
PROVIDER: Final = "provider"
"""What the provider is called where it is said that it is away."""
BACK: Final = "/signed-in"
CONFIGURATION: Final = "/.well-known/openid-configuration"


class NoProvider(LookupError):
    """The settings name no provider."""


class NotLetIn(Exception):
    """The provider did not let the person in, or what it said of them opens nothing here."""


@dataclass
class Provider:
    """The provider as the settings name it; its configuration is asked for when it is first needed."""

    settings: DeskSettings
    store: Store
    keys: Keys
    jwks: str
    """Where its keys are, as every service is told: ID tokens are signed with the same ones."""
    _known: Mapping[str, Any] | None = None

    @property
    def _back(self) -> str:
        return f"{self.settings.origin}{BACK}"

    async def configuration(self) -> Mapping[str, Any]:
        """What the provider says of itself. Raises Away."""
        if self._known is None:
            try:
                self._known = await self._told()
            except (httpx.HTTPError, ValueError) as error:
                log.warning("the identity provider did not answer: %s", type(error).__name__)
                raise Away(PROVIDER, utc_now()) from None
        return self._known

    async def _told(self) -> Mapping[str, Any]:
        address = self.settings.provider.rstrip("/") + CONFIGURATION
        async with self._client() as client:
            found = await client.request("GET", address, withhold_token=True)
        found.raise_for_status()
        said: Mapping[str, Any] = found.json()
        return said

    async def ready(self) -> None:
        """Asks the provider anew, whatever it said before. Raises httpx.HTTPError, ValueError."""
        await self._told()

    async def begin(self, then: str, language: Language, cookie: str) -> str:
        """Where the browser is sent to sign in. Raises Away, StoreAway."""
        said = await self.configuration()
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        row: dict[str, Any] = {"_id": _digest(state), "browser": _digest(cookie), "nonce": nonce, "verifier": verifier}
        ends = utc_now() + WITHIN
        await self.store.put(BEGUN, [{**row, "then": then, "language": language, "ends": ends}])
        async with self._client() as client:
            address, _ = client.create_authorization_url(
                said["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return str(address)

    async def finish(self, state: str, code: str, cookie: str) -> tuple[SignedIn, str, Language]:
        """Who came back from the provider, and where they were going. Raises NotLetIn, Away, StoreAway."""
        row = await self.store.get(BEGUN, _digest(state))
        if row is None or row["browser"] != _digest(cookie) or row["ends"] <= utc_now() or not code:
            raise NotLetIn("this sign-in was not begun in this browser, or too long ago")
        await self.store.remove(BEGUN, [row["_id"]])
        said = await self.configuration()
        tokens = await self._asked(
            lambda client: client.fetch_token(
                said["token_endpoint"], code=code, code_verifier=row["verifier"], grant_type="authorization_code"
            )
        )
        claims = await self._identity(tokens.get("id_token", ""), row["nonce"])
        return await self._person(tokens, claims), row["then"], row["language"]

    async def renewed(self, who: SignedIn) -> SignedIn | None:
        """The person with newer tokens; None where the provider gives none."""
        if not who.refresh:
            return None
        try:
            said = await self.configuration()
            tokens = await self._asked(
                lambda client: client.refresh_token(said["token_endpoint"], refresh_token=who.refresh)
            )
            newer = await self._person({"refresh_token": who.refresh, "id_token": who.identity, **tokens}, {})
        except (NotLetIn, Away):
            return None
        return (
            None
            if newer.person != who.person
            else SignedIn(
                newer.person,
                who.name,
                newer.roles,
                newer.organisation,
                newer.token,
                newer.until,
                newer.refresh,
                newer.identity,
            )
        )

    async def left(self, who: SignedIn, back: str) -> str | None:
        """Where the provider is told that the person signs out (OpenID Connect RP-Initiated Logout 1.0)."""
        try:
            end = (await self.configuration()).get("end_session_endpoint")
        except Away:
            return None
        asked = {"client_id": self.settings.client_id, "post_logout_redirect_uri": f"{self.settings.origin}{back}"}
        return f"{end}?{urlencode({**asked, 'id_token_hint': who.identity})}" if end else None

    async def sweep(self) -> None:
        """Forgets sign-ins that nobody finished. Raises StoreAway."""
        await self.store.remove_where(BEGUN, {"ends": {"$lte": utc_now()}})

    def _client(self) -> Any:
        secret = self.settings.client_secret.get_secret_value()
        return AsyncOAuth2Client(
            self.settings.client_id,
            secret or None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope=self.settings.scope,
            redirect_uri=self._back,
            code_challenge_method="S256",
            timeout=self.settings.asked_within,
            trust_env=False,
        )

    async def _asked(self, step: Any) -> Mapping[str, Any]:
        """The tokens that the provider gives. Raises NotLetIn, Away."""
        try:
            async with self._client() as client:
                found: Mapping[str, Any] = await step(client)
                return found
        except httpx.HTTPError as error:
            log.warning("the identity provider did not answer: %s", type(error).__name__)
            raise Away(PROVIDER, utc_now()) from None
        except AuthlibBaseError as error:
            raise NotLetIn(str(error.error)) from None

    async def _identity(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that is the provider's, for us, and for this very sign-in. Raises NotLetIn."""
        said = await self.configuration()
        try:
            key = await key_set(self.jwks).key(kid_of(token))
            if key is None:
                raise NotLetIn("the ID token is signed with an unknown key")
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self.settings.client_id,
                issuer=said["issuer"],
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except KeysAway:
            raise Away(PROVIDER, utc_now()) from None
        except jwt.PyJWTError as error:
            raise NotLetIn(f"the ID token is not good: {type(error).__name__}") from None
        if not secrets.compare_digest(str(claims.get("nonce", "")), nonce):
            raise NotLetIn("the ID token is of another sign-in")
        return claims

    async def _person(self, tokens: Mapping[str, Any], claims: Mapping[str, Any]) -> SignedIn:
        """The person of an access token as the services would take it. Raises NotLetIn, Away."""
        token = str(tokens.get("access_token", ""))
        try:
            caller = await self.keys.caller(token)
        except KeysAway:
            raise Away(PROVIDER, utc_now()) from None
        except jwt.PyJWTError as error:
            raise NotLetIn(f"the access token opens no service: {type(error).__name__}") from None
        said = jwt.decode(token, options={"verify_signature": False})
        name = str(claims.get(self.settings.name_claim) or caller.id)
        refresh, identity = str(tokens.get("refresh_token") or ""), str(tokens.get("id_token") or "")
        roles = tuple(sorted(caller.roles))
        return SignedIn(caller.id, name, roles, caller.organisation, token, float(said["exp"]), refresh, identity)


def make_door(own: DeskSettings, settings: Settings, store: Store, keys: Keys) -> tuple[Door, Sequence[APIRouter]]:
    """The way in through the provider that the settings name; where they name none, everybody is told so."""
    if not own.provider or not own.client_id:
        log.error("nobody can sign in: LOTSMAN_DESK_PROVIDER and LOTSMAN_DESK_CLIENT_ID are not set")
        return Nowhere(), [_closed()]
    provider = Provider(own, store, keys, settings.jwks)
    return provider, [_router(provider)]


class Nowhere:
    """The way in of a desk that was told of no provider."""

    async def renewed(self, who: SignedIn) -> SignedIn | None:
        """Nobody is signed in."""
        return None

    async def left(self, who: SignedIn, back: str) -> str | None:
        """Nobody is signed in."""
        return None

    async def ready(self) -> None:
        """Raises LookupError: there is no provider to ask."""
        raise NoProvider

    async def sweep(self) -> None:
        """Nobody begins."""


def _closed() -> APIRouter:
    router = APIRouter()

    @router.get("/{language}/sign-in")
    async def sign_in(request: Request, language: Language) -> Response:
        """Says that nobody can sign in, and what is missing."""
        return show(desk_of(request), request, language, "no_provider.html", 503)

    return router


def _router(provider: Provider) -> APIRouter:
    router = APIRouter()

    @router.get("/{language}/sign-in")
    async def sign_in(request: Request, language: Language, then: str = "/work") -> Response:
        """Sends the browser to the provider."""
        cookie = secrets.token_urlsafe(32)
        address = await provider.begin(then, language, cookie)
        return with_cookie(desk_of(request), RedirectResponse(address, 303), cookie, before=True)

    @router.get(BACK)
    async def back(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
        """The browser comes back from the provider."""
        desk = desk_of(request)
        language = language_of(request.headers)
        try:
            cookie = request.cookies.get(f"{desk.cookie}_before", "")
            who, then, language = await provider.finish(state, code, cookie)
        except NotLetIn as fault:
            log.warning("somebody was not let in: %s (%s)", fault, error)
            return show(desk, request, language, "not_let_in.html", 403)
        return await signed_in(desk, who, language, then)

    return router


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
