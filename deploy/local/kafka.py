"""Apache Kafka itself on this machine: one node that is broker and controller (KRaft), with logins and rules.

Clients and the broker itself log in with SCRAM-SHA-512. The controller's listener cannot use SCRAM, because those
credentials live in the very log that the controller serves; it takes PLAIN with one random password from the
private configuration file, on the loopback address. So no connection at all is anonymous.

It works in the folder of the stack, and every path that it is told is one below it, in ASCII: its settings are read as
Latin-1, its data directories as a list between commas, its jars as one between colons.
"""

import base64
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException

from contracts.topics import FACT_MAX_BYTES
from deploy import access
from deploy.complaint import Complaint
from deploy.local import jars, java, tools
from deploy.local.home import directory, write_private
from deploy.local.ports import need_free
from deploy.local.process import Process
from deploy.local.secrets import scram_credential
from deploy.login import MECHANISM, Login
from deploy.progress import Say

GRACE: Final = 20.0
READY_WITHIN: Final = 60.0
FAST_START: Final = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
DIES_WHOLE: Final = "-XX:+ExitOnOutOfMemoryError"
"""A broker that ran out of memory lives on without some of its threads, and takes nothing: it ends, to be started
anew."""
LOG4J: Final = Path(__file__).with_name("log4j2.properties")
DATA: Final = "data/kafka"
JARS: Final = "jars"
"""Within the folder: the data, and a link to the jars."""
SETTINGS: Final = "kafka.properties"
JAAS: Final = "org.apache.kafka.common.security"


def cluster_id(random: bytes) -> str:
    """A cluster's id from 16 random bytes, as Kafka writes one: base64 for URLs without padding.

    The first bit is cleared: an id that begins with a dash is an option to Kafka's own tools.
    """
    return base64.urlsafe_b64encode(bytes([random[0] & 0x7F]) + random[1:]).decode().rstrip("=")


