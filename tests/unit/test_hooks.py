"""Webhooks without a database: where they may be sent, what they are signed with, when again, and one attempt."""

import asyncio
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import textwrap
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndTimestamp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from deploy.local.home import ROOT
from services.chassis.hooks.address import Allowed
from services.chassis.hooks.delivering import Busy
from services.chassis.hooks.post import READ, Post
from services.chassis.hooks.rows import Hook
from services.chassis.hooks.schedule import Answer, Off, Schedule
from services.chassis.hooks.signing import NoKey, Sealer, new_secret, signed
from services.chassis.masking import MASK, words_of
from services.chassis.problems import Problematic
from services.chassis.settings import Settings
from services.chassis.topic_reader import TopicReader

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HERE: Final = Allowed((ip_network("127.0.0.0/8"),))
HOST: Final = "hooks.example.test"


# ---- when again


def schedule() -> Schedule:
    settings = Settings()
    return Schedule(settings.hook_pauses, settings.hook_jitter, timedelta(seconds=settings.hook_off_after))


def test_it_is_tried_again_after_the_pauses_of_standard_webhooks_and_then_given_up() -> None:
    pauses = [timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2)]
    pauses += [timedelta(hours=5), timedelta(hours=10), timedelta(hours=10)]
    down = Answer(503)
    for tries, pause in enumerate(pauses, 1):
        assert schedule().again_at(tries, down, NOW, lambda: 0.0) == NOW + pause
        latest = schedule().again_at(tries, down, NOW, lambda: 1.0)
        assert latest == NOW + 1.1 * pause, "never earlier, and not all at once"
    assert schedule().again_at(8, down, NOW, lambda: 0.0) is None


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    assert schedule().again_at(1, Answer(429, again_in=120), NOW, lambda: 0.0) == NOW + timedelta(minutes=2)
    assert schedule().again_at(2, Answer(429, again_in=1), NOW, lambda: 0.0) == NOW + timedelta(minutes=5)
    assert schedule().again_at(1, Answer(503, again_in=9e9), NOW, lambda: 0.0) == NOW + timedelta(hours=10)


def test_a_hook_is_switched_off_after_five_days_of_failure_or_when_it_is_gone() -> None:
    since = NOW - timedelta(hours=120)
    assert schedule().off(since, Answer(503), NOW) is Off.FAILING
    assert schedule().off(since + timedelta(seconds=1), Answer(503), NOW) is None
    assert schedule().off(NOW, Answer(410), NOW) is Off.GONE
    assert [Answer(code).good for code in (200, 204, 299, 301, 400, 500)] == [True] * 3 + [False] * 3


def hook(id_: str, failing: bool = False, owner: str | None = None) -> Hook:
    since = NOW if failing else None
    return Hook(id_, owner or id_, "u-1", f"https://{HOST}/{id_}", NOW, [], since, None)


def begun(busy: Busy, hooks: Sequence[Hook]) -> Counter[str]:
    """How many attempts begin where all of these have much to send, whose turn it is first."""
    found = Counter[str]()
    for one in busy.in_turn(hooks):
        for _ in range(busy.places(one)):
            busy.begin(one)
            found[one.id] += 1
    return found


def test_hooks_that_fail_leave_places_to_those_that_work() -> None:
    busy, dead = Busy(most=32, of_one=4), [hook(f"dead-{n}", failing=True) for n in range(40)]
    for one in dead:
        if busy.places(one):
            busy.begin(one)
            assert busy.places(one) == 0, "one attempt at a time"
    well = hook("well")
    assert [busy.places(one) for one in dead] == [0] * 40
    assert begun(busy, [well]) == {"well": 4}
    assert busy.places(well) == 0
    busy.end(dead[0])
    assert busy.places(dead[37]) == 1


def test_hooks_that_hang_and_are_not_known_to_fail_are_in_no_others_way_whatever_they_are_called() -> None:
    busy = Busy(most=32, of_one=4)
    assert begun(busy, [hook(f"a-{n}", owner="one") for n in range(10)]).total() == 8, "of one owner a quarter"
    others = begun(busy, [hook(f"{owner}-{n}", owner=owner) for owner in "bcdef" for n in range(10)])
    by_owner = Counter(id_[0] for id_ in others.elements())
    assert by_owner == {"b": 8, "c": 8, "d": 1, "e": 1, "f": 1}, "of the last quarter each has one"
    for late in (hook(f"z-{n}") for n in range(5)):
        assert busy.places(late) == 1
        busy.begin(late)
    assert busy.places(hook("one-too-many")) == 0


def test_of_one_owners_hooks_that_hang_leave_a_place_to_one_that_works() -> None:
    busy = Busy(most=32, of_one=4)
    begun(busy, [hook(f"a-{n}", owner="one") for n in range(2)])
    assert busy.places(hook("z", owner="one")) >= 1, "though it stands behind them"


