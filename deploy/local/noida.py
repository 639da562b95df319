"""noida-db speaks Kafka's protocol in one small binary: for a first look on a machine without Maven."""

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException

from deploy.complaint import Complaint
from deploy.local.home import directory
from deploy.local.packages import install
from deploy.local.ports import need_free
from deploy.local.process import Process
from deploy.login import Login
from deploy.progress import Say

WARNING: Final = (
    "Maven is missing, so noida-db stands in for Apache Kafka, for a first look only: a killed group member is "
    "never evicted, an acknowledged record can be lost for up to 2 s, fetch limits are ignored, any login is accepted."
)
GRACE: Final = 10.0


class Noida:
    """One noida-db with its data under `folder`. No users, no access rules."""

    kind = "noida-db"

    def __init__(self, folder: Path, port: int, say: Say) -> None:
        self.port = port
        self.note = "noida-db, in place of Apache Kafka"
        self._folder = folder
        self._data = folder / "data" / "noida"
        self._say = say
        self.process: Process | None = None

    def start(self) -> None:
        """Starts it and returns when it answers. Raises Complaint."""
        need_free(self.port, "the broker")
        if self.process is None:
            install("noida", self._say, "noida-db")
            words = ["start", "--data-dir", str(directory(self._data)), "--only", "kafka"]
            command = [_binary(), *words, "--kafka-port", str(self.port)]
            self.process = Process("kafka", "noida-db", command, self._folder)
        self.process.start()
        self._await_answer()

    def stop(self) -> None:
        """A clean stop; the data stays."""
        if self.process:
            self.process.stop(GRACE)

    def kill(self) -> None:
        """kill -9."""
        if self.process:
            self.process.kill()

    @property
    def has_data(self) -> bool:
        """Whether it has worked in this folder before."""
        return self._data.is_dir() and any(self._data.iterdir())

    def login(self, user: str = "admin") -> Login:
        """Everybody reaches it alike."""
        return Login(f"127.0.0.1:{self.port}")

    def _await_answer(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 20
        while True:
            self.process.need_running()
            try:
                self.login().admin().list_topics(timeout=0.5)
                return
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise Complaint("noida-db does not answer after 20 s.") from error
            time.sleep(0.02)


def _binary() -> str:
    """The program itself: the command of the same name is a wrapper that would outlive its own stop."""
    spec = find_spec("noida_db")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "noida-db"
        if path.is_file():
            return str(path)
    raise Complaint("The installed noida-db holds no program for this machine.")
