"""MongoDB and Kafka for one stack: started together, topics and rules made, or an address used as given.

with Backends(tmp_path) as backends:
    backends.mongo_url, backends.kafka.bootstrap, backends.service_env("intake")
"""

import os
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException
from pymongo.errors import PyMongoError

from contracts.topics import DESK, INTAKE
from deploy import access, provisioning, quotas, topics
from deploy.complaint import Complaint, Interrupted
from deploy.local import databases, jars, keys, secrets, tools
from deploy.local.home import directory, need_space
from deploy.local.kafka import Kafka
from deploy.local.mongod import Mongod
from deploy.local.noida import WARNING, Noida
from deploy.local.ports import Ports, need_free
from deploy.login import Login
from deploy.progress import Say, silent

SPACE_MB: Final = 500
BROKER: Final = "LOTSMAN_BROKER"
"""The variable that asks for noida-db where Apache Kafka could be had: who began with it may go on with it."""


class Backends:
    """The two back ends of one stack. `mongod` and `broker` are None when an address was given."""

    def __init__(
        self,
        folder: Path,
        ports: Ports | None = None,
        *,
        say: Say = silent,
        require_kafka: bool = True,
        stopping: Event | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.ports = ports or Ports.free()
        self._say = say
        self._require_kafka = require_kafka
        self._stopping = stopping or Event()
        self.mongod: Mongod | None = None
        self.broker: Kafka | Noida | None = None
        self._passwords: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts both side by side, then makes topics and rules. Stops what it started if one fails."""
        self._need_ports()
        need_space(directory(self.folder), SPACE_MB, "the data of MongoDB and Kafka")
        self._passwords = secrets.load(self.folder)
        pool = ThreadPoolExecutor(2)
        try:
            self._await([pool.submit(self._start_mongo), pool.submit(self._start_kafka)])
            self._prepare_kafka()
        except BaseException:
            tools.interrupt()
            self.stop()
            pool.shutdown()
            self.stop()  # again: a thread may have got one step further meanwhile
            raise
        finally:
            pool.shutdown()

    def join(self, *, mongod: bool, broker: str | None) -> None:
        """Takes part in back ends that another process started in this folder and on these ports.

        `mongod` and `broker` (its kind) say which of them it started; the others are where the environment says.
        """
        self._passwords = secrets.load(self.folder)
        kafka, controller = self.ports["kafka"], self.ports["controller"]
        if mongod:
            self.mongod = Mongod(self.folder, self.ports["mongod"], self._passwords, self._say)
        if broker == Kafka.kind:
            self.broker = Kafka(self.folder, kafka, controller, self._passwords, self._say)
        elif broker == Noida.kind:
            self.broker = Noida(self.folder, kafka, self._say)

    def stop(self) -> None:
        """Stops what was started here, side by side; the data stays."""
        with ThreadPoolExecutor(2) as pool:
            for part in (self.broker, self.mongod):
                if part:
                    pool.submit(part.stop)

    @property
    def mongo_url(self) -> str:
        """The address of MongoDB with the login of its administrator."""
        return self.mongod.url() if self.mongod else os.environ["LOTSMAN_MONGO_URL"]

    @property
    def kafka(self) -> Login:
        """How the administrator reaches Kafka."""
        return self.kafka_as("admin")

    def kafka_as(self, user: str) -> Login:
        """How `admin` or a service reaches Kafka."""
        if self.broker:
            return self.broker.login(user)
        env = os.environ
        return Login(
            env["LOTSMAN_KAFKA_URL"],
            env.get("LOTSMAN_KAFKA_USERNAME"),
            env.get("LOTSMAN_KAFKA_PASSWORD"),
        )

    def mongo_as(self, service: str) -> str:
        """The address of MongoDB with the login of a service, which sees its own database alone."""
        return self.mongod.url(service) if self.mongod else os.environ["LOTSMAN_MONGO_URL"]

    def follower_env(self) -> dict[str, str]:
        """The environment of the follower: intake's database, and the administrator's login at Kafka."""
        return self.service_env(INTAKE, self.kafka)

    def service_env(self, service: str, login: Login | None = None) -> dict[str, str]:
        """The environment of a service as far as back ends and tokens go; at Kafka it logs in as itself, unless it is
        given another login."""
        login = login or self.kafka_as(service)
        env = {
            "LOTSMAN_KAFKA_URL": login.bootstrap,
            "LOTSMAN_MONGO_URL": self.mongo_as(service),
            "LOTSMAN_DATABASE": databases.current(self.folder, service),
            "LOTSMAN_HOOK_KEY": secrets.load(self.folder)["hooks"],
            "LOTSMAN_HOOK_NETWORKS": '["127.0.0.0/8", "::1/128"]',  # receivers of who tries it are here, too
            "LOTSMAN_PUBLIC_UNCOUNTED": '["127.0.0.0/8"]',  # the desk of this machine counts its own readers
            **keys.service_env(self.folder),
        }
        if login.username and login.password:
            env["LOTSMAN_KAFKA_USERNAME"] = login.username
            env["LOTSMAN_KAFKA_PASSWORD"] = login.password
        return env

    def desk_env(self) -> dict[str, str]:
        """The environment of the desk, as far as its database and tokens go."""
        return {
            "LOTSMAN_MONGO_URL": self.mongo_as(DESK),
            "LOTSMAN_DATABASE": databases.current(self.folder, DESK),
            **keys.service_env(self.folder),
        }

    def notes(self) -> dict[str, str]:
        """Which database and which broker are in use, in words."""
        return {
            "database": self.mongod.note if self.mongod else "as LOTSMAN_MONGO_URL says",
            "broker": self.broker.note if self.broker else "as LOTSMAN_KAFKA_URL says",
        }

    def _need_ports(self) -> None:
        """Looked at before anything starts, so that a taken port costs no time."""
        if not os.environ.get("LOTSMAN_MONGO_URL"):
            need_free(self.ports["mongod"], "MongoDB")
        if not os.environ.get("LOTSMAN_KAFKA_URL"):
            need_free(self.ports["kafka"], "Kafka")
            need_free(self.ports["controller"], "Kafka's controller")

    def _await(self, starting: list[Future[None]]) -> None:
        while True:
            done, pending = wait(starting, timeout=0.05, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            if not pending:
                return
            if self._stopping.is_set():
                raise Interrupted

    def _start_mongo(self) -> None:
        if os.environ.get("LOTSMAN_MONGO_URL"):
            return
        self.mongod = Mongod(self.folder, self.ports["mongod"], self._passwords, self._say)
        self.mongod.start()

    def _start_kafka(self) -> None:
        if os.environ.get("LOTSMAN_KAFKA_URL"):
            return
        ports = self.ports["kafka"], self.ports["controller"]
        kafka = Kafka(self.folder, *ports, self._passwords, self._say)
        noida = Noida(self.folder, self.ports["kafka"], self._say)
        if self._goes_on_with(noida, kafka):
            self.broker = noida
            self.broker.start()
            return
        self.broker = kafka
        try:
            self.broker.start()
        except jars.NoMaven as error:
            self._need_nothing_of(kafka, error)
            self._say(WARNING)
            self.broker = noida
            self.broker.start()

    def _goes_on_with(self, noida: Noida, kafka: Kafka) -> bool:
        """Whether noida-db was asked for. Raises Complaint where it holds what Kafka would begin without: MongoDB's
        data knows facts that an empty broker does not."""
        if os.environ.get(BROKER) == Noida.kind:
            if self._require_kafka or kafka.has_data:
                raise Complaint(f"{BROKER} asks for noida-db, but Apache Kafka is required, or has its data here.")
            self._say(WARNING)
            return True
        if noida.has_data and not kafka.has_data:
            raise Complaint(
                f"This system has worked with noida-db, and Apache Kafka would begin empty beside it. Go on as before "
                f"with {BROKER}={Noida.kind}; or begin anew with Apache Kafka: remove {self.folder / 'data'}, "
                "or choose another LOTSMAN_HOME."
            )
        return False

    def _need_nothing_of(self, kafka: Kafka, error: jars.NoMaven) -> None:
        """Raises Complaint unless another broker may take Kafka's place."""
        if self._require_kafka:
            raise Complaint(f"Apache Kafka is required: {error}") from error
        if kafka.has_data:
            raise Complaint(
                f"This system has worked with Apache Kafka, which cannot be had now: {error} noida-db would begin "
                f"empty in its place. Have Maven back on PATH, or remove {self.folder / 'data'} to begin anew."
            ) from error

    def _prepare_kafka(self) -> None:
        try:
            admin = self.kafka.admin()
            topics.ensure(admin)
            topics.ensure(admin, topics.of_agencies(admin))
            if isinstance(self.broker, Kafka):
                access.allow(admin, access.service_rules())
                quotas.ensure(self.kafka)
            entries = provisioning.stored(self.mongo_url, databases.current(self.folder, INTAKE))
            for refused in provisioning.follow_each(self.kafka, entries):
                self._say(f"{refused} The others are followed; docs/runbooks/kafka-does-not-follow.md says what to do.")
        except PyMongoError as error:
            raise Complaint(f"MongoDB does not tell the directory of agencies: {type(error).__name__}") from error
        except KafkaException as error:
            raise Complaint(f"Kafka refused its topics or rules: {error.args[0].str()}") from error