def test_of_more_hooks_than_places_each_has_its_turn() -> None:
    busy, many = Busy(most=32, of_one=4), [hook(f"m-{n:02}", owner="one") for n in range(20)]
    seen = set[str]()
    for _ in range(20):
        began = begun(busy, many)
        seen |= began.keys()
        for id_ in began.elements():
            busy.end(hook(id_, owner="one"))
    assert len(seen) == 20


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=200), st.integers(1, 40))
def test_the_places_are_never_more_than_there_are_and_come_back(asked: list[tuple[int, int, bool]], most: int) -> None:
    busy, under_way = Busy(most=most, of_one=4), list[Hook]()
    for owner, number, ends in asked:
        one = hook(f"{owner}-{number}", owner=str(owner), failing=number == 3)
        if ends and under_way:
            busy.end(under_way.pop())
        elif busy.places(one):
            busy.begin(one)
            under_way.append(one)
        assert len(under_way) <= most
    for one in under_way:
        busy.end(one)
    assert busy.places(hook("fresh")) >= 1


# ---- signatures


@pytest.mark.parametrize("body", [b"{}", '{"title": "Запись к врачу"}'.encode()])
def test_the_public_library_takes_what_is_signed_with_either_of_two_secrets(body: bytes) -> None:
    new, old = new_secret(), new_secret()
    headers = signed([new, old], "msg_1", datetime.now(UTC), body)
    for secret in (new, old):
        Webhook(secret).verify(body, headers)
    for changed in (body + b" ", b""):
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(changed, headers)
    for name in ("webhook-id", "webhook-timestamp"):
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(body, {**headers, name: "1"})
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)


OPENSSL: Final = """
KEY=$(printf %s "${SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')
printf 'v1,'; { printf '%s.%s.' "$WEBHOOK_ID" "$WEBHOOK_TIMESTAMP"; cat body.json; } |
    openssl dgst -sha256 -mac HMAC -macopt hexkey:$KEY -binary | base64
"""


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
def test_the_documents_own_check_by_openssl_gives_the_signature(tmp_path: Path) -> None:
    page = "\n".join(line.strip() for line in (ROOT / "docs" / "webhooks.md").read_text().splitlines())
    assert all(line.strip() in page for line in OPENSSL.splitlines())
    secret, body = new_secret(), '{"title": "Запись к врачу"}'.encode()
    (tmp_path / "body.json").write_bytes(body)
    headers = signed([secret], "msg_1", NOW, body)
    env = {**os.environ, "SECRET": secret, "WEBHOOK_ID": "msg_1", "WEBHOOK_TIMESTAMP": headers["webhook-timestamp"]}
    done = subprocess.run(["sh", "-c", OPENSSL], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == headers["webhook-signature"]


def test_the_documents_own_receiver_takes_receipts_and_changes_and_nothing_unsigned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text()
    code, said, _ = page[page.index("    import http.server") :].partition("    http.server.ThreadingHTTPServer")
    assert said, "its last line starts it"
    names, secret = dict[str, Any](), new_secret()
    exec(textwrap.dedent(code), names)
    monkeypatch.setenv("SECRET", secret)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), names["Receiver"]) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def answered(data: dict[str, Any], by: str = secret) -> int:
            body = json.dumps({"type": "pilots.some.v1", "timestamp": "2026-03-02T09:00:00Z", "data": data}).encode()
            headers = signed([by], "msg_1", datetime.now(UTC), body)
            return httpx.post(f"http://127.0.0.1:{server.server_port}/", content=body, headers=headers).status_code

        receipt, change = {"outcome": "registered", "event_id": "a-1"}, {"subject": "p", "sequence": 2, "what": {}}
        assert [answered(receipt), answered(change), answered(receipt, new_secret())] == [204, 204, 400]
        server.shutdown()


def test_a_secret_is_kept_sealed_and_its_key_can_be_changed() -> None:
    old, new = "a-key-of-tests-that-is-long-enough", "another-key-of-tests-that-is-long"
    sealed, secret = Sealer(old).seal("whsec_x"), "whsec_x"
    assert secret not in sealed
    assert Sealer(f"{new}, {old}").open(sealed) == secret
    for keys in ("", "short", f"{new},short"):
        with pytest.raises(NoKey):
            Sealer(keys)
    with pytest.raises(NoKey):
        Sealer(new).open(sealed)


