"""The provider's keys come from an address that may change them, be slow, lie or be away: with a real HTTP server."""

import asyncio
import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from services.chassis import jwks
from services.chassis.auth import Keys
from services.chassis.jwks import (
    ASK_AT_MOST_EVERY,
    FRESH,
    MOST_BYTES,
    MOST_KEYS,
    STALE,
    FaultyKeys,
    KeysAway,
    RemoteKeys,
    key_set,
    usable,
)
from services.chassis.settings import Settings
from tests.kit.sides import AUDIENCE, EC, ED, ISSUER, OTHER_EC, RSA, Side, problem, token


def public(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """The public half of a key as it stands in a set."""
    algorithm: Any = OKPAlgorithm
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = ECAlgorithm
    elif isinstance(key, rsa.RSAPrivateKey):
        algorithm = RSAAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


def json_of(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


class Provider:
    """A provider of identity: answers with what it is told, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.status, self.headers, self.body = 200, dict[str, str](), json_of(public(EC, "ec"))
        self.slowly: Callable[[Any], None] | None = None
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                if provider.slowly is not None:
                    provider.slowly(self)
                    return
                self.send_response(provider.status)
                for name, value in provider.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(provider.body)))
                self.end_headers()
                self.wfile.write(provider.body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/realms/pilots/protocol/openid-connect/certs"

    def away(self) -> None:
        """From now on nobody listens."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def provider() -> Iterator[Provider]:
    one = Provider()
    yield one
    if one.thread.is_alive():
        one.away()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def settled(keys: RemoteKeys) -> None:
    """Waits for what is fetched behind the back of who asked."""
    if keys._fetching is not None:
        await keys._fetching


# ---- fetched, kept, and fetched again


async def test_keys_are_fetched_when_they_are_asked_for_and_kept(provider: Provider) -> None:
    keys = RemoteKeys(provider.url)
    assert provider.asked == 0
    for _ in range(5):
        assert await keys.key("ec") is not None
    assert provider.asked == 1


async def test_many_who_ask_at_once_are_answered_by_one_fetch(provider: Provider) -> None:
    keys = RemoteKeys(provider.url)
    found = await asyncio.gather(*(keys.key("ec") for _ in range(50)))
    assert all(found) and provider.asked == 1


async def test_a_new_key_is_found_when_a_token_names_it_and_the_old_one_is_gone(provider: Provider) -> None:
    clock = Clock()
    keys = RemoteKeys(provider.url, clock)
    assert await keys.key("ec")
    provider.body = json_of(public(OTHER_EC, "new"))
    clock.now += ASK_AT_MOST_EVERY
    assert await keys.key("new") is not None
    assert await keys.key("ec") is None


async def test_strangers_who_name_unknown_keys_do_not_have_the_provider_asked_each_time(provider: Provider) -> None:
    clock = Clock()
    keys = RemoteKeys(provider.url, clock)
    assert await keys.key("ec")
    for n in range(100):
        clock.now += 0.05
        assert await keys.key(f"stranger-{n}") is None
    assert provider.asked == 1
    clock.now += ASK_AT_MOST_EVERY
    assert await keys.key("stranger") is None and provider.asked == 2


async def test_a_set_that_grows_old_is_fetched_behind_the_back_of_who_asks(provider: Provider) -> None:
    clock = Clock()
    keys = RemoteKeys(provider.url, clock)
    assert await keys.key("ec")
    provider.body = json_of(public(OTHER_EC, "new"))
    clock.now += FRESH + 1
    assert await keys.key("ec") is not None, "nobody waits"
    await settled(keys)
    assert provider.asked == 2
    assert await keys.key("ec") is None, "a key that was withdrawn is good no longer"
    assert await keys.key("new") is not None


# ---- away


async def test_where_the_provider_is_away_keys_are_good_for_a_bounded_time(provider: Provider) -> None:
    clock = Clock()
    keys = RemoteKeys(provider.url, clock)
    assert await keys.key("ec")
    provider.away()
    while clock.now < 1000 + STALE - FRESH:
        clock.now += FRESH
        assert await keys.key("ec") is not None
        await settled(keys)
    with pytest.raises(KeysAway):
        await keys.key("not fetched yet")
    clock.now = 1000 + STALE + 1
    with pytest.raises(KeysAway):
        await keys.key("ec")


async def test_a_provider_that_comes_back_is_asked_again(provider: Provider) -> None:
    clock = Clock()
    keys = RemoteKeys(provider.url, clock)
    provider.status = 500
    with pytest.raises(KeysAway):
        await keys.key("ec")
    provider.status = 200
    with pytest.raises(KeysAway):
        await keys.key("ec")
    assert provider.asked == 1, "not at each call"
    clock.now += 1.5
    assert await keys.key("ec") is not None


async def test_a_provider_that_drips_is_not_waited_for_longer_than_is_set(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_WITHIN", 0.3)
    ended = threading.Event()

    def drips(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not ended.wait(0.05):
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return

    provider.slowly = drips
    began = time.monotonic()
    with pytest.raises(KeysAway):
        await RemoteKeys(provider.url).key("ec")
    ended.set()
    assert time.monotonic() - began < 5


ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "another page": (200, {}, b"<html>"),
    "no JSON at all": (200, {}, b"\xff\xfe"),
    "JSON nested deep": (200, {}, b"[" * 100_000),
    "no object": (200, {}, b"[]"),
    "no list of keys": (200, {}, b'{"keys": {}}'),
    "no keys": (200, {}, b'{"keys": []}'),
    "too many keys": (200, {}, json_of(*[public(EC, str(n)) for n in range(MOST_KEYS + 1)])),
    "too many bytes": (200, {}, b" " * MOST_BYTES + json_of(public(EC, "ec"))),
    "an error": (503, {}, json_of(public(EC, "ec"))),
    "nothing": (204, {}, b""),
    "a secret": (200, {}, json_of({"kty": "oct", "k": "AAAA", "kid": "ec", "alg": "HS256"})),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_what_is_no_set_of_keys_is_none_and_leaves_those_there_were(answer: Any, provider: Provider) -> None:
    clock = Clock()
    keys = RemoteKeys(provider.url, clock)
    assert await keys.key("ec")
    provider.status, provider.headers, provider.body = answer
    clock.now += FRESH + 1
    assert await keys.key("ec") is not None
    await settled(keys)
    assert await keys.key("ec") is not None
    with pytest.raises(KeysAway):
        await RemoteKeys(provider.url).key("ec")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int, provider: Provider) -> None:
    elsewhere = Provider()
    provider.status, provider.headers = status, {"Location": elsewhere.url}
    with pytest.raises(KeysAway):
        await RemoteKeys(provider.url).key("ec")
    assert elsewhere.asked == 0
    elsewhere.away()


async def test_a_proxy_of_the_environment_is_not_asked(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Provider()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url.partition("/realms")[0])
    assert await RemoteKeys(provider.url).key("ec") is not None
    assert (provider.asked, other.asked) == (1, 0)
    other.away()


async def test_who_cannot_prove_by_a_certificate_who_it_is_is_not_believed(tmp_path: Any) -> None:
    provider = Provider()
    with pytest.raises(KeysAway):
        await RemoteKeys(provider.url.replace("http:", "https:")).key("ec")
    provider.away()
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


# ---- addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/jwks",
        "http://10.0.0.1/jwks",
        "http://127.0.0.1.example/jwks",
        "http://localhost.example/jwks",
        "https://",
        "https://user:password@id.example/jwks",
        "http://[::1/jwks",
        "https://id.example:99999999/jwks",
    ],
)
def test_an_address_that_is_neither_https_nor_of_this_machine_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(FaultyKeys):
        Keys(url, ISSUER, AUDIENCE)


@pytest.mark.parametrize(
    "url", ["https://id.example/jwks", "http://127.0.0.1:1/j", "http://[::1]:1/j", "http://localhost/j"]
)
def test_https_and_this_machine_are_allowed(url: str) -> None:
    assert isinstance(key_set(url), RemoteKeys)


# ---- which keys


def test_each_kind_of_key_is_used_with_its_one_algorithm() -> None:
    found = usable(json_of(public(EC, "ec"), public(RSA, "rsa"), public(ED, "ed")))
    assert {kid: key.algorithm_name for kid, key in found.items()} == {"ec": "ES256", "rsa": "RS256", "ed": "EdDSA"}


SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
HUGE = base64.urlsafe_b64encode((2**8447 + 1).to_bytes(1056)).decode().rstrip("=")
UNUSED = {
    "a weak key": public(SMALL, "x"),
    "a key that costs too much": {**public(RSA, "x"), "n": HUGE},
    "another curve": public(ec.generate_private_key(ec.SECP384R1()), "x"),
    "yet another curve": public(ed448.Ed448PrivateKey.generate(), "x"),
    "a secret": {"kty": "oct", "k": "AAAA", "kid": "x", "alg": "HS256"},
    "a private key": {**ECAlgorithm.to_jwk(EC, as_dict=True), "kid": "x"},
    "a key for hiding": public(RSA, "x", use="enc"),
    "a key for hiding by its algorithm": public(RSA, "x", alg="RSA-OAEP"),
    "a key of another algorithm": public(RSA, "x", alg="PS256"),
    "a key of no algorithm": public(RSA, "x", alg="none"),
    "a key for signing alone": public(EC, "x", key_ops=["sign"]),
    "a key without a name": {k: v for k, v in public(EC, "x").items() if k != "kid"},
    "a key with a number for a name": public(EC, 5),  # type: ignore[arg-type]
    "a key with a long name": public(EC, "x" * 300),
    "half a key": {"kty": "EC", "crv": "P-256", "kid": "x"},
    "a key that is no point": {**public(EC, "x"), "y": "AAAA"},
    "a key of odd types": {"kty": ["EC"], "crv": {"P-256": 1}, "kid": "x"},
    "no key": 5,
}


@pytest.mark.parametrize("one", UNUSED.values(), ids=UNUSED.keys())
def test_a_key_that_is_not_pinned_here_is_left_out_and_the_others_are_good(one: Any) -> None:
    assert list(usable(json_of(one, public(EC, "ec")))) == ["ec"]
    with pytest.raises(FaultyKeys):
        usable(json_of(one))


def test_of_two_keys_of_one_name_the_first_is_good() -> None:
    found = usable(json_of(public(EC, "ec"), public(OTHER_EC, "ec")))
    good = jwt.decode(token("ops"), found["ec"], algorithms=["ES256"], audience=AUDIENCE)
    assert good["roles"] == ["ops"]


# ---- all of it together


def test_a_service_takes_tokens_of_a_provider_that_changes_its_keys(provider: Provider) -> None:
    side = Side("intake", Keys(provider.url, ISSUER, AUDIENCE))
    first = {"Authorization": f"Bearer {token('ops')}"}
    assert side.ask("get", "/v1/parked", first).status_code == 200
    unknown = side.ask("get", "/v1/parked", {"Authorization": f"Bearer {token('ops', key=OTHER_EC, kid='n')}"})
    assert problem(unknown, 401)["title"] == "auth.invalid"


def test_while_no_key_can_be_fetched_a_token_is_to_be_sent_again(provider: Provider) -> None:
    provider.away()
    side = Side("intake", Keys(provider.url, ISSUER, AUDIENCE))
    answer = side.ask("get", "/v1/parked", {"Authorization": f"Bearer {token('ops')}"})
    assert problem(answer, 503)["action"] == "retry" and answer.headers["retry-after"]


def test_the_claims_of_another_provider_are_set_by_their_names(provider: Provider) -> None:
    settings = Settings(
        jwks=provider.url,
        issuer=ISSUER,
        audience=AUDIENCE,
        roles_claim="realm_access.roles",
        organisation_claim="organization",
        token_life=900,
    )
    keys = Keys.of(settings)
    soon = int(time.time()) + 600
    theirs = {"publisher", "offline_access"}
    text = token(realm_access={"roles": [*theirs]}, organization="minzdrav", org=None, typ="Bearer", exp=soon)
    caller = asyncio.run(keys.caller(text))
    assert caller.roles == theirs and caller.organisation == "minzdrav"
    for faulty in (
        token("ops", exp=soon),
        token(realm_access=["ops"], exp=soon),
        token(realm_access={"roles": {"ops": 1}}, exp=soon),
        token(realm_access={"roles": ["ops"]}, organization=["minzdrav"], exp=soon),
        token(realm_access={"roles": ["ops"]}, exp=soon + 400),
    ):
        with pytest.raises(jwt.PyJWTError):
            asyncio.run(keys.caller(faulty))


def test_a_claim_whose_own_name_has_dots_is_found_by_it(provider: Provider) -> None:
    keys = Keys.of(
        Settings(jwks=provider.url, issuer=ISSUER, audience=AUDIENCE, roles_claim="https://lotsman.example/roles")
    )
    named: Any = {"https://lotsman.example/roles": ["ops"]}
    caller = asyncio.run(keys.caller(token(**named)))
    assert caller.roles == {"ops"}
