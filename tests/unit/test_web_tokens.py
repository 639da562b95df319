"""Tokens: a good one of every kind is taken, everything else is refused."""

import asyncio
import base64
import itertools
import json
import re
import time
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import ECAlgorithm
from starlette.requests import Request

from contracts.agency import ApplicationSubmittedV2
from contracts.freeze import example
from contracts.reference import ROLES, Role
from services.chassis import auth
from services.chassis.auth import REMEMBERED_FOR, Caller, Keys
from services.chassis.problems import Problematic
from services.chassis.tokens import LIFE
from tests.kit.sides import AUDIENCE, EC, ED, ISSUER, OTHER_EC, RSA, Side, bearer, claims, problem, token

ES256 = ECAlgorithm(ECAlgorithm.SHA256)

# ---- tokens

PUBLIC_PEM = EC.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
LONG_AGO = int(time.time()) - 7200


def by_hand(header: Mapping[str, Any], body: Mapping[str, Any], signature: bytes = b"") -> str:
    """A token put together without a library that would refuse to."""
    parts = (json.dumps(header).encode(), json.dumps(body).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def signed_with_the_public_key() -> str:
    """HS256 with the provider's public key as the secret: who mixes up kinds of keys would let it in."""
    import hashlib
    import hmac

    unsigned = by_hand({"alg": "HS256", "typ": "JWT", "kid": "ec"}, claims(roles=["ops"])).rsplit(".", 1)[0]
    mac = hmac.new(PUBLIC_PEM, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def cut(text: str) -> str:
    head, body, signature = text.split(".")
    return f"{head}.{body}.{'A' * len(signature)}"


def other_claims(text: str) -> str:
    """A good token whose claims were changed after it was signed."""
    head, _, signature = text.split(".")
    return f"{head}.{by_hand({}, claims(roles=['ops'])).split('.')[1]}.{signature}"


GOOD = {
    "ES256": lambda: token("ops"),
    "RS256": lambda: token("ops", key=RSA, algorithm="RS256", kid="rsa"),
    "EdDSA": lambda: token("ops", key=ED, algorithm="EdDSA", kid="ed"),
}
BAD = {
    "expired": lambda: token("ops", exp=LONG_AGO + 600, iat=LONG_AGO),
    "not yet valid": lambda: token("ops", nbf=int(time.time()) + 600),
    "issued in the future": lambda: token("ops", iat=int(time.time()) + 600),
    "for another audience": lambda: token("ops", aud="another"),
    "from another issuer": lambda: token("ops", iss="https://other.example"),
    "without expiry": lambda: token("ops", exp=None),
    "without subject": lambda: token("ops", sub=None),
    "without audience": lambda: token("ops", aud=None),
    "without issuer": lambda: token("ops", iss=None),
    "with an empty subject": lambda: token("ops", sub=""),
    "with too long a subject": lambda: token("ops", sub="u" * 129),
    "with roles as text": lambda: by_key({"roles": "ops"}),
    "with roles that are no text": lambda: by_key({"roles": [["ops"]]}),
    "without roles": lambda: by_key({"roles": None}),
    "of an unknown key": lambda: token("ops", key=OTHER_EC, kid="other"),
    "of another key under a known name": lambda: token("ops", key=OTHER_EC),
    "without a key's name": lambda: token("ops", kid=None),
    "of another kind under a known name": lambda: token("ops", key=RSA, algorithm="RS256", kid="ec"),
    "of yet another kind": lambda: token("ops", key=ED, algorithm="EdDSA", kid="rsa"),
    "in another strength": lambda: token("ops", key=RSA, algorithm="RS512", kid="rsa"),
    "alg none": lambda: by_hand({"alg": "none", "typ": "JWT", "kid": "ec"}, claims(roles=["ops"])),
    "alg none in other letters": lambda: by_hand({"alg": "nOnE", "kid": "ec"}, claims(roles=["ops"])),
    "HS256 with the public key": signed_with_the_public_key,
    "HS256 with an empty secret": lambda: by_hand({"alg": "HS256", "kid": "ec"}, claims(roles=["ops"]), b"x"),
    "with another signature": lambda: cut(token("ops")),
    "with other claims": lambda: other_claims(token("officer")),
    "garbage": lambda: "garbage",
    "empty parts": lambda: "..",
    "with a life beyond the longest": lambda: token("ops", exp=int(time.time()) + LIFE + 60),
    "with a life of centuries": lambda: token("ops", exp=2**39),
    "with a life of which nobody knows": lambda: token("ops", exp=10**400),
    "with an end in text": lambda: token("ops", exp=str(int(time.time()) + 600)),
    "with an end that is true": lambda: token("ops", exp=True),
    "with an end that is no number": lambda: by_key({"exp": float("nan")}),
    "with an end that never comes": lambda: by_key({"exp": float("inf")}),
    "with an end in a list": lambda: token("ops", exp=[int(time.time()) + 600]),
    "without a beginning": lambda: token("ops", iat=None),
    "with a beginning in text": lambda: token("ops", iat=str(int(time.time()))),
    "with a beginning before all time": lambda: token("ops", iat=-1),
    "with a beginning in an object": lambda: token("ops", nbf={"at": 1}),
    "for an audience that is a number": lambda: token("ops", aud=5),
    "for an audience among numbers": lambda: token("ops", aud=[AUDIENCE, 5]),
    "for an audience in an object": lambda: token("ops", aud={"lotsman": 1}),
    "from an issuer in a list": lambda: signed(b'{"alg":"ES256","kid":"ec"}', said(iss=[ISSUER])),
    "with a number for a subject": lambda: by_key({"roles": ["ops"], "sub": 5}),
    "with a subject of spaces": lambda: token("ops", sub="  "),
    "with a line break in the subject": lambda: token("ops", sub="u\n1"),
    "with half a character in the subject": lambda: signed(b'{"alg":"ES256","kid":"ec"}', said(sub="\ud800")),
    "with half a character in a role": lambda: signed(b'{"alg":"ES256","kid":"ec"}', said(roles=["ops", "\udfff"])),
    "with half a character in the organisation": lambda: signed(b'{"alg":"ES256","kid":"ec"}', said(org="\ud800")),
    "with half a character in what nobody asks": lambda: signed(b'{"alg":"ES256","kid":"ec"}', said(name="\ud800")),
    "with half a character in a name": lambda: signed(b'{"alg":"ES256","kid":"ec"}', said(**{"\ud800": 1})),
    "with a number for an organisation": lambda: token("ops", org=7),
    "with no organisation but a no": lambda: token("ops", org=False),
    "with a list of organisations": lambda: token("ops", org=["vedomstvo"]),
    "with an object for an organisation": lambda: token("ops", org={"vedomstvo": {}}),
    "with too long an organisation": lambda: token("ops", org="o" * 129),
    "with a line break in the organisation": lambda: token("ops", org="a\nb"),
    "with a claim twice": lambda: signed(
        b'{"alg":"ES256","kid":"ec"}', said().replace(b'"roles"', b'"roles": ["officer"], "roles"')
    ),
    "that demands what nobody here knows": lambda: signed(b'{"alg":"ES256","kid":"ec","crit":["exp"],"exp":1}', said()),
    "that is said to be signed as it is": lambda: signed(b'{"alg":"ES256","kid":"ec","b64":true}', said()),
    "with claims that are a list": lambda: signed(b'{"alg":"ES256","kid":"ec"}', b"[]"),
    "with claims that are no JSON": lambda: signed(b'{"alg":"ES256","kid":"ec"}', b"{"),
    "with claims nested deep": lambda: signed(
        b'{"alg":"ES256","kid":"ec"}', b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"
    ),
    "with a header nested deep": lambda: signed(b'{"alg":' + b"[" * 5000 + b"]" * 5000 + b"}", said()),
    "with a header nested beyond all bounds": lambda: signed(b"[" * 40_000, said()),
    "with a name twice in the header": lambda: signed(b'{"alg":"ES256","kid":"ec","kid":"ec"}', said()),
    "with a header that is a list": lambda: signed(b'["ES256"]', said()),
    "with half a character in the header": lambda: signed(b'{"alg":"ES256","kid":"ec","x":"\\ud800"}', said()),
    "with what must be understood": lambda: signed(b'{"alg":"ES256","kid":"ec","crit":["exp"]}', said()),
    "with claims that are not encoded": lambda: signed(b'{"alg":"ES256","kid":"ec","b64":false}', said()),
    "with an algorithm in a list": lambda: signed(b'{"alg":["ES256"],"kid":"ec"}', said()),
    "with a very long name of a key": lambda: token("ops", kid="k" * 5000),
    "with an empty name of a key": lambda: token("ops", kid=""),
    "with a path for a name of a key": lambda: token("ops", kid="../../etc/passwd"),
    "with a list for a key's name": lambda: signed(b'{"alg":"ES256","kid":["ec"]}', said()),
    "with the name of a key in other letters": lambda: token("ops", kid="EC"),
    "that is too large": lambda: token("ops", more="x" * 20_000),
    "with blanks in it": lambda: token("ops").replace(".", " ."),
    "with letters that are no base64": lambda: token("ops") + "+/=",
    "in four parts": lambda: token("ops") + ".x",
    "with its own key in the header": lambda: jwt.encode(
        claims(roles=["ops"]),
        OTHER_EC,
        algorithm="ES256",
        headers={
            "kid": "ec",
            "jwk": ECAlgorithm.to_jwk(OTHER_EC.public_key(), as_dict=True),
            "jku": "https://x.example",
        },
    ),
    "with a number for a key's name": lambda: by_hand({"alg": "ES256", "kid": 5}, claims(roles=["ops"]), b"x" * 64),
}


def said(**changes: Any) -> bytes:
    """The claims of a good token of an operator, as they are written."""
    return json.dumps(claims(**{"roles": ["ops"], **changes})).encode()


def signed(header: bytes, body: bytes) -> str:
    """Any two parts, whatever they are, under a good signature."""
    parts = ".".join(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in (header, body))
    mark = ES256.sign(parts.encode(), EC)
    return f"{parts}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"


def checked(keys: Keys, text: str) -> Caller:
    """Who a token speaks for."""
    return asyncio.run(keys.caller(text))


def by_key(changes: dict[str, Any]) -> str:
    return jwt.encode(claims(**changes), EC, algorithm="ES256", headers={"kid": "ec"})


@pytest.fixture(scope="module")
def intake(keys: Keys) -> Side:
    """One for all of them, for none changes anything: most are refused at the door."""
    return Side("intake", keys)


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD.keys())
def test_a_good_token_of_every_kind_is_taken(make: Any, intake: Side) -> None:
    assert intake.ask("get", "/v1/parked", {"Authorization": f"Bearer {make()}"}).status_code == 200


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_a_bad_token_is_refused(make: Any, intake: Side) -> None:
    answer = intake.ask("get", "/v1/parked", {"Authorization": f"Bearer {make()}"})
    assert problem(answer, 401)["title"] == "auth.invalid"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_why_a_token_is_refused_is_said_in_the_language_that_is_asked_for(make: Any, intake: Side) -> None:
    asked = {"Authorization": f"Bearer {make()}", "Accept-Language": "ru"}
    said = intake.ask("get", "/v1/parked", asked).json()["detail"].replace("Bearer", "")
    assert not re.search("[A-Za-z]", said), said


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic dTpw", "Token x"])
def test_what_is_no_bearer_token_is_no_token(value: str, intake: Side) -> None:
    assert problem(intake.ask("get", "/v1/parked", {"Authorization": value}), 401)["title"] == "auth.missing"


def test_a_service_without_keys_lets_nobody_in() -> None:
    side = Side("intake", Keys("", ISSUER, AUDIENCE))
    assert problem(side.ask("get", "/v1/parked", bearer("ops")), 401)["title"] == "auth.invalid"


def test_a_token_without_an_agency_cannot_publish(intake: Side) -> None:
    answer = intake.ask("post", "/v1/events", bearer("publisher", org=None), json=example(ApplicationSubmittedV2.TYPE))
    assert problem(answer, 403)["title"] == "auth.organisation"


def test_a_role_that_opens_nothing_here_lets_no_publisher_in_without_an_agency(keys: Keys) -> None:
    opened = auth.allow(Role.PUBLISHER, Role.REGISTRAR)
    app = SimpleNamespace(state=SimpleNamespace(keys=keys))

    async def asking(roles: Sequence[str]) -> Caller:
        said = b"Bearer " + token(*roles, org=None).encode()
        request = Request({"type": "http", "app": app, "headers": [(b"authorization", said)]})
        return await opened(request, None)

    def let_in(*roles: str) -> Caller:
        return asyncio.run(asking(roles))

    with pytest.raises(Problematic) as told:
        let_in("publisher", "expert")
    assert (told.value.status, told.value.code) == (403, "auth.organisation")
    assert let_in("publisher", "registrar").organisation is None, "a role that opens it by itself"


def test_who_acts_does_so_in_a_role_that_opens_the_route() -> None:
    for first, second in itertools.permutations(ROLES, 2):
        acting = Caller("u-1", frozenset({first, second}), None).acting(frozenset({second}))
        assert acting.role == second


# ---- a token that was checked a moment ago


def test_a_token_is_not_checked_again_for_a_moment(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    text, now = token("ops"), time.time()
    assert keys.remembered(text) is None, "nobody is believed without a check"
    caller = checked(keys, text)
    assert keys.remembered(text) == caller
    assert keys.remembered(other_claims(text)) is None and keys.remembered(cut(text)) is None
    monkeypatch.setattr(time, "time", lambda: now + REMEMBERED_FOR - 1)
    assert keys.remembered(text) == caller
    monkeypatch.setattr(time, "time", lambda: now + REMEMBERED_FOR + 1)
    assert keys.remembered(text) is None, "so that a withdrawn key is found"


def test_a_token_is_never_remembered_beyond_its_end(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time())
    text = token("ops", exp=now + 2)
    checked(keys, text)
    monkeypatch.setattr(time, "time", lambda: now + 2.0)
    assert keys.remembered(text) is None


def test_a_token_that_was_refused_is_not_remembered(keys: Keys) -> None:
    bad: list[Any] = [*BAD.values()]
    for make in bad:
        text = make()
        with pytest.raises(jwt.PyJWTError):
            checked(keys, text)
        assert keys.remembered(text) is None


def test_no_more_tokens_are_remembered_than_there_is_room_for(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "REMEMBERED", 3)
    for n in range(10):
        checked(keys, token("ops", sub=f"u-{n}"))
        assert len(keys._remembered) <= 3