# ---- where to


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("https://hooks.example.test:8443/in?a=1", None),
        ("https://93.184.215.14/", None),
        ("http://hooks.example.test/", "webhook.https"),
        ("ftp://hooks.example.test/", "webhook.https"),
        ("http://127.0.0.1:9/", "webhook.private"),
        ("http://localhost:9/", "webhook.private"),
        ("https://127.0.0.1/", "webhook.private"),
        ("https://10.1.2.3/", "webhook.private"),
        ("https://172.16.0.1/", "webhook.private"),
        ("https://192.168.1.1/", "webhook.private"),
        ("https://169.254.169.254/latest", "webhook.private"),
        ("https://100.64.0.1/", "webhook.private"),
        ("https://0.0.0.0/", "webhook.private"),
        ("https://224.0.0.1/", "webhook.private"),
        ("https://[::1]/", "webhook.private"),
        ("https://[fc00::1]/", "webhook.private"),
        ("https://[fe80::1]/", "webhook.private"),
        ("https://[::ffff:10.0.0.1]/", "webhook.private"),
        ("https://[64:ff9b::a00:1]/", "webhook.private"),
        ("https://[2002:a00:1::]/", "webhook.private"),
        ("https://user:secret@hooks.example.test/", "webhook.address"),
        ("https://hooks.example.test/#x", "webhook.address"),
        ("https://hooks.example.test:0/", "webhook.address"),
        ("https://hooks.example.test:x/", "webhook.address"),
        ("https:///x", "webhook.address"),
        ("https://крючок.бел/", "webhook.address"),
        ("https://hooks.example.test/ a", "webhook.address"),
        ("hooks.example.test", "webhook.address"),
    ],
)
def test_hooks_are_registered_at_public_addresses_with_tls(address: str, rule: str | None) -> None:
    found = None
    try:
        Allowed().check(address)
    except Problematic as error:
        found = error.code
    assert found == rule


@pytest.mark.parametrize(
    "address",
    [
        *("0.1.2.3", "10.255.255.255", "100.127.255.255", "127.9.9.9", "169.254.1.1", "172.31.255.255", "192.0.0.1"),
        *("192.0.0.9", "192.0.0.170", "192.0.2.7", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.251", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::8.8.8.8", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:0:10.0.0.1", "::ffff:0:8.8.8.8"),
        *(
            "64:ff9b::10.0.0.1",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::10.0.0.1",
            "64:ff9b:1:ffff::1",
            "100::1",
            "100:0:0:1::1",
        ),
        *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1"),
        *("2002:a00:1::", "2002:808:808::1", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1", "fdff::1"),
        *("fe80::1", "fe80::1%eth0", "fec0::1", "feff::1", "ff02::1", "ff0e::1", "nonsense"),
    ],
)
def test_what_is_not_reachable_from_the_whole_internet_is_not_connected_to(address: str) -> None:
    assert not Allowed().connects(address, plain=False)


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "172.32.0.1", "192.0.1.1", "198.17.0.1"),
        *("198.20.0.1", "223.255.255.1", "::ffff:8.8.8.8", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111"),
        *("2a00:1450::1", "3ffe:ffff::1"),
    ],
)
def test_what_is_beside_it_is(address: str) -> None:
    assert Allowed().connects(address, plain=False) and not Allowed().connects(address, plain=True)


@pytest.mark.parametrize(
    ("network", "address"),
    [("fec0::/10", "fec0::1"), ("64:ff9b::/96", "64:ff9b::10.0.0.1"), ("10.20.0.0/16", "::ffff:10.20.0.1")],
)
def test_a_network_that_is_named_is_connected_to_whatever_it_is(network: str, address: str) -> None:
    assert Allowed((ip_network(network),)).connects(address, plain=False)
    assert not Allowed((ip_network("10.0.0.0/8"),)).connects("64:ff9b::10.20.0.1", plain=False)


def test_the_settings_allow_networks_and_this_machine_without_tls() -> None:
    HERE.check("http://127.0.0.1:9000/in")
    HERE.check("http://localhost:9000/in")
    Allowed((ip_network("10.20.0.0/16"),)).check("https://10.20.1.1/")
    for address in ("http://10.20.1.1/", "https://10.21.0.1/"):
        with pytest.raises(Problematic):
            Allowed((ip_network("10.20.0.0/16"),)).check(address)


# ---- one attempt


@asynccontextmanager
async def receiver(answer: bytes, *, trust: ssl.SSLContext | None = None, hold: bool = False) -> AsyncIterator[Any]:
    """A server on this machine that answers whatever it is sent so; `heard` is what came."""
    heard = list[bytes]()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            heard.append(head)
            if hold:
                await reader.read()  # until the other side has had enough
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0, ssl=trust)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def posted(
    address: str, allowed: Allowed = HERE, trust: ssl.SSLContext | None = None, within: float = 20
) -> Answer:
    post = Post(allowed, within, at_once=8, trust=trust)
    try:
        return await post.send(address, {"webhook-id": "msg_1"}, b"{}")
    finally:
        await post.close()


