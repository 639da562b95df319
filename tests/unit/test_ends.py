"""Tokens, keys and certificates are told of by the moment at which they end."""

import base64
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import REGISTRY
from pydantic import SecretStr

from contracts.rules import load
from services.chassis import certificates
from services.chassis.certificates import certificate_end, tls_places
from services.chassis.ends import tell_signing_keys
from services.chassis.settings import Settings
from services.intake.directory import Directory
from services.intake.domain.agency import Agency
from services.intake.domain.agency_keys import ApiKey
from tests.kit.sides import Side, asked, bearer
from tests.unit.test_agencies import entered

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ENDED = datetime(2025, 12, 31, 23, 59, 58, tzinfo=UTC)


def certificate(ends: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(ends - timedelta(days=90)).not_valid_after(ends)
    return made.sign(key, hashes.SHA256()), key


@pytest.fixture
def over_tls(tmp_path: Path) -> Iterator[int]:
    """The port of a server whose certificate has ended, and which nobody trusts."""
    shown, key = certificate(ENDED)
    pem, private = tmp_path / "shown.pem", tmp_path / "key.pem"
    pem.write_bytes(shown.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


async def test_a_certificate_that_has_ended_is_looked_at_and_one_that_cannot_be_is_looked_at_again(
    over_tls: int,
) -> None:
    assert await certificate_end("127.0.0.1", over_tls) == ENDED
    assert await certificates._looked_at("kafka", [("127.0.0.1", over_tls)])
    assert REGISTRY.get_sample_value("lotsman_certificate_ends_timestamp_seconds", {"of": "kafka"}) == ENDED.timestamp()
    assert not await certificates._looked_at("mongo", [("127.0.0.1", 1)])


def test_who_is_asked_over_tls_is_known_by_what_is_set() -> None:
    plain = Settings(jwks="/identity/jwks.json")
    assert tls_places(plain) == {"kafka": [], "mongo": [], "keys": []}
    over_tls = Settings(
        kafka_url="one:9093, two:9094",
        kafka_tls=True,
        mongo_url=SecretStr("mongodb://u:p@m1,m2:27018/?tls=true"),
        jwks="https://id.example/realms/x",
    )
    assert tls_places(over_tls) == {
        "kafka": [("one", 9093), ("two", 9094)],
        "mongo": [("m1", 27017), ("m2", 27018)],
        "keys": [("id.example", 443)],
    }


def test_keys_that_come_with_a_certificate_are_told_of_by_the_first_that_ends() -> None:
    def key(ends: datetime | None) -> dict[str, Any]:
        der = certificate(ends)[0].public_bytes(serialization.Encoding.DER) if ends else b"no certificate"
        return {"kid": "k", "x5c": [base64.b64encode(der).decode()]}

    def told() -> float | None:
        return REGISTRY.get_sample_value("lotsman_certificate_ends_timestamp_seconds", {"of": "signing-keys"})

    tell_signing_keys([{"kid": "bare"}, key(NOW + timedelta(days=9)), key(NOW), key(None), {"x5c": [7]}, {"x5c": "x"}])
    assert told() == NOW.timestamp()
    tell_signing_keys([{"kid": "bare"}])
    assert told() is None


async def test_an_agencys_key_ends_where_no_other_takes_its_place() -> None:
    def key(id_: str, **more: Any) -> ApiKey:
        return ApiKey(id=id_, label="x", scopes=("events",), digest=id_, issued=NOW, issued_by="u-1", **more)

    def entry(**more: Any) -> Agency:
        return entered().model_copy(update=more)

    soon, later = NOW + timedelta(days=2), NOW + timedelta(days=9)
    entries = [
        entry(code="ending", keys=(key("a", until=later), key("b", until=soon), key("c"))),
        entry(code="rotated", keys=(key("a", until=soon), key("b", replaces="a"))),
        entry(code="withdrawn", keys=(key("a", until=soon), key("b", replaces="a", revoked=NOW))),
        entry(code="over", keys=(key("a", until=NOW), key("b", until=soon, revoked=NOW), key("c"))),
        entry(code="cut-off", keys=(key("a", until=soon),), disabled=NOW),
    ]

    async def entries_now() -> list[Agency]:
        return entries

    known = Directory(entries_now, lambda: NOW, load())
    assert known.ends() == {}, "nothing is known yet"
    await known.entry("ending")
    assert known.ends() == {"ending": soon, "withdrawn": soon}


def test_the_token_of_prometheus_is_told_of_and_that_of_a_person_is_not(registry: Side) -> None:
    def told() -> float:
        return REGISTRY.get_sample_value("lotsman_token_ends_timestamp_seconds") or 0

    before = told()
    asked(registry.app, "get", "/metrics", headers=bearer("ops"))
    assert told() == before
    asked(registry.app, "get", "/metrics", headers={**bearer("ops"), "User-Agent": "Prometheus/3.5.0"})
    assert told() > max(before, datetime.now(UTC).timestamp())
