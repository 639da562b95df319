"""The HTTP sides of the services, and the keys of the provider of identity."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from contracts.topics import SERVICES
from services.chassis.auth import Keys
from tests.kit.sides import AUDIENCE, EC, ED, ISSUER, RSA, Side


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The identity provider's public keys, one of each kind, in a file."""
    public = (
        ("ec", ECAlgorithm.to_jwk(EC.public_key(), as_dict=True)),
        ("rsa", RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)),
        ("ed", OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True)),
    )
    path = Path(tmp_path_factory.mktemp("keys")) / "jwks.json"
    path.write_text(json.dumps({"keys": [{**key, "kid": kid, "use": "sig"} for kid, key in public]}), encoding="utf-8")
    return Keys(str(path), ISSUER, AUDIENCE)


@contextmanager
def side(service: str, keys: Keys) -> Iterator[Side]:
    made = Side(service, keys)
    yield made
    made.close()


@pytest.fixture
def intake(keys: Keys) -> Iterator[Side]:
    with side("intake", keys) as made:
        yield made


@pytest.fixture
def registry(keys: Keys) -> Iterator[Side]:
    with side("registry", keys) as made:
        yield made


@pytest.fixture
def expertise(keys: Keys) -> Iterator[Side]:
    with side("expertise", keys) as made:
        yield made


@pytest.fixture(scope="module")
def sides(keys: Keys) -> Iterator[Mapping[str, Side]]:
    """All of them, for tests that leave them as they were."""
    with ExitStack() as opened:
        yield {service: opened.enter_context(side(service, keys)) for service in SERVICES}