def said(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


async def test_a_status_is_told_with_the_first_of_the_answer_masked_and_no_redirect_is_followed() -> None:
    async with receiver(said("204 No Content")) as (port, heard):
        assert await posted(f"http://127.0.0.1:{port}/in?a=1") == Answer(204)
        assert heard[0].startswith(b"POST /in?a=1 HTTP/1.1\r\n") and b"webhook-id: msg_1" in heard[0]
    async with receiver(said("302 Found", f"Location: http://127.0.0.1:{port}/")) as (there, heard):
        answer = await posted(f"http://127.0.0.1:{there}/")
        assert (answer.status, answer.good, len(heard)) == (302, False, 1)
    body = "Bad Request: Иван, sidorova@example.test, error 17, no such field".encode()
    async with receiver(said("400 Bad Request", "Retry-After: 60", body=body)) as (port, _):
        answer = await posted(f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.again_in) == (400, 60)
    assert answer.text == f"Bad Request: {MASK}, {MASK}, error 17, no such field"


async def test_what_is_slow_endless_or_no_http_costs_bounded_time_and_memory() -> None:
    async with receiver(b"", hold=True) as (port, _):
        began = asyncio.get_running_loop().time()
        assert (await posted(f"http://127.0.0.1:{port}/", within=0.3)).why == "too-slow"
        assert asyncio.get_running_loop().time() - began < 20
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"a " * 2 * READ
    async with receiver(endless) as (port, _):
        answer = await posted(f"http://127.0.0.1:{port}/")
        assert answer.good and len(answer.text) <= 200
    async with receiver(b"220 smtp ready\r\n") as (port, _):
        assert (await posted(f"http://127.0.0.1:{port}/")).why == "no-http"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert (await posted(f"http://127.0.0.1:{closed.getsockname()[1]}/")).why == "not-reached"


def leads(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Has every name lead to these addresses."""

    def found(_host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


async def test_a_name_that_leads_into_a_private_network_by_the_time_of_sending_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Allowed().check(f"https://{HOST}/")
    for address in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"):
        leads(monkeypatch, address)
        assert (await posted(f"https://{HOST}/", Allowed())).why == "address-not-allowed"
    leads(monkeypatch, "10.20.0.1")
    in_house = Allowed((ip_network("10.20.0.0/16"),))
    assert (await posted("http://localhost/", in_house)).why == "address-not-allowed", "without TLS only this machine"


def certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of this name shows, and what its client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(datetime.now(UTC) - timedelta(days=1))
    made = made.not_valid_after(datetime.now(UTC) + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = serialization.Encoding.PEM
    path = folder / f"{host}.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


async def test_the_checked_address_is_connected_to_under_the_name_of_its_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, trusted = certificate(tmp_path, HOST)
    names = list[str | None]()
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    async with receiver(said("200 OK"), trust=server) as (port, heard):
        leads(monkeypatch, "10.0.0.1", "127.0.0.1")
        answer = await posted(f"https://{HOST}:{port}/in", trust=trusted)
        assert (answer.status, names) == (200, [HOST])
        assert f"Host: {HOST}:{port}".encode() in heard[0]
        assert (await posted(f"https://other.example.test:{port}/", trust=trusted)).why == "tls"
        assert (await posted(f"https://{HOST}:{port}/")).why == "tls", "nobody vouches for it"


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"", ""),
        (b"Internal Server Error", "Internal Server Error"),
        (b'{"error": "no such event", "code": 17}', '{"error": "no such event", "code": 17}'),
        ("принято".encode(), "принято"),
        ("Образцова Мария, +375 29 123-45-67".encode(), f"{MASK} {MASK}, {MASK} 29 {MASK}"),
        (b"mariya.obraztsova@example.test", MASK),
        (b"\xff\xfe\x00binary", f"{MASK} binary"),
        (b"a\r\nb\x1b[31mc", "a b [31mc"),
    ],
)
def test_of_a_strangers_answer_is_shown_what_tells_of_nobody(answer: bytes, shown: str) -> None:
    assert words_of(answer, 200) == shown


async def test_what_is_sent_while_it_is_asked_where_reading_begins_is_not_passed_over() -> None:
    here, sent = TopicPartition("t", 0), list[int]()

    class Kafka:
        """A partition that grows with every question about it."""

        def assignment(self) -> set[TopicPartition]:
            return {here}

        async def end_offsets(self, _asked: Any) -> dict[TopicPartition, int]:
            sent.append(len(sent))
            return {here: len(sent) - 1}

        async def offsets_for_times(self, _asked: Any) -> dict[TopicPartition, OffsetAndTimestamp | None]:
            sent.append(len(sent))
            return {here: OffsetAndTimestamp(0, 0) if len(sent) > 1 else None}

    reader = object.__new__(TopicReader)
    reader._consumer = Kafka()
    assert await reader.since(NOW) == {0: 0}
