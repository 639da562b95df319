"""Notices as e-mail: each once, also with two processes, crashes, servers that refuse. Real SMTP server and mongod."""

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contracts.event import wire_moment
from contracts.expertise import EXPERTISE
from contracts.rules import load
from deploy.local.home import ROOT
from services.chassis.readiness import NotReady
from services.chassis.store import PERSONS, Row, Store
from services.expertise.domain.state import LAST
from services.expertise.handlers import KIND_OF, NOTICES
from services.expertise.mail import queue, smtp
from services.expertise.mail.letter import WORDS, BadAddress, Called, address, letter, message_id
from services.expertise.mail.queue import Mailer, MailSettings
from services.expertise.mail.smtp import Misconfigured, ServerAway, server_of
from services.expertise.queries import INDEXES
from tests.conftest import Eventually

NOW = datetime.now(UTC)
SENDER = "lotsman@example.org"
PILOT = "7f841494-a5a7-5cad-89a9-dc08e49b30fa"
HIDDEN = "11111111-a5a7-5cad-89a9-dc08e49b30fa"
CALLED = Called("ПП-2026-000123", "Запись к врачу", "Europe/Minsk")
CASE = "Дело: ПП-2026-000123, «Запись к врачу»"


class Box:
    """What the mail server got, and what it answers: codes for a recipient, a hook when a letter is there."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.asked: list[str] = []
        self.to_recipient: dict[str, list[str]] = {}
        self.to_letter: list[str] = []
        self.secure: list[bool] = []
        self.then: Callable[[], None] = lambda: None

    async def handle_RCPT(self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        self.asked.append(address)
        if answers := self.to_recipient.get(address):
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        if self.to_letter:
            return self.to_letter.pop(0)
        self.raw.append(envelope.content)
        read = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        self.letters.append(read)
        self.secure.append(
            session.ssl is not None or cast(Any, server.transport).get_extra_info("sslcontext") is not None
        )
        self.then()
        return "250 OK"

    @property
    def to(self) -> list[str]:
        return [str(one["To"]) for one in self.letters]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def port(box: Box) -> Iterator[int]:
    """The port of a running mail server."""
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield controller.port
    controller.stop()


@pytest.fixture
async def own(store: Store) -> Store:
    """A store with the indexes of expertise, two cases, and persons with addresses."""
    await store.prepare(INDEXES)
    called = {"number": CALLED.number, "application": {"title": CALLED.title}, "operator": "x-1"}
    state = {"edition": "by-2024", "hidden_from": [], **called}
    await store.put("subjects", [{"_id": PILOT, "kind": "pilot", "state": state}])
    await store.put("subjects", [{"_id": HIDDEN, "kind": "pilot", "state": {**state, "hidden_from": ["x-1"]}}])
    people = [{"_id": f"x-{n}", "name": f"Эксперт {n}", "email": f"x{n}@example.org", "phone": None} for n in range(9)]
    await store.put(PERSONS, people)
    return store


def notice(n: int, person: str = "x-1", *, pilot: str = PILOT, age: float = 0.0, **more: Any) -> Row:
    return {
        "_id": f"fact-{n}:{person}",
        "person": person,
        "pilot": pilot,
        "kind": "due",
        "fact": "pilots.expertise.term-nearing.v1",
        "time": wire_moment(datetime.now(UTC) - timedelta(seconds=age)),
        "what": {"kind": "expertise", "due_at": "2026-04-16T21:00:00.000Z", "why": "тайна Пример"},
        "read": None,
        "mailed": None,
        **more,
    }


def settings(port: int, **more: Any) -> MailSettings:
    values = {"smtp_url": f"smtp://127.0.0.1:{port}", "smtp_from": SENDER, "mail_pauses": (60.0, 120.0), **more}
    return MailSettings(**values)


def mailer(store: Store, port: int, after: float = 0.0, **more: Any) -> Mailer:
    """A mailer whose clock is `after` seconds ahead."""
    clock = lambda: datetime.now(UTC) + timedelta(seconds=after)  # noqa: E731
    return Mailer(store, settings(port, **more), load(), clock)


async def marks(store: Store) -> dict[str, dict[str, Any]]:
    rows = await store.rows(NOTICES, {}, sort=[("_id", 1)], limit=1000)
    return {row["_id"]: row["mailed"] for row in rows}


async def states(store: Store) -> Counter[str]:
    return Counter(mark["state"] if mark else "new" for mark in (await marks(store)).values())


# ---- the letter


def test_a_letter_names_the_pilot_the_kind_and_the_last_day_in_both_languages_and_nothing_else() -> None:
    made = letter(notice(1, by="x-2"), "x1@example.org", SENDER, CALLED)
    assert made["Subject"] == "Приближается срок / A term is near"
    text = made.get_content()
    assert CASE in text and "Case: ПП-2026-000123, “Запись к врачу”" in text and PILOT not in text
    assert "Последний день срока: 2026-04-16 (Europe/Minsk)" in text, "it is due at the midnight after that day"
    assert "Last day of the term: 2026-04-16 (Europe/Minsk)" in text
    assert "тайна" not in made.as_string() + text and "x-" not in text
    assert made["Auto-Submitted"] == "auto-generated"


def test_a_letter_without_a_term_says_nothing_of_one() -> None:
    text = letter(notice(1, what={}), "x1@example.org", SENDER, CALLED).get_content()
    assert "Последний день" not in text and "Last day" not in text
    assert CASE in text


def test_the_same_notice_makes_the_same_bytes() -> None:
    first, second = (letter(notice(1), "x1@example.org", SENDER, CALLED).as_bytes() for _ in range(2))
    assert first == second
    assert letter(notice(1), "x1@example.org", SENDER, CALLED)["Message-ID"] == message_id("fact-1:x-1", SENDER)
    assert message_id("fact-1:x-1", SENDER) != message_id("fact-1:x-2", SENDER)


def test_every_kind_of_notice_has_words() -> None:
    telling = [one.TYPE.split(".")[2] for one in EXPERTISE.classes.values() if "notify" in one.model_fields]
    assert len(telling) > 15
    assert {KIND_OF.get(noun, noun) for noun in telling} == WORDS.keys()


@pytest.mark.parametrize(
    "text",
    ["", "x", "x@", "@example.org", "x@example.org\nBcc: y@example.org", "A <a@b.c>", "a b", "a@[b", "a@[1.2.3.4"],
)
def test_what_is_no_address_is_no_address(text: str) -> None:
    with pytest.raises(BadAddress, match="no e-mail address$"):
        address(text)


def test_an_address_of_a_server_is_read_with_its_login() -> None:
    one = server_of("smtp://us%40er:p%2Fw@mail.example.org")
    assert (one.host, one.port, one.tls, one.user, one.password) == ("mail.example.org", 587, False, "us@er", "p/w")
    assert server_of("smtps://mail.example.org").port == 465
    assert "p/w" not in repr(one)


@pytest.mark.parametrize("url", ["mail.example.org", "http://h", "smtp://", "smtp://h:x", "smtp://u:hidden@h:99999"])
def test_a_wrong_address_of_a_server_is_said_without_its_password(url: str) -> None:
    with pytest.raises(Misconfigured, match="LOTSMAN_SMTP_URL must be") as caught:
        server_of(url)
    assert "hidden" not in str(caught.value)


# ---- sending


async def test_each_notice_is_sent_once_and_marked(own: Store, box: Box, port: int) -> None:
    await own.put(NOTICES, [notice(n, f"x-{n}") for n in range(5)])
    one = mailer(own, port)
    assert await one.turn() == 5
    assert sorted(box.to) == [f"x{n}@example.org" for n in range(5)]
    assert await states(own) == {"sent": 5}
    assert await one.turn() == 0
    assert len(box.letters) == 5


async def test_who_has_the_case_in_hand_reads_by_name_who_acted_and_nobody_else_does(
    own: Store, box: Box, port: int
) -> None:
    people = {"e-1": "Пробный Иван Примерович", "op-2": "Образцова Мария Примеровна"}
    await own.put(PERSONS, [{"_id": id_, "name": name} for id_, name in people.items()])
    told: dict[str, Any] = {"kind": "expert-declined", "what": {"expert_id": "e-1"}, "by": "e-1"}
    rows = [notice(1, "x-1", **told), notice(2, "x-2", **told)]
    rows += [notice(3, "x-1", **{**told, "kind": "conflict-found", "by": "op-2"}), notice(4, "x-1", by="gone")]
    await own.put(NOTICES, rows)
    await mailer(own, port).turn()
    texts = {str(one["Message-ID"]): one.get_content() for one in box.letters}
    said = [texts[message_id(row["_id"], SENDER)] for row in rows]
    assert all(CASE in text for text in said)
    assert "Кто действовал: Пробный Иван Примерович" in said[0] and "Эксперт:" not in said[0]
    assert "Кто действовал: Образцова Мария" in said[2] and "Эксперт: Пробный Иван Примерович" in said[2]
    assert [any(name in text for name in people.values()) for text in said] == [True, False, True, False]


async def test_what_cannot_or_must_not_be_sent_is_marked_with_the_reason(own: Store, box: Box, port: int) -> None:
    await own.put(
        PERSONS, [{"_id": "no-mail", "name": "Н", "email": None}, {"_id": "bad", "name": "П", "email": "bad"}]
    )
    rows = [notice(1, "nobody"), notice(2, "no-mail"), notice(3, "bad"), notice(4, "x-1", pilot=HIDDEN)]
    await own.put(NOTICES, [*rows, notice(5, "x-2", pilot=HIDDEN), notice(6, "x-2", pilot="gone")])
    await mailer(own, port).turn()
    found = {key.split(":")[0]: (one["state"], one["why"]) for key, one in (await marks(own)).items()}
    assert found == {
        "fact-1": ("skipped", "no-address"),
        "fact-2": ("skipped", "no-address"),
        "fact-3": ("failed", "not-an-address"),
        "fact-4": ("skipped", "hidden"),
        "fact-5": ("sent", None),
        "fact-6": ("skipped", "hidden"),
    }
    assert box.to == ["x2@example.org"]


async def test_nothing_connects_for_notices_that_are_skipped(own: Store) -> None:
    await own.put(NOTICES, [notice(1, "nobody")])
    await mailer(own, free_port()).turn()
    assert await states(own) == {"skipped": 1}


async def test_old_notices_stay_unsent_when_mail_is_turned_on(own: Store, box: Box, port: int) -> None:
    await own.put(NOTICES, [notice(1, "x-1", age=7200), notice(2, "x-2", age=60)])
    await mailer(own, port, mail_age=3600).turn()
    assert box.to == ["x2@example.org"]
    assert await states(own) == {"sent": 1, "new": 1}


async def test_a_temporary_refusal_is_tried_again_after_growing_pauses(own: Store, box: Box, port: int) -> None:
    later = "451 4.7.1 <x1@example.org> come again"
    box.to_recipient["x1@example.org"] = [later, later]
    await own.put(NOTICES, [notice(1), notice(2, "x-2")])
    assert await mailer(own, port).turn() == 2
    assert box.to == ["x2@example.org"], "the others go on"
    mark = (await marks(own))["fact-1:x-1"]
    assert (mark["state"], mark["why"], mark["tries"]) == ("waiting", "451 4.7.1", 1)
    assert await mailer(own, port, after=50).turn() == 0, "its pause of 60 s is not over"
    assert await mailer(own, port, after=70).turn() == 1
    assert await mailer(own, port, after=140).turn() == 0, "the second pause is 120 s"
    assert await mailer(own, port, after=200).turn() == 1
    assert box.to == ["x2@example.org", "x1@example.org"]
    assert await states(own) == {"sent": 2}


async def test_a_letter_put_off_for_too_long_is_given_up(own: Store, box: Box, port: int) -> None:
    box.to_letter = ["451 4.3.0 later"] * 9
    await own.put(NOTICES, [notice(1)])
    await mailer(own, port, mail_age=600).turn()
    await mailer(own, port, after=900, mail_age=600).turn()
    mark = (await marks(own))["fact-1:x-1"]
    assert (mark["state"], mark["why"], mark["until"]) == ("failed", "given-up: 451 4.3.0", LAST)


@pytest.mark.parametrize("place", ["recipient", "letter"])
async def test_a_permanent_refusal_is_marked_and_not_tried_again(own: Store, box: Box, port: int, place: str) -> None:
    never = "550 5.1.1 <x1@example.org> is unknown here"
    if place == "recipient":
        box.to_recipient["x1@example.org"] = [never]
    else:
        box.to_letter = [never]
    await own.put(NOTICES, [notice(1), notice(2, "x-2", age=-1)])
    await mailer(own, port).turn()
    mark = (await marks(own))["fact-1:x-1"]
    assert (mark["state"], mark["why"]) == ("failed", "550 5.1.1"), "the server's words would repeat the address"
    assert box.to == ["x2@example.org"], "the others go on over the same connection"
    assert await mailer(own, port, after=10**6, mail_age=10**7).turn() == 0
    assert box.asked == ["x1@example.org", "x2@example.org"]


async def test_a_server_that_leaves_in_the_middle_is_tried_later_with_the_rest(own: Store, box: Box, port: int) -> None:
    box.to_recipient["x1@example.org"] = ["421 4.3.2 shutting down"]
    await own.put(NOTICES, [notice(1, age=5), notice(2, "x-2")])
    with pytest.raises(ServerAway, match="421 4.3.2"):
        await mailer(own, port).turn()
    assert await states(own) == {"waiting": 1, "new": 1}
    await mailer(own, port, after=100).turn()
    assert sorted(box.to) == ["x1@example.org", "x2@example.org"]


async def goes(one: Mailer, words: str) -> bool:
    """Whether the check of its readiness says this; nothing: that mail goes."""
    try:
        await one.goes()
    except NotReady as error:
        return bool(words) and str(error).startswith(words)
    return not words


async def test_a_server_that_is_away_is_told_of_and_waited_for(
    own: Store, box: Box, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own.put(NOTICES, [notice(1)])
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    with pytest.raises(ServerAway, match="ConnectionRefusedError"):
        await mailer(own, controller.port).turn()
    assert await states(own) == {"new": 1}, "nothing was taken"
    stopping = asyncio.Event()
    one = mailer(own, controller.port, mail_every=0.05)
    running = asyncio.create_task(one.run(stopping))
    try:
        await eventually(lambda: goes(one, "the mail server cannot be used: ConnectionRefusedError"))
        await asyncio.to_thread(controller.start)
        await eventually(lambda: box.to == ["x1@example.org"])
        await eventually(lambda: goes(one, ""))
        with monkeypatch.context() as patch:
            patch.setattr(queue, "LONGEST_TURN", -1.0)
            assert await goes(one, "the queue of mail has stood still for 0 s")
        stopping.set()
        await asyncio.wait_for(running, 10)
        assert await states(own) == {"sent": 1}
    finally:
        running.cancel()
        await asyncio.to_thread(controller.stop)


async def test_what_waits_is_found_by_an_index_among_many_that_are_done(own: Store, box: Box, port: int) -> None:
    done = {"state": "sent", "at": wire_moment(NOW), "why": None, "until": LAST}
    await own.put(NOTICES, [notice(n, mailed=done) for n in range(1000)])
    await own.put(NOTICES, [notice(2000), notice(2001, "x-2")])
    await own._db.command("profile", 2)
    assert await mailer(own, port).turn() == 2
    await own._db.command("profile", 0)
    finds = await own._db["system.profile"].find({"command.find": NOTICES}).to_list(None)
    assert len(finds) == 2
    assert all(one["docsExamined"] <= 2 and "IXSCAN" in one["planSummary"] for one in finds)


# ---- TLS and logins


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that signs itself, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, secret)
    return path, context


def let_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"lotsman", b"p/w"), handled=False)


def secured(box: Box, scheme: str, context: ssl.SSLContext) -> Controller:
    login: dict[str, Any] = {"authenticator": let_in, "auth_required": True}
    if scheme == "smtps":
        return Controller(
            box, hostname="127.0.0.1", port=free_port(), ssl_context=context, auth_require_tls=False, **login
        )
    return Controller(box, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True, **login)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_letters_go_over_tls_with_a_login(
    own: Store, box: Box, certificate: tuple[Path, ssl.SSLContext], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, context = certificate
    controller = secured(box, scheme, context)
    await asyncio.to_thread(controller.start)
    try:
        await own.put(NOTICES, [notice(1)])
        url = f"{scheme}://lotsman:p%2Fw@127.0.0.1:{controller.port}"
        with pytest.raises(ServerAway, match="SSLCertVerificationError"):
            await mailer(own, controller.port, smtp_url=url).turn()
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        with pytest.raises(ServerAway, match=r"SMTPAuthenticationError 535"):
            await mailer(own, controller.port, smtp_url=url.replace("p%2Fw", "wrong")).turn()
        assert await states(own) == {"new": 1}
        await mailer(own, controller.port, smtp_url=url).turn()
        assert box.to == ["x1@example.org"] and box.secure == [True]
    finally:
        await asyncio.to_thread(controller.stop)


async def test_a_password_does_not_leave_this_machine_without_tls(
    own: Store, box: Box, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "LOCAL", frozenset())
    await own.put(NOTICES, [notice(1)])
    with pytest.raises(ServerAway, match="it offers no TLS"):
        await mailer(own, port, smtp_url=f"smtp://lotsman:secret@127.0.0.1:{port}").turn()
    assert box.asked == []


# ---- processes


class Started:
    """Mail processes of a test, each stopped by its id."""

    def __init__(self, mongo_url: str, database: str, log: Path) -> None:
        self._env = {"LOTSMAN_MONGO_URL": mongo_url, "LOTSMAN_DATABASE": database, "LOTSMAN_SMTP_FROM": SENDER}
        self._log = log
        self.all: list[subprocess.Popen[bytes]] = []

    def one(self, port: int, **more: str) -> "subprocess.Popen[bytes]":
        own = {"LOTSMAN_SMTP_URL": f"smtp://127.0.0.1:{port}", "LOTSMAN_HTTP_PORT": str(free_port())}
        quick = {"LOTSMAN_MAIL_EVERY": "0.05"}
        with self._log.open("ab") as out:
            child = subprocess.Popen(
                [sys.executable, "-m", "services.expertise.mail"],
                cwd=ROOT,
                env={**os.environ, **self._env, **own, **quick, **more},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.all.append(child)
        return child

    def stop(self) -> list[int]:
        for child in self.all:
            child.terminate()
        return [child.wait(20) for child in self.all]


@pytest.fixture
def started(own: Store, mongo_url: str, tmp_path: Path) -> Iterator[Started]:
    processes = Started(mongo_url, own._db.name, tmp_path / "mail.log")
    yield processes
    for child in processes.all:
        child.kill()
        child.wait()


async def test_two_processes_at_once_send_each_notice_once(
    own: Store, box: Box, port: int, started: Started, eventually: Eventually
) -> None:
    for _ in range(2):
        started.one(port)
    for part in range(10):  # they come while both look
        await own.put(NOTICES, [notice(20 * part + n, f"x-{n % 9}") for n in range(20)])

    async def all_sent() -> bool:
        return await states(own) == {"sent": 200}

    await eventually(all_sent, within=60)
    assert len(box.letters) == 200
    assert len({one["Message-ID"] for one in box.letters}) == 200
    assert await asyncio.to_thread(started.stop) == [0, 0]


async def test_what_a_kill_leaves_between_sending_and_the_mark_goes_again_under_the_same_id(
    own: Store, box: Box, port: int, started: Started, eventually: Eventually
) -> None:
    await own.put(NOTICES, [notice(1)])
    first = started.one(port)
    box.then = lambda: os.kill(first.pid, signal.SIGKILL)
    assert await asyncio.to_thread(first.wait, 30) == -signal.SIGKILL
    assert await states(own) == {"taken": 1}
    assert await mailer(own, port).turn() == 0, "it is taken: nobody else sends it before the lease is over"
    box.then = lambda: None
    await own.mark(NOTICES, {"_id": "fact-1:x-1"}, {"mailed.until": wire_moment(NOW)})
    second = started.one(port)

    async def sent() -> bool:
        return await states(own) == {"sent": 1}

    await eventually(sent, within=30)
    assert len(box.raw) == 2 and box.raw[0] == box.raw[1], "the same letter under the same Message-ID"
    second.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(second.wait, 20) == 0


async def test_a_stop_finishes_the_letter_in_hand(own: Store, box: Box, port: int, started: Started) -> None:
    await own.put(NOTICES, [notice(n) for n in range(50)])
    one = started.one(port)
    box.then = lambda: os.kill(one.pid, signal.SIGTERM)
    assert await asyncio.to_thread(one.wait, 30) == 0
    found = await states(own)
    assert found["sent"] == len(box.letters) < 50
    assert found["sent"] + found["new"] == 50, "none is left taken"


def run(*, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    words: Sequence[str] = [sys.executable, "-m", "services.expertise.mail"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LOTSMAN_")}
    return subprocess.run(
        words, cwd=ROOT, env={**clean, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_a_server_mail_is_off_and_says_so() -> None:
    done = run(env={})
    assert (done.returncode, done.stdout, done.stderr) == (0, "Mail is off: LOTSMAN_SMTP_URL is not set.\n", "")


@pytest.mark.parametrize(("url", "sender"), [("http://u:hidden@h", SENDER), ("smtp://u:hidden@h", "")])
def test_a_faulty_setting_is_one_sentence(url: str, sender: str) -> None:
    done = run(env={"LOTSMAN_SMTP_URL": url, "LOTSMAN_SMTP_FROM": sender})
    assert done.returncode == 1
    assert done.stderr.startswith("LOTSMAN_SMTP_") and done.stderr.count("\n") == 1
    assert "hidden" not in done.stdout + done.stderr