class Kafka:
    """One Kafka node with its data under `folder`; users: admin and those of `access.USERS`."""

    kind = "kafka"

    def __init__(self, folder: Path, port: int, controller_port: int, passwords: dict[str, str], say: Say) -> None:
        self.port = port
        self._controller_port = controller_port
        self.note = f"Apache Kafka {jars.version()}"
        self._folder = folder
        self._data = folder / DATA
        self._formatted = self._data / "formatted"
        self._passwords = passwords
        self._say = say
        self.process: Process | None = None

    def start(self) -> None:
        """Starts it and returns when it answers. Raises Complaint, and NoMaven if it cannot be had."""
        need_free(self.port, "Kafka")
        need_free(self._controller_port, "Kafka's controller")
        if self.process is None:
            self.process = self._make()
        self.process.start()
        self._await_answer()
        self._make_users()

    def stop(self) -> None:
        """A clean stop; the data stays."""
        if self.process:
            self.process.stop(GRACE)

    def kill(self) -> None:
        """kill -9; the data stays."""
        if self.process:
            self.process.kill()

    @property
    def has_data(self) -> bool:
        """Whether it has worked in this folder before."""
        return self._formatted.exists()

    def login(self, user: str = "admin") -> Login:
        """How `admin` or one of `access.USERS` reaches it."""
        return Login(f"127.0.0.1:{self.port}", user, self._passwords[f"kafka-{user}"])

    def _make(self) -> Process:
        runtime = java.find(self._say)
        _link(directory(self._folder) / JARS, jars.fetch(self._say, runtime))
        logging = f"-Dlog4j2.configurationFile={LOG4J.name}"
        write_private(self._folder / LOG4J.name, LOG4J.read_text())
        write_private(self._folder / SETTINGS, "".join(f"{key}={value}\n" for key, value in self._settings()))
        command = [runtime, *FAST_START, DIES_WHOLE, logging, "-cp", f"{JARS}/*"]
        self._format(command)
        return Process(
            "kafka", "Kafka", [*command, "kafka.Kafka", SETTINGS], self._folder, java.environment(), self._folder
        )

    def _settings(self) -> list[tuple[str, str]]:
        secret = self._passwords["kafka-controller"]
        admin = self._passwords["kafka-admin"]
        broker = f"SASL_PLAINTEXT://127.0.0.1:{self.port}"
        controller = f"127.0.0.1:{self._controller_port}"
        return [
            ("process.roles", "broker,controller"),
            ("node.id", "1"),
            ("controller.quorum.voters", f"1@{controller}"),
            ("listeners", f"{broker},CONTROLLER://{controller}"),
            ("advertised.listeners", broker),
            (
                "listener.security.protocol.map",
                "SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
            ),
            ("controller.listener.names", "CONTROLLER"),
            ("inter.broker.listener.name", "SASL_PLAINTEXT"),
            ("sasl.enabled.mechanisms", MECHANISM),
            ("sasl.mechanism.inter.broker.protocol", MECHANISM),
            ("sasl.mechanism.controller.protocol", "PLAIN"),
            ("listener.name.controller.sasl.enabled.mechanisms", "PLAIN"),
            (
                "listener.name.controller.plain.sasl.jaas.config",
                f'{JAAS}.plain.PlainLoginModule required username="controller" '
                f'password="{secret}" user_controller="{secret}";',
            ),
            (
                "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config",
                f'{JAAS}.scram.ScramLoginModule required username="admin" password="{admin}";',
            ),
            ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
            ("allow.everyone.if.no.acl.found", "false"),
            ("super.users", "User:admin;User:controller"),
            ("log.dirs", DATA),
            ("auto.create.topics.enable", "false"),
            ("default.replication.factor", "1"),
            ("min.insync.replicas", "1"),
            ("offsets.topic.num.partitions", "8"),
            ("offsets.topic.replication.factor", "1"),
            ("transaction.state.log.num.partitions", "1"),
            ("transaction.state.log.replication.factor", "1"),
            ("transaction.state.log.min.isr", "1"),
            ("share.coordinator.state.topic.replication.factor", "1"),
            ("share.coordinator.state.topic.min.isr", "1"),
            # Nobody sends more at once than the largest fact for each partition; all that waits is bounded, too.
            ("socket.request.max.bytes", str(16 * FACT_MAX_BYTES)),
            ("queued.max.request.bytes", str(32 * FACT_MAX_BYTES)),
            # After kill -9 the broker may come back only when its old session is over (9 s by default).
            ("broker.session.timeout.ms", "2000"),
            ("broker.heartbeat.interval.ms", "400"),
            # The controller's log need not be written to twice a second where nothing happens.
            ("metadata.max.idle.interval.ms", "10000"),
            # One machine: nobody to wait for, and tests want a dead member noticed soon.
            ("group.initial.rebalance.delay.ms", "0"),
            ("group.min.session.timeout.ms", "1000"),
        ]

    def _format(self, command: list[str]) -> None:
        """Makes the log directory with the administrator in it. Begun anew if an earlier try broke off."""
        if self.has_data:
            return
        shutil.rmtree(self._data, ignore_errors=True)
        directory(self._data.parent)
        cluster = cluster_id(secrets.token_bytes(16))
        words = [*command, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", SETTINGS]
        words += ["--add-scram", scram_credential("admin", self._passwords["kafka-admin"])]
        done = tools.run(words, java.environment(), self._folder)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise Complaint(f"Kafka's data directory could not be made: {lines[-1][:300]}")
        self._formatted.touch()

    def _make_users(self) -> None:
        """All users the first time, and later those whom the data of an older version does not know yet."""
        passwords = {user: self._passwords[f"kafka-{user}"] for user in access.USERS}
        try:
            access.make_users(self.login().admin(), passwords)
        except KafkaException as error:
            raise Complaint(f"Kafka refused its users: {error.args[0].str()}") from error

    def _await_answer(self) -> None:
        assert self.process is not None
        admin = self.login().admin()
        deadline = time.monotonic() + READY_WITHIN
        while True:
            self.process.need_running()
            try:
                if admin.list_topics(timeout=0.5).brokers:
                    return
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise Complaint(
                        f"Kafka does not answer after {READY_WITHIN:.0f} s: {error.args[0].str()}"
                    ) from error
            time.sleep(0.02)


def _link(link: Path, target: Path) -> None:
    """A link that leads there, whatever it led to before."""
    if not link.is_symlink() or link.readlink() != target:
        half = link.with_name(f"{link.name}.{os.getpid()}.new")
        half.unlink(missing_ok=True)
        half.symlink_to(target)
        half.replace(link)
